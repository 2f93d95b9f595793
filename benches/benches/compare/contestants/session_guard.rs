use std::collections::HashSet;
use std::time::Duration;

use redis::AsyncCommands as _;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use session_benches::Outcome;
use session_guard::{
    ClientContext, Clock as _, Guard, GuardConfig, GuardError, SessionStore as _, SessionUpdate,
    StepUpOutcome, SystemClock, ValkeyStore,
};
use uuid::Uuid;

use crate::contestant::{Contestant, Login, Place};

/// session-guard with its Valkey store. It keeps a fingerprint of the client that it works out
/// itself, and no fields of the service's; so its sessions hold other things than the others' do.
pub(crate) struct SessionGuard {
    guard: Guard<ValkeyStore, u64>,
    store: ValkeyStore,
    connection: ConnectionManager,
    client: ClientContext,
}

#[derive(Clone)]
pub(crate) struct Shown {
    token: String,
    id: Uuid,
    user: u64,
}

impl SessionGuard {
    pub(crate) async fn connect(place: &Place) -> Outcome<Self> {
        let client = redis::Client::open(place.url.as_str())?;
        // As ours: thousands of logins at once are not what is measured.
        let patient =
            ConnectionManagerConfig::new().set_response_timeout(Some(Duration::from_secs(10)));
        let connection = ConnectionManager::new_with_config(client, patient).await?;
        let store = ValkeyStore::new(connection.clone());
        let config = GuardConfig::builder()
            .session_lifetime(place.lifetime)
            .idle_timeout(place.lifetime)
            .event_retention(place.lifetime.min(Duration::from_secs(90 * 24 * 60 * 60)))
            .build()?;
        let browser = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
                       (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36";
        Ok(Self {
            guard: Guard::builder(store.clone(), config).subject().build(),
            store,
            connection,
            client: ClientContext::new(Login::ADDRESS.parse()?).with_user_agent(browser),
        })
    }
}

impl Contestant for SessionGuard {
    type Session = Shown;

    async fn create(&self, login: Login) -> Outcome<Option<Shown>> {
        match self.guard.login(&login.user, &self.client, None).await {
            Ok(new) => Ok(Some(Shown {
                token: new.token.expose().to_owned(),
                id: new.session_id,
                user: login.user,
            })),
            // So it documents a login that meets a revocation of the user's sessions.
            Err(GuardError::Store(error)) if error.to_string().contains("was revoked while") => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn validate(&self, session: &Shown) -> Outcome<bool> {
        let outcome = self
            .guard
            .authenticate(&session.token, &self.client)
            .await?;
        let found = outcome.session();
        Ok(found.is_some_and(|found| found.subject == session.user))
    }

    /// Its guard touches while it authenticates, every now and then; this is that step alone. It
    /// doesn't tell whether there was a session.
    async fn touch(&self, session: &Shown) -> Outcome<bool> {
        let touch = SessionUpdate::touch(session.id, SystemClock.now());
        self.store.apply(&touch).await?;
        Ok(true)
    }

    /// Rotation is its guard's business, every ten minutes; on demand it goes with a repeated login.
    async fn rotate(&self, session: Shown) -> Outcome<Option<Shown>> {
        let stepped = self
            .guard
            .complete_step_up(&session.token, &self.client, &session.user);
        match stepped.await? {
            StepUpOutcome::Completed(issued) => Ok(Some(Shown {
                token: issued.expose().to_owned(),
                ..session
            })),
            _ => Ok(None),
        }
    }

    async fn log_out(&self, session: &Shown) -> Outcome {
        self.guard.logout(&session.token, &self.client).await?;
        Ok(())
    }

    async fn list(&self, user: u64) -> Outcome<u64> {
        Ok(self.guard.list_sessions(&user).await?.len() as u64)
    }

    async fn revoke_all(&self, user: u64) -> Outcome<u64> {
        Ok(self
            .guard
            .revoke_all_for_subject(&user, &self.client)
            .await?)
    }

    async fn orphans(&self, keys: &[String], _: &[u64]) -> Outcome<u64> {
        let (mut records, mut indexed) = (HashSet::new(), HashSet::new());
        let mut connection = self.connection.clone();
        for key in keys {
            if let Some((_, id)) = key.split_once("}:s:") {
                records.insert(id.to_owned());
            } else if key.contains("}:u:") {
                let ids: Vec<String> = connection.smembers(key).await?;
                indexed.extend(ids);
            }
        }
        Ok(records.symmetric_difference(&indexed).count() as u64)
    }

    async fn clean_up(&self) -> Outcome {
        self.guard.purge_expired().await?;
        Ok(())
    }
}
