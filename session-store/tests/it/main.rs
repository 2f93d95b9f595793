//! Every back end keeps the contract; each has tests of its own besides.

mod memory;
mod model;
mod redis;
mod third_party;
