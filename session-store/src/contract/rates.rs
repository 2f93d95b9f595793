//! How often something may happen.

use std::net::IpAddr;
use std::sync::Arc;

use super::Harness;
use super::support::*;
use crate::{Admission, Config, Rate, SessionStore, Subject, UserId};

/// Three at once, and then one every twenty seconds.
fn three_a_minute() -> Rate {
    Rate::new(3, seconds(60)).expect("a rate")
}

async fn admit(store: &impl SessionStore, subject: Subject<'_>) -> Admission {
    let admitted = store.admit(subject, three_a_minute()).await;
    admitted.expect("admit")
}

async fn use_up(store: &impl SessionStore, subject: Subject<'_>) {
    for _ in 0..3 {
        assert_eq!(admit(store, subject).await, Admission::Admitted);
    }
    assert_eq!(admit(store, subject).await, Admission::Wait(seconds(20)));
}

/// So many at once, and from then on at that rate; what is refused isn't counted.
pub async fn so_many_are_admitted_and_no_more<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let user = user();
    let subject = Subject::User(&user);
    use_up(&store, subject).await;
    harness.advance(seconds(5)).await;
    for _ in 0..3 {
        assert_eq!(admit(&store, subject).await, Admission::Wait(seconds(15)));
    }
    harness.advance(seconds(15)).await;
    assert_eq!(admit(&store, subject).await, Admission::Admitted);
    assert_eq!(admit(&store, subject).await, Admission::Wait(seconds(20)));
    // After a whole period everything is as it was.
    harness.advance(seconds(60)).await;
    use_up(&store, subject).await;
}

/// What one does isn't another's.
pub async fn each_subject_is_counted_apart<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
    let (number, text) = (UserId::from(74), UserId::new("74").expect("a user id"));
    let like_an_address = UserId::new("192.0.2.1").expect("a user id");
    for subject in [
        Subject::User(&number),
        Subject::User(&like_an_address),
        Subject::Address(address("192.0.2.1")),
        Subject::Address(address("192.0.2.2")),
        Subject::Address(address("2001:db8::1")),
        Subject::Address(address("2001:db8:0:1::1")),
    ] {
        use_up(&store, subject).await;
    }
    // The same ones by other names.
    for subject in [
        Subject::User(&text),
        Subject::Address(address("::ffff:192.0.2.1")),
        Subject::Address(address("2001:db8::ffff:ffff:ffff:ffff")),
    ] {
        let admission = admit(&store, subject).await;
        assert_eq!(admission, Admission::Wait(seconds(20)), "{subject:?}");
    }
}

/// However many ask at once, no more are admitted.
pub async fn a_rate_holds_under_concurrency<H: Harness>(harness: &H) {
    let store = Arc::new(harness.store(Config::default()).await);
    let admissions = together(20, |_| {
        let store = Arc::clone(&store);
        async move { admit(&*store, Subject::User(&user())).await }
    });
    let admissions = admissions.await.into_iter();
    let admitted = admissions.filter(|one| *one == Admission::Admitted);
    assert_eq!(admitted.count(), 3);
}
