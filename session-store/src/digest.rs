//! Every digest in one place: what leads to a user's keys, and what stands for a secret.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::config::Pepper;
use crate::credential::Credential;
use crate::session::Fingerprint;
use crate::token::{SessionId, Token};
use crate::user::UserId;

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The user's bucket: the first 12 bits of the user id's SHA-256 as two base64url characters.
pub(crate) fn bucket(user: &UserId) -> Bucket {
    bucket_of(user.as_str())
}

/// The bucket of any text.
pub(crate) fn bucket_of(text: &str) -> Bucket {
    let hash = Sha256::digest(text.as_bytes());
    let twelve_bits = usize::from(hash[0]) << 4 | usize::from(hash[1]) >> 4;
    Bucket([twelve_bits >> 6, twelve_bits & 63].map(|six_bits| BASE64URL[six_bits]))
}

/// Two characters of the base64url alphabet.
#[derive(Clone, Copy)]
pub(crate) struct Bucket(pub(crate) [u8; 2]);

#[cfg(any(feature = "redis", feature = "internals"))]
impl Bucket {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }
}

/// What a store keeps of a token: enough to recognise it, useless to whoever reads it. Half of a
/// SHA-256: to find a token that fits one takes 2^128 attempts, as it takes 2^256 to find the token
/// itself. `Debug` doesn't show it.
#[derive(Clone, Copy)]
pub struct Verifier(pub(crate) [u8; 16]);

impl Verifier {
    /// As [`as_bytes`](Self::as_bytes) gave it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether both stand for the same token; takes as long whatever the answer.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// Makes what a store keeps in place of secrets, keyed by the pepper where there is one. For those
/// who implement a [`SessionStore`](crate::SessionStore).
#[derive(Clone)]
pub struct Digester {
    keyed: Option<Hmac<Sha256>>,
}

impl Digester {
    /// One for all of a store's digests; see [`Config::pepper`](crate::Config::pepper).
    #[must_use]
    pub fn new(pepper: Option<&Pepper>) -> Self {
        let keyed = pepper.map(|pepper| {
            Hmac::new_from_slice(pepper.as_bytes()).expect("HMAC takes keys of any length")
        });
        Self { keyed }
    }

    /// What to keep of a token. The id is hashed too, so that a digest is worth nothing under another
    /// session's id.
    #[must_use]
    pub fn verifier(&self, token: &Token) -> Verifier {
        let hash = self.digest(&[token.id().as_bytes(), token.secret()]);
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        Verifier(half)
    }

    /// What to keep of a device's fingerprint: eight bytes, to be compared within one user's sessions
    /// only. The user id is hashed too, so that a dump doesn't tell which users share a device.
    #[must_use]
    pub fn fingerprint(&self, user: &UserId, fingerprint: &str) -> Fingerprint {
        let hash = self.digest(&[user.as_str().as_bytes(), &[0], fingerprint.as_bytes()]);
        let mut short = [0; 8];
        short.copy_from_slice(&hash[..8]);
        // All zero means "none" in a record.
        short[7] |= u8::from(short == [0; 8]);
        Fingerprint(short)
    }

    /// The session of a credential that somebody else issues, where it has one.
    #[must_use]
    pub fn session_id(&self, credential: &Credential) -> SessionId {
        let user = &credential.user_id;
        // No verifier's digest begins with these bytes: an id has no zero byte.
        let hash = self.digest(&[
            b"credential\0",
            user.as_str().as_bytes(),
            &[0],
            &credential.name,
        ]);
        let mut short = [0; 12];
        short.copy_from_slice(&hash[..12]);
        SessionId::of(user, &short)
    }

    fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        match &self.keyed {
            Some(keyed) => {
                let mut mac = keyed.clone();
                parts.iter().for_each(|part| mac.update(part));
                mac.finalize().into_bytes().into()
            }
            None => {
                let mut hash = Sha256::new();
                parts.iter().for_each(|part| hash.update(part));
                hash.finalize().into()
            }
        }
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester(…)")
    }
}
