//! Makes each call of a case to the store and to the model, and compares the answers.

use std::collections::{BTreeMap, BTreeSet};

use session_store::contract::Harness;
use session_store::{
    Cursor, Error, EventStream, List, NewSession, RevokeReason, Session, SessionId, SessionStore,
    Token, UserId,
};

use super::case::{
    Call, Case, Change, New, Step, USERS, Wait, ip, ms, to_create, to_update, user_id,
};
use super::listing::{After, Listed, Order};
use super::names::Names;
use super::reference::Model;
use super::telling::Compare;
use super::view::Minted;

/// More than are listed newest first where the pages are small.
const CROWD: u64 = 201;

pub(super) struct Runner<'h, H: Harness> {
    harness: &'h H,
    pub(super) compared: Compare,
    pub(super) store: H::Store,
    pub(super) model: Model,
    pub(super) events: EventStream,
    /// Every token that was ever given, and the name of its session.
    tokens: Vec<(usize, Token)>,
    /// Every session that a create or an update has answered.
    answers: Vec<Session>,
    pub(super) names: Names,
    /// Where each user's listing goes on, for the store and for the model.
    cursors: BTreeMap<String, (Cursor, After)>,
    seen: BTreeSet<&'static str>,
}

impl<'h, H: Harness> Runner<'h, H> {
    /// Runs a case on a store of its own; answers what was worth comparing in it.
    pub(super) async fn run(
        harness: &'h H,
        compared: Compare,
        case: Case,
    ) -> BTreeSet<&'static str> {
        let store = harness.store(case.config.clone()).await;
        // Also says what the store's clock shows.
        let first = store.create(mark()).await.expect("create").session;
        let events = store.events().await.expect("events");
        let mut runner = Self {
            harness,
            compared,
            store,
            model: Model::new(case.config, first.created_at.as_millis()),
            events,
            tokens: Vec::new(),
            answers: Vec::new(),
            names: Names::default(),
            cursors: BTreeMap::new(),
            seen: BTreeSet::new(),
        };
        for Step { wait, call } in case.steps {
            runner.wait(&wait).await;
            runner.call(call).await;
            if runner.is_open() {
                break;
            }
        }
        runner.compare_events().await;
        runner.seen
    }

    /// Whether a bound has cut between what ties, so that the answers may differ from here on.
    fn is_open(&self) -> bool {
        self.compared == Compare::Contract && self.model.has_cut_a_tie.get()
    }

    async fn wait(&mut self, wait: &Wait) {
        let by = match *wait {
            Wait::Ms(by) => by,
            Wait::Until { moment, offset } => {
                let moments = self.model.moments();
                let moment = moments.get(moment % moments.len().max(1));
                let until = moment.copied().unwrap_or(self.model.now);
                let until = until.saturating_add_signed(offset);
                until.saturating_sub(self.model.now).max(1)
            }
        };
        self.advance(by).await;
    }

    pub(super) async fn advance(&mut self, by: u64) {
        self.harness.advance(ms(by)).await;
        let users = ["74", "c"];
        let known = users.map(|user| self.model.knows_user(user));
        self.model.advance(by);
        if users.map(|user| self.model.knows_user(user)) != known {
            self.seen.insert("user is forgotten");
        }
    }

    async fn call(&mut self, call: Call) {
        match call {
            Call::Create(new) => self.create(new).await,
            Call::Crowd { user } => self.crowd(user).await,
            Call::Update { answer, change } => self.update(answer, change).await,
            Call::Rotate { token } => self.rotate(token).await,
            Call::List {
                user,
                limit,
                include_ended,
                go_on,
            } => {
                self.list(user, limit, include_ended, go_on).await;
                self.list(user, limit, include_ended, true).await;
            }
            Call::Count { user } => {
                let count = self.store.count(&user_id(user)).await.expect("count");
                assert_eq!(count, self.model.live(USERS[user].0).len() as u64);
            }
            Call::RevokeAll { user, reason } => self.revoke_all(user, reason).await,
            of_a_session => {
                if !self.tokens.is_empty() {
                    self.call_of_a_session(of_a_session).await;
                }
            }
        }
    }

    /// What takes a session or a token that there has been.
    async fn call_of_a_session(&mut self, call: Call) {
        match call {
            Call::Validate { token, address } => {
                let (name, token, is_own) = self.token(token);
                let answer = self.store.validate(&token, ip(address)).await;
                let answer = answer
                    .expect("validate")
                    .map(|session| self.names.view(&session));
                let expected = is_own.then(|| self.model.validate(name, address));
                assert_eq!(answer, expected.flatten());
            }
            Call::Peek { token } => {
                let (name, token, is_own) = self.token(token);
                let answer = self.store.peek(&token).await.expect("peek");
                let expected = is_own.then(|| self.model.get(name)).flatten();
                assert_eq!(answer.map(|session| self.names.view(&session)), expected);
            }
            Call::Get { session } => {
                let (name, id) = self.session(session);
                let answer = self.store.get(id).await.expect("get");
                let answer = answer.map(|session| self.names.view(&session));
                assert_eq!(answer, self.model.get(name));
            }
            Call::Touch { session, address } => {
                let (name, id) = self.session(session);
                let answer = self.store.touch(id, ip(address)).await.expect("touch");
                let answer = answer.map(|session| self.names.view(&session));
                assert_eq!(answer, self.model.touch(name, address));
            }
            Call::Revoke { session, reason } => {
                let (name, id) = self.session(session);
                let answer = self.store.revoke(id, reason).await.expect("revoke");
                let answer = answer.map(|ended| self.names.ended(&ended));
                assert_eq!(answer, self.model.revoke(name, reason));
            }
            Call::RevokeToken { token, reason } => {
                let (name, token, is_own) = self.token(token);
                let answer = self.store.revoke_token(&token, reason).await;
                let answer = answer.expect("revoke_token");
                let expected = is_own.then(|| self.model.revoke(name, reason)).flatten();
                assert_eq!(answer.map(|ended| self.names.ended(&ended)), expected);
            }
            Call::RevokeOthers { session, reason } => {
                let (name, id) = self.session(session);
                let answer = self.store.revoke_others(id, reason).await;
                let answer = answer.expect("revoke_others");
                assert_eq!(answer, self.model.revoke_others(name, reason));
                self.saw("others end", answer.is_some_and(|count| count > 0));
            }
            other => unreachable!("{other:?}"),
        }
    }

    async fn create(&mut self, new: New) {
        let answer = self.store.create(to_create(&new)).await;
        let minted = match &answer {
            Ok(created) => self.names.learn(&created.session, new.fingerprint),
            // Only the refusal is left for the model to agree with.
            Err(_) => Minted::nothing(),
        };
        let expected = self.model.create(&new, minted, self.tokens.len());
        let answer = match answer {
            Ok(created) => {
                let name = self.names.of(created.session.id);
                self.tokens.push((name, created.token));
                self.answers.push(created.session.clone());
                Ok(self
                    .names
                    .entered(&created.session, &created.ended, created.new_device))
            }
            Err(Error::LimitReached { max }) => Err(max),
            Err(error) => panic!("create: {error}"),
        };
        assert_eq!(answer, expected);
        self.saw("refused", answer.is_err());
        let new_device = answer.ok().and_then(|entered| entered.new_device);
        self.saw("device is new", new_device == Some(true));
        self.saw("device is known", new_device == Some(false));
    }

    async fn crowd(&mut self, user: usize) {
        if self.model.config.limit.is_some() {
            return;
        }
        for i in 0..CROWD {
            self.create(New {
                user,
                fingerprint: None,
                timeout: Some(5000 + i * 37 % 50),
                username: None,
                ip_address: None,
                data: Vec::new(),
            })
            .await;
            self.advance(1).await;
        }
        // Before there are more events than a store keeps for a slow reader.
        self.compare_events().await;
        self.list(user, 3, false, false).await;
        self.list(user, 3, false, true).await;
    }

    async fn update(&mut self, answer: usize, change: Change) {
        let Some(current) = from_newest(&self.answers, answer).cloned() else {
            return;
        };
        let name = self.names.of(current.id);
        let answer = self.store.update(&current, to_update(&change)).await;
        let digest = match &answer {
            Ok(Some(updated)) => {
                self.names
                    .learn(&updated.session, change.fingerprint)
                    .fingerprint
            }
            _ => None,
        };
        let expected = self.model.update(name, current.revision, &change, digest);
        let answer = match answer {
            Ok(Some(updated)) => {
                self.answers.push(updated.session.clone());
                Ok(Some(self.names.entered(
                    &updated.session,
                    &updated.ended,
                    updated.new_device,
                )))
            }
            Ok(None) => Ok(None),
            Err(Error::Conflict { id }) => {
                assert_eq!(id, current.id);
                Err(())
            }
            Err(error) => panic!("update: {error}"),
        };
        assert_eq!(answer, expected);
        self.saw("conflict", answer.is_err());
        let ended = answer
            .ok()
            .flatten()
            .is_some_and(|entered| !entered.ended.is_empty());
        self.saw("replaced by update", ended);
    }

    async fn rotate(&mut self, token: usize) {
        if self.tokens.is_empty() {
            return;
        }
        let (name, token, is_own) = self.token(token);
        let answer = self.store.rotate(&token).await.expect("rotate");
        let next = self.tokens.len();
        let expected = is_own.then(|| self.model.rotate(name, next)).flatten();
        let view = answer
            .as_ref()
            .map(|rotated| self.names.view(&rotated.session));
        assert_eq!(view, expected);
        self.tokens
            .extend(answer.map(|rotated| (name, rotated.token)));
    }

    async fn revoke_all(&mut self, user: usize, reason: RevokeReason) {
        let answer = self.store.revoke_all(&user_id(user), reason).await;
        let answer = answer.expect("revoke_all");
        let expected = self.model.revoke_all(USERS[user].0, reason);
        assert_eq!((answer.count, answer.known_user), expected);
        self.saw("all end", answer.count > 1);
    }

    async fn list(&mut self, user: usize, limit: usize, include_ended: bool, go_on: bool) {
        let name = USERS[user].0;
        let cursors = self.cursors.remove(name).filter(|_| go_on);
        let (cursor, after) = cursors.unzip();
        let list = List {
            limit,
            cursor,
            include_ended,
        };
        let page = self.store.list(&user_id(user), list).await.expect("list");
        let expected = self.model.list(name, limit, include_ended, after);
        if self.is_open() {
            return;
        }
        assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
        let sessions: Vec<_> = page
            .sessions
            .iter()
            .map(|session| self.names.view(session))
            .collect();
        let ended: Vec<_> = page
            .ended
            .iter()
            .map(|ended| self.names.ended(ended))
            .collect();
        assert_eq!(sessions, expected.sessions);
        assert_eq!(ended, expected.ended);
        assert_eq!(page.known_user, expected.known_user);
        assert_eq!(
            page.next.is_some(),
            expected.next.is_some(),
            "is there a next page?"
        );
        self.saw_page(after, &expected);
        if let Some(next) = page.next.zip(expected.next) {
            self.cursors.insert(name.to_owned(), next);
        }
    }

    fn saw_page(&mut self, after: Option<After>, page: &Listed) {
        let goes_on = after.is_some() && !page.sessions.is_empty();
        self.saw("live sessions are paged", goes_on);
        let is_ended = after.is_some_and(|after| after.order == Order::Ended);
        self.saw(
            "ended sessions are paged",
            is_ended && !page.ended.is_empty(),
        );
        self.saw("page by expiry", goes_on && page.order == Order::Expiry);
        let next = page.next.map(|after| after.order);
        let goes_over = page.order != Order::Ended && next == Some(Order::Ended);
        self.saw("page goes over to ended sessions", goes_over);
    }

    pub(super) fn saw(&mut self, what: &'static str, happened: bool) {
        if happened {
            self.seen.insert(what);
        }
    }

    fn session(&self, back: usize) -> (usize, SessionId) {
        let session = from_newest(&self.model.sessions, back).expect("there is one");
        (session.view.name, session.id)
    }

    /// A token, the name of its session, and whether it is the session's own still.
    fn token(&self, back: usize) -> (usize, Token, bool) {
        let (name, token) = from_newest(&self.tokens, back).expect("there is one");
        let at = self.tokens.len() - 1 - back % self.tokens.len();
        (*name, token.clone(), self.model.sessions[*name].token == at)
    }
}

/// A session of a user whom no case names.
pub(super) fn mark() -> NewSession {
    let mut new = NewSession::new(UserId::new("mark").expect("a user id"));
    // The same device, so that no limit refuses the second.
    new.fingerprint = Some("mark".into());
    new
}

fn from_newest<T>(all: &[T], back: usize) -> Option<&T> {
    all.iter().rev().nth(back % all.len().max(1))
}
