use std::fs;
use std::process::Command;

use session_test::RedisServer;

/// Where a figure was measured. Without it a figure means nothing.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The processor's model.
    pub cpu: String,
    /// How many of its cores there are.
    pub cores: usize,
    /// The kernel's release.
    pub kernel: String,
    /// The compiler's release.
    pub rustc: String,
    /// The Redis server and its version.
    pub redis: String,
}

impl Machine {
    /// This one, with this Redis.
    pub fn with(server: &RedisServer) -> Self {
        let info = server.info("server");
        let field = |name: &str| {
            let mut fields = info.lines().filter_map(|line| line.split_once(':'));
            fields
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim().to_owned())
        };
        let redis = match (field("valkey_version"), field("redis_version")) {
            (Some(version), _) => format!("Valkey {version}"),
            (None, version) => format!("Redis {}", version.unwrap_or_default()),
        };
        Self {
            cpu: cpu_model(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease"),
            rustc: rustc_release(),
            redis,
        }
    }

    /// As one line.
    pub fn describe(&self) -> String {
        let Self {
            cpu,
            cores,
            kernel,
            rustc,
            redis,
        } = self;
        format!(
            "{cpu}, {cores} cores, shared by {redis} and its clients over loopback; Linux {kernel}; {rustc}"
        )
    }

    /// For the machine-readable report.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "cpu": self.cpu,
            "cores": self.cores,
            "kernel": self.kernel,
            "rustc": self.rustc,
            "redis": self.redis,
        })
    }
}

fn read(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}

fn cpu_model() -> String {
    let info = read("/proc/cpuinfo");
    let mut fields = info.lines().filter_map(|line| line.split_once(':'));
    let model = fields.find(|(key, _)| key.trim() == "model name");
    model.map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |(_, model)| model.trim().to_owned(),
    )
}

fn rustc_release() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    // "rustc 1.95.0 (hash date)": the release is enough.
    let words: Vec<_> = text.split_whitespace().take(2).collect();
    words.join(" ")
}
