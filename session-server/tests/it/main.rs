//! The real server on a free port, asked over TCP.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod support;

mod admin;
mod bad_input;
mod binary;
mod bounds;
mod cookies;
mod cors;
mod create;
mod credentials;
mod forward_auth;
mod jwt;
mod lists;
mod live;
mod metrics;
mod near_cache;
mod nginx;
mod openapi;
mod own_sessions;
mod paging;
mod proxies;
mod rates;
mod readme;
mod redis;
mod responses;
mod settings;
mod shutdown;
mod single_session;
mod store_errors;
mod user_agent;
mod users;
mod verify;
