//! How the server stops.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Memory, SERVICE_KEY, start};

#[tokio::test]
async fn idle_connections_are_closed() {
    let (server, _b) = start::<Memory>(&[]).await;
    let mut fresh = TcpStream::connect(server.address).await.unwrap();
    let mut kept = TcpStream::connect(server.address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut start = [0; 15];
    kept.read_exact(&mut start).await.unwrap();
    server.stop().await.unwrap();
    for stream in [&mut fresh, &mut kept] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
}

#[tokio::test]
async fn a_request_that_takes_for_ever_is_dropped() {
    let (server, _b) = start::<Memory>(&["--shutdown-timeout-seconds=0.05"]).await;
    let create = server.post("/sessions/create").bearer(SERVICE_KEY);
    let create = create.header("Expect", "100-continue");
    let create = create.header("Content-Length", "100").bytes();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&create).await.unwrap();
    // The server asks for the body, so it is in the middle of the request.
    let mut asks = [0; 25];
    stream.read_exact(&mut asks).await.unwrap();
    server.stop().await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(rest, b"");
}
