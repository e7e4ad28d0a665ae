//! Bringing chunks back: every pack's bytes are checked against its name, every chunk against its id.
//!
//! Where a pack fails, others that hold the same chunk are asked, and the failure is remembered to be told.
//!
//! The cache holds decompressed segments of the packs used last, within a budget; nothing is believed from
//! any local copy.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use super::chunk::{ChunkKey, SegmentPlace};
use super::elsewhere::Spot;
use super::error::RepoError;
use super::open_pack::OpenPack;
use super::pack::PackError;
use super::repository::Repository;
use crate::domain::id::ChunkId;

/// How many bytes of opened packs are kept, besides the last.
const PACK_BUDGET: u64 = 16 << 20;
/// How many bytes of decompressed segments are kept.
const SEGMENT_BUDGET: usize = 24 << 20;

/// Reads chunks in any order; fast when they are asked for in the order they were stored.
pub struct ChunkReader<'a> {
    repo: &'a Repository,
    index: &'a super::chunk::ChunkIndex,
    key: ChunkKey,
    packs: VecDeque<(u32, OpenPack<'a>)>,
    /// What will be asked for, by pack: where its segments lie.
    expected: HashMap<u32, Vec<(u64, u32)>>,
    segments: HashMap<(u32, u64), Rc<Vec<u8>>>,
    order: VecDeque<(u32, u64)>,
    held: usize,
    fetched: u64,
}

impl Repository {
    /// A reader of chunks. Loads the index if it is not loaded yet.
    ///
    /// # Errors
    /// [`RepoError::CannotRead`] without the reading identity; whatever loading the index can meet.
    pub fn chunks(&mut self) -> Result<ChunkReader<'_>, RepoError> {
        if !self.can_read() {
            return Err(RepoError::CannotRead);
        }
        self.index()?;
        self.another_reader()
    }

    /// One more reader, for another thread: the index is loaded already.
    ///
    /// # Errors
    /// [`RepoError::CannotRead`]; [`RepoError::Index`] when it is not.
    pub fn another_reader(&self) -> Result<ChunkReader<'_>, RepoError> {
        if !self.can_read() {
            return Err(RepoError::CannotRead);
        }
        let index = self.loaded_index().ok_or_else(|| RepoError::Index("it is not loaded".into()))?;
        Ok(ChunkReader {
            repo: self,
            index,
            key: self.chunk_key(),
            packs: VecDeque::new(),
            expected: HashMap::new(),
            segments: HashMap::new(),
            order: VecDeque::new(),
            held: 0,
            fetched: 0,
        })
    }
}

impl<'a> ChunkReader<'a> {
    /// The chunk's bytes, checked.
    ///
    /// # Errors
    /// [`RepoError::ChunkUnknown`], [`RepoError::Destroyed`], [`RepoError::PackMissing`], [`RepoError::Pack`]; faults of the
    /// store.
    pub fn read(&mut self, id: &ChunkId) -> Result<Vec<u8>, RepoError> {
        if let Some(bytes) = self.repo.salvaged.get(id) {
            return Ok(bytes.clone());
        }
        let (segment, place) = self.index.find(id).ok_or_else(|| self.repo.unknown(id))?;
        let first = Spot { segment, start: place.start, len: place.len };
        // What failed once is not fetched again for each chunk while another has the same.
        if self.repo.is_read_around(segment.pack)
            && let Some(bytes) = self.read_elsewhere(id)?
        {
            return Ok(bytes);
        }
        match self.at(id, first) {
            Err(error) if error.is_damage() => match self.read_elsewhere(id)? {
                Some(bytes) => {
                    self.repo.remember_around(segment.pack, &error.to_string());
                    Ok(bytes)
                }
                None => Err(error),
            },
            other => other,
        }
    }

    /// The chunk from another place than the preferred one, if one of them has it.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn read_elsewhere(&mut self, id: &ChunkId) -> Result<Option<Vec<u8>>, RepoError> {
        let mut failed: Vec<(u32, String)> = vec![];
        let mut spots = self.repo.elsewhere(self.index, id);
        spots.sort_by_key(|s| self.repo.is_read_around(s.segment.pack));
        for spot in spots {
            match self.at(id, spot) {
                Ok(bytes) => {
                    failed.iter().for_each(|(pack, error)| self.repo.remember_around(*pack, error));
                    return Ok(Some(bytes));
                }
                Err(error) if error.is_damage() => failed.push((spot.segment.pack, error.to_string())),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn at(&mut self, id: &ChunkId, spot: Spot) -> Result<Vec<u8>, RepoError> {
        let content = self.segment(spot.segment)?;
        let (from, to) = (spot.start as usize, spot.start as usize + spot.len as usize);
        let bytes = content.get(from..to).map(<[u8]>::to_vec);
        match bytes {
            Some(bytes) if self.key.id(&bytes) == *id => Ok(bytes),
            _ => Err(self.damaged(spot.segment.pack, PackError::Chunk(*id))),
        }
    }

    /// Says which chunks will be asked for next, so that of each pack only what is needed is fetched, at once.
    pub fn expect<'i>(&mut self, ids: impl IntoIterator<Item = &'i ChunkId>) {
        self.expected.clear();
        for (segment, _) in ids.into_iter().filter_map(|id| self.index.find(id)) {
            if !self.segments.contains_key(&(segment.pack, segment.offset)) {
                self.expected.entry(segment.pack).or_default().push((segment.offset, segment.len));
            }
        }
        for places in self.expected.values_mut() {
            places.sort_unstable();
            places.dedup();
        }
    }

    /// Lets go of all it holds: much else is going to be read before the next chunk.
    pub fn rest(&mut self) {
        self.packs.clear();
        self.segments.clear();
        self.order.clear();
        self.held = 0;
    }

    /// How often something was fetched of a pack.
    pub fn packs_fetched(&self) -> u64 {
        self.fetched
    }

    /// The number of the pack a chunk lies in.
    pub fn pack_of(&self, id: &ChunkId) -> Option<u32> {
        self.index.pack_of(id)
    }

    /// Where a chunk lies, for reading many in the order in which they were stored.
    pub fn place(&self, id: &ChunkId) -> Option<(u32, u64, u32)> {
        self.index.find(id).map(|(segment, place)| (segment.pack, segment.offset, place.start))
    }

    /// The repository read from.
    pub fn repository(&self) -> &Repository {
        self.repo
    }

    fn damaged(&self, pack: u32, error: PackError) -> RepoError {
        match self.repo.pack_name(pack) {
            Ok(name) => RepoError::Pack { name, error },
            Err(e) => e,
        }
    }

    fn segment(&mut self, place: SegmentPlace) -> Result<Rc<Vec<u8>>, RepoError> {
        let key = (place.pack, place.offset);
        if let Some(content) = self.segments.get(&key) {
            return Ok(Rc::clone(content));
        }
        let content = self.pack(place)?.segment(place.offset, place.len, place.raw);
        let content = Rc::new(content?);
        self.held += content.len();
        self.segments.insert(key, Rc::clone(&content));
        self.order.push_back(key);
        while self.held > SEGMENT_BUDGET && self.order.len() > 1 {
            if let Some(old) = self.order.pop_front().and_then(|k| self.segments.remove(&k)) {
                self.held -= old.len();
            }
        }
        Ok(content)
    }

    /// The pack of a segment, with at least that segment fetched.
    fn pack(&mut self, place: SegmentPlace) -> Result<&mut OpenPack<'a>, RepoError> {
        let number = place.pack;
        let (name, size) = (self.repo.pack_name(number)?, self.repo.pack_size(number)?);
        let source = self.repo.packs();
        let at = self.packs.iter().position(|(n, _)| *n == number);
        // The pack used last stays longest.
        let known = at.and_then(|at| self.packs.remove(at)).map(|(_, pack)| pack);
        let opened = match known {
            Some(pack) if pack.holds(place.offset, place.len) => pack,
            // Asked for one piece after the other: then all of it is cheaper.
            Some(pack) if pack.fetched().saturating_mul(4) > size => {
                self.fetched += 1;
                source.whole(&name)?
            }
            _ => {
                self.fetched += 1;
                let expected = self.expected.get(&number).filter(|e| e.contains(&(place.offset, place.len)));
                source.parts(&name, size, expected.map_or(&[(place.offset, place.len)], |e| e))?
            }
        };
        let mut held = opened.fetched() + self.packs.iter().map(|(_, p)| p.fetched()).sum::<u64>();
        while held > PACK_BUDGET
            && let Some((_, old)) = self.packs.pop_front()
        {
            held -= old.fetched();
        }
        self.packs.push_back((number, opened));
        let last = self.packs.len() - 1;
        Ok(&mut self.packs[last].1)
    }
}
