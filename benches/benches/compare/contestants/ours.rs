use std::collections::HashSet;
use std::time::Duration;

use session_benches::Outcome;
use session_store::{
    Config, Data, History, KnownDevices, Limit, LimitPolicy, List, NewSession, RedisOptions,
    RedisStore, RevokeReason, Session, SessionId, SessionStore, Token, Update, UserId,
};

use crate::contestant::{Contestant, Login, Place};

/// How the names of our records' keys look; the bare `GET` reads them too.
pub(crate) const RECORDS: &str = ":s:";

/// This repository's store.
pub(crate) struct Ours {
    store: RedisStore,
    /// The same sessions without the limit, to provide users who have more.
    unlimited: RedisStore,
    has_fingerprint: bool,
}

/// What of the documented features is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Features {
    /// Device rule, a limit of 3 that evicts, index, history, events.
    Full,
    /// The same but for the history.
    WithoutHistory,
    /// No limit, no device rule, no history.
    Plain,
    /// As full; what is remembered past a session's end lasts no longer than a session does.
    Forgetful,
}

impl Ours {
    pub(crate) async fn connect(place: &Place, features: Features) -> Outcome<Self> {
        let has_history = matches!(features, Features::Full | Features::Forgetful);
        let mut config = Config {
            absolute_timeout: place.lifetime,
            history: has_history.then(History::default),
            ..Config::default()
        };
        if features == Features::Forgetful {
            config.history = Some(History {
                retention: place.lifetime,
                ..History::default()
            });
            config.known_devices = KnownDevices {
                retention: place.lifetime,
                ..KnownDevices::default()
            };
        }
        let limited = Config {
            limit: match features {
                Features::Plain => None,
                _ => Limit::new(3, LimitPolicy::EvictOldest),
            },
            ..config.clone()
        };
        // Ten thousand logins at once, while others have the processors too: not what is measured.
        let options = || RedisOptions {
            deadline: Duration::from_secs(10),
            ..RedisOptions::default()
        };
        Ok(Self {
            store: RedisStore::connect(&place.url, limited, options()).await?,
            unlimited: RedisStore::connect(&place.url, config, options()).await?,
            has_fingerprint: features != Features::Plain,
        })
    }

    async fn create_in(&self, store: &RedisStore, login: Login) -> Outcome<Option<Token>> {
        let mut new = NewSession::new(UserId::from(login.user));
        new.username = Some(Login::USERNAME.into());
        new.role = Some(Login::ROLE.into());
        new.fingerprint = self.has_fingerprint.then(|| login.fingerprint());
        new.device.name = Some(Login::DEVICE_NAME.into());
        new.device.device_type = Some(Login::DEVICE_TYPE.into());
        new.device.browser = Some(Login::BROWSER.into());
        new.device.ip_address = Some(Login::ADDRESS.into());
        Ok(Some(store.create(new).await?.token))
    }

    async fn list_all(&self, user: u64) -> Outcome<Vec<SessionId>> {
        let (mut ids, mut list) = (Vec::new(), List::default());
        loop {
            let page = self.store.list(&UserId::from(user), list).await?;
            if !page.sessions.iter().all(is_complete) || !page.unreadable.is_empty() {
                return Err("a listed session lacks its fields".into());
            }
            ids.extend(page.sessions.iter().map(|session| session.id));
            match page.next {
                Some(next) => list.cursor = Some(next),
                None => return Ok(ids),
            }
        }
    }
}

fn is_complete(session: &Session) -> bool {
    session.username.as_deref() == Some(Login::USERNAME)
}

impl Contestant for Ours {
    type Session = Token;

    async fn create(&self, login: Login) -> Outcome<Option<Token>> {
        self.create_in(&self.store, login).await
    }

    async fn provide(&self, login: Login) -> Outcome<Option<Token>> {
        self.create_in(&self.unlimited, login).await
    }

    async fn validate(&self, token: &Token) -> Outcome<bool> {
        let session = self.store.validate(token, None).await?;
        Ok(session.as_ref().is_some_and(is_complete))
    }

    async fn touch(&self, token: &Token) -> Outcome<bool> {
        Ok(self.store.touch(token.id(), None).await?.is_some())
    }

    async fn rotate(&self, token: Token) -> Outcome<Option<Token>> {
        let rotated = self.store.rotate(&token).await?;
        Ok(rotated.map(|rotated| rotated.token))
    }

    async fn update(&self, token: &Token) -> Outcome<Option<Token>> {
        let Some(session) = self.store.peek(token).await? else {
            return Ok(None);
        };
        let update = Update {
            data: Some(Data::encode(&"seen")?),
            ..Update::default()
        };
        let updated = self.store.update(&session, update).await?;
        Ok(updated.map(|_| token.clone()))
    }

    async fn log_out(&self, token: &Token) -> Outcome {
        self.store.revoke(token.id(), RevokeReason::Logout).await?;
        Ok(())
    }

    async fn list(&self, user: u64) -> Outcome<u64> {
        Ok(self.list_all(user).await?.len() as u64)
    }

    async fn revoke_all(&self, user: u64) -> Outcome<u64> {
        let user = UserId::from(user);
        let revoked = self.store.revoke_all(&user, RevokeReason::Revoked).await?;
        Ok(revoked.count)
    }

    async fn orphans(&self, keys: &[String], users: &[u64]) -> Outcome<u64> {
        let (mut indexed, mut listed) = (0, HashSet::new());
        for user in users {
            indexed += self.store.count(&UserId::from(*user)).await?;
            listed.extend(self.list_all(*user).await?);
        }
        let mut alive = 0;
        for id in &listed {
            alive += u64::from(self.store.get(*id).await?.is_some());
        }
        // A record is an orphan where its session isn't listed, an entry where no session can be
        // read, and whatever is counted, listed and read differently is wrong too.
        let records = keys.iter().filter(|key| key.contains(RECORDS)).count() as u64;
        Ok(records.abs_diff(alive) + indexed.abs_diff(alive))
    }
}
