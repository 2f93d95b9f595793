//! Activity: when it is written, and what it changes.

use super::Harness;
use super::support::*;
use crate::{Config, Session, SessionStore};

fn every_minute() -> Config {
    Config {
        touch_interval: seconds(60),
        ..idle_hour()
    }
}

/// Within the touch interval a validate changes nothing; at its end it marks the session active.
pub async fn a_validate_marks_active_once_in_the_interval<H: Harness>(harness: &H) {
    let store = harness.store(every_minute()).await;
    let login = login(&store, plain()).await;
    let mut session = login.session;
    for _ in 0..2 {
        harness.advance(seconds(60) - ms(1)).await;
        assert_eq!(
            validate(&store, &login.token).await.as_ref(),
            Some(&session)
        );
        assert_eq!(peek(&store, &login.token).await.as_ref(), Some(&session));
        harness.advance(ms(1)).await;
        session = active(session, 60);
        assert_eq!(
            validate(&store, &login.token).await.as_ref(),
            Some(&session)
        );
        assert_eq!(peek(&store, &login.token).await.as_ref(), Some(&session));
    }
}

/// The session as an activity so many seconds after its last one leaves it.
fn active(mut session: Session, after: u64) -> Session {
    session.last_activity = session.last_activity.saturating_add(seconds(after));
    session.expires_at = session.last_activity.saturating_add(seconds(3600));
    session
}

/// A touch marks the session active however short the last activity is ago, and changes nothing
/// else.
pub async fn a_touch_marks_active_at_once<H: Harness>(harness: &H) {
    let store = harness.store(every_minute()).await;
    let mut new = device("a");
    new.device.ip_address = Some("192.0.2.1".into());
    let login = login(&store, new).await;
    harness.advance(seconds(1)).await;
    let touched = active(login.session, 1);
    let address = "192.0.2.2".parse().expect("an address");
    let answer = store.touch(touched.id, Some(address)).await;
    assert_eq!(answer.expect("touch").as_ref(), Some(&touched));
    assert_eq!(peek(&store, &login.token).await.as_ref(), Some(&touched));
    assert_eq!(listed(&store, &user()).await, [touched]);
}

/// Looking at a session is no activity.
pub async fn looking_is_no_activity<H: Harness>(harness: &H) {
    let store = harness.store(idle_hour()).await;
    let login = login(&store, plain()).await;
    for _ in 0..3 {
        harness.advance(seconds(1200)).await;
        let session = Some(login.session.clone());
        assert_eq!(peek(&store, &login.token).await, session);
        assert_eq!(get(&store, login.session.id).await, session);
        assert_eq!(listed(&store, &user()).await.first().cloned(), session);
        assert_eq!(count(&store, &user()).await, 1);
    }
    harness.advance(ms(1)).await;
    assert_gone(&store, &user(), &login.token).await;
}

/// Without an idle timeout, activity is dated and the expiry stays.
pub async fn activity_is_dated_without_an_idle_timeout<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let login = login(&store, plain()).await;
    harness.advance(seconds(60)).await;
    let session = validate(&store, &login.token).await.expect("it is alive");
    let now = login.session.created_at.saturating_add(seconds(60));
    assert_eq!(session.last_activity, now);
    assert_eq!(session.expires_at, login.session.expires_at);
    assert_eq!(session.created_at, login.session.created_at);
}
