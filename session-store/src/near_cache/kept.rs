//! The table, and what keeps an answer that is out of date from getting into it, or from being
//! served out of it.
//!
//! A read and a change that overlap are told apart by **generations**. Whoever reads notes the
//! session's generation before; an answer is kept only where the generation is the same still. Each
//! change that is told counts it up and takes the session out, both under one lock, so there is no
//! order of the two that leaves an old answer behind:
//!
//! - noted, changed in the store, told, answered: the generation has moved, nothing is kept;
//! - noted, changed in the store, answered, told: what was kept is taken out;
//! - told, noted, answered: the read began after the change, and has seen it.
//!
//! Keeping counts too. Of reads that overlap, one is kept; where their answers differ, none, for
//! nobody here can tell which is newer.
//!
//! Sessions share generations, 4096 of them: an answer that isn't kept for another session's sake
//! costs a read.
//!
//! What ends a user's sessions without naming them counts up the **user's generation**, which each
//! entry carries from before its read; entries of an older one are as good as gone. An id begins
//! with its user's bucket, and the generation is the bucket's: some of other users' go too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::NearCacheOptions;
use super::entry::Entry;
use crate::changes::ChangeListener;
use crate::digest::{self, Verifier};
use crate::ended::EndedSession;
use crate::session::Session;
use crate::token::SessionId;
use crate::user::UserId;

/// Two characters of base64url.
const PLACES: usize = 64 * 64;

/// What a session usually takes. The table only sizes its parts by it.
const USUAL_BYTES: usize = 700;

pub(super) struct Kept {
    table: Cache<SessionId, Arc<Entry>, Weight>,
    /// The sessions' generations. Whoever changes the table holds the session's.
    sessions: Box<[Mutex<u64>]>,
    users: Box<[AtomicU64]>,
}

/// The generations before a read.
#[derive(Clone, Copy)]
pub(super) struct Note {
    session: u64,
    user: u64,
}

impl Kept {
    pub(super) fn new(options: &NearCacheOptions) -> Self {
        // The table divides this among a power of two of parts: without a remainder it keeps to it.
        let max_bytes = options.max_bytes / 1024 * 1024;
        let usual_entries = (max_bytes / USUAL_BYTES).min(options.max_entries);
        let table = OptionsBuilder::new()
            .weight_capacity(max_bytes as u64)
            .estimated_items_capacity(usual_entries)
            .build()
            .expect("both capacities are given");
        // One bound for bytes and entries: none counts for less than its share of the bytes.
        let weight = Weight {
            least: max_bytes.div_ceil(options.max_entries) as u64,
        };
        Self {
            table: Cache::with_options(
                table,
                weight,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            sessions: (0..PLACES).map(|_| Mutex::default()).collect(),
            users: (0..PLACES).map(|_| AtomicU64::default()).collect(),
        }
    }

    /// How many sessions there are, and the bytes that they take.
    pub(super) fn size(&self) -> (usize, u64) {
        (self.table.len(), self.table.weight())
    }

    pub(super) fn find(&self, id: SessionId) -> Option<Arc<Entry>> {
        let entry = self.table.get(&id)?;
        let user = self.users[user_place(id)].load(Ordering::Acquire);
        (entry.user == user).then_some(entry)
    }

    /// To be taken before a read.
    pub(super) fn note(&self, id: SessionId) -> Note {
        let user = self.users[user_place(id)].load(Ordering::Acquire);
        let session = *self.generation(id);
        Note { session, user }
    }

    /// Keeps what was read, unless it may be out of date.
    pub(super) fn keep(&self, note: Note, session: Session, verifier: Verifier) {
        let id = session.id;
        let entry = Entry::new(session, verifier, note.user);
        let mut generation = self.generation(id);
        if *generation == note.session {
            *generation += 1;
            self.table.insert(id, Arc::new(entry));
        } else if let Some(other) = self.table.peek(&id)
            && !(other.verifier.matches(&verifier) && other.session == entry.session)
        {
            self.table.remove(&id);
        }
    }

    pub(super) fn drop_session(&self, id: SessionId) {
        let mut generation = self.generation(id);
        *generation += 1;
        self.table.remove(&id);
    }

    pub(super) fn drop_ended(&self, ended: &[EndedSession]) {
        ended.iter().for_each(|ended| self.drop_session(ended.id));
    }

    fn drop_user(&self, place: usize) {
        self.users[place].fetch_add(1, Ordering::AcqRel);
    }

    fn generation(&self, id: SessionId) -> MutexGuard<'_, u64> {
        // Nothing that panics is called under the lock; if it were, the number would be right still.
        let generation = self.sessions[session_place(id)].lock();
        generation.unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChangeListener for Kept {
    fn changed(&self, id: SessionId) {
        self.drop_session(id);
    }

    /// Takes nothing out of the table, which would hold up whoever tells; what is as good as gone
    /// makes room when room is needed.
    fn all_changed(&self) {
        (0..PLACES).for_each(|place| self.drop_user(place));
    }
}

/// Drops what a call may have changed, when the call ends or is cut off.
pub(super) struct Dropping<'a> {
    kept: &'a Kept,
    what: Option<What>,
}

enum What {
    Session(SessionId),
    User(usize),
}

impl<'a> Dropping<'a> {
    pub(super) fn session(kept: &'a Kept, id: SessionId) -> Self {
        let what = Some(What::Session(id));
        Self { kept, what }
    }

    pub(super) fn user(kept: &'a Kept, user: &UserId) -> Self {
        let bucket = digest::bucket(user);
        let what = Some(What::User(place(&bucket.0)));
        Self { kept, what }
    }

    pub(super) fn user_of(kept: &'a Kept, id: SessionId) -> Self {
        let what = Some(What::User(user_place(id)));
        Self { kept, what }
    }

    /// The call has told what it has changed.
    pub(super) fn known(mut self) {
        self.what = None;
    }
}

impl Drop for Dropping<'_> {
    fn drop(&mut self) {
        match self.what.take() {
            Some(What::Session(id)) => self.kept.drop_session(id),
            Some(What::User(place)) => self.kept.drop_user(place),
            None => {}
        }
    }
}

/// Where a user's generation is: by the bucket, with which the ids of all the user's sessions begin.
fn user_place(id: SessionId) -> usize {
    place(id.as_bytes())
}

/// Where a session's generation is: by characters that are random.
fn session_place(id: SessionId) -> usize {
    place(&id.as_bytes()[2..])
}

fn place(characters: &[u8]) -> usize {
    let six_bits = |at: usize| usize::from(characters[at] & 63);
    six_bits(0) << 6 | six_bits(1)
}

#[derive(Clone)]
struct Weight {
    least: u64,
}

impl Weighter<SessionId, Arc<Entry>> for Weight {
    fn weight(&self, _: &SessionId, entry: &Arc<Entry>) -> u64 {
        (entry.bytes() as u64).max(self.least)
    }
}
