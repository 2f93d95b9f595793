//! The README's configurations of proxies that ask whether a request may pass, between clients and a
//! service. What nginx does besides is in `nginx.rs`.

mod caddy;
mod traefik;

use std::net::SocketAddr;

use serde_json::json;

use crate::support::{Memory, Request, Service, start};

use caddy::Caddy;
use traefik::LikeTraefik;

trait Proxy: Sized {
    /// Stands in front of both, configured as the README says. Ends with the value.
    async fn start(server: SocketAddr, service: SocketAddr) -> Self;

    fn address(&self) -> SocketAddr;

    fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address(), method, path).undescribed()
    }

    fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }
}

macro_rules! behind {
    ($module:ident: $proxy:ident; $($test:ident)*) => {
        mod $module {
            $(#[tokio::test]
            async fn $test() {
                super::$test::<super::$proxy>().await;
            })*
        }
    };
    ($($module:ident: $proxy:ident),*) => {
        $(behind! {
            $module: $proxy;
            only_who_is_logged_in_passes_and_nobody_smuggles
            a_role_can_be_demanded_and_a_forgery_stops
            a_credential_that_is_too_long_is_not_good
        })*
    };
}
behind!(behind_caddy: Caddy, behind_traefik: LikeTraefik);

async fn only_who_is_logged_in_passes_and_nobody_smuggles<P: Proxy>() {
    let (server, _b) = start::<Memory>(&[]).await;
    let service = Service::start().await;
    let proxy = P::start(server.address, service.address).await;
    for nobody in [proxy.get("/"), proxy.get("/").bearer("nonsense")] {
        let nobody = nobody.header("X-Session-User", "root");
        assert_eq!(nobody.send().await.status, 401);
    }
    assert_eq!(service.calls(), 0);

    let login = server.log_in("u-74").await;
    let get = proxy.get("/orders?id=1").bearer(&login.token);
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

    let logout = proxy.request("DELETE", "/sessions/logout");
    logout.bearer(&login.token).send().await.expect(200);
    assert_eq!(get.send().await.status, 401);
    assert_eq!(service.calls(), 1);
}

async fn a_role_can_be_demanded_and_a_forgery_stops<P: Proxy>() {
    let (server, _b) = start::<Memory>(&["--session-cookie", "true"]).await;
    let service = Service::start().await;
    let proxy = P::start(server.address, service.address).await;
    for (role, status) in [("admin", 200), ("editor", 403)] {
        let login = server.log_in_with(role, json!({"role": role})).await;
        let get = proxy.get("/back-office/").bearer(&login.token);
        assert_eq!(get.send().await.status, status, "{role}");
    }
    let login = server.log_in("u-74").await;
    let cookie = format!("__Host-session={}", login.token);
    for (site, status) in [("same-origin", 200), ("cross-site", 403)] {
        let post = proxy.request("POST", "/orders").header("Cookie", &cookie);
        let post = post.header("Sec-Fetch-Site", site);
        assert_eq!(post.send().await.status, status, "{site}");
    }
}

async fn a_credential_that_is_too_long_is_not_good<P: Proxy>() {
    let (server, _b) = start::<Memory>(&[]).await;
    let service = Service::start().await;
    let proxy = P::start(server.address, service.address).await;
    for (length, behind) in [(20_000, 0), (20_000, 15_000), (48_000, 1_000), (100_000, 0)] {
        let get = proxy.get("/").bearer(&"x".repeat(length));
        let get = get.header("X-Behind", &"y".repeat(behind));
        assert_eq!(get.send().await.status, 401, "{length} {behind}");
    }
    assert_eq!(service.calls(), 0);
}
