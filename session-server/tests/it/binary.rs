//! The built server, as a process.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::support::{Request, Response, ServerProcess, device, exchange};

const KEY: &str = "a-key-of-the-binary-tests-0123456789";

async fn run_pasted(line: &str) -> Value {
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", line]).stdin(Stdio::null()).output();
    let output = output.await.unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_commands_that_a_first_start_prints_work_when_pasted() {
    let mut server = ServerProcess::start(&mut ServerProcess::command());
    server.address().await;
    let create = server.stderr_line("curl").await;
    let list = server.stderr_line("curl").await;
    let delete = server.stderr_line("curl").await;
    let created = run_pasted(&create).await;
    assert!(created["token"].is_string(), "{created}");
    assert_eq!(run_pasted(&list).await[0]["id"], created["id"]);
    assert_eq!(run_pasted(&delete).await["logged_out_count"], 1);
}

#[tokio::test]
async fn a_made_up_key_is_another_one_each_time() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut server = ServerProcess::start(&mut ServerProcess::command());
        keys.push(server.stderr_line("made up for this run").await);
    }
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = ServerProcess::command();
    let output = command
        .args(["--listen-addr", &address])
        .output()
        .await
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&address), "{stderr}");
    assert_eq!(output.stdout, b"");
}

#[tokio::test]
async fn sigterm_finishes_the_request_in_flight() {
    let mut command = ServerProcess::command();
    let mut server = ServerProcess::start(command.env("SERVICE_KEYS", format!("web:{KEY}")));
    let address = server.address().await;
    let mut body = device();
    body["user_id"] = json!(74);
    let body = body.to_string();
    let create = Request::new(address, "POST", "/sessions/create").bearer(KEY);
    let create = create.header("Content-Type", "application/json");
    let create = create.header("Expect", "100-continue");
    let create = create.header("Content-Length", &body.len().to_string());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&create.bytes()).await.unwrap();
    let mut asks = [0; 25];
    stream.read_exact(&mut asks).await.unwrap();
    assert_eq!(&asks, b"HTTP/1.1 100 Continue\r\n\r\n");

    server.signal("TERM").await;
    server.stderr_line("shutting down").await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Response::parse(&answer).status, 201);
    assert_eq!(server.end().await.0, Some(0));
}

#[tokio::test]
async fn sigint_ends_an_idle_server() {
    let mut server = ServerProcess::start(&mut ServerProcess::command());
    server.address().await;
    server.signal("INT").await;
    assert_eq!(server.end().await.0, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut command = ServerProcess::command();
    let mut server = ServerProcess::start(command.env("SERVICE_KEYS", format!("web:{KEY}")));
    let address = server.address().await;
    let create = Request::new(address, "POST", "/sessions/create").bearer(KEY);
    let create = create.header("Expect", "100-continue");
    let create = create.header("Content-Length", "100");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&create.bytes()).await.unwrap();
    let mut asks = [0; 25];
    stream.read_exact(&mut asks).await.unwrap();
    server.signal("TERM").await;
    server.stderr_line("shutting down").await;
    server.signal("TERM").await;
    assert_eq!(server.end().await.0, Some(143));
}

#[tokio::test]
async fn the_log_tells_each_request_and_no_secret() {
    for format in ["text", "json"] {
        let mut command = ServerProcess::command();
        command.env("SERVICE_KEYS", format!("web:{KEY}"));
        command.env("LOG_LEVEL", "trace").env("LOG_FORMAT", format);
        let mut server = ServerProcess::start(&mut command);
        let address = server.address().await;
        let mut body = device();
        body["user_id"] = json!(74);
        body["device_fingerprint"] = json!("a-secret-fingerprint");
        let create = Request::new(address, "POST", "/sessions/create").bearer(KEY);
        let created = create.json(&body).send().await.expect(201);
        let token = created["token"].as_str().unwrap();
        for request in [
            Request::new(address, "GET", "/sessions/my-sessions?limit=77").bearer(token),
            Request::new(address, "GET", &format!("/sessions/session/{token}")).bearer(token),
            Request::new(address, "GET", "/sessions/user/74").bearer(&format!("{KEY}x")),
            Request::new(address, "GET", &format!("/sessions/user/{KEY}")).bearer(KEY),
            Request::new(address, "POST", "/sessions/create")
                .bearer(token)
                .json(&body),
        ] {
            let response = request.send().await;
            let body = String::from_utf8(response.body).unwrap();
            for secret in [KEY, token, "a-secret-fingerprint"] {
                assert!(!body.contains(secret), "{body}");
            }
        }
        server.signal("TERM").await;
        let (_, log) = server.end().await;
        for secret in [
            KEY,
            &token[18..],
            "a-secret-fingerprint",
            "limit=77",
            "Bearer",
        ] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
        assert_eq!(log.matches("answered").count(), 6, "{log}");
        let id = created["id"].as_str().unwrap();
        for told in [
            "service:web",
            "/sessions/my-sessions",
            "request_id",
            "latency_ms",
            id,
        ] {
            assert!(log.contains(told), "{told}: {log}");
        }
    }
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_no_request_up() {
    const ROUNDS: usize = 20;
    let mut server = ServerProcess::start(&mut ServerProcess::command());
    let address = server.address().await;
    // Together far more than the operating system keeps for a reader.
    let path = format!("/{}", "x".repeat(299));
    let get = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let last = Request::new(address, "GET", &path).bytes();
    for _ in 0..ROUNDS {
        let requests = [get.repeat(99).as_bytes(), &last].concat();
        let answers = String::from_utf8(exchange(address, &requests).await).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 404").count(), 100);
    }
    server.signal("TERM").await;
    let (_, log) = server.end().await;
    assert_eq!(log.matches("answered").count(), ROUNDS * 100);
}

#[tokio::test]
async fn a_service_key_may_look_like_a_token() {
    let key = "k".repeat(60) + "A";
    let mut command = ServerProcess::command();
    let keys = format!("web:{KEY},other:{key}");
    let mut server = ServerProcess::start(command.env("SERVICE_KEYS", keys));
    let address = server.address().await;
    let mut body = device();
    body["user_id"] = json!(74);
    let create = Request::new(address, "POST", "/sessions/create").bearer(&key);
    let created = create.json(&body).send().await.expect(201);
    let token = created["token"].as_str().unwrap();
    let verify = Request::new(address, "GET", "/sessions/verify");
    assert_eq!(verify.clone().bearer(token).send().await.status, 200);
    verify.bearer(&"A".repeat(61)).send().await.problem(401);
}
