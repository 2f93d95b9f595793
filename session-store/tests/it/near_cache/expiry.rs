//! When a session at hand has expired, and when it has to be touched: by the store's clock.

use std::time::Duration;

use session_store::{Config, NearCache, SessionStore};

use super::by_hand::{BEGIN, ByHand, now, poll};

/// A store, and a cache in front of it that has the session at hand.
fn at_hand() -> (ByHand, NearCache<ByHand>) {
    let hand = ByHand::new(Config::default());
    let near = hand.cached();
    hand.read_through(&near);
    (hand, near)
}

#[test]
fn a_session_is_served_in_its_last_millisecond_and_not_in_the_next() {
    let (hand, near) = at_hand();
    let expires = hand.session().unwrap().expires_at;
    hand.set_time(expires);
    assert_eq!(
        now(near.peek(hand.token())).unwrap().unwrap(),
        hand.session()
    );
    assert_eq!(
        now(near.get(hand.token().id())).unwrap().unwrap(),
        hand.session()
    );
    hand.set_time(expires.saturating_add(Duration::from_millis(1)));
    assert!(now(near.peek(hand.token())).is_none(), "the store decides");
    assert!(now(near.get(hand.token().id())).is_none());
    assert!(now(near.validate(hand.token(), None)).is_none());
}

#[test]
fn of_callers_that_come_when_a_touch_is_due_one_writes_it() {
    let (hand, near) = at_hand();
    let interval = near.config().touch_interval;
    hand.set_time(BEGIN.saturating_add(interval - Duration::from_millis(1)));
    assert!(now(near.validate(hand.token(), None)).is_some(), "not due");
    hand.set_time(BEGIN.saturating_add(interval));
    let calls = hand.calls();
    let mut touching = Box::pin(near.validate(hand.token(), None));
    assert!(poll(&mut touching).is_none());
    for _ in 0..3 {
        let served = now(near.validate(hand.token(), None)).unwrap().unwrap();
        assert_eq!(served, hand.session(), "others are served meanwhile");
    }
    assert_eq!(hand.calls(), calls + 1);
    hand.execute(calls);
    hand.answer(calls);
    let touched = poll(&mut touching).unwrap().unwrap();
    assert_eq!(touched, hand.session());
    // The touch's own answer is at hand until the change is told.
    assert_eq!(now(near.peek(hand.token())).unwrap().unwrap(), touched);
    hand.tell();
    assert!(now(near.peek(hand.token())).is_none());
}

#[test]
fn a_touch_that_was_cut_off_is_made_by_the_next() {
    let (hand, near) = at_hand();
    hand.set_time(BEGIN.saturating_add(near.config().touch_interval));
    let mut touching = Box::pin(near.validate(hand.token(), None));
    assert!(poll(&mut touching).is_none());
    drop(touching);
    let calls = hand.calls();
    assert!(now(near.validate(hand.token(), None)).is_none());
    assert_eq!(hand.calls(), calls + 1);
}

#[test]
fn a_touch_that_takes_longer_than_the_interval_counts_for_nobody_else() {
    let (hand, near) = at_hand();
    let interval = near.config().touch_interval;
    hand.set_time(BEGIN.saturating_add(interval));
    let mut touching = Box::pin(near.validate(hand.token(), None));
    assert!(poll(&mut touching).is_none());
    hand.set_time(BEGIN.saturating_add(interval * 2 - Duration::from_millis(1)));
    assert!(now(near.validate(hand.token(), None)).is_some());
    hand.set_time(BEGIN.saturating_add(interval * 2));
    assert!(now(near.validate(hand.token(), None)).is_none());
}

#[test]
fn without_an_interval_every_activity_is_written() {
    let config = Config {
        touch_interval: Duration::ZERO,
        ..Config::default()
    };
    let hand = ByHand::new(config);
    let near = hand.cached();
    hand.read_through(&near);
    for _ in 0..3 {
        let calls = hand.calls();
        let mut touching = Box::pin(near.validate(hand.token(), None));
        assert!(poll(&mut touching).is_none());
        assert!(now(near.validate(hand.token(), None)).is_none());
        assert_eq!(hand.calls(), calls + 2);
    }
}
