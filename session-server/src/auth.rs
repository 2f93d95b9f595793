//! Who is calling: from the `Authorization` header to a [`Caller`], and nowhere else.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use session_store::{Session, SessionStore, Token, UserId};
use tracing::Span;

use crate::problem::Problem;
use crate::router::{App, Call};

/// Whoever holds the credential that came with a request.
#[derive(Debug)]
pub(crate) enum Caller {
    /// A trusted backend, by its service key.
    Service {
        /// The key's name.
        name: Box<str>,
    },
    /// An end user's client, by the token of its session.
    Session(Box<Session>),
}

impl Caller {
    /// Finds out who sends this request, and marks the session active.
    pub(crate) async fn of<S: SessionStore>(app: &App<S>, call: &Call) -> Result<Self, Problem> {
        let credential = bearer(&call.parts.headers)?;
        let caller = match app.settings.credentials.service_key(credential) {
            Some(key) => Self::Service {
                name: key.name().into(),
            },
            None => Self::session(app, call, credential).await?,
        };
        caller.record_on(&Span::current());
        Ok(caller)
    }

    async fn session<S: SessionStore>(
        app: &App<S>,
        call: &Call,
        credential: &str,
    ) -> Result<Self, Problem> {
        let token = Token::parse(credential).map_err(|_| Problem::invalid_credential())?;
        let session = app.store.validate(&token, Some(call.client)).await?;
        let session = Box::new(session.ok_or_else(Problem::invalid_credential)?);
        Ok(Self::Session(session))
    }

    /// The user, unless it is a service.
    pub(crate) fn user_id(&self) -> Option<&UserId> {
        self.as_session().map(|session| &session.user_id)
    }

    /// The session that is asking, where one is.
    pub(crate) fn as_session(&self) -> Option<&Session> {
        match self {
            Self::Service { .. } => None,
            Self::Session(session) => Some(session),
        }
    }

    /// Whether it is a trusted backend.
    pub(crate) fn is_service(&self) -> bool {
        matches!(self, Self::Service { .. })
    }

    /// Whether it may call the admin endpoints.
    pub(crate) fn is_admin<S>(&self, app: &App<S>) -> bool {
        match self {
            Self::Service { .. } => true,
            Self::Session(session) => {
                let role = session.role.as_deref();
                role.is_some_and(|role| app.settings.credentials.is_admin_role(role))
            }
        }
    }

    /// The caller's session, for what only an end user can do. `instead` tells a backend what to
    /// call.
    pub(crate) fn end_user(&self, instead: &str) -> Result<&Session, Problem> {
        match self {
            Self::Session(session) => Ok(session),
            Self::Service { .. } => Err(Problem::forbidden(format!(
                "A service key has no session of its own: {instead}"
            ))),
        }
    }

    /// Completes the request's log line.
    fn record_on(&self, span: &Span) {
        match self {
            Self::Service { name } => span.record("caller", format_args!("service:{name}")),
            Self::Session(session) => span
                .record("caller", "session")
                .record("session_id", session.id.as_str()),
        };
    }
}

/// The credential of the one `Authorization: Bearer` header. A second header is refused, because a
/// proxy in front may have looked at the other one.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or_else(Problem::unauthenticated)?;
    let odd = Problem::invalid_credential;
    if values.next().is_some() {
        return Err(odd());
    }
    parse_bearer(value).ok_or_else(odd)
}

fn parse_bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, credential) = value.to_str().ok()?.split_once(' ')?;
    let credential = credential.trim_matches(' ');
    let good = scheme.eq_ignore_ascii_case("bearer") && !credential.is_empty();
    (good && !credential.contains([' ', '\t'])).then_some(credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &'static str) -> Option<&'static str> {
        let value = Box::leak(Box::new(HeaderValue::from_static(value)));
        parse_bearer(value)
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(parse("Bearer abc"), Some("abc"));
        assert_eq!(parse("bEARER   abc "), Some("abc"));
        assert_eq!(parse("Basic abc"), None);
    }

    #[test]
    fn an_odd_header_holds_no_credential() {
        for odd in ["", "Bearer", "Bearer ", "Bearer a b", "Bearerabc", "abc"] {
            assert_eq!(parse(odd), None, "{odd:?}");
        }
    }
}
