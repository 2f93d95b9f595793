//! The contract suite: what every implementor of [`SessionStore`] has to do, as tests.
//!
//! An implementor says how to make an empty store and how to move its clock, and gets a test for
//! each behaviour:
//!
//! ```
//! use std::time::Duration;
//! use session_store::contract::Harness;
//! use session_store::{Config, ManualClock, MemoryStore};
//!
//! struct Memory(ManualClock);
//!
//! impl Harness for Memory {
//!     type Store = MemoryStore;
//!
//!     async fn store(&self, config: Config) -> MemoryStore {
//!         let clock = self.0.clone();
//!         MemoryStore::with_clock(config, move || clock.now()).expect("a sound configuration")
//!     }
//!
//!     async fn advance(&self, by: Duration) {
//!         self.0.advance(by);
//!     }
//! }
//!
//! session_store::contract_tests!(Memory(ManualClock::new()));
//! ```
//!
//! Each behaviour is a function, too, for whoever runs tests in another way. It panics where the
//! store behaves otherwise.

mod authenticating;
mod cancelling;
mod creating;
mod credentials;
mod devices;
mod expiry;
mod limits;
mod listing;
mod racing;
mod rates;
mod remembering;
mod revoking;
mod rotating;
mod support;
mod telling;
mod touching;
mod updating;

use std::future::Future;
use std::time::Duration;

use crate::{Config, SessionStore};

/// How the suite comes by stores, and by time. Each behaviour is given a harness of its own.
pub trait Harness: Send + Sync {
    /// What is tested.
    type Store: SessionStore;

    /// Makes a store without a session, apart from all others that were made.
    fn store(&self, config: Config) -> impl Future<Output = Self::Store> + Send;

    /// Moves the clock of all stores of this harness. It stands still otherwise: expiries are
    /// tested to the millisecond.
    fn advance(&self, by: Duration) -> impl Future<Output = ()> + Send;
}

/// Exports every behaviour, and makes `contract_tests!` from the same list; a behaviour that is
/// missing here is reported as unreachable.
macro_rules! behaviours {
    ($dollar:tt $($module:ident: $($behaviour:ident),+;)+) => {
        $(pub use $module::{$($behaviour),+};)+

        /// Instantiates the [contract suite](crate::contract): a test for each behaviour, each
        /// with a [harness](crate::contract::Harness) that the expression makes (it may await).
        ///
        /// Takes tokio with its features `macros` and `rt-multi-thread`.
        #[macro_export]
        macro_rules! contract_tests {
            ($dollar harness:expr) => {
                $($(
                    #[::tokio::test(flavor = "multi_thread")]
                    async fn $behaviour() {
                        $crate::contract::$behaviour(&$dollar harness).await;
                    }
                )+)+
            };
        }
    };
}

behaviours! { $
    authenticating:
        a_token_and_an_id_lead_to_the_session,
        a_token_goes_through_its_text,
        an_id_with_another_secret_authenticates_nobody,
        a_tampered_token_authenticates_nobody,
        a_token_of_another_store_authenticates_nobody,
        an_unknown_id_is_nothing,
        every_session_has_its_own_token,
        a_pepper_is_not_noticed,
        a_store_that_serves_says_so;
    creating:
        a_session_keeps_what_it_was_created_with,
        a_field_that_is_not_said_stays_so,
        a_field_may_be_as_long_as_its_limit,
        a_field_that_is_too_long_is_named,
        an_update_that_is_too_long_is_named,
        data_may_be_any_bytes_up_to_the_bound,
        data_may_be_as_large_as_any_configuration_allows,
        a_user_id_keeps_its_type_and_is_one_user,
        user_ids_of_any_shape_are_kept_apart;
    credentials:
        a_credential_has_the_session_that_is_created_for_it,
        a_credential_has_one_session,
        a_credential_whose_session_ended_is_over,
        a_credential_of_a_session_that_is_kept_stays_good,
        a_session_ends_with_its_single_credential,
        an_idle_timeout_ends_a_credential,
        a_session_follows_the_newest_of_its_series,
        a_series_stays_over,
        the_longest_of_a_series_is_remembered,
        of_two_issued_at_once_the_longer_counts,
        credentials_are_kept_apart,
        a_claim_that_is_too_long_is_named,
        no_credential_brings_a_session_back,
        the_newest_credential_has_the_last_word;
    devices:
        a_login_from_the_same_device_replaces,
        a_device_is_one_users,
        without_a_fingerprint_nothing_is_replaced,
        a_device_is_new_once,
        a_session_says_whether_its_device_was_new,
        a_device_is_forgotten_after_its_retention,
        an_expired_sessions_device_is_remembered_from_its_expiry,
        activity_keeps_a_device_known,
        only_so_many_past_devices_are_remembered,
        devices_in_use_need_no_room,
        a_device_that_comes_back_needs_no_room;
    limits:
        the_oldest_makes_room,
        the_least_recently_active_makes_room,
        one_too_many_is_refused,
        a_login_from_the_same_device_needs_no_room,
        a_session_that_ended_makes_room,
        an_expired_session_is_not_evicted,
        a_limit_of_one_leaves_the_newest,
        the_limit_is_each_users_own;
    expiry:
        a_session_ends_after_its_absolute_timeout,
        a_session_ends_after_its_idle_timeout,
        activity_lasts_until_the_absolute_timeout,
        a_touch_in_the_last_millisecond_counts,
        a_session_can_have_its_own_absolute_timeout,
        an_expired_session_can_do_nothing;
    touching:
        a_validate_marks_active_once_in_the_interval,
        a_touch_marks_active_at_once,
        looking_is_no_activity,
        activity_is_dated_without_an_idle_timeout;
    updating:
        an_update_changes_what_it_says,
        an_update_of_what_is_out_of_date_conflicts,
        activity_is_no_conflict,
        an_update_of_what_has_ended_is_nothing,
        an_update_to_a_device_replaces_its_session,
        an_update_to_a_device_leaves_the_one_before,
        an_update_can_give_a_device,
        the_device_before_is_remembered_from_the_update,
        an_update_to_a_device_forgets_one_too_many;
    rotating:
        a_rotation_changes_the_token_alone,
        a_token_that_was_rotated_away_is_powerless,
        a_rotation_lasts_until_the_absolute_timeout,
        a_rotated_session_is_revoked_by_its_id,
        a_rotated_session_is_replaced_by_its_device;
    revoking:
        a_revoked_session_is_gone_at_once,
        a_revoke_answers_what_it_ended,
        revoking_the_others_keeps_one,
        a_revoked_session_revokes_no_others,
        revoking_all_ends_all,
        revoking_all_of_an_unknown_user_is_nothing,
        revoking_all_leaves_out_what_has_expired,
        revoking_all_of_many_misses_none,
        revoking_many_others_misses_none;
    listing:
        an_unknown_user_has_no_sessions,
        sessions_are_listed_newest_first,
        two_hundred_sessions_are_paged_newest_first,
        many_sessions_are_paged_by_expiry,
        what_fits_a_page_is_newest_first,
        ties_are_paged_too,
        a_limit_out_of_range_is_the_nearest,
        a_cursor_goes_through_its_text,
        paging_misses_none_that_stays,
        paging_misses_none_when_the_order_changes,
        paging_goes_on_newest_first,
        ended_sessions_follow_the_live_ones,
        a_page_full_of_live_sessions_leads_to_the_ended,
        a_page_that_is_just_full_is_the_last,
        ended_ties_are_paged_too;
    rates:
        so_many_are_admitted_and_no_more,
        each_subject_is_counted_apart,
        a_rate_holds_under_concurrency;
    remembering:
        the_history_tells_why_a_session_ended,
        the_history_keeps_what_the_session_was,
        the_history_keeps_the_last_to_end,
        the_history_orders_by_the_moment_of_expiry,
        the_history_is_kept_for_its_retention,
        the_history_begins_with_the_expiry,
        without_a_history_nothing_is_kept,
        the_history_is_each_users_own,
        a_user_is_known_for_the_longest_retention,
        activity_keeps_a_user_known;
    telling:
        every_change_is_told_in_order,
        what_changes_nothing_is_not_told,
        each_session_that_ends_in_bulk_is_told,
        an_expiry_is_told,
        a_device_that_an_update_takes_over_is_told,
        an_activity_from_another_address_is_told,
        a_mapped_address_is_the_same_address,
        the_first_address_is_no_change,
        an_address_within_the_interval_is_not_looked_at,
        each_stream_tells_from_when_it_began,
        an_event_names_the_user_as_the_session_does;
    racing:
        the_limit_holds_under_concurrent_creates,
        as_many_creates_succeed_as_there_is_room,
        a_device_has_one_session_under_concurrent_creates,
        nothing_brings_a_revoked_session_back,
        one_of_concurrent_updates_wins,
        one_of_concurrent_rotations_wins,
        a_session_is_ended_once,
        revoking_all_misses_none_under_concurrent_creates,
        of_two_that_end_the_others_one_stays,
        a_device_has_one_session_whoever_comes_to_it,
        users_do_not_disturb_each_other;
    cancelling:
        a_future_that_is_not_polled_does_nothing,
        calls_that_are_cut_off_leave_the_store_consistent;
}
