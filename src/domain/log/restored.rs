//! What came back from the store: in a test restore, and in a drill.

use serde::{Deserialize, Serialize};

use super::bits::Bits;
use super::bundles::StoredBundle;
use crate::domain::id::{KeyholderId, SnapshotId};

/// A test restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// The snapshot whose documents were restored, if it was about one.
    pub snapshot: Option<SnapshotId>,
    /// Packs of which every segment was opened and every chunk digested.
    pub packs: Bits,
    /// Documents restored and compared with the listing.
    pub documents: u64,
    /// Bytes that came back.
    pub bytes: u64,
    /// Documents or packs that did not come back as they were.
    pub failed: u64,
    /// Whether the whole snapshot was restored.
    pub complete: bool,
    /// Whose identity opened them.
    pub keyholder: KeyholderId,
    /// Bundles of the epoch of now of which no entry said before what they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bundles: Vec<StoredBundle>,
}

/// A drill: everything of some sets, or a sample of it, at an empty place, with the digest of every file as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drilled {
    /// The snapshots brought back: the newest of each set.
    pub snapshots: Vec<SnapshotId>,
    /// Whether these were all sets there are.
    pub whole: bool,
    /// Files that came back.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of the store it took.
    pub stored: u64,
    /// How long it took.
    pub seconds: u64,
    /// Files that did not come back as they were.
    pub failed: u64,
    /// Whose identity opened them.
    pub keyholder: KeyholderId,
    /// Only documents drawn by chance came back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sampled: bool,
}
