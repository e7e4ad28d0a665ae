//! What this machine keeps about a repository: its keys, its pin, and the newest entry it remembers.
//!
//! `<state>/machine.json` (0600) holds secrets; `<state>/memory.json` the witness; `<state>/cache/` only what
//! can be fetched again and is checked when it is used.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::RepoError;
use super::local;
use super::log_copy::Kept;
use super::seal::{Identity, SealError, identity_line};
use super::sign::Seed;
use super::store::Mark;
use crate::domain::id::{ActorId, IndexName, KeyholderId, Link, PackName, RepositoryId};
use crate::domain::log::entry::{Actor, Keyholder, Role};
use crate::domain::log::state::Slot;

#[derive(Serialize, Deserialize)]
struct StoredMachine {
    repository: Option<RepositoryId>,
    machine: KeyholderId,
    name: String,
    identity: String,
    reads: bool,
    seeds: Vec<StoredSeed>,
}

#[derive(Serialize, Deserialize)]
struct StoredSeed {
    role: Role,
    seed: String,
}

/// This machine, as keyholder and as actors.
#[derive(Clone)]
pub struct Machine {
    /// The repository it is pinned to; `None` while it waits to be added.
    pub repository: Option<RepositoryId>,
    /// Its name as a keyholder; shared by all its actors.
    pub id: KeyholderId,
    /// A function, not a person: `office server`.
    pub name: String,
    /// Opens its bundle in `keys/`.
    pub identity: Identity,
    /// Whether it asks for, or has, the reading identity.
    pub reads: bool,
    /// Its signing keys: one a role.
    pub seeds: Vec<(Role, Seed)>,
}

/// The file that names packs found damaged; it decides only what is not relied on.
pub const DAMAGED_PACKS: &str = "damaged.json";

/// The files of one machine.
#[derive(Debug, Clone)]
pub struct StateDir(PathBuf);

#[derive(Serialize, Deserialize)]
struct Memory {
    repository: RepositoryId,
    n: u64,
    link: Link,
}

const END: &str = "cache/end.json";

#[derive(Serialize, Deserialize)]
struct End {
    n: u64,
    link: Link,
    mark: Mark,
}

impl Machine {
    /// Makes a new machine with its own keys.
    pub fn generate(name: &str, reads: bool, roles: &[Role], entropy: &dyn crate::domain::clock::Entropy) -> Self {
        let seeds = roles.iter().map(|r| (*r, Seed::new(entropy.bytes32()))).collect();
        let id = KeyholderId::new(entropy.bytes32());
        Self { repository: None, id, name: name.into(), identity: Identity::generate(), reads, seeds }
    }

    /// The seed that may say what needs one of `roles`; any of its seeds when `roles` is empty.
    pub fn seed_for(&self, roles: &[Role]) -> Option<&Seed> {
        self.seeds.iter().find(|(r, _)| roles.is_empty() || roles.contains(r)).map(|(_, s)| s)
    }

    /// The public keys of its actors.
    pub fn actor_ids(&self) -> Vec<ActorId> {
        self.seeds.iter().map(|(_, s)| s.actor()).collect()
    }

    /// Its actors, as the roster shows them.
    pub fn actors(&self) -> Vec<Actor> {
        let actor = |(role, seed): &(Role, Seed)| Actor {
            key: seed.actor(),
            machine: self.id,
            name: self.name.clone(),
            roles: vec![*role],
            reads: self.reads,
        };
        self.seeds.iter().map(actor).collect()
    }

    /// Itself as a keyholder.
    pub fn keyholder(&self) -> Keyholder {
        let recipient = self.identity.recipient().to_string();
        Keyholder { id: self.id, name: self.name.clone(), recipient, reads: self.reads }
    }
}

impl StateDir {
    /// The folder; made when first written to.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// This machine, if it was set up.
    ///
    /// # Errors
    /// [`RepoError::Machine`] when the file is damaged; [`RepoError::Local`].
    pub fn load_machine(&self) -> Result<Option<Machine>, RepoError> {
        let path = self.file("machine.json");
        let Some(bytes) = local::read(&path)? else { return Ok(None) };
        let damaged = || {
            RepoError::Machine(format!(
                "{} is damaged. Set this computer up again with the recovery sheet: strongroom recover",
                path.display()
            ))
        };
        let stored: StoredMachine = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let mut seeds = vec![];
        for s in &stored.seeds {
            let mut seed = [0; 32];
            hex::decode_to_slice(&s.seed, &mut seed).map_err(|_| damaged())?;
            seeds.push((s.role, Seed::new(seed)));
        }
        let identity = Identity::parse(&stored.identity).map_err(|_: SealError| damaged())?;
        let StoredMachine { repository, machine, name, reads, .. } = stored;
        Ok(Some(Machine { repository, id: machine, name, identity, reads, seeds }))
    }

    /// Keeps this machine's keys.
    ///
    /// # Errors
    /// [`RepoError::Local`].
    pub fn save_machine(&self, m: &Machine) -> Result<(), RepoError> {
        let seeds = m.seeds.iter().map(|(r, s)| StoredSeed { role: *r, seed: hex::encode(s.secret_bytes()) }).collect();
        let stored = StoredMachine {
            repository: m.repository,
            machine: m.id,
            name: m.name.clone(),
            identity: identity_line(&m.identity),
            reads: m.reads,
            seeds,
        };
        self.save_json("machine.json", &stored)
    }

    /// Replaces a small JSON file of this machine's own.
    ///
    /// # Errors
    /// [`RepoError::Local`].
    pub fn save_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), RepoError> {
        let bytes = serde_json::to_vec_pretty(value).map_err(|e| RepoError::Machine(e.to_string()))?;
        Ok(local::replace(&self.file(name), &bytes)?)
    }

    /// The same for what this machine can do without: not forced to the disk.
    ///
    /// # Errors
    /// [`RepoError::Local`].
    pub fn save_json_copy<T: Serialize>(&self, name: &str, value: &T) -> Result<(), RepoError> {
        let bytes = serde_json::to_vec_pretty(value).map_err(|e| RepoError::Machine(e.to_string()))?;
        Ok(local::replace_copy(&self.file(name), &bytes)?)
    }

    /// A small JSON file of this machine's own; `None` when it is absent or damaged.
    pub fn load_json<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&local::read(&self.file(name)).ok()??).ok()
    }

    /// Packs that this machine found damaged, until a repair takes them off the note.
    pub fn damaged_packs(&self) -> BTreeSet<PackName> {
        self.load_json(DAMAGED_PACKS).unwrap_or_default()
    }

    /// Notes that these are damaged, too: no backup relies on them, and what the sources still have is stored again.
    ///
    /// # Errors
    /// [`RepoError::Local`].
    pub fn note_damaged(&self, packs: impl IntoIterator<Item = PackName>) -> Result<(), RepoError> {
        let mut known = self.damaged_packs();
        known.extend(packs);
        self.set_damaged(&known)
    }

    /// Notes that these are damaged, and no others.
    ///
    /// # Errors
    /// [`RepoError::Local`].
    pub fn set_damaged(&self, packs: &BTreeSet<PackName>) -> Result<(), RepoError> {
        if self.damaged_packs() == *packs { Ok(()) } else { self.save_json(DAMAGED_PACKS, packs) }
    }

    /// Keeps a copy of the slots and, forced to the disk, the newest link seen.
    ///
    /// # Errors
    /// [`RepoError::Local`].
    pub fn save_slots(&self, repository: RepositoryId, slots: &[Slot], kept: &mut Kept) -> Result<(), RepoError> {
        let Some(last) = slots.last() else { return Ok(()) };
        self.keep_copy(repository, slots, kept);
        self.save_json("memory.json", &Memory { repository, n: last.n, link: last.link })
    }

    /// Remembers how a listing shows the newest entry, which this machine made. A copy: without it the entry is read.
    pub fn save_end(&self, slot: &Slot, mark: &Mark) {
        let _ = self.save_json_copy(END, &End { n: slot.n, link: slot.link, mark: mark.clone() });
    }

    /// How a listing shows this entry, if that is remembered.
    pub fn load_end(&self, slot: &Slot) -> Option<Mark> {
        self.load_json(END).filter(|e: &End| (e.n, e.link) == (slot.n, slot.link)).map(|e| e.mark)
    }

    /// Compares what was read with what this machine remembers: the past may grow, never change.
    ///
    /// # Errors
    /// [`RepoError::RolledBack`]; [`RepoError::Machine`] when the memory is damaged: without it nobody could tell.
    pub fn check_memory(&self, repository: RepositoryId, slots: &[Slot]) -> Result<(), RepoError> {
        let path = self.file("memory.json");
        let Some(bytes) = local::read(&path)? else { return Ok(()) };
        let damaged = |_| {
            RepoError::Machine(format!(
                "{} is damaged: it is how this computer would notice that the store has gone back in time. Move the \
                 file away, see whether the newest entries are those that you expect (strongroom log), then run again",
                path.display()
            ))
        };
        let memory: Memory = serde_json::from_slice(&bytes).map_err(damaged)?;
        if memory.repository != repository {
            return Ok(());
        }
        let shown = match slots.get(memory.n as usize) {
            Some(slot) if slot.link == memory.link => return Ok(()),
            Some(_) => format!("another entry {}", memory.n),
            None => format!("only {} entries", slots.len()),
        };
        Err(RepoError::RolledBack { remembered: memory.n, shown })
    }

    /// A cached index object's stored bytes.
    pub fn load_index(&self, name: &IndexName) -> Option<Bytes> {
        let bytes = local::read(&self.file(&format!("cache/index/{name}"))).ok()??;
        (IndexName::of(&bytes) == *name).then(|| bytes.into())
    }

    /// Keeps an index object's stored bytes. A cache that cannot be written is no failure.
    pub fn save_index(&self, name: &IndexName, stored: &[u8]) {
        let _ = local::replace_copy(&self.file(&format!("cache/index/{name}")), stored);
    }
}
