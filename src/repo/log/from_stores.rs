//! Where the log ends, read from stores that list too little, too much, or what they do not give.

use std::sync::Arc;

use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::*;
use crate::domain::log::entry::{Created, Epoch};
use crate::repo::store::Created as Stored;
use crate::testing::{Fault, FaultStore, Plan};

struct Log {
    runtime: tokio::runtime::Runtime,
    memory: Arc<InMemory>,
    faults: FaultStore,
    writing: Vec<Identity>,
    author: Seed,
    slots: Vec<Slot>,
}

impl Log {
    /// So many entries that agree with each other.
    fn of(entries: u64) -> Self {
        let memory = Arc::new(InMemory::new());
        let faults = FaultStore::new(memory.clone(), Plan::none());
        let (runtime, author) = (tokio::runtime::Runtime::new().unwrap(), Seed::new([1; 32]));
        let mut log = Self { runtime, memory, faults, writing: vec![Identity::generate()], author, slots: vec![] };
        (0..entries).for_each(|_| log.append());
        log
    }

    fn append(&mut self) {
        let (n, prev) = (self.slots.len() as u64, self.slots.last().map_or(Link::ORIGIN, |s| s.link));
        let entry = Entry::Restored { snapshot: None, files: n, bytes: 0 };
        let (actor, time) = (self.author.actor(), jiff::Timestamp::UNIX_EPOCH);
        let body = Body { v: 1, n, repository: None, prev, actor, nonce: String::new(), time, entry };
        let stored = seal_entry(&body, &self.author, &self.writing[0].recipient()).unwrap();
        self.put(n, &stored);
        self.slots.push(Slot { n, link: prev.then(&stored), body: Some(body) });
    }

    fn put(&self, n: u64, stored: &[u8]) {
        let path = Path::from(Key::Log(n).to_string());
        self.runtime.block_on(self.memory.put(&path, stored.to_vec().into())).unwrap();
    }

    fn junk(&self, numbers: impl IntoIterator<Item = u64>) {
        numbers.into_iter().for_each(|n| self.put(n, format!("junk {n}").as_bytes()));
    }

    fn lose(&self, n: u64) {
        self.store().delete(&Key::Log(n)).unwrap();
    }

    fn store(&self) -> Store {
        let inner = Arc::new(self.faults.clone());
        Store::new(inner, Path::default(), self.runtime.handle().clone(), "memory".into(), false)
    }

    fn id(&self) -> RepositoryId {
        RepositoryId::new(*blake3::hash(&self.store().get(&Key::Log(0)).unwrap()).as_bytes())
    }

    /// Reads what follows the first `known` slots; no more than `accepted` are called junk.
    fn read(&self, known: usize, accepted: u64) -> Result<Vec<Slot>, RepoError> {
        let (store, id) = (self.store(), self.id());
        read_stepping_over(&store, &self.writing, id, self.slots[..known].to_vec(), accepted)
    }

    /// How many slots there are, or which is damaged.
    fn end(&self, known: usize, accepted: u64) -> Result<usize, u64> {
        match self.read(known, accepted) {
            Ok(slots) => Ok(slots.len()),
            Err(RepoError::LogDamaged { n, .. }) => Err(n),
            Err(e) => panic!("{e}"),
        }
    }

    fn rolled_back(&self, known: usize) -> Option<(u64, String)> {
        match self.read(known, 0) {
            Err(RepoError::RolledBack { remembered, shown }) => Some((remembered, shown)),
            other => other.map(|_| None).unwrap(),
        }
    }
}

#[test]
fn every_entry_is_read_once_however_much_of_it_is_known() {
    let log = Log::of(300);
    log.faults.restart(Plan::none());
    assert_eq!(read_on(&log.store(), &log.writing, log.id(), vec![]).unwrap(), log.slots);
    // One more looks whether there are more, and one was for the id.
    assert_eq!((log.faults.count("list "), log.faults.count("get ")), (1, 302));
    for known in [1, 2, 299, 300] {
        log.faults.restart(Plan::none());
        assert_eq!(read_on(&log.store(), &log.writing, log.id(), log.slots[..known].to_vec()).unwrap(), log.slots);
        assert_eq!((log.faults.count("list "), log.faults.count("get ")), (0, 303 - known), "{known}");
    }
    // A listing only says how many to ask for at once.
    log.faults.restart(Plan::always(Fault::EmptyList));
    assert_eq!(log.read(0, 0).unwrap(), log.slots);
}

#[test]
fn a_log_of_another_repository_and_none_at_all_are_told() {
    let log = Log::of(2);
    let id = RepositoryId::new([7; 32]);
    let other = read_on(&log.store(), &log.writing, id, vec![]).unwrap_err();
    assert!(matches!(other, RepoError::AnotherRepository { expected, found } if (expected, found) == (id, log.id())));
    let none = read_on(&Log::of(0).store(), &log.writing, id, vec![]).unwrap_err();
    assert!(matches!(none, RepoError::NoRepository(_)));
}

#[test]
fn a_missing_entry_is_a_hole_when_a_later_one_is_near_and_nobody_called_it_junk() {
    for (there, accepted, end) in [
        (vec![1], 0, Err(1)),
        (vec![1], 1, Err(1)),
        (vec![1], 2, Ok(2)),
        (vec![2], 0, Err(1)),
        (vec![2], 2, Err(1)),
        (vec![2], 3, Ok(1)),
        (vec![2, 3], 3, Err(1)),
        (vec![2, 3], 4, Ok(1)),
        (vec![1 + NEAR], 0, Err(1)),
        (vec![2 + NEAR], 0, Ok(1)),
        (vec![2 + NEAR, 3 + NEAR, 4 + NEAR], 0, Ok(1)),
        (vec![2 + NEAR, 3 + NEAR, 1 + NEAR], 0, Err(1)),
        // So many listed that the next is asked for at once with those behind it.
        (vec![2, 2 + NEAR, 3 + NEAR], 3, Ok(1)),
    ] {
        let log = Log::of(1);
        log.junk(there.clone());
        assert_eq!(log.end(0, accepted), end, "{there:?}, {accepted}");
    }
}

#[test]
fn what_is_listed_and_not_given_is_a_hole_and_so_is_what_stands_before_what_no_listing_shows() {
    let log = Log::of(3);
    let last = Key::Log(2).to_string();
    log.faults.restart(Plan::within(&last, Fault::NotFound));
    assert_eq!((log.end(0, 0), log.end(0, 2), log.end(0, 3)), (Err(2), Err(2), Ok(2)));
    // Listed are 1 and two that are far behind: so many are asked for at once that 3 comes, which nobody listed.
    let log = Log::of(2);
    log.junk([3]);
    log.junk((2..7).map(|n| n + 2 * NEAR));
    log.faults.restart(Plan::always(Fault::DropFromList(2)));
    let listed: Vec<Key> = log.store().list(LOG).unwrap().0.into_iter().map(|l| l.key).collect();
    assert!(listed.len() == 4 && listed.contains(&Key::Log(1)) && !listed.contains(&Key::Log(3)), "{listed:?}");
    assert_eq!((log.end(0, 0), log.end(0, 2), log.end(0, 4)), (Err(2), Err(2), Ok(2)));
}

#[test]
fn a_store_that_fails_ends_the_reading_and_never_the_log() {
    let log = Log::of(5);
    for n in 1..5 {
        log.faults.restart(Plan::within(&Key::Log(n).to_string(), Fault::FailBefore));
        for known in [0, 1, n as usize + 1] {
            assert!(matches!(log.read(known, 0), Err(RepoError::Store(_))), "{n}, {known}");
        }
    }
    log.faults.restart(Plan::within("log", Fault::FailAfter));
    let failed = read_on(&log.store(), &log.writing, RepositoryId::new([7; 32]), vec![]);
    assert!(matches!(failed, Err(RepoError::Store(_))), "half a listing is none");
}

#[test]
fn no_store_is_asked_for_entries_for_ever() {
    assert!(check_length(MAX_ENTRIES).is_ok());
    let too_many = |n: &RepoError| matches!(n, RepoError::LogDamaged { detail: "its number is impossible", .. });
    assert!(check_length(MAX_ENTRIES + 1).as_ref().is_err_and(too_many));
    let log = Log::of(1);
    log.junk(1..MAX_ENTRIES + 2 * BATCH as u64);
    for known in [0, 1] {
        assert!(log.read(known, 2 * MAX_ENTRIES).as_ref().is_err_and(too_many), "{known}");
    }
}

#[test]
fn the_newest_entry_that_was_seen_must_be_there_with_the_bytes_it_had() {
    for known in [1, 2, 4] {
        let newest = known as u64 - 1;
        let log = Log::of(4);
        assert_eq!(log.rolled_back(known), None);
        let id = log.id();
        log.put(newest, b"of another past");
        let read = || read_on(&log.store(), &log.writing, id, log.slots[..known].to_vec());
        let shown = |result: Result<Vec<Slot>, RepoError>| match result {
            Err(RepoError::RolledBack { remembered, shown }) => (remembered, shown),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown(read()), (newest, format!("another entry {newest}")));
        log.lose(newest);
        assert_eq!(shown(read()), (newest, "none of that number".into()));
    }
}

#[test]
fn the_end_is_looked_for_behind_the_newest_entry_known() {
    let mut log = Log::of(5);
    let look = |log: &Log, known: usize, mark: Option<&Mark>| {
        let (store, slots) = (log.store(), &log.slots[..known]);
        log.faults.restart(Plan::none());
        look_at_end(&store, &log.writing, slots, mark).map(|seen| seen.map(|(listed, ends)| (listed.len(), ends)))
    };
    assert_eq!((look(&log, 0, None).unwrap(), look(&log, 1, None).unwrap()), (None, None), "there is nothing before");
    assert_eq!(look(&log, 3, None).unwrap(), Some((3, false)));
    assert_eq!(log.faults.calls(), 1, "it is read on anyway");
    assert_eq!(look(&log, 5, None).unwrap(), Some((1, true)));
    assert_eq!(log.faults.record().len(), 2, "nobody knows how a listing shows the newest: it is read");
    let listed = log.store().list_after(&Key::Log(3)).unwrap();
    let mark = Mark { size: listed[0].size, tag: listed[0].tag.clone().unwrap() };
    assert_eq!(look(&log, 5, Some(&mark)).unwrap(), Some((1, true)));
    assert_eq!(log.faults.calls(), 1, "by its mark");
    // Whatever is listed behind it, near or far, may be an entry.
    log.junk([99]);
    assert_eq!(look(&log, 5, Some(&mark)).unwrap(), Some((2, false)));
    log.lose(99);
    log.append();
    assert_eq!(look(&log, 5, Some(&mark)).unwrap(), Some((2, false)));
    log.lose(5);
    log.put(4, b"of another past");
    for mark in [None, Some(&mark)] {
        assert!(matches!(look(&log, 5, mark), Err(RepoError::RolledBack { remembered: 4, .. })));
    }
    log.lose(4);
    assert_eq!(look(&log, 5, Some(&mark)).unwrap(), None, "what is not listed may be there");
}

#[test]
fn an_entry_is_created_where_the_log_ends_and_nowhere_else() {
    let log = Log::of(3);
    assert_eq!(log.end(0, 0), Ok(3));
    assert_eq!(log.store().create(&Key::Log(3), &Bytes::from_static(b"junk")).unwrap(), Stored::Ours);
    assert_eq!((log.end(0, 0), log.end(3, 0), log.end(0, 4)), (Err(3), Err(3), Ok(4)));
    let (store, id) = (log.store(), log.id());
    let all = log.read(0, 4).unwrap();
    assert_eq!(read_on(&store, &log.writing, id, all).unwrap().len(), 4, "what was read before is not judged again");
}

#[test]
fn a_repository_is_for_one_machine_unless_its_first_entry_says_otherwise() {
    let created = |single_machine| {
        let epoch = Epoch { number: 1, reading: String::new(), writing: String::new(), bundles: vec![] };
        let root = Seed::new([1; 32]).actor();
        Entry::Created(Created { root, epoch, keyholders: vec![], actors: vec![], single_machine })
    };
    let mut slots = Log::of(3).slots;
    assert!(is_single(&[]) && is_single(&slots), "nobody knows");
    for single in [false, true] {
        slots[0].body.as_mut().unwrap().entry = created(single);
        assert_eq!(is_single(&slots), single);
    }
    slots[0].body = None;
    assert!(is_single(&slots));
}
