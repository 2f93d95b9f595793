use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use session_store::{
    Admission, ChangeFeed, ChangeListener, ChangesError, Config, Created, CreatedFor, Credential,
    EndReason, EndedSession, EventStream, List, NewSession, Page, Rate, Result, RevokeReason,
    RevokedAll, Rotated, Session, SessionId, SessionStore, Standing, StoreStatus, Subject, Token,
    Update, Updated, UserId,
};

use super::operations::{Operations, outcome};

/// A store whose calls are counted.
#[derive(Debug)]
pub(crate) struct Measured<S> {
    inner: S,
    operations: Arc<Operations>,
}

impl<S> Measured<S> {
    pub(crate) const fn new(inner: S, operations: Arc<Operations>) -> Self {
        Self { inner, operations }
    }

    /// The call is pinned by whoever makes it: handed on as it is, it would stand twice in a future
    /// that every request moves.
    async fn measure<T: Answer>(
        &self,
        operation: &'static str,
        call: Pin<&mut impl Future<Output = Result<T>>>,
    ) -> Result<T> {
        let begun = Instant::now();
        let answer = call.await;
        let outcome = answer.as_ref().map_or_else(outcome, Answer::outcome);
        self.operations.made(operation, outcome, begun.elapsed());
        answer
    }

    fn ended<'a>(&self, ended: impl IntoIterator<Item = &'a EndedSession>) {
        for session in ended {
            self.operations.ended(session.reason, 1);
        }
    }
}

/// What a call that succeeded answers: whether there was such a session.
trait Answer {
    fn outcome(&self) -> &'static str {
        "ok"
    }
}

impl<T> Answer for Option<T> {
    fn outcome(&self) -> &'static str {
        if self.is_some() { "ok" } else { "absent" }
    }
}

impl Answer for Standing {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Live(_) => "ok",
            Self::NoSession | Self::Over => "absent",
        }
    }
}

impl Answer for Admission {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Admitted => "ok",
            Self::Wait(_) => "limit",
        }
    }
}

impl Answer for CreatedFor {}
impl Answer for () {}
impl Answer for u64 {}
impl Answer for Created {}
impl Answer for Page {}
impl Answer for RevokedAll {}
impl Answer for EventStream {}

impl<S: SessionStore> SessionStore for Measured<S> {
    fn config(&self) -> &Config {
        self.inner.config()
    }

    async fn create(&self, new: NewSession) -> Result<Created> {
        let created = self.measure("create", pin!(self.inner.create(new))).await?;
        self.operations.begun();
        self.ended(&created.ended);
        Ok(created)
    }

    async fn standing(&self, credential: &Credential, address: Option<IpAddr>) -> Result<Standing> {
        let call = pin!(self.inner.standing(credential, address));
        self.measure("standing", call).await
    }

    async fn create_for(&self, credential: &Credential, new: NewSession) -> Result<CreatedFor> {
        let call = pin!(self.inner.create_for(credential, new));
        let created = self.measure("create_for", call).await?;
        if let CreatedFor::Begun(created) = &created {
            self.operations.begun();
            self.ended(&created.ended);
        }
        Ok(created)
    }

    async fn validate(&self, token: &Token, address: Option<IpAddr>) -> Result<Option<Session>> {
        let call = pin!(self.inner.validate(token, address));
        self.measure("validate", call).await
    }

    async fn peek(&self, token: &Token) -> Result<Option<Session>> {
        self.measure("peek", pin!(self.inner.peek(token))).await
    }

    async fn get(&self, id: SessionId) -> Result<Option<Session>> {
        self.measure("get", pin!(self.inner.get(id))).await
    }

    async fn touch(&self, id: SessionId, address: Option<IpAddr>) -> Result<Option<Session>> {
        self.measure("touch", pin!(self.inner.touch(id, address)))
            .await
    }

    async fn update(&self, current: &Session, update: Update) -> Result<Option<Updated>> {
        let call = pin!(self.inner.update(current, update));
        let updated = self.measure("update", call).await?;
        self.ended(updated.iter().flat_map(|updated| &updated.ended));
        Ok(updated)
    }

    async fn rotate(&self, token: &Token) -> Result<Option<Rotated>> {
        self.measure("rotate", pin!(self.inner.rotate(token))).await
    }

    async fn list(&self, user: &UserId, list: List) -> Result<Page> {
        self.measure("list", pin!(self.inner.list(user, list)))
            .await
    }

    async fn count(&self, user: &UserId) -> Result<u64> {
        self.measure("count", pin!(self.inner.count(user))).await
    }

    async fn revoke(&self, id: SessionId, reason: RevokeReason) -> Result<Option<EndedSession>> {
        let call = pin!(self.inner.revoke(id, reason));
        let ended = self.measure("revoke", call).await?;
        self.ended(&ended);
        Ok(ended)
    }

    async fn revoke_token(
        &self,
        token: &Token,
        reason: RevokeReason,
    ) -> Result<Option<EndedSession>> {
        let call = pin!(self.inner.revoke_token(token, reason));
        let ended = self.measure("revoke_token", call).await?;
        self.ended(&ended);
        Ok(ended)
    }

    async fn revoke_others(&self, keep: SessionId, reason: RevokeReason) -> Result<Option<u64>> {
        let call = pin!(self.inner.revoke_others(keep, reason));
        let count = self.measure("revoke_others", call).await?;
        let ended = count.unwrap_or_default();
        self.operations.ended(EndReason::from(reason), ended);
        Ok(count)
    }

    async fn revoke_all(&self, user: &UserId, reason: RevokeReason) -> Result<RevokedAll> {
        let call = pin!(self.inner.revoke_all(user, reason));
        let revoked = self.measure("revoke_all", call).await?;
        self.operations
            .ended(EndReason::from(reason), revoked.count);
        Ok(revoked)
    }

    async fn admit(&self, subject: Subject<'_>, rate: Rate) -> Result<Admission> {
        self.measure("admit", pin!(self.inner.admit(subject, rate)))
            .await
    }

    fn status(&self) -> StoreStatus {
        self.inner.status()
    }

    async fn ping(&self) -> Result<()> {
        self.measure("ping", pin!(self.inner.ping())).await
    }

    async fn events(&self) -> Result<EventStream> {
        self.measure("events", pin!(self.inner.events())).await
    }

    async fn changes(
        &self,
        listener: Arc<dyn ChangeListener>,
        heartbeat: Duration,
    ) -> Result<Box<dyn ChangeFeed>, ChangesError> {
        self.inner.changes(listener, heartbeat).await
    }
}
