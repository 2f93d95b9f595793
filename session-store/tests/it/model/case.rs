//! What is tried: configurations, and sequences of calls with time between them.

use std::net::IpAddr;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use session_store::{
    Config, Data, Device, History, KnownDevices, Limit, LimitPolicy, NewSession, RevokeReason,
    Update, UserId,
};

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) config: Config,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) wait: Wait,
    pub(super) call: Call,
}

/// How much time passes before a call; at least a millisecond, so that no two calls tie.
#[derive(Clone, Debug)]
pub(super) enum Wait {
    Ms(u64),
    /// Until a moment when something is due by the model, counted from the next one; one
    /// millisecond before it, in it, or one after it.
    Until {
        moment: usize,
        offset: i64,
    },
}

/// Sessions and tokens are counted from the newest there has been, so that a call mostly meets a
/// session that lives.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Create(New),
    /// More sessions than are listed newest first, and two pages of them.
    Crowd {
        user: usize,
    },
    Validate {
        token: usize,
        address: Option<usize>,
    },
    Peek {
        token: usize,
    },
    Get {
        session: usize,
    },
    Touch {
        session: usize,
        address: Option<usize>,
    },
    /// By what a create or an update answered before.
    Update {
        answer: usize,
        change: Change,
    },
    Rotate {
        token: usize,
    },
    /// A page, and the one that follows it.
    List {
        user: usize,
        limit: usize,
        include_ended: bool,
        go_on: bool,
    },
    Count {
        user: usize,
    },
    Revoke {
        session: usize,
        reason: RevokeReason,
    },
    RevokeToken {
        token: usize,
        reason: RevokeReason,
    },
    RevokeOthers {
        session: usize,
        reason: RevokeReason,
    },
    RevokeAll {
        user: usize,
        reason: RevokeReason,
    },
}

#[derive(Clone, Debug)]
pub(super) struct New {
    pub(super) user: usize,
    pub(super) fingerprint: Option<&'static str>,
    pub(super) timeout: Option<u64>,
    pub(super) username: Option<String>,
    pub(super) ip_address: Option<&'static str>,
    pub(super) data: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) fingerprint: Option<&'static str>,
    pub(super) username: Option<String>,
    pub(super) role: Option<String>,
    pub(super) ip_address: Option<&'static str>,
    pub(super) data: Option<Vec<u8>>,
}

/// The text of a user id, and whether it goes in as a number; two of them are one user.
pub(super) const USERS: [(&str, bool); 4] = [
    ("74", true),
    ("74", false),
    ("{a} b:ü", false),
    ("c", false),
];

pub(super) const ADDRESSES: [&str; 4] =
    ["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "2001:db8::1"];

const FINGERPRINTS: [&str; 4] = ["a", "b", "c", "d"];

pub(super) fn cases() -> impl Strategy<Value = Case> {
    (config(), vec(step(), 1..60)).prop_map(|(config, steps)| Case { config, steps })
}

/// Times are short and few, so that they meet.
fn config() -> impl Strategy<Value = Config> {
    let time = || prop::sample::select(vec![10, 30, 100, 1000, 100_000]).prop_map(ms);
    let idle = prop::sample::select(vec![None, Some(20), Some(100), Some(100_000)]);
    let touch_interval = prop::sample::select(vec![0, 1, 10, 40]).prop_map(ms);
    let history = option::weighted(0.8, (0..4_u32, time()));
    let devices = (1..4_u32, time());
    (time(), idle, touch_interval, limit(), history, devices).prop_map(
        |(absolute_timeout, idle, touch_interval, limit, history, devices)| {
            let idle_timeout = idle.map(ms);
            let most = idle_timeout.map_or(touch_interval, |idle| idle / 2);
            Config {
                absolute_timeout,
                idle_timeout,
                touch_interval: touch_interval.min(most),
                limit,
                history: history.map(|(max_per_user, retention)| History {
                    max_per_user,
                    retention,
                }),
                known_devices: KnownDevices {
                    max_per_user: devices.0,
                    retention: devices.1,
                },
                ..Config::default()
            }
        },
    )
}

fn limit() -> impl Strategy<Value = Option<Limit>> {
    let policies = vec![
        LimitPolicy::EvictOldest,
        LimitPolicy::EvictLeastRecentlyActive,
        LimitPolicy::Reject,
    ];
    let limit = (1..4_u32, prop::sample::select(policies));
    option::weighted(0.6, limit).prop_map(|limit| {
        let (max, policy) = limit?;
        Limit::new(max, policy)
    })
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![
        6 => (1..5_u64).prop_map(Wait::Ms),
        1 => (5..200_u64).prop_map(Wait::Ms),
        2 => (0..8_usize, -1..=1_i64)
            .prop_map(|(moment, offset)| Wait::Until { moment, offset }),
    ];
    (wait, call()).prop_map(|(wait, call)| Step { wait, call })
}

fn call() -> impl Strategy<Value = Call> {
    let user = || 0..USERS.len();
    let recent = || 0..6_usize;
    let address = || option::of(0..ADDRESSES.len());
    let reason = || prop::sample::select(vec![RevokeReason::Logout, RevokeReason::Revoked]);
    let list = (user(), 0..6_usize, any::<bool>(), any::<bool>());
    prop_oneof![
        240 => new().prop_map(Call::Create),
        3 => user().prop_map(|user| Call::Crowd { user }),
        60 => (recent(), address())
            .prop_map(|(token, address)| Call::Validate { token, address }),
        30 => recent().prop_map(|token| Call::Peek { token }),
        30 => recent().prop_map(|session| Call::Get { session }),
        60 => (recent(), address())
            .prop_map(|(session, address)| Call::Touch { session, address }),
        80 => (recent(), change())
            .prop_map(|(answer, change)| Call::Update { answer, change }),
        60 => recent().prop_map(|token| Call::Rotate { token }),
        120 => list.prop_map(|(user, limit, include_ended, go_on)| {
            Call::List { user, limit, include_ended, go_on }
        }),
        30 => user().prop_map(|user| Call::Count { user }),
        40 => (recent(), reason())
            .prop_map(|(session, reason)| Call::Revoke { session, reason }),
        40 => (recent(), reason())
            .prop_map(|(token, reason)| Call::RevokeToken { token, reason }),
        20 => (recent(), reason())
            .prop_map(|(session, reason)| Call::RevokeOthers { session, reason }),
        20 => (user(), reason())
            .prop_map(|(user, reason)| Call::RevokeAll { user, reason }),
    ]
}

fn new() -> impl Strategy<Value = New> {
    let timeout = option::weighted(0.3, prop::sample::select(vec![1, 5, 30, 100, 5000]));
    let parts = (0..USERS.len(), fingerprint(), timeout, text(), ip_address());
    (parts, vec(any::<u8>(), 0..4)).prop_map(|(parts, data)| {
        let (user, fingerprint, timeout, username, ip_address) = parts;
        New {
            user,
            fingerprint,
            timeout,
            username,
            ip_address,
            data,
        }
    })
}

fn change() -> impl Strategy<Value = Change> {
    let data = option::of(vec![any::<u8>(); 2]);
    (fingerprint(), text(), text(), ip_address(), data).prop_map(
        |(fingerprint, username, role, ip_address, data)| Change {
            fingerprint,
            username,
            role,
            ip_address,
            data,
        },
    )
}

fn fingerprint() -> impl Strategy<Value = Option<&'static str>> {
    option::weighted(0.6, prop::sample::select(FINGERPRINTS.to_vec()))
}

fn text() -> impl Strategy<Value = Option<String>> {
    option::of("[a-z\u{e9}]{0,3}")
}

fn ip_address() -> impl Strategy<Value = Option<&'static str>> {
    let texts = [ADDRESSES.as_slice(), &["unknown"]].concat();
    option::of(prop::sample::select(texts))
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn user_id(user: usize) -> UserId {
    match USERS[user] {
        (text, true) => UserId::from(text.parse::<u64>().expect("a number")),
        (text, false) => UserId::new(text).expect("a user id"),
    }
}

pub(super) fn ip(address: Option<usize>) -> Option<IpAddr> {
    address.map(|address| ADDRESSES[address].parse().expect("an address"))
}

pub(super) fn to_create(new: &New) -> NewSession {
    let mut create = NewSession::new(user_id(new.user));
    create.fingerprint = new.fingerprint.map(Into::into);
    create.absolute_timeout = new.timeout.map(ms);
    create.username.clone_from(&new.username);
    create.device.ip_address = new.ip_address.map(Into::into);
    create.data = Data::from_bytes(new.data.clone());
    create
}

pub(super) fn to_update(change: &Change) -> Update {
    Update {
        device: change.ip_address.map(|text| Device {
            ip_address: Some(text.into()),
            ..Device::default()
        }),
        fingerprint: change.fingerprint.map(Into::into),
        username: change.username.clone(),
        role: change.role.clone(),
        data: change.data.clone().map(Data::from_bytes),
    }
}
