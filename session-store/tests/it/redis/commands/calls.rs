//! The calls whose commands are counted.

use std::time::Duration;

use futures_util::future::try_join_all;
use session_store::{
    Config, Created, Credential, Data, Limit, LimitPolicy, List, NewSession, Rate, RedisStore,
    RevokeReason, SessionStore, Subject, Timestamp, Update, UserId,
};
use session_test::RedisServer;

use super::super::{connect, documented};
use super::count::{Counted, Counter};

/// Makes every call once, on a server of their own.
pub(super) async fn calls() -> Vec<Counted> {
    let server = RedisServer::builder().stopped_clock().start();
    let mut calls = Calls {
        // Everything that a create can do.
        full: connect(&server, full()).await,
        // Nothing that can be turned off.
        plain: connect(&server, plain()).await,
        due: connect(&server, due()).await,
        counter: Counter::new(server.connection()),
        counted: Vec::new(),
        server,
    };
    calls.reads().await;
    calls.creates().await;
    calls.changes().await;
    calls.lists().await;
    calls.revocations().await;
    calls.counted
}

fn full() -> Config {
    Config {
        limit: Limit::new(3, LimitPolicy::EvictOldest),
        idle_timeout: Some(Duration::from_secs(3600)),
        ..Config::default()
    }
}

fn plain() -> Config {
    Config {
        history: None,
        ..Config::default()
    }
}

/// Every touch is due.
fn due() -> Config {
    Config {
        touch_interval: Duration::ZERO,
        ..full()
    }
}

struct Calls {
    server: RedisServer,
    full: RedisStore,
    plain: RedisStore,
    due: RedisStore,
    counter: Counter,
    counted: Vec<Counted>,
}

/// Counts a call. A second passes before it: some commands are spared where no time has passed.
macro_rules! count {
    ($calls:ident; $name:literal => $store:ident.$($call:tt)*) => {{
        $calls.server.advance(Duration::from_secs(1));
        let operation = $calls.$store.$($call)*;
        let (counted, answer) = $calls.counter.count($name, operation).await;
        $calls.counted.push(counted);
        answer.unwrap()
    }};
}

impl Calls {
    async fn reads(&mut self) {
        let token = self.login(1, "a").await.token;
        count!(self; "`validate`" => full.validate(&token, None));
        count!(self; "`peek`" => full.peek(&token));
        count!(self; "`get`" => full.get(token.id()));
        let now = Timestamp::from_millis(self.server.clock().now_millis());
        let expires_at = now.saturating_add(Duration::from_secs(3600));
        let credential = Credential::single(UserId::from(99), "a token", now, expires_at);
        count!(self; "`create_for`" => full.create_for(&credential, documented(99, "a")));
        count!(self; "`create_for`, again" => full.create_for(&credential, documented(99, "a")));
        let rate = Rate::new(3, Duration::from_secs(60)).unwrap();
        let user = UserId::from(99);
        count!(self; "`admit`" => full.admit(Subject::User(&user), rate));
        count!(self; "`standing`" => full.standing(&credential, None));
        // Whether it is due is told by the clock that the store has read last.
        self.server.advance(Duration::from_secs(1));
        self.due.ping().await.unwrap();
        count!(self; "`validate` whose touch is due" => due.validate(&token, None));
    }

    async fn creates(&mut self) {
        count!(self; "`create`" => full.create(documented(2, "a")));
        count!(self; "`create` that replaces the device's" => full.create(documented(2, "a")));
        for fingerprint in ["b", "c"] {
            self.login(2, fingerprint).await;
        }
        let created =
            count!(self; "`create` that evicts one of 3" => full.create(documented(2, "d")));
        assert_eq!(created.ended.len(), 1);
        let user = UserId::from(3);
        count!(self; "`create`, all that can be off is off" => plain.create(NewSession::new(user)));
    }

    async fn changes(&mut self) {
        let created = self.login(4, "a").await;
        let id = created.session.id;
        let address = Some([192, 0, 2, 1].into());
        count!(self; "`touch`" => full.touch(id, None));
        count!(self; "`touch` from another address" => full.touch(id, address));
        let rotated = count!(self; "`rotate`" => full.rotate(&created.token)).unwrap();
        let data = Update {
            data: Some(Data::encode("more").unwrap()),
            ..Update::default()
        };
        let updated = count!(self; "`update`" => full.update(&rotated.session, data)).unwrap();
        let device = Update {
            fingerprint: Some("b".into()),
            ..Update::default()
        };
        let session = updated.session;
        count!(self; "`update` with another fingerprint" => full.update(&session, device));
    }

    async fn lists(&mut self) {
        let user = UserId::from(5);
        for fingerprint in ["a", "b", "c"] {
            self.login(5, fingerprint).await;
        }
        count!(self; "`count`" => full.count(&user));
        count!(self; "`list` of 3" => full.list(&user, List::default()));
        let user = UserId::from(6);
        self.crowd(&user, 200).await;
        count!(self; "`list`, the first 50 of 200" => full.list(&user, page()));
        self.crowd(&user, 800).await;
        count!(self; "`list`, the first 50 of 1,000" => full.list(&user, page()));
    }

    async fn revocations(&mut self) {
        let by_id = self.login(7, "a").await.session.id;
        let by_token = self.login(7, "b").await.token;
        let keep = self.login(7, "c").await.session.id;
        count!(self; "`revoke`" => full.revoke(by_id, RevokeReason::Revoked));
        count!(self; "`revoke_token`" => full.revoke_token(&by_token, RevokeReason::Logout));
        for fingerprint in ["a", "b"] {
            self.login(7, fingerprint).await;
        }
        let others =
            count!(self; "`revoke_others` of 3" => full.revoke_others(keep, RevokeReason::Logout));
        assert_eq!(others, Some(2));
        for fingerprint in ["a", "b"] {
            self.login(7, fingerprint).await;
        }
        let user = UserId::from(7);
        let all =
            count!(self; "`revoke_all` of 3" => full.revoke_all(&user, RevokeReason::Revoked));
        assert_eq!(all.count, 3);
    }

    async fn login(&self, user: u64, fingerprint: &str) -> Created {
        self.server.advance(Duration::from_secs(1));
        self.full
            .create(documented(user, fingerprint))
            .await
            .unwrap()
    }

    /// So many sessions more, which no limit holds back.
    async fn crowd(&self, user: &UserId, sessions: usize) {
        let logins = (0..sessions).map(|_| self.plain.create(NewSession::new(user.clone())));
        try_join_all(logins).await.unwrap();
    }
}

fn page() -> List {
    List {
        limit: 50,
        ..List::default()
    }
}
