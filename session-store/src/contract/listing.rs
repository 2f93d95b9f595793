//! A user's sessions, page by page.

use std::cmp::Reverse;

use super::Harness;
use super::support::*;
use crate::{
    Config, Cursor, List, NewSession, Page, RevokeReason, Session, SessionStore, Timestamp,
};

fn limit(limit: usize) -> List {
    List {
        limit,
        ..List::default()
    }
}

/// So many sessions, each with an expiry of its own that has nothing to do with its creation.
fn scattered(count: u64) -> Vec<NewSession> {
    let scattered = |i| {
        let mut new = plain();
        new.absolute_timeout = Some(seconds(100_000 + (i * 7919) % (count * 2)));
        new
    };
    (0..count).map(scattered).collect()
}

fn newest_first<'a>(sessions: impl IntoIterator<Item = &'a Session>) -> bool {
    let places = sessions
        .into_iter()
        .map(|session| Reverse(session.created_at));
    places.is_sorted()
}

fn sessions(pages: &[Page]) -> impl Iterator<Item = &Session> {
    pages.iter().flat_map(|page| &page.sessions)
}

/// A user whom the store has never seen has an empty page.
pub async fn an_unknown_user_has_no_sessions<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    login(&store, NewSession::new(other_user())).await;
    let list = List {
        include_ended: true,
        ..List::default()
    };
    let page = page(&store, &user(), list).await;
    assert!(page.sessions.is_empty() && page.ended.is_empty());
    assert_eq!(page.next, None);
    assert!(!page.known_user);
    assert_eq!(count(&store, &user()).await, 0);
}

/// The newest session comes first.
pub async fn sessions_are_listed_newest_first<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let mut all = logins(harness, &store, scattered(20)).await;
    harness.advance(ms(1)).await;
    assert!(touch(&store, all[7].session.id).await.is_some());
    all.reverse();
    let page = page(&store, &user(), limit(20)).await;
    let expected: Vec<_> = all.iter().map(|login| login.session.id).collect();
    assert_eq!(ids(&page.sessions), expected);
    assert_eq!(page.next, None);
    assert!(page.known_user);
}

/// Up to 200 sessions are newest first across pages, however small.
pub async fn two_hundred_sessions_are_paged_newest_first<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let all = logins(harness, &store, scattered(200)).await;
    let pages = pages(&store, &user(), limit(7)).await;
    let expected: Vec<_> = all.iter().rev().map(|login| login.session.id).collect();
    assert_eq!(ids(sessions(&pages)), expected);
    let (last, full) = pages.split_last().expect("a page");
    assert!(full.iter().all(|page| page.sessions.len() == 7));
    assert_eq!(last.sessions.len(), 200 % 7);
}

/// Beyond that they come in the order of expiry, and newest first within the page; none is missed
/// and none is there twice.
pub async fn many_sessions_are_paged_by_expiry<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let all = logins(harness, &store, scattered(250)).await;
    let pages = pages(&store, &user(), limit(7)).await;
    let expected = distinct(all.iter().map(|login| login.session.id));
    assert_eq!(distinct(ids(sessions(&pages))), expected);
    let mut before = Timestamp::default();
    for page in &pages {
        let expiries = page.sessions.iter().map(|session| session.expires_at);
        assert!(expiries.clone().min().expect("no page is empty") > before);
        before = expiries.max().expect("no page is empty");
        assert!(newest_first(&page.sessions));
        assert!(page.sessions.len() == 7 || page.next.is_none());
    }
}

/// What fits one page is newest first, however many that are; one more isn't.
pub async fn what_fits_a_page_is_newest_first<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let all = logins(harness, &store, scattered(230)).await;
    let whole = page(&store, &user(), limit(230)).await;
    let expected: Vec<_> = all.iter().rev().map(|login| login.session.id).collect();
    assert_eq!(ids(&whole.sessions), expected);
    assert_eq!(whole.next, None);

    let pages = pages(&store, &user(), limit(229)).await;
    assert_eq!(pages.len(), 2);
    let latest = all.iter().max_by_key(|login| login.session.expires_at);
    let latest = latest.map(|login| login.session.id);
    assert_eq!(ids(&pages[1].sessions), Vec::from_iter(latest));
    assert!(newest_first(&pages[0].sessions));
}

/// Sessions that were created, or end, in the same millisecond are all listed all the same.
pub async fn ties_are_paged_too<H: Harness>(harness: &H) {
    for count in [50, 250] {
        let store = harness.store(Config::default()).await;
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(login(&store, plain()).await.session.id);
        }
        let pages = pages(&store, &user(), limit(7)).await;
        assert_eq!(distinct(ids(sessions(&pages))), distinct(all));
    }
}

/// A limit of zero is one, and one beyond the greatest is the greatest.
pub async fn a_limit_out_of_range_is_the_nearest<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    for _ in 0..=List::MAX_LIMIT {
        login(&store, plain()).await;
    }
    assert_eq!(page(&store, &user(), limit(0)).await.sessions.len(), 1);
    let most = page(&store, &user(), limit(usize::MAX)).await;
    assert_eq!(most.sessions.len(), List::MAX_LIMIT);
    let rest = List {
        cursor: most.next,
        ..List::default()
    };
    let rest = page(&store, &user(), rest).await;
    assert_eq!((rest.sessions.len(), rest.next), (1, None));
    let all = [most.sessions, rest.sessions].concat();
    assert_eq!(distinct(ids(&all)).len(), List::MAX_LIMIT + 1);
}

/// A cursor goes through a URL as text.
pub async fn a_cursor_goes_through_its_text<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let all = logins(harness, &store, [plain(), plain(), plain()]).await;
    let first = page(&store, &user(), limit(2)).await;
    let text = first.next.expect("there is more").to_string();
    let cursor: Cursor = text.parse().expect("a cursor");
    assert_eq!(Some(cursor), first.next);
    let rest = List {
        cursor: Some(cursor),
        ..List::default()
    };
    let rest = page(&store, &user(), rest).await;
    assert_eq!(ids(&rest.sessions), [all[0].session.id]);
}

/// A session that lives while the pages are read is on one of them, whatever others do.
pub async fn paging_misses_none_that_stays<H: Harness>(harness: &H) {
    for count in [100, 300] {
        let store = harness.store(idle_hour()).await;
        let all = logins(harness, &store, (0..count).map(|_| plain())).await;
        let mut dice = Dice(count);
        let mut missing = distinct(all.iter().map(|login| login.session.id));
        let mut list = limit(7);
        loop {
            let page = page(&store, &user(), list).await;
            for id in ids(&page.sessions) {
                missing.remove(&id);
            }
            list.cursor = page.next;
            if list.cursor.is_none() {
                break;
            }
            harness.advance(ms(1)).await;
            login(&store, plain()).await;
            let touched = all[dice.roll(all.len())].session.id;
            touch(&store, touched).await;
            let gone = all[dice.roll(all.len())].session.id;
            let revoked = store.revoke(gone, RevokeReason::Revoked).await;
            revoked.expect("revoke");
            missing.remove(&gone);
        }
        assert!(missing.is_empty(), "{missing:?}");
    }
}

/// A listing that began newest first begins anew, in the order of expiry, where the user has got
/// thousands of sessions before it goes on.
pub async fn paging_misses_none_when_the_order_changes<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let all = logins(harness, &store, scattered(20)).await;
    let first = page(&store, &user(), limit(7)).await;
    let mut expected = distinct(all.iter().map(|login| login.session.id));
    for _ in 0..1981 {
        expected.insert(login(&store, plain()).await.session.id);
    }
    let rest = List {
        cursor: first.next,
        ..limit(900)
    };
    let rest = pages(&store, &user(), rest).await;
    assert_eq!(distinct(ids(sessions(&rest))), expected);
    let expiries = |page: &Page| -> Vec<_> {
        let expiries = page.sessions.iter().map(|session| session.expires_at);
        expiries.collect()
    };
    for pages in rest.windows(2) {
        assert!(expiries(&pages[0]).iter().max() <= expiries(&pages[1]).iter().min());
    }
}

/// Up to two thousand, it goes on as it began.
pub async fn paging_goes_on_newest_first<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let all = logins(harness, &store, scattered(20)).await;
    let first = page(&store, &user(), limit(7)).await;
    for _ in 0..300 {
        login(&store, plain()).await;
    }
    let rest = List {
        cursor: first.next,
        ..limit(7)
    };
    let rest = pages(&store, &user(), rest).await;
    let expected: Vec<_> = all.iter().rev().map(|login| login.session.id).collect();
    let listed: Vec<_> = ids(first.sessions.iter().chain(sessions(&rest)));
    assert_eq!(listed, expected);
}

/// Ended sessions follow the live ones and fill the page, the last to end first.
pub async fn ended_sessions_follow_the_live_ones<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let all = logins(harness, &store, (0..17).map(|_| plain())).await;
    let mut gone = Vec::new();
    for i in [3, 1, 4, 15, 9, 2, 6, 5, 13, 8, 7, 0] {
        harness.advance(ms(1)).await;
        let id = all[i].session.id;
        let revoked = store.revoke(id, RevokeReason::Revoked).await;
        assert!(revoked.expect("revoke").is_some());
        gone.insert(0, id);
    }
    let list = List {
        include_ended: true,
        ..limit(4)
    };
    let pages = pages(&store, &user(), list).await;
    let sizes: Vec<_> = pages
        .iter()
        .map(|page| (page.sessions.len(), page.ended.len()))
        .collect();
    assert_eq!(sizes, [(4, 0), (1, 3), (0, 4), (0, 4), (0, 1)]);
    let live: Vec<_> = [16, 14, 12, 11, 10].map(|i| all[i].session.id).to_vec();
    assert_eq!(ids(sessions(&pages)), live);
    assert_eq!(ended_ids(pages.iter().flat_map(|page| &page.ended)), gone);
    assert!(pages.iter().all(|page| page.known_user));
}

/// Where the live sessions fill their last page, the ended ones begin the next.
pub async fn a_page_full_of_live_sessions_leads_to_the_ended<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let all = logins(harness, &store, (0..7).map(|_| plain())).await;
    let list = List {
        include_ended: true,
        ..limit(4)
    };
    for login in &all[..3] {
        let revoked = store.revoke(login.session.id, RevokeReason::Revoked).await;
        assert!(revoked.expect("revoke").is_some());
    }
    let both = pages(&store, &user(), list).await;
    assert_eq!(both.len(), 2);
    assert_eq!((both[0].sessions.len(), both[0].ended.len()), (4, 0));
    assert_eq!((both[1].sessions.len(), both[1].ended.len()), (0, 3));
    let ended = distinct(ended_ids(&both[1].ended));
    assert_eq!(
        ended,
        distinct(all[..3].iter().map(|login| login.session.id))
    );

    let live = page(&store, &user(), limit(4)).await;
    assert_eq!((live.sessions.len(), live.next), (4, None));
    let cursor = both[0].next;
    let nothing = page(&store, &user(), List { cursor, ..limit(4) }).await;
    assert!(nothing.sessions.is_empty() && nothing.ended.is_empty());
    assert_eq!(nothing.next, None);
    assert!(nothing.known_user);
}

/// A page that the live and the ended sessions fill exactly is the last.
pub async fn a_page_that_is_just_full_is_the_last<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let all = logins(harness, &store, (0..4).map(|_| plain())).await;
    let list = List {
        include_ended: true,
        ..limit(4)
    };
    let full = page(&store, &user(), list).await;
    assert_eq!((full.sessions.len(), full.next), (4, None));
    for login in &all[..2] {
        let revoked = store.revoke(login.session.id, RevokeReason::Revoked).await;
        assert!(revoked.expect("revoke").is_some());
    }
    let full = page(&store, &user(), list).await;
    assert_eq!(
        (full.sessions.len(), full.ended.len(), full.next),
        (2, 2, None)
    );
}

/// Sessions that ended in the same millisecond are all paged.
pub async fn ended_ties_are_paged_too<H: Harness>(harness: &H) {
    let store = harness.store(Config::default()).await;
    let all = logins(harness, &store, (0..40).map(|_| plain())).await;
    let revoked = store.revoke_all(&user(), RevokeReason::Revoked).await;
    assert_eq!(revoked.expect("revoke_all").count, 40);
    let list = List {
        include_ended: true,
        ..limit(7)
    };
    let pages = pages(&store, &user(), list).await;
    let ended = distinct(ended_ids(pages.iter().flat_map(|page| &page.ended)));
    assert_eq!(ended, distinct(all.iter().map(|login| login.session.id)));
}
