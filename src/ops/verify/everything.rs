//! Every document there is, for a test restore of everything: page by page, each content once.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::accepted::Accepted;
use crate::domain::id::ChunkId;
use crate::domain::listing::{Entry, PageRef, Root};
use crate::domain::path::RecordPath;
use crate::ops::error::OpsError;
use crate::repo::error::RepoError;
use crate::repo::listing::{encode, read_page};
use crate::repo::reader::ChunkReader;

/// Is shown every live document, each time it stands somewhere.
pub(super) type Each<'e> = &'e mut dyn FnMut(&Entry);

/// A walk over the pages of one listing after the other.
pub(super) struct Walk {
    pub pages_seen: HashSet<ChunkId>,
    pub contents_seen: HashSet<[u8; 16]>,
    /// Pages that cannot be read: the first path, why, and the pack.
    pub unread: Vec<(RecordPath, String, Vec<u32>)>,
    /// Live documents to compare with the files on this computer.
    pub live: Sample,
    /// Pages still to be read, and whether they say what is live now.
    pages: VecDeque<(PageRef, bool)>,
    /// What was passed over because a person accepted that it is lost.
    pub lost: u64,
    accepted: Accepted,
    entries: VecDeque<Entry>,
}

impl Walk {
    pub fn new(live: Sample, accepted: Accepted) -> Self {
        let (pages_seen, contents_seen) = (HashSet::new(), HashSet::new());
        let (pages, entries) = (VecDeque::new(), VecDeque::new());
        Self { pages_seen, contents_seen, unread: vec![], live, pages, lost: 0, accepted, entries }
    }

    /// Begins the listing with these roots; what is gone from it is live nowhere.
    pub fn open(&mut self, roots: &[Root], is_newest: bool) {
        for root in roots {
            self.pages.extend(root.live.iter().map(|p| (p.clone(), is_newest)));
            self.pages.extend(root.gone.iter().map(|p| (p.clone(), false)));
        }
    }

    /// The next document whose content was not handed out before.
    pub fn next(&mut self, chunks: &mut ChunkReader<'_>, each: Each<'_>) -> Result<Option<Entry>, OpsError> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                return Ok(Some(entry));
            }
            let Some((page, live)) = self.pages.pop_front() else { return Ok(None) };
            if self.pages_seen.insert(page.id) {
                self.read(chunks, &page, live, each)?;
            }
        }
    }

    fn read(
        &mut self,
        chunks: &mut ChunkReader<'_>,
        page: &PageRef,
        live: bool,
        each: Each<'_>,
    ) -> Result<(), OpsError> {
        let entries = match read_page(chunks, page) {
            Ok(entries) => entries,
            Err(e) if e.is_damage() && self.accepted.covers(&page.id, chunks) => {
                self.lost += 1;
                return Ok(());
            }
            Err(e) if e.is_damage() => {
                let packs = chunks.pack_of(&page.id).into_iter().collect();
                self.unread.push((page.first.clone(), e.to_string(), packs));
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        };
        for entry in entries.into_iter().filter(Entry::is_file) {
            if live {
                each(&entry);
            }
            let print = fingerprint(&entry)?;
            if !self.contents_seen.insert(print) {
                continue;
            }
            if self.accepted.covers_record(&entry, chunks)? {
                self.lost += 1;
                continue;
            }
            if live {
                self.live.offer(&entry, &print);
            }
            self.entries.push_back(entry);
        }
        Ok(())
    }
}

/// Some entries, chosen by chance as they pass.
pub(super) struct Sample {
    seed: [u8; 32],
    most: usize,
    chosen: BTreeMap<[u8; 8], Entry>,
}

impl Sample {
    pub fn new(seed: [u8; 32], most: usize) -> Self {
        Self { seed, most, chosen: BTreeMap::new() }
    }

    fn offer(&mut self, entry: &Entry, print: &[u8; 16]) {
        let mut lot = [0; 8];
        lot.copy_from_slice(&blake3::keyed_hash(&self.seed, print).as_bytes()[..8]);
        let worse = self.chosen.last_key_value().is_some_and(|(last, _)| *last < lot);
        if self.chosen.len() >= self.most && worse {
            return;
        }
        self.chosen.insert(lot, entry.clone());
        if self.chosen.len() > self.most {
            self.chosen.pop_last();
        }
    }

    /// Those chosen.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.chosen.values()
    }
}

/// Which content an entry has, wherever it stands.
pub(super) fn fingerprint(entry: &Entry) -> Result<[u8; 16], RepoError> {
    let mut half = [0; 16];
    half.copy_from_slice(&blake3::hash(&encode(&entry.kind)?).as_bytes()[..16]);
    Ok(half)
}
