use actix_session::storage::{RedisSessionStore, SessionKey, SessionStore as _};
use session_benches::Outcome;
use time::Duration;

use crate::contestant::{Contestant, Login, Place};

/// actix-session's Redis store, on redis-rs's connection manager.
pub(crate) struct ActixSession {
    store: RedisSessionStore,
    lifetime: Duration,
}

impl ActixSession {
    pub(crate) async fn connect(place: &Place) -> Outcome<Self> {
        Ok(Self {
            store: RedisSessionStore::new(place.url.as_str()).await?,
            lifetime: place.lifetime.try_into()?,
        })
    }
}

fn key(session: &str) -> Outcome<SessionKey> {
    Ok(session.to_owned().try_into()?)
}

fn is_complete(state: &std::collections::HashMap<String, String>) -> bool {
    // Values are JSON.
    let name = state.get("username").map(|name| name.trim_matches('"'));
    name == Some(Login::USERNAME)
}

impl Contestant for ActixSession {
    /// The key, which is no `Clone`.
    type Session = String;

    async fn create(&self, login: Login) -> Outcome<Option<String>> {
        let mut state = std::collections::HashMap::new();
        for (name, value) in login.fields()? {
            state.insert(name.to_owned(), serde_json::to_string(&value)?);
        }
        let key = self.store.save(state, &self.lifetime).await?;
        Ok(Some(key.into()))
    }

    async fn validate(&self, session: &String) -> Outcome<bool> {
        let state = self.store.load(&key(session)?).await?;
        Ok(state.as_ref().is_some_and(is_complete))
    }

    /// `update_ttl`: what the middleware does for a session that didn't change. It doesn't tell
    /// whether there was one.
    async fn touch(&self, session: &String) -> Outcome<bool> {
        self.store
            .update_ttl(&key(session)?, &self.lifetime)
            .await?;
        Ok(true)
    }

    /// What the middleware does after `Session::renew`.
    async fn rotate(&self, session: String) -> Outcome<Option<String>> {
        let key = key(&session)?;
        let Some(state) = self.store.load(&key).await? else {
            return Ok(None);
        };
        self.store.delete(&key).await?;
        let key = self.store.save(state, &self.lifetime).await?;
        Ok(Some(key.into()))
    }

    async fn update(&self, session: &String) -> Outcome<Option<String>> {
        let key = key(session)?;
        let Some(mut state) = self.store.load(&key).await? else {
            return Ok(None);
        };
        state.insert("seen".into(), "true".into());
        let key = self.store.update(key, state, &self.lifetime).await?;
        Ok(Some(key.into()))
    }

    async fn log_out(&self, session: &String) -> Outcome {
        Ok(self.store.delete(&key(session)?).await?)
    }
}
