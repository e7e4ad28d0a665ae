//! Who needs what is damaged: every listing of every snapshot is walked, as far as it can be read.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::look::Found;
use super::salvage::Salvage;
use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::{Content, Entry, Kind, PageRef, Pieces, Root};
use crate::domain::log::bits::Bits;
use crate::domain::log::state::State;
use crate::domain::path::RecordPath;
use crate::ops::monitor::{Monitor, Stop};
use crate::repo::error::RepoError;
use crate::repo::listing::{chunks_of, encode, read_page, read_root};
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// A record, or a part of a listing, that the store cannot give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Its set.
    pub set: String,
    /// Which record; of a page of a listing its first; nothing where a whole listing is lost.
    pub path: Option<RecordPath>,
    /// How many records: more than one of a page, none that is known of a whole listing.
    pub records: u64,
    /// The snapshots that have it so, oldest first.
    pub snapshots: Vec<SnapshotId>,
    /// It is in the newest listing of what is there now.
    pub live: bool,
    /// The pieces that are lost.
    pub chunks: BTreeSet<ChunkId>,
    /// The record itself; nothing of a listing.
    pub entry: Option<Entry>,
}

/// What a walk found.
#[derive(Default)]
pub(super) struct Walked {
    /// Records and listings, by set and path.
    pub losses: Vec<Loss>,
    /// A part of a listing cannot be read: nobody knows what else its records need.
    pub blind: bool,
    /// The packs in which lost pieces lie that are needed.
    pub packs: Bits,
    /// The lost pieces.
    pub lost: HashSet<ChunkId>,
    /// The snapshots whose listings were walked, with their roots.
    pub roots: HashMap<SnapshotId, ChunkId>,
}

impl Walked {
    /// Whether these are all snapshots there are, as they are.
    pub fn is_of(&self, state: &State) -> bool {
        state.live_snapshots().all(|s| self.roots.get(&s.id) == Some(&s.snapshot.root))
    }
}

/// What one page holds: entries with lost pieces, or why it holds nothing.
type Hits = Result<Vec<(Entry, BTreeSet<ChunkId>)>, ()>;

struct Walk<'a> {
    found: &'a Found,
    salvage: &'a Salvage,
    pages: HashMap<ChunkId, Hits>,
    losses: BTreeMap<(String, Option<RecordPath>, Vec<u8>), Loss>,
    blind: bool,
}

/// Walks. The index must be loaded.
pub(super) fn walk(
    repo: &mut Repository,
    found: &Found,
    salvage: &Salvage,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<Walked, RepoError> {
    let mut walk = Walk { found, salvage, pages: HashMap::new(), losses: BTreeMap::new(), blind: false };
    let state = repo.state();
    let newest: BTreeSet<SnapshotId> = state.sets().iter().filter_map(|s| state.newest(s)).map(|s| s.id).collect();
    let all: Vec<(SnapshotId, String, ChunkId)> =
        state.live_snapshots().map(|s| (s.id, s.snapshot.set.clone(), s.snapshot.root)).collect();
    monitor.stage("looking at who needs it", Some(all.len() as u64));
    let mut chunks = repo.chunks()?;
    for (id, set, root) in &all {
        stop.check()?;
        walk.snapshot(&mut chunks, *id, set, *root, newest.contains(id))?;
        monitor.advance(1);
    }
    let losses: Vec<Loss> = walk.losses.into_values().collect();
    let packs = losses.iter().flat_map(|l| &l.chunks).filter_map(|id| chunks.pack_of(id)).collect();
    let lost = losses.iter().flat_map(|l| &l.chunks).copied().collect();
    let roots = all.into_iter().map(|(id, _, root)| (id, root)).collect();
    Ok(Walked { losses, blind: walk.blind, packs, lost, roots })
}

impl Walk<'_> {
    fn snapshot(
        &mut self,
        chunks: &mut ChunkReader<'_>,
        id: SnapshotId,
        set: &str,
        root: ChunkId,
        newest: bool,
    ) -> Result<(), RepoError> {
        let (mut waiting, mut seen) = (vec![root], BTreeSet::new());
        while let Some(at) = waiting.pop() {
            if !seen.insert(at) {
                continue;
            }
            let own = newest && at == root;
            let read: Root = match read_root(chunks, &at) {
                Ok(read) => read,
                Err(e) if e.is_damage() => {
                    self.blind = true;
                    self.lost(set, None, 0, id, own, &BTreeSet::from([at]), None, at.as_bytes());
                    continue;
                }
                Err(e) => return Err(e),
            };
            waiting.extend(&read.inherits);
            for (page, live) in read.live.iter().map(|p| (p, own)).chain(read.gone.iter().map(|p| (p, false))) {
                self.page(chunks, id, set, page, live)?;
            }
        }
        Ok(())
    }

    fn page(
        &mut self,
        chunks: &mut ChunkReader<'_>,
        id: SnapshotId,
        set: &str,
        page: &PageRef,
        live: bool,
    ) -> Result<(), RepoError> {
        if !self.pages.contains_key(&page.id) {
            let hits = self.hits(chunks, page)?;
            self.pages.insert(page.id, hits);
        }
        match self.pages.get(&page.id).cloned() {
            Some(Ok(hits)) => {
                for (entry, lost) in hits {
                    let content = encode(&entry.kind)?;
                    self.lost(set, Some(&entry.path), 1, id, live, &lost, Some(&entry), &content);
                }
            }
            _ => {
                self.blind = true;
                let (first, lost) = (Some(&page.first), BTreeSet::from([page.id]));
                self.lost(set, first, u64::from(page.count), id, live, &lost, None, page.id.as_bytes());
            }
        }
        Ok(())
    }

    fn hits(&self, chunks: &mut ChunkReader<'_>, page: &PageRef) -> Result<Hits, RepoError> {
        let entries = match read_page(chunks, page) {
            Ok(entries) => entries,
            Err(e) if e.is_damage() => return Ok(Err(())),
            Err(e) => return Err(e),
        };
        let mut hits = vec![];
        for entry in entries.into_iter().filter(Entry::is_file) {
            let ids = match chunks_of(chunks, &entry) {
                Ok(ids) => ids,
                Err(e) if e.is_damage() => lists(&entry),
                Err(e) => return Err(e),
            };
            let mut lost = BTreeSet::new();
            for id in ids {
                if self.salvage.is_lost(chunks.repository(), self.found, &id, chunks.pack_of(&id))? {
                    lost.insert(id);
                }
            }
            if !lost.is_empty() {
                hits.push((entry, lost));
            }
        }
        Ok(Ok(hits))
    }

    #[allow(clippy::too_many_arguments, reason = "one loss, from three places")]
    fn lost(
        &mut self,
        set: &str,
        path: Option<&RecordPath>,
        records: u64,
        snapshot: SnapshotId,
        live: bool,
        chunks: &BTreeSet<ChunkId>,
        entry: Option<&Entry>,
        content: &[u8],
    ) {
        let key = (set.to_owned(), path.cloned(), content.to_vec());
        let known = self.losses.entry(key).or_insert_with(|| Loss {
            set: set.to_owned(),
            path: path.cloned(),
            records,
            snapshots: vec![],
            live: false,
            chunks: chunks.clone(),
            entry: entry.cloned(),
        });
        known.live |= live;
        if known.snapshots.last() != Some(&snapshot) {
            known.snapshots.push(snapshot);
        }
    }
}

/// The lists of a record's pieces, where they are chunks of their own.
fn lists(entry: &Entry) -> Vec<ChunkId> {
    match &entry.kind {
        Kind::File(Content { pieces: Pieces::Listed(lists), .. }) => lists.clone(),
        _ => vec![],
    }
}
