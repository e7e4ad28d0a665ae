//! Why something could not be put into the target folder.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::domain::path::RecordPath;

/// Why something could not be put into the target folder.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The target folder itself.
    #[error("the target folder {} cannot be used: {source}", .dir.display())]
    Target {
        /// As it was named.
        dir: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The final name is taken.
    #[error("{0} is there already and was left as it is")]
    Exists(RecordPath),
    /// A folder has the final name.
    #[error("{0} is a folder in the target; a folder is never replaced: move it away")]
    FolderInTheWay(RecordPath),
    /// Something above it is a symbolic link, which could lead outside.
    #[error("{0} was not written: a folder above it is a symbolic link in the target; move the link away")]
    LinkInTheWay(RecordPath),
    /// Something above it is no folder.
    #[error("{0} was not written: something above it in the target is not a folder; move it away")]
    NotAFolder(RecordPath),
    /// The file that was being written is gone or is another one now.
    #[error("{0} was not written: its unfinished file was removed or replaced by somebody else meanwhile")]
    PartialGone(RecordPath),
    /// Only root makes devices.
    #[error("{0} is a device: only root can make it again")]
    NeedsRoot(RecordPath),
    /// Disk or quota full.
    #[error("{0} was not written: the disk (or quota) of the target is full; make room or choose another target")]
    NoSpace(RecordPath),
    /// No permission.
    #[error("{0} was not written: no permission to write there; run as root, or choose another target")]
    Denied(RecordPath),
    /// It is all there and cannot be looked at.
    #[error("{path} was written and could not be read back from the target, so it was not put in place: {source}")]
    NotReadBack {
        /// The record.
        path: RecordPath,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Anything else.
    #[error("{path} was not written: {source}")]
    Io {
        /// The record.
        path: RecordPath,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl PlaceError {
    pub(super) fn of(path: &RecordPath, e: Errno) -> Self {
        let path = path.clone();
        match e {
            Errno::EXIST => Self::Exists(path),
            Errno::ISDIR | Errno::NOTEMPTY => Self::FolderInTheWay(path),
            Errno::LOOP => Self::LinkInTheWay(path),
            Errno::NOTDIR => Self::NotAFolder(path),
            Errno::NOSPC | Errno::DQUOT => Self::NoSpace(path),
            Errno::ACCESS | Errno::PERM | Errno::ROFS => Self::Denied(path),
            _ => Self::Io { path, source: e.into() },
        }
    }

    pub(super) fn of_io(path: &RecordPath, e: io::Error) -> Self {
        match Errno::from_io_error(&e) {
            Some(errno) => Self::of(path, errno),
            None => Self::Io { path: path.clone(), source: e },
        }
    }
}
