//! A person accepts a loss: it stays on record and is counted, and ends the alarm for these pieces alone.

use std::collections::BTreeSet;

use super::look::{BadIndex, Found, look};
use super::walk::{Loss, Walked};
use super::{RepairReport, around, unaccepted};
use crate::domain::id::{ChunkId, PackName};
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::Entry;
use crate::domain::log::fold::still_described_by;
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::retention::note;
use crate::ops::verify::accepted::LOSS;
use crate::ops::verify::{LossNote, LostRecord, Named};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// Which loss, and by whose word.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The first digits of the names of packs; none for everything that is lost.
    pub packs: Vec<String>,
    /// Who says so.
    pub by: String,
    /// Why.
    pub note: String,
}

/// What was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedLoss {
    /// The entry that says so.
    pub entry: u64,
    /// The records and parts of listings.
    pub losses: Vec<Loss>,
    /// How many records these are, as far as that is known.
    pub records: u64,
    /// Packs that are tested no longer.
    pub packs: u64,
}

/// Puts a person's word on record that what is lost is lost.
///
/// # Errors
/// [`OpsError::InTheWay`] while a repair could still do something; [`OpsError::NotFound`] when nothing of the kind is
/// lost; [`OpsError::Usage`]; [`RepoError::CannotRead`], [`RepoError::NoRole`]; faults of the store.
pub fn accept(
    repo: &mut Repository,
    wanted: &Acceptance,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<AcceptedLoss, OpsError> {
    let (by, why) = (note::line("--by", &wanted.by)?, note::line("--note", &wanted.note)?);
    if !repo.can_read() {
        return Err(RepoError::CannotRead.into());
    }
    let found = look(repo, false, monitor, stop)?;
    let fresh = found.packs.keys().any(|n| repo.state().packs.get(*n as usize).is_none_or(|p| p.quarantined.is_none()));
    let (salvage, walked) = around(repo, &found, monitor, stop)?;
    repo.salvaged.clear();
    if fresh || found.indexes.iter().any(|i| can_be_made(repo, &found, i)) || !salvage.readable.is_empty() {
        let what = "something of it can still be repaired: first run strongroom repair --yes";
        return Err(OpsError::InTheWay(what.into()));
    }
    let mut left: Bits = found.packs.keys().copied().filter(|n| is_open(repo, *n)).collect();
    left.union(&walked.packs.iter().filter(|n| is_out_of_use(repo, *n)).collect());
    let mut losses = unaccepted(repo, &walked, &mut RepairReport::default())?;
    if !wanted.packs.is_empty() {
        left = chosen(repo, &left, &walked, &wanted.packs)?;
        let index = repo.loaded_index().ok_or(RepoError::ChunkUnknown)?;
        let of_them = |id: &ChunkId| index.pack_of(id).is_some_and(|n| left.contains(n));
        losses.iter_mut().for_each(|l| l.chunks.retain(of_them));
        losses.retain(|l| !l.chunks.is_empty());
    }
    if left.is_empty() && losses.is_empty() {
        return Err(OpsError::NotFound("nothing is lost that nobody has accepted yet".into()));
    }
    let seen = left.iter().filter_map(|n| salvage.chunks.get(&n)?.first().copied()).collect();
    put(repo, LossNote { by, note: why, records: records(&losses), chunks: chunks(&losses), seen }, left, losses)
}

/// Whether a repair can put an index object back, or make another that says more than those that are there.
fn can_be_made(repo: &Repository, found: &Found, bad: &BadIndex) -> bool {
    let missed = still_described_by(repo.state(), &bad.index.name).unwrap_or_default();
    let by_copy = bad.missing && bad.copy.is_some();
    by_copy || missed.is_empty() || missed.iter().any(|n| !found.packs.contains_key(&n))
}

fn is_open(repo: &Repository, number: u32) -> bool {
    let state = repo.state();
    state.needed().contains(number) && state.packs.get(number as usize).is_some_and(|p| p.lost.is_none())
}

/// The index finds lost pieces in packs that nothing needs, too.
fn is_out_of_use(repo: &Repository, number: u32) -> bool {
    repo.state().packs.get(number as usize).is_some_and(|p| p.quarantined.is_some() && p.lost.is_none())
}

/// The packs meant: each word is the beginning of a name.
fn chosen(repo: &Repository, left: &Bits, walked: &Walked, words: &[String]) -> Result<Bits, OpsError> {
    let mut all = left.clone();
    all.union(&walked.packs);
    let mut chosen = Bits::default();
    for word in words {
        let digits = word.trim_start_matches("packs/").trim_end_matches(".age");
        let digits = digits.rsplit('/').next().unwrap_or(digits).to_ascii_lowercase();
        let is_it = |n: &u32| repo.pack_name(*n).is_ok_and(|name: PackName| name.to_hex().starts_with(&digits));
        let found: Vec<u32> = all.iter().filter(is_it).collect();
        match (digits.len() >= 4, &found[..]) {
            (true, [one]) => chosen.insert(*one),
            _ => return Err(OpsError::NotFound(format!("no damaged pack, or more than one, begins with '{digits}'"))),
        }
    }
    Ok(chosen)
}

fn records(losses: &[Loss]) -> Vec<LostRecord> {
    let record = |l: &Loss| LostRecord {
        set: l.set.clone(),
        path: l.path.clone().map(Named),
        records: l.records,
        snapshots: l.snapshots.clone(),
    };
    losses.iter().map(record).collect()
}

fn chunks(losses: &[Loss]) -> Vec<ChunkId> {
    let all: BTreeSet<ChunkId> = losses.iter().flat_map(|l| l.chunks.iter().copied()).collect();
    all.into_iter().collect()
}

fn put(repo: &mut Repository, said: LossNote, packs: Bits, losses: Vec<Loss>) -> Result<AcceptedLoss, OpsError> {
    let records = losses.iter().map(|l| l.records).sum();
    let name = note::put(repo, LOSS, &said)?;
    let count = packs.count() as u64;
    let entry = Entry::LossAccepted { packs, records, note: name };
    let entry = repo.append(|_| Ok(Some(entry.clone())))?.ok_or(RepoError::Contention)?;
    Ok(AcceptedLoss { entry, losses, records, packs: count })
}
