use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::Config;
use crate::data::Data;
use crate::error::Invalid;
use crate::timestamp::Timestamp;
use crate::token::SessionId;
use crate::user::UserId;

/// The most that a session's fields may hold; beyond it a create or an update answers
/// [`Error::Invalid`](crate::Error::Invalid).
pub mod limits {
    use std::time::Duration;

    /// Characters of a device fingerprint.
    pub const FINGERPRINT_CHARS: usize = 255;
    /// Characters of [`Device::name`](super::Device::name).
    pub const DEVICE_NAME_CHARS: usize = 255;
    /// Characters of [`Device::device_type`](super::Device::device_type).
    pub const DEVICE_TYPE_CHARS: usize = 20;
    /// Characters of [`Device::browser`](super::Device::browser).
    pub const BROWSER_CHARS: usize = 100;
    /// Characters of [`Device::ip_address`](super::Device::ip_address): the longest IPv6 text.
    pub const IP_ADDRESS_CHARS: usize = 45;
    /// Characters of a username.
    pub const USERNAME_CHARS: usize = 255;
    /// Characters of a role.
    pub const ROLE_CHARS: usize = 255;
    /// Bytes of application data, whatever [`Config::max_data_bytes`](crate::Config) says.
    pub const DATA_BYTES: usize = 1024 * 1024;
    /// A timeout or a retention.
    pub const TIMEOUT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    /// Bytes of a whole record: what all fields together can come to, and room to grow.
    pub(crate) const RECORD_BYTES: usize = DATA_BYTES + 64 * 1024;
}

/// A user's session on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The session's public name.
    pub id: SessionId,
    /// Whose session it is.
    pub user_id: UserId,
    /// The user's name, for people to read.
    pub username: Option<String>,
    /// What the user may do, by the service's own words.
    pub role: Option<String>,
    /// Where the user logged in.
    pub device: Device,
    /// A digest of the device's fingerprint, where it has one.
    pub fingerprint: Option<Fingerprint>,
    /// Whether this user's device was new when the session came onto it; `None` where the device has
    /// no fingerprint.
    pub new_device: Option<bool>,
    /// Whether the session has moved from one device to another, by their fingerprints.
    pub device_changed: bool,
    /// What the service keeps with the session.
    pub data: Data,
    /// When the session was created.
    pub created_at: Timestamp,
    /// The last activity that was written; see [`Config::touch_interval`].
    pub last_activity: Timestamp,
    /// When the session ends unless something happens: the earlier of its absolute and its idle
    /// expiry. It still authenticates in this very millisecond, and not in the next.
    pub expires_at: Timestamp,
    /// Counts the updates; how [`update`](crate::SessionStore::update) notices another one.
    pub revision: u32,
}

impl Session {
    /// A session with nothing else said, its last activity its creation. For those who implement a
    /// [`SessionStore`](crate::SessionStore), as is every public constructor of what a store answers.
    #[must_use]
    pub fn new(
        id: SessionId,
        user_id: UserId,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            id,
            user_id,
            username: None,
            role: None,
            device: Device::default(),
            fingerprint: None,
            new_device: None,
            device_changed: false,
            data: Data::default(),
            created_at,
            last_activity: created_at,
            expires_at,
            revision: 0,
        }
    }
}

/// Where a user logged in, as the client or the service describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// "Chrome on Windows 10".
    pub name: Option<String>,
    /// "web", "mobile".
    pub device_type: Option<String>,
    /// "Chrome".
    pub browser: Option<String>,
    /// "192.168.1.1".
    pub ip_address: Option<String>,
}

impl Device {
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        let fields = [
            ("device_name", &self.name, limits::DEVICE_NAME_CHARS),
            ("device_type", &self.device_type, limits::DEVICE_TYPE_CHARS),
            ("browser", &self.browser, limits::BROWSER_CHARS),
            ("ip_address", &self.ip_address, limits::IP_ADDRESS_CHARS),
        ];
        fields
            .into_iter()
            .try_for_each(|(field, text, max)| Invalid::check_chars(field, text.as_deref(), max))
    }

    /// The address as one, where it is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        known(self.ip_address.as_deref()?.parse().ok()?)
    }
}

/// The address, unless it is unspecified. An IPv4 address is the same one when a dual-stack socket
/// shows it as IPv6.
pub(crate) fn known(address: IpAddr) -> Option<IpAddr> {
    Some(address.to_canonical()).filter(|address| !address.is_unspecified())
}

/// A short digest of a device's fingerprint: tells a user's devices apart, and nothing else.
/// `Debug` doesn't show it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub(crate) [u8; 8]);

impl Fingerprint {
    /// As [`as_bytes`](Self::as_bytes) gave it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

/// A session to be created.
///
/// ```
/// use session_store::{NewSession, UserId};
///
/// let mut new = NewSession::new(UserId::from(74));
/// new.role = Some("admin".into());
/// new.fingerprint = Some("a1b2c3".into());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSession {
    /// Whose session.
    pub user_id: UserId,
    /// The user's name, for people to read.
    pub username: Option<String>,
    /// What the user may do, by the service's own words.
    pub role: Option<String>,
    /// Where the user logs in.
    pub device: Device,
    /// What tells this device from the user's others. A user has one session per fingerprint;
    /// without one, neither that rule nor "is this device new?" applies.
    pub fingerprint: Option<String>,
    /// What the service keeps with the session.
    pub data: Data,
    /// Instead of [`Config::absolute_timeout`].
    pub absolute_timeout: Option<Duration>,
}

impl NewSession {
    /// A session of `user_id` with nothing else said.
    #[must_use]
    pub fn new(user_id: UserId) -> Self {
        Self {
            user_id,
            username: None,
            role: None,
            device: Device::default(),
            fingerprint: None,
            data: Data::default(),
            absolute_timeout: None,
        }
    }

    /// Whether all fields can be stored; every store asks before it creates a session.
    ///
    /// # Errors
    ///
    /// The first field that can't, by name.
    pub fn check(&self, config: &Config) -> Result<(), Invalid> {
        self.device.check()?;
        check_identity(self.username.as_deref(), self.role.as_deref())?;
        check_fingerprint(self.fingerprint.as_deref())?;
        self.data.check(config)?;
        match self.absolute_timeout {
            Some(timeout) if timeout < Duration::from_millis(1) || timeout > limits::TIMEOUT => {
                Err(Invalid {
                    field: "absolute_timeout",
                    reason: "must be between 1 ms and 100 years".into(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// What to change of a session; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Another device description.
    pub device: Option<Device>,
    /// Another device fingerprint. The device rule holds here too: another session of the user
    /// with this fingerprint is replaced.
    pub fingerprint: Option<String>,
    /// Another username.
    pub username: Option<String>,
    /// Another role. See [`rotate`](crate::SessionStore::rotate) for what to do besides.
    pub role: Option<String>,
    /// Other application data, as a whole.
    pub data: Option<Data>,
}

impl Update {
    /// Whether all fields can be stored; every store asks before it updates a session.
    ///
    /// # Errors
    ///
    /// The first field that can't, by name.
    pub fn check(&self, config: &Config) -> Result<(), Invalid> {
        self.device.as_ref().map_or(Ok(()), Device::check)?;
        check_identity(self.username.as_deref(), self.role.as_deref())?;
        check_fingerprint(self.fingerprint.as_deref())?;
        self.data.as_ref().map_or(Ok(()), |data| data.check(config))
    }

    /// Changes all fields but the fingerprint and the revision, which are the store's business.
    pub fn apply_to(&self, session: &mut Session) {
        fn set<T: Clone>(field: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                field.clone_from(value);
            }
        }
        set(&mut session.device, self.device.as_ref());
        set(&mut session.data, self.data.as_ref());
        if self.username.is_some() {
            session.username.clone_from(&self.username);
        }
        if self.role.is_some() {
            session.role.clone_from(&self.role);
        }
    }
}

fn check_identity(username: Option<&str>, role: Option<&str>) -> Result<(), Invalid> {
    Invalid::check_chars("username", username, limits::USERNAME_CHARS)?;
    Invalid::check_chars("role", role, limits::ROLE_CHARS)
}

fn check_fingerprint(fingerprint: Option<&str>) -> Result<(), Invalid> {
    let field = "device_fingerprint";
    if fingerprint == Some("") {
        return Err(Invalid {
            field,
            reason: "must not be empty".into(),
        });
    }
    Invalid::check_chars(field, fingerprint, limits::FINGERPRINT_CHARS)
}
