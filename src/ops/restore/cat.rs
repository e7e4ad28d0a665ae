//! One record's bytes, in order, to wherever they are wanted.

use std::io::Write;

use crate::domain::id::Digest;
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
    for piece in pieces {
        stop.check()?;
        match piece {
            Piece::Raw(id, len) => {
                let bytes = chunks.read(id)?;
                if bytes.len() != *len as usize {
                    return Err(RepoError::Listing("a piece has another length than its chunk".into()).into());
                }
                both(&bytes)?;
            }
            Piece::Decoded(id, _, len, form) => {
                let back = write_back(&chunks.read(id)?, *form, *len as usize);
                let what = "a stretch of base64 cannot be written back as it was";
                both(&back.ok_or_else(|| RepoError::Listing(what.into()))?)?;
            }
            Piece::Hole(len) => {
                let mut rest = *len;
                while rest > 0 {
                    stop.check()?;
                    let now = rest.min(ZEROS.len() as u64);
                    both(&ZEROS[..now as usize])?;
                    rest -= now;
                }
            }
        }
    }
    Ok(Digest::new(*hasher.finalize().as_bytes()))
}
