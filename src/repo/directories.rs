//! What packs say themselves is in them: read where the index that says it is damaged or missing.
//!
//! A directory is inside the pack's seal, so it needs the reading identity; chunk ids prove themselves when they are read.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::chunk::IndexedPack;
use super::error::RepoError;
use super::layout::Key;
use super::open_pack::PackSource;
use super::pack::{Directory, PackReader};
use super::repository::Repository;
use super::stretches::{Stretches, ends};
use crate::domain::id::PackName;
use crate::domain::log::bits::Bits;
use crate::domain::log::state::{IndexState, Life};

/// Packs read at the same time.
const READERS: usize = 4;
/// The end of a pack that is fetched for its directory; where that is longer, all of the pack is.
const END: u64 = 192 << 10;

impl PackSource<'_> {
    /// What a pack of `size` bytes says is in it: its beginning and its end are fetched, if that is enough.
    ///
    /// # Errors
    /// As [`PackSource::whole`].
    pub fn directory(self, name: &PackName, size: u64) -> Result<Directory, RepoError> {
        let ranges = ends(size, END);
        if size > 2 * END
            && let Ok(parts) = self.store.get_ranges(&Key::Pack(*name), &ranges)
            && let parts = ranges.iter().map(|r| r.start).zip(parts).collect()
            && let Ok(mut reader) = PackReader::of_parts(Stretches::new(size, parts), self.reading)
            && let Ok(directory) = reader.directory()
        {
            return Ok(directory);
        }
        self.whole(name)?.directory()
    }
}

impl Repository {
    /// What these packs say themselves is in them. Left out are those that are damaged or missing, too.
    ///
    /// # Errors
    /// [`RepoError::CannotRead`] without the reading identity; faults of the store.
    pub fn packs_own_words(&self, packs: &Bits) -> Result<Vec<IndexedPack>, RepoError> {
        if packs.is_empty() {
            return Ok(vec![]);
        }
        if !self.can_read() {
            return Err(RepoError::CannotRead);
        }
        let packs: Vec<u32> = packs.iter().collect();
        let (next, found) = (AtomicUsize::new(0), Mutex::new(vec![]));
        let work = || {
            while let Some(number) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let said = self.own_words_of(*number);
                if said.is_err() {
                    next.store(packs.len(), Ordering::Relaxed);
                }
                found.lock().unwrap_or_else(PoisonError::into_inner).push((*number, said));
            }
        };
        std::thread::scope(|scope| (0..READERS.min(packs.len())).for_each(|_| drop(scope.spawn(work))));
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().filter_map(|(_, said)| said.transpose()).collect()
    }

    fn own_words_of(&self, number: u32) -> Result<Option<IndexedPack>, RepoError> {
        let (name, size) = (self.pack_name(number)?, self.pack_size(number)?);
        match self.packs().directory(&name, size) {
            Ok(directory) => Ok(Some(IndexedPack { name, segments: directory.segments, head: None })),
            Err(e) if e.is_damage() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The packs of index objects that cannot be read, as far as nobody who is believed as much describes them: `best` says
    /// how much the descriptions at hand are believed. And those that are needed and that nobody describes.
    pub(super) fn undescribed(&self, lost: &[&IndexState], best: &HashMap<u32, u8>) -> Bits {
        let own = self.own_actors();
        let gone = |n: u32| self.state.packs.get(n as usize).is_none_or(|p| matches!(p.life, Life::Swept { .. }));
        let all = lost.iter().flat_map(|index| index.covers.iter().map(move |n| (*index, n)));
        let mut undescribed: Bits = all
            .filter(|(_, n)| !gone(*n))
            .filter(|(index, n)| best.get(n).is_none_or(|best| *best < self.trust(index, *n, &own)))
            .map(|(_, n)| n)
            .collect();
        if self.can_read() {
            let silent = self.state.needed().iter().filter(|n| !gone(*n) && !best.contains_key(n)).collect();
            undescribed.union(&silent);
        }
        undescribed
    }
}
