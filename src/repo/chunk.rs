//! Chunk ids and where chunks lie: the index, stored and in memory.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use minicbor::{CborLen, Decode, Encode};

use super::pack::{Segment, is_sane};
use super::stretches::HEADER;
use crate::domain::id::{ChunkId, PackName};

/// The key of chunk ids. The gear table's key is derived from the same secret, separately.
#[derive(Clone)]
pub struct ChunkKey {
    id: zeroize::Zeroizing<[u8; 32]>,
    gear: zeroize::Zeroizing<[u8; 32]>,
}

impl ChunkKey {
    /// Derives both keys from the repository's chunk secret.
    pub fn new(secret: [u8; 32]) -> Self {
        let derive = |context| zeroize::Zeroizing::new(blake3::derive_key(context, &secret));
        Self { id: derive("strongroom 2026 chunk id v1"), gear: derive("strongroom 2026 gear table v1") }
    }

    /// The id of a chunk's raw bytes.
    pub fn id(&self, raw: &[u8]) -> ChunkId {
        ChunkId::new(*blake3::keyed_hash(&self.id, raw).as_bytes())
    }

    /// The key of the chunker's table.
    pub fn gear(&self) -> [u8; 32] {
        *self.gear
    }
}

/// One pack, as an index object describes it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct IndexedPack {
    /// Which.
    #[n(0)]
    pub name: PackName,
    /// Its segments.
    #[n(1)]
    pub segments: Vec<Segment>,
    /// How its sealed bytes begin, as far as a reader of any part needs it; `None` where nobody said it.
    #[n(2)]
    pub head: Option<Head>,
}

impl IndexedPack {
    /// Longer than the beginning of a pack is only what somebody made up: nobody is to hold it or to say it again.
    pub fn drop_long_head(&mut self) {
        self.head = self.head.take().filter(|head| head.0.len() as u64 <= HEADER);
    }
}

/// The beginning of a sealed object: its header and what its key is derived with, some hundred bytes. Nobody believes it: of
/// what it opens, only that counts whose chunk ids fit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
#[cbor(transparent)]
pub struct Head(#[cbor(n(0), with = "minicbor::bytes")] pub Vec<u8>);

/// The content of an index object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct IndexObject {
    /// The packs it describes.
    #[n(0)]
    pub packs: Vec<IndexedPack>,
}

/// Where a segment lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentPlace {
    /// The pack's number in the log.
    pub pack: u32,
    /// Where its frame begins, inside the seal.
    pub offset: u64,
    /// Length of its frame.
    pub len: u32,
    /// Length of its content.
    pub raw: u32,
}

/// Where a chunk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlace {
    /// The segment's number in this index.
    pub segment: u32,
    /// Where the chunk begins in the segment's content.
    pub start: u32,
    /// Its length.
    pub len: u32,
}

/// Ids are keyed digests: any part of them is a good hash already.
#[derive(Default)]
pub struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for (i, b) in bytes.iter().take(8).enumerate() {
            self.0 ^= u64::from(*b) << (8 * i);
        }
    }
}

/// Half of an id: 128 bits of a keyed digest, which nobody without the key can make collide.
pub(super) type Half = [u8; 16];

/// Where every chunk lies, in memory: about 40 bytes a chunk.
#[derive(Default)]
pub struct ChunkIndex {
    segments: Vec<SegmentPlace>,
    heads: HashMap<PackName, Head>,
    chunks: HashMap<Half, ChunkPlace, BuildHasherDefault<FirstBytes>>,
}

pub(super) fn half(id: &ChunkId) -> Half {
    let mut half = [0; 16];
    half.copy_from_slice(&id.as_bytes()[..16]);
    half
}

/// Chunks that are there, wherever: 20 to 40 bytes a chunk.
#[derive(Default)]
pub struct ChunkSet(HashSet<Half, BuildHasherDefault<FirstBytes>>);

impl ChunkSet {
    /// Notes one.
    pub fn insert(&mut self, id: &ChunkId) {
        self.0.insert(half(id));
    }

    /// Whether it was noted.
    pub fn contains(&self, id: &ChunkId) -> bool {
        self.0.contains(&half(id))
    }
}

impl ChunkIndex {
    /// Makes room for so many chunks more.
    pub fn reserve(&mut self, chunks: usize) {
        self.chunks.reserve(chunks);
    }

    /// Adds a pack's segments. Where a chunk is known already, `better(old pack, new pack)` decides who wins.
    pub fn add(&mut self, pack: u32, segments: &[Segment], better: impl Fn(u32, u32) -> bool) {
        for segment in segments.iter().filter(|s| is_sane(s, u64::MAX)) {
            let number = self.segments.len() as u32;
            let (offset, len, raw) = (segment.offset, segment.len, segment.raw);
            self.segments.push(SegmentPlace { pack, offset, len, raw });
            let mut start = 0;
            for chunk in &segment.chunks {
                let place = ChunkPlace { segment: number, start, len: chunk.len };
                start += chunk.len;
                let slot = self.chunks.entry(half(&chunk.id)).or_insert(place);
                if *slot != place && better(self.segments[slot.segment as usize].pack, pack) {
                    *slot = place;
                }
            }
        }
    }

    /// Remembers how a pack begins.
    pub fn keep_head(&mut self, pack: &IndexedPack) {
        if let Some(head) = &pack.head {
            self.heads.insert(pack.name, head.clone());
        }
    }

    /// How a pack begins, if it was said.
    pub fn head(&self, pack: &PackName) -> Option<&Head> {
        self.heads.get(pack)
    }

    /// Where a chunk lies.
    pub fn find(&self, id: &ChunkId) -> Option<(SegmentPlace, ChunkPlace)> {
        let place = *self.chunks.get(&half(id))?;
        Some((self.segments[place.segment as usize], place))
    }

    /// The number of the pack a chunk lies in.
    pub fn pack_of(&self, id: &ChunkId) -> Option<u32> {
        self.find(id).map(|(s, _)| s.pack)
    }

    /// How many chunks are known.
    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::pack::SegmentChunk;

    #[test]
    fn chunks_are_found_and_the_better_pack_wins() {
        let key = ChunkKey::new([1; 32]);
        let (a, b) = (key.id(b"a"), key.id(b"bb"));
        let chunks = vec![SegmentChunk { id: a, len: 1 }, SegmentChunk { id: b, len: 2 }];
        let segment = Segment { offset: 0, len: 9, raw: 3, chunks };
        let mut index = ChunkIndex::default();
        index.add(0, std::slice::from_ref(&segment), |_, _| false);
        assert_eq!(index.find(&b).map(|(s, c)| (s.pack, c.start, c.len)), Some((0, 1, 2)));
        index.add(5, std::slice::from_ref(&segment), |old, new| old == 0 && new == 5);
        assert_eq!(index.pack_of(&b), Some(5));
        assert_eq!(index.pack_of(&key.id(b"c")), None);
    }

    #[test]
    fn a_thousand_pieces_are_each_found_in_their_own_place() {
        let (key, mut index) = (ChunkKey::new([1; 32]), ChunkIndex::default());
        let ids: Vec<ChunkId> = (0..1000u32).map(|n| key.id(&n.to_le_bytes())).collect();
        for (pack, ids) in ids.chunks(10).enumerate() {
            let chunks = ids.iter().map(|id| SegmentChunk { id: *id, len: 4 }).collect();
            index.add(pack as u32, &[Segment { offset: 0, len: 9, raw: 40, chunks }], |_, _| false);
        }
        for (n, id) in ids.iter().enumerate() {
            let found = index.find(id).map(|(s, c)| (s.pack as usize, c.start as usize, c.len));
            assert_eq!(found, Some((n / 10, n % 10 * 4, 4)));
        }
        assert!((1000..2000u32).all(|n| index.find(&key.id(&n.to_le_bytes())).is_none()));
    }

    #[test]
    fn keys_are_separate() {
        let key = ChunkKey::new([1; 32]);
        assert_ne!(&key.gear(), key.id(b"").as_bytes());
        assert_ne!(key.id(b"x"), ChunkKey::new([2; 32]).id(b"x"));
    }
}
