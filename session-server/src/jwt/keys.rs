//! By which keys tokens are checked.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

/// A key, and the algorithms that it is for. A token says by which it is signed; were any of them taken,
/// a public key would be as good as a secret (RFC 8725, 2.1).
pub(crate) struct Key {
    pub(crate) key: DecodingKey,
    pub(crate) algorithms: Vec<Algorithm>,
}

/// Where keys come from.
#[derive(Debug)]
pub(crate) enum Keys {
    /// One, whatever a token calls it.
    One(Arc<Key>),
    /// Several, by what tokens call them.
    Set(KeyFile),
}

/// A JWK set in a file, as it was when it was read last.
#[derive(Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    read: RwLock<Read>,
}

#[derive(Debug)]
struct Read {
    keys: HashMap<String, Arc<Key>>,
    /// The only one, where it has no name.
    unnamed: Option<Arc<Key>>,
    version: Version,
}

/// What tells that a file is another one.
type Version = (Option<SystemTime>, u64);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    #[error("{0}: {1}")]
    NoSet(String, serde_json::Error),
    #[error("{0} holds no key that can check a signature")]
    Empty(String),
    #[error(
        "must be the PEM text of a public key (RSA, P-256, P-384 or Ed25519) that begins with \
         -----BEGIN PUBLIC KEY-----"
    )]
    Pem,
    #[error("must have at least 32 bytes, as HS256 asks for (RFC 7518, 3.2)")]
    Short,
}

impl Key {
    const MIN_SECRET_BYTES: usize = 32;

    fn new(key: DecodingKey) -> Self {
        let algorithms = key.family().algorithms().to_vec();
        Self { key, algorithms }
    }

    fn of_jwk(jwk: &Jwk) -> Option<Self> {
        let use_ = jwk.common.public_key_use.as_ref();
        if use_.is_some_and(|use_| *use_ != PublicKeyUse::Signature) {
            return None;
        }
        let mut key = Self::new(DecodingKey::from_jwk(jwk).ok()?);
        if let Some(algorithm) = &jwk.common.key_algorithm {
            // Those for encryption are none of these.
            let algorithm = algorithm.to_string().parse().ok();
            key.algorithms.retain(|it| Some(*it) == algorithm);
        }
        (!key.algorithms.is_empty()).then_some(key)
    }
}

impl Keys {
    /// A secret that the auth service shares.
    pub(crate) fn secret(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < Key::MIN_SECRET_BYTES {
            return Err(KeyError::Short);
        }
        let key = Key::new(DecodingKey::from_secret(secret));
        Ok(Self::One(Arc::new(key)))
    }

    /// The auth service's public key.
    pub(crate) fn pem(pem: &[u8]) -> Result<Self, KeyError> {
        let text = str::from_utf8(pem).map_err(|_| KeyError::Pem)?;
        // The private one has no business here, and would be taken for it.
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Pem);
        }
        let key = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .map_err(|_| KeyError::Pem)?;
        Ok(Self::One(Arc::new(Key::new(key))))
    }

    /// A JWK set.
    pub(crate) fn file(path: &Path) -> Result<Self, KeyError> {
        Ok(Self::Set(KeyFile {
            read: RwLock::new(Read::file(path)?),
            path: path.to_owned(),
        }))
    }

    /// The key that a token calls so.
    pub(crate) fn find(&self, name: Option<&str>) -> Option<Arc<Key>> {
        match self {
            Self::One(key) => Some(Arc::clone(key)),
            Self::Set(file) => {
                let read = file.read.read().unwrap_or_else(PoisonError::into_inner);
                match name {
                    Some(name) => read.keys.get(name).cloned(),
                    None => read.unnamed.clone(),
                }
            }
        }
    }
}

impl KeyFile {
    /// Reads the file again where it is another one; answers whether it was.
    pub(crate) fn reread(&self) -> Result<bool, KeyError> {
        let version = version(&self.path)?;
        let before = self.read.read().unwrap_or_else(PoisonError::into_inner);
        if before.version == version {
            return Ok(false);
        }
        drop(before);
        let read = Read::file(&self.path)?;
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(true)
    }
}

impl Read {
    fn file(path: &Path) -> Result<Self, KeyError> {
        let name = || path.display().to_string();
        // Before the text: what is written in between is then read again.
        let version = version(path)?;
        let text = std::fs::read(path).map_err(|error| KeyError::File(name(), error))?;
        let set: JwkSet =
            serde_json::from_slice(&text).map_err(|error| KeyError::NoSet(name(), error))?;
        let mut keys = HashMap::new();
        let mut unnamed = Vec::new();
        for jwk in &set.keys {
            let Some(key) = Key::of_jwk(jwk).map(Arc::new) else {
                continue;
            };
            match &jwk.common.key_id {
                Some(id) => drop(keys.insert(id.clone(), key)),
                None => unnamed.push(key),
            }
        }
        let unnamed = match unnamed.len() {
            1 => unnamed.pop(),
            _ => None,
        };
        // A token may leave out the name where there is no choice.
        let only = keys.values().next().filter(|_| keys.len() == 1).cloned();
        let unnamed = unnamed.or(only);
        if keys.is_empty() && unnamed.is_none() {
            return Err(KeyError::Empty(name()));
        }
        Ok(Self {
            keys,
            unnamed,
            version,
        })
    }
}

fn version(path: &Path) -> Result<Version, KeyError> {
    let metadata = std::fs::metadata(path);
    let metadata = metadata.map_err(|error| KeyError::File(path.display().to_string(), error))?;
    Ok((metadata.modified().ok(), metadata.len()))
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.algorithms)
    }
}
