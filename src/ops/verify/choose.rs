//! Which packs and documents a budgeted test restore takes. The packs are planned by the promise. Every live document
//! that they complete and that was not opened yet is due, so that each is opened within the promise; others are chosen
//! by chance from those that lie in them, so that all come from one fetch. One deleted document and one old version are
//! brought along where there is room.

mod due;
mod old;

use std::collections::{BTreeMap, HashSet};

use super::accepted::Accepted;
use super::affected::with_inherited;
use super::coverage::{Promise, seen, terms};
use super::everything::fingerprint;
use super::opening::{Due, Opener};
use crate::domain::coverage::{Seen, Terms, forecast, plan};
use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::{Entry, PageRef};
use crate::domain::log::bits::Bits;
use crate::domain::log::state::State;
use crate::domain::path::RecordPath;
use crate::ops::sound::names_a_kind;
use crate::repo::error::RepoError;
use crate::repo::listing::{chunks_of, read_page};
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// Documents remembered for one pack.
const DOCUMENTS_PER_PACK: usize = 4;
/// Documents that lie in other packs, too, may cost a run so much of its bytes more.
const SHARE_BEYOND: u64 = 8;

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

/// Packs of the first part of a test that is limited by time, and by how much each part is larger than the one before.
const FIRST_PART: usize = 16;
const GROWTH: usize = 4;

/// What to do.
#[derive(Debug, Default)]
pub struct Choice {
    /// Packs to open from end to end.
    pub packs: Bits,
    /// Documents to bring back from these packs.
    pub documents: Vec<Candidate>,
    /// Documents to open that lie in other packs, too: of those, no more than they need is read.
    pub beyond: Vec<Candidate>,
    /// What is opened for the first time.
    pub due: Due,
    /// Packs left for another time.
    pub left: u64,
    /// Documents passed over because a person accepted that they are lost.
    pub lost: u64,
    /// The packs in the order in which they are wanted.
    pub order: Vec<u32>,
}

impl Choice {
    /// What is wanted first comes in a part of its own, then what is wanted next, in larger and larger parts: the time
    /// may be up at any moment, and every part reads the index once more. Without a limit of time all is one part.
    pub fn parts(self, timed: bool) -> Vec<Self> {
        if !timed {
            return vec![self];
        }
        let mut part_of = vec![];
        let (mut parts, mut rest, mut size) = (vec![], &self.order[..], FIRST_PART);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(size.min(rest.len()));
            part_of.extend(now.iter().map(|n| (*n, parts.len())));
            parts.push(Self { packs: now.iter().copied().collect(), order: now.to_vec(), ..Self::default() });
            (rest, size) = (later, size.saturating_mul(GROWTH));
        }
        if parts.is_empty() {
            parts.push(Self::default());
        }
        let part_of: BTreeMap<u32, usize> = part_of.into_iter().collect();
        for document in self.documents {
            let first = document.packs.iter().filter_map(|n| part_of.get(n)).min().copied().unwrap_or(0);
            parts[first].documents.push(document);
        }
        parts
    }
}

/// A place in a draw: the smallest comes first.
type Lot = [u8; 8];
/// Bytes of packs that would not be read otherwise, and chance.
type Rank = (u64, Lot);

/// The packs, the promise, and chance.
struct Planner {
    seed: [u8; 32],
    packs: Vec<Seen>,
    terms: Terms,
    allowance: u64,
    sizes: Vec<u64>,
    /// What would be taken if nothing were wished for.
    first: Bits,
}

impl Planner {
    fn new(
        state: &State,
        testable: &Bits,
        seed: [u8; 32],
        promise: &Promise,
        typed: Option<u64>,
        now: jiff::Timestamp,
    ) -> Self {
        let packs = seen(state, testable, Some(&seed));
        let terms = terms(state, promise, now);
        let allowance = typed.unwrap_or_else(|| forecast(&packs, &terms).allowance);
        let sizes = state.packs.iter().map(|p| p.pack.size).collect();
        let first = plan(&packs, &terms, allowance, &|_| false).packs.into_iter().collect();
        Self { seed, packs, terms, allowance, sizes, first }
    }

    fn chance(&self, what: &[u8]) -> Lot {
        let mut first = [0; 8];
        first.copy_from_slice(&blake3::keyed_hash(&self.seed, what).as_bytes()[..8]);
        first
    }

    /// What a document costs beyond the packs that are read anyway.
    fn rank(&self, candidate: &Candidate) -> Rank {
        let more = candidate.packs.iter().filter(|n| !self.first.contains(**n));
        let more = more.map(|n| self.sizes.get(*n as usize).copied().unwrap_or(0)).fold(0, u64::saturating_add);
        (more, self.chance(candidate.entry.path.as_bytes()))
    }
}

/// A document and where it stands in the draw.
type Drawn = (Rank, Candidate);

struct Chooser<'a> {
    planner: Planner,
    accepted: &'a Accepted,
    lost: u64,
    /// Says what there is to open; without it nobody looks.
    opener: Option<&'a Opener>,
    /// Is shown every live document.
    each: &'a mut dyn FnMut(&Entry),
    /// Packs that were tested and of which documents were not opened.
    queue: Bits,
    /// By newest pack; those of the plan before those of the queue.
    due: BTreeMap<(bool, u32), Vec<Candidate>>,
    dues: usize,
    /// Packs whose documents were too many.
    left: Bits,
    waiting: u64,
    by_pack: BTreeMap<u32, Vec<(Lot, Candidate)>>,
    gone: Option<Drawn>,
    old: Option<Drawn>,
    /// Live documents without content, or of a hole alone, that their names promise to be more: they cost nothing.
    bare: Vec<(Lot, Candidate)>,
    /// What costs least of all that costs more.
    spare: Option<Drawn>,
}

/// Chooses within what the promise needs and allows, or within `typed` bytes, and so many documents.
pub fn choose(
    repo: &mut Repository,
    promise: &Promise,
    (typed, documents): (Option<u64>, usize),
    accepted: &Accepted,
    opener: Option<&Opener>,
    each: &mut dyn FnMut(&Entry),
) -> Result<Choice, RepoError> {
    let state = repo.state();
    let testable = accepted.testable(repo)?;
    let planner = Planner::new(state, &testable, repo.env.entropy.bytes32(), promise, typed, repo.env.clock.now());
    let newest: Vec<(SnapshotId, ChunkId)> =
        state.sets().iter().filter_map(|s| state.newest(s)).map(|s| (s.id, s.snapshot.root)).collect();
    let old = old::snapshots(state, &planner);
    let waits = |n: &u32| {
        let tested = state.packs.get(*n as usize).is_some_and(|p| p.tested.is_some());
        tested && opener.is_some_and(|o| !o.has_opened(*n))
    };
    let queue: Bits = testable.iter().filter(waits).collect();
    let mut chooser = Chooser::new(planner, accepted, opener, each, queue);
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
    chooser.decide(documents)
}

/// `None` when it is damaged: naming damage is the test's business, not the choice's.
fn intact<T>(result: Result<T, RepoError>) -> Result<Option<T>, RepoError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.is_damage() => Ok(None),
        Err(e) => Err(e),
    }
}

impl<'a> Chooser<'a> {
    fn new(
        planner: Planner,
        accepted: &'a Accepted,
        opener: Option<&'a Opener>,
        each: &'a mut dyn FnMut(&Entry),
        queue: Bits,
    ) -> Self {
        Self {
            planner,
            accepted,
            lost: 0,
            opener,
            each,
            queue,
            due: BTreeMap::new(),
            dues: 0,
            left: Bits::default(),
            waiting: 0,
            by_pack: BTreeMap::new(),
            gone: None,
            old: None,
            bare: vec![],
            spare: None,
        }
    }

    fn walk(
        &mut self,
        chunks: &mut ChunkReader<'_>,
        snapshot: SnapshotId,
        pages: &[PageRef],
        live: bool,
    ) -> Result<(), RepoError> {
        for page in pages {
            for entry in intact(read_page(chunks, page))?.unwrap_or_default() {
                if entry.is_file() && self.accepted.covers_record(&entry, chunks)? {
                    self.lost += 1;
                } else if entry.is_file() {
                    if live {
                        (self.each)(&entry);
                    }
                    let packs = packs_of(chunks, &entry)?;
                    self.consider(Candidate { snapshot, entry, live, packs });
                }
            }
        }
        Ok(())
    }

    fn consider(&mut self, candidate: Candidate) {
        let rank = self.planner.rank(&candidate);
        let Some(first) = candidate.packs.first().copied() else {
            if candidate.live && names_a_kind(candidate.entry.path.as_bytes()) {
                self.consider_bare(rank.1, candidate);
            }
            return;
        };
        self.note_due(&candidate);
        if !candidate.live {
            keep(&mut self.gone, rank, &candidate);
        }
        if rank.0 > 0 {
            return keep(&mut self.spare, rank, &candidate);
        }
        let waiting = self.by_pack.entry(first).or_default();
        let at = waiting.partition_point(|(lot, _)| *lot < rank.1);
        if at < DOCUMENTS_PER_PACK {
            waiting.insert(at, (rank.1, candidate));
            waiting.truncate(DOCUMENTS_PER_PACK);
        }
    }

    fn decide(mut self, documents: usize) -> Result<Choice, RepoError> {
        let wished: Vec<Candidate> =
            [self.gone.take(), self.old.take()].into_iter().flatten().map(|(_, c)| c).collect();
        let packs: Bits = wished.iter().flat_map(|c| c.packs.iter().copied()).collect();
        let Planner { packs: seen, terms, allowance, .. } = &self.planner;
        let planned = plan(seen, terms, *allowance, &|n| packs.contains(n));
        let room = allowance.saturating_sub(planned.bytes).max(allowance / SHARE_BEYOND);
        let taken = planned.packs.iter().copied().collect();
        let mut choice = Choice {
            packs: taken,
            left: planned.left,
            lost: self.lost,
            order: planned.packs.clone(),
            ..Choice::default()
        };
        let mut known: HashSet<(RecordPath, [u8; 16])> = HashSet::new();
        for candidate in self.take_due(&mut choice, room) {
            known.insert((candidate.entry.path.clone(), fingerprint(&candidate.entry)?));
            choice.documents.push(candidate);
        }
        let documents = documents.max(1) + choice.documents.len();
        let mut take = |choice: &mut Choice, candidate: Candidate| -> Result<(), RepoError> {
            let is_there = candidate.packs.iter().all(|n| choice.packs.contains(*n));
            if is_there
                && choice.documents.len() < documents
                && known.insert((candidate.entry.path.clone(), fingerprint(&candidate.entry)?))
            {
                choice.documents.push(candidate);
            }
            Ok(())
        };
        wished.into_iter().try_for_each(|c| take(&mut choice, c))?;
        // One of each pack, then another of each.
        for round in 0..DOCUMENTS_PER_PACK {
            for number in &planned.packs {
                if let Some((_, candidate)) = self.by_pack.get(number).and_then(|all| all.get(round)) {
                    take(&mut choice, candidate.clone())?;
                }
            }
        }
        // At least one document: a backup of which nothing was brought back is not tested.
        if let (true, Some((_, candidate))) = (choice.documents.is_empty(), self.spare) {
            candidate.packs.iter().for_each(|n| choice.packs.insert(*n));
            choice.order.extend(&candidate.packs);
            choice.documents.push(candidate);
        }
        choice.documents.extend(self.bare.into_iter().map(|(_, candidate)| candidate));
        // By pack: each is fetched once.
        choice
            .documents
            .sort_by(|a, b| (a.snapshot, &a.packs, &a.entry.path).cmp(&(b.snapshot, &b.packs, &b.entry.path)));
        Ok(choice)
    }
}

/// The better of two.
fn keep(best: &mut Option<Drawn>, rank: Rank, candidate: &Candidate) {
    if best.as_ref().is_none_or(|(known, _)| rank < *known) {
        *best = Some((rank, candidate.clone()));
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
