//! From damaged packs to the records a person knows: the newest listings are walked, live and gone.

use std::collections::{BTreeMap, HashSet};

use super::{Damage, Object};
use crate::domain::id::ChunkId;
use crate::domain::listing::{PageRef, Root};
use crate::domain::log::bits::Bits;
use crate::domain::path::RecordPath;
use crate::repo::error::RepoError;
use crate::repo::listing::{chunks_of, read_page, read_root};
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// Records named for one damaged object.
pub const NAMED_RECORDS: usize = 100;
/// Roots that a root may inherit from, one after the other.
const MAX_INHERITED: usize = 64;

/// The records of the newest snapshots (live and gone) that need one of `packs`: at most `limit`, each once.
///
/// Where a page of the listing itself is lost, its first record stands for the page.
///
/// # Errors
/// [`RepoError::CannotRead`] without the reading identity; damage to the index; faults of the store.
pub fn affected_records(repo: &mut Repository, packs: &Bits, limit: usize) -> Result<Vec<RecordPath>, RepoError> {
    let by_pack = by_pack(repo, packs, limit)?;
    let mut all: Vec<RecordPath> = by_pack.into_values().flatten().collect();
    all.sort();
    all.dedup();
    all.truncate(limit);
    Ok(all)
}

/// Writes the records into each damage of a pack, as far as listings can be read here.
pub(super) fn name_records(repo: &mut Repository, failed: &mut [Damage]) -> Result<(), RepoError> {
    let number = |repo: &Repository, d: &Damage| match d.object {
        Some(Object::Pack(name)) => repo.state().pack(&name).map(|(n, _)| n),
        _ => None,
    };
    let packs: Bits = failed.iter().filter_map(|d| number(repo, d)).collect();
    if packs.is_empty() || !repo.can_read() {
        return Ok(());
    }
    let named = match by_pack(repo, &packs, NAMED_RECORDS) {
        Err(e) if e.is_damage() => return Ok(()), // without an index nothing can be named
        other => other?,
    };
    for d in failed {
        if let Some(found) = number(repo, d).and_then(|n| named.get(&n)) {
            d.records.clone_from(found);
        }
    }
    Ok(())
}

fn by_pack(repo: &mut Repository, packs: &Bits, limit: usize) -> Result<BTreeMap<u32, Vec<RecordPath>>, RepoError> {
    let state = repo.state();
    let roots: Vec<ChunkId> =
        state.sets().iter().filter_map(|set| state.newest(set)).map(|s| s.snapshot.root).collect();
    let mut found: BTreeMap<u32, Vec<RecordPath>> = BTreeMap::new();
    let mut chunks = repo.chunks()?;
    let mut note = |pack: u32, path: &RecordPath| {
        let paths = found.entry(pack).or_default();
        if packs.contains(pack) && paths.len() < limit && paths.last() != Some(path) {
            paths.push(path.clone());
        }
    };
    for root in roots {
        for root in with_inherited(&mut chunks, root)? {
            for page in root.live.iter().chain(&root.gone) {
                walk_page(&mut chunks, page, &mut note)?;
            }
        }
    }
    found.retain(|_, paths| !paths.is_empty());
    Ok(found)
}

/// The root and those it inherits from, as far as they can be read.
pub(super) fn with_inherited(chunks: &mut ChunkReader<'_>, first: ChunkId) -> Result<Vec<Root>, RepoError> {
    Ok(inherited(chunks, first)?.0)
}

/// The same, and whether all of them could be read.
pub(super) fn inherited(chunks: &mut ChunkReader<'_>, first: ChunkId) -> Result<(Vec<Root>, bool), RepoError> {
    let (mut waiting, mut seen, mut roots, mut all) = (vec![first], HashSet::new(), vec![], true);
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) || seen.len() > MAX_INHERITED {
            continue;
        }
        match read_root(chunks, &id) {
            Ok(root) => {
                waiting.extend(&root.inherits);
                roots.push(root);
            }
            Err(e) if e.is_damage() => all = false,
            Err(e) => return Err(e),
        }
    }
    Ok((roots, all))
}

fn walk_page(
    chunks: &mut ChunkReader<'_>,
    page: &PageRef,
    note: &mut dyn FnMut(u32, &RecordPath),
) -> Result<(), RepoError> {
    let entries = match read_page(chunks, page) {
        Ok(entries) => entries,
        Err(e) if e.is_damage() => {
            if let Some(pack) = chunks.pack_of(&page.id) {
                note(pack, &page.first);
            }
            return Ok(());
        }
        Err(e) => return Err(e),
    };
    for entry in entries {
        let ids = match chunks_of(chunks, &entry) {
            Ok(ids) => ids,
            // Its list of pieces is lost.
            Err(e) if e.is_damage() => match &entry.kind {
                crate::domain::listing::Kind::File(c) => match &c.pieces {
                    crate::domain::listing::Pieces::Listed(lists) => lists.clone(),
                    crate::domain::listing::Pieces::Inline(_) => vec![],
                },
                _ => vec![],
            },
            Err(e) => return Err(e),
        };
        for pack in ids.iter().filter_map(|id| chunks.pack_of(id)) {
            note(pack, &entry.path);
        }
    }
    Ok(())
}
