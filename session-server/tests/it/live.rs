//! Live notice: server-sent events.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{
    BackEnd, Description, Memory, Redis, Request, Response, SERVICE_KEY, device, on_every_back_end,
    start,
};

/// Longer than anything here takes unless it hangs.
const HANG: Duration = Duration::from_secs(60);

on_every_back_end!(
    a_user_hears_of_its_own_sessions,
    a_stream_is_over_with_its_session,
    a_stream_needs_a_live_session,
    an_admin_may_follow_one_user,
    an_admin_who_is_logged_out_hears_no_more,
    a_client_carries_on_where_it_was,
    a_client_that_cannot_carry_on_is_told,
    a_shutdown_ends_the_streams,
    a_user_has_so_many_streams_and_no_more,
    an_access_token_hears_of_its_user_until_it_has_a_session,
    a_stream_ends_with_its_access_token,
);

/// A stream of events, as a browser reads it.
struct Listener {
    lines: BufReader<TcpStream>,
    head: String,
    /// The server has said that this was all, and hasn't just dropped the connection.
    is_complete: bool,
}

#[derive(Debug, PartialEq)]
struct Heard {
    id: String,
    name: String,
    data: Value,
}

impl Listener {
    async fn open(request: Request) -> Self {
        let stream = TcpStream::connect(request.address()).await.unwrap();
        let mut lines = BufReader::new(stream);
        lines.write_all(&request.bytes()).await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut head).await.unwrap(), 0, "{head}");
        }
        let answer = Response::parse(head.as_bytes());
        Description::get().await.check(&request, &answer);
        Self {
            lines,
            head,
            is_complete: false,
        }
    }

    /// Opens it, and reads how it begins.
    async fn begin(request: Request) -> (Self, Heard) {
        let mut listener = Self::open(request).await;
        assert!(
            listener.head.starts_with("HTTP/1.1 200 "),
            "{}",
            listener.head
        );
        let head = listener.head.to_ascii_lowercase();
        assert!(
            head.contains("content-type: text/event-stream\r\n"),
            "{head}"
        );
        assert!(head.contains("cache-control: no-store\r\n"), "{head}");
        let first = listener.next().await.unwrap();
        (listener, first)
    }

    /// The next event; `None` once the server has ended the stream.
    async fn next(&mut self) -> Option<Heard> {
        let (mut id, mut name, mut data) = Default::default();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).await.unwrap() == 0 {
                return None;
            }
            self.is_complete |= line == "0\r\n";
            // The sizes of chunks are among the lines; no field looks like one.
            match line.trim_end().split_once(": ") {
                Some(("id", value)) => value.clone_into(&mut id),
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("data", value)) => data = Some(serde_json::from_str(value).unwrap()),
                _ => {}
            }
            if line == "\n"
                && let Some(data) = data.take()
            {
                Description::get().await.check_event(&name, &id, &data);
                return Some(Heard { id, name, data });
            }
        }
    }

    async fn heard(&mut self, name: &str) -> Value {
        let heard = self.next().await.unwrap();
        assert_eq!(heard.name, name, "{heard:?}");
        heard.data
    }
}

async fn a_user_hears_of_its_own_sessions<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let events = server.get("/sessions/events").bearer(&login.token);
    let (mut listener, ready) = Listener::begin(events).await;
    assert_eq!((ready.name.as_str(), ready.data), ("ready", json!({})));

    let stranger = server.log_in(75).await;
    let other = server.log_in(74).await;
    let logout = server.delete(&stranger.path()).bearer(&stranger.token);
    logout.send().await.expect(200);
    let logout = server.delete("/sessions/logout").bearer(&other.token);
    logout.send().await.expect(200);
    let created = listener.heard("created").await;
    assert_eq!(
        created,
        json!({
            "session_id": other.id,
            "user_id": 74,
            "at": other.body["created_at"],
            "current": false,
            "new_device": true,
        })
    );
    let ended = listener.heard("ended").await;
    assert_eq!(ended["session_id"], json!(other.id));
    assert_eq!(ended["end_reason"], "logout");
    assert_eq!(ended["current"], false);
}

async fn a_stream_is_over_with_its_session<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let events = server.get("/sessions/events").bearer(&login.token);
    let (mut listener, _ready) = Listener::begin(events).await;
    let revoke = server.delete("/sessions/user/74").bearer(SERVICE_KEY);
    revoke.send().await.expect(200);
    let ended = listener.heard("ended").await;
    assert_eq!(ended["end_reason"], "revoked");
    assert_eq!(ended["current"], true);
    assert_eq!(listener.next().await, None);
}

async fn a_stream_needs_a_live_session<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    server.get("/sessions/events").send().await.problem(401);
    let login = server.log_in(74).await;
    let logout = server.delete("/sessions/logout").bearer(&login.token);
    logout.send().await.expect(200);
    let events = server.get("/sessions/events").bearer(&login.token);
    events.send().await.problem(401);
}

async fn an_admin_may_follow_one_user<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let admin = server.log_in_with("root", json!({"role": "admin"})).await;
    let user = server.log_in(74).await;
    let path = "/sessions/events?user_id=74";
    let refused = server.get(path).bearer(&user.token).send().await;
    let detail = "Only admins can view other users' sessions";
    assert_eq!(refused.problem(403), detail);
    let unsaid = server.get("/sessions/events").bearer(SERVICE_KEY);
    unsaid.send().await.problem(403);
    let empty = server.get("/sessions/events?user_id=").bearer(SERVICE_KEY);
    assert_eq!(empty.send().await.bad_fields(), ["user_id"]);

    let (mut by_admin, _) = Listener::begin(server.get(path).bearer(&admin.token)).await;
    let (mut by_service, _) = Listener::begin(server.get(path).bearer(SERVICE_KEY)).await;
    // Of the admin's own sessions this stream doesn't tell.
    server.log_in("root").await;
    let login = server.log_in(74).await;
    for listener in [&mut by_admin, &mut by_service] {
        let created = listener.heard("created").await;
        assert_eq!(created["session_id"], json!(login.id));
        assert_eq!(created["current"], false);
    }
}

async fn an_admin_who_is_logged_out_hears_no_more<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let admin = server.log_in_with("root", json!({"role": "admin"})).await;
    let events = server.get("/sessions/events?user_id=74");
    let (mut listener, _) = Listener::begin(events.bearer(&admin.token)).await;
    let logout = server.delete("/sessions/logout").bearer(&admin.token);
    logout.send().await.expect(200);
    server.log_in(74).await;
    assert_eq!(listener.next().await, None);
}

async fn a_client_carries_on_where_it_was<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--max-sessions-per-user", "0"]).await;
    let login = server.log_in(74).await;
    let events = || server.get("/sessions/events").bearer(&login.token);
    let (mut before, ready) = Listener::begin(events()).await;
    let first = server.log_in(74).await;
    let heard = before.next().await.unwrap();
    assert_eq!(heard.data["session_id"], json!(first.id));
    drop(before);
    // While nobody listens.
    let (second, _) = (server.log_in(74).await, server.log_in(75).await);
    let third = server.log_in(74).await;
    for (from, missed) in [
        (&ready.id, &[&first, &second, &third][..]),
        (&heard.id, &[&second, &third]),
    ] {
        // What was written last has to have come through.
        let mut control = Listener::begin(events().header("Last-Event-ID", from)).await;
        let mut told = vec![control.1];
        while told.len() < missed.len() {
            told.push(control.0.next().await.unwrap());
        }
        for (told, login) in told.iter().zip(missed) {
            assert_eq!(told.name, "created");
            assert_eq!(told.data["session_id"], json!(login.id));
        }
    }
}

async fn a_client_that_cannot_carry_on_is_told<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    for unknown in [
        "0000000000000000-1",
        "nonsense",
        "",
        "-",
        "ffffffffffffffff-99999999999999999999",
    ] {
        let events = server.get("/sessions/events").bearer(&login.token);
        let (_, first) = Listener::begin(events.header("Last-Event-ID", unknown)).await;
        assert_eq!(first.name, "reset", "{unknown:?}");
    }
}

async fn a_shutdown_ends_the_streams<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let events = server.get("/sessions/events").bearer(&login.token);
    let (mut listener, _ready) = Listener::begin(events).await;
    server.stop().await.unwrap();
    assert_eq!(listener.next().await, None);
    assert!(listener.is_complete);
}

const JWT: &[&str] = &[
    "--jwt-secret",
    "a-secret-of-the-auth-service-0123456789",
    "--jwt-leeway-seconds",
    "0",
];

/// A token of user 74 that expires so long from now.
fn access_token(seconds: f64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let claims = json!({"sub": 74, "sid": "login", "exp": now.as_secs_f64() + seconds});
    let key = EncodingKey::from_secret(JWT[1].as_bytes());
    encode(&Header::default(), &claims, &key).unwrap()
}

/// Then the stream is over, and the client comes back by its session.
async fn an_access_token_hears_of_its_user_until_it_has_a_session<B: BackEnd>() {
    let (server, _b) = start::<B>(JWT).await;
    let token = access_token(900.0);
    let events = || server.get("/sessions/events").bearer(&token);
    let (mut listener, _ready) = Listener::begin(events()).await;
    let other = server.log_in(74).await;
    let created = listener.heard("created").await;
    assert_eq!(created["session_id"], json!(other.id));
    assert_eq!(created["current"], false);
    let create = server.post("/sessions/create").bearer(&token);
    let session = create.json(&device()).send().await.expect(201);
    assert_eq!(listener.heard("created").await["current"], true);
    assert_eq!(listener.next().await, None);

    let (mut listener, _ready) = Listener::begin(events()).await;
    let path = format!("/sessions/session/{}", session["id"].as_str().unwrap());
    let revoke = server.delete(&path).bearer(SERVICE_KEY);
    revoke.send().await.expect(200);
    let ended = listener.heard("ended").await;
    assert_eq!(ended["current"], true);
    assert_eq!(listener.next().await, None);
    events().send().await.problem(401);
}

async fn a_stream_ends_with_its_access_token<B: BackEnd>() {
    let (server, _b) = start::<B>(JWT).await;
    let token = access_token(1.5);
    let events = server.get("/sessions/events").bearer(&token);
    let (mut listener, _ready) = Listener::begin(events).await;
    let over = async { while listener.next().await.is_some() {} };
    timeout(HANG, over).await.unwrap();
    assert!(listener.is_complete);
}

async fn a_user_has_so_many_streams_and_no_more<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let (login, other) = (server.log_in(74).await, server.log_in(75).await);
    let events = |token: &str| server.get("/sessions/events").bearer(token);
    let mut listeners = Vec::new();
    for _ in 0..32 {
        listeners.push(Listener::begin(events(&login.token)).await);
    }
    let refused = events(&login.token).send().await;
    refused.problem(429);
    assert_eq!(refused.header("Retry-After"), Some("30"));
    Listener::begin(events(&other.token)).await;
    // Each that is closed makes room for another one.
    drop(listeners.pop());
    let again = async {
        while events_status(events(&login.token)).await != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, again).await.unwrap();
}

async fn events_status(request: Request) -> u16 {
    let head = Listener::open(request).await.head;
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn all_streams_together_leave_connections_for_others() {
    let (server, _b) = start::<Memory>(&["--max-connections", "4"]).await;
    let events = || server.get("/sessions/events?user_id=1").bearer(SERVICE_KEY);
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(Listener::begin(events()).await);
    }
    events().send().await.problem(429);
    server.get("/healthz").send().await.expect(200);
}

#[tokio::test]
async fn missed_events_are_told_as_a_reset() {
    let (server, redis) = start::<Redis>(&[]).await;
    let login = server.log_in(74).await;
    let events = || server.get("/sessions/events").bearer(&login.token);
    let (mut listener, ready) = Listener::begin(events()).await;
    redis.kill_subscriptions();
    let reset = listener.next().await.unwrap();
    assert_eq!(reset.name, "reset");
    // From here on it goes on.
    let other = server.log_in(74).await;
    let created = listener.heard("created").await;
    assert_eq!(created["session_id"], json!(other.id));
    // What came before can't be carried on from any more; the reset itself can.
    let (_, first) = Listener::begin(events().header("Last-Event-ID", &ready.id)).await;
    assert_eq!(first.name, "reset");
    let (_, first) = Listener::begin(events().header("Last-Event-ID", &reset.id)).await;
    assert_eq!(first.data["session_id"], json!(other.id));
}
