//! Repair: what is damaged is named, what can be had elsewhere is stored again, and what is lost is said.
//!
//! ```text
//! look ─► index again ─► quarantine ─► bring over what is readable ─► back up what is still here ─► exchange ─► what is lost
//! ```
//! Nothing is ever deleted or overwritten: new objects are put beside the old ones, and the log says what takes whose
//! place. A pack that held what is lost stays needed, so that no prune takes it. Each step can die and be done again, by
//! any computer that has the keys; nothing local is needed.

mod accept;
mod exchange;
mod look;
mod rebuild;
mod salvage;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeSet;

use crate::domain::id::{IndexName, PackName, SessionId, SnapshotId};
use crate::domain::log::Role;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::{Entry, Tested};
use crate::domain::log::fold::index_is_superfluous;
use crate::domain::log::state::State;
use crate::domain::problem::Exit;
use crate::ops::backup::{BackupOptions, BackupReport, backup};
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::verify::live::is_unchanged;
use crate::ops::verify::{Accepted, Damage, Examined, LossNote, Object, damage};
use crate::repo::error::RepoError;
use crate::repo::last_listing::LastListing;
use crate::repo::repository::Repository;

pub use accept::{Acceptance, AcceptedLoss, accept};
pub use walk::Loss;

use look::{Found, look};
use salvage::{Salvage, bring_over, survey};
use walk::{Walked, walk};

/// How often a repair looks around because a snapshot came meanwhile.
const MAX_ROUNDS: u32 = 3;

/// How to repair.
#[derive(Debug, Clone, Default)]
pub struct RepairOptions {
    /// Read every stored byte again first.
    pub all: bool,
    /// The sets as they are backed up from this computer: what is still here is stored again.
    pub sets: Vec<BackupOptions>,
}

/// What is damaged, and what a repair did or would do.
#[derive(Debug, Default)]
pub struct RepairReport {
    /// What was examined.
    pub examined: Examined,
    /// What was damaged, object by object, with the snapshots that needed it.
    pub damaged: Vec<Damage>,
    /// Index objects made again.
    pub indexes: u64,
    /// Pieces that were still readable, and are brought over to new packs.
    pub readable: u64,
    /// Damaged packs that nothing needs any more.
    pub replaced: u64,
    /// Packs that were called damaged and are as they should be.
    pub sound: u64,
    /// Backups made to store again what is still on this computer, by set.
    pub backups: Vec<(String, BackupReport)>,
    /// Sets that could not be backed up, and why.
    pub not_backed_up: Vec<(String, String)>,
    /// Before a repair: what is probably still on this computer.
    pub here: Vec<Loss>,
    /// What cannot be restored any more, and nobody has accepted.
    pub lost: Vec<Loss>,
    /// Losses that a person accepted: the entry, and what its note says where it can be read.
    pub accepted: Vec<(u64, Option<LossNote>)>,
    /// What stays damaged.
    pub left: Vec<Damage>,
    /// Parts that only a computer which may read and prune can do.
    pub partly: bool,
}

impl RepairReport {
    /// The exit code that says this.
    pub fn exit(&self) -> Exit {
        if self.lost.is_empty() && self.left.is_empty() {
            let complete = self.backups.iter().all(|(_, b)| b.problems.is_empty()) && self.not_backed_up.is_empty();
            if complete { Exit::Done } else { Exit::Incomplete }
        } else {
            Exit::Damage
        }
    }
}

/// Says what is damaged and what a repair would do; stores nothing.
///
/// # Errors
/// [`OpsError::Nothing`] when there is no backup; a damaged log; faults of the store.
pub fn preview(
    repo: &mut Repository,
    options: &RepairOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<RepairReport, OpsError> {
    let found = look(repo, options.all, monitor, stop)?;
    let mut report = begin(repo, &found);
    report.left = report.damaged.clone();
    report.indexes = found.indexes.len() as u64;
    if !repo.can_read() {
        return Ok(report);
    }
    if !options.all && found.is_nothing() {
        // Nobody needs to be asked who needs what is damaged: nothing is.
        report.accepted = Accepted::load(repo)?.losses;
        return Ok(report);
    }
    let salvage = survey(repo, &found, stop)?;
    let walked = walk(repo, &found, &salvage, monitor, stop)?;
    report.readable = salvage.readable.len() as u64;
    let losses = unaccepted(repo, &walked, &mut report)?;
    repo.salvaged.clear();
    report.left.retain(|d| !is_accepted(repo.state(), d));
    (report.here, report.lost) = losses.into_iter().partition(|l| is_here(repo, options, l));
    Ok(report)
}

/// Repairs what can be repaired.
///
/// # Errors
/// As [`preview`]; [`RepoError::NoRole`]. After an error run it again: nothing was lost.
pub fn repair(
    repo: &mut Repository,
    options: &RepairOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<RepairReport, OpsError> {
    let found = look(repo, options.all, monitor, stop)?;
    let mut report = begin(repo, &found);
    let (rebuilt, unmade) = rebuild::indexes(repo, &found, stop)?;
    report.indexes = rebuilt;
    quarantine(repo, &found)?;
    report.sound = take_back(repo, &found)?;
    let session = SessionId::new(repo.env.entropy.bytes32());
    if report.partly {
        if !found.packs.is_empty() {
            options.sets.iter().try_for_each(|set| back_up(repo, set, &mut report, monitor, stop))?;
        }
    } else {
        report.readable = bring_over(repo, &found, session, monitor, stop)?;
        let (mut salvage, mut walked) = around(repo, &found, monitor, stop)?;
        let again = sets_to_back_up(repo, options, &walked);
        for set in &again {
            back_up(repo, set, &mut report, monitor, stop)?;
        }
        if !again.is_empty() {
            (salvage, walked) = around(repo, &found, monitor, stop)?;
        }
        for _ in 0..MAX_ROUNDS {
            report.replaced += exchange::exchange(repo, &found, &salvage, &walked)?;
            repo.refresh()?;
            if walked.is_of(repo.state()) {
                break;
            }
            (salvage, walked) = around(repo, &found, monitor, stop)?;
        }
        look::load(repo, &found.numbers())?;
        report.lost = unaccepted(repo, &walked, &mut report)?;
        repo.salvaged.clear();
        let open = |state: &State| state.open_sessions.contains_key(&session);
        repo.append(|state| Ok(open(state).then_some(Entry::Abandoned { session })))?;
    }
    report.left = report.damaged.iter().filter(|d| stays(repo, d, &unmade)).cloned().collect();
    note_what_is_left(repo, &found)?;
    Ok(report)
}

fn begin(repo: &Repository, found: &Found) -> RepairReport {
    let state = repo.state();
    let pack = |(n, what): (&u32, &String)| {
        let name = state.packs.get(*n as usize).map(|p| p.pack.name)?;
        Some(damage(state, Object::Pack(name), what.clone()))
    };
    let mut damaged: Vec<Damage> = found.packs.iter().filter_map(pack).collect();
    damaged.retain(|d| !is_accepted(state, d));
    damaged.extend(found.indexes.iter().map(|i| damage(state, Object::Index(i.index.name), i.what.clone())));
    damaged.extend(found.beyond.iter().cloned());
    let partly = !repo.can_read() || !may_prune(repo);
    RepairReport { examined: found.examined, damaged, partly, ..RepairReport::default() }
}

fn may_prune(repo: &Repository) -> bool {
    let seed = repo.machine.as_ref().and_then(|m| m.seed_for(&[Role::Pruner]));
    seed.is_some_and(|s| repo.state().may(&s.actor(), &[Role::Pruner]))
}

/// A person has accepted that what only this pack held is lost.
fn is_accepted(state: &State, damage: &Damage) -> bool {
    matches!(damage.object, Some(Object::Pack(name)) if state.pack(&name).is_some_and(|(_, p)| p.lost.is_some()))
}

/// Whether an object is still missed after the repair.
fn stays(repo: &Repository, damage: &Damage, unmade: &[IndexName]) -> bool {
    let state = repo.state();
    match damage.object {
        Some(Object::Pack(name)) => state.pack(&name).is_some_and(|(n, _)| state.needed().contains(n)),
        Some(Object::Index(name)) => unmade.contains(&name),
        _ => true,
    }
}

/// From here on nobody relies on what is damaged, on any computer: the next backup of each stores it again.
fn quarantine(repo: &mut Repository, found: &Found) -> Result<(), OpsError> {
    repo.append(|state| {
        let new = |n: &u32| state.packs.get(*n as usize).is_some_and(|p| p.quarantined.is_none());
        let packs: Bits = found.numbers().iter().filter(new).collect();
        let in_use = |name: &IndexName| state.indexes.iter().any(|i| i.index.name == *name && !i.quarantined);
        let names = found.indexes.iter().filter(|i| !i.missing || i.copy.is_none()).map(|i| i.index.name);
        let indexes: Vec<IndexName> = names.filter(|n| in_use(n) && index_is_superfluous(state, n)).collect();
        let any = !packs.is_empty() || !indexes.is_empty();
        Ok(any.then_some(Entry::Quarantined { packs, indexes }))
    })?;
    Ok(())
}

/// What was called damaged or lost and is whole again has been opened from end to end: that is a test.
fn take_back(repo: &mut Repository, found: &Found) -> Result<u64, OpsError> {
    let tester = repo.machine.as_ref().and_then(|m| m.seed_for(&[Role::Tester]));
    let may = tester.is_some_and(|s| repo.state().may(&s.actor(), &[Role::Tester]));
    if found.sound.is_empty() || !repo.can_read() || !may {
        return Ok(0);
    }
    let sizes = found.sound.iter().filter_map(|n| repo.state().packs.get(n as usize)).map(|p| p.pack.size);
    let (packs, bytes, keyholder) = (found.sound.clone(), sizes.sum(), repo.ring.keyholder);
    let tested =
        Tested { snapshot: None, packs, documents: 0, bytes, failed: 0, complete: false, keyholder, bundles: vec![] };
    repo.append(|_| Ok(Some(Entry::Tested(tested.clone()))))?;
    Ok(found.sound.count() as u64)
}

fn around(
    repo: &mut Repository,
    found: &Found,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<(Salvage, Walked), OpsError> {
    let salvage = survey(repo, found, stop)?;
    let walked = walk(repo, found, &salvage, monitor, stop)?;
    Ok((salvage, walked))
}

/// The sets of which something is lost that the next backup would store anyway: files that are there, and their listing.
fn sets_to_back_up(repo: &Repository, options: &RepairOptions, walked: &Walked) -> Vec<BackupOptions> {
    let hit = |set: &&BackupOptions| {
        let newest = repo.state().newest(&set.set).map(|s| s.id);
        let of_now = |l: &Loss| l.live || (l.entry.is_none() && l.snapshots.iter().any(|s| Some(*s) == newest));
        walked.losses.iter().any(|l| l.set == set.set && of_now(l))
    };
    options.sets.iter().filter(hit).cloned().collect()
}

fn back_up(
    repo: &mut Repository,
    set: &BackupOptions,
    report: &mut RepairReport,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<(), OpsError> {
    repo.salvaged.clear();
    match backup(repo, set, monitor, stop) {
        Ok(done) => report.backups.push((set.set.clone(), done)),
        Err(e @ (OpsError::Source { .. } | OpsError::InTheWay(_) | OpsError::Nothing(_))) => {
            report.not_backed_up.push((set.set.clone(), e.to_string()));
        }
        Err(OpsError::Repo(e)) if e.is_damage() => report.not_backed_up.push((set.set.clone(), e.to_string())),
        Err(e) => return Err(e),
    }
    Ok(())
}

/// What is lost and not accepted. The accepted goes to the report.
fn unaccepted(repo: &Repository, walked: &Walked, report: &mut RepairReport) -> Result<Vec<Loss>, RepoError> {
    let accepted = Accepted::load(repo)?;
    let chunks = repo.another_reader()?;
    let left = |l: &&Loss| l.chunks.iter().any(|id| !accepted.covers(id, &chunks));
    let losses = walked.losses.iter().filter(left).cloned().collect();
    report.accepted = accepted.losses;
    Ok(losses)
}

/// Before a repair: whether a backup would probably store it again.
fn is_here(repo: &Repository, options: &RepairOptions, loss: &Loss) -> bool {
    let Some(set) = options.sets.iter().find(|s| s.set == loss.set) else { return false };
    let Some(entry) = &loss.entry else {
        let newest = repo.state().newest(&loss.set).filter(|s| loss.snapshots.contains(&s.id));
        let copy = |s: &crate::domain::log::state::SnapshotState| {
            repo.dir().is_some_and(|d| LastListing::new(d, &set.set).find(&s.snapshot.root).is_some())
        };
        return newest.is_some_and(|s| loss.live || copy(s));
    };
    loss.live && is_unchanged(&set.folders, entry)
}

/// This computer's own note of damaged packs: those that are still needed.
fn note_what_is_left(repo: &Repository, found: &Found) -> Result<(), RepoError> {
    let Some(dir) = repo.dir() else { return Ok(()) };
    let needed = repo.state().needed();
    let left: BTreeSet<PackName> =
        found.packs.keys().filter(|n| needed.contains(**n)).filter_map(|n| repo.pack_name(*n).ok()).collect();
    dir.set_damaged(&left)
}

/// The snapshots of all losses, each once.
pub fn snapshots_of(losses: &[Loss]) -> BTreeSet<SnapshotId> {
    losses.iter().flat_map(|l| l.snapshots.iter().copied()).collect()
}
