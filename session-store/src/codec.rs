//! Records as bytes; the only file that knows bincode.
//!
//! A session's record is a header of fixed width, the user id as text, and a body. The Lua scripts
//! read and rewrite the header in place (`redis/lua/common.lua` has the same table) and never look
//! into the body. Numbers are big-endian.
//!
//! | offset | bytes | what |
//! |---:|---:|---|
//! | 0 | 1 | format version, 1 |
//! | 1 | 1 | flags: 1 = the user id is a number |
//! | 2 | 4 | revision |
//! | 6 | 6 | created at, ms |
//! | 12 | 6 | last activity, ms |
//! | 18 | 6 | absolute expiry, ms |
//! | 24 | 6 | idle timeout, ms; 0 = none |
//! | 30 | 8 | device fingerprint's digest; all 0 = none |
//! | 38 | 16 | last address as IPv6; all 0 = none |
//! | 54 | 32 | token's verifier |
//! | 86 | 2 | length of the user id in bytes |
//! | 88 | | user id, then the body (bincode) |
//!
//! An entry of the history is the id's 16 characters, when the session ended (6), why (1: its place in
//! [`EndReason::ALL`]), and the *stub* that lies ready while the session lives: last activity (6), created at (6), flags (1) and
//! a body (bincode). bincode is pinned behind the version byte: a successor gets version 2, and
//! version 1 stays readable.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{BorrowDecode, Encode};

use crate::data::Data;
use crate::digest::Verifier;
use crate::ended::{EndReason, EndedSession};
use crate::error::RecordError;
use crate::session::{Device, Fingerprint, Session, limits};
use crate::timestamp::{Timestamp, duration_millis};
use crate::token::SessionId;
use crate::user::UserId;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 88;
const FLAG_NUMBER: u8 = 1;

/// A decoder without a limit can be told to allocate a terabyte.
const BINCODE: Configuration<LittleEndian, Varint, Limit<{ limits::RECORD_BYTES }>> =
    bincode::config::standard().with_limit::<{ limits::RECORD_BYTES }>();

/// What the store keeps of a live session: the session, and what proves its token.
pub(crate) struct Record {
    pub(crate) session: Session,
    pub(crate) verifier: Verifier,
}

/// Fields that both a record and a history entry have.
#[derive(Encode, BorrowDecode)]
struct Identity<'a> {
    username: Option<&'a str>,
    role: Option<&'a str>,
    device_name: Option<&'a str>,
    device_type: Option<&'a str>,
    browser: Option<&'a str>,
    ip_address: Option<&'a str>,
}

#[derive(Encode, BorrowDecode)]
struct Body<'a> {
    identity: Identity<'a>,
    data: &'a [u8],
}

impl<'a> Identity<'a> {
    fn of(username: Option<&'a str>, role: Option<&'a str>, device: &'a Device) -> Self {
        Self {
            username,
            role,
            device_name: device.name.as_deref(),
            device_type: device.device_type.as_deref(),
            browser: device.browser.as_deref(),
            ip_address: device.ip_address.as_deref(),
        }
    }

    fn device(&self) -> Device {
        Device {
            name: self.device_name.map(Into::into),
            device_type: self.device_type.map(Into::into),
            browser: self.browser.map(Into::into),
            ip_address: self.ip_address.map(Into::into),
        }
    }
}

/// The flags byte of a user's records.
pub(crate) fn flags(user: &UserId) -> u8 {
    if user.is_number() { FLAG_NUMBER } else { 0 }
}

/// A record's body.
pub(crate) fn body(
    username: Option<&str>,
    role: Option<&str>,
    device: &Device,
    data: &Data,
) -> Vec<u8> {
    let identity = Identity::of(username, role, device);
    let data = data.as_bytes();
    encode(Body { identity, data })
}

/// A history stub's body.
pub(crate) fn stub(username: Option<&str>, role: Option<&str>, device: &Device) -> Vec<u8> {
    encode(Identity::of(username, role, device))
}

fn encode(value: impl Encode) -> Vec<u8> {
    bincode::encode_to_vec(value, BINCODE).expect("text and bytes can always be encoded")
}

/// An address as the header holds it.
pub(crate) fn address(address: Option<IpAddr>) -> [u8; 16] {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_ipv6_mapped().octets(),
        Some(IpAddr::V6(address)) => address.octets(),
        None => Ipv6Addr::UNSPECIFIED.octets(),
    }
}

/// Reads a record of the session `id`.
pub(crate) fn decode(id: SessionId, record: &[u8]) -> Result<Record, RecordError> {
    let mut header = Reader(check_version(record)?);
    let flags = header.byte()?;
    let revision = u32::from_be_bytes(header.take()?);
    let created_at = header.timestamp()?;
    let last_activity = header.timestamp()?;
    let absolute_expiry = header.timestamp()?;
    let idle_timeout = header.timestamp()?.as_millis();
    let fingerprint: [u8; 8] = header.take()?;
    let _last_address: [u8; 16] = header.take()?;
    let verifier = Verifier(header.take()?);
    let user_bytes = usize::from(u16::from_be_bytes(header.take()?));
    let user = header.split(user_bytes)?;
    let body: Body<'_> = decode_all(header.0)?;
    let session = Session {
        id,
        user_id: user_id(user, flags)?,
        username: body.identity.username.map(Into::into),
        role: body.identity.role.map(Into::into),
        device: body.identity.device(),
        fingerprint: (fingerprint != [0; 8]).then_some(Fingerprint(fingerprint)),
        data: Data::from_bytes(body.data),
        created_at,
        last_activity,
        expires_at: expires_at(absolute_expiry, last_activity, idle_timeout),
        revision,
    };
    Ok(Record { session, verifier })
}

/// The earlier of the two expiries.
pub(crate) fn expires_at(absolute: Timestamp, last_activity: Timestamp, idle_ms: u64) -> Timestamp {
    if idle_ms == 0 {
        return absolute;
    }
    absolute.min(last_activity.saturating_add(Duration::from_millis(idle_ms)))
}

/// The idle timeout as the header holds it; 0 is none.
pub(crate) fn idle_millis(idle_timeout: Option<Duration>) -> u64 {
    idle_timeout.map_or(0, duration_millis)
}

/// Reads an entry of the history of `user`, whose bucket is `bucket`.
pub(crate) fn decode_ended(
    user: &UserId,
    bucket: &str,
    entry: &[u8],
) -> Result<EndedSession, RecordError> {
    let mut entry = Reader(entry);
    let id = SessionId::from_parts(bucket, entry.split(16)?)
        .map_err(|_| RecordError::Corrupt("a history entry without an id"))?;
    let ended_at = entry.timestamp()?;
    let reason = EndReason::ALL
        .get(usize::from(entry.byte()?))
        .copied()
        .ok_or(RecordError::Corrupt("an unknown reason for ending"))?;
    let last_activity = entry.timestamp()?;
    let created_at = entry.timestamp()?;
    let flags = entry.byte()?;
    let identity: Identity<'_> = decode_all(entry.0)?;
    Ok(EndedSession {
        id,
        user_id: user_id(user.as_str().as_bytes(), flags)?,
        username: identity.username.map(Into::into),
        role: identity.role.map(Into::into),
        device: identity.device(),
        created_at,
        last_activity,
        ended_at,
        reason,
    })
}

fn check_version(record: &[u8]) -> Result<&[u8], RecordError> {
    match record.split_first() {
        _ if record.len() > limits::RECORD_BYTES => Err(RecordError::TooLong),
        Some((&VERSION, rest)) if record.len() >= HEADER_BYTES => Ok(rest),
        Some((&VERSION, _)) | None => Err(RecordError::Corrupt("shorter than its header")),
        Some((&version, _)) => Err(RecordError::UnknownVersion(version)),
    }
}

fn user_id(text: &[u8], flags: u8) -> Result<UserId, RecordError> {
    let text = std::str::from_utf8(text)
        .map_err(|_| RecordError::Corrupt("a user id that isn't UTF-8"))?;
    UserId::from_parts(text, flags & FLAG_NUMBER != 0)
        .map_err(|_| RecordError::Corrupt("an invalid user id"))
}

/// bincode accepts trailing bytes; a record must not have any.
fn decode_all<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8]) -> Result<T, RecordError> {
    match bincode::borrow_decode_from_slice(bytes, BINCODE) {
        Ok((value, consumed)) if consumed == bytes.len() => Ok(value),
        Ok(_) => Err(RecordError::Corrupt("bytes after its body")),
        Err(_) => Err(RecordError::Corrupt("a body that can't be decoded")),
    }
}

/// Takes fields off the front of a slice.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn split(&mut self, bytes: usize) -> Result<&'a [u8], RecordError> {
        let (head, rest) = self
            .0
            .split_at_checked(bytes)
            .ok_or(RecordError::Corrupt("shorter than it says"))?;
        self.0 = rest;
        Ok(head)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let head = self.split(N)?;
        Ok(head.try_into().expect("split gives as many as asked for"))
    }

    fn byte(&mut self) -> Result<u8, RecordError> {
        Ok(self.take::<1>()?[0])
    }

    /// Six bytes of milliseconds.
    fn timestamp(&mut self) -> Result<Timestamp, RecordError> {
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(self.split(6)?);
        Ok(Timestamp::from_millis(u64::from_be_bytes(millis)))
    }
}
