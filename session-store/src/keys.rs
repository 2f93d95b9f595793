//! Every Redis key.
