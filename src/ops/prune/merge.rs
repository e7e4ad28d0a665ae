//! Many small index objects become few: reading the index is the first thing every restore does.
//!
//! Needs the writing identity only. The old objects are superfluous once a pruner's entry names one that
//! describes the same packs, and are condemned in the usual way.

use crate::domain::id::SessionId;
use crate::domain::log::Role;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::{Entry, Stored, StoredIndex, StoredPack};
use crate::domain::log::state::Life;
use crate::ops::backup::put_index;
use crate::ops::error::OpsError;
use crate::ops::monitor::Stop;
use crate::repo::chunk::{IndexObject, IndexedPack};
use crate::repo::error::RepoError;
use crate::repo::listing::encode;
use crate::repo::repository::Repository;

/// Merging begins above this many live index objects.
pub const MERGE_ABOVE: usize = 32;

/// What is many, and what is large.
pub(super) struct Limits {
    /// Merging begins above this many live index objects.
    pub above: usize,
    /// An index object at least this large (stored) is left as it is.
    pub large: u64,
    /// No merged object of more than one pack is larger than this (raw).
    pub full: usize,
}

const LIMITS: Limits = Limits { above: MERGE_ABOVE, large: 8 << 20, full: 32 << 20 };

/// Merges if there are too many. Says how many objects were merged.
pub fn merge(repo: &mut Repository, stop: &Stop) -> Result<u64, OpsError> {
    merge_within(repo, &LIMITS, stop)
}

pub(super) fn merge_within(repo: &mut Repository, limits: &Limits, stop: &Stop) -> Result<u64, OpsError> {
    let state = repo.state();
    let live: Vec<_> = state.indexes.iter().filter(|i| matches!(i.life, Life::Live) && !i.void).collect();
    let small: Vec<_> = live.iter().filter(|i| i.index.size < limits.large).collect();
    if live.len() <= limits.above || small.len() < 2 {
        return Ok(0);
    }
    let dead = |n: &u32| matches!(state.packs.get(*n as usize).map(|p| p.life), Some(Life::Swept { .. }));
    let covered: Bits = small.iter().flat_map(|i| i.covers.iter()).filter(|n| !dead(n)).collect();
    let merged = small.len() as u64;
    let mut stored = vec![];
    let (mut open, mut raw) = (vec![], 0);
    repo.for_each_pack(&covered, |_, pack| {
        stop.check()?;
        let len = encode(pack)?.len();
        if raw + len > limits.full && !open.is_empty() {
            raw = 0;
            stored.push(close(repo, std::mem::take(&mut open))?);
        }
        raw += len;
        open.push(pack.clone());
        Ok::<_, RepoError>(())
    })?;
    if !open.is_empty() {
        stored.push(close(repo, open)?);
    }
    let session = SessionId::new(repo.env.entropy.bytes32());
    let began = repo.env.clock.now();
    for (index, packs) in stored {
        let entry = Entry::Stored(Stored { session, began, packs, index });
        repo.append_as(Some(Role::Pruner), |_| Ok(Some(entry.clone())))?;
    }
    Ok(merged)
}

fn close(repo: &Repository, packs: Vec<IndexedPack>) -> Result<(StoredIndex, Vec<StoredPack>), RepoError> {
    let names: Vec<StoredPack> = packs.iter().filter_map(|p| repo.state().pack(&p.name)).map(|(_, p)| p.pack).collect();
    Ok((put_index(repo, &IndexObject { packs })?, names))
}
