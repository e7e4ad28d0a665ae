//! How many records an office changes and removes as a rule, learnt from its own backups. Pure.
//!
//! Backups that were an incident teach nothing, nor do one or two nights that stand out.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::ops::backup::{Sum, Usual, Week};
use crate::service::journal::Step;
use crate::service::words::{SetName, Trouble};

/// Fewer backups do not say what is usual.
const LEAST: usize = 14;
/// So many nights that stand out say nothing of what is usual.
const STAND_OUT: usize = 2;
/// So many of the last say it.
const MOST: usize = 60;
/// And what is younger is kept for the weeks, however many backups a day there are.
const KEPT: SignedDuration = SignedDuration::from_hours(35 * 24);
/// Seven nightly backups, whose times drift, or one weekly one.
const A_WEEK: SignedDuration = SignedDuration::from_hours(6 * 24 + 12);
/// A shorter past does not say what a week is like.
const LEAST_PAST: SignedDuration = SignedDuration::from_hours(21 * 24);

/// One backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Night {
    at: Timestamp,
    /// How many records changed or went.
    touched: u64,
    /// How many turned to noise or another ending, where that was counted.
    turned: Option<u64>,
}

/// What the last backups of each set have shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<SetName, OfSet>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct OfSet {
    /// The last that were no incident.
    each: VecDeque<Night>,
    /// The newest incident.
    incident: Option<Timestamp>,
}

impl Changes {
    /// Takes in a backup that got through.
    pub fn take(&mut self, at: Timestamp, set: &SetName, step: &Step) {
        let of_set = self.0.entry(set.clone()).or_default();
        if step.troubles.contains(&Trouble::MassChange) {
            of_set.incident = Some(at);
            return;
        }
        of_set.each.push_back(Night { at, touched: step.counts.changed, turned: step.counts.turned });
        let old = |first: &Night| at.duration_since(first.at) >= KEPT;
        while of_set.each.len() > MOST && of_set.each.front().is_some_and(old) {
            of_set.each.pop_front();
        }
    }

    /// What is usual for this set.
    pub fn usual(&self, set: &SetName, now: Timestamp) -> Usual {
        let Some(of_set) = self.0.get(set) else { return Usual::default() };
        Usual { once: of_set.once(), week: of_set.week(now) }
    }
}

impl OfSet {
    fn once(&self) -> Option<u64> {
        let mut counts: Vec<u64> = self.each.iter().rev().take(MOST).map(|night| night.touched).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        (counts.len() >= LEAST).then(|| counts.get(STAND_OUT).copied()).flatten()
    }

    fn week(&self, now: Timestamp) -> Option<Week> {
        let touched = self.sum(now, |night| Some(night.touched))?;
        Some(Week { touched, turned: self.sum(now, |night| night.turned) })
    }

    /// What an incident has told of is not told again with the nights after it.
    fn sum(&self, now: Timestamp, count: impl Fn(&Night) -> Option<u64>) -> Option<Sum> {
        let counted = self.each.iter().filter_map(|night| Some((night.at, count(night)?)));
        let (lately, past): (Vec<_>, Vec<_>) = counted.partition(|(at, _)| now.duration_since(*at) < A_WEEK);
        let known = past.last()?.0.duration_since(past.first()?.0) >= LEAST_PAST;
        let untold = |(at, _): &(Timestamp, u64)| self.incident.is_none_or(|told| *at > told);
        let so_far = lately.into_iter().filter(untold).map(|(_, n)| n).sum();
        let until = |end: Timestamp| {
            let within = past.iter().filter(move |(at, _)| *at <= end && end.duration_since(*at) < A_WEEK);
            within.map(|(_, n)| *n).sum::<u64>()
        };
        let usual = past.iter().map(|(at, _)| until(*at)).max()?;
        known.then_some(Sum { so_far, usual })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::words::{Counts, JobKind, Outcome};

    fn night(changes: &mut Changes, day: i64, changed: u64, troubles: Vec<Trouble>) {
        backup(changes, at(day), changed, troubles);
    }

    fn backup(changes: &mut Changes, at: Timestamp, changed: u64, troubles: Vec<Trouble>) {
        let counts = Counts { changed, ..Counts::default() };
        changes.take(at, &set(), &Step { troubles, counts, ..done() });
    }

    fn done() -> Step {
        Step {
            job: JobKind::Backup,
            set: None,
            outcome: Outcome::Done,
            troubles: vec![],
            counts: Counts::default(),
            snapshot: None,
            exit: 0,
            examined_all: false,
            seconds: 1,
            said: None,
        }
    }

    fn at(day: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day)
    }

    fn set() -> SetName {
        SetName::new("documents").unwrap()
    }

    /// Nights of an office, each with as many changes.
    fn office(nights: &[u64]) -> Changes {
        let mut changes = Changes::default();
        nights.iter().enumerate().for_each(|(day, n)| night(&mut changes, day as i64, *n, vec![]));
        changes
    }

    fn week(changes: &Changes, day: i64) -> Option<(u64, u64)> {
        changes.usual(&set(), at(day)).week.map(|w| (w.touched.so_far, w.touched.usual))
    }

    #[test]
    fn one_or_two_nights_that_stand_out_teach_nothing() {
        let once = |nights: &[u64]| office(nights).usual(&set(), at(99)).once;
        assert_eq!((once(&[5; 13]), once(&[5; 14])), (None, Some(5)));
        let mut nights = [5; 20];
        (nights[3], nights[9]) = (90, 80);
        assert_eq!(once(&nights), Some(5));
        nights[12] = 70;
        assert_eq!(once(&nights), Some(70));
    }

    #[test]
    fn a_week_is_this_backup_and_the_six_before_it_and_what_was_told_counts_no_more() {
        let mut changes = office(&[10; 40]);
        assert_eq!(week(&changes, 40), Some((60, 70)));
        (40..46).for_each(|day| night(&mut changes, day, 45, vec![]));
        assert_eq!(week(&changes, 46), Some((270, 70)));
        night(&mut changes, 46, 315, vec![Trouble::MassChange]);
        assert_eq!(week(&changes, 47), Some((0, 105)));
        night(&mut changes, 47, 45, vec![]);
        assert_eq!(week(&changes, 48), Some((45, 140)));
        // One at once: the nights before it were no part of it, and are not told with those after it.
        night(&mut changes, 48, 200, vec![Trouble::MassChange]);
        assert_eq!(week(&changes, 49), Some((0, 175)));
    }

    #[test]
    fn a_week_of_which_too_little_is_known_is_no_measure() {
        assert_eq!(week(&office(&[10; 27]), 27), None);
        assert_eq!(week(&office(&[10; 28]), 28), Some((60, 70)));
        assert_eq!(week(&office(&[]), 29), None);
        // Many a day are no shorter past.
        let mut hourly = Changes::default();
        (0..40 * 24)
            .for_each(|hour| backup(&mut hourly, Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour), 1, vec![]));
        assert!(week(&hourly, 40).is_some_and(|(so_far, usual)| so_far > 140 && usual > 140));
        // A weekly backup is a week by itself.
        let mut weekly = Changes::default();
        (0..6).for_each(|n| night(&mut weekly, 7 * n, 100, vec![]));
        assert_eq!(week(&weekly, 42), Some((0, 100)));
    }

    #[test]
    fn what_turned_is_summed_where_all_of_it_was_counted() {
        let mut changes = Changes::default();
        let take = |changes: &mut Changes, day, turned| {
            let counts = Counts { changed: 10, turned, ..Counts::default() };
            changes.take(at(day), &set(), &Step { counts, ..done() });
        };
        // An older program did not count it: what is usual is not known yet.
        (0..30).for_each(|day| take(&mut changes, day, None));
        (30..50).for_each(|day| take(&mut changes, day, Some(1)));
        assert_eq!(changes.usual(&set(), at(50)).week.map(|w| w.turned), Some(None));
        (50..60).for_each(|day| take(&mut changes, day, Some(2)));
        let sum = Sum { so_far: 12, usual: 11 };
        assert_eq!(changes.usual(&set(), at(60)).week.and_then(|w| w.turned), Some(sum));
    }
}
