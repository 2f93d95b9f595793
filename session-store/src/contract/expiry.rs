//! When a session ends by itself.

use super::Harness;
use super::support::*;
use crate::{Config, EndReason, RevokeReason, SessionStore, Update};

/// A session authenticates in the very millisecond of its absolute expiry, and not in the next.
pub async fn a_session_ends_after_its_absolute_timeout<H: Harness>(harness: &H) {
    let config = Config {
        absolute_timeout: seconds(100),
        ..Config::default()
    };
    let store = harness.store(config).await;
    let login = login(&store, plain()).await;
    let session = login.session;
    assert_eq!(
        session.expires_at,
        session.created_at.saturating_add(seconds(100))
    );
    harness.advance(seconds(50)).await;
    assert!(touch(&store, session.id).await.is_some());
    harness.advance(seconds(50)).await;
    assert_alive(&store, &login.token).await;
    assert!(validate(&store, &login.token).await.is_some());
    assert_eq!(count(&store, &user()).await, 1);

    harness.advance(ms(1)).await;
    assert_eq!(count(&store, &user()).await, 0);
    assert_gone(&store, &user(), &login.token).await;
    let ended = ended(&store, &user()).await;
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].reason, EndReason::Expired);
    assert_eq!(ended[0].ended_at, session.expires_at);
}

/// A session without activity ends after its idle timeout, to the millisecond.
pub async fn a_session_ends_after_its_idle_timeout<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    let login = login(&store, plain()).await;
    let session = login.session;
    assert_eq!(
        session.expires_at,
        session.created_at.saturating_add(seconds(3600))
    );
    harness.advance(seconds(3600)).await;
    assert_alive(&store, &login.token).await;
    harness.advance(ms(1)).await;
    assert_gone(&store, &user(), &login.token).await;
    let ended = ended(&store, &user()).await;
    assert_eq!(ended[0].reason, EndReason::Expired);
    assert_eq!(ended[0].ended_at, session.expires_at);
}

/// Activity puts the idle expiry off, but never beyond the absolute one.
pub async fn activity_lasts_until_the_absolute_timeout<H: Harness>(harness: &H) {
    let config = Config {
        absolute_timeout: seconds(9000),
        ..idle_hour()
    };
    let store = harness.store(config).await;
    let login = login(&store, plain()).await;
    let created = login.session.created_at;
    for (after, expires) in [(3600, 7200), (3600, 9000), (1800, 9000)] {
        harness.advance(seconds(after)).await;
        let session = validate(&store, &login.token).await.expect("it is alive");
        assert_eq!(session.expires_at, created.saturating_add(seconds(expires)));
    }
    harness.advance(ms(1)).await;
    assert_gone(&store, &user(), &login.token).await;
    let ended = ended(&store, &user()).await;
    assert_eq!(ended[0].ended_at, created.saturating_add(seconds(9000)));
}

/// A touch in the last millisecond is in time.
pub async fn a_touch_in_the_last_millisecond_counts<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    let login = login(&store, plain()).await;
    for _ in 0..3 {
        harness.advance(seconds(3600)).await;
        assert!(validate(&store, &login.token).await.is_some());
    }
    harness.advance(seconds(3600) + ms(1)).await;
    assert_gone(&store, &user(), &login.token).await;
}

/// One session can be given another absolute timeout than the others, longer or shorter.
pub async fn a_session_can_have_its_own_absolute_timeout<H: Harness>(harness: &H) {
    let config = Config {
        absolute_timeout: seconds(100),
        ..Config::default()
    };
    let store = harness.store(config).await;
    let mut logins = Vec::new();
    for timeout in [None, Some(ms(1)), Some(seconds(200))] {
        let mut new = plain();
        new.absolute_timeout = timeout;
        let login = login(&store, new).await;
        let expected = login
            .session
            .created_at
            .saturating_add(timeout.unwrap_or(seconds(100)));
        assert_eq!(login.session.expires_at, expected);
        logins.push(login);
    }
    let tokens = || logins.iter().map(|login| &login.token);
    let [default, short, long] = [0, 1, 2].map(|i| logins[i].session.id);
    for (after, left) in [
        (ms(1), vec![default, short, long]),
        (ms(1), vec![default, long]),
        (seconds(99) + ms(998), vec![default, long]),
        (ms(1), vec![long]),
        (seconds(99) + ms(999), vec![long]),
        (ms(1), vec![]),
    ] {
        harness.advance(after).await;
        assert_eq!(
            assert_consistent(&store, &user(), tokens()).await,
            distinct(left)
        );
    }
}

/// Nothing can be done to, or by, a session that has expired.
pub async fn an_expired_session_can_do_nothing<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    let expired = login(&store, device("a")).await;
    harness.advance(seconds(1)).await;
    let alive = login(&store, device("b")).await;
    harness.advance(seconds(3599) + ms(1)).await;
    let id = expired.session.id;
    let reason = RevokeReason::Revoked;

    let others = store.revoke_others(id, reason).await;
    assert_eq!(others.expect("revoke_others"), None);
    let update = Update {
        fingerprint: Some("b".into()),
        ..Update::default()
    };
    let updated = store.update(&expired.session, update).await;
    assert!(updated.expect("update").is_none());
    assert_eq!(store.revoke(id, reason).await.expect("revoke"), None);
    let revoked = store.revoke_token(&expired.token, reason).await;
    assert_eq!(revoked.expect("revoke_token"), None);
    assert_gone(&store, &user(), &expired.token).await;
    assert_alive(&store, &alive.token).await;
    assert_eq!(ended(&store, &user()).await[0].reason, EndReason::Expired);
}
