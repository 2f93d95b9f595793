//! Query parameters. Unknown ones are ignored; of a parameter given twice the last one
//! counts, but for `accepts`.

use std::borrow::Cow;

use session_store::{Cursor, List};

use crate::problem::{FieldError, Problem};
use crate::router::Call;

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(crate) fn of(call: &'a Call<'_>) -> Self {
        Self(call.query())
    }

    /// A parameter that is true or false; false where it is absent.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        let flag = self.parse(name, parse_flag);
        let flag = flag.map_err(|error| Problem::invalid(vec![error]))?;
        Ok(flag.unwrap_or(false))
    }

    /// The parameters of a list: `limit`, `cursor`, `include_inactive`.
    pub(crate) fn list(&self) -> Result<List, Problem> {
        let limit = self.parse("limit", parse_limit);
        let cursor = self.parse("cursor", |text| {
            text.parse::<Cursor>().map_err(|e| e.to_string())
        });
        let include_ended = self.parse("include_inactive", parse_flag);
        match (limit, cursor, include_ended) {
            (Ok(limit), Ok(cursor), Ok(include_ended)) => Ok(List {
                limit: limit.unwrap_or(List::MAX_LIMIT),
                cursor,
                include_ended: include_ended.unwrap_or(false),
            }),
            (limit, cursor, include_ended) => {
                let errors = [limit.err(), cursor.err(), include_ended.err()];
                Err(Problem::invalid(errors.into_iter().flatten().collect()))
            }
        }
    }

    /// A parameter's text.
    pub(crate) fn text(&self, name: &'static str) -> Option<String> {
        self.values(name).last().map(Cow::into_owned)
    }

    /// Whether a value is among those demanded, where any are. Nothing is what an empty one demands: it
    /// comes of a proxy's variable that isn't set.
    pub(crate) fn accepts(&self, name: &'static str, value: &str) -> bool {
        let mut demanded = self.values(name).peekable();
        demanded.peek().is_none()
            || demanded.any(|demanded| !demanded.is_empty() && demanded == value)
    }

    fn parse<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, FieldError> {
        let value = self.values(name).last();
        let value = value.map(|value| parse(&value)).transpose();
        value.map_err(|message| FieldError::new(name, message))
    }

    fn values(&self, name: &'static str) -> impl Iterator<Item = Cow<'a, str>> {
        let pairs = form_urlencoded::parse(self.0.as_bytes());
        pairs.filter_map(move |(key, value)| (key == name).then_some(value))
    }
}

fn parse_flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("must be true or false".into()),
    }
}

fn parse_limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok();
    let limit = limit.filter(|limit| (1..=List::MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| format!("must be an integer between 1 and {}", List::MAX_LIMIT))
}
