//! Which of the causes on one ticket speaks for it, and since when. Pure.
//!
//! A failure that changes its kind stays one failure: the newest kind is told, the first day counts.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::service::history::{JournalState, Open};
use crate::service::words::{Cause, JobKind, SetName, Trouble};

/// The causes, without kinds of a failure in whose place a newer one of the same job and set came.
pub fn current<'a>(state: &JournalState, causes: &'a BTreeSet<Cause>) -> Vec<&'a Cause> {
    let at = |cause: &Cause| state.last_found.get(cause).map(|f| f.at);
    let newer = |old: &Cause, new: &Cause| is_failed(new) && key(new) == key(old) && at(new) > at(old);
    causes.iter().filter(|c| !is_failed(c) || !causes.iter().any(|other| newer(c, other))).collect()
}

/// The heaviest of them.
pub fn lead<'a>(state: &JournalState, causes: &'a BTreeSet<Cause>) -> Option<&'a Cause> {
    current(state, causes).into_iter().min_by_key(|c| c.weight())
}

/// Whether it has become worse since somebody was told. Another kind of the same failure is not worse.
pub fn is_worse(now: &BTreeSet<Cause>, told_of: &BTreeSet<Cause>) -> bool {
    let weight = |causes: &BTreeSet<Cause>| causes.iter().map(Cause::weight).min();
    match (weight(now), weight(told_of)) {
        (Some((Trouble::Failed(_), new)), Some((Trouble::Failed(_), old))) => new < old,
        (new, old) => new < old,
    }
}

/// Since when a job of this ticket fails for the same set, also under other references that are open still.
pub fn failing_since(state: &JournalState, open: &Open) -> Timestamp {
    let failing: BTreeSet<_> = open.causes.iter().filter(|c| is_failed(c)).map(key).collect();
    let same = |other: &&Open| {
        other.resolved.is_none() && other.causes.iter().any(|c| is_failed(c) && failing.contains(&key(c)))
    };
    state.open.values().filter(same).map(|o| o.since).min().map_or(open.since, |since| since.min(open.since))
}

fn is_failed(cause: &Cause) -> bool {
    matches!(cause.trouble, Trouble::Failed(_))
}

fn key(cause: &Cause) -> (JobKind, &Option<SetName>) {
    (cause.job, &cause.set)
}
