//! Which packs and documents a budgeted test restore takes: what was never tested first, then what was tested
//! longest ago; among equals, chance decides. At least one deleted document and one old version, where there are.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::affected::with_inherited;
use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::{Entry, PageRef};
use crate::domain::log::bits::Bits;
use crate::domain::log::state::State;
use crate::repo::error::RepoError;
use crate::repo::listing::{chunks_of, find_entry, read_page, read_root};
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// Documents remembered for one pack.
const DOCUMENTS_PER_PACK: usize = 4;
/// Old snapshots looked into for an old version, and pages of each.
const OLD_SNAPSHOTS: usize = 8;
const OLD_PAGES: usize = 4;

/// A document that may be brought back.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The newest snapshot of its set, whose test it is part of.
    pub snapshot: SnapshotId,
    /// The document.
    pub entry: Entry,
    /// It stands in the live listing: there may be a live file to compare with.
    pub live: bool,
    /// Every pack it needs.
    pub packs: Vec<u32>,
}

/// What to do.
#[derive(Debug, Default)]
pub struct Choice {
    /// Packs to open from end to end.
    pub packs: Bits,
    /// Documents to bring back.
    pub documents: Vec<Candidate>,
    /// Packs left for another time.
    pub left: u64,
}

/// When each pack was last opened from end to end by somebody who reads.
pub fn test_dates(state: &State) -> Vec<Option<Timestamp>> {
    let mut dates = vec![None; state.packs.len()];
    for (time, tested) in &state.tests {
        for number in tested.packs.iter() {
            if let Some(date) = dates.get_mut(number as usize).filter(|_| state.packs[number as usize].tested) {
                *date = Some(*time).max(*date);
            }
        }
    }
    dates
}

/// Orders everything by (tested when, chance).
struct Order {
    seed: [u8; 32],
    dates: Vec<Option<Timestamp>>,
}

/// A document and what chance gave it.
type Drawn = ([u8; 8], Candidate);
/// When it was last tested, and what chance gave it.
type Rank = (Option<Timestamp>, [u8; 8]);

impl Order {
    fn chance(&self, what: &[u8]) -> [u8; 8] {
        let mut first = [0; 8];
        first.copy_from_slice(&blake3::keyed_hash(&self.seed, what).as_bytes()[..8]);
        first
    }
    fn pack(&self, number: u32) -> Rank {
        (self.dates.get(number as usize).copied().flatten(), self.chance(&number.to_le_bytes()))
    }
}

struct Chooser {
    order: Order,
    by_pack: BTreeMap<(Rank, u32), Vec<Drawn>>,
    gone: Option<(Rank, Candidate)>,
    old: Option<Drawn>,
    keep_packs: usize,
}

/// Chooses within `bytes` (half for whole packs, half for documents in them) and so many documents.
pub fn choose(repo: &mut Repository, bytes: u64, documents: usize) -> Result<Choice, RepoError> {
    let state = repo.state();
    let order = Order { seed: repo.env.entropy.bytes32(), dates: test_dates(state) };
    let needed = state.needed();
    let sizes: Vec<u64> = state.packs.iter().map(|p| p.pack.size).collect();
    let newest: Vec<(SnapshotId, ChunkId)> =
        state.sets().iter().filter_map(|s| state.newest(s)).map(|s| (s.id, s.snapshot.root)).collect();
    let old = old_snapshots(state, &order);
    let keep_packs = documents.max(1) * 4;
    let mut chooser = Chooser { order, by_pack: BTreeMap::new(), gone: None, old: None, keep_packs };
    let mut chunks = repo.chunks()?;
    for (snapshot, root) in newest {
        for root in with_inherited(&mut chunks, root)? {
            chooser.walk(&mut chunks, snapshot, &root.live, true)?;
            chooser.walk(&mut chunks, snapshot, &root.gone, false)?;
        }
    }
    for (snapshot, root, old_root) in old {
        if chooser.old.is_none() {
            chooser.find_old(&mut chunks, snapshot, root, old_root)?;
        }
    }
    Ok(chooser.decide(&needed, &sizes, bytes, documents))
}

/// For every old snapshot, in chance's order: the newest of its set with its root, and its own root.
fn old_snapshots(state: &State, order: &Order) -> Vec<(SnapshotId, ChunkId, ChunkId)> {
    let mut old: Vec<_> = state
        .live_snapshots()
        .filter_map(|s| state.newest(&s.snapshot.set).filter(|n| n.id != s.id).map(|n| (s, n)))
        .collect();
    old.sort_by_key(|(s, _)| order.chance(&s.id.0.to_le_bytes()));
    old.iter().take(OLD_SNAPSHOTS).map(|(s, n)| (n.id, n.snapshot.root, s.snapshot.root)).collect()
}

/// `None` when it is damaged: naming damage is the test's business, not the choice's.
fn intact<T>(result: Result<T, RepoError>) -> Result<Option<T>, RepoError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.is_damage() => Ok(None),
        Err(e) => Err(e),
    }
}

impl Chooser {
    fn walk(
        &mut self,
        chunks: &mut ChunkReader<'_>,
        snapshot: SnapshotId,
        pages: &[PageRef],
        live: bool,
    ) -> Result<(), RepoError> {
        for page in pages {
            for entry in intact(read_page(chunks, page))?.unwrap_or_default() {
                if entry.is_file() {
                    let packs = packs_of(chunks, &entry)?;
                    self.consider(Candidate { snapshot, entry, live, packs });
                }
            }
        }
        Ok(())
    }

    fn consider(&mut self, candidate: Candidate) {
        let Some(first) = candidate.packs.iter().map(|n| (self.order.pack(*n), *n)).min() else { return };
        let chance = self.order.chance(candidate.entry.path.as_bytes());
        if !candidate.live {
            let rank = (first.0.0, chance);
            if self.gone.as_ref().is_none_or(|(best, _)| rank < *best) {
                self.gone = Some((rank, candidate.clone()));
            }
        }
        let waiting = self.by_pack.entry(first).or_default();
        let at = waiting.partition_point(|(c, _)| *c < chance);
        if at < DOCUMENTS_PER_PACK {
            waiting.insert(at, (chance, candidate));
            waiting.truncate(DOCUMENTS_PER_PACK);
        }
        if self.by_pack.len() > self.keep_packs {
            self.by_pack.pop_last();
        }
    }

    /// A version that the newest listing no longer has.
    fn find_old(
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
        differing.sort_by_key(|p| self.order.chance(p.id.as_bytes()));
        for page in differing.into_iter().take(OLD_PAGES) {
            for entry in intact(read_page(chunks, page))?.unwrap_or_default() {
                let chance = self.order.chance(entry.path.as_bytes());
                if !entry.is_file() || self.old.as_ref().is_some_and(|(best, _)| *best <= chance) {
                    continue;
                }
                let mut is_there = false;
                for pages in [&newest.live, &newest.gone] {
                    let found = intact(find_entry(chunks, pages, &entry.path))?.flatten();
                    is_there |= found.is_some_and(|now| now.kind == entry.kind);
                }
                let packs = packs_of(chunks, &entry)?;
                if !is_there && !packs.is_empty() {
                    self.old = Some((chance, Candidate { snapshot, entry, live: false, packs }));
                }
            }
        }
        Ok(())
    }

    fn decide(mut self, needed: &Bits, sizes: &[u64], bytes: u64, documents: usize) -> Choice {
        let mut choice = Choice::default();
        let mut spent = 0u64;
        let take = |choice: &mut Choice, candidate: Candidate| {
            let known = choice.documents.iter().any(|c| c.entry == candidate.entry);
            if !known {
                choice.documents.push(candidate);
            }
        };
        for candidate in [self.gone.take().map(|(_, c)| c), self.old.take().map(|(_, c)| c)].into_iter().flatten() {
            spent += candidate.packs.iter().map(|n| sizes[*n as usize]).sum::<u64>();
            take(&mut choice, candidate);
        }
        let mut packs: Vec<(Rank, u32)> = needed.iter().map(|n| (self.order.pack(n), n)).collect();
        packs.sort();
        for key in packs {
            let waiting = self.by_pack.remove(&key).unwrap_or_default();
            let size = sizes[key.1 as usize];
            let cost = if waiting.is_empty() { size } else { 2 * size };
            if !choice.packs.is_empty() && spent.saturating_add(cost) > bytes {
                choice.left += 1;
                continue;
            }
            spent += cost;
            choice.packs.insert(key.1);
            for (_, candidate) in waiting {
                let elsewhere = candidate.packs.iter().filter(|n| **n != key.1 && !choice.packs.contains(**n));
                let more: u64 = elsewhere.map(|n| sizes[*n as usize]).sum();
                let fits = spent.saturating_add(more) <= bytes || choice.documents.is_empty();
                if choice.documents.len() < documents && fits {
                    spent += more;
                    take(&mut choice, candidate);
                }
            }
        }
        choice.documents.sort_by(|a, b| (a.snapshot, &a.entry.path).cmp(&(b.snapshot, &b.entry.path)));
        choice
    }
}

/// The packs an entry needs, each once. A damaged list of pieces stands for itself.
pub fn packs_of(chunks: &mut ChunkReader<'_>, entry: &Entry) -> Result<Vec<u32>, RepoError> {
    let ids = intact(chunks_of(chunks, entry))?.unwrap_or_default();
    let mut packs: Vec<u32> = ids.iter().filter_map(|id| chunks.pack_of(id)).collect();
    packs.sort_unstable();
    packs.dedup();
    Ok(packs)
}
