//! How the text of a setting becomes a value.

use std::fmt;
use std::time::Duration;

/// A secret of the operator. `Debug` doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, where one is given: an empty one is as good as none.
    pub(super) fn given(secret: Option<&Self>) -> Option<&str> {
        secret.map(Self::as_str).filter(|text| !text.is_empty())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Decimals are welcome: `0.5` hours are half an hour.
fn quantity(text: &str, unit: Duration) -> Result<Duration, String> {
    let number: f64 = text.trim().parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(number * unit.as_secs_f64())
        .map_err(|_| "not a number that can be a time".to_owned())
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    quantity(text, Duration::from_secs(1))
}

/// A bound that would let nothing through if it were zero.
pub(super) fn some_seconds(text: &str) -> Result<Duration, String> {
    let bound = seconds(text)?;
    if bound < Duration::from_millis(1) {
        return Err("must be more than 0".into());
    }
    Ok(bound)
}

pub(super) fn some_milliseconds(text: &str) -> Result<Duration, String> {
    let millis: u64 = text
        .trim()
        .parse()
        .map_err(|_| "not an integer".to_owned())?;
    if millis == 0 {
        return Err("must be more than 0".into());
    }
    Ok(Duration::from_millis(millis))
}

pub(super) fn hours(text: &str) -> Result<Duration, String> {
    quantity(text, Duration::from_secs(60 * 60))
}

pub(super) fn days(text: &str) -> Result<Duration, String> {
    quantity(text, Duration::from_secs(24 * 60 * 60))
}

/// The name is looked up when the address is bound.
pub(super) fn listen_addr(text: &str) -> Result<String, String> {
    let is_host_and_port = |(host, port): (&str, &str)| {
        let is_host = !host.is_empty() && !host.contains([' ', '/']);
        is_host && port.parse::<u16>().is_ok()
    };
    if text.rsplit_once(':').is_some_and(is_host_and_port) {
        Ok(text.to_owned())
    } else {
        Err("must be an address and a port, such as 127.0.0.1:8080".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_may_have_decimals() {
        assert_eq!(hours("0.5"), Ok(Duration::from_secs(30 * 60)));
        assert_eq!(days("30"), Ok(Duration::from_secs(30 * 24 * 60 * 60)));
        for bad in ["", "soon", "-1", "NaN", "inf", "1e400"] {
            assert!(hours(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_to_listen_on_has_a_port() {
        for good in ["127.0.0.1:0", "[::1]:8080", "localhost:80"] {
            assert!(listen_addr(good).is_ok(), "{good}");
        }
        for bad in ["127.0.0.1", ":80", "localhost:http", "http://localhost:80"] {
            assert!(listen_addr(bad).is_err(), "{bad}");
        }
    }
}
