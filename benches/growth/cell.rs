//! One cell of the table, in a process of its own: what one operation costs over a folder that lies there.

use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use object_store::local::LocalFileSystem;
use strongroom::domain::clock::Clock;
use strongroom::domain::id::{ChunkId, IndexName, PackName, SessionId};
use strongroom::domain::log::entry::{Entry, Stored, StoredIndex, StoredPack};
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::query::Which;
use strongroom::ops::restore::cat;
use strongroom::ops::{Silent, Stop};
use strongroom::repo::chunk::{Head, IndexObject, IndexedPack};
use strongroom::repo::compress::frame;
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::layout::Key;
use strongroom::repo::listing::encode;
use strongroom::repo::machine::StateDir;
use strongroom::repo::pack::{Segment, SegmentChunk};
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::seal::seal;
use strongroom::repo::store::Store;
use strongroom::testing::{FakeClock, SeededEntropy};

use crate::link::{Line, Link};

/// A folder with documents, state and repository, and the line between.
pub struct Cell {
    dir: PathBuf,
    link: Arc<Link>,
    runtime: tokio::runtime::Runtime,
    clock: Arc<FakeClock>,
}

impl Cell {
    pub fn new(dir: &Path, delay_ms: u64, rate: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        std::fs::create_dir_all(dir.join("store")).unwrap();
        std::fs::create_dir_all(dir.join("Documents")).unwrap();
        let link = Arc::new(Link {
            inner: Arc::new(LocalFileSystem::new_with_prefix(dir.join("store")).unwrap()),
            delay: Duration::from_millis(delay_ms),
            rate,
            requests: 0.into(),
            up: 0.into(),
            down: 0.into(),
            free: Default::default(),
        });
        // Each process is an hour later than all before it, and than the documents: what may still change is read again.
        let hours = std::fs::read(dir.join("hours")).map_or(0, |b| b.len());
        std::fs::write(dir.join("hours"), vec![b'.'; hours + 1]).unwrap();
        let began: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let clock = Arc::new(FakeClock::at(began + SignedDuration::from_hours(hours as i64)));
        Self { dir: dir.to_owned(), link, runtime, clock }
    }

    fn store(&self) -> Store {
        let line = Arc::new(Line(Arc::clone(&self.link)));
        let (at, handle) = (object_store::path::Path::default(), self.runtime.handle().clone());
        Store::new(line, at, handle, "a line".into(), false)
    }

    fn env(&self) -> Env {
        let seed = u64::from(std::process::id()) ^ self.clock.now().as_second() as u64;
        Env { clock: self.clock.clone(), entropy: Arc::new(SeededEntropy::new(seed)) }
    }

    fn state(&self) -> StateDir {
        StateDir::new(self.dir.join("state"))
    }

    pub fn create(&self) {
        let options = CreateOptions { machine_name: "bench".into(), write_only: false, single_machine: false };
        create(&self.store(), &self.state(), &self.env(), &options, |_| Ok(())).unwrap();
    }

    fn open(&self) -> Repository {
        Repository::open_to_add(self.store(), self.state(), self.env()).unwrap()
    }

    /// One backup.
    pub fn backup(&self) {
        let source = Source { name: RecordPath::new("Documents").unwrap(), path: self.dir.join("Documents") };
        let options = BackupOptions { connections: 4, ..BackupOptions::new("documents", vec![source]) };
        backup(&mut self.open(), &options, &Silent, &Stop::default()).unwrap();
    }

    /// Many backups, with a few records changed before each.
    pub fn history(&self, backups: u32, files: u32) {
        let mut repo = self.open();
        let source = Source { name: RecordPath::new("Documents").unwrap(), path: self.dir.join("Documents") };
        let options = BackupOptions::new("documents", vec![source]);
        for n in 0..backups {
            self.clock.advance(SignedDuration::from_hours(24));
            for change in 0..20 {
                let file = (n * 37 + change * 101) % files;
                std::fs::write(self.path(file), format!("Version {n} of {file}.")).unwrap();
            }
            backup(&mut repo, &options, &Silent, &Stop::default()).unwrap();
        }
        let days = vec![b'.'; 24 * backups as usize + 24];
        std::fs::write(self.dir.join("hours"), days).unwrap();
    }

    /// One record to nowhere.
    pub fn one(&self, file: u32) {
        let path = self.path(file);
        let record = path.strip_prefix(&self.dir).unwrap().to_str().unwrap();
        let mut repo = Repository::open(self.store(), self.state(), self.env()).unwrap();
        let mut bytes = vec![];
        let record = RecordPath::new(record).unwrap();
        cat(&mut repo, &record, &Which::default(), &mut bytes, &Stop::default()).unwrap();
        assert_eq!(bytes, std::fs::read(path).unwrap());
    }

    pub fn path(&self, file: u32) -> PathBuf {
        self.dir.join(format!("Documents/{:03}/{:03}/{file}.txt", file / 50_000, file / 200 % 250))
    }

    /// Documents, each of a few words, or of noise.
    pub fn fill(&self, files: u32, size: usize) {
        for file in 0..files {
            let path = self.path(file);
            if file % 200 == 0 {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            }
            let mut bytes = format!("Minutes {file}. ").into_bytes();
            if size > bytes.len() {
                bytes.resize(size, 0);
                blake3::Hasher::new().update(&file.to_le_bytes()).finalize_xof().fill(&mut bytes);
            }
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// So many files of a gibibyte, with a mebibyte of noise in every ten.
    pub fn sparse(&self, files: u32) {
        const STRETCH: u64 = 10 << 20;
        let mut noise = vec![0; 1 << 20];
        std::fs::create_dir_all(self.path(0).parent().unwrap()).unwrap();
        for file in 0..files {
            let made = std::fs::File::create(self.path(file)).unwrap();
            made.set_len(1 << 30).unwrap();
            for at in 0..(1 << 30) / STRETCH {
                let seed = (u64::from(file) << 32 | at).to_le_bytes();
                blake3::Hasher::new().update(&seed).finalize_xof().fill(&mut noise);
                made.write_all_at(&noise, at * STRETCH).unwrap();
            }
        }
    }

    /// So many gibibytes more: log and index of them, and packs that are holes.
    pub fn pretend(&self, gib: u32) {
        let mut repo = self.open();
        let session = SessionId::new(repo.env.entropy.bytes32());
        let random = |n: u64| *blake3::hash(&n.to_le_bytes()).as_bytes();
        let packs: Vec<u64> = (0..u64::from(gib) * 64).collect();
        for some in packs.chunks(64) {
            let (mut object, mut stored) = (IndexObject::default(), vec![]);
            for pack in some {
                let chunk = |c: u64| SegmentChunk { id: ChunkId::new(random(pack << 16 | c)), len: 128 << 10 };
                let segment = |s: u64| Segment {
                    offset: s * (2 << 20),
                    len: 2 << 20,
                    raw: 2 << 20,
                    chunks: (s * 16..s * 16 + 16).map(chunk).collect(),
                };
                let name = PackName::new(random(pack << 16 | 0xffff));
                object.packs.push(IndexedPack {
                    name,
                    segments: (0..8).map(segment).collect(),
                    head: Some(Head(vec![7; 300])),
                });
                stored.push(StoredPack { name, size: 16 << 20 });
                // A hole: nothing reads it.
                let path = self.dir.join("store").join(Key::Pack(name).to_string());
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::File::create(path).unwrap().set_len(16 << 20).unwrap();
            }
            let framed = frame(&encode(&object).unwrap()).unwrap();
            let sealed = Bytes::from(seal(&framed, &[&repo.writing_recipient().unwrap()]).unwrap());
            let name = IndexName::of(&sealed);
            repo.store.create(&Key::Index(name), &sealed).unwrap();
            let index = StoredIndex { name, size: sealed.len() as u64 };
            let began = self.clock.now();
            repo.append(|_| Ok(Some(Entry::Stored(Stored { session, began, packs: stored.clone(), index })))).unwrap();
        }
    }

    /// One line: seconds, processor seconds, peak memory, requests, bytes each way.
    pub fn report(&self, took: Instant) -> String {
        let [requests, up, down] = [&self.link.requests, &self.link.up, &self.link.down].map(|n| n.load(Relaxed));
        format!("{:.3} {:.2} {} {requests} {up} {down}", took.elapsed().as_secs_f64(), processor(), peak())
    }
}

/// User and system seconds of this process so far.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

/// MiB that were resident at most.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

/// Processors of this machine.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
