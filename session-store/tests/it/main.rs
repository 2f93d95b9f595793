//! What the store promises, by its public API alone.

mod memory;
mod model;
