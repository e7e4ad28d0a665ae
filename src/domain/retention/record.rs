//! What the law needs to know of one record. Facts only: whoever gathers them decides nothing.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::{Digest, SnapshotId};
use crate::domain::path::RecordPath;

/// What a version's content is, whatever its path: a digest of its list of pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentId(Digest);

impl ContentId {
    /// Of empty files and of what is no file: equal to nothing, not even to itself as a record's content.
    pub const NOTHING: Self = Self(Digest::new([0; 32]));

    /// Wraps the digest of a list of pieces.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(Digest::new(bytes))
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Whether there is no content by which a record could be known again.
    pub fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }
}

/// One record: a path of one set, with its last version.
///
/// Shared parts are `Arc`s: most of half a million records lie in the same few sets and the same snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFacts {
    /// The backup set.
    pub set: Arc<str>,
    /// Where the council knows it.
    pub path: RecordPath,
    /// In the newest snapshot's live listing, or could not be read there.
    pub live: bool,
    /// It, or a folder it lies in, could not be read in the newest snapshot.
    pub unreadable: bool,
    /// The first known version's own date.
    pub created: Option<Timestamp>,
    /// The last version's own date.
    pub modified: Timestamp,
    /// When the newest snapshot that held it live was begun.
    pub observed: Timestamp,
    /// When the oldest snapshot still kept that held it live was begun.
    pub first_seen: Timestamp,
    /// Gone only: when the last snapshot that held it was begun.
    pub last_seen: Option<Timestamp>,
    /// The last version's content.
    pub content: ContentId,
    /// The last version's length.
    pub size: u64,
    /// The kept snapshots that contain any version of it, ascending.
    pub snapshots: Arc<[SnapshotId]>,
}

impl RecordFacts {
    /// Whether it is, or may still be, on the live side.
    pub fn may_be_live(&self) -> bool {
        self.live || self.unreadable
    }
}
