//! What proxies are tried with: a service behind them, and the README's configurations.

use std::fs;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::Response;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// The README's configuration in this language, with the server's and the service's addresses in place
/// of its own, and `listen`: what it says of where to listen, and what to say instead.
pub(crate) fn readme_configuration(
    language: &str,
    server: SocketAddr,
    service: SocketAddr,
    listen: Option<(&str, String)>,
) -> String {
    let mut block = readme_block(language);
    let addresses = [
        ("127.0.0.1:8080", server.to_string()),
        ("127.0.0.1:3000", service.to_string()),
    ];
    for (there, here) in listen.into_iter().chain(addresses) {
        assert!(block.contains(there), "{block}");
        block = block.replace(there, &here);
    }
    block
}

fn readme_block(language: &str) -> String {
    let readme = fs::read_to_string(README).unwrap();
    let (_, block) = readme.split_once(&format!("```{language}\n")).unwrap();
    let (block, _) = block.split_once("```").unwrap();
    block.to_owned()
}

/// What stands behind a proxy: answers each request with its head.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    calls: Arc<AtomicUsize>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let mut stream = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    stream.read_line(&mut head).await.unwrap();
                }
                let length = head.len();
                let answer = format!(
                    "HTTP/1.0 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{head}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { address, calls }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// Free until somebody else takes it.
pub(crate) fn free_address() -> SocketAddr {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

impl Response {
    /// The head of the request that the service got.
    pub(crate) fn told(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}
