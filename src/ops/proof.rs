//! Proof that a key opens what is stored now: one whole pack of the newest epoch, every chunk digested.

use crate::domain::id::KeyholderId;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::{Entry, Role, Tested};
use crate::domain::log::state::{Life, Slot, State};
use crate::ops::OpsError;
use crate::repo::error::RepoError;
use crate::repo::pack::PackError;
use crate::repo::repository::Repository;

/// What was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The pack, by order of storing.
    pub pack: u32,
    /// Chunks that were digested.
    pub chunks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whose key opened it.
    pub keyholder: KeyholderId,
}

/// Opens the newest pack with the keys at hand: one of the newest epoch, unless nothing was stored since it began.
///
/// # Errors
/// [`OpsError::Nothing`] when nothing is stored at all; [`RepoError::CannotRead`]; damage.
pub fn open_one_pack(repo: &Repository) -> Result<Opened, OpsError> {
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
    let mut opened = Opened { pack, chunks: 0, bytes: 0, keyholder: repo.ring.keyholder };
    for segment in reader.directory().map_err(damaged)?.segments {
        let content = reader.segment(segment.offset, segment.len, segment.raw).map_err(damaged)?;
        let mut at = 0usize;
        for chunk in &segment.chunks {
            let end = at + chunk.len as usize;
            let bytes = content.get(at..end).filter(|b| key.id(b) == chunk.id);
            opened.bytes += bytes.ok_or_else(|| damaged(PackError::Chunk(chunk.id)))?.len() as u64;
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
    state.packs.iter().any(|p| p.tested.is_some())
        && (all.peek().is_none() || all.any(|n| state.packs[n as usize].tested.is_some()))
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

/// Notes the proof in the log, if this machine may say so. Returns the entry.
///
/// # Errors
/// Faults of the store.
pub fn note(repo: &mut Repository, opened: &Opened) -> Result<Option<u64>, OpsError> {
    let tester = repo.machine.as_ref().and_then(|m| m.seed_for(&[Role::Tester]));
    let Some(actor) = tester.map(crate::repo::sign::Seed::actor) else { return Ok(None) };
    let mut packs = Bits::default();
    packs.insert(opened.pack);
    let (bytes, keyholder) = (opened.bytes, opened.keyholder);
    let tested =
        Tested { snapshot: None, packs, documents: 0, bytes, failed: 0, complete: false, keyholder, bundles: vec![] };
    Ok(repo.append(|state| Ok(state.may(&actor, &[Role::Tester]).then(|| Entry::Tested(tested.clone()))))?)
}
