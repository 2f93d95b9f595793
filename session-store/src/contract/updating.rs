//! Changing a session, unless somebody else has meanwhile.

use super::Harness;
use super::support::*;
use crate::{
    Config, Data, Device, EndReason, Error, KnownDevices, RevokeReason, Session, SessionStore,
    Update, Updated,
};

fn named(name: &str) -> Update {
    Update {
        username: Some(name.into()),
        ..Update::default()
    }
}

fn on(fingerprint: &str) -> Update {
    Update {
        fingerprint: Some(fingerprint.into()),
        ..Update::default()
    }
}

async fn update(store: &impl SessionStore, current: &Session, update: Update) -> Updated {
    let updated = store.update(current, update).await.expect("update");
    updated.expect("the session is alive")
}

/// An update, and the same change made by hand.
type Change = (Update, fn(&mut Session));

fn changes() -> [Change; 6] {
    let with_data = |data: &[u8]| Update {
        data: Some(Data::from_bytes(data)),
        ..Update::default()
    };
    let promoted = Update {
        role: Some("admin".into()),
        ..Update::default()
    };
    let described = Update {
        device: Some(Device {
            browser: Some("Firefox".into()),
            ..Device::default()
        }),
        ..Update::default()
    };
    [
        (promoted, |session| session.role = Some("admin".into())),
        (described, |session| {
            session.device.browser = Some("Firefox".into())
        }),
        (with_data(b"after"), |session| {
            session.data = Data::from_bytes(*b"after")
        }),
        (named("after"), |session| {
            session.username = Some("after".into())
        }),
        (with_data(b""), |session| session.data = Data::default()),
        (Update::default(), |_| ()),
    ]
}

/// What the update says changes; everything else stays, the last activity too.
pub async fn an_update_changes_what_it_says<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut new = device("a");
    new.username = Some("before".into());
    new.data = Data::from_bytes(*b"before");
    let login = login(&store, new).await;
    let mut expected = login.session;
    for (change, by_hand) in changes() {
        harness.advance(seconds(100)).await;
        let updated = update(&store, &expected, change).await;
        by_hand(&mut expected);
        expected.revision += 1;
        assert_eq!(updated.session, expected);
        assert_eq!(updated.new_device, None);
        assert!(updated.ended.is_empty());
        assert_eq!(peek(&store, &login.token).await.as_ref(), Some(&expected));
        assert_eq!(listed(&store, &user()).await, [expected.clone()]);
    }
}

/// An update of a session that was updated since it was read changes nothing.
pub async fn an_update_of_what_is_out_of_date_conflicts<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let other = login(&store, device("b")).await;
    let login = login(&store, device("a")).await;
    let current = update(&store, &login.session, named("first")).await.session;
    for fingerprint in [None, Some("b".to_owned())] {
        let late = Update {
            fingerprint,
            ..named("second")
        };
        match store.update(&login.session, late).await {
            Err(Error::Conflict { id }) => assert_eq!(id, current.id),
            other => panic!("no conflict: {other:?}"),
        }
    }
    assert_eq!(peek(&store, &login.token).await.as_ref(), Some(&current));
    assert_alive(&store, &other.token).await;
    let third = update(&store, &current, named("third")).await;
    assert_eq!(third.session.username.as_deref(), Some("third"));
}

/// A touch and a rotation are no updates; an update neither undoes them nor conflicts with them.
pub async fn activity_is_no_conflict<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    let login = login(&store, plain()).await;
    harness.advance(seconds(10)).await;
    assert!(touch(&store, login.session.id).await.is_some());
    let rotated = store.rotate(&login.token).await.expect("rotate");
    let rotated = rotated.expect("it is alive");
    assert_eq!(rotated.session.revision, login.session.revision);
    harness.advance(seconds(10)).await;

    let updated = update(&store, &login.session, named("after")).await.session;
    assert_eq!(updated.last_activity, rotated.session.last_activity);
    assert_eq!(updated.expires_at, rotated.session.expires_at);
    assert_eq!(peek(&store, &rotated.token).await, Some(updated));
    assert_eq!(peek(&store, &login.token).await, None);
}

/// There is nothing to update in what has ended, and no conflict either.
pub async fn an_update_of_what_has_ended_is_nothing<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let login = login(&store, plain()).await;
    update(&store, &login.session, named("x")).await;
    let revoked = store.revoke(login.session.id, RevokeReason::Revoked).await;
    assert!(revoked.expect("revoke").is_some());
    let late = store.update(&login.session, named("y")).await;
    assert!(late.expect("update").is_none());
    assert_gone(&store, &user(), &login.token).await;
}

/// A session that takes over another's fingerprint takes its place.
pub async fn an_update_to_a_device_replaces_its_session<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let other = login(&store, device("b")).await;
    let apart = login(&store, device("c")).await;
    let login = login(&store, device("a")).await;
    harness.advance(seconds(10)).await;
    let updated = update(&store, &login.session, on("b")).await;

    assert_eq!(updated.session.fingerprint, other.session.fingerprint);
    assert_eq!(updated.new_device, Some(false));
    assert_eq!(ended_ids(&updated.ended), [other.session.id]);
    assert_eq!(updated.ended[0].reason, EndReason::Replaced);
    let now = login.session.created_at.saturating_add(seconds(10));
    assert_eq!(updated.ended[0].ended_at, now);
    assert_gone(&store, &user(), &other.token).await;
    assert_alive(&store, &apart.token).await;
    assert_eq!(peek(&store, &login.token).await, Some(updated.session));
}

/// A session that moves to a device leaves the one before; that one is remembered.
pub async fn an_update_to_a_device_leaves_the_one_before<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let moved = login(&store, device("a")).await;
    let updated = update(&store, &moved.session, on("b")).await;
    assert_eq!(updated.new_device, Some(true));
    assert!(updated.ended.is_empty());
    assert_ne!(updated.session.fingerprint, moved.session.fingerprint);

    let before = login(&store, device("a")).await;
    assert_eq!(before.new_device, Some(false));
    assert!(before.ended.is_empty());
    assert_alive(&store, &moved.token).await;
    let now = login(&store, device("b")).await;
    assert_eq!(now.new_device, Some(false));
    assert_eq!(ended_ids(&now.ended), [moved.session.id]);
}

/// A session without a device gets one, by which it is replaced from then on.
pub async fn an_update_can_give_a_device<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let bare = login(&store, plain()).await;
    let updated = update(&store, &bare.session, on("a")).await;
    assert_eq!(updated.new_device, Some(true));
    assert!(updated.session.fingerprint.is_some());
    let again = update(&store, &updated.session, on("a")).await;
    assert_eq!(again.new_device, Some(false));
    assert!(again.ended.is_empty());
    assert_eq!(again.session.fingerprint, updated.session.fingerprint);
    assert_alive(&store, &bare.token).await;
    let next = login(&store, device("a")).await;
    assert_eq!(ended_ids(&next.ended), [bare.session.id]);
}

/// The device that a session has left is remembered from then on, to the millisecond.
pub async fn the_device_before_is_remembered_from_the_update<H: Harness>(harness: &H) {
    let config = Config {
        known_devices: KnownDevices {
            max_per_user: 1,
            retention: seconds(60),
        },
        ..Config::default()
    };
    let store = harness.store(config).await;
    for user in [user(), other_user()] {
        let login = login(&store, device_of(user, "a")).await;
        update(&store, &login.session, on("b")).await;
    }
    harness.advance(seconds(60)).await;
    assert_eq!(login(&store, device("a")).await.new_device, Some(false));
    harness.advance(ms(1)).await;
    let too_late = login(&store, device_of(other_user(), "a")).await;
    assert_eq!(too_late.new_device, Some(true));
}

/// An update to a device makes room among the past ones, as a login does.
pub async fn an_update_to_a_device_forgets_one_too_many<H: Harness>(harness: &H) {
    let config = Config {
        known_devices: KnownDevices {
            max_per_user: 1,
            ..KnownDevices::default()
        },
        ..Config::default()
    };
    let store = harness.store(config).await;
    let mut session = login(&store, device("a")).await.session;
    for fingerprint in ["b", "c"] {
        harness.advance(ms(1)).await;
        session = update(&store, &session, on(fingerprint)).await.session;
    }
    let new_device = async |fingerprint| login(&store, device(fingerprint)).await.new_device;
    assert_eq!(new_device("b").await, Some(false));
    assert_eq!(new_device("a").await, Some(true));
}
