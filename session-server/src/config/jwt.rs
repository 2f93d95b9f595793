use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::SettingError;
use super::values::{self, Secret};
use crate::jwt::{AccessTokens, ClaimNames, KeyError, Keys, read_keys};

/// Whose access tokens are taken besides session tokens.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Access tokens (JWT)")]
pub struct JwtArgs {
    /// The secret that an auth service signs access tokens with (HS256, HS384, HS512), of at least
    /// 32 bytes. Visible in `ps` when given as a flag.
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    jwt_secret: Option<Secret>,

    /// A file that holds that secret.
    #[arg(long, env, value_name = "FILE")]
    jwt_secret_file: Option<PathBuf>,

    /// The auth service's public key, a PEM file: RSA (RS256 to PS512), P-256 or P-384 (ES256,
    /// ES384), Ed25519 (EdDSA).
    #[arg(long, env, value_name = "FILE")]
    jwt_public_key_file: Option<PathBuf>,

    /// Several keys of the auth service, a JWK set that is read again when it changes. Tokens name
    /// theirs by `kid`.
    #[arg(long, env, value_name = "FILE")]
    jwt_jwks_file: Option<PathBuf>,

    /// The claim that holds the user's id. One within another is a.b.
    #[arg(long, env, value_name = "CLAIM", default_value = "sub")]
    jwt_user_claim: String,

    /// The claim that holds the user's name.
    #[arg(long, env, value_name = "CLAIM", default_value = "preferred_username")]
    jwt_username_claim: String,

    /// The claim that holds the user's role; where it holds several, an admin's counts, or else the
    /// first.
    #[arg(long, env, value_name = "CLAIM", default_value = "role")]
    jwt_role_claim: String,

    /// The claim that names the session, so that a refreshed token keeps it. A token without it has
    /// a session of its own.
    #[arg(long, env, value_name = "CLAIM", default_value = "sid")]
    jwt_session_claim: String,

    /// Whose tokens alone are taken; any of several.
    #[arg(long, env, value_name = "ISSUER,…", value_delimiter = ',')]
    jwt_issuer: Vec<String>,

    /// For whom alone tokens are taken; any of several.
    #[arg(long, env, value_name = "AUDIENCE,…", value_delimiter = ',')]
    jwt_audience: Vec<String>,

    /// How far the clocks of the auth service and of this server may be apart.
    #[arg(long = "jwt-leeway-seconds", env = "JWT_LEEWAY_SECONDS")]
    #[arg(value_name = "SECONDS", default_value = "30", value_parser = leeway)]
    jwt_leeway: Duration,

    /// How long after a token's expiry another one of its session may still come: the life of the
    /// auth service's refresh tokens, and of its longest access token. As long is an ended session
    /// remembered, so that none brings it back.
    #[arg(long = "jwt-renewable-days", env = "JWT_RENEWABLE_DAYS")]
    #[arg(value_name = "DAYS", default_value = "30", value_parser = renewable)]
    jwt_renewable: Duration,
}

impl JwtArgs {
    pub(super) fn read(
        &self,
        admin_roles: &[String],
    ) -> Result<Option<Arc<AccessTokens>>, SettingError> {
        let Some(keys) = self.keys()? else {
            return Ok(None);
        };
        Ok(Some(Arc::new(AccessTokens {
            keys,
            claims: ClaimNames {
                user: self.jwt_user_claim.clone(),
                username: self.jwt_username_claim.clone(),
                role: self.jwt_role_claim.clone(),
                session: self.jwt_session_claim.clone(),
            },
            issuers: self.jwt_issuer.clone(),
            audiences: self.jwt_audience.clone(),
            leeway: self.jwt_leeway,
            renewable_for: self.jwt_renewable,
            admin_roles: admin_roles.to_vec(),
        })))
    }

    fn keys(&self) -> Result<Option<Keys>, SettingError> {
        let mut found: Option<(&'static str, Keys)> = None;
        for (variable, keys) in [
            ("JWT_SECRET", self.secret()),
            ("JWT_SECRET_FILE", read(&self.jwt_secret_file, secret_file)),
            (
                "JWT_PUBLIC_KEY_FILE",
                read(&self.jwt_public_key_file, pem_file),
            ),
            ("JWT_JWKS_FILE", read(&self.jwt_jwks_file, Keys::file)),
        ] {
            let keys = keys.map_err(|error| SettingError::new(variable, error))?;
            match (keys, &found) {
                (None, _) => {}
                (Some(keys), None) => found = Some((variable, keys)),
                (Some(_), Some((other, _))) => {
                    let reason = format!("{other} is set too: there can be only one");
                    return Err(SettingError::new(variable, reason));
                }
            }
        }
        Ok(found.map(|(_, keys)| keys))
    }

    fn secret(&self) -> Result<Option<Keys>, KeyError> {
        let secret = Secret::given(self.jwt_secret.as_ref());
        secret
            .map(|secret| Keys::secret(secret.as_bytes()))
            .transpose()
    }
}

fn read(
    file: &Option<PathBuf>,
    keys: fn(&Path) -> Result<Keys, KeyError>,
) -> Result<Option<Keys>, KeyError> {
    file.as_deref().map(keys).transpose()
}

/// Editors end files with a line break, which nobody means to be part of a secret.
fn secret_file(path: &Path) -> Result<Keys, KeyError> {
    Keys::secret(read_keys(path)?.trim_ascii())
}

fn pem_file(path: &Path) -> Result<Keys, KeyError> {
    Keys::pem(&read_keys(path)?)
}

fn leeway(text: &str) -> Result<Duration, String> {
    const MAX: Duration = Duration::from_secs(60 * 60);
    at_most(values::seconds(text)?, MAX, "3600")
}

fn renewable(text: &str) -> Result<Duration, String> {
    const MAX: Duration = Duration::from_secs(3660 * 24 * 60 * 60);
    at_most(values::days(text)?, MAX, "3660")
}

fn at_most(value: Duration, max: Duration, text: &str) -> Result<Duration, String> {
    match value <= max {
        true => Ok(value),
        false => Err(format!("must be at most {text}")),
    }
}
