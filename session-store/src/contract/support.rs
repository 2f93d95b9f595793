//! What the behaviours are told with.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::Harness;
use crate::{
    Config, Created, EndedSession, Event, EventStream, Limit, LimitPolicy, List, NewSession, Page,
    Session, SessionId, SessionStore, Token, UserId,
};

/// No behaviour depends on how fast a store is; this only ends a run that would hang.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many users mark the end of what was heard: enough for one on each of a few servers.
const MARKS: usize = 9;

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn user() -> UserId {
    UserId::from(74)
}

pub(super) fn other_user() -> UserId {
    UserId::from(75)
}

/// A session of [`user`] with nothing else said.
pub(super) fn plain() -> NewSession {
    NewSession::new(user())
}

/// A session of [`user`] on a device.
pub(super) fn device(fingerprint: &str) -> NewSession {
    device_of(user(), fingerprint)
}

pub(super) fn device_of(user: UserId, fingerprint: &str) -> NewSession {
    let mut new = NewSession::new(user);
    new.fingerprint = Some(fingerprint.into());
    new
}

pub(super) fn limited(max: u32, policy: LimitPolicy) -> Config {
    Config {
        limit: Limit::new(max, policy),
        ..Config::default()
    }
}

/// Every activity is written, and an hour without any ends a session.
pub(super) fn idle_hour() -> Config {
    Config {
        idle_timeout: Some(seconds(3600)),
        touch_interval: Duration::ZERO,
        ..Config::default()
    }
}

pub(super) async fn login(store: &impl SessionStore, new: NewSession) -> Created {
    store.create(new).await.expect("create")
}

/// Logs in one after the other, a millisecond apart; oldest first.
pub(super) async fn logins<H: Harness>(
    harness: &H,
    store: &H::Store,
    new: impl IntoIterator<Item = NewSession>,
) -> Vec<Created> {
    let mut logins = Vec::new();
    for new in new {
        harness.advance(ms(1)).await;
        logins.push(login(store, new).await);
    }
    logins
}

pub(super) async fn peek(store: &impl SessionStore, token: &Token) -> Option<Session> {
    store.peek(token).await.expect("peek")
}

pub(super) async fn validate(store: &impl SessionStore, token: &Token) -> Option<Session> {
    store.validate(token, None).await.expect("validate")
}

pub(super) async fn get(store: &impl SessionStore, id: SessionId) -> Option<Session> {
    store.get(id).await.expect("get")
}

pub(super) async fn touch(store: &impl SessionStore, id: SessionId) -> Option<Session> {
    store.touch(id, None).await.expect("touch")
}

pub(super) async fn count(store: &impl SessionStore, user: &UserId) -> u64 {
    store.count(user).await.expect("count")
}

pub(super) async fn page(store: &impl SessionStore, user: &UserId, list: List) -> Page {
    let page = store.list(user, list).await.expect("list");
    assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
    page
}

/// All pages of a listing.
pub(super) async fn pages(store: &impl SessionStore, user: &UserId, list: List) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut next = list;
    loop {
        let page = page(store, user, next).await;
        next.cursor = page.next;
        pages.push(page);
        if next.cursor.is_none() {
            return pages;
        }
        assert!(pages.len() < 10_000, "the pages come to no end");
    }
}

/// All sessions of a user as they are listed.
pub(super) async fn listed(store: &impl SessionStore, user: &UserId) -> Vec<Session> {
    let pages = pages(store, user, List::default()).await;
    pages.into_iter().flat_map(|page| page.sessions).collect()
}

/// All ended sessions of a user as they are listed.
pub(super) async fn ended(store: &impl SessionStore, user: &UserId) -> Vec<EndedSession> {
    let list = List {
        include_ended: true,
        ..List::default()
    };
    let pages = pages(store, user, list).await;
    pages.into_iter().flat_map(|page| page.ended).collect()
}

pub(super) async fn is_known(store: &impl SessionStore, user: &UserId) -> bool {
    page(store, user, List::default()).await.known_user
}

pub(super) fn ids<'a>(sessions: impl IntoIterator<Item = &'a Session>) -> Vec<SessionId> {
    sessions.into_iter().map(|session| session.id).collect()
}

pub(super) fn ended_ids<'a>(ended: impl IntoIterator<Item = &'a EndedSession>) -> Vec<SessionId> {
    ended.into_iter().map(|ended| ended.id).collect()
}

/// As a set, and that none was there twice.
pub(super) fn distinct(ids: impl IntoIterator<Item = SessionId>) -> BTreeSet<SessionId> {
    let mut set = BTreeSet::new();
    for id in ids {
        assert!(set.insert(id), "{id} is there twice");
    }
    set
}

/// The session is alive by every way to ask.
pub(super) async fn assert_alive(store: &impl SessionStore, token: &Token) {
    let session = peek(store, token).await.expect("the token authenticates");
    assert_eq!(session.id, token.id());
    assert_eq!(get(store, token.id()).await.as_ref(), Some(&session));
    let listed = listed(store, &session.user_id).await;
    assert!(listed.contains(&session), "{session:?} is not listed");
}

/// The session is gone by every way to ask, and nothing brings it back.
pub(super) async fn assert_gone(store: &impl SessionStore, user: &UserId, token: &Token) {
    let id = token.id();
    assert_eq!(peek(store, token).await, None);
    assert_eq!(validate(store, token).await, None);
    assert_eq!(get(store, id).await, None);
    assert_eq!(touch(store, id).await, None);
    assert!(store.rotate(token).await.expect("rotate").is_none());
    assert!(!ids(&listed(store, user).await).contains(&id));
    assert_eq!(get(store, id).await, None);
}

/// What is listed is what is counted and what authenticates, of all tokens that there are.
pub(super) async fn assert_consistent(
    store: &impl SessionStore,
    user: &UserId,
    tokens: impl IntoIterator<Item = &Token>,
) -> BTreeSet<SessionId> {
    let listed = distinct(ids(&listed(store, user).await));
    let mut authenticating = BTreeSet::new();
    for token in tokens {
        if peek(store, token).await.is_some() {
            authenticating.insert(token.id());
        }
    }
    assert_eq!(listed, authenticating);
    assert_eq!(count(store, user).await, listed.len() as u64);
    listed
}

/// Runs so many tasks at once; their results in order.
pub(super) async fn together<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|i| tokio::spawn(task(i))).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("a task ends by itself"));
    }
    results
}

/// Polls a future so many times at most, then drops it.
pub(super) async fn cut_off<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The events up to now. What comes after a session of nobody else was created is from later; those
/// of different users may overtake each other, so several users have to say so.
pub(super) async fn heard(store: &impl SessionStore, events: &mut EventStream) -> Vec<Event> {
    let mut marks = Vec::new();
    for number in 0..MARKS {
        let user = UserId::new(format!("end {number} of what was heard")).expect("a user id");
        marks.push(login(store, NewSession::new(user)).await.session);
    }
    let (mut heard, mut left) = (Vec::new(), distinct(marks.iter().map(|mark| mark.id)));
    while !left.is_empty() {
        let event = tokio::time::timeout(PATIENCE, events.next()).await;
        let event = event.expect("the events come").expect("the store is there");
        let event = event.expect("no event is missed");
        left.remove(&event.session_id);
        if marks.iter().all(|mark| mark.user_id != event.user_id) {
            heard.push(event);
        }
    }
    for mark in marks {
        // Leaves room for the next mark where the limit is one.
        let revoked = store.revoke(mark.id, crate::RevokeReason::Logout).await;
        assert!(revoked.expect("revoke").is_some());
    }
    heard
}

/// Numbers that look random and are the same in every run (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `bound`.
    pub(super) fn roll(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound as u64).expect("it is below a usize")
    }
}
