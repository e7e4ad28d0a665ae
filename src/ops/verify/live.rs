//! Is the document on this computer still what was backed up, when its size and time say so?
//!
//! If not, a disk has lost bits or somebody changed it and set the time back: nothing else would ever notice. Files that
//! came back are compared at once; all others when the hand of the [rotation](super::rotation) passes them.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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

/// What a look at a live file shows. Only the first two are a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// It is what was backed up.
    Same,
    /// It claims to be, and is not.
    Differs,
    /// It claims to be, and cannot be read: so most disks fail.
    Unreadable(String),
    /// It is gone or was changed, perhaps meanwhile, which is the next backup's business; or its listing cannot say.
    Elsewhere,
}

/// Whether the bytes read are those of the backup; `None` when the listing cannot say.
fn same(file: &mut File, content: &Content, key: &ChunkKey) -> io::Result<Option<bool>> {
    if let Some(digest) = content.digest {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(Some(Digest::new(*hasher.finalize().as_bytes()) == digest)),
                Ok(n) => drop(hasher.update(&buffer[..n])),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
    match &content.pieces {
        Pieces::Inline(pieces) => match &pieces[..] {
            // One raw piece is the whole file, and its id says what it must be.
            [Piece::Raw(id, len)] => {
                let mut bytes = vec![];
                file.take(u64::from(*len) + 1).read_to_end(&mut bytes)?;
                Ok(Some(key.id(&bytes) == *id))
            }
            _ => Ok(None),
        },
        Pieces::Listed(_) => Ok(None),
    }
}

/// Whether a live file that claims to be unchanged is.
pub(super) fn look(folders: &[Source], entry: &Entry, key: &ChunkKey) -> Look {
    let (Kind::File(content), Some(path)) = (&entry.kind, place(folders, entry)) else { return Look::Elsewhere };
    look_at(&path, content, entry, key).unwrap_or_else(|e| match e.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Look::Elsewhere,
        // Where a folder cannot be read, the next backup says so of all that is in it.
        _ if path.parent().is_some_and(|folder| std::fs::read_dir(folder).is_err()) => Look::Elsewhere,
        _ => Look::Unreadable(e.to_string()),
    })
}

fn look_at(path: &Path, content: &Content, entry: &Entry, key: &ChunkKey) -> io::Result<Look> {
    let before = std::fs::symlink_metadata(path)?;
    if !unchanged(entry, &before) {
        return Ok(Look::Elsewhere);
    }
    let found = same(&mut File::open(path)?, content, key)?;
    let after = std::fs::symlink_metadata(path)?;
    let still =
        unchanged(entry, &after) && (after.ctime(), after.ctime_nsec()) == (before.ctime(), before.ctime_nsec());
    Ok(match found.filter(|_| still) {
        Some(true) => Look::Same,
        Some(false) => Look::Differs,
        None => Look::Elsewhere,
    })
}

/// What is said of a file that cannot be read any more.
pub fn unreadable(entry: &Entry, why: &str) -> Problem {
    let detail = format!(
        "the file on this computer cannot be read again ({why}), so that nobody knows whether it is still what was \
         backed up. Its disk may be failing, or it may not be opened any more; its last version is in the backup"
    );
    Problem::of(&entry.path, ProblemKind::Unreadable, detail)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path::RecordPath;
    use crate::ops::verify::fixture::Council;

    #[test]
    fn a_file_whose_reading_fails_is_neither_the_same_nor_passed_over() {
        let c = Council::new();
        c.write("plan.txt", "a plan");
        c.backup();
        let (key, mut entry) = (c.open().chunk_key(), c.entry("Documents/plan.txt"));
        assert_eq!(look(&[c.source()], &entry, &key), Look::Same);
        // A real file that opens, and whose first byte gives EIO.
        let folder = Source { name: RecordPath::new("Documents").unwrap(), path: "/proc/self".into() };
        entry.path = RecordPath::new("Documents/mem").unwrap();
        let now = std::fs::symlink_metadata("/proc/self/mem").unwrap();
        let Kind::File(content) = &mut entry.kind else { panic!("{entry:?}") };
        content.size = now.len();
        (entry.meta.mtime_s, entry.meta.mtime_ns) = (now.mtime(), now.mtime_nsec() as u32);
        let Look::Unreadable(why) = look(&[folder], &entry, &key) else { panic!("it was read") };
        assert!(unreadable(&entry, &why).detail.contains("cannot be read again (Input/output error"), "{why}");
        std::fs::remove_file(c.docs().join("plan.txt")).unwrap();
        assert_eq!(look(&[c.source()], &c.entry("Documents/plan.txt"), &key), Look::Elsewhere);
    }
}
