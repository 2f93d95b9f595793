//! A thin HTTP server over [`session_store`]: list, revoke and verify user sessions.
//!
//! It holds no session logic: a request becomes a caller, one call of the store, and a response.
//! What the server can do, an embedding service can do with the crate alone.
//!
//! [`serve`] is the whole server, over any [`SessionStore`](session_store::SessionStore);
//! [`config`] is where every setting is.

mod admin;
mod answer;
mod auth;
mod body;
mod chain;
mod client_address;
pub mod config;
mod cookie;
mod cors;
mod exchange;
mod handlers;
mod io;
mod jwt;
mod live;
mod metrics;
mod openapi;
mod problem;
mod refusal;
mod request_id;
mod router;
mod server;
mod user_agent;
mod wire;

pub use chain::chain;
pub use server::serve;
