//! The scripts as text: each put together from its parts in `lua/`, which the settings of the store
//! precede as literals. That spares each call some ten arguments, and Redis the reading of them; stores
//! with other settings have other scripts, with other digests.

use redis::Script;

use crate::codec;
use crate::config::{Config, LimitPolicy};
use crate::ended::EndReason;
use crate::keys::Keys;
use crate::timestamp::duration_millis;

macro_rules! parts {
    ($($file:literal),+) => {
        concat!($(include_str!(concat!("lua/", $file, ".lua"))),+)
    };
}

const CREATE: &str = parts!("begin", "clock", "ending", "devices", "create");
const TOUCH: &str = parts!("begin", "clock", "refreshing", "touch");
const ROTATE: &str = parts!("begin", "clock", "refreshing", "rotate");
const UPDATE: &str = parts!("begin", "clock", "ending", "devices", "update");
const REVOKE: &str = parts!("begin", "clock", "ending", "revoke");
const REVOKE_USER: &str = parts!("begin", "clock", "ending", "revoke_user");
const COUNT: &str = parts!("begin", "clock", "count");
const LIST: &str = parts!("begin", "list_few", "clock", "ending", "list");

/// Every script, for one store's settings.
pub(super) struct Sources {
    pub(super) create: Script,
    pub(super) touch: Script,
    pub(super) rotate: Script,
    pub(super) update: Script,
    pub(super) revoke: Script,
    pub(super) revoke_user: Script,
    pub(super) count: Script,
    pub(super) list: Script,
    texts: Vec<String>,
}

impl Sources {
    pub(super) fn new(keys: &Keys, config: &Config) -> Self {
        let settings = settings(keys, config);
        let mut texts = Vec::new();
        let mut script = |parts: &str| {
            let text = format!("{settings}{parts}");
            let script = Script::new(&text);
            texts.push(text);
            script
        };
        Self {
            create: script(CREATE),
            touch: script(TOUCH),
            rotate: script(ROTATE),
            update: script(UPDATE),
            revoke: script(REVOKE),
            revoke_user: script(REVOKE_USER),
            count: script(COUNT),
            list: script(LIST),
            texts,
        }
    }

    /// The source of each script, to be loaded into a server at once.
    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }
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
    let reason = EndReason::digit;
    format!(
        "local BASE, CHANNEL = {base}, {channel}\n\
         local HISTORY_MAX, HISTORY_MS = {history_max}, {history_ms}\n\
         local DEVICES_MAX, DEVICES_MS = {devices_max}, {devices_ms}\n\
         local KEEP_MS, IDLE_MS = {keep_ms}, {idle_ms}\n\
         local LIMIT, POLICY = {limit}, '{policy}'\n\
         local EVICTED, REPLACED, EXPIRED = '{evicted}', '{replaced}', '{expired}'\n",
        base = keys.base_bytes(),
        channel = literal(keys.channel()),
        devices_max = devices.max_per_user,
        keep_ms = devices_ms.max(history_ms),
        idle_ms = codec::idle_millis(config.idle_timeout),
        evicted = reason(EndReason::Evicted),
        replaced = reason(EndReason::Replaced),
        expired = reason(EndReason::Expired),
    )
}

/// A text as Lua reads it, whatever it holds.
fn literal(text: &str) -> String {
    let escaped: String = text.bytes().map(|byte| format!("\\{byte:03}")).collect();
    format!("'{escaped}'")
}
