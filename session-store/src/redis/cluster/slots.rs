//! Which slot a key is in, and which master has which slots.

use redis::aio::MultiplexedConnection;
use redis::{Arg, Cmd, ErrorKind, RedisError, Value, from_redis_value};

/// The slots of a cluster.
pub(super) const SLOTS: usize = 16384;

/// A node's host and port, as the cluster names it.
pub(super) type Address = (String, u16);

/// Slots that follow each other, and the master that has them.
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) master: Address,
}

/// The first key of a command; `None` for one without keys. Of the commands that scripts are run
/// by and whatever has its first key in the first place.
pub(super) fn key_of(command: &Cmd) -> Option<&[u8]> {
    let mut words = command.args_iter();
    let before = match words.next()? {
        Arg::Simple(b"SCRIPT") => return None,
        Arg::Simple(b"EVALSHA" | b"EVAL") => 2,
        _ => 0,
    };
    match words.nth(before)? {
        Arg::Simple(key) => Some(key),
        _ => None,
    }
}

/// The slot that a key is in, by its hash tag where it has one.
pub(super) fn slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key).unwrap_or(key)) % SLOTS as u16
}

/// What stands between the first brace and the one that closes it.
fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let inner = &key[open + 1..];
    let close = inner.iter().position(|byte| *byte == b'}')?;
    (close > 0).then(|| &inner[..close])
}

/// CRC-16/XMODEM. A table would be faster on long keys; here a tag of two characters is summed.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let carry = if crc & 0x8000 != 0 { 0x1021 } else { 0 };
            (crc << 1) ^ carry
        })
    })
}

/// How many slots there are in these ranges.
pub(super) fn count(ranges: &[Range]) -> usize {
    let slots = |range: &Range| usize::from(range.last - range.first) + 1;
    ranges.iter().map(slots).sum()
}

/// Asks a node, which was reached at `host`, who has which slots.
pub(super) async fn read(
    connection: &mut MultiplexedConnection,
    host: &str,
) -> Result<Vec<Range>, RedisError> {
    let mut ask = redis::cmd("CLUSTER");
    ask.arg("SLOTS");
    let rows: Vec<Vec<Value>> = ask.query_async(connection).await?;
    rows.into_iter().map(|row| range(row, host)).collect()
}

/// A row is: first slot, last slot, the master, its replicas. A node is: host, port, and more. The
/// host is empty, or `?`, where the node that is asked doesn't know its own.
fn range(row: Vec<Value>, asked: &str) -> Result<Range, RedisError> {
    let malformed = || RedisError::from((ErrorKind::Parse, "not an answer to CLUSTER SLOTS"));
    let mut row = row.into_iter();
    let mut next = || row.next().ok_or_else(malformed);
    let (first, last): (u16, u16) = (from_redis_value(next()?)?, from_redis_value(next()?)?);
    let master: Vec<Value> = from_redis_value(next()?)?;
    let mut master = master.into_iter();
    let mut next = || master.next().ok_or_else(malformed);
    let host: Option<String> = from_redis_value(next()?)?;
    let host = host.filter(|host| !matches!(host.as_str(), "" | "?"));
    let master = (
        host.unwrap_or_else(|| asked.to_owned()),
        from_redis_value(next()?)?,
    );
    if usize::from(last) >= SLOTS || first > last {
        return Err(malformed());
    }
    Ok(Range {
        first,
        last,
        master,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot(b"foo"), 12182);
        assert_eq!(slot(b"sess:{bar}:s:foo"), slot(b"bar"));
        // An empty tag is none.
        assert_eq!(slot(b"{}bar"), crc16(b"{}bar") % 16384);
        assert_eq!(slot(b"foo{bar"), crc16(b"foo{bar") % 16384);
    }

    #[test]
    fn a_key_is_found_where_the_store_puts_it() {
        let key = |words: &[&str]| {
            let mut command = Cmd::new();
            command.arg(words);
            key_of(&command).map(|key| String::from_utf8(key.to_vec()).expect("text"))
        };
        assert_eq!(key(&["GET", "key"]).as_deref(), Some("key"));
        let script = ["EVALSHA", "digest", "1", "key", "argument"];
        assert_eq!(key(&script).as_deref(), Some("key"));
        assert_eq!(key(&["SCRIPT", "LOAD", "source"]), None);
        assert_eq!(key(&["TIME"]), None);
    }
}
