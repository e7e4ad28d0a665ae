//! Documents brought back from the store, piece by piece, to nowhere: only their digests are kept.

use super::Examined;
use crate::domain::id::Digest;
use crate::domain::listing::{Content, Entry, Kind, Piece};
use crate::domain::path::RecordPath;
use crate::ops::error::OpsError;
use crate::ops::monitor::Stop;
use crate::repo::cut::base64::write_back;
use crate::repo::error::RepoError;
use crate::repo::listing::read_pieces;
use crate::repo::reader::ChunkReader;

const ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// What came of one document.
#[derive(Debug)]
pub enum Outcome {
    /// It came back as the listing says; the digest of its bytes.
    Back(Digest),
    /// It did not.
    Lost(RecordPath, String),
}

/// Brings one regular file back and compares it with what the listing says.
///
/// # Errors
/// Faults of the store; `Interrupted`. Damage is an outcome.
pub fn bring_back(
    chunks: &mut ChunkReader<'_>,
    entry: &Entry,
    examined: &mut Examined,
    stop: &Stop,
) -> Result<Outcome, OpsError> {
    let Kind::File(content) = &entry.kind else { return Ok(Outcome::Back(Digest::of(b""))) };
    match digest_of(chunks, content, stop) {
        Ok(found) if content.digest.is_none_or(|recorded| recorded == found) => {
            examined.documents += 1;
            examined.bytes += content.size;
            Ok(Outcome::Back(found))
        }
        Ok(_) => Ok(Outcome::Lost(entry.path.clone(), "what came back is not what was backed up".into())),
        Err(e) if e.is_damage() => Ok(Outcome::Lost(entry.path.clone(), e.to_string())),
        Err(e) => Err(e.into()),
    }
}

fn digest_of(chunks: &mut ChunkReader<'_>, content: &Content, stop: &Stop) -> Result<Digest, RepoError> {
    let mut hasher = blake3::Hasher::new();
    let mut came = 0;
    for piece in read_pieces(chunks, content)? {
        stop.check()?;
        match piece {
            Piece::Hole(mut left) => {
                came += left;
                while left > 0 {
                    let part = left.min(ZEROS.len() as u64);
                    hasher.update(&ZEROS[..part as usize]);
                    left -= part;
                }
            }
            Piece::Raw(id, len) => {
                let bytes = chunks.read(&id)?;
                if bytes.len() != len as usize {
                    return Err(RepoError::Listing("a chunk is not as long as the listing says".into()));
                }
                hasher.update(&bytes);
                came += u64::from(len);
            }
            Piece::Decoded(id, _, len, form) => {
                let written = write_back(&chunks.read(&id)?, form, len as usize);
                let wrong = || RepoError::Listing("a stretch of base64 cannot be written back as it was".into());
                hasher.update(&written.ok_or_else(wrong)?);
                came += u64::from(len);
            }
        }
    }
    if came == content.size {
        Ok(Digest::new(*hasher.finalize().as_bytes()))
    } else {
        Err(RepoError::Listing("a file came back shorter than it was".into()))
    }
}
