//! What is in the way of one item, and whether it is the item itself from an earlier run.
//!
//! "The same" means equal length, time and bytes: a restore that was killed goes on where it was, and never
//! takes a file for done because of its name.

use std::fs::File;
use std::io::Read;

use super::item::{Doing, Item, What};
use super::options::Overwrite;
use super::place::{Places, Spot};
use crate::domain::id::Digest;
use crate::domain::listing::{Content, Kind, Piece, Pieces};
use crate::domain::path::RecordPath;
use crate::ops::OpsError;
use crate::ops::fs::place::Target;
use crate::ops::fs::stat::{FoundKind, Stat};
use crate::repo::chunk::ChunkKey;
use crate::repo::error::RepoError;

/// What will be done with an item, or what is in its way.
pub(super) enum Sight {
    /// This.
    Do(Doing),
    /// Nothing can be done until somebody moves this away.
    InTheWay(String),
}

/// Looks at the place of one item.
///
/// # Errors
/// [`OpsError::Usage`] when no live folder is known for it.
pub(super) fn look(places: &Places, item: &Item, overwrite: Overwrite, key: &ChunkKey) -> Result<Sight, OpsError> {
    let (target, path) = match places.spot(&item.path) {
        Spot::Below(Some(target), path) => (target, path),
        Spot::Below(None, _) => return Ok(Sight::Do(Doing::New)),
        Spot::Itself => return Ok(Sight::Do(if item.what == What::Dir { Doing::Nothing } else { Doing::Replace })),
        Spot::Nowhere => {
            let text = format!("no folder of this computer is known for {}; restore it to a folder (--to)", item.path);
            return Err(OpsError::Usage(text));
        }
    };
    let stat = match target.exists(&path) {
        Ok(None) => return Ok(Sight::Do(Doing::New)),
        Ok(Some(stat)) => stat,
        Err(e) => return Ok(Sight::InTheWay(e.to_string())),
    };
    let is_dir = stat.kind() == FoundKind::Dir;
    match item.what {
        What::Dir if is_dir => return Ok(Sight::Do(Doing::Nothing)),
        What::Dir => return Ok(Sight::InTheWay(format!("{} is there and is no folder", item.path))),
        _ if is_dir => return Ok(Sight::InTheWay(format!("{} is a folder there", item.path))),
        _ => {}
    }
    if overwrite == Overwrite::Always {
        return Ok(Sight::Do(Doing::Replace));
    }
    if is_same(target, &path, item, &stat, key)? {
        return Ok(Sight::Do(Doing::Nothing));
    }
    match overwrite {
        Overwrite::Never => Ok(Sight::InTheWay(item.path.to_string())),
        _ => Ok(Sight::Do(Doing::Replace)),
    }
}

fn is_same(target: &Target, path: &RecordPath, item: &Item, stat: &Stat, key: &ChunkKey) -> Result<bool, RepoError> {
    let (kind, meta) = item.unpack()?;
    Ok(match (kind, stat.kind()) {
        (Kind::File(content), FoundKind::File) => {
            let time = (stat.mtime_s, stat.mtime_ns) == (meta.mtime_s, meta.mtime_ns);
            stat.size == content.size && time && target.open_existing(path).is_ok_and(|f| holds(&f, &content, key))
        }
        (Kind::Symlink(to), FoundKind::Symlink) => target.existing_link(path).is_ok_and(|l| l == to),
        (Kind::Fifo, FoundKind::Fifo) => true,
        (Kind::CharDevice(a, b), FoundKind::CharDevice) | (Kind::BlockDevice(a, b), FoundKind::BlockDevice) => {
            stat.device() == (a, b)
        }
        _ => false,
    })
}

/// Whether a file holds exactly these bytes. What cannot be read does not.
pub(super) fn holds(mut file: &File, content: &Content, key: &ChunkKey) -> bool {
    if let Some(digest) = content.digest {
        return digest_of(file).is_ok_and(|found| found == digest);
    }
    match &content.pieces {
        Pieces::Inline(pieces) => match pieces.as_slice() {
            [] => content.size == 0,
            [Piece::Raw(id, len)] => {
                let mut bytes = Vec::with_capacity(*len as usize);
                let read = (&mut file).take(u64::from(*len) + 1).read_to_end(&mut bytes);
                read.is_ok() && bytes.len() == *len as usize && key.id(&bytes) == *id
            }
            _ => false,
        },
        Pieces::Listed(_) => false,
    }
}

/// The digest of a file, from its present position.
pub(super) fn digest_of(file: &File) -> std::io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(Digest::new(*hasher.finalize().as_bytes()))
}
