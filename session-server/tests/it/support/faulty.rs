use std::net::IpAddr;

use session_store::{
    Admission, Config, Created, CreatedFor, Credential, EndedSession, Error, EventStream, List,
    MemoryStore, NewSession, Page, Rate, RecordError, Result, RevokeReason, RevokedAll, Rotated,
    Session, SessionId, SessionStore, Standing, Subject, Token, Update, Updated, UserId,
};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Unavailable,
    Timeout,
    Refused,
    Full,
    Record,
    Conflict,
    Panic,
    /// No answer, ever.
    Stall,
}

type Faults = Box<dyn Fn(&str) -> Option<Fault> + Send + Sync>;

/// A store some of whose methods fail.
pub(crate) struct FaultyStore {
    inner: MemoryStore,
    faults: Faults,
}

impl FaultyStore {
    /// `faults` tells, by a method's name, how it fails.
    pub(crate) fn new(
        inner: MemoryStore,
        faults: impl Fn(&str) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let faults = Box::new(faults);
        Self { inner, faults }
    }

    async fn gate(&self, method: &str) -> Result<()> {
        // Names a host, as a real one might: no client may see it.
        let source = || "connection refused by redis.internal:6379".into();
        let id: SessionId = "AAAAAAAAAAAAAAAAAA".parse().unwrap();
        Err(match (self.faults)(method) {
            None => return Ok(()),
            Some(Fault::Unavailable) => Error::Unavailable(source()),
            Some(Fault::Timeout) => Error::Timeout {
                deadline: std::time::Duration::from_secs(1),
            },
            Some(Fault::Refused) => Error::Refused(source()),
            Some(Fault::Full) => Error::Full { max: 7 },
            Some(Fault::Record) => Error::Record {
                id,
                source: RecordError::UnknownVersion(9),
            },
            Some(Fault::Conflict) => Error::Conflict { id },
            Some(Fault::Panic) => panic!("a panic that a test asked for"),
            Some(Fault::Stall) => std::future::pending().await,
        })
    }
}

macro_rules! gated {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)+) => {$(
        async fn $name(&self, $($arg: $type),*) -> Result<$answer> {
            self.gate(stringify!($name)).await?;
            self.inner.$name($($arg),*).await
        }
    )+};
}

impl SessionStore for FaultyStore {
    fn config(&self) -> &Config {
        self.inner.config()
    }

    gated! {
        create(new: NewSession) -> Created;
        standing(credential: &Credential, address: Option<IpAddr>) -> Standing;
        create_for(credential: &Credential, new: NewSession) -> CreatedFor;
        validate(token: &Token, address: Option<IpAddr>) -> Option<Session>;
        peek(token: &Token) -> Option<Session>;
        get(id: SessionId) -> Option<Session>;
        touch(id: SessionId, address: Option<IpAddr>) -> Option<Session>;
        update(current: &Session, update: Update) -> Option<Updated>;
        rotate(token: &Token) -> Option<Rotated>;
        list(user: &UserId, list: List) -> Page;
        count(user: &UserId) -> u64;
        revoke(id: SessionId, reason: RevokeReason) -> Option<EndedSession>;
        revoke_token(token: &Token, reason: RevokeReason) -> Option<EndedSession>;
        revoke_others(keep: SessionId, reason: RevokeReason) -> Option<u64>;
        revoke_all(user: &UserId, reason: RevokeReason) -> RevokedAll;
        admit(subject: Subject<'_>, rate: Rate) -> Admission;
        ping() -> ();
        events() -> EventStream;
    }
}
