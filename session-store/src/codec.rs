//! Records as bytes; the only file that knows bincode.
//!
//! A session's record is a header of fixed width, the user id, texts, the last address and data. The Lua scripts
//! read and rewrite the header in place (`redis/lua/parts/begin.lua` has the same table) and take the rest
//! as it is. Numbers are big-endian.
//!
//! | offset | bytes | what |
//! |---:|---:|---|
//! | 0 | 1 | format version, 1; with 128 = the device was new, 64 = the session has moved to another device |
//! | 1 | 6 | created at, ms |
//! | 7 | 6 | last activity, ms |
//! | 13 | 6 | absolute expiry, ms |
//! | 19 | 6 | idle timeout, ms; 0 = none |
//! | 25 | 16 | token's verifier |
//! | 41 | 4 | revision |
//! | 45 | 8 | device fingerprint's digest; all 0 = none |
//! | 53 | 1 | flags: 128 = the user id is a number; 64 = the last address is IPv6; which of the six texts there are, 1 to 32 |
//! | 54 | 2 | length of the user id in bytes |
//! | 56 | 2 | length of the texts in bytes |
//! | 58 | | user id |
//! | | | username, role, device name, device type, browser, address: those there are, each by bincode |
//! | | 4, 16 | last address; 4 bytes of 0 = none |
//! | | | application data: all that follows |
//!
//! What a touch or a rotation changes stands together, so that one command writes it; another address
//! takes the whole record. What a create sends is all from the verifier on: the times are Redis's business.
//!
//! An entry of the history is the id's 16 characters, created at (6), when the session ended (6), why
//! (a digit: its place in [`EndReason::ALL`]), and the *stub* that lies ready while the session lives:
//! last activity (6), flags (1) and the texts. With up to 64 bytes of it, Redis keeps a user's stubs in
//! its compact form. bincode is pinned behind the version byte: a successor gets version 2, and
//! version 1 stays readable.

use std::net::IpAddr;
use std::time::Duration;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};

use crate::credential::Mark;
use crate::data::Data;
use crate::digest::Verifier;
use crate::ended::{EndReason, EndedSession};
use crate::error::RecordError;
use crate::session::{Device, Fingerprint, NewSession, Session, known, limits};
use crate::timestamp::{Timestamp, duration_millis};
use crate::token::SessionId;
use crate::user::UserId;

const VERSION: u8 = 1;
const VERSION_BITS: u8 = 63;
const NEW_DEVICE: u8 = 128;
const DEVICE_CHANGED: u8 = 64;
const HEADER_BYTES: usize = 58;
const FLAG_NUMBER: u8 = 128;
const FLAG_IPV6: u8 = 64;

/// A decoder without a limit can be told to allocate a terabyte.
const BINCODE: Configuration<LittleEndian, Varint, Limit<{ limits::RECORD_BYTES }>> =
    bincode::config::standard().with_limit::<{ limits::RECORD_BYTES }>();

/// What the store keeps of a live session: the session, and what proves its token.
pub(crate) struct Record {
    pub(crate) session: Session,
    pub(crate) verifier: Verifier,
}

/// The texts that both a record and a history entry have, in their order.
pub(crate) struct Texts<'a>([Option<&'a str>; 6]);

impl<'a> Texts<'a> {
    pub(crate) fn of(username: Option<&'a str>, role: Option<&'a str>, device: &'a Device) -> Self {
        Self([
            username,
            role,
            device.name.as_deref(),
            device.device_type.as_deref(),
            device.browser.as_deref(),
            device.ip_address.as_deref(),
        ])
    }

    /// The flags byte of a record: which texts there are, and what the user id is.
    pub(crate) fn flags(&self, user: &UserId) -> u8 {
        let number = if user.is_number() { FLAG_NUMBER } else { 0 };
        let there = self.0.iter().enumerate();
        there.fold(number, |flags, (bit, text)| {
            flags | u8::from(text.is_some()) << bit
        })
    }

    /// The texts that there are, one after the other.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.most_bytes());
        self.encode_into(&mut bytes);
        bytes
    }

    fn encode_into(&self, bytes: &mut Vec<u8>) {
        for text in self.0.into_iter().flatten() {
            bincode::encode_into_std_write(text, bytes, BINCODE)
                .expect("text can always be encoded, and a vector takes it");
        }
    }

    fn most_bytes(&self) -> usize {
        let texts = self.0.into_iter().flatten();
        texts.map(|text| text.len() + 3).sum()
    }

    fn decode(flags: u8, mut bytes: &'a [u8]) -> Result<Self, RecordError> {
        let mut texts = [None; 6];
        for (bit, text) in texts.iter_mut().enumerate() {
            if flags & (1 << bit) != 0 {
                let (decoded, consumed) = bincode::borrow_decode_from_slice(bytes, BINCODE)
                    .map_err(|_| RecordError::Corrupt("texts that can't be decoded"))?;
                *text = Some(decoded);
                bytes = &bytes[consumed..];
            }
        }
        match bytes.is_empty() {
            true => Ok(Self(texts)),
            // bincode accepts trailing bytes; a record must not have any.
            false => Err(RecordError::Corrupt("bytes after its texts")),
        }
    }

    fn owned(&self) -> (Option<String>, Option<String>, Device) {
        let [username, role, name, device_type, browser, ip_address] =
            self.0.map(|text| text.map(Into::into));
        let device = Device {
            name,
            device_type,
            browser,
            ip_address,
        };
        (username, role, device)
    }
}

/// A new session's record from its verifier on.
pub(crate) fn new_record(
    new: &NewSession,
    fingerprint: Option<Fingerprint>,
    verifier: &Verifier,
) -> Vec<u8> {
    let texts = Texts::of(new.username.as_deref(), new.role.as_deref(), &new.device);
    let (user, data) = (new.user_id.as_str(), new.data.as_bytes());
    let address = Address::from(new.device.address());
    let most = HEADER_BYTES + user.len() + texts.most_bytes() + 16 + data.len();
    let mut record = Vec::with_capacity(most);
    record.extend(verifier.0);
    record.extend([0; 4]);
    record.extend(fingerprint_bytes(fingerprint));
    record.push(texts.flags(&new.user_id) | address.flag());
    record.extend(length(user.len()));
    let texts_at = record.len();
    record.extend([0; 2]);
    record.extend_from_slice(user.as_bytes());
    let before = record.len();
    texts.encode_into(&mut record);
    let texts_bytes = length(record.len() - before);
    record[texts_at..texts_at + 2].copy_from_slice(&texts_bytes);
    record.extend_from_slice(address.as_bytes());
    record.extend_from_slice(data);
    record
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes)
        .expect("fields are bounded to far less")
        .to_be_bytes()
}

/// A fingerprint as the header holds it.
pub(crate) fn fingerprint_bytes(fingerprint: Option<Fingerprint>) -> [u8; 8] {
    fingerprint.map_or([0; 8], |fingerprint| fingerprint.0)
}

/// An address as a record holds it; unspecified is none.
pub(crate) enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl Address {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::V4(octets) => octets,
            Self::V6(octets) => octets,
        }
    }

    fn flag(&self) -> u8 {
        match self {
            Self::V4(_) => 0,
            Self::V6(_) => FLAG_IPV6,
        }
    }
}

impl From<Option<IpAddr>> for Address {
    fn from(address: Option<IpAddr>) -> Self {
        match address.and_then(known) {
            Some(IpAddr::V6(address)) => Self::V6(address.octets()),
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            None => Self::V4([0; 4]),
        }
    }
}

/// What is remembered of a credential, as bytes: when the newest was issued, when that expires, and
/// for how long this is remembered.
pub(crate) fn mark_bytes(mark: Mark) -> [u8; 18] {
    let mut bytes = [0; 18];
    bytes[..6].copy_from_slice(&six_bytes(mark.issued_at));
    bytes[6..12].copy_from_slice(&six_bytes(mark.expires_at));
    bytes[12..].copy_from_slice(&six_bytes(mark.known_until));
    bytes
}

/// Reads [`mark_bytes`]; `None` where they are something else.
pub(crate) fn decode_mark(bytes: &[u8]) -> Option<Mark> {
    let mut reader = Reader(bytes);
    let mark = Mark {
        issued_at: reader.timestamp().ok()?,
        expires_at: reader.timestamp().ok()?,
        known_until: reader.timestamp().ok()?,
    };
    reader.0.is_empty().then_some(mark)
}

/// A moment as records and scripts have it.
pub(crate) fn six_bytes(at: Timestamp) -> [u8; 6] {
    let millis = at.min(Timestamp::END).as_millis().to_be_bytes();
    millis[2..].try_into().expect("eight bytes less two")
}

/// Reads a record of the session `id`.
pub(crate) fn decode(id: SessionId, record: &[u8]) -> Result<Record, RecordError> {
    let mut header = Reader(check_version(record)?);
    let created_at = header.timestamp()?;
    let last_activity = header.timestamp()?;
    let absolute_expiry = header.timestamp()?;
    let idle_timeout = header.timestamp()?.as_millis();
    let verifier = Verifier(header.take()?);
    let revision = u32::from_be_bytes(header.take()?);
    let fingerprint: [u8; 8] = header.take()?;
    let fingerprint = (fingerprint != [0; 8]).then_some(Fingerprint(fingerprint));
    let flags = header.byte()?;
    let user_bytes = header.length()?;
    let texts_bytes = header.length()?;
    let user = header.split(user_bytes)?;
    let texts = Texts::decode(flags, header.split(texts_bytes)?)?;
    let _last_address = header.split(if flags & FLAG_IPV6 == 0 { 4 } else { 16 })?;
    let data = header.0;
    let (username, role, device) = texts.owned();
    let session = Session {
        id,
        user_id: user_id(user, flags)?,
        username,
        role,
        device,
        new_device: fingerprint.map(|_| record[0] & NEW_DEVICE != 0),
        device_changed: record[0] & DEVICE_CHANGED != 0,
        fingerprint,
        data: Data::from_bytes(data),
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
    let created_at = entry.timestamp()?;
    let ended_at = entry.timestamp()?;
    let reason = EndReason::from_digit(entry.byte()?)
        .ok_or(RecordError::Corrupt("an unknown reason for ending"))?;
    let last_activity = entry.timestamp()?;
    let flags = entry.byte()?;
    let (username, role, device) = Texts::decode(flags, entry.0)?.owned();
    Ok(EndedSession {
        id,
        user_id: user_id(user.as_str().as_bytes(), flags)?,
        username,
        role,
        device,
        created_at,
        last_activity,
        ended_at,
        reason,
    })
}

fn check_version(record: &[u8]) -> Result<&[u8], RecordError> {
    let version = record.first().map(|first| first & VERSION_BITS);
    match version {
        _ if record.len() > limits::RECORD_BYTES => Err(RecordError::TooLong),
        Some(VERSION) if record.len() >= HEADER_BYTES => Ok(&record[1..]),
        Some(VERSION) | None => Err(RecordError::Corrupt("shorter than its header")),
        Some(version) => Err(RecordError::UnknownVersion(version)),
    }
}

fn user_id(text: &[u8], flags: u8) -> Result<UserId, RecordError> {
    let text = std::str::from_utf8(text)
        .map_err(|_| RecordError::Corrupt("a user id that isn't UTF-8"))?;
    UserId::from_parts(text, flags & FLAG_NUMBER != 0)
        .map_err(|_| RecordError::Corrupt("an invalid user id"))
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

    fn length(&mut self) -> Result<usize, RecordError> {
        Ok(u16::from_be_bytes(self.take()?).into())
    }

    /// Six bytes of milliseconds.
    fn timestamp(&mut self) -> Result<Timestamp, RecordError> {
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(self.split(6)?);
        Ok(Timestamp::from_millis(u64::from_be_bytes(millis)))
    }
}
