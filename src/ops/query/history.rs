//! All versions of one record, and when each was there.

use std::rc::Rc;

use jiff::Timestamp;

use super::stream::{Hidden, Merged, layers};
use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::{Entry, Kind, PageRef};
use crate::domain::path::RecordPath;
use crate::ops::OpsError;
use crate::ops::retention::register::Register;
use crate::repo::listing::{find_entry, read_root};
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// A run of snapshots in which a record had the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// As the last of them has it.
    pub entry: Entry,
    /// The set.
    pub set: String,
    /// The first snapshot and its time.
    pub first: (SnapshotId, Timestamp),
    /// The last one and its time.
    pub last: (SnapshotId, Timestamp),
    /// The snapshots of its own were thinned out: the listing of what is gone still holds this one.
    pub gone: bool,
}

/// The versions of a record, oldest first. A page that several snapshots share is read once.
///
/// # Errors
/// Damage and faults of the store.
pub fn history(repo: &mut Repository, path: &RecordPath) -> Result<Vec<Version>, OpsError> {
    let all: Vec<_> = repo
        .state()
        .live_snapshots()
        .map(|s| (s.id, s.snapshot.set.clone(), s.snapshot.began, s.snapshot.root))
        .collect();
    let register = Rc::new(Register::load(repo)?);
    let mut chunks = repo.chunks()?;
    let mut versions: Vec<Version> = vec![];
    let mut open: Vec<(String, ChunkId, Option<Entry>)> = vec![];
    for (id, set, began, root) in &all {
        let root = read_root(&mut chunks, root)?;
        let page = page_of(&root.live, path).map(|p| p.id);
        let known = open.iter().position(|(s, ..)| s == set);
        let entry = match (known, page) {
            (Some(at), Some(page)) if open[at].1 == page => open[at].2.clone(),
            _ => find_entry(&mut chunks, &root.live, path)?,
        };
        if let Some(page) = page {
            open.retain(|(s, ..)| s != set);
            open.push((set.clone(), page, entry.clone()));
        }
        let hidden = Hidden { register: Rc::clone(&register), set: set.clone(), snapshot: *id };
        if let Some(entry) = entry.filter(|e| !hidden.is_disposed(e, true)) {
            add(&mut versions, entry, set, (*id, *began));
        } else if all.iter().rfind(|(_, s, ..)| s == set).is_some_and(|(newest, ..)| newest == id) {
            add_gone(&mut chunks, &root, path, hidden, &mut versions)?;
        }
    }
    versions.sort_by_key(|v| v.first);
    Ok(versions)
}

fn page_of<'p>(pages: &'p [PageRef], path: &RecordPath) -> Option<&'p PageRef> {
    pages.partition_point(|p| p.first <= *path).checked_sub(1).map(|at| &pages[at])
}

fn add(versions: &mut Vec<Version>, entry: Entry, set: &str, at: (SnapshotId, Timestamp)) {
    match versions.iter_mut().rfind(|v| v.set == set) {
        Some(v) if same_content(&v.entry, &entry) => {
            v.last = at;
            v.entry = entry;
        }
        _ => versions.push(Version { entry, set: set.into(), first: at, last: at, gone: false }),
    }
}

/// The last version may outlive its snapshots in the listing of what is gone.
fn add_gone(
    chunks: &mut ChunkReader<'_>,
    root: &crate::domain::listing::Root,
    path: &RecordPath,
    hidden: Hidden,
    versions: &mut Vec<Version>,
) -> Result<(), OpsError> {
    let all = layers(chunks, root)?;
    let next = Merged::new(all, Some(path)).hiding(hidden).next(chunks)?;
    let Some((entry, false)) = next.filter(|(e, _)| e.path == *path) else {
        return Ok(());
    };
    let last = versions.iter().rfind(|v| v.set == root.set);
    if last.is_none_or(|v| !same_content(&v.entry, &entry)) {
        let seen = entry.gone.as_ref().map_or((SnapshotId(0), 0), |g| (g.last_seen, g.last_seen_s));
        let at = (seen.0, super::hit::moment(seen.1));
        versions.push(Version { entry, set: root.set.clone(), first: at, last: at, gone: true });
    }
    Ok(())
}

/// Whether two entries stand for the same bytes; what they are linked with does not matter.
pub fn same_content(a: &Entry, b: &Entry) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::File(x), Kind::File(y)) => {
            x.size == y.size && if x.digest.is_some() { x.digest == y.digest } else { x.pieces == y.pieces }
        }
        (x, y) => x == y,
    }
}
