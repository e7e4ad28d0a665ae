//! Packs: segments of chunks, their directory and their padding, in one sealed object.
//!
//! Inside the seal: zstd frames (the segments), a skippable frame of padding, and a skippable frame with the
//! directory, whose last eight bytes are the directory's length and a magic. `age -d | zstd -d` gives all
//! chunks one after the other. Padding hides how much a run stored: full packs to 64 KiB, others by PADMÉ.

mod builder;

use bytes::Bytes;
use minicbor::{CborLen, Decode, Encode};

pub use builder::{PackBuilder, padme};

use super::chunk::ChunkKey;
use super::compress::{CompressError, MAX_FRAME_RAW, unframe, unframe_into};
use super::seal::{Identity, Opened, Recipient, SealError, open, seal};
use super::stretches::{Stored, Stretches};
use crate::domain::id::{ChunkId, PackName};

/// A pack is closed when its segments reach this many bytes.
pub const PACK_TARGET: usize = 16 << 20;
/// Or when it holds this many chunks: its directory is in memory, and in the index, as long as a run has not told the log.
pub const PACK_CHUNKS: usize = 1 << 16;
/// No pack of ours is larger than this.
pub const PACK_MAX: usize = 96 << 20;
const MAGIC: &[u8; 4] = b"SRP1";

/// One segment, as the pack's directory and the index describe it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Segment {
    /// Where its frame begins, inside the seal.
    #[n(0)]
    pub offset: u64,
    /// Length of its frame.
    #[n(1)]
    pub len: u32,
    /// Length of its content.
    #[n(2)]
    pub raw: u32,
    /// Its chunks in order, with their lengths, which add up to `raw`.
    #[n(3)]
    pub chunks: Vec<SegmentChunk>,
}

/// One chunk of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct SegmentChunk {
    /// Its id.
    #[n(0)]
    pub id: ChunkId,
    /// Its length.
    #[n(1)]
    pub len: u32,
}

/// What is in a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Directory {
    /// In order.
    #[n(0)]
    pub segments: Vec<Segment>,
}

/// A pack is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Its bytes are not those that were stored.
    #[error("its bytes are not those that were stored")]
    Digest,
    /// It does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A segment does not decompress.
    #[error(transparent)]
    Compress(#[from] CompressError),
    /// A chunk's bytes are not those its id names.
    #[error("a chunk is not what its id says")]
    Chunk(ChunkId),
    /// Its directory makes no sense.
    #[error("its directory is damaged")]
    Directory,
}

/// Seals the plain bytes of a finished pack; its name follows from the result.
///
/// # Errors
/// [`PackError::Seal`].
pub fn seal_pack(plain: &[u8], recipients: &[&Recipient]) -> Result<(PackName, Bytes), PackError> {
    let stored = Bytes::from(seal(plain, recipients)?);
    Ok((PackName::of(&stored), stored))
}

/// Memory in which segments are proved, one after the other.
#[derive(Default)]
pub struct ProofRoom {
    frame: Vec<u8>,
    raw: Vec<u8>,
}

/// An opened pack.
pub struct PackReader {
    opened: Opened,
    /// A segment as it was stored: used again for each.
    frame: Vec<u8>,
}

impl PackReader {
    fn of(opened: Opened) -> Self {
        Self { opened, frame: vec![] }
    }

    /// Checks the stored bytes against the name, then opens them.
    ///
    /// # Errors
    /// [`PackError::Digest`] when they are not those that were stored; [`PackError::Seal`].
    pub fn open(name: &PackName, stored: Bytes, identities: &[Identity]) -> Result<Self, PackError> {
        if PackName::of(&stored) != *name {
            return Err(PackError::Digest);
        }
        Ok(Self::of(open(stored, identities)?))
    }

    /// Opens a pack that was sealed a moment ago, and whose name is the digest of these very bytes.
    ///
    /// # Errors
    /// [`PackError::Seal`].
    pub fn of_sealed(stored: Bytes, identity: &Identity) -> Result<Self, PackError> {
        Ok(Self::of(open(stored, std::slice::from_ref(identity))?))
    }

    /// Opens what is left of a damaged pack: nothing vouches for its bytes but age's own check of each block and the ids
    /// of its chunks.
    ///
    /// # Errors
    /// [`PackError::Seal`] when not even its beginning can be read.
    pub fn of_remains(stored: Bytes, identities: &[Identity]) -> Result<Self, PackError> {
        Ok(Self::of(open(stored, identities)?))
    }

    /// Opens a pack of which only some stretches were fetched: nobody has checked the bytes against its name.
    ///
    /// # Errors
    /// [`PackError::Seal`].
    pub fn of_parts(stored: Stretches, identities: &[Identity]) -> Result<Self, PackError> {
        Ok(Self::of(open(Stored::Parts(stored), identities)?))
    }

    /// The content of one segment. The chunks in it are not checked yet.
    ///
    /// # Errors
    /// [`PackError`] when it does not decrypt or decompress to the length given.
    pub fn segment(&mut self, offset: u64, len: u32, raw: u32) -> Result<Vec<u8>, PackError> {
        if len as usize > PACK_MAX {
            return Err(PackError::Directory);
        }
        self.opened.part_into(offset, len as usize, &mut self.frame)?;
        Ok(unframe(&self.frame, raw as usize)?)
    }

    /// The directory, from the pack itself.
    ///
    /// # Errors
    /// [`PackError::Directory`] when there is none or it makes no sense.
    pub fn directory(&mut self) -> Result<Directory, PackError> {
        let total = self.opened.len()?;
        let trailer = self.opened.part(total.checked_sub(8).ok_or(PackError::Directory)?, 8)?;
        let length = u32::from_le_bytes([trailer[0], trailer[1], trailer[2], trailer[3]]);
        let start = total.checked_sub(8 + u64::from(length)).ok_or(PackError::Directory)?;
        if &trailer[4..] != MAGIC {
            return Err(PackError::Directory);
        }
        let cbor = self.opened.part(start, length as usize)?;
        let directory: Directory = minicbor::decode(&cbor).map_err(|_| PackError::Directory)?;
        if directory.segments.iter().all(|s| is_sane(s, total)) { Ok(directory) } else { Err(PackError::Directory) }
    }

    /// Opens every segment and digests every chunk.
    ///
    /// # Errors
    /// The first [`PackError`] found.
    pub fn verify_all(&mut self, directory: &Directory, key: &ChunkKey) -> Result<u64, PackError> {
        self.verify_with(directory, key, &mut ProofRoom::default())
    }

    /// The same in memory that is used again.
    ///
    /// # Errors
    /// As [`PackReader::verify_all`].
    pub fn verify_with(
        &mut self,
        directory: &Directory,
        key: &ChunkKey,
        room: &mut ProofRoom,
    ) -> Result<u64, PackError> {
        let ProofRoom { frame, raw } = room;
        let mut bytes = 0;
        for segment in &directory.segments {
            if segment.len as usize > PACK_MAX {
                return Err(PackError::Directory);
            }
            self.opened.part_into(segment.offset, segment.len as usize, frame)?;
            unframe_into(frame, segment.raw as usize, raw)?;
            check_chunks(segment, raw, key)?;
            bytes += raw.len() as u64;
        }
        Ok(bytes)
    }
}

/// Whether a segment's numbers fit each other and the pack.
pub fn is_sane(segment: &Segment, total: u64) -> bool {
    let sum: u64 = segment.chunks.iter().map(|c| u64::from(c.len)).sum();
    let end = segment.offset.saturating_add(u64::from(segment.len));
    sum == u64::from(segment.raw) && end <= total && segment.raw as usize <= MAX_FRAME_RAW
}

/// Checks each chunk of a segment's content against its id.
///
/// # Errors
/// [`PackError::Chunk`] with the first that differs.
pub fn check_chunks(segment: &Segment, raw: &[u8], key: &ChunkKey) -> Result<(), PackError> {
    let mut rest = raw;
    for chunk in &segment.chunks {
        let (bytes, after) = rest.split_at_checked(chunk.len as usize).ok_or(PackError::Directory)?;
        if key.id(bytes) != chunk.id {
            return Err(PackError::Chunk(chunk.id));
        }
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err(PackError::Directory) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::compress::frame;

    fn pack(key: &ChunkKey, parts: &[&[u8]]) -> (Vec<u8>, Directory) {
        let mut b = PackBuilder::plain();
        for part in parts {
            let chunks = vec![SegmentChunk { id: key.id(part), len: part.len() as u32 }];
            b.add(&frame(part).unwrap(), part.len() as u32, chunks).unwrap();
        }
        b.finish().unwrap()
    }

    #[test]
    fn a_pack_opens_in_parts_and_knows_its_own_directory() {
        let (key, id) = (ChunkKey::new([9; 32]), Identity::generate());
        let (plain, directory) = pack(&key, &[b"agenda", b"minutes"]);
        let (name, stored) = seal_pack(&plain, &[&id.recipient()]).unwrap();
        let mut reader = PackReader::open(&name, stored.clone(), &[id]).unwrap();
        assert_eq!(reader.directory().unwrap(), directory);
        assert_eq!(reader.verify_all(&directory, &key).unwrap(), 13);
        let s = &directory.segments[1];
        assert_eq!(reader.segment(s.offset, s.len, s.raw).unwrap(), b"minutes");
        assert!(matches!(PackReader::open(&PackName::new([0; 32]), stored, &[]), Err(PackError::Digest)));
    }

    #[test]
    fn a_chunk_under_a_wrong_id_is_found() {
        let (key, id) = (ChunkKey::new([9; 32]), Identity::generate());
        let (plain, directory) = pack(&ChunkKey::new([8; 32]), &[b"agenda"]);
        let (name, stored) = seal_pack(&plain, &[&id.recipient()]).unwrap();
        let mut reader = PackReader::open(&name, stored, &[id]).unwrap();
        assert!(matches!(reader.verify_all(&directory, &key), Err(PackError::Chunk(_))));
    }

    #[test]
    fn packs_of_nearly_one_size_are_stored_at_one_size() {
        let key = ChunkKey::new([9; 32]);
        // Sealing adds a header whose length is chance.
        let stored = |len: usize| {
            let mut noise = vec![0; len];
            blake3::Hasher::new().finalize_xof().fill(&mut noise);
            pack(&key, &[&noise]).0.len()
        };
        let sizes: std::collections::BTreeSet<usize> = (0..20).map(|more| stored(100_000 + 7 * more)).collect();
        assert!(sizes.len() <= 2, "the lengths of twenty documents can be told apart: {sizes:?}");
    }

    #[test]
    fn a_pack_of_very_many_pieces_is_full_before_its_directory_is_large() {
        let (key, id) = (ChunkKey::new([9; 32]), Identity::generate());
        let mut b = PackBuilder::plain();
        // Where PADMÉ is coarser than the padding of a pack of full size, so that the two can be told apart.
        const PIECE: usize = 100;
        for n in 0..4u8 {
            assert!(!b.is_full(), "after {n} segments");
            let mut raw = vec![0; PACK_CHUNKS / 4 * PIECE];
            blake3::Hasher::new().update(&[n]).finalize_xof().fill(&mut raw);
            let chunks = raw.chunks(PIECE).map(|p| SegmentChunk { id: key.id(p), len: PIECE as u32 }).collect();
            b.add(&frame(&raw).unwrap(), raw.len() as u32, chunks).unwrap();
        }
        assert!(b.is_full());
        let (plain, directory) = b.finish().unwrap();
        assert_eq!(plain.len(), padme(plain.len()), "a small pack hides its size as every small one");
        let (name, stored) = seal_pack(&plain, &[&id.recipient()]).unwrap();
        let mut reader = PackReader::open(&name, stored, &[id]).unwrap();
        assert_eq!(reader.directory().unwrap(), directory);
        assert_eq!(reader.verify_all(&directory, &key).unwrap(), (PACK_CHUNKS * PIECE) as u64);
    }

    #[test]
    fn padding_hides_the_low_bits_and_costs_little() {
        for len in [2usize, 100, 1000, 65_537, 1 << 20, 15_000_001] {
            let padded = padme(len);
            assert!(padded >= len && padded as f64 <= len as f64 * 1.12, "{len} -> {padded}");
        }
        assert_eq!(padme(15_000_001), padme(15_000_002));
    }
}
