//! The conformance suite: one case a promise of the [storage contract](super), for every backend alike.
//!
//! A backend runs it with one line, [`conformance_suite!`](crate::conformance_suite), in an integration test. It names an
//! async function that gives an empty store; whatever that store needs to be cleaned up hangs on its `Drop`. The function
//! is called once a case, and cases run beside each other. There is no list of cases to skip.
//!
//! ```
//! use dialplane_core::scope::Scope;
//! use dialplane_core::store::memory::MemoryStore;
//! use dialplane_core::store::{Access, Store, StoreError, Tx};
//!
//! /// A store of one's own. Here it borrows the one in memory, to be short.
//! struct MyStore(MemoryStore);
//!
//! #[async_trait::async_trait]
//! impl Store for MyStore {
//!     async fn begin(&self, scope: Scope, access: Access) -> Result<Box<dyn Tx + '_>, StoreError> {
//!         self.0.begin(scope, access).await
//!     }
//!     async fn ping(&self) -> Result<(), StoreError> {
//!         self.0.ping().await
//!     }
//! }
//!
//! async fn fresh() -> MyStore {
//!     MyStore(MemoryStore::new())
//! }
//!
//! dialplane_core::conformance_suite!(fresh);
//! # fn main() {}
//! ```
//!
//! The invoking crate needs the features `macros`, `rt-multi-thread` and `time` of `tokio`. A case that hangs fails after
//! [`PATIENCE`].

mod fixtures;

pub mod companies;
pub mod users;

use std::time::Duration;

/// How long a case may take. Far more than any needs: it only turns a deadlock into a failure.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The names of all cases, as `group::case`.
pub const CASES: &[&str] = crate::conformance_suite!(@cases names);

/// Makes a test of every case of the [conformance suite](crate::store::conformance) for one store.
///
/// Takes the path of an async function without arguments that gives an empty [`Store`](crate::store::Store).
#[macro_export]
macro_rules! conformance_suite {
    ($fresh:path) => {
        $crate::conformance_suite!(@cases tests $fresh);
    };
    (@cases $then:ident $($arguments:tt)*) => {
        $crate::conformance_suite! { @$then [$($arguments)*]
            companies {
                a_company_reads_back_as_it_was_written,
                an_id_is_taken_once,
                a_company_is_replaced_by_its_next_version_only,
            }
            users {
                a_user_reads_back_as_they_were_written,
                an_id_and_an_email_address_are_taken_once,
                a_user_is_replaced_by_their_next_version_only,
                a_changed_email_address_frees_the_old_one,
                a_deleted_user_takes_sessions_and_subordination_along,
                agents_are_listed_in_order_of_id,
                the_first_user_is_noticed,
            }
        }
    };
    (@names [] $($group:ident { $($case:ident,)* })*) => {
        &[$($(concat!(stringify!($group), "::", stringify!($case)),)*)*]
    };
    (@tests [$fresh:path] $($group:ident { $($case:ident,)* })*) => {$(
        mod $group {
            #[allow(unused_imports)]
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    let store = $fresh().await;
                    let case = $crate::store::conformance::$group::$case(&store);
                    tokio::time::timeout($crate::store::conformance::PATIENCE, case).await.expect("the case comes to an end");
                }
            )*
        }
    )*};
}
