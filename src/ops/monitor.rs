//! How an operation tells what it is doing, and how it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::problem::Problem;

/// Hears of progress. The operation reports, the caller decides how it looks.
pub trait Monitor: Send + Sync {
    /// A new stage begins; `total` is what [`Monitor::advance`] will add up to, where that is known.
    fn stage(&self, what: &str, total: Option<u64>);
    /// So much more of the stage is done.
    fn advance(&self, amount: u64);
    /// An item failed; the operation goes on.
    fn problem(&self, problem: &Problem);
}

/// Hears nothing.
pub struct Silent;

impl Monitor for Silent {
    fn stage(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn problem(&self, _: &Problem) {}
}

/// Set by a signal: the operation ends at the next safe point with `RepoError::Interrupted`.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
    /// Whether somebody asked.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// An error once somebody asked.
    ///
    /// # Errors
    /// `RepoError::Interrupted`.
    pub fn check(&self) -> Result<(), crate::repo::error::RepoError> {
        if self.is_set() { Err(crate::repo::error::RepoError::Interrupted) } else { Ok(()) }
    }
}
