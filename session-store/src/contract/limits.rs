//! How many sessions a user may have.

use super::Harness;
use super::support::*;
use crate::{EndReason, Error, LimitPolicy, NewSession, RevokeReason, SessionStore};

const POLICIES: [LimitPolicy; 3] = [
    LimitPolicy::EvictOldest,
    LimitPolicy::EvictLeastRecentlyActive,
    LimitPolicy::Reject,
];

/// The session that was created first goes, however active it is.
pub async fn the_oldest_makes_room<H: Harness>(harness: &H) {
    let store = harness.store(limited(3, LimitPolicy::EvictOldest)).await;
    let first = logins(harness, &store, [plain(), plain(), plain()]).await;
    for login in [1, 2, 0] {
        harness.advance(ms(1)).await;
        assert!(touch(&store, first[login].session.id).await.is_some());
    }
    for old in &first {
        harness.advance(ms(1)).await;
        let new = login(&store, plain()).await;
        assert_eq!(ended_ids(&new.ended), [old.session.id]);
        assert_eq!(new.ended[0].reason, EndReason::Evicted);
        assert_eq!(new.ended[0].ended_at, new.session.created_at);
        assert_gone(&store, &user(), &old.token).await;
        assert_eq!(count(&store, &user()).await, 3);
    }
}

/// The session whose last activity is longest ago goes, however new it is.
pub async fn the_least_recently_active_makes_room<H: Harness>(harness: &H) {
    let config = limited(3, LimitPolicy::EvictLeastRecentlyActive);
    let store = harness.store(config).await;
    let first = logins(harness, &store, [plain(), plain(), plain()]).await;
    for login in [2, 0] {
        harness.advance(ms(1)).await;
        assert!(touch(&store, first[login].session.id).await.is_some());
    }
    for old in [1, 2, 0] {
        harness.advance(ms(1)).await;
        let new = login(&store, plain()).await;
        assert_eq!(ended_ids(&new.ended), [first[old].session.id]);
        assert_eq!(new.ended[0].reason, EndReason::Evicted);
        assert_gone(&store, &user(), &first[old].token).await;
        assert_eq!(count(&store, &user()).await, 3);
    }
}

/// Where the policy is to reject, a create too many changes nothing at all.
pub async fn one_too_many_is_refused<H: Harness>(harness: &H) {
    let store = harness.store(limited(2, LimitPolicy::Reject)).await;
    let both = logins(harness, &store, [plain(), device("a")]).await;
    let before = listed(&store, &user()).await;
    for new in [plain(), device("b")] {
        let refused = store.create(new).await;
        assert!(matches!(refused, Err(Error::LimitReached { max: 2 })));
    }
    assert_eq!(listed(&store, &user()).await, before);
    assert!(ended(&store, &user()).await.is_empty());
    for login in &both {
        assert_alive(&store, &login.token).await;
    }
    // The device was refused, so the user hasn't used it yet.
    let revoked = store.revoke(both[0].session.id, RevokeReason::Logout).await;
    assert!(revoked.expect("revoke").is_some());
    assert_eq!(login(&store, device("b")).await.new_device, Some(true));
}

/// A login that replaces its own device's session evicts nobody and is never refused.
pub async fn a_login_from_the_same_device_needs_no_room<H: Harness>(harness: &H) {
    for policy in POLICIES {
        let store = harness.store(limited(2, policy)).await;
        let both = logins(harness, &store, ["a", "b"].map(device)).await;
        harness.advance(ms(1)).await;
        let again = login(&store, device("b")).await;
        assert_eq!(ended_ids(&again.ended), [both[1].session.id]);
        assert_eq!(again.ended[0].reason, EndReason::Replaced);
        assert_alive(&store, &both[0].token).await;
        assert_eq!(count(&store, &user()).await, 2);
    }
}

/// Room is made by whatever ends a session.
pub async fn a_session_that_ended_makes_room<H: Harness>(harness: &H) {
    let store = harness.store(limited(2, LimitPolicy::Reject)).await;
    let mut short = plain();
    short.absolute_timeout = Some(seconds(10));
    let both = [login(&store, short).await, login(&store, plain()).await];
    harness.advance(seconds(10)).await;
    let refused = store.create(plain()).await;
    assert!(matches!(refused, Err(Error::LimitReached { .. })));
    harness.advance(ms(1)).await;
    let third = login(&store, plain()).await;
    assert!(third.ended.is_empty());

    let revoked = store
        .revoke_token(&both[1].token, RevokeReason::Logout)
        .await;
    assert!(revoked.expect("revoke_token").is_some());
    login(&store, plain()).await;
    let refused = store.create(plain()).await;
    assert!(matches!(refused, Err(Error::LimitReached { .. })));
}

/// An expired session takes no room, so nobody is evicted for it.
pub async fn an_expired_session_is_not_evicted<H: Harness>(harness: &H) {
    let store = harness.store(limited(2, LimitPolicy::EvictOldest)).await;
    let stays = login(&store, plain()).await;
    harness.advance(ms(1)).await;
    let mut short = plain();
    short.absolute_timeout = Some(seconds(10));
    login(&store, short).await;
    harness.advance(seconds(11)).await;
    assert!(login(&store, plain()).await.ended.is_empty());
    assert_alive(&store, &stays.token).await;
}

/// A limit of one is "log in here, and you are logged out there".
pub async fn a_limit_of_one_leaves_the_newest<H: Harness>(harness: &H) {
    for policy in [
        LimitPolicy::EvictOldest,
        LimitPolicy::EvictLeastRecentlyActive,
    ] {
        let store = harness.store(limited(1, policy)).await;
        let all = logins(harness, &store, [plain(), device("a"), device("b")]).await;
        let tokens = all.iter().map(|login| &login.token);
        let left = assert_consistent(&store, &user(), tokens).await;
        assert_eq!(left, distinct([all[2].session.id]));
    }
}

/// Each user has a limit of his own.
pub async fn the_limit_is_each_users_own<H: Harness>(harness: &H) {
    let store = harness.store(limited(1, LimitPolicy::Reject)).await;
    let mine = login(&store, plain()).await;
    let others = login(&store, NewSession::new(other_user())).await;
    assert_alive(&store, &mine.token).await;
    assert_alive(&store, &others.token).await;
}
