//! Puts a page together from what `list.lua` has read.

use std::cmp::Reverse;

use super::scripts::ListPage;
use crate::codec;
use crate::digest;
use crate::ended::EndedSession;
use crate::page::{Cursor, List, Order, Page, Unreadable};
use crate::timestamp::Timestamp;
use crate::token::SessionId;
use crate::user::UserId;

pub(super) fn assemble(user: &UserId, list: &List, reply: ListPage) -> Page {
    let mut page = Page {
        known_user: reply.known_user,
        ..Page::default()
    };
    for (id, record) in &reply.live {
        match codec::decode(*id, record) {
            Ok(record) => page.sessions.push(record.session),
            Err(error) => page.unreadable.push(Unreadable { id: *id, error }),
        }
    }
    page.sessions
        .sort_by_key(|session| Reverse((session.created_at, session.id)));
    if reply.more {
        let order = reply.order;
        page.next = reply.last.map(|after| Cursor { order, after });
    } else if list.include_ended {
        add_ended(&mut page, user, list, &reply);
    }
    page
}

/// Fills the rest of the page with ended sessions, the last one to end first.
fn add_ended(page: &mut Page, user: &UserId, list: &List, reply: &ListPage) {
    let mut ended = decode_history(user, &reply.history);
    ended.sort_by_key(|session| Reverse(place(session)));
    if let Some(cursor) = list.cursor.filter(|cursor| cursor.order == Order::Ended) {
        ended.retain(|session| place(session) < cursor.after);
    }
    let room = list.limit - reply.live.len();
    if ended.len() > room {
        ended.truncate(room);
        page.next = next(ended.last(), reply.last);
    }
    page.ended = ended;
}

/// Where the ended sessions go on: after the last one here, or, where none had room, at their
/// beginning, which is later than any of them ended.
fn next(
    last_ended: Option<&EndedSession>,
    last_live: Option<(Timestamp, SessionId)>,
) -> Option<Cursor> {
    let beginning = Timestamp::from_millis((1 << 48) - 1);
    let after = match last_ended {
        Some(session) => place(session),
        None => (beginning, last_live?.1),
    };
    let order = Order::Ended;
    Some(Cursor { order, after })
}

fn place(session: &EndedSession) -> (Timestamp, SessionId) {
    (session.ended_at, session.id)
}

fn decode_history(user: &UserId, history: &[Vec<u8>]) -> Vec<EndedSession> {
    let bucket = digest::bucket(user);
    let decode = |entry: &Vec<u8>| match codec::decode_ended(user, bucket.as_str(), entry) {
        Ok(session) => Some(session),
        Err(error) => {
            tracing::warn!(%error, "left out an entry of the history");
            None
        }
    };
    history.iter().filter_map(decode).collect()
}
