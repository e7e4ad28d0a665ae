//! What an entry of the log can say, and who may say it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::bits::Bits;
pub use super::bundles::{Epoch, KeyholderAdded, StoredBundle};
pub use super::evidence::{AccessEnded, AccessGiven, JournalPage};
use super::guards::StoreTested;
use super::proofs::{Checked, KeyDrilled, Opened, Scrubbed};
pub use super::restored::{Drilled, Tested};
use super::rulings::{DisposalApproved, DisposalWithdrawn, Relisting, SchemeAdopted};
use crate::domain::id::{
    ActorId, ChunkId, IndexName, KeyholderId, Link, NoteName, PackName, RepositoryId, SessionId, SnapshotId,
};

/// The format version this program writes and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;

/// The signed part of an entry: one line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Format version.
    pub v: u32,
    /// The entry's number; also its place in the store.
    pub n: u64,
    /// The repository; left out in entry 0, whose digest it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryId>,
    /// `link(n-1)`: everything the author had read when deciding.
    pub prev: Link,
    /// Who says so.
    pub actor: ActorId,
    /// Random, so that a writer recognises its own entry.
    pub nonce: String,
    /// The author's clock.
    pub time: Timestamp,
    /// What is said.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What an actor may append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Stores packs and commits snapshots.
    Writer,
    /// Records test restores.
    Tester,
    /// Thins, condemns and sweeps.
    Pruner,
    /// Speaks for a person: holds, approvals, resolved incidents.
    Approver,
    /// The key on the recovery sheet: who else there is.
    Root,
}

/// Everything an entry can say. An entry of a kind not listed here is void.
#[allow(missing_docs, reason = "the variant's sentence describes its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "kebab-case")]
pub enum Entry {
    /// Entry 0: the repository begins.
    Created(Created),
    /// Another actor may append from here on.
    ActorAdded(Actor),
    /// What this actor appended from `from` on is void.
    ActorRevoked { actor: ActorId, from: u64 },
    /// Somebody else holds an identity.
    KeyholderAdded(KeyholderAdded),
    /// Somebody no longer does.
    KeyholderRemoved { keyholder: KeyholderId },
    /// New sealing keys from here on.
    Epoch(Epoch),
    /// Packs, and the index that says what is in them.
    Stored(Stored),
    /// One set at one moment.
    Snapshot(Snapshot),
    /// Packs were brought back from the store in the run that stored them, and opened.
    Proved { session: SessionId, packs: Bits },
    /// Packs were opened, and documents restored, by one who holds the reading identity.
    Tested(Tested),
    /// Whole sets were brought back to an empty place, as after a disaster, and the time was taken.
    Drilled(Drilled),
    /// A holder's key alone opened the repository and brought documents back.
    KeyDrilled(KeyDrilled),
    /// Everything that snapshots need was looked for, by name and size.
    Checked(Checked),
    /// Stored bytes were read again and compared with their names.
    Scrubbed(Scrubbed),
    /// It was looked whether documents still open.
    Opened(Opened),
    /// The store itself was tested: what it does for what lies in it.
    StoreTested(StoreTested),
    /// Snapshots given up under the thinning rule.
    Thinned { snapshots: Vec<SnapshotId>, rule: String },
    /// What snapshots needed from `from` they now find in `to`: content moved by repacking.
    Rewritten { from: Bits, to: Bits },
    /// Packs that nothing needs: to be swept when the wait is over.
    Condemned { packs: Vec<PackName>, indexes: Vec<IndexName>, reason: Reason },
    /// These names are dead for ever and may be deleted.
    Swept { packs: Vec<PackName>, indexes: Vec<IndexName> },
    /// Packs found damaged or missing: nobody relies on them until tested again. Indexes out of use where another says it.
    Quarantined { packs: Bits, indexes: Vec<IndexName> },
    /// A person accepts that what only these packs held cannot be restored any more; the note names it.
    LossAccepted { packs: Bits, records: u64, note: NoteName },
    /// A person has looked at documents that were called spoiled: they are as they should be. The note says which contents.
    DocumentsAccepted { documents: u64, note: NoteName },
    /// A session that will not go on. Information only.
    Abandoned { session: SessionId },
    /// Something a person must look at.
    Incident(Incident),
    /// A person says go on.
    IncidentResolved { incident: u64, by: String, note: String },
    /// Somebody restored something. No names: counts only.
    Restored { snapshot: Option<SnapshotId>, files: u64, bytes: u64 },
    /// The council has adopted a retention scheme.
    SchemeAdopted(SchemeAdopted),
    /// A person has recorded a date for some records.
    TriggerDated { note: NoteName },
    /// Nothing that this touches may go. It never lapses; `review` is when somebody should look at it.
    HoldPlaced { note: NoteName, review: Date },
    /// The hold that entry placed is over.
    HoldReleased { hold: u64, note: NoteName },
    /// A person has approved a plan of disposal.
    DisposalApproved(DisposalApproved),
    /// The disposal that entry approved will not happen.
    DisposalCancelled { approval: u64, note: NoteName },
    /// Its records are not listed or restored from here on.
    DisposalWithdrawn(DisposalWithdrawn),
    /// Snapshots have new listings, without its records.
    Relisted { approval: u64, roots: Vec<Relisting> },
    /// Nothing of it is left; the note is the certificate.
    DisposalDone { approval: u64, certificate: NoteName },
    /// A page of this machine's journal.
    Journal(JournalPage),
    /// Somebody outside the council may use a key or a credential for a time.
    AccessGiven(AccessGiven),
    /// That is over.
    AccessEnded(AccessEnded),
}

/// Why packs were condemned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No snapshot needs them. A snapshot that does rescues them.
    Unreferenced,
    /// They lie in the store and no entry ever named them.
    Orphan,
    /// Their content was disposed of. Cannot be rescued.
    Disposal,
}

/// Entry 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// The public root key, which signed this entry.
    pub root: ActorId,
    /// The first sealing keys.
    pub epoch: Epoch,
    /// Who holds identities from the start.
    pub keyholders: Vec<Keyholder>,
    /// Who may append from the start.
    pub actors: Vec<Actor>,
    /// The store keeps no conditions: all appenders run on one machine.
    pub single_machine: bool,
}

/// Who holds an identity that opens a bundle in `keys/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyholder {
    /// Opaque.
    pub id: KeyholderId,
    /// A function, not a person: `recovery sheet`, `office server`.
    pub name: String,
    /// The age recipient its bundles are sealed to.
    pub recipient: String,
    /// Whether its bundle has the reading identity.
    pub reads: bool,
}

/// Who may append, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Its public key.
    pub key: ActorId,
    /// The machine it runs on: the same for all actors of one machine.
    pub machine: KeyholderId,
    /// A function, not a person.
    pub name: String,
    /// What it may append.
    pub roles: Vec<Role>,
    /// Whether its machine holds the reading identity.
    pub reads: bool,
}

/// Packs and their index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// The run.
    pub session: SessionId,
    /// When the run began.
    pub began: Timestamp,
    /// In the order that gives them their numbers.
    pub packs: Vec<StoredPack>,
    /// What is in them.
    pub index: StoredIndex,
}

/// One pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPack {
    /// Digest of its stored bytes.
    pub name: PackName,
    /// Length of its stored bytes.
    pub size: u64,
}

/// One index object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredIndex {
    /// Digest of its stored bytes.
    pub name: IndexName,
    /// Length of its stored bytes.
    pub size: u64,
}

/// One set at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The protected set.
    pub set: String,
    /// The chunk that is the listing's root.
    pub root: ChunkId,
    /// The run that made it.
    pub session: SessionId,
    /// When reading began: the data's point in time.
    pub began: Timestamp,
    /// Every pack it needs, listings included, by order of storing.
    pub needs: Bits,
    /// The snapshot that was compared with.
    pub parent: Option<SnapshotId>,
    /// Regular files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Stored bytes this snapshot added.
    pub added: u64,
    /// Items that could not be read. More than none: the snapshot is partial.
    pub problems: u64,
    /// Records in `gone`.
    pub gone: u64,
    /// An unusual number of records changed: the counts are in FORMAT.md. An incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mass_change: Option<Vec<u64>>,
}

/// Something a person must look at. No free text: counts and kinds only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// What happened.
    pub what: IncidentKind,
    /// The snapshot concerned.
    pub snapshot: Option<SnapshotId>,
    /// Counts that belong to it, such as changed and all records.
    pub counts: Vec<u64>,
}

/// Kinds of incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentKind {
    /// Very many records changed or disappeared at once.
    MassChange,
    /// Several documents are no longer what their names say: how many, and how many were examined with them.
    NotItsName,
    /// The machine's clock and the store's disagree by more than a day: the snapshot's time is suspect.
    Clock,
    /// An entry by somebody who may not say it, or junk in a slot of the log.
    VoidEntry,
    /// Stored data is damaged.
    Damage,
}

impl IncidentKind {
    /// Whether nothing is thinned, pruned or disposed of until a person has looked: what is kept may be needed.
    pub fn stops(self) -> bool {
        matches!(self, Self::MassChange | Self::NotItsName)
    }
}

impl Entry {
    /// The roles of which one is needed to say this; empty when anyone on the roster may.
    pub fn roles(&self) -> &'static [Role] {
        match self {
            Self::Created(_) | Self::ActorAdded(_) | Self::ActorRevoked { .. } => &[Role::Root],
            Self::KeyholderAdded(_) | Self::KeyholderRemoved { .. } | Self::Epoch(_) => &[Role::Root],
            Self::Stored(_) => &[Role::Writer, Role::Pruner],
            Self::Snapshot(_) | Self::Proved { .. } => &[Role::Writer],
            Self::StoreTested(_) => &[Role::Writer, Role::Tester],
            Self::Tested(_) | Self::Drilled(_) => &[Role::Tester],
            Self::Thinned { .. } | Self::Rewritten { .. } => &[Role::Pruner],
            Self::Condemned { .. } | Self::Swept { .. } => &[Role::Pruner],
            Self::Quarantined { .. } => &[Role::Writer, Role::Tester, Role::Pruner],
            Self::LossAccepted { .. } | Self::DocumentsAccepted { .. } => &[Role::Approver],
            Self::IncidentResolved { .. } | Self::SchemeAdopted(_) | Self::TriggerDated { .. } => &[Role::Approver],
            Self::HoldPlaced { .. } | Self::HoldReleased { .. } => &[Role::Approver],
            Self::DisposalApproved(_) | Self::DisposalCancelled { .. } => &[Role::Approver],
            Self::DisposalWithdrawn(_) => &[Role::Pruner, Role::Approver],
            Self::Relisted { .. } | Self::DisposalDone { .. } => &[Role::Pruner],
            Self::Abandoned { .. } | Self::Incident(_) | Self::Restored { .. } => &[],
            Self::KeyDrilled(_) | Self::Checked(_) | Self::Scrubbed(_) | Self::Opened(_) | Self::Journal(_) => &[],
            Self::AccessGiven(_) | Self::AccessEnded(_) => &[Role::Approver],
        }
    }

    /// The kind's name as it stands in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::ActorAdded(_) => "actor-added",
            Self::ActorRevoked { .. } => "actor-revoked",
            Self::KeyholderAdded(_) => "keyholder-added",
            Self::KeyholderRemoved { .. } => "keyholder-removed",
            Self::Epoch(_) => "epoch",
            Self::Stored(_) => "stored",
            Self::Snapshot(_) => "snapshot",
            Self::Proved { .. } => "proved",
            Self::Tested(_) => "tested",
            Self::Drilled(_) => "drilled",
            Self::KeyDrilled(_) => "key-drilled",
            Self::Checked(_) => "checked",
            Self::Scrubbed(_) => "scrubbed",
            Self::Opened(_) => "opened",
            Self::StoreTested(_) => "store-tested",
            Self::Thinned { .. } => "thinned",
            Self::Rewritten { .. } => "rewritten",
            Self::Condemned { .. } => "condemned",
            Self::Swept { .. } => "swept",
            Self::Quarantined { .. } => "quarantined",
            Self::LossAccepted { .. } => "loss-accepted",
            Self::DocumentsAccepted { .. } => "documents-accepted",
            Self::Abandoned { .. } => "abandoned",
            Self::Incident(_) => "incident",
            Self::IncidentResolved { .. } => "incident-resolved",
            Self::Restored { .. } => "restored",
            Self::SchemeAdopted(_) => "scheme-adopted",
            Self::TriggerDated { .. } => "trigger-dated",
            Self::HoldPlaced { .. } => "hold-placed",
            Self::HoldReleased { .. } => "hold-released",
            Self::DisposalApproved(_) => "disposal-approved",
            Self::DisposalCancelled { .. } => "disposal-cancelled",
            Self::DisposalWithdrawn(_) => "disposal-withdrawn",
            Self::Relisted { .. } => "relisted",
            Self::DisposalDone { .. } => "disposal-done",
            Self::Journal(_) => "journal",
            Self::AccessGiven(_) => "access-given",
            Self::AccessEnded(_) => "access-ended",
        }
    }
}
