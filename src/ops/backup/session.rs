//! What this run stored, told to the log; and what an interrupted run stored, taken up again.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::id::{Digest, IndexName, PackName, SessionId};
use crate::domain::log::entry::{Entry, Stored, StoredIndex, StoredPack};
use crate::domain::log::state::Life;
use crate::repo::chunk::{IndexObject, IndexedPack};
use crate::repo::compress::frame;
use crate::repo::error::RepoError;
use crate::repo::layout::{Key, PACKS};
use crate::repo::listing::{decode, encode};
use crate::repo::local;
use crate::repo::repository::Repository;
use crate::repo::seal::{SealError, seal};
use crate::repo::store::{ASKED_BY_NAME, Created, Listed, StoreError, StoreFault};
use crate::repo::writer::{Acknowledged, WrittenPack};

/// After so many packs the log is told, so that an interruption costs little.
const PACKS_PER_STORED: usize = 64;

const JOURNAL: &str = "session.journal";
/// One at a time writes to a journal.
static JOURNALS: Mutex<()> = Mutex::new(());

/// Sizes of the packs that the store has. Its listing is a hint, and "nothing" is an answer nobody may act on: packs of the
/// log that it leaves out are asked for by name, [`ASKED_BY_NAME`] at most. If all of those are missing, it is believed.
///
/// # Errors
/// Faults of the store; a listing that left out more than that, and was wrong.
pub fn packs_there(repo: &mut Repository) -> Result<HashMap<PackName, u64>, RepoError> {
    let there = repo.list_packs()?;
    with_left_out(repo, there)
}

fn with_left_out(repo: &Repository, mut there: HashMap<PackName, u64>) -> Result<HashMap<PackName, u64>, RepoError> {
    let gone = |life: Life| matches!(life, Life::Swept { .. });
    let known = repo.state().packs.iter().filter(|p| !gone(p.life) && p.lost.is_none()).map(|p| p.pack);
    let left_out: Vec<PackName> = known.map(|p| p.name).filter(|name| !there.contains_key(name)).collect();
    let mut wrong = false;
    for name in left_out.iter().take(ASKED_BY_NAME) {
        match repo.store.size(&Key::Pack(*name)) {
            Ok(Some(size)) => wrong |= there.insert(*name, size).is_none(),
            Ok(None) => {}
            // A computer that may not read has only the listing.
            Err(e) if e.fault() == StoreFault::Denied => break,
            Err(e) => return Err(e.into()),
        }
    }
    if wrong && left_out.len() > ASKED_BY_NAME {
        return Err(StoreError::list_leaves_out(repo.store.address()).into());
    }
    Ok(there)
}

/// One attempt at a backup: what its entries carry, and the keys it seals to.
#[derive(Clone, Copy)]
pub struct Session {
    /// What its entries have in common.
    pub id: SessionId,
    /// When it began.
    pub began: Timestamp,
    /// The keys that it seals to: by what it knew of the log when it began.
    pub epoch: u32,
}

/// Writes each acknowledged pack to the journal, with the keys that it is sealed to, forced to the disk.
pub fn journal(repo: &Repository) -> Acknowledged {
    let Some(path) = repo.dir().map(|d| d.file(JOURNAL)) else { return Box::new(|_| Ok(())) };
    let epoch = repo.state().epoch().number;
    Box::new(move |written: &WrittenPack| {
        let cbor = encode(&written.indexed)?;
        let text = format!("{epoch} {} {} {}", written.pack.name, written.pack.size, STANDARD.encode(cbor));
        let line = format!("{} {text}\n", Digest::of(text.as_bytes()));
        let _one_at_a_time = JOURNALS.lock();
        Ok(local::append(&path, line.as_bytes())?)
    })
}

/// Takes out of the journal what the log was told. What came to the store since then stays in it.
fn forget(path: &Path, told: &HashSet<PackName>) -> Result<(), RepoError> {
    let _one_at_a_time = JOURNALS.lock();
    let Some(bytes) = local::read(path)? else { return Ok(()) };
    let is_told = |line: &&[u8]| {
        let name = str::from_utf8(line).ok().and_then(|line| line.split(' ').nth(2)?.parse().ok());
        name.is_none_or(|name| told.contains(&name))
    };
    let rest: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').filter(|line| !is_told(line)).collect();
    if rest.is_empty() { Ok(local::remove(path)?) } else { Ok(local::replace(path, &rest.concat())?) }
}

fn parse_line(line: &str, epoch: u32) -> Option<WrittenPack> {
    let (digest, text) = line.split_once(' ')?;
    if Digest::of(text.as_bytes()).to_hex() != digest {
        return None;
    }
    let mut parts = text.split(' ');
    let same_keys = parts.next()?.parse() == Ok(epoch);
    let pack = StoredPack { name: parts.next()?.parse().ok()?, size: parts.next()?.parse().ok()? };
    let indexed: IndexedPack = decode(&STANDARD.decode(parts.next()?).ok()?).ok()?;
    (same_keys && indexed.name == pack.name).then_some(WrittenPack { pack, indexed })
}

/// Takes up what an interrupted run stored and the log was never told. What the store does not list any more
/// with its right size, the log has condemned, or is sealed to keys of before, is left alone.
pub fn resume(repo: &mut Repository, session: Session, listed: &HashMap<PackName, u64>) -> Result<u64, RepoError> {
    let Some(path) = repo.dir().map(|d| d.file(JOURNAL)) else { return Ok(0) };
    let Some(bytes) = local::read(&path)? else { return Ok(0) };
    let mut names = HashSet::new();
    let found: Vec<WrittenPack> = String::from_utf8_lossy(&bytes)
        .lines()
        .filter_map(|line| parse_line(line, session.epoch))
        .filter(|w| listed.get(&w.pack.name) == Some(&w.pack.size))
        .filter(|w| repo.state().pack(&w.pack.name).is_none() && !repo.state().orphans.contains_key(&w.pack.name))
        .filter(|w| names.insert(w.pack.name))
        .collect();
    let count = found.len() as u64;
    tell(repo, session, found)?;
    // Nobody writes to it yet, and what was not taken up never is.
    local::remove(&path)?;
    Ok(count)
}

/// An index object describes about so many bytes' worth of packs: far below what readers refuse.
const INDEX_TARGET: usize = 16 << 20;

/// About how much of an index one pack takes.
fn index_size(written: &WrittenPack) -> usize {
    written.indexed.segments.iter().map(|s| 32 + 40 * s.chunks.len()).sum::<usize>() + 64
}

/// Packs that are in the store and the log was not told of yet.
#[derive(Default)]
pub struct Waiting {
    packs: Vec<WrittenPack>,
    index: usize,
}

impl Waiting {
    /// Some more.
    pub fn extend(&mut self, packs: Vec<WrittenPack>) {
        self.index += packs.iter().map(index_size).sum::<usize>();
        self.packs.extend(packs);
    }

    /// Whether it is time to tell the log: of many packs, or of so much that one index object still describes it.
    pub fn is_enough(&self) -> bool {
        self.packs.len() >= PACKS_PER_STORED || self.index >= INDEX_TARGET / 2
    }

    /// All of them; none waits any more.
    pub fn take(&mut self) -> Vec<WrittenPack> {
        std::mem::take(self).packs
    }
}

/// Packs that an index object in the store describes, and that the log is to be told of.
pub struct Described {
    packs: Vec<StoredPack>,
    index: StoredIndex,
}

/// Stores index objects for `written`, which may still be on their way: the log names them when all is there.
pub fn describe(repo: &Repository, written: Vec<WrittenPack>) -> Result<Vec<Described>, RepoError> {
    let (mut described, mut rest) = (vec![], written.into_iter().peekable());
    while rest.peek().is_some() {
        let (mut packs, mut object, mut size) = (vec![], IndexObject::default(), 0);
        while let Some(next) = rest.next_if(|w| size == 0 || size + index_size(w) <= INDEX_TARGET) {
            size += index_size(&next);
            packs.push(next.pack);
            object.packs.push(next.indexed);
        }
        described.push(Described { packs, index: put_index(repo, &object)? });
    }
    Ok(described)
}

/// Stores index objects for `written` and appends `stored`.
pub fn tell(repo: &mut Repository, session: Session, written: Vec<WrittenPack>) -> Result<(), RepoError> {
    let described = describe(repo, written)?;
    tell_of(repo, session, described)
}

/// Appends `stored`: every pack is in the store, and so is each index object. Then the journal has done its work. What was
/// sealed to keys that are no longer those of the repository is never named: whoever was removed knows them.
fn tell_of(repo: &mut Repository, session: Session, described: Vec<Described>) -> Result<(), RepoError> {
    if described.is_empty() {
        return Ok(());
    }
    let told = described.iter().flat_map(|d| d.packs.iter().map(|p| p.name)).collect();
    for Described { packs, index } in described {
        let entry = Entry::Stored(Stored { session: session.id, began: session.began, packs, index });
        repo.append(|state| match state.epoch().number == session.epoch {
            true => Ok(Some(entry.clone())),
            false => Err(RepoError::KeysChanged),
        })?;
    }
    if let Some(dir) = repo.dir() {
        forget(&dir.file(JOURNAL), &told)?;
    }
    Ok(())
}

/// [`tell`] of the last packs while the store lists what is there: they are in it. What it lists, as [`packs_there`].
pub fn tell_and_list(
    repo: &mut Repository,
    session: Session,
    described: Vec<Described>,
) -> Result<HashMap<PackName, u64>, RepoError> {
    let store = repo.store.clone();
    let (told, there) = std::thread::scope(|scope| {
        let listing = scope.spawn(|| store.list(PACKS));
        let told = tell_of(repo, session, described);
        (told, listing.join().map_err(|_| RepoError::Interrupted))
    });
    told?;
    with_left_out(repo, Listed::packs(there??.0))
}

/// Seals and stores an index object.
pub fn put_index(repo: &Repository, object: &IndexObject) -> Result<StoredIndex, RepoError> {
    let fail = |e: String| RepoError::Seal(SealError::Seal(e));
    let cbor = encode(object)?;
    let framed = frame(&cbor).map_err(|e| fail(e.to_string()))?;
    let stored = Bytes::from(seal(&framed, &[&repo.writing_recipient()?])?);
    let name = IndexName::of(&stored);
    if repo.store.create(&Key::Index(name), &stored)? == Created::Taken {
        return Err(RepoError::Index("another object has the name of a new index".into()));
    }
    if let Some(dir) = repo.dir() {
        dir.save_index(&name, &stored);
    }
    Ok(StoredIndex { name, size: stored.len() as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::verify::fixture::Council;

    /// Packs come to the store while the log is told of others.
    #[test]
    fn the_journal_forgets_only_what_the_log_was_told() {
        let (c, segments) = (Council::new(), vec![]);
        let repo = c.open();
        let name = |n: u8| PackName::new([n; 32]);
        let indexed = |n| IndexedPack { name: name(n), segments: segments.clone(), head: None };
        let written = |n| WrittenPack { pack: StoredPack { name: name(n), size: 7 }, indexed: indexed(n) };
        let acknowledged = journal(&repo);
        (1..=3).for_each(|n| acknowledged(&written(n)).unwrap());
        let path = repo.dir().unwrap().file(JOURNAL);
        forget(&path, &HashSet::from([name(1), name(3)])).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let left: Vec<_> =
            text.lines().map(|l| parse_line(l, repo.state().epoch().number).unwrap().pack.name).collect();
        assert_eq!(left, [name(2)]);
        forget(&path, &HashSet::from([name(2)])).unwrap();
        assert!(!path.exists());
    }
}
