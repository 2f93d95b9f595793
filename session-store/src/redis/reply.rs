//! What scripts answer, as it comes. Most of them answer with a number or with one flat array where they
//! can: arrays in arrays are what costs Redis most about an answer.

use redis::{FromRedisValue, ParsingError, Value, from_redis_value};

pub(super) type Bytes = Vec<u8>;

/// How `create.lua` answers. Of sessions that ended it has three parts each: id, reason, record.
pub(super) enum CreateReply {
    /// Now; negative where the device is new.
    Created(i64, Vec<Bytes>),
    /// Now.
    More(u64, Vec<Bytes>),
    Not(String),
}

impl FromRedisValue for CreateReply {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        match value {
            Value::Int(now) => Ok(Self::Created(now, Vec::new())),
            Value::Array(mut values) if matches!(values.first(), Some(Value::Int(_))) => {
                let ended = from_redis_value(Value::Array(values.split_off(1)))?;
                Ok(Self::Created(from_redis_value(values.remove(0))?, ended))
            }
            value @ Value::Array(_) => {
                let (_, now, ended): (String, _, _) = from_redis_value(value)?;
                Ok(Self::More(now, ended))
            }
            value => from_redis_value(value).map(Self::Not),
        }
    }
}

/// How `list.lua` answers.
pub(super) enum ListReply {
    /// All that the user has: records, and their keys in the same order.
    All(Vec<Bytes>, Vec<Bytes>),
    /// Is the user known, order of the page, are there more, place of the last live session, the end of
    /// its id; ids and records; entries of the history.
    Page((i64, String, i64, u64, Bytes, Vec<Bytes>, Vec<Bytes>)),
}

impl FromRedisValue for ListReply {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        match &value {
            Value::Array(values) if matches!(values.first(), Some(Value::BulkString(_))) => {
                let mut records: Vec<Bytes> = from_redis_value(value)?;
                let keys = records.split_off(records.len() / 2);
                Ok(Self::All(records, keys))
            }
            _ => from_redis_value(value).map(Self::Page),
        }
    }
}

/// How `revoke_all.lua` and `revoke_others.lua` answer.
pub(super) enum RevokeReply {
    /// So many have ended, and nothing is left to end.
    All(u64),
    /// Is the user, or the session to keep, known; how many have ended; how many are left; the record of the
    /// session to keep.
    Some((i64, u64, i64, Bytes)),
}

impl FromRedisValue for RevokeReply {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        match value {
            Value::Int(_) => from_redis_value(value).map(Self::All),
            value => from_redis_value(value).map(Self::Some),
        }
    }
}
