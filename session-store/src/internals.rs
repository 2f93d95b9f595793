//! A way in for the benchmarks of this repository, to steps that no caller sees (feature
//! `internals`). Not part of the API: anything here may change in any release.

use crate::codec;
use crate::digest;
use crate::error::RecordError;
use crate::keys;
use crate::session::{NewSession, Session};
use crate::timestamp::Timestamp;
use crate::token::SessionId;
use crate::user::UserId;
use crate::{ConfigError, Verifier};

/// A new session's record, as it is sent to Redis: from its verifier on.
pub fn encode(new: &NewSession, verifier: &Verifier) -> Vec<u8> {
    codec::new_record(new, None, verifier)
}

/// A record as `create.lua` writes it, of a session that was created at `now` and lives for an hour.
pub fn record(new: &NewSession, verifier: &Verifier, now: Timestamp) -> Vec<u8> {
    const HOUR_MS: u64 = 60 * 60 * 1000;
    let millis = |millis: u64| millis.to_be_bytes()[2..].to_vec();
    [
        &[1][..],
        &millis(now.as_millis()),
        &millis(now.as_millis()),
        &millis(now.as_millis() + HOUR_MS),
        &millis(HOUR_MS),
        &encode(new, verifier),
    ]
    .concat()
}

/// What a record tells.
///
/// # Errors
///
/// Where it can't be read.
pub fn decode(id: SessionId, record: &[u8]) -> Result<(Session, Verifier), RecordError> {
    let record = codec::decode(id, record)?;
    Ok((record.session, record.verifier))
}

/// The names of keys.
#[derive(Debug)]
pub struct Keys(keys::Keys);

impl Keys {
    /// With this prefix.
    ///
    /// # Errors
    ///
    /// Where it can't be one.
    pub fn new(prefix: &str) -> Result<Self, ConfigError> {
        keys::Keys::new(prefix).map(Self)
    }

    /// The key of a session's record.
    pub fn record(&self, id: SessionId) -> String {
        self.0.record(id)
    }

    /// The key of a user's index.
    pub fn index(&self, user: &UserId) -> String {
        self.0.index(digest::bucket(user).as_str(), user)
    }
}
