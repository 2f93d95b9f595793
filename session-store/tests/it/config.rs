//! Settings that don't make sense are refused, by name.

use std::time::Duration;

use session_store::{
    Config, History, KnownDevices, Limit, LimitPolicy, MemoryStore, Pepper, limits,
};

#[test]
fn a_setting_that_makes_no_sense_is_named() {
    type Spoil = fn(&mut Config);
    let spoils: [(&str, Spoil); 9] = [
        ("absolute_timeout", |config| {
            config.absolute_timeout = Duration::ZERO
        }),
        ("absolute_timeout", |config| {
            config.absolute_timeout = Duration::MAX
        }),
        ("idle_timeout", |config| {
            config.touch_interval = Duration::ZERO;
            config.idle_timeout = Some(Duration::ZERO);
        }),
        ("touch_interval", |config| {
            config.idle_timeout = Some(Duration::from_secs(119))
        }),
        ("limit.max", |config| {
            config.limit = Limit::new(Limit::MAX + 1, LimitPolicy::Reject)
        }),
        ("history.retention", |config| {
            config.history = Some(History {
                retention: Duration::ZERO,
                ..History::default()
            });
        }),
        ("history.max_per_user", |config| {
            let max_per_user = History::MAX_PER_USER + 1;
            config.history = Some(History {
                max_per_user,
                ..History::default()
            });
        }),
        ("known_devices.max_per_user", |config| {
            let max_per_user = KnownDevices::MAX_PER_USER + 1;
            config.known_devices = KnownDevices {
                max_per_user,
                ..KnownDevices::default()
            };
        }),
        ("max_data_bytes", |config| {
            config.max_data_bytes = limits::DATA_BYTES + 1
        }),
    ];
    assert!(Config::default().check().is_ok());
    for (field, spoil) in spoils {
        let mut config = Config::default();
        spoil(&mut config);
        assert_eq!(config.check().unwrap_err().field, field);
        // A store is never made with it.
        let error = MemoryStore::new(config).unwrap_err();
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

#[test]
fn a_short_pepper_is_refused_and_none_is_shown() {
    assert!(Pepper::new(*b"15 bytes, sadly").is_err());
    let pepper = Pepper::new(*b"16 bytes, enough").unwrap();
    assert_eq!(format!("{pepper:?}"), "Pepper(…)");
}
