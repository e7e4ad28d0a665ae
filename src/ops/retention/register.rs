//! The register of disposals: which records are not shown, not restored and not listed again.
//!
//! A record is known in it by keyed digests alone. It is hidden only where it was last seen before its withdrawal:
//! what appears at the same path later is a new record, and always kept. Without disposals it costs nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::facts::content_id;
use super::versions::Versions;
use crate::domain::id::{Digest, SnapshotId};
use crate::domain::listing::Entry;
use crate::domain::path::RecordPath;
use crate::domain::retention::plan::Plan;
use crate::domain::retention::record::ContentId;
use crate::repo::error::RepoError;
use crate::repo::notes::RegisterKey;
use crate::repo::repository::Repository;

/// The kind of the note.
pub const REGISTER: &str = "register";
/// So many folders of one plan are counted: every backup reads the note.
const MOST_FOLDERS: usize = 20_000;

/// The note that a withdrawal names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterNote {
    /// Always `register`.
    pub kind: String,
    /// The records.
    pub records: Vec<Registered>,
    /// How many of them lay in each folder, at any depth.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<InFolder>,
}

/// How many records of a plan lay in one folder, at any depth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFolder {
    /// The digest of its set and path.
    pub folder: Digest,
    /// How many.
    pub records: u64,
}

/// One record in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The digest of its set and path.
    pub record: Digest,
    /// The digests of set, path and content: those of its versions that were known when it was withdrawn, but empty ones.
    pub contents: Vec<Digest>,
}

/// All withdrawn records of a repository.
#[derive(Default)]
pub struct Register {
    key: Option<RegisterKey>,
    /// Each record, and the newest entry that withdrew it.
    records: HashMap<Digest, u64>,
    contents: HashSet<Digest>,
    /// Withdrawals whose note cannot be read: nothing is known of their records.
    pub unreadable: Vec<u64>,
}

/// The digest of a record, whatever its content.
pub fn record_digest(key: &RegisterKey, set: &str, path: &RecordPath) -> Digest {
    key.digest(set, path, ContentId::NOTHING.as_bytes())
}

/// The digest of a folder: never that of a record, or of a version of one.
pub fn folder_digest(key: &RegisterKey, set: &str, path: &RecordPath) -> Digest {
    key.digest(set, path, &[1; 32])
}

fn folders(key: &RegisterKey, plan: &Plan) -> Vec<InFolder> {
    let mut counts: BTreeMap<(&str, RecordPath), u64> = BTreeMap::new();
    for record in &plan.records {
        let mut above = record.path.parent().and_then(|p| RecordPath::new(p).ok());
        while let Some(folder) = above {
            above = folder.parent().and_then(|p| RecordPath::new(p).ok());
            *counts.entry((&record.set, folder)).or_default() += 1;
        }
    }
    let of = |((set, path), records): (&(&str, RecordPath), &u64)| InFolder {
        folder: folder_digest(key, set, path),
        records: *records,
    };
    counts.iter().take(MOST_FOLDERS).map(of).collect()
}

/// The register of a plan, with the other versions of its records where they were looked for.
pub(super) fn of_plan(key: &RegisterKey, plan: &Plan, versions: Option<&Versions>) -> RegisterNote {
    let records = plan.records.iter().map(|r| {
        let others = versions.and_then(|v| v.get(&(r.set.clone(), r.path.clone()))).into_iter().flatten();
        let mut all: Vec<ContentId> = others.copied().chain([r.content]).filter(|c| !c.is_nothing()).collect();
        all.sort();
        all.dedup();
        let digest = |c: ContentId| key.digest(&r.set, &r.path, c.as_bytes());
        let (record, contents) = (record_digest(key, &r.set, &r.path), all.into_iter().map(digest).collect());
        Registered { record, contents }
    });
    RegisterNote { kind: REGISTER.into(), records: records.collect(), folders: folders(key, plan) }
}

impl Register {
    /// Reads the registers of all disposals that are withdrawn and not cancelled. A note that is lost or damaged is
    /// named and passed over: getting records back comes before hiding some.
    ///
    /// # Errors
    /// [`RepoError::CannotRead`] when there is a register and no key to read it; faults of the store.
    pub fn load(repo: &Repository) -> Result<Self, RepoError> {
        let state = repo.state();
        let mut register = Self::default();
        for disposal in state.disposals.iter().filter(|d| d.is_withdrawn()) {
            let Some(withdrawn) = &disposal.withdrawn else { continue };
            match repo.read_note::<RegisterNote>(&withdrawn.register) {
                Ok(note) => register.add(&note, withdrawn.at),
                Err(RepoError::NoteMissing(_) | RepoError::Note { .. }) => register.unreadable.push(disposal.at),
                Err(e) => return Err(e),
            }
        }
        if !register.records.is_empty() {
            register.key = Some(repo.register_key());
        }
        Ok(register)
    }

    /// The register of one disposal alone.
    pub fn of_one(repo: &Repository, note: &RegisterNote, withdrawn_at: u64) -> Self {
        let mut register = Self { key: Some(repo.register_key()), ..Self::default() };
        register.add(note, withdrawn_at);
        register
    }

    fn add(&mut self, note: &RegisterNote, at: u64) {
        for registered in &note.records {
            let newest = self.records.entry(registered.record).or_insert(at);
            *newest = (*newest).max(at);
            self.contents.extend(&registered.contents);
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether an entry of a snapshot's listing is a disposed record's.
    pub fn is_disposed(&self, set: &str, entry: &Entry, snapshot: SnapshotId, live: bool) -> bool {
        // What does not say when it was last seen was seen before the snapshot that lists it.
        let seen = entry.gone.as_ref().filter(|_| !live).map_or(snapshot, |gone| gone.last_seen);
        self.hides(set, &entry.path, seen)
    }

    /// Whether a record last seen by this snapshot is a disposed one.
    pub fn hides(&self, set: &str, path: &RecordPath, seen: SnapshotId) -> bool {
        let Some(key) = &self.key else { return false };
        self.records.get(&record_digest(key, set, path)).is_some_and(|at| seen.0 < *at)
    }

    /// Whether a live record is one that was disposed of, come back with the content of one of its versions.
    pub fn has_reappeared(&self, set: &str, entry: &Entry) -> bool {
        self.key.is_some() && self.is_again(set, &entry.path, content_id(entry))
    }

    /// As [`Register::has_reappeared`], of what the facts say of a live record.
    pub fn is_again(&self, set: &str, path: &RecordPath, content: ContentId) -> bool {
        let Some(key) = &self.key else { return false };
        !content.is_nothing() && self.contents.contains(&key.digest(set, path, content.as_bytes()))
    }
}
