//! A service's own type, kept with a session, and changed by several requests at once.
//!
//! An update says which revision of the session it was made from. Where another one came first it
//! is refused with a conflict instead of undoing the other's work, and is made again from what is
//! there now.
//!
//! ```text
//! cargo run -p examples --bin own_data
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use examples::{Outcome, redis_options, redis_url};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use session_store::{
    Config, Data, Error, MemoryStore, NewSession, RedisStore, RevokeReason, Session, SessionId,
    SessionStore, Update, UserId,
};

/// What this service keeps with a session. It is stored as JSON, so a field can be added later:
/// with a default, sessions of the old shape still read.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cart {
    items: Vec<String>,
    #[serde(default)]
    voucher: Option<String>,
}

/// Each conflict means that somebody else got on, so as many attempts as there can be others at
/// the same time are enough.
const MAX_ATTEMPTS: u32 = 10;

#[tokio::main]
async fn main() -> Outcome {
    match redis_url() {
        None => run(&MemoryStore::new(Config::default())?).await,
        Some(url) => {
            run(&RedisStore::connect(&url, Config::default(), redis_options()).await?).await
        }
    }
}

async fn run(store: &impl SessionStore) -> Outcome {
    let mut new = NewSession::new(UserId::new("alice")?);
    new.data = Data::encode(&Cart::default())?;
    let login = store.create(new).await?;
    let id = login.session.id;

    // Two tabs of one browser have read the same session, at the same revision.
    let (first, second) = (login.session.clone(), login.session);
    let updated = store.update(&first, with_item(&first, "tea")?).await?;
    let updated = updated.ok_or("the session has ended")?.session;
    println!(
        "the first tab took {} to {}",
        first.revision, updated.revision
    );
    match store.update(&second, with_item(&second, "milk")?).await {
        Err(Error::Conflict { .. }) => println!("the second tab was told that it is out of date"),
        other => return Err(format!("a conflict was expected, not {other:?}").into()),
    }

    // So a service reads, changes, updates, and starts anew on a conflict.
    let items = ["milk", "bread", "salt", "jam", "rice"];
    let attempts = try_join_all(items.map(|item| add_item(store, id, item))).await?;
    let attempts: u32 = attempts.iter().sum();
    println!("{} items at once took {attempts} attempts", items.len());

    let session = store.get(id).await?.ok_or("the session has ended")?;
    let mut cart = cart(&session)?;
    cart.items.sort();
    println!("and nothing was lost: {}", cart.items.join(", "));

    store
        .revoke_token(&login.token, RevokeReason::Logout)
        .await?;
    Ok(())
}

/// Puts an item into the cart; answers how many attempts that took.
async fn add_item(store: &impl SessionStore, id: SessionId, item: &str) -> Outcome<u32> {
    for attempt in 1..=MAX_ATTEMPTS {
        let session = store.get(id).await?.ok_or("the session has ended")?;
        // Anything may happen between reading and writing; here it is the other calls' turn.
        tokio::task::yield_now().await;
        match store.update(&session, with_item(&session, item)?).await {
            Ok(Some(_)) => return Ok(attempt),
            Ok(None) => return Err("the session has ended".into()),
            Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err("too many others change this session".into())
}

fn with_item(session: &Session, item: &str) -> Outcome<Update> {
    let mut cart = cart(session)?;
    cart.items.push(item.into());
    Ok(Update {
        data: Some(Data::encode(&cart)?),
        ..Update::default()
    })
}

/// A session that was made without any data has an empty cart.
fn cart(session: &Session) -> Outcome<Cart> {
    Ok(session.data.decode()?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cart_from_before_there_were_vouchers_still_reads() -> Outcome {
        let data = Data::from_bytes(*br#"{"items":["tea"]}"#);
        let cart: Cart = data.decode()?.ok_or("there is one")?;
        assert_eq!((cart.items.len(), cart.voucher), (1, None));
        Ok(())
    }
}
