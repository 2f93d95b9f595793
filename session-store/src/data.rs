use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Config;
use crate::error::Invalid;

/// What a service keeps with a session: bytes to the store, JSON by agreement.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use session_store::Data;
///
/// #[derive(Serialize, Deserialize, PartialEq, Debug)]
/// struct Cart { items: Vec<u32> }
///
/// let data = Data::encode(&Cart { items: vec![7] })?;
/// assert_eq!(data.decode::<Cart>()?, Some(Cart { items: vec![7] }));
/// assert_eq!(Data::default().decode::<Cart>()?, None);
/// # Ok::<(), session_store::DataError>(())
/// ```
///
/// JSON and not bincode, so that a service may add a field to its type (with `#[serde(default)]`)
/// while sessions of the old shape live, and so that what `session-server` stores as free-form
/// `data` reads the same here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data(Box<[u8]>);

/// Application data that couldn't be turned into JSON, or from it into the type asked for.
#[derive(Debug, thiserror::Error)]
#[error("the session's data is not of the expected shape")]
pub struct DataError(#[from] serde_json::Error);

impl Data {
    /// Encodes a value of the service's own type.
    ///
    /// # Errors
    ///
    /// The value has no JSON form (a map with keys that aren't strings, say).
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, DataError> {
        Ok(Self(serde_json::to_vec(value)?.into_boxed_slice()))
    }

    /// Decodes into the service's own type; `None` where the session holds no data.
    ///
    /// # Errors
    ///
    /// The data was written with another shape.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<Option<T>, DataError> {
        if self.is_empty() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&self.0)?))
    }

    /// Takes bytes as they are, for a service with a format of its own.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes as they are stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the session holds no data.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn check(&self, config: &Config) -> Result<(), Invalid> {
        if self.0.len() > config.max_data_bytes {
            return Err(Invalid {
                field: "data",
                reason: format!("must be at most {} bytes", config.max_data_bytes),
            });
        }
        Ok(())
    }
}
