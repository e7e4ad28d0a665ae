//! What a run opens for the first time: every live document that the packs of its plan complete, and what earlier runs
//! left. What must always hold: what is not taken is counted, and its pack stays in the queue.

use super::{Candidate, Choice, Chooser, Lot};
use crate::ops::verify::opening::Due;

/// Documents opened for the first time in one run; and those without content.
const MOST_DUE: usize = 20_000;
const MOST_BARE_DUE: usize = 2_000;
/// Documents without content that are looked at where nobody opens them.
const MOST_BARE: usize = 64;

impl Chooser<'_> {
    /// What costs nothing: all that was not opened yet, or some by chance where nobody opens.
    pub(super) fn consider_bare(&mut self, lot: Lot, candidate: Candidate) {
        let most = if self.opener.is_some() { MOST_BARE_DUE } else { MOST_BARE };
        if self.opener.is_some_and(|o| !o.wants(&candidate.entry)) {
            return;
        }
        let at = self.bare.partition_point(|(other, _)| *other < lot);
        if at < most {
            self.bare.insert(at, (lot, candidate));
            self.bare.truncate(most);
        }
    }

    /// A live document belongs to its newest pack, which completes it.
    pub(super) fn note_due(&mut self, candidate: &Candidate) {
        let (Some(opener), true, Some(home)) = (self.opener, candidate.live, candidate.packs.last()) else { return };
        let planned = self.planner.first.contains(*home);
        if !(planned || self.queue.contains(*home)) || !opener.wants(&candidate.entry) {
            return;
        }
        self.due.entry((!planned, *home)).or_default().push(candidate.clone());
        self.dues += 1;
        while self.dues > MOST_DUE {
            let Some(((_, home), all)) = self.due.pop_last() else { return };
            self.left.insert(home);
            (self.dues, self.waiting) = (self.dues - all.len(), self.waiting + all.len() as u64);
        }
    }

    /// What is due comes whatever the number of documents is: from the packs of the plan, or beyond them as far as
    /// there is room. One whose examination did not end comes after all others.
    pub(super) fn take_due(&mut self, choice: &mut Choice, mut room: u64) -> Vec<Candidate> {
        let homes = self.planner.first.iter().chain(self.queue.iter());
        choice.due = Due { homes: homes.collect(), left: self.left.clone(), waiting: self.waiting, documents: vec![] };
        let (mut planned, mut last) = (vec![], vec![]);
        for ((_, home), all) in std::mem::take(&mut self.due) {
            for candidate in all {
                let is_planned = candidate.packs.iter().all(|n| choice.packs.contains(*n));
                let size = if is_planned { 0 } else { candidate.entry.size() };
                if size > room && !choice.beyond.is_empty() {
                    choice.due.left.insert(home);
                    choice.due.waiting += 1;
                    continue;
                }
                room = room.saturating_sub(size);
                choice.due.documents.push((home, candidate.entry.clone()));
                match self.opener.is_some_and(|o| o.comes_last(&candidate.entry)) {
                    true => last.push(candidate),
                    false if is_planned => planned.push(candidate),
                    false => choice.beyond.push(candidate),
                }
            }
        }
        choice.beyond.append(&mut last);
        planned
    }
}
