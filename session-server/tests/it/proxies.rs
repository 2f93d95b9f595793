//! Where a request comes from, with proxies in front.

use serde_json::{Value, json};

use crate::support::{Memory, TestServer, device, start};

/// The address that the server records for a login whose client doesn't know its own.
async fn recorded(server: &TestServer, headers: &[(&str, &str)]) -> String {
    let mut body = device();
    body["user_id"] = json!(74);
    body["ip_address"] = json!("unknown");
    let mut create = server.create(&body);
    for (name, value) in headers {
        create = create.header(name, value);
    }
    let session: Value = create.send().await.expect(201);
    session["ip_address"].as_str().unwrap().to_owned()
}

const X_FORWARDED_FOR: (&str, &str) = ("X-Forwarded-For", "198.51.100.1, 192.0.2.7");
const FORWARDED: (&str, &str) = ("Forwarded", "for=198.51.100.2, for=192.0.2.8");

#[tokio::test]
async fn forwarding_headers_are_ignored_from_a_stranger() {
    for flags in [&[][..], &["--trusted-proxies", "10.0.0.0/8,::1"]] {
        let (server, _b) = start::<Memory>(flags).await;
        let address = recorded(&server, &[X_FORWARDED_FOR, FORWARDED]).await;
        assert_eq!(address, "127.0.0.1");
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_whom_it_asks_for() {
    let trust = ["--trusted-proxies", "10.0.0.0/8, 127.0.0.1"];
    let (server, _b) = start::<Memory>(&trust).await;
    for (headers, expected) in [
        (&[X_FORWARDED_FOR, FORWARDED][..], "192.0.2.7"),
        (&[FORWARDED], "127.0.0.1"),
        (
            &[X_FORWARDED_FOR, ("X-Forwarded-For", "10.0.0.9")],
            "192.0.2.7",
        ),
        (&[("X-Forwarded-For", "192.0.2.7, unknown")], "127.0.0.1"),
    ] {
        assert_eq!(recorded(&server, headers).await, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn the_header_is_the_operators_choice() {
    let flags = [
        "--trusted-proxies",
        "127.0.0.1",
        "--forwarding-header",
        "forwarded",
    ];
    let (server, _b) = start::<Memory>(&flags).await;
    let address = recorded(&server, &[X_FORWARDED_FOR, FORWARDED]).await;
    assert_eq!(address, "192.0.2.8");
}
