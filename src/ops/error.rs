//! What can end an operation. Failures of single items are problems in its report, never this.

use std::path::PathBuf;

use crate::domain::problem::Exit;
use crate::domain::retention::gate::Refusal;
use crate::repo::error::RepoError;
use crate::repo::keys::BundleError;
use crate::repo::local::LocalError;
use crate::repo::seal::SealError;
use crate::repo::store::{StoreError, StoreFault};

/// Any failure of an operation as a whole.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// The repository, its store or this machine's own files.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The gate said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A source folder must not be backed up as it is now.
    #[error("{}: {what}", folder.display())]
    Source {
        /// The folder.
        folder: PathBuf,
        /// Which of the ways a source can be wrong.
        kind: SourceFault,
        /// In words.
        what: String,
    },
    /// The place to restore to cannot be used.
    #[error("{0}")]
    Target(String),
    /// All was restored, and the system could not promise that it is on the disk.
    #[error("{0}")]
    NotOnDisk(String),
    /// Something is in the way of a restore, or another guard stands in front.
    #[error("{0}")]
    InTheWay(String),
    /// What was asked for does not exist.
    #[error("{0}")]
    NotFound(String),
    /// More than one thing is meant, or what was asked makes no sense.
    #[error("{0}")]
    Usage(String),
    /// None of the snapshots that are meant can be opened: which, why, and what can be in their place.
    #[error("{0}")]
    Unreadable(String),
    /// There was nothing to examine: that is no success.
    #[error("{0}")]
    Nothing(String),
}

/// How a source can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceFault {
    /// It is not there.
    Missing,
    /// It is empty and was not before.
    Empty,
    /// It is no longer the mount it was.
    Unmounted,
    /// It may not be read.
    Unreadable,
}

impl From<StoreError> for OpsError {
    fn from(e: StoreError) -> Self {
        Self::Repo(e.into())
    }
}
impl From<LocalError> for OpsError {
    fn from(e: LocalError) -> Self {
        Self::Repo(e.into())
    }
}

impl OpsError {
    /// The exit code that says this.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Repo(e) => exit_of(e),
            Self::Refused(_) | Self::InTheWay(_) => Exit::Refused,
            Self::Source { .. } | Self::Nothing(_) | Self::NotFound(_) | Self::Target(_) | Self::NotOnDisk(_) => {
                Exit::Failed
            }
            Self::Unreadable(_) => Exit::Damage,
            Self::Usage(_) => Exit::Usage,
        }
    }
}

fn exit_of(error: &RepoError) -> Exit {
    match error {
        RepoError::Interrupted => Exit::Interrupted,
        RepoError::NoRepository(_) => Exit::NoRepository,
        RepoError::Store(e) if matches!(e.fault(), StoreFault::Missing | StoreFault::Gone) => Exit::NoRepository,
        RepoError::NoKeys(_) => Exit::WrongKey,
        RepoError::WrongKey | RepoError::Bundle(BundleError::Seal(SealError::WrongKey)) => Exit::WrongKey,
        RepoError::AlreadyThere(_) | RepoError::NoRole(_) => Exit::Refused,
        e if e.is_damage() => Exit::Damage,
        _ => Exit::Failed,
    }
}
