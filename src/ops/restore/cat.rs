//! One record's bytes, in order, to wherever they are wanted.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use crate::domain::id::{ChunkId, Digest};
use crate::domain::listing::{Kind, Piece};
use crate::domain::path::RecordPath;
use crate::ops::query::{View, Which};
use crate::ops::{OpsError, Stop};
use crate::repo::cut::base64::write_back;
use crate::repo::error::RepoError;
use crate::repo::listing::read_pieces;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

static ZEROS: [u8; 65_536] = [0; 65_536];
/// Bytes of a file that are read at once, at most; and at least, before it goes on with the next pack.
const PART_MOST: u64 = 24 << 20;
const PART_LEAST: u64 = 8 << 20;
/// Parts read at the same time; one more is handed out.
const READERS: usize = 2;

/// Writes a regular file's bytes to `out`; newest version, live before gone. Says how many there were.
///
/// # Errors
/// [`OpsError::NotFound`]; [`OpsError::Usage`] when it is no regular file; damage, also when the digest of the whole
/// is wrong at the end: what was written by then must not be used.
pub fn cat(
    repo: &mut Repository,
    path: &RecordPath,
    which: &Which,
    out: &mut dyn Write,
    stop: &Stop,
) -> Result<u64, OpsError> {
    let mut view = View::open(repo, which)?;
    let hit = view.lookup(path)?.ok_or_else(|| {
        OpsError::NotFound(format!("{path} was never backed up; 'strongroom find' searches by a part of the name"))
    })?;
    let Kind::File(content) = &hit.entry.kind else {
        return Err(OpsError::Usage(format!("{path} is no regular file")));
    };
    let pieces = read_pieces(&mut view.chunks, content)?;
    let digest = pour(&mut view.chunks, &pieces, stop, &mut |bytes| {
        out.write_all(bytes).map_err(|e| OpsError::Target(format!("the bytes could not be written: {e}")))
    })?;
    out.flush().map_err(|e| OpsError::Target(format!("the bytes could not be written: {e}")))?;
    match content.digest {
        Some(recorded) if recorded != digest => Err(RepoError::Listing(format!(
            "{path}: what came back is not what was backed up; do not use what was written"
        ))
        .into()),
        _ => Ok(content.size),
    }
}

/// Hands all pieces to `out` in order, and digests them.
///
/// # Errors
/// Damage and faults of the store; whatever `out` returns.
pub(super) fn pour(
    chunks: &mut ChunkReader<'_>,
    pieces: &[Piece],
    stop: &Stop,
    out: &mut dyn FnMut(&[u8]) -> Result<(), OpsError>,
) -> Result<Digest, OpsError> {
    let mut hasher = blake3::Hasher::new();
    let mut both = |bytes: &[u8]| {
        hasher.update(bytes);
        out(bytes)
    };
    let mut parts: Vec<&[Piece]> = vec![];
    let mut rest = pieces;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(part(chunks, rest));
        parts.push(now);
        rest = later;
    }
    if let [only] = parts[..] {
        emit_all(only, read_ahead(chunks, only, stop)?, stop, &mut both)?;
    } else {
        chunks.rest();
        read_parts(chunks.repository(), &parts, stop, &mut both)?;
    }
    Ok(Digest::new(*hasher.finalize().as_bytes()))
}

/// Reads the parts of a file at the same time and hands them out one after the other.
fn read_parts(
    repo: &Repository,
    parts: &[&[Piece]],
    stop: &Stop,
    out: &mut dyn FnMut(&[u8]) -> Result<(), OpsError>,
) -> Result<(), OpsError> {
    std::thread::scope(|scope| {
        let mut readers = vec![];
        for first in 0..READERS {
            // It goes on when what it read is taken: so no more than one part of each waits.
            let (give, take) = std::sync::mpsc::sync_channel(0);
            scope.spawn(move || {
                for part in parts.iter().skip(first).step_by(READERS) {
                    let read =
                        repo.another_reader().map_err(OpsError::from).and_then(|mut r| read_ahead(&mut r, part, stop));
                    let ended = read.is_err();
                    if give.send(read).is_err() || ended {
                        break;
                    }
                }
            });
            readers.push(take);
        }
        for (part, reader) in parts.iter().zip(readers.iter().cycle()) {
            let died = |_| OpsError::Target("a reader of the restore died".into());
            emit_all(part, reader.recv().map_err(died)??, stop, out)?;
        }
        Ok(())
    })
}

/// How many of the pieces are read at once: as far as one pack goes, if that is neither too little nor too much.
fn part(chunks: &ChunkReader<'_>, pieces: &[Piece]) -> usize {
    let (mut bytes, mut known) = (0, HashSet::new());
    let fits = pieces.iter().take_while(|piece| {
        let Some(id) = piece.chunk() else { return true };
        let new = known.insert(chunks.pack_of(&id));
        let ends = new && bytes >= PART_LEAST;
        bytes += piece.len();
        !ends && bytes <= PART_MOST
    });
    fits.count().max(1)
}

fn emit_all(
    pieces: &[Piece],
    read: Chunks,
    stop: &Stop,
    out: &mut dyn FnMut(&[u8]) -> Result<(), OpsError>,
) -> Result<(), OpsError> {
    let mut read = read;
    pieces.iter().try_for_each(|piece| {
        stop.check()?;
        emit(piece, &mut read, stop, out)
    })
}

/// Chunks, each with how often it is still wanted.
type Chunks = HashMap<ChunkId, (Vec<u8>, u32)>;

/// The chunks of some pieces, read in the order in which they were stored, so that no pack is fetched for each of a
/// file's scattered edits.
fn read_ahead(chunks: &mut ChunkReader<'_>, pieces: &[Piece], stop: &Stop) -> Result<Chunks, OpsError> {
    let mut ids: Vec<ChunkId> = pieces.iter().filter_map(Piece::chunk).collect();
    ids.sort_by_cached_key(|id| chunks.place(id));
    chunks.expect(&ids);
    let mut read = Chunks::new();
    for id in ids {
        stop.check()?;
        match read.get_mut(&id) {
            Some((_, wanted)) => *wanted += 1,
            None => drop(read.insert(id, (chunks.read(&id)?, 1))),
        }
    }
    Ok(read)
}

fn emit(
    piece: &Piece,
    read: &mut Chunks,
    stop: &Stop,
    out: &mut dyn FnMut(&[u8]) -> Result<(), OpsError>,
) -> Result<(), OpsError> {
    let bad = |what: &str| OpsError::from(RepoError::Listing(what.into()));
    if let Piece::Hole(len) = piece {
        let mut rest = *len;
        while rest > 0 {
            stop.check()?;
            let now = rest.min(ZEROS.len() as u64);
            out(&ZEROS[..now as usize])?;
            rest -= now;
        }
        return Ok(());
    }
    let id = piece.chunk().ok_or(RepoError::ChunkUnknown)?;
    let (bytes, wanted) = read.get_mut(&id).ok_or(RepoError::ChunkUnknown)?;
    match piece {
        Piece::Decoded(_, _, len, form) => {
            let back = write_back(bytes, *form, *len as usize);
            out(&back.ok_or_else(|| bad("a stretch of base64 cannot be written back as it was"))?)?;
        }
        piece if bytes.len() as u64 == piece.len() => out(bytes)?,
        _ => return Err(bad("a piece has another length than its chunk")),
    }
    *wanted -= 1;
    if *wanted == 0 {
        read.remove(&id);
    }
    Ok(())
}
