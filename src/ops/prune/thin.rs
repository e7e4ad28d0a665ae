//! Thinning: old snapshots are given up by rule, each with the reason why it stays or goes.
//!
//! The rule is applied to the state at the entry's own slot: a backup or a test that was faster is counted.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::say;
use crate::domain::id::SnapshotId;
use crate::domain::log::entry::Entry;
use crate::domain::log::state::State;
use crate::domain::retention::gate::{Circumstances, permit_thin};
use crate::domain::retention::thinning::{Candidate, Fate, KeepRule, candidates, decide};
use crate::ops::error::OpsError;
use crate::repo::repository::Repository;

/// One snapshot, and why it stays or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFate {
    /// Its set.
    pub set: String,
    /// Which.
    pub id: SnapshotId,
    /// The data's point in time.
    pub time: Timestamp,
    /// What becomes of it.
    pub fate: Fate,
}

/// What thinning did, or would have done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThinReport {
    /// Every live snapshot before thinning, by set, oldest first.
    pub snapshots: Vec<SnapshotFate>,
    /// The entry that records it; none when nothing was to be given up.
    pub entry: Option<u64>,
}

impl ThinReport {
    /// Those given up.
    pub fn thinned(&self) -> impl Iterator<Item = &SnapshotFate> {
        self.snapshots.iter().filter(|s| s.fate == Fate::Thin)
    }
}

fn plan(state: &State, rule: &KeepRule, zone: &TimeZone) -> Vec<SnapshotFate> {
    let mut all = vec![];
    for set in state.sets() {
        let candidates = candidates(state, &set);
        let fates = decide(&candidates, rule, zone);
        let fate = |(c, (id, fate)): (&Candidate, _)| SnapshotFate { set: set.clone(), id, time: c.time, fate };
        all.extend(candidates.iter().zip(fates).map(fate));
    }
    all
}

/// Gives up the snapshots that the rule does not keep.
///
/// # Errors
/// [`OpsError::Refused`] when the gate says no; `NoRole` without the pruner's seed; faults of the store.
pub fn thin(
    repo: &mut Repository,
    rule: &KeepRule,
    zone: &TimeZone,
    circumstances: &Circumstances,
    dry_run: bool,
) -> Result<ThinReport, OpsError> {
    repo.refresh()?;
    let mut report = ThinReport { snapshots: plan(repo.state(), rule, zone), entry: None };
    if dry_run || report.thinned().next().is_none() {
        return Ok(report);
    }
    let entry = |state: &State| {
        report.snapshots = plan(state, rule, zone);
        let chosen: Vec<SnapshotId> = report.thinned().map(|s| s.id).collect();
        let permit = permit_thin(state, circumstances, chosen)?;
        let (snapshots, rule) = (permit.snapshots().to_vec(), rule.describe());
        Ok((!snapshots.is_empty()).then_some(Entry::Thinned { snapshots, rule }))
    };
    let n = say(repo, entry)?;
    report.entry = n;
    Ok(report)
}
