//! What is told as it happens.

use std::net::IpAddr;

use super::Harness;
use super::support::*;
use crate::{
    Config, Data, Device, EndReason, Event, EventKind, LimitPolicy, NewSession, RevokeReason,
    SessionId, SessionStore, Timestamp, Update, UserId,
};

type Told = (Timestamp, SessionId, EventKind);

fn told(events: Vec<Event>) -> Vec<Told> {
    let told = |event: Event| (event.at, event.session_id, event.kind);
    events.into_iter().map(told).collect()
}

fn ended(reason: EndReason) -> EventKind {
    EventKind::Ended { reason }
}

fn created(new_device: Option<bool>) -> EventKind {
    EventKind::Created { new_device }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Every change is told once, in order, with its moment.
pub async fn every_change_is_told_in_order<H: Harness>(harness: &H) {
    let store = harness.store(limited(2, LimitPolicy::EvictOldest)).await;
    let mut events = store.events().await.expect("events");
    let all = logins(harness, &store, ["a", "b", "b", "c"].map(device)).await;
    let at = |i: usize| all[i].session.created_at;
    let id = |i: usize| all[i].session.id;
    harness.advance(ms(1)).await;
    assert!(store.rotate(&all[2].token).await.expect("rotate").is_some());
    harness.advance(ms(1)).await;
    let revoked = store.revoke(id(2), RevokeReason::Revoked).await;
    assert!(revoked.expect("revoke").is_some());
    harness.advance(ms(1)).await;
    let out = store
        .revoke_token(&all[3].token, RevokeReason::Logout)
        .await;
    assert!(out.expect("revoke_token").is_some());

    let later = |after| at(3).saturating_add(ms(after));
    let expected = [
        (at(0), id(0), created(Some(true))),
        (at(1), id(1), created(Some(true))),
        (at(2), id(1), ended(EndReason::Replaced)),
        (at(2), id(2), created(Some(false))),
        (at(3), id(0), ended(EndReason::Evicted)),
        (at(3), id(3), created(Some(true))),
        (later(1), id(2), EventKind::Rotated),
        (later(2), id(2), ended(EndReason::Revoked)),
        (later(3), id(3), ended(EndReason::Logout)),
    ];
    assert_eq!(told(heard(&store, &mut events).await), expected);
}

/// What changes nothing, and what is refused, isn't told.
pub async fn what_changes_nothing_is_not_told<H: Harness>(harness: &H) {
    let store = harness.store(limited(1, LimitPolicy::Reject)).await;
    let login = login(&store, plain()).await;
    let mut events = store.events().await.expect("events");
    let (id, reason) = (login.session.id, RevokeReason::Revoked);
    assert!(validate(&store, &login.token).await.is_some());
    assert!(touch(&store, id).await.is_some());
    assert!(peek(&store, &login.token).await.is_some());
    assert!(store.create(plain()).await.is_err());
    let update = Update {
        role: Some("admin".into()),
        ..Update::default()
    };
    assert!(store.update(&login.session, update.clone()).await.is_ok());
    assert!(store.update(&login.session, update).await.is_err());
    assert_eq!(
        store
            .revoke_others(id, reason)
            .await
            .expect("revoke_others"),
        Some(0)
    );
    let other = store.revoke_all(&other_user(), reason).await;
    assert_eq!(other.expect("revoke_all").count, 0);
    assert_eq!(heard(&store, &mut events).await, []);
}

/// Each session that ends in bulk is told.
pub async fn each_session_that_ends_in_bulk_is_told<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let all = logins(harness, &store, (0..20).map(|_| plain())).await;
    let mut events = store.events().await.expect("events");
    let keep = all[3].session.id;
    let others = store.revoke_others(keep, RevokeReason::Logout).await;
    assert_eq!(others.expect("revoke_others"), Some(19));
    let rest = store.revoke_all(&user(), RevokeReason::Revoked).await;
    assert_eq!(rest.expect("revoke_all").count, 1);

    let mut told = told(heard(&store, &mut events).await);
    let now = all[19].session.created_at;
    assert_eq!(told.pop(), Some((now, keep, ended(EndReason::Revoked))));
    assert!(told.iter().all(|event| event.2 == ended(EndReason::Logout)));
    let mut expected = distinct(all.iter().map(|login| login.session.id));
    expected.remove(&keep);
    assert_eq!(distinct(told.iter().map(|event| event.1)), expected);
}

/// An expiry is told with its own moment, at the latest when the next call for the user comes.
pub async fn an_expiry_is_told<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut events = store.events().await.expect("events");
    let mut expected = Vec::new();
    for after in [20, 10] {
        let mut new = plain();
        new.absolute_timeout = Some(seconds(after));
        let session = login(&store, new).await.session;
        expected.insert(
            0,
            (session.expires_at, session.id, ended(EndReason::Expired)),
        );
    }
    harness.advance(seconds(21)).await;
    login(&store, plain()).await;
    let told = told(heard(&store, &mut events).await);
    let expired: Vec<_> = told
        .into_iter()
        .filter(|event| event.2 == ended(EndReason::Expired))
        .collect();
    assert_eq!(expired, expected);
}

/// A session that another one takes over from is told as replaced.
pub async fn a_device_that_an_update_takes_over_is_told<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let both = logins(harness, &store, ["a", "b"].map(device)).await;
    let mut events = store.events().await.expect("events");
    harness.advance(ms(1)).await;
    let update = Update {
        fingerprint: Some("a".into()),
        ..Update::default()
    };
    let updated = store.update(&both[1].session, update).await;
    assert!(updated.expect("update").is_some());
    let now = both[1].session.created_at.saturating_add(ms(1));
    let replaced = (now, both[0].session.id, ended(EndReason::Replaced));
    let kind = EventKind::DeviceChanged { new_device: false };
    let moved = (now, both[1].session.id, kind);
    assert_eq!(told(heard(&store, &mut events).await), [replaced, moved]);
}

/// An activity from another address than the one before is told, once for each change.
pub async fn an_activity_from_another_address_is_told<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    let mut new = plain();
    new.device.ip_address = Some("192.0.2.1".into());
    new.data = Data::from_bytes(*b"data");
    let login = login(&store, new).await;
    let mut events = store.events().await.expect("events");
    let mut moved = Vec::new();
    for (text, is_new) in [
        ("192.0.2.1", false),
        ("192.0.2.2", true),
        ("192.0.2.2", false),
        ("2001:db8::1", true),
        ("2001:db8::1", false),
        ("192.0.2.1", true),
    ] {
        harness.advance(ms(1)).await;
        let validated = store.validate(&login.token, Some(address(text))).await;
        let session = validated.expect("validate").expect("it is alive");
        assert_eq!(session.device, login.session.device);
        assert_eq!(session.data.as_bytes(), b"data");
        let update = Update {
            role: Some(text.to_owned()),
            ..Update::default()
        };
        let updated = store.update(&session, update).await;
        let updated = updated.expect("update").expect("it is alive").session;
        assert_eq!(store.get(session.id).await.expect("get"), Some(updated));
        if is_new {
            let kind = EventKind::NewAddress {
                address: address(text),
            };
            moved.push((session.last_activity, session.id, kind));
        }
        // An activity from nowhere is no change.
        assert!(touch(&store, session.id).await.is_some());
    }
    assert_eq!(told(heard(&store, &mut events).await), moved);
}

/// An IPv4 address is the same one where it is written as IPv6.
pub async fn a_mapped_address_is_the_same_address<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    for (before, after) in [
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ] {
        let mut new = plain();
        new.device.ip_address = Some(before.into());
        let login = login(&store, new).await;
        let mut events = store.events().await.expect("events");
        let touched = store.touch(login.session.id, Some(address(after))).await;
        assert!(touched.expect("touch").is_some());
        let touched = store.touch(login.session.id, Some(address(before))).await;
        assert!(touched.expect("touch").is_some());
        assert_eq!(heard(&store, &mut events).await, []);
    }
}

/// Where no address is known, the first is no change; the next one is. The unspecified address is
/// none.
pub async fn the_first_address_is_no_change<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    for unknown in [None, Some("unknown"), Some("0.0.0.0"), Some("::")] {
        let mut new = plain();
        new.device.ip_address = unknown.map(Into::into);
        let login = login(&store, new).await;
        let mut events = store.events().await.expect("events");
        for text in ["::", "192.0.2.1", "0.0.0.0", "192.0.2.2", "::ffff:0.0.0.0"] {
            let touched = store.touch(login.session.id, Some(address(text))).await;
            assert!(touched.expect("touch").is_some());
        }
        let kind = EventKind::NewAddress {
            address: address("192.0.2.2"),
        };
        let now = login.session.created_at;
        let expected = [(now, login.session.id, kind)];
        assert_eq!(told(heard(&store, &mut events).await), expected);
    }
}

/// A validate that writes nothing doesn't look at the address.
pub async fn an_address_within_the_interval_is_not_looked_at<H: Harness>(harness: &H) {
    let config = Config {
        touch_interval: seconds(60),
        ..idle_hour()
    };
    let store = harness.store(config).await;
    let mut new = plain();
    new.device = Device {
        ip_address: Some("192.0.2.1".into()),
        ..Device::default()
    };
    let login = login(&store, new).await;
    let mut events = store.events().await.expect("events");
    for text in ["192.0.2.2", "192.0.2.3"] {
        let validated = store.validate(&login.token, Some(address(text))).await;
        assert!(validated.expect("validate").is_some());
    }
    assert_eq!(heard(&store, &mut events).await, []);
    harness.advance(seconds(60)).await;
    let back = store
        .validate(&login.token, Some(address("192.0.2.1")))
        .await;
    assert!(back.expect("validate").is_some());
    assert_eq!(heard(&store, &mut events).await, []);
}

/// Each stream tells everything from when it began, and nothing from before.
pub async fn each_stream_tells_from_when_it_began<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    login(&store, plain()).await;
    let mut early = store.events().await.expect("events");
    let first = login(&store, plain()).await.session.id;
    let mut late = store.events().await.expect("events");
    let second = login(&store, plain()).await.session.id;
    let ids = |events: Vec<Event>| -> Vec<SessionId> {
        events.iter().map(|event| event.session_id).collect()
    };
    assert_eq!(ids(heard(&store, &mut early).await), [first, second]);
    assert_eq!(ids(heard(&store, &mut late).await), [second]);
}

/// An event names the user with the type of id that the session has.
pub async fn an_event_names_the_user_as_the_session_does<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut events = store.events().await.expect("events");
    let text = UserId::new("74").expect("a user id");
    login(&store, NewSession::new(UserId::from(74))).await;
    login(&store, NewSession::new(text.clone())).await;
    let revoked = store.revoke_all(&text, RevokeReason::Revoked).await;
    assert_eq!(revoked.expect("revoke_all").count, 2);
    let heard = heard(&store, &mut events).await;
    assert_eq!(heard.len(), 4);
    assert!(heard.iter().all(|event| event.user_id == text));
    let numbers = heard.iter().filter(|event| event.user_id.is_number());
    assert_eq!(numbers.count(), 2);
}
