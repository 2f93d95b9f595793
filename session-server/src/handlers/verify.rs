//! Forward authentication: a reverse proxy asks before it passes a request on.

use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use session_store::{SessionId, SessionStore};

use crate::auth::Caller;
use crate::body;
use crate::problem::Problem;
use crate::router::{App, Call, Outcome};
use crate::wire::Query;

/// What a header can't carry as it is: everything outside ASCII too, and `%` itself, so that
/// decoding gives back what went in.
const UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// `/sessions/verify`, any method: who is asking, in headers. `?role=` demands a role, and given more
/// than once any of them; another one is a 403.
///
/// All three headers are always there. A role that is absent goes out as an empty one: a proxy that
/// copies only what it gets would otherwise let the client's own `X-Session-Role` through.
pub(crate) async fn verify<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let caller = Caller::behind_proxy(app, &call).await?;
    let user = caller.end_user("verify answers for end users only")?;
    let role = caller.role().unwrap_or_default();
    // An access token may have no session.
    let id = caller.as_session().map(|session| session.id);
    if !Query::of(&call).accepts("role", role) {
        return Err(Problem::forbidden("This needs another role"));
    }
    let mut response = body::empty();
    let values = [
        ("x-session-user", user.as_str()),
        ("x-session-id", id.as_ref().map_or("", SessionId::as_str)),
        ("x-session-role", role),
    ];
    for (name, value) in values {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, header_safe(value));
    }
    Ok(response)
}

fn header_safe(text: &str) -> HeaderValue {
    // As most are.
    if text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'%')
    {
        return HeaderValue::from_str(text).expect("it is visible ASCII");
    }
    let encoded = utf8_percent_encode(text, UNSAFE).to_string();
    HeaderValue::try_from(encoded).expect("what is left is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_header_cannot_carry_is_percent_encoded() {
        assert_eq!(header_safe("u-74"), "u-74");
        assert_eq!(header_safe("a\r\nX-Evil: 1"), "a%0D%0AX-Evil:%201");
        assert_eq!(header_safe("ümlaut 100%"), "%C3%BCmlaut%20100%25");
    }
}
