//! How a job ended: what the runner journals and tells. No bad end is without a trouble and an exit code.

use crate::domain::id::SnapshotId;
use crate::domain::problem::Exit;
use crate::service::retention::Look;
use crate::service::words::{Counts, JobKind, Outcome, Trouble, Why};

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOutcome {
    /// How.
    pub outcome: Outcome,
    /// What was wrong. A bad outcome without a trouble is given one.
    pub troubles: Vec<Trouble>,
    /// What was counted.
    pub counts: Counts,
    /// The snapshot it made.
    pub snapshot: Option<SnapshotId>,
    /// The exit code it would end the program with.
    pub exit: Exit,
    /// See [`Step::examined_all`].
    pub examined_all: bool,
    /// It was refused because of an incident that is open and told of already: no trouble of its own.
    pub waits: bool,
    /// See [`Step::said`].
    pub said: Option<String>,
    /// What it saw of the council's scheme and records.
    pub look: Option<Box<Look>>,
}

impl JobOutcome {
    /// All went well.
    pub fn done(counts: Counts) -> Self {
        Self::new(Outcome::Done, Vec::new(), counts, Exit::Done)
    }

    /// It failed for this reason.
    pub fn failed(why: Why, exit: Exit) -> Self {
        let outcome = if why == Why::Interrupted { Outcome::Interrupted } else { Outcome::Failed };
        Self::new(outcome, vec![Trouble::Failed(why)], Counts::default(), exit)
    }

    /// Refused until a person has dealt with an open incident.
    pub fn waiting(exit: Exit) -> Self {
        Self { waits: true, ..Self::new(Outcome::Refused, Vec::new(), Counts::default(), exit) }
    }

    /// Any other end.
    pub fn new(outcome: Outcome, troubles: Vec<Trouble>, counts: Counts, exit: Exit) -> Self {
        Self {
            outcome,
            troubles,
            counts,
            snapshot: None,
            exit,
            examined_all: false,
            waits: false,
            said: None,
            look: None,
        }
    }

    /// What the job itself may have forgotten: no bad end without a trouble and an exit code, and a test that
    /// examined nothing has not passed.
    pub(super) fn settled(mut self, job: JobKind) -> Self {
        if job == JobKind::Verify && self.outcome == Outcome::Done && self.counts.files == 0 {
            self.outcome = Outcome::Failed;
            self.troubles.push(Trouble::ExaminedNothing);
        }
        let (trouble, exit) = match self.outcome {
            Outcome::Done => return self,
            Outcome::Incomplete => (Trouble::Incomplete, Exit::Incomplete),
            Outcome::Failed => (Trouble::Failed(Why::Other), Exit::Failed),
            Outcome::Refused => (Trouble::Refused, Exit::Refused),
            Outcome::Damage => (Trouble::Damage, Exit::Damage),
            Outcome::Interrupted => (Trouble::Failed(Why::Interrupted), Exit::Interrupted),
        };
        // A mass change does not explain a bad end; a changed history does.
        if !self.waits && self.troubles.iter().all(|t| *t == Trouble::MassChange) {
            self.troubles.push(trouble);
        }
        if self.exit == Exit::Done {
            self.exit = exit;
        }
        self
    }
}
