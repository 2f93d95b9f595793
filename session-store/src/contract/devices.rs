//! One session for each device, and which devices are remembered.

use super::Harness;
use super::support::*;
use crate::{
    Config, EndReason, EventKind, KnownDevices, LimitPolicy, RevokeReason, SessionStore, Update,
};

fn remember(max_per_user: u32, seconds_long: u64) -> Config {
    Config {
        known_devices: KnownDevices {
            max_per_user,
            retention: seconds(seconds_long),
        },
        ..Config::default()
    }
}

/// A login from the same device takes the place of the one before.
pub async fn a_login_from_the_same_device_replaces<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let first = login(&store, device("a")).await;
    let other = login(&store, device("b")).await;
    harness.advance(ms(1)).await;
    let second = login(&store, device("a")).await;

    assert_eq!(ended_ids(&second.ended), [first.session.id]);
    assert_eq!(second.ended[0].reason, EndReason::Replaced);
    assert_eq!(second.ended[0].ended_at, second.session.created_at);
    assert_eq!(second.ended[0].created_at, first.session.created_at);
    assert_eq!(second.session.fingerprint, first.session.fingerprint);
    assert_ne!(second.session.fingerprint, other.session.fingerprint);
    assert_gone(&store, &user(), &first.token).await;
    let tokens = [&first.token, &second.token, &other.token];
    assert_eq!(assert_consistent(&store, &user(), tokens).await.len(), 2);
}

/// Another user's device is another device, whatever its fingerprint.
pub async fn a_device_is_one_users<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mine = login(&store, device("a")).await;
    let others = login(&store, device_of(other_user(), "a")).await;
    assert_eq!(others.new_device, Some(true));
    assert!(others.ended.is_empty());
    assert_alive(&store, &mine.token).await;
    assert_alive(&store, &others.token).await;
}

/// What has no fingerprint is no device that could be recognised.
pub async fn without_a_fingerprint_nothing_is_replaced<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let first = login(&store, plain()).await;
    let second = login(&store, plain()).await;
    let third = login(&store, device("a")).await;
    for login in [&first, &second] {
        assert_eq!(login.new_device, None);
        assert!(login.ended.is_empty());
        assert_alive(&store, &login.token).await;
    }
    assert!(third.ended.is_empty());
    assert_eq!(count(&store, &user()).await, 3);
}

/// The session itself says whether its device was new, and whether it has moved to another one.
pub async fn a_session_says_whether_its_device_was_new<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut events = store.events().await.expect("events");
    let none = login(&store, plain()).await.session;
    assert_eq!((none.new_device, none.device_changed), (None, false));
    let known = login(&store, device("a")).await.session;
    assert_eq!(
        (known.new_device, known.device_changed),
        (Some(true), false)
    );
    let again = login(&store, device("a")).await.session;
    assert_eq!(
        (again.new_device, again.device_changed),
        (Some(false), false)
    );
    assert_eq!(get(&store, again.id).await, Some(again));

    // What is told of a device that none was known of moves the session nowhere.
    let mut session = none;
    for (fingerprint, new_device, device_changed) in [
        ("b", true, false),
        ("b", true, false),
        ("c", true, true),
        ("b", false, true),
        ("b", false, true),
    ] {
        harness.advance(ms(1)).await;
        let update = Update {
            fingerprint: Some(fingerprint.into()),
            ..Update::default()
        };
        let updated = store.update(&session, update).await.expect("update");
        session = updated.expect("it is there").session;
        assert_eq!(session.new_device, Some(new_device), "{fingerprint}");
        assert_eq!(session.device_changed, device_changed, "{fingerprint}");
        assert_eq!(get(&store, session.id).await.as_ref(), Some(&session));
    }
    assert_eq!(
        touch(&store, session.id).await.map(|it| it.device_changed),
        Some(true)
    );
    let moved = heard(&store, &mut events).await.into_iter();
    let moved = moved.filter_map(|event| match event.kind {
        EventKind::DeviceChanged { new_device } => Some((event.session_id, new_device)),
        _ => None,
    });
    let moved: Vec<_> = moved.collect();
    assert_eq!(moved, [(session.id, true), (session.id, false)]);
}

/// A device is new the first time; afterwards it is known, however its session ended.
pub async fn a_device_is_new_once<H: Harness>(harness: &H) {
    let config = Config {
        absolute_timeout: seconds(60),
        ..limited(2, LimitPolicy::EvictOldest)
    };
    let store = harness.store(config).await;
    let a = login(&store, device("a")).await;
    assert_eq!(a.new_device, Some(true));
    let replaced = login(&store, device("a")).await;
    assert_eq!(replaced.new_device, Some(false));
    let revoked = store
        .revoke(replaced.session.id, RevokeReason::Revoked)
        .await;
    assert!(revoked.expect("revoke").is_some());
    let again = login(&store, device("a")).await;
    assert_eq!(again.new_device, Some(false));
    let out = store.revoke_token(&again.token, RevokeReason::Logout).await;
    assert!(out.expect("revoke_token").is_some());

    let evicted = logins(harness, &store, ["a", "b", "c"].map(device)).await;
    let new: Vec<_> = evicted.iter().map(|login| login.new_device).collect();
    assert_eq!(new, [Some(false), Some(true), Some(true)]);
    assert_eq!(ended_ids(&evicted[2].ended), [evicted[0].session.id]);
    assert_eq!(login(&store, device("a")).await.new_device, Some(false));
    harness.advance(seconds(61)).await;
    for fingerprint in ["a", "b", "c"] {
        let expired = login(&store, device(fingerprint)).await;
        assert_eq!(expired.new_device, Some(false), "{fingerprint}");
    }
}

/// A device is remembered for its retention after its session was ended, to the millisecond.
pub async fn a_device_is_forgotten_after_its_retention<H: Harness>(harness: &H) {
    let store = harness.store(remember(50, 60)).await;
    for user in [user(), other_user()] {
        login(&store, device_of(user.clone(), "a")).await;
        let all = store.revoke_all(&user, RevokeReason::Revoked).await;
        assert_eq!(all.expect("revoke_all").count, 1);
    }
    harness.advance(seconds(60)).await;
    assert_eq!(login(&store, device("a")).await.new_device, Some(false));
    harness.advance(ms(1)).await;
    let too_late = login(&store, device_of(other_user(), "a")).await;
    assert_eq!(too_late.new_device, Some(true));
}

/// Of a session that expired, the device's retention begins with the expiry.
pub async fn an_expired_sessions_device_is_remembered_from_its_expiry<H: Harness>(harness: &H) {
    let config = Config {
        absolute_timeout: seconds(100),
        ..remember(50, 60)
    };
    let store = harness.store(config).await;
    for user in [user(), other_user()] {
        login(&store, device_of(user, "a")).await;
    }
    harness.advance(seconds(160)).await;
    assert_eq!(login(&store, device("a")).await.new_device, Some(false));
    harness.advance(ms(1)).await;
    let too_late = login(&store, device_of(other_user(), "a")).await;
    assert_eq!(too_late.new_device, Some(true));
}

/// A touch and a rotation keep the device known for longer, as they do the session.
pub async fn activity_keeps_a_device_known<H: Harness>(harness: &H) {
    let config = Config {
        idle_timeout: Some(seconds(100)),
        touch_interval: seconds(10),
        known_devices: remember(50, 60).known_devices,
        ..Config::default()
    };
    let store = harness.store(config).await;
    let mine = login(&store, device("a")).await;
    let others = login(&store, device_of(other_user(), "a")).await;
    harness.advance(seconds(80)).await;
    assert!(touch(&store, mine.session.id).await.is_some());
    let rotated = store.rotate(&others.token).await.expect("rotate");
    assert!(rotated.is_some());
    harness.advance(seconds(160)).await;
    assert_eq!(login(&store, device("a")).await.new_device, Some(false));
    harness.advance(ms(1)).await;
    let too_late = login(&store, device_of(other_user(), "a")).await;
    assert_eq!(too_late.new_device, Some(true));
}

/// Of the devices without a session, those that ran out first make room.
pub async fn only_so_many_past_devices_are_remembered<H: Harness>(harness: &H) {
    let store = harness.store(remember(3, 3600)).await;
    let names = ["f", "b", "h", "a", "g", "c", "e", "d"];
    let all = logins(harness, &store, names.map(device)).await;
    // They run out in another order than they came.
    for i in [4, 1, 6, 0, 7, 3, 5, 2] {
        harness.advance(ms(1)).await;
        let revoked = store.revoke(all[i].session.id, RevokeReason::Revoked).await;
        assert!(revoked.expect("revoke").is_some());
    }
    login(&store, device("z")).await;
    for (i, is_new) in [(3, false), (5, false), (2, false), (4, true), (7, true)] {
        let login = login(&store, device(names[i])).await;
        assert_eq!(login.new_device, Some(is_new), "{}", names[i]);
    }
}

/// Devices in use don't count towards the bound, and are never forgotten.
pub async fn devices_in_use_need_no_room<H: Harness>(harness: &H) {
    let store = harness.store(remember(1, 3600)).await;
    let past = login(&store, device("past")).await;
    logins(harness, &store, ["a", "b", "c"].map(device)).await;
    let revoked = store.revoke(past.session.id, RevokeReason::Revoked).await;
    assert!(revoked.expect("revoke").is_some());
    login(&store, device("d")).await;
    assert_eq!(login(&store, device("past")).await.new_device, Some(false));
    harness.advance(seconds(7200)).await;
    for fingerprint in ["a", "b", "c", "d"] {
        let login = login(&store, device(fingerprint)).await;
        assert_eq!(login.new_device, Some(false), "{fingerprint}");
        assert_eq!(login.ended.len(), 1, "{fingerprint}");
    }
}

/// The device that logs in is known by what was remembered before it did.
pub async fn a_device_that_comes_back_needs_no_room<H: Harness>(harness: &H) {
    let store = harness.store(remember(1, 3600)).await;
    let both = logins(harness, &store, ["a", "b"].map(device)).await;
    for login in &both {
        harness.advance(ms(1)).await;
        let revoked = store.revoke(login.session.id, RevokeReason::Revoked).await;
        assert!(revoked.expect("revoke").is_some());
    }
    assert_eq!(login(&store, device("a")).await.new_device, Some(false));
    assert_eq!(login(&store, device("b")).await.new_device, Some(false));
}
