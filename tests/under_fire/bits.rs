//! Every bit of every object of a small repository, flipped one at a time. Each flip must be told as damage by whoever
//! reads that object; only the hint, which nobody believes, may be wrong without a word. Nothing wrong comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use strongroom::domain::id::RepositoryId;
use strongroom::repo::error::RepoError;
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::seal::Identity;
use strongroom::repo::store::Store;

use crate::support::world::{Files, World, read_back};

/// Bits are handed out to the threads in runs of so many bytes.
const RUN: usize = 16;

/// One repository's objects, and what whoever holds a key must get from them.
struct Small {
    objects: Vec<(String, Vec<u8>)>,
    id: RepositoryId,
    env: Env,
    machine: Identity,
    sheet: Identity,
    /// The name of the bundle that the recovery sheet opens.
    sheets_bundle: String,
    good: (Files, Files),
}

fn small() -> Small {
    let world = World::new();
    world.write("a.txt", "one");
    world.write("b.txt", "two");
    world.write("c/d.txt", "three");
    let sheet = world.create_with(false);
    world.backup().unwrap();
    let machine = world.dir().load_machine().unwrap().unwrap();
    let mut repo = world.open().unwrap();
    let good = read_back(&mut repo, "documents").unwrap();
    assert_eq!(good.0.len(), 3);
    let objects: Vec<_> = world.objects().into_iter().collect();
    let mut others = objects.iter().map(|(name, _)| name).filter(|n| n.starts_with("keys/"));
    let sheets_bundle = others.find(|n| !n.contains(&machine.id.to_string())).unwrap().clone();
    let (id, env) = (repo.state().repository, world.env());
    Small { objects, id, env, machine: machine.identity, sheet, sheets_bundle, good }
}

/// One thread's own copy of the store.
struct Copy<'s> {
    small: &'s Small,
    runtime: tokio::runtime::Runtime,
    memory: Arc<InMemory>,
    /// The repository as it was opened undamaged: packs and indexes are read through it.
    sound: Repository,
}

fn store(runtime: &tokio::runtime::Runtime, memory: &Arc<InMemory>) -> Store {
    let inner = Arc::clone(memory) as Arc<dyn ObjectStore>;
    Store::new(inner, StorePath::default(), runtime.handle().clone(), "memory".into(), false)
}

impl<'s> Copy<'s> {
    fn new(small: &'s Small) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let memory = Arc::new(InMemory::new());
        for (name, bytes) in &small.objects {
            runtime.block_on(memory.put(&StorePath::from(name.as_str()), bytes.clone().into())).unwrap();
        }
        let sound = Self::open(small, &small.machine, &runtime, &memory).unwrap();
        Self { small, runtime, memory, sound }
    }

    fn open(
        small: &Small,
        key: &Identity,
        runtime: &tokio::runtime::Runtime,
        memory: &Arc<InMemory>,
    ) -> Result<Repository, RepoError> {
        Repository::open_with_identity(store(runtime, memory), key, small.id, small.env.clone())
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        self.runtime.block_on(self.memory.put(&StorePath::from(name), bytes.to_vec().into())).unwrap();
    }

    /// Whether reading what `name` is part of tells of damage.
    fn told(&mut self, name: &str) -> Result<bool, String> {
        let mut around = false;
        let read = if name.starts_with("packs/") || name.starts_with("index/") {
            if self.sound.loaded_index().is_some() && name.starts_with("index/") {
                self.sound.take_index().unwrap();
            }
            let read = read_back(&mut self.sound, "documents");
            // What a damaged index said, the packs say; that it is damaged is told with what comes back.
            around = !self.sound.lost_indexes().is_empty();
            read
        } else {
            let key = if name == self.small.sheets_bundle { &self.small.sheet } else { &self.small.machine };
            Self::open(self.small, key, &self.runtime, &self.memory).and_then(|mut r| read_back(&mut r, "documents"))
        };
        match read {
            Ok(files) if files == self.small.good => Ok(around),
            Ok(_) => Err("wrong content was given back".into()),
            Err(e) if e.is_damage() => Ok(true),
            // What opens no bundle may be the wrong key; an entry 0 that changed is another repository's.
            Err(RepoError::WrongKey) if name.starts_with("keys/") => Ok(true),
            Err(RepoError::AnotherRepository { .. }) if name == "log/0000000000.age" => Ok(true),
            Err(e) => Err(format!("not told as damage: {e}")),
        }
    }

    /// Flips every bit of some bytes of one object; how many flips were told.
    fn flip(&mut self, (name, bytes): &(String, Vec<u8>), range: std::ops::Range<usize>) -> u64 {
        let mut told = 0;
        let mut flipped = bytes.clone();
        for at in range {
            for bit in 0..8 {
                flipped[at] ^= 1 << bit;
                self.put(name, &flipped);
                flipped[at] ^= 1 << bit;
                let outcome = self.told(name).unwrap_or_else(|e| panic!("{name}, byte {at}, bit {bit}: {e}"));
                assert_eq!(outcome, name != "strongroom", "{name}, byte {at}, bit {bit}: told {outcome}");
                told += u64::from(outcome);
            }
        }
        self.put(name, bytes);
        assert_eq!(self.told(name), Ok(false), "{name} is whole again");
        told
    }
}

#[test]
fn every_flipped_bit_is_told_and_nothing_wrong_comes_back() {
    let small = small();
    let runs: Vec<(usize, usize)> = (small.objects.iter().enumerate())
        .flat_map(|(i, (_, bytes))| (0..bytes.len()).step_by(RUN).map(move |from| (i, from)))
        .collect();
    let (next, flips, told) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, |n| n.get().min(16)) {
            scope.spawn(|| {
                let mut copy = Copy::new(&small);
                while let Some(&(object, from)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let object = &small.objects[object];
                    let range = from..object.1.len().min(from + RUN);
                    flips.fetch_add(8 * range.len() as u64, Ordering::Relaxed);
                    told.fetch_add(copy.flip(object, range), Ordering::Relaxed);
                }
            });
        }
    });
    let (flips, told) = (flips.into_inner(), told.into_inner());
    let bits: usize = small.objects.iter().map(|(_, bytes)| 8 * bytes.len()).sum();
    assert_eq!(flips, bits as u64);
    println!("{} objects, {flips} bits flipped: {told} told, {} in the hint", small.objects.len(), flips - told);
}
