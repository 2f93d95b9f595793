//! Access tokens of an auth service that is there already.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use session_store::MemoryStore;
use session_test::SigningKey;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::{
    BackEnd, Fault, FaultyStore, Memory, Redis, Request, Response, SERVICE_KEY, TestServer, device,
    exchange, on_every_back_end, start,
};

on_every_back_end!(
    the_documented_front_end_works,
    a_token_without_a_session_may_call_everything_of_its_user,
    a_refreshed_token_keeps_its_session,
    ending_a_session_ends_its_token,
    the_newest_token_says_the_role,
    a_token_without_a_session_claim_has_a_session_of_its_own,
    a_bad_token_is_nobody,
    a_proxy_is_told_whose_token_it_is,
);

const SECRET: &str = "an-auth-service's-secret-0123456789";
const HS: &[&str] = &["--jwt-secret", SECRET, "--jwt-leeway-seconds", "0"];

/// Longer than anything here takes unless it hangs.
const HANG: Duration = Duration::from_secs(60);

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs()
}

/// Claims as the auth service of the documented front end has them.
fn claims(fields: Value) -> Value {
    let mut claims = json!({"sub": 74, "sid": "login-1", "iat": now(), "exp": now() + 900});
    for (name, value) in fields.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn sign(fields: Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims(fields), &key).unwrap()
}

/// Whoever has this token is nobody.
async fn refused(server: &TestServer, token: &str) {
    let verify = server.get("/sessions/verify").bearer(token);
    verify.send().await.problem(401);
}

fn create(server: &TestServer, token: &str, device: &Value) -> Request {
    server.post("/sessions/create").bearer(token).json(device)
}

async fn the_documented_front_end_works<B: BackEnd>() {
    let (server, _b) = start::<B>(HS).await;
    let get = async |path: &str, token: &str| {
        let response = server.get(path).bearer(token).send().await;
        response.expect(200)
    };
    // Logs in, twice as it does, on two devices and on a third.
    let (laptop, phone, tablet) = (
        sign(json!({"sid": "laptop"})),
        sign(json!({"sid": "phone"})),
        sign(json!({"sid": "tablet"})),
    );
    let mut ids = Vec::new();
    for token in [&laptop, &phone, &tablet] {
        let mut device = device();
        let created = create(&server, token, &device).send().await;
        let first = created.expect(201);
        assert!(first.get("token").is_none(), "{first}");
        assert_eq!(
            (&first["user_id"], &first["current"]),
            (&json!(74), &json!(true))
        );
        let location = format!("/sessions/session/{}", first["id"].as_str().unwrap());
        assert_eq!(created.header("Location"), Some(location.as_str()));
        device["device_name"] = json!("Firefox on Debian");
        let again = create(&server, token, &device).send().await.expect(200);
        assert_eq!(again["id"], first["id"]);
        assert_eq!(again["device_name"], "Firefox on Debian");
        ids.push(first["id"].as_str().unwrap().to_owned());
    }
    let mine = get("/sessions/my-sessions", &laptop).await;
    let mine = mine.as_array().unwrap();
    assert_eq!(mine.len(), 3);
    for session in mine {
        assert_eq!(session["current"], json!(session["id"] == ids[0]));
    }
    let detail = get(&format!("/sessions/session/{}", ids[1]), &laptop).await;
    assert_eq!(detail["is_active"], true);
    assert_eq!(
        get("/sessions/active-devices-count", &laptop).await,
        json!({"active_devices": 3, "count": 3})
    );
    let touched = server.post("/sessions/update-activity").bearer(&laptop);
    assert_eq!(touched.send().await.expect(200)["id"], json!(ids[0]));

    // Ends one, then all but this one, then this one.
    let one = server.delete(&format!("/sessions/session/{}", ids[1]));
    one.bearer(&laptop).send().await.expect(200);
    server
        .get("/sessions/my-sessions")
        .bearer(&phone)
        .send()
        .await
        .problem(401);
    let others = server.delete("/sessions/logout-all?exclude_current=true");
    let others = others.bearer(&laptop).send().await.expect(200);
    assert_eq!(others["logged_out_count"], 1);
    server
        .get("/sessions/my-sessions")
        .bearer(&tablet)
        .send()
        .await
        .problem(401);
    let logout = server.delete("/sessions/logout").bearer(&laptop);
    logout.clone().send().await.expect(200);
    logout.send().await.problem(401);
    create(&server, &laptop, &device())
        .send()
        .await
        .problem(401);
}

async fn a_token_without_a_session_may_call_everything_of_its_user<B: BackEnd>() {
    let (server, _b) = start::<B>(HS).await;
    let token = sign(json!({}));
    assert!(server.ids("/sessions/my-sessions", &token).await.is_empty());
    let other = server.log_in(74).await;
    assert_eq!(
        server.ids("/sessions/my-sessions", &token).await,
        std::slice::from_ref(&other.id)
    );
    let detail = server.get(&other.path()).bearer(&token).send().await;
    assert_eq!(detail.expect(200)["current"], false);
    let stranger = server.log_in(75).await;
    server
        .get(&stranger.path())
        .bearer(&token)
        .send()
        .await
        .problem(403);
    for (method, path) in [
        ("DELETE", "/sessions/logout"),
        ("POST", "/sessions/update-activity"),
    ] {
        let request = server.request(method, path).bearer(&token);
        assert_eq!(request.send().await.problem(404), "No active session found");
    }
    // All are others.
    let others = server.delete("/sessions/logout-all?exclude_current=true");
    let others = others.bearer(&token).send().await.expect(200);
    assert_eq!(others["logged_out_count"], 1);
    let all = server.delete("/sessions/logout-all").bearer(&token);
    assert_eq!(all.send().await.expect(200)["logged_out_count"], 0);
    // None of that ended the token.
    create(&server, &token, &device()).send().await.expect(201);
}

async fn a_refreshed_token_keeps_its_session<B: BackEnd>() {
    let (server, _b) = start::<B>(HS).await;
    let first = sign(json!({}));
    let created = create(&server, &first, &device()).send().await.expect(201);
    let refreshed = sign(json!({"iat": now() + 5, "exp": now() + 1800}));
    let again = create(&server, &refreshed, &device())
        .send()
        .await
        .expect(200);
    assert_eq!(again["id"], created["id"]);
    for token in [&first, &refreshed] {
        let mine = server.ids("/sessions/my-sessions", token).await;
        assert_eq!(mine, [created["id"].as_str().unwrap()]);
    }
    let logout = server.delete("/sessions/logout").bearer(&first);
    logout.send().await.expect(200);
    let later = sign(json!({"iat": now() + 10, "exp": now() + 3600}));
    for token in [&first, &refreshed, &later] {
        refused(&server, token).await;
    }
}

async fn ending_a_session_ends_its_token<B: BackEnd>() {
    let (server, _b) = start::<B>(&[HS, &["--max-sessions-per-user", "1"]].concat()).await;
    for end in ["user", "evicted", "replaced", "session"] {
        let token = sign(json!({"sid": end}));
        let mut device = device();
        let created = create(&server, &token, &device).send().await.expect(201);
        let id = created["id"].as_str().unwrap();
        match end {
            "user" => {
                let all = server.delete("/sessions/user/74").bearer(SERVICE_KEY);
                all.send().await.expect(200);
            }
            "evicted" => drop(server.log_in(74).await),
            "replaced" => {
                device["user_id"] = json!(74);
                server.create(&device).send().await.expect(201);
            }
            _ => {
                let one = server.delete(&format!("/sessions/session/{id}"));
                one.bearer(SERVICE_KEY).send().await.expect(200);
            }
        }
        refused(&server, &token).await;
        create(&server, &token, &device).send().await.problem(401);
    }
}

async fn the_newest_token_says_the_role<B: BackEnd>() {
    let (server, _b) = start::<B>(HS).await;
    let user = server.log_in(75).await;
    let older = sign(json!({"role": "admin", "preferred_username": "Ann", "iat": now() - 60}));
    let look = |token: &str| server.get(&user.path()).bearer(token);
    // Before there is a session, what the token says is all there is.
    look(&older).send().await.expect(200);
    let created = create(&server, &older, &device()).send().await.expect(201);
    assert_eq!(
        (&created["role"], &created["username"]),
        (&json!("admin"), &json!("Ann"))
    );
    look(&older).send().await.expect(200);

    let newer = sign(json!({"role": ["editor", "author"], "preferred_username": "Ann Other"}));
    look(&newer).send().await.problem(403);
    // The older one doesn't give back what the newer one took.
    look(&older).send().await.problem(403);
    let mine = server
        .get("/sessions/my-sessions")
        .bearer(&older)
        .send()
        .await
        .expect(200);
    assert_eq!(
        (&mine[0]["role"], &mine[0]["username"]),
        (&json!("editor"), &json!("Ann Other"))
    );
}

async fn a_token_without_a_session_claim_has_a_session_of_its_own<B: BackEnd>() {
    let (server, _b) = start::<B>(HS).await;
    let exp = now() + 900;
    let (first, second) = (
        sign(json!({"sid": null, "exp": exp})),
        sign(json!({"sid": null, "exp": exp, "jti": "another"})),
    );
    let created = create(&server, &first, &device()).send().await.expect(201);
    // It ends with its token.
    let expires_at = created["expires_at"].as_str().unwrap();
    let expires_at = humantime::parse_rfc3339(expires_at).unwrap();
    assert_eq!(expires_at, UNIX_EPOCH + Duration::from_secs(exp));
    create(&server, &second, &device()).send().await.expect(201);
    let logout = server.delete("/sessions/logout").bearer(&first);
    logout.send().await.expect(200);
    refused(&server, &first).await;
    server
        .get("/sessions/verify")
        .bearer(&second)
        .send()
        .await
        .expect_empty(200);
}

/// Nobody is let in, and nothing else happens.
async fn a_bad_token_is_nobody<B: BackEnd>() {
    let key = SigningKey::rsa();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("public.pem");
    std::fs::write(&file, &key.public).unwrap();
    let flags = [
        "--jwt-public-key-file",
        file.to_str().unwrap(),
        "--jwt-issuer",
        "https://auth.example.com",
        "--jwt-audience",
        "sessions,other",
        "--jwt-leeway-seconds",
        "0",
    ];
    let (server, _b) = start::<B>(&flags).await;
    let private = EncodingKey::from_rsa_pem(key.private.as_bytes()).unwrap();
    let good = json!({"iss": "https://auth.example.com", "aud": ["else", "other"]});
    let signed = |header: &Header, fields: Value, key: &EncodingKey| {
        let mut claims = claims(good.clone());
        for (name, value) in fields.as_object().unwrap() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
        encode(header, &claims, key).unwrap()
    };
    let rs256 = Header::new(Algorithm::RS256);
    let token = |fields: Value| signed(&rs256, fields, &private);
    let fine = token(json!({}));
    server
        .get("/sessions/verify")
        .bearer(&fine)
        .send()
        .await
        .expect_empty(200);

    let (message, signature) = fine.rsplit_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let payload = message.split_once('.').unwrap().1;
    let of_public = EncodingKey::from_secret(key.public.as_bytes());
    let stranger = SigningKey::rsa();
    let stranger = EncodingKey::from_rsa_pem(stranger.private.as_bytes()).unwrap();
    let critical = Header {
        crit: Some(vec!["exp".into()]),
        ..rs256.clone()
    };
    for (what, bad) in [
        ("alg: none", format!("{none}.{payload}.")),
        ("alg: none, signed", format!("{none}.{payload}.{signature}")),
        (
            "the public key as a secret",
            signed(&Header::new(Algorithm::HS256), json!({}), &of_public),
        ),
        ("another key", signed(&rs256, json!({}), &stranger)),
        ("no signature", format!("{message}.")),
        (
            "half a signature",
            format!("{message}.{}", &signature[..100]),
        ),
        (
            "another payload",
            format!("{}.{signature}", &message[..message.len() - 4]),
        ),
        ("expired", token(json!({"exp": now() - 1}))),
        ("no expiry", token(json!({"exp": null}))),
        (
            "milliseconds as expiry",
            token(json!({"exp": (now() + 900) * 1000})),
        ),
        ("a word as expiry", token(json!({"exp": "tomorrow"}))),
        ("not yet valid", token(json!({"nbf": now() + 60}))),
        ("a word as beginning", token(json!({"nbf": "now"}))),
        (
            "another issuer",
            token(json!({"iss": "https://evil.example.com"})),
        ),
        ("no issuer", token(json!({"iss": null}))),
        ("another audience", token(json!({"aud": "else"}))),
        ("no audience", token(json!({"aud": null}))),
        ("no user", token(json!({"sub": null}))),
        ("an empty user", token(json!({"sub": ""}))),
        ("a list as user", token(json!({"sub": ["74"]}))),
        ("a long user", token(json!({"sub": "x".repeat(256)}))),
        ("a long role", token(json!({"role": "x".repeat(256)}))),
        (
            "what must be understood",
            signed(&critical, json!({}), &private),
        ),
        ("no JWT", "a.b.c".into()),
        ("empty parts", "..".into()),
        ("four parts", format!("{fine}.{signature}")),
        ("much", token(json!({"x": "x".repeat(8_000)})) + "x"),
        ("very much", "x".repeat(20_000)),
    ] {
        let verify = server.get("/sessions/verify").bearer(&bad).send().await;
        assert_eq!(verify.status, 401, "{what}");
        verify.problem(401);
        let created = create(&server, &bad, &device()).send().await;
        assert_eq!(created.status, 401, "{what}");
    }
    // Most of these isn't even read.
    let huge = token(json!({"x": "x".repeat(750_000)}));
    for huge in [huge, "x".repeat(1 << 20)] {
        for request in [
            server.get("/sessions/verify").bearer(&huge),
            create(&server, &huge, &device()),
        ] {
            let answer = exchange(server.address, &request.bytes()).await;
            let answer = Response::parse(&answer);
            let known = "The credential is malformed, unknown, expired or revoked";
            assert_eq!(answer.problem(401), known);
        }
    }
    let list = server.get("/sessions/user/74").bearer(SERVICE_KEY);
    assert_eq!(list.send().await.problem(404), "User not found");
}

async fn a_proxy_is_told_whose_token_it_is<B: BackEnd>() {
    let (server, _b) = start::<B>(HS).await;
    let token = sign(json!({"sub": "u-74", "role": "editor"}));
    let verify = || server.get("/sessions/verify?role=editor").bearer(&token);
    let before = verify().send().await;
    assert_eq!(before.status, 200);
    assert_eq!(before.header("X-Session-User"), Some("u-74"));
    assert_eq!(before.header("X-Session-Role"), Some("editor"));
    assert_eq!(before.header("X-Session-Id"), Some(""));
    let created = create(&server, &token, &device()).send().await.expect(201);
    let after = verify().send().await;
    assert_eq!(after.header("X-Session-Id"), created["id"].as_str());
    let other = server.get("/sessions/verify?role=admin").bearer(&token);
    other.send().await.problem(403);
}

#[tokio::test]
async fn every_algorithm_of_a_key_is_taken() {
    let dir = TempDir::new().unwrap();
    let (rsa, p256, p384, ed) = (
        SigningKey::rsa(),
        SigningKey::ec("P-256"),
        SigningKey::ec("P-384"),
        SigningKey::ed25519(),
    );
    type Read = fn(&[u8]) -> jsonwebtoken::errors::Result<EncodingKey>;
    let (of_rsa, of_ec, of_ed): (Read, Read, Read) = (
        EncodingKey::from_rsa_pem,
        EncodingKey::from_ec_pem,
        EncodingKey::from_ed_pem,
    );
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    for (key, read, algorithms) in [
        (
            &rsa,
            of_rsa,
            &[RS256, RS384, RS512, PS256, PS384, PS512][..],
        ),
        (&p256, of_ec, &[ES256]),
        (&p384, of_ec, &[ES384]),
        (&ed, of_ed, &[EdDSA]),
    ] {
        let file = dir.path().join("public.pem");
        std::fs::write(&file, &key.public).unwrap();
        let flags = ["--jwt-public-key-file", file.to_str().unwrap()];
        let (server, _b) = start::<Memory>(&flags).await;
        let private = read(key.private.as_bytes()).unwrap();
        for algorithm in algorithms {
            let token = encode(&Header::new(*algorithm), &claims(json!({})), &private).unwrap();
            let verify = server.get("/sessions/verify").bearer(&token).send().await;
            assert_eq!(verify.status, 200, "{algorithm:?}");
        }
    }
    let (server, _b) = start::<Memory>(HS).await;
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let token = encode(&Header::new(algorithm), &claims(json!({})), &key).unwrap();
        let verify = server.get("/sessions/verify").bearer(&token).send().await;
        assert_eq!(verify.status, 200, "{algorithm:?}");
    }
}

/// A signature can be another one for the same token: that doesn't make it another token.
#[tokio::test]
async fn a_token_that_is_signed_anew_is_the_same() {
    let key = SigningKey::rsa();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("public.pem");
    std::fs::write(&file, &key.public).unwrap();
    let flags = ["--jwt-public-key-file", file.to_str().unwrap()];
    let (server, _b) = start::<Memory>(&flags).await;
    let private = EncodingKey::from_rsa_pem(key.private.as_bytes()).unwrap();
    let claims = claims(json!({"sid": null}));
    let header = Header::new(Algorithm::PS256);
    let tokens: Vec<_> = (0..2)
        .map(|_| encode(&header, &claims, &private).unwrap())
        .collect();
    assert_ne!(tokens[0], tokens[1]);
    create(&server, &tokens[0], &device())
        .send()
        .await
        .expect(201);
    let logout = server.delete("/sessions/logout").bearer(&tokens[0]);
    logout.send().await.expect(200);
    for token in &tokens {
        refused(&server, token).await;
    }
}

/// Not even in the moment in which it expires, and not after it.
#[tokio::test]
async fn a_token_that_is_over_stays_so_until_it_has_expired() {
    let (server, _redis) = start::<Redis>(HS).await;
    let exp = now() as f64 + 1.5;
    let tokens = [
        sign(json!({"sid": null, "exp": exp})),
        sign(json!({"exp": exp})),
    ];
    for token in &tokens {
        create(&server, token, &device()).send().await.expect(201);
        let logout = server.delete("/sessions/logout").bearer(token);
        logout.send().await.expect(200);
    }
    let end = UNIX_EPOCH + Duration::from_secs_f64(exp + 1.5);
    while SystemTime::now() < end {
        for token in &tokens {
            refused(&server, token).await;
        }
    }
}

#[tokio::test]
async fn an_outage_is_no_bad_token() {
    let fault = |method: &str| match method {
        "standing" => Some(Fault::Unavailable),
        _ => None,
    };
    let busy = |method: &str| (method == "standing").then_some(Fault::Conflict);
    let store = || MemoryStore::new(TestServer::config(HS)).unwrap();
    for store in [
        FaultyStore::new(store(), fault),
        FaultyStore::new(store(), busy),
    ] {
        let server = TestServer::start(store, HS).await;
        let verify = server.get("/sessions/verify").bearer(&sign(json!({})));
        verify.send().await.problem(503);
    }
}

/// Other tokens are signed by the same key.
#[tokio::test]
async fn only_access_tokens_are_taken() {
    let (server, _b) = start::<Memory>(HS).await;
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    for (kind, status) in [
        (None, 200),
        (Some("JWT"), 200),
        (Some("at+jwt"), 200),
        (Some("application/at+JWT"), 200),
        (Some("logout+jwt"), 401),
        (Some("dpop+jwt"), 401),
        (Some(""), 401),
    ] {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = kind.map(ToOwned::to_owned);
        let token = encode(&header, &claims(json!({})), &key).unwrap();
        let verify = server.get("/sessions/verify").bearer(&token).send().await;
        assert_eq!(verify.status, status, "{kind:?}");
    }
}

/// Two users whose ids a reader of numbers can't tell apart are nobody.
#[tokio::test]
async fn a_user_is_exact() {
    let (server, _b) = start::<Memory>(HS).await;
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let exp = now() + 900;
    for (sub, user) in [
        ("108234567890123456789", None),
        ("74.0", None),
        ("18446744073709551615", Some("18446744073709551615")),
        ("\"108234567890123456789\"", Some("108234567890123456789")),
    ] {
        let claims = format!("{{\"sub\": {sub}, \"exp\": {exp}}}");
        let claims: Box<RawValue> = RawValue::from_string(claims).unwrap();
        let token = encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
        let verify = server.get("/sessions/verify").bearer(&token).send().await;
        assert_eq!(verify.header("X-Session-User"), user, "{sub}");
    }
}

/// Several keys by name, which come and go while the server runs.
#[tokio::test]
async fn a_set_of_keys_is_read_again_when_it_changes() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("jwks.json");
    let (rsa, ed) = (SigningKey::rsa(), SigningKey::ed25519());
    let rsa = EncodingKey::from_rsa_pem(rsa.private.as_bytes()).unwrap();
    let ed = EncodingKey::from_ed_pem(ed.private.as_bytes()).unwrap();
    let write = |keys: &[(&str, &EncodingKey, Algorithm)]| {
        let named = |(name, key, algorithm): &(&str, &EncodingKey, Algorithm)| {
            let mut jwk = Jwk::from_encoding_key(key, *algorithm).unwrap();
            jwk.common.key_id = Some((*name).to_owned());
            jwk
        };
        let set = JwkSet {
            keys: keys.iter().map(named).collect(),
        };
        // As whoever replaces a file does, so that nobody reads half of it.
        let new = dir.path().join("new");
        std::fs::write(&new, serde_json::to_vec(&set).unwrap()).unwrap();
        std::fs::rename(&new, &file).unwrap();
    };
    let token = |name: Option<&str>, key: &EncodingKey, algorithm| {
        let mut header = Header::new(algorithm);
        header.kid = name.map(ToOwned::to_owned);
        encode(&header, &claims(json!({})), key).unwrap()
    };
    write(&[
        ("one", &rsa, Algorithm::RS256),
        ("two", &ed, Algorithm::EdDSA),
    ]);
    let (server, _b) = start::<Memory>(&["--jwt-jwks-file", file.to_str().unwrap()]).await;
    let status = async |token: &str| {
        let verify = server.get("/sessions/verify").bearer(token);
        verify.send().await.status
    };
    assert_eq!(
        status(&token(Some("one"), &rsa, Algorithm::RS256)).await,
        200
    );
    assert_eq!(
        status(&token(Some("two"), &ed, Algorithm::EdDSA)).await,
        200
    );
    // The set says for which algorithm a key is.
    assert_eq!(
        status(&token(Some("one"), &rsa, Algorithm::PS256)).await,
        401
    );
    assert_eq!(
        status(&token(Some("three"), &rsa, Algorithm::RS256)).await,
        401
    );
    assert_eq!(
        status(&token(Some("two"), &rsa, Algorithm::RS256)).await,
        401
    );
    assert_eq!(status(&token(None, &rsa, Algorithm::RS256)).await, 401);

    write(&[("three", &rsa, Algorithm::RS256)]);
    let three = token(Some("three"), &rsa, Algorithm::RS256);
    let read = async { while status(&three).await != 200 {} };
    timeout(HANG, read).await.unwrap();
    // Where there is one key, a token need not name it.
    assert_eq!(status(&token(None, &rsa, Algorithm::RS256)).await, 200);
    assert_eq!(
        status(&token(Some("one"), &rsa, Algorithm::RS256)).await,
        401
    );
    write(&[("four", &ed, Algorithm::EdDSA)]);
    let four = token(Some("four"), &ed, Algorithm::EdDSA);
    let read = async { while status(&four).await != 200 {} };
    timeout(HANG, read).await.unwrap();
}

#[tokio::test]
async fn creations_by_tokens_are_counted_by_where_they_come_from() {
    let flags = [HS, &["--create-rate-per-address", "2/1h"]].concat();
    let (server, _b) = start::<Memory>(&flags).await;
    for sid in ["1", "2"] {
        let token = sign(json!({"sid": sid}));
        create(&server, &token, &device()).send().await.expect(201);
        // Clients call it twice.
        create(&server, &token, &device()).send().await.expect(200);
    }
    let third = create(&server, &sign(json!({"sid": "3"})), &device());
    let refused = third.send().await;
    refused.problem(429);
    assert!(refused.header("Retry-After").is_some());
}

/// Whoever ends a session ends its token everywhere, and a server that starts later knows.
#[tokio::test]
async fn a_token_is_over_on_every_server() {
    let (one, redis) = start::<Redis>(HS).await;
    let token = sign(json!({}));
    create(&one, &token, &device()).send().await.expect(201);
    let other = TestServer::start(redis.store(TestServer::config(HS)).await, HS).await;
    assert_eq!(other.ids("/sessions/my-sessions", &token).await.len(), 1);
    let logout = other.delete("/sessions/logout").bearer(&token);
    logout.send().await.expect(200);
    let later = TestServer::start(redis.store(TestServer::config(HS)).await, HS).await;
    for server in [&one, &other, &later] {
        refused(server, &token).await;
    }
}
