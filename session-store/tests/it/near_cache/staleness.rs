//! How old an answer may be.

use std::time::Duration;

use session_store::{
    ChangesError, Config, Error, ManualClock, MemoryStore, NearCache, NearCacheOptions,
    SessionStore, Token,
};

use super::by_hand::{ByHand, now, poll};

#[test]
fn nothing_is_served_once_what_was_told_last_is_older_than_the_bound() {
    let hand = ByHand::new(Config::default());
    let near = hand.cached();
    hand.read_through(&near);
    let bound = NearCacheOptions::default().max_staleness;
    let is_served = |told| {
        hand.set_told(told);
        now(near.peek(hand.token())).is_some()
    };
    assert!(is_served(Some(Duration::ZERO)));
    assert!(is_served(Some(bound)));
    assert!(!is_served(Some(bound + Duration::from_nanos(1))));
    assert!(!is_served(None));
    assert!(
        is_served(Some(bound)),
        "what is at hand is good when it is proved to be"
    );
}

#[test]
fn what_is_read_while_nothing_is_told_is_not_kept() {
    let hand = ByHand::new(Config::default());
    let near = hand.cached();
    hand.set_told(None);
    hand.read_through(&near);
    hand.set_told(Some(Duration::ZERO));
    assert!(now(near.peek(hand.token())).is_none());
}

#[test]
fn another_secret_is_not_served_and_does_no_harm() {
    let hand = ByHand::new(Config::default());
    let near = hand.cached();
    hand.read_through(&near);
    let forged = Token::mint_for(hand.token().id()).unwrap();
    for _ in 0..3 {
        let calls = hand.calls();
        let mut forging = Box::pin(near.validate(&forged, None));
        assert!(poll(&mut forging).is_none(), "the store is asked");
        hand.execute(calls);
        hand.answer(calls);
        let answer = poll(&mut forging).unwrap();
        assert_eq!(answer.unwrap(), None);
        assert!(now(near.validate(hand.token(), None)).is_some());
    }
}

#[test]
fn what_is_not_there_is_not_remembered() {
    let hand = ByHand::new(Config::default());
    let near = hand.cached();
    let unknown = Token::mint(&75.into()).unwrap();
    for _ in 0..3 {
        let calls = hand.calls();
        let mut asking = Box::pin(near.validate(&unknown, None));
        assert!(poll(&mut asking).is_none());
        hand.execute(calls);
        hand.answer(calls);
        assert_eq!(poll(&mut asking).unwrap().unwrap(), None);
    }
    assert_eq!(near.usage().entries, 0);
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_is_named() {
    let store = || {
        let clock = ManualClock::new();
        MemoryStore::with_clock(Config::default(), move || clock.now()).unwrap()
    };
    let default = NearCacheOptions::default;
    for (field, options) in [
        (
            "max_bytes",
            NearCacheOptions {
                max_bytes: 1,
                ..default()
            },
        ),
        (
            "max_entries",
            NearCacheOptions {
                max_entries: 0,
                ..default()
            },
        ),
        (
            "max_staleness",
            NearCacheOptions {
                max_staleness: Duration::ZERO,
                ..default()
            },
        ),
        (
            "max_staleness",
            NearCacheOptions {
                max_staleness: Duration::from_secs(61),
                ..default()
            },
        ),
    ] {
        let error = NearCache::new(store(), options).await.unwrap_err();
        let ChangesError::Store(Error::Config(error)) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.field, field);
    }
}

#[tokio::test]
async fn a_store_that_does_not_tell_of_changes_is_refused() {
    let store = MemoryStore::new(Config::default()).unwrap();
    let near = NearCache::new(store, NearCacheOptions::default())
        .await
        .unwrap();
    // What a cache answers may be old, so it tells nobody.
    let error = NearCache::new(near, NearCacheOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ChangesError::Unsupported(_)), "{error:?}");
}
