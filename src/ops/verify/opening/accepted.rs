//! What a person accepts as it should be although it does not open: an entry of the log whose sealed note says which
//! contents of which records, by digest. It outlives the computer on which it was said, and names no document.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::memory::Memory;
use crate::domain::log::Role;
use crate::domain::log::entry::Entry;
use crate::domain::path::RecordPath;
use crate::ops::OpsError;
use crate::ops::retention::note::{self, WhyNote};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// The kind of the note.
const DOCUMENTS: &str = "documents";
/// So many documents stand in one note at most.
const MOST: usize = 20_000;

/// Who accepted documents as they are, why, and which.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Note {
    by: String,
    note: String,
    /// Digests of content and record.
    documents: BTreeSet<String>,
}

/// Reads the notes that were not read yet. What the log no longer says counts no longer; a note that cannot be read
/// accepts nothing: its documents are told of again.
pub(super) fn hear(said: &mut BTreeMap<u64, BTreeSet<String>>, repo: &Repository) {
    let entries: BTreeMap<u64, _> = repo.state().documents_accepted.iter().copied().collect();
    said.retain(|at, _| entries.contains_key(at));
    for (at, name) in entries.iter().filter(|_| repo.can_read()) {
        if !said.contains_key(at)
            && let Ok(Ok(note)) = note::read::<Note>(repo, DOCUMENTS, name)
        {
            said.insert(*at, note.documents.into_iter().take(MOST).collect());
        }
    }
}

fn put(repo: &mut Repository, why: &WhyNote, documents: BTreeSet<String>) -> Result<u64, RepoError> {
    let count = documents.len() as u64;
    let said = Note { by: why.by.clone(), note: why.note.clone(), documents };
    let entry = Entry::DocumentsAccepted { documents: count, note: note::put(repo, DOCUMENTS, &said)? };
    repo.append(|_| Ok(Some(entry.clone())))?.ok_or(RepoError::Contention)
}

/// A person has looked: this spoiled document is as it should be. The entry that says so; `None` where this computer knows
/// of no spoiled document of that name.
///
/// # Errors
/// [`OpsError::Usage`] for words that fit no line; [`RepoError::NoRole`]; [`RepoError::CannotRead`]; faults of the store and
/// of the state folder.
pub fn accept(repo: &mut Repository, path: &RecordPath, why: &WhyNote) -> Result<Option<u64>, OpsError> {
    let why = WhyNote { by: note::line("--by", &why.by)?, note: note::line("--note", &why.note)? };
    let mut memory = Memory::load(repo);
    let Some(key) = memory.key_standing(path) else { return Ok(None) };
    let documents = BTreeSet::from([key]);
    let entry = put(repo, &why, documents.clone())?;
    memory.said.insert(entry, documents);
    memory.settle(path);
    memory.save(repo)?;
    Ok(Some(entry))
}

/// The same of what was accepted with an incident. Where this computer may not say it, it stays its own business.
pub(super) fn put_answered(repo: &mut Repository, memory: &mut Memory) -> Result<(), RepoError> {
    let approver = repo.machine.as_ref().and_then(|m| m.seed_for(&[Role::Approver]));
    if !approver.is_some_and(|s| repo.state().may(&s.actor(), &[Role::Approver])) {
        return Ok(());
    }
    while let Some((incident, documents)) = memory.unsaid.first_key_value().map(|(n, d)| (*n, d.clone())) {
        let bodies = repo.slots().iter().filter_map(|s| s.body.as_ref());
        let mut answer = bodies.filter_map(|b| match &b.entry {
            Entry::IncidentResolved { incident: n, by, note } if *n == incident => {
                Some(WhyNote { by: by.clone(), note: note.clone() })
            }
            _ => None,
        });
        let why = answer.next_back().unwrap_or(WhyNote { by: String::new(), note: format!("incident {incident}") });
        let entry = put(repo, &why, documents.clone())?;
        memory.said.insert(entry, documents);
        memory.unsaid.remove(&incident);
    }
    Ok(())
}
