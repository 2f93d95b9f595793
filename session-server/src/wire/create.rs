//! The body of `POST /sessions/create`: every wrong field is named, not only the first.

use std::time::Duration;

use serde_json::{Map, Number, Value};
use session_store::{Data, Device, UserId, limits};

use crate::problem::{FieldError, Problem};

const MAX_DATA_BYTES: usize = 16 * 1024;

const MAX_USER_AGENT_CHARS: usize = 512;

/// What only a service may say.
const SERVICE_FIELDS: [&str; 6] = [
    "user_id",
    "username",
    "role",
    "data",
    "ttl_seconds",
    "user_agent",
];

/// Where the session's identity comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Identity<'a> {
    /// A trusted backend says it in the body.
    InBody,
    /// It is the caller's own; the body may not change it.
    Of(&'a UserId),
}

/// What the client wants created or filled in.
#[derive(Clone, Debug)]
pub(crate) struct CreateBody {
    pub(crate) user_id: UserId,
    pub(crate) username: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) data: Data,
    pub(crate) ttl: Option<Duration>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) device: Device,
    /// What the browser has told the backend about itself.
    pub(crate) user_agent: Option<String>,
    /// What of the device isn't in the body, and could be seen otherwise.
    pub(crate) seen: Device,
}

impl CreateBody {
    pub(crate) fn parse(
        json: &[u8],
        identity: Identity<'_>,
        fingerprint_required: bool,
    ) -> Result<Self, Problem> {
        let mut fields = Fields::parse(json)?;
        let fingerprint = fields.fingerprint(fingerprint_required);
        let device = fields.device();
        let (user_id, username, role, data, ttl, user_agent) = match identity {
            Identity::InBody => (
                fields.required("user_id", user_id),
                fields.text("username", limits::USERNAME_CHARS),
                fields.text("role", limits::ROLE_CHARS),
                fields.optional("data", data).unwrap_or_default(),
                fields.optional("ttl_seconds", ttl),
                fields.text("user_agent", MAX_USER_AGENT_CHARS),
            ),
            Identity::Of(user) => {
                fields.refuse(&SERVICE_FIELDS);
                (Some(user.clone()), None, None, Data::default(), None, None)
            }
        };
        match user_id {
            Some(user_id) if fields.errors.is_empty() => Ok(Self {
                user_id,
                username,
                role,
                data,
                ttl,
                fingerprint,
                device,
                user_agent,
                seen: Device::default(),
            }),
            _ => Err(Problem::invalid(fields.errors)),
        }
    }
}

/// The fields that nobody has looked at yet, and what was wrong with the others.
struct Fields {
    object: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    fn parse(json: &[u8]) -> Result<Self, Problem> {
        let value = serde_json::from_slice(json);
        // The message tells the position, and nothing of the text.
        let value = value.map_err(|error| {
            Problem::bad_request(format!("The request's body is not JSON: {error}"))
        })?;
        match value {
            Value::Object(object) => Ok(Self {
                object,
                errors: Vec::new(),
            }),
            _ => {
                let error = FieldError::new("body", "must be a JSON object");
                Err(Problem::invalid(vec![error]))
            }
        }
    }

    fn error(&mut self, field: &'static str, message: impl Into<String>) {
        self.errors.push(FieldError::new(field, message));
    }

    /// A field that may be absent or null.
    fn optional<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<T> {
        match self.object.remove(field).unwrap_or_default() {
            Value::Null => None,
            value => parse(value)
                .map_err(|message| self.error(field, message))
                .ok(),
        }
    }

    fn required<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<T> {
        if self.object.get(field).is_none_or(Value::is_null) {
            self.error(field, "is required");
            return None;
        }
        self.optional(field, parse)
    }

    fn text(&mut self, field: &'static str, max_chars: usize) -> Option<String> {
        self.optional(field, |value| text(value, max_chars))
    }

    /// A text that says nothing where it is empty.
    fn words(&mut self, field: &'static str, max_chars: usize) -> Option<String> {
        self.text(field, max_chars).filter(|text| !text.is_empty())
    }

    fn fingerprint(&mut self, required: bool) -> Option<String> {
        let field = "device_fingerprint";
        let parse = |value| text(value, limits::FINGERPRINT_CHARS);
        let fingerprint = if required {
            self.required(field, |value| match parse(value)? {
                empty if empty.is_empty() => Err("must not be empty".to_owned()),
                fingerprint => Ok(fingerprint),
            })
        } else {
            self.optional(field, parse)
        };
        fingerprint.filter(|fingerprint| !fingerprint.is_empty())
    }

    fn device(&mut self) -> Device {
        let address = self.text("ip_address", limits::IP_ADDRESS_CHARS);
        Device {
            name: self.words("device_name", limits::DEVICE_NAME_CHARS),
            device_type: self.optional("device_type", device_type).flatten(),
            browser: self.words("browser", limits::BROWSER_CHARS),
            // What documented clients send when their look-up fails.
            ip_address: address.filter(|address| !matches!(address.as_str(), "" | "unknown")),
        }
    }

    /// Fields that this caller may not set.
    fn refuse(&mut self, fields: &[&'static str]) {
        for field in fields {
            if self.object.get(*field).is_some_and(|it| !it.is_null()) {
                self.error(field, "may only be set with a service key");
            }
        }
    }
}

fn text(value: Value, max_chars: usize) -> Result<String, String> {
    match value {
        Value::String(text) if text.chars().count() <= max_chars => Ok(text),
        Value::String(_) => Err(format!("must be at most {max_chars} characters")),
        _ => Err("must be a string".into()),
    }
}

fn device_type(value: Value) -> Result<Option<String>, String> {
    let word = text(value, limits::DEVICE_TYPE_CHARS)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    if word.chars().all(fits) {
        Ok(Some(word).filter(|word| !word.is_empty()))
    } else {
        Err("must be a lower-case word of a-z, 0-9, '-' and '_', such as web or mobile".into())
    }
}

fn user_id(value: Value) -> Result<UserId, String> {
    let expected = || {
        let max = UserId::MAX_CHARS;
        format!("must be an integer or a string of 1 to {max} characters")
    };
    match value {
        Value::String(text) => UserId::new(text).map_err(|error| error.to_string()),
        Value::Number(number) => user_of_number(&number).ok_or_else(expected),
        _ => Err(expected()),
    }
}

/// A number that isn't exact may be another user's, and so is nobody's.
pub(crate) fn user_of_number(number: &Number) -> Option<UserId> {
    let signed = number.as_i64().map(UserId::from);
    signed.or_else(|| number.as_u64().map(UserId::from))
}

fn data(value: Value) -> Result<Data, String> {
    if !value.is_object() {
        return Err("must be a JSON object".into());
    }
    let data = Data::encode(&value).map_err(|error| error.to_string())?;
    if data.as_bytes().len() > MAX_DATA_BYTES {
        return Err(format!("must be at most {MAX_DATA_BYTES} bytes of JSON"));
    }
    Ok(data)
}

fn ttl(value: Value) -> Result<Duration, String> {
    let max = limits::TIMEOUT.as_secs();
    let seconds = value.as_u64();
    let seconds = seconds.filter(|seconds| (1..=max).contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("must be an integer between 1 and {max}"))
}
