use std::fmt;
use std::hash::{Hash, Hasher};

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// Whose sessions: an integer or a string, which goes out with the type it came in with.
///
/// `74` and `"74"` name the same user: they are equal, hash alike, and find the same sessions. What
/// differs is only how they are serialised.
///
/// ```
/// use session_store::UserId;
///
/// let number = UserId::from(74);
/// let text = UserId::new("74")?;
/// assert_eq!(number, text);
/// assert_eq!(serde_json::to_string(&number).unwrap(), "74");
/// assert_eq!(serde_json::to_string(&text).unwrap(), "\"74\"");
/// # Ok::<(), session_store::UserIdError>(())
/// ```
#[derive(Clone)]
pub struct UserId {
    text: Box<str>,
    is_number: bool,
}

/// Why a text can't be a [`UserId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserIdError {
    /// It has no character.
    #[error("must not be empty")]
    Empty,
    /// It has more than [`UserId::MAX_CHARS`] characters.
    #[error("must be at most {} characters", UserId::MAX_CHARS)]
    TooLong,
    /// It has a control character (a line break, a NUL).
    #[error("must not contain control characters")]
    ControlCharacter,
}

impl UserId {
    /// The most characters that a user id may have.
    pub const MAX_CHARS: usize = 255;

    /// A user id that is a string.
    ///
    /// # Errors
    ///
    /// Empty, longer than [`MAX_CHARS`](Self::MAX_CHARS), or with a control character.
    pub fn new(text: impl Into<String>) -> std::result::Result<Self, UserIdError> {
        let text = text.into();
        if text.is_empty() {
            return Err(UserIdError::Empty);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(UserIdError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(UserIdError::ControlCharacter);
        }
        Ok(Self {
            text: text.into_boxed_str(),
            is_number: false,
        })
    }

    /// The id as text, whichever type it came in with.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the id came in as an integer, and goes out as one.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.is_number
    }

    #[cfg(any(feature = "redis", feature = "internals"))]
    /// Puts together what the store has kept apart; a text that isn't an integer stays a string.
    pub(crate) fn from_parts(
        text: &str,
        is_number: bool,
    ) -> std::result::Result<Self, UserIdError> {
        let mut user = Self::new(text)?;
        user.is_number = is_number && (text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok());
        Ok(user)
    }
}

macro_rules! from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for UserId {
            fn from(id: $integer) -> Self {
                Self { text: id.to_string().into_boxed_str(), is_number: true }
            }
        }
    )*};
}

from_integer!(i32, i64, u32, u64);

impl PartialEq for UserId {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for UserId {}

impl Hash for UserId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_number {
            write!(f, "UserId({})", self.text)
        } else {
            write!(f, "UserId({:?})", self.text)
        }
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if self.is_number {
            if let Ok(id) = self.text.parse::<i64>() {
                return serializer.serialize_i64(id);
            }
            if let Ok(id) = self.text.parse::<u64>() {
                return serializer.serialize_u64(id);
            }
        }
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct IntegerOrString;

        impl Visitor<'_> for IntegerOrString {
            type Value = UserId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "an integer or a string of 1 to {} characters",
                    UserId::MAX_CHARS
                )
            }

            fn visit_i64<E: de::Error>(self, id: i64) -> std::result::Result<UserId, E> {
                Ok(UserId::from(id))
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> std::result::Result<UserId, E> {
                Ok(UserId::from(id))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<UserId, E> {
                UserId::new(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(IntegerOrString)
    }
}
