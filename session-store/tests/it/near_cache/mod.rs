//! The near cache: the contract over either store, and what is its own.

mod by_hand;
mod contract;
mod expiry;
mod interleavings;
mod on_redis;
mod serving;
mod staleness;
