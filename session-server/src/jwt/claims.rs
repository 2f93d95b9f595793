use serde::Deserialize;
use serde_json::{Map, Value};
use session_store::Timestamp;

use super::moment;

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

    pub(super) fn time(&self, name: &str) -> Option<Timestamp> {
        moment(self.0.get(name)?.as_f64()?)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.find(name)?.as_i64()
    }

    /// A text, or a number as one.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.find(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
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
