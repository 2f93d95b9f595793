//! Clients that send too much, too slowly, or nonsense.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Memory, Response, SERVICE_KEY, TestServer, exchange, start};

/// All that the server sends until it closes the connection.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

async fn is_up(server: &TestServer) {
    server.get("/healthz").send().await.expect(200);
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let (server, _b) = start::<Memory>(&[]).await;
    let mut many = server.get("/healthz");
    for number in 0..150 {
        many = many.header(&format!("x-{number}"), "y");
    }
    many.send().await.problem(431);
    let long = server.get("/healthz").header("x", &"y".repeat(20_000));
    long.send().await.problem(431);
    is_up(&server).await;
}

#[tokio::test]
async fn a_long_address_is_refused() {
    let (server, _b) = start::<Memory>(&[]).await;
    let path = format!("/sessions/user/{}", "x".repeat(10_000));
    let request = server.get(&path).bearer(SERVICE_KEY);
    request.send().await.problem(414);
    is_up(&server).await;
}

#[tokio::test]
async fn a_flood_of_headers_ends_the_connection() {
    let (server, _b) = start::<Memory>(&[]).await;
    let field = format!("x: {}\r\n", "y".repeat(1000));
    let flood = ["GET /healthz HTTP/1.1\r\n", &field.repeat(1000)].concat();
    let answer = exchange(server.address, flood.as_bytes()).await;
    Response::parse(&answer).problem(431);
    is_up(&server).await;
}

#[tokio::test]
async fn a_good_credential_in_a_head_that_is_too_large_is_not_the_fault() {
    let (server, _b) = start::<Memory>(&[]).await;
    for other in [31_000, 60_000] {
        let get = server
            .get("/sessions/user/74")
            .header("x", &"y".repeat(other));
        let answer = exchange(server.address, &get.bearer(SERVICE_KEY).bytes()).await;
        Response::parse(&answer).problem(431);
    }
}

#[tokio::test]
async fn a_refused_client_that_stays_is_dropped() {
    let (server, _b) = start::<Memory>(&["--header-timeout-seconds=0.5"]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"nonsense\r\n\r\n").await.unwrap();
    Response::parse(&rest(&mut stream).await).problem(400);
    // Until the server has closed its side for good, what is sent is taken.
    while stream.write_all(b"x").await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_never_finishes_its_headers_is_dropped() {
    let (server, _b) = start::<Memory>(&["--header-timeout-seconds=0.5"]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: ")
        .await
        .unwrap();
    rest(&mut stream).await;
    is_up(&server).await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_dropped() {
    let (server, _b) = start::<Memory>(&["--header-timeout-seconds=0.5"]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(rest(&mut stream).await, b"");
    is_up(&server).await;
}

#[tokio::test]
async fn a_client_that_never_finishes_its_body_is_told() {
    let (server, _b) = start::<Memory>(&["--header-timeout-seconds=0.5"]).await;
    let create = server.post("/sessions/create").bearer(SERVICE_KEY);
    let create = create.header("Content-Length", "100").bytes();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(&[&create, &b"{"[..]].concat())
        .await
        .unwrap();
    Response::parse(&rest(&mut stream).await).problem(408);
    is_up(&server).await;
}

#[tokio::test]
async fn one_connection_too_many_waits_for_another_to_close() {
    const GET: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let (server, _b) = start::<Memory>(&["--max-connections=1"]).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(GET).await.unwrap();
    let ok = async |stream: &mut TcpStream| {
        let mut answer = Vec::new();
        while !answer.ends_with(b"{\"status\":\"ok\"}") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
    };
    ok(&mut first).await;
    let mut second = TcpStream::connect(server.address).await.unwrap();
    second.write_all(GET).await.unwrap();
    // The one connection goes on being served, and the other one isn't.
    first.write_all(GET).await.unwrap();
    ok(&mut first).await;
    let nothing = second.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    ok(&mut second).await;
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let (server, _b) = start::<Memory>(&[]).await;
    let requests: [&[u8]; 14] = [
        b"\r\n\r\nhello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: \0\r\n\r\n",
        b"POST /sessions/create HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /sessions/create HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /sessions/create HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"CONNECT host:80 HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for request in requests {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = rest(&mut stream).await;
        if !answer.is_empty() {
            let answer = Response::parse(&answer);
            let status = answer.status;
            assert!((400..500).contains(&status), "{status}: {request:?}");
            answer.problem(status);
        }
    }
    is_up(&server).await;
}

#[tokio::test]
async fn a_body_in_broken_chunks_is_refused() {
    let (server, _b) = start::<Memory>(&[]).await;
    let create = server.post("/sessions/create").bearer(SERVICE_KEY);
    let create = create.header("Transfer-Encoding", "chunked").bytes();
    for chunks in [
        &b"zz\r\nhello\r\n"[..],
        b"5\r\nhelloworld\r\n0\r\n\r\n",
        b"ffffffffffffffff1\r\n",
    ] {
        let answer = exchange(server.address, &[&create, chunks].concat()).await;
        Response::parse(&answer).problem(400);
    }
    is_up(&server).await;
}

#[tokio::test]
async fn garbage_behind_a_good_request_spoils_nothing() {
    let (server, _b) = start::<Memory>(&[]).await;
    let good = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".as_slice();
    let answer = exchange(server.address, &[good, b"\x00garbage\r\n\r\n"].concat()).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let refusal = answer.find("HTTP/1.1 400 Bad Request").expect(&answer);
    Response::parse(&answer.as_bytes()[refusal..]).problem(400);
    is_up(&server).await;
}

#[tokio::test]
async fn a_request_has_one_host() {
    let (server, _b) = start::<Memory>(&[]).await;
    for (request, status) in [
        ("GET /healthz HTTP/1.1\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET http://a/healthz HTTP/1.1\r\nHost: b\r\n", 200),
        ("GET /healthz HTTP/1.0\r\n", 200),
    ] {
        let request = format!("{request}Connection: close\r\n\r\n");
        let answer = exchange(server.address, request.as_bytes()).await;
        let answer = Response::parse(&answer);
        assert_eq!(answer.status, status, "{request}");
        if status == 400 {
            answer.problem(400);
        }
    }
}
