//! Proof that a holder's key opens what is stored now, with that key alone: its bundle, the log, one whole pack of the
//! newest epoch, the newest listing, and documents that come back and are digested.
//!
//! The key itself is never written and never shown. What was found is a fact in the log, also when it is bad.

use crate::domain::log::entry::Entry;
use crate::domain::log::proofs::KeyDrilled;
use crate::domain::log::state::{Life, Slot, State};
use crate::domain::problem::{Exit, Problem, ProblemKind};
use crate::ops::restore::check_entries;
use crate::ops::verify::put_on_record;
use crate::ops::verify::sampled::sample;
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::error::RepoError;
use crate::repo::pack::PackError;
use crate::repo::repository::Repository;

/// What was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opened {
    /// The pack, by order of storing.
    pack: u32,
    /// Chunks that were digested.
    chunks: u64,
}

/// Documents brought back, and how much of them.
const DOCUMENTS: usize = 3;
const BYTES: u64 = 16 << 20;

/// What a key drill found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDrillReport {
    /// What is to be put on record.
    pub drilled: KeyDrilled,
    /// Chunks of one pack that were digested.
    pub chunks: u64,
    /// What did not come back, in words.
    pub failed: Vec<Problem>,
}

impl KeyDrillReport {
    /// The exit code that says this.
    pub fn exit(&self) -> Exit {
        if self.drilled.failed == 0 { Exit::Done } else { Exit::Damage }
    }
}

/// Proves the key with which `repo` was opened.
///
/// # Errors
/// [`RepoError::WrongKey`] for a key that was taken away; [`OpsError::Nothing`] where nothing is stored that it could
/// bring back; faults of the store; `Interrupted`. Damage is in the report.
pub fn drill_key(repo: &mut Repository, monitor: &dyn Monitor, stop: &Stop) -> Result<KeyDrillReport, OpsError> {
    let keyholder = repo.ring.keyholder;
    let state = repo.state();
    if !state.keyholders.iter().any(|k| k.id == keyholder) {
        return Err(RepoError::WrongKey.into());
    }
    let root = repo.ring.root.as_ref().is_some_and(|seed| seed.actor() == state.created.root);
    let bundle = repo.bundle_opened();
    let drilled = KeyDrilled { keyholder, epoch: 0, root, snapshot: None, documents: 0, bytes: 0, failed: 0, bundle };
    let mut report = KeyDrillReport { drilled, chunks: 0, failed: vec![] };
    if !repo.can_read() {
        return Ok(report);
    }
    match open_one_pack(repo) {
        Ok(opened) => {
            report.chunks = opened.chunks;
            report.drilled.epoch = epoch_of(repo, opened.pack)?;
        }
        Err(e) => report.damage(e)?,
    }
    let back = bring_back(repo, &mut report, monitor, stop);
    back.or_else(|e| report.damage(e))?;
    report.drilled.failed = report.failed.len() as u64;
    Ok(report)
}

impl KeyDrillReport {
    fn damage(&mut self, error: OpsError) -> Result<(), OpsError> {
        match &error {
            OpsError::Repo(e) if e.is_damage() => {
                self.failed.push(Problem { path: None, kind: ProblemKind::Damaged, detail: e.to_string() });
                Ok(())
            }
            _ => Err(error),
        }
    }
}

/// Documents of the newest backup that has any.
fn bring_back(
    repo: &mut Repository,
    report: &mut KeyDrillReport,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<(), OpsError> {
    let state = repo.state();
    let mut newest: Vec<_> =
        state.sets().iter().filter_map(|set| state.newest(set)).map(|s| (s.id, s.snapshot.root)).collect();
    newest.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    for (id, root) in newest {
        let documents = sample(repo, &[root], DOCUMENTS, BYTES)?;
        if documents.is_empty() {
            continue;
        }
        report.drilled.snapshot = Some(id);
        let back = check_entries(repo, documents, monitor, stop)?;
        (report.drilled.documents, report.drilled.bytes) = (back.files, back.bytes);
        report.failed.extend(back.failed.into_iter().map(|lost| lost.problem));
        return Ok(());
    }
    Err(OpsError::Nothing("no backup holds a document that a key could bring back; back up first".into()))
}

/// The epoch in which a pack was stored.
fn epoch_of(repo: &Repository, pack: u32) -> Result<u32, OpsError> {
    let name = repo.pack_name(pack)?;
    let mut epoch = 1;
    for entry in repo.slots().iter().filter_map(|s| s.body.as_ref()).map(|b| &b.entry) {
        match entry {
            Entry::Epoch(e) => epoch = e.number,
            Entry::Stored(stored) if stored.packs.iter().any(|p| p.name == name) => break,
            _ => {}
        }
    }
    Ok(epoch)
}

/// Puts a key drill on record in the name of who opened that repository: this computer, or the root key. Returns the entry.
/// Nothing is put there by a computer that may not read of a key that passed and is another's: nobody would believe it.
///
/// # Errors
/// Faults of the store.
pub fn note(own: Option<&mut Repository>, drilled: &KeyDrilled) -> Result<Option<u64>, OpsError> {
    let entry = Entry::KeyDrilled(drilled.clone());
    let is_believed = |repo: &Repository| {
        repo.can_read() || drilled.failed > 0 || repo.machine.as_ref().is_some_and(|m| m.id == drilled.keyholder)
    };
    own.filter(|repo| is_believed(repo)).map_or(Ok(None), |repo| Ok(put_on_record(repo, &entry)?))
}

/// Opens the newest pack with the keys at hand: one of the newest epoch, unless nothing was stored since it began.
///
/// # Errors
/// [`OpsError::Nothing`] when nothing is stored at all; [`RepoError::CannotRead`]; damage.
fn open_one_pack(repo: &Repository) -> Result<Opened, OpsError> {
    if !repo.can_read() {
        return Err(RepoError::CannotRead.into());
    }
    let pack = packs_after(repo.state(), repo.slots(), 0)
        .next()
        .ok_or_else(|| OpsError::Nothing("nothing is stored yet that a key could open; back up first".into()))?;
    let name = repo.pack_name(pack)?;
    let damaged = |error: PackError| OpsError::Repo(RepoError::Pack { name, error });
    let mut reader = repo.open_pack(pack)?;
    let key = repo.chunk_key();
    let mut opened = Opened { pack, chunks: 0 };
    for segment in reader.directory().map_err(damaged)?.segments {
        let content = reader.segment(segment.offset, segment.len, segment.raw).map_err(damaged)?;
        let mut at = 0usize;
        for chunk in &segment.chunks {
            let end = at + chunk.len as usize;
            let bytes = content.get(at..end).filter(|b| key.id(b) == chunk.id);
            bytes.ok_or_else(|| damaged(PackError::Chunk(chunk.id)))?;
            opened.chunks += 1;
            at = end;
        }
    }
    if opened.chunks == 0 {
        return Err(damaged(PackError::Directory));
    }
    Ok(opened)
}

/// Whether somebody who may read has opened what is sealed with the keys of now, or nothing is sealed with them yet.
pub fn is_epoch_proved(state: &State, slots: &[Slot]) -> bool {
    let began = epoch_entry(slots, state.epoch().number);
    let mut all = packs_after(state, slots, began).peekable();
    let drilled = |least: u32| state.proofs.keys.values().any(|proof| proof.epoch >= least.max(1));
    if all.peek().is_none() {
        return drilled(1) || state.packs.iter().any(|p| p.tested.is_some());
    }
    drilled(state.epoch().number) || all.any(|n| state.packs[n as usize].tested.is_some())
}

/// The live packs that were stored after an entry, newest first.
fn packs_after<'s>(state: &'s State, slots: &'s [Slot], began: u64) -> impl Iterator<Item = u32> + 's {
    let bodies = slots.iter().rev().take_while(move |s| s.n > began).filter_map(|s| s.body.as_ref());
    let stored = bodies.filter_map(|b| if let Entry::Stored(stored) = &b.entry { Some(stored) } else { None });
    let live = |name| state.pack(name).filter(|(_, p)| matches!(p.life, Life::Live) && !p.void).map(|(n, _)| n);
    stored.flat_map(|s| s.packs.iter().rev()).filter_map(move |p| live(&p.name))
}

/// The entry that began the epoch; 0 for the first one.
pub fn epoch_entry(slots: &[Slot], number: u32) -> u64 {
    let is_it = |s: &&Slot| matches!(s.body.as_ref().map(|b| &b.entry), Some(Entry::Epoch(e)) if e.number == number);
    slots.iter().rev().find(is_it).map_or(0, |s| s.n)
}
