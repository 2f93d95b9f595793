//! A real Caddy.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use session_test::ensure_program;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::Proxy;
use crate::support::{free_address, readme_configuration};

/// In a temporary directory.
pub(super) struct Caddy {
    address: SocketAddr,
    child: Child,
    _dir: TempDir,
}

impl Proxy for Caddy {
    async fn start(server: SocketAddr, service: SocketAddr) -> Self {
        ensure_program("caddy", "caddy");
        loop {
            let address = free_address();
            let listen = (":80 {", format!("http://{address} {{"));
            let block = readme_configuration("caddyfile", server, service, Some(listen));
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

    fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
