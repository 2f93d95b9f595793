//! A real Chromium, driven by its own driver over WebDriver.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use session_test::ensure_program;
use tempfile::TempDir;
use url::{ParseError, Url};

/// Where screenshots are kept, to be looked at.
const SCREENSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/screenshots");

/// A browser with an empty profile. Ends with the value.
pub(crate) struct Browser {
    client: Client,
    _driver: Driver,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        ensure_program("chromium", "chromium");
        let driver = Driver::start();
        let profile = TempDir::with_prefix("chromium-").unwrap();
        let capabilities = capabilities(profile.path());
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://{}", driver.address))
            .await
            .unwrap();
        Self {
            client,
            _driver: driver,
            _profile: profile,
        }
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
    }

    pub(crate) async fn open(&self, address: SocketAddr, path: &str) {
        let url = format!("http://{address}{path}");
        self.client.goto(&url).await.unwrap();
    }

    /// The value of an expression, once it is something; a test that waits in vain fails.
    pub(crate) async fn until(&self, expression: &str) -> Value {
        let script = format!(
            "const [done] = arguments, last = Date.now() + 20000;
             (function look() {{
                 let value = null;
                 try {{ value = {expression}; }} catch {{ /* Not yet. */ }}
                 if (value || Date.now() > last) done(value || null);
                 else setTimeout(look, 10);
             }})();"
        );
        let value = self.client.execute_async(&script, Vec::new()).await;
        let value = value.unwrap();
        if value.is_null() {
            self.screenshot("failure").await;
            let shown = self.eval("document.body.innerText").await;
            let log = self.console().await;
            panic!(
                "in vain: {expression}\n{}\n{log:#?}",
                shown.as_str().unwrap()
            );
        }
        value
    }

    /// The value of an expression now.
    pub(crate) async fn eval(&self, expression: &str) -> Value {
        let script = format!("return {expression};");
        self.client.execute(&script, Vec::new()).await.unwrap()
    }

    /// Waits until what can be seen of an element holds this text.
    pub(crate) async fn sees(&self, css: &str, text: &str) {
        let (css, text) = (json!(css), json!(text));
        self.until(&format!(
            "[...document.querySelectorAll({css})].some(it => \
             it.checkVisibility() && it.innerText.includes({text}))"
        ))
        .await;
    }

    /// Waits until no such element can be seen.
    pub(crate) async fn sees_no(&self, css: &str) {
        let css = json!(css);
        self.until(&format!(
            "[...document.querySelectorAll({css})].every(it => !it.checkVisibility())"
        ))
        .await;
    }

    async fn find(&self, css: &str) -> Element {
        let selector = json!(css);
        self.until(&format!(
            "document.querySelector({selector}).checkVisibility()"
        ))
        .await;
        self.client.find(Locator::Css(css)).await.unwrap()
    }

    pub(crate) async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap();
    }

    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses a key where the focus is.
    pub(crate) async fn press(&self, key: Key) {
        let focused = self.client.active_element().await.unwrap();
        focused
            .send_keys(&String::from(char::from(key)))
            .await
            .unwrap();
    }

    /// Shows the page as a device of this size would, with light colours or dark ones.
    pub(crate) async fn looks(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        let media = json!({"features": [feature]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Keeps a picture of the page as `target/screenshots/{name}.png`.
    pub(crate) async fn screenshot(&self, name: &str) {
        let picture = self.client.screenshot().await.unwrap();
        fs::create_dir_all(SCREENSHOTS).unwrap();
        fs::write(Path::new(SCREENSHOTS).join(format!("{name}.png")), picture).unwrap();
    }

    /// What the console has been told since it was last asked.
    pub(crate) async fn console(&self) -> Vec<Value> {
        let log = self.own_command("se/log", json!({"type": "browser"})).await;
        log.as_array().unwrap().clone()
    }

    async fn devtools(&self, command: &str, params: Value) {
        let command = json!({"cmd": command, "params": params});
        self.own_command("goog/cdp/execute", command).await;
    }

    async fn own_command(&self, name: &'static str, body: Value) -> Value {
        self.client
            .issue_cmd(OwnCommand { name, body })
            .await
            .unwrap()
    }
}

/// What Chromium's driver takes beside WebDriver's commands.
#[derive(Debug)]
struct OwnCommand {
    name: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for OwnCommand {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap(), self.name))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

fn capabilities(profile: &Path) -> Value {
    let profile = format!("--user-data-dir={}", profile.display());
    json!({
        "goog:chromeOptions": {"args": [
            profile,
            "--headless",
            // Chromium's sandbox refuses to run as root, as tests do in a container.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            // It has no business in the network.
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-quic",
            "--hide-scrollbars",
            "--window-size=1000,900",
        ]},
        "goog:loggingPrefs": {"browser": "ALL"},
        "timeouts": {"script": 30_000},
    })
}

/// The process that WebDriver is spoken to, and with it the browser.
struct Driver {
    child: Child,
    address: SocketAddr,
}

impl Driver {
    fn start() -> Self {
        ensure_program("chromedriver", "chromium-driver");
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            // The browser is of the same group, so that both end together.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            Some(port.trim_end_matches('.').parse().unwrap())
        });
        let port = port.expect("chromedriver says where it listens");
        // Goes on reading, so that the driver never waits for somebody to read what it says.
        thread::spawn(move || lines.for_each(drop));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self { child, address }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        // An error means that it has ended already.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}
