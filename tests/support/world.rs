//! A small world: a store in memory with faults, one machine, a clock in hand, a folder of documents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt, path::Path as StorePath};
use strongroom::domain::id::ChunkId;
use strongroom::domain::listing::{Entry, Kind, PageRef, Piece};
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, BackupReport, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::{OpsError, Silent, Stop};
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::cut::base64::write_back;
use strongroom::repo::error::RepoError;
use strongroom::repo::listing::{read_page, read_pieces, read_root};
use strongroom::repo::machine::StateDir;
use strongroom::repo::reader::ChunkReader;
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::seal::Identity;
use strongroom::repo::store::Store;
use strongroom::testing::{FakeClock, FaultStore, Plan, SeededEntropy};

/// Paths and contents of a snapshot's regular files, and the same of what is gone.
pub type Files = BTreeMap<Vec<u8>, Vec<u8>>;

pub struct World {
    pub runtime: tokio::runtime::Runtime,
    pub memory: Arc<InMemory>,
    pub faults: Arc<FaultStore>,
    pub clock: Arc<FakeClock>,
    pub entropy: Arc<SeededEntropy>,
    pub tmp: tempfile::TempDir,
    pub documents: PathBuf,
}

impl World {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let memory = Arc::new(InMemory::new());
        let faults = Arc::new(FaultStore::new(Arc::clone(&memory) as Arc<dyn ObjectStore>, Plan::none()));
        let clock = Arc::new(FakeClock::reading("2026-11-22T02:30:00Z"));
        let entropy = Arc::new(SeededEntropy::new(1));
        let tmp = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tmp.path().join("docs")).unwrap();
        let documents = tmp.path().join("docs");
        Self { runtime, memory, faults, clock, entropy, tmp, documents }
    }

    /// The same world once more, as it is now: a store and a state of its own, the same documents.
    pub fn fork(&self) -> Self {
        use strongroom::domain::clock::Clock;
        let memory = Arc::new(self.memory.fork());
        let faults = Arc::new(FaultStore::new(Arc::clone(&memory) as Arc<dyn ObjectStore>, Plan::none()));
        let clock = Arc::new(FakeClock::at(self.clock.now()));
        let world = Self { memory, faults, clock, entropy: Arc::new(SeededEntropy::new(2)), ..Self::new() };
        copy_folder(self.dir().path(), world.dir().path());
        Self { documents: self.documents.clone(), ..world }
    }

    pub fn docs(&self) -> PathBuf {
        self.documents.clone()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.docs().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn store(&self) -> Store {
        let faults = Arc::clone(&self.faults) as Arc<dyn ObjectStore>;
        Store::new(faults, StorePath::default(), self.runtime.handle().clone(), "memory".into(), false)
    }

    pub fn env(&self) -> Env {
        Env { clock: self.clock.clone(), entropy: self.entropy.clone() }
    }

    pub fn dir(&self) -> StateDir {
        StateDir::new(self.tmp.path().join("state"))
    }

    /// Makes the repository and forgets its recovery key, as its owner puts the sheet away.
    pub fn create(&self) {
        self.create_with(false);
    }

    /// Makes the repository; its recovery key.
    pub fn create_with(&self, write_only: bool) -> Identity {
        self.try_create(write_only).unwrap()
    }

    pub fn try_create(&self, write_only: bool) -> Result<Identity, RepoError> {
        let options = CreateOptions { machine_name: "office server".into(), write_only, single_machine: false };
        let mut key = None;
        create(&self.store(), &self.dir(), &self.env(), &options, |sheet| {
            key = Some(sheet.identity.clone());
            Ok(())
        })?;
        Ok(key.unwrap())
    }

    pub fn open(&self) -> Result<Repository, RepoError> {
        Repository::open(self.store(), self.dir(), self.env())
    }

    pub fn options(&self) -> BackupOptions {
        let name = RecordPath::new("Documents").unwrap();
        BackupOptions::new("documents", vec![Source { name, path: self.docs() }])
    }

    pub fn backup(&self) -> Result<BackupReport, OpsError> {
        let mut repo = self.open()?;
        backup(&mut repo, &self.options(), &Silent, &Stop::default())
    }

    /// Every object in the store.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        use futures::StreamExt;
        self.runtime.block_on(async {
            let mut all = BTreeMap::new();
            let mut list = self.memory.list(None);
            while let Some(meta) = list.next().await {
                let location = meta.unwrap().location;
                let bytes = self.memory.get(&location).await.unwrap().bytes().await.unwrap();
                all.insert(location.to_string(), bytes.to_vec());
            }
            all
        })
    }

    pub fn put_object(&self, name: &str, bytes: &[u8]) {
        let path = StorePath::from(name);
        self.runtime.block_on(async { self.memory.put(&path, bytes.to_vec().into()).await.unwrap() });
    }

    pub fn delete_object(&self, name: &str) {
        let path = StorePath::from(name);
        self.runtime.block_on(async { self.memory.delete(&path).await.unwrap() });
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy_folder(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).unwrap();
        }
    }
}

fn content(chunks: &mut ChunkReader<'_>, entry: &Entry) -> Result<Vec<u8>, RepoError> {
    let Kind::File(content) = &entry.kind else { return Ok(vec![]) };
    let mut bytes = vec![];
    for piece in read_pieces(chunks, content)? {
        match piece {
            Piece::Raw(id, _) => bytes.extend(chunks.read(&id)?),
            Piece::Hole(len) => bytes.resize(bytes.len() + len as usize, 0),
            Piece::Decoded(id, _, len, form) => {
                bytes.extend(write_back(&chunks.read(&id)?, form, len as usize).unwrap())
            }
        }
    }
    Ok(bytes)
}

/// Everything the newest snapshot of a set gives back: live files, and those that are gone.
pub fn read_back(repo: &mut Repository, set: &str) -> Result<(Files, Files), RepoError> {
    let Some(newest) = repo.state().newest(set) else { return Ok(Default::default()) };
    let root = newest.snapshot.root;
    read_snapshot(repo, &root)
}

/// The files of a listing, by record path.
fn files_in(chunks: &mut ChunkReader<'_>, pages: &[PageRef]) -> Result<Files, RepoError> {
    let mut files = Files::new();
    for page in pages {
        for entry in read_page(chunks, page)?.iter().filter(|entry| entry.is_file()) {
            files.insert(entry.path.as_bytes().to_vec(), content(chunks, entry)?);
        }
    }
    Ok(files)
}

/// Everything one snapshot gives back: live files, and those that are gone, inherited ones too.
pub fn read_snapshot(repo: &mut Repository, root: &ChunkId) -> Result<(Files, Files), RepoError> {
    let mut chunks = repo.chunks()?;
    let root = read_root(&mut chunks, root)?;
    let (live, mut gone) = (files_in(&mut chunks, &root.live)?, files_in(&mut chunks, &root.gone)?);
    let mut inherited = root.inherits;
    while let Some(next) = inherited.pop() {
        let root = read_root(&mut chunks, &next)?;
        for (path, bytes) in
            [files_in(&mut chunks, &root.live)?, files_in(&mut chunks, &root.gone)?].into_iter().flatten()
        {
            if !live.contains_key(&path) {
                gone.entry(path).or_insert(bytes);
            }
        }
        inherited.extend(root.inherits);
    }
    Ok((live, gone))
}

/// The regular files of a folder, by record path.
pub fn files_of(folder: &Path, name: &str) -> Files {
    let mut files = Files::new();
    let mut todo = vec![(folder.to_path_buf(), name.as_bytes().to_vec())];
    while let Some((path, record)) = todo.pop() {
        for item in std::fs::read_dir(path).unwrap() {
            let item = item.unwrap();
            let child =
                [&record[..], b"/", std::os::unix::ffi::OsStrExt::as_bytes(item.file_name().as_os_str())].concat();
            if item.file_type().unwrap().is_dir() {
                todo.push((item.path(), child));
            } else {
                files.insert(child, std::fs::read(item.path()).unwrap());
            }
        }
    }
    files
}
