//! What a session is created with, and what can't be stored.

use super::Harness;
use super::support::*;
use crate::{
    Config, Data, Device, Error, List, NewSession, RevokeReason, SessionStore, Update, UserId,
    limits,
};

/// A session of which everything is said.
fn full() -> NewSession {
    let mut new = device("a1b2c3");
    new.username = Some("Zoë Ångström".into());
    new.role = Some("admin".into());
    new.device = Device {
        name: Some("Chrome on Windows 10".into()),
        device_type: Some("web".into()),
        browser: Some("Chrome".into()),
        ip_address: Some("192.168.1.1".into()),
    };
    new.data = Data::from_bytes(*b"{\"cart\":[7]}");
    new
}

/// Every way to read a session gives every field back.
pub async fn a_session_keeps_what_it_was_created_with<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let new = full();
    let login = login(&store, new.clone()).await;
    let session = login.session;
    assert_eq!(session.user_id, new.user_id);
    assert_eq!(session.username, new.username);
    assert_eq!(session.role, new.role);
    assert_eq!(session.device, new.device);
    assert_eq!(session.data, new.data);
    assert!(session.fingerprint.is_some());
    assert_eq!(session.revision, 0);
    assert_eq!(session.last_activity, session.created_at);
    let absolute = store.config().absolute_timeout;
    assert_eq!(
        session.expires_at,
        session.created_at.saturating_add(absolute)
    );
    assert!(login.ended.is_empty());

    harness.advance(ms(1)).await;
    assert_eq!(peek(&store, &login.token).await.as_ref(), Some(&session));
    assert_eq!(get(&store, session.id).await.as_ref(), Some(&session));
    assert_eq!(listed(&store, &user()).await, [session]);
}

/// What isn't said isn't there; what is said to be empty is empty.
pub async fn a_field_that_is_not_said_stays_so<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let nothing = login(&store, plain()).await;
    let session = peek(&store, &nothing.token).await.expect("it is alive");
    assert_eq!((&session.username, &session.role), (&None, &None));
    assert_eq!(session.device, Device::default());
    assert_eq!(session.fingerprint, None);
    assert!(session.data.is_empty());

    let mut empty = plain();
    empty.username = Some(String::new());
    empty.device.browser = Some(String::new());
    let empty = login(&store, empty).await;
    let session = peek(&store, &empty.token).await.expect("it is alive");
    assert_eq!(session.username.as_deref(), Some(""));
    assert_eq!(session.role, None);
    assert_eq!(session.device.browser.as_deref(), Some(""));
    assert_eq!(session.device.name, None);
}

/// Each field with its limit in characters, and how to set it.
type Field = (&'static str, usize, fn(&mut NewSession, String));

const FIELDS: [Field; 7] = [
    ("device_name", limits::DEVICE_NAME_CHARS, |new, text| {
        new.device.name = Some(text);
    }),
    ("device_type", limits::DEVICE_TYPE_CHARS, |new, text| {
        new.device.device_type = Some(text);
    }),
    ("browser", limits::BROWSER_CHARS, |new, text| {
        new.device.browser = Some(text);
    }),
    ("ip_address", limits::IP_ADDRESS_CHARS, |new, text| {
        new.device.ip_address = Some(text);
    }),
    ("username", limits::USERNAME_CHARS, |new, text| {
        new.username = Some(text);
    }),
    ("role", limits::ROLE_CHARS, |new, text| {
        new.role = Some(text)
    }),
    (
        "device_fingerprint",
        limits::FINGERPRINT_CHARS,
        |new, text| {
            new.fingerprint = Some(text);
        },
    ),
];

/// The same fields, to an update.
fn as_update(new: NewSession) -> Update {
    Update {
        device: Some(new.device),
        fingerprint: new.fingerprint,
        username: new.username,
        role: new.role,
        data: Some(new.data),
    }
}

/// Limits count characters, not bytes.
pub async fn a_field_may_be_as_long_as_its_limit<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut new = plain();
    for (_, chars, set) in FIELDS {
        set(&mut new, "\u{1f980}".repeat(chars));
    }
    let created = login(&store, new.clone()).await;
    let session = peek(&store, &created.token).await.expect("it is alive");
    assert_eq!(session.device, new.device);
    assert_eq!(
        (&session.username, &session.role),
        (&new.username, &new.role)
    );

    let bare = login(&store, plain()).await.session;
    let updated = store.update(&bare, as_update(new.clone())).await;
    let updated = updated.expect("update").expect("it is alive");
    assert_eq!(updated.session.device, new.device);
    assert_eq!(get(&store, bare.id).await, Some(updated.session));
}

/// A create with a field that is too long is refused by the field's name, and does nothing.
pub async fn a_field_that_is_too_long_is_named<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    for (field, chars, set) in FIELDS {
        let mut new = plain();
        set(&mut new, "x".repeat(chars + 1));
        assert_eq!(refused_field(store.create(new).await), field);
    }
    let mut new = plain();
    new.fingerprint = Some(String::new());
    assert_eq!(refused_field(store.create(new).await), "device_fingerprint");
    for timeout in [ms(0), limits::TIMEOUT + ms(1)] {
        let mut new = plain();
        new.absolute_timeout = Some(timeout);
        assert_eq!(refused_field(store.create(new).await), "absolute_timeout");
    }
    let page = page(&store, &user(), List::default()).await;
    assert!(page.sessions.is_empty());
    assert!(!page.known_user);
}

/// An update with a field that is too long is refused by the field's name, and does nothing.
pub async fn an_update_that_is_too_long_is_named<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let login = login(&store, full()).await;
    for (field, chars, set) in FIELDS {
        let mut new = plain();
        set(&mut new, "x".repeat(chars + 1));
        let refused = store.update(&login.session, as_update(new)).await;
        assert_eq!(refused_field(refused), field);
    }
    let mut new = plain();
    new.fingerprint = Some(String::new());
    let refused = store.update(&login.session, as_update(new)).await;
    assert_eq!(refused_field(refused), "device_fingerprint");
    assert_eq!(peek(&store, &login.token).await, Some(login.session));
}

fn refused_field<T>(result: Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Invalid(invalid)) => invalid.field,
        Err(error) => panic!("refused for another reason: {error}"),
        Ok(_) => panic!("not refused"),
    }
}

/// Application data is bytes, as many as the configuration allows.
pub async fn data_may_be_any_bytes_up_to_the_bound<H: Harness>(harness: &H) {
    let config = Config {
        max_data_bytes: 1000,
        ..Config::default()
    };
    let store = harness.store(config).await;
    let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let mut new = plain();
    new.data = Data::from_bytes(bytes.clone());
    let login = login(&store, new.clone()).await;
    let session = peek(&store, &login.token).await.expect("it is alive");
    assert_eq!(session.data.as_bytes(), bytes);

    new.data = Data::from_bytes([bytes, vec![0]].concat());
    let update = as_update(new.clone());
    assert_eq!(refused_field(store.create(new).await), "data");
    assert_eq!(refused_field(store.update(&session, update).await), "data");
    assert_eq!(listed(&store, &user()).await, [session]);
}

/// The largest record that any configuration allows.
pub async fn data_may_be_as_large_as_any_configuration_allows<H: Harness>(harness: &H) {
    let config = Config {
        max_data_bytes: limits::DATA_BYTES,
        ..Config::default()
    };
    let store = harness.store(config).await;
    let mut new = full();
    new.data = Data::from_bytes(vec![0xa5; limits::DATA_BYTES]);
    let login = login(&store, new).await;
    assert_eq!(
        peek(&store, &login.token).await,
        Some(login.session.clone())
    );
    assert_eq!(listed(&store, &user()).await, [login.session]);
}

/// `74` and `"74"` are one user, and each session goes out with the type it came in with.
pub async fn a_user_id_keeps_its_type_and_is_one_user<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let (number, text) = (UserId::from(74), UserId::new("74").expect("a user id"));
    let first = login(&store, NewSession::new(number.clone())).await;
    harness.advance(ms(1)).await;
    let second = login(&store, device_of(text.clone(), "a")).await;
    assert!(
        get(&store, first.session.id)
            .await
            .expect("alive")
            .user_id
            .is_number()
    );
    assert!(
        !get(&store, second.session.id)
            .await
            .expect("alive")
            .user_id
            .is_number()
    );

    for user in [&number, &text] {
        let types: Vec<bool> = listed(&store, user)
            .await
            .iter()
            .map(|session| session.user_id.is_number())
            .collect();
        assert_eq!(types, [false, true]);
        assert_eq!(count(&store, user).await, 2);
    }
    let third = login(&store, device_of(number, "a")).await;
    assert_eq!(third.new_device, Some(false));
    assert_eq!(ended_ids(&third.ended), [second.session.id]);
    assert!(!third.ended[0].user_id.is_number());
    let all = store.revoke_all(&text, RevokeReason::Revoked).await;
    assert_eq!(all.expect("revoke_all").count, 2);
    let types: Vec<bool> = ended(&store, &text)
        .await
        .iter()
        .map(|ended| ended.user_id.is_number())
        .collect();
    assert_eq!(types.iter().filter(|is_number| **is_number).count(), 2);
    assert_eq!(types.len(), 3);
}

/// What a key of some store might stumble over.
const ODD_USER_IDS: [&str; 29] = [
    "a",
    "A",
    " a",
    "a ",
    "a b",
    "{a}",
    "{",
    "}",
    "{}",
    "}{",
    "{a",
    "a:s:b",
    "a:u",
    ":",
    "*",
    "?",
    "[a]",
    "\\",
    "\"",
    "'",
    "%00",
    "é",
    "e\u{301}",
    "\u{1f980}",
    "ユーザー",
    "-74",
    "074",
    "74.0",
    "18446744073709551616",
];

/// A user id may be any text; each is a user of its own.
pub async fn user_ids_of_any_shape_are_kept_apart<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut users: Vec<UserId> = ODD_USER_IDS
        .into_iter()
        .map(|text| UserId::new(text).expect("a user id"))
        .collect();
    let long = "\u{1f980}".repeat(UserId::MAX_CHARS - 1);
    users.push(UserId::new(format!("{long}a")).expect("a user id"));
    users.push(UserId::new(format!("{long}b")).expect("a user id"));
    users.extend([i64::MIN, 0].map(UserId::from));
    users.push(UserId::from(u64::MAX));

    let mut tokens = Vec::new();
    for user in &users {
        let login = login(&store, device_of(user.clone(), "a")).await;
        assert_eq!(login.new_device, Some(true), "{user:?}");
        tokens.push(login.token);
    }
    for (user, token) in users.iter().zip(&tokens) {
        let session = peek(&store, token).await.expect("it is alive");
        assert_eq!(session.user_id.as_str(), user.as_str());
        assert_eq!(session.user_id.is_number(), user.is_number());
        assert_eq!(listed(&store, user).await, [session]);
        let all = store.revoke_all(user, RevokeReason::Revoked).await;
        assert_eq!(all.expect("revoke_all").count, 1);
        assert_gone(&store, user, token).await;
        assert_eq!(ended_ids(&ended(&store, user).await), [token.id()]);
    }
}
