//! Trees beyond the kernel's limits for one path, and folders with very many names.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::compare::snapshot_tree;
use super::excludes::Excludes;
use super::open::open_file;
use super::place::Target;
use super::tests_round_trip::{OPTIONS, copy};
use super::walk::{Source, WalkItem, walk};
use crate::domain::path::RecordPath;

const STEP: &str = "a-name-of-24-bytes-------";

fn source(path: &Path) -> Source {
    Source { name: RecordPath::new("S").unwrap(), path: path.to_owned() }
}

/// In memory where there is such a place: these are about numbers, not about a disk.
pub(super) fn quick_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// A chain of folders; each tenth has a folder that sorts behind the chain, the last a file.
fn chain(root: &Path, depth: usize) {
    let folder = OFlags::PATH | OFlags::DIRECTORY;
    let mut at: OwnedFd = rustix::fs::open(root, folder, Mode::empty()).unwrap();
    for level in 0..depth {
        rustix::fs::mkdirat(&at, STEP, Mode::RWXU).unwrap();
        if level % 10 == 0 {
            rustix::fs::mkdirat(&at, "side", Mode::RWXU).unwrap();
            rustix::fs::mkdirat(&at, "side/below", Mode::RWXU).unwrap();
        }
        at = rustix::fs::openat(&at, STEP, folder, Mode::empty()).unwrap();
    }
    let file = rustix::fs::openat(&at, "end", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
    rustix::io::write(&file, b"deep").unwrap();
}

/// The standard library keeps a descriptor for each level, so the chain is taken down from its top.
fn take_down(root: &Path) {
    let top = fs::File::open(root).unwrap();
    let inner = format!("{STEP}/{STEP}");
    loop {
        let _ = fs::remove_dir_all(root.join(STEP).join("side"));
        match rustix::fs::renameat(top.as_fd(), &inner, top.as_fd(), "next") {
            Ok(()) => {}
            Err(_) => return fs::remove_dir_all(root.join(STEP)).unwrap(),
        }
        rustix::fs::unlinkat(top.as_fd(), STEP, AtFlags::REMOVEDIR).unwrap();
        rustix::fs::renameat(top.as_fd(), "next", top.as_fd(), STEP).unwrap();
    }
}

#[test]
fn three_thousand_levels_are_walked_read_and_restored() {
    let dir = quick_dir();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    fs::create_dir(&from).unwrap();
    chain(&from, 3000);
    let most = std::cell::Cell::new(0);
    let mut last: Option<RecordPath> = None;
    let mut deepest: Option<RecordPath> = None;
    let mut count = 0;
    for item in walk(&source(&from), &Excludes::none()).unwrap() {
        let WalkItem::Found(found) = item else { panic!("{item:?}") };
        assert!(last.as_ref().is_none_or(|l| *l < found.path), "sorted");
        if found.path.name() == b"end" {
            deepest = Some(found.path.clone());
        }
        if count % 500 == 0 {
            most.set(most.get().max(fs::read_dir("/proc/self/fd").unwrap().count()));
        }
        last = Some(found.path);
        count += 1;
    }
    assert_eq!(count, 1 + 3000 + 300 * 2 + 1);
    assert!(most.get() < 500, "{} descriptors", most.get());
    let deepest = deepest.unwrap();
    assert!(deepest.as_bytes().len() > 70_000);
    let text = std::io::read_to_string(open_file(&source(&from), &deepest).unwrap()).unwrap();
    assert_eq!(text, "deep");
    let target = Target::create(&to, OPTIONS).unwrap();
    assert_eq!(target.exists(&deepest).unwrap(), None);
    assert!(target.begin_file(&deepest, 1).is_ok(), "missing parents are made");
    assert!(target.make_dir(&deepest).unwrap());
    take_down(&to.join("S"));
    take_down(&from);
}

#[test]
fn a_path_beyond_the_limit_makes_the_round_trip() {
    let dir = quick_dir();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    fs::create_dir(&from).unwrap();
    chain(&from, 300);
    let target = Target::create(&to, OPTIONS).unwrap();
    assert_eq!(copy(&source(&from), &target), Vec::<String>::new());
    let all = |p: &Path| -> Vec<_> {
        let items = walk(&source(p), &Excludes::none()).unwrap();
        items
            .map(|i| if let WalkItem::Found(f) = i { (f.path, f.stat.mtime_ns, f.stat.size) } else { panic!() })
            .collect()
    };
    assert_eq!(all(&from), all(&to.join("S")));
    take_down(&to.join("S"));
    take_down(&from);
}

#[test]
fn a_hundred_thousand_names_in_one_folder() {
    let dir = quick_dir();
    let root = fs::File::open(dir.path()).unwrap();
    for n in 0..100_000u32 {
        let name = format!("{:x}", n.wrapping_mul(0x9e37_79b1));
        rustix::fs::mknodat(root.as_fd(), name, FileType::RegularFile, Mode::RUSR, 0).unwrap();
    }
    let mut last = Vec::new();
    let mut count = 0;
    for item in walk(&source(dir.path()), &Excludes::none()).unwrap() {
        let WalkItem::Found(found) = item else { panic!("{item:?}") };
        assert!(last.as_slice() < found.path.as_bytes());
        last = found.path.as_bytes().to_vec();
        count += 1;
    }
    assert_eq!(count, 100_001);
}

#[test]
fn many_files_can_be_under_way_at_once() {
    let dir = quick_dir();
    let target = Target::create(&dir.path().join("to"), OPTIONS).unwrap();
    let paths: Vec<_> = (0..3000).map(|n| RecordPath::new(format!("S/{n}")).unwrap()).collect();
    let partials: Vec<_> = paths.iter().map(|p| target.begin_file(p, 4).unwrap()).collect();
    for (n, partial) in partials.iter().enumerate() {
        partial.write_at(0, &u32::try_from(n).unwrap().to_le_bytes()).unwrap();
    }
    drop(partials);
    assert_eq!(snapshot_tree(&dir.path().join("to/S")).unwrap().len(), 1, "all were removed");
}
