//! Deleting what is dead: what `swept` entries name, and notes that nothing needs.
//!
//! A note is never swept: it is small, and its author puts it before it appends. So one that no entry names goes
//! only after the whole wait, told by the store's own clock; the names of a disposal go once that is done.

use jiff::SignedDuration;

use super::PruneReport;
use crate::domain::log::evidence::EVIDENCE_KEPT;
use crate::domain::retention::gate::later;
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::repo::error::RepoError;
use crate::repo::layout::Key;
use crate::repo::repository::Repository;
use crate::repo::store::{Listed, StoreError, StoreFault};

/// After so many refusals in a row the store is asked no more.
const REFUSALS: u64 = 16;

/// The notes among `listed` that may go. `wait`: how much older than the newest entry an unnamed one must be, by the
/// store's dates of both; this machine's clock can only hold back.
pub(super) fn unneeded_notes<'l>(
    repo: &Repository,
    listed: impl Iterator<Item = &'l Listed>,
    wait: SignedDuration,
) -> Result<Vec<&'l Listed>, RepoError> {
    let notes: Vec<&Listed> = listed.filter(|l| matches!(l.key, Key::Note(_))).collect();
    if notes.is_empty() {
        return Ok(vec![]);
    }
    let (state, clock) = (repo.state(), repo.env.clock.now());
    let (needed, spent, old) = (state.expected_notes(clock), state.spent_notes(), state.old_evidence(clock));
    let now = repo.store.get_dated(&Key::Log(state.next - 1))?.1;
    let unneeded = |l: &&Listed| {
        let Key::Note(name) = &l.key else { return false };
        // A clock that ran ahead must not end the years of evidence: the store's dates must say so, too.
        let wait = if old.contains(name) { wait.max(EVIDENCE_KEPT) } else { wait };
        spent.contains(name) || (!needed.contains(name) && later(l.modified, wait) <= now)
    };
    Ok(notes.into_iter().filter(unneeded).collect())
}

/// What killed writers left half-written in a folder used as a store: nothing names it, and nobody reads it.
pub(super) fn half_written(repo: &Repository, report: &mut PruneReport) -> Result<(), OpsError> {
    note(report, repo.store.remove_leftovers(repo.env.clock.now()))
}

/// Counts what was deleted, so many objects and bytes, or that the store refused it.
pub(super) fn note(report: &mut PruneReport, deleted: Result<(u64, u64), StoreError>) -> Result<(), OpsError> {
    match deleted {
        Ok((objects, bytes)) => {
            report.deleted += objects;
            report.deleted_bytes += bytes;
        }
        Err(e) if matches!(e.fault(), StoreFault::Denied | StoreFault::ReadOnly | StoreFault::Unsupported) => {
            report.refused += 1;
            report.refused_why.get_or_insert_with(|| e.to_string());
        }
        Err(e) => return Err(e.into()),
    }
    Ok(())
}

/// Deletes objects; what the store refuses is counted.
pub(in crate::ops) fn delete(
    repo: &Repository,
    there: &[&Listed],
    report: &mut PruneReport,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<(), OpsError> {
    for (at, object) in there.iter().enumerate() {
        stop.check()?;
        note(report, repo.store.delete(&object.key).map(|()| (1, object.size)))?;
        if report.refused >= REFUSALS && report.deleted == 0 {
            report.refused += (there.len() - at - 1) as u64;
            return Ok(());
        }
        monitor.advance(1);
    }
    Ok(())
}
