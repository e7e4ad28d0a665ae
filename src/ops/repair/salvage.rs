//! What is still readable: in damaged packs the segments that the damage did not hit, in packs that are about to go the
//! copies of what damaged packs held. Every chunk is checked against its id; nothing else is believed.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bytes::Bytes;

use super::look::{Found, load};
use crate::domain::id::{ChunkId, SessionId};
use crate::domain::listing::{Page, Piece, Root};
use crate::domain::log::Role;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::{Entry, Stored};
use crate::ops::backup::put_index;
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::prune::repack;
use crate::repo::chunk::IndexObject;
use crate::repo::error::RepoError;
use crate::repo::layout::Key;
use crate::repo::listing::decode;
use crate::repo::pack::{PackError, PackReader, Segment};
use crate::repo::repository::Repository;
use crate::repo::seal::Identity;
use crate::repo::store::StoreFault;
use crate::repo::writer::{Stream, WrittenPack};

/// So many bytes of salvaged listings and contents are held while a repair only looks.
const HELD: usize = 64 << 20;

/// What is known of the packs that are damaged.
#[derive(Default)]
pub(super) struct Salvage {
    /// Everything that is or was in them.
    pub chunks: BTreeMap<u32, BTreeSet<ChunkId>>,
    /// Packs of which nobody can say what is in them.
    pub unknown: Bits,
    /// What can be read although it lies in a damaged pack, or in one that is about to go.
    pub readable: HashSet<ChunkId>,
    /// What was found in packs that nothing needs, while nobody can say what was in one that is needed.
    pub perhaps: HashSet<ChunkId>,
    /// All pieces of the damaged packs that are needed.
    concerned: HashSet<ChunkId>,
}

impl Salvage {
    /// Whether this chunk lies in none of the packs that are as they should be, and cannot be got out of another. Of what a
    /// damaged pack held, another pack's word is not enough: that must have been opened.
    pub fn is_lost(
        &self,
        repo: &Repository,
        found: &Found,
        id: &ChunkId,
        pack: Option<u32>,
    ) -> Result<bool, RepoError> {
        let Some(pack) = pack.filter(|_| !self.readable.contains(id)) else { return Ok(!self.readable.contains(id)) };
        Ok(found.is_bad(repo, pack) || (self.concerned.contains(id) && !found.is_proved(repo, pack)?))
    }

    /// Whether this piece of a pack that nothing needs takes the place of what is missing.
    fn is_wanted(&self, id: &ChunkId) -> bool {
        self.concerned.contains(id) || !self.unknown.is_empty()
    }
}

/// Where the best copy of a chunk lies.
#[derive(PartialEq, Eq)]
enum Best {
    /// In a pack that stays, and was opened from end to end in this repair.
    Good,
    /// In one that may be gone soon.
    Doubtful,
    /// In a damaged one, or nowhere.
    Bad,
}

fn best(repo: &Repository, found: &Found, id: &ChunkId) -> Result<Best, RepoError> {
    let pack = repo.loaded_index().and_then(|index| index.pack_of(id));
    Ok(match pack {
        Some(n) if found.is_proved(repo, n)? => Best::Good,
        Some(n) if !found.is_bad(repo, n) => Best::Doubtful,
        _ => Best::Bad,
    })
}

/// What is left of a pack. After a block that does not open its reader is made anew.
struct Remains<'r> {
    stored: Option<Bytes>,
    reading: &'r [Identity],
    open: Option<PackReader>,
}

impl<'r> Remains<'r> {
    fn of(repo: &'r Repository, number: u32) -> Result<Self, RepoError> {
        let stored = match repo.store.get(&Key::Pack(repo.pack_name(number)?)) {
            Ok(stored) => Some(stored),
            Err(e) if e.fault() == StoreFault::Missing || e.is_too_large() => None,
            Err(e) => return Err(e.into()),
        };
        Ok(Self { stored, reading: &repo.ring.reading, open: None })
    }

    fn read<T>(&mut self, what: impl FnOnce(&mut PackReader) -> Result<T, PackError>) -> Option<T> {
        if self.open.is_none() {
            self.open = PackReader::of_remains(self.stored.clone()?, self.reading).ok();
        }
        let found = what(self.open.as_mut()?).ok();
        if found.is_none() {
            self.open = None;
        }
        found
    }
}

/// What the pack itself says is in it, if that can still be read.
pub(super) fn own_directory(repo: &Repository, number: u32) -> Result<Option<Vec<Segment>>, RepoError> {
    Ok(Remains::of(repo, number)?.read(PackReader::directory).map(|d| d.segments))
}

/// Takes each chunk of a pack, and its bytes where they can still be read and are right.
type Each<'e> = &'e mut dyn FnMut(&ChunkId, Option<&[u8]>) -> Result<(), RepoError>;

/// Reads what is left of one pack. `segments`: what the index says is in it.
fn remains(repo: &Repository, number: u32, mut segments: Vec<Segment>, each: Each<'_>) -> Result<bool, RepoError> {
    let mut pack = Remains::of(repo, number)?;
    if let Some(directory) = pack.read(PackReader::directory) {
        segments.extend(directory.segments);
    }
    segments.sort_by_key(|s| s.offset);
    segments.dedup();
    let key = repo.chunk_key();
    for segment in &segments {
        let raw = pack.read(|p| p.segment(segment.offset, segment.len, segment.raw));
        let mut at = 0;
        for chunk in &segment.chunks {
            let end = at + chunk.len as usize;
            let content = raw.as_ref().and_then(|raw| raw.get(at..end)).filter(|c| key.id(c) == chunk.id);
            each(&chunk.id, content)?;
            at = end;
        }
    }
    Ok(!segments.is_empty())
}

/// Loads the index as far as it goes, and finds out what can be read. Nothing is stored: what is small enough is held, so
/// that listings can be walked.
pub(super) fn survey(repo: &mut Repository, found: &Found, stop: &Stop) -> Result<Salvage, RepoError> {
    repo.salvaged.clear();
    load(repo, &found.numbers())?;
    let mut salvage = Salvage::default();
    let known = repo.descriptions(&sources(found).into_iter().collect())?;
    let (mut held, mut size) = (vec![], 0);
    for number in sources(found) {
        stop.check()?;
        let needed = found.packs.contains_key(&number);
        let segments = known.get(&number).into_iter().flatten().flat_map(|p| p.segments.clone()).collect();
        let any = remains(repo, number, segments, &mut |id, content| {
            if needed {
                salvage.chunks.entry(number).or_default().insert(*id);
                salvage.concerned.insert(*id);
            } else if !salvage.is_wanted(id) {
                return Ok(());
            } else if content.is_some() {
                salvage.perhaps.insert(*id);
            }
            match (best(repo, found, id)?, content) {
                (Best::Doubtful, _) if is_readable(repo, id)? => drop(salvage.readable.insert(*id)),
                (Best::Bad | Best::Doubtful, Some(content)) => {
                    salvage.readable.insert(*id);
                    if size + content.len() <= HELD {
                        size += content.len();
                        held.push((*id, content.to_vec()));
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        if !any && needed {
            salvage.unknown.insert(number);
        }
    }
    repo.salvaged.extend(held);
    Ok(salvage)
}

/// Where to look for what is missing: the damaged packs that are needed, and then those that nothing needs any more.
fn sources(found: &Found) -> Vec<u32> {
    found.packs.keys().copied().chain(found.spare.iter()).collect()
}

fn is_readable(repo: &Repository, id: &ChunkId) -> Result<bool, RepoError> {
    match repo.another_reader()?.read(id) {
        Ok(_) => Ok(true),
        Err(e) if e.is_damage() => Ok(false),
        Err(e) => Err(e),
    }
}

/// Copies to new packs what is readable and lies in no pack that stays. Says how many pieces these were.
pub(super) fn bring_over(
    repo: &mut Repository,
    found: &Found,
    session: SessionId,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<u64, OpsError> {
    repo.salvaged.clear();
    load(repo, &found.numbers())?;
    if found.packs.is_empty() {
        return Ok(0);
    }
    let mut salvage = Salvage::default();
    if !found.spare.is_empty() {
        salvage = survey(repo, found, stop)?;
        repo.salvaged.clear();
    }
    let known = repo.descriptions(&sources(found).into_iter().collect())?;
    let mut writer = repack::writer(repo)?;
    let mut copied: HashSet<ChunkId> = HashSet::new();
    monitor.stage("bringing over what is readable", Some(sources(found).len() as u64));
    for number in sources(found) {
        let segments = known.get(&number).into_iter().flatten().flat_map(|p| p.segments.clone()).collect();
        remains(repo, number, segments, &mut |id, content| {
            stop.check()?;
            let wanted = found.packs.contains_key(&number) || salvage.is_wanted(id);
            let best = best(repo, found, id)?;
            if best == Best::Good || !wanted || copied.contains(id) {
                return Ok(());
            }
            let other = match best {
                Best::Doubtful if content.is_none() => elsewhere(repo, id)?,
                _ => None,
            };
            if let Some(content) = content.or(other.as_deref()) {
                copied.insert(*id);
                writer.add(stream(content), *id, content)?;
            }
            Ok(())
        })?;
        monitor.advance(1);
    }
    if !copied.is_empty() {
        tell(repo, session, writer.flush()?)?;
    }
    load(repo, &found.numbers())?;
    Ok(copied.len() as u64)
}

fn elsewhere(repo: &Repository, id: &ChunkId) -> Result<Option<Vec<u8>>, RepoError> {
    match repo.another_reader()?.read(id) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.is_damage() => Ok(None),
        Err(e) => Err(e),
    }
}

/// Listings are kept apart, as in a backup. Content that looks like one does no harm there.
fn stream(content: &[u8]) -> Stream {
    let listing = decode::<Page>(content).is_ok_and(|p| !p.entries.is_empty())
        || decode::<Root>(content).is_ok_and(|r| !r.set.is_empty())
        || decode::<Vec<Piece>>(content).is_ok_and(|p| !p.is_empty());
    if listing { Stream::Listing } else { Stream::Content }
}

fn tell(repo: &mut Repository, session: SessionId, written: Vec<WrittenPack>) -> Result<(), OpsError> {
    let packs = written.iter().map(|w| w.pack).collect();
    let index = put_index(repo, &IndexObject { packs: written.into_iter().map(|w| w.indexed).collect() })?;
    let began = repo.env.clock.now();
    let stored = Entry::Stored(Stored { session, began, packs, index });
    repo.append_as(Some(Role::Pruner), |_| Ok(Some(stored.clone())))?;
    Ok(())
}
