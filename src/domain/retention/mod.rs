//! The law of keeping and destroying. Deciding is pure; only `gate.rs` makes permits.

pub mod adoption;
pub mod assign;
pub mod decide;
pub mod gate;
pub mod held;
pub mod lineage;
pub mod lint;
pub mod matching;
mod near;
mod path_dates;
pub mod period;
pub mod plan;
pub mod reason;
pub mod reassign;
pub mod record;
pub mod rulings;
#[cfg(test)]
mod samples;
pub mod scheme;
pub mod thinning;
pub mod trigger;
pub mod words;
