use serde::Deserialize;
use serde_json::{Map, Value};
use session_store::{Timestamp, UserId};

use super::moment;
use crate::wire::user_of_number;

/// What a token says.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    /// A claim by its name; where none is called so, by a path: `realm_access.roles` is `roles` in
    /// `realm_access`.
    fn find(&self, name: &str) -> Option<&Value> {
        self.0.get(name).or_else(|| {
            let (first, rest) = name.split_once('.')?;
            let mut value = self.0.get(first)?;
            for name in rest.split('.') {
                value = value.get(name)?;
            }
            Some(value)
        })
    }

    /// A moment; an error where it isn't one.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, ()> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_f64().and_then(moment).map(Some).ok_or(()),
        }
    }

    /// Whose it is.
    pub(super) fn user(&self, name: &str) -> Option<UserId> {
        match self.find(name)? {
            Value::String(text) => UserId::new(text.clone()).ok(),
            Value::Number(number) => user_of_number(number),
            _ => None,
        }
    }

    /// What names the session: `None` where nothing does, an error where it isn't a name.
    pub(super) fn session(&self, name: &str) -> Result<Option<String>, ()> {
        match self.find(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            Some(_) => Err(()),
        }
    }

    /// What stands there for people to read.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.find(name)?.as_str().map(ToOwned::to_owned)
    }

    /// The one role that a session has: of several, the first that is an admin's, or else the first.
    pub(super) fn role(&self, name: &str, admin_roles: &[String]) -> Option<String> {
        let roles = match self.find(name)? {
            Value::String(role) => vec![role.as_str()],
            Value::Array(roles) => roles.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let is_admin = |role: &&&str| admin_roles.iter().any(|admin| admin == **role);
        let role = roles.iter().find(is_admin).or_else(|| roles.first());
        role.map(|role| (*role).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(claims: Value) -> Claims {
        serde_json::from_value(claims).expect("an object")
    }

    #[test]
    fn a_claim_may_be_within_another() {
        let claims = claims(json!({
            "a.b": "as it is called",
            "a": {"b": "another", "c": {"d": "deep"}},
        }));
        assert_eq!(claims.text("a.b").as_deref(), Some("as it is called"));
        assert_eq!(claims.text("a.c.d").as_deref(), Some("deep"));
        for absent in ["a", "a.c", "a.x", "a.b.c", "b", "", "."] {
            assert_eq!(claims.text(absent), None, "{absent:?}");
        }
    }

    #[test]
    fn a_number_that_is_not_exact_names_nobody() {
        for (value, user) in [
            (json!(74), Some("74")),
            (json!(-1), Some("-1")),
            (json!(u64::MAX), Some("18446744073709551615")),
            (
                json!("108234567890123456789"),
                Some("108234567890123456789"),
            ),
            (json!(108_234_567_890_123_456_789_f64), None),
            (json!(7.5), None),
            (json!(true), None),
        ] {
            let claims = claims(json!({"sub": value, "sid": value}));
            let found = claims.user("sub");
            assert_eq!(found.as_ref().map(UserId::as_str), user, "{value}");
            let session = claims.session("sid").ok().flatten();
            assert_eq!(session.as_deref(), user, "{value}");
        }
    }

    #[test]
    fn of_several_roles_the_admins_counts() {
        let admins = ["admin".to_owned(), "root".to_owned()];
        for (role, expected) in [
            (json!("editor"), Some("editor")),
            (json!(["editor", "root", "admin"]), Some("root")),
            (json!(["editor", "author"]), Some("editor")),
            (json!([7, "editor"]), Some("editor")),
            (json!([]), None),
            (json!({"admin": true}), None),
            (json!(null), None),
        ] {
            let claims = claims(json!({"role": role}));
            assert_eq!(claims.role("role", &admins).as_deref(), expected);
        }
    }
}
