//! Live files that are read again, and whose fault it is when one differs: its backup is brought back to see.

use super::Run;
use crate::domain::problem::Problem;
use crate::domain::rotation::Hand;
use crate::ops::error::OpsError;
use crate::ops::restore::{Lost, check_entries};
use crate::ops::verify::live::{problem, unreadable};
use crate::ops::verify::rotation::Found;
use crate::repo::repository::Repository;

impl Run<'_> {
    /// Reads what the hand has passed, and says where the hand is to stand. A file that differs was not changed by its
    /// owner, or its backup is wrong: the copy in the store says which.
    pub(super) fn read_again(&mut self, repo: &mut Repository) -> Result<Option<Hand>, OpsError> {
        let Some(rotation) = self.rotation.take() else { return Ok(None) };
        let Found { read, hand, differing, unreadable: unread } =
            rotation.read(repo, &|| self.is_over(repo), self.monitor, self.stop)?;
        self.report.live = Some(read);
        let known = |p: &Problem| p.path.clone();
        let told: Vec<_> = self.report.problems.iter().filter_map(known).collect();
        for (entry, why) in unread.iter().filter(|(e, _)| !told.contains(&e.path)) {
            self.note_live(unreadable(entry, why));
        }
        let differing: Vec<_> = differing.into_iter().filter(|e| !told.contains(&e.path)).collect();
        if differing.is_empty() {
            return Ok(hand);
        }
        let report = check_entries(repo, differing.iter().cloned(), self.monitor, self.stop)?;
        for entry in &differing {
            let lost = report.failed.iter().any(|l| l.problem.path.as_ref() == Some(&entry.path));
            self.note_live(problem(entry, !lost));
        }
        for Lost { problem, packs, .. } in report.failed {
            if let Some(path) = problem.path {
                self.note_lost(repo.state(), path, problem.detail, &packs);
            }
        }
        Ok(hand)
    }

    pub(super) fn note_live(&mut self, problem: Problem) {
        self.monitor.problem(&problem);
        self.report.problems.push(problem);
    }
}
