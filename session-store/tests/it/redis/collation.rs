//! Redis compares strings in Lua by the locale that it was started in. The store must not care.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use session_store::contract;
use session_test::RedisServer;
use tempfile::TempDir;

use super::contract::OnRedis;

/// A locale in which every printable character comes before the one that it follows in ASCII.
/// Those that people use are no less different: in English, case and punctuation hardly count.
fn backwards() -> TempDir {
    let dir = TempDir::with_prefix("locale-").unwrap();
    let mut source =
        String::from("comment_char %\nescape_char /\nLC_COLLATE\norder_start forward\n");
    for character in (33..127).rev() {
        writeln!(source, "<U{character:04X}>").unwrap();
    }
    source.push_str("order_end\nEND LC_COLLATE\n");
    fs::write(dir.path().join("source"), source).unwrap();
    // The characters' names are in a package of their own.
    session_test::ensure_program("/usr/share/i18n/charmaps", "locales");
    // Ends with an error, because the locale has no other category than this one.
    let _ = Command::new("localedef")
        .args(["--force", "--quiet", "--inputfile=source", "./backwards"])
        .current_dir(dir.path())
        .status()
        .expect("localedef is part of the C library");
    dir
}

async fn server() -> OnRedis {
    let locales = backwards();
    let server = RedisServer::builder()
        .stopped_clock()
        .environment("LOCPATH", &locales.path().display().to_string())
        .environment("LC_ALL", "backwards")
        .start();
    let in_order: bool = redis::cmd("EVAL")
        .arg("return 'a' < 'b'")
        .arg(0)
        .query(&mut server.connection())
        .unwrap();
    assert!(!in_order, "the server goes by the locale");
    OnRedis::on(server)
}

#[tokio::test]
async fn the_servers_locale_does_not_choose_who_is_evicted() {
    contract::the_oldest_makes_room(&server().await).await;
    contract::the_least_recently_active_makes_room(&server().await).await;
}

#[tokio::test]
async fn the_servers_locale_does_not_order_pages() {
    contract::ties_are_paged_too(&server().await).await;
    contract::sessions_are_listed_newest_first(&server().await).await;
}
