//! An admin's view of a user: which devices are logged in, one of them logged out, then all.
//!
//! ```text
//! cargo run -p examples --bin admin
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::SystemTime;

use examples::{Outcome, redis_options, redis_url};
use session_store::{
    Config, Device, List, MemoryStore, NewSession, RedisStore, RevokeReason, SessionStore,
    Timestamp, UserId,
};

#[tokio::main]
async fn main() -> Outcome {
    // The two back ends keep one contract, so everything below is written once.
    match redis_url() {
        None => run(&MemoryStore::new(Config::default())?).await,
        Some(url) => {
            run(&RedisStore::connect(&url, Config::default(), redis_options()).await?).await
        }
    }
}

async fn run(store: &impl SessionStore) -> Outcome {
    let user = UserId::from(74);
    log_in(store, &user, "Chrome on Windows 10", "192.0.2.1").await?;
    log_in(store, &user, "Firefox on Linux", "192.0.2.2").await?;
    log_in(store, &user, "The app on a phone", "2001:db8::74").await?;
    print_devices(store, &user).await?;

    // What an admin page does, in five lines: list, ...
    let page = store.list(&user, List::default()).await?;
    let suspect = page.sessions.last().ok_or("nobody is logged in")?;
    // ... log one device out, ...
    let ended = store.revoke(suspect.id, RevokeReason::Revoked).await?;
    // ... `None` would say that it had logged out by itself meanwhile; ...
    let ended = ended.ok_or("somebody was faster")?;
    println!("\nrevoked {} ({})", ended.id, name(&ended.device));
    print_devices(store, &user).await?;

    // ... and all that are left, none missed.
    let all = store.revoke_all(&user, RevokeReason::Revoked).await?;
    println!("\nrevoked the other {}", all.count);
    print_devices(store, &user).await?;
    print_history(store, &user).await
}

/// What a service does when somebody has shown who they are. The token would go to the client.
async fn log_in(
    store: &impl SessionStore,
    user: &UserId,
    device_name: &str,
    address: &str,
) -> Outcome {
    let mut new = NewSession::new(user.clone());
    // One session per device: whoever runs this again on one Redis replaces what is there.
    new.fingerprint = Some(device_name.into());
    new.device = Device {
        name: Some(device_name.into()),
        ip_address: Some(address.into()),
        ..Device::default()
    };
    store.create(new).await?;
    Ok(())
}

async fn print_devices(store: &impl SessionStore, user: &UserId) -> Outcome {
    println!(
        "user {user} is logged in on {} devices",
        store.count(user).await?
    );
    // A page holds up to 1,000 sessions; `page.next` would lead on.
    for session in store.list(user, List::default()).await?.sessions {
        let (id, device) = (session.id, &session.device);
        let address = device.ip_address.as_deref().unwrap_or("nowhere");
        let active = time(session.last_activity);
        println!(
            "  {id}  {:<20}  from {address:<12}  active {active}",
            name(device)
        );
    }
    Ok(())
}

/// Ended sessions stay listed for a while, with the reason why they ended.
async fn print_history(store: &impl SessionStore, user: &UserId) -> Outcome {
    let list = List {
        include_ended: true,
        limit: 3,
        ..List::default()
    };
    println!("\nthe last to end:");
    for ended in store.list(user, list).await?.ended {
        let (id, device, reason) = (ended.id, name(&ended.device), ended.reason);
        println!("  {id}  {device:<20}  {reason} at {}", time(ended.ended_at));
    }
    Ok(())
}

fn name(device: &Device) -> &str {
    device.name.as_deref().unwrap_or("an unknown device")
}

fn time(at: Timestamp) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_seconds(SystemTime::from(at))
}
