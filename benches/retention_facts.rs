//! How long it takes to plan for half a million records in two hundred snapshots, from the listings to the plan's
//! name, and how much memory that needs beside the store, which lies in memory here. On a busy machine the processor
//! time says more than the time that passes.
//!
//! `cargo bench --features testing --bench retention_facts [-- RECORDS SNAPSHOTS]`
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::date;
use jiff::tz::TimeZone;
use object_store::memory::InMemory;
use strongroom::domain::clock::Clock;
use strongroom::domain::id::{ChunkId, Digest, IndexName, SessionId, SnapshotId};
use strongroom::domain::listing::{Content, Entry, Gone, Kind, Meta, Page, PageRef, Piece, Pieces, Root};
use strongroom::domain::log::bits::Bits;
use strongroom::domain::log::entry::{Entry as Said, Snapshot, Stored, StoredIndex, StoredPack};
use strongroom::domain::log::rulings::SchemeAdopted;
use strongroom::domain::path::RecordPath;
use strongroom::domain::retention::scheme::{Action, Approver, Class, Scheme, SchemeHead};
use strongroom::ops::retention::facts::gather;
use strongroom::ops::retention::law::load;
use strongroom::ops::retention::note;
use strongroom::ops::retention::plan::Planner;
use strongroom::ops::{Silent, Stop};
use strongroom::repo::chunk::{ChunkKey, IndexObject, IndexedPack};
use strongroom::repo::compress::frame;
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::layout::Key;
use strongroom::repo::listing::encode;
use strongroom::repo::machine::StateDir;
use strongroom::repo::pack::{PackBuilder, SegmentChunk, seal_pack};
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::seal::seal;
use strongroom::repo::store::Store;
use strongroom::testing::{FakeClock, SeededEntropy};
use support::{Spent, forget_peak, kib};

/// Entries of a page, as many as listings have on average.
const PAGE: u32 = 256;
/// In each backup so many records change, in places of their own.
const CHANGED: u32 = 100;
/// And so many go.
const GONE: u32 = 20;
/// No pack of listings is filled further.
const PACK: usize = 12 << 20;
const CLASSES: u32 = 100;

/// A record: its version, and the snapshot that was the last to have it.
#[derive(Clone, Copy, Default)]
struct State {
    version: u16,
    gone: Option<u16>,
}

fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (records, snapshots) = match numbers[..] {
        [records, snapshots] => (records, snapshots),
        _ => (500_000, 200),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let objects = Arc::new(InMemory::new());
    let at = object_store::path::Path::default();
    let store = Store::new(objects, at, runtime.handle().clone(), "memory".into(), false);
    let clock = Arc::new(FakeClock::reading("2025-01-01T18:00:00Z"));
    let env = Env { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(7)) };
    let dir = StateDir::new(tmp.path().join("state"));
    let options = CreateOptions { machine_name: "bench".into(), write_only: false, single_machine: false };
    create(&store, &dir, &env, &options, |_| Ok(())).unwrap();
    let mut repo = Repository::open(store.clone(), dir.clone(), env.clone()).unwrap();
    let stored = fill(&mut repo, &clock, records, snapshots);
    drop(repo);
    let mut repo = Repository::open(store, dir, env).unwrap();
    measure(&mut repo, stored);
}

fn measure(repo: &mut Repository, stored: u64) {
    let zone = TimeZone::get("Europe/London").unwrap();
    let today = date(2033, 1, 1);
    let stop = Stop::default();
    let note = note::put(repo, note::SCHEME, &scheme()).unwrap();
    let on = date(2025, 1, 1);
    let said = SchemeAdopted { note, digest: Digest::of(b""), minute: "1".into(), on, in_force: on };
    repo.append(|_| Ok(Some(Said::SchemeAdopted(said.clone())))).unwrap();
    // The index is built again, and the high water mark begins here.
    repo.take_index().unwrap();
    forget_peak();
    let before = kib("VmRSS");
    let start = Spent::so_far();
    let facts = gather(repo, &Silent, &stop).unwrap();
    let gathered = Spent::so_far();
    let law = load(repo, &zone, today).unwrap();
    let repository = repo.state().repository;
    let report = Planner::new(&facts, &law, today).plan(&repository, &mut |_| Ok(())).unwrap();
    let planned = Spent::so_far();
    let (peak, mib) = (kib("VmHWM"), |kib: u64| kib >> 10);
    println!("{} records, {} snapshots, {} distinct pages", facts.records.len(), facts.snapshots, facts.pages);
    println!("facts:              {}", gathered.since(&start));
    println!("law and plan:       {}, {} records", planned.since(&gathered), report.plan.records.len());
    println!("from facts to plan: {}", planned.since(&start));
    println!(
        "memory at most {} MiB, {} MiB more than before (the store itself holds {} MiB)",
        mib(peak),
        mib(peak.saturating_sub(before)),
        stored >> 20
    );
    println!("{:?}", report.counts);
}

fn path(n: u32) -> RecordPath {
    let (department, series, year) = (n / 50_000, n / 5_000, 2008 + n / 500 % 10);
    let text =
        format!("Documents/Department {department:02}/Series {series:03}/{year}/Record {n:06} of the council.pdf");
    RecordPath::new(text).unwrap()
}

fn entry(n: u32, state: State, began: &[i64]) -> Entry {
    let mut id = blake3::Hasher::new();
    id.update(&n.to_le_bytes()).update(&state.version.to_le_bytes());
    let chunk = ChunkId::new(*id.finalize().as_bytes());
    let size = 40_000 + n % 9_000;
    let pieces = Pieces::Inline(vec![Piece::Raw(chunk, size)]);
    let content = Content { size: u64::from(size), pieces, digest: None, link_group: None };
    let mtime_s = 1_250_000_000 + i64::from(n) * 600 + i64::from(state.version);
    let meta = Meta {
        mode: 0o640,
        uid: 1000,
        gid: 1000,
        user: Some("clerk".into()),
        group: Some("office".into()),
        mtime_s,
        mtime_ns: 123_456_789,
        xattrs: vec![],
    };
    let gone = state.gone.map(|last| {
        let (last_seen_s, missed_s) = (began[usize::from(last)], began[usize::from(last) + 1]);
        // The number of the snapshot's entry: two entries each, the first with the creation before it.
        Gone {
            last_seen: SnapshotId(2 * u64::from(last) + 2),
            last_seen_s,
            missed_s,
            unreadable: false,
            left_out: None,
        }
    });
    Entry { path: path(n), kind: Kind::File(content), meta, gone, first: None }
}

/// Stores chunks in packs.
struct Hand<'r> {
    repo: &'r Repository,
    key: ChunkKey,
    builder: PackBuilder,
    filled: usize,
    packs: Vec<StoredPack>,
    indexed: Vec<IndexedPack>,
}

impl Hand<'_> {
    fn put(&mut self, bytes: &[u8]) -> ChunkId {
        let (id, len) = (self.key.id(bytes), bytes.len() as u32);
        let framed = frame(bytes).unwrap();
        self.filled += framed.len();
        self.builder.add(&framed, len, vec![SegmentChunk { id, len }]).unwrap();
        if self.filled > PACK {
            self.end_pack();
        }
        id
    }

    fn page(&mut self, entries: Vec<Entry>) -> Option<PageRef> {
        let (first, count) = (entries.first()?.path.clone(), entries.len() as u32);
        let id = self.put(&encode(&Page { entries }).unwrap());
        Some(PageRef { id, first, count })
    }

    fn end_pack(&mut self) {
        if std::mem::take(&mut self.filled) == 0 {
            return;
        }
        let (plain, directory) = std::mem::take(&mut self.builder).finish().unwrap();
        let (name, stored) = seal_pack(&plain, &[&self.repo.reading_recipient().unwrap()]).unwrap();
        self.repo.store.create(&Key::Pack(name), &stored).unwrap();
        self.packs.push(StoredPack { name, size: stored.len() as u64 });
        self.indexed.push(IndexedPack { name, segments: directory.segments, head: None });
    }

    /// The packs and their index, for the log.
    fn end(mut self) -> (Vec<StoredPack>, StoredIndex) {
        self.end_pack();
        let framed = frame(&encode(&IndexObject { packs: self.indexed }).unwrap()).unwrap();
        let sealed = seal(&framed, &[&self.repo.writing_recipient().unwrap()]).unwrap();
        let sealed = bytes::Bytes::from(sealed);
        let index = StoredIndex { name: IndexName::of(&sealed), size: sealed.len() as u64 };
        self.repo.store.create(&Key::Index(index.name), &sealed).unwrap();
        (self.packs, index)
    }
}

/// Makes the snapshots; says how many bytes are stored.
fn fill(repo: &mut Repository, clock: &FakeClock, records: u32, snapshots: u32) -> u64 {
    let mut states = vec![State::default(); records as usize];
    let mut pages: Vec<Option<PageRef>> = vec![None; records.div_ceil(PAGE) as usize];
    let (mut began, mut needs, mut stored) = (vec![], Bits::default(), 0);
    for snapshot in 0..snapshots {
        clock.advance(SignedDuration::from_hours(24));
        began.push(clock.now().as_second());
        let mut dirty: Vec<u32> = vec![];
        if snapshot == 0 {
            dirty.extend(0..pages.len() as u32);
        } else {
            for i in 0..CHANGED + GONE {
                let n = (snapshot * 7919 + i * 104_729) % records;
                let state = &mut states[n as usize];
                match i < CHANGED {
                    true => state.version += u16::from(state.gone.is_none()),
                    false => state.gone = state.gone.or(Some(snapshot as u16 - 1)),
                }
                dirty.push(n / PAGE);
            }
        }
        dirty.sort_unstable();
        dirty.dedup();
        let filled = fill_one(repo, &states, &mut pages, &dirty, &began);
        let (session, root) = (SessionId::new(repo.env.entropy.bytes32()), filled.0);
        let (packs, index) = filled.1;
        stored += packs.iter().map(|p| p.size).sum::<u64>() + index.size;
        let said = Said::Stored(Stored { session, began: clock.now(), packs: packs.clone(), index });
        repo.append(|_| Ok(Some(said.clone()))).unwrap();
        packs.iter().for_each(|p| needs.insert(repo.state().pack(&p.name).unwrap().0));
        let said = Said::Snapshot(Snapshot {
            set: "documents".into(),
            root,
            session,
            began: clock.now(),
            needs: needs.clone(),
            parent: None,
            files: u64::from(records),
            bytes: 0,
            added: 0,
            problems: 0,
            gone: 0,
            mass_change: None,
        });
        repo.append(|_| Ok(Some(said.clone()))).unwrap();
    }
    stored
}

type Filled = (ChunkId, (Vec<StoredPack>, StoredIndex));

fn fill_one(
    repo: &Repository,
    states: &[State],
    pages: &mut [Option<PageRef>],
    dirty: &[u32],
    began: &[i64],
) -> Filled {
    let key = repo.chunk_key();
    let mut hand = Hand { repo, key, builder: PackBuilder::plain(), filled: 0, packs: vec![], indexed: vec![] };
    for page in dirty {
        let numbers = page * PAGE..((page + 1) * PAGE).min(states.len() as u32);
        let there = numbers.filter(|n| states[*n as usize].gone.is_none());
        let entries = there.map(|n| entry(n, states[n as usize], began)).collect();
        pages[*page as usize] = hand.page(entries);
    }
    let is_gone = |n: &u32| states[*n as usize].gone.is_some();
    let gone: Vec<u32> = (0..states.len() as u32).filter(is_gone).collect();
    let gone = gone.chunks(PAGE as usize).filter_map(|some| {
        let entries = some.iter().map(|n| entry(*n, states[*n as usize], began)).collect();
        hand.page(entries)
    });
    let gone: Vec<PageRef> = gone.collect();
    let live: Vec<PageRef> = pages.iter().flatten().cloned().collect();
    let root = hand.put(&encode(&Root { set: "documents".into(), live, gone, ..Root::default() }).unwrap());
    (root, hand.end())
}

fn scheme() -> Scheme {
    let triggers = ["modified", "financial-year-end", "created", "calendar-year-end", "last-seen", "employment-end"];
    let class = |n: u32| Class {
        id: format!("class-{n}"),
        title: format!("Class {n}"),
        patterns: vec![
            format!("Documents/Department {:02}/Series {n:03}/**", n / 10),
            format!("Documents/Department {:02}/Series {n:03}/**/*minutes*.pdf", n / 10),
            format!("**/*series {n} register*.xlsx"),
        ],
        minimum: "6 years".parse().unwrap(),
        trigger: triggers[n as usize % triggers.len()].parse().unwrap(),
        ceiling: None,
        authority: "bench".into(),
        strength: None,
        action: Action::Destroy,
        approver: Approver::Clerk,
        notes: String::new(),
    };
    Scheme { scheme: SchemeHead { title: "Bench".into() }, classes: (0..CLASSES).map(class).collect() }
}
