use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::provision::ensure_program;

/// A certificate for the loopback address, signed by itself, and its key.
#[derive(Debug)]
pub struct Certificate(TempDir);

impl Certificate {
    /// Makes one, with `openssl`.
    pub fn new() -> Self {
        let dir = TempDir::with_prefix("tls-").expect("a temporary directory can be made");
        ensure_program("openssl", "openssl");
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(dir.path())
            .output()
            .expect("openssl runs");
        assert!(made.status.success(), "{made:?}");
        Self(dir)
    }

    /// The certificate's file, PEM.
    pub fn file(&self) -> PathBuf {
        self.0.path().join("cert.pem")
    }

    /// The key's file, PEM.
    pub fn key_file(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}
