//! The index of an open repository: its objects in the store, and their sum in memory.
//!
//! Every byte is checked against its name, wherever it came from; a cached copy is as good as the store's. What an index object
//! that cannot be read said of packs, the packs say themselves.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

use bytes::Bytes;

use super::chunk::{ChunkIndex, IndexObject, IndexedPack};
use super::compress::unframe_up_to;
use super::error::RepoError;
use super::layout::Key;
use super::repository::Repository;
use super::seal::open;
use super::store::StoreFault;
use crate::domain::id::{ActorId, ChunkId, IndexName};
use crate::domain::log::bits::Bits;
use crate::domain::log::fold::is_missed_by_none;
use crate::domain::log::state::{IndexState, Life};

/// No index object is larger than this once decompressed.
const MAX_INDEX: usize = 60 << 20;

/// Index objects that could be read, and those that could not.
pub(super) type Objects<'r> = (Vec<(&'r IndexState, IndexObject)>, Vec<&'r IndexState>);

impl Repository {
    /// Where every chunk lies. Built from the index objects when first asked for.
    ///
    /// # Errors
    /// [`RepoError::Index`] when an index object is missing or damaged; faults of the store.
    pub fn index(&mut self) -> Result<&ChunkIndex, RepoError> {
        if self.index.is_none() {
            let (objects, lost) = self.readable_objects(false)?;
            let more = self.packs_own_words(&self.undescribed(&lost, &self.best(&objects)))?;
            let index = self.summed_up(&objects, &Bits::default(), &more);
            let missed = lost.iter().map(|i| i.index.name).filter(|name| !is_missed_by_none(&self.state, name));
            self.lost_indexes = missed.collect();
            (self.index, self.others) = (Some(index), OnceLock::new());
        }
        self.index.as_ref().ok_or_else(|| RepoError::Index("it vanished".into()))
    }

    /// Index objects that could not be read when the index was loaded: what they said, packs said themselves.
    pub fn lost_indexes(&self) -> &[IndexName] {
        &self.lost_indexes
    }

    /// Why a chunk is in no pack that lives: the entry that made its pack dead, where an index still says what was in it.
    pub fn unknown(&self, id: &ChunkId) -> RepoError {
        let swept = |pack: &IndexedPack| match self.state.pack(&pack.name)?.1.life {
            Life::Swept { at } => Some(at),
            _ => None,
        };
        let dead = self.dead.get_or_init(|| {
            let mut dead = HashMap::new();
            // Swept ones too, as far as they are still there or in the cache.
            let objects = self.state.indexes.iter().filter_map(|i| self.index_object(&i.index.name).ok());
            for pack in objects.flat_map(|o| o.packs) {
                let Some(at) = swept(&pack) else { continue };
                dead.extend(pack.segments.iter().flat_map(|s| &s.chunks).map(|c| (c.id, at)));
            }
            dead
        });
        let body = |at: u64| self.slots.get(at as usize).and_then(|s| s.body.as_ref());
        match dead.get(id).and_then(|at| Some((*at, body(*at)?.time))) {
            Some((entry, on)) => RepoError::Destroyed { entry, on },
            None => RepoError::ChunkUnknown,
        }
    }

    /// Loads the index from what can be read of it, and from `more` that was found out otherwise. What lies in one of the
    /// packs `bad` is looked for there only if it lies nowhere else.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn index_despite(&mut self, bad: &Bits, more: &[IndexedPack]) -> Result<&ChunkIndex, RepoError> {
        let index = self.summed_up(&self.readable_objects(true)?.0, bad, more);
        self.others = OnceLock::new();
        Ok(self.index.insert(index))
    }

    /// How much the best description of each pack is believed.
    fn best(&self, objects: &[(&IndexState, IndexObject)]) -> HashMap<u32, u8> {
        let (own, mut trusted) = (self.own_actors(), HashMap::new());
        for (author, object) in objects {
            for (number, _) in object.packs.iter().filter_map(|p| self.state.pack(&p.name)) {
                let best: &mut u8 = trusted.entry(number).or_default();
                *best = (*best).max(self.trust(author, number, &own));
            }
        }
        trusted
    }

    /// Which pack is asked first for a chunk that several hold. Anybody may call a pack damaged, and claim that another
    /// holds the same: what was once tested, or is this machine's own, comes before what another machine stored and nobody
    /// opened; not before what its own machine stored again (`same`).
    pub(super) fn rank(&self, number: u32, own: &[ActorId], bad: &Bits, same: bool) -> u8 {
        let Some(p) = self.state.packs.get(number as usize) else { return 0 };
        let sure = !same && !p.void && p.lost.is_none() && (p.tested.is_some() || own.contains(&p.actor));
        match p.life {
            Life::Swept { .. } => 0,
            _ if bad.contains(number) => 1,
            Life::Condemned { .. } => 2,
            _ if p.doubted => 2,
            _ if p.quarantined.is_some() => 1 + 3 * u8::from(sure),
            _ => 3 + 2 * u8::from(self.state.may_rely(number, own)),
        }
    }

    fn summed_up(&self, objects: &[(&IndexState, IndexObject)], bad: &Bits, more: &[IndexedPack]) -> ChunkIndex {
        let mut index = ChunkIndex::default();
        let own = self.own_actors();
        let state = &self.state;
        let machine = |number: u32| Some(state.actors.get(&state.packs.get(number as usize)?.actor)?.0.machine);
        let better = |old: u32, new: u32| {
            let same = machine(old).is_some_and(|m| machine(new) == Some(m));
            let rank = |number| (self.rank(number, &own, bad, same), number);
            rank(new) > rank(old)
        };
        let trusted = self.best(objects);
        let all =
            objects.iter().flat_map(|(author, object)| object.packs.iter().map(move |pack| (Some(*author), pack)));
        let believed: Vec<(u32, &IndexedPack)> = all
            .chain(more.iter().map(|pack| (None, pack)))
            .filter_map(|(author, pack)| Some((author, state.pack(&pack.name)?.0, pack)))
            .filter(|(author, n, _)| author.is_none_or(|a| trusted.get(n) == Some(&self.trust(a, *n, &own))))
            .filter(|(_, number, _)| self.rank(*number, &own, bad, false) > 0)
            .map(|(_, number, pack)| (number, pack))
            .collect();
        let mut once = HashSet::new();
        let new = believed.iter().filter(|(number, _)| once.insert(*number));
        index.reserve(new.flat_map(|(_, pack)| &pack.segments).map(|s| s.chunks.len()).sum());
        for (number, pack) in believed {
            // A chunk is stored again only when it could not be relied on where it was.
            index.add(number, &pack.segments, better);
            index.keep_head(pack);
        }
        index
    }

    /// The index, if it was loaded.
    pub fn loaded_index(&self) -> Option<&ChunkIndex> {
        self.index.as_ref()
    }

    /// The index itself, for an operation that adds to the log while it uses it. It is built anew when asked for again.
    ///
    /// # Errors
    /// As [`Repository::index`].
    pub fn take_index(&mut self) -> Result<ChunkIndex, RepoError> {
        self.index()?;
        Ok(self.index.take().unwrap_or_default())
    }

    /// Whose description of a pack is believed: this machine's own, else a pruner's, else that of whoever stored the
    /// pack first. A stolen writer's key cannot say that somebody else's pack holds what it does not.
    pub(super) fn trust(&self, author: &IndexState, pack: u32, own: &[ActorId]) -> u8 {
        let storer = self.state.packs.get(pack as usize).map(|p| p.actor);
        match author {
            i if i.void => 0,
            i if own.contains(&i.actor) => 4,
            i if self.state.is_pruner(&i.actor) => 3,
            i if storer == Some(i.actor) => 2,
            _ => 1,
        }
    }

    /// Everything that is not swept, from cache or store, every byte checked against its name.
    ///
    /// # Errors
    /// As [`Repository::index`].
    pub fn index_objects(&self) -> Result<Vec<IndexObject>, RepoError> {
        Ok(self.readable_objects(false)?.0.into_iter().map(|(_, object)| object).collect())
    }

    /// What a revoked actor stored may be junk, and what it swept may be deleted: it is used if it is there, and missed by
    /// nobody if it is not. Others that cannot be read are lost: a machine that may read asks the packs instead.
    /// The same for what is out of use because another says it; with `partly` for all that cannot be read.
    pub(super) fn readable_objects(&self, partly: bool) -> Result<Objects<'_>, RepoError> {
        let (mut all, mut lost) = (vec![], vec![]);
        for index in self.state.indexes.iter().filter(|i| !matches!(i.life, Life::Swept { .. })) {
            match self.index_object(&index.index.name) {
                Ok(object) => all.push((index, object)),
                Err(RepoError::Index(_) | RepoError::Seal(_))
                    if partly || index.void || index.doubted || index.quarantined => {}
                Err(e) if self.can_read() && e.is_damage() => lost.push(index),
                Err(e) => return Err(e),
            }
        }
        Ok((all, lost))
    }

    /// Everything that the readable part of the index says is in these packs, whoever says it.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn descriptions(&self, wanted: &Bits) -> Result<BTreeMap<u32, Vec<IndexedPack>>, RepoError> {
        let mut all: BTreeMap<u32, Vec<IndexedPack>> = BTreeMap::new();
        for pack in self.readable_objects(true)?.0.into_iter().flat_map(|(_, object)| object.packs) {
            if let Some((number, _)) = self.state.pack(&pack.name).filter(|(n, _)| wanted.contains(*n)) {
                let known = all.entry(number).or_default();
                if !known.contains(&pack) {
                    known.push(pack);
                }
            }
        }
        Ok(all)
    }

    /// What the index says is in each of these packs, one at a time, as [`Repository::index`] believes it.
    ///
    /// # Errors
    /// As [`Repository::index`]; whatever `each` returns.
    pub fn for_each_pack<E: From<RepoError>>(
        &self,
        wanted: &Bits,
        mut each: impl FnMut(u32, &IndexedPack) -> Result<(), E>,
    ) -> Result<(), E> {
        let own = self.own_actors();
        let (mut left, mut asked) = (wanted.clone(), Bits::default());
        let mut alive: Vec<_> = self.state.indexes.iter().filter(|i| !matches!(i.life, Life::Swept { .. })).collect();
        for trust in (0..=4).rev() {
            alive.retain(|i| i.covers.iter().any(|n| left.contains(n)));
            let mut lost: Vec<&IndexState> = vec![];
            for index in &alive {
                if !index.covers.iter().any(|n| left.contains(n) && self.trust(index, n, &own) == trust) {
                    continue;
                }
                let object = match self.index_object(&index.index.name) {
                    Err(RepoError::Index(_) | RepoError::Seal(_)) if index.void || index.quarantined => continue,
                    Err(e) if self.can_read() && e.is_damage() => {
                        lost.push(index);
                        continue;
                    }
                    other => other?,
                };
                for pack in &object.packs {
                    let Some((number, _)) = self.state.pack(&pack.name) else { continue };
                    if left.contains(number) && self.trust(index, number, &own) == trust {
                        left.remove(number);
                        each(number, pack)?;
                    }
                }
            }
            // Nobody who is believed less speaks for these.
            let of = |i: &&IndexState, n: u32| i.covers.contains(n) && self.trust(i, n, &own) == trust;
            for number in left.clone().iter().filter(|n| lost.iter().any(|i| of(i, *n))) {
                left.remove(number);
                asked.insert(number);
            }
        }
        for pack in self.packs_own_words(&asked)? {
            if let Some((number, _)) = self.state.pack(&pack.name) {
                each(number, &pack)?;
            }
        }
        Ok(())
    }

    /// This computer's own copy of an index object, if it has one that is right.
    pub fn index_copy(&self, name: &IndexName) -> Option<Bytes> {
        self.dir.as_ref().and_then(|d| d.load_index(name))
    }

    /// One index object, from cache or store, checked against its name.
    ///
    /// # Errors
    /// As [`Repository::index`].
    pub fn index_object(&self, name: &IndexName) -> Result<IndexObject, RepoError> {
        let bad = |what: String| RepoError::Index(format!("{}: {what}", name.short()));
        let stored = match self.dir.as_ref().and_then(|d| d.load_index(name)) {
            Some(cached) => cached,
            None => {
                let stored = self.store.get(&Key::Index(*name)).map_err(|e| match e.fault() {
                    StoreFault::Missing => bad("it is missing from the store".into()),
                    _ if e.is_too_large() => bad("its bytes are not those that were stored".into()),
                    _ => RepoError::Store(e),
                })?;
                if IndexName::of(&stored) != *name {
                    return Err(bad("its bytes are not those that were stored".into()));
                }
                if let Some(dir) = &self.dir {
                    dir.save_index(name, &stored);
                }
                stored
            }
        };
        let framed = open(stored, &self.ring.writing)?.all()?;
        let cbor = unframe_up_to(&framed, MAX_INDEX).map_err(|e| bad(e.to_string()))?;
        let mut object: IndexObject = minicbor::decode(&cbor).map_err(|_| bad("it makes no sense".into()))?;
        object.packs.iter_mut().for_each(IndexedPack::drop_long_head);
        Ok(object)
    }
}
