//! Filling a pack: its segments one behind the other, then padding and directory.

use std::io::Write;

use bytes::BytesMut;

use super::{Directory, MAGIC, PACK_CHUNKS, PACK_TARGET, PackError, Segment, SegmentChunk};
use crate::repo::compress::{SKIPPABLE_OVERHEAD, skippable, write_as_it_is};
use crate::repo::local::direct;
use crate::repo::seal::{Recipient, SealError, Sealing};

/// What a pack may need beyond the target: its last segment, directory and padding.
const PACK_SPARE: usize = 4 << 20;
const FULL_PADDING: usize = 64 << 10;

/// A pack being filled: its plain bytes are written to `out`, which may seal them at once.
#[derive(Default)]
pub struct PackBuilder<W = Vec<u8>> {
    out: W,
    len: usize,
    directory: Directory,
    chunks: usize,
}

impl PackBuilder {
    /// One whose bytes are kept as they are, to be sealed by [`super::seal_pack`].
    pub fn plain() -> Self {
        Self::default()
    }
}

impl PackBuilder<Sealing> {
    /// Begins one that is sealed while it is filled, in a buffer that may have been used before.
    ///
    /// # Errors
    /// [`PackError::Seal`].
    pub fn sealing(mut buffer: BytesMut, recipients: &[&Recipient]) -> Result<Self, PackError> {
        direct::align(&mut buffer, PACK_TARGET + PACK_SPARE);
        let out = Sealing::begin(buffer, recipients)?;
        Ok(Self { out, len: 0, directory: Directory::default(), chunks: 0 })
    }
}

impl<W: Write> PackBuilder<W> {
    /// Adds a compressed segment.
    ///
    /// # Errors
    /// [`PackError::Seal`].
    pub fn add(&mut self, frame: &[u8], raw: u32, chunks: Vec<SegmentChunk>) -> Result<(), PackError> {
        self.out.write_all(frame).map_err(unwritten)?;
        self.list(frame.len(), raw, chunks);
        Ok(())
    }

    /// Adds a segment that is not worth compressing.
    ///
    /// # Errors
    /// [`PackError::Seal`].
    pub fn add_as_it_is(&mut self, raw: &[u8], chunks: Vec<SegmentChunk>) -> Result<(), PackError> {
        let len = write_as_it_is(raw, &mut self.out).map_err(unwritten)?;
        self.list(len, raw.len() as u32, chunks);
        Ok(())
    }

    fn list(&mut self, len: usize, raw: u32, chunks: Vec<SegmentChunk>) {
        self.chunks += chunks.len();
        self.directory.segments.push(Segment { offset: self.len as u64, len: len as u32, raw, chunks });
        self.len += len;
    }

    /// Whether it is time to close it.
    pub fn is_full(&self) -> bool {
        self.len >= PACK_TARGET || self.chunks >= PACK_CHUNKS
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.directory.segments.is_empty()
    }

    /// Adds padding and directory: all its bytes are written.
    ///
    /// # Errors
    /// [`PackError::Directory`] when it cannot be encoded: out of memory. [`PackError::Seal`].
    pub fn finish(mut self) -> Result<(W, Directory), PackError> {
        let full = self.len >= PACK_TARGET;
        let mut tail = minicbor::to_vec(&self.directory).map_err(|_| PackError::Directory)?;
        let length = tail.len() as u32;
        tail.extend_from_slice(&length.to_le_bytes());
        tail.extend_from_slice(MAGIC);
        let tail = skippable(&tail);
        let bare = self.len + SKIPPABLE_OVERHEAD + tail.len();
        let target = if full { bare.next_multiple_of(FULL_PADDING) } else { padme(bare) };
        self.out.write_all(&skippable(&vec![0; target - bare])).map_err(unwritten)?;
        self.out.write_all(&tail).map_err(unwritten)?;
        Ok((self.out, self.directory))
    }
}

fn unwritten(error: std::io::Error) -> PackError {
    PackError::Seal(SealError::Seal(error.to_string()))
}

/// PADMÉ: rounds a length up so that its low bits say nothing; costs at most 12 %, for large ones far less.
pub fn padme(len: usize) -> usize {
    if len < 2 {
        return len;
    }
    let exponent = usize::BITS - 1 - len.leading_zeros();
    let significant = u32::BITS - exponent.leading_zeros();
    let mask = (1usize << exponent.saturating_sub(significant)) - 1;
    (len + mask) & !mask
}
