//! The README's Caddy configuration, in a real Caddy between clients and a service.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use session_test::ensure_program;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::{Memory, Request, Service, free_address, readme_block, start};

#[tokio::test]
async fn only_who_is_logged_in_passes_and_nobody_smuggles() {
    let (server, _b) = start::<Memory>(&[]).await;
    let service = Service::start().await;
    let caddy = Caddy::start(server.address, service.address).await;
    for nobody in [caddy.get("/"), caddy.get("/").bearer("nonsense")] {
        let nobody = nobody.header("X-Session-User", "root");
        assert_eq!(nobody.send().await.status, 401);
    }
    assert_eq!(service.calls(), 0);

    let login = server.log_in("u-74").await;
    let get = caddy.get("/orders?id=1").bearer(&login.token);
    let get = get
        .header("X-Session-User", "root")
        .header("x-session-id", "another")
        .header("X-Session-Role", "admin");
    let passed = get.clone().send().await;
    assert_eq!(passed.status, 200);
    let told = passed.told().to_ascii_lowercase();
    assert!(told.starts_with("get /orders?id=1 "), "{told}");
    assert!(told.contains("x-session-user: u-74\r\n"), "{told}");
    for smuggled in ["root", "another", "admin"] {
        assert!(!told.contains(smuggled), "{told}");
    }

    let logout = caddy.request("DELETE", "/sessions/logout");
    logout.bearer(&login.token).send().await.expect(200);
    assert_eq!(get.send().await.status, 401);
    assert_eq!(service.calls(), 1);
}

#[tokio::test]
async fn a_role_can_be_demanded_and_a_forgery_stops() {
    let (server, _b) = start::<Memory>(&["--session-cookie", "true"]).await;
    let service = Service::start().await;
    let caddy = Caddy::start(server.address, service.address).await;
    for (role, status) in [("admin", 200), ("editor", 403)] {
        let login = server.log_in_with(role, json!({"role": role})).await;
        let get = caddy.get("/back-office/").bearer(&login.token);
        assert_eq!(get.send().await.status, status, "{role}");
    }
    let login = server.log_in("u-74").await;
    let cookie = format!("__Host-session={}", login.token);
    for (site, status) in [("same-origin", 200), ("cross-site", 403)] {
        let post = caddy.request("POST", "/orders").header("Cookie", &cookie);
        let post = post.header("Sec-Fetch-Site", site);
        assert_eq!(post.send().await.status, status, "{site}");
    }
}

/// A real Caddy with the README's configuration, in a temporary directory. Ends with the value.
struct Caddy {
    address: SocketAddr,
    child: Child,
    _dir: TempDir,
}

impl Caddy {
    async fn start(server: SocketAddr, service: SocketAddr) -> Self {
        ensure_program("caddy", "caddy");
        let block = readme_block("caddyfile");
        loop {
            let address = free_address();
            let mut block = block.clone();
            for (there, here) in [
                (":80 {", format!("http://{address} {{")),
                ("127.0.0.1:8080", server.to_string()),
                ("127.0.0.1:3000", service.to_string()),
            ] {
                assert!(block.contains(there), "{block}");
                block = block.replace(there, &here);
            }
            let dir = TempDir::new().unwrap();
            let file = dir.path().join("Caddyfile");
            // Nothing of it listens anywhere else.
            let global = "{\n\tadmin off\n}\n";
            fs::write(&file, format!("{global}{block}")).unwrap();
            let mut child = Command::new("caddy")
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(&file)
                .env("HOME", dir.path())
                .env("XDG_DATA_HOME", dir.path())
                .env("XDG_CONFIG_HOME", dir.path())
                .stdout(Stdio::null())
                .stderr(fs::File::create(dir.path().join("log")).unwrap())
                .spawn()
                .unwrap();
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(address).await.is_ok() {
                    return Self {
                        address,
                        child,
                        _dir: dir,
                    };
                }
                tokio::task::yield_now().await;
            }
            // Somebody else may have taken the port meanwhile; nothing else ends it.
            let log = fs::read_to_string(dir.path().join("log")).unwrap();
            assert!(log.contains("address already in use"), "{log}");
        }
    }

    fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path).undescribed()
    }

    fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
