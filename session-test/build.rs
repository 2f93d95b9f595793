//! Builds the clock that tests preload into `redis-server`.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=clock/shim.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let library = Path::new(&out).join("libclock.so");
    let rustc = env::var("RUSTC").expect("cargo sets RUSTC");
    let status = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "cdylib",
            "--crate-name",
            "clock",
        ])
        .args(["-O", "-C", "panic=abort", "-o"])
        .arg(&library)
        .arg("clock/shim.rs")
        .status()
        .expect("rustc runs");
    assert!(status.success(), "the clock shim doesn't build");
    println!("cargo:rustc-env=CLOCK_SHIM={}", library.display());
}
