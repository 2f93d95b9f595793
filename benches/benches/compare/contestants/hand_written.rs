use std::collections::HashSet;
use std::time::Duration;

use deadpool_redis::{Connection, Manager, Pool, Runtime};
use rand::TryRng as _;
use rand::rngs::SysRng;
use redis::AsyncCommands as _;
use serde::{Deserialize, Serialize};
use session_benches::Outcome;

use crate::contestant::{Contestant, Login, Place, now_millis};

/// What services write themselves: a pool and a checkout for each operation, a JSON document a
/// session, a set of ids a user, commands one after the other.
pub(crate) struct HandWritten {
    pool: Pool,
    lifetime: Duration,
    limit: Option<usize>,
}

#[derive(Clone)]
pub(crate) struct Shown {
    id: String,
    user: u64,
}

#[derive(Serialize, Deserialize)]
struct Document {
    user_id: u64,
    username: String,
    role: String,
    device_name: String,
    device_type: String,
    browser: String,
    ip_address: String,
    device_fingerprint: String,
    created_at: u64,
    last_activity: u64,
}

impl HandWritten {
    /// Twice what deadpool opens by default on two cores; more made it slower.
    pub(crate) const CONNECTIONS: usize = 16;

    pub(crate) fn connect(place: &Place, limit: Option<usize>) -> Outcome<Self> {
        let manager = Manager::new_with_config(place.url.as_str(), Place::patient())?;
        let pool = Pool::builder(manager)
            .max_size(Self::CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .build()?;
        Ok(Self {
            pool,
            lifetime: place.lifetime,
            limit,
        })
    }

    async fn write(&self, connection: &mut Connection, id: &str, document: &Document) -> Outcome {
        let json = serde_json::to_string(document)?;
        let seconds = self.lifetime.as_secs();
        Ok(connection.set_ex(session_key(id), json, seconds).await?)
    }

    async fn read(&self, id: &str) -> Outcome<Option<Document>> {
        let mut connection = self.pool.get().await?;
        let json: Option<String> = connection.get(session_key(id)).await?;
        Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
    }

    /// Ends the oldest session where there are too many.
    async fn evict(&self, user: u64, limit: usize) -> Outcome {
        let mut connection = self.pool.get().await?;
        let count: usize = connection.scard(user_key(user)).await?;
        if count <= limit {
            return Ok(());
        }
        let ids: Vec<String> = connection.smembers(user_key(user)).await?;
        drop(connection);
        let mut oldest: Option<(u64, String)> = None;
        for id in ids {
            let created = self
                .read(&id)
                .await?
                .map_or(0, |document| document.created_at);
            if oldest.as_ref().is_none_or(|(first, _)| created < *first) {
                oldest = Some((created, id));
            }
        }
        match oldest {
            Some((_, id)) => self.log_out(&Shown { id, user }).await,
            None => Ok(()),
        }
    }
}

fn session_key(id: &str) -> String {
    format!("session:{id}")
}

fn user_key(user: u64) -> String {
    format!("user_sessions:{user}")
}

impl Contestant for HandWritten {
    type Session = Shown;

    async fn create(&self, login: Login) -> Outcome<Option<Shown>> {
        let user = login.user;
        let id = format!(
            "{:016x}{:016x}",
            SysRng.try_next_u64()?,
            SysRng.try_next_u64()?
        );
        let now = now_millis()?;
        let document = Document {
            user_id: user,
            username: Login::USERNAME.into(),
            role: Login::ROLE.into(),
            device_name: Login::DEVICE_NAME.into(),
            device_type: Login::DEVICE_TYPE.into(),
            browser: Login::BROWSER.into(),
            ip_address: Login::ADDRESS.into(),
            device_fingerprint: login.fingerprint(),
            created_at: now,
            last_activity: now,
        };
        let mut connection = self.pool.get().await?;
        self.write(&mut connection, &id, &document).await?;
        let () = connection.sadd(user_key(user), &id).await?;
        // Many leave this out, and their sets stay for ever.
        let seconds = i64::try_from(self.lifetime.as_secs())?;
        let () = connection.expire(user_key(user), seconds).await?;
        drop(connection);
        if let Some(limit) = self.limit {
            self.evict(user, limit).await?;
        }
        Ok(Some(Shown { id, user }))
    }

    async fn validate(&self, session: &Shown) -> Outcome<bool> {
        let document = self.read(&session.id).await?;
        Ok(document.is_some_and(|document| document.username == Login::USERNAME))
    }

    async fn touch(&self, session: &Shown) -> Outcome<bool> {
        let Some(mut document) = self.read(&session.id).await? else {
            return Ok(false);
        };
        document.last_activity = now_millis()?;
        let mut connection = self.pool.get().await?;
        self.write(&mut connection, &session.id, &document).await?;
        Ok(true)
    }

    async fn rotate(&self, session: Shown) -> Outcome<Option<Shown>> {
        let Some(document) = self.read(&session.id).await? else {
            return Ok(None);
        };
        let id = format!(
            "{:016x}{:016x}",
            SysRng.try_next_u64()?,
            SysRng.try_next_u64()?
        );
        let mut connection = self.pool.get().await?;
        self.write(&mut connection, &id, &document).await?;
        let () = connection.sadd(user_key(session.user), &id).await?;
        drop(connection);
        self.log_out(&session).await?;
        Ok(Some(Shown { id, ..session }))
    }

    async fn update(&self, session: &Shown) -> Outcome<Option<Shown>> {
        // The same steps as a touch, whatever field it is that changes.
        let is_there = self.touch(session).await?;
        Ok(is_there.then(|| session.clone()))
    }

    async fn log_out(&self, session: &Shown) -> Outcome {
        let mut connection = self.pool.get().await?;
        let () = connection.del(session_key(&session.id)).await?;
        Ok(connection.srem(user_key(session.user), &session.id).await?)
    }

    async fn list(&self, user: u64) -> Outcome<u64> {
        let mut connection = self.pool.get().await?;
        let ids: Vec<String> = connection.smembers(user_key(user)).await?;
        drop(connection);
        let mut documents = Vec::new();
        for id in ids {
            documents.extend(self.read(&id).await?);
        }
        documents.sort_by_key(|document| std::cmp::Reverse(document.last_activity));
        Ok(documents.len() as u64)
    }

    async fn revoke_all(&self, user: u64) -> Outcome<u64> {
        let mut connection = self.pool.get().await?;
        let ids: Vec<String> = connection.smembers(user_key(user)).await?;
        let mut ended = 0;
        for id in &ids {
            ended += connection.del::<_, u64>(session_key(id)).await?;
        }
        let () = connection.del(user_key(user)).await?;
        Ok(ended)
    }

    async fn orphans(&self, keys: &[String], users: &[u64]) -> Outcome<u64> {
        let records = keys.iter().filter_map(|key| key.strip_prefix("session:"));
        let records: HashSet<String> = records.map(str::to_owned).collect();
        let mut indexed = HashSet::new();
        let mut connection = self.pool.get().await?;
        for user in users {
            let ids: Vec<String> = connection.smembers(user_key(*user)).await?;
            indexed.extend(ids);
        }
        Ok(records.symmetric_difference(&indexed).count() as u64)
    }
}
