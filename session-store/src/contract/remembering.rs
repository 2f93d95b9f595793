//! What is kept of sessions that have ended, and of the users who had them.

use super::Harness;
use super::support::*;
use crate::{
    Config, Device, EndReason, History, KnownDevices, LimitPolicy, List, RevokeReason, SessionId,
    SessionStore, Update,
};

fn history(max_per_user: u32, seconds_long: u64) -> Config {
    Config {
        history: Some(History {
            max_per_user,
            retention: seconds(seconds_long),
        }),
        ..Config::default()
    }
}

async fn revoke(store: &impl SessionStore, id: SessionId) {
    let revoked = store.revoke(id, RevokeReason::Revoked).await;
    assert!(revoked.expect("revoke").is_some());
}

/// The history says of every session why it ended, and when.
pub async fn the_history_tells_why_a_session_ended<H: Harness>(harness: &H) {
    let config = Config {
        absolute_timeout: seconds(1000),
        ..limited(2, LimitPolicy::EvictOldest)
    };
    let store = harness.store(config).await;
    let all = logins(harness, &store, ["a", "b", "c", "c"].map(device)).await;
    let [evicted, revoked, replaced, out] = [0, 1, 2, 3].map(|i| all[i].session.id);
    harness.advance(ms(1)).await;
    revoke(&store, revoked).await;
    harness.advance(ms(1)).await;
    let logout = store
        .revoke_token(&all[3].token, RevokeReason::Logout)
        .await;
    assert!(logout.expect("revoke_token").is_some());
    let expired = login(&store, plain()).await.session;
    harness.advance(seconds(5000)).await;

    let ended = ended(&store, &user()).await;
    let reasons: Vec<_> = ended.iter().map(|ended| (ended.id, ended.reason)).collect();
    let expected = [
        (expired.id, EndReason::Expired),
        (out, EndReason::Logout),
        (revoked, EndReason::Revoked),
        (replaced, EndReason::Replaced),
        (evicted, EndReason::Evicted),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(ended[0].ended_at, expired.expires_at);
    assert_eq!(ended[4].ended_at, all[2].session.created_at);
    assert_eq!(ended[3].ended_at, all[3].session.created_at);
}

/// The history describes the session as it was last.
pub async fn the_history_keeps_what_the_session_was<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    let login = login(&store, device("a")).await;
    let update = Update {
        device: Some(Device {
            name: Some("Firefox on Linux".into()),
            ip_address: Some("2001:db8::1".into()),
            ..Device::default()
        }),
        username: Some("Zoë".into()),
        role: Some("admin".into()),
        ..Update::default()
    };
    let updated = store.update(&login.session, update).await.expect("update");
    let session = updated.expect("it is alive").session;
    harness.advance(seconds(60)).await;
    let touched = touch(&store, session.id).await.expect("it is alive");
    harness.advance(seconds(4000)).await;

    let ended = ended(&store, &user()).await;
    assert_eq!(ended.len(), 1);
    assert_eq!((ended[0].id, &ended[0].user_id), (session.id, &user()));
    assert_eq!(ended[0].username, session.username);
    assert_eq!(ended[0].role, session.role);
    assert_eq!(ended[0].device, session.device);
    assert_eq!(ended[0].created_at, session.created_at);
    assert_eq!(ended[0].last_activity, touched.last_activity);
    assert_eq!(ended[0].ended_at, touched.expires_at);
}

/// Of more ended sessions than are kept, those that ended last are.
pub async fn the_history_keeps_the_last_to_end<H: Harness>(harness: &H) {
    let store = harness.store(history(3, 3600)).await;
    let all = logins(harness, &store, (0..6).map(|_| plain())).await;
    let mut kept = Vec::new();
    for i in [2, 5, 0, 4, 1] {
        harness.advance(ms(1)).await;
        revoke(&store, all[i].session.id).await;
        kept.insert(0, all[i].session.id);
        kept.truncate(3);
        assert_eq!(ended_ids(&ended(&store, &user()).await), kept);
    }
}

/// Sessions that expired unnoticed take their places in the order of their expiry.
pub async fn the_history_orders_by_the_moment_of_expiry<H: Harness>(harness: &H) {
    let store = harness.store(history(3, 3600)).await;
    let mut all = Vec::new();
    for after in [30, 10, 50, 20, 40] {
        let mut new = plain();
        new.absolute_timeout = Some(seconds(after));
        all.push(login(&store, new).await.session);
    }
    harness.advance(seconds(100)).await;
    let expected: Vec<_> = [2, 4, 0].map(|i| all[i].id).to_vec();
    let ended = ended(&store, &user()).await;
    assert_eq!(ended_ids(&ended), expected);
    assert_eq!(ended[1].ended_at, all[4].expires_at);
}

/// An ended session is listed for the retention, to the millisecond.
pub async fn the_history_is_kept_for_its_retention<H: Harness>(harness: &H) {
    let store = harness.store(history(10, 60)).await;
    let revoked = login(&store, plain()).await.session.id;
    let mut short = plain();
    short.absolute_timeout = Some(seconds(30));
    let expired = login(&store, short).await.session.id;
    revoke(&store, revoked).await;
    for (after, listed) in [
        (seconds(60), vec![expired, revoked]),
        (ms(1), vec![expired]),
        (seconds(30) - ms(1), vec![expired]),
        (ms(1), vec![]),
    ] {
        harness.advance(after).await;
        assert_eq!(ended_ids(&ended(&store, &user()).await), listed);
    }
}

/// What expired so long ago that its retention has passed too is not listed when it is noticed.
pub async fn the_history_begins_with_the_expiry<H: Harness>(harness: &H) {
    let store = harness.store(history(10, 60)).await;
    let mut ids = Vec::new();
    for after in [30, 31] {
        let mut new = plain();
        new.absolute_timeout = Some(seconds(after));
        ids.push(login(&store, new).await.session.id);
    }
    harness.advance(seconds(91)).await;
    assert_eq!(ended_ids(&ended(&store, &user()).await), [ids[1]]);
}

/// Without a history nothing is kept of an ended session; its device and its user are known.
pub async fn without_a_history_nothing_is_kept<H: Harness>(harness: &H) {
    for history in [None, history(0, 3600).history] {
        let config = Config {
            history,
            ..Config::default()
        };
        let store = harness.store(config).await;
        let mut short = plain();
        short.absolute_timeout = Some(seconds(1));
        login(&store, short).await;
        let login = login(&store, device("a")).await;
        revoke(&store, login.session.id).await;
        harness.advance(seconds(2)).await;
        let list = List {
            include_ended: true,
            ..List::default()
        };
        let page = page(&store, &user(), list).await;
        assert!(page.ended.is_empty());
        assert_eq!(page.next, None);
        assert!(page.known_user);
    }
}

/// Each user has a history of his own.
pub async fn the_history_is_each_users_own<H: Harness>(harness: &H) {
    let store = harness.store(history(1, 3600)).await;
    let mine = login(&store, device("a")).await.session.id;
    let others = login(&store, device_of(other_user(), "a")).await.session.id;
    revoke(&store, mine).await;
    revoke(&store, others).await;
    assert_eq!(ended_ids(&ended(&store, &user()).await), [mine]);
    assert_eq!(ended_ids(&ended(&store, &other_user()).await), [others]);
}

/// A user is known as long as anything is remembered of his sessions' latest expiry.
pub async fn a_user_is_known_for_the_longest_retention<H: Harness>(harness: &H) {
    for (history_seconds, devices_seconds) in [(Some(100), 50), (Some(50), 100), (None, 100)] {
        let config = Config {
            absolute_timeout: seconds(10),
            history: history_seconds.and_then(|long| history(10, long).history),
            known_devices: KnownDevices {
                max_per_user: 10,
                retention: seconds(devices_seconds),
            },
            ..Config::default()
        };
        let store = harness.store(config).await;
        assert!(!is_known(&store, &user()).await);
        let id = login(&store, device("a")).await.session.id;
        assert!(is_known(&store, &user()).await);
        revoke(&store, id).await;
        harness.advance(seconds(110)).await;
        assert!(is_known(&store, &user()).await);
        let all = store.revoke_all(&user(), RevokeReason::Revoked).await;
        assert!(all.expect("revoke_all").known_user);
        harness.advance(ms(1)).await;
        assert!(!is_known(&store, &user()).await);
        let all = store.revoke_all(&user(), RevokeReason::Revoked).await;
        assert!(!all.expect("revoke_all").known_user);
        assert_eq!(login(&store, device("a")).await.new_device, Some(true));
    }
}

/// Activity that puts an expiry off makes the user known for longer.
pub async fn activity_keeps_a_user_known<H: Harness>(harness: &H) {
    let config = Config {
        idle_timeout: Some(seconds(10)),
        touch_interval: seconds(1),
        history: None,
        known_devices: KnownDevices {
            max_per_user: 10,
            retention: seconds(100),
        },
        ..Config::default()
    };
    let store = harness.store(config).await;
    let login = login(&store, plain()).await;
    for _ in 0..2 {
        harness.advance(seconds(8)).await;
        assert!(validate(&store, &login.token).await.is_some());
    }
    let rotated = store.rotate(&login.token).await.expect("rotate");
    assert!(rotated.is_some());
    harness.advance(seconds(110)).await;
    assert!(is_known(&store, &user()).await);
    harness.advance(ms(1)).await;
    assert!(!is_known(&store, &user()).await);
}
