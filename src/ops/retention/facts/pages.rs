//! Every distinct page of a set's listings, and as what each kept snapshot lists it.
//!
//! Roots are read one after the other; of a page that two hundred snapshots share one line is kept.

use std::collections::HashMap;

use jiff::Timestamp;

use super::presence::{Ranges, push};
use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::{PageRef, Root};
use crate::domain::log::state::State;
use crate::domain::path::RecordPath;
use crate::ops::Stop;
use crate::ops::query::stream::each_inherited;
use crate::repo::error::RepoError;
use crate::repo::listing::read_root;
use crate::repo::reader::ChunkReader;

/// A snapshot that was not given up.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its number.
    pub id: SnapshotId,
    /// The data's point in time.
    pub began: Timestamp,
    /// The chunk of its listing's root.
    pub root: ChunkId,
}

/// A snapshot that saw a record, and when that was; nothing where that is not known any more.
pub type Sight = Option<(SnapshotId, Timestamp)>;

/// As what a snapshot lists a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// What was there.
    Live,
    /// What was there once: each entry says when.
    Gone,
    /// What was there when an older snapshot was made, whose listing is inherited.
    Was(Sight),
}

/// One page.
pub struct PageUse {
    /// Which.
    pub page: PageRef,
    /// Where the page behind it begins, in whichever listing that is farthest. None: there is none behind it.
    pub until: Option<RecordPath>,
    /// As what, and in which snapshots (by place).
    pub uses: Vec<(As, Ranges)>,
}

/// All pages of a set.
#[derive(Default)]
pub struct Pages {
    all: Vec<PageUse>,
    numbers: HashMap<ChunkId, usize>,
    /// The names of the newest snapshot's folders.
    pub folders: Vec<RecordPath>,
}

impl Pages {
    /// Reads the roots of a set's snapshots, which are in order.
    ///
    /// # Errors
    /// Damage and faults of the store.
    pub fn of(chunks: &mut ChunkReader<'_>, kept: &[Kept], stop: &Stop) -> Result<Self, RepoError> {
        let mut pages = Self::default();
        for (place, snapshot) in kept.iter().enumerate() {
            stop.check()?;
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let root = read_root(chunks, &snapshot.root)?;
            pages.inherited(chunks, &root, place)?;
            pages.folders = root.folders.into_iter().map(|f| f.name).collect();
            pages.add(root.live, As::Live, place);
            pages.add(root.gone, As::Gone, place);
        }
        Ok(pages)
    }

    fn add(&mut self, pages: Vec<PageRef>, role: As, place: u32) {
        let mut pages = pages.into_iter().peekable();
        while let Some(page) = pages.next() {
            let behind = pages.peek().map(|next| &next.first);
            let number = *self.numbers.entry(page.id).or_insert_with(|| {
                self.all.push(PageUse { page, until: behind.cloned(), uses: vec![] });
                self.all.len() - 1
            });
            let known = &mut self.all[number];
            if known.until.as_ref().is_some_and(|until| behind.is_none_or(|behind| behind > until)) {
                known.until = behind.cloned();
            }
            let uses = &mut known.uses;
            match uses.iter_mut().find(|(known, _)| *known == role) {
                Some((_, ranges)) => push(ranges, place),
                None => uses.push((role, vec![(place, place)])),
            }
        }
    }

    fn inherited(&mut self, chunks: &mut ChunkReader<'_>, root: &Root, place: u32) -> Result<(), RepoError> {
        each_inherited(chunks, root, |state, id, inherited| {
            self.add(inherited.live, As::Was(sight_of(state, &id)), place);
            self.add(inherited.gone, As::Gone, place);
        })
    }

    /// The pages in the order in which they are stored, so that each pack is fetched once.
    pub fn in_stored_order(self, chunks: &ChunkReader<'_>) -> Vec<PageUse> {
        let mut all = self.all;
        all.sort_by_cached_key(|p| chunks.place(&p.page.id));
        all
    }
}

/// The snapshot that had this root, thinned or not.
fn sight_of(state: &State, root: &ChunkId) -> Sight {
    let found = state.snapshots.iter().rfind(|s| s.snapshot.root == *root)?;
    Some((found.id, found.snapshot.began))
}
