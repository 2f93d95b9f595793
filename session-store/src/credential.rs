//! Credentials that somebody else issues, and the sessions that go by them.

use std::fmt;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::error::Invalid;
use crate::session::{NewSession, Session, limits};
use crate::store::Created;
use crate::timestamp::Timestamp;
use crate::user::UserId;

/// A credential that somebody else issues, and that has been checked: an access token (JWT) of an auth
/// service, say. It has no session until one is created
/// [for it](crate::SessionStore::create_for); from then on that session decides whether it is good.
///
/// A store keeps a digest of its name, and nothing of the credential itself.
#[derive(Clone)]
pub struct Credential {
    /// Whose it is.
    pub user_id: UserId,
    /// The user's name, as the credential has it.
    pub username: Option<String>,
    /// The user's role, as the credential has it.
    pub role: Option<String>,
    /// What leads to its session.
    pub(crate) name: [u8; 32],
    issued_at: Timestamp,
    expires_at: Timestamp,
    /// How long after that another one of its series may come; none where it stands for itself.
    renewable_for: Option<Duration>,
}

impl Credential {
    /// One that stands for itself: its session is over when it expires. `text` is the credential as
    /// a whole, or what of it nobody can write in another way.
    #[must_use]
    pub fn single(
        user_id: UserId,
        text: &str,
        issued_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self::new(user_id, b't', text, issued_at, expires_at)
    }

    /// One of a series: each is issued in place of the one before, and all share `name` (the session
    /// claim of a JWT) and the session. The store's timeouts end that.
    ///
    /// `renewable_for` is how long after its expiry another one of its series may still be issued. For
    /// so long an ended session is remembered, so that no later one brings it back.
    #[must_use]
    pub fn of_series(
        user_id: UserId,
        name: &str,
        issued_at: Timestamp,
        expires_at: Timestamp,
        renewable_for: Duration,
    ) -> Self {
        Self {
            renewable_for: Some(renewable_for),
            ..Self::new(user_id, b's', name, issued_at, expires_at)
        }
    }

    fn new(
        user_id: UserId,
        kind: u8,
        name: &str,
        issued_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        // The kind keeps a session claim from being taken for somebody's token.
        let hash = Sha256::new().chain_update([kind]).chain_update(name);
        Self {
            user_id,
            username: None,
            role: None,
            name: hash.finalize().into(),
            issued_at: issued_at.min(Timestamp::END),
            expires_at: expires_at.min(Timestamp::END),
            renewable_for: None,
        }
    }

    /// When it was issued.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// When it expires by itself.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// When its session ends at the latest, whatever the store's timeouts.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.renewable_for.is_none().then_some(self.expires_at)
    }

    /// How long a store has to remember that it had a session.
    #[must_use]
    pub fn known_until(&self) -> Timestamp {
        let renewable_for = self.renewable_for.unwrap_or_default();
        let known_until = self.expires_at.saturating_add(renewable_for);
        known_until.min(Timestamp::END)
    }

    /// A session of its user, with its claims. For those who implement a
    /// [`SessionStore`](crate::SessionStore), as what follows.
    #[must_use]
    pub fn claims_in(&self, new: NewSession) -> NewSession {
        NewSession {
            user_id: self.user_id.clone(),
            username: self.username.clone(),
            role: self.role.clone(),
            ..new
        }
    }

    /// Whether a session can hold its claims.
    ///
    /// # Errors
    ///
    /// The first claim that is too long.
    pub fn check(&self) -> Result<(), Invalid> {
        let (username, role) = (self.username.as_deref(), self.role.as_deref());
        Invalid::check_chars("username", username, limits::USERNAME_CHARS)?;
        Invalid::check_chars("role", role, limits::ROLE_CHARS)
    }

    /// Whether it has expired by this clock.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }

    /// What a store remembers of it.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            known_until: self.known_until(),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// What a store remembers of a credential that has, or had, a session: as long as this stands and the
/// session doesn't, the credential is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// When the newest one that was seen was issued.
    pub(crate) issued_at: Timestamp,
    /// When that one expires.
    pub(crate) expires_at: Timestamp,
    pub(crate) known_until: Timestamp,
}

impl Mark {
    #[cfg(feature = "redis")]
    pub(crate) const UNREADABLE: Self = Self {
        issued_at: Timestamp::END,
        expires_at: Timestamp::END,
        known_until: Timestamp::END,
    };

    /// Whether a credential is newer than those that were seen: issued later, or at once and good for
    /// longer.
    pub(crate) fn is_before(self, credential: &Credential) -> bool {
        let newest = (self.issued_at, self.expires_at);
        (credential.issued_at, credential.expires_at) > newest
    }
}

/// Whether a [`Credential`] is good: what [`standing`](crate::SessionStore::standing) answers.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are the large one, and none is kept"
)]
pub enum Standing {
    /// It is, and has no session.
    NoSession,
    /// It is, and this is its session.
    Live(Session),
    /// It isn't: its session has ended, or it has expired.
    Over,
}

/// What [`create_for`](crate::SessionStore::create_for) did.
#[derive(Clone, Debug)]
pub enum CreatedFor {
    /// It created a session. The token that comes with it authenticates as well: drop it where the
    /// credential is to be the only one.
    Begun(Created),
    /// Nothing: there is one already.
    Stands(Session),
    /// Nothing: the credential is no longer good.
    Over,
}
