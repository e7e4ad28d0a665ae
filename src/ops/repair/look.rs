//! What is damaged: what is known or suspected is read again from the store. Nothing is believed that was noted earlier.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::domain::id::{IndexName, PackName};
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::StoredIndex;
use crate::domain::log::state::Life;
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::verify::{self, Budget, Damage, Examined, Object};
use crate::repo::error::RepoError;
use crate::repo::layout::Key;
use crate::repo::machine::DAMAGED_PACKS;
use crate::repo::pack::PackReader;
use crate::repo::repository::Repository;
use crate::repo::store::StoreFault;

const MISSING: &str = "it is missing from the store";
const CHANGED: &str = "its bytes are not those that were stored";

/// An index object that is not in the store as it was stored.
pub(super) struct BadIndex {
    pub index: StoredIndex,
    pub what: String,
    /// There is none: what this computer has of it may be put there again.
    pub missing: bool,
    /// This computer's own copy.
    pub copy: Option<Bytes>,
}

/// What is wrong.
#[derive(Default)]
pub(super) struct Found {
    /// Packs that snapshots need, by number, and what is wrong with each.
    pub packs: BTreeMap<u32, String>,
    pub indexes: Vec<BadIndex>,
    /// Notes and bundles: nothing here can make them again.
    pub beyond: Vec<Damage>,
    /// Packs that the log calls damaged or lost, and that are as they should be.
    pub sound: Bits,
    pub examined: Examined,
}

impl Found {
    pub fn numbers(&self) -> Bits {
        self.packs.keys().copied().collect()
    }
}

/// Compares the store with the log, and reads again what was found damaged before, here or elsewhere; with `all`, everything.
pub(super) fn look(repo: &mut Repository, all: bool, monitor: &dyn Monitor, stop: &Stop) -> Result<Found, OpsError> {
    let mut report = verify::check(repo, false, monitor, stop)?;
    if all {
        let budget = Budget { all, ..Budget::default() };
        let scrubbed = verify::scrub(repo, &budget, monitor, stop)?;
        report.examined = scrubbed.examined;
        report.failed.extend(scrubbed.failed);
    }
    let mut found = Found { examined: report.examined, ..Found::default() };
    let mut suspects = known(repo);
    for damage in report.failed {
        match damage.object {
            Some(Object::Pack(name)) => suspects.extend(repo.state().pack(&name).map(|(n, _)| n)),
            Some(Object::Index(_)) => {}
            _ => found.beyond.push(damage),
        }
    }
    found.beyond.sort_by_key(|d| d.object);
    found.beyond.dedup_by_key(|d| d.object);
    let needed = repo.state().needed();
    monitor.stage("looking at what is damaged", Some(suspects.len() as u64));
    for number in suspects.into_iter().filter(|n| needed.contains(*n)) {
        stop.check()?;
        monitor.advance(1);
        found.examined.objects += 1;
        let pack = &repo.state().packs[number as usize];
        match wrong(repo, number)? {
            Some(what) => drop(found.packs.insert(number, what)),
            None if pack.quarantined.is_some() => found.sound.insert(number),
            None => {}
        }
    }
    found.indexes = indexes(repo, stop)?;
    Ok(found)
}

/// Packs that this computer noted as damaged, or that the log says are damaged or lost.
fn known(repo: &Repository) -> BTreeSet<u32> {
    let noted: BTreeSet<PackName> = repo.dir().and_then(|d| d.load_json(DAMAGED_PACKS)).unwrap_or_default();
    let packs = repo.state().packs.iter().enumerate();
    let bad = packs.filter(|(_, p)| p.quarantined.is_some() || p.lost.is_some() || noted.contains(&p.pack.name));
    bad.map(|(n, _)| n as u32).collect()
}

/// What is wrong with a pack, if anything: its bytes and, where they can be opened, every chunk.
fn wrong(repo: &Repository, number: u32) -> Result<Option<String>, RepoError> {
    let pack = repo.state().packs.get(number as usize).ok_or(RepoError::ChunkUnknown)?.pack;
    let stored = match repo.store.get(&Key::Pack(pack.name)) {
        Ok(stored) => stored,
        Err(e) if e.fault() == StoreFault::Missing => return Ok(Some(MISSING.into())),
        Err(e) if e.is_too_large() => return Ok(Some(CHANGED.into())),
        Err(e) => return Err(e.into()),
    };
    if stored.len() as u64 != pack.size {
        return Ok(Some(format!("it is {} bytes long and should be {}", stored.len(), pack.size)));
    }
    if PackName::of(&stored) != pack.name {
        return Ok(Some(CHANGED.into()));
    }
    if !repo.can_read() {
        return Ok(None);
    }
    let opened = PackReader::open(&pack.name, stored, &repo.ring.reading).and_then(|mut reader| {
        let directory = reader.directory()?;
        reader.verify_all(&directory, &repo.chunk_key())
    });
    Ok(opened.err().map(|e| e.to_string()))
}

/// Index objects are few: all of them are read from the store, whatever this computer has of them.
fn indexes(repo: &Repository, stop: &Stop) -> Result<Vec<BadIndex>, RepoError> {
    let used = |i: &&crate::domain::log::state::IndexState| {
        !matches!(i.life, Life::Swept { .. }) && !i.void && !i.doubted && !i.quarantined
    };
    let mut all: Vec<StoredIndex> = repo.state().indexes.iter().filter(used).map(|i| i.index).collect();
    all.sort_by_key(|i| i.name);
    all.dedup_by_key(|i| i.name);
    let mut bad = vec![];
    for index in all {
        stop.check()?;
        let (what, missing) = match repo.store.get(&Key::Index(index.name)) {
            Ok(stored) if IndexName::of(&stored) == index.name => continue,
            Err(e) if e.fault() == StoreFault::Missing => (MISSING, true),
            Err(e) if !e.is_too_large() => return Err(e.into()),
            _ => (CHANGED, false),
        };
        bad.push(BadIndex { index, what: what.into(), missing, copy: repo.index_copy(&index.name) });
    }
    Ok(bad)
}
