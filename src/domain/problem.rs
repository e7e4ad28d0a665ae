//! What can be wrong with one item, what an examination can say, and what the process says at its end.

use serde::Serialize;

use crate::domain::path::RecordPath;

/// What happened to one item of a job. The job goes on; the report, exit code and notice say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The source would not let us read it.
    Unreadable,
    /// It changed while it was being read, more than once.
    Changed,
    /// It was listed and then was not there.
    Vanished,
    /// Its name cannot be a record's name.
    BadName,
    /// Stored data is missing or is not what was stored.
    Damaged,
    /// It could not be written while restoring.
    NotWritten,
    /// It came back, but something about it (owner, attribute, time) could not be set.
    Incomplete,
    /// It was disposed of under the retention scheme and is there again.
    Reappeared,
}

/// One item that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The record concerned; `None` when it is an object of the store.
    pub path: Option<RecordPath>,
    /// What happened.
    pub kind: ProblemKind,
    /// In words, for the provider's technician; never put into a notice.
    pub detail: String,
}

impl Problem {
    /// A problem with a record.
    pub fn of(path: &RecordPath, kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { path: Some(path.clone()), kind, detail: detail.into() }
    }
}

/// The outcome of one examination. Skipped is not passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Examined and right.
    Passed,
    /// Examined and wrong.
    Failed(String),
    /// Not examined, and why.
    NotChecked(String),
}

/// The exit codes of the program, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Done, and something was examined.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Usage or configuration: nothing was touched.
    Usage = 2,
    /// Finished, but some items failed.
    Incomplete = 3,
    /// Damage was found.
    Damage = 4,
    /// Overdue or stale.
    Stale = 5,
    /// A guard refused.
    Refused = 6,
    /// There is no repository at that address.
    NoRepository = 10,
    /// The key does not open this repository.
    WrongKey = 12,
    /// Stopped by a signal.
    Interrupted = 130,
}

impl Exit {
    /// Which code wins where several apply (design: 130, 2, 12, 10, 4, 1, 6, 3, 5).
    pub fn worse(self, other: Self) -> Self {
        const ORDER: [Exit; 10] = [
            Exit::Interrupted,
            Exit::Usage,
            Exit::WrongKey,
            Exit::NoRepository,
            Exit::Damage,
            Exit::Failed,
            Exit::Refused,
            Exit::Incomplete,
            Exit::Stale,
            Exit::Done,
        ];
        let rank = |e: Exit| ORDER.iter().position(|o| *o == e).unwrap_or(ORDER.len());
        if rank(self) <= rank(other) { self } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_code_wins() {
        assert_eq!(Exit::Done.worse(Exit::Stale), Exit::Stale);
        assert_eq!(Exit::Failed.worse(Exit::Damage), Exit::Damage);
        assert_eq!(Exit::Incomplete.worse(Exit::Refused), Exit::Refused);
        assert_eq!(Exit::Interrupted.worse(Exit::Usage), Exit::Interrupted);
    }
}
