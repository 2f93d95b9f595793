//! What Traefik does with `forwardAuth`. No package registry has its binary, so this is written after
//! its source: `pkg/middlewares/auth/forward.go` of v3, with `trustForwardHeader: false`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use super::Proxy;
use crate::support::{Response, exchange, readme_configuration};

/// Knows of Traefik's configuration what the README's has, and nothing else; of requests, those
/// without a body.
pub(super) struct LikeTraefik {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Proxy for LikeTraefik {
    async fn start(server: SocketAddr, service: SocketAddr) -> Self {
        let block = readme_configuration("yaml", server, service, None);
        let file: File = serde_saphyr::from_str(&block).unwrap();
        let http = Arc::new(file.http);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            loop {
                let (stream, client) = listener.accept().await.unwrap();
                let http = Arc::clone(&http);
                tokio::spawn(async move { http.serve(stream, client).await });
            }
        });
        Self {
            address,
            _serving: serving,
        }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    http: Http,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    routers: HashMap<String, Router>,
    middlewares: HashMap<String, Middleware>,
    services: HashMap<String, Backend>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Router {
    rule: String,
    service: String,
    #[serde(default)]
    middlewares: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Middleware {
    forward_auth: ForwardAuth,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ForwardAuth {
    address: Url,
    auth_response_headers: Vec<String>,
    trust_forward_header: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Backend {
    load_balancer: LoadBalancer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadBalancer {
    servers: Vec<Server>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    url: Url,
}

impl Http {
    async fn serve(&self, mut stream: TcpStream, client: SocketAddr) {
        let mut request = Head::read(&mut stream).await;
        let router = self.router(request.target());
        for name in &router.middlewares {
            let auth = &self.middlewares[name].forward_auth;
            let answer = auth.ask(&request, client).await;
            let response = Response::parse(&answer);
            if !(200..300).contains(&response.status) {
                stream.write_all(&answer).await.unwrap();
                return;
            }
            request.take_over(&auth.auth_response_headers, &Head::of(&response.head));
        }
        let [server] = &self.services[&router.service].load_balancer.servers[..] else {
            panic!("which server?");
        };
        request.remove("connection");
        let answer = exchange(address(&server.url), &request.bytes()).await;
        stream.write_all(&answer).await.unwrap();
    }

    /// The longest rule goes first.
    fn router(&self, target: &str) -> &Router {
        let prefix = |router: &Router| {
            let prefix = router.rule.strip_prefix("PathPrefix(`");
            prefix
                .and_then(|prefix| prefix.strip_suffix("`)"))
                .unwrap()
                .to_owned()
        };
        let matching = self.routers.values();
        let matching = matching.filter(|router| target.starts_with(&prefix(router)));
        matching.max_by_key(|router| router.rule.len()).unwrap()
    }
}

impl ForwardAuth {
    async fn ask(&self, request: &Head, client: SocketAddr) -> Vec<u8> {
        assert!(!self.trust_forward_header);
        let mut words = request.first.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let (server, query) = (address(&self.address), self.address.query());
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut asked = Head {
            first: format!("GET {}{query} HTTP/1.1", self.address.path()),
            fields: request.fields.clone(),
        };
        asked
            .fields
            .retain(|(name, _)| !name.starts_with("x-forwarded-"));
        for (name, value) in [
            ("x-forwarded-for", client.ip().to_string()),
            ("x-forwarded-method", method.to_owned()),
            ("x-forwarded-proto", "http".to_owned()),
            ("x-forwarded-port", "80".to_owned()),
            ("x-forwarded-host", request.values("host").concat()),
            ("x-forwarded-uri", target.to_owned()),
        ] {
            asked.fields.push((name.to_owned(), value));
        }
        for hop in [
            "connection",
            "keep-alive",
            "te",
            "trailers",
            "upgrade",
            "host",
        ] {
            asked.remove(hop);
        }
        asked.fields.push(("host".to_owned(), server.to_string()));
        exchange(server, &asked.bytes()).await
    }
}

/// The first line of a request or a response, and its fields with their names in lower case.
struct Head {
    first: String,
    fields: Vec<(String, String)>,
}

impl Head {
    async fn read(stream: &mut TcpStream) -> Self {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            stream.read_line(&mut head).await.unwrap();
        }
        Self::of(&head)
    }

    fn of(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap().to_owned();
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields =
            fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Self {
            first,
            fields: fields.collect(),
        }
    }

    fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap()
    }

    fn values(&self, name: &str) -> Vec<String> {
        let same = self.fields.iter().filter(|(other, _)| other == name);
        same.map(|(_, value)| value.clone()).collect()
    }

    fn remove(&mut self, name: &str) {
        self.fields.retain(|(other, _)| other != name);
    }

    /// Whatever was sent under these names is gone; what the answer has comes in its place.
    fn take_over(&mut self, names: &[String], answer: &Self) {
        for name in names {
            let name = name.to_ascii_lowercase();
            self.remove(&name);
            for value in answer.values(&name) {
                self.fields.push((name.clone(), value));
            }
        }
    }

    /// As the last request of a connection.
    fn bytes(&self) -> Vec<u8> {
        let fields = self.fields.iter();
        let fields = fields.map(|(name, value)| format!("{name}: {value}\r\n"));
        let fields: String = fields.collect();
        format!("{}\r\n{fields}connection: close\r\n\r\n", self.first).into_bytes()
    }
}

fn address(url: &Url) -> SocketAddr {
    url.socket_addrs(|| None).unwrap()[0]
}
