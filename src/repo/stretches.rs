//! A stored object of which only some stretches were fetched: what lies between them cannot be read.
//!
//! Reading into a gap is an error, never zeros; whoever meets it fetches the whole object instead.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;

/// A stored object, all of it or in part.
pub enum Stored {
    /// All of it.
    Whole(Cursor<Bytes>),
    /// Some of it.
    Parts(Stretches),
}

impl From<Bytes> for Stored {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Cursor::new(bytes))
    }
}

/// Stretches of an object, by where they begin, in order.
pub struct Stretches {
    size: u64,
    at: u64,
    parts: Vec<(u64, Bytes)>,
}

impl Stretches {
    /// An object of `size` bytes with what was fetched of it, in order and without overlap.
    pub fn new(size: u64, parts: Vec<(u64, Bytes)>) -> Self {
        Self { size, at: 0, parts }
    }

    fn here(&self) -> io::Result<&[u8]> {
        if self.at >= self.size {
            return Ok(&[]);
        }
        let after = self.parts.partition_point(|(start, _)| *start <= self.at);
        let part = after.checked_sub(1).map(|i| &self.parts[i]);
        let rest = part.and_then(|(start, bytes)| bytes.get((self.at - start) as usize..));
        rest.filter(|r| !r.is_empty()).ok_or_else(|| io::Error::other("that part was not fetched"))
    }
}

impl BufRead for Stretches {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.here()
    }
    fn consume(&mut self, amount: usize) {
        self.at += amount as u64;
    }
}

impl Read for Stretches {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.here()?.read(buf)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Stretches {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

impl BufRead for Stored {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Whole(c) => c.fill_buf(),
            Self::Parts(p) => p.fill_buf(),
        }
    }
    fn consume(&mut self, amount: usize) {
        match self {
            Self::Whole(c) => c.consume(amount),
            Self::Parts(p) => p.consume(amount),
        }
    }
}

impl Read for Stored {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Whole(c) => c.read(buf),
            Self::Parts(p) => p.read(buf),
        }
    }
}

impl Seek for Stored {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Whole(c) => c.seek(to),
            Self::Parts(p) => p.seek(to),
        }
    }
}

/// What must be fetched of a sealed object of `size` bytes to read these stretches of its content; its header too, unless that
/// is known. In order, without overlap; near ones as one.
pub fn sealed_ranges(size: u64, content: &[(u64, u32)], header: bool) -> Vec<Range<u64>> {
    let header = header.then(|| 0..HEADER.min(size));
    let sealed = content.iter().map(|(offset, len)| {
        let end = offset.saturating_add(u64::from(*len)) / PLAIN_BLOCK + 1;
        (offset / PLAIN_BLOCK).saturating_mul(SEALED_BLOCK).min(size)
            ..end.saturating_mul(SEALED_BLOCK).saturating_add(HEADER).min(size)
    });
    // Going to the very beginning of a block makes age look at the last one.
    let begins = content.iter().any(|(offset, _)| *offset > 0 && offset % PLAIN_BLOCK == 0);
    let last = begins.then(|| size.saturating_sub(SEALED_BLOCK)..size);
    let mut all: Vec<Range<u64>> = header.into_iter().chain(sealed).chain(last).collect();
    all.sort_by_key(|r| r.start);
    let mut merged: Vec<Range<u64>> = vec![];
    for range in all {
        match merged.last_mut().filter(|last| range.start <= last.end.saturating_add(NEAR)) {
            Some(last) => last.end = last.end.max(range.end),
            None => merged.push(range),
        }
    }
    merged
}

/// What must be fetched of a sealed object of `size` bytes to read its header and the last `end` bytes.
pub fn ends(size: u64, end: u64) -> Vec<Range<u64>> {
    vec![0..HEADER.min(size), size.saturating_sub(end).max(HEADER.min(size))..size]
}

/// An age header with two dozen recipients fits into this; a longer one is met by fetching the whole.
pub const HEADER: u64 = 4096;
/// age seals blocks of this many bytes,
const PLAIN_BLOCK: u64 = 64 << 10;
/// which become so many.
const SEALED_BLOCK: u64 = PLAIN_BLOCK + 16;
/// A gap smaller than this is fetched too: another request costs more.
const NEAR: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_fetched_is_an_error_and_never_zeros() {
        let parts = vec![(2, Bytes::from_static(b"cd")), (6, Bytes::from_static(b"gh"))];
        let mut object = Stretches::new(8, parts);
        let mut two = [0; 2];
        assert!(object.read(&mut two).is_err());
        object.seek(SeekFrom::Start(2)).unwrap();
        assert_eq!((object.read(&mut two).unwrap(), &two), (2, b"cd"));
        assert!(object.read(&mut two).is_err());
        object.seek(SeekFrom::End(-1)).unwrap();
        assert_eq!((object.read(&mut two).unwrap(), two[0]), (1, b'h'));
        assert_eq!(object.read(&mut two).unwrap(), 0);
    }

    #[test]
    fn ranges_hold_header_and_blocks_and_near_ones_are_one() {
        let size = 16 << 20;
        assert_eq!(sealed_ranges(size, &[(10, 100)], true), vec![0..SEALED_BLOCK + HEADER]);
        let far = sealed_ranges(size, &[(8 << 20, 1 << 20)], true);
        assert_eq!(far[0], 0..HEADER);
        assert_eq!(far[1], 128 * SEALED_BLOCK..145 * SEALED_BLOCK + HEADER);
        assert_eq!(far[2], size - SEALED_BLOCK..size, "it begins a block");
        assert_eq!(sealed_ranges(size, &[((8 << 20) + 1, 1 << 20), (9 << 20, 50)], true).len(), 3);
        assert_eq!(sealed_ranges(size, &[(8 << 20, 1 << 20)], false), far[1..]);
        assert_eq!(sealed_ranges(100, &[(0, 60)], true), vec![0..100]);
    }
}
