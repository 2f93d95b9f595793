//! The README's nginx configuration, in a real nginx between clients and a service.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;
use session_test::ensure_program;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use crate::support::{
    BackEnd, Request, Response, Service, free_address, on_every_back_end, read_to_end,
    readme_configuration, start,
};

/// Where Debian has it; not everyone's `PATH` leads there.
const NGINX: &str = "/usr/sbin/nginx";

on_every_back_end!(
    only_who_is_logged_in_passes,
    a_client_cannot_smuggle_the_headers_in,
    a_revoked_session_stops_at_the_next_request,
    a_role_can_be_demanded,
    the_clients_address_is_what_nginx_saw,
    a_cookie_works_for_this_sites_pages_alone,
    while_nobody_can_tell_nobody_passes,
);

async fn only_who_is_logged_in_passes<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let service = Service::start().await;
    let nginx = Nginx::start(server.address, service.address);
    for nobody in [nginx.get("/"), nginx.get("/").bearer("nonsense")] {
        assert_eq!(nobody.send().await.status, 401);
    }
    assert_eq!(service.calls(), 0);

    let role = json!({"role": "editor"});
    let login = server.log_in_with("u-74", role).await;
    let post = Request::new(nginx.address, "POST", "/orders?id=1").undescribed();
    let post = post.bearer(&login.token).body("a body");
    let passed = post.send().await;
    assert_eq!(passed.status, 200);
    let told = passed.told();
    assert!(told.starts_with("POST /orders?id=1 "), "{told}");
    assert!(told.contains("X-Session-User: u-74\r\n"), "{told}");
    let id = format!("X-Session-Id: {}\r\n", login.id);
    assert!(told.contains(&id), "{told}");
    assert!(told.contains("X-Session-Role: editor\r\n"), "{told}");
}

async fn a_client_cannot_smuggle_the_headers_in<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let service = Service::start().await;
    let nginx = Nginx::start(server.address, service.address);
    let login = server.log_in("u-74").await;
    let get = nginx.get("/").bearer(&login.token);
    let get = get
        .header("X-Session-User", "root")
        .header("x-session-id", "another")
        .header("X-Session-Role", "admin")
        .header("X-SESSION-ROLE", "admin")
        .header("X_Session_Role", "admin");
    let passed = get.send().await;
    let told = passed.told().to_ascii_lowercase();
    assert!(told.contains("x-session-user: u-74\r\n"), "{told}");
    for smuggled in ["root", "another", "admin"] {
        assert!(!told.contains(smuggled), "{told}");
    }
    let refused = nginx.get("/").header("X-Session-User", "root").send();
    assert_eq!(refused.await.status, 401);
    assert_eq!(service.calls(), 1);
}

async fn a_revoked_session_stops_at_the_next_request<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let service = Service::start().await;
    let nginx = Nginx::start(server.address, service.address);
    let login = server.log_in("u-74").await;
    let get = nginx.get("/").bearer(&login.token);
    assert_eq!(get.send().await.status, 200);
    let logout = Request::new(nginx.address, "DELETE", "/sessions/logout").undescribed();
    logout.bearer(&login.token).send().await.expect(200);
    assert_eq!(get.send().await.status, 401);
    assert_eq!(service.calls(), 1);
}

async fn a_role_can_be_demanded<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let service = Service::start().await;
    let nginx = Nginx::start(server.address, service.address);
    for (role, status) in [("admin", 200), ("editor", 403)] {
        let login = server.log_in_with(role, json!({"role": role})).await;
        let get = nginx.get("/back-office/").bearer(&login.token);
        assert_eq!(get.send().await.status, status, "{role}");
    }
    let nobody = nginx.get("/back-office/").send().await;
    assert_eq!(nobody.status, 401);
}

async fn the_clients_address_is_what_nginx_saw<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--trusted-proxies", "127.0.0.1"]).await;
    let service = Service::start().await;
    let nginx = Nginx::start(server.address, service.address);
    let login = server.log_in("u-74").await;
    let create = Request::new(nginx.address, "POST", "/sessions/create");
    let create = create
        .bearer(&login.token)
        .header("X-Forwarded-For", "192.0.2.66")
        .json(&json!({"device_fingerprint": "here", "ip_address": "unknown"}));
    // All of 127.0.0.0/8 is this machine: to nginx it is another address.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut stream = socket.connect(nginx.address).await.unwrap();
    stream.write_all(&create.bytes()).await.unwrap();
    let response = Response::parse(&read_to_end(stream).await);
    assert_eq!(response.expect(200)["ip_address"], "127.0.0.2");
}

async fn a_cookie_works_for_this_sites_pages_alone<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--session-cookie", "true"]).await;
    let service = Service::start().await;
    let nginx = Nginx::start(server.address, service.address);
    let login = server.log_in_admin("u-74").await;
    let cookie = format!("__Host-session={}", login.token);
    let here = format!("http://{}", nginx.address);
    for path in ["/orders", "/back-office/", "/sessions/update-activity"] {
        for (header, passes) in [
            // What a browser sends that doesn't know the first of them.
            (("Origin", here.as_str()), true),
            (("Origin", "https://evil.example"), false),
            (("Sec-Fetch-Site", "same-origin"), true),
            (("Sec-Fetch-Site", "cross-site"), false),
        ] {
            let post = Request::new(nginx.address, "POST", path).undescribed();
            let post = post.header("Cookie", &cookie);
            let response = post.header(header.0, header.1).send().await;
            assert_eq!(
                response.status == 200,
                passes,
                "{path} {header:?}: {response:?}"
            );
        }
    }
}

async fn while_nobody_can_tell_nobody_passes<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let service = Service::start().await;
    let nginx = Nginx::start(server.address, service.address);
    let login = server.log_in("u-74").await;
    server.stop().await.unwrap();
    let get = nginx.get("/").bearer(&login.token);
    assert_eq!(get.send().await.status, 500);
    assert_eq!(service.calls(), 0);
}

/// A real nginx with the README's configuration, in a temporary directory. Ends with the value.
struct Nginx {
    address: SocketAddr,
    dir: TempDir,
}

impl Nginx {
    fn start(server: SocketAddr, service: SocketAddr) -> Self {
        ensure_program(NGINX, "nginx");
        loop {
            let address = free_address();
            let listen = ("listen 80;", format!("listen {address};"));
            let block = readme_configuration("nginx", server, service, Some(listen));
            let dir = TempDir::new().unwrap();
            let at = dir.path().display();
            let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|what| format!("{what}_temp_path {at}/{what};\n"))
                .concat();
            let configuration = format!(
                "pid {at}/pid;\nerror_log {at}/error.log;\nworker_processes 1;\nevents {{}}\n\
                 http {{\naccess_log off;\n{temporary}{block}}}\n"
            );
            let file = dir.path().join("nginx.conf");
            fs::write(&file, configuration).unwrap();
            // Answers once it listens, and goes on in the background.
            let started = Command::new(NGINX).arg("-c").arg(&file).output().unwrap();
            if started.status.success() {
                return Self { address, dir };
            }
            let why = String::from_utf8_lossy(&started.stderr);
            assert!(why.contains("Address already in use"), "{why}");
        }
    }

    fn get(&self, path: &str) -> Request {
        Request::new(self.address, "GET", path).undescribed()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let configuration = self.dir.path().join("nginx.conf");
        let stop = Command::new(NGINX)
            .args(["-s", "stop", "-c"])
            .arg(configuration)
            .status();
        // A test that has failed already says so itself.
        assert!(
            std::thread::panicking() || stop.is_ok_and(|status| status.success()),
            "nginx doesn't stop"
        );
    }
}
