//! The facts of every record, from the listings of all kept snapshots.
//!
//! Each distinct page is read and decoded once, in the order in which pages are stored. Nothing that is damaged is
//! passed over: a record decided on half its facts could go too early. Always of all sets: a record that moved to
//! another set is still there.

mod content;
mod gathered;
mod pages;
mod presence;
mod shares;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::id::{KeyholderId, SnapshotId};
use crate::domain::log::state::State;
use crate::domain::path::RecordPath;
use crate::domain::retention::record::RecordFacts;
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::error::RepoError;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;
pub use content::content_id;
use pages::{Kept, Pages};
use shares::Of;

/// A set, and its newest snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetFacts {
    /// Its name.
    pub set: Arc<str>,
    /// Its newest snapshot.
    pub newest: SnapshotId,
    /// When that was begun.
    pub began: Timestamp,
    /// The machine that made it.
    pub machine: KeyholderId,
    /// The folders it holds.
    pub folders: Vec<RecordPath>,
}

/// What the listings say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// All records, by set and path.
    pub records: Vec<RecordFacts>,
    /// All sets, by name.
    pub sets: Vec<SetFacts>,
    /// A mass change that waits for a person, by its entry: what is live is in doubt, and nothing is disposed of.
    pub incident: Option<u64>,
    /// Snapshots whose listings were read.
    pub snapshots: u64,
    /// Distinct pages that were read.
    pub pages: u64,
    /// The number of the entry that the log was read up to: what comes later is not in these facts.
    pub upto: u64,
}

impl Facts {
    /// The record at a path of a set.
    pub fn find(&self, set: &str, path: &RecordPath) -> Option<usize> {
        self.records.binary_search_by(|r| (&*r.set, &r.path).cmp(&(set, path))).ok()
    }
}

/// Gathers the facts of all records.
///
/// # Errors
/// [`RepoError::CannotRead`]; any damage of a listing; faults of the store; interrupted.
pub fn gather(repo: &mut Repository, monitor: &dyn Monitor, stop: &Stop) -> Result<Facts, OpsError> {
    if !repo.can_read() {
        return Err(RepoError::CannotRead.into());
    }
    let state = repo.state();
    let incident = state.open_incidents().find(|i| i.incident.what.stops()).map(|i| i.at);
    let mut facts = Facts { incident, upto: state.next, ..Facts::default() };
    let began = rising_times(state);
    let kept = |set: &str| -> Vec<Kept> {
        let of_set = state.live_snapshots().filter(|s| s.snapshot.set == set);
        of_set.map(|s| Kept { id: s.id, began: began[&s.id], root: s.snapshot.root }).collect()
    };
    let sets: Vec<(Arc<str>, Vec<Kept>)> = state.sets().into_iter().map(|s| (s.as_str().into(), kept(&s))).collect();
    let machines: HashMap<SnapshotId, KeyholderId> = state.snapshots.iter().map(|s| (s.id, s.machine)).collect();
    let mut chunks = repo.chunks()?;
    for (set, kept) in &sets {
        let Some(newest) = kept.last() else { continue };
        let folders = gather_set(&mut chunks, set, kept, &began, &mut facts, (monitor, stop))?;
        let (newest, began, machine) = (newest.id, newest.began, machines[&newest.id]);
        facts.sets.push(SetFacts { set: Arc::clone(set), newest, began, machine, folders });
        facts.snapshots += kept.len() as u64;
    }
    supersede(&mut facts);
    Ok(facts)
}

/// When each snapshot was begun, but never before what stands in front of it in the log: a backup made while a clock
/// was dead must not look years old.
fn rising_times(state: &State) -> HashMap<SnapshotId, Timestamp> {
    let mut newest = state.created_at;
    let mut rising = |began: Timestamp| {
        newest = began.max(newest.checked_add(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MAX));
        newest
    };
    state.snapshots.iter().map(|s| (s.id, rising(s.snapshot.began))).collect()
}

/// Adds one set's records; its newest folders are returned.
fn gather_set(
    chunks: &mut ChunkReader<'_>,
    set: &Arc<str>,
    kept: &[Kept],
    began: &HashMap<SnapshotId, Timestamp>,
    facts: &mut Facts,
    (monitor, stop): (&dyn Monitor, &Stop),
) -> Result<Vec<RecordPath>, OpsError> {
    let mut pages = Pages::of(chunks, kept, stop)?;
    let folders = std::mem::take(&mut pages.folders);
    let pages = pages.in_stored_order(chunks);
    monitor.stage("reading listings", Some(pages.len() as u64));
    let of = Of { set, kept, began };
    facts.records.append(&mut shares::read(chunks, of, &pages, (monitor, stop))?);
    facts.pages += pages.len() as u64;
    Ok(folders)
}

/// A folder that a newer set of the same machine holds now is that set's: what the older one says of it is history. Two
/// machines may each have a folder of one name: neither says anything of the other's.
fn supersede(facts: &mut Facts) {
    let mut order: Vec<&SetFacts> = facts.sets.iter().collect();
    order.sort_by_key(|s| std::cmp::Reverse((s.began, s.newest)));
    let mut older: Vec<(Arc<str>, Timestamp, RecordPath, Arc<str>)> = vec![];
    for (place, set) in order.iter().enumerate() {
        for folder in &set.folders {
            if let Some(by) = order[..place].iter().find(|n| n.machine == set.machine && n.folders.contains(folder)) {
                older.push((Arc::clone(&set.set), set.began, folder.clone(), Arc::clone(&by.set)));
            }
        }
    }
    for (set, began, folder, by) in older {
        let from = facts.records.partition_point(|r| (&*r.set, r.path.as_bytes()) < (&*set, folder.as_bytes()));
        let mut at = from;
        while let Some(record) = facts.records.get(at).filter(|r| r.set == set) {
            if !record.path.as_bytes().starts_with(folder.as_bytes()) {
                break;
            }
            if record.path.is_within(folder.as_bytes()) {
                let successor = facts.find(&by, &record.path).map(|s| facts.records[s].clone());
                succeed(&mut facts.records[at], began, successor.as_ref());
            }
            at += 1;
        }
    }
}

/// `old` lay in a folder that another set holds now; `new` is what lies there under the same name.
fn succeed(old: &mut RecordFacts, began: Timestamp, new: Option<&RecordFacts>) {
    if std::mem::take(&mut old.live) {
        old.last_seen = Some(began);
    }
    old.unreadable &= new.is_none();
    let Some(new) = new else { return };
    (old.live, old.unreadable) = (new.live, new.unreadable);
    old.last_seen = old.last_seen.max(new.last_seen).filter(|_| !new.live);
    if new.observed >= old.observed {
        (old.observed, old.modified) = (new.observed, new.modified);
    }
}
