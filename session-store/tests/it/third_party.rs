//! A store that somebody else wrote, with nothing but what the crate makes public: no limits, no
//! devices, no history, a scan for everything, and yet a good part of the contract.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use session_store::contract::{self, Harness};
use session_store::{
    Config, Created, Cursor, Digester, EndedSession, Error, Event, EventKind, EventStream, List,
    ManualClock, NewSession, Order, Page, Result, RevokeReason, RevokedAll, Rotated, Session,
    SessionId, SessionStore, Token, Update, Updated, UserId, Verifier,
};
use tokio::sync::broadcast;

struct Toy {
    config: Config,
    digester: Digester,
    clock: ManualClock,
    rows: Mutex<HashMap<SessionId, (Session, [u8; 16])>>,
    events: broadcast::Sender<Event>,
}

impl Toy {
    fn live<T>(&self, id: SessionId, then: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut rows = self.rows.lock().unwrap();
        let (session, _) = rows.get_mut(&id)?;
        (session.expires_at >= self.clock.now()).then(|| then(session))
    }

    fn is_shown(&self, token: &Token) -> bool {
        let rows = self.rows.lock().unwrap();
        rows.get(&token.id()).is_some_and(|(_, kept)| {
            Verifier::from_bytes(*kept).matches(&self.digester.verifier(token))
        })
    }

    fn all(&self, user: &UserId) -> Vec<Session> {
        let rows = self.rows.lock().unwrap();
        let sessions = rows.values().map(|(session, _)| session);
        let live = sessions.filter(|session| session.expires_at >= self.clock.now());
        live.filter(|session| session.user_id == *user)
            .cloned()
            .collect()
    }

    fn end(&self, id: SessionId, reason: RevokeReason) -> Option<EndedSession> {
        let session = self.live(id, |session| session.clone())?;
        self.rows.lock().unwrap().remove(&id);
        let (now, user) = (self.clock.now(), session.user_id.clone());
        let reason = reason.into();
        let event = Event::new(now, user, id, EventKind::Ended { reason });
        let _ = self.events.send(event);
        Some(EndedSession::new(session, now, reason))
    }

    fn touched(&self, session: &mut Session) -> Session {
        let idle = self.config.idle_timeout.unwrap_or(Duration::MAX);
        let absolute = session
            .created_at
            .saturating_add(self.config.absolute_timeout);
        session.last_activity = self.clock.now();
        session.expires_at = absolute.min(session.last_activity.saturating_add(idle));
        session.clone()
    }
}

impl SessionStore for Toy {
    fn config(&self) -> &Config {
        &self.config
    }

    async fn create(&self, new: NewSession) -> Result<Created> {
        new.check(&self.config)?;
        let token = Token::mint(&new.user_id)?;
        let now = self.clock.now();
        let fingerprint = new.fingerprint.as_deref();
        let fingerprint = fingerprint.map(|text| self.digester.fingerprint(&new.user_id, text));
        let mut session = Session::new(token.id(), new.user_id, now, now);
        session.fingerprint = fingerprint;
        (session.username, session.role) = (new.username, new.role);
        (session.device, session.data) = (new.device, new.data);
        let session = self.touched(&mut session);
        let verifier = *self.digester.verifier(&token).as_bytes();
        let row = (session.clone(), verifier);
        self.rows.lock().unwrap().insert(token.id(), row);
        let mut created = Created::new(token, session);
        created.new_device = fingerprint.map(|_| true);
        Ok(created)
    }

    async fn validate(&self, token: &Token, address: Option<IpAddr>) -> Result<Option<Session>> {
        if !self.is_shown(token) {
            return Ok(None);
        }
        self.touch(token.id(), address).await
    }

    async fn peek(&self, token: &Token) -> Result<Option<Session>> {
        if !self.is_shown(token) {
            return Ok(None);
        }
        self.get(token.id()).await
    }

    async fn get(&self, id: SessionId) -> Result<Option<Session>> {
        Ok(self.live(id, |session| session.clone()))
    }

    async fn touch(&self, id: SessionId, _: Option<IpAddr>) -> Result<Option<Session>> {
        Ok(self.live(id, |session| self.touched(session)))
    }

    async fn update(&self, current: &Session, update: Update) -> Result<Option<Updated>> {
        update.check(&self.config)?;
        let updated = self.live(current.id, |session| {
            if session.revision != current.revision {
                return Err(Error::Conflict { id: current.id });
            }
            update.apply_to(session);
            session.revision += 1;
            Ok(Updated::new(session.clone()))
        });
        updated.transpose()
    }

    async fn rotate(&self, token: &Token) -> Result<Option<Rotated>> {
        if !self.is_shown(token) {
            return Ok(None);
        }
        let Some(session) = self.touch(token.id(), None).await? else {
            return Ok(None);
        };
        let new = Token::mint_for(token.id())?;
        let verifier = *self.digester.verifier(&new).as_bytes();
        let row = (session.clone(), verifier);
        self.rows.lock().unwrap().insert(token.id(), row);
        Ok(Some(Rotated::new(new, session)))
    }

    async fn list(&self, user: &UserId, list: List) -> Result<Page> {
        let place = |session: &Session| (session.created_at, session.id);
        let mut sessions = self.all(user);
        if let Some(cursor) = list.cursor {
            assert_eq!(cursor.order, Order::Newest);
            sessions.retain(|session| place(session) < cursor.after);
        }
        sessions.sort_by_key(|session| Reverse(place(session)));
        let mut page = Page::default();
        let limit = list.limit.clamp(1, List::MAX_LIMIT);
        if sessions.len() > limit {
            let (order, after) = (Order::Newest, place(&sessions[limit - 1]));
            page.next = Some(Cursor { order, after });
            sessions.truncate(limit);
        }
        page.known_user = !sessions.is_empty();
        page.sessions = sessions;
        Ok(page)
    }

    async fn count(&self, user: &UserId) -> Result<u64> {
        Ok(self.all(user).len() as u64)
    }

    async fn revoke(&self, id: SessionId, reason: RevokeReason) -> Result<Option<EndedSession>> {
        Ok(self.end(id, reason))
    }

    async fn revoke_token(
        &self,
        token: &Token,
        reason: RevokeReason,
    ) -> Result<Option<EndedSession>> {
        let shown = self.is_shown(token);
        Ok(shown.then(|| self.end(token.id(), reason)).flatten())
    }

    async fn revoke_others(&self, keep: SessionId, reason: RevokeReason) -> Result<Option<u64>> {
        let Some(kept) = self.get(keep).await? else {
            return Ok(None);
        };
        let others = self.all(&kept.user_id).into_iter();
        let others = others.filter(|session| session.id != keep);
        let ended = others.filter_map(|session| self.end(session.id, reason));
        Ok(Some(ended.count() as u64))
    }

    async fn revoke_all(&self, user: &UserId, reason: RevokeReason) -> Result<RevokedAll> {
        let all = self.all(user).into_iter();
        let count = all
            .filter_map(|session| self.end(session.id, reason))
            .count() as u64;
        Ok(RevokedAll::new(count, count > 0))
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn events(&self) -> Result<EventStream> {
        let events = self.events.subscribe();
        let next = |mut events: broadcast::Receiver<Event>| async {
            let event = events.recv().await.ok()?;
            Some((Ok(event), events))
        };
        Ok(EventStream::new(futures_util::stream::unfold(events, next)))
    }
}

struct Toys(ManualClock);

impl Harness for Toys {
    type Store = Toy;

    async fn store(&self, config: Config) -> Toy {
        Toy {
            digester: Digester::new(config.pepper.as_ref()),
            config,
            clock: self.0.clone(),
            rows: Mutex::default(),
            events: broadcast::channel(16).0,
        }
    }

    async fn advance(&self, by: Duration) {
        self.0.advance(by);
    }
}

#[tokio::test]
async fn a_store_can_be_written_outside_the_crate() {
    let toys = || Toys(ManualClock::new());
    contract::a_token_and_an_id_lead_to_the_session(&toys()).await;
    contract::a_tampered_token_authenticates_nobody(&toys()).await;
    contract::a_token_of_another_store_authenticates_nobody(&toys()).await;
    contract::a_session_keeps_what_it_was_created_with(&toys()).await;
    contract::a_field_that_is_too_long_is_named(&toys()).await;
    contract::an_update_that_is_too_long_is_named(&toys()).await;
    contract::an_update_of_what_is_out_of_date_conflicts(&toys()).await;
    contract::a_rotation_changes_the_token_alone(&toys()).await;
    contract::a_token_that_was_rotated_away_is_powerless(&toys()).await;
    contract::revoking_many_others_misses_none(&toys()).await;
    contract::ties_are_paged_too(&toys()).await;
}

#[tokio::test]
async fn its_events_are_events() {
    let toy = Toys(ManualClock::new()).store(Config::default()).await;
    let mut events = toy.events().await.unwrap();
    let created = toy.create(NewSession::new(74.into())).await.unwrap();
    let revoked = toy.revoke_all(&74.into(), RevokeReason::Logout).await;
    assert_eq!(revoked.unwrap().count, 1);
    let event = events.next().await.unwrap().unwrap();
    assert_eq!(event.session_id, created.session.id);
}
