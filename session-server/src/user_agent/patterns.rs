//! What browsers and systems call themselves, by the patterns of uap-core.

use std::borrow::Cow;
use std::error::Error;

use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use ua_parser::{os, user_agent};

/// See the README beside it for where it is from, and how to renew it.
const JSON: &str = include_str!("uap-core/regexes.json");

/// Made when they are first needed: a server whose clients tell what they are never pays for them.
static PATTERNS: OnceCell<Patterns> = OnceCell::const_new();

pub(super) struct Patterns {
    programs: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
}

#[derive(Deserialize)]
struct Lists {
    user_agent_parsers: Vec<user_agent::Parser<'static>>,
    os_parsers: Vec<os::Parser<'static>>,
}

impl Patterns {
    /// The patterns. To make them takes some 70 ms, so it happens on a thread where nobody waits for
    /// requests; to go by them takes microseconds, for which another thread isn't worth its while. There
    /// are none where the runtime shuts down meanwhile.
    pub(super) async fn get() -> Option<&'static Self> {
        let build = || spawn_blocking(Self::build);
        PATTERNS.get_or_try_init(build).await.ok()
    }

    fn build() -> Self {
        let built = Self::try_build();
        built.expect("the patterns are part of the program, and its tests build them")
    }

    fn try_build() -> Result<Self, Box<dyn Error>> {
        let lists: Lists = serde_json::from_str(JSON)?;
        let programs = user_agent::Builder::new().push_all(lists.user_agent_parsers)?;
        let systems = os::Builder::new().push_all(lists.os_parsers)?;
        Ok(Self {
            programs: programs.build()?,
            systems: systems.build()?,
        })
    }

    /// What has sent the request: "Chrome Mobile", "Googlebot", "curl".
    pub(super) fn program<'a>(&'a self, agent: &'a str) -> Option<Cow<'a, str>> {
        self.programs.extract(agent).map(|found| found.family)
    }

    /// What it runs on.
    pub(super) fn system<'a>(&'a self, agent: &'a str) -> Option<os::ValueRef<'a>> {
        let found = self.systems.extract(agent);
        found.filter(|system| system.os != "Other")
    }
}
