//! What people decide about records, as the log carries it: schemes, dates, holds, disposals.
//!
//! Names of records and of people stand in sealed notes only; entries carry counts, digests and dates. An entry
//! names a note by the digest of its stored bytes, so whoever trusts the entry can trust the note.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::bits::Bits;
use crate::domain::id::{ChunkId, Digest, NoteName, SnapshotId};

/// The council has adopted a retention scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemeAdopted {
    /// The scheme itself.
    pub note: NoteName,
    /// The digest of the scheme's file, so that an edited file is seen to be another.
    pub digest: Digest,
    /// The minute that says so.
    pub minute: String,
    /// The day of the decision.
    pub on: Date,
    /// The first day on which it counts: not before `on`; later when it shortens what was kept.
    pub in_force: Date,
}

/// A person has approved a plan: exactly these records may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisposalApproved {
    /// The plan's id.
    pub plan: String,
    /// Who, by which minute, and the records by name.
    pub note: NoteName,
    /// How many records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The records of a disposal are not listed or restored from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisposalWithdrawn {
    /// The entry that approved it.
    pub approval: u64,
    /// There is no time to change one's mind.
    pub urgent: bool,
    /// The register: keyed digests of the records, by which they are known when their names have gone.
    pub register: NoteName,
    /// Why it is urgent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<NoteName>,
}

/// A snapshot's listing, written anew without the records of a disposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relisting {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The chunk that is its listing's root from here on.
    pub root: ChunkId,
    /// Every pack it needs from here on, listings included, by order of storing.
    pub needs: Bits,
}
