//! Signs of life in the store: one is left at the end of a run, and the newest that its actor signed is found again.
//!
//! What must hold: a run looks at its actor's last one, puts one object at most and never overwrites one; what is deleted is
//! an actor's own heartbeat, and only while [`KEPT`] newer ones of its own lie there. The log never names them, so nothing
//! hangs on them. Of what lies in the folder only a signature counts: names, numbers and times of others' making are junk.

use std::collections::BTreeSet;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::envelope;
use super::error::RepoError;
use super::layout::{HEARTBEAT, Key};
use super::machine::{Machine, StateDir};
use super::sign::{Purpose, Seed};
use super::store::{Created, Store, StoreFault};
use crate::domain::heartbeat::{Health, Heartbeat, LogEnd, SetBeat, SetLabel, VERSION};
use crate::domain::id::{ActorId, Digest, RepositoryId};
use crate::domain::log::entry::Role;

/// So many of an actor's heartbeats stay.
pub const KEPT: u64 = 32;
/// Taken away in one run at most: where a store refused for a time, they do not go all at once.
const DELETIONS: u32 = 4;
/// Names that are tried before giving up: where a state folder was set back, or somebody put junk there.
const TRIES: u32 = 4;
/// Objects of one actor that are opened in search of one that it signed.
const OPENED: usize = 64;
/// The highest number that a name has room for.
const HIGHEST: u64 = 9_999_999_999;
/// What labels are made with.
const LABELS: &str = "strongroom heartbeat set v1";
/// The file in the state folder.
const MEMORY: &str = "heartbeat.json";

/// The label of a set in public.
pub fn label(chunk_secret: &[u8; 32], set: &str) -> SetLabel {
    let key = zeroize::Zeroizing::new(blake3::derive_key(LABELS, chunk_secret));
    let digest = blake3::keyed_hash(&key, set.as_bytes());
    let mut eight = [0; 8];
    eight.copy_from_slice(&digest.as_bytes()[..8]);
    SetLabel::new(eight)
}

/// What a machine remembers of its own. A copy: without it the store is asked.
#[derive(Serialize, Deserialize)]
struct Memory {
    repository: RepositoryId,
    actor: ActorId,
    sequence: u64,
    /// The oldest that may still lie in the store.
    oldest: u64,
    /// Of all the others: a flipped bit is noticed.
    digest: Digest,
}

impl Memory {
    fn new(repository: RepositoryId, actor: ActorId, sequence: u64, oldest: u64) -> Self {
        let digest = Digest::of(format!("{repository} {} {sequence} {oldest}", actor.to_hex()).as_bytes());
        Self { repository, actor, sequence, oldest, digest }
    }

    fn is_whole(&self) -> bool {
        self.digest == Self::new(self.repository, self.actor, self.sequence, self.oldest).digest
    }
}

/// What there is to say.
#[derive(Debug, Clone)]
pub struct News {
    /// How this machine sees itself.
    pub health: Health,
    /// The sets.
    pub sets: Vec<SetBeat>,
    /// The end of the log.
    pub log: LogEnd,
}

/// Leaves a sign of life. `None` where this machine backs nothing up.
///
/// # Errors
/// The store takes none. Nothing else is harmed by that.
pub fn leave(
    store: &Store,
    dir: &StateDir,
    machine: &Machine,
    now: Timestamp,
    news: &News,
) -> Result<Option<Heartbeat>, RepoError> {
    let seed = machine.seed_for(&[Role::Writer]);
    let (Some(seed), Some(repository)) = (seed, machine.repository) else { return Ok(None) };
    let (actor, News { health, sets, log }) = (seed.actor(), news);
    let known = dir
        .load_json::<Memory>(MEMORY)
        .filter(|m| m.is_whole() && m.repository == repository && m.actor == actor && m.sequence < HIGHEST);
    let (mut sequence, mut oldest) = match &known {
        // One's own newest always lies there. In a state folder of long ago it is one that was taken away since, and the
        // next would be hidden behind the newer ones for as long.
        Some(m) if matches!(read(store, repository, &actor, m.sequence)?, Read::Signed(_)) => {
            (m.sequence + 1, m.oldest)
        }
        _ => after(store, repository, &actor)?,
    };
    let time = Timestamp::from_second(now.as_second()).unwrap_or(now);
    for attempt in 1..=TRIES {
        if sequence > HIGHEST {
            break;
        }
        let (health, sets, log) = (*health, sets.clone(), *log);
        let heartbeat = Heartbeat { v: VERSION, repository, actor, sequence, time, health, sets, log };
        if store.create(&Key::Heartbeat(actor, sequence), &sealed(&heartbeat, seed)?)? == Created::Ours {
            thin(store, &actor, sequence, &mut oldest);
            // Without it the next run asks the store.
            let _ = dir.save_json_copy(MEMORY, &Memory::new(repository, actor, sequence, oldest));
            return Ok(Some(heartbeat));
        }
        // A state folder of earlier days, or junk of somebody's.
        (sequence, oldest) = if attempt == 1 { after(store, repository, &actor)? } else { (sequence + 1, oldest) };
    }
    Err(RepoError::Contention)
}

/// The next free number of an actor whose numbers are not remembered, and the oldest that is there. Whoever puts junk in
/// the way puts as much as they like: the first free name is known from one listing.
fn after(store: &Store, repository: RepositoryId, actor: &ActorId) -> Result<(u64, u64), RepoError> {
    let found = newest(store, repository, std::slice::from_ref(actor))?;
    let taken: BTreeSet<u64> = found.names.iter().map(|(_, n)| *n).collect();
    let first = found.beats.first().map_or(1, |b| b.heartbeat.sequence + 1);
    let next = (first..).find(|n| !taken.contains(n)).unwrap_or(first);
    Ok((next, taken.first().copied().unwrap_or(next)))
}

/// The stored bytes.
///
/// # Errors
/// Never: it is plain data.
pub fn sealed(heartbeat: &Heartbeat, seed: &Seed) -> Result<Bytes, RepoError> {
    let line = serde_json::to_vec(heartbeat).map_err(|e| RepoError::Machine(e.to_string()))?;
    Ok(Bytes::from(envelope::wrap(seed, Purpose::Heartbeat, &line)))
}

/// Takes the actor's oldest away while there are more than are kept. A store that refuses keeps them.
fn thin(store: &Store, actor: &ActorId, newest: u64, oldest: &mut u64) {
    for _ in 0..DELETIONS {
        if oldest.saturating_add(KEPT) > newest || store.delete(&Key::Heartbeat(*actor, *oldest)).is_err() {
            return;
        }
        *oldest += 1;
    }
}

/// A heartbeat that its actor signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// What it says.
    pub heartbeat: Heartbeat,
    /// When the store says it was written.
    pub stored: Timestamp,
}

/// What lies in the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest of each actor asked for that left any.
    pub beats: Vec<Beat>,
    /// Objects under such an actor's name, newer than these, that it did not sign or that say something else.
    pub junk: usize,
    /// Objects under names of other actors, or under no names of ours.
    pub strange: usize,
    /// The names of these actors that are taken, by whatever; the newest of each first.
    pub names: Vec<(ActorId, u64)>,
}

/// Looks for the newest signs of life of these actors of this repository.
///
/// # Errors
/// Faults of the store.
pub fn newest(store: &Store, repository: RepositoryId, actors: &[ActorId]) -> Result<Found, RepoError> {
    let (listed, foreign) = store.list(HEARTBEAT)?;
    let mut found = Found { strange: foreign, ..Found::default() };
    let mut named: Vec<(ActorId, u64)> = vec![];
    for listed in listed {
        match listed.key {
            Key::Heartbeat(actor, n) if actors.contains(&actor) => named.push((actor, n)),
            _ => found.strange += 1,
        }
    }
    named.sort_by_key(|(actor, n)| (*actor, std::cmp::Reverse(*n)));
    for actor in actors {
        for (actor, n) in named.iter().filter(|(a, _)| a == actor).take(OPENED) {
            match read(store, repository, actor, *n)? {
                Read::Signed(beat) => {
                    found.beats.push(*beat);
                    break;
                }
                Read::Junk => found.junk += 1,
                // Its actor took it away meanwhile.
                Read::Gone => {}
            }
        }
    }
    found.names = named;
    Ok(found)
}

enum Read {
    Signed(Box<Beat>),
    Junk,
    Gone,
}

fn read(store: &Store, repository: RepositoryId, actor: &ActorId, n: u64) -> Result<Read, RepoError> {
    let (stored, modified) = match store.get_dated(&Key::Heartbeat(*actor, n)) {
        Ok(got) => got,
        Err(e) if e.is_too_large() => return Ok(Read::Junk),
        Err(e) if e.fault() == StoreFault::Missing => return Ok(Read::Gone),
        Err(e) => return Err(e.into()),
    };
    let said = envelope::unwrap(&stored, actor, Purpose::Heartbeat).and_then(|b| serde_json::from_slice(b).ok());
    let fits = |h: &Heartbeat| h.repository == repository && h.actor == *actor && h.sequence == n;
    Ok(match said.filter(fits) {
        Some(heartbeat) => Read::Signed(Box::new(Beat { heartbeat, stored: modified })),
        None => Read::Junk,
    })
}
