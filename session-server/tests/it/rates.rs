//! How often sessions may be created.

use serde_json::{Value, json};

use crate::support::{BackEnd, Redis, Request, TestServer, device, on_every_back_end, start};

on_every_back_end!(
    a_user_gets_so_many_sessions_and_no_more,
    an_address_gets_so_many_sessions_and_no_more,
    a_report_of_a_device_is_no_creation,
    a_rate_may_be_off,
);

const PER_USER: &[&str] = &["--create-rate-per-user", "2/1h"];
const PER_ADDRESS: &[&str] = &["--create-rate-per-address", "2/1h"];

fn create(server: &TestServer, user: i64, address: Value) -> Request {
    let mut body = device();
    body["user_id"] = json!(user);
    body["ip_address"] = address;
    server.create(&body)
}

async fn refused(request: Request) -> String {
    let response = request.send().await;
    let detail = response.problem(429);
    let wait: u64 = response.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=1800).contains(&wait), "{wait}");
    detail
}

async fn a_user_gets_so_many_sessions_and_no_more<B: BackEnd>() {
    let (server, _b) = start::<B>(PER_USER).await;
    for address in ["192.0.2.1", "192.0.2.2"] {
        create(&server, 74, json!(address)).send().await.expect(201);
    }
    let detail = refused(create(&server, 74, json!("192.0.2.3"))).await;
    assert_eq!(detail, "Too many sessions are being created for this user");
    create(&server, 75, json!("192.0.2.3"))
        .send()
        .await
        .expect(201);
}

async fn an_address_gets_so_many_sessions_and_no_more<B: BackEnd>() {
    let (server, _b) = start::<B>(PER_ADDRESS).await;
    for user in [1, 2] {
        create(&server, user, json!("192.0.2.1"))
            .send()
            .await
            .expect(201);
    }
    let detail = refused(create(&server, 3, json!("192.0.2.1"))).await;
    assert_eq!(
        detail,
        "Too many sessions are being created from this address"
    );
    create(&server, 3, json!("192.0.2.2"))
        .send()
        .await
        .expect(201);
    // The backend's own address says nothing of its clients.
    for user in 10..15 {
        create(&server, user, json!("unknown"))
            .send()
            .await
            .expect(201);
    }
}

async fn a_report_of_a_device_is_no_creation<B: BackEnd>() {
    let (server, _b) = start::<B>(&[PER_USER, PER_ADDRESS].concat()).await;
    let login = server.log_in(74).await;
    for _ in 0..5 {
        let report = server.post("/sessions/create").bearer(&login.token);
        report.json(&device()).send().await.expect(200);
    }
}

async fn a_rate_may_be_off<B: BackEnd>() {
    let off = [
        "--create-rate-per-user",
        "0",
        "--create-rate-per-address",
        "0",
    ];
    let (server, _b) = start::<B>(&off).await;
    for _ in 0..70 {
        create(&server, 74, json!("192.0.2.1"))
            .send()
            .await
            .expect(201);
    }
}

#[tokio::test]
async fn all_servers_count_together() {
    let (one, redis) = start::<Redis>(PER_USER).await;
    let store = redis.store(TestServer::config(PER_USER)).await;
    let other = TestServer::start(store, PER_USER).await;
    create(&one, 74, json!("192.0.2.1"))
        .send()
        .await
        .expect(201);
    create(&other, 74, json!("192.0.2.1"))
        .send()
        .await
        .expect(201);
    refused(create(&one, 74, json!("192.0.2.1"))).await;
    refused(create(&other, 74, json!("192.0.2.1"))).await;
}
