//! The log: numbered, chained, signed entries. What they say is the truth of the repository.
//!
//! `entry.rs` has the words an entry can say, `state.rs` what they add up to, `fold.rs` the law of adding:
//! who may say what, and what a void entry is. `rulings.rs` and `ruled.rs` do the same for what people decide
//! about records: schemes, dates, holds, disposals; `proofs.rs` for what examinations showed.

pub mod bits;
pub mod bundles;
pub mod entry;
pub mod evidence;
pub mod fold;
pub mod guards;
mod hindsight;
mod lives;
pub mod proofs;
pub mod restored;
pub mod ruled;
pub mod rulings;
pub mod state;

#[cfg(test)]
pub(crate) mod tests;

pub use entry::{Body, Entry, Role};
pub use state::State;
