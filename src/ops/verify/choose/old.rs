//! One version that the newest listing no longer has: looked for in a few old snapshots, however many there are.

use std::collections::{BTreeMap, HashSet};

use super::{Candidate, Chooser, Drawn, Planner, intact, packs_of};
use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::{Entry, PageRef, Root};
use crate::domain::log::state::State;
use crate::domain::path::RecordPath;
use crate::ops::verify::everything::fingerprint;
use crate::repo::error::RepoError;
use crate::repo::listing::{read_page, read_root};
use crate::repo::reader::ChunkReader;

/// Old snapshots that are looked into, and pages of each.
const OLD_SNAPSHOTS: usize = 8;
const OLD_PAGES: usize = 4;

/// Some old snapshots, in chance's order: the newest of its set with its root, and its own root.
pub(super) fn snapshots(state: &State, planner: &Planner) -> Vec<(SnapshotId, ChunkId, ChunkId)> {
    let of_set = |set: String| state.newest(&set).map(|n| (n.id, n.snapshot.root)).map(|n| (set, n));
    let newest: BTreeMap<String, (SnapshotId, ChunkId)> = state.sets().into_iter().filter_map(of_set).collect();
    let mut old: Vec<_> = state
        .live_snapshots()
        .filter_map(|s| newest.get(&s.snapshot.set).filter(|n| n.0 != s.id).map(|n| (s.id, n, s.snapshot.root)))
        .map(|old| (planner.chance(&old.0.0.to_le_bytes()), old))
        .collect();
    old.sort_by_key(|(lot, _)| *lot);
    old.iter().take(OLD_SNAPSHOTS).map(|(_, (_, newest, root))| (newest.0, newest.1, *root)).collect()
}

/// Which content stands at which path.
type Contents = HashSet<(RecordPath, [u8; 16])>;

/// What the newest listing has between two paths.
fn between(chunks: &mut ChunkReader<'_>, pages: &[PageRef], entries: &[Entry]) -> Result<Contents, RepoError> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Contents::new()) };
    let from = pages.partition_point(|p| p.first <= first.path).saturating_sub(1);
    let mut contents = Contents::new();
    for page in pages.iter().skip(from).take_while(|p| p.first <= last.path) {
        for entry in intact(read_page(chunks, page))?.unwrap_or_default() {
            let print = fingerprint(&entry)?;
            contents.insert((entry.path, print));
        }
    }
    Ok(contents)
}

impl Chooser<'_> {
    /// A version that the newest listing no longer has.
    pub(super) fn find_old(
        &mut self,
        chunks: &mut ChunkReader<'_>,
        snapshot: SnapshotId,
        newest: ChunkId,
        old: ChunkId,
    ) -> Result<(), RepoError> {
        let (Some(newest), Some(old)) = (intact(read_root(chunks, &newest))?, intact(read_root(chunks, &old))?) else {
            return Ok(());
        };
        let same: HashSet<ChunkId> = newest.live.iter().chain(&newest.gone).map(|p| p.id).collect();
        let mut differing: Vec<&PageRef> = old.live.iter().filter(|p| !same.contains(&p.id)).collect();
        differing.sort_by_key(|p| self.planner.chance(p.id.as_bytes()));
        for page in differing.into_iter().take(OLD_PAGES) {
            self.find_old_in(chunks, snapshot, &newest, page)?;
        }
        Ok(())
    }

    fn find_old_in(
        &mut self,
        chunks: &mut ChunkReader<'_>,
        snapshot: SnapshotId,
        newest: &Root,
        page: &PageRef,
    ) -> Result<(), RepoError> {
        let entries = intact(read_page(chunks, page))?.unwrap_or_default();
        let mut known = between(chunks, &newest.live, &entries)?;
        known.extend(between(chunks, &newest.gone, &entries)?);
        for entry in entries.into_iter().filter(Entry::is_file) {
            if known.contains(&(entry.path.clone(), fingerprint(&entry)?))
                || self.accepted.covers_record(&entry, chunks)?
            {
                continue;
            }
            let candidate = Candidate { snapshot, packs: packs_of(chunks, &entry)?, entry, live: false };
            let drawn: Drawn = (self.planner.rank(&candidate), candidate);
            if !drawn.1.packs.is_empty() && self.old.as_ref().is_none_or(|(best, _)| drawn.0 < *best) {
                self.old = Some(drawn);
            }
        }
        Ok(())
    }
}
