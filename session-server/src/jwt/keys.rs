//! By which keys tokens are checked.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::jwk::{Jwk, JwkSet, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};

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
pub(crate) struct KeyFile {
    path: PathBuf,
    read: RwLock<Read>,
}

struct Read {
    keys: HashMap<String, Arc<Key>>,
    /// The only one, where it has no name.
    unnamed: Option<Arc<Key>>,
    /// What tells that a file is another one; its date may be kept by whoever copies it.
    text: Vec<u8>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// Where it goes wrong, and nothing of the text, which may be a secret.
    #[error("{0} is no JWK set: line {1}, column {2}")]
    NoSet(String, usize, usize),
    #[error("{0} holds no key that can check a signature")]
    Empty(String),
    #[error(
        "must be the PEM text of a public key (RSA of 2,048 bits or more, P-256, P-384 or Ed25519) that \
         begins with -----BEGIN PUBLIC KEY-----"
    )]
    Pem,
    #[error("must have at least 32 bytes, as HS256 asks for (RFC 7518, 3.2)")]
    Short,
    #[error("is a key file's text: a public one goes to JWT_PUBLIC_KEY_FILE")]
    KeyAsSecret,
}

impl Key {
    const MIN_SECRET_BYTES: usize = 32;
    /// 2,048 bits.
    const MIN_RSA_BYTES: usize = 256;

    fn new(key: DecodingKey) -> Self {
        let algorithms = key.family().algorithms().to_vec();
        Self { key, algorithms }
    }

    /// Whether it takes more than patience to forge by it (RFC 7518, 3.2 and 3.3), and there is an
    /// algorithm for it.
    fn is_strong(&self) -> bool {
        let bytes = self.key.try_get_as_bytes().unwrap_or_default().len();
        match (self.key.family(), self.key.kind()) {
            (AlgorithmFamily::Hmac, _) => bytes >= Self::MIN_SECRET_BYTES,
            (AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, .. }) => {
                let zeros = n.iter().take_while(|byte| **byte == 0).count();
                n.len() - zeros >= Self::MIN_RSA_BYTES
            }
            // DER: the modulus, and a few bytes around it and the exponent.
            (AlgorithmFamily::Rsa, _) => bytes >= Self::MIN_RSA_BYTES + 8,
            // A point of P-256 or P-384, not compressed.
            (AlgorithmFamily::Ec, _) => matches!(bytes, 65 | 97),
            (AlgorithmFamily::Ed, _) => bytes == 32,
        }
    }

    fn of_jwk(jwk: &Jwk) -> Option<Self> {
        let use_ = jwk.common.public_key_use.as_ref();
        if use_.is_some_and(|use_| *use_ != PublicKeyUse::Signature) {
            return None;
        }
        let operations = jwk.common.key_operations.as_deref();
        if operations.is_some_and(|all| !all.contains(&KeyOperations::Verify)) {
            return None;
        }
        let mut key = Self::new(DecodingKey::from_jwk(jwk).ok()?);
        if !key.is_strong() {
            return None;
        }
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
        // Everybody may have read a public key, and could sign with it then.
        if secret.starts_with(b"-----BEGIN") {
            return Err(KeyError::KeyAsSecret);
        }
        let key = Key::new(DecodingKey::from_secret(secret));
        match key.is_strong() {
            true => Ok(Self::One(Arc::new(key))),
            false => Err(KeyError::Short),
        }
    }

    /// The auth service's public key.
    pub(crate) fn pem(pem: &[u8]) -> Result<Self, KeyError> {
        let text = str::from_utf8(pem).map_err(|_| KeyError::Pem)?;
        // A private one has no business here, and would be taken; so would a certificate.
        if !text.contains("-----BEGIN PUBLIC KEY-----") || text.contains("PRIVATE KEY") {
            return Err(KeyError::Pem);
        }
        let key = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .map_err(|_| KeyError::Pem)?;
        let key = Key::new(key);
        if !key.is_strong() {
            return Err(KeyError::Pem);
        }
        Ok(Self::One(Arc::new(key)))
    }

    /// A JWK set.
    pub(crate) fn file(path: &Path) -> Result<Self, KeyError> {
        Ok(Self::Set(KeyFile {
            read: RwLock::new(Read::set(path, read(path)?)?),
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
    /// Reads the file again; answers whether it is another one.
    pub(crate) async fn reread(&self) -> Result<bool, KeyError> {
        let text = tokio::fs::read(&self.path).await;
        let text = text.map_err(|error| KeyError::File(self.path.display().to_string(), error))?;
        let is_same = {
            let before = self.read.read().unwrap_or_else(PoisonError::into_inner);
            before.text == text
        };
        if is_same {
            return Ok(false);
        }
        let read = Read::set(&self.path, text)?;
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(true)
    }
}

impl Read {
    fn set(path: &Path, text: Vec<u8>) -> Result<Self, KeyError> {
        let name = || path.display().to_string();
        let set: JwkSet = serde_json::from_slice(&text)
            .map_err(|error| KeyError::NoSet(name(), error.line(), error.column()))?;
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
            text,
        })
    }
}

/// The bytes of a file of keys.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    std::fs::read(path).map_err(|error| KeyError::File(path.display().to_string(), error))
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.algorithms)
    }
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyFile({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "{kid}",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    #[tokio::test]
    async fn a_file_that_is_broken_leaves_the_keys_as_they_are() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("keys.json");
        let write = |text: &str| std::fs::write(&path, text).expect("a file");
        write(&SET.replace("{kid}", "one"));
        let keys = Keys::file(&path).expect("a set");
        let Keys::Set(file) = &keys else {
            panic!("{keys:?}");
        };
        assert!(!file.reread().await.expect("it is there"));
        for broken in ["", "{\"keys\": [", "{\"keys\": []}"] {
            write(broken);
            file.reread().await.expect_err(broken);
            assert!(keys.find(Some("one")).is_some(), "{broken}");
        }
        std::fs::remove_file(&path).expect("it was there");
        file.reread().await.expect_err("nothing");
        // As long as the first, and perhaps as old.
        write(&SET.replace("{kid}", "two"));
        assert!(file.reread().await.expect("a set"));
        assert!(keys.find(Some("one")).is_none());
        assert!(keys.find(Some("two")).is_some());
    }
}
