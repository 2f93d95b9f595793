//! Futures that are dropped before their end: a change happens as a whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use super::Harness;
use super::support::*;
use crate::{
    Config, LimitPolicy, List, NewSession, RevokeReason, SessionId, SessionStore, Token, Update,
    UserId,
};

/// Calls that are cut off in one run.
const CALLS: usize = 400;

/// How often to look again before a difference counts: a call that was cut off may be on its way
/// to the store still, and reach it between two questions.
const LOOKS: usize = 200;

/// What is known of the sessions after calls of which the answers may never have come.
#[derive(Default)]
struct Known {
    /// The last token of each session of which a create was answered.
    tokens: BTreeMap<SessionId, Token>,
    /// Sessions that may have a newer token, which nobody knows.
    rotating: BTreeSet<SessionId>,
    /// Sessions of which a call to end them was answered.
    ended: BTreeSet<SessionId>,
}

/// A future that is never polled has done nothing.
pub async fn a_future_that_is_not_polled_does_nothing<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let login = login(&store, device("a")).await;
    let (id, reason) = (login.session.id, RevokeReason::Revoked);
    let update = Update {
        role: Some("admin".into()),
        ..Update::default()
    };
    harness.advance(seconds(100)).await;
    assert!(cut_off(store.create(device("a")), 0).await.is_none());
    assert!(
        cut_off(store.validate(&login.token, None), 0)
            .await
            .is_none()
    );
    assert!(cut_off(store.touch(id, None), 0).await.is_none());
    assert!(
        cut_off(store.update(&login.session, update), 0)
            .await
            .is_none()
    );
    assert!(cut_off(store.rotate(&login.token), 0).await.is_none());
    assert!(cut_off(store.revoke(id, reason), 0).await.is_none());
    assert!(
        cut_off(store.revoke_token(&login.token, reason), 0)
            .await
            .is_none()
    );
    assert!(cut_off(store.revoke_others(id, reason), 0).await.is_none());
    assert!(
        cut_off(store.revoke_all(&user(), reason), 0)
            .await
            .is_none()
    );
    assert_eq!(
        peek(&store, &login.token).await.as_ref(),
        Some(&login.session)
    );
    assert_eq!(listed(&store, &user()).await, [login.session]);
}

/// Wherever calls are cut off, what is listed is what is counted and what authenticates, the limit
/// holds, and what was ended stays so.
pub async fn calls_that_are_cut_off_leave_the_store_consistent<H: Harness>(harness: &H) {
    for seed in 0..3 {
        let config = Config {
            touch_interval: ms(0),
            ..limited(4, LimitPolicy::EvictOldest)
        };
        let store = harness.store(config).await;
        let mut dice = Dice(seed);
        let mut known = Known::default();
        for _ in 0..CALLS {
            harness.advance(ms(1)).await;
            cut_off_a_call(&store, &mut known, &mut dice).await;
        }
        for user in [user(), other_user()] {
            assert_settles(&store, &known, &user).await;
            // The store serves on as if nothing had been.
            let login = login(&store, NewSession::new(user.clone())).await;
            assert_alive(&store, &login.token).await;
            store
                .revoke_all(&user, RevokeReason::Revoked)
                .await
                .expect("revoke_all");
            assert_gone(&store, &user, &login.token).await;
        }
    }
}

async fn cut_off_a_call(store: &impl SessionStore, known: &mut Known, dice: &mut Dice) {
    let polls = dice.roll(4);
    let reason = RevokeReason::Revoked;
    let pick = dice.roll(known.tokens.len().max(1));
    let picked = known.tokens.values().nth(pick).cloned();
    match (dice.roll(12), picked) {
        (0..=4, _) | (_, None) => {
            let user = [user(), other_user()][dice.roll(2)].clone();
            let new = device_of(user, ["a", "b", "c", "d", "e"][dice.roll(5)]);
            if let Some(created) = cut_off(store.create(new), polls).await {
                let created = created.expect("create");
                known.ended.extend(ended_ids(&created.ended));
                known.tokens.insert(created.session.id, created.token);
            }
        }
        (5, Some(token)) => {
            cut_off(store.touch(token.id(), None), polls).await;
        }
        (6, Some(token)) => {
            cut_off(store.validate(&token, None), polls).await;
        }
        (7, Some(token)) => cut_off_an_update(store, known, &token, polls, dice).await,
        (8, Some(token)) => match cut_off(store.rotate(&token), polls).await {
            Some(rotated) => {
                if let Some(rotated) = rotated.expect("rotate") {
                    known.tokens.insert(token.id(), rotated.token);
                }
            }
            None => {
                known.rotating.insert(token.id());
            }
        },
        (9, Some(token)) => {
            if cut_off(store.revoke(token.id(), reason), polls)
                .await
                .is_some()
            {
                known.ended.insert(token.id());
            }
        }
        (10, Some(token)) => {
            cut_off(store.revoke_others(token.id(), reason), polls).await;
        }
        (_, Some(token)) => {
            cut_off(store.revoke_token(&token, reason), polls).await;
        }
    }
}

async fn cut_off_an_update(
    store: &impl SessionStore,
    known: &mut Known,
    token: &Token,
    polls: usize,
    dice: &mut Dice,
) {
    let Some(session) = get(store, token.id()).await else {
        return;
    };
    let update = Update {
        fingerprint: Some(["a", "b", "c"][dice.roll(3)].into()),
        ..Update::default()
    };
    let updated = cut_off(store.update(&session, update), polls).await;
    // A conflict with an update that was cut off before is possible, and no answer here.
    if let Some(Ok(Some(updated))) = updated {
        known.ended.extend(ended_ids(&updated.ended));
    }
}

async fn assert_settles(store: &impl SessionStore, known: &Known, user: &UserId) {
    let mut difference = None;
    for _ in 0..LOOKS {
        difference = find_difference(store, known, user).await;
        if difference.is_none() {
            return;
        }
        store.ping().await.expect("ping");
    }
    panic!("{difference:?}");
}

/// What is listed but doesn't authenticate, or the other way round, or isn't counted.
async fn find_difference(
    store: &impl SessionStore,
    known: &Known,
    user: &UserId,
) -> Option<String> {
    let page = page(store, user, List::default()).await;
    let listed = distinct(ids(&page.sessions));
    let count = count(store, user).await;
    if count != listed.len() as u64 || count > 4 {
        return Some(format!(
            "{count} sessions are counted, {} listed",
            listed.len()
        ));
    }
    for id in &listed {
        if known.ended.contains(id) || get(store, *id).await.is_none() {
            return Some(format!("{id} has ended and is listed"));
        }
    }
    for (id, token) in &known.tokens {
        match peek(store, token).await {
            Some(session) if session.user_id == *user && !listed.contains(id) => {
                return Some(format!("{id} authenticates and isn't listed"));
            }
            None if listed.contains(id) && !known.rotating.contains(id) => {
                return Some(format!("{id} is listed and doesn't authenticate"));
            }
            _ => {}
        }
    }
    None
}
