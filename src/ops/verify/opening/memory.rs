//! What is remembered on this computer: verdicts by content, so that nothing is examined every night anew, the packs
//! of which every document was opened, and the documents that are spoiled, so that they stay told of until they are put
//! right. Losing it costs work, no truth: the versions that were sound are in the store, and are examined again; what a
//! person accepted is in the log.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Spoiled;
use super::earlier::Before;
use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::{Entry, Kind};
use crate::domain::log::bits::Bits;
use crate::domain::path::RecordPath;
use crate::ops::OpsError;
use crate::ops::sound::{Verdict, ending};
use crate::repo::error::RepoError;
use crate::repo::listing::{encode, find_entry, read_root};
use crate::repo::machine::StateDir;
use crate::repo::repository::Repository;

/// Its file.
const FILE: &str = "soundness.json";
/// Verdicts of another examiner are not believed: raise it when kinds are examined differently.
const EXAMINER: u32 = 1;
/// Verdicts kept, the newest.
const MOST_KNOWN: usize = 20_000;
/// Spoiled documents kept.
const MOST_STANDING: usize = 2_000;
/// After so many examinations that did not end, the document is let be for a while.
const MOST_TRIES: u32 = 2;
const LET_BE: SignedDuration = SignedDuration::from_hours(30 * 24);
const DOES_NOT_END: &str = "examinations of it do not end";

/// What is known of one content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Known {
    verdict: Verdict,
    on: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Standing {
    /// The record's path in hexadecimal: it may hold any byte.
    path: String,
    key: String,
    why: String,
    pub not_its_name: bool,
    sound_in: u64,
    sound_at: Timestamp,
    /// The first snapshot with what is bad now.
    #[serde(default)]
    pub bad_since: u64,
    /// The incident that it is part of.
    #[serde(default)]
    pub incident: Option<u64>,
}

/// All of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    examiner: u32,
    known: BTreeMap<String, Known>,
    pub standing: Vec<Standing>,
    /// Of one content of one record: what its earlier versions were.
    #[serde(default)]
    before: BTreeMap<String, Before>,
    /// A person's answer to an incident says that these are as they should be.
    #[serde(default)]
    accepted: BTreeSet<String>,
    /// Of these, what no entry of the log says yet, by incident.
    #[serde(default)]
    pub(super) unsaid: BTreeMap<u64, BTreeSet<String>>,
    /// What entries of the log accept, by entry: their notes were read once.
    #[serde(default)]
    pub(super) said: BTreeMap<u64, BTreeSet<String>>,
    /// Packs of which every live document was opened once.
    #[serde(default)]
    pub opened: Bits,
    /// Contents whose examination did not end: how often, and when it was last tried.
    #[serde(default)]
    unended: BTreeMap<String, (u32, Timestamp)>,
    /// When documents were last examined.
    pub last: Option<Timestamp>,
}

/// Which content, under which kind of name.
pub(super) fn key_of(entry: &Entry) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(ending(entry.path.as_bytes()).as_bytes()).update(&[0]).update(&entry.size().to_le_bytes());
    if let Kind::File(content) = &entry.kind {
        match &content.digest {
            Some(digest) => drop(hasher.update(digest.as_bytes())),
            None => drop(hasher.update(&encode(&content.pieces).unwrap_or_default())),
        }
    }
    hex::encode(&hasher.finalize().as_bytes()[..16])
}

/// Which content of which record.
fn key_of_record(key: &str, path: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.as_bytes()).update(path);
    hex::encode(&hasher.finalize().as_bytes()[..16])
}

fn is_let_be(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::NotCheckable(why) if why == DOES_NOT_END)
}

impl Memory {
    pub fn load(repo: &Repository) -> Self {
        let loaded: Option<Self> = repo.dir().and_then(|dir| dir.load_json(FILE));
        let mut memory = loaded.unwrap_or_default();
        if memory.examiner != EXAMINER {
            memory.known.clear();
            memory.unended.clear();
            memory.opened = Bits::default();
            memory.examiner = EXAMINER;
        }
        super::accepted::hear(&mut memory.said, repo);
        memory
    }

    pub fn save(&mut self, repo: &Repository) -> Result<(), RepoError> {
        if self.known.len() > MOST_KNOWN {
            let mut times: Vec<Timestamp> = self.known.values().map(|k| k.on).collect();
            times.sort_unstable();
            let oldest = times[times.len() - MOST_KNOWN];
            self.known.retain(|_, k| k.on >= oldest);
        }
        while self.before.len() > MOST_KNOWN {
            self.before.pop_first();
        }
        while self.accepted.len() > MOST_KNOWN {
            self.accepted.pop_first();
        }
        while self.unended.len() > MOST_STANDING {
            self.unended.pop_first();
        }
        match repo.dir() {
            Some(dir) => dir.save_json(FILE, self),
            None => Ok(()),
        }
    }

    fn is_accepted(&self, key: &str, path: &[u8]) -> bool {
        let wanted = key_of_record(key, path);
        self.accepted.contains(&wanted) || self.said.values().any(|said| said.contains(&wanted))
    }

    pub fn verdict(&self, key: &str, entry: &Entry, now: Timestamp) -> Option<Verdict> {
        if self.is_accepted(key, entry.path.as_bytes()) {
            return Some(Verdict::Sound);
        }
        let tried = self.unended.get(key).filter(|(times, _)| *times >= MOST_TRIES);
        if tried.is_some_and(|(_, last)| now.duration_since(*last).abs() < LET_BE) {
            return Some(Verdict::NotCheckable(DOES_NOT_END.into()));
        }
        self.known.get(key).map(|k| k.verdict.clone())
    }

    /// Whether nothing new would be found by examining it again.
    pub fn is_settled(&self, key: &str, entry: &Entry, now: Timestamp) -> bool {
        match self.verdict(key, entry, now) {
            None => false,
            Some(Verdict::Sound | Verdict::NotCheckable(_)) => true,
            Some(_) => self.before(key, entry).is_some(),
        }
    }

    pub fn before(&self, key: &str, entry: &Entry) -> Option<Before> {
        self.before.get(&key_of_record(key, entry.path.as_bytes())).cloned()
    }

    /// What may be otherwise next time is not remembered as a verdict: only that it was tried.
    pub fn learn(&mut self, key: &str, entry: &Entry, verdict: &Verdict, on: Timestamp) {
        if verdict.is_passing() {
            let tried = self.unended.entry(key.into()).or_insert((0, on));
            *tried = (if tried.0 >= MOST_TRIES { 1 } else { tried.0 + 1 }, on);
        } else if !self.is_accepted(key, entry.path.as_bytes()) && !is_let_be(verdict) {
            self.unended.remove(key);
            let known = Known { verdict: verdict.clone(), on };
            self.known.entry(key.into()).or_insert(known).on = on;
        }
    }

    /// Whether an examination of this content did not end.
    pub fn was_unended(&self, key: &str) -> bool {
        self.unended.contains_key(key)
    }

    pub fn learn_before(&mut self, key: &str, entry: &Entry, before: &Before) {
        self.before.insert(key_of_record(key, entry.path.as_bytes()), before.clone());
    }

    /// A document is spoiled until it is put right.
    pub fn stand(&mut self, entry: &Entry, key: &str, verdict: &Verdict, was: (u64, Timestamp), bad_since: u64) {
        let path = hex::encode(entry.path.as_bytes());
        let known = self.standing.iter().position(|s| s.path == path).map(|at| self.standing.remove(at));
        let incident = known.filter(|s| s.key == key).and_then(|s| s.incident);
        let (Verdict::Damaged(why) | Verdict::NotItsName(why)) = verdict else { return };
        if self.standing.len() < MOST_STANDING {
            let not_its_name = matches!(verdict, Verdict::NotItsName(_));
            let (key, why, (sound_in, sound_at)) = (key.to_owned(), why.clone(), was);
            let standing = Standing { path, key, why, not_its_name, sound_in, sound_at, bad_since, incident };
            self.standing.push(standing);
        }
    }

    /// Those that are still live with the same content. What cannot be looked up stands.
    pub fn standing(&mut self, repo: &mut Repository) -> Result<Vec<Spoiled>, OpsError> {
        let (mut kept, mut spoiled) = (vec![], vec![]);
        for standing in std::mem::take(&mut self.standing) {
            let bytes = hex::decode(&standing.path).unwrap_or_default();
            let Ok(path) = RecordPath::new(bytes) else { continue };
            if super::incident::is_answered(repo.state(), standing.incident) {
                let key = key_of_record(&standing.key, path.as_bytes());
                if !self.is_accepted(&standing.key, path.as_bytes()) {
                    self.unsaid.entry(standing.incident.unwrap_or_default()).or_default().insert(key.clone());
                }
                self.accepted.insert(key);
            }
            let accepted = self.is_accepted(&standing.key, path.as_bytes());
            let still = match live(repo, &path) {
                Ok(entry) => entry.is_some_and(|e| key_of(&e) == standing.key),
                Err(e) if e.is_damage() => true,
                Err(e) => return Err(e.into()),
            };
            if !still || accepted {
                continue;
            }
            spoiled.push(Spoiled {
                path,
                why: standing.why.clone(),
                not_its_name: standing.not_its_name,
                sound_in: SnapshotId(standing.sound_in),
                sound_at: standing.sound_at,
                incident: standing.incident,
            });
            kept.push(standing);
        }
        self.standing = kept;
        Ok(spoiled)
    }
}

/// The record as the newest snapshots have it.
fn live(repo: &mut Repository, path: &RecordPath) -> Result<Option<Entry>, RepoError> {
    let state = repo.state();
    let roots: Vec<ChunkId> = state.sets().iter().filter_map(|s| state.newest(s)).map(|s| s.snapshot.root).collect();
    let mut chunks = repo.chunks()?;
    for root in roots {
        let root = read_root(&mut chunks, &root)?;
        if let Some(entry) = find_entry(&mut chunks, &root.live, path)? {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Whether documents were spoiled when a test restore last looked: their last sound versions must not be given up.
pub fn any_spoiled(dir: &StateDir) -> bool {
    dir.load_json::<Memory>(FILE).is_some_and(|memory| !memory.standing.is_empty())
}

impl Memory {
    /// What a spoiled document of that name is accepted by, if there is one.
    pub fn key_standing(&self, path: &RecordPath) -> Option<String> {
        let name = hex::encode(path.as_bytes());
        let standing = self.standing.iter().find(|s| s.path == name)?;
        Some(key_of_record(&standing.key, path.as_bytes()))
    }

    /// It is no longer spoiled.
    pub fn settle(&mut self, path: &RecordPath) {
        let name = hex::encode(path.as_bytes());
        self.standing.retain(|s| s.path != name);
    }
}
