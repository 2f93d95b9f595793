//! Ending sessions: one, the others, all.

use super::Harness;
use super::support::*;
use crate::{
    Config, Device, EndReason, NewSession, RevokeReason, RevokedAll, SessionStore, Update,
};

const REASONS: [RevokeReason; 2] = [RevokeReason::Logout, RevokeReason::Revoked];

/// More sessions than an implementor is likely to end in one step.
const MANY: usize = 1201;

/// After a revoke there is nothing left of the session but its history.
pub async fn a_revoked_session_is_gone_at_once<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    for reason in REASONS {
        let login = login(&store, device("a")).await;
        let id = login.session.id;
        assert!(store.revoke(id, reason).await.expect("revoke").is_some());
        assert_gone(&store, &user(), &login.token).await;
        assert_eq!(count(&store, &user()).await, 0);
        assert_eq!(store.revoke(id, reason).await.expect("revoke"), None);
        let again = store.revoke_token(&login.token, reason).await;
        assert_eq!(again.expect("revoke_token"), None);
        let updated = store.update(&login.session, Update::default()).await;
        assert!(updated.expect("update").is_none());
        let others = store.revoke_others(id, reason).await;
        assert_eq!(others.expect("revoke_others"), None);
        assert_gone(&store, &user(), &login.token).await;
    }
}

/// A revoke answers the session as it was, and the history says the same.
pub async fn a_revoke_answers_what_it_ended<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    for (by_token, reason) in [(false, REASONS[0]), (true, REASONS[1])] {
        let mut new = device("a");
        new.username = Some("Zoë".into());
        new.role = Some("admin".into());
        new.device = Device {
            name: Some("Chrome on Windows 10".into()),
            ..Device::default()
        };
        let login = login(&store, new).await;
        harness.advance(seconds(10)).await;
        let session = touch(&store, login.session.id).await.expect("it is alive");
        harness.advance(seconds(10)).await;
        let ended_at = session.last_activity.saturating_add(seconds(10));
        let answer = if by_token {
            store.revoke_token(&login.token, reason).await
        } else {
            store.revoke(session.id, reason).await
        };
        let answer = answer.expect("revoke").expect("it was alive");
        assert_eq!((answer.id, &answer.user_id), (session.id, &session.user_id));
        assert_eq!(answer.username, session.username);
        assert_eq!(answer.role, session.role);
        assert_eq!(answer.device, session.device);
        assert_eq!(answer.created_at, session.created_at);
        assert_eq!(answer.last_activity, session.last_activity);
        assert_eq!(answer.ended_at, ended_at);
        assert_eq!(answer.reason, EndReason::from(reason));
        assert_eq!(ended(&store, &user()).await.first(), Some(&answer));
        assert_gone(&store, &user(), &login.token).await;
    }
}

/// Ending the others keeps one session, and other users' sessions.
pub async fn revoking_the_others_keeps_one<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mine = logins(
        harness,
        &store,
        [plain(), device("a"), device("b"), plain()],
    )
    .await;
    let others = login(&store, NewSession::new(other_user())).await;
    let keep = mine[1].session.id;
    let revoked = store.revoke_others(keep, RevokeReason::Revoked).await;
    assert_eq!(revoked.expect("revoke_others"), Some(3));

    let tokens = mine.iter().map(|login| &login.token);
    let left = assert_consistent(&store, &user(), tokens).await;
    assert_eq!(left, distinct([keep]));
    assert_alive(&store, &others.token).await;
    let ended = ended(&store, &user()).await;
    assert_eq!(distinct(ended_ids(&ended)).len(), 3);
    assert!(ended.iter().all(|ended| ended.reason == EndReason::Revoked));
    let again = store.revoke_others(keep, RevokeReason::Revoked).await;
    assert_eq!(again.expect("revoke_others"), Some(0));
    assert_alive(&store, &mine[1].token).await;
}

/// What has been revoked can't revoke.
pub async fn a_revoked_session_revokes_no_others<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let (one, two) = (login(&store, plain()).await, login(&store, plain()).await);
    let revoked = store.revoke(one.session.id, RevokeReason::Revoked).await;
    assert!(revoked.expect("revoke").is_some());
    let others = store
        .revoke_others(one.session.id, RevokeReason::Logout)
        .await;
    assert_eq!(others.expect("revoke_others"), None);
    assert_alive(&store, &two.token).await;
}

/// Ending all ends all of one user, and says how many and whether it knows the user.
pub async fn revoking_all_ends_all<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mine = logins(harness, &store, [plain(), device("a"), device("b")]).await;
    let others = login(&store, NewSession::new(other_user())).await;
    for count in [3, 0] {
        let all = store.revoke_all(&user(), RevokeReason::Logout).await;
        let known_user = true;
        assert_eq!(all.expect("revoke_all"), RevokedAll { count, known_user });
    }
    for login in &mine {
        assert_gone(&store, &user(), &login.token).await;
    }
    assert_alive(&store, &others.token).await;
    let ended = ended(&store, &user()).await;
    assert_eq!(distinct(ended_ids(&ended)).len(), 3);
    assert!(ended.iter().all(|ended| ended.reason == EndReason::Logout));
}

/// A user whom the store has never seen has nothing to end.
pub async fn revoking_all_of_an_unknown_user_is_nothing<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let login = login(&store, plain()).await;
    let all = store.revoke_all(&other_user(), RevokeReason::Revoked).await;
    let nothing = RevokedAll {
        count: 0,
        known_user: false,
    };
    assert_eq!(all.expect("revoke_all"), nothing);
    assert!(!is_known(&store, &other_user()).await);
    assert_alive(&store, &login.token).await;
}

/// An expired session has ended already.
pub async fn revoking_all_leaves_out_what_has_expired<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut short = plain();
    short.absolute_timeout = Some(seconds(10));
    logins(harness, &store, [short.clone(), plain(), short, plain()]).await;
    harness.advance(seconds(11)).await;
    let all = store.revoke_all(&user(), RevokeReason::Revoked).await;
    assert_eq!(all.expect("revoke_all").count, 2);
    let reasons = ended(&store, &user()).await;
    let expired = reasons
        .iter()
        .filter(|ended| ended.reason == EndReason::Expired);
    assert_eq!((expired.count(), reasons.len()), (2, 4));
}

/// However many there are, none is missed.
pub async fn revoking_all_of_many_misses_none<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut tokens = Vec::new();
    for _ in 0..MANY {
        tokens.push(login(&store, plain()).await.token);
    }
    let all = store.revoke_all(&user(), RevokeReason::Revoked).await;
    assert_eq!(all.expect("revoke_all").count, MANY as u64);
    assert!(assert_consistent(&store, &user(), &tokens).await.is_empty());
}

/// However many others there are, none is missed, and the one to keep stays.
pub async fn revoking_many_others_misses_none<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut tokens = Vec::new();
    for _ in 0..MANY {
        tokens.push(login(&store, plain()).await.token);
    }
    let keep = tokens[MANY / 2].id();
    let others = store.revoke_others(keep, RevokeReason::Revoked).await;
    assert_eq!(others.expect("revoke_others"), Some(MANY as u64 - 1));
    let left = assert_consistent(&store, &user(), &tokens).await;
    assert_eq!(left, distinct([keep]));
}
