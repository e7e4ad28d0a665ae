//! An office for tests of restoring: a folder of documents, a machine, and a repository in memory whose
//! objects can be damaged, or made by hand.
#![allow(dead_code)]
// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectStoreExt, PutPayload};
use strongroom::domain::id::{ChunkId, IndexName, SessionId, SnapshotId};
use strongroom::domain::listing::{Entry, PageRef, Root};
use strongroom::domain::log::entry::{Entry as LogEntry, Snapshot, Stored, StoredIndex, StoredPack};
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, BackupReport, backup};
use strongroom::ops::fs::compare::{diff, snapshot_tree};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::restore::{RestoreOptions, RestoreReport, apply, plan};
use strongroom::ops::{OpsError, Silent, Stop};
use strongroom::repo::chunk::{IndexObject, IndexedPack};
use strongroom::repo::compress::frame;
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::layout::Key;
use strongroom::repo::listing::{PageWriter, encode};
use strongroom::repo::machine::StateDir;
use strongroom::repo::pack::{PackBuilder, SegmentChunk, seal_pack};
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::seal::{Identity, seal};
use strongroom::repo::store::Store;
use strongroom::testing::{FakeClock, SeededEntropy};

pub struct Office {
    pub tmp: tempfile::TempDir,
    pub runtime: tokio::runtime::Runtime,
    pub objects: Arc<InMemory>,
    pub store: Store,
    pub dir: StateDir,
    pub env: Env,
    pub clock: FakeClock,
    pub recovery: Identity,
    pub repo: Repository,
}

pub fn path(text: &str) -> RecordPath {
    RecordPath::new(text).unwrap()
}

/// In memory where there is such a place.
pub fn quick_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

impl Office {
    pub fn open(seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let objects = Arc::new(InMemory::new());
        let handle = runtime.handle().clone();
        let store = Store::new(objects.clone(), StorePath::default(), handle, "memory".into(), false);
        let tmp = quick_dir();
        let clock = FakeClock::reading("2026-05-04T18:00:00Z");
        let env = Env { clock: Arc::new(clock.clone()), entropy: Arc::new(SeededEntropy::new(seed)) };
        let dir = StateDir::new(tmp.path().join("state"));
        let options = CreateOptions { machine_name: "office server".into(), write_only: false, single_machine: false };
        let mut recovery = None;
        create(&store, &dir, &env, &options, |r| {
            recovery = Some(r.identity.clone());
            Ok(())
        })
        .unwrap();
        let repo = Repository::open(store.clone(), dir.clone(), env.clone()).unwrap();
        std::fs::create_dir(tmp.path().join("docs")).unwrap();
        Self { tmp, runtime, objects, store, dir, env, clock, recovery: recovery.unwrap(), repo }
    }

    /// The live folder.
    pub fn docs(&self) -> PathBuf {
        self.tmp.path().join("docs")
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let file = self.docs().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    pub fn backup(&mut self) -> BackupReport {
        self.backup_of("documents", "Documents", &self.docs())
    }

    pub fn backup_of(&mut self, set: &str, name: &str, folder: &Path) -> BackupReport {
        self.clock.advance_days(1);
        let source = Source { name: path(name), path: folder.to_owned() };
        let options = BackupOptions { config_text: Some("[council]".into()), ..BackupOptions::new(set, vec![source]) };
        let report = backup(&mut self.repo, &options, &Silent, &Stop::default()).unwrap();
        assert_eq!(report.problems, [], "the backup was complete");
        report
    }

    pub fn restore(&mut self, options: &RestoreOptions) -> Result<RestoreReport, OpsError> {
        let plan = plan(&mut self.repo, options, &Silent, &Stop::default())?;
        apply(plan, &mut self.repo, &Silent, &Stop::default())
    }

    /// Restores everything and compares it with the live folder.
    pub fn round_trip(&mut self, to: &Path) -> RestoreReport {
        let report = self.restore(&RestoreOptions::everything(to)).unwrap();
        assert_eq!((&report.problems[..], &report.warnings[..]), (&[][..], &[][..]));
        assert_same(&self.docs(), &to.join("Documents"), "");
        report
    }

    /// The names of all stored packs.
    pub fn packs(&self) -> Vec<StoredPack> {
        self.repo.state().packs.iter().map(|p| p.pack).collect()
    }

    /// Turns one byte of a stored pack round.
    pub fn flip(&self, pack: &StoredPack, at: u64) {
        let place = StorePath::from(Key::Pack(pack.name).to_string());
        self.runtime.block_on(async {
            let mut bytes = self.objects.get(&place).await.unwrap().bytes().await.unwrap().to_vec();
            bytes[at as usize] ^= 0x40;
            self.objects.put(&place, PutPayload::from(bytes)).await.unwrap();
        });
    }

    /// Commits a snapshot with this very listing, as a hostile or broken writer could.
    pub fn plant(&mut self, set: &str, live: Vec<Entry>, chunks: &[&[u8]]) -> SnapshotId {
        let mut hand = Hand { builder: PackBuilder::plain(), key: self.repo.chunk_key() };
        for chunk in chunks {
            hand.store(chunk);
        }
        let mut pages = PageWriter::default();
        let mut store = |bytes: Vec<u8>| Ok(hand.store(&bytes));
        for entry in live {
            pages.add(&entry, &mut store).unwrap();
        }
        let live: Vec<PageRef> = pages.finish(&mut store).unwrap();
        let root = hand.store(&encode(&Root { set: set.into(), live, ..Root::default() }).unwrap());
        let (plain, directory) = hand.builder.finish().unwrap();
        let (name, stored) = seal_pack(&plain, &[&self.repo.reading_recipient().unwrap()]).unwrap();
        self.store.create(&Key::Pack(name), &stored).unwrap();
        let object = IndexObject { packs: vec![IndexedPack { name, segments: directory.segments, head: None }] };
        let framed = frame(&encode(&object).unwrap()).unwrap();
        let sealed = bytes::Bytes::from(seal(&framed, &[&self.repo.writing_recipient().unwrap()]).unwrap());
        let index = StoredIndex { name: IndexName::of(&sealed), size: sealed.len() as u64 };
        self.store.create(&Key::Index(index.name), &sealed).unwrap();
        let (session, began) = (SessionId::new(self.env.entropy.bytes32()), self.env.clock.now());
        let packs = vec![StoredPack { name, size: stored.len() as u64 }];
        let said = LogEntry::Stored(Stored { session, began, packs, index });
        self.repo.append(|_| Ok(Some(said.clone()))).unwrap();
        let n = self.repo.append(|state| {
            let needs = [state.pack(&name).unwrap().0].into_iter().collect();
            let (set, parent) = (set.to_owned(), None);
            let (files, bytes, added, problems, gone) = (0, 0, 0, 0, 0);
            let snapshot = Snapshot {
                set,
                root,
                session,
                began,
                needs,
                parent,
                files,
                bytes,
                added,
                problems,
                gone,
                mass_change: None,
            };
            Ok(Some(LogEntry::Snapshot(snapshot)))
        });
        self.repo.refresh().unwrap();
        // The index was loaded before this was stored.
        self.repo = Repository::open(self.store.clone(), self.dir.clone(), self.env.clone()).unwrap();
        SnapshotId(n.unwrap().unwrap())
    }
}

struct Hand {
    builder: PackBuilder,
    key: strongroom::repo::chunk::ChunkKey,
}

impl Hand {
    fn store(&mut self, bytes: &[u8]) -> ChunkId {
        let (id, len) = (self.key.id(bytes), bytes.len() as u32);
        self.builder.add(&frame(bytes).unwrap(), len, vec![SegmentChunk { id, len }]).unwrap();
        id
    }
}

/// Two trees must be the same in every respect.
pub fn assert_same(a: &Path, b: &Path, what: &str) {
    let (a, b) = (snapshot_tree(a).unwrap(), snapshot_tree(b).unwrap());
    assert_eq!(diff(&a, &b), Vec::<String>::new(), "{what}");
}

/// Whole text of a small file below a folder.
pub fn text(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}
