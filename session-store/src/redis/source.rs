//! The scripts as text: each a file of `lua/` with the parts that it includes, which the settings of the
//! store precede as literals. That spares each call some ten arguments, and Redis the reading of them; stores
//! with other settings have other scripts, with other digests.

use redis::Script;

use crate::codec;
use crate::config::{Config, LimitPolicy};
use crate::ended::EndReason;
use crate::keys::Keys;
use crate::timestamp::{Timestamp, duration_millis};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("lua/", $name, ".lua")))),+]
    };
}

/// All files of `lua/` but the rights' (`check.rs`): the scripts, and the parts that they include.
const FILES: &[(&str, &str)] = files![
    "admit",
    "count",
    "create",
    "list",
    "prolong",
    "revoke",
    "revoke_all",
    "revoke_others",
    "rotate",
    "touch",
    "update",
    "parts/begin",
    "parts/clock",
    "parts/device",
    "parts/ending",
    "parts/going",
    "parts/joining",
    "parts/limit",
    "parts/precedes",
    "parts/reading",
    "parts/refreshing",
    "parts/remembering",
    "parts/revoking",
    "parts/settling",
    "parts/stub",
    "parts/telling",
];

/// Every script, for one store's settings.
pub(super) struct Sources {
    pub(super) admit: Script,
    pub(super) create: Script,
    pub(super) touch: Script,
    pub(super) rotate: Script,
    pub(super) update: Script,
    pub(super) revoke: Script,
    pub(super) revoke_others: Script,
    pub(super) revoke_all: Script,
    pub(super) count: Script,
    pub(super) list: Script,
    pub(super) prolong: Script,
    texts: Vec<String>,
}

impl Sources {
    pub(super) fn new(keys: &Keys, config: &Config) -> Self {
        let settings = settings(keys, config);
        let mut texts = Vec::new();
        let mut script = |name| {
            let mut text = settings.clone();
            append(&mut text, name);
            let script = Script::new(&text);
            texts.push(text);
            script
        };
        Self {
            admit: script("admit"),
            create: script("create"),
            touch: script("touch"),
            rotate: script("rotate"),
            update: script("update"),
            revoke: script("revoke"),
            revoke_others: script("revoke_others"),
            revoke_all: script("revoke_all"),
            count: script("count"),
            list: script("list"),
            prolong: script("prolong"),
            texts,
        }
    }

    /// The source of each script, to be loaded into a server at once.
    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }
}

/// Adds a file's lines, and those of what it includes in their place.
fn append(text: &mut String, name: &str) {
    let file = FILES.iter().find(|(file, _)| *file == name);
    let (_, lines) = file.unwrap_or_else(|| panic!("lua/{name}.lua isn't among the files"));
    for line in lines.lines() {
        match include(line) {
            Some(part) => append(text, part),
            None => text.extend([line, "\n"]),
        }
    }
}

/// The part that a line `include 'part'` stands for.
fn include(line: &str) -> Option<&str> {
    line.trim().strip_prefix("include '")?.strip_suffix('\'')
}

fn settings(keys: &Keys, config: &Config) -> String {
    let history = config.history;
    let history_max = history.map_or(0, |history| history.max_per_user);
    let history_ms = history.map_or(0, |history| duration_millis(history.retention));
    let devices = config.known_devices;
    let devices_ms = duration_millis(devices.retention);
    let (limit, policy) = config.limit.map_or((0, LimitPolicy::EvictOldest), |limit| {
        (limit.max.get(), limit.policy)
    });
    let policy = match policy {
        LimitPolicy::EvictOldest => "evict-oldest",
        LimitPolicy::EvictLeastRecentlyActive => "evict-least-recently-active",
        LimitPolicy::Reject => "reject",
    };
    let idle_ms = codec::idle_millis(config.idle_timeout);
    let reason = EndReason::digit;
    format!(
        "local BASE, CHANNEL = {base}, {channel}\n\
         local HISTORY_MAX, HISTORY_LAST, HISTORY_MS = {history_max}, '{history_last}', {history_ms}\n\
         local DEVICES_MAX, DEVICES_MS = {devices_max}, {devices_ms}\n\
         local KEEP_MS, ABSOLUTE_MS, IDLE_MS, IDLE = {keep_ms}, {absolute_ms}, {idle_ms}, {idle}\n\
         local LIMIT, POLICY = {limit}, '{policy}'\n\
         local EVICTED, REPLACED, EXPIRED = '{evicted}', '{replaced}', '{expired}'\n",
        history_last = history_max.saturating_sub(1),
        base = keys.base_bytes(),
        channel = literal(keys.channel().as_bytes()),
        devices_max = devices.max_per_user,
        keep_ms = devices_ms.max(history_ms),
        absolute_ms = duration_millis(config.absolute_timeout),
        idle = literal(&codec::six_bytes(Timestamp::from_millis(idle_ms))),
        evicted = reason(EndReason::Evicted),
        replaced = reason(EndReason::Replaced),
        expired = reason(EndReason::Expired),
    )
}

/// Bytes as Lua reads them, whatever they are.
fn literal(bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:03}")).collect();
    format!("'{escaped}'")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::FILES;

    /// The words that stand in quotes behind `before`.
    fn named<'a>(text: &'a str, before: &str) -> BTreeSet<&'a str> {
        let rest = text.split(before).skip(1);
        rest.filter_map(|rest| rest.split('\'').next()).collect()
    }

    #[test]
    fn the_rights_that_are_asked_for_are_those_of_the_commands() {
        let called: BTreeSet<_> = FILES
            .iter()
            .flat_map(|(_, text)| named(text, "call('"))
            .collect();
        assert_eq!(named(include_str!("lua/rights.lua"), "{ '"), called);
    }
}
