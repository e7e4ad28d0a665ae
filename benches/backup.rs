//! How fast a backup writes, stage by stage: walking, compressing, sealing and proving, and whole backups into memory.
//!
//! `cargo bench --features testing --bench backup`
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use object_store::memory::InMemory;
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::excludes::Excludes;
use strongroom::ops::fs::walk::{Source, walk};
use strongroom::ops::{Silent, Stop};
use strongroom::repo::chunk::ChunkKey;
use strongroom::repo::compress::{frame_into, is_dense, write_as_it_is};
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::machine::StateDir;
use strongroom::repo::pack::{PackBuilder, PackReader, ProofRoom, SegmentChunk, seal_pack};
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::seal::Identity;
use strongroom::repo::store::Store;
use strongroom::testing::{FakeClock, SeededEntropy};

const SEGMENT: usize = 2 << 20;

fn main() {
    divan::main();
}

fn noise(seed: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn text(len: usize) -> Vec<u8> {
    let words = ["council ", "resolved ", "minutes ", "meeting ", "allotment ", "precept ", "burial ", "lease\n"];
    noise(9, len).iter().flat_map(|b| words[usize::from(*b) % 8].bytes()).take(len).collect()
}

#[divan::bench(args = ["noise", "text"])]
fn probe(bencher: Bencher, what: &str) {
    let data = if what == "noise" { noise(1, SEGMENT) } else { text(SEGMENT) };
    let chunks = || data.chunks(128 << 10).filter(|chunk| is_dense(black_box(chunk))).count();
    bencher.counter(BytesCount::of_slice(&data)).bench_local(chunks);
}

#[divan::bench(args = ["noise", "text"])]
fn segment(bencher: Bencher, what: &str) {
    let (data, mut out) = (if what == "noise" { noise(1, SEGMENT) } else { text(SEGMENT) }, vec![]);
    bencher.counter(BytesCount::of_slice(&data)).bench_local(|| frame_into(black_box(&data), &mut out).is_ok());
}

#[divan::bench]
fn segment_as_it_is(bencher: Bencher) {
    let (data, mut out) = (noise(1, SEGMENT), vec![]);
    bencher.counter(BytesCount::of_slice(&data)).bench_local(|| {
        out.clear();
        write_as_it_is(black_box(&data), &mut out).is_ok()
    });
}

#[divan::bench]
fn seal_and_prove_a_pack(bencher: Bencher) {
    let (key, identity) = (ChunkKey::new([1; 32]), Identity::generate());
    let mut builder = PackBuilder::plain();
    for n in 0..8 {
        let raw = noise(n, SEGMENT);
        builder.add_as_it_is(&raw, vec![SegmentChunk { id: key.id(&raw), len: SEGMENT as u32 }]).unwrap();
    }
    let (plain, directory) = builder.finish().unwrap();
    let mut room = ProofRoom::default();
    bencher.counter(BytesCount::of_slice(&plain)).bench_local(|| {
        let (_, stored) = seal_pack(&plain, &[&identity.recipient()]).unwrap();
        PackReader::of_sealed(stored, &identity).unwrap().verify_with(&directory, &key, &mut room).unwrap()
    });
}

/// A folder, and a repository in memory.
struct Office {
    tmp: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    store: Store,
}

impl Office {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let at = object_store::path::Path::default();
        let store = Store::new(Arc::new(InMemory::new()), at, runtime.handle().clone(), "memory".into(), false);
        let office = Self { tmp: tempfile::tempdir().unwrap(), runtime, store };
        std::fs::create_dir(office.docs()).unwrap();
        let options = CreateOptions { machine_name: "office".into(), write_only: false, single_machine: true };
        create(&office.store, &office.dir(), &env(), &options, |_| Ok(())).unwrap();
        office
    }

    fn docs(&self) -> PathBuf {
        self.tmp.path().join("docs")
    }

    fn dir(&self) -> StateDir {
        StateDir::new(self.tmp.path().join("state"))
    }

    fn source(&self) -> Source {
        Source { name: RecordPath::new("Documents").unwrap(), path: self.docs() }
    }

    fn backup(&self) -> u64 {
        let _guard = self.runtime.enter();
        let mut repo = Repository::open(self.store.clone(), self.dir(), env()).unwrap();
        let options = BackupOptions::new("documents", vec![self.source()]);
        backup(&mut repo, &options, &Silent, &Stop::default()).unwrap().files
    }
}

/// A clock that says that all files have been as they are for years.
fn env() -> Env {
    Env { clock: Arc::new(FakeClock::reading("2090-01-02T02:30:00Z")), entropy: Arc::new(SeededEntropy::new(7)) }
}

fn fill(docs: &Path, files: usize, len: usize) {
    for n in 0..files {
        let folder = docs.join(format!("{:03}", n / 100));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{n}.txt")), noise(n, len)).unwrap();
    }
}

const FILES: usize = 10_000;

#[divan::bench]
fn walk_ten_thousand_files(bencher: Bencher) {
    let office = Office::new();
    fill(&office.docs(), FILES, 100);
    let none = Excludes::new::<&str>(&[]).unwrap();
    bencher.counter(ItemsCount::new(FILES)).bench_local(|| walk(&office.source(), &none).unwrap().count());
}

#[divan::bench]
fn unchanged_backup_of_ten_thousand_files(bencher: Bencher) {
    let office = Office::new();
    fill(&office.docs(), FILES, 100);
    office.backup();
    bencher.counter(ItemsCount::new(FILES)).bench_local(|| office.backup());
}

#[divan::bench(sample_count = 5)]
fn first_backup_of_pictures(bencher: Bencher) {
    let setup = || {
        let office = Office::new();
        fill(&office.docs(), 250, 256 << 10);
        office
    };
    bencher.counter(BytesCount::new(250usize << 18)).with_inputs(setup).bench_local_refs(|office| office.backup());
}
