//! What is told, and its place among all that was told.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use session_store::Event;

/// An event, and its place among those of this process.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) id: NoticeId,
    pub(crate) event: Event,
}

/// What a client says to carry on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoticeId {
    /// Changes wherever events may be missing, and is another one in each process: what a client
    /// heard before can't be carried on from there.
    pub(super) epoch: u64,
    /// Of the event; counted from 1.
    pub(super) number: u64,
}

/// What a listener hears.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Notice(Arc<Notice>),
    /// Events may be missing here; the next ones come after this place.
    Missed(NoticeId),
}

impl NoticeId {
    /// The place before the first event of a new epoch.
    pub(super) fn beginning() -> Self {
        Self {
            epoch: rand::random(),
            number: 0,
        }
    }
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.epoch, self.number)
    }
}

impl FromStr for NoticeId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, number) = text.split_once('-').ok_or(())?;
        Ok(Self {
            epoch: u64::from_str_radix(epoch, 16).map_err(|_| ())?,
            number: number.parse().map_err(|_| ())?,
        })
    }
}
