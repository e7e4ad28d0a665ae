//! An open repository: its log folded into a state, its keys, and where every chunk lies.
//!
//! Saying something means `append`: the decision is made from everything that was read, and made again from
//! scratch whenever somebody else was faster.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;

use super::bundles;
use super::chunk::{ChunkIndex, ChunkKey};
use super::elsewhere::Others;
use super::error::RepoError;
use super::keys::KeyRing;
use super::layout::{Key, PACKS};
use super::log::{look_at_end, read_stepping_over, seal_entry};
use super::log_copy::Kept;
use super::machine::{Machine, StateDir};
use super::open_pack::PackSource;
use super::pack::PackReader;
use super::seal::{Identity, Recipient};
use super::store::{Created, Listed, Store};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::id::{ActorId, ChunkId, IndexName, PackName, RepositoryId};
use crate::domain::log::entry::{Body, Entry, FORMAT_VERSION, Role};
use crate::domain::log::fold::{fold, fold_one_more};
use crate::domain::log::state::{Slot, State};

/// How often a commit is decided again before giving up.
const MAX_DECISIONS: u32 = 100;

/// What every operation is handed: time and chance.
#[derive(Clone)]
pub struct Env {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
}

/// How much of the log is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// What follows the entries at hand.
    Known,
    /// The same, as far as one needs who adds to it next.
    ToAdd,
    /// All of it.
    Fresh,
}

/// An open repository.
pub struct Repository {
    /// Where it lies.
    pub store: Store,
    /// Time and chance.
    pub env: Env,
    /// The keys at hand.
    pub ring: KeyRing,
    /// This machine, unless it was opened with a recovery key alone.
    pub machine: Option<Machine>,
    pub(super) dir: Option<StateDir>,
    pub(super) slots: Vec<Slot>,
    pub(super) kept: Kept,
    pub(super) state: State,
    /// The bundle that a holder's key alone opened, and its epoch: the root key signed it.
    pub(super) opened_with: Option<(u32, Bytes)>,
    pub(super) index: Option<ChunkIndex>,
    pub(super) lost_indexes: Vec<IndexName>,
    /// What lay in packs that are dead, and the entries that say so; looked up only to say why something is missing.
    pub(super) dead: OnceLock<HashMap<ChunkId, u64>>,
    /// Where chunks lie besides the place that the index prefers; looked up only when that fails.
    pub(super) others: OnceLock<Others>,
    /// Packs that failed while others had the same, by number, and why.
    pub(super) around: Mutex<BTreeMap<u32, String>>,
    /// Sizes of the packs that the store listed in this run, where it was opened to add to it.
    pub(super) listed: Option<HashMap<PackName, u64>>,
    /// Chunks that were got out of damaged packs and checked: read from here while a repair looks around.
    pub salvaged: HashMap<ChunkId, Vec<u8>>,
}

impl Repository {
    /// Opens as the machine that `dir` describes.
    ///
    /// # Errors
    /// [`RepoError::Machine`] when this machine is not set up; whatever reading the log can meet.
    pub fn open(store: Store, dir: StateDir, env: Env) -> Result<Self, RepoError> {
        Self::open_with(store, dir, env, Opening::Known)
    }

    /// As [`Repository::open`], for one whose next word is an entry of its own: one listing shows where the log ends and
    /// which packs are there. An entry that the listing left out is met when the own one is created, and read then.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub fn open_to_add(store: Store, dir: StateDir, env: Env) -> Result<Self, RepoError> {
        Self::open_with(store, dir, env, Opening::ToAdd)
    }

    /// As [`Repository::open`], but reads the whole log from the store: no local file decides a deletion.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub fn open_fresh(store: Store, dir: StateDir, env: Env) -> Result<Self, RepoError> {
        Self::open_with(store, dir, env, Opening::Fresh)
    }

    fn open_with(store: Store, dir: StateDir, env: Env, how: Opening) -> Result<Self, RepoError> {
        let Some(machine) = dir.load_machine()? else {
            let there = store.get(&Key::Log(0)).is_ok();
            let of = if there { RepoError::NoKeys } else { RepoError::NoRepository };
            return Err(of(store.address().into()));
        };
        let repository = machine.repository.ok_or_else(|| {
            RepoError::Machine(
                "this computer waits to be added: run 'strongroom actor add' where the recovery key is".into(),
            )
        })?;
        let ring = |stored: Bytes| Some((bundles::candidate(&stored, &machine.identity).ok()?.ring().ok()?, stored));
        let cached_bundle = super::local::read(&dir.file("bundle.age")).ok().flatten();
        let mut keys = match cached_bundle.map(Bytes::from).and_then(ring) {
            Some(keys) => keys,
            None => bundles::newest(&store, &machine, repository)?,
        };
        let (known, kept) = if how == Opening::Fresh { <_>::default() } else { dir.load_slots(repository)? };
        // Where a create may overwrite, nothing but the entry's own place says that it is free; a folder's is near.
        let by_listing = how == Opening::ToAdd && !store.is_folder() && !super::log::is_single(&known);
        let looked = match known.last().filter(|_| by_listing) {
            Some(newest) => look_at_end(&store, &keys.0.writing, &known, dir.load_end(newest).as_ref())?,
            None => None,
        };
        let (listed, ends) = looked.map(|(listed, ends)| (Listed::packs(listed), ends)).unzip();
        let slots = match ends {
            Some(true) => known,
            _ => bundles::read_log(&store, &machine, &mut keys, repository, known)?,
        };
        let (ring, stored) = keys;
        dir.check_memory(repository, &slots)?;
        let state = fold(repository, &slots)?;
        let mut repo = Self {
            machine: Some(machine),
            dir: Some(dir),
            kept,
            listed,
            ..Self::opened(store, env, ring, slots, state)
        };
        repo.trust_bundle(stored)?;
        repo.keep_slots()?;
        Ok(repo)
    }

    /// Opens with one keyholder's identity and the printed repository id: nothing local is needed or written.
    ///
    /// # Errors
    /// [`RepoError::WrongKey`] when the identity opens no bundle; [`RepoError::AnotherRepository`].
    pub fn open_with_identity(
        store: Store,
        identity: &Identity,
        id: RepositoryId,
        env: Env,
    ) -> Result<Self, RepoError> {
        Self::open_stepping_over(store, identity, id, env, 0)
    }

    /// As [`Repository::open_with_identity`]; a person has looked at the slots of the log below `accepted` that hold
    /// no entry, and calls them junk. What is appended next agrees with their bytes, and makes them void for everybody.
    ///
    /// # Errors
    /// As [`Repository::open_with_identity`].
    pub fn open_stepping_over(
        store: Store,
        identity: &Identity,
        id: RepositoryId,
        env: Env,
        accepted: u64,
    ) -> Result<Self, RepoError> {
        let zero = bundles::entry_zero(&store, id)?;
        let bundles::Newest { ring, stored, epoch, newer } = bundles::newest_of(&store, &zero, id, identity, |_| true)?;
        let slots = read_stepping_over(&store, &ring.writing, id, vec![], accepted).map_err(|e| match (e, newer) {
            // Only that could have opened it.
            (RepoError::LogDamaged { .. }, Some(damaged)) => RepoError::BundleDamaged(damaged),
            (e, _) => e,
        })?;
        let state = fold(id, &slots)?;
        Ok(Self { opened_with: Some((epoch, stored)), ..Self::opened(store, env, ring, slots, state) })
    }

    /// With nothing local, and nothing looked up yet.
    fn opened(store: Store, env: Env, ring: KeyRing, slots: Vec<Slot>, state: State) -> Self {
        Self {
            store,
            env,
            ring,
            machine: None,
            dir: None,
            slots,
            kept: Kept::default(),
            state,
            opened_with: None,
            index: None,
            lost_indexes: vec![],
            dead: OnceLock::new(),
            others: OnceLock::new(),
            around: Mutex::default(),
            listed: None,
            salvaged: HashMap::new(),
        }
    }

    /// Sizes of the packs that the store lists now. Where the log was just opened by a listing, that one serves, once: what
    /// is asked for later may rest on what came since.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn list_packs(&mut self) -> Result<HashMap<PackName, u64>, RepoError> {
        match self.listed.take() {
            Some(seen) => Ok(seen),
            None => Ok(Listed::packs(self.store.list(PACKS)?.0)),
        }
    }

    fn keep_slots(&mut self) -> Result<(), RepoError> {
        match &self.dir {
            Some(dir) => dir.save_slots(self.state.repository, &self.slots, &mut self.kept),
            None => Ok(()),
        }
    }

    /// What the log adds up to.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Every slot read, for `log`.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Where this machine keeps its files, if it is one.
    pub fn dir(&self) -> Option<&StateDir> {
        self.dir.as_ref()
    }

    /// Whether the keys at hand open packs.
    pub fn can_read(&self) -> bool {
        !self.ring.reading.is_empty()
    }

    /// The key of chunk ids.
    pub fn chunk_key(&self) -> ChunkKey {
        ChunkKey::new(self.ring.chunk_secret)
    }

    /// The recipient that packs are sealed to now.
    ///
    /// # Errors
    /// [`RepoError::Seal`] when it is of a kind this version does not know.
    pub fn reading_recipient(&self) -> Result<Recipient, RepoError> {
        Ok(self.state.epoch().reading.parse()?)
    }

    /// The recipient that log and index are sealed to now.
    ///
    /// # Errors
    /// [`RepoError::Seal`] when it is of a kind this version does not know.
    pub fn writing_recipient(&self) -> Result<Recipient, RepoError> {
        Ok(self.state.epoch().writing.parse()?)
    }

    /// The actors of this machine.
    pub fn own_actors(&self) -> Vec<ActorId> {
        self.machine.as_ref().map(Machine::actor_ids).unwrap_or_default()
    }

    /// Reads what others appended since.
    ///
    /// # Errors
    /// Whatever reading the log can meet.
    pub fn refresh(&mut self) -> Result<(), RepoError> {
        let before = self.slots.len();
        let (slots, newer) = self.read_further()?;
        self.slots = slots;
        if self.slots.len() != before {
            self.state = fold(self.state.repository, &self.slots)?;
            (self.index, self.dead, self.others) = (None, OnceLock::new(), OnceLock::new());
            self.follow_epoch(newer)?;
            self.keep_slots()?;
        }
        Ok(())
    }

    /// Appends what `decide` makes of the state; nothing when it makes nothing. Decides again after losing a race.
    /// Returns the entry's number.
    ///
    /// # Errors
    /// [`RepoError::NoRole`] when no key at hand may say it; [`RepoError::Contention`]; faults of the store, after
    /// which the entry may stand or not: run again.
    pub fn append(
        &mut self,
        decide: impl FnMut(&State) -> Result<Option<Entry>, RepoError>,
    ) -> Result<Option<u64>, RepoError> {
        self.append_as(None, decide)
    }

    /// As [`Repository::append`], said in one role where several may say it: only a pruner's index, say, takes the
    /// place of others.
    ///
    /// # Errors
    /// As [`Repository::append`].
    pub fn append_as(
        &mut self,
        role: Option<Role>,
        mut decide: impl FnMut(&State) -> Result<Option<Entry>, RepoError>,
    ) -> Result<Option<u64>, RepoError> {
        for _ in 0..MAX_DECISIONS {
            let Some(entry) = decide(&self.state)? else { return Ok(None) };
            let seed = self.seed_for(&entry, role)?;
            let n = self.state.next;
            let body = Body {
                v: FORMAT_VERSION,
                n,
                repository: Some(self.state.repository),
                prev: self.state.link,
                actor: seed.actor(),
                nonce: hex::encode(&self.env.entropy.bytes32()[..16]),
                time: self.env.clock.now(),
                entry,
            };
            let stored = seal_entry(&body, &seed, &self.writing_recipient()?)?;
            match self.store.create_marked(&Key::Log(n), &stored)? {
                (Created::Ours, mark) => {
                    let slot = Slot { n, link: self.state.link.then(&stored), body: Some(body) };
                    if let (Some(dir), Some(mark)) = (&self.dir, mark) {
                        dir.save_end(&slot, &mark);
                    }
                    self.slots.push(slot);
                    fold_one_more(&mut self.state, &self.slots)?;
                    self.keep_slots()?;
                    return Ok(Some(n));
                }
                (Created::Taken, _) => self.refresh()?,
            }
        }
        Err(RepoError::Contention)
    }

    fn seed_for(&self, entry: &Entry, role: Option<Role>) -> Result<super::sign::Seed, RepoError> {
        let role = role.filter(|r| entry.roles().contains(r));
        let roles = role.as_ref().map_or(entry.roles(), std::slice::from_ref);
        let needs = roles.first().copied();
        let refused = || needs.map_or(RepoError::WrongKey, RepoError::NoRole);
        if roles.contains(&Role::Root) || (roles.is_empty() && self.machine.is_none()) {
            return self.ring.root.clone().ok_or_else(refused);
        }
        let machine = self.machine.as_ref().ok_or_else(refused)?;
        let seed = machine.seed_for(roles).ok_or_else(refused)?;
        if self.state.may(&seed.actor(), roles) { Ok(seed.clone()) } else { Err(refused()) }
    }

    /// A pack's stored bytes, checked and opened.
    ///
    /// # Errors
    /// [`RepoError::CannotRead`], [`RepoError::PackMissing`], [`RepoError::Pack`]; faults of the store.
    pub fn open_pack(&self, number: u32) -> Result<PackReader, RepoError> {
        Ok(self.packs().whole(&self.pack_name(number)?)?.into_reader())
    }

    /// Where packs come from.
    pub fn packs(&self) -> PackSource<'_> {
        PackSource { store: &self.store, reading: &self.ring.reading, index: self.index.as_ref() }
    }

    /// A pack's stored size by number.
    ///
    /// # Errors
    /// [`RepoError::ChunkUnknown`] when there is no such number.
    pub fn pack_size(&self, number: u32) -> Result<u64, RepoError> {
        Ok(self.state.packs.get(number as usize).ok_or(RepoError::ChunkUnknown)?.pack.size)
    }

    /// The name of a pack by number.
    ///
    /// # Errors
    /// [`RepoError::ChunkUnknown`] when there is no such number.
    pub fn pack_name(&self, number: u32) -> Result<PackName, RepoError> {
        Ok(self.state.packs.get(number as usize).ok_or(RepoError::ChunkUnknown)?.pack.name)
    }
}
