//! Three sorted streams become one: what is there, what was there, and what has been gone for longer.

use std::iter::Peekable;

use crate::domain::id::SnapshotId;
use crate::domain::listing::{Gone, Kind};
use crate::domain::path::RecordPath;
use crate::domain::problem::Problem;
use crate::ops::error::{OpsError, SourceFault};
use crate::ops::fs::excludes::Excludes;
use crate::ops::fs::walk::{Found, Source, SourceError, WalkItem, Walker, walk};
use crate::repo::error::RepoError;
use crate::repo::last_listing::{Known, Reader};

/// What happens to one path.
pub enum Item {
    /// It is there; `last` is what it was, if it was.
    There { found: Found, last: Option<Known>, source: usize },
    /// It was there and is not, or cannot be seen.
    Gone(Known),
    /// Something could not be looked at.
    Problem(Problem),
}

/// Facts of this backup that a `gone` entry carries.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The snapshot compared with, and its time.
    pub parent: Option<(SnapshotId, i64)>,
    /// When this backup began, in seconds.
    pub began_s: i64,
}

/// Walks all sources and both last listings side by side, in the order of paths.
pub struct Merge {
    walkers: Vec<Peekable<Walker>>,
    live: Peekable<Reader>,
    gone: Peekable<Reader>,
    moment: Moment,
    /// Names of the folders that are backed up, and what is left out of them.
    folders: Vec<RecordPath>,
    excludes: Excludes,
    /// Folders nothing is known about: what was in them may still be there.
    unseen: Vec<RecordPath>,
}

impl Merge {
    /// Starts the walks.
    pub fn start(
        folders: &[Source],
        exclude: &[String],
        live: Reader,
        gone: Reader,
        moment: Moment,
    ) -> Result<Self, OpsError> {
        let excludes = Excludes::new(exclude).map_err(|e| OpsError::Usage(e.to_string()))?;
        let start = |source: &Source| walk(source, &excludes).map(Iterator::peekable).map_err(source_fault);
        let names = folders.iter().map(|f| f.name.clone()).collect();
        let walkers = folders.iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self {
            walkers,
            live: live.peekable(),
            gone: gone.peekable(),
            moment,
            folders: names,
            excludes,
            unseen: vec![],
        })
    }

    /// The walker whose next item comes first; problems first of all.
    fn first_walker(&mut self) -> Option<usize> {
        let mut first: Option<(usize, Option<RecordPath>)> = None;
        for (i, walker) in self.walkers.iter_mut().enumerate() {
            let path = match walker.peek() {
                None => continue,
                Some(WalkItem::Problem(_)) => None,
                Some(WalkItem::Found(found)) => Some(found.path.clone()),
            };
            if first.as_ref().is_none_or(|(_, best)| path < *best) {
                first = Some((i, path));
            }
        }
        first.map(|(i, _)| i)
    }

    /// The next path in order.
    pub fn next(&mut self) -> Result<Option<Item>, RepoError> {
        let walker = self.first_walker();
        let found_path = match walker.and_then(|i| self.walkers[i].peek()) {
            Some(WalkItem::Problem(_)) => {
                let item = walker.and_then(|i| self.walkers[i].next());
                return Ok(item.map(|item| match item {
                    WalkItem::Problem(problem) => {
                        self.unseen.extend(problem.path.clone());
                        Item::Problem(problem)
                    }
                    WalkItem::Found(found) => Item::There { found, last: None, source: 0 },
                }));
            }
            Some(WalkItem::Found(found)) => Some(found.path.clone()),
            None => None,
        };
        let live = peek_path(&mut self.live)?;
        let gone = peek_path(&mut self.gone)?;
        let Some(first) = [&found_path, &live, &gone].into_iter().flatten().min().cloned() else { return Ok(None) };
        let was_gone = if gone.as_ref() == Some(&first) { self.gone.next().transpose()? } else { None };
        let was_live = if live.as_ref() == Some(&first) { self.live.next().transpose()? } else { None };
        if found_path.as_ref() == Some(&first)
            && let Some(source) = walker
            && let Some(WalkItem::Found(found)) = self.walkers[source].next()
        {
            // What was gone is still its last version, should it turn out to be unreadable.
            return Ok(Some(Item::There { found, last: was_live.or(was_gone), source }));
        }
        Ok(was_live.map(|known| self.say_gone(known)).or(was_gone.map(|known| self.still_gone(known))))
    }

    fn is_unseen(&self, path: &RecordPath) -> bool {
        self.unseen.iter().any(|folder| path.is_within(folder.as_bytes()))
    }

    /// Whether the settings keep this backup from looking for it: then nobody can say that it is gone.
    fn is_left_out(&self, known: &Known) -> bool {
        let path = &known.entry.path;
        let Some(folder) = self.folders.iter().find(|f| path.is_within(f.as_bytes())) else { return true };
        let below = path.as_bytes().get(folder.as_bytes().len() + 1..).unwrap_or_default();
        self.excludes.leave_out(below, matches!(known.entry.kind, Kind::Dir))
    }

    fn say_gone(&self, mut known: Known) -> Item {
        let left_out = self.is_left_out(&known).then_some(true);
        known.entry.gone = Some(Gone { left_out, ..gone_now(self.moment, self.is_unseen(&known.entry.path)) });
        (known.fingerprint, known.place) = (None, None);
        Item::Gone(known)
    }

    /// What could not be read or was left out before, and is looked for and not there now, was deleted meanwhile.
    fn still_gone(&self, mut known: Known) -> Item {
        let (unseen, left_out) = (self.is_unseen(&known.entry.path), self.is_left_out(&known));
        if let Some(gone) = &mut known.entry.gone {
            let was = gone.clone();
            let before = gone.may_still_exist();
            gone.unreadable &= unseen;
            gone.left_out = gone.left_out.filter(|_| left_out);
            if before && !gone.may_still_exist() {
                gone.missed_s = self.moment.began_s;
            }
            if *gone != was {
                known.place = None;
            }
        }
        Item::Gone(known)
    }
}

/// The mark of a record that was live in the parent and is not now.
pub fn gone_now(moment: Moment, unreadable: bool) -> Gone {
    let (last_seen, last_seen_s) = moment.parent.unwrap_or((SnapshotId(0), 0));
    Gone { last_seen, last_seen_s, missed_s: moment.began_s, unreadable, left_out: None }
}

fn peek_path(reader: &mut Peekable<Reader>) -> Result<Option<RecordPath>, RepoError> {
    match reader.peek() {
        None => Ok(None),
        Some(Ok(known)) => Ok(Some(known.entry.path.clone())),
        Some(Err(_)) => match reader.next() {
            Some(Err(e)) => Err(e),
            _ => Ok(None),
        },
    }
}

fn source_fault(error: SourceError) -> OpsError {
    let what = error.to_string();
    let (folder, kind) = match error {
        SourceError::Missing(folder) | SourceError::NotAFolder(folder) => (folder, SourceFault::Missing),
        SourceError::Unreadable { path, .. } => (path, SourceFault::Unreadable),
    };
    OpsError::Source { folder, kind, what }
}
