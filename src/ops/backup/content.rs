//! Reading one file: its bytes cut into chunks, its digest, and whether it held still meanwhile.

use std::fs::File;
use std::io::{Read as _, Seek, SeekFrom};
use std::os::fd::AsFd;

use crate::domain::id::Digest;
use crate::domain::listing::{Content, Meta, Piece, Pieces};
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::fs::holes::data_ranges;
use crate::ops::fs::meta::{At, capture};
use crate::ops::fs::names::Names;
use crate::ops::fs::open::Opener;
use crate::ops::fs::stat::{Stat, of_file};
use crate::ops::fs::walk::Found;
use crate::ops::sound::is_nameless_noise;
use crate::repo::cut::{CutBuffer, CutError, CutterKind, Gear, HEAD_LEN, Written, fill, store_reader, store_slice};
use crate::repo::error::RepoError;
use crate::repo::listing::{INLINE_PIECES, encode};
use crate::repo::writer::Stream;

use super::apart::{WORTH_IT, read_apart};
use super::depot::Depot;

/// Files up to this size are read whole, many at a time.
pub const SMALL: u64 = 1 << 20;
/// How often a file that changes while it is read is read again.
const TRIES: u32 = 3;

/// A small file in memory.
pub struct Small<'w> {
    /// Its content, in the buffer of its window.
    pub bytes: &'w [u8],
    /// Everything else.
    pub meta: Meta,
    /// Where it holds data; the rest are holes.
    pub ranges: Vec<(u64, u64)>,
    /// Attributes that could not be read.
    pub problem: Option<Problem>,
    /// What the kernel said when it was read.
    pub stat: Stat,
}

/// A file's content, stored.
pub struct Stored {
    /// As the listing has it; the hard-link group is the caller's.
    pub content: Content,
    /// All pieces, where the listing keeps them elsewhere.
    pub pieces: Option<Vec<Piece>>,
    /// It begins with noise that has no name; not looked at in a small file.
    pub noise: bool,
}

fn same(a: &Stat, b: &Stat) -> bool {
    (a.size, a.mtime_s, a.mtime_ns, a.ctime_s, a.ctime_ns) == (b.size, b.mtime_s, b.mtime_ns, b.ctime_s, b.ctime_ns)
}

/// What an error of the source means for the record. Never used for errors of the store.
pub fn source_problem(found: &Found, error: &std::io::Error) -> Problem {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ProblemKind::Vanished,
        std::io::ErrorKind::InvalidInput => ProblemKind::Changed,
        _ => ProblemKind::Unreadable,
    };
    Problem::of(&found.path, kind, error.to_string())
}

fn changed(found: &Found) -> Problem {
    Problem::of(&found.path, ProblemKind::Changed, "it kept changing while it was read")
}

/// A small file's length and everything about it but its content.
type Held = (usize, Meta, Vec<(u64, u64)>, Option<Problem>, Stat);

/// One attempt at reading a small file.
enum Read {
    Held(Box<Held>),
    Changed,
    Grown,
}

/// Reads a small file whole into `room`, which has one byte more than the file had when it was found. Nothing when
/// it has grown beyond that: then it is read as large files are.
pub fn read_small<'w>(
    opener: &Opener,
    found: &Found,
    names: &Names,
    room: &'w mut [u8],
) -> Result<Option<Small<'w>>, Problem> {
    for _ in 0..TRIES {
        let attempt = (|| {
            let mut file = opener.open_file(&found.path)?;
            let stat = of_file(&file)?;
            if stat.size >= room.len() as u64 {
                return Ok(Read::Grown);
            }
            let (len, _) = fill(&mut file, room, 0)?;
            let ranges = ranges_of(&file, &stat);
            let held = same(&stat, &of_file(&file)?) && len as u64 == stat.size;
            let (meta, problem) = capture(&found.path, At::Open(file.as_fd()), &stat, names);
            Ok(if held { Read::Held(Box::new((len, meta, ranges, problem, stat))) } else { Read::Changed })
        })();
        match attempt {
            Ok(Read::Held(held)) => {
                let (len, meta, ranges, problem, stat) = *held;
                return Ok(Some(Small { bytes: &room[..len], meta, ranges, problem, stat }));
            }
            Ok(Read::Grown) => return Ok(None),
            Ok(Read::Changed) => {}
            Err(e) => return Err(source_problem(found, &e)),
        }
    }
    Err(changed(found))
}

/// Cuts and stores a file that is in memory.
pub fn store_small(
    small: &Small<'_>,
    gear: &Gear,
    buffer: &mut CutBuffer,
    depot: &mut Depot,
) -> Result<Stored, RepoError> {
    let head = &small.bytes[..small.bytes.len().min(HEAD_LEN)];
    let kind = CutterKind::choose(head, small.bytes.len() as u64);
    let (mut pieces, mut at) = (vec![], 0);
    for (mut start, len) in small.ranges.iter().copied().chain([(small.bytes.len() as u64, 0)]) {
        let end = start + len;
        if start > at && small.bytes[at as usize..start as usize].iter().any(|b| *b != 0) {
            // File systems have been known to call a hole what was not on the disk yet.
            start = at;
        }
        if start > at {
            pieces.push(Piece::Hole(start - at));
        }
        at = end;
        store_slice(&small.bytes[start as usize..end as usize], kind, gear, buffer, |chunk, written| {
            pieces.push(piece(depot, chunk, written)?);
            Ok::<_, RepoError>(())
        })?;
    }
    let single = matches!(pieces[..], [] | [Piece::Raw(..)]);
    let digest = (!single).then(|| Digest::of(small.bytes));
    finish(small.bytes.len() as u64, pieces, digest, depot)
}

/// Stores a chunk, and says how it stands for its stretch of the file.
fn piece(depot: &mut Depot, chunk: &[u8], written: Option<Written>) -> Result<Piece, RepoError> {
    let (id, len) = (depot.put(Stream::Content, chunk)?, chunk.len() as u32);
    Ok(written.map_or(Piece::Raw(id, len), |(written, form)| Piece::Decoded(id, len, written, form)))
}

/// What a large file turned out to be.
pub enum Large {
    /// Stored, with everything else about it, a problem with attributes, and what the kernel said.
    Stored(Box<(Stored, Meta, Option<Problem>, Stat)>),
    /// It failed; the backup goes on.
    Failed(Problem),
}

/// Reads, cuts and stores a file of any size, in constant memory.
pub fn store_large(
    opener: &Opener,
    found: &Found,
    names: &Names,
    gear: &Gear,
    buffer: &mut CutBuffer,
    depot: &mut Depot,
) -> Result<Large, RepoError> {
    for _ in 0..TRIES {
        let opened = opener.open_file(&found.path).and_then(|f| Ok((of_file(&f)?, f)));
        let (stat, file) = match opened {
            Ok(opened) => opened,
            Err(e) => return Ok(Large::Failed(source_problem(found, &e))),
        };
        let stored = match cut_file(&file, &stat, gear, buffer, depot) {
            Ok(stored) => stored,
            Err(CutError::Read(e)) => return Ok(Large::Failed(source_problem(found, &e))),
            Err(CutError::Emit(e)) => return Err(e),
        };
        let held = of_file(&file).is_ok_and(|after| same(&stat, &after));
        if let Some(stored) = stored.filter(|_| held) {
            let (meta, problem) = capture(&found.path, At::Open(file.as_fd()), &stat, names);
            return Ok(Large::Stored(Box::new((stored, meta, problem, stat))));
        }
    }
    Ok(Large::Failed(changed(found)))
}

/// Where a file holds data: asked only when it takes less room than its length.
fn ranges_of(file: &File, stat: &Stat) -> Vec<(u64, u64)> {
    let sparse = stat.blocks.saturating_mul(512) < stat.size;
    if sparse { data_ranges(file, stat.size) } else { vec![(0, stat.size)] }
}

/// `None` when the file became shorter while it was read.
fn cut_file(
    mut file: &File,
    stat: &Stat,
    gear: &Gear,
    buffer: &mut CutBuffer,
    depot: &mut Depot,
) -> Result<Option<Stored>, CutError<RepoError>> {
    let ranges = ranges_of(file, stat);
    let (mut pieces, mut hasher, mut at) = (vec![], blake3::Hasher::new(), 0);
    let mut head = vec![];
    file.seek(SeekFrom::Start(0)).map_err(CutError::Read)?;
    file.take(HEAD_LEN as u64).read_to_end(&mut head).map_err(CutError::Read)?;
    let kind = CutterKind::choose(&head, stat.size);
    for (start, len) in ranges {
        hole(&mut pieces, &mut hasher, start - at);
        file.seek(SeekFrom::Start(start)).map_err(CutError::Read)?;
        let store = |chunk: &[u8], written| {
            pieces.push(piece(depot, chunk, written)?);
            Ok(())
        };
        let read = if len < WORTH_IT {
            let update = |bytes: &[u8]| {
                hasher.update(bytes);
            };
            store_reader(file.take(len), kind, gear, buffer, update, store)?
        } else {
            let take = |apart| store_reader(apart, kind, gear, buffer, |_| {}, store);
            read_apart(file.take(len), &mut hasher, take).map_err(CutError::Read)??
        };
        if read != len {
            return Ok(None);
        }
        at = start + len;
    }
    hole(&mut pieces, &mut hasher, stat.size - at);
    let single = pieces.len() == 1 && matches!(pieces[0], Piece::Raw(..));
    let digest = (!single && !pieces.is_empty()).then(|| Digest::new(*hasher.finalize().as_bytes()));
    let noise = is_nameless_noise(&head);
    let stored = finish(stat.size, pieces, digest, depot).map_err(CutError::Emit)?;
    Ok(Some(Stored { noise, ..stored }))
}

/// Notes a hole, and digests the zeros it stands for.
fn hole(pieces: &mut Vec<Piece>, hasher: &mut blake3::Hasher, len: u64) {
    static ZEROS: [u8; 65_536] = [0; 65_536];
    if len == 0 {
        return;
    }
    pieces.push(Piece::Hole(len));
    let mut rest = len;
    while rest > 0 {
        let now = rest.min(ZEROS.len() as u64);
        hasher.update(&ZEROS[..now as usize]);
        rest -= now;
    }
}

fn finish(size: u64, pieces: Vec<Piece>, digest: Option<Digest>, depot: &mut Depot) -> Result<Stored, RepoError> {
    if pieces.len() <= INLINE_PIECES {
        let pieces = Pieces::Inline(pieces);
        return Ok(Stored { content: Content { size, pieces, digest, link_group: None }, pieces: None, noise: false });
    }
    let mut lists = vec![];
    for part in pieces.chunk_by(|last, _| !ends_list(last)) {
        for part in part.chunks(INLINE_PIECES * 4) {
            lists.push(depot.put(Stream::Listing, &encode(&part.to_vec())?)?);
        }
    }
    let content = Content { size, pieces: Pieces::Listed(lists), digest, link_group: None };
    Ok(Stored { content, pieces: Some(pieces), noise: false })
}

/// A list of pieces ends where its last chunk's id says so: an edit in a huge file changes few lists.
fn ends_list(piece: &Piece) -> bool {
    piece.chunk().is_some_and(|id| id.as_bytes()[0] == 0 && id.as_bytes()[1] < 64)
}
