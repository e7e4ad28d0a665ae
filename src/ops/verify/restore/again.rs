//! Live files that are read again, and whose fault it is when one differs: its backup is brought back to see.

use super::Run;
use crate::domain::problem::Problem;
use crate::domain::rotation::Hand;
use crate::ops::error::OpsError;
use crate::ops::restore::{Lost, check_entries};
use crate::ops::verify::affected::inherited;
use crate::ops::verify::live::{problem, unreadable};
use crate::ops::verify::rotation::{Found, Rotation};
use crate::repo::listing::read_page;
use crate::repo::repository::Repository;

impl Run<'_> {
    /// Reads what the hand has passed, and says where the hand is to stand. A file that differs was not changed by its
    /// owner, or its backup is wrong: the copy in the store says which.
    pub(super) fn read_again(&mut self, repo: &mut Repository) -> Result<Option<Hand>, OpsError> {
        let Some(mut rotation) = self.rotation.take() else { return Ok(None) };
        let mut found = Found::default();
        rotation.read(repo, &|| self.is_over(repo), self.monitor, self.stop, &mut found)?;
        // What was found before a fault was found.
        let rounds = self.further_rounds(repo, &mut rotation, &mut found);
        let Found { read, hand, differing, unreadable: unread, .. } = rotation.finish(repo, found)?;
        self.report.live = Some(read);
        let known = |p: &Problem| p.path.clone();
        let told: Vec<_> = self.report.problems.iter().filter_map(known).collect();
        for (entry, why) in unread.iter().filter(|(e, _)| !told.contains(&e.path)) {
            self.note_live(unreadable(entry, why));
        }
        let differing: Vec<_> = differing.into_iter().filter(|e| !told.contains(&e.path)).collect();
        if differing.is_empty() {
            return rounds.map(|()| hand);
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
        rounds.map(|()| hand)
    }

    /// Of all live files no more are held at a time than there is room for.
    fn further_rounds(
        &self,
        repo: &mut Repository,
        rotation: &mut Rotation<'_>,
        found: &mut Found,
    ) -> Result<(), OpsError> {
        while self.options.all && rotation.goes_on() {
            self.offer_live(repo, rotation)?;
            rotation.read(repo, &|| false, self.monitor, self.stop, found)?;
        }
        Ok(())
    }

    /// Shows what is live once more. What cannot be had now was told of already, or is missed for a moment only: it does
    /// not count as read.
    fn offer_live(&self, repo: &mut Repository, rotation: &mut Rotation<'_>) -> Result<(), OpsError> {
        let state = repo.state();
        let roots: Vec<_> = state.sets().iter().filter_map(|set| state.newest(set)).map(|s| s.snapshot.root).collect();
        let mut chunks = repo.chunks()?;
        for root in roots {
            let (roots, all) = inherited(&mut chunks, root)?;
            if !all {
                rotation.is_not_shown();
            }
            for page in roots.into_iter().flat_map(|root| root.live) {
                self.stop.check()?;
                match read_page(&mut chunks, &page) {
                    Ok(entries) => entries.iter().for_each(|entry| rotation.offer(entry)),
                    Err(e) if e.is_damage() => rotation.is_not_shown(),
                    Err(e) => return Err(e.into()),
                }
            }
        }
        Ok(())
    }

    pub(super) fn note_live(&mut self, problem: Problem) {
        self.monitor.problem(&problem);
        self.report.problems.push(problem);
    }
}
