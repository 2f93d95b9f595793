//! HTTP/1.1 by hand, so that what is malformed can be sent as well.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Description;

/// A request, on a connection of its own.
#[derive(Clone, Debug)]
#[must_use]
pub(crate) struct Request {
    address: SocketAddr,
    head: String,
    body: Vec<u8>,
    /// Whether it goes to where the server's description holds.
    is_described: bool,
}

impl Request {
    pub(crate) fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        let body = Vec::new();
        Self {
            address,
            head,
            body,
            is_described: true,
        }
    }

    /// For something else than the server: a proxy in front of it, the figures' own address.
    pub(crate) fn undescribed(mut self) -> Self {
        self.is_described = false;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn bearer(self, credential: &str) -> Self {
        self.header("Authorization", &format!("Bearer {credential}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json")
            .body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("Content-Length", &length)
    }

    /// In chunks of 8 KiB, without saying how many.
    pub(crate) fn chunked(mut self, body: &[u8]) -> Self {
        for chunk in body.chunks(8 * 1024) {
            let size = format!("{:x}\r\n", chunk.len());
            self.body.extend_from_slice(size.as_bytes());
            self.body.extend_from_slice(chunk);
            self.body.extend_from_slice(b"\r\n");
        }
        self.body.extend_from_slice(b"0\r\n\r\n");
        self.header("Transfer-Encoding", "chunked")
    }

    /// What its first line says, without the query.
    pub(crate) fn method_and_path(&self) -> (&str, &str) {
        let mut words = self.head.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        (method, target.split('?').next().unwrap())
    }

    /// Where it goes.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The request as it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), b"\r\n", &self.body].concat()
    }

    /// Sends it, and sees to it that the answer is as the server's description has it.
    pub(crate) fn send(&self) -> impl Future<Output = Response> + use<> {
        let request = self.clone();
        async move {
            let answer = exchange(request.address, &request.bytes()).await;
            let response = Response::parse(&answer);
            if request.is_described {
                Description::get().await.check(&request, &response);
            }
            response
        }
    }
}

/// Sends the bytes and reads all that comes back until the server closes the connection.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has heard enough may close while there is still something to send.
    let _ = stream.write_all(bytes).await;
    read_to_end(stream).await
}

/// All that comes until the other side closes the connection.
pub(crate) async fn read_to_end(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head,
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1);
        let mut fields = fields.filter_map(|line| line.split_once(": "));
        let field = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
    }

    /// The body, once the status is what it should be.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        self.json()
    }

    /// Checks the status of an answer that has no body.
    #[track_caller]
    pub(crate) fn expect_empty(&self, status: u16) {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!((self.status, &*text), (status, ""));
    }

    /// Checks that this is an error as every error is, and gives its `detail`.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        let problem = self.expect(status);
        let media_type = self.header("Content-Type");
        assert_eq!(media_type, Some("application/problem+json"));
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string(), "{problem}");
        problem["detail"].as_str().unwrap().to_owned()
    }

    /// The fields that a 422 names.
    #[track_caller]
    pub(crate) fn bad_fields(&self) -> Vec<String> {
        self.problem(422);
        let problem = self.json();
        let errors = problem["errors"].as_array().unwrap();
        let field = |error: &Value| error["field"].as_str().unwrap().to_owned();
        errors.iter().map(field).collect()
    }
}
