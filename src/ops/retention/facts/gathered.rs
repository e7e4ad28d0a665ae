//! What all pages of a set say of one path, and the facts that follow.
//!
//! The version that was seen last is the record's, and says when its first one was: an older snapshot may tell of another
//! record that had the same path. What is in doubt comes out as unknown or as the answer that keeps longer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::content_id;
use super::pages::{As, Kept, PageUse, Sight};
use super::presence::{Presence, Presences, union};
use crate::domain::id::SnapshotId;
use crate::domain::listing::{Entry, Gone};
use crate::domain::path::RecordPath;
use crate::domain::retention::record::{ContentId, RecordFacts};
use crate::ops::query::hit::moment;

/// One path so far.
struct Path {
    /// The version seen last: by which snapshot, and whether that snapshot's own listing says so.
    last: (Sight, bool),
    modified: Timestamp,
    content: ContentId,
    size: u64,
    /// The first version's own date, as the version seen last says it.
    first: Option<Timestamp>,
    /// Places of the first and last kept snapshot that held it live.
    live: Option<(u32, u32)>,
    /// What the newest snapshot says of it as gone: when it was seen last, and whether it may still exist.
    newest_gone: Option<(Sight, bool)>,
    presence: Presence,
}

/// Everything known of a set's paths.
pub struct Gathered<'k> {
    kept: &'k [Kept],
    /// When each snapshot began, given up ones too.
    began: &'k HashMap<SnapshotId, Timestamp>,
    paths: HashMap<RecordPath, Path>,
    presences: Presences,
    /// What the newest snapshot holds live and is no file.
    others: HashSet<RecordPath>,
}

impl<'k> Gathered<'k> {
    /// Of a set with these snapshots.
    pub fn new(kept: &'k [Kept], began: &'k HashMap<SnapshotId, Timestamp>) -> Self {
        let (paths, others) = (HashMap::new(), HashSet::new());
        Self { kept, began, paths, presences: Presences::default(), others }
    }

    fn newest(&self) -> u32 {
        u32::try_from(self.kept.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Takes in a page.
    pub fn add(&mut self, page: &PageUse, entries: Vec<Entry>) {
        let ranges = page.uses.iter().fold(vec![], |sum, (_, ranges)| union(&sum, ranges));
        let presence = self.presences.number(ranges);
        let newest = self.newest();
        let live_now = page.uses.iter().any(|(role, r)| *role == As::Live && r.last().is_some_and(|l| l.1 == newest));
        for entry in entries {
            if entry.is_file() {
                self.add_file(page, presence, entry);
            } else if live_now {
                self.others.insert(entry.path);
            }
        }
    }

    fn add_file(&mut self, page: &PageUse, presence: Presence, entry: Entry) {
        let (newest, own) = (self.newest(), own_date(&entry));
        let first_date = match entry.first {
            Some(seconds) => Timestamp::from_second(seconds).ok(),
            None => own,
        };
        let modified = own.unwrap_or(Timestamp::UNIX_EPOCH);
        let (content, size) = (content_id(&entry), entry.size());
        for (role, ranges) in &page.uses {
            let (Some((from, _)), Some((_, to))) = (ranges.first(), ranges.last()) else { continue };
            let live = *role == As::Live;
            let last = match role {
                As::Live => self.sight(*to),
                As::Gone => self.said(entry.gone.as_ref(), *to),
                As::Was(sight) => *sight,
            };
            // What is known through an older root only, nobody has looked for since.
            let unreadable = match role {
                As::Gone => entry.gone.as_ref().is_some_and(Gone::may_still_exist),
                As::Was(_) => true,
                As::Live => false,
            };
            let newest_gone = (!live && *to == newest).then_some((last, unreadable));
            let live = live.then_some((*from, *to));
            let new = || Path {
                last: (last, live.is_some()),
                modified,
                content,
                size,
                first: first_date,
                live,
                newest_gone,
                presence,
            };
            let Some(path) = self.paths.get_mut(&entry.path) else {
                self.paths.insert(entry.path.clone(), new());
                continue;
            };
            if (last, live.is_some()) > path.last {
                path.last = (last, live.is_some());
                (path.modified, path.content, path.size, path.first) = (modified, content, size, first_date);
            }
            path.live = match (path.live, live) {
                (Some((a, b)), Some((from, to))) => Some((a.min(from), b.max(to))),
                (known, new) => known.or(new),
            };
            path.newest_gone = path.newest_gone.max(newest_gone);
            path.presence = self.presences.both(path.presence, presence);
        }
    }

    fn sight(&self, place: u32) -> Sight {
        self.kept.get(place as usize).map(|k| (k.id, k.began))
    }

    /// What an entry says about when it was seen last, in a listing of the snapshot at `place`: never after that.
    fn said(&self, gone: Option<&Gone>, place: u32) -> Sight {
        let gone = gone.filter(|g| (g.last_seen, g.last_seen_s) != (SnapshotId(0), 0))?;
        let when = self.began.get(&gone.last_seen).copied().unwrap_or_else(|| moment(gone.last_seen_s));
        let said = Some((gone.last_seen, when));
        said.min(self.sight(place))
    }

    /// The facts, in no order.
    pub fn facts(self, set: &Arc<str>) -> impl Iterator<Item = RecordFacts> {
        let ids: Vec<SnapshotId> = self.kept.iter().map(|k| k.id).collect();
        let (spelt, newest) = (self.presences.spelt_out(&ids), self.newest());
        let (kept, others, set) = (self.kept, self.others, Arc::clone(set));
        let began = |place: u32| kept.get(place as usize).map_or(Timestamp::MAX, |k| k.began);
        self.paths.into_iter().map(move |(path, p)| {
            let listed = p.live.is_some_and(|(_, to)| to == newest);
            // Something else is at its place: until people have looked, it counts as there.
            let live = listed || others.contains(&path);
            let seen = p.last.0.map(|(_, when)| when);
            RecordFacts {
                set: Arc::clone(&set),
                live,
                unreadable: !live && p.newest_gone.is_some_and(|(_, unreadable)| unreadable),
                created: p.first,
                modified: p.modified,
                // Unknown: then no date of its own can be believed.
                observed: seen.unwrap_or(Timestamp::UNIX_EPOCH),
                first_seen: p.live.map(|(from, _)| began(from)).or(seen).unwrap_or(Timestamp::MAX),
                last_seen: seen.filter(|_| !live),
                content: p.content,
                size: p.size,
                snapshots: spelt.of(p.presence),
                path,
            }
        })
    }
}

/// A file's own date; nothing where it is none that a calendar holds.
fn own_date(entry: &Entry) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(entry.meta.mtime_ns).ok()?;
    Timestamp::new(entry.meta.mtime_s, nanoseconds).ok()
}

#[cfg(test)]
#[path = "gathered_tests.rs"]
mod tests;
