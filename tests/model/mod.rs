//! The log protocol as a small machine that can be searched completely.
//!
//! One step is one request to the store. Actors may crash before any step, read the log as it was at any
//! earlier time, and have a create or a delete "time out": it then lands at any later moment, or never.
//! Content is abstracted to "a snapshot references one pack". Two things must hold in every reachable state:
//! a committed snapshot's pack is in the store, and a log entry, once there, never changes.

pub mod log;
pub mod pruner;
pub mod search;
pub mod state;
pub mod writer;

/// How large a world is searched.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub writers: usize,
    pub pruners: usize,
    pub slots: usize,
}

impl Bounds {
    /// One pack nobody references at first, and two names each writer may still use.
    pub fn packs(&self) -> usize {
        1 + self.writers * usize::from(state::FRESH_NAMES)
    }
}

/// A rule left out on purpose, so that the search can show that the rule matters and that it would notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The store overwrites an entry that exists.
    StoreIgnoresPrecondition,
    /// A writer that lost its slot takes the next one without deciding again.
    WriterTakesNextSlot,
    /// A writer does not look for `swept` entries before it commits.
    WriterIgnoresSwept,
    /// A writer stores chunks again under a name that was swept.
    SweptNameReused,
    /// A writer commits although its session was abandoned. Harmless: `abandoned` is a courtesy.
    WriterIgnoresAbandoned,
    /// A pruner that lost its slot takes the next one without deciding again.
    SweeperTakesNextSlot,
    /// Packs are deleted before the `swept` entry exists.
    DeleteBeforeSwept,
    /// Packs are deleted as soon as they are condemned.
    DeleteOnCondemn,
    /// A snapshot that references a condemned pack does not save it.
    RescueIgnored,
    /// Objects the log does not know are deleted outright.
    OrphansDeletedDirectly,
    /// What is swept is what was condemned, not recomputed from the log.
    SweepFromMemory,
}

/// The world's size and the rule that is broken in it, if any.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub bounds: Bounds,
    pub mistake: Option<Mistake>,
}

impl Rules {
    pub fn broken(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
}
