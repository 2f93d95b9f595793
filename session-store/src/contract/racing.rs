//! Calls that meet: whatever their order, nothing is lost, left over or brought back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Harness;
use super::support::*;
use crate::{
    Config, Created, EndReason, Error, Limit, LimitPolicy, Result, RevokeReason, SessionId,
    SessionStore, Token, Update,
};

/// How many tasks meet, where it takes many.
const CROWD: usize = 200;

/// How often a race is run that two or a few tasks make.
const ROUNDS: usize = 40;

/// So many creates at once, all for [`user`].
async fn creates<S: SessionStore>(
    store: &Arc<S>,
    fingerprint: Option<&str>,
) -> Vec<Result<Created>> {
    let mut new = plain();
    new.fingerprint = fingerprint.map(Into::into);
    together(CROWD, |_| {
        let (store, new) = (Arc::clone(store), new.clone());
        async move { store.create(new).await }
    })
    .await
}

/// Each session is either left or was ended by exactly one create.
fn assert_each_ended_once(all: &[Created], left: &std::collections::BTreeSet<SessionId>) {
    let ended = all.iter().flat_map(|created| ended_ids(&created.ended));
    let created = distinct(all.iter().map(|created| created.session.id));
    assert_eq!(distinct(ended.chain(left.iter().copied())), created);
}

/// However many logins meet, the user has as many sessions as the limit allows, and those that
/// are listed are those that authenticate.
pub async fn the_limit_holds_under_concurrent_creates<H: Harness>(harness: &H) {
    for policy in [
        LimitPolicy::EvictOldest,
        LimitPolicy::EvictLeastRecentlyActive,
    ] {
        let store = Arc::new(harness.store(limited(5, policy)).await);
        let all: Result<Vec<_>> = creates(&store, None).await.into_iter().collect();
        let all = all.expect("every create succeeds");
        let tokens = all.iter().map(|created| &created.token);
        let left = assert_consistent(&*store, &user(), tokens).await;
        assert_eq!(left.len(), 5);
        assert_each_ended_once(&all, &left);
    }
}

/// However many logins meet, as many succeed as there is room for.
pub async fn as_many_creates_succeed_as_there_is_room<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(limited(5, LimitPolicy::Reject)).await);
    let mut all = Vec::new();
    for created in creates(&store, None).await {
        match created {
            Ok(created) => all.push(created),
            Err(Error::LimitReached { max }) => assert_eq!(max, 5),
            Err(error) => panic!("failed for another reason: {error}"),
        }
    }
    assert_eq!(all.len(), 5);
    let tokens = all.iter().map(|created| &created.token);
    assert_eq!(assert_consistent(&*store, &user(), tokens).await.len(), 5);
}

/// However many logins of one device meet, one session is left, and the device was new once.
pub async fn a_device_has_one_session_under_concurrent_creates<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(Config::default()).await);
    let all: Result<Vec<_>> = creates(&store, Some("a")).await.into_iter().collect();
    let all = all.expect("every create succeeds");
    let tokens = all.iter().map(|created| &created.token);
    let left = assert_consistent(&*store, &user(), tokens).await;
    assert_eq!(left.len(), 1);
    assert_each_ended_once(&all, &left);
    let mut ended = all.iter().flat_map(|created| &created.ended);
    assert!(ended.all(|ended| ended.reason == EndReason::Replaced));
    let new = all
        .iter()
        .filter(|created| created.new_device == Some(true));
    assert_eq!(new.count(), 1);
}

/// A touch, a validate, an update and a rotation that meet a revocation lose: the session stays
/// gone, whichever came first.
pub async fn nothing_brings_a_revoked_session_back<H: Harness>(harness: &H) {
    let config = Config {
        touch_interval: Duration::ZERO,
        ..Config::default()
    };
    let store = Arc::new(harness.store(config).await);
    for round in 0..ROUNDS {
        let login = Arc::new(login(&*store, device("a")).await);
        let revoker = round % 10;
        let tokens = together(10, |i| {
            let (store, login) = (Arc::clone(&store), Arc::clone(&login));
            async move {
                if i == revoker {
                    end(&*store, &login, round).await;
                    return None;
                }
                disturb(&*store, &login, i).await
            }
        })
        .await;
        assert_gone(&*store, &user(), &login.token).await;
        for token in tokens.into_iter().flatten() {
            assert_gone(&*store, &user(), &token).await;
        }
        assert_eq!(count(&*store, &user()).await, 0);
    }
    assert!(ended(&*store, &user()).await.len() >= ROUNDS);
}

/// Ends the session in one way or another.
async fn end(store: &impl SessionStore, login: &Created, way: usize) {
    if way.is_multiple_of(2) {
        let revoked = store.revoke(login.session.id, RevokeReason::Revoked).await;
        assert!(revoked.expect("revoke").is_some());
    } else {
        let all = store.revoke_all(&user(), RevokeReason::Revoked).await;
        assert_eq!(all.expect("revoke_all").count, 1);
    }
}

/// Writes the session in one way or another; answers the token that a rotation gave.
async fn disturb(store: &impl SessionStore, login: &Created, way: usize) -> Option<Token> {
    match way % 4 {
        0 => {
            touch(store, login.session.id).await;
        }
        1 => {
            validate(store, &login.token).await;
        }
        2 => {
            // Of several updates all but one conflict; that is another behaviour.
            let update = Update {
                fingerprint: Some("b".into()),
                ..Update::default()
            };
            let _ = store.update(&login.session, update).await;
        }
        _ => {
            let rotated = store.rotate(&login.token).await.expect("rotate");
            return rotated.map(|rotated| rotated.token);
        }
    }
    None
}

/// Of the updates that read the same revision one succeeds, and it is the one that stays.
pub async fn one_of_concurrent_updates_wins<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(Config::default()).await);
    let mut session = login(&*store, plain()).await.session;
    for round in 1..=ROUNDS {
        let answers = together(8, |i| {
            let (store, session) = (Arc::clone(&store), session.clone());
            let update = Update {
                username: Some(format!("{round} {i}")),
                ..Update::default()
            };
            async move { store.update(&session, update).await }
        })
        .await;
        let mut winners = Vec::new();
        for answer in answers {
            match answer {
                Ok(updated) => winners.push(updated.expect("it is alive").session),
                Err(Error::Conflict { id }) => assert_eq!(id, session.id),
                Err(error) => panic!("failed for another reason: {error}"),
            }
        }
        assert_eq!(winners.len(), 1);
        session = winners.remove(0);
        assert_eq!(session.revision as usize, round);
        assert_eq!(get(&*store, session.id).await.as_ref(), Some(&session));
    }
}

/// Of the rotations of one token one succeeds, and its token is the session's.
pub async fn one_of_concurrent_rotations_wins<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(Config::default()).await);
    let mut token = login(&*store, plain()).await.token;
    for _ in 0..ROUNDS {
        let answers = together(8, |_| {
            let (store, token) = (Arc::clone(&store), token.clone());
            async move { store.rotate(&token).await.expect("rotate") }
        })
        .await;
        let mut winners: Vec<_> = answers.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(peek(&*store, &token).await, None);
        token = winners.remove(0).token;
        assert_alive(&*store, &token).await;
    }
}

/// Of the calls that end a session one is told that it did.
pub async fn a_session_is_ended_once<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(Config::default()).await);
    for _ in 0..ROUNDS {
        let token = login(&*store, plain()).await.token;
        let answers = together(8, |i| {
            let (store, token) = (Arc::clone(&store), token.clone());
            async move {
                match i % 2 {
                    0 => store.revoke(token.id(), RevokeReason::Revoked).await,
                    _ => store.revoke_token(&token, RevokeReason::Logout).await,
                }
            }
        })
        .await;
        let ended: Vec<_> = answers
            .into_iter()
            .filter_map(|answer| answer.expect("revoke"))
            .collect();
        assert_eq!(ended.len(), 1);
        assert_eq!(
            listed_reason(&*store, token.id()).await,
            vec![ended[0].reason]
        );
    }
}

/// Why the history says that the session ended, as often as it says so.
async fn listed_reason(store: &impl SessionStore, id: SessionId) -> Vec<EndReason> {
    let ended = ended(store, &user()).await;
    let of_this = ended.iter().filter(|ended| ended.id == id);
    of_this.map(|ended| ended.reason).collect()
}

/// Ending all misses none that was there before; what is created meanwhile is whole.
pub async fn revoking_all_misses_none_under_concurrent_creates<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(Config::default()).await);
    for _ in 0..4 {
        let before = logins(harness, &*store, (0..20).map(|_| plain())).await;
        let answers = together(60, |i| {
            let store = Arc::clone(&store);
            async move {
                if i == 30 {
                    let all = store.revoke_all(&user(), RevokeReason::Revoked).await;
                    assert!(all.expect("revoke_all").count >= 20);
                    return None;
                }
                Some(login(&*store, plain()).await.token)
            }
        })
        .await;
        for login in &before {
            assert_gone(&*store, &user(), &login.token).await;
        }
        let meanwhile: Vec<_> = answers.into_iter().flatten().collect();
        assert_consistent(&*store, &user(), &meanwhile).await;
        let rest = store.revoke_all(&user(), RevokeReason::Revoked).await;
        rest.expect("revoke_all");
    }
}

/// Of two sessions that end all others at once, one is left.
pub async fn of_two_that_end_the_others_one_stays<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(Config::default()).await);
    for _ in 0..ROUNDS {
        let both = [login(&*store, plain()).await, login(&*store, plain()).await];
        let answers = together(2, |i| {
            let (store, id) = (Arc::clone(&store), both[i].session.id);
            async move { store.revoke_others(id, RevokeReason::Revoked).await }
        })
        .await;
        let counts: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.expect("revoke_others"))
            .collect();
        assert!(
            counts == [Some(1), None] || counts == [None, Some(1)],
            "{counts:?}"
        );
        let tokens = both.iter().map(|login| &login.token);
        let left = assert_consistent(&*store, &user(), tokens).await;
        let winner = usize::from(counts[0].is_none());
        assert_eq!(left, distinct([both[winner].session.id]));
        store
            .revoke(both[winner].session.id, RevokeReason::Revoked)
            .await
            .expect("revoke");
    }
}

/// Logins and updates that meet on a few devices leave one session for each device.
pub async fn a_device_has_one_session_whoever_comes_to_it<H: Harness>(harness: &H) {
    let config = Config {
        limit: Limit::new(4, LimitPolicy::EvictOldest),
        ..Config::default()
    };
    let store = Arc::new(harness.store(config).await);
    for _ in 0..ROUNDS / 4 {
        let tokens = together(24, |i| {
            let store = Arc::clone(&store);
            let fingerprint = ["a", "b", "c"][i % 3];
            async move {
                let login = login(&*store, device(["c", "a", "d"][i % 3])).await;
                let update = Update {
                    fingerprint: Some(fingerprint.into()),
                    ..Update::default()
                };
                // Others may have ended the session meanwhile, which is no error.
                store.update(&login.session, update).await.expect("update");
                login.token
            }
        })
        .await;
        let mut devices = BTreeMap::new();
        for session in listed(&*store, &user()).await {
            let before = devices.insert(session.fingerprint, session.id);
            assert_eq!(before, None, "two sessions on one device");
        }
        let mut left = assert_left(&*store, &tokens).await;
        left.retain(|id| devices.values().any(|listed| listed == id));
        assert_eq!(left.len(), devices.len());
        store
            .revoke_all(&user(), RevokeReason::Revoked)
            .await
            .expect("revoke_all");
    }
}

async fn assert_left(store: &impl SessionStore, tokens: &[Token]) -> Vec<SessionId> {
    let left = assert_consistent(store, &user(), tokens).await;
    assert!(left.len() <= 4);
    left.into_iter().collect()
}

/// Users don't get in each other's way, whatever they do at once.
pub async fn users_do_not_disturb_each_other<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(limited(3, LimitPolicy::EvictOldest)).await);
    let answers = together(20, |i| {
        let store = Arc::clone(&store);
        async move {
            let user = crate::UserId::from(i as u64);
            let mut tokens = Vec::new();
            for _ in 0..6 {
                let new = crate::NewSession::new(user.clone());
                tokens.push(login(&*store, new).await.token);
            }
            if i % 2 == 0 {
                let all = store.revoke_all(&user, RevokeReason::Revoked).await;
                assert_eq!(all.expect("revoke_all").count, 3);
            }
            (user, tokens)
        }
    })
    .await;
    for (i, (user, tokens)) in answers.iter().enumerate() {
        let left = assert_consistent(&*store, user, tokens).await;
        assert_eq!(left.len(), if i % 2 == 0 { 0 } else { 3 });
    }
}
