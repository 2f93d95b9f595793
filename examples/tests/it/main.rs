//! Every example program does what it says, on the embedded store and on Redis.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod programs;
mod service;
