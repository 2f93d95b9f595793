//! What is kept, and what it costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use session_store::{
    Config, Data, MemoryStore, NearCache, NearCacheOptions, NewSession, RevokeReason, SessionStore,
    Token,
};

async fn cached(options: NearCacheOptions) -> NearCache<MemoryStore> {
    let store = MemoryStore::new(Config::default()).unwrap();
    NearCache::new(store, options).await.unwrap()
}

async fn log_in(store: &impl SessionStore, data: usize) -> Token {
    let mut new = NewSession::new(74.into());
    new.data = Data::from_bytes(vec![7; data]);
    store.create(new).await.unwrap().token
}

#[tokio::test]
async fn no_more_is_kept_than_is_allowed() {
    for (max_bytes, max_entries) in [(256 * 1024, 100), (256 * 1024, 1_000_000)] {
        let options = NearCacheOptions {
            max_bytes,
            max_entries,
            ..NearCacheOptions::default()
        };
        let near = cached(options).await;
        let mut most = 0;
        for number in 0..3000 {
            let token = log_in(&near, number % 300).await;
            assert!(near.validate(&token, None).await.unwrap().is_some());
            let usage = near.usage();
            assert!(usage.bytes <= max_bytes as u64, "{usage:?}");
            assert!(usage.entries <= max_entries, "{usage:?}");
            most = most.max(usage.entries);
        }
        let room = max_entries.min(max_bytes / 1024);
        assert!(most > room / 2, "{most} of {room}");
    }
}

#[tokio::test]
async fn a_session_that_is_too_large_is_served_by_the_store() {
    let config = Config {
        max_data_bytes: 1024 * 1024,
        ..Config::default()
    };
    let store = MemoryStore::new(config).unwrap();
    let options = NearCacheOptions {
        max_bytes: NearCacheOptions::MIN_BYTES,
        ..NearCacheOptions::default()
    };
    let near = NearCache::new(store, options).await.unwrap();
    let token = log_in(&near, 1024 * 1024).await;
    for _ in 0..2 {
        let session = near.validate(&token, None).await.unwrap().unwrap();
        assert_eq!(session.data.as_bytes().len(), 1024 * 1024);
    }
    assert_eq!(near.usage().entries, 0);
}

#[tokio::test]
async fn what_is_changed_behind_its_back_is_told() {
    let near = cached(NearCacheOptions::default()).await;
    let token = log_in(&near, 0).await;
    for _ in 0..3 {
        assert!(near.validate(&token, None).await.unwrap().is_some());
        let touched = near.store().touch(token.id(), None).await.unwrap();
        assert_eq!(near.peek(&token).await.unwrap(), touched);
    }
    let reason = RevokeReason::Revoked;
    near.store()
        .revoke(token.id(), reason)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(near.validate(&token, None).await.unwrap(), None);
    assert_eq!(near.get(token.id()).await.unwrap(), None);
}

#[tokio::test]
async fn a_clone_serves_the_same() {
    let near = cached(NearCacheOptions::default()).await;
    let other = near.clone();
    let token = log_in(&near, 0).await;
    assert!(other.validate(&token, None).await.unwrap().is_some());
    near.revoke(token.id(), RevokeReason::Logout).await.unwrap();
    assert_eq!(other.validate(&token, None).await.unwrap(), None);
}

/// On one thread a task that never waits would keep the one that hears of changes from running.
#[tokio::test]
async fn a_loop_of_hits_lets_others_run() {
    let near = cached(NearCacheOptions::default()).await;
    let token = log_in(&near, 0).await;
    let has_run = Arc::new(AtomicBool::new(false));
    let other = has_run.clone();
    tokio::spawn(async move { other.store(true, Ordering::Relaxed) });
    while !has_run.load(Ordering::Relaxed) {
        assert!(near.validate(&token, None).await.unwrap().is_some());
    }
}
