//! The service, over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use session_test::RedisServer;

/// The built service, as a process of its own. Killed when dropped.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(redis_url: Option<&str>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_embed_in_a_service"))
            .env_remove("REDIS_URL")
            .env("LISTEN_ADDR", "127.0.0.1:0")
            .args(redis_url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        thread::spawn(move || lines.for_each(drop));
        let address = line.strip_prefix("listening on http://").unwrap();
        Self {
            address: address.to_owned(),
            child,
        }
    }

    /// The status and the body of an answer, and its headers as they came.
    fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> (u16, Value, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap(), head.to_owned())
    }

    fn log_in(&self, user: &Value) -> String {
        let login = json!({ "user": user, "device": "a test" }).to_string();
        let (status, answer, _) = self.ask("POST", "/login", "", &login);
        assert_eq!(status, 200, "{answer}");
        answer["token"].as_str().unwrap().to_owned()
    }

    fn me(&self, token: &str) -> (u16, Value) {
        let (status, answer, _) = self.ask("GET", "/me", token, "");
        (status, answer)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_in_and_out(service: &Service) {
    let token = service.log_in(&json!(74));
    let (status, me) = service.me(&token);
    assert_eq!((status, &me["user"]), (200, &json!(74)));
    assert_eq!(me["device"], "a test");

    let (status, answer, _) = service.ask("POST", "/logout", &token, "");
    assert_eq!((status, &answer["logged_out"]), (200, &me["session"]));
    assert_eq!(service.me(&token).0, 401);
    assert_eq!(service.ask("POST", "/logout", &token, "").0, 401);

    let tokens = [(); 3].map(|()| service.log_in(&json!("u-74")));
    let (status, answer, _) = service.ask("POST", "/logout-everywhere", &tokens[1], "");
    assert_eq!((status, &answer["logged_out_count"]), (200, &json!(3)));
    for token in tokens {
        assert_eq!(service.me(&token).0, 401);
    }
}

#[test]
fn users_log_in_and_out_on_the_embedded_store() {
    log_in_and_out(&Service::start(None));
}

#[test]
fn users_log_in_and_out_on_redis() {
    let server = RedisServer::start();
    log_in_and_out(&Service::start(Some(&server.url())));
}

#[test]
fn what_is_no_request_is_refused() {
    let service = Service::start(None);
    let (status, _, head) = service.ask("GET", "/me", "made-up", "");
    assert_eq!(status, 401);
    assert!(head.contains("www-authenticate: Bearer"), "{head}");
    assert_eq!(service.ask("GET", "/nowhere", "", "").0, 404);
    for body in ["", "{}", r#"{"user": ""}"#, r#"{"user": 1.5}"#] {
        assert_eq!(service.ask("POST", "/login", "", body).0, 400, "{body}");
    }
    let device = "x".repeat(256);
    let body = json!({ "user": 74, "device": device }).to_string();
    assert_eq!(service.ask("POST", "/login", "", &body).0, 400);
}

#[test]
fn an_outage_logs_nobody_out() {
    let mut server = RedisServer::builder().append_only().start();
    let service = Service::start(Some(&server.url()));
    let token = service.log_in(&json!(74));

    server.kill();
    for (method, path) in [
        ("GET", "/me"),
        ("POST", "/logout"),
        ("POST", "/logout-everywhere"),
    ] {
        let (status, _, head) = service.ask(method, path, &token, "");
        assert_eq!(status, 503, "{path}");
        assert!(head.contains("retry-after: 1"), "{head}");
    }

    server.restart();
    let patience = Instant::now() + Duration::from_secs(20);
    while service.me(&token).0 == 503 {
        assert!(Instant::now() < patience, "service resumes by itself");
    }
    assert_eq!(service.me(&token).0, 200);
}
