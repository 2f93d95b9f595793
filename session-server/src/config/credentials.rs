use std::fmt;
use std::path::{Path, PathBuf};

use session_store::Token;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::SettingError;
use super::values::Secret;

/// Who may call.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Credentials")]
pub struct CredentialArgs {
    /// Keys of trusted backends, of at least 32 characters each. Visible in `ps` when given as a
    /// flag.
    #[arg(long, env, value_name = "NAME:KEY,…", hide_env_values = true)]
    service_keys: Option<Secret>,

    /// A file with a NAME:KEY a line; lines that begin with # are comments.
    #[arg(long, env, value_name = "FILE")]
    service_keys_file: Option<PathBuf>,

    /// Roles that may call the admin endpoints.
    #[arg(
        long,
        env,
        value_name = "ROLE,…",
        default_value = "admin",
        value_delimiter = ','
    )]
    admin_roles: Vec<String>,
}

impl CredentialArgs {
    pub(super) fn read(&self) -> Result<Credentials, SettingError> {
        let mut service_keys = Vec::new();
        if let Some(pairs) = &self.service_keys {
            let pairs = pairs.as_str().split(',');
            add_keys(&mut service_keys, "SERVICE_KEYS", "pair", pairs)?;
        }
        if let Some(file) = &self.service_keys_file {
            let text = read_file("SERVICE_KEYS_FILE", file)?;
            add_keys(&mut service_keys, "SERVICE_KEYS_FILE", "line", text.lines())?;
        }
        let roles = self.admin_roles.iter().map(|role| role.trim().to_owned());
        Ok(Credentials {
            service_keys,
            admin_roles: roles.filter(|role| !role.is_empty()).collect(),
        })
    }
}

fn read_file(variable: &'static str, file: &Path) -> Result<String, SettingError> {
    std::fs::read_to_string(file)
        .map_err(|error| SettingError::new(variable, format!("{}: {error}", file.display())))
}

/// Errors name the place and never show the text: half a pair may be a whole key.
fn add_keys<'a>(
    keys: &mut Vec<ServiceKey>,
    variable: &'static str,
    place: &str,
    pairs: impl Iterator<Item = &'a str>,
) -> Result<(), SettingError> {
    for (number, pair) in (1..).zip(pairs) {
        let pair = pair.trim();
        if pair.is_empty() || pair.starts_with('#') {
            continue;
        }
        let error = |reason| SettingError::new(variable, format!("{place} {number}: {reason}"));
        let key = ServiceKey::parse(pair).map_err(error)?;
        if keys.iter().any(|other| other.name == key.name) {
            return Err(error("this name is taken already"));
        }
        keys.push(key);
    }
    Ok(())
}

/// Who may call, once the settings are read.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The keys of trusted backends.
    pub service_keys: Vec<ServiceKey>,
    /// Roles that may call the admin endpoints.
    pub admin_roles: Vec<String>,
}

impl Credentials {
    /// Whether a service key could be taken for a session token by its shape.
    pub(crate) fn has_key_like_token(&self) -> bool {
        self.service_keys.iter().any(|key| key.is_like_token)
    }

    /// The service key that `credential` is. Takes as long whichever it is, or none.
    pub(crate) fn service_key(&self, credential: &str) -> Option<&ServiceKey> {
        let digest = Sha256::digest(credential.as_bytes());
        let mut found = None;
        for key in &self.service_keys {
            if bool::from(key.digest.ct_eq(digest.as_slice())) {
                found = Some(key);
            }
        }
        found
    }

    pub(crate) fn is_admin_role(&self, role: &str) -> bool {
        self.admin_roles.iter().any(|admin| admin == role)
    }
}

/// The key of a trusted backend, of which only a digest is kept.
#[derive(Clone)]
pub struct ServiceKey {
    name: String,
    digest: [u8; 32],
    /// Has the shape of a session token.
    is_like_token: bool,
}

impl ServiceKey {
    pub(crate) const MIN_CHARS: usize = 32;

    /// Reads a `name:key` pair.
    ///
    /// # Errors
    ///
    /// What is wrong with it; shows nothing of it.
    pub fn parse(pair: &str) -> Result<Self, &'static str> {
        let (name, key) = pair.split_once(':').ok_or("must be name:key")?;
        let (name, key) = (name.trim(), key.trim());
        let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(in_name) {
            return Err("the name must be made of A-Z, a-z, 0-9, '-', '_' and '.'");
        }
        if !key.chars().all(|c| c.is_ascii_graphic()) {
            return Err("the key must be made of visible ASCII characters");
        }
        if key.len() < Self::MIN_CHARS {
            return Err("the key must have at least 32 characters");
        }
        Ok(Self {
            name: name.to_owned(),
            digest: Sha256::digest(key.as_bytes()).into(),
            is_like_token: Token::parse(key).is_ok(),
        })
    }

    /// What the log calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceKey({}: …)", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn read(pairs: &str) -> Result<Vec<ServiceKey>, SettingError> {
        let mut keys = Vec::new();
        add_keys(&mut keys, "SERVICE_KEYS_FILE", "line", pairs.lines())?;
        Ok(keys)
    }

    #[test]
    fn a_file_has_a_pair_a_line_and_comments() {
        let keys = read(&format!("# backends\n\n web:{KEY} \nbatch:x{KEY}\n")).expect("it is good");
        let names: Vec<_> = keys.iter().map(ServiceKey::name).collect();
        assert_eq!(names, ["web", "batch"]);
    }

    #[test]
    fn an_error_names_the_line_and_not_the_key() {
        for bad in [
            format!("web:{KEY}\nweb:{KEY}"),
            format!("web:{KEY}\n{KEY}"),
            format!("web:{KEY}\nbatch:{}", &KEY[1..]),
            format!("web:{KEY}\n:{KEY}"),
        ] {
            let error = read(&bad).expect_err("it is bad").to_string();
            assert!(error.contains("line 2"), "{error}");
            assert!(!error.contains(&KEY[1..]), "{error}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let key = ServiceKey::parse(&format!("web:{KEY}")).expect("it is good");
        assert_eq!(format!("{key:?}"), "ServiceKey(web: …)");
    }
}
