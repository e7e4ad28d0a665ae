//! What is damaged: what is known or suspected is read again from the store. Nothing is believed that was noted earlier.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::salvage::own_directory;
use crate::domain::id::{IndexName, PackName};
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::StoredIndex;
use crate::domain::log::fold::{is_missed_by_none, still_described_by};
use crate::domain::log::state::{Life, PackState, State};
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::verify::{self, Budget, Damage, Examined, Object};
use crate::repo::error::RepoError;
use crate::repo::layout::Key;
use crate::repo::machine::StateDir;
use crate::repo::pack::{PackReader, Segment};
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
    /// Damaged packs that snapshots need, by number, and what is wrong with each.
    pub packs: BTreeMap<u32, String>,
    pub indexes: Vec<BadIndex>,
    /// Notes and bundles: nothing here can make them again.
    pub beyond: Vec<Damage>,
    /// Packs that the log calls damaged or lost, and that are as they should be.
    pub sound: Bits,
    /// Packs out of use that nothing needs, and that are not swept yet: what is missing elsewhere may be in them still.
    pub spare: Bits,
    /// Those of them that are damaged.
    pub broken: Bits,
    pub examined: Examined,
    /// Packs that were opened from end to end since, and whether they are as they should be.
    opened: RefCell<BTreeMap<u32, bool>>,
}

impl Found {
    /// Whether no pack and no index object is damaged, or was out of use.
    pub fn is_nothing(&self) -> bool {
        self.packs.is_empty() && self.spare.is_empty() && self.indexes.is_empty() && self.sound.is_empty()
    }

    /// All that is damaged, needed or not.
    pub fn numbers(&self) -> Bits {
        let mut all: Bits = self.packs.keys().copied().collect();
        all.union(&self.broken);
        all
    }

    /// Whether nobody may rely on this pack.
    pub fn is_bad(&self, repo: &Repository, number: u32) -> bool {
        let pack = repo.state().packs.get(number as usize);
        let out_of_use = pack.is_none_or(|p| p.quarantined.is_some() && !self.sound.contains(number));
        let known = || self.opened.borrow().get(&number) == Some(&false);
        out_of_use || self.packs.contains_key(&number) || self.broken.contains(number) || known()
    }

    /// Whether this pack may take another's place: nobody may delete it, and it was opened from end to end in this repair.
    pub fn is_proved(&self, repo: &Repository, number: u32) -> Result<bool, RepoError> {
        let stays = |p: &PackState| matches!(p.life, Life::Live) && !p.doubted;
        if self.is_bad(repo, number) || !repo.state().packs.get(number as usize).is_some_and(stays) {
            return Ok(false);
        }
        if let Some(known) = self.opened.borrow().get(&number) {
            return Ok(*known);
        }
        if !repo.can_read() {
            return Ok(false);
        }
        let proved = wrong(repo, number)?.is_none();
        self.opened.borrow_mut().insert(number, proved);
        Ok(proved)
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
    suspects.retain(|n| !is_swept(repo.state(), *n));
    monitor.stage("looking at what is damaged", Some(suspects.len() as u64));
    // What damaged packs held may lie in others that nobody read since it was stored: these are read now.
    let mut asked = BTreeSet::new();
    while !suspects.is_empty() {
        for number in &suspects {
            stop.check()?;
            monitor.advance(1);
            found.see(repo, *number)?;
        }
        asked.append(&mut suspects);
        suspects = others(repo, &found)?.difference(&asked).copied().collect();
    }
    found.indexes = indexes(repo, &found.sound, stop)?;
    Ok(found)
}

impl Found {
    /// Opens one pack, and says what it is.
    fn see(&mut self, repo: &Repository, number: u32) -> Result<(), RepoError> {
        self.examined.objects += 1;
        let needed = repo.state().live_snapshots().any(|s| s.snapshot.needs.contains(number));
        let quarantined = repo.state().packs.get(number as usize).is_some_and(|p| p.quarantined.is_some());
        let wrong = wrong(repo, number)?;
        if !needed && (wrong.is_some() || quarantined) {
            self.spare.insert(number);
        }
        if repo.can_read() {
            self.opened.borrow_mut().insert(number, wrong.is_none());
        }
        match wrong {
            Some(what) if needed => drop(self.packs.insert(number, what)),
            Some(_) => self.broken.insert(number),
            None if quarantined => self.sound.insert(number),
            None => {}
        }
        Ok(())
    }
}

fn is_swept(state: &State, number: u32) -> bool {
    state.packs.get(number as usize).is_none_or(|p| matches!(p.life, Life::Swept { .. }))
}

/// The packs in which the index finds what is or was in damaged ones.
fn others(repo: &mut Repository, found: &Found) -> Result<BTreeSet<u32>, RepoError> {
    if !repo.can_read() || found.packs.is_empty() {
        return Ok(BTreeSet::new());
    }
    let known = pieces(repo, found)?;
    let index = repo.loaded_index().ok_or(RepoError::ChunkUnknown)?;
    let all = known.values().flatten().flat_map(|s| &s.chunks).filter_map(|c| index.pack_of(&c.id));
    Ok(all.filter(|n| !is_swept(repo.state(), *n)).collect())
}

/// Loads the index as far as it goes: what the damaged packs held, by what it or they say.
fn pieces(repo: &mut Repository, found: &Found) -> Result<BTreeMap<u32, Vec<Segment>>, RepoError> {
    load(repo, &found.numbers())?;
    let known = repo.descriptions(&found.packs.keys().copied().collect())?;
    let mut all: BTreeMap<u32, Vec<Segment>> = BTreeMap::new();
    for number in found.packs.keys() {
        let mut segments: Vec<Segment> =
            known.get(number).into_iter().flatten().flat_map(|p| p.segments.clone()).collect();
        if segments.is_empty() {
            segments = own_directory(repo, *number)?.unwrap_or_default();
        }
        all.insert(*number, segments);
    }
    Ok(all)
}

/// Loads the index as far as it can be read; what it says nothing of, packs say themselves.
pub(super) fn load(repo: &mut Repository, bad: &Bits) -> Result<(), RepoError> {
    let mut silent = repo.state().needed();
    for pack in repo.index_objects()?.iter().flat_map(|o| &o.packs) {
        if let Some((number, _)) = repo.state().pack(&pack.name) {
            silent.remove(number);
        }
    }
    let more = repo.packs_own_words(&silent)?;
    repo.index_despite(bad, &more)?;
    Ok(())
}

/// Packs that this computer noted as damaged, or that the log says are damaged or lost.
fn known(repo: &Repository) -> BTreeSet<u32> {
    let noted: BTreeSet<PackName> = repo.dir().map(StateDir::damaged_packs).unwrap_or_default();
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
fn indexes(repo: &Repository, sound: &Bits, stop: &Stop) -> Result<Vec<BadIndex>, RepoError> {
    let state = repo.state();
    // A pack that came back is no longer lost once the log says so.
    let came_back =
        |name: &IndexName| still_described_by(state, name).is_some_and(|packs| packs.iter().any(|n| sound.contains(n)));
    let missed = |name: &IndexName| !is_missed_by_none(state, name) || came_back(name);
    let used = |i: &&crate::domain::log::state::IndexState| {
        let in_use = !matches!(i.life, Life::Swept { .. }) && !i.void && !i.doubted && !i.quarantined;
        in_use && missed(&i.index.name)
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
