//! Reading and appending the log: slots in order, every byte chained, every entry signed.
//!
//! Void or damaged? Bytes that do not open are void only when the next valid entry's link agrees with them,
//! or when this machine remembers having seen them. A disagreement, or a missing number below one that is
//! there, is damage: nothing is appended, nothing is deleted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::envelope;
use super::error::RepoError;
use super::layout::{Key, LOG};
use super::seal::{Identity, open};
use super::sign::{Purpose, Seed, verify};
use super::store::{Fetched, Listed, Mark, Store, StoreFault};
use crate::domain::id::{Link, RepositoryId};
use crate::domain::log::entry::{Body, Entry};
use crate::domain::log::state::Slot;

/// An entry is small; a larger one is junk.
const MAX_ENTRY: usize = 32 << 20;
/// How many entries are fetched at once.
const READERS: usize = 8;
/// How many are asked for before looking whether there are more.
const BATCH: usize = 256;
/// An entry that is listed so far behind the end, or less, makes the missing ones a hole; a farther one is junk.
const NEAR: u64 = 10_000;
/// No log is longer than this: 27 years of a hundred entries a day. The library's own tests have no patience for so many.
const MAX_ENTRIES: u64 = if cfg!(test) { 2_000 } else { 1_000_000 };

/// Opens and verifies one entry's bytes. `None` when they are not an entry that its author signed.
pub fn parse(stored: &Bytes, writing: &[Identity]) -> Option<Body> {
    let framed = open(stored.clone(), writing).ok()?.all().ok()?;
    let text = super::compress::unframe_up_to(&framed, MAX_ENTRY).ok()?;
    let (body, signature) = envelope::split(&text)?;
    let parsed: Body = serde_json::from_slice(body).ok()?;
    verify(&parsed.actor, Purpose::Log, body, &signature).then_some(parsed)
}

/// Signs and seals an entry.
///
/// # Errors
/// [`RepoError::Seal`].
pub fn seal_entry(body: &Body, seed: &Seed, recipient: &super::seal::Recipient) -> Result<Bytes, RepoError> {
    let fail = |e: String| RepoError::Seal(super::seal::SealError::Seal(e));
    let line = serde_json::to_vec(body).map_err(|e| fail(e.to_string()))?;
    let framed = super::compress::frame(&envelope::wrap(seed, Purpose::Log, &line)).map_err(|e| fail(e.to_string()))?;
    Ok(Bytes::from(super::seal::seal(&framed, &[recipient])?))
}

/// Reads what follows `known` (verified before, with their links), and checks it against the pinned id.
///
/// # Errors
/// [`RepoError::NoRepository`], [`RepoError::AnotherRepository`], [`RepoError::LogDamaged`],
/// [`RepoError::RolledBack`] when the store no longer has the newest entry known; faults of the store.
pub fn read_on(
    store: &Store,
    writing: &[Identity],
    repository: RepositoryId,
    known: Vec<Slot>,
) -> Result<Vec<Slot>, RepoError> {
    read_stepping_over(store, writing, repository, known, 0)
}

/// As [`read_on`]; a person has looked at the slots below `accepted` that hold no entry, and calls them junk.
///
/// # Errors
/// As [`read_on`].
pub fn read_stepping_over(
    store: &Store,
    writing: &[Identity],
    repository: RepositoryId,
    mut known: Vec<Slot>,
    accepted: u64,
) -> Result<Vec<Slot>, RepoError> {
    let remembered = known.len() as u64;
    let fetched =
        if known.is_empty() { fetch_all(store, writing, accepted)? } else { fetch_tail(store, writing, &known)? };
    if known.is_empty() {
        let zero = fetched.first().ok_or_else(|| RepoError::NoRepository(store.address().into()))?;
        let found = RepositoryId::new(zero.digest);
        if found != repository {
            return Err(RepoError::AnotherRepository { expected: repository, found });
        }
    }
    for read in fetched {
        let n = known.len() as u64;
        let prev = known.last().map_or(Link::ORIGIN, |s| s.link);
        known.push(Slot { n, link: prev.then_digest(&read.digest), body: read.body });
    }
    check_chain(&known, remembered, accepted)?;
    Ok(known)
}

/// What a slot holds; the stored bytes themselves are not kept.
struct Read {
    digest: [u8; 32],
    body: Option<Body>,
}

/// A bare reading: what is there from 0 on without a gap. The listing only says how many to ask for at once, and
/// shows holes; what it shows far beyond the end is somebody's junk, as is what a person called so.
fn fetch_all(store: &Store, writing: &[Identity], accepted: u64) -> Result<Vec<Read>, RepoError> {
    let (listed, _) = store.list(LOG)?;
    let listed: Vec<u64> = listed.iter().filter_map(|l| if let Key::Log(n) = l.key { Some(n) } else { None }).collect();
    let mut all: Vec<Read> = vec![];
    loop {
        let first = all.len() as u64;
        check_length(first)?;
        let likely = listed.iter().filter(|n| **n >= first).count();
        let mut got = fetch_parallel(store, writing, first, likely.clamp(1, BATCH))?.into_iter();
        all.extend(got.by_ref().map_while(|stored| stored));
        let missing = all.len() as u64;
        if missing == first + likely.clamp(1, BATCH) as u64 {
            continue;
        }
        let hole = |n: &u64| *n >= missing && *n >= accepted && n - missing <= NEAR;
        let later_is_there = got.any(|stored| stored.is_some()) && missing >= accepted;
        if later_is_there || listed.iter().any(hole) {
            let detail = "it is missing although later ones are there";
            return Err(RepoError::LogDamaged { n: missing, detail });
        }
        return Ok(all);
    }
}

fn check_length(n: u64) -> Result<(), RepoError> {
    if n > MAX_ENTRIES { Err(RepoError::LogDamaged { n, detail: "its number is impossible" }) } else { Ok(()) }
}

fn fetch_parallel(
    store: &Store,
    writing: &[Identity],
    first: u64,
    count: usize,
) -> Result<Vec<Option<Read>>, RepoError> {
    type Got = Result<Option<Read>, RepoError>;
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Got>>> = Mutex::new((0..count).map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..READERS.min(count) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    let got = fetch_one(store, writing, first + at as u64);
                    let mut slots = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    slots[at] = Some(got);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.into_iter().map(|r| r.unwrap_or(Err(RepoError::Interrupted))).collect()
}

fn fetch_one(store: &Store, writing: &[Identity], n: u64) -> Result<Option<Read>, RepoError> {
    match store.get_or_digest(&Key::Log(n)) {
        Ok(Fetched::Whole(bytes)) => {
            Ok(Some(Read { digest: *blake3::hash(&bytes).as_bytes(), body: parse(&bytes, writing) }))
        }
        Ok(Fetched::TooLarge(digest)) => Ok(Some(Read { digest, body: None })),
        Err(e) if e.fault() == StoreFault::Missing => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn fetch_from(store: &Store, writing: &[Identity], first: u64) -> Result<Vec<Read>, RepoError> {
    let mut all = vec![];
    loop {
        let n = first + all.len() as u64;
        check_length(n)?;
        match fetch_one(store, writing, n)? {
            Some(stored) => all.push(stored),
            None => return Ok(all),
        }
    }
}

/// The newest entry known must still be there with the same bytes; then what follows it.
fn fetch_tail(store: &Store, writing: &[Identity], known: &[Slot]) -> Result<Vec<Read>, RepoError> {
    check_newest(store, writing, known)?;
    fetch_from(store, writing, known.len() as u64)
}

/// The newest entry known must still be there with the same bytes.
fn check_newest(store: &Store, writing: &[Identity], known: &[Slot]) -> Result<(), RepoError> {
    let n = known.len() as u64 - 1;
    let link = known[known.len() - 1].link;
    let prev = if known.len() > 1 { known[known.len() - 2].link } else { Link::ORIGIN };
    let shown = match fetch_one(store, writing, n)? {
        Some(stored) if prev.then_digest(&stored.digest) == link => return Ok(()),
        Some(_) => format!("another entry {n}"),
        None => "none of that number".into(),
    };
    Err(RepoError::RolledBack { remembered: n, shown })
}

/// Whether the repository was made for a store that cannot create without overwriting, or nobody knows.
pub(super) fn is_single(slots: &[Slot]) -> bool {
    let body = slots.first().and_then(|s| s.body.as_ref());
    !matches!(body.map(|b| &b.entry), Some(Entry::Created(created)) if !created.single_machine)
}

/// Looks where the log ends, for one whose next word creates an entry there: what a listing left out, that creation
/// meets, and reads. Nobody else may believe a listing. Says what is listed behind the log's beginning, and whether
/// nothing follows what is known; `None` where the newest entry known is not listed.
///
/// # Errors
/// [`RepoError::RolledBack`]; faults of the store.
pub(super) fn look_at_end(
    store: &Store,
    writing: &[Identity],
    known: &[Slot],
    mark: Option<&Mark>,
) -> Result<Option<(Vec<Listed>, bool)>, RepoError> {
    let Some(n) = (known.len() as u64).checked_sub(2) else { return Ok(None) };
    let listed = store.list_after(&Key::Log(n))?;
    let Some(newest) = listed.iter().find(|l| l.key == Key::Log(n + 1)) else { return Ok(None) };
    let ends = !listed.iter().any(|l| matches!(l.key, Key::Log(m) if m > n + 1));
    if ends && !mark.is_some_and(|mark| mark.is(newest)) {
        check_newest(store, writing, known)?;
    }
    Ok(Some((listed, ends)))
}

/// Every unreadable slot must be vouched for by a later entry, or have been accepted before.
fn check_chain(slots: &[Slot], remembered: u64, accepted: u64) -> Result<(), RepoError> {
    let mut vouched = remembered.max(accepted);
    for (i, slot) in slots.iter().enumerate().skip(1) {
        let Some(body) = &slot.body else { continue };
        if body.n != slot.n {
            continue; // an entry copied from another slot: void, if a later one agrees
        }
        if body.prev == slots[i - 1].link {
            vouched = vouched.max(slot.n + 1);
        } else if slot.n >= remembered {
            return Err(RepoError::LogDamaged { n: slot.n - 1, detail: "the entry after it disagrees with its bytes" });
        }
    }
    match slots.get(vouched.max(1) as usize) {
        Some(slot) => Err(RepoError::LogDamaged { n: slot.n, detail: "its bytes are no entry of this repository" }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod from_stores;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ActorId;

    fn slot(n: u64, prev: Link, stored: &[u8], readable: bool) -> Slot {
        let body = readable.then(|| Body {
            v: 1,
            n,
            repository: None,
            prev,
            actor: ActorId::new([1; 32]),
            nonce: String::new(),
            time: jiff::Timestamp::UNIX_EPOCH,
            entry: Entry::Restored { snapshot: None, files: 0, bytes: 0 },
        });
        Slot { n, link: prev.then(stored), body }
    }

    #[test]
    fn what_is_not_signed_by_its_author_is_no_entry() {
        let (writing, author, thief) = (Identity::generate(), Seed::new([1; 32]), Seed::new([2; 32]));
        let body = Body { actor: author.actor(), ..slot(1, Link::ORIGIN, b"", true).body.unwrap() };
        let line = serde_json::to_vec(&body).unwrap();
        let sealed = |text: Vec<u8>| {
            let framed = crate::repo::compress::frame(&text).unwrap();
            Bytes::from(crate::repo::seal::seal(&framed, &[&writing.recipient()]).unwrap())
        };
        let is_entry = |text| parse(&sealed(text), std::slice::from_ref(&writing)).is_some();
        let signed = envelope::wrap(&author, Purpose::Log, &line);
        assert!(is_entry(signed.clone()));
        assert!(!is_entry([&line[..], b"\n\n"].concat()), "no signature at all");
        assert!(!is_entry(line.clone()) && !is_entry([&line[..], b"\n"].concat()), "nor a place for one");
        assert!(!is_entry(envelope::wrap(&thief, Purpose::Log, &line)), "another's");
        assert!(!is_entry(envelope::wrap(&author, Purpose::Keys, &line)), "of another kind of thing");
        let other = serde_json::to_vec(&Body { n: 2, ..body }).unwrap();
        let moved = [&other[..], &signed[line.len()..]].concat();
        assert!(!is_entry(moved), "of another entry");
    }

    #[test]
    fn junk_is_void_only_when_a_later_entry_agrees_with_it() {
        let zero = slot(0, Link::ORIGIN, b"0", true);
        let junk = slot(1, zero.link, b"junk", false);
        let after = slot(2, junk.link, b"2", true);
        check_chain(&[zero.clone(), junk.clone(), after], 0, 0).unwrap();
        let alone = check_chain(&[zero.clone(), junk.clone()], 0, 0);
        assert!(matches!(alone, Err(RepoError::LogDamaged { n: 1, .. })));
        check_chain(&[zero.clone(), junk], 2, 0).unwrap();
        let rotten = slot(1, zero.link, b"rotten", false);
        let disagrees = slot(2, zero.link.then(b"1"), b"2", true);
        let found = check_chain(&[zero, rotten, disagrees], 0, 0);
        assert!(matches!(found, Err(RepoError::LogDamaged { n: 1, .. })));
    }

    #[test]
    fn what_is_remembered_or_accepted_is_vouched_for_and_no_slot_more() {
        let zero = slot(0, Link::ORIGIN, b"0", true);
        let one = slot(1, zero.link, b"1", true);
        let damaged = |slots: &[Slot], remembered, accepted| match check_chain(slots, remembered, accepted) {
            Err(RepoError::LogDamaged { n, .. }) => Some(n),
            other => other.map(|()| None).unwrap(),
        };
        assert_eq!(damaged(std::slice::from_ref(&zero), 0, 0), None);
        let junk = slot(1, zero.link, b"junk", false);
        let more = slot(2, junk.link, b"more", false);
        let slots = [zero.clone(), junk.clone(), more.clone()];
        for (remembered, accepted, found) in
            [(0, 0, Some(1)), (2, 0, Some(2)), (0, 2, Some(2)), (3, 0, None), (0, 3, None), (2, 3, None), (3, 2, None)]
        {
            assert_eq!(damaged(&slots, remembered, accepted), found, "{remembered}, {accepted}");
        }
        let after = slot(2, one.link, b"junk", false);
        assert_eq!(
            damaged(&[zero.clone(), one.clone(), after.clone()], 3, 0),
            None,
            "an older entry takes nothing back"
        );
        assert_eq!(damaged(&[zero.clone(), one, after], 0, 0), Some(2));
        // An entry that was copied from another slot agrees with nothing.
        let mut copied = slot(2, junk.link, b"2", true);
        copied.body.as_mut().unwrap().n = 1;
        assert_eq!(damaged(&[zero.clone(), junk, copied], 0, 0), Some(1));
        // What was read before is not judged again.
        let mut odd = slot(1, zero.link, b"odd", true);
        odd.body.as_mut().unwrap().prev = Link::ORIGIN;
        let slots = [zero, odd];
        assert_eq!((damaged(&slots, 1, 0), damaged(&slots, 2, 0)), (Some(0), None));
    }
}
