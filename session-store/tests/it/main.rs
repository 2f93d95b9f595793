//! Every back end keeps the contract; each has tests of its own besides.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod config;
mod memory;
mod model;
mod near_cache;
mod redis;
mod third_party;
