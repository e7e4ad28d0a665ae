//! What snapshots need, pack by pack, worked out afresh from their listings; and the entry that says so.
//!
//! Worked out, not added up: what a snapshot is said to need holds no pack any more that it needed for what is gone.

use std::collections::{HashMap, HashSet};

use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::log::Role;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::Entry;
use crate::domain::log::rulings::Relisting;
use crate::domain::log::state::{Life, State};
use crate::ops::{OpsError, Stop};
use crate::repo::error::RepoError;
use crate::repo::layout::PACKS;
use crate::repo::listing::{chunks_of, read_page, read_root};
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;
use crate::repo::store::Listed;
use crate::repo::writer::WrittenPack;

/// A snapshot's listing, as it was and as it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub snapshot: SnapshotId,
    pub before: ChunkId,
    pub root: ChunkId,
}

/// What people ruled, as far as it was read: any new ruling may keep a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rulings(usize, usize, usize, usize);

impl Rulings {
    pub fn of(state: &State) -> Self {
        let open = state.open_incidents().count();
        Self(state.schemes.len(), state.dates.len(), state.holds.len(), open)
    }
}

/// Where chunks lie that were written a moment ago.
pub(super) fn places(state: &State, written: &[WrittenPack]) -> HashMap<ChunkId, u32> {
    let mut all = HashMap::new();
    for pack in written {
        let Some((number, _)) = state.pack(&pack.pack.name) else { continue };
        all.extend(pack.indexed.segments.iter().flat_map(|s| &s.chunks).map(|c| (c.id, number)));
    }
    all
}

/// Says that these snapshots have these roots and need exactly what their listings name; nothing is said when the log
/// has moved on in a way that matters. `unless`: what people had ruled when this was decided.
pub(super) fn say(
    repo: &mut Repository,
    approval: u64,
    changes: &[Change],
    written: &[WrittenPack],
    unless: Option<Rulings>,
    stop: &Stop,
) -> Result<Option<u64>, OpsError> {
    drop(repo.take_index()?); // what was written a moment ago is in no index that is loaded
    let fresh = places(repo.state(), written);
    let mut needs = Needs { fresh: &fresh, pages: HashMap::new() };
    let mut roots = vec![];
    {
        let mut chunks = repo.chunks()?;
        for change in changes {
            let needs = needs.of_root(&mut chunks, &change.root, stop)?;
            roots.push(Relisting { snapshot: change.snapshot, root: change.root, needs });
        }
    }
    check_there(repo, &roots)?;
    let n = repo.append_as(Some(Role::Pruner), |state| {
        let going = state.disposal(approval).is_some_and(|d| d.is_open() && d.withdrawn.is_some());
        let same = |c: &Change| state.snapshot(c.snapshot).is_some_and(|s| s.snapshot.root == c.before);
        let ruled = unless.is_some_and(|seen| seen != Rulings::of(state));
        let described = state.described();
        let live = |n: u32| described.contains(n) && matches!(state.packs[n as usize].life, Life::Live);
        let sound = roots.iter().all(|r| r.needs.iter().all(live));
        let good = going && !ruled && sound && changes.iter().all(same);
        Ok(good.then(|| Entry::Relisted { approval, roots: roots.clone() }))
    })?;
    Ok(n)
}

/// Every pack must be in the store now, with the size the log says: what was needed before may not be given up for less.
fn check_there(repo: &Repository, roots: &[Relisting]) -> Result<(), RepoError> {
    let listed = Listed::packs(repo.store.list(PACKS)?.0);
    let mut all = Bits::default();
    roots.iter().for_each(|r| all.union(&r.needs));
    for number in all.iter() {
        let pack = repo.state().packs.get(number as usize).ok_or(RepoError::ChunkUnknown)?.pack;
        if listed.get(&pack.name) != Some(&pack.size) {
            return Err(RepoError::PackMissing(pack.name));
        }
    }
    Ok(())
}

struct Needs<'f> {
    fresh: &'f HashMap<ChunkId, u32>,
    pages: HashMap<ChunkId, Bits>,
}

impl Needs<'_> {
    fn place(&self, chunks: &ChunkReader<'_>, id: &ChunkId) -> Result<u32, RepoError> {
        self.fresh.get(id).copied().or_else(|| chunks.pack_of(id)).ok_or(RepoError::ChunkUnknown)
    }

    fn of_root(&mut self, chunks: &mut ChunkReader<'_>, root: &ChunkId, stop: &Stop) -> Result<Bits, RepoError> {
        let (mut needs, mut todo, mut seen) = (Bits::default(), vec![*root], HashSet::new());
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            needs.insert(self.place(chunks, &id)?);
            let root = read_root(chunks, &id)?;
            todo.extend(&root.inherits);
            for page in root.live.iter().chain(&root.gone) {
                stop.check()?;
                if !self.pages.contains_key(&page.id) {
                    let mut of_page = Bits::default();
                    of_page.insert(self.place(chunks, &page.id)?);
                    for entry in read_page(chunks, page)? {
                        for id in chunks_of(chunks, &entry)? {
                            of_page.insert(self.place(chunks, &id)?);
                        }
                    }
                    self.pages.insert(page.id, of_page);
                }
                needs.union(&self.pages[&page.id]);
            }
        }
        Ok(needs)
    }
}
