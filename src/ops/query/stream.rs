//! The records of one snapshot in order of their paths, from all its listings at once.
//!
//! A root has a live and a gone listing and may inherit further roots, whose listings count as gone. Where
//! several name a path, the newest says what counts. After a damaged page the stream goes on behind it.

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::{Entry, Gone, PageRef, Root};
use crate::domain::log::state::State;
use crate::domain::path::RecordPath;
use crate::ops::retention::register::Register;
use crate::repo::error::RepoError;
use crate::repo::listing::{read_page, read_root};
use crate::repo::reader::ChunkReader;

/// No chain of inherited roots is longer.
const MAX_ROOTS: usize = 1000;

/// Some pages, entry by entry.
pub struct Pages {
    pages: VecDeque<PageRef>,
    open: VecDeque<Entry>,
    from: Option<RecordPath>,
}

impl Pages {
    /// All entries, or those from a path on.
    pub fn new(pages: Vec<PageRef>, from: Option<&RecordPath>) -> Self {
        let mut pages = VecDeque::from(pages);
        if let Some(from) = from {
            let skip = pages.partition_point(|p| p.first <= *from).saturating_sub(1);
            pages.drain(..skip);
        }
        Self { pages, open: VecDeque::new(), from: from.cloned() }
    }

    /// The path of the next entry, or one that is not greater, without reading anything.
    pub fn peek(&self) -> Option<&RecordPath> {
        self.open.front().map(|e| &e.path).or_else(|| self.pages.front().map(|p| &p.first))
    }

    /// The page that begins here, if none is open.
    pub fn next_page(&self) -> Option<&PageRef> {
        if self.open.is_empty() { self.pages.front() } else { None }
    }

    /// Leaves the page out that begins here.
    pub fn skip_page(&mut self) {
        self.pages.pop_front();
    }

    /// Makes sure that what [`Pages::peek`] shows is exact. After an error the page is left out.
    ///
    /// # Errors
    /// As [`read_page`].
    pub fn fill(&mut self, chunks: &mut ChunkReader<'_>) -> Result<(), RepoError> {
        while self.open.is_empty() {
            let Some(page) = self.pages.pop_front() else { return Ok(()) };
            self.open = read_page(chunks, &page)?.into();
            if let Some(from) = &self.from {
                let skip = self.open.partition_point(|e| e.path < *from);
                self.open.drain(..skip);
                if !self.open.is_empty() {
                    self.from = None;
                }
            }
        }
        Ok(())
    }

    /// The next entry.
    ///
    /// # Errors
    /// As [`Pages::fill`].
    pub fn next(&mut self, chunks: &mut ChunkReader<'_>) -> Result<Option<Entry>, RepoError> {
        self.fill(chunks)?;
        Ok(self.open.pop_front())
    }
}

/// One listing among several: entries of a live listing that is inherited get this reason for being gone.
pub struct Layer {
    /// Its pages.
    pub pages: Vec<PageRef>,
    /// Whether these records were there when the snapshot was made.
    pub live: bool,
    gone: Option<Gone>,
}

impl Layer {
    /// The snapshot that saw all of these records last; `None` where each says so itself, or the layer is live.
    pub fn last_seen(&self) -> Option<SnapshotId> {
        self.gone.as_ref().map(|gone| gone.last_seen)
    }
}

/// All listings of a snapshot, the one that counts most first.
///
/// # Errors
/// Whatever reading an inherited root can meet.
pub fn layers(chunks: &mut ChunkReader<'_>, root: &Root) -> Result<Vec<Layer>, RepoError> {
    let layer = |pages: &[PageRef], live, gone| Layer { pages: pages.to_vec(), live, gone };
    let mut all = vec![layer(&root.live, true, None), layer(&root.gone, false, None)];
    each_inherited(chunks, root, |state, id, inherited| {
        let gone = reason(state, &id, &inherited.set);
        all.push(layer(&inherited.live, false, Some(gone)));
        all.push(layer(&inherited.gone, false, None));
    })?;
    Ok(all)
}

/// Hands out every root that this one inherits, directly or through others, each once, the nearest first.
///
/// # Errors
/// Whatever reading a root can meet; [`RepoError::Listing`] when there are too many.
pub fn each_inherited(
    chunks: &mut ChunkReader<'_>,
    root: &Root,
    mut each: impl FnMut(&State, ChunkId, Root),
) -> Result<(), RepoError> {
    let mut todo: VecDeque<ChunkId> = root.inherits.iter().copied().collect();
    let mut seen = HashSet::new();
    while let Some(id) = todo.pop_front() {
        if !seen.insert(id) {
            continue;
        }
        if seen.len() > MAX_ROOTS {
            return Err(RepoError::Listing(format!("a root inherits more than {MAX_ROOTS} others")));
        }
        let inherited = read_root(chunks, &id)?;
        todo.extend(&inherited.inherits);
        each(chunks.repository().state(), id, inherited);
    }
    Ok(())
}

/// When the records of an inherited live listing were last seen, and when no more. Nobody has looked for them since, so
/// they may still exist.
fn reason(state: &State, root: &ChunkId, set: &str) -> Gone {
    let found = state.snapshots.iter().rposition(|s| s.snapshot.root == *root);
    let Some(at) = found else {
        return Gone { last_seen: SnapshotId(0), last_seen_s: 0, missed_s: 0, unreadable: false, left_out: Some(true) };
    };
    let seen = &state.snapshots[at];
    let next = state.snapshots[at + 1..].iter().find(|s| s.snapshot.set == set).unwrap_or(seen);
    let seconds = |s: &crate::domain::log::state::SnapshotState| s.snapshot.began.as_second();
    Gone {
        last_seen: seen.id,
        last_seen_s: seconds(seen),
        missed_s: seconds(next),
        unreadable: false,
        left_out: Some(true),
    }
}

/// A folder of one set that a newer set holds now: what the older one calls live counts as gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superseded {
    /// The first component of the records' paths.
    pub folder: RecordPath,
    /// The set that holds it now.
    pub by: String,
    /// When the older set last saw it, and from when on the newer one counts.
    pub gone: Gone,
}

/// What a snapshot must not show: records that were disposed of.
#[derive(Clone)]
pub struct Hidden {
    /// Which.
    pub register: Rc<Register>,
    /// The snapshot's set.
    pub set: String,
    /// The snapshot.
    pub snapshot: SnapshotId,
}

impl Hidden {
    /// Whether this entry is one of them.
    pub fn is_disposed(&self, entry: &Entry, live: bool) -> bool {
        self.register.is_disposed(&self.set, entry, self.snapshot, live)
    }
}

/// Several listings as one.
pub struct Merged {
    layers: Vec<(Pages, bool, Option<Gone>)>,
    superseded: Vec<Superseded>,
    gone_too: bool,
    hidden: Option<Hidden>,
}

impl Merged {
    /// All records, or those from a path on.
    pub fn new(layers: Vec<Layer>, from: Option<&RecordPath>) -> Self {
        let layers = layers.into_iter().map(|l| (Pages::new(l.pages, from), l.live, l.gone)).collect();
        Self { layers, superseded: vec![], gone_too: true, hidden: None }
    }

    /// The live records of these folders count as gone; without `gone_too` they are left out.
    #[must_use]
    pub fn without(self, superseded: Vec<Superseded>, gone_too: bool) -> Self {
        Self { superseded, gone_too, ..self }
    }

    /// Leaves out what was disposed of.
    #[must_use]
    pub fn hiding(self, hidden: Hidden) -> Self {
        Self { hidden: Some(hidden).filter(|h| !h.register.is_empty()), ..self }
    }

    /// The next record and whether it is live. After an error of one page, the next call goes on behind it.
    ///
    /// # Errors
    /// As [`read_page`].
    pub fn next(&mut self, chunks: &mut ChunkReader<'_>) -> Result<Option<(Entry, bool)>, RepoError> {
        while let Some((mut entry, live)) = self.step(chunks)? {
            let newer = self.superseded.iter().find(|s| live && entry.path.is_within(s.folder.as_bytes()));
            let Some(newer) = newer else { return Ok(Some((entry, live))) };
            if self.gone_too {
                entry.gone = Some(newer.gone.clone());
                return Ok(Some((entry, false)));
            }
        }
        Ok(None)
    }

    fn step(&mut self, chunks: &mut ChunkReader<'_>) -> Result<Option<(Entry, bool)>, RepoError> {
        loop {
            for (pages, ..) in &mut self.layers {
                pages.fill(chunks)?;
            }
            let least = self.layers.iter().filter_map(|(p, ..)| p.peek()).min().cloned();
            let Some(path) = least else { return Ok(None) };
            let mut found = None;
            for (pages, live, gone) in &mut self.layers {
                if pages.peek() != Some(&path) {
                    continue;
                }
                let Some(mut entry) = pages.next(chunks)? else { continue };
                if found.is_none() {
                    if gone.is_some() {
                        entry.gone = gone.clone();
                    }
                    let hidden = self.hidden.as_ref().is_some_and(|h| h.is_disposed(&entry, *live));
                    found = (!hidden).then_some((entry, *live));
                }
            }
            if found.is_some() {
                return Ok(found);
            }
        }
    }
}
