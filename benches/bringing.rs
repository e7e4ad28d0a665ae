//! How long everything takes that reads packs: a restore of everything, a test restore of everything, a scrub, and one
//! large file by itself. Half the bytes are documents, half are one file that was edited in scattered places, so that it
//! lies in many packs. Restored to and read from a temporary folder: its disk is part of what is measured, and of what
//! was just written much is still in memory.
//!
//! `cargo bench --features testing --bench bringing [-- MIB]`
//!
//! With a folder (its whole path) instead of a number, that folder is backed up once, and nothing in it changes. With
//! `COLD=1`, which takes root, the kernel's caches are emptied before each measurement.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::query::Which;
use strongroom::ops::restore::{RestoreOptions, apply, cat, plan};
use strongroom::ops::verify::{Budget, TestOptions, restore, scrub};
use strongroom::ops::{Silent, Stop};
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::machine::StateDir;
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::store::{StoreOptions, open};
use strongroom::testing::{FakeClock, SeededEntropy};
use support::{Spent, forget_peak, kib};

const DOCUMENT: usize = 200 << 10;
/// Backups after the first, and places in which the large file changes before each.
const EDITS: u64 = 3;
const PLACES: u64 = 200;

fn main() {
    let mib = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(512u64);
    let given = std::env::args().skip(1).find(|a| a.starts_with('/')).map(PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let url = format!("file://{}", tmp.path().join("store").display());
    let store = open(&StoreOptions { url, create_folder: true, ..StoreOptions::default() }, runtime.handle()).unwrap();
    let clock = Arc::new(FakeClock::reading("2026-11-22T02:30:00Z"));
    let env = Env { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(7)) };
    let dir = StateDir::new(tmp.path().join("state"));
    let options = CreateOptions { machine_name: "bench".into(), write_only: false, single_machine: false };
    create(&store, &dir, &env, &options, |_| Ok(())).unwrap();
    let docs = given.clone().unwrap_or_else(|| tmp.path().join("docs"));
    if given.is_none() {
        write(&docs, mib << 20);
    }
    let again = || Repository::open_fresh(store.clone(), dir.clone(), env.clone()).unwrap();
    for edit in 0..=if given.is_some() { 0 } else { EDITS } {
        let source = Source { name: RecordPath::new("Documents").unwrap(), path: docs.clone() };
        backup(&mut again(), &BackupOptions::new("documents", vec![source]), &Silent, &Stop::default()).unwrap();
        clock.advance(SignedDuration::from_hours(24));
        if given.is_none() {
            change(&docs.join("large.bin"), edit);
        }
    }
    let stop = Stop::default();
    measure("restore of everything", || {
        let mut repo = again();
        let plan = plan(&mut repo, &RestoreOptions::everything(tmp.path().join("back")), &Silent, &stop).unwrap();
        let report = apply(plan, &mut repo, &Silent, &stop).unwrap();
        assert_eq!(report.failed, 0);
        format!("{} MiB, {} packs", report.bytes >> 20, report.packs_fetched)
    });
    measure("test of everything", || {
        let options = TestOptions { all: true, ..TestOptions::default() };
        let report = restore(&mut again(), &options, &Silent, &stop).unwrap();
        assert!(report.failed.is_empty());
        format!("{} documents, {} packs", report.examined.documents, report.examined.packs)
    });
    measure("scrub of everything", || {
        let report = scrub(&mut again(), &Budget::default(), &Silent, &stop).unwrap();
        assert!(report.failed.is_empty() && report.left == 0);
        format!("{} objects", report.examined.objects)
    });
    if given.is_some() {
        return;
    }
    measure("the large file alone", || {
        let path = RecordPath::new("Documents/large.bin").unwrap();
        let mut out = std::fs::File::create(tmp.path().join("one")).unwrap();
        let bytes = cat(&mut again(), &path, &Which::default(), &mut out, &stop).unwrap();
        format!("{} MiB", bytes >> 20)
    });
}

fn measure(what: &str, work: impl FnOnce() -> String) {
    rustix::fs::sync();
    let cold = std::env::var_os("COLD").is_some();
    if cold {
        std::fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
    }
    forget_peak();
    let (start, before) = (Spent::so_far(), kib("VmRSS"));
    let done = work();
    let peak = kib("VmHWM");
    println!(
        "{what:22} {}{}, {done}; memory {} MiB, {} MiB of it more than before",
        Spent::so_far().since(&start),
        if cold { ", caches empty" } else { "" },
        peak >> 10,
        peak.saturating_sub(before) >> 10
    );
}

/// Half of it compresses, half does not.
fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len / 2];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    while bytes.len() < len {
        let line = format!("Minute {} of meeting {seed}: resolved that it be approved.\n", bytes.len());
        bytes.extend_from_slice(line.as_bytes());
    }
    bytes
}

fn write(docs: &Path, size: u64) {
    std::fs::create_dir(docs).unwrap();
    let half = size / 2;
    for n in 0..half / DOCUMENT as u64 {
        std::fs::write(docs.join(format!("{n:06}.doc")), bytes(n, DOCUMENT)).unwrap();
    }
    let mut large = std::fs::File::create(docs.join("large.bin")).unwrap();
    for n in 0..half >> 20 {
        large.write_all(&bytes(1 << 32 | n, 1 << 20)).unwrap();
    }
}

fn change(large: &Path, edit: u64) {
    let size = std::fs::metadata(large).unwrap().len();
    let mut file = std::fs::File::options().write(true).open(large).unwrap();
    for n in 0..PLACES {
        let at = (n * 2_654_435_761 + edit * 97_003) % (size - DOCUMENT as u64);
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&bytes(2 << 32 | edit << 16 | n, 16 << 10)).unwrap();
    }
}
