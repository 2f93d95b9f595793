//! Access tokens (JWT) of an auth service that is there already: from a token to whose it is.
//! <https://www.rfc-editor.org/rfc/rfc7519>, and RFC 8725 for what goes wrong with them.
//!
//! Whether the session of a token has ended isn't known here: that is the store's to say.

mod claims;
mod keys;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use session_store::{Credential, Timestamp};

use self::claims::Claims;
pub(crate) use self::keys::{KeyError, Keys, read as read_keys};
use crate::chain;

/// How often it is asked whether the file of keys has changed.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is taken for an access token, and how it is read.
#[derive(Debug)]
pub(crate) struct AccessTokens {
    pub(crate) keys: Keys,
    pub(crate) claims: ClaimNames,
    pub(crate) issuers: Vec<String>,
    pub(crate) audiences: Vec<String>,
    /// How far the clocks of the auth service and of this server may be apart.
    pub(crate) leeway: Duration,
    /// How long after a token's expiry another one of its session may be issued.
    pub(crate) renewable_for: Duration,
    /// Which of several roles counts.
    pub(crate) admin_roles: Vec<String>,
}

/// What the claims are called.
#[derive(Clone, Debug)]
pub(crate) struct ClaimNames {
    pub(crate) user: String,
    pub(crate) username: String,
    pub(crate) role: String,
    pub(crate) session: String,
}

/// Why a token isn't good; for the log, and for nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it is no JWT")]
    Malformed,
    #[error("its header asks for what isn't supported")]
    Critical,
    #[error("it is another kind of token")]
    Kind,
    #[error("no key is its key")]
    UnknownKey,
    #[error("its algorithm isn't one of the key's")]
    Algorithm,
    #[error("its signature is wrong")]
    Signature,
    #[error("it has expired")]
    Expired,
    #[error("it is not yet valid")]
    NotYetValid,
    #[error("it is another issuer's")]
    Issuer,
    #[error("it is for another audience")]
    Audience,
    #[error("a claim is missing, or has a form that it can't have")]
    Claims,
}

impl AccessTokens {
    /// Whether a text may be one of these: three parts.
    pub(crate) fn may_be(text: &str) -> bool {
        memchr::memchr_iter(b'.', text.as_bytes()).count() == 2
    }

    /// Whose it is and until when, if it is good.
    pub(crate) fn check(&self, text: &str) -> Result<Credential, Refusal> {
        let header = decode_header(text).map_err(|_| Refusal::Malformed)?;
        // What has to be understood, none of which is (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(Refusal::Critical);
        }
        if !is_access_token(&header) {
            return Err(Refusal::Kind);
        }
        let claims = self.claims_of(text, &header)?;
        let credential = self
            .credential(text, &claims)
            .map_err(|()| Refusal::Claims)?;
        // The library goes by whole seconds; a session's end by milliseconds.
        let now = Timestamp::from(SystemTime::now());
        if credential.has_expired(now) {
            return Err(Refusal::Expired);
        }
        Ok(credential)
    }

    fn claims_of(&self, text: &str, header: &Header) -> Result<Claims, Refusal> {
        let keys = self.keys.find(header.kid.as_deref());
        let key = keys.ok_or(Refusal::UnknownKey)?;
        if !key.algorithms.contains(&header.alg) {
            return Err(Refusal::Algorithm);
        }
        let validation = self.validation(&key.algorithms);
        let data = decode(text, &key.key, &validation);
        Ok(data.map_err(|error| refusal(error.kind()))?.claims)
    }

    fn validation(&self, algorithms: &[jsonwebtoken::Algorithm]) -> Validation {
        let mut validation = Validation::new(algorithms[0]);
        validation.algorithms = algorithms.to_vec();
        validation.leeway = self.leeway.as_secs();
        validation.validate_nbf = true;
        // A claim that is asked for and isn't there would otherwise pass.
        let mut required = vec!["exp"];
        if !self.issuers.is_empty() {
            required.push("iss");
            validation.set_issuer(&self.issuers);
        }
        validation.validate_aud = !self.audiences.is_empty();
        if validation.validate_aud {
            required.push("aud");
            validation.set_audience(&self.audiences);
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    fn credential(&self, text: &str, claims: &Claims) -> Result<Credential, ()> {
        let user = claims.user(&self.claims.user).ok_or(())?;
        let expires_at = claims.time("exp")?.ok_or(())?;
        // Without it, a token is as new as it is long valid.
        let issued_at = claims.time("iat")?.unwrap_or(expires_at);
        let expires_at = expires_at.saturating_add(self.leeway);
        let mut credential = match claims.session(&self.claims.session)? {
            Some(name) => {
                let renewable_for = self.renewable_for;
                Credential::of_series(user, &name, issued_at, expires_at, renewable_for)
            }
            // What is signed, and not the signature: that can be written in more than one way, and
            // so a token whose session has ended could come again as another one.
            None => {
                let (signed, _) = text.rsplit_once('.').ok_or(())?;
                Credential::single(user, signed, issued_at, expires_at)
            }
        };
        credential.username = claims.text(&self.claims.username);
        credential.role = claims.role(&self.claims.role, &self.admin_roles);
        credential.check().map_err(drop)?;
        Ok(credential)
    }
}

/// Whether the token says that it is one of these, or nothing: ID tokens may be signed by the same key, and
/// so are tokens that log somebody out (RFC 8725, 3.11).
fn is_access_token(header: &Header) -> bool {
    let kind = header.typ.as_deref().unwrap_or("JWT");
    let kind = kind.strip_prefix("application/").unwrap_or(kind);
    ["jwt", "at+jwt"]
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known))
}

/// Reads a file of keys again when it changes. Never ends by itself.
pub(crate) async fn follow_keys(tokens: Arc<AccessTokens>) {
    let Keys::Set(file) = &tokens.keys else {
        return;
    };
    let mut told = String::new();
    loop {
        tokio::time::sleep(INTERVAL).await;
        match file.reread().await {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!("the keys of access tokens have been read again");
                told.clear();
            }
            // The keys that were there go on; once is enough to be told.
            Err(error) => {
                let reason = chain(&error);
                if reason != told {
                    tracing::warn!(error = reason, "JWT_JWKS_FILE can't be read again");
                    told = reason;
                }
            }
        }
    }
}

fn refusal(kind: &ErrorKind) -> Refusal {
    match kind {
        ErrorKind::ExpiredSignature => Refusal::Expired,
        ErrorKind::ImmatureSignature => Refusal::NotYetValid,
        ErrorKind::InvalidSignature => Refusal::Signature,
        ErrorKind::InvalidAlgorithm => Refusal::Algorithm,
        ErrorKind::InvalidIssuer => Refusal::Issuer,
        ErrorKind::InvalidAudience => Refusal::Audience,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Refusal::Claims,
        _ => Refusal::Malformed,
    }
}

/// A moment of a claim: seconds, with decimals or without. What lies beyond the year 5138 was meant as
/// milliseconds; what is remembered of it would never be forgotten.
fn moment(seconds: f64) -> Option<Timestamp> {
    let in_time = (0.0..1e11).contains(&seconds);
    in_time.then(|| Timestamp::from_millis((seconds * 1000.0) as u64))
}
