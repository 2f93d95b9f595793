use clap::builder::BoolishValueParser;
use clap::{ArgAction, ValueEnum};

/// What browsers hold.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Browsers")]
pub struct CookieArgs {
    /// Whether a session token is taken from a cookie where a request has no Authorization header.
    /// Then a create answers with the cookie too, for the backend to pass on, and a request from
    /// another site can't change anything.
    #[arg(long, env, value_name = "BOOL", default_value = "false")]
    #[arg(action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    session_cookie: bool,

    /// The cookie's name. Browsers keep one that begins with __Host- to this very host, over HTTPS.
    #[arg(long, env, value_name = "NAME", default_value = "__Host-session")]
    #[arg(value_parser = cookie_name)]
    session_cookie_name: String,

    /// Whether browsers send the cookie along where another site leads here: not at all, by links, or
    /// always.
    #[arg(long, env, value_name = "SAME_SITE", default_value = "lax")]
    session_cookie_same_site: SameSite,

    /// Whether a logout tells the browser to forget all that it keeps of this site: caches, cookies,
    /// storage.
    #[arg(long, env, value_name = "BOOL", default_value = "false")]
    #[arg(action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    clear_site_data: bool,
}

/// Where another site leads here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SameSite {
    /// Never.
    Strict,
    /// By links.
    Lax,
    /// Always.
    None,
}

impl SameSite {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

/// The cookie that holds a session token.
#[derive(Clone, Debug)]
pub struct Cookie {
    pub(crate) name: String,
    pub(crate) same_site: SameSite,
}

/// What browsers are to hold, and to forget.
#[derive(Clone, Debug)]
pub struct Browsers {
    /// Where a session token is taken from, besides the `Authorization` header.
    pub cookie: Option<Cookie>,
    /// Whether a logout sends `Clear-Site-Data`.
    pub clear_site_data: bool,
}

impl CookieArgs {
    pub(super) fn read(&self) -> Browsers {
        let cookie = self.session_cookie.then(|| Cookie {
            name: self.session_cookie_name.clone(),
            same_site: self.session_cookie_same_site,
        });
        Browsers {
            cookie,
            clear_site_data: self.clear_site_data,
        }
    }
}

/// A token of HTTP, so that nothing of it means something in a `Cookie` header.
fn cookie_name(text: &str) -> Result<String, String> {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(in_token) {
        return Err("must be made of letters, digits and !#$%&'*+-.^_`|~".into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookies_name_is_a_token() {
        for good in ["__Host-session", "sid"] {
            assert_eq!(cookie_name(good).as_deref(), Ok(good));
        }
        for bad in ["", "a b", "a=b", "a;b", "a,b", "ü"] {
            assert!(cookie_name(bad).is_err(), "{bad}");
        }
    }
}
