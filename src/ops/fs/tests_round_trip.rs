//! Walk, capture, read; then place, write, finish: what comes out must be what went in.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use super::compare::{diff, snapshot_tree};
use super::excludes::Excludes;
use super::holes::data_ranges;
use super::meta::{At, capture};
use super::names::Names;
use super::open::Opener;
use super::place::{Overwrite, Owner, Placed, Target, TargetOptions};
use super::random_tree::{TreeOptions, random_tree};
use super::special::Device;
use super::tests_deep::quick_dir;
use super::walk::{Found, FoundKind, Source, WalkItem, walk};
use crate::domain::listing::Meta;
use crate::domain::path::RecordPath;

pub(super) const OPTIONS: TargetOptions = TargetOptions { owner: Owner::Recorded, nonce: 7 };

/// Copies a source into a target as a backup and a restore would, and gives all warnings.
pub(super) fn copy(source: &Source, target: &Target) -> Vec<String> {
    let (opener, names) = (Opener::new(source).unwrap(), Names::load());
    let mut linked: HashMap<(u64, u64), RecordPath> = HashMap::new();
    let mut dirs: Vec<(RecordPath, Meta)> = Vec::new();
    let mut warnings = Vec::new();
    for item in walk(source, &Excludes::none()).unwrap() {
        let WalkItem::Found(found) = item else { panic!("{item:?}") };
        if found.kind == FoundKind::File
            && found.stat.nlink > 1
            && let Some(first) = linked.insert(found.stat.inode(), found.path.clone())
        {
            warnings.extend(target.hard_link(&first, &found.path, Overwrite::Never).unwrap().warnings);
            continue;
        }
        let placed = match found.kind {
            FoundKind::Socket => Placed::default(),
            FoundKind::File => file(&opener, target, &found, &names),
            _ => {
                let (meta, problem) = opener.capture(&found, &names);
                assert_eq!(problem, None);
                if found.kind == FoundKind::Dir {
                    assert!(target.make_dir(&found.path).unwrap());
                    dirs.push((found.path.clone(), meta.clone()));
                }
                node(&opener, target, &found, &meta)
            }
        };
        warnings.extend(placed.warnings);
    }
    for (path, meta) in dirs.iter().rev() {
        warnings.extend(target.finish_dir(path, meta).unwrap().warnings);
    }
    warnings
}

fn file(opener: &Opener, target: &Target, found: &Found, names: &Names) -> Placed {
    let file = opener.open_file(&found.path).unwrap();
    let (meta, problem) = capture(&found.path, At::Open(file.as_fd()), &found.stat, names);
    assert_eq!(problem, None);
    let partial = target.begin_file(&found.path, found.stat.size).unwrap();
    for (offset, len) in data_ranges(&file, found.stat.size) {
        let mut bytes = vec![0; usize::try_from(len).unwrap()];
        file.read_exact_at(&mut bytes, offset).unwrap();
        partial.write_at(offset, &bytes).unwrap();
    }
    target.finish_file(partial, &found.path, &meta, Overwrite::Never).unwrap()
}

fn node(opener: &Opener, target: &Target, found: &Found, meta: &Meta) -> Placed {
    let (major, minor) = found.stat.device();
    match found.kind {
        FoundKind::Symlink => {
            let to = opener.read_link(&found.path).unwrap();
            target.make_symlink(&found.path, &to, meta, Overwrite::Never).unwrap()
        }
        FoundKind::Fifo => target.make_fifo(&found.path, meta, Overwrite::Never).unwrap(),
        FoundKind::CharDevice => {
            target.make_device(&found.path, Device::Character(major, minor), meta, Overwrite::Never).unwrap()
        }
        FoundKind::BlockDevice => {
            target.make_device(&found.path, Device::Block(major, minor), meta, Overwrite::Never).unwrap()
        }
        _ => Placed::default(),
    }
}

fn source(path: &Path) -> Source {
    Source { name: RecordPath::new("S").unwrap(), path: path.to_owned() }
}

#[test]
fn random_trees_come_back_as_they_were() {
    for seed in 0..200 {
        // A real disk for some, since file systems differ in holes, attributes and times.
        let dir = if seed < 30 { tempfile::tempdir().unwrap() } else { quick_dir() };
        let from = dir.path().join("from");
        random_tree(seed, &from, &TreeOptions::default()).unwrap();
        let target = Target::create(&dir.path().join("to"), OPTIONS).unwrap();
        assert_eq!(copy(&source(&from), &target), Vec::<String>::new(), "seed {seed}");
        let (a, b) = (snapshot_tree(&from).unwrap(), snapshot_tree(&dir.path().join("to/S")).unwrap());
        assert_eq!(diff(&a, &b), Vec::<String>::new(), "seed {seed}");
        assert_eq!(target.remove_leftovers([]).unwrap(), 0, "nothing unfinished is left");
    }
}

#[test]
fn files_can_be_the_target_folders_owners() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to");
    std::fs::create_dir(&to).unwrap();
    std::os::unix::fs::chown(&to, Some(4321), Some(1234)).unwrap();
    let target = Target::open(&to, TargetOptions { owner: Owner::OfFolder, nonce: 1 }).unwrap();
    let path = RecordPath::new("S/f").unwrap();
    let meta = Meta { mode: 0o6755, uid: 99, gid: 1234, ..Meta::default() };
    let partial = target.begin_file(&path, 0).unwrap();
    let placed = target.finish_file(partial, &path, &meta, Overwrite::Never).unwrap();
    let got = std::fs::metadata(to.join("S/f")).unwrap();
    assert_eq!((got.uid(), got.gid(), got.mode() & 0o7777), (4321, 1234, 0o2755), "no set-uid for another owner");
    assert_eq!(placed.warnings.len(), 1);
    target.sync_all().unwrap();
    // A known name counts, a number without a name too; a name nobody has here gives the folder's owner.
    for (user, uid, mode) in [(Some("root"), 0, 0o6755), (None, 99, 0o6755), (Some("nobody-here"), 4321, 0o2755)] {
        let target = Target::open(&to, TargetOptions { owner: Owner::Recorded, nonce: 2 }).unwrap();
        let meta = Meta { user: user.map(str::to_owned), ..meta.clone() };
        let partial = target.begin_file(&path, 0).unwrap();
        let placed = target.finish_file(partial, &path, &meta, Overwrite::Always).unwrap();
        let got = std::fs::metadata(to.join("S/f")).unwrap();
        assert_eq!((got.uid(), got.gid(), got.mode() & 0o7777), (uid, 1234, mode), "{user:?}");
        let stranger = user == Some("nobody-here");
        assert_eq!(placed.warnings.len(), usize::from(stranger), "{:?}", placed.warnings);
        let said = target.strangers().unwrap_or_default();
        assert_eq!(said.contains("(nobody-here): 1."), stranger, "{said}");
    }
}
