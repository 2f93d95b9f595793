//! Who a token is, and who it isn't.

use super::Harness;
use super::support::*;
use crate::{Config, NewSession, Pepper, RevokeReason, SessionId, SessionStore, Token, Update};

/// Every way to ask for a session answers what its create answered.
pub async fn a_token_and_an_id_lead_to_the_session<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let login = login(&store, plain()).await;
    let session = Some(login.session.clone());
    assert_eq!(login.token.id(), login.session.id);
    assert_eq!(peek(&store, &login.token).await, session);
    assert_eq!(validate(&store, &login.token).await, session);
    assert_eq!(get(&store, login.session.id).await, session);
    assert_eq!(listed(&store, &user()).await, [login.session]);
}

/// A client keeps its token as text.
pub async fn a_token_goes_through_its_text<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let login = login(&store, plain()).await;
    let token = Token::parse(&login.token.expose()).expect("a token");
    assert_eq!(validate(&store, &token).await, Some(login.session));
}

/// The id is public, so it proves nothing: the secret of another session isn't this one's.
pub async fn an_id_with_another_secret_authenticates_nobody<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let (one, two) = (login(&store, plain()).await, login(&store, plain()).await);
    let secret = &two.token.expose()[one.session.id.as_str().len()..];
    let forged = Token::parse(&format!("{}{secret}", one.session.id)).expect("a token");

    assert_eq!(peek(&store, &forged).await, None);
    assert_eq!(validate(&store, &forged).await, None);
    assert!(store.rotate(&forged).await.expect("rotate").is_none());
    let revoked = store.revoke_token(&forged, RevokeReason::Logout).await;
    assert_eq!(revoked.expect("revoke_token"), None);
    assert_alive(&store, &one.token).await;
    assert_alive(&store, &two.token).await;
}

/// Whichever character of a token is another one, it is no token of this session.
pub async fn a_tampered_token_authenticates_nobody<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let login = login(&store, plain()).await;
    let text = login.token.expose();
    let mut tampered = 0;
    for at in 0..text.len() {
        // Far apart in the alphabet, so that the last character changes a bit that counts.
        let other = if text.as_bytes()[at] < b'a' { "z" } else { "A" };
        let mut text = text.clone();
        text.replace_range(at..=at, other);
        if let Ok(token) = Token::parse(&text) {
            tampered += 1;
            assert_eq!(peek(&store, &token).await, None);
            assert_eq!(validate(&store, &token).await, None);
        }
    }
    // Not every last character is one that a token can end with.
    assert!(tampered >= text.len() - 1);
    assert_alive(&store, &login.token).await;
}

/// A token means something to its own store only.
pub async fn a_token_of_another_store_authenticates_nobody<H: Harness>(harness: &H) {
    let (one, two) = (
        harness.store(Config::default()).await,
        harness.store(Config::default()).await,
    );
    let login = login(&one, plain()).await;
    assert_gone(&two, &user(), &login.token).await;
    assert_alive(&one, &login.token).await;
}

/// "There is no such session" is no error.
pub async fn an_unknown_id_is_nothing<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let login = login(&store, plain()).await;
    let mut unknown = login.session.clone();
    unknown.id = {
        let id: String = login.session.id.as_str().chars().rev().collect();
        let id = format!("{}{}", &login.session.id.as_str()[..2], &id[..16]);
        id.parse::<SessionId>().expect("an id")
    };
    let reason = RevokeReason::Revoked;

    assert_eq!(get(&store, unknown.id).await, None);
    assert_eq!(touch(&store, unknown.id).await, None);
    let updated = store.update(&unknown, Update::default()).await;
    assert!(updated.expect("update").is_none());
    let revoked = store.revoke(unknown.id, reason).await;
    assert_eq!(revoked.expect("revoke"), None);
    let others = store.revoke_others(unknown.id, reason).await;
    assert_eq!(others.expect("revoke_others"), None);
    assert_alive(&store, &login.token).await;
}

/// Neither ids nor tokens repeat.
pub async fn every_session_has_its_own_token<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut texts = std::collections::BTreeSet::new();
    let mut ids = Vec::new();
    for _ in 0..50 {
        let login = login(&store, plain()).await;
        ids.push(login.session.id);
        assert!(texts.insert(login.token.expose()));
    }
    assert_eq!(distinct(ids).len(), 50);
}

/// A pepper changes what is stored, and nothing that is seen.
pub async fn a_pepper_is_not_noticed<H: Harness>(harness: &H) {
    let pepper = Pepper::new([7; Pepper::MIN_BYTES]).expect("a pepper");
    let config = Config {
        pepper: Some(pepper),
        ..Config::default()
    };
    let store = harness.store(config).await;
    let first = login(&store, device("a")).await;
    assert_alive(&store, &first.token).await;
    let second = login(&store, device("a")).await;
    assert_eq!(second.new_device, Some(false));
    assert_gone(&store, &user(), &first.token).await;
    let rotated = store.rotate(&second.token).await.expect("rotate");
    assert_alive(&store, &rotated.expect("it is alive").token).await;
}

/// The store answers.
pub async fn a_store_that_serves_says_so<H: Harness>(harness: &H) {
    let config = Config {
        max_data_bytes: 77,
        ..Config::default()
    };
    let store = harness.store(config).await;
    store.ping().await.expect("ping");
    assert_eq!(store.config().max_data_bytes, 77);
    login(&store, NewSession::new(user())).await;
}
