//! Packs that are mostly unneeded are rewritten: what snapshots still need of them goes into new packs.
//!
//! Every chunk of an old pack that any live snapshot needs is copied, wherever else it may lie, so that each
//! snapshot finds in the new packs all that it needed from the old. A snapshot that came meanwhile and needs an
//! old pack stops the exchange; one that comes later rescues the old pack. Damage: what it may hit stays as it is.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::BuildHasherDefault;

use crate::domain::id::{ChunkId, SessionId, SnapshotId};
use crate::domain::listing::{Content, Kind, PageRef, Pieces};
use crate::domain::log::Role;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::{Entry, Stored, StoredPack};
use crate::domain::log::state::{Life, SnapshotState, State};
use crate::ops::backup::put_index;
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::repo::chunk::{FirstBytes, IndexObject};
use crate::repo::error::RepoError;
use crate::repo::listing::{chunks_of, read_page, read_root};
use crate::repo::pack::Segment;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;
use crate::repo::writer::{PackWriter, Stream, WriterSettings, WrittenPack};

/// Bytes of old packs rewritten in one run.
const RUN_BYTES: u64 = 512 << 20;

/// Chunk ids.
pub(in crate::ops) type Ids = HashSet<[u8; 32], BuildHasherDefault<FirstBytes>>;

/// Everything that live snapshots need.
#[derive(Default)]
pub(in crate::ops) struct Needed {
    /// Every chunk.
    pub all: Ids,
    /// Roots, pages and lists of pieces among them.
    listings: Ids,
    /// The snapshots whose listings were read.
    pub snapshots: HashSet<SnapshotId>,
}

/// One pack to be rewritten.
pub(in crate::ops) struct Old {
    /// Its number.
    pub number: u32,
    /// The sets whose snapshots need it: content of different sets is never compressed together.
    sets: BTreeSet<String>,
    segments: Vec<Segment>,
}

/// Rewrites what is worth it. Says how many packs were replaced.
pub fn repack(repo: &mut Repository, monitor: &dyn Monitor, stop: &Stop) -> Result<u64, OpsError> {
    if !any_thinned(repo.state()) {
        return Ok(0); // without it no pack has lost any of its use
    }
    monitor.stage("looking for packs to rewrite", None);
    let (needed, _) = walk_readable(repo, stop)?;
    let old = worth_it(repo, &needed)?;
    if old.is_empty() {
        return Ok(0);
    }
    monitor.stage("rewriting packs", Some(old.len() as u64));
    let written = match copy(repo, &needed, &old, monitor, stop) {
        Err(e) if e.is_damage() => return Ok(0),
        other => other?,
    };
    let names = |w: &[WrittenPack]| w.iter().map(|w| w.pack).collect::<Vec<StoredPack>>();
    let all: Vec<WrittenPack> = written.iter().flat_map(|(_, w)| w.iter().cloned()).collect();
    let packs = names(&all);
    if packs.is_empty() {
        return Ok(0);
    }
    let index = put_index(repo, &IndexObject { packs: all.into_iter().map(|w| w.indexed).collect() })?;
    let (session, began) = (SessionId::new(repo.env.entropy.bytes32()), repo.env.clock.now());
    let stored = Entry::Stored(Stored { session, began, packs, index });
    repo.append_as(Some(Role::Pruner), |_| Ok(Some(stored.clone())))?;
    let mut replaced = 0;
    for (from, to) in &written {
        let to = names(to);
        let done = repo.append_as(Some(Role::Pruner), |state| Ok(exchange(state, &needed, from, &to)))?;
        replaced += done.map_or(0, |_| from.count() as u64);
    }
    repo.append_as(Some(Role::Pruner), |_| Ok(Some(Entry::Abandoned { session })))?;
    Ok(replaced)
}

fn any_thinned(state: &State) -> bool {
    state.snapshots.iter().any(|s| s.thinned)
}

/// The entry that says so, unless a snapshot that nobody walked needs an old pack, or a new pack does not live.
fn exchange(state: &State, needed: &Needed, from: &Bits, names: &[StoredPack]) -> Option<Entry> {
    if names.is_empty() {
        return None;
    }
    let needs_old = |needs: &Bits| from.iter().any(|n| needs.contains(n));
    let unseen = |id: &SnapshotId| !needed.snapshots.contains(id);
    if state.live_snapshots().any(|s| unseen(&s.id) && needs_old(&s.snapshot.needs)) {
        return None;
    }
    let mut to = Bits::default();
    for pack in names {
        let (number, found) = state.pack(&pack.name)?;
        if !matches!(found.life, Life::Live) || found.void {
            return None;
        }
        to.insert(number);
    }
    Some(Entry::Rewritten { from: from.clone(), to })
}

/// Reads every live snapshot's listing, each page once.
pub(in crate::ops) fn walk(repo: &mut Repository, stop: &Stop) -> Result<Needed, RepoError> {
    match walk_readable(repo, stop)? {
        (_, Some(damage)) => Err(damage),
        (needed, None) => Ok(needed),
    }
}

/// The same as far as listings can be read. A snapshot of which a part cannot is not among those that were read: whatever
/// it needs must stay as it is. The damage is the first that was met.
fn walk_readable(repo: &mut Repository, stop: &Stop) -> Result<(Needed, Option<RepoError>), RepoError> {
    let live: Vec<(SnapshotId, ChunkId)> = repo.state().live_snapshots().map(|s| (s.id, s.snapshot.root)).collect();
    let chunks = repo.chunks()?;
    let mut walk = Walk { chunks, stop, needed: Needed::default(), broken: Ids::default(), damage: None };
    for (id, root) in live {
        if walk.root(&root)? {
            walk.needed.snapshots.insert(id);
        }
    }
    Ok((walk.needed, walk.damage))
}

struct Walk<'a> {
    chunks: ChunkReader<'a>,
    stop: &'a Stop,
    needed: Needed,
    /// Roots and pages that cannot be read, or that lead to such.
    broken: Ids,
    damage: Option<RepoError>,
}

impl Walk<'_> {
    /// Whether all of it can be read.
    fn root(&mut self, id: &ChunkId) -> Result<bool, RepoError> {
        self.needed.all.insert(*id.as_bytes());
        if !self.needed.listings.insert(*id.as_bytes()) {
            return Ok(!self.broken.contains(id.as_bytes()));
        }
        let root = read_root(&mut self.chunks, id);
        let mut whole = true;
        if let Some(root) = self.unless_damaged(id, root)? {
            for inherited in &root.inherits {
                whole &= self.root(inherited)?;
            }
            for page in root.live.iter().chain(&root.gone) {
                self.stop.check()?;
                whole &= self.page(page)?;
            }
        }
        if !whole {
            self.broken.insert(*id.as_bytes());
        }
        Ok(!self.broken.contains(id.as_bytes()))
    }

    fn page(&mut self, page: &PageRef) -> Result<bool, RepoError> {
        self.needed.all.insert(*page.id.as_bytes());
        if self.needed.listings.insert(*page.id.as_bytes()) {
            let entries = read_page(&mut self.chunks, page);
            for entry in self.unless_damaged(&page.id, entries)?.unwrap_or_default() {
                let ids = chunks_of(&mut self.chunks, &entry);
                let ids = self.unless_damaged(&page.id, ids)?.unwrap_or_default();
                self.needed.all.extend(ids.iter().map(|id| *id.as_bytes()));
                if let Kind::File(Content { pieces: Pieces::Listed(lists), .. }) = &entry.kind {
                    self.needed.listings.extend(lists.iter().map(|id| *id.as_bytes()));
                }
            }
        }
        Ok(!self.broken.contains(page.id.as_bytes()))
    }

    fn unless_damaged<T>(&mut self, id: &ChunkId, read: Result<T, RepoError>) -> Result<Option<T>, RepoError> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(e) if e.is_damage() => {
                self.broken.insert(*id.as_bytes());
                self.damage.get_or_insert(e);
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
}

/// Bytes of old packs that one run rewrites so far.
#[derive(Default)]
struct Chosen(u64);

impl Chosen {
    /// Takes a pack that is needed for less than half of its content, where there is room for it.
    fn take(&mut self, used: u64, all: u64, size: u64) -> bool {
        let worth = used * 2 < all && self.0 + size <= RUN_BYTES;
        self.0 += if worth { size } else { 0 };
        worth
    }
}

/// Living packs that snapshots need for less than half of their content, as many as one run rewrites.
fn worth_it(repo: &Repository, needed: &Needed) -> Result<Vec<Old>, RepoError> {
    let mut chosen = Chosen::default();
    let mut old = choose(repo, needed, |used, all, size| chosen.take(used, all, size))?;
    // What is left of a damaged pack is a repair's business; it keeps no other from being rewritten.
    let state = repo.state();
    old.retain(|o| state.packs.get(o.number as usize).is_some_and(|p| p.quarantined.is_none()));
    // What a snapshot needs whose listing cannot be read, nobody knows piece by piece: it stays whole.
    let unread = |s: &&SnapshotState| !needed.snapshots.contains(&s.id);
    old.retain(|o| !state.live_snapshots().filter(unread).any(|s| s.snapshot.needs.contains(o.number)));
    Ok(old)
}

/// Living packs that snapshots need, and of which `pick` says yes to (bytes needed, bytes in all, stored size).
pub(in crate::ops) fn choose(
    repo: &Repository,
    needed: &Needed,
    mut pick: impl FnMut(u64, u64, u64) -> bool,
) -> Result<Vec<Old>, RepoError> {
    let state = repo.state();
    let alive = |n: &u32| matches!(state.packs[*n as usize].life, Life::Live);
    let wanted: Bits = state.needed().iter().filter(alive).collect();
    let mut old = vec![];
    repo.for_each_pack(&wanted, |number, pack| {
        let chunks = || pack.segments.iter().flat_map(|s| &s.chunks);
        let all: u64 = chunks().map(|c| u64::from(c.len)).sum();
        let used = chunks().filter(|c| needed.all.contains(c.id.as_bytes()));
        let used: u64 = used.map(|c| u64::from(c.len)).sum();
        let size = state.packs[number as usize].pack.size;
        if pick(used, all, size) {
            let needing = state.live_snapshots().filter(|s| s.snapshot.needs.contains(number));
            let sets = needing.map(|s| s.snapshot.set.clone()).collect();
            old.push(Old { number, sets, segments: pack.segments.clone() });
        }
        Ok::<_, RepoError>(())
    })?;
    Ok(old)
}

/// A writer for what is copied or written anew, not read from sources.
pub(crate) fn writer(repo: &Repository) -> Result<PackWriter, RepoError> {
    Ok(PackWriter::start(WriterSettings {
        store: repo.store.clone(),
        reading: repo.reading_recipient()?,
        chunk_key: repo.chunk_key(),
        compressors: 2,
        uploaders: 2,
        acknowledged: Box::new(|_| Ok(())),
    }))
}

/// For each group of packs that the same sets need: the old packs, and the new ones that take their place.
pub(in crate::ops) fn copy(
    repo: &mut Repository,
    needed: &Needed,
    old: &[Old],
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<Vec<(Bits, Vec<WrittenPack>)>, RepoError> {
    let mut by_set: BTreeMap<&BTreeSet<String>, Vec<&Old>> = BTreeMap::new();
    for pack in old {
        by_set.entry(&pack.sets).or_default().push(pack);
    }
    let mut writer = writer(repo)?;
    let mut written = vec![];
    let mut chunks = repo.chunks()?;
    for packs in by_set.values() {
        let mut copied = Ids::default();
        for pack in packs {
            for chunk in pack.segments.iter().flat_map(|s| &s.chunks) {
                stop.check()?;
                let id = *chunk.id.as_bytes();
                if needed.all.contains(&id) && copied.insert(id) {
                    let stream = if needed.listings.contains(&id) { Stream::Listing } else { Stream::Content };
                    writer.add(stream, chunk.id, &chunks.read(&chunk.id)?)?;
                }
            }
            monitor.advance(1);
        }
        written.push((packs.iter().map(|p| p.number).collect(), writer.flush()?));
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
