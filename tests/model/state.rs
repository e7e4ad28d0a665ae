//! The world: the store, the requests still under way, and where each actor stands. Also the two invariants.

use super::log::{Entry, Log, Packs};
use super::pruner::{self, Pruner};
use super::writer::{self, Writer};
use super::{Mistake, Rules};
use std::fmt;

pub const MAX_WRITERS: usize = 2;
pub const MAX_PRUNERS: usize = 2;
pub const MAX_SLOTS: usize = 6;
/// How many pack names a writer may use up.
pub const FRESH_NAMES: u8 = 2;
const MAX_PACKS: usize = 1 + MAX_WRITERS * FRESH_NAMES as usize;

/// Where a pack's object stands.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum Object {
    #[default]
    NeverStored,
    Present,
    Deleted,
}

/// A create whose sender gave up waiting: it may land at any later step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LateCreate {
    pub slot: u8,
    pub entry: Entry,
}

/// One state of the world.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct State {
    pub log: Log,
    pub objects: [Object; MAX_PACKS],
    pub late_creates: [Option<LateCreate>; MAX_WRITERS + MAX_PRUNERS],
    pub late_deletes: Packs,
    pub writers: [Writer; MAX_WRITERS],
    pub pruners: [Pruner; MAX_PRUNERS],
}

/// Who took a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Network,
    Writer(usize),
    Pruner(usize),
}

/// One step, in words for a trace.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub who: Who,
    pub did: &'static str,
    pub slot: Option<u8>,
    pub packs: Packs,
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.who {
            Who::Network => write!(out, "network: {}", self.did)?,
            Who::Writer(number) => write!(out, "writer {number} {}", self.did)?,
            Who::Pruner(number) => write!(out, "pruner {number} {}", self.did)?,
        }
        if let Some(slot) = self.slot {
            write!(out, " [slot {slot}]")?;
        }
        if !self.packs.is_empty() {
            write!(out, " {}", self.packs)?;
        }
        Ok(())
    }
}

/// Where the steps that are possible next are gathered.
pub type Next = Vec<(Step, State)>;

impl State {
    /// An empty log, and one pack from before that nothing references.
    pub fn start() -> Self {
        let mut state = State::default();
        state.objects[0] = Object::Present;
        state
    }

    /// The number of entries, which is also the next free slot.
    pub fn head(&self) -> u8 {
        self.log.iter().take_while(|entry| **entry != Entry::Empty).count() as u8
    }

    /// The store's create: refused where something is, unless the store is the bad one.
    pub fn create(&mut self, slot: u8, entry: Entry, rules: &Rules) -> bool {
        if usize::from(slot) >= rules.bounds.slots {
            return false;
        }
        let place = &mut self.log[usize::from(slot)];
        let free = *place == Entry::Empty || rules.broken(Mistake::StoreIgnoresPrecondition);
        if free {
            *place = entry;
        }
        free
    }

    pub fn object(&self, pack: u8) -> Object {
        self.objects[usize::from(pack)]
    }

    pub fn upload(&mut self, pack: u8) {
        self.objects[usize::from(pack)] = Object::Present;
    }

    pub fn delete(&mut self, pack: u8) {
        let object = &mut self.objects[usize::from(pack)];
        if *object == Object::Present {
            *object = Object::Deleted;
        }
    }

    /// The packs whose object is in the store.
    pub fn present(&self) -> Packs {
        (0..MAX_PACKS as u8)
            .filter(|pack| self.object(*pack) == Object::Present)
            .fold(Packs::default(), |set, pack| set.with(Packs::one(pack)))
    }

    /// How many snapshots are committed.
    pub fn snapshots(&self) -> usize {
        self.log.iter().filter(|entry| matches!(entry, Entry::Snapshot { .. })).count()
    }

    /// Whether some snapshot references a pack that had been condemned before it.
    pub fn rescued(&self) -> bool {
        let mut condemned = Packs::default();
        self.log.iter().any(|entry| match *entry {
            Entry::Condemned(packs) => {
                condemned = condemned.with(packs);
                false
            }
            Entry::Snapshot { pack, .. } => condemned.has(pack),
            _ => false,
        })
    }

    /// The first invariant: what a snapshot needs is in the store.
    pub fn snapshot_lost(&self) -> bool {
        self.log
            .iter()
            .any(|entry| matches!(entry, Entry::Snapshot { pack, .. } if self.object(*pack) != Object::Present))
    }

    /// The second invariant: an entry that exists stays as it is.
    pub fn entry_changed(&self, before: &State) -> bool {
        before.log.iter().zip(&self.log).any(|(old, new)| *old != Entry::Empty && old != new)
    }

    /// Everything that may happen next.
    pub fn successors(&self, rules: &Rules, next: &mut Next) {
        self.late_requests_land(rules, next);
        for number in 0..rules.bounds.writers {
            writer::steps(self, number, rules, next);
        }
        for number in 0..rules.bounds.pruners {
            pruner::steps(self, number, rules, next);
        }
    }

    fn late_requests_land(&self, rules: &Rules, next: &mut Next) {
        let step = |did, slot, packs| Step { who: Who::Network, did, slot, packs };
        for (sender, late) in self.late_creates.iter().enumerate() {
            let Some(late) = late else { continue };
            let mut then = *self;
            then.late_creates[sender] = None;
            let landed = then.create(late.slot, late.entry, rules);
            let did = if landed { "a late create lands" } else { "a late create is refused" };
            next.push((step(did, Some(late.slot), Packs::default()), then));
        }
        for pack in (0..rules.bounds.packs() as u8).filter(|pack| self.late_deletes.has(*pack)) {
            let mut then = *self;
            then.late_deletes = then.late_deletes.without(Packs::one(pack));
            then.delete(pack);
            next.push((step("a late delete lands", None, Packs::one(pack)), then));
        }
    }
}
