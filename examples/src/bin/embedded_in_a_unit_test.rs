//! A function of a service, generic over the store, and what time does to its users, tested
//! without waiting and with nothing installed.
//!
//! ```text
//! cargo run -p examples --bin embedded_in_a_unit_test
//! cargo test -p examples --bin embedded_in_a_unit_test
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use examples::{Outcome, redis_options, redis_url};
use session_store::{
    Config, MemoryStore, NewSession, RedisStore, Result, RevokeReason, SessionStore, Token, UserId,
};

/// The service's own settings: half an hour without activity logs a user out.
fn config() -> Config {
    Config {
        idle_timeout: Some(Duration::from_secs(30 * 60)),
        ..Config::default()
    }
}

/// The function under test. It names no back end: a service runs it on Redis, a test on memory.
async fn greeting(store: &impl SessionStore, token: &Token) -> Result<String> {
    Ok(match store.validate(token, None).await? {
        Some(session) => format!("Hello, {}", session.user_id),
        None => "Please log in".to_owned(),
    })
}

#[tokio::main]
async fn main() -> Outcome {
    match redis_url() {
        None => run(&MemoryStore::new(config())?).await,
        Some(url) => run(&RedisStore::connect(&url, config(), redis_options()).await?).await,
    }
}

async fn run(store: &impl SessionStore) -> Outcome {
    let alice = NewSession::new(UserId::new("alice")?);
    let token = store.create(alice).await?.token;
    println!("logged in:  {}", greeting(store, &token).await?);
    store.revoke_token(&token, RevokeReason::Logout).await?;
    println!("logged out: {}", greeting(store, &token).await?);
    println!("half an hour later: cargo test -p examples --bin embedded_in_a_unit_test");
    Ok(())
}

#[cfg(test)]
mod tests {
    use session_store::ManualClock;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A store whose clock stands still until it is told to move, and a user who is logged in.
    async fn logged_in() -> (MemoryStore, ManualClock, Token) {
        let clock = ManualClock::new();
        let store = MemoryStore::with_clock(config(), {
            let clock = clock.clone();
            move || clock.now()
        })
        .unwrap();
        let new = NewSession::new(UserId::new("alice").unwrap());
        let token = store.create(new).await.unwrap().token;
        (store, clock, token)
    }

    #[tokio::test]
    async fn after_half_an_hour_without_activity_the_user_is_logged_out() {
        let (store, clock, token) = logged_in().await;
        clock.advance(30 * MINUTE + Duration::from_millis(1));
        assert_eq!(greeting(&store, &token).await.unwrap(), "Please log in");
    }

    #[tokio::test]
    async fn whoever_is_active_stays_logged_in() {
        let (store, clock, token) = logged_in().await;
        for _ in 0..10 {
            // To the very millisecond.
            clock.advance(30 * MINUTE);
            assert_eq!(greeting(&store, &token).await.unwrap(), "Hello, alice");
        }
    }

    #[tokio::test]
    async fn another_users_logout_is_not_noticed() {
        let (store, _, token) = logged_in().await;
        let bob = UserId::new("bob").unwrap();
        store.create(NewSession::new(bob.clone())).await.unwrap();
        let ended = store.revoke_all(&bob, RevokeReason::Logout).await.unwrap();
        assert_eq!(ended.count, 1);
        assert_eq!(greeting(&store, &token).await.unwrap(), "Hello, alice");
    }
}
