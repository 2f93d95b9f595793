use super::history::Past;
use crate::page::{Cursor, List, Order, Page};
use crate::session::Session;
use crate::timestamp::Timestamp;
use crate::token::SessionId;

/// Up to so many sessions are listed newest first, however small the pages are.
const NEWEST_FIRST: usize = 200;

/// A listing that began newest first goes on so, unless the user has got more sessions than this.
const NEWEST_FIRST_STILL: usize = 2000;

/// Beyond every moment that a cursor can name.
const END_OF_TIME: Timestamp = Timestamp::from_millis((1 << 48) - 1);

/// A session's place in an order.
type Place = (Timestamp, SessionId);

/// One page of the sessions of a user who is known.
pub(super) fn page(live: Vec<&Session>, past: &Past, list: List) -> Page {
    let limit = list.limit.clamp(1, List::MAX_LIMIT);
    let mut page = Page {
        known_user: true,
        ..Page::default()
    };
    match begin(list.cursor, live.len(), limit) {
        (Order::Ended, after) => {
            if list.include_ended {
                fill_ended(&mut page, past, after, limit);
            }
        }
        (order, after) => {
            fill_live(&mut page, live, order, after, limit);
            if page.next.is_none() && list.include_ended {
                fill_ended(&mut page, past, None, limit);
            }
        }
    }
    page
}

/// Where the page begins, and in which order. The rules are those of the Redis back end, where an
/// order other than that of expiry means reading all the user's sessions.
fn begin(cursor: Option<Cursor>, count: usize, limit: usize) -> (Order, Option<Place>) {
    match cursor {
        Some(cursor) if cursor.order == Order::Newest && count > NEWEST_FIRST_STILL => {
            (Order::Expiry, None)
        }
        Some(cursor) => (cursor.order, Some(cursor.after)),
        None if count <= limit.max(NEWEST_FIRST) => (Order::Newest, None),
        None => (Order::Expiry, None),
    }
}

fn fill_live(
    page: &mut Page,
    mut live: Vec<&Session>,
    order: Order,
    after: Option<Place>,
    limit: usize,
) {
    if order == Order::Newest {
        live.retain(|session| after.is_none_or(|after| created(session) < after));
        live.sort_unstable_by_key(|session| std::cmp::Reverse(created(session)));
    } else {
        live.retain(|session| after.is_none_or(|after| expires(session) > after));
        live.sort_unstable_by_key(|session| expires(session));
    }
    let more = live.len() > limit;
    live.truncate(limit);
    if let Some(last) = live.last().filter(|_| more) {
        let after = if order == Order::Newest {
            created(last)
        } else {
            expires(last)
        };
        page.next = Some(Cursor { order, after });
    }
    live.sort_unstable_by_key(|session| std::cmp::Reverse(created(session)));
    page.sessions = live.into_iter().cloned().collect();
}

/// Fills the room that the live sessions leave.
fn fill_ended(page: &mut Page, past: &Past, after: Option<Place>, limit: usize) {
    let room = limit - page.sessions.len();
    let mut rest = past.newest_first(after);
    page.ended = rest.by_ref().take(room).cloned().collect();
    if rest.next().is_none() {
        return;
    }
    let after = match (page.ended.last(), page.sessions.last()) {
        (Some(ended), _) => Some((ended.ended_at, ended.id)),
        (None, live) => live.map(|live| (END_OF_TIME, live.id)),
    };
    page.next = after.map(|after| Cursor {
        order: Order::Ended,
        after,
    });
}

fn created(session: &Session) -> Place {
    (session.created_at, session.id)
}

fn expires(session: &Session) -> Place {
    (session.expires_at, session.id)
}
