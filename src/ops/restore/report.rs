//! What a restore did.

use std::path::PathBuf;

use crate::domain::id::SnapshotId;
use crate::domain::path::RecordPath;
use crate::domain::problem::{Exit, Problem, ProblemKind};

/// Problems and warnings beyond this many are counted, not listed.
pub const MAX_LISTED: usize = 10_000;

/// What a restore did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// Regular files written, further names of one file included.
    pub files: u64,
    /// Bytes of content brought back.
    pub bytes: u64,
    /// Folders made or finished.
    pub folders: u64,
    /// Links, pipes and devices made.
    pub others: u64,
    /// Files that were there already with the same content.
    pub already: u64,
    /// Copies kept of what was replaced.
    pub copies_kept: u64,
    /// Packs fetched from the store.
    pub packs_fetched: u64,
    /// The snapshots restored from.
    pub snapshots: Vec<SnapshotId>,
    /// Where the records lie now.
    pub folders_used: Vec<PathBuf>,
    /// Items that failed: the first of them.
    pub problems: Vec<Problem>,
    /// How many failed.
    pub failed: u64,
    /// Records that could not be brought back because stored data is damaged: the first of them.
    pub damaged: Vec<RecordPath>,
    /// What about restored items could not be set, and the like: the first of them.
    pub warnings: Vec<String>,
}

impl RestoreReport {
    /// Notes a failed item.
    pub(super) fn fail(&mut self, problem: Problem) {
        self.failed += 1;
        if problem.kind == ProblemKind::Damaged
            && self.damaged.len() < MAX_LISTED
            && let Some(path) = &problem.path
        {
            self.damaged.push(path.clone());
        }
        if self.problems.len() < MAX_LISTED {
            self.problems.push(problem);
        }
    }

    /// Notes what could not be set.
    pub(super) fn warn(&mut self, path: &RecordPath, warnings: Vec<String>) {
        let room = MAX_LISTED.saturating_sub(self.warnings.len());
        self.warnings.extend(warnings.into_iter().take(room).map(|w| format!("{path}: {w}")));
    }

    /// The exit code that says this.
    pub fn exit(&self) -> Exit {
        if self.problems.iter().any(|p| p.kind == ProblemKind::Damaged) || !self.damaged.is_empty() {
            Exit::Damage
        } else if self.failed > 0 {
            Exit::Incomplete
        } else {
            Exit::Done
        }
    }
}
