//! Sessions that go by a credential of somebody else's.

use std::sync::Arc;
use std::time::Duration;

use super::Harness;
use super::support::*;
use crate::{
    Config, CreatedFor, Credential, Error, LimitPolicy, NewSession, RevokeReason, Session,
    SessionStore, Standing, Timestamp, UserId, limits,
};

const HOUR: Duration = seconds(3600);

/// The store's time, to the millisecond.
async fn now(store: &impl SessionStore) -> Timestamp {
    let somebody = UserId::new("whoever asks for the time").expect("a user id");
    let login = login(store, NewSession::new(somebody)).await;
    let revoked = store.revoke(login.session.id, RevokeReason::Logout).await;
    revoked.expect("revoke");
    login.session.created_at
}

/// Issued now, for an hour.
async fn single(store: &impl SessionStore, text: &str) -> Credential {
    let now = now(store).await;
    Credential::single(user(), text, now, now.saturating_add(HOUR))
}

/// One of a series, issued now for an hour; another may come within a day after that.
async fn of_series(store: &impl SessionStore, name: &str) -> Credential {
    let now = now(store).await;
    let expires_at = now.saturating_add(HOUR);
    Credential::of_series(user(), name, now, expires_at, 24 * HOUR)
}

async fn standing(store: &impl SessionStore, credential: &Credential) -> Standing {
    store.standing(credential, None).await.expect("standing")
}

async fn create_for(
    store: &impl SessionStore,
    credential: &Credential,
    new: NewSession,
) -> CreatedFor {
    store.create_for(credential, new).await.expect("create for")
}

async fn begin(store: &impl SessionStore, credential: &Credential, new: NewSession) -> Session {
    match create_for(store, credential, new).await {
        CreatedFor::Begun(created) => created.session,
        other => panic!("{other:?}"),
    }
}

async fn assert_over(store: &impl SessionStore, credential: &Credential) {
    assert_eq!(standing(store, credential).await, Standing::Over);
    let again = create_for(store, credential, device("any")).await;
    assert!(matches!(again, CreatedFor::Over), "{again:?}");
    assert_eq!(standing(store, credential).await, Standing::Over);
}

/// It has no session until one is created, which then is as any other.
pub async fn a_credential_has_the_session_that_is_created_for_it<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut credential = single(&store, "a").await;
    credential.username = Some("Zoë".into());
    credential.role = Some("editor".into());
    assert_eq!(standing(&store, &credential).await, Standing::NoSession);
    // What the caller says of the user is not asked for.
    let mut new = device_of(other_user(), "phone");
    new.role = Some("admin".into());
    let session = begin(&store, &credential, new).await;
    assert_eq!(session.user_id, user());
    assert_eq!(session.username, credential.username);
    assert_eq!(session.role, credential.role);
    assert!(session.fingerprint.is_some());
    let live = Standing::Live(session.clone());
    assert_eq!(standing(&store, &credential).await, live);
    assert_eq!(get(&store, session.id).await.as_ref(), Some(&session));
    assert_eq!(listed(&store, &user()).await, [session]);
}

/// Creating again answers the session that there is, also where several do at once.
pub async fn a_credential_has_one_session<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(Config::default()).await);
    let credential = single(&*store, "a").await;
    let all = together(8, |i| {
        let (store, credential) = (Arc::clone(&store), credential.clone());
        async move { create_for(&*store, &credential, device(&format!("{i}"))).await }
    });
    let all = all.await;
    let begun = all.iter().filter_map(|created| match created {
        CreatedFor::Begun(created) => Some(created.session.clone()),
        _ => None,
    });
    let begun: Vec<_> = begun.collect();
    let [session] = &begun[..] else {
        panic!("{all:?}");
    };
    for created in &all {
        match created {
            CreatedFor::Begun(_) => {}
            CreatedFor::Stands(stands) => assert_eq!(stands, session),
            CreatedFor::Over => panic!("{all:?}"),
        }
    }
    assert_eq!(listed(&*store, &user()).await, begun);
}

/// However its session ends, the credential is refused until it expires.
pub async fn a_credential_whose_session_ended_is_over<H: Harness>(harness: &H) {
    let store = harness.store(limited(1, LimitPolicy::EvictOldest)).await;
    let mut over = Vec::new();
    for end in ["logout", "all", "evicted", "replaced"] {
        let credential = single(&store, end).await;
        let id = begin(&store, &credential, device("phone")).await.id;
        harness.advance(ms(1)).await;
        match end {
            "logout" => drop(
                store
                    .revoke(id, RevokeReason::Logout)
                    .await
                    .expect("revoke"),
            ),
            "all" => {
                let all = store.revoke_all(&user(), RevokeReason::Revoked).await;
                assert_eq!(all.expect("revoke all").count, 1);
            }
            "evicted" => drop(login(&store, device("other")).await),
            _ => drop(login(&store, device("phone")).await),
        }
        assert_over(&store, &credential).await;
        assert_eq!(get(&store, id).await, None);
        over.push(credential);
    }
    // Up to the last moment in which the first one of them can come.
    harness.advance(HOUR - ms(5)).await;
    for credential in &over {
        assert_over(&store, credential).await;
    }
    // And for ever after, though nothing is kept of them.
    for by in [ms(4), ms(1), ms(1), HOUR] {
        harness.advance(by).await;
        for credential in &over {
            assert_over(&store, credential).await;
        }
    }
}

/// A session that is kept when all others end keeps its credential.
pub async fn a_credential_of_a_session_that_is_kept_stays_good<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let (kept, other) = (single(&store, "kept").await, single(&store, "other").await);
    let session = begin(&store, &kept, plain()).await;
    begin(&store, &other, plain()).await;
    let others = store.revoke_others(session.id, RevokeReason::Logout).await;
    assert_eq!(others.expect("revoke others"), Some(1));
    assert_eq!(standing(&store, &kept).await, Standing::Live(session));
    assert_over(&store, &other).await;
}

/// A credential that stands for itself ends its session with it: what is listed authenticates.
pub async fn a_session_ends_with_its_single_credential<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let credential = single(&store, "a").await;
    let session = begin(&store, &credential, plain()).await;
    assert_eq!(session.expires_at, session.created_at.saturating_add(HOUR));
    harness.advance(HOUR).await;
    assert_eq!(listed(&store, &user()).await, [session]);
    harness.advance(ms(1)).await;
    assert_eq!(listed(&store, &user()).await, []);
    let created = create_for(&store, &credential, plain()).await;
    assert!(matches!(created, CreatedFor::Over), "{created:?}");
    assert_eq!(listed(&store, &user()).await, []);
}

/// Who does nothing for too long has to log in again; the credential doesn't spare that.
pub async fn an_idle_timeout_ends_a_credential<H: Harness>(harness: &H) {
    let config = Config {
        idle_timeout: Some(seconds(60)),
        touch_interval: Duration::ZERO,
        ..Config::default()
    };
    let store = harness.store(config).await;
    let credential = single(&store, "a").await;
    begin(&store, &credential, plain()).await;
    for _ in 0..3 {
        harness.advance(seconds(59)).await;
        let standing = standing(&store, &credential).await;
        assert!(
            matches!(standing, Standing::Live(_)),
            "it marks the session active"
        );
    }
    harness.advance(seconds(61)).await;
    assert_over(&store, &credential).await;
}

/// The next one of a series keeps the session, and what the newest says of the user goes.
pub async fn a_session_follows_the_newest_of_its_series<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut first = of_series(&store, "sid").await;
    (first.username, first.role) = (Some("Ann".into()), Some("admin".into()));
    let session = begin(&store, &first, plain()).await;
    let absolute = store.config().absolute_timeout;
    assert_eq!(
        session.expires_at,
        session.created_at.saturating_add(absolute)
    );

    harness.advance(seconds(60)).await;
    let mut second = of_series(&store, "sid").await;
    (second.username, second.role) = (Some("Ann Other".into()), None);
    for credential in [&second, &first, &second] {
        let Standing::Live(live) = standing(&store, credential).await else {
            panic!("it is good");
        };
        assert_eq!(live.id, session.id);
        assert_eq!(live.username, second.username);
        assert_eq!(live.role, None);
        assert_eq!(listed(&store, &user()).await, [live]);
    }
}

/// Of an ended session every credential of the series is refused, those that are issued later too, as
/// long as they may be.
pub async fn a_series_stays_over<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let first = of_series(&store, "sid").await;
    let session = begin(&store, &first, plain()).await;
    let revoked = store.revoke(session.id, RevokeReason::Revoked).await;
    assert!(revoked.expect("revoke").is_some());
    // The session would have lived for longer than the first may be renewed.
    harness
        .advance(store.config().absolute_timeout - seconds(60))
        .await;
    let second = of_series(&store, "sid").await;
    assert_over(&store, &second).await;
    // Each that is refused keeps it known for as long as the next may come.
    for _ in 0..3 {
        harness.advance(24 * HOUR).await;
        let next = of_series(&store, "sid").await;
        assert_over(&store, &next).await;
    }
    // What comes later than any could is another session's.
    harness.advance(26 * HOUR).await;
    let another = of_series(&store, "sid").await;
    assert_eq!(standing(&store, &another).await, Standing::NoSession);
}

/// One that is good for longer than the newest is remembered for as long, whether or not its session
/// lives when it is seen.
pub async fn the_longest_of_a_series_is_remembered<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let now = now(&store).await;
    let long = now.saturating_add(1000 * HOUR);
    let older = Timestamp::from_millis(now.as_millis() - 5000);
    for (name, issued_at) in [("older", older), ("as old", now)] {
        let newest = of_series(&store, name).await;
        let session = begin(&store, &newest, plain()).await;
        let longest = Credential::of_series(user(), name, issued_at, long, HOUR);
        assert!(matches!(
            standing(&store, &longest).await,
            Standing::Live(_)
        ));
        let revoked = store.revoke(session.id, RevokeReason::Logout).await;
        assert!(revoked.expect("revoke").is_some());
        assert_over(&store, &longest).await;
        harness.advance(ms(1)).await;
    }
    harness.advance(999 * HOUR).await;
    for (name, issued_at) in [("older", older), ("as old", now)] {
        let longest = Credential::of_series(user(), name, issued_at, long, HOUR);
        assert_over(&store, &longest).await;
    }
}

/// Of two that were issued at once, the one that is good for longer is the newer one.
pub async fn of_two_issued_at_once_the_longer_counts<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let now = now(&store).await;
    let issued = |hours: u32, role: &str| {
        let expires_at = now.saturating_add(hours * HOUR);
        let mut one = Credential::of_series(user(), "sid", now, expires_at, HOUR);
        one.role = Some(role.to_owned());
        one
    };
    let (first, second) = (issued(1, "admin"), issued(2, "user"));
    begin(&store, &first, plain()).await;
    for credential in [&second, &first] {
        let Standing::Live(session) = standing(&store, credential).await else {
            panic!("it is good");
        };
        assert_eq!(session.role.as_deref(), Some("user"));
    }
}

/// What one user's credential is called is nothing to another's, and a name is no token.
pub async fn credentials_are_kept_apart<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let series = of_series(&store, "same").await;
    let mut other = series.clone();
    other.user_id = other_user();
    let single = single(&store, "same").await;
    let mut sessions = Vec::new();
    for credential in [&series, &other, &single] {
        assert_eq!(standing(&store, credential).await, Standing::NoSession);
        sessions.push(begin(&store, credential, plain()).await);
    }
    assert_eq!(distinct(ids(&sessions)).len(), 3);
    let revoked = store.revoke(sessions[0].id, RevokeReason::Logout).await;
    assert!(revoked.expect("revoke").is_some());
    assert_over(&store, &series).await;
    for (credential, session) in [(&other, &sessions[1]), (&single, &sessions[2])] {
        let live = Standing::Live(session.clone());
        assert_eq!(standing(&store, credential).await, live);
    }
}

/// A claim that no session can hold is an error that names it, and changes nothing.
pub async fn a_claim_that_is_too_long_is_named<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let good = of_series(&store, "sid").await;
    let session = begin(&store, &good, plain()).await;
    harness.advance(ms(1)).await;
    let mut bad = of_series(&store, "sid").await;
    bad.role = Some("x".repeat(limits::ROLE_CHARS + 1));
    for error in [
        store.standing(&bad, None).await.map(drop),
        store.create_for(&bad, plain()).await.map(drop),
    ] {
        match error {
            Err(Error::Invalid(invalid)) => assert_eq!(invalid.field, "role"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(standing(&store, &good).await, Standing::Live(session));
}

/// Whatever credentials do while a session is ended, it stays ended.
pub async fn no_credential_brings_a_session_back<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(Config::default()).await);
    for round in 0..20 {
        let first = of_series(&*store, &format!("sid {round}")).await;
        let session = begin(&*store, &first, plain()).await;
        harness.advance(ms(1)).await;
        let mut newer = Vec::new();
        for number in 0..6 {
            let mut credential = of_series(&*store, &format!("sid {round}")).await;
            credential.role = Some(format!("role {number}"));
            newer.push(credential);
            harness.advance(ms(1)).await;
        }
        let newer = Arc::new(newer);
        let answers = together(7, |i| {
            let (store, newer) = (Arc::clone(&store), Arc::clone(&newer));
            async move {
                match newer.get(i) {
                    Some(credential) => drop(create_for(&*store, credential, plain()).await),
                    None => {
                        let revoked = store.revoke(session.id, RevokeReason::Revoked).await;
                        assert!(revoked.expect("revoke").is_some());
                    }
                }
            }
        });
        answers.await;
        assert_eq!(get(&*store, session.id).await, None);
        assert!(!ids(&listed(&*store, &user()).await).contains(&session.id));
        for credential in newer.iter().chain([&first]) {
            assert_over(&*store, credential).await;
        }
    }
}

/// Whichever order credentials of a series come in, the newest has the last word.
pub async fn the_newest_credential_has_the_last_word<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(Config::default()).await);
    for round in 0..10 {
        let name = format!("sid {round}");
        let mut series = Vec::new();
        for number in 0..8 {
            let mut credential = of_series(&*store, &name).await;
            credential.role = Some(format!("role {number}"));
            series.push(credential);
            harness.advance(ms(1)).await;
        }
        begin(&*store, &series[0], plain()).await;
        let series = Arc::new(series);
        let all = together(series.len(), |i| {
            let (store, series) = (Arc::clone(&store), Arc::clone(&series));
            async move { standing(&*store, &series[(i * 5) % series.len()]).await }
        });
        all.await;
        let Standing::Live(session) = standing(&*store, &series[0]).await else {
            panic!("it is good");
        };
        assert_eq!(session.role.as_deref(), Some("role 7"));
    }
}
