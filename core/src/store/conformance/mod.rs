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

pub mod assignments;
pub mod callers;
pub mod calls;
pub mod companies;
pub mod extensions;
pub mod inbound_routes;
pub mod numbers;
pub mod queues;
pub mod sessions;
pub mod trunks;
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
            callers {
                a_record_reads_back_as_it_was_written,
                an_id_and_a_user_are_taken_once,
                users_with_a_record_are_listed_in_order_of_id,
                figures_are_set_and_days_add_up,
                figures_need_a_record,
                a_deleted_record_takes_its_figures_along,
            }
            sessions {
                a_session_reads_back_as_it_was_written,
                an_id_and_a_token_are_taken_once,
                an_exchanged_session_says_when,
                a_family_is_revoked_once,
                all_sessions_of_a_user_are_revoked,
                ended_families_are_cleared_away,
            }
            numbers {
                a_number_reads_back_as_it_was_written,
                an_id_and_a_number_are_taken_once,
                a_number_is_replaced_by_its_next_version_only,
                a_number_is_deleted_unless_it_is_assigned,
                taken_numbers_are_told_from_free_ones,
            }
            assignments {
                an_assignment_reads_back_as_it_was_written,
                an_id_and_a_number_are_assigned_once,
                new_settings_leave_the_count_alone,
                a_number_is_taken_back_once,
                a_use_is_counted_and_remembered,
                usage_is_told_by_day_number_and_agent,
                usage_ends_after_ten_thousand_rows,
                counts_are_reset_and_usage_stays,
            }
            extensions {
                an_extension_reads_back_as_it_was_written,
                an_extension_number_is_taken_once_in_its_company,
                a_new_secret_replaces_the_old_one,
                an_extension_is_deleted_once,
            }
            trunks {
                a_trunk_reads_back_as_it_was_written,
                a_trunk_name_is_taken_once_in_its_company,
                a_trunk_is_replaced_by_its_next_version_only,
                a_company_has_one_default_trunk,
                a_trunk_is_deleted_once,
            }
            inbound_routes {
                a_route_reads_back_as_it_was_written,
                a_number_is_routed_once,
                a_route_is_replaced_by_its_next_version_only,
                a_route_is_deleted_once,
            }
            queues {
                a_queue_reads_back_as_it_was_written,
                a_queue_name_is_taken_once_in_its_company,
                a_queue_is_replaced_by_its_next_version_only,
                a_queue_is_deleted_once,
            }
            calls {
                a_call_reads_back_as_it_was_written,
                a_slice_with_a_taken_id_is_refused_whole,
                a_call_is_replaced_by_its_next_version_only,
                open_calls_are_found_by_node,
                a_thousand_open_calls_come_at_once,
                a_timeline_comes_back_in_order,
                a_place_in_a_timeline_is_taken_once,
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
