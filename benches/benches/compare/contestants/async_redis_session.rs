use async_redis_session::RedisSessionStore;
use async_session::{Session, SessionStore as _};
use session_benches::Outcome;

use crate::contestant::{Contestant, Login, Place};

/// async-redis-session, the oldest of them: a connection for each call. It takes part in the races
/// alone; its speed is that of connecting.
pub(crate) struct AsyncRedisSession {
    store: RedisSessionStore,
    lifetime: std::time::Duration,
}

impl AsyncRedisSession {
    pub(crate) fn connect(place: &Place) -> Outcome<Self> {
        Ok(Self {
            store: RedisSessionStore::new(place.url.as_str())?,
            lifetime: place.lifetime,
        })
    }

    async fn load(&self, cookie: &str) -> Outcome<Option<Session>> {
        Ok(self.store.load_session(cookie.to_owned()).await?)
    }
}

impl Contestant for AsyncRedisSession {
    /// The cookie's value.
    type Session = String;

    async fn create(&self, login: Login) -> Outcome<Option<String>> {
        let mut session = Session::new();
        for (name, value) in login.fields()? {
            session.insert(name, value)?;
        }
        session.expire_in(self.lifetime);
        Ok(self.store.store_session(session).await?)
    }

    async fn validate(&self, cookie: &String) -> Outcome<bool> {
        let session = self.load(cookie).await?;
        let name = session.and_then(|session| session.get::<String>("username"));
        Ok(name.is_some_and(|name| name == Login::USERNAME))
    }

    async fn touch(&self, cookie: &String) -> Outcome<bool> {
        let Some(mut session) = self.load(cookie).await? else {
            return Ok(false);
        };
        session.expire_in(self.lifetime);
        self.store.store_session(session).await?;
        Ok(true)
    }

    async fn update(&self, cookie: &String) -> Outcome<Option<String>> {
        let Some(mut session) = self.load(cookie).await? else {
            return Ok(None);
        };
        session.insert("seen", true)?;
        self.store.store_session(session).await?;
        Ok(Some(cookie.clone()))
    }

    async fn log_out(&self, cookie: &String) -> Outcome {
        if let Some(session) = self.load(cookie).await? {
            self.store.destroy_session(session).await?;
        }
        Ok(())
    }
}
