//! What a `User-Agent` tells of a device that its client doesn't describe.

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{BackEnd, SERVICE_KEY, on_every_back_end, start};

on_every_back_end!(
    a_session_token_s_browser_is_seen,
    an_access_token_s_browser_is_seen,
    a_service_s_own_agent_is_not_taken_for_the_user_s,
    a_service_passes_on_what_the_browser_sent,
    what_the_client_says_wins,
    a_fill_in_keeps_what_was_there,
    only_a_service_passes_an_agent_on,
    a_hostile_agent_is_as_good_as_none,
);

const SECRET: &str = "an-auth-service's-secret-0123456789";

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

/// No word of the device but its fingerprint, in each way that clients leave something out.
fn silent() -> [Value; 3] {
    let with = |nothing: Value| {
        json!({
            "device_fingerprint": "laptop",
            "device_name": nothing,
            "device_type": nothing,
            "browser": nothing,
        })
    };
    let absent = json!({"device_fingerprint": "laptop"});
    [absent, with(Value::Null), with(json!(""))]
}

#[track_caller]
fn check(session: &Value, device: [Value; 3]) {
    let fields = ["device_name", "device_type", "browser"];
    assert_eq!(fields.map(|field| session[field].clone()), device);
}

fn chrome() -> [Value; 3] {
    [json!("Chrome on Windows 10"), json!("web"), json!("Chrome")]
}

fn nothing() -> [Value; 3] {
    [Value::Null, Value::Null, Value::Null]
}

/// What a backend says that leaves the device to the client.
fn bare(user: u64, fields: Value) -> Value {
    let mut body = json!({"user_id": user, "device_fingerprint": format!("of-{user}")});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

async fn a_session_token_s_browser_is_seen<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    for (user, body) in (1..).zip(silent()) {
        let minted = server
            .create(&bare(user, json!({})))
            .send()
            .await
            .expect(201);
        let create = server.post("/sessions/create").json(&body);
        let create = create.bearer(minted["token"].as_str().unwrap());
        let filled_in = create.header("User-Agent", CHROME).send().await.expect(200);
        check(&filled_in, chrome());
    }
}

async fn an_access_token_s_browser_is_seen<B: BackEnd>() {
    let flags = ["--jwt-secret", SECRET];
    let (server, _b) = start::<B>(&flags).await;
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    for (user, body) in (1..).zip(silent()) {
        let claims = json!({"sub": user, "sid": "login", "exp": 4_000_000_000_u64});
        let token = encode(&Header::default(), &claims, &key).unwrap();
        let create = server.post("/sessions/create").bearer(&token).json(&body);
        let begun = create.clone().header("User-Agent", CHROME).send().await;
        check(&begun.expect(201), chrome());
        // It is there now, and another browser's word doesn't change it.
        let again = create.header("User-Agent", IPHONE).send().await;
        check(&again.expect(200), chrome());
    }
}

async fn a_service_s_own_agent_is_not_taken_for_the_user_s<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    for agent in [Value::Null, json!("")] {
        let create = server.create(&bare(74, json!({"user_agent": agent})));
        let create = create.header("User-Agent", CHROME);
        check(&create.send().await.expect(201), nothing());
    }
}

async fn a_service_passes_on_what_the_browser_sent<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let body = bare(74, json!({"user_agent": IPHONE, "browser": ""}));
    let create = server.create(&body).header("User-Agent", CHROME);
    let minted = create.send().await.expect(201);
    let iphone = [json!("Safari on iPhone"), json!("mobile"), json!("Safari")];
    check(&minted, iphone);
    assert_eq!(minted.get("user_agent"), None);
}

async fn what_the_client_says_wins<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let says = json!({"user_agent": CHROME, "device_name": "Ada's laptop", "device_type": "kiosk"});
    let minted = server.create(&bare(74, says)).send().await.expect(201);
    let device = [json!("Ada's laptop"), json!("kiosk"), json!("Chrome")];
    check(&minted, device);

    let body = json!({"device_fingerprint": "laptop", "browser": "Lynx"});
    let create = server.post("/sessions/create").json(&body);
    let create = create.bearer(minted["token"].as_str().unwrap());
    let filled_in = create.header("User-Agent", IPHONE).send().await.expect(200);
    let device = [json!("Ada's laptop"), json!("kiosk"), json!("Lynx")];
    check(&filled_in, device);
}

async fn a_fill_in_keeps_what_was_there<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let body = bare(74, json!({"device_name": "Front desk"}));
    let minted = server.create(&body).send().await.expect(201);
    let token = minted["token"].as_str().unwrap();
    let device = [json!("Front desk"), json!("web"), json!("Chrome")];
    for (body, agent) in silent().iter().zip([CHROME, IPHONE, "curl/8.11.0"]) {
        let create = server.post("/sessions/create").bearer(token).json(body);
        let create = create.header("User-Agent", agent);
        check(&create.send().await.expect(200), device.clone());
    }
}

async fn only_a_service_passes_an_agent_on<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let token = server.log_in(74).await.token;
    let body = json!({"device_fingerprint": "laptop", "user_agent": CHROME});
    let create = server.post("/sessions/create").json(&body);
    let refused = create.clone().bearer(&token).send().await;
    assert_eq!(refused.bad_fields(), ["user_agent"]);
    let nobody = create.bearer(SERVICE_KEY).send().await;
    assert_eq!(nobody.bad_fields(), ["user_id"]);
}

async fn a_hostile_agent_is_as_good_as_none<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.create(&bare(74, json!({}))).send().await.expect(201);
    let token = login["token"].as_str().unwrap();
    let long = "Mozilla/5.0 (".repeat(500);
    for agent in ["", "é\u{202e}", "curl/8.11.0", "$1$2", &long] {
        let create = server.post("/sessions/create").bearer(token);
        let create = create.json(&silent()[0]).header("User-Agent", agent);
        check(&create.send().await.expect(200), nothing());
    }
}
