//! The law of keeping and destroying. Deciding is pure; only `gate.rs` makes permits.

pub mod gate;
pub mod thinning;
