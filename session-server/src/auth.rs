//! Who is calling: from the `Authorization` header, or a cookie, to a [`Caller`], and nowhere else.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use session_store::{Session, SessionStore, Token, UserId};

use crate::cookie;
use crate::exchange::CallerName;
use crate::problem::Problem;
use crate::router::{App, Call};

/// Whoever holds the credential that came with a request.
#[derive(Debug)]
pub(crate) enum Caller {
    /// A trusted backend, by its service key.
    Service,
    /// An end user's client, by the token of its session.
    Session(Box<Session>),
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
        let credential = Credential::of(app, call)?;
        if credential.is_cookie {
            cookie::refuse_cross_site(method, &call.parts.headers, &app.settings.cors)?;
        }
        Self::by(credential, app, call).await
    }

    async fn by<S: SessionStore>(
        credential: Credential<'_>,
        app: &App<S>,
        call: &Call<'_>,
    ) -> Result<Self, Problem> {
        let token = Token::parse(credential.text);
        let keys = &app.settings.credentials;
        // The digest that a key is found by is worth as much as the rest of this together.
        let may_be_key = !credential.is_cookie && (token.is_err() || keys.has_key_like_token());
        let key = may_be_key
            .then(|| keys.service_key(credential.text))
            .flatten();
        if let Some(key) = key {
            let name = key.name().to_owned();
            call.exchange.set_caller(CallerName::Service(name));
            return Ok(Self::Service);
        }
        let token = token.map_err(|_| Problem::invalid_credential())?;
        let session = app.store.validate(&token, Some(call.client)).await?;
        let session = Box::new(session.ok_or_else(Problem::invalid_credential)?);
        call.exchange.set_caller(CallerName::Session(session.id));
        Ok(Self::Session(session))
    }

    /// The user, unless it is a service.
    pub(crate) fn user_id(&self) -> Option<&UserId> {
        self.as_session().map(|session| &session.user_id)
    }

    /// The session that is asking, where one is.
    pub(crate) fn as_session(&self) -> Option<&Session> {
        match self {
            Self::Service => None,
            Self::Session(session) => Some(session),
        }
    }

    /// Whether it is a trusted backend.
    pub(crate) fn is_service(&self) -> bool {
        matches!(self, Self::Service)
    }

    /// Whether it may call the admin endpoints.
    pub(crate) fn is_admin<S>(&self, app: &App<S>) -> bool {
        match self {
            Self::Service => true,
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
            Self::Service => Err(Problem::forbidden(format!(
                "A service key has no session of its own: {instead}"
            ))),
        }
    }
}

/// What came with a request, and where.
struct Credential<'a> {
    text: &'a str,
    /// Browsers add a cookie whoever asks.
    is_cookie: bool,
}

impl<'a> Credential<'a> {
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
    let good = scheme.eq_ignore_ascii_case(b"bearer ") && !credential.is_empty();
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
