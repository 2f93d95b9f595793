use std::env;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

/// Installs Debian's `package` where `program` is missing, so that one command runs the tests on a
/// fresh machine. Panics with what to do where that isn't possible.
pub fn ensure_program(program: &str, package: &str) {
    if is_installed(program) {
        return;
    }
    // Test binaries run side by side; only one of them may install.
    let lock = File::create(env::temp_dir().join("session-test-install.lock"))
        .expect("the temporary directory can be written");
    lock.lock().expect("files can be locked");
    if is_installed(program) {
        return;
    }
    let installed =
        apt_get(&["update"]) && apt_get(&["install", "--no-install-recommends", package]);
    assert!(
        installed && is_installed(program),
        "the tests need `{program}`, which is neither installed nor could be: install it \
         (`apt-get install {package}`, `brew install redis`) and run them again"
    );
}

fn is_installed(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).exists();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(program).exists())
}

/// Runs apt-get, as root or by a sudo that asks for no password.
fn apt_get(arguments: &[&str]) -> bool {
    let run = |command: &mut Command| {
        command
            .arg("-y")
            .arg("-qq")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // Keeps Debian from starting the service that comes with the package.
            .env("RUNLEVEL", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    run(&mut Command::new("apt-get")) || run(Command::new("sudo").args(["-n", "-E", "apt-get"]))
}
