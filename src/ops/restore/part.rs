//! A segment of a pack on its way: opened, and every chunk in it that is asked for digested.
//!
//! Several workers do this at once. Where a pack is tested from end to end, every
//! segment that its own directory names is opened and every chunk in it digested, asked for or not; what is asked for
//! must lie where the index says, and the directory must be what the index says of the pack.

use std::collections::HashMap;
use std::sync::Mutex;

use super::engine::locked;
use super::window::Need;
use crate::domain::id::{ChunkId, PackName};
use crate::domain::log::bits::Bits;
use crate::repo::chunk::ChunkKey;
use crate::repo::error::RepoError;
use crate::repo::open_pack::OpenPack;
use crate::repo::pack::{Directory, PackError, Segment, check_chunks};
use crate::repo::repository::Repository;

/// What became of packs that were tested from end to end: their bytes, or what is wrong.
#[derive(Default)]
pub struct Whole {
    pub(super) results: Mutex<HashMap<PackName, Result<u64, String>>>,
    /// What the index says is in each pack: a digest of the whole statement.
    stated: HashMap<PackName, [u8; 16]>,
}

/// A digest of what is said to be in a pack.
fn statement(segments: &[Segment]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for s in segments {
        hasher.update(&s.offset.to_le_bytes()).update(&s.len.to_le_bytes()).update(&s.raw.to_le_bytes());
        hasher.update(&(s.chunks.len() as u64).to_le_bytes());
        for chunk in &s.chunks {
            hasher.update(chunk.id.as_bytes()).update(&chunk.len.to_le_bytes());
        }
    }
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    half
}

impl Whole {
    /// For these packs: what the index says of each is compared with its own directory.
    ///
    /// # Errors
    /// Damage to the index; faults of the store.
    pub fn stated(repo: &Repository, packs: &Bits) -> Result<Self, RepoError> {
        let mut stated = HashMap::new();
        repo.for_each_pack(packs, |_, pack| -> Result<(), RepoError> {
            stated.insert(pack.name, statement(&pack.segments));
            Ok(())
        })?;
        Ok(Self { stated, ..Self::default() })
    }

    fn is_as_stated(&self, name: &PackName, directory: &Directory) -> bool {
        self.stated.get(name).is_none_or(|said| statement(&directory.segments) == *said)
    }

    /// What became of each pack, by name.
    pub fn into_results(self) -> HashMap<PackName, Result<u64, String>> {
        self.results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Whether the pack was not tested yet: in a later window it need not be again.
    pub(super) fn is_new(&self, name: &PackName) -> bool {
        !locked(&self.results).contains_key(name)
    }
}

/// How far the test of one pack has come.
#[derive(Default)]
pub(super) struct Tally {
    bytes: u64,
    wrong: Option<String>,
}

impl Tally {
    fn note(&mut self, why: &str) {
        self.wrong.get_or_insert_with(|| why.into());
    }

    pub fn into_result(self) -> Result<u64, String> {
        self.wrong.map_or(Ok(self.bytes), Err)
    }
}

/// A segment to be opened.
pub(super) struct Part<'a> {
    offset: u64,
    len: u32,
    raw: u32,
    needs: &'a [Need],
    /// What the pack's own directory says of it, where all of it is tested.
    listed: Option<Result<Segment, String>>,
}

/// A segment that was opened, or why it could not be.
pub(super) struct Prepared<'a> {
    pub needs: &'a [Need],
    pub raw: Result<Vec<u8>, String>,
    /// For each need, why it cannot be given.
    pub unsound: Vec<Option<String>>,
}

impl<'a> Part<'a> {
    /// The segments of a pack that are needed, or all of them; `group` is sorted by segment.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn all(
        pack: &mut OpenPack<'_>,
        group: &'a [Need],
        whole: Option<(&Whole, &PackName)>,
        tally: &mut Tally,
    ) -> Result<Vec<Self>, RepoError> {
        let needed = group.chunk_by(|a, b| a.segment.offset == b.segment.offset).map(|needs| {
            let place = needs[0].segment;
            Self { offset: place.offset, len: place.len, raw: place.raw, needs, listed: None }
        });
        let Some((whole, name)) = whole else { return Ok(needed.collect()) };
        let mut needed: HashMap<u64, Self> = needed.map(|p| (p.offset, p)).collect();
        let directory = match pack.directory() {
            Ok(directory) => directory,
            Err(e) if !e.is_damage() => return Err(e),
            Err(e) => {
                let why = e.to_string();
                let mut all: Vec<Self> = needed.into_values().collect();
                all.sort_by_key(|p| p.offset);
                all.iter_mut().for_each(|p| p.listed = Some(Err(why.clone())));
                return Ok(all);
            }
        };
        if !whole.is_as_stated(name, &directory) {
            tally.note("its directory and the index differ");
        }
        let mut all = vec![];
        for segment in directory.segments {
            let known = needed.remove(&segment.offset);
            let (offset, len, raw) = (segment.offset, segment.len, segment.raw);
            let listed = match &known {
                Some(p) if (p.len, p.raw) != (len, raw) => Err("its directory and the index differ".into()),
                _ => Ok(segment),
            };
            let needs = known.as_ref().map_or(&[][..], |p| p.needs);
            let (len, raw) = known.map_or((len, raw), |p| (p.len, p.raw));
            all.push(Self { offset, len, raw, needs, listed: Some(listed) });
        }
        for (_, mut part) in needed {
            part.listed = Some(Err("its directory does not name what the index does".into()));
            all.push(part);
        }
        all.sort_by_key(|p| p.offset);
        Ok(all)
    }

    /// Opens it and digests what is asked for. Damage is part of what is given back.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn open(
        self,
        pack: &mut OpenPack<'_>,
        key: &ChunkKey,
        name: PackName,
        tally: &mut Tally,
    ) -> Result<Prepared<'a>, RepoError> {
        let words = |error: PackError| RepoError::Pack { name, error }.to_string();
        let raw = match pack.segment(self.offset, self.len, self.raw) {
            Err(e) if !e.is_damage() => return Err(e),
            other => other.map_err(|e| e.to_string()),
        };
        let mut digested: HashMap<u32, (u32, ChunkId)> = HashMap::new();
        match (&self.listed, &raw) {
            (None, _) => {}
            (_, Err(why)) | (Some(Err(why)), _) => tally.note(why),
            (Some(Ok(segment)), Ok(raw)) => match check_chunks(segment, raw, key) {
                Ok(()) => {
                    tally.bytes += raw.len() as u64;
                    let mut start = 0;
                    for chunk in &segment.chunks {
                        digested.insert(start, (chunk.len, chunk.id));
                        start += chunk.len;
                    }
                }
                Err(e) => tally.note(&words(e)),
            },
        }
        let mut unsound: Vec<Option<String>> = Vec::with_capacity(self.needs.len());
        for same in self.needs.chunk_by(|a, b| (a.start, a.len, a.id) == (b.start, b.len, b.id)) {
            let need = &same[0];
            let (from, to) = (need.start as usize, need.start as usize + need.len as usize);
            let known = digested.get(&need.start) == Some(&(need.len, need.id));
            let sound = known || raw.as_ref().is_ok_and(|r| r.get(from..to).is_some_and(|b| key.id(b) == need.id));
            let why = (!sound).then(|| words(PackError::Chunk(need.id)));
            if let (Some(why), Some(_)) = (&why, &self.listed) {
                tally.note(why);
            }
            unsound.extend(same.iter().map(|_| why.clone()));
        }
        Ok(Prepared { needs: self.needs, raw, unsound })
    }
}

#[cfg(test)]
mod by_hand;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::restore::check_stream;
    use crate::ops::verify::fixture::Council;
    use crate::ops::{Silent, Stop};
    use crate::repo::pack::SegmentChunk;

    #[test]
    fn whatever_is_said_otherwise_of_a_pack_is_another_statement() {
        let chunk = |n: u8, len| SegmentChunk { id: ChunkId::new([n; 32]), len };
        let first = Segment { offset: 0, len: 30, raw: 40, chunks: (1..=4).map(|n| chunk(n, 10)).collect() };
        let said = vec![first.clone(), Segment { offset: 30, len: 8, raw: 9, chunks: vec![chunk(5, 9)] }];
        let otherwise: [fn(&mut Vec<Segment>); 9] = [
            |s| s[1].offset += 1,
            |s| s[0].len += 1,
            |s| s[0].raw += 1,
            |s| s[0].chunks[1].len += 1,
            |s| s[1].chunks[0].id = ChunkId::new([6; 32]),
            |s| s[0].chunks.swap(0, 1),
            |s| s[0].chunks.truncate(3),
            |s| s.truncate(1),
            |s| s.swap(0, 1),
        ];
        for (n, change) in otherwise.into_iter().enumerate() {
            let mut other = said.clone();
            change(&mut other);
            assert_ne!(statement(&other), statement(&said), "{n}");
        }
        assert_eq!(statement(&said.clone()), statement(&said));
        // The numbers of a segment and its chunks, told as segments without any chunk.
        let mut numbers = [&[0; 8][..], &first.len.to_le_bytes(), &first.raw.to_le_bytes()].concat();
        first.chunks.iter().for_each(|c| numbers.extend([c.id.as_bytes(), &c.len.to_le_bytes()[..]].concat()));
        let four = |at: &[u8]| u32::from_le_bytes(at.try_into().unwrap());
        let bare = numbers.chunks(16).map(|s| Segment {
            offset: u64::from_le_bytes(s[..8].try_into().unwrap()),
            len: four(&s[8..12]),
            raw: four(&s[12..]),
            chunks: vec![],
        });
        assert_ne!(statement(&bare.collect::<Vec<_>>()), statement(&[first]));
    }

    /// What documents need may be right while the index says something else of the rest of the pack.
    #[test]
    fn a_pack_that_is_not_what_the_index_says_is_told_although_its_documents_come_back() {
        let c = Council::new();
        c.write("may.bin", Council::noise(1, 60_000));
        c.backup();
        let (number, _) = c.pack_of("Documents/may.bin");
        let mut repo = c.open();
        let name = repo.pack_name(number).unwrap();
        for changed in [false, true] {
            let mut whole = Whole::stated(&repo, &[number].into_iter().collect()).unwrap();
            whole.stated.get_mut(&name).unwrap()[0] ^= u8::from(changed);
            let mut entries = vec![c.entry("Documents/may.bin")];
            let mut next = |_: &mut crate::repo::reader::ChunkReader<'_>| Ok(entries.pop());
            let report = check_stream(&mut repo, &mut next, Some(&whole), &Silent, &Stop::default()).unwrap();
            assert_eq!((report.files, report.failed), (1, vec![]));
            let result = whole.into_results().remove(&name).unwrap();
            assert_eq!(result.is_err(), changed, "{result:?}");
        }
    }
}
