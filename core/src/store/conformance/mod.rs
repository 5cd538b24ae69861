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
mod tenant;

pub mod agents;
pub mod assignments;
pub mod atomicity;
pub mod calendars;
pub mod callbacks;
pub mod callers;
pub mod calls;
pub mod carriers;
pub mod clients;
pub mod companies;
pub mod contention;
pub mod crowd;
pub mod dispositions;
pub mod errors;
pub mod extensions;
pub mod figures;
pub mod flows;
pub mod histories;
pub mod inbound_routes;
pub mod isolation;
pub mod jobs;
pub mod lead_figures;
pub mod lead_routing;
pub mod leads;
pub mod meta;
pub mod numbers;
pub mod offers;
pub mod outbox;
pub mod paging;
pub mod prompts;
pub mod queues;
pub mod reports;
pub mod requests;
pub mod search;
pub mod sessions;
pub mod time;
pub mod trunks;
pub mod twilio;
pub mod users;
pub mod voicemails;

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
                users_are_read_together,
            }
            callbacks {
                a_callback_reads_back_and_is_replaced_by_its_next_version_only,
                a_number_waits_once_in_a_queue,
                due_callbacks_come_in_the_order_of_their_places,
                callbacks_of_another_company_are_out_of_reach,
            }
            agents {
                an_agent_reads_back_and_is_replaced_by_the_next_version_only,
                all_agents_are_listed_and_go_with_their_user,
                agents_of_another_company_are_out_of_reach,
            }
            callers {
                a_record_reads_back_as_it_was_written,
                an_id_and_a_user_are_taken_once,
                users_with_a_record_are_listed_in_order_of_id,
                records_of_users_are_read_together,
                figures_are_set_as_they_are_given,
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
            flows {
                a_flow_reads_back_as_it_was_written,
                a_flow_name_is_taken_once_in_its_company,
                a_flow_is_replaced_by_its_next_version_only,
                a_draft_is_replaced_and_removed_and_leaves_the_flow_alone,
                versions_are_immutable_and_come_newest_first,
                the_versions_that_calls_run_through_are_found,
                a_deleted_flow_takes_its_draft_and_versions_along,
                another_companys_flows_are_absent_and_stay_as_they_are,
            }
            calendars {
                a_calendar_reads_back_as_it_was_written,
                a_calendar_name_is_taken_once_in_its_company,
                a_calendar_is_replaced_by_its_next_version_only,
                another_companys_calendars_are_absent_and_stay_as_they_are,
            }
            prompts {
                a_prompt_reads_back_as_it_was_written,
                a_prompt_name_is_taken_once_in_a_language_of_its_company,
                another_companys_prompts_are_absent,
            }
            voicemails {
                a_trace_is_kept_once_for_a_call,
                a_voicemail_reads_back_and_only_who_heard_it_changes,
                voicemails_are_narrowed_by_every_field,
                a_deleted_call_takes_its_trace_and_voicemails_along,
                another_companys_traces_and_voicemails_are_absent,
            }
            calls {
                a_call_reads_back_as_it_was_written,
                callers_of_a_queue_are_found_by_when_they_came,
                a_slice_with_a_taken_id_is_refused_whole,
                a_call_is_replaced_by_its_next_version_only,
                open_calls_are_found_by_node,
                a_thousand_open_calls_come_at_once,
                a_timeline_comes_back_in_order,
                a_place_in_a_timeline_is_taken_once,
                an_ended_call_is_deleted_with_its_timeline,
                the_span_of_an_agent_is_that_of_their_ended_calls,
            }
            offers {
                an_offer_reads_back_as_it_was_claimed,
                an_agent_is_claimed_for_as_many_calls_as_they_take,
                a_call_is_offered_to_many_and_given_to_one,
                a_call_is_claimed_while_it_goes_on_by_who_carries_it,
                offers_are_released_one_by_one_and_together,
                another_companys_offers_are_absent,
                offers_need_write_access,
                of_fifty_claims_at_once_an_agent_has_as_many_as_they_take,
                of_twenty_who_accept_at_once_one_has_the_call,
                a_call_that_ends_while_it_is_claimed_holds_nobody,
            }
            carriers {
                a_carrier_call_reads_back_and_is_replaced_by_its_next_version_only,
                a_call_and_a_name_at_a_service_are_taken_once,
                due_carrier_calls_and_recordings_come_in_order,
                a_recording_reads_back_and_is_replaced_by_its_next_version_only,
                a_deleted_call_takes_its_carrier_call_and_recordings_along,
                another_companys_carrier_calls_and_recordings_are_absent,
            }
            twilio {
                accounts_read_back_and_are_replaced_by_their_next_version_only,
                accounts_to_forget_come_in_order,
                another_companys_accounts_are_absent,
            }
            figures {
                sums_of_days_add_up_and_come_back,
                sums_are_told_by_day_and_by_agent,
                days_with_nothing_left_are_left_out,
                days_are_cleared_in_a_companys_scope,
                facts_of_ended_calls_come_in_order_of_their_beginning,
                a_held_time_zone_is_the_companys,
                sums_equal_a_recount_after_a_random_history,
            }
            requests {
                a_request_reads_back_as_it_was_taken,
                a_request_is_taken_once,
                an_undone_claim_leaves_the_request_free,
                one_of_many_executions_takes_effect,
                old_requests_are_cleared_away,
            }
            clients {
                a_client_reads_back_as_it_was_written,
                a_client_is_replaced_by_its_next_version_only,
                a_deleted_client_takes_its_notes_and_numbers_along,
                numbers_lead_to_their_clients,
                a_number_is_given_to_one_of_several_at_once,
                calls_of_its_numbers_become_a_clients,
                notes_are_a_history,
                clients_are_narrowed_by_every_field,
            }
            search {
                users_are_found_by_name_and_address,
                clients_are_found_by_everything_about_them,
                leads_are_found_by_everything_about_them,
                calls_are_found_by_people_numbers_and_notes,
                the_total_of_a_search_has_an_end,
            }
            leads {
                a_lead_reads_back_as_it_was_written,
                a_slice_with_a_taken_lead_is_refused_whole,
                a_lead_is_replaced_by_its_next_version_only,
                a_lead_is_deleted_once_with_its_notes,
                leads_are_narrowed_by_every_field,
                the_cursor_leads_through_all_leads,
                leads_with_the_same_contact_are_found,
                leads_are_read_by_their_ids,
                who_is_known_by_many_contacts_is_told_at_once,
                leads_to_route_are_found_in_the_order_they_are_due,
                leads_of_who_is_gone_are_found,
                the_next_look_of_the_routing_is_no_new_version,
                notes_come_newest_first,
                a_history_moves_to_another_lead,
                another_companys_leads_are_absent_and_stay_as_they_are,
                no_update_of_a_locked_lead_is_lost,
            }
            lead_routing {
                a_routing_reads_back_and_its_turn_stays,
                a_profile_reads_back_and_is_replaced_by_its_next_version_only,
                candidates_are_the_active_agents_as_they_stand,
                decisions_come_newest_first,
                another_companys_routing_is_absent_and_stays_as_it_is,
                turns_are_even_however_many_ask_at_once,
            }
            lead_figures {
                figures_add_up,
                figures_of_days_are_narrowed_and_in_order,
                figures_of_several_units_of_work_add_up,
                figures_are_the_companys_own,
                campaigns_add_up_and_are_the_companys_own,
                days_are_cleared_in_a_companys_scope,
                figures_equal_a_recount_after_a_random_history,
            }
            meta {
                a_connection_reads_back_as_it_was_written,
                a_page_is_one_companys,
                a_page_that_several_ask_for_is_ones,
                a_delivery_is_added_once,
                what_is_due_is_claimed_until_its_lease_ends,
                claims_of_deliveries_never_overlap,
                what_is_open_is_listed_and_woken,
                one_lead_is_made_of_many_deliveries,
                deliveries_need_write_access,
            }
            dispositions {
                dispositions_read_back_and_are_replaced,
                a_code_is_taken_once_in_its_company,
                another_companys_dispositions_are_absent,
            }
            jobs {
                a_job_reads_back_with_what_it_works_on,
                one_job_of_a_company_runs_at_a_time,
                a_job_is_taken_once,
                refused_items_come_in_their_order,
                jobs_are_narrowed_and_cleared_away,
                another_companys_jobs_are_absent,
            }
            reports {
                a_report_reads_back_and_is_replaced_by_its_next_version_only,
                a_period_is_reported_once,
                reports_are_narrowed_by_every_field_and_told_by_day,
                sums_of_periods_come_in_the_order_asked_for,
                another_companys_reports_are_absent_and_stay_as_they_are,
            }
            isolation {
                a_unit_of_work_knows_its_scope,
                lists_and_counts_hold_ones_own_rows,
                another_companys_rows_are_absent,
                filters_do_not_reach_other_companies,
                another_companys_people_cannot_be_changed,
                another_companys_lines_cannot_be_changed,
                rows_of_another_company_cannot_be_added,
                a_row_does_not_move_to_another_company,
                global_identities_are_taken_across_companies,
                ids_are_taken_across_companies,
            }
            atomicity {
                a_rolled_back_unit_of_work_leaves_nothing,
                a_dropped_unit_of_work_leaves_nothing,
                many_dropped_units_of_work_use_nothing_up,
                a_unit_of_work_sees_its_own_changes,
                nothing_is_visible_before_the_commit,
                a_reader_sees_one_state,
                several_reads_fit_each_other,
                an_empty_unit_of_work_is_no_change,
                an_abandoned_call_leaves_nothing_half_done,
            }
            contention {
                a_daily_limit_holds_under_parallel_calls,
                no_update_of_a_locked_row_is_lost,
                every_read_for_update_keeps_others_waiting,
                one_of_several_changes_of_a_version_wins,
                the_first_account_is_made_once,
                a_token_is_exchanged_once,
                an_identity_is_given_once,
                one_default_trunk_is_left_of_several,
                opposite_orders_of_locks_come_through,
                usage_of_several_agents_adds_up,
                sums_of_a_day_lose_nothing_under_parallel_calls,
                a_time_zone_that_is_held_does_not_change,
            }
            paging {
                pages_follow_each_other_newest_first,
                companies_are_paged_newest_first,
                beyond_the_end_there_is_nothing,
                a_page_is_as_long_as_asked_for,
                users_are_narrowed_by_every_field,
                numbers_are_narrowed_by_every_field,
                calls_are_narrowed_by_every_field,
                the_cursor_leads_through_all_calls,
            }
            outbox {
                an_event_reads_back_as_it_was_written,
                numbers_of_events_increase,
                missed_events_are_read_from_where_one_was,
                a_claim_holds_until_its_lease_ends,
                a_delivered_event_is_never_claimed_again,
                an_undone_claim_was_never_made,
                claims_of_several_never_overlap,
                a_follower_misses_nothing,
                the_head_is_the_newest_event_of_the_scope,
                events_live_and_die_with_their_unit_of_work,
                events_are_found_by_every_field_newest_first,
                old_events_are_cleared_away_once_delivered,
            }
            time {
                instants_are_kept_to_the_microsecond,
                instants_are_compared_to_the_microsecond,
                days_are_kept_as_they_are,
            }
            errors {
                a_store_that_works_answers_the_readiness_check,
                adding_needs_write_access,
                changing_needs_write_access,
                locking_needs_write_access,
                a_unit_of_work_goes_on_after_a_refusal,
                every_refused_insert_leaves_the_unit_of_work_usable,
                a_unit_of_work_is_rolled_back_after_a_refusal,
            }
            histories {
                random_histories_end_as_they_do_in_memory,
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
