//! What the example programs share: where their sessions are.
//!
//! Each program keeps them in its own process, and so runs with nothing installed. Given the URL of
//! a Redis, as its argument or as `REDIS_URL`, it keeps them there:
//!
//! ```text
//! cargo run -p examples --bin admin
//! cargo run -p examples --bin admin redis://127.0.0.1:6379
//! ```

use session_store::RedisOptions;

/// How a program ends: with whatever error it met.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The Redis to keep sessions in; `None` where the embedded store is to do.
#[must_use]
pub fn redis_url() -> Option<String> {
    let argument = std::env::args().nth(1);
    argument.or_else(|| {
        std::env::var("REDIS_URL")
            .ok()
            .filter(|url| !url.is_empty())
    })
}

/// A prefix of the examples' own, which keeps them out of the way of real sessions.
#[must_use]
pub fn redis_options() -> RedisOptions {
    RedisOptions {
        prefix: "examples".into(),
        ..RedisOptions::default()
    }
}

/// The README's program, which the documentation tests compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
