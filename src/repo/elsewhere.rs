//! Where else a chunk is said to lie: asked only when the place that the index prefers has failed.
//!
//! Nobody's word counts here: a chunk proves itself by its id. What failed is remembered and told, also when another pack
//! had the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use super::chunk::{ChunkIndex, Half, SegmentPlace, half};
use super::error::RepoError;
use super::pack::is_sane;
use super::repository::Repository;
use crate::domain::id::{ChunkId, PackName};
use crate::domain::log::bits::Bits;

/// A place of a chunk: its segment, where it begins there, and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub segment: SegmentPlace,
    pub start: u32,
    pub len: u32,
}

/// The places of each chunk besides the one that the index prefers, the best first.
pub(super) type Others = HashMap<Half, Vec<Spot>>;

impl Repository {
    /// Where else a chunk is said to lie, the best first. Found out for all chunks at once when first asked for.
    pub(super) fn elsewhere(&self, index: &ChunkIndex, id: &ChunkId) -> Vec<Spot> {
        let others = self.others.get_or_init(|| self.other_places(index).unwrap_or_default());
        others.get(&half(id)).cloned().unwrap_or_default()
    }

    fn other_places(&self, index: &ChunkIndex) -> Result<Others, RepoError> {
        let (own, mut others) = (self.own_actors(), Others::new());
        let rank = |spot: &Spot| self.rank(spot.segment.pack, &own, &Bits::default(), false);
        for pack in self.readable_objects(true)?.0.into_iter().flat_map(|(_, object)| object.packs) {
            let Some((number, _)) = self.state.pack(&pack.name) else { continue };
            for segment in pack.segments.iter().filter(|s| is_sane(s, u64::MAX)) {
                let place = SegmentPlace { pack: number, offset: segment.offset, len: segment.len, raw: segment.raw };
                let mut start = 0;
                for chunk in &segment.chunks {
                    let spot = Spot { segment: place, start, len: chunk.len };
                    start += chunk.len;
                    let first = index.find(&chunk.id).map(|(s, c)| Spot { segment: s, start: c.start, len: c.len });
                    if first == Some(spot) || rank(&spot) == 0 {
                        continue;
                    }
                    let known = others.entry(half(&chunk.id)).or_default();
                    if !known.contains(&spot) {
                        known.push(spot);
                    }
                }
            }
        }
        others.values_mut().for_each(|spots| spots.sort_by_key(|s| std::cmp::Reverse((rank(s), s.segment.pack))));
        Ok(others)
    }

    /// Packs that failed while what was asked of them came from others, and why.
    pub fn read_around(&self) -> Vec<(PackName, String)> {
        let around = self.around.lock().unwrap_or_else(PoisonError::into_inner);
        around.iter().filter_map(|(n, why)| Some((self.pack_name(*n).ok()?, why.clone()))).collect()
    }

    /// Remembers that a pack failed while another had the same.
    pub fn remember_around(&self, pack: u32, error: &str) {
        let mut around: std::sync::MutexGuard<'_, BTreeMap<u32, String>> =
            self.around.lock().unwrap_or_else(PoisonError::into_inner);
        around.entry(pack).or_insert_with(|| error.to_owned());
    }

    pub(super) fn is_read_around(&self, pack: u32) -> bool {
        self.around.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&pack)
    }
}
