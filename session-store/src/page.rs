use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ended::EndedSession;
use crate::error::RecordError;
use crate::session::Session;
use crate::timestamp::Timestamp;
use crate::token::SessionId;

/// Which page of a user's sessions to [list](crate::SessionStore::list).
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// The most sessions on the page (1,000), ended ones included; at least 1 and at most
    /// [`MAX_LIMIT`](Self::MAX_LIMIT) are taken.
    pub limit: usize,
    /// Where the page begins: [`Page::next`] of the page before.
    pub cursor: Option<Cursor>,
    /// Whether ended sessions are listed too.
    pub include_ended: bool,
}

impl List {
    /// The most sessions that a page holds.
    pub const MAX_LIMIT: usize = 1000;
}

impl Default for List {
    fn default() -> Self {
        Self {
            limit: Self::MAX_LIMIT,
            cursor: None,
            include_ended: false,
        }
    }
}

/// A page of a user's sessions.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Page {
    /// Live sessions.
    pub sessions: Vec<Session>,
    /// Ended sessions, where asked for.
    pub ended: Vec<EndedSession>,
    /// Sessions that authenticate nobody because their record can't be read. They can be revoked.
    pub unreadable: Vec<Unreadable>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
    /// Whether the store has had a session of this user, as long as it
    /// [remembers](crate::KnownDevices::retention).
    pub known_user: bool,
}

/// A session whose record can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// Which session.
    pub id: SessionId,
    /// What is wrong with it.
    pub error: RecordError,
}

impl Unreadable {
    /// Which session, and what is wrong with it.
    #[must_use]
    pub fn new(id: SessionId, error: RecordError) -> Self {
        Self { id, error }
    }
}

/// Where a page begins. Goes through a URL as text, and means nothing to anybody but the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The order that the page continues.
    pub order: Order,
    /// The last session of the page before: its place in that order, and its id.
    pub after: (Timestamp, SessionId),
}

/// The order of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Live sessions, newest first.
    Newest,
    /// Live sessions, soonest expiry first.
    Expiry,
    /// Ended sessions, the last to end first.
    Ended,
}

/// Not a text that [`Cursor`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that a page has given")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match self.order {
            Order::Newest => 'n',
            Order::Expiry => 'x',
            Order::Ended => 'e',
        };
        let (at, id) = self.after;
        let at = URL_SAFE_NO_PAD.encode(&at.as_millis().to_be_bytes()[2..]);
        write!(f, "{order}{at}{id}")
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> std::result::Result<Self, CursorError> {
        let error = |_| CursorError;
        let order = match text.as_bytes().first() {
            Some(b'n') => Order::Newest,
            Some(b'x') => Order::Expiry,
            Some(b'e') => Order::Ended,
            _ => return Err(CursorError),
        };
        let at = text.get(1..9).ok_or(CursorError)?;
        let id = text.get(9..).ok_or(CursorError)?;
        let mut millis = [0; 8];
        let written = URL_SAFE_NO_PAD
            .decode_slice(at, &mut millis[2..])
            .map_err(|_| CursorError)?;
        if written != 6 {
            return Err(CursorError);
        }
        let at = Timestamp::from_millis(u64::from_be_bytes(millis));
        Ok(Self {
            order,
            after: (at, id.parse().map_err(error)?),
        })
    }
}
