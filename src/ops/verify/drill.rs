//! A drill: what a disaster would ask for, done for real. Whole sets (or a sample) come back from the store to an empty folder on
//! a disk, by the way that `restore` takes; every file's digest is checked; the time is taken and put on record.
//!
//! What came back is removed again unless somebody wants to look at it. A drill that brought nothing back has failed.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::choose::packs_of;
use super::sampled::sample;
use super::{Damage, elapsed};
use crate::domain::id::SnapshotId;
use crate::domain::listing::Entry as Record;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::{Drilled, Entry};
use crate::domain::log::state::State;
use crate::domain::problem::{Exit, Problem};
use crate::ops::error::OpsError;
use crate::ops::fs::place::Owner;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::query::Which;
use crate::ops::restore::{self, RestoreOptions, Selected};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// Documents of a sample at most: each is looked up by itself.
const MOST_SAMPLED: usize = 1000;

/// What to bring back, and where to.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    /// This set only; otherwise all of them.
    pub set: Option<String>,
    /// Only documents drawn by chance, up to so many bytes.
    pub sample: Option<u64>,
    /// The folder within which a folder of its own is made.
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
    /// What did not come back as it was: the first of them.
    pub problems: Vec<Problem>,
    /// Whether stored data is damaged.
    pub damaged: bool,
    /// The same, as damage is told.
    pub failed: Vec<Damage>,
    /// Where it came back to.
    pub dir: PathBuf,
    /// Why what came back is still there, if it could not be removed.
    pub left_behind: Option<String>,
    /// The entry that records it.
    pub entry: Option<u64>,
}

/// What having everything back would take, at the speed of a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Projection {
    /// Bytes that the newest snapshots of all sets hold.
    pub bytes: u64,
    /// Bytes of the store that this needs.
    pub stored: u64,
    /// Seconds at the speed that was measured, and not less than the link needs.
    pub seconds: u64,
}

/// For everything that is backed up now; `None` where the drill brought nothing back, or not all of it. `link_mbit` is
/// the link of the computer that it would come back to.
pub fn projection(state: &State, drilled: &Drilled, link_mbit: Option<u32>) -> Option<Projection> {
    if drilled.bytes == 0 || drilled.failed > 0 {
        return None;
    }
    let newest: Vec<_> = state.sets().into_iter().filter_map(|s| state.newest(&s)).collect();
    let bytes = newest.iter().map(|n| n.snapshot.bytes).fold(0, u64::saturating_add);
    let stored = stored(state, &newest.iter().map(|n| n.id).collect::<Vec<_>>());
    let measured = u128::from(bytes) * u128::from(drilled.seconds.max(1)) / u128::from(drilled.bytes);
    let link = link_mbit.map_or(0, |mbit| u128::from(stored) * 8 / (u128::from(mbit.max(1)) * 1_000_000));
    let seconds = u64::try_from(measured.max(link)).unwrap_or(u64::MAX);
    Some(Projection { bytes, stored, seconds: if drilled.whole { seconds.max(drilled.seconds) } else { seconds } })
}

impl DrillReport {
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
/// [`OpsError::Target`] when the place cannot be used or has no room; faults of the store; `Interrupted`.
/// What came back is removed unless it is to be kept, also when the drill fails; after a kill it lies there still.
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
    let mut tag = [0; 8];
    repo.env.entropy.fill(&mut tag);
    let place = Place::make(&options.to, u64::from_le_bytes(tag), options.keep)?;
    let dir = place.dir.clone();
    let began = repo.env.clock.now();
    let which = Which { set: options.set.clone(), ..Which::default() };
    let mut wanted = RestoreOptions { which, owner: Owner::OfFolder, ..RestoreOptions::everything(&place.dir) };
    let drawn = options.sample.map(|bytes| draw(repo, bytes)).transpose()?;
    if let Some((documents, _)) = &drawn {
        wanted.selection = documents.iter().map(|e| Selected::Within(e.path.clone())).collect();
    }
    let plan = restore::plan(repo, &wanted, monitor, stop)?;
    let report = restore::apply(plan, repo, monitor, stop)?;
    let seconds = elapsed(began, repo.env.clock.now()).as_secs();
    if report.files == 0 && report.failed == 0 {
        return Err(OpsError::Nothing("The newest backups hold no document; nothing was brought back.".into()));
    }
    let drilled = Drilled {
        whole: drawn.is_none() && is_whole(repo, &report.snapshots),
        stored: drawn
            .as_ref()
            .map_or_else(|| stored(repo.state(), &report.snapshots), |(_, packs)| sizes(repo.state(), packs)),
        sampled: drawn.is_some(),
        snapshots: report.snapshots.clone(),
        files: report.files,
        bytes: report.bytes,
        seconds,
        failed: report.failed,
        keyholder: repo.ring.keyholder,
    };
    let entry = repo.append(|_| Ok(Some(Entry::Drilled(drilled.clone()))))?;
    let left_behind = place.clear().err();
    let damaged = report.exit() == Exit::Damage;
    let failed = if damaged { vec![damage(&report)] } else { vec![] };
    Ok(DrillReport { drilled, began, problems: report.problems, damaged, failed, dir, left_behind, entry })
}

fn damage(report: &restore::RestoreReport) -> Damage {
    let what = "documents did not come back in a drill".into();
    Damage::of(what, report.snapshots.clone(), report.damaged.clone())
}

/// Whether the newest snapshot of every set is among them.
fn is_whole(repo: &Repository, snapshots: &[SnapshotId]) -> bool {
    let state = repo.state();
    state.sets().iter().filter_map(|s| state.newest(s)).all(|s| snapshots.contains(&s.id))
}

/// Documents drawn by chance from all sets, and the packs that they need.
fn draw(repo: &mut Repository, bytes: u64) -> Result<(Vec<Record>, Bits), OpsError> {
    let state = repo.state();
    let roots: Vec<_> = state.sets().iter().filter_map(|s| state.newest(s)).map(|n| n.snapshot.root).collect();
    if roots.is_empty() {
        return Err(OpsError::NotFound("there is no backup yet".into()));
    }
    let documents = sample(repo, &roots, MOST_SAMPLED, bytes)?;
    if documents.is_empty() {
        return Err(OpsError::Nothing("The newest backups hold no document; nothing was brought back.".into()));
    }
    let mut chunks = repo.chunks()?;
    let mut packs = Bits::default();
    for document in &documents {
        packs_of(&mut chunks, document)?.into_iter().for_each(|n| packs.insert(n));
    }
    Ok((documents, packs))
}

/// Stored bytes that these snapshots need.
fn stored(state: &State, snapshots: &[SnapshotId]) -> u64 {
    let mut needs = Bits::default();
    for snapshot in snapshots.iter().filter_map(|id| state.snapshot(*id)) {
        needs.union(&snapshot.snapshot.needs);
    }
    sizes(state, &needs)
}

fn sizes(state: &State, packs: &Bits) -> u64 {
    packs.iter().filter_map(|n| state.packs.get(n as usize)).map(|p| p.pack.size).fold(0, u64::saturating_add)
}

/// The place of a drill: a folder of its own within the one that was given, made by nobody else, private, and gone at
/// the end unless what came back is to be kept. Nothing beside it is touched.
struct Place {
    dir: PathBuf,
    keep: bool,
}

impl Place {
    fn make(within: &Path, tag: u64, keep: bool) -> Result<Self, OpsError> {
        let refused = |e: std::io::Error| OpsError::Target(format!("{}: {e}", within.display()));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(within).map_err(refused)?;
        let dir = within.canonicalize().map_err(refused)?.join(format!("strongroom-drill-{tag:016x}"));
        std::fs::DirBuilder::new().mode(0o700).create(&dir).map_err(refused)?;
        Ok(Self { dir, keep })
    }

    /// Removes what came back; why it could not, otherwise.
    fn clear(mut self) -> Result<(), String> {
        let keep = std::mem::replace(&mut self.keep, true);
        let why = |e| format!("{}: {e}", self.dir.display());
        if keep { Ok(()) } else { std::fs::remove_dir_all(&self.dir).map_err(why) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
