use std::collections::HashMap;

use session_benches::Outcome;
use time::OffsetDateTime;
use tower_sessions_core::SessionStore as _;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_core::session_store::Error;
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike as _, Config, Pool};

use crate::contestant::{Contestant, Login, Place};

/// tower-sessions' Redis store, on fred.
pub(crate) struct TowerSessions {
    store: RedisStore<Pool>,
    lifetime: std::time::Duration,
}

impl TowerSessions {
    /// As its documentation's example has it.
    pub(crate) const CONNECTIONS: usize = 6;

    pub(crate) async fn connect(place: &Place) -> Outcome<Self> {
        let config = Config::from_url(&place.url)?;
        let pool = Pool::new(config, None, None, None, Self::CONNECTIONS)?;
        drop(pool.connect());
        pool.wait_for_connect().await?;
        Ok(Self {
            store: RedisStore::new(pool),
            lifetime: place.lifetime,
        })
    }

    fn expiry(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.lifetime
    }

    /// Whether there was a session to save. This release means to overwrite only what exists, and
    /// then trips over Redis's answer where nothing does: that is how a save loses to a logout.
    async fn save(&self, record: &Record) -> Outcome<bool> {
        match self.store.save(record).await {
            Ok(()) => Ok(true),
            Err(Error::Backend(error)) if error.contains("Could not convert to bool") => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Contestant for TowerSessions {
    type Session = Id;

    async fn create(&self, login: Login) -> Outcome<Option<Id>> {
        let fields = login
            .fields()?
            .map(|(name, value)| (name.to_owned(), value.into()));
        let mut record = Record {
            id: Id::default(),
            data: HashMap::from(fields),
            expiry_date: self.expiry(),
        };
        self.store.create(&mut record).await?;
        Ok(Some(record.id))
    }

    async fn validate(&self, id: &Id) -> Outcome<bool> {
        let record = self.store.load(id).await?;
        let name = record
            .as_ref()
            .and_then(|record| record.data.get("username"));
        Ok(name.is_some_and(|name| name == Login::USERNAME))
    }

    /// `Session::save` of a session that was loaded: what the layer does where a session's expiry
    /// goes by its activity.
    async fn touch(&self, id: &Id) -> Outcome<bool> {
        let Some(mut record) = self.store.load(id).await? else {
            return Ok(false);
        };
        record.expiry_date = self.expiry();
        self.save(&record).await
    }

    /// `Session::cycle_id`, and the save at the request's end.
    async fn rotate(&self, id: Id) -> Outcome<Option<Id>> {
        let Some(mut record) = self.store.load(&id).await? else {
            return Ok(None);
        };
        record.id = Id::default();
        self.store.delete(&id).await?;
        self.store.create(&mut record).await?;
        Ok(Some(record.id))
    }

    async fn update(&self, id: &Id) -> Outcome<Option<Id>> {
        let Some(mut record) = self.store.load(id).await? else {
            return Ok(None);
        };
        record.data.insert("seen".into(), true.into());
        Ok(self.save(&record).await?.then_some(*id))
    }

    async fn log_out(&self, id: &Id) -> Outcome {
        Ok(self.store.delete(id).await?)
    }
}
