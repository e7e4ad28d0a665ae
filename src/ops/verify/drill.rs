//! A drill: what a disaster would ask for, done for real. Whole sets come back from the store to an empty place on
//! a disk, by the way that `restore` takes; every file's digest is checked; the time is taken and put on record.
//!
//! What came back is removed again unless somebody wants to look at it. A drill that brought nothing back has failed.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Damage, elapsed};
use crate::domain::id::SnapshotId;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::{Drilled, Entry};
use crate::domain::problem::{Exit, Problem};
use crate::ops::error::OpsError;
use crate::ops::fs::place::Owner;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::query::Which;
use crate::ops::restore::{self, RestoreOptions};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// What to bring back, and where to.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    /// This set only; otherwise all of them.
    pub set: Option<String>,
    /// An empty place, or one that is not there yet.
    pub to: PathBuf,
    /// What came back stays there.
    pub keep: bool,
}

/// What a drill found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillReport {
    /// What was put on record.
    pub drilled: Drilled,
    /// When it began.
    pub began: Timestamp,
    /// Bytes that the newest snapshots of all sets hold.
    pub everything: u64,
    /// What did not come back as it was: the first of them.
    pub problems: Vec<Problem>,
    /// Whether stored data is damaged.
    pub damaged: bool,
    /// The same, as damage is told.
    pub failed: Vec<Damage>,
    /// The entry that records it.
    pub entry: Option<u64>,
}

impl DrillReport {
    /// Seconds that everything there is would take at the speed measured; `None` when it was too fast to measure.
    pub fn seconds_for_everything(&self) -> Option<u64> {
        let (bytes, seconds) = (u128::from(self.drilled.bytes), u128::from(self.drilled.seconds));
        let all = u128::from(self.everything) * seconds.max(1) / bytes.max(1);
        (bytes > 0).then(|| u64::try_from(all).unwrap_or(u64::MAX).max(self.drilled.seconds))
    }

    /// The exit code that says this.
    pub fn exit(&self) -> Exit {
        match (self.damaged, self.drilled.failed) {
            (true, _) => Exit::Damage,
            (false, 0) => Exit::Done,
            (false, _) => Exit::Incomplete,
        }
    }
}

/// Brings whole sets back to an empty place, and says how long it took.
///
/// # Errors
/// [`RepoError::CannotRead`] without the reading identity; [`OpsError::Nothing`] when nothing came back;
/// [`OpsError::Target`] when the place is not empty, cannot be used or has no room; faults of the store; `Interrupted`.
/// Whatever happens, what came back is removed unless it is to be kept.
pub fn drill(
    repo: &mut Repository,
    options: &DrillOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<DrillReport, OpsError> {
    if !repo.can_read() {
        return Err(RepoError::CannotRead.into());
    }
    repo.refresh()?;
    let place = Place::look(&options.to, options.keep)?;
    let began = repo.env.clock.now();
    let which = Which { set: options.set.clone(), ..Which::default() };
    let wanted = RestoreOptions { which, owner: Owner::OfFolder, ..RestoreOptions::everything(&place.dir) };
    let plan = restore::plan(repo, &wanted, monitor, stop)?;
    let report = restore::apply(plan, repo, monitor, stop)?;
    let seconds = elapsed(began, repo.env.clock.now()).as_secs();
    if report.files == 0 && report.failed == 0 {
        return Err(OpsError::Nothing("The newest backups hold no document; nothing was brought back.".into()));
    }
    let drilled = Drilled {
        whole: is_whole(repo, &report.snapshots),
        stored: stored(repo, &report.snapshots),
        snapshots: report.snapshots.clone(),
        files: report.files,
        bytes: report.bytes,
        seconds,
        failed: report.failed,
        keyholder: repo.ring.keyholder,
    };
    let entry = repo.append(|_| Ok(Some(Entry::Drilled(drilled.clone()))))?;
    place.clear()?;
    let state = repo.state();
    let newest = state.sets().into_iter().filter_map(|s| state.newest(&s).map(|n| n.snapshot.bytes));
    let damaged = report.exit() == Exit::Damage;
    let failed = if damaged { vec![damage(&report)] } else { vec![] };
    Ok(DrillReport { drilled, began, everything: newest.sum(), problems: report.problems, damaged, failed, entry })
}

fn damage(report: &restore::RestoreReport) -> Damage {
    let what = "documents did not come back in a drill".into();
    Damage { object: None, what, snapshots: report.snapshots.clone(), records: report.damaged.clone() }
}

/// Whether the newest snapshot of every set is among them.
fn is_whole(repo: &Repository, snapshots: &[SnapshotId]) -> bool {
    let state = repo.state();
    state.sets().iter().filter_map(|s| state.newest(s)).all(|s| snapshots.contains(&s.id))
}

/// Stored bytes that these snapshots need.
fn stored(repo: &Repository, snapshots: &[SnapshotId]) -> u64 {
    let state = repo.state();
    let mut needs = Bits::default();
    for snapshot in snapshots.iter().filter_map(|id| state.snapshot(*id)) {
        needs.union(&snapshot.snapshot.needs);
    }
    needs.iter().filter_map(|n| state.packs.get(n as usize)).map(|p| p.pack.size).sum()
}

/// The place of a drill: private, empty at the start, and gone at the end unless it is to be kept.
struct Place {
    dir: PathBuf,
    keep: bool,
}

impl Place {
    fn look(dir: &Path, keep: bool) -> Result<Self, OpsError> {
        // A place that is not there yet is made by the restore, for our eyes only.
        match std::fs::read_dir(dir).map(|mut there| there.next().is_some()) {
            Ok(false) => {}
            Ok(true) => {
                let why = "is not empty; a drill wants an empty place, so that nothing is mixed up";
                return Err(OpsError::Target(format!("{} {why}", dir.display())));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(OpsError::Target(format!("{}: {e}", dir.display()))),
        }
        Ok(Self { dir: dir.to_owned(), keep })
    }

    fn clear(mut self) -> Result<(), OpsError> {
        let keep = std::mem::replace(&mut self.keep, true);
        if keep {
            return Ok(());
        }
        let why = |e| {
            OpsError::Target(format!("{}: what the drill brought back could not be removed: {e}", self.dir.display()))
        };
        std::fs::remove_dir_all(&self.dir).map_err(why)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
