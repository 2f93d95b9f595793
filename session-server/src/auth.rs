//! Who is calling: from the `Authorization` header, or a cookie, to a [`Caller`], and nowhere else.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use session_store::{Credential, Error, Session, SessionId, SessionStore, Standing, Token, UserId};

use crate::cookie;
use crate::exchange::CallerName;
use crate::jwt::AccessTokens;
use crate::problem::Problem;
use crate::router::{App, Call};

/// Whoever holds the credential that came with a request.
#[derive(Debug)]
pub(crate) enum Caller {
    /// A trusted backend, by its service key.
    Service,
    /// An end user's client, by the token of its session.
    Session(Box<Session>),
    /// An end user's client, by an access token of another issuer, and its session where it has
    /// one.
    AccessToken(Box<Credential>, Option<Box<Session>>),
}

impl Caller {
    /// Finds out who sends this request, and marks the session active. Another site's page doesn't
    /// get to change anything by a cookie.
    pub(crate) async fn of<S: SessionStore>(
        app: &App<S>,
        call: &Call<'_>,
    ) -> Result<Self, Problem> {
        Self::of_method(call.parts.method.as_str().as_bytes(), app, call).await
    }

    /// The same for the request that a proxy asks about. Most proxies ask with `GET`, and say in a
    /// header what the request's own method is.
    pub(crate) async fn behind_proxy<S: SessionStore>(
        app: &App<S>,
        call: &Call<'_>,
    ) -> Result<Self, Problem> {
        let own = call.parts.method.as_str().as_bytes();
        let forwarded = call.parts.headers.get("x-forwarded-method");
        let method = forwarded.map_or(own, HeaderValue::as_bytes);
        Self::of_method(method, app, call).await
    }

    async fn of_method<S: SessionStore>(
        method: &[u8],
        app: &App<S>,
        call: &Call<'_>,
    ) -> Result<Self, Problem> {
        let shown = Shown::of(app, call)?;
        if shown.is_cookie {
            cookie::refuse_cross_site(method, &call.parts.headers, &app.settings.cors)?;
        }
        Self::by(shown, app, call).await
    }

    async fn by<S: SessionStore>(
        shown: Shown<'_>,
        app: &App<S>,
        call: &Call<'_>,
    ) -> Result<Self, Problem> {
        let token = Token::parse(shown.text);
        let keys = &app.settings.credentials;
        // The digest that a key is found by is worth as much as the rest of this together.
        let may_be_key = !shown.is_cookie && (token.is_err() || keys.has_key_like_token());
        let key = may_be_key.then(|| keys.service_key(shown.text)).flatten();
        if let Some(key) = key {
            let name = key.name().to_owned();
            call.exchange.set_caller(CallerName::Service(name));
            return Ok(Self::Service);
        }
        match token {
            Ok(token) => Self::by_token(&token, app, call).await,
            Err(_) if shown.is_cookie => Err(Problem::invalid_credential()),
            // In a box, so that a token's way needn't have the room for it.
            Err(_) => Box::pin(Self::by_access_token(shown.text, app, call)).await,
        }
    }

    async fn by_token<S: SessionStore>(
        token: &Token,
        app: &App<S>,
        call: &Call<'_>,
    ) -> Result<Self, Problem> {
        let session = app.store.validate(token, Some(call.client)).await?;
        let session = Box::new(session.ok_or_else(Problem::invalid_credential)?);
        call.exchange.set_caller(CallerName::Session(session.id));
        Ok(Self::Session(session))
    }

    async fn by_access_token<S: SessionStore>(
        text: &str,
        app: &App<S>,
        call: &Call<'_>,
    ) -> Result<Self, Problem> {
        let refused = Problem::invalid_credential;
        let tokens = app.settings.access_tokens.as_ref();
        let tokens = tokens.filter(|_| AccessTokens::may_be(text));
        let credential = tokens.ok_or_else(refused)?.check(text);
        let credential = credential.map_err(|reason| refused().because(reason))?;
        let standing = app.store.standing(&credential, Some(call.client)).await;
        let session = match standing.map_err(busy)? {
            Standing::NoSession => None,
            Standing::Live(session) => Some(Box::new(session)),
            Standing::Over => return Err(refused().because("its session has ended")),
        };
        let id = session.as_ref().map(|session| session.id);
        call.exchange.set_caller(CallerName::AccessToken(id));
        Ok(Self::AccessToken(Box::new(credential), session))
    }

    /// The same, once its access token has this session.
    pub(crate) fn with(&self, session: Session) -> Self {
        match self {
            Self::AccessToken(credential, _) => {
                Self::AccessToken(credential.clone(), Some(Box::new(session)))
            }
            Self::Service | Self::Session(_) => Self::Session(Box::new(session)),
        }
    }

    /// The user, unless it is a service.
    pub(crate) fn user_id(&self) -> Option<&UserId> {
        match self {
            Self::Service => None,
            Self::Session(session) => Some(&session.user_id),
            Self::AccessToken(credential, _) => Some(&credential.user_id),
        }
    }

    /// The session that is asking, where one is.
    pub(crate) fn as_session(&self) -> Option<&Session> {
        match self {
            Self::Service => None,
            Self::Session(session) => Some(session),
            Self::AccessToken(_, session) => session.as_deref(),
        }
    }

    /// The id of the caller's session; of an access token without one, what it would be.
    pub(crate) fn session_id<S: SessionStore>(&self, app: &App<S>) -> Option<SessionId> {
        match self {
            Self::AccessToken(credential, None) => Some(app.digester().session_id(credential)),
            _ => self.as_session().map(|session| session.id),
        }
    }

    /// Whether it is a trusted backend.
    pub(crate) fn is_service(&self) -> bool {
        matches!(self, Self::Service)
    }

    /// The caller's role: its session's, which follows the newest access token.
    pub(crate) fn role(&self) -> Option<&str> {
        match (self.as_session(), self) {
            (Some(session), _) => session.role.as_deref(),
            (None, Self::AccessToken(credential, _)) => credential.role.as_deref(),
            (None, _) => None,
        }
    }

    /// Whether it may call the admin endpoints.
    pub(crate) fn is_admin<S>(&self, app: &App<S>) -> bool {
        let is_admin_role = |role| app.settings.credentials.is_admin_role(role);
        self.is_service() || self.role().is_some_and(is_admin_role)
    }

    /// The user, for what only an end user can do. `instead` tells a backend what to call.
    pub(crate) fn end_user(&self, instead: &str) -> Result<&UserId, Problem> {
        self.user_id().ok_or_else(|| {
            let detail = format!("A service key has no session of its own: {instead}");
            Problem::forbidden(detail)
        })
    }

    /// The caller's session, for what takes one. An access token may have none.
    pub(crate) fn own_session(&self, instead: &str) -> Result<&Session, Problem> {
        self.end_user(instead)?;
        let session = self.as_session();
        session.ok_or_else(|| Problem::not_found("No active session found"))
    }
}

/// Others change the session faster than it can be read: the credential may well be good.
fn busy(error: Error) -> Problem {
    match error {
        Error::Conflict { .. } => Problem::unavailable(error.to_string()),
        error => error.into(),
    }
}

/// What came with a request, and where.
struct Shown<'a> {
    text: &'a str,
    /// Browsers add a cookie whoever asks.
    is_cookie: bool,
}

impl<'a> Shown<'a> {
    fn of<S>(app: &App<S>, call: &'a Call<'_>) -> Result<Self, Problem> {
        let headers = &call.parts.headers;
        if !headers.contains_key(AUTHORIZATION)
            && let Some(cookie) = &app.settings.browsers.cookie
            && let Some(text) = cookie.find(headers)?
        {
            let is_cookie = true;
            return Ok(Self { text, is_cookie });
        }
        let (text, is_cookie) = (bearer(headers)?, false);
        Ok(Self { text, is_cookie })
    }
}

/// A longer credential isn't good, whatever it says.
pub(crate) const MAX_CREDENTIAL_BYTES: usize = 16 * 1024;

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
    let (scheme, credential) = value.as_bytes().split_at_checked("bearer ".len())?;
    let credential = str::from_utf8(credential).ok()?.trim_matches(' ');
    let has_length = (1..=MAX_CREDENTIAL_BYTES).contains(&credential.len());
    let good = scheme.eq_ignore_ascii_case(b"bearer ") && has_length;
    let is_one_word = memchr::memchr2(b' ', b'\t', credential.as_bytes()).is_none();
    (good && is_one_word).then_some(credential)
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
