//! What was backed up comes back identical: 500 random trees a run, and what random trees do not hold.
#![cfg(feature = "testing")]
// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

mod office;

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use office::{Office, assert_same, quick_dir};
use strongroom::ops::fs::random_tree::{Rng, TreeOptions, random_tree};
use strongroom::ops::query::Which;
use strongroom::ops::restore::{RestoreOptions, check_entries};
use strongroom::ops::{Silent, Stop};

/// Trees that share one repository, so that they share content too.
const TOGETHER: u64 = 10;

fn trees(seeds: std::ops::Range<u64>) {
    for first in seeds.step_by(TOGETHER as usize) {
        let mut office = Office::open(first);
        for seed in first..first + TOGETHER {
            let (from, name) = (office.tmp.path().join(format!("tree-{seed}")), format!("Tree {seed}"));
            random_tree(seed, &from, &TreeOptions::default()).unwrap();
            // Some trees are empty, which a backup rightly refuses.
            fs::write(from.join("always there"), seed.to_le_bytes()).unwrap();
            let set = format!("set-{seed}");
            office.backup_of(&set, &name, &from);
            let to = office.tmp.path().join(format!("back-{seed}"));
            let which = Which { set: Some(set), ..Which::default() };
            let report = office.restore(&RestoreOptions { which, ..RestoreOptions::everything(&to) }).unwrap();
            assert_eq!((&report.problems[..], &report.warnings[..]), (&[][..], &[][..]), "seed {seed}");
            assert_same(&from, &to.join(name), &format!("seed {seed}"));
        }
    }
}

#[test]
fn random_trees_come_back_0() {
    trees(0..170);
}

#[test]
fn random_trees_come_back_1() {
    trees(170..340);
}

#[test]
fn random_trees_come_back_2() {
    trees(340..500);
}

/// A path far longer than the kernel takes at once, made and read step by step.
#[test]
fn paths_beyond_the_kernels_limit_come_back() {
    let mut office = Office::open(1);
    let step = "n".repeat(255);
    let descend = |root: &Path, make: bool| {
        let mut at = File::open(root).unwrap();
        for _ in 0..24 {
            let next = format!("/proc/self/fd/{}/{step}", at.as_raw_fd());
            if make {
                fs::create_dir(&next).unwrap();
            }
            at = File::open(&next).unwrap();
        }
        at
    };
    let deepest = descend(&office.docs(), true);
    fs::write(format!("/proc/self/fd/{}/{}", deepest.as_raw_fd(), "m".repeat(255)), b"deep").unwrap();
    office.backup();
    let to = office.tmp.path().join("to");
    let report = office.restore(&RestoreOptions::everything(&to)).unwrap();
    assert_eq!((report.files, &report.problems[..]), (1, &[][..]));
    let deepest = descend(&to.join("Documents"), false);
    let back = fs::read(format!("/proc/self/fd/{}/{}", deepest.as_raw_fd(), "m".repeat(255))).unwrap();
    assert_eq!(back, b"deep");
}

#[test]
fn a_hundred_thousand_files_in_one_folder_come_back() {
    let mut office = Office::open(2);
    fs::create_dir(office.docs().join("many")).unwrap();
    for n in 0..100_000u32 {
        fs::write(office.docs().join(format!("many/{n:x}")), n.to_le_bytes()).unwrap();
    }
    let saved = office.backup();
    assert_eq!(saved.files, 100_000);
    let to = office.tmp.path().join("to");
    let report = office.round_trip(&to);
    assert_eq!((report.files, report.already), (100_000, 0));
    assert!(report.packs_fetched <= office.packs().len() as u64, "each pack is fetched once");
}

/// Many pieces, listed in chunks of their own; large holes; the same file twice.
#[test]
fn large_and_sparse_files_come_back() {
    let mut office = Office::open(3);
    let mut rng = Rng::new(7);
    let block = rng.bytes(40 << 20);
    office.write("large.bin", &block);
    office.write("copy.bin", &block[..20 << 20]);
    let sparse = File::create(office.docs().join("sparse.img")).unwrap();
    sparse.set_len(3 << 30).unwrap();
    for at in [0u64, 1 << 30, (3 << 30) - 4096] {
        sparse.write_all_at(&block[..4096], at).unwrap();
    }
    fs::write(office.docs().join("empty"), b"").unwrap();
    let hollow = File::create(office.docs().join("hollow")).unwrap();
    hollow.set_len(8 << 20).unwrap();
    office.backup();
    let to = office.tmp.path().join("to");
    let report = office.restore(&RestoreOptions::everything(&to)).unwrap();
    assert_eq!(report.problems, []);
    for name in ["large.bin", "copy.bin", "empty", "hollow"] {
        let (a, b) = (fs::read(office.docs().join(name)).unwrap(), fs::read(to.join("Documents").join(name)).unwrap());
        assert!(a == b, "{name}");
    }
    let back = File::open(to.join("Documents/sparse.img")).unwrap();
    let meta = back.metadata().unwrap();
    assert_eq!(meta.size(), 3 << 30);
    assert!(meta.blocks() * 512 < 1 << 20, "the holes came back as holes");
    for at in [0u64, 1 << 30, (3 << 30) - 4096] {
        let mut bytes = vec![0; 4096];
        back.read_exact_at(&mut bytes, at).unwrap();
        assert!(bytes == block[..4096]);
    }
    let mut some = vec![];
    back.take(1 << 20).read_to_end(&mut some).unwrap();
    assert!(some[4096..].iter().all(|b| *b == 0));
}

/// The checking sink goes the same way, writes nothing, and reads every pack of content.
#[test]
fn everything_is_checked_without_being_written() {
    let mut office = Office::open(4);
    let mut rng = Rng::new(8);
    let block = rng.bytes(24 << 20);
    office.write("a", &block[8 << 20..]);
    office.write("b", [&block[12 << 20..], &block[..12 << 20]].concat());
    office.write("c", "small");
    let sparse = File::create(office.docs().join("d")).unwrap();
    sparse.set_len(2 << 20).unwrap();
    sparse.write_all_at(b"x", 1 << 20).unwrap();
    office.backup();
    let mut entries = vec![];
    let mut view = strongroom::ops::query::View::open(&mut office.repo, &Which::default()).unwrap();
    view.ls(None, false, &mut |hit| {
        entries.push(hit.entry);
        Ok(())
    })
    .unwrap();
    let report = check_entries(&mut office.repo, entries.clone(), &Silent, &Stop::default()).unwrap();
    assert_eq!((report.files, report.failed), (4, vec![]));
    assert_eq!(report.bytes, (16 << 20) + (24 << 20) + 5 + (2 << 20));
    let damaged = report.packs[0];
    office.flip(&office.packs()[damaged as usize], 5000);
    let report = check_entries(&mut office.repo, entries, &Silent, &Stop::default()).unwrap();
    assert!(!report.failed.is_empty() && report.files + report.failed.len() as u64 == 4, "{report:?}");
    let outside = quick_dir();
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}
