//! The ground of a life: one store, three machines with clocks, folders and faults of their own, and the dice.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt, path::Path as StorePath};
use strongroom::domain::id::RepositoryId;
use strongroom::domain::log::entry::Role;
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::BackupOptions;
use strongroom::ops::fs::walk::Source;
use strongroom::ops::recover::enrol;
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::error::RepoError;
use strongroom::repo::machine::{Machine, StateDir};
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::seal::Identity;
use strongroom::repo::store::Store;
use strongroom::testing::{DatedStore, FakeClock, FaultStore, Plan, SeededEntropy};

use super::model::Model;
use crate::support::world::Files;

/// What a seed decides, one throw after another.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Once in so many throws.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Bytes that do not compress.
    pub fn noise(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&self.next().to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }
}

/// One computer.
pub struct Node {
    pub name: &'static str,
    pub faults: FaultStore,
    pub clock: FakeClock,
    pub env: Env,
    pub dir: StateDir,
    /// The set that it backs up, and the folder.
    pub set: Option<(&'static str, PathBuf)>,
}

impl Node {
    pub fn options(&self) -> BackupOptions {
        let (set, folder) = self.set.clone().unwrap();
        BackupOptions::new(set, vec![Source { name: RecordPath::new(set).unwrap(), path: folder }])
    }
}

pub const OFFICE: usize = 0;
pub const HALL: usize = 1;
pub const KEEPER: usize = 2;

/// Everything that is there, and what should be.
pub struct Ground {
    pub dice: Dice,
    pub runtime: Arc<tokio::runtime::Runtime>,
    pub memory: Arc<InMemory>,
    dated: DatedStore,
    /// The true time, which the store's clock shows.
    pub time: FakeClock,
    /// The store is a cloud with a clock, and no folder on a machine.
    pub cloud: bool,
    pub sheet: Identity,
    pub id: RepositoryId,
    pub nodes: Vec<Node>,
    pub model: Model,
    /// Somebody who looks on, and reads what is new in the log.
    watcher: Option<Repository>,
    /// A person said yes to what is under way.
    pub person: bool,
    /// What the newest entry was that each machine has seen.
    pub seen: [u64; 3],
    /// What the store held some time ago, and the next entry then.
    pub older: Option<(BTreeMap<String, bytes::Bytes>, u64)>,
    _tmp: tempfile::TempDir,
}

/// The store as one machine meets it.
fn store_of(faults: &FaultStore, runtime: &tokio::runtime::Runtime, cloud: bool) -> Store {
    Store::new(Arc::new(faults.clone()), StorePath::default(), runtime.handle().clone(), "memory".into(), cloud)
}

impl Ground {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (memory, time) = (Arc::new(InMemory::new()), FakeClock::reading("2026-11-22T02:30:00Z"));
        let dated = DatedStore::new(Arc::clone(&memory) as Arc<dyn ObjectStore>, time.clone());
        let tmp = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (cloud, write_only) = (dice.once_in(2), dice.once_in(4));
        let node = |name: &'static str, number: u64, set: Option<&'static str>| {
            let clock = FakeClock::at(strongroom::domain::clock::Clock::now(&time));
            let entropy = Arc::new(SeededEntropy::new(seed * 7 + number));
            let folder = |set: &'static str| {
                let folder = tmp.path().join(set);
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join("always.txt"), set).unwrap();
                (set, folder)
            };
            Node {
                name,
                faults: FaultStore::new(Arc::new(dated.clone()), Plan::none()),
                env: Env { clock: Arc::new(clock.clone()), entropy },
                clock,
                dir: StateDir::new(tmp.path().join(name)),
                set: set.map(folder),
            }
        };
        let nodes = vec![node("office", 1, Some("documents")), node("hall", 2, Some("halls")), node("keeper", 3, None)];
        let options = CreateOptions { machine_name: "office".into(), write_only, single_machine: false };
        let mut sheet = None;
        let office = &nodes[OFFICE];
        create(&store_of(&office.faults, &runtime, cloud), &office.dir, &office.env, &options, |ready| {
            sheet = Some(ready.identity.clone());
            Ok(())
        })
        .unwrap();
        let (sheet, id) = (sheet.unwrap(), office.dir.load_machine().unwrap().unwrap().repository.unwrap());
        let mut ground = Self {
            model: Model::default(),
            watcher: None,
            person: false,
            seen: [0; 3],
            older: None,
            runtime: Arc::new(runtime),
            dice,
            memory,
            dated,
            time,
            cloud,
            sheet,
            id,
            nodes,
            _tmp: tmp,
        };
        let hall_reads = ground.dice.once_in(2);
        ground.join(HALL, &[Role::Writer], hall_reads);
        ground.join(KEEPER, &[Role::Tester, Role::Pruner, Role::Approver], true);
        ground
    }

    /// Another machine's keys are made there and signed in by the root key.
    fn join(&mut self, node: usize, roles: &[Role], reads: bool) {
        let mut root = self.observe().unwrap();
        let node = &self.nodes[node];
        let mut machine = Machine::generate(node.name, reads, roles, &*node.env.entropy);
        enrol(&mut root, &machine.keyholder(), &machine.actors()).unwrap();
        machine.repository = Some(self.id);
        node.dir.save_machine(&machine).unwrap();
    }

    pub fn now(&self) -> Timestamp {
        strongroom::domain::clock::Clock::now(&self.time)
    }

    /// Time passes for everybody.
    pub fn pass(&self, by: SignedDuration) {
        self.time.advance(by);
        for node in &self.nodes {
            node.clock.advance(by);
        }
    }

    pub fn store(&self, node: usize) -> Store {
        store_of(&self.nodes[node].faults, &self.runtime, self.cloud)
    }

    pub fn open(&self, node: usize) -> Result<Repository, RepoError> {
        let node_of = &self.nodes[node];
        Repository::open(self.store(node), node_of.dir.clone(), node_of.env.clone())
    }

    /// As somebody with the recovery sheet sees it who remembers nothing, over a store without faults.
    pub fn observe(&self) -> Result<Repository, RepoError> {
        let (store, path) = (Arc::new(self.dated.clone()), StorePath::default());
        let store = Store::new(store, path, self.runtime.handle().clone(), "memory".into(), self.cloud);
        let env = Env {
            clock: Arc::new(FakeClock::at(self.now())),
            entropy: Arc::new(SeededEntropy::new(self.now().as_second().unsigned_abs())),
        };
        Repository::open_with_identity(store, &self.sheet, self.id, env)
    }

    /// The log as it is now, to somebody who has seen it grow; put back with [`Ground::watched`].
    pub fn watch(&mut self) -> Repository {
        let Some(mut watcher) = self.watcher.take() else { return self.observe().unwrap() };
        watcher.refresh().unwrap_or_else(|e| panic!("it cannot be read: {e}"));
        watcher
    }

    pub fn watched(&mut self, watcher: Repository) {
        self.watcher = Some(watcher);
    }

    /// Every object in the store.
    pub fn objects(&self) -> BTreeMap<String, bytes::Bytes> {
        self.runtime.block_on(async {
            let mut all = BTreeMap::new();
            let mut list = self.memory.list(None);
            while let Some(meta) = list.next().await {
                let location = meta.unwrap().location;
                let bytes = self.memory.get(&location).await.unwrap().bytes().await.unwrap();
                all.insert(location.to_string(), bytes);
            }
            all
        })
    }

    /// The store holds these objects and no others.
    pub fn set_objects(&self, wanted: &BTreeMap<String, bytes::Bytes>) {
        let now = self.objects();
        self.runtime.block_on(async {
            for name in now.keys().filter(|name| !wanted.contains_key(*name)) {
                self.memory.delete(&StorePath::from(name.as_str())).await.unwrap();
            }
            for (name, bytes) in wanted.iter().filter(|(name, bytes)| now.get(*name) != Some(bytes)) {
                self.memory.put(&StorePath::from(name.as_str()), bytes.clone().into()).await.unwrap();
            }
        });
    }

    /// The files of a machine's folder, by record path.
    pub fn files(&self, node: usize) -> Files {
        let (set, folder) = self.nodes[node].set.as_ref().unwrap();
        crate::support::world::files_of(folder, set)
    }
}
