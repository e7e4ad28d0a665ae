//! Which records a restore is about.
//!
//! A folder means its newest state; what was removed from it earlier comes only when asked for. A record (or a
//! folder) that is gone itself comes back as it last was. A damaged page is a problem; what it does not hold
//! comes back.

use std::collections::{BTreeSet, HashMap};

use super::item::{Item, What};
use crate::domain::id::SnapshotId;
use crate::domain::listing::{Content, Entry, Kind};
use crate::domain::path::RecordPath;
use crate::domain::pattern::Pattern;
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::OpsError;
use crate::ops::query::View;
use crate::ops::query::view::is_past;
use crate::repo::error::RepoError;

/// A part of what is to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selected {
    /// Everything.
    All,
    /// This record; if it is a folder, everything below it too.
    Within(RecordPath),
    /// Every record whose name fits, and everything in folders whose names fit.
    Fits(Pattern),
}

/// What was found, sorted by path, no path twice.
#[derive(Default)]
pub(super) struct Selection {
    pub items: Vec<Item>,
    pub problems: Vec<Problem>,
    /// Records that fit but are gone, and were not asked for.
    pub hidden: u64,
    /// Records that are gone: of one path, what is there now comes before them.
    gone: Vec<Item>,
    links: HashMap<(usize, Option<SnapshotId>, u64), Leader>,
}

struct Leader {
    path: RecordPath,
    content: Content,
}

/// One pass over a snapshot: where to begin and end, and what counts.
struct Pass<'a> {
    within: Option<&'a RecordPath>,
    wanted: &'a dyn Fn(&Entry) -> bool,
    gone: &'a dyn Fn(&Entry) -> bool,
}

/// Finds the records.
///
/// # Errors
/// Faults of the store. Damage is a problem.
pub(super) fn select(
    view: &mut View<'_>,
    selection: &[Selected],
    include_deleted: bool,
) -> Result<Selection, OpsError> {
    let mut found = Selection { problems: view.problems.clone(), ..Selection::default() };
    let whole = selection.iter().any(|s| !matches!(s, Selected::Within(_)));
    if whole {
        let wanted = |entry: &Entry| {
            selection.iter().any(|s| match s {
                Selected::All => true,
                Selected::Within(path) => entry.path.is_within(path.as_bytes()),
                Selected::Fits(pattern) => pattern.matches_within(&entry.path),
            })
        };
        let pass = Pass { within: None, wanted: &wanted, gone: &|_| include_deleted };
        found.pass(view, &pass)?;
    }
    for path in selection.iter().filter_map(|s| if let Selected::Within(p) = s { Some(p) } else { None }) {
        let since = gone_since(view, path, &mut found.problems)?;
        if whole && since.is_none() {
            continue;
        }
        let gone = |entry: &Entry| {
            let last_seen = entry.gone.as_ref().map(|g| g.last_seen);
            include_deleted || (since.is_some() && (entry.path == *path || last_seen == since))
        };
        found.pass(view, &Pass { within: Some(path), wanted: &|e| e.path.is_within(path.as_bytes()), gone: &gone })?;
    }
    let gone = std::mem::take(&mut found.gone);
    found.items.extend(gone);
    found.add_parents(view)?;
    // Stable: of one path the first stays, live before gone, the newest snapshot's before the others'.
    found.items.sort_by(|a, b| a.path.cmp(&b.path));
    found.items.dedup_by(|a, b| a.path == b.path);
    found.join_links()?;
    Ok(found)
}

/// If the record is gone: the snapshot that last saw it.
fn gone_since(
    view: &mut View<'_>,
    path: &RecordPath,
    problems: &mut Vec<Problem>,
) -> Result<Option<SnapshotId>, OpsError> {
    match view.lookup(path) {
        Ok(hit) => Ok(hit.filter(|h| !h.live).and_then(|h| h.entry.gone).map(|g| g.last_seen)),
        Err(OpsError::Repo(e)) if e.is_damage() => {
            problems.push(Problem::of(path, ProblemKind::Damaged, format!("it could not be looked up: {e}")));
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

impl Selection {
    fn pass(&mut self, view: &mut View<'_>, pass: &Pass<'_>) -> Result<(), OpsError> {
        for at in view.newest_first() {
            let mut stream = view.stream(at, pass.within, true)?;
            loop {
                let (entry, live) = match stream.next(&mut view.chunks) {
                    Ok(Some(next)) => next,
                    Ok(None) => break,
                    Err(e) if e.is_damage() => {
                        let chosen = &view.chosen[at];
                        let detail = format!(
                            "a part of the listing of '{}' (snapshot {}) cannot be read: {e}",
                            chosen.set, chosen.id
                        );
                        self.problems.push(Problem { path: None, kind: ProblemKind::Damaged, detail });
                        continue;
                    }
                    Err(e) => return Err(e.into()),
                };
                if pass.within.is_some_and(|folder| is_past(&entry.path, folder)) {
                    break;
                }
                if !(pass.wanted)(&entry) {
                    continue;
                }
                // What could not be read was not deleted: its last version belongs to what is there.
                let unreadable = entry.gone.as_ref().is_some_and(|g| g.unreadable);
                if live || unreadable || (pass.gone)(&entry) {
                    self.add(at, &entry, live)?;
                } else {
                    self.hidden += 1;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, at: usize, entry: &Entry, live: bool) -> Result<(), RepoError> {
        let Some(mut item) = Item::new(entry)? else { return Ok(()) };
        if let Kind::File(content @ Content { link_group: Some(group), .. }) = &entry.kind {
            let key = (at, entry.gone.as_ref().map(|g| g.last_seen), *group);
            match self.links.get(&key) {
                Some(leader) if leader.path != entry.path && leader.content == *content => {
                    // Resolved to the leader's place once all items are in order.
                    item.link = Some(0);
                }
                Some(_) => {}
                None => {
                    self.links.insert(key, Leader { path: entry.path.clone(), content: content.clone() });
                }
            }
        }
        if live {
            self.items.push(item)
        } else {
            self.gone.push(item)
        }
        Ok(())
    }

    /// Further names of a file point to the item that is written.
    fn join_links(&mut self) -> Result<(), RepoError> {
        if self.links.is_empty() {
            return Ok(());
        }
        let place = |items: &[Item], path: &RecordPath| items.binary_search_by(|i| i.path.cmp(path)).ok();
        let mut leaders: HashMap<u64, Vec<(u32, Content)>> = HashMap::new();
        for leader in std::mem::take(&mut self.links).into_values() {
            if let (Some(at), Some(group)) = (place(&self.items, &leader.path), leader.content.link_group) {
                leaders.entry(group).or_default().push((at as u32, leader.content));
            }
        }
        for at in 0..self.items.len() {
            if self.items[at].link.is_none() {
                continue;
            }
            let content = self.items[at].content()?;
            let of_group = content.link_group.and_then(|g| leaders.get(&g));
            let leader = of_group.and_then(|all| all.iter().find(|(_, c)| *c == content));
            let leader = leader.map(|(l, _)| *l).filter(|l| *l as usize != at);
            // Another set's record of the same path may have taken the leader's place.
            self.items[at].link = leader.filter(|l| self.items[*l as usize].content().is_ok_and(|c| c == content));
        }
        Ok(())
    }

    /// Folders on the way to what was selected come with their own owner, mode and time.
    fn add_parents(&mut self, view: &mut View<'_>) -> Result<(), OpsError> {
        let have: BTreeSet<&RecordPath> = self.items.iter().filter(|i| i.what == What::Dir).map(|i| &i.path).collect();
        let mut missing: BTreeSet<RecordPath> = BTreeSet::new();
        for item in &self.items {
            let mut path = item.path.clone();
            while let Some(parent) = path.parent().and_then(|p| RecordPath::new(p).ok()) {
                if have.contains(&parent) || !missing.insert(parent.clone()) {
                    break;
                }
                path = parent;
            }
        }
        for path in missing {
            let hit = match view.lookup(&path) {
                Ok(hit) => hit,
                Err(OpsError::Repo(e)) if e.is_damage() => None,
                Err(e) => return Err(e),
            };
            let Some(entry) = hit.map(|h| h.entry).filter(|e| e.kind == Kind::Dir) else { continue };
            if let Some(mut item) = Item::new(&entry)? {
                item.implied = true;
                self.items.push(item);
            }
        }
        Ok(())
    }
}
