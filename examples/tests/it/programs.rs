//! Programs that run to their end.

use std::process::Command;

use session_test::RedisServer;

const ADMIN: &str = env!("CARGO_BIN_EXE_admin");
const OWN_DATA: &str = env!("CARGO_BIN_EXE_own_data");
const UNIT_TEST: &str = env!("CARGO_BIN_EXE_embedded_in_a_unit_test");

/// What a program prints, on its way to a good end.
fn output(program: &str, redis_url: Option<&str>) -> String {
    let mut command = Command::new(program);
    command.env_remove("REDIS_URL").args(redis_url);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program on both back ends, on Redis twice: what it leaves behind mustn't disturb it.
fn outputs(program: &str) -> Vec<String> {
    let server = RedisServer::start();
    let url = server.url();
    [None, Some(&*url), Some(&*url)]
        .map(|url| output(program, url))
        .to_vec()
}

fn lines_with<'a>(output: &'a str, text: &str) -> Vec<&'a str> {
    output.lines().filter(|line| line.contains(text)).collect()
}

#[test]
fn an_admin_sees_the_devices_and_logs_them_out() {
    for output in outputs(ADMIN) {
        let counts = lines_with(&output, "is logged in on");
        let counts: Vec<_> = counts
            .iter()
            .filter_map(|line| line.split(' ').rev().nth(1))
            .collect();
        assert_eq!(counts, ["3", "2", "0"], "{output}");
        // Three devices, then two, each with its address and when it was active.
        assert_eq!(lines_with(&output, "  from ").len(), 5, "{output}");
        let phone = lines_with(&output, "The app on a phone");
        assert!(phone[0].contains("from 2001:db8::74"), "{output}");
        assert!(phone[0].contains("active 20"), "{output}");
        assert_eq!(lines_with(&output, "revoked at 20").len(), 3, "{output}");
    }
}

#[test]
fn own_data_survives_concurrent_updates() {
    for output in outputs(OWN_DATA) {
        assert!(output.contains("it is out of date"), "{output}");
        let all = "nothing was lost: bread, jam, milk, rice, salt, tea\n";
        assert!(output.ends_with(all), "{output}");
    }
}

#[test]
fn a_function_that_names_no_back_end_runs_on_each() {
    for output in outputs(UNIT_TEST) {
        assert!(output.contains("logged in:  Hello, alice\n"), "{output}");
        assert!(output.contains("logged out: Please log in\n"), "{output}");
    }
}

#[test]
fn a_redis_that_cannot_be_reached_is_an_error() {
    for program in [ADMIN, OWN_DATA, UNIT_TEST] {
        let mut command = Command::new(program);
        let output = command.env("REDIS_URL", "redis://127.0.0.1:1").output();
        let output = output.unwrap();
        assert!(!output.status.success());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("127.0.0.1:1"), "{errors}");
    }
}
