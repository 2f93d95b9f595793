//! Every example program does what it says, on the embedded store and on Redis.

mod programs;
mod service;
