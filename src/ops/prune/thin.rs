//! Thinning: old snapshots are given up by rule, each with the reason why it stays or goes.
//!
//! The rule is applied to the state at the entry's own slot: a backup or a test that was faster is counted. What
//! open holds touch is looked up in the listings beforehand, and looked up again when a hold or a backup was faster.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::say;
use crate::domain::id::SnapshotId;
use crate::domain::log::entry::Entry;
use crate::domain::log::state::State;
use crate::domain::retention::gate::{Circumstances, permit_thin};
use crate::domain::retention::held::HeldSets;
use crate::domain::retention::rulings::Hold;
use crate::domain::retention::thinning::{Candidate, Fate, KeepRule, candidates, decide};
use crate::ops::error::OpsError;
use crate::ops::monitor::{Silent, Stop};
use crate::ops::retention::facts::gather;
use crate::ops::retention::hold;
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// So often what the holds touch is looked up while others write to the log.
const LOOK_UPS: u32 = 5;

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

    /// Those that only a hold keeps.
    pub fn held(&self) -> impl Iterator<Item = &SnapshotFate> {
        self.snapshots.iter().filter(|s| matches!(s.fate, Fate::Held(_)))
    }
}

/// What open holds touch, and what that was worked out from.
struct Held {
    sets: HeldSets,
    holds: Vec<u64>,
    snapshots: Vec<SnapshotId>,
}

impl Held {
    /// Reads no listing unless a hold is open and something would go.
    fn look_up(repo: &mut Repository, rule: &KeepRule, zone: &TimeZone) -> Result<Self, OpsError> {
        let state = repo.state();
        let (holds, snapshots) = (open_holds(state), snapshots(state));
        let none = Self { sets: HeldSets::default(), holds, snapshots };
        let nothing_goes = plan(state, rule, zone, &none).iter().all(|s| s.fate != Fate::Thin);
        if none.holds.is_empty() || nothing_goes {
            return Ok(none);
        }
        if !repo.can_read() {
            return Ok(Self { sets: HeldSets::all(none.holds.iter().copied()), ..none });
        }
        let holds = read_holds(repo)?;
        let facts = gather(repo, &Silent, &Stop::default())?;
        Ok(Self { sets: HeldSets::of(&facts.records, &holds), ..none })
    }

    fn is_of(&self, state: &State) -> bool {
        self.holds == open_holds(state) && self.snapshots == snapshots(state)
    }
}

fn open_holds(state: &State) -> Vec<u64> {
    state.open_holds().map(|h| h.at).collect()
}

fn snapshots(state: &State) -> Vec<SnapshotId> {
    state.live_snapshots().map(|s| s.id).collect()
}

/// The open holds; one whose note cannot be read touches everything.
fn read_holds(repo: &Repository) -> Result<Vec<Hold>, RepoError> {
    repo.state().open_holds().map(|hold| Ok(hold::read(repo, hold)?.0)).collect()
}

fn plan(state: &State, rule: &KeepRule, zone: &TimeZone, held: &Held) -> Vec<SnapshotFate> {
    let mut all = vec![];
    for set in state.sets() {
        let (candidates, holds) = (candidates(state, &set), held.sets.of_set(&set));
        let fates = decide(&candidates, rule, zone).into_iter().map(|(id, fate)| (id, fate.under(&holds)));
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
    for _ in 0..LOOK_UPS {
        let held = Held::look_up(repo, rule, zone)?;
        let mut report = ThinReport { snapshots: plan(repo.state(), rule, zone, &held), entry: None };
        if dry_run || report.thinned().next().is_none() {
            return Ok(report);
        }
        let mut stale = false;
        let entry = |state: &State| {
            stale = !held.is_of(state);
            if stale {
                return Ok(None);
            }
            report.snapshots = plan(state, rule, zone, &held);
            let chosen: Vec<SnapshotId> = report.thinned().map(|s| s.id).collect();
            let permit = permit_thin(state, circumstances, chosen)?;
            let (snapshots, rule) = (permit.snapshots().to_vec(), rule.describe());
            Ok((!snapshots.is_empty()).then_some(Entry::Thinned { snapshots, rule }))
        };
        let n = say(repo, entry)?;
        if !stale {
            report.entry = n;
            return Ok(report);
        }
    }
    let why = "others write to the log all the time, and what holds touch changes with it; nothing was thinned. Run this again";
    Err(OpsError::InTheWay(why.into()))
}
