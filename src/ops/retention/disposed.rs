//! What became of records that nothing lists any more: which disposal took them, for whoever asks by name.
//!
//! As long as a disposal can be called off its names are known. Afterwards only digests are: then a record is found
//! by its exact path alone, or by its exact name in any folder that the backup knows.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::disposals::{Disposal, Told, disposals, told};
use super::note;
use super::register::{RegisterNote, folder_digest, record_digest};
use crate::domain::id::Digest;
use crate::domain::path::RecordPath;
use crate::domain::pattern::Pattern;
use crate::ops::OpsError;
use crate::repo::error::RepoError;
use crate::repo::notes::RegisterKey;
use crate::repo::repository::Repository;

/// What was typed, in all its meanings.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Records, or folders that they lay in.
    pub paths: Vec<RecordPath>,
    /// A part of the name, or a pattern.
    pub pattern: Option<Pattern>,
    /// A whole name, to be looked for in `folders`.
    pub name: Option<Vec<u8>>,
    /// The folders that the backup knows.
    pub folders: Vec<RecordPath>,
}

/// Records of one disposal that fit what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposed {
    /// How many.
    pub records: u64,
    /// The first of them.
    pub path: RecordPath,
    /// The disposal.
    pub disposal: Disposal,
    /// Who approved it, by which minute, and when it ended.
    pub told: Told,
}

/// Records of a folder that one disposal took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// How many.
    pub records: u64,
    /// The plan's name.
    pub plan: String,
}

/// All disposals that hide records, ready to be asked.
pub struct Memory {
    key: RegisterKey,
    sets: BTreeSet<String>,
    all: Vec<One>,
}

struct One {
    disposal: Disposal,
    told: Told,
    withdrawn: Timestamp,
    known: Known,
}

enum Known {
    Names(Vec<(String, RecordPath)>),
    Digests { records: HashSet<Digest>, folders: HashMap<Digest, u64> },
}

impl Memory {
    /// Reads the disposals that are withdrawn or done. One whose notes cannot be read is passed over.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn load(repo: &Repository) -> Result<Self, OpsError> {
        let state = repo.state();
        let sets = state.snapshots.iter().map(|s| s.snapshot.set.clone()).collect();
        let mut memory = Self { key: repo.register_key(), sets, all: vec![] };
        for disposal in disposals(state).into_iter().filter(|d| d.state.is_withdrawn()) {
            let Some(withdrawn) = &disposal.state.withdrawn else { continue };
            let names = match disposal.state.is_open() {
                true => note::read_approval(repo, &disposal.state.note)?.ok(),
                false => None,
            };
            let known = match names {
                Some(approval) => Known::Names(approval.plan.records.into_iter().map(|r| (r.set, r.path)).collect()),
                None => match repo.read_note::<RegisterNote>(&withdrawn.register) {
                    Ok(note) => Known::Digests {
                        records: note.records.into_iter().map(|r| r.record).collect(),
                        folders: note.folders.into_iter().map(|f| (f.folder, f.records)).collect(),
                    },
                    Err(RepoError::NoteMissing(_) | RepoError::Note { .. }) => continue,
                    Err(e) => return Err(e.into()),
                },
            };
            let (told, withdrawn) = (told(repo, &disposal.state)?, withdrawn.time);
            memory.all.push(One { disposal, told, withdrawn, known });
        }
        Ok(memory)
    }

    /// Whether nothing was ever disposed of.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The disposals that took what was asked for, the newest first.
    pub fn find(&self, asked: &Asked) -> Vec<Disposed> {
        let mut exact: Vec<RecordPath> = asked.paths.clone();
        let in_folders = asked.name.iter().flat_map(|name| asked.folders.iter().filter_map(|f| f.child(name).ok()));
        exact.extend(in_folders);
        let mut found: Vec<(Timestamp, Disposed)> = vec![];
        for one in &self.all {
            let fitting: Vec<&RecordPath> = match &one.known {
                Known::Names(names) => names.iter().map(|(_, path)| path).filter(|path| fits(asked, path)).collect(),
                Known::Digests { records, .. } => exact.iter().filter(|path| self.is_in(records, path)).collect(),
            };
            let Some(path) = fitting.first() else { continue };
            let (disposal, told) = (one.disposal.clone(), one.told.clone());
            let records = fitting.len() as u64;
            found.push((one.withdrawn, Disposed { records, path: (*path).clone(), disposal, told }));
        }
        found.sort_by_key(|(withdrawn, _)| std::cmp::Reverse(*withdrawn));
        found.into_iter().map(|(_, one)| one).collect()
    }

    /// How many records that lay in a folder each disposal took, the newest first; of all where no folder is named.
    pub fn taken_from(&self, folder: Option<&RecordPath>, set: Option<&str>) -> Vec<Taken> {
        let meant = |name: &str| set.is_none_or(|set| set == name);
        let of = |one: &One| match (&one.known, folder) {
            (Known::Names(names), _) => {
                let below = |path: &RecordPath| folder.is_none_or(|f| path != f && path.is_within(f.as_bytes()));
                names.iter().filter(|(set, path)| meant(set) && below(path)).count() as u64
            }
            (Known::Digests { folders, .. }, Some(folder)) => {
                let sets = self.sets.iter().filter(|set| meant(set));
                sets.filter_map(|set| folders.get(&folder_digest(&self.key, set, folder))).sum()
            }
            (Known::Digests { .. }, None) => one.disposal.state.records,
        };
        let mut all: Vec<&One> = self.all.iter().collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.withdrawn));
        let taken = |one: &One| Taken { records: of(one), plan: one.disposal.state.plan.clone() };
        all.into_iter().map(taken).filter(|t| t.records > 0).collect()
    }

    /// How many records are known by digest alone: no part of their names is left.
    pub fn nameless(&self) -> u64 {
        let digests = self.all.iter().filter(|one| matches!(one.known, Known::Digests { .. }));
        digests.map(|one| one.disposal.state.records).sum()
    }

    fn is_in(&self, all: &HashSet<Digest>, path: &RecordPath) -> bool {
        self.sets.iter().any(|set| all.contains(&record_digest(&self.key, set, path)))
    }
}

fn fits(asked: &Asked, path: &RecordPath) -> bool {
    let below = asked.paths.iter().any(|p| path == p || path.is_within(p.as_bytes()));
    below || asked.pattern.as_ref().is_some_and(|pattern| pattern.matches(path))
}
