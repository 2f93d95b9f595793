use clap::ArgAction;
use clap::builder::BoolishValueParser;
use http::{HeaderValue, Uri};

use super::SettingError;

/// Which web pages may call from a browser.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Browsers")]
pub struct CorsArgs {
    /// Origins whose pages may call, such as `https://app.example.com`; * is every page.
    #[arg(long, env, value_name = "ORIGIN,…", value_delimiter = ',')]
    #[arg(value_parser = origin)]
    cors_origins: Vec<HeaderValue>,

    /// Whether these pages may call with what the browser itself adds (cookies, client
    /// certificates). Not with *.
    #[arg(long, env, value_name = "BOOL", default_value = "false")]
    #[arg(action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    cors_credentials: bool,
}

const ANY: HeaderValue = HeaderValue::from_static("*");

impl CorsArgs {
    pub(super) fn read(&self) -> Result<Cors, SettingError> {
        if self.cors_credentials && self.cors_origins.contains(&ANY) {
            let reason = "* and CORS_CREDENTIALS would let every page act as its visitor: list the \
                          origins";
            return Err(SettingError::new("CORS_ORIGINS", reason));
        }
        Ok(Cors {
            origins: self.cors_origins.clone(),
            credentials: self.cors_credentials,
        })
    }
}

/// Which origins may read what the server answers.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    origins: Vec<HeaderValue>,
    pub(crate) credentials: bool,
}

impl Cors {
    /// Whether browsers are let in at all.
    pub(crate) fn is_on(&self) -> bool {
        !self.origins.is_empty()
    }

    /// Whether this origin's pages are let in. With credentials "all" would be every page as its
    /// visitor, so then it counts for nothing.
    pub(crate) fn allows(&self, origin: &HeaderValue) -> bool {
        let is_listed = |listed| self.origins.contains(listed);
        is_listed(origin) && *origin != ANY || !self.credentials && is_listed(&ANY)
    }
}

/// An origin as browsers send it: scheme, host, and a port that isn't the scheme's own.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let text = text.trim();
    if text == "*" {
        return Ok(ANY);
    }
    let bad = || format!("{text:?} isn't an origin such as https://app.example.com");
    let uri: Uri = text.parse().map_err(|_| bad())?;
    let (scheme, authority) = uri.scheme_str().zip(uri.authority()).ok_or_else(bad)?;
    let in_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if !authority.as_str().chars().all(in_host) {
        return Err(bad());
    }
    let port = match (scheme, authority.port_u16()) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    let sent = format!("{scheme}://{}{port}", authority.host().to_ascii_lowercase());
    if sent != text {
        return Err(format!("{text:?} should be {sent}, as browsers send it"));
    }
    HeaderValue::try_from(sent).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_origin_counts_for_nothing_with_credentials() {
        let page = HeaderValue::from_static("https://app.example.com");
        for (credentials, allowed) in [(false, true), (true, false)] {
            let origins = vec![ANY];
            let cors = Cors {
                origins,
                credentials,
            };
            assert_eq!(cors.allows(&page), allowed);
            assert_eq!(cors.allows(&ANY), allowed);
        }
    }

    #[test]
    fn an_origin_is_as_browsers_send_it() {
        for good in [
            "*",
            "https://app.example.com",
            "http://localhost:3000",
            "http://[::1]:3000",
            "https://192.0.2.1",
            "capacitor://localhost",
        ] {
            assert_eq!(origin(good).expect("it is one"), good);
        }
        for (bad, hint) in [
            ("", "isn't an origin"),
            ("null", "isn't an origin"),
            ("app.example.com", "isn't an origin"),
            ("https://*.example.com", "isn't an origin"),
            ("https://me@example.com", "isn't an origin"),
            ("https://example.com/", "should be https://example.com"),
            ("https://example.com/app", "should be https://example.com"),
            ("https://Example.com", "should be https://example.com"),
            ("https://example.com:443", "should be https://example.com"),
        ] {
            let error = origin(bad).expect_err(bad);
            assert!(error.contains(hint), "{error}");
        }
    }
}
