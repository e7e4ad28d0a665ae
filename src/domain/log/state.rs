//! What the log adds up to: the one answer to "what is in this repository, and who may do what".

use std::collections::{BTreeSet, HashMap, VecDeque};

use jiff::Timestamp;

use super::bits::Bits;
use super::bundles::ToldBundle;
use super::entry::{Actor, Body, Created, Epoch, Incident, Keyholder, Reason, Role, Snapshot, StoredIndex, StoredPack};
use super::evidence::{AccessState, PageState};
use super::ruled::{DateState, DisposalState, HoldState, SchemeState};
use crate::domain::id::{
    ActorId, IndexName, KeyholderId, Link, NoteName, PackName, RepositoryId, SessionId, SnapshotId,
};

/// Entries about test restores that are remembered one by one; what each pack went through is kept with the pack.
pub const TESTS_KEPT: usize = 1024;

/// One slot of the log, as read: either a verified body or bytes that mean nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Its number.
    pub n: u64,
    /// The link after it.
    pub link: Link,
    /// What it says; `None` when its bytes do not open, verify or parse.
    pub body: Option<Body>,
}

/// Why an entry has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoidWhy {
    /// The bytes do not open, verify or parse.
    Unreadable,
    /// It does not fit its place: number, repository or previous link differ.
    Misplaced,
    /// Its author is not on the roster.
    UnknownActor,
    /// The root key has since revoked its author.
    Revoked,
    /// Its author may not say this.
    WrongRole,
    /// What it says contradicts what stands before it.
    Impossible,
}

/// Where a pack is in its life.
#[allow(missing_docs, reason = "the variant's sentence describes its fields")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It may be relied on.
    Live,
    /// It will be swept when the wait is over, unless a snapshot needs it.
    Condemned { at: u64, time: Timestamp, reason: Reason },
    /// Its name is dead.
    Swept { at: u64 },
}

/// One pack the log knows.
#[derive(Debug, Clone, PartialEq)]
pub struct PackState {
    /// Name and stored size; size 0 for an orphan that no `stored` entry named.
    pub pack: StoredPack,
    /// Who stored it.
    pub actor: ActorId,
    /// The session that stored it.
    pub session: SessionId,
    /// Where it is in its life.
    pub life: Life,
    /// The newest time that a reading tester opened it from end to end, and found it sound.
    pub tested: Option<PackTest>,
    /// When it was stored (the author's clock).
    pub stored: Timestamp,
    /// The entry that stored it counts no longer: its actor was revoked.
    pub void: bool,
    /// A pruner that was cut off later swept it: it may be deleted already.
    pub doubted: bool,
    /// The entry that says it is damaged or missing; a test that it passes takes that back.
    pub quarantined: Option<u64>,
    /// The entry by which a person accepted that what only it held is lost; a test that it passes takes that back.
    pub lost: Option<u64>,
}

/// A loss that a person accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LossState {
    /// The entry.
    pub at: u64,
    /// When (the author's clock).
    pub time: Timestamp,
    /// The packs that held it, as far as they are known.
    pub packs: Bits,
    /// How many records are affected.
    pub records: u64,
    /// Which, who accepted it, and why.
    pub note: NoteName,
}

/// A pack was opened from end to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackTest {
    /// When (the author's clock).
    pub at: Timestamp,
    /// Whose identity opened it.
    pub keyholder: KeyholderId,
}

/// One entry about a test restore, without its list of packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestState {
    /// When (the author's clock).
    pub at: Timestamp,
    /// Documents restored and compared.
    pub documents: u64,
    /// Bytes that came back in them.
    pub bytes: u64,
    /// Packs opened from end to end.
    pub packs: u64,
    /// Their stored bytes.
    pub pack_bytes: u64,
    /// What did not come back as it was.
    pub failed: u64,
    /// It was a test of everything.
    pub complete: bool,
}

impl TestState {
    /// Documents came back, and everything was as it should be.
    pub fn passed(&self) -> bool {
        self.failed == 0 && self.documents > 0
    }
}

/// One index object the log knows.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexState {
    /// Name and stored size.
    pub index: StoredIndex,
    /// The packs it describes, by order of storing.
    pub covers: Bits,
    /// Where it is in its life.
    pub life: Life,
    /// Who stored it.
    pub actor: ActorId,
    /// The entry that stored it counts no longer: its actor was revoked.
    pub void: bool,
    /// A pruner that was cut off later swept it: it may be deleted already.
    pub doubted: bool,
    /// It is damaged or missing, and a pruner's other index says what it said.
    pub quarantined: bool,
}

/// One snapshot the log knows.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotState {
    /// Its number.
    pub id: SnapshotId,
    /// What was committed; `root` and `needs` follow later rewriting.
    pub snapshot: Snapshot,
    /// Who committed it.
    pub actor: ActorId,
    /// The machine of that actor.
    pub machine: crate::domain::id::KeyholderId,
    /// When it was committed (the author's clock).
    pub time: Timestamp,
    /// Given up by a `thinned` entry.
    pub thinned: bool,
    /// Its time cannot be believed.
    pub suspect: bool,
    /// The newest passed test restore of it.
    pub tested: Option<Timestamp>,
}

/// An incident and whether a person has said go on.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentState {
    /// The entry that reported it.
    pub at: u64,
    /// When.
    pub time: Timestamp,
    /// What.
    pub incident: Incident,
    /// Whether it is over.
    pub resolved: bool,
}

/// The fold of all entries read.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The digest of entry 0.
    pub repository: RepositoryId,
    /// What entry 0 said.
    pub created: Created,
    /// When the repository was made.
    pub created_at: Timestamp,
    /// The number the next entry will have.
    pub next: u64,
    /// The link after the newest entry.
    pub link: Link,
    /// The newest time any valid entry carries.
    pub newest_time: Timestamp,
    /// Who may append: with the entry from which they count, and from which they no longer do.
    pub actors: HashMap<ActorId, (Actor, u64, Option<u64>)>,
    /// Who holds an identity now.
    pub keyholders: Vec<Keyholder>,
    /// All epochs, newest last.
    pub epochs: Vec<Epoch>,
    /// What the bundles of each keyholder and epoch are, as far as it was said.
    pub bundles: HashMap<(KeyholderId, u32), ToldBundle>,
    /// All packs, in order of storing. The position is the pack's number in bitmaps.
    pub packs: Vec<PackState>,
    /// Names of packs to their numbers.
    pub pack_numbers: HashMap<PackName, u32>,
    /// Orphans that were condemned, and where they are in their life.
    pub orphans: HashMap<PackName, Life>,
    /// Index objects that no entry stored and that were condemned.
    pub orphan_indexes: HashMap<IndexName, Life>,
    /// All index objects.
    pub indexes: Vec<IndexState>,
    /// All snapshots, oldest first.
    pub snapshots: Vec<SnapshotState>,
    /// All incidents.
    pub incidents: Vec<IncidentState>,
    /// Void entries and why.
    pub voids: Vec<(u64, VoidWhy)>,
    /// Void entries a person has looked at.
    pub acknowledged: BTreeSet<u64>,
    /// The newest entries about test restores, oldest first; at most [`TESTS_KEPT`].
    pub tests: VecDeque<TestState>,
    /// The newest of all that passed; of one run that tested several sets, documents and bytes of all.
    pub last_passed: Option<TestState>,
    /// The entry that said it, and who.
    pub last_passed_by: Option<(u64, ActorId)>,
    /// The newest drill, and before it the newest of all sets if that was an earlier one: the time, and what was said.
    pub drills: Vec<(Timestamp, super::entry::Drilled)>,
    /// What examinations showed, the newest of each kind.
    pub proofs: super::proofs::Proofs,
    /// Losses that a person accepted, oldest first.
    pub losses: Vec<LossState>,
    /// Notes of documents that a person accepted as they are, and the entries that name them, oldest first.
    pub documents_accepted: Vec<(u64, NoteName)>,
    /// The newest test of the store itself.
    pub store_test: Option<(Timestamp, super::guards::StoreTested)>,
    /// Sessions that stored something and have no snapshot yet, with the time they began.
    pub open_sessions: HashMap<SessionId, (ActorId, Timestamp)>,
    /// Adopted schemes, oldest first.
    pub schemes: Vec<SchemeState>,
    /// Recorded dates, oldest first.
    pub dates: Vec<DateState>,
    /// Holds, released ones too, oldest first.
    pub holds: Vec<HoldState>,
    /// Disposals, from their approval on, oldest first.
    pub disposals: Vec<DisposalState>,
    /// Disposals, or ends of them, that count no longer because their author was cut off later: of use to the fold, and to
    /// who ends one again.
    pub undone: Vec<DisposalState>,
    /// Pages of machines' journals, oldest first.
    pub pages: Vec<PageState>,
    /// Access given to outsiders, ended or not, oldest first.
    pub accesses: Vec<AccessState>,
}

impl State {
    /// The keys that new objects are sealed to.
    pub fn epoch(&self) -> &Epoch {
        self.epochs.last().unwrap_or(&self.created.epoch)
    }

    /// Snapshots that were not thinned, oldest first.
    pub fn live_snapshots(&self) -> impl DoubleEndedIterator<Item = &SnapshotState> {
        self.snapshots.iter().filter(|s| !s.thinned)
    }

    /// The newest snapshot of a set.
    pub fn newest(&self, set: &str) -> Option<&SnapshotState> {
        self.live_snapshots().rev().find(|s| s.snapshot.set == set)
    }

    /// A snapshot that was not thinned.
    pub fn snapshot(&self, id: SnapshotId) -> Option<&SnapshotState> {
        self.live_snapshots().find(|s| s.id == id)
    }

    /// The names of all sets that have a snapshot, sorted.
    pub fn sets(&self) -> Vec<String> {
        let mut sets: Vec<String> = self.live_snapshots().map(|s| s.snapshot.set.clone()).collect();
        sets.sort();
        sets.dedup();
        sets
    }

    /// Every pack that some snapshot needs.
    pub fn needed(&self) -> Bits {
        let mut all = Bits::default();
        for s in self.live_snapshots() {
            all.union(&s.snapshot.needs);
        }
        all
    }

    /// Every pack that some snapshot needs and that can be tested: not those whose loss a person accepted.
    pub fn testable(&self) -> Bits {
        let lost = |n: u32| self.packs.get(n as usize).is_some_and(|p| p.lost.is_some());
        self.needed().iter().filter(|n| !lost(*n)).collect()
    }

    /// Losses that were not made good since: all their packs came back and passed a test.
    pub fn open_losses(&self) -> impl Iterator<Item = &LossState> {
        let lost = |n: u32| self.packs.get(n as usize).is_some_and(|p| p.lost.is_some());
        self.losses.iter().filter(move |l| l.packs.is_empty() || l.packs.iter().any(lost))
    }

    /// A pack by name.
    pub fn pack(&self, name: &PackName) -> Option<(u32, &PackState)> {
        let number = *self.pack_numbers.get(name)?;
        Some((number, self.packs.get(number as usize)?))
    }

    /// Whether this name is dead: it may be deleted and never stored again.
    pub fn is_swept(&self, name: &PackName) -> bool {
        let known = self.pack(name).map(|(_, p)| p.life);
        let orphan = self.orphans.get(name).copied();
        matches!(known, Some(Life::Swept { .. })) || matches!(orphan, Some(Life::Swept { .. }))
    }

    /// Whether this index name is dead.
    pub fn is_index_swept(&self, name: &IndexName) -> bool {
        matches!(self.orphan_indexes.get(name), Some(Life::Swept { .. }))
            || self.indexes.iter().any(|i| i.index.name == *name && matches!(i.life, Life::Swept { .. }))
    }

    /// Every pack that some index still describes: what is not described cannot be found again.
    pub fn described(&self) -> Bits {
        let mut all = Bits::default();
        for index in self.indexes.iter().filter(|i| !matches!(i.life, Life::Swept { .. })) {
            all.union(&index.covers);
        }
        all
    }

    /// Whether this actor prunes: only its indexes can take the place of others.
    pub fn is_pruner(&self, key: &ActorId) -> bool {
        self.actors.get(key).is_some_and(|(a, ..)| a.roles.contains(&Role::Pruner))
    }

    /// Void entries a person should look at: not those of revoked actors, nor those somebody has looked at.
    pub fn open_voids(&self) -> impl Iterator<Item = (u64, VoidWhy)> + '_ {
        let open = |(n, why): &&(u64, VoidWhy)| *why != VoidWhy::Revoked && !self.acknowledged.contains(n);
        self.voids.iter().filter(open).copied()
    }

    /// The actor, if it may append at entry `n`.
    pub fn actor_at(&self, key: &ActorId, n: u64) -> Option<&Actor> {
        let (actor, from, until) = self.actors.get(key)?;
        (n >= *from && until.is_none_or(|u| n < u)).then_some(actor)
    }

    /// Whether `actor` may append something that needs one of `roles` now.
    pub fn may(&self, key: &ActorId, roles: &[Role]) -> bool {
        self.actor_at(key, self.next).is_some_and(|a| roles.is_empty() || a.roles.iter().any(|r| roles.contains(r)))
    }

    /// Whether a writer may rely on this pack for deduplication: alive, and its own or tested by a reader.
    pub fn may_rely(&self, number: u32, machine_actors: &[ActorId]) -> bool {
        self.packs.get(number as usize).is_some_and(|p| {
            !p.void
                && !p.doubted
                && p.quarantined.is_none()
                && matches!(p.life, Life::Live)
                && (p.tested.is_some() || machine_actors.contains(&p.actor))
        })
    }

    /// Incidents of this kind that nobody resolved.
    pub fn open_incidents(&self) -> impl Iterator<Item = &IncidentState> {
        self.incidents.iter().filter(|i| !i.resolved)
    }

    /// Stored bytes of all packs that live or wait to be swept.
    pub fn stored_bytes(&self) -> u64 {
        let there = self.packs.iter().filter(|p| !matches!(p.life, Life::Swept { .. }));
        there.map(|p| p.pack.size).fold(0, u64::saturating_add)
    }
}
