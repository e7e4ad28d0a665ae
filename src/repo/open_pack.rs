//! A pack that was opened: all of it, checked against its name, or only the stretches that are asked for.
//!
//! A stretch is vouched for by age's own authentication of each block and by the keyed id of every chunk, as
//! far as somebody reads it; the digest of the whole is left to scrub and test restore. Whatever goes wrong with
//! stretches, the whole is fetched and says what is wrong.

use std::ops::Range;

use bytes::Bytes;

use super::chunk::ChunkIndex;
use super::error::RepoError;
use super::layout::Key;
use super::pack::{Directory, PackError, PackReader};
use super::seal::Identity;
use super::store::{Store, StoreFault};
use super::stretches::{Stretches, sealed_ranges};
use crate::domain::id::PackName;

/// A pack up to this size is fetched whole whatever is wanted of it.
pub(super) const SMALL: u64 = 1 << 20;

/// Where packs come from.
#[derive(Clone, Copy)]
pub struct PackSource<'r> {
    /// The store.
    pub store: &'r Store,
    /// Whoever reads.
    pub reading: &'r [Identity],
    /// What may know how packs begin.
    pub index: Option<&'r ChunkIndex>,
}

/// An opened pack.
pub struct OpenPack<'r> {
    source: PackSource<'r>,
    name: PackName,
    reader: PackReader,
    /// The stretches that were fetched; `None` when all of it was.
    ranges: Option<Vec<Range<u64>>>,
    size: u64,
}

impl<'r> PackSource<'r> {
    /// Fetches all of a pack, and checks and opens it.
    ///
    /// # Errors
    /// [`RepoError::CannotRead`], [`RepoError::PackMissing`], [`RepoError::Pack`]; faults of the store.
    pub fn whole(self, name: &PackName) -> Result<OpenPack<'r>, RepoError> {
        if self.reading.is_empty() {
            return Err(RepoError::CannotRead);
        }
        let stored = self.store.get(&Key::Pack(*name)).map_err(|e| match e.fault() {
            StoreFault::Missing => RepoError::PackMissing(*name),
            _ if e.is_too_large() => RepoError::Pack { name: *name, error: PackError::Digest },
            _ => RepoError::Store(e),
        })?;
        let size = stored.len() as u64;
        let reader =
            PackReader::open(name, stored, self.reading).map_err(|error| RepoError::Pack { name: *name, error })?;
        Ok(OpenPack { source: self, name: *name, reader, ranges: None, size })
    }

    /// Fetches what is needed for the segments at these places (offset, length) of a pack of `size` bytes; all of it
    /// where that is no dearer.
    ///
    /// # Errors
    /// As [`PackSource::whole`].
    pub fn parts(self, name: &PackName, size: u64, segments: &[(u64, u32)]) -> Result<OpenPack<'r>, RepoError> {
        let wanted: u64 = segments.iter().map(|(_, len)| u64::from(*len)).sum();
        if self.reading.is_empty() || size <= SMALL || wanted.saturating_mul(2) >= size {
            return self.whole(name);
        }
        let head = self.index.and_then(|index| index.head(name));
        let ranges = sealed_ranges(size, segments, head.is_none());
        let Ok(parts) = self.store.get_ranges(&Key::Pack(*name), &ranges) else { return self.whole(name) };
        let known = head
            .filter(|_| ranges.first().is_some_and(|r| r.start > 0))
            .map(|head| (0, Bytes::copy_from_slice(&head.0)));
        let parts = known.into_iter().chain(ranges.iter().map(|r| r.start).zip(parts)).collect();
        match PackReader::of_parts(Stretches::new(size, parts), self.reading) {
            Ok(reader) => Ok(OpenPack { source: self, name: *name, reader, ranges: Some(ranges), size }),
            Err(_) => self.whole(name),
        }
    }
}

impl OpenPack<'_> {
    /// The content of one segment; of what was not fetched, too. The chunks in it are not checked yet.
    ///
    /// # Errors
    /// [`RepoError::Pack`] when it is damaged; faults of the store.
    pub fn segment(&mut self, offset: u64, len: u32, raw: u32) -> Result<Vec<u8>, RepoError> {
        match self.reader.segment(offset, len, raw) {
            Err(_) if !self.is_whole() => {
                *self = self.source.whole(&self.name)?;
                self.segment(offset, len, raw)
            }
            other => other.map_err(|error| RepoError::Pack { name: self.name, error }),
        }
    }

    /// What its own directory says is in it.
    ///
    /// # Errors
    /// As [`OpenPack::segment`].
    pub fn directory(&mut self) -> Result<Directory, RepoError> {
        if !self.is_whole() {
            *self = self.source.whole(&self.name)?;
        }
        self.reader.directory().map_err(|error| RepoError::Pack { name: self.name, error })
    }

    /// The reader alone.
    pub fn into_reader(self) -> PackReader {
        self.reader
    }

    /// Whether all of it was fetched.
    pub fn is_whole(&self) -> bool {
        self.ranges.is_none()
    }

    /// Whether this segment was fetched.
    pub fn holds(&self, offset: u64, len: u32) -> bool {
        let Some(have) = &self.ranges else { return true };
        let needed = sealed_ranges(self.size, &[(offset, len)], false);
        needed.iter().all(|n| have.iter().any(|h| h.start <= n.start && n.end <= h.end))
    }

    /// Bytes fetched.
    pub fn fetched(&self) -> u64 {
        self.ranges.as_ref().map_or(self.size, |have| have.iter().map(|r| r.end - r.start).sum())
    }
}
