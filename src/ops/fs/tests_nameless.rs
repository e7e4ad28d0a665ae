//! Files on their way that have no name yet.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use super::nameless::mode_at_first;
use super::partial::{Partial, PartialFile};
use super::place::{Overwrite, PlaceError, Target};
use super::tests_hostile::{names, path, plain, put};
use super::tests_round_trip::OPTIONS;
use crate::domain::listing::{Meta, Xattr};

/// A file system in memory: it can have files without a name, whatever the disk can.
fn target() -> (tempfile::TempDir, Target) {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let target = Target::create(&dir.path().join("to"), OPTIONS).unwrap();
    (dir, target)
}

fn begun(target: &Target, at: &str, size: u64) -> (Partial, Arc<PartialFile>) {
    let (partial, open) = target.begin_open(&path(at), size).unwrap();
    assert!(partial.is_nameless());
    (partial, open)
}

fn finish(
    target: &Target,
    begun: (Partial, Arc<PartialFile>),
    at: &str,
    overwrite: Overwrite,
) -> Result<(), PlaceError> {
    target
        .finish_open(begun.0, &begun.1, &path(at), &plain(), overwrite)
        .map(|placed| assert!(placed.warnings.is_empty()))
}

fn read(at: &Path) -> String {
    fs::read_to_string(at).unwrap()
}

#[test]
fn it_is_nowhere_until_it_is_complete() {
    let (dir, target) = target();
    let to = dir.path().join("to");
    let first = begun(&target, "S/f", 6);
    first.1.write_at(3, b"def").unwrap();
    first.0.open().unwrap().write_at(0, b"abc").unwrap();
    let dropped = begun(&target, "S/g", 0);
    assert_eq!((names(&to), names(&to.join("S"))), (vec!["S".to_owned()], vec![]));
    for _ in 0..2 {
        assert_eq!(std::io::read_to_string(first.0.read_back().unwrap()).unwrap(), "abcdef");
    }
    drop(dropped);
    finish(&target, first, "S/f", Overwrite::Never).unwrap();
    assert_eq!((names(&to.join("S")), read(&to.join("S/f"))), (vec!["f".to_owned()], "abcdef".to_owned()));
    let stat = fs::metadata(to.join("S/f")).unwrap();
    assert_eq!((stat.permissions().mode() & 0o7777, stat.nlink(), stat.mtime()), (0o644, 1, 0));
}

#[test]
fn a_name_that_was_taken_meanwhile_is_left_and_one_to_be_replaced_is_replaced() {
    let (dir, target) = target();
    let to = dir.path().join("to");
    for (overwrite, content) in [(Overwrite::Never, "old"), (Overwrite::Always, "new")] {
        let file = begun(&target, "f", 0);
        file.1.write_at(0, b"new").unwrap();
        fs::write(to.join("f"), "old").unwrap();
        let end = finish(&target, file, "f", overwrite);
        assert_eq!(matches!(end, Err(PlaceError::Exists(_))), overwrite == Overwrite::Never, "{end:?}");
        assert_eq!((names(&to), read(&to.join("f"))), (vec!["f".to_owned()], content.to_owned()));
    }
    // A folder is replaced by nothing, and what nearly did so is gone.
    fs::create_dir(to.join("d")).unwrap();
    let file = begun(&target, "d", 0);
    assert!(finish(&target, file, "d", Overwrite::Always).is_err());
    assert_eq!(names(&to), ["d", "f"]);
}

#[test]
fn a_folder_that_is_moved_away_keeps_nothing() {
    let (dir, target) = target();
    let (to, outside) = (dir.path().join("to"), dir.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    for overwrite in [Overwrite::Never, Overwrite::Always] {
        let (linked, gone) = (begun(&target, "S/f", 3), begun(&target, "T/f", 3));
        fs::rename(to.join("S"), to.join("moved")).unwrap();
        fs::rename(to.join("T"), to.join("moved too")).unwrap();
        symlink(&outside, to.join("S")).unwrap();
        linked.1.write_at(0, b"abc").unwrap();
        gone.1.write_at(0, b"abc").unwrap();
        let end = finish(&target, linked, "S/f", overwrite);
        assert!(matches!(end, Err(PlaceError::LinkInTheWay(_))), "{end:?}");
        finish(&target, gone, "T/f", overwrite).unwrap();
        assert_eq!(read(&to.join("T/f")), "abc", "in a folder that is made again");
        for folder in [&outside, &to.join("moved"), &to.join("moved too")] {
            assert_eq!(names(folder), Vec::<String>::new(), "{folder:?}");
        }
        fs::remove_file(to.join("S")).unwrap();
        for folder in ["moved", "moved too", "T"] {
            fs::remove_dir_all(to.join(folder)).unwrap();
        }
    }
}

#[test]
fn nothing_is_replaced_by_what_is_not_on_the_disk() {
    let (dir, target) = target();
    let to = dir.path().join("to");
    let _ = put(&target, "f", "old", Overwrite::Never).unwrap();
    let (partial, open) = begun(&target, "f", 3);
    let end =
        target.finish_forced(partial, &open, &path("f"), &plain(), Overwrite::Always, |_| Err(rustix::io::Errno::IO));
    assert_eq!(end.unwrap_err().to_string(), "f was not written: Input/output error (os error 5)");
    assert_eq!((names(&to), read(&to.join("f"))), (vec!["f".to_owned()], "old".to_owned()));
}

/// Where the list of what is open cannot be reached, as in some containers, and where the file system cannot do it.
#[test]
fn where_it_could_get_no_name_at_the_end_it_has_one_from_the_beginning() {
    let (dir, target) = target();
    target.inner.ways.without_list();
    let (partial, open) = target.begin_open(&path("f"), 3).unwrap();
    assert!(!partial.is_nameless());
    assert_eq!(names(&dir.path().join("to")).len(), 1);
    open.write_at(0, b"abc").unwrap();
    finish(&target, (partial, open), "f", Overwrite::Never).unwrap();
    assert_eq!(
        (names(&dir.path().join("to")), read(&dir.path().join("to/f"))),
        (vec!["f".to_owned()], "abc".to_owned())
    );
    // This one has neither files without a name nor any that could be made.
    let refused = Target::open(Path::new("/proc/self/fd"), OPTIONS).unwrap();
    assert!(refused.begin_open(&path("f"), 3).is_err(), "with a name it was refused as well");
}

#[test]
fn what_comes_at_once_is_put_at_once_and_has_what_was_recorded() {
    let (dir, target) = target();
    let to = dir.path().join("to");
    let put_file = |at: &str, text: &str, mode: u32, overwrite| {
        let meta = Meta { mode, mtime_s: 1_000, ..Meta::default() };
        target.put_file(&path(at), text.as_bytes(), &meta, overwrite).map(|placed| assert!(placed.warnings.is_empty()))
    };
    // Some of these it has when it is made, and others it is given.
    for mode in [0o644, 0o600, 0o400, 0o666, 0o777, 0o000, 0o1644, 0o4755, 0o2755] {
        let at = format!("S/{mode:o}");
        put_file(&at, "content", mode, Overwrite::Never).unwrap();
        let stat = fs::metadata(to.join(&at)).unwrap();
        let own = rustix::process::geteuid().as_raw() == stat.uid();
        assert_eq!((stat.permissions().mode() & 0o7777, stat.mtime(), stat.len(), own), (mode, 1_000, 7, true), "{at}");
    }
    assert_eq!(names(&to.join("S")).len(), 9, "and nothing else");
    let taken = put_file("S/644", "other", 0o600, Overwrite::Never);
    assert!(matches!(taken, Err(PlaceError::Exists(_))), "{taken:?}");
    assert_eq!(read(&to.join("S/644")), "content");
    put_file("S/644", "other", 0o600, Overwrite::Always).unwrap();
    assert_eq!(read(&to.join("S/644")), "other");
    assert_eq!(fs::metadata(to.join("S/644")).unwrap().permissions().mode() & 0o7777, 0o600);
    symlink(dir.path(), to.join("L")).unwrap();
    let outside = put_file("L/f", "content", 0o600, Overwrite::Never);
    assert!(matches!(outside, Err(PlaceError::LinkInTheWay(_))), "{outside:?}");
    // With a name from the beginning, where there is no other way.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let target = Target::create(&dir.path().join("to"), OPTIONS).unwrap();
    target.inner.ways.without_list();
    let put = |text: &str| target.put_file(&path("f"), text.as_bytes(), &plain(), Overwrite::Never);
    let _ = put("content").unwrap();
    assert!(matches!(put("other"), Err(PlaceError::Exists(_))));
    assert_eq!(
        (names(&dir.path().join("to")), read(&dir.path().join("to/f"))),
        (vec!["f".to_owned()], "content".to_owned())
    );
    // And when one that was begun could get none.
    let (dir, target) = self::target();
    target.inner.ways.give_up();
    let _ = target.put_file(&path("f"), b"content", &plain(), Overwrite::Never).unwrap();
    assert!(!target.begin_open(&path("g"), 1).unwrap().0.is_nameless());
    assert_eq!(names(&dir.path().join("to")), ["f"]);
}

/// Who is not root may set attributes only of what they may write.
#[test]
fn what_has_attributes_can_be_written_by_its_owner_until_it_has_them() {
    let xattrs = vec![Xattr { name: b"user.note".to_vec(), value: b"1".to_vec() }];
    for (mode, bare) in [(0o444, 0o444), (0o4755, 0o755)] {
        let (with, without) =
            (Meta { mode, xattrs: xattrs.clone(), ..Meta::default() }, Meta { mode, ..Meta::default() });
        assert_eq!([mode_at_first(&with), mode_at_first(&without)].map(|m| m.as_raw_mode()), [0o600, bare]);
        let dir = tempfile::tempdir().unwrap();
        let target = Target::create(&dir.path().join("to"), OPTIONS).unwrap();
        assert!(target.put_file(&path("f"), b"content", &with, Overwrite::Never).unwrap().warnings.is_empty());
        let at = dir.path().join("to/f");
        assert_eq!(fs::metadata(&at).unwrap().permissions().mode() & 0o7777, mode);
        let mut value = [0; 8];
        assert_eq!(
            rustix::fs::getxattr(&at, "user.note", &mut value).map(|len| value[..len].to_vec()),
            Ok(b"1".to_vec())
        );
    }
}

/// Old kernels give a name only by way of the list of what is open.
#[test]
fn a_name_is_given_by_either_way() {
    let (dir, target) = target();
    let to = dir.path().join("to");
    for (n, by_list) in [false, true, true].into_iter().enumerate() {
        target.inner.ways.only_by_list(by_list);
        let _ = target.put_file(&path(&format!("f{n}")), b"content", &plain(), Overwrite::Never).unwrap();
        assert_eq!(read(&to.join(format!("f{n}"))), "content");
        let taken = target.put_file(&path("f0"), b"other", &plain(), Overwrite::Never);
        assert!(matches!(taken, Err(PlaceError::Exists(_))), "{taken:?}");
    }
    assert_eq!(names(&to), ["f0", "f1", "f2"]);
}
