//! Is the document on this computer still what was backed up, when its size and time say so?
//!
//! If not, a disk has lost bits or somebody changed it and set the time back: nothing else would ever notice. Files that
//! came back are compared at once; all others when the hand of the [rotation](super::rotation) passes them.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::domain::id::Digest;
use crate::domain::listing::{Content, Entry, Kind, Piece, Pieces};
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::fs::walk::Source;
use crate::repo::chunk::ChunkKey;

/// Where the record lies now, if one of the folders holds it.
pub(super) fn place(folders: &[Source], entry: &Entry) -> Option<PathBuf> {
    let folder = folders.iter().find(|f| entry.path.is_within(f.name.as_bytes()))?;
    let below = entry.path.as_bytes().get(folder.name.as_bytes().len() + 1..)?;
    Some(folder.path.join(std::ffi::OsStr::from_bytes(below)))
}

fn unchanged(entry: &Entry, now: &Metadata) -> bool {
    let mtime = (now.mtime(), now.mtime_nsec());
    now.is_file() && now.len() == entry.size() && mtime == (entry.meta.mtime_s, i64::from(entry.meta.mtime_ns))
}

/// Whether the file lies on this computer with the size and time it had when it was backed up.
pub fn is_unchanged(folders: &[Source], entry: &Entry) -> bool {
    let found = place(folders, entry).and_then(|path| std::fs::symlink_metadata(path).ok());
    found.is_some_and(|now| unchanged(entry, &now))
}

/// Whether the bytes read are those of the backup; `None` when they cannot be read or the listing cannot say.
fn same(file: &mut File, content: &Content, key: &ChunkKey) -> Option<bool> {
    if let Some(digest) = content.digest {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer).ok()? {
                0 => return Some(Digest::new(*hasher.finalize().as_bytes()) == digest),
                n => drop(hasher.update(&buffer[..n])),
            }
        }
    }
    match &content.pieces {
        Pieces::Inline(pieces) => match &pieces[..] {
            // One raw piece is the whole file, and its id says what it must be.
            [Piece::Raw(id, len)] => {
                let mut bytes = vec![];
                file.take(u64::from(*len) + 1).read_to_end(&mut bytes).ok()?;
                Some(key.id(&bytes) == *id)
            }
            _ => None,
        },
        Pieces::Listed(_) => None,
    }
}

/// Whether the live file claims to be unchanged and is not. What cannot be read is the backup's business.
pub fn differs(folders: &[Source], entry: &Entry, key: &ChunkKey) -> bool {
    look(folders, entry, key).is_some_and(|same| !same)
}

/// Whether a live file that claims to be unchanged is; `None` where there is none that can be read.
fn look(folders: &[Source], entry: &Entry, key: &ChunkKey) -> Option<bool> {
    let Kind::File(content) = &entry.kind else { return None };
    let path = place(folders, entry)?;
    let before = std::fs::symlink_metadata(&path).ok().filter(|m| unchanged(entry, m))?;
    let same = same(&mut File::open(&path).ok()?, content, key)?;
    let after = std::fs::symlink_metadata(&path).ok()?;
    let still =
        unchanged(entry, &after) && (after.ctime(), after.ctime_nsec()) == (before.ctime(), before.ctime_nsec());
    still.then_some(same)
}

/// What is said of a file that differs, when its backup came back as it was stored, or did not.
pub fn problem(entry: &Entry, backup_is_good: bool) -> Problem {
    let detail = if backup_is_good {
        "the file on this computer differs from its backup although its size and time are the same: its disk has lost \
         data, or somebody changed it and set the time back. The backup is good; restore it beside the file and compare"
    } else {
        "the file on this computer differs from its backup although its size and time are the same, and the backup did \
         not come back as it was stored either: nobody can say which of the two is right. Keep both"
    };
    Problem::of(&entry.path, ProblemKind::Changed, detail)
}
