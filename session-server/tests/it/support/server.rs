use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use session_server::config::Args;
use session_store::{Config, SessionStore};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{BackEnd, Request};

pub(crate) const SERVICE_KEY: &str = "tests-service-key-0123456789abcdef";

/// The real server, on a free port of this machine.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// A server over the back end, which has to stay for as long as the server does.
pub(crate) async fn start<B: BackEnd>(flags: &[&str]) -> (TestServer, B) {
    let args = args(flags);
    let (back_end, store) = B::start(args.sessions.config().unwrap()).await;
    (TestServer::start(store, flags).await, back_end)
}

fn args(flags: &[&str]) -> Args {
    let flags = flags.iter().map(OsString::from);
    let args = ["session-server", "--service-keys"].map(OsString::from);
    let key = OsString::from(format!("tests:{SERVICE_KEY}"));
    Args::read(args.into_iter().chain([key]).chain(flags)).expect("the flags are good")
}

/// A device description; each has another fingerprint.
pub(crate) fn device() -> Value {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    json!({
        "device_fingerprint": format!("fingerprint-{number}"),
        "device_name": "Chrome on Windows 10",
        "device_type": "web",
        "browser": "Chrome",
        "ip_address": "192.168.1.1",
    })
}

/// A session that was created for a test.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) body: Value,
}

impl Login {
    pub(crate) fn path(&self) -> String {
        format!("/sessions/session/{}", self.id)
    }

    /// Waits until whatever is created now is newer: sessions of one millisecond are in no order.
    pub(crate) async fn has_passed(&self) {
        let created = self.body["created_at"].as_str().unwrap();
        let created = humantime::parse_rfc3339(created).unwrap();
        while SystemTime::now() < created + Duration::from_millis(1) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl TestServer {
    pub(crate) async fn start<S: SessionStore>(store: S, flags: &[&str]) -> Self {
        let settings = args(flags).settings().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, signal) = oneshot::channel();
        let signal = async {
            let _ = signal.await;
        };
        let task = tokio::spawn(session_server::serve(
            listener, None, store, settings, signal,
        ));
        Self {
            address,
            shutdown,
            task,
        }
    }

    /// The store's configuration that these flags come to.
    pub(crate) fn config(flags: &[&str]) -> Config {
        args(flags).sessions.config().unwrap()
    }

    /// Tells the server to stop, and gives the task that ends when it has.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.shutdown.send(()).unwrap();
        self.task
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    pub(crate) fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    pub(crate) fn delete(&self, path: &str) -> Request {
        self.request("DELETE", path)
    }

    /// A create by a trusted backend.
    pub(crate) fn create(&self, body: &Value) -> Request {
        self.post("/sessions/create").bearer(SERVICE_KEY).json(body)
    }

    /// Logs a user in from a new device, with further fields.
    pub(crate) async fn log_in_with(&self, user: impl Into<Value>, fields: Value) -> Login {
        let mut body = device();
        body["user_id"] = user.into();
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let body = self.create(&body).send().await.expect(201);
        Login {
            id: body["id"].as_str().unwrap().to_owned(),
            token: body["token"].as_str().unwrap().to_owned(),
            body,
        }
    }

    pub(crate) async fn log_in(&self, user: impl Into<Value>) -> Login {
        self.log_in_with(user, json!({})).await
    }

    pub(crate) async fn log_in_admin(&self, user: impl Into<Value>) -> Login {
        self.log_in_with(user, json!({"role": "admin"})).await
    }

    /// The ids of an array of sessions that this request answers.
    pub(crate) async fn ids(&self, path: &str, credential: &str) -> Vec<String> {
        let list = self.get(path).bearer(credential).send().await.expect(200);
        let id = |session: &Value| session["id"].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(id).collect()
    }

    /// Whether this token still authenticates.
    pub(crate) async fn is_alive(&self, login: &Login) -> bool {
        let verify = self.get("/sessions/verify").bearer(&login.token);
        match verify.send().await.status {
            200 => true,
            401 => false,
            status => panic!("{status}"),
        }
    }
}
