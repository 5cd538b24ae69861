//! The contract, on PostgreSQL.

use crate::database::fresh;

dialplane_core::conformance_suite!(fresh);
