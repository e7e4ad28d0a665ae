//! A small council for tests: real files, real backups, a store in memory that can be made to fail.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use object_store::memory::InMemory;
use object_store::path::Path;
use tokio::runtime::Runtime;

use crate::domain::id::{ChunkId, Digest, RepositoryId, SnapshotId};
use crate::domain::listing::Entry;
use crate::domain::log::Role;
use crate::domain::log::entry::{Body, FORMAT_VERSION};
use crate::domain::path::RecordPath;
use crate::domain::problem::Problem;
use crate::ops::backup::{BackupOptions, BackupReport, backup};
use crate::ops::error::OpsError;
use crate::ops::fs::walk::Source;
use crate::ops::prune::{PruneOptions, PruneReport, prune};
use crate::ops::restore::check_entries;
use crate::ops::verify::Object;
use crate::ops::{Monitor, Silent, Stop};
use crate::repo::create::{CreateOptions, create};
use crate::repo::layout::Key;
use crate::repo::listing::{read_page, read_root};
use crate::repo::log::seal_entry;
use crate::repo::machine::StateDir;
use crate::repo::repository::{Env, Repository};
use crate::repo::seal::Identity;
use crate::repo::store::Store;
use crate::testing::{FakeClock, FaultStore, Plan, SeededEntropy};

pub(crate) struct Council {
    pub runtime: Runtime,
    memory: Arc<InMemory>,
    pub faults: FaultStore,
    pub clock: FakeClock,
    pub env: Env,
    pub tmp: tempfile::TempDir,
    /// The recovery sheet's key, and the repository's id.
    pub sheet: (Identity, RepositoryId),
    pub set: String,
    /// The store's times come from another clock: the machine's real one.
    pub own_clock: bool,
}

impl Council {
    pub(crate) fn new() -> Self {
        Self::with(false)
    }

    pub(crate) fn write_only() -> Self {
        Self::with(true)
    }

    fn with(write_only: bool) -> Self {
        let memory = Arc::new(InMemory::new());
        let faults = FaultStore::new(memory.clone(), Plan::none());
        let (runtime, tmp) = (Runtime::new().unwrap(), tempfile::tempdir().unwrap());
        // In step with the store in memory, which stamps objects by the machine's own clock.
        let plain = Store::new(memory.clone(), Path::default(), runtime.handle().clone(), "memory".into(), false);
        let probe = Key::Probe("clock".into());
        plain.create(&probe, &"tick".into()).unwrap();
        let clock = FakeClock::at(plain.get_dated(&probe).unwrap().1);
        let env = Env { clock: Arc::new(clock.clone()), entropy: Arc::new(SeededEntropy::new(7)) };
        let sheet = (Identity::generate(), RepositoryId::new([0; 32]));
        let mut council =
            Self { runtime, memory, faults, clock, env, tmp, sheet, set: "documents".into(), own_clock: false };
        let options = CreateOptions { machine_name: "office server".into(), write_only, single_machine: false };
        let (mut sheet, store, dir) = (None, council.store(), council.dir());
        create(&store, &dir, &council.env, &options, |made| {
            sheet = Some((made.identity.clone(), made.repository));
            Ok(())
        })
        .unwrap();
        council.sheet = sheet.unwrap();
        std::fs::create_dir_all(council.docs()).unwrap();
        council
    }

    /// The same council once more, as it is now.
    pub(crate) fn fork(&self) -> Self {
        let clock = FakeClock::at(self.env.clock.now());
        let env = Env { clock: Arc::new(clock.clone()), entropy: Arc::new(SeededEntropy::new(8)) };
        let memory = Arc::new(self.memory.fork());
        let faults = FaultStore::new(memory.clone(), Plan::none());
        let (runtime, tmp) = (Runtime::new().unwrap(), tempfile::tempdir().unwrap());
        copy(self.tmp.path(), tmp.path());
        let (sheet, set) = (self.sheet.clone(), self.set.clone());
        Self { runtime, memory, faults, clock, env, tmp, sheet, set, own_clock: self.own_clock }
    }

    pub(crate) fn store(&self) -> Store {
        let inner = Arc::new(self.faults.clone());
        Store::new(inner, Path::default(), self.runtime.handle().clone(), "memory".into(), self.own_clock)
    }

    pub(crate) fn dir(&self) -> StateDir {
        StateDir::new(self.tmp.path().join("state"))
    }

    pub(crate) fn docs(&self) -> PathBuf {
        self.tmp.path().join("docs")
    }

    pub(crate) fn source(&self) -> Source {
        Source { name: RecordPath::new("Documents").unwrap(), path: self.docs() }
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.docs().join(name), content).unwrap();
    }

    /// Bytes that do not compress, different for each seed.
    pub(crate) fn noise(seed: u8, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
        bytes
    }

    pub(crate) fn open(&self) -> Repository {
        Repository::open_fresh(self.store(), self.dir(), self.env.clone()).unwrap()
    }

    /// Appends an entry with the key of one role, whatever that role may say.
    pub(crate) fn say_as(&self, role: Role, entry: crate::domain::log::entry::Entry) {
        let repo = self.open();
        let seed = repo.machine.as_ref().unwrap().seed_for(&[role]).unwrap();
        let state = repo.state();
        let body = Body {
            v: FORMAT_VERSION,
            n: state.next,
            repository: Some(state.repository),
            prev: state.link,
            actor: seed.actor(),
            nonce: String::new(),
            time: self.env.clock.now(),
            entry,
        };
        let stored = seal_entry(&body, seed, &repo.writing_recipient().unwrap()).unwrap();
        self.store().create(&Key::Log(state.next), &stored).unwrap();
    }

    pub(crate) fn try_backup(&self) -> Result<BackupReport, OpsError> {
        let mut repo = Repository::open(self.store(), self.dir(), self.env.clone())?;
        backup(&mut repo, &BackupOptions::new(&self.set, vec![self.source()]), &Silent, &Stop::default())
    }

    pub(crate) fn backup(&self) -> SnapshotId {
        let report = self.try_backup().unwrap();
        self.clock.advance(jiff::SignedDuration::from_secs(60));
        report.snapshot.unwrap()
    }

    pub(crate) fn try_prune(&self, options: &PruneOptions) -> Result<PruneReport, OpsError> {
        let mut repo = Repository::open_fresh(self.store(), self.dir(), self.env.clone())?;
        prune(&mut repo, options, &Silent, &Stop::default())
    }

    pub(crate) fn prune(&self) -> PruneReport {
        self.try_prune(&PruneOptions::default()).unwrap()
    }

    /// As a person who does not want to wait.
    pub(crate) fn prune_now(&self) -> PruneReport {
        let grace = jiff::SignedDuration::ZERO;
        self.try_prune(&PruneOptions { grace, person: true, ..PruneOptions::default() }).unwrap()
    }

    /// Every live snapshot comes back whole; what they hold, newest last.
    pub(crate) fn everything(&self) -> Vec<(SnapshotId, Vec<String>)> {
        let mut repo = self.open();
        let roots: Vec<(SnapshotId, ChunkId)> =
            repo.state().live_snapshots().map(|s| (s.id, s.snapshot.root)).collect();
        let needs: Vec<_> = repo.state().live_snapshots().map(|s| s.snapshot.needs.clone()).collect();
        let mut chunks = repo.chunks().unwrap();
        let mut listings = vec![];
        for ((id, root), needs) in roots.into_iter().zip(needs) {
            let root = read_root(&mut chunks, &root).unwrap();
            let mut entries = vec![];
            for page in root.live.iter().chain(&root.gone) {
                entries.extend(read_page(&mut chunks, page).unwrap().into_iter().filter(Entry::is_file));
            }
            listings.push((id, entries));
            assert!(!needs.is_empty(), "snapshot {id} needs nothing");
        }
        let mut all = vec![];
        for (id, entries) in listings {
            let named = |e: &Entry| format!("{} {}", e.path, Digest::of(&minicbor::to_vec(&e.kind).unwrap()).short());
            let names = entries.iter().map(named).collect();
            let report = check_entries(&mut repo, entries, &Silent, &Stop::default()).unwrap();
            assert!(report.failed.is_empty(), "snapshot {id}: {:?}", report.failed);
            all.push((id, names));
        }
        all
    }

    /// The names in the store, of packs and indexes.
    pub(crate) fn objects(&self) -> Vec<String> {
        let mut names: Vec<String> = ["packs", "index"]
            .iter()
            .flat_map(|folder| self.store().list(folder).unwrap().0)
            .map(|l| l.key.to_string())
            .collect();
        names.sort();
        names
    }

    /// Changes stored bytes behind the store's back.
    pub(crate) fn damage(&self, object: Object, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.store().get(&object.key()).unwrap().to_vec();
        change(&mut bytes);
        let path = Path::from(object.key().to_string());
        let put = object_store::ObjectStoreExt::put(&self.faults, &path, bytes.into());
        self.runtime.block_on(put).unwrap();
    }

    pub(crate) fn lose(&self, object: Object) {
        self.store().delete(&object.key()).unwrap();
    }

    /// What the newest listing says of a record.
    pub(crate) fn entry(&self, path: &str) -> Entry {
        let mut repo = self.open();
        let root = repo.state().newest(&self.set).unwrap().snapshot.root;
        let mut chunks = repo.chunks().unwrap();
        let root = read_root(&mut chunks, &root).unwrap();
        let path = RecordPath::new(path).unwrap();
        let found = [&root.live, &root.gone]
            .iter()
            .find_map(|pages| crate::repo::listing::find_entry(&mut chunks, pages, &path).unwrap());
        found.unwrap()
    }

    /// The pack in which a file's first chunk lies.
    pub(crate) fn pack_of(&self, path: &str) -> (u32, Object) {
        let (entry, mut repo) = (self.entry(path), self.open());
        let mut chunks = repo.chunks().unwrap();
        let ids = crate::repo::listing::chunks_of(&mut chunks, &entry).unwrap();
        let number = chunks.pack_of(&ids[0]).unwrap();
        (number, Object::Pack(repo.pack_name(number).unwrap()))
    }
}

/// What was to come of a stage, and how far it got.
pub(crate) type Progress = (Option<u64>, u64);

/// Hears each stage, what was to come of it and how far it got; and does something when one begins.
pub(crate) struct Heard<F: Fn(&str) + Send + Sync>(pub Mutex<Vec<(String, Option<u64>, u64)>>, pub F);

impl<F: Fn(&str) + Send + Sync> Heard<F> {
    pub(crate) fn and(then: F) -> Self {
        Self(Mutex::default(), then)
    }

    /// All of it, in order.
    pub(crate) fn all(&self) -> Vec<(String, Option<u64>, u64)> {
        self.0.lock().unwrap().clone()
    }

    /// Of one stage.
    pub(crate) fn of(&self, what: &str) -> Option<Progress> {
        self.all().into_iter().find(|(name, ..)| name == what).map(|(_, total, done)| (total, done))
    }
}

impl<F: Fn(&str) + Send + Sync> Monitor for Heard<F> {
    fn stage(&self, what: &str, total: Option<u64>) {
        self.0.lock().unwrap().push((what.into(), total, 0));
        (self.1)(what);
    }
    fn advance(&self, amount: u64) {
        if let Some((.., done)) = self.0.lock().unwrap().last_mut() {
            *done += amount;
        }
    }
    fn problem(&self, _: &Problem) {}
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
