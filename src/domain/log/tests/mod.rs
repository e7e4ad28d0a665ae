//! The law of the log, case by case, and over random histories. `World` writes entries without any bytes.

mod authors;
mod evidence;
mod histories;
mod lives;
mod losses;
mod proofs;
mod rulings;
mod rulings_random;

use jiff::Timestamp;

use super::bits::Bits;
use super::entry::*;
use super::fold::fold;
use super::state::{Life, Slot, State, VoidWhy};
use crate::domain::id::*;

pub(crate) const ROOT: u8 = 1;
pub(crate) const WRITER: u8 = 2;
pub(crate) const OTHER: u8 = 3;
pub(crate) const TESTER: u8 = 4;
pub(crate) const PRUNER: u8 = 5;
pub(crate) const APPROVER: u8 = 6;

/// A log being written, and nothing else.
pub(crate) struct World {
    pub slots: Vec<Slot>,
}

pub(crate) fn actor(key: u8, roles: &[Role]) -> Actor {
    Actor {
        key: ActorId::new([key; 32]),
        machine: KeyholderId::new([if key == OTHER { 2 } else { 1 }; 32]),
        name: String::new(),
        roles: roles.to_vec(),
        reads: key == TESTER,
    }
}

pub(crate) fn pack(name: u8) -> PackName {
    PackName::new([name; 32])
}

pub(crate) fn index(name: u8) -> IndexName {
    IndexName::new([name; 32])
}

/// A test of these packs alone, in which nothing failed.
pub(crate) fn tested_packs(packs: &[u32]) -> Tested {
    Tested {
        snapshot: None,
        packs: bits(packs),
        documents: 0,
        bytes: 0,
        failed: 0,
        complete: false,
        keyholder: KeyholderId::new([1; 32]),
        bundles: vec![],
    }
}

pub(crate) fn bits(numbers: &[u32]) -> Bits {
    numbers.iter().copied().collect()
}

pub(crate) fn stored(packs: &[u8], index_name: u8) -> Entry {
    Entry::Stored(Stored {
        session: SessionId::new([index_name; 32]),
        began: Timestamp::UNIX_EPOCH,
        packs: packs.iter().map(|p| StoredPack { name: pack(*p), size: 100 }).collect(),
        index: StoredIndex { name: index(index_name), size: 10 },
    })
}

pub(crate) fn snapshot(set: &str, needs: &[u32], parent: Option<u64>) -> Entry {
    Entry::Snapshot(Snapshot {
        set: set.into(),
        root: ChunkId::new([9; 32]),
        session: SessionId::new([0; 32]),
        began: Timestamp::UNIX_EPOCH,
        needs: bits(needs),
        parent: parent.map(SnapshotId),
        files: 1,
        bytes: 1,
        added: 1,
        problems: 0,
        gone: 0,
        mass_change: None,
    })
}

pub(crate) fn condemned(packs: &[u8], indexes: &[u8], reason: Reason) -> Entry {
    let packs = packs.iter().map(|p| pack(*p)).collect();
    Entry::Condemned { packs, indexes: indexes.iter().map(|i| index(*i)).collect(), reason }
}

pub(crate) fn swept(packs: &[u8], indexes: &[u8]) -> Entry {
    let packs = packs.iter().map(|p| pack(*p)).collect();
    Entry::Swept { packs, indexes: indexes.iter().map(|i| index(*i)).collect() }
}

pub(crate) fn thinned(snapshots: &[u64]) -> Entry {
    Entry::Thinned { snapshots: snapshots.iter().map(|n| SnapshotId(*n)).collect(), rule: String::new() }
}

impl World {
    pub(crate) fn new() -> Self {
        let created = Created {
            root: ActorId::new([ROOT; 32]),
            epoch: Epoch { number: 1, reading: String::new(), writing: String::new(), bundles: vec![] },
            keyholders: vec![],
            actors: vec![
                actor(WRITER, &[Role::Writer]),
                actor(OTHER, &[Role::Writer]),
                actor(TESTER, &[Role::Tester]),
                actor(PRUNER, &[Role::Pruner]),
                actor(APPROVER, &[Role::Approver]),
            ],
            single_machine: false,
        };
        let mut world = Self { slots: vec![] };
        let mut body = world.body(ROOT, Entry::Created(created));
        body.repository = None;
        world.slot(Some(body));
        world
    }

    fn id() -> RepositoryId {
        RepositoryId::new([7; 32])
    }

    pub(crate) fn body(&self, by: u8, entry: Entry) -> Body {
        let n = self.slots.len() as u64;
        Body {
            v: FORMAT_VERSION,
            n,
            repository: Some(Self::id()),
            prev: self.slots.last().map_or(Link::ORIGIN, |s| s.link),
            actor: ActorId::new([by; 32]),
            nonce: n.to_string(),
            time: Timestamp::from_second(1_000 * n as i64).unwrap(),
            entry,
        }
    }

    pub(crate) fn slot(&mut self, body: Option<Body>) -> u64 {
        let n = self.slots.len() as u64;
        let prev = self.slots.last().map_or(Link::ORIGIN, |s| s.link);
        let bytes = body.as_ref().map_or(b"junk".to_vec(), |b| serde_json::to_vec(b).unwrap());
        self.slots.push(Slot { n, link: prev.then(&bytes), body });
        n
    }

    /// Appends, and gives the entry's number.
    pub(crate) fn say(&mut self, by: u8, entry: Entry) -> u64 {
        let body = self.body(by, entry);
        self.slot(Some(body))
    }

    pub(crate) fn state(&self) -> State {
        fold(Self::id(), &self.slots).unwrap()
    }

    /// Why the newest entry is void, if it is.
    pub(crate) fn void(&self) -> Option<VoidWhy> {
        let last = self.slots.len() as u64 - 1;
        self.state().voids.iter().find(|(n, _)| *n == last).map(|(_, why)| *why)
    }

    pub(crate) fn life(&self, name: u8) -> Life {
        let state = self.state();
        state.pack(&pack(name)).map(|(_, p)| p.life).or(state.orphans.get(&pack(name)).copied()).unwrap()
    }

    pub(crate) fn index_life(&self, name: u8) -> Life {
        let state = self.state();
        let known = state.indexes.iter().find(|i| i.index.name == index(name)).map(|i| i.life);
        known.or(state.orphan_indexes.get(&index(name)).copied()).unwrap()
    }
}
