//! Settings, as an operator meets them: through the built server.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use session_test::{RedisServer, SigningKey};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::ServerProcess;

const KEY: &str = "0123456789abcdef0123456789abcdef";

async fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[tokio::test]
async fn help_lists_every_setting_and_no_secret() {
    let mut command = ServerProcess::command();
    command
        .arg("--help")
        .env("SERVICE_KEYS", format!("web:{KEY}"));
    command
        .env("JWT_SECRET", KEY)
        .env("TOKEN_PEPPER", KEY)
        .env("REDIS_URL", format!("redis://:{KEY}@host"));
    let (code, help, _) = output(&mut command).await;
    assert_eq!(code, Some(0));
    for (variable, default) in [
        ("LISTEN_ADDR", "127.0.0.1:8080"),
        ("METRICS_ADDR", ""),
        ("REDIS_URL", ""),
        ("REDIS_PREFIX", "sess"),
        ("STORE_DEADLINE_MS", "1000"),
        ("NEAR_CACHE_MEGABYTES", "0"),
        ("NEAR_CACHE_STALENESS_MS", "1000"),
        ("SERVICE_KEYS", ""),
        ("JWT_SECRET", ""),
        ("JWT_SECRET_FILE", ""),
        ("JWT_PUBLIC_KEY_FILE", ""),
        ("JWT_JWKS_FILE", ""),
        ("JWT_USER_CLAIM", "sub"),
        ("JWT_USERNAME_CLAIM", "preferred_username"),
        ("JWT_ROLE_CLAIM", "role"),
        ("JWT_SESSION_CLAIM", "sid"),
        ("JWT_ISSUER", ""),
        ("JWT_AUDIENCE", ""),
        ("JWT_LEEWAY_SECONDS", "30"),
        ("JWT_RENEWABLE_DAYS", "30"),
        ("SESSION_COOKIE", "false"),
        ("SESSION_COOKIE_NAME", "__Host-session"),
        ("SESSION_COOKIE_SAME_SITE", "lax"),
        ("CLEAR_SITE_DATA", "false"),
        ("CORS_ORIGINS", ""),
        ("CORS_CREDENTIALS", "false"),
        ("TRUSTED_PROXIES", ""),
        ("FORWARDING_HEADER", "x-forwarded-for"),
        ("SERVICE_KEYS_FILE", ""),
        ("ADMIN_ROLES", "admin"),
        ("MAX_SESSIONS_PER_USER", "3"),
        ("LIMIT_POLICY", "evict-oldest"),
        ("SESSION_TIMEOUT_HOURS", "720"),
        ("IDLE_TIMEOUT_HOURS", "0"),
        ("TOUCH_INTERVAL_SECONDS", "60"),
        ("HISTORY_RETENTION_DAYS", "30"),
        ("REQUIRE_DEVICE_FINGERPRINT", "true"),
        ("FINGERPRINT_CHANGE", "flag"),
        ("TOKEN_PEPPER", ""),
        ("TOKEN_PEPPER_FILE", ""),
        ("SHUTDOWN_TIMEOUT_SECONDS", "30"),
        ("CREATE_RATE_PER_USER", "60/1m"),
        ("CREATE_RATE_PER_ADDRESS", "600/1m"),
        ("MAX_CONNECTIONS", "10000"),
        ("REQUEST_TIMEOUT_SECONDS", "30"),
        ("HEADER_TIMEOUT_SECONDS", "10"),
        ("LOG_FORMAT", "text"),
        ("LOG_LEVEL", "info"),
    ] {
        let flag = variable.to_ascii_lowercase().replace('_', "-");
        let start = help.find(&format!("--{flag} <")).expect(variable);
        let after = help[start + 2..].find("\n      --");
        let end = after.map_or(help.len(), |end| start + 2 + end);
        let entry = &help[start..end];
        assert!(entry.contains(&format!("[env: {variable}")), "{entry}");
        if !default.is_empty() {
            assert!(entry.contains(&format!("[default: {default}]")), "{entry}");
        }
    }
    assert!(!help.contains(KEY), "{help}");
}

#[tokio::test]
async fn a_bad_setting_is_named_in_one_line() {
    let all = format!("web:{KEY},web:{KEY}");
    for (variable, value, hint) in [
        ("LISTEN_ADDR", "nowhere", "address and a port"),
        ("METRICS_ADDR", "9090", "address and a port"),
        ("MAX_SESSIONS_PER_USER", "many", "invalid digit"),
        ("MAX_SESSIONS_PER_USER", "-1", "invalid"),
        ("MAX_SESSIONS_PER_USER", "10001", "0 is no limit"),
        ("LIMIT_POLICY", "evict", "evict-oldest"),
        ("SESSION_TIMEOUT_HOURS", "soon", "not a number"),
        ("SESSION_TIMEOUT_HOURS", "0", "at least"),
        ("SESSION_TIMEOUT_HOURS", "1000000000", "at most"),
        ("IDLE_TIMEOUT_HOURS", "-1", "not a number"),
        ("HISTORY_RETENTION_DAYS", "NaN", "not a number"),
        ("REQUIRE_DEVICE_FINGERPRINT", "maybe", "invalid value"),
        ("TOKEN_PEPPER", "short", "at least"),
        ("TOKEN_PEPPER_FILE", "/nowhere", "/nowhere"),
        ("SERVICE_KEYS", KEY, "name:key"),
        ("SERVICE_KEYS", "web:short", "32 characters"),
        ("SERVICE_KEYS", all.as_str(), "taken already"),
        ("SERVICE_KEYS_FILE", "/nowhere", "/nowhere"),
        ("JWT_SECRET", &KEY[1..], "32 bytes"),
        ("JWT_SECRET_FILE", "/nowhere", "/nowhere"),
        ("JWT_PUBLIC_KEY_FILE", "/nowhere", "/nowhere"),
        ("JWT_JWKS_FILE", "/nowhere", "/nowhere"),
        ("JWT_LEEWAY_SECONDS", "-1", "not a number"),
        ("JWT_LEEWAY_SECONDS", "3601", "at most 3600"),
        ("JWT_RENEWABLE_DAYS", "4000", "at most 3660"),
        ("STORE_DEADLINE_MS", "0", "more than 0"),
        ("NEAR_CACHE_MEGABYTES", "many", "invalid digit"),
        ("NEAR_CACHE_MEGABYTES", "1", "REDIS_URL"),
        ("NEAR_CACHE_STALENESS_MS", "0", "more than 0"),
        ("SESSION_COOKIE_NAME", "a=b", "must be made of"),
        ("SESSION_COOKIE_SAME_SITE", "some", "strict"),
        ("CORS_ORIGINS", "app.example.com", "https://app.example.com"),
        ("CORS_CREDENTIALS", "maybe", "invalid value"),
        ("TRUSTED_PROXIES", "proxy.internal", "10.0.0.0/8"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "the network is 10.0.0.0/8"),
        ("FORWARDING_HEADER", "x-real-ip", "x-forwarded-for"),
        ("CREATE_RATE_PER_USER", "many", "60/1m"),
        ("CREATE_RATE_PER_ADDRESS", "60/1", "60/1m"),
        ("MAX_CONNECTIONS", "0", "between 1"),
        ("REQUEST_TIMEOUT_SECONDS", "0", "more than 0"),
        ("HEADER_TIMEOUT_SECONDS", "x", "not a number"),
        ("LOG_FORMAT", "xml", "json"),
        ("LOG_LEVEL", "loud", "debug"),
    ] {
        let mut command = ServerProcess::command();
        let (code, stdout, stderr) = output(command.env(variable, value)).await;
        assert_eq!(
            (code, stdout.as_str()),
            (Some(2), ""),
            "{variable}: {stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(variable), "{stderr}");
        assert!(stderr.contains(hint), "{stderr}");
        assert!(!stderr.contains(KEY), "{stderr}");
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("key");
    let SigningKey { private, public } = SigningKey::ed25519();
    let weak = SigningKey::rsa_of(1024).public;
    for (variable, text, hint) in [
        ("JWT_SECRET_FILE", "short", "32 bytes"),
        ("JWT_PUBLIC_KEY_FILE", "no key", "BEGIN PUBLIC KEY"),
        ("JWT_PUBLIC_KEY_FILE", &private, "BEGIN PUBLIC KEY"),
        ("JWT_SECRET_FILE", &public, "JWT_PUBLIC_KEY_FILE"),
        ("JWT_PUBLIC_KEY_FILE", &weak, "2,048 bits"),
        ("JWT_JWKS_FILE", "{", "line 1"),
        ("JWT_JWKS_FILE", r#"{"keys": ["PRIVATE"]}"#, "line 1"),
        (
            "JWT_JWKS_FILE",
            r#"{"keys": [{"kty": "oct", "kid": "e", "k": ""}]}"#,
            "no key",
        ),
        (
            "JWT_JWKS_FILE",
            r#"{"keys": [{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "key_ops": ["sign"]}]}"#,
            "no key",
        ),
        ("JWT_JWKS_FILE", r#"{"keys": []}"#, "no key"),
        (
            "JWT_JWKS_FILE",
            r#"{"keys": [{"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}]}"#,
            "no key",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let mut command = ServerProcess::command();
        let (code, stdout, stderr) = output(command.env(variable, &file)).await;
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(
            stderr.contains(variable) && stderr.contains(hint),
            "{stderr}"
        );
        assert!(!stderr.contains("PRIVATE"), "{stderr}");
    }
    std::fs::write(&file, KEY).unwrap();
    let mut command = ServerProcess::command();
    command.env("JWT_SECRET", KEY).env("JWT_SECRET_FILE", &file);
    let (code, _, stderr) = output(&mut command).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("there can be only one"), "{stderr}");
}

/// With access tokens there is somebody who may create sessions.
#[tokio::test]
async fn a_key_of_access_tokens_is_a_credential() {
    let redis = RedisServer::start();
    for url in ["", &redis.url()] {
        let mut command = ServerProcess::command();
        command.env("REDIS_URL", url).env("JWT_SECRET", KEY);
        let mut server = ServerProcess::start(&mut command);
        server.address().await;
        server.signal("TERM").await;
        let (code, rest) = server.end().await;
        assert_eq!(code, Some(0), "{rest}");
        assert!(!rest.contains("made up"), "{rest}");
    }
}

/// Every page of the web could act as whoever visits it.
#[tokio::test]
async fn every_origin_with_credentials_is_refused() {
    for origins in ["*", "https://app.example.com,*"] {
        let mut command = ServerProcess::command();
        command.env("CORS_ORIGINS", origins);
        let (code, stdout, stderr) = output(command.env("CORS_CREDENTIALS", "true")).await;
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains("CORS_ORIGINS"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[tokio::test]
async fn help_fits_an_ordinary_terminal() {
    for flag in ["--help", "-h", "--version"] {
        let (code, help, _) = output(ServerProcess::command().arg(flag)).await;
        assert_eq!(code, Some(0));
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[tokio::test]
async fn an_empty_variable_counts_as_not_set() {
    let (_, help, _) = output(ServerProcess::command().arg("--help")).await;
    let variables = help.split("[env: ").skip(1);
    let variables = variables.filter_map(|text| text.split([']', '=']).next());
    let mut command = ServerProcess::command();
    let mut count = 0;
    for variable in variables {
        command.env(variable, "");
        count += 1;
    }
    assert!(count > 20, "{help}");
    let mut server = ServerProcess::start(&mut command);
    server.address().await;
    server.stderr_line("made up for this run").await;
}

#[tokio::test]
async fn a_touch_interval_fits_the_idle_timeout() {
    let mut command = ServerProcess::command();
    let (code, _, stderr) = output(command.env("IDLE_TIMEOUT_HOURS", "0.01")).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("TOUCH_INTERVAL_SECONDS"), "{stderr}");
    assert!(stderr.contains("half of IDLE_TIMEOUT_HOURS"), "{stderr}");
}

#[tokio::test]
async fn a_variable_that_is_not_utf8_is_named() {
    let mut command = ServerProcess::command();
    let bad = OsStr::from_bytes(b"web:\xff");
    let (code, _, stderr) = output(command.env("SERVICE_KEYS", bad)).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("SERVICE_KEYS"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[tokio::test]
async fn a_prefix_that_redis_keys_cannot_have_is_refused() {
    let mut command = ServerProcess::command();
    command.env("SERVICE_KEYS", format!("web:{KEY}"));
    command.env("REDIS_URL", "redis://127.0.0.1:1");
    let (code, stdout, stderr) = output(command.env("REDIS_PREFIX", "a{b}")).await;
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("REDIS_PREFIX"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[tokio::test]
async fn an_unknown_flag_is_refused() {
    let (code, _, stderr) = output(ServerProcess::command().arg("--redis-uri=x")).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("--redis-uri"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[tokio::test]
async fn a_redis_without_a_credential_is_refused() {
    let mut command = ServerProcess::command();
    let (code, _, stderr) = output(command.env("REDIS_URL", "redis://127.0.0.1:1")).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("SERVICE_KEYS"), "{stderr}");
    assert!(stderr.contains("SERVICE_KEYS_FILE"), "{stderr}");
}
