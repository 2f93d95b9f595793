use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::provision::ensure_program;

/// A key pair that an auth service signs with, PEM.
#[derive(Debug)]
pub struct SigningKey {
    /// PKCS #8.
    pub private: String,
    /// SubjectPublicKeyInfo.
    pub public: String,
}

impl SigningKey {
    /// Makes one, with `openssl`: RSA of 2,048 bits.
    pub fn rsa() -> Self {
        Self::rsa_of(2048)
    }

    /// RSA of so many bits.
    pub fn rsa_of(bits: u32) -> Self {
        let bits = format!("rsa_keygen_bits:{bits}");
        Self::new(&["-algorithm", "RSA", "-pkeyopt", &bits])
    }

    /// An elliptic curve's, such as `P-256`.
    pub fn ec(curve: &str) -> Self {
        let curve = format!("ec_paramgen_curve:{curve}");
        Self::new(&["-algorithm", "EC", "-pkeyopt", &curve])
    }

    /// Ed25519.
    pub fn ed25519() -> Self {
        Self::new(&["-algorithm", "ED25519"])
    }

    fn new(what: &[&str]) -> Self {
        ensure_program("openssl", "openssl");
        let dir = TempDir::with_prefix("keys-").expect("a temporary directory can be made");
        let run = |arguments: &[&str]| {
            let mut command = Command::new("openssl");
            let done = command.args(arguments).current_dir(dir.path()).output();
            let done = done.expect("openssl runs");
            assert!(done.status.success(), "{done:?}");
        };
        run(&[&["genpkey", "-out", "private.pem"], what].concat());
        run(&[
            "pkey",
            "-in",
            "private.pem",
            "-pubout",
            "-out",
            "public.pem",
        ]);
        let read = |name| fs::read_to_string(dir.path().join(name)).expect("it has just been made");
        Self {
            private: read("private.pem"),
            public: read("public.pem"),
        }
    }
}
