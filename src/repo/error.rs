//! What can go wrong with a repository. Advice is added in one place, `cli/hints.rs`.

use jiff::Timestamp;

use super::keys::BundleError;
use super::local::LocalError;
use super::notes::NoteError;
use super::pack::PackError;
use super::seal::SealError;
use super::store::{StoreError, StoreFault};
use crate::domain::id::{NoteName, PackName, RepositoryId};
use crate::domain::log::entry::Role;
use crate::domain::log::fold::FoldError;

/// Any failure of the repository floor.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of this machine's own.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The log contradicts itself or is too new.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Nothing is there.
    #[error("there is no repository at {0}")]
    NoRepository(String),
    /// Something is there, and this computer holds no key to it.
    #[error("this computer has no keys to the repository at {0}")]
    NoKeys(String),
    /// Something is there already.
    #[error("there is a repository at {0} already")]
    AlreadyThere(String),
    /// The key opens nothing here.
    #[error("the key does not open this repository")]
    WrongKey,
    /// The key opens nothing, and a key file that may be its own is damaged.
    #[error("the key file {0} in the store is damaged: nothing else in the store opens with this key")]
    BundleDamaged(String),
    /// A key file lies where a new one is to go, and nobody with the root key made it.
    #[error("a key file lies at {0} in the store before anybody with the recovery sheet made one of that name")]
    BundlePlanted(String),
    /// The store shows a repository of somebody else's making.
    #[error("this is not the repository it should be: expected {expected}, found {found}")]
    AnotherRepository {
        /// The pinned or printed id.
        expected: RepositoryId,
        /// What the store shows.
        found: RepositoryId,
    },
    /// A key bundle was forged or belongs elsewhere.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The log has a hole, or bytes in it were changed.
    #[error("entry {n} of the log is damaged: {detail}")]
    LogDamaged {
        /// The entry.
        n: u64,
        /// How it was found.
        detail: &'static str,
    },
    /// The store shows an older or a different past than this machine remembers.
    #[error("the store has gone back in time: this computer remembers entry {remembered}, the store shows {shown}")]
    RolledBack {
        /// The newest entry remembered.
        remembered: u64,
        /// What the store shows instead.
        shown: String,
    },
    /// Too many others were writing.
    #[error("other machines kept writing to the log; nothing was lost, run again")]
    Contention,
    /// What was sealed since this began is sealed to keys that are not the repository's any more.
    #[error("the keys of the repository were changed meanwhile; nothing was lost, run again")]
    KeysChanged,
    /// This machine may not say this.
    #[error("this machine may not do this: it needs the {0:?} role")]
    NoRole(Role),
    /// This machine holds the writing identity only.
    #[error("this computer can write backups but not read them")]
    CannotRead,
    /// A stored object is missing or changed.
    #[error("pack {} is damaged: {error}", name.short())]
    Pack {
        /// Which.
        name: PackName,
        /// How.
        error: PackError,
    },
    /// A stored object is not there.
    #[error("pack {} is missing from the store", .0.short())]
    PackMissing(PackName),
    /// An object of the index is missing or changed.
    #[error("the index is damaged: {0}")]
    Index(String),
    /// A chunk is in no index.
    #[error("the index does not know a piece of content that a snapshot needs")]
    ChunkUnknown,
    /// Content that a log entry made dead.
    #[error("the content was destroyed under entry {entry} of the log on {}", on.strftime("%Y-%m-%d"))]
    Destroyed {
        /// The `swept` entry.
        entry: u64,
        /// Its time.
        on: Timestamp,
    },
    /// A listing cannot be read.
    #[error("a listing is damaged: {0}")]
    Listing(String),
    /// A note cannot be read.
    #[error("the note {} cannot be read: {error}", name.short())]
    Note {
        /// Which.
        name: NoteName,
        /// Why.
        error: NoteError,
    },
    /// A note is not there.
    #[error("the note {}, which the log names, is missing from the store", .0.short())]
    NoteMissing(NoteName),
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// This machine's files describe no usable machine.
    #[error("{0}")]
    Machine(String),
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl RepoError {
    /// Whether stored data is damaged or missing, as against a fault of link, disk or person.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::LogDamaged { .. }
                | Self::RolledBack { .. }
                | Self::Pack { .. }
                | Self::PackMissing(_)
                | Self::Index(_)
                | Self::ChunkUnknown
                | Self::Destroyed { .. }
                | Self::BundleDamaged(_)
                | Self::Listing(_)
                | Self::NoteMissing(_)
                | Self::Note { error: NoteError::Digest | NoteError::Damaged(_), .. }
                | Self::AnotherRepository { .. }
                | Self::Bundle(BundleError::Forged | BundleError::Seal(SealError::Damaged(_)))
                | Self::Seal(SealError::Damaged(_))
        )
    }

    /// The store's fault, if it is one.
    pub fn store_fault(&self) -> Option<StoreFault> {
        match self {
            Self::Store(e) => Some(e.fault()),
            _ => None,
        }
    }
}
