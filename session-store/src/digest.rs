//! Every digest in one place: what leads to a user's keys, and what stands for a secret.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::config::Pepper;
use crate::session::Fingerprint;
use crate::token::Token;
use crate::user::UserId;

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The user's bucket: the first 12 bits of the user id's SHA-256 as two base64url characters.
pub(crate) fn bucket(user: &UserId) -> String {
    let hash = Sha256::digest(user.as_str().as_bytes());
    let twelve_bits = usize::from(hash[0]) << 4 | usize::from(hash[1]) >> 4;
    [twelve_bits >> 6, twelve_bits & 63]
        .map(|six_bits| char::from(BASE64URL[six_bits]))
        .iter()
        .collect()
}

/// What the store keeps of a token: enough to recognise it, useless to whoever reads it.
#[derive(Clone, Copy)]
pub(crate) struct Verifier(pub(crate) [u8; 32]);

impl Verifier {
    /// Whether both stand for the same token; takes as long whatever the answer.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Makes digests, keyed by the pepper where there is one.
#[derive(Clone)]
pub(crate) struct Digester {
    keyed: Option<Hmac<Sha256>>,
}

impl Digester {
    pub(crate) fn new(pepper: Option<&Pepper>) -> Self {
        let keyed = pepper.map(|pepper| {
            Hmac::new_from_slice(pepper.as_bytes()).expect("HMAC takes keys of any length")
        });
        Self { keyed }
    }

    /// The id is hashed too, so that a digest is worth nothing under another session's id.
    pub(crate) fn verifier(&self, token: &Token) -> Verifier {
        Verifier(self.digest(&[token.id().as_bytes(), token.secret()]))
    }

    /// Eight bytes, to be compared within one user's sessions only. The user id is hashed too, so
    /// that a dump doesn't tell which users share a device.
    pub(crate) fn fingerprint(&self, user: &UserId, fingerprint: &str) -> Fingerprint {
        let hash = self.digest(&[user.as_str().as_bytes(), &[0], fingerprint.as_bytes()]);
        let mut short = [0; 8];
        short.copy_from_slice(&hash[..8]);
        // All zero means "none" in a record.
        short[7] |= u8::from(short == [0; 8]);
        Fingerprint(short)
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
