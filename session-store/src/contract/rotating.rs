//! A new token for a session.

use super::Harness;
use super::support::*;
use crate::{Config, RevokeReason, Rotated, SessionStore, Token};

async fn rotate(store: &impl SessionStore, token: &Token) -> Rotated {
    let rotated = store.rotate(token).await.expect("rotate");
    rotated.expect("the session is alive")
}

/// The new token authenticates at once; the old one never again. The session stays what it is.
pub async fn a_rotation_changes_the_token_alone<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    let login = login(&store, device("a")).await;
    harness.advance(seconds(10)).await;
    let rotated = rotate(&store, &login.token).await;

    let mut expected = login.session;
    expected.last_activity = expected.created_at.saturating_add(seconds(10));
    expected.expires_at = expected.last_activity.saturating_add(seconds(3600));
    assert_eq!(rotated.session, expected);
    assert_eq!(rotated.token.id(), login.token.id());
    assert_ne!(rotated.token.expose(), login.token.expose());
    assert_eq!(peek(&store, &rotated.token).await.as_ref(), Some(&expected));
    assert_eq!(listed(&store, &user()).await, [expected]);
    assert_eq!(peek(&store, &login.token).await, None);
    assert_eq!(validate(&store, &login.token).await, None);
}

/// A token that was rotated away neither rotates nor ends anything.
pub async fn a_token_that_was_rotated_away_is_powerless<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let first = login(&store, plain()).await.token;
    let second = rotate(&store, &first).await.token;
    let third = rotate(&store, &second).await.token;
    for old in [&first, &second] {
        assert_eq!(peek(&store, old).await, None);
        assert!(store.rotate(old).await.expect("rotate").is_none());
        let revoked = store.revoke_token(old, RevokeReason::Logout).await;
        assert_eq!(revoked.expect("revoke_token"), None);
    }
    assert_alive(&store, &third).await;
    assert!(ended(&store, &user()).await.is_empty());
}

/// A rotation doesn't put the absolute expiry off.
pub async fn a_rotation_lasts_until_the_absolute_timeout<H: Harness>(harness: &H) {
    let config = Config {
        absolute_timeout: seconds(5000),
        ..idle_hour()
    };
    let store = harness.store(config).await;
    let first = login(&store, plain()).await;
    harness.advance(seconds(3600)).await;
    let second = rotate(&store, &first.token).await;
    let absolute = first.session.created_at.saturating_add(seconds(5000));
    assert_eq!(second.session.expires_at, absolute);
    harness.advance(seconds(1400)).await;
    assert_alive(&store, &second.token).await;
    harness.advance(ms(1)).await;
    assert_gone(&store, &user(), &second.token).await;
}

/// Whoever ends a session by its id ends it whether or not it was rotated meanwhile.
pub async fn a_rotated_session_is_revoked_by_its_id<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let first = login(&store, plain()).await;
    let second = rotate(&store, &first.token).await;
    let revoked = store.revoke(first.session.id, RevokeReason::Revoked).await;
    assert!(revoked.expect("revoke").is_some());
    assert_gone(&store, &user(), &first.token).await;
    assert_gone(&store, &user(), &second.token).await;
}

/// The device rule finds a session that was rotated.
pub async fn a_rotated_session_is_replaced_by_its_device<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let first = login(&store, device("a")).await;
    let second = rotate(&store, &first.token).await;
    let next = login(&store, device("a")).await;
    assert_eq!(ended_ids(&next.ended), [first.session.id]);
    assert_gone(&store, &user(), &second.token).await;
}
