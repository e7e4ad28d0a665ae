//! What all pages of a set say of one path, and the facts that follow.
//!
//! The version that was seen last is the record's, and says when its first one was: an older snapshot may tell of another
//! record that had the same path. What is in doubt comes out as unknown or as the answer that keeps longer.

use std::cmp::Ordering::{Equal, Less};
use std::collections::btree_map::Range;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use jiff::Timestamp;

use super::content::Content;
use super::pages::{As, Kept, PageUse, Sight};
use super::presence::{Presence, Presences, union};
use crate::domain::id::SnapshotId;
use crate::domain::listing::Gone;
use crate::domain::path::RecordPath;
use crate::domain::retention::record::RecordFacts;
use crate::ops::query::hit::moment;
use crate::repo::error::RepoError;
use crate::repo::view::{ContentView, EntryView, KindView};

/// One path so far.
struct Path {
    /// The version seen last: by which snapshot, and whether that snapshot's own listing says so.
    last: (Sight, bool),
    modified: Timestamp,
    content: Content,
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
    /// The number of each path in `paths`.
    numbers: BTreeMap<RecordPath, u32>,
    paths: Vec<Path>,
    presences: Presences,
    /// What the newest snapshot holds live and is no file.
    others: HashSet<RecordPath>,
    stretch: Stretch,
}

/// The paths that are gathered: from the first, and before the second.
type Stretch = (Option<RecordPath>, Option<RecordPath>);

/// A file of a page.
type File<'e> = (&'e EntryView<'e>, &'e ContentView);

impl<'k> Gathered<'k> {
    /// Of a set with these snapshots; all its paths.
    #[cfg(test)]
    pub fn new(kept: &'k [Kept], began: &'k HashMap<SnapshotId, Timestamp>) -> Self {
        Self::of_stretch(kept, began, (None, None))
    }

    /// Of a set with these snapshots.
    pub fn of_stretch(kept: &'k [Kept], began: &'k HashMap<SnapshotId, Timestamp>, stretch: Stretch) -> Self {
        let (numbers, paths, others) = (BTreeMap::new(), vec![], HashSet::new());
        Self { kept, began, numbers, paths, presences: Presences::default(), others, stretch }
    }

    fn newest(&self) -> u32 {
        u32::try_from(self.kept.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Takes in a page, whose paths rise.
    ///
    /// # Errors
    /// [`RepoError::Listing`] when it reaches beyond where its root says that it ends, or there are too many records.
    pub fn add(&mut self, page: &PageUse, entries: &[EntryView<'_>]) -> Result<(), RepoError> {
        if let (Some(last), Some(until)) = (entries.last(), &page.until)
            && last.path >= until.as_bytes()
        {
            return Err(RepoError::Listing("a page reaches into the next".into()));
        }
        let before = |edge: &RecordPath| entries.partition_point(|e| e.path < edge.as_bytes());
        let (from, to) =
            (self.stretch.0.as_ref().map_or(0, before), self.stretch.1.as_ref().map_or(entries.len(), before));
        let entries = entries.get(from..to).unwrap_or_default();
        let ranges = page.uses.iter().fold(vec![], |sum, (_, ranges)| union(&sum, ranges));
        let presence = self.presences.number(ranges);
        let newest = self.newest();
        let live_now = page.uses.iter().any(|(role, r)| *role == As::Live && r.last().is_some_and(|l| l.1 == newest));
        let mut files: Vec<File<'_>> = Vec::with_capacity(entries.len());
        for entry in entries {
            match &entry.kind {
                KindView::File(content) => files.push((entry, content)),
                _ if live_now => self.others.extend([owned(entry.path)?]),
                _ => {}
            }
        }
        let numbers = self.numbers_of(&files)?;
        for (file, number) in files.into_iter().zip(numbers) {
            self.add_file(page, presence, file, number);
        }
        Ok(())
    }

    /// The numbers of paths that rise. One that is not known gets the next.
    ///
    /// Nearly always the next path of a page is the next one known: it is looked for there first.
    fn numbers_of(&mut self, files: &[File<'_>]) -> Result<Vec<u32>, RepoError> {
        let mut count = u32::try_from(self.paths.len()).unwrap_or(u32::MAX);
        let (mut new, mut numbers) = (vec![], Vec::with_capacity(files.len()));
        let Some((first, _)) = files.first() else { return Ok(numbers) };
        let mut near = Near::new(&self.numbers, first.path);
        for (entry, _) in files {
            let number = match near.find(entry.path) {
                Some(number) => number,
                None => {
                    new.push((owned(entry.path)?, count));
                    count = count.checked_add(1).ok_or_else(|| RepoError::Listing("too many records".into()))?;
                    count - 1
                }
            };
            numbers.push(number);
        }
        self.numbers.extend(new);
        Ok(numbers)
    }

    fn add_file(&mut self, page: &PageUse, presence: Presence, (entry, content): File<'_>, number: u32) {
        let (newest, own) = (self.newest(), own_date(entry));
        let first_date = match entry.first {
            Some(seconds) => Timestamp::from_second(seconds).ok(),
            None => own,
        };
        let modified = own.unwrap_or(Timestamp::UNIX_EPOCH);
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
            let last = (last, live.is_some());
            let Some(path) = self.paths.get_mut(number as usize) else {
                let (content, size, first) = (Content::of(content), content.size, first_date);
                self.paths.push(Path { last, modified, content, size, first, live, newest_gone, presence });
                continue;
            };
            if last > path.last {
                path.last = last;
                (path.modified, path.content) = (modified, Content::of(content));
                (path.size, path.first) = (content.size, first_date);
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

    /// The facts, by path.
    pub fn facts(self, set: &Arc<str>) -> Vec<RecordFacts> {
        let ids: Vec<SnapshotId> = self.kept.iter().map(|k| k.id).collect();
        let (newest, mut spelt) = (self.newest(), self.presences.spelt_out(ids));
        let (kept, others, paths) = (self.kept, self.others, self.paths);
        let began = |place: u32| kept.get(place as usize).map_or(Timestamp::MAX, |k| k.began);
        let of = |(path, number): (RecordPath, u32)| {
            let p = &paths[number as usize];
            let listed = p.live.is_some_and(|(_, to)| to == newest);
            // Something else is at its place: until people have looked, it counts as there.
            let live = listed || others.contains(&path);
            let seen = p.last.0.map(|(_, when)| when);
            RecordFacts {
                set: Arc::clone(set),
                live,
                unreadable: !live && p.newest_gone.is_some_and(|(_, unreadable)| unreadable),
                created: p.first,
                modified: p.modified,
                // Unknown: then no date of its own can be believed.
                observed: seen.unwrap_or(Timestamp::UNIX_EPOCH),
                first_seen: p.live.map(|(from, _)| began(from)).or(seen).unwrap_or(Timestamp::MAX),
                last_seen: seen.filter(|_| !live),
                content: p.content.id(),
                size: p.size,
                snapshots: spelt.of(p.presence),
                path,
            }
        };
        self.numbers.into_iter().map(of).collect()
    }
}

/// Known paths, from a place that moves on.
struct Near<'n> {
    all: &'n BTreeMap<RecordPath, u32>,
    rest: Range<'n, RecordPath, u32>,
    next: Option<(&'n RecordPath, &'n u32)>,
}

impl<'n> Near<'n> {
    fn new(all: &'n BTreeMap<RecordPath, u32>, first: &[u8]) -> Self {
        let mut rest = all.range::<[u8], _>((Bound::Included(first), Bound::Unbounded));
        let next = rest.next();
        Self { all, rest, next }
    }

    /// The number of a path that is greater than the one asked for before.
    fn find(&mut self, path: &[u8]) -> Option<u32> {
        let passed = |next: &(&RecordPath, &u32)| next.0.as_bytes().cmp(path);
        let mut order = self.next.as_ref().map(passed);
        if order == Some(Less) {
            *self = Self::new(self.all, path);
            order = self.next.as_ref().map(passed);
        }
        let (_, number) = self.next.filter(|_| order == Some(Equal))?;
        self.next = self.rest.next();
        Some(*number)
    }
}

fn owned(bytes: &[u8]) -> Result<RecordPath, RepoError> {
    RecordPath::new(bytes).map_err(|e| RepoError::Listing(e.to_string()))
}

/// A file's own date; nothing where it is none that a calendar holds.
fn own_date(entry: &EntryView<'_>) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(entry.meta.mtime_ns).ok()?;
    Timestamp::new(entry.meta.mtime_s, nanoseconds).ok()
}

#[cfg(test)]
#[path = "gathered_tests.rs"]
mod tests;
