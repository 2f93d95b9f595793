//! What a call costs in this process, step by step, with no Redis to wait for.
//!
//! The benchmark `micro` times these steps; this crate's test has valgrind count their instructions,
//! which are the same on every machine.

use std::fmt;
use std::hint::black_box;
use std::net::IpAddr;

use session_store::internals::{self, Keys};
use session_store::{
    Config, Digester, MemoryStore, NewSession, SessionStore, Timestamp, Token, UserId,
};
use tokio::runtime;

/// Something that a call does.
pub struct Step {
    /// What.
    pub name: &'static str,
    run: Box<dyn Fn()>,
}

impl Step {
    fn new<T>(name: &'static str, step: impl Fn() -> T + 'static) -> Self {
        let run = Box::new(move || {
            black_box(step());
        });
        Self { name, run }
    }

    /// Does it once.
    pub fn run(&self) {
        (self.run)();
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// All of them, on a session with every documented field.
pub fn steps() -> Vec<Step> {
    let new = login();
    let user = new.user_id.clone();
    let token = Token::mint(&user).expect("the system has random bytes");
    [
        tokens(&token),
        digests(&token),
        records(&token, &new),
        keys(&token, &user),
        vec![in_memory()],
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn tokens(token: &Token) -> Vec<Step> {
    let user = login().user_id;
    let text = token.expose();
    vec![
        Step::new("token: mint and expose", move || {
            Token::mint(black_box(&user))
                .expect("the system has random bytes")
                .expose()
        }),
        Step::new("token: parse", move || Token::parse(black_box(&text))),
    ]
}

fn digests(token: &Token) -> Vec<Step> {
    let user = login().user_id;
    let (token, digester) = (token.clone(), Digester::new(None));
    let of_fingerprint = digester.clone();
    vec![
        Step::new("digest: verifier", move || {
            digester.verifier(black_box(&token))
        }),
        Step::new("digest: fingerprint", move || {
            of_fingerprint.fingerprint(black_box(&user), black_box("a1b2c3d4e5f6"))
        }),
    ]
}

fn records(token: &Token, new: &NewSession) -> Vec<Step> {
    let id = token.id();
    let verifier = Digester::new(None).verifier(token);
    let record = internals::record(new, &verifier, Timestamp::from_millis(1_800_000_000_000));
    let new = new.clone();
    vec![
        Step::new("record: encode", move || {
            internals::encode(black_box(&new), black_box(&verifier))
        }),
        Step::new("record: decode", move || {
            internals::decode(black_box(id), black_box(&record)).expect("it is a record")
        }),
    ]
}

fn keys(token: &Token, user: &UserId) -> Vec<Step> {
    let keys = || Keys::new("sess").expect("it is a prefix");
    let (of_record, of_index) = (keys(), keys());
    let (id, user) = (token.id(), user.clone());
    vec![
        Step::new("key: of a record", move || of_record.record(black_box(id))),
        Step::new("key: of an index, with its bucket", move || {
            of_index.index(black_box(&user))
        }),
    ]
}

fn in_memory() -> Step {
    let runtime = runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a thread can wait for time");
    let store = runtime.block_on(async { MemoryStore::new(Config::default()) });
    let store = store.expect("the defaults go together");
    let created = runtime
        .block_on(store.create(login()))
        .expect("there is room");
    let address = Some(IpAddr::from([192, 168, 1, 1]));
    Step::new("MemoryStore: validate", move || {
        let found = runtime.block_on(store.validate(black_box(&created.token), address));
        found
            .expect("memory is always there")
            .expect("the session lives")
    })
}

fn login() -> NewSession {
    let mut new = NewSession::new(UserId::from(74));
    new.username = Some("alice".into());
    new.role = Some("admin".into());
    new.fingerprint = Some("a1b2c3d4e5f6".into());
    new.device.name = Some("Chrome on Windows 10".into());
    new.device.device_type = Some("web".into());
    new.device.browser = Some("Chrome".into());
    new.device.ip_address = Some("192.168.1.1".into());
    new
}
