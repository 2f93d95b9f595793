use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::digest;
use crate::error::{Error, Result};
use crate::user::UserId;

const BUCKET_CHARS: usize = 2;
const ID_CHARS: usize = 18;
const ID_BYTES: usize = (ID_CHARS - BUCKET_CHARS) * 6 / 8;
const SECRET_BYTES: usize = 32;
const SECRET_CHARS: usize = 43;
const TOKEN_CHARS: usize = ID_CHARS + SECRET_CHARS;

/// The public name of a session: 18 characters of the base64url alphabet, safe to show and to log.
///
/// It leads to the session and can never act as it: what authenticates is the [`Token`], whose
/// second half is a secret that the store itself doesn't know. The first two characters are the
/// user's bucket (a hash of the user id), by which the id alone leads to its key; the other 16 are
/// 96 random bits. A session keeps its id when its token is [rotated](crate::SessionStore::rotate).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; ID_CHARS]);

/// Why a text can't be a [`SessionId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session id is {ID_CHARS} characters of A-Z, a-z, 0-9, '-' and '_'")]
pub struct SessionIdError;

impl SessionId {
    pub(crate) fn of(user: &UserId, random: &[u8; ID_BYTES]) -> Self {
        let mut id = [0; ID_CHARS];
        id[..BUCKET_CHARS].copy_from_slice(&digest::bucket(user).0);
        URL_SAFE_NO_PAD
            .encode_slice(random, &mut id[BUCKET_CHARS..])
            .expect("12 bytes are 16 characters");
        Self(id)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("ids are checked to be ASCII")
    }

    /// The user's bucket, which picks the hash tag of all the user's keys.
    #[cfg(any(feature = "redis", feature = "internals"))]
    pub(crate) fn bucket(&self) -> &str {
        &self.as_str()[..BUCKET_CHARS]
    }

    /// What tells the session from the others of its bucket.
    #[cfg(any(feature = "redis", feature = "internals"))]
    pub(crate) fn local(&self) -> &str {
        &self.as_str()[BUCKET_CHARS..]
    }

    /// How many characters [`local`](Self::local) has.
    #[cfg(any(feature = "redis", feature = "internals"))]
    pub(crate) const LOCAL_CHARS: usize = ID_CHARS - BUCKET_CHARS;

    /// Puts together what the index keeps apart.
    #[cfg(any(feature = "redis", feature = "internals"))]
    pub(crate) fn from_parts(
        bucket: &str,
        local: &[u8],
    ) -> std::result::Result<Self, SessionIdError> {
        let mut id = [0; ID_CHARS];
        if bucket.len() != BUCKET_CHARS || local.len() != Self::LOCAL_CHARS {
            return Err(SessionIdError);
        }
        id[..BUCKET_CHARS].copy_from_slice(bucket.as_bytes());
        id[BUCKET_CHARS..].copy_from_slice(local);
        Self::from_ascii(id)
    }

    fn from_ascii(id: [u8; ID_CHARS]) -> std::result::Result<Self, SessionIdError> {
        let in_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if id.iter().all(in_alphabet) {
            Ok(Self(id))
        } else {
            Err(SessionIdError)
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8; ID_CHARS] {
        &self.0
    }
}

impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> std::result::Result<Self, SessionIdError> {
        Self::from_ascii(text.as_bytes().try_into().map_err(|_| SessionIdError)?)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({})", self.as_str())
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// What a client shows to prove that it is the session: the id, and 256 random bits.
///
/// 61 characters of the base64url alphabet. The store keeps only a digest of it, so whoever reads
/// a dump of Redis can't log in. `Debug` shows the id alone, there is no `Display`: the one way to
/// the text is [`expose`](Self::expose), once, for the client.
#[derive(Clone)]
pub struct Token {
    id: SessionId,
    secret: [u8; SECRET_BYTES],
}

/// Why a text can't be a [`Token`]. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is {TOKEN_CHARS} characters of base64url")]
pub struct TokenError;

impl Token {
    /// Mints a token, and with it the id, for a new session of `user`. For those who implement a
    /// [`SessionStore`](crate::SessionStore).
    ///
    /// # Errors
    ///
    /// [`Random`](Error::Random).
    pub fn mint(user: &UserId) -> Result<Self> {
        // One call of the system for both.
        let random: [u8; ID_BYTES + SECRET_BYTES] = random_bytes()?;
        let (id, secret) = random
            .split_first_chunk()
            .expect("the id's bytes come first");
        Ok(Self {
            id: SessionId::of(user, id),
            secret: secret.try_into().expect("the secret's bytes are left"),
        })
    }

    /// Mints another token for a session that exists: a rotation's.
    ///
    /// # Errors
    ///
    /// [`Random`](Error::Random).
    pub fn mint_for(id: SessionId) -> Result<Self> {
        let secret = random_bytes()?;
        Ok(Self { id, secret })
    }

    /// Reads what a client sent. Shape and alphabet are checked here, before the store is asked.
    ///
    /// # Errors
    ///
    /// The text isn't what [`expose`](Self::expose) gives.
    pub fn parse(text: &str) -> std::result::Result<Self, TokenError> {
        // Also keeps the split below on a character boundary.
        if text.len() != TOKEN_CHARS || !text.is_ascii() {
            return Err(TokenError);
        }
        let (id, secret_text) = text.split_at(ID_CHARS);
        let mut secret = [0; SECRET_BYTES];
        let written = URL_SAFE_NO_PAD
            .decode_slice(secret_text, &mut secret)
            .map_err(|_| TokenError)?;
        if written != SECRET_BYTES {
            return Err(TokenError);
        }
        Ok(Self {
            id: id.parse().map_err(|_| TokenError)?,
            secret,
        })
    }

    /// The token as text, for the client and for nobody else: never log or store it.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut text = String::with_capacity(TOKEN_CHARS);
        text.push_str(self.id.as_str());
        URL_SAFE_NO_PAD.encode_string(self.secret, &mut text);
        text
    }

    /// The session that this token is for.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}…)", self.id)
    }
}

/// A text that nobody else comes up with.
#[cfg(feature = "redis")]
pub(crate) fn random_text() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<ID_BYTES>()?))
}

fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|source| Error::Random(Box::new(source)))?;
    Ok(bytes)
}
