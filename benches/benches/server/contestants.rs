//! Who takes part: the servers, the sessions in them, and what each is asked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use session_benches::Outcome;

use crate::client::{Client, request};
use crate::process::Server;
use crate::wrk;

/// What all others are held against.
pub(crate) const BARE_HYPER: &str = "bare hyper";

const USERS: usize = 1000;
const SESSIONS_OF_A_USER: usize = 3;
const SERVICE_KEY: &str = "bench-service-key-0123456789abcdef";

/// One server under one kind of request.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) name: String,
    /// Which of the servers.
    pub(crate) server: usize,
    /// The file with the requests.
    pub(crate) requests: PathBuf,
}

/// All servers, each a process, and what they are asked.
#[derive(Debug, Default)]
pub(crate) struct Field {
    pub(crate) servers: Vec<Server>,
    pub(crate) contestants: Vec<Contestant>,
    dir: PathBuf,
}

impl Field {
    /// Starts all servers, with their logs and requests in `dir`.
    pub(crate) fn set_up(dir: &Path, session_server: &Path, redis: &str) -> Outcome<Self> {
        let mut field = Self {
            dir: dir.to_owned(),
            ..Self::default()
        };
        field.add_peers(redis)?;
        let mut back_ends = vec![("embedded", vec![]), ("Redis", vec![("REDIS_URL", redis)])];
        if knows(session_server, "NEAR_CACHE_MEGABYTES")? {
            let settings = vec![("REDIS_URL", redis), ("NEAR_CACHE_MEGABYTES", "64")];
            back_ends.push(("near cache", settings));
        }
        // Servers on one Redis have the same sessions.
        let mut logins = Vec::new();
        for (back_end, settings) in back_ends {
            for (log, level) in [("log off", "off"), ("default log", "info")] {
                let mut command = Command::new(session_server);
                command.env_clear().envs(settings.iter().copied());
                command.env("LISTEN_ADDR", "127.0.0.1:0");
                // All users log in at once, and from one address.
                command.env("CREATE_RATE_PER_ADDRESS", "0");
                command.env("SERVICE_KEYS", format!("bench:{SERVICE_KEY}"));
                let server = field.start(command.env("LOG_LEVEL", level))?;
                if settings.is_empty() || logins.is_empty() {
                    logins = log_everyone_in(field.servers[server].address)?;
                }
                field.add_ours(server, &format!("{back_end}, {log}"), &logins)?;
            }
            if settings.is_empty() {
                logins.clear();
            }
        }
        Ok(field)
    }

    fn start(&mut self, command: &mut Command) -> Outcome<usize> {
        let index = self.servers.len();
        let log = self.dir.join(format!("{index}.log"));
        self.servers.push(Server::start(command, &log)?);
        Ok(index)
    }

    fn add(&mut self, name: String, server: usize, requests: &[Vec<u8>]) -> Outcome {
        let file = self
            .dir
            .join(format!("{}.requests", self.contestants.len()));
        wrk::write_requests(&file, requests)?;
        // An answer that isn't a success ends it here, before anything is measured.
        let mut client = Client::connect(self.servers[server].address)?;
        client
            .send(&requests[0])
            .map_err(|error| format!("{name}: {error}"))?;
        self.contestants.push(Contestant {
            name,
            server,
            requests: file,
        });
        Ok(())
    }

    fn add_peers(&mut self, redis: &str) -> Outcome {
        let this = std::env::current_exe()?;
        let hyper = self.start(Command::new(&this).args(["--peer", "hyper"]))?;
        let get = request("GET", "/", &[], "");
        let together = [get.repeat(16)];
        self.add(BARE_HYPER.into(), hyper, &[get])?;
        self.add("bare hyper, 16 requests at a time".into(), hyper, &together)?;
        let gathering = self.start(Command::new(&this).args(["--peer", "hyper-gathering"]))?;
        let name = "bare hyper with `pipeline_flush`, 16 requests at a time";
        self.add(name.into(), gathering, &together)?;
        let reading = self.start(Command::new(&this).args(["--peer", "hyper-reading", redis]))?;
        let get = request("GET", "/", &[], "");
        self.add("bare hyper that reads from Redis".into(), reading, &[get])?;
        if !cfg!(feature = "peers") {
            return Ok(());
        }
        let peer = ["--peer", "tower-sessions", redis];
        let peer = self.start(Command::new(&this).args(peer))?;
        let cookies = log_in_at_peer(self.servers[peer].address)?;
        let get = |cookie: &String| request("GET", "/me", &[("Cookie", cookie)], "");
        let requests: Vec<_> = cookies.iter().map(get).collect();
        self.add("axum + tower-sessions, Redis".into(), peer, &requests)
    }

    fn add_ours(&mut self, server: usize, how: &str, logins: &[Login]) -> Outcome {
        let as_user = |method: &str, path: &dyn Fn(&Login) -> String| -> Vec<_> {
            let requests = logins.iter().map(|login| {
                let headers = [("Authorization", &*login.authorization)];
                request(method, &path(login), &headers, "")
            });
            requests.collect()
        };
        let healthz = [request("GET", "/healthz", &[], "")];
        self.add(format!("`GET /healthz`, {how}"), server, &healthz)?;
        for (method, path) in [
            ("GET", "/sessions/verify"),
            ("GET", "/sessions/session/{id}"),
            ("GET", "/sessions/my-sessions"),
            ("POST", "/sessions/update-activity"),
        ] {
            let requests = as_user(method, &|login| path.replace("{id}", &login.id));
            self.add(format!("`{method} {path}`, {how}"), server, &requests)?;
        }
        // Other users than those whose tokens are shown, and a device of theirs that has no session
        // at the moment, so that each evicts the oldest of three.
        let logins = (0..USERS * (SESSIONS_OF_A_USER + 1))
            .map(|nth| log_in(USERS + nth % USERS, nth / USERS));
        self.add(
            format!("`POST /sessions/create`, {how}"),
            server,
            &logins.collect::<Vec<_>>(),
        )
    }
}

/// Whether this build of the server has a setting.
fn knows(session_server: &Path, setting: &str) -> Outcome<bool> {
    let help = Command::new(session_server).arg("--help").output()?;
    Ok(String::from_utf8_lossy(&help.stdout).contains(setting))
}

/// What a client has after it has logged in.
#[derive(Debug)]
struct Login {
    id: String,
    authorization: String,
}

fn log_in(user: usize, device: usize) -> Vec<u8> {
    let mut body = described(user);
    body["data"] = json!({"theme": "dark"});
    body["device_fingerprint"] = json!(format!("device-{device}"));
    let authorization = format!("Bearer {SERVICE_KEY}");
    let headers = [("Authorization", &*authorization)];
    request("POST", "/sessions/create", &headers, &body.to_string())
}

fn described(user: usize) -> Value {
    json!({
        "user_id": user,
        "username": "alice",
        "role": "user",
        "device_name": "Chrome on Windows 10",
        "device_type": "web",
        "browser": "Chrome",
        "ip_address": "192.168.1.1",
    })
}

/// Logs each user in on three devices; answers one of the three sessions.
fn log_everyone_in(address: SocketAddr) -> Outcome<Vec<Login>> {
    let mut client = Client::connect(address)?;
    let mut logins = Vec::new();
    for user in 0..USERS {
        for device in 0..SESSIONS_OF_A_USER {
            let response = client.send(&log_in(user, device))?;
            let created: Value = serde_json::from_str(&response.body)?;
            if let (0, Some(id), Some(token)) =
                (device, created["id"].as_str(), created["token"].as_str())
            {
                logins.push(Login {
                    id: id.to_owned(),
                    authorization: format!("Bearer {token}"),
                });
            }
        }
    }
    Ok(logins)
}

/// Logs each user in; answers their cookies.
fn log_in_at_peer(address: SocketAddr) -> Outcome<Vec<String>> {
    let mut client = Client::connect(address)?;
    let mut cookies = Vec::new();
    for user in 0..USERS {
        let body = described(user).to_string();
        let response = client.send(&request("POST", "/login", &[], &body))?;
        let cookie = response.header("set-cookie").ok_or("no cookie was set")?;
        let cookie = cookie.split(';').next().unwrap_or_default();
        cookies.push(cookie.to_owned());
    }
    Ok(cookies)
}
