use std::fmt;

/// What contestants are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The speed and cost of a call.
    Speed(Operation),
    /// Bytes of Redis memory for each session.
    Memory,
    /// What goes wrong when calls meet.
    Race(Race),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Validate,
    Touch,
    Rotate,
    Create,
    /// All sessions of a user who has so many.
    List(u64),
    /// The same user's, ended.
    RevokeAll(u64),
}

/// Two calls for one session or user at the same time, a call that is cut off, and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Race {
    LogOutAndTouch,
    LogOutAndUpdate,
    CreateAndRevokeAll,
    DroppedCreate,
    Expiry,
}

impl Subject {
    pub(crate) const ALL: [Self; 18] = {
        use Operation::{Create, List, RevokeAll, Rotate, Touch, Validate};
        [
            Self::Speed(Validate),
            Self::Speed(Touch),
            Self::Speed(Rotate),
            Self::Speed(Create),
            Self::Speed(List(1)),
            Self::Speed(List(3)),
            Self::Speed(List(100)),
            Self::Speed(List(10_000)),
            Self::Speed(RevokeAll(1)),
            Self::Speed(RevokeAll(3)),
            Self::Speed(RevokeAll(100)),
            Self::Speed(RevokeAll(10_000)),
            Self::Memory,
            Self::Race(Race::LogOutAndTouch),
            Self::Race(Race::LogOutAndUpdate),
            Self::Race(Race::CreateAndRevokeAll),
            Self::Race(Race::DroppedCreate),
            Self::Race(Race::Expiry),
        ]
    };
}

impl Operation {
    /// Of a user who has 10,000 sessions, a list by so many tasks would take some contestants half
    /// a minute; and it is one person who presses that button.
    pub(crate) fn most_tasks(self) -> usize {
        match self {
            Self::List(10_000..) => 16,
            Self::RevokeAll(10_000..) => 1,
            _ => usize::MAX,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Speed(operation) => operation.fmt(f),
            Self::Memory => f.write_str("memory"),
            Self::Race(race) => race.fmt(f),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Validate => f.write_str("validate"),
            Self::Touch => f.write_str("touch"),
            Self::Rotate => f.write_str("rotate"),
            Self::Create => f.write_str("create"),
            Self::List(sessions) => write!(f, "list of {sessions}"),
            Self::RevokeAll(sessions) => write!(f, "revoke-all of {sessions}"),
        }
    }
}

impl fmt::Display for Race {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LogOutAndTouch => "race: alive after a logout that met a touch",
            Self::LogOutAndUpdate => "race: alive after a logout that met an update",
            Self::CreateAndRevokeAll => "race: alive but unlisted after a create met a revoke-all",
            Self::DroppedCreate => "race: orphans of creates that were cut off",
            Self::Expiry => "race: left behind once all have expired",
        })
    }
}
