//! Targets that were prepared, or change meanwhile, so that a restore would write outside or over something.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::place::{Overwrite, PlaceError, Placed, Target};
use super::special::Device;
use super::tests_round_trip::OPTIONS;
use crate::domain::listing::{Meta, Xattr};
use crate::domain::path::RecordPath;

pub(super) fn path(s: &str) -> RecordPath {
    RecordPath::new(s).unwrap()
}

pub(super) fn plain() -> Meta {
    Meta { mode: 0o644, ..Meta::default() }
}

pub(super) fn put(target: &Target, at: &str, text: &str, overwrite: Overwrite) -> Result<Placed, PlaceError> {
    let partial = target.begin_file(&path(at), text.len() as u64)?;
    partial.write_at(0, text.as_bytes())?;
    target.finish_file(partial, &path(at), &plain(), overwrite)
}

pub(super) fn names(dir: &Path) -> Vec<String> {
    let mut all: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    all.sort();
    all
}

/// Everything that writes, at a path whose parent has become a link: nothing may arrive behind the link.
#[test]
fn no_link_in_a_parent_is_followed_by_anything() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("there"), "x").unwrap();
    fs::write(outside.join(".strongroom-partial-000000000000000700000000"), "x").unwrap();
    let before =
        (names(&outside), fs::metadata(&outside).unwrap().mtime_nsec(), fs::metadata(&outside).unwrap().mode());
    let target = Target::create(&dir.path().join("to"), OPTIONS).unwrap();
    let _ = put(&target, "file", "x", Overwrite::Never).unwrap();
    // One that was restored, one that was there, relative and absolute.
    let _ = target.make_symlink(&path("S/out"), b"../../outside", &plain(), Overwrite::Never).unwrap();
    symlink(&outside, dir.path().join("to/direct")).unwrap();
    for link in ["S/out", "direct"] {
        let below = path(&format!("{link}/there"));
        let deeper = path(&format!("{link}/new/deeper"));
        let over = Overwrite::Always;
        let refused = [
            target.begin_file(&below, 1).map(|_| ()),
            target.begin_file(&deeper, 1).map(|_| ()),
            target.make_dir(&deeper).map(|_| ()),
            target.make_dir(&path(link)).map(|_| ()),
            target.finish_dir(&path(link), &plain()).map(|_| ()),
            target.make_symlink(&below, b"x", &plain(), over).map(|_| ()),
            target.make_fifo(&below, &plain(), over).map(|_| ()),
            target.make_device(&below, Device::Character(1, 3), &plain(), over).map(|_| ()),
            target.hard_link(&below, &path("stolen"), over).map(|_| ()),
            target.hard_link(&path("file"), &below, over).map(|_| ()),
            target.exists(&below).map(|_| ()),
            target.remove_leftovers([&path(link)]).map(|_| ()),
        ];
        for (at, r) in refused.iter().enumerate() {
            assert!(matches!(r, Err(PlaceError::LinkInTheWay(_))), "{link} {at}: {r:?}");
        }
    }
    let after = (names(&outside), fs::metadata(&outside).unwrap().mtime_nsec(), fs::metadata(&outside).unwrap().mode());
    assert_eq!(before, after);
    assert_eq!(names(&dir.path().join("to")), ["S", "direct", "file"]);
}

#[test]
fn a_parent_that_becomes_a_link_while_a_file_is_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let (to, outside) = (dir.path().join("to"), dir.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    let target = Target::create(&to, OPTIONS).unwrap();
    let partial = target.begin_file(&path("S/f"), 3).unwrap();
    fs::rename(to.join("S"), to.join("moved")).unwrap();
    symlink(&outside, to.join("S")).unwrap();
    assert!(matches!(partial.write_at(0, b"abc"), Err(PlaceError::LinkInTheWay(_))));
    let end = target.finish_file(partial, &path("S/f"), &plain(), Overwrite::Always);
    assert!(matches!(end, Err(PlaceError::LinkInTheWay(_))));
    // Nor by one that is kept open.
    let (partial, open) = target.begin_named(&path("T/f"), 3).unwrap();
    fs::rename(to.join("T"), to.join("moved too")).unwrap();
    symlink(&outside, to.join("T")).unwrap();
    open.write_at(0, b"abc").unwrap();
    let end = target.finish_open(partial, &open, &path("T/f"), &plain(), Overwrite::Always);
    assert!(matches!(end, Err(PlaceError::LinkInTheWay(_))));
    assert_eq!(names(&outside), Vec::<String>::new());
}

#[test]
fn an_unfinished_file_that_was_swapped_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let (to, victim) = (dir.path().join("to"), dir.path().join("victim"));
    fs::write(&victim, "keep").unwrap();
    let target = Target::create(&to, OPTIONS).unwrap();
    for swap in ["link", "hard", "none", "fifo"] {
        let partial = target.begin_file(&path("f"), 3).unwrap();
        let name = to.join(&names(&to)[0]);
        assert_eq!(fs::metadata(&name).unwrap().permissions().mode() & 0o777, 0o600, "closed while unfinished");
        fs::remove_file(&name).unwrap();
        match swap {
            "link" => symlink(&victim, &name).unwrap(),
            "hard" => fs::hard_link(&victim, &name).unwrap(),
            "fifo" => {
                rustix::fs::mknodat(rustix::fs::CWD, &name, rustix::fs::FileType::Fifo, 0o666.into(), 0).unwrap();
            }
            _ => {}
        }
        let r = partial.write_at(0, b"bad");
        assert!(r.is_err(), "{swap}");
        assert!(swap == "fifo" || matches!(r, Err(PlaceError::PartialGone(_))), "{swap}: {r:?}");
        drop(partial);
        assert_eq!(names(&to), Vec::<String>::new(), "{swap}");
    }
    let taken = dir.path().join("taken");
    for swap in ["link", "hard", "file", "none"] {
        let (partial, open) = target.begin_named(&path("f"), 3).unwrap();
        let name = to.join(&names(&to)[0]);
        fs::rename(&name, &taken).unwrap();
        match swap {
            "link" => symlink(&victim, &name).unwrap(),
            "hard" => fs::hard_link(&victim, &name).unwrap(),
            "file" => fs::write(&name, "somebody else's").unwrap(),
            _ => {}
        }
        open.write_at(0, b"bad").unwrap();
        let end = target.finish_open(partial, &open, &path("f"), &plain(), Overwrite::Never);
        assert!(matches!(end, Err(PlaceError::PartialGone(_))), "{swap}: {end:?}");
        assert_eq!(names(&to), Vec::<String>::new(), "{swap}");
        assert_eq!(fs::metadata(&taken).unwrap().permissions().mode() & 0o777, 0o600, "{swap}: closed to others");
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "keep");
}

/// It is looked at once more when it has everything, and the disk has it.
#[test]
fn an_unfinished_file_that_is_swapped_at_the_very_end_gets_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to");
    let target = Target::create(&to, OPTIONS).unwrap();
    let _ = put(&target, "f", "old", Overwrite::Never).unwrap();
    let (partial, open) = target.begin_named(&path("f"), 3).unwrap();
    open.write_at(0, b"new").unwrap();
    let end = target.finish_forced(partial, &open, &path("f"), &plain(), Overwrite::Always, |_| {
        let unfinished = to.join(names(&to).iter().find(|name| *name != "f").unwrap());
        fs::remove_file(&unfinished).unwrap();
        fs::write(unfinished, "somebody else's").unwrap();
        Ok(())
    });
    assert!(matches!(end, Err(PlaceError::PartialGone(_))), "{end:?}");
    assert_eq!((names(&to), fs::read_to_string(to.join("f")).unwrap()), (vec!["f".to_owned()], "old".to_owned()));
}

/// A disk may take bytes and lose them later: then what they were to replace is still there, and the file is named.
#[test]
fn nothing_is_replaced_by_what_is_not_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to");
    let target = Target::create(&to, OPTIONS).unwrap();
    let _ = put(&target, "f", "old", Overwrite::Never).unwrap();
    let mut forced = 0;
    let mut finish = |name: &str, overwrite, answer: Result<(), rustix::io::Errno>| {
        let partial = target.begin_file(&path(name), 3).unwrap();
        partial.write_at(0, b"new").unwrap();
        let now = fs::read_to_string(to.join("f")).unwrap();
        let open = partial.open().unwrap();
        target.finish_forced(partial, &open, &path(name), &plain(), overwrite, |_| {
            forced += 1;
            assert_eq!(now, "old", "before anything is replaced");
            answer
        })
    };
    let failed = finish("f", Overwrite::Always, Err(rustix::io::Errno::IO)).unwrap_err();
    assert_eq!(failed.to_string(), "f was not written: Input/output error (os error 5)");
    let full = finish("f", Overwrite::Always, Err(rustix::io::Errno::NOSPC)).unwrap_err();
    assert!(matches!(full, PlaceError::NoSpace(_)), "{full:?}");
    assert_eq!((fs::read_to_string(to.join("f")).unwrap().as_str(), names(&to)), ("old", vec!["f".to_owned()]));
    let _ = finish("g", Overwrite::Never, Err(rustix::io::Errno::IO)).unwrap();
    let _ = finish("f", Overwrite::Always, Ok(())).unwrap();
    assert_eq!(
        (forced, fs::read_to_string(to.join("f")).unwrap().as_str()),
        (3, "new"),
        "what is new waits for the end"
    );
}

#[test]
fn a_further_name_replaces_nothing_before_the_file_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to");
    let target = Target::create(&to, OPTIONS).unwrap();
    let _ = put(&target, "new", "new", Overwrite::Never).unwrap();
    let _ = put(&target, "f", "old", Overwrite::Never).unwrap();
    let content = || fs::read_to_string(to.join("f")).unwrap();
    let link = |name: &str, overwrite, answer: Result<(), rustix::io::Errno>| {
        target.hard_link_forced(&path("new"), &path(name), overwrite, |_| {
            assert_eq!(content(), "old", "before anything is replaced");
            answer
        })
    };
    assert!(link("f", Overwrite::Always, Err(rustix::io::Errno::IO)).is_err());
    assert_eq!(content(), "old");
    let _ = link("g", Overwrite::Never, Err(rustix::io::Errno::IO)).unwrap();
    let _ = link("f", Overwrite::Always, Ok(())).unwrap();
    assert_eq!((content().as_str(), fs::metadata(to.join("f")).unwrap().nlink()), ("new", 3));
}

#[test]
fn what_has_the_final_name_stays_unless_told() {
    let dir = tempfile::tempdir().unwrap();
    let (to, victim) = (dir.path().join("to"), dir.path().join("victim"));
    fs::write(&victim, "keep").unwrap();
    let target = Target::create(&to, OPTIONS).unwrap();
    let _ = put(&target, "f", "old", Overwrite::Never).unwrap();
    assert!(matches!(put(&target, "f", "new", Overwrite::Never), Err(PlaceError::Exists(_))));
    assert_eq!((fs::read_to_string(to.join("f")).unwrap().as_str(), names(&to)), ("old", vec!["f".to_owned()]));
    let _ = put(&target, "f", "new", Overwrite::Always).unwrap();
    assert_eq!(fs::read_to_string(to.join("f")).unwrap(), "new");
    symlink(&victim, to.join("link")).unwrap();
    assert!(matches!(put(&target, "link", "new", Overwrite::Never), Err(PlaceError::Exists(_))));
    let _ = put(&target, "link", "new", Overwrite::Always).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "keep", "the link was replaced, not followed");
    fs::create_dir(to.join("d")).unwrap();
    assert!(matches!(put(&target, "d", "new", Overwrite::Never), Err(PlaceError::Exists(_))));
    assert!(matches!(put(&target, "d", "new", Overwrite::Always), Err(PlaceError::FolderInTheWay(_))));
    assert!(matches!(put(&target, "f/x", "new", Overwrite::Always), Err(PlaceError::NotAFolder(_))));
    assert!(matches!(target.make_dir(&path("f")), Err(PlaceError::Exists(_))));
    assert!(matches!(target.make_dir(&path("f/x/y")), Err(PlaceError::NotAFolder(_))));
    let _ = target.hard_link(&path("f"), &path("link"), Overwrite::Always).unwrap();
    let _ = target.hard_link(&path("f"), &path("link"), Overwrite::Always).unwrap();
    assert!(matches!(target.hard_link(&path("f"), &path("link"), Overwrite::Never), Err(PlaceError::Exists(_))));
    assert!(target.hard_link(&path("d"), &path("e"), Overwrite::Never).is_err());
    assert_eq!(names(&to), ["d", "f", "link"], "nothing unfinished stays");
    assert_eq!(target.exists(&path("link")).unwrap().unwrap().nlink, 2);
    assert!(matches!(target.exists(&path("none/at/all")), Ok(None)));
    assert!(matches!(Target::create(&to, OPTIONS), Err(PlaceError::Target { .. })));
}

#[test]
fn only_what_was_left_unfinished_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to");
    let target = Target::create(&to, OPTIONS).unwrap();
    for at in ["f", "S/g"] {
        std::mem::forget(target.begin_file(&path(at), 1).unwrap());
    }
    fs::write(to.join(".strongroom-partial-notes.txt"), "mine").unwrap();
    fs::create_dir(to.join(".strongroom-partial-000000000000000700000009")).unwrap();
    // The same number again: the names that are taken are passed over.
    let again = Target::open(&to, OPTIONS).unwrap();
    let _ = put(&again, "f", "whole", Overwrite::Never).unwrap();
    assert_eq!(again.remove_leftovers([&path("S"), &path("none")]).unwrap(), 2);
    assert_eq!(names(&to.join("S")), Vec::<String>::new());
    assert_eq!(names(&to).len(), 4, "{:?}", names(&to));
}

#[test]
fn a_listing_with_impossible_attributes_still_gives_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::create(&dir.path().join("to"), OPTIONS).unwrap();
    let meta = Meta {
        mode: 0o170_644,
        uid: u32::MAX,
        gid: u32::MAX,
        mtime_s: 5,
        mtime_ns: (1 << 30) - 1,
        xattrs: vec![Xattr { name: b"nonsense\0name".to_vec(), value: vec![1] }],
        ..Meta::default()
    };
    let partial = target.begin_file(&path("f"), 1).unwrap();
    let placed = target.finish_file(partial, &path("f"), &meta, Overwrite::Never).unwrap();
    assert_eq!(placed.warnings.len(), 2, "{:?}", placed.warnings);
    let got = fs::metadata(dir.path().join("to/f")).unwrap();
    assert_eq!((got.mode(), got.mtime(), got.mtime_nsec()), (0o100_644, 5, 999_999_999));
    assert!(target.begin_file(&path("huge"), u64::MAX).is_err());
    assert_eq!(names(&dir.path().join("to")), ["f"]);
}

/// An ACL that the target passes on to new files must not open what was closed.
#[test]
fn an_inherited_acl_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to");
    let target = Target::create(&to, OPTIONS).unwrap();
    let mut acl = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in
        [(1u16, 7u16, u32::MAX), (2, 7, 4711), (4, 5, u32::MAX), (16, 7, u32::MAX), (32, 5, u32::MAX)]
    {
        acl.extend([tag.to_le_bytes(), permissions.to_le_bytes()].concat());
        acl.extend(id.to_le_bytes());
    }
    if xattr::set(&to, "system.posix_acl_default", &acl).is_err() {
        return;
    }
    let _ = put(&target, "f", "x", Overwrite::Never).unwrap();
    assert!(target.make_dir(&path("d")).unwrap());
    assert!(xattr::list(to.join("d")).unwrap().count() > 0, "it was passed on");
    let _ = target.finish_dir(&path("d"), &Meta { mode: 0o750, ..Meta::default() }).unwrap();
    for at in ["f", "d"] {
        assert_eq!(xattr::list(to.join(at)).unwrap().count(), 0, "{at}");
    }
}

#[test]
fn a_full_disk_is_said_to_be_full() {
    let dir = tempfile::tempdir().unwrap();
    struct Mounted<'p>(&'p Path);
    impl Drop for Mounted<'_> {
        fn drop(&mut self) {
            let _ = unmount(self.0, UnmountFlags::DETACH);
        }
    }
    if mount("tmpfs", dir.path(), "tmpfs", MountFlags::empty(), Some(c"size=64k")).is_err() {
        return; // Only root may mount.
    }
    let mounted = Mounted(dir.path());
    assert_eq!(super::mount::mount_of(mounted.0).unwrap().identity(), "tmpfs tmpfs /");
    let target = Target::open(mounted.0, OPTIONS).unwrap();
    let partial = target.begin_file(&path("f"), 1 << 20).unwrap();
    let e = partial.write_at(0, &vec![1; 1 << 20]).unwrap_err();
    assert!(matches!(e, PlaceError::NoSpace(_)) && e.to_string().contains("full"), "{e}");
    drop(partial);
    assert_eq!(names(mounted.0), Vec::<String>::new());
    drop(target);
}

/// What is refused to everybody but root; run as somebody else to see it.
#[test]
fn without_root_the_rest_still_works() {
    if rustix::process::geteuid().is_root() {
        return;
    }
    use super::walk::{Source, WalkItem, walk};
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to");
    let target = Target::create(&to, OPTIONS).unwrap();
    let device = target.make_device(&path("null"), Device::Character(1, 3), &plain(), Overwrite::Never);
    assert!(matches!(device, Err(PlaceError::NeedsRoot(_))), "{device:?}");
    let partial = target.begin_file(&path("f"), 0).unwrap();
    let meta = Meta { mode: 0o4755, uid: 0, gid: 0, ..Meta::default() };
    let placed = target.finish_file(partial, &path("f"), &meta, Overwrite::Never).unwrap();
    assert_eq!(placed.warnings.len(), 1, "{:?}", placed.warnings);
    assert_eq!(fs::metadata(to.join("f")).unwrap().mode() & 0o7777, 0o755);
    fs::create_dir(to.join("shut")).unwrap();
    fs::set_permissions(to.join("shut"), fs::Permissions::from_mode(0o0)).unwrap();
    let source = Source { name: path("S"), path: to.clone() };
    let all: Vec<_> = walk(&source, &super::excludes::Excludes::none()).unwrap().collect();
    let problems: Vec<_> = all.iter().filter(|i| matches!(i, WalkItem::Problem(_))).collect();
    assert!(all.len() == 4 && problems.len() == 1, "{all:?}");
    assert!(matches!(problems[0], WalkItem::Problem(p) if p.path == Some(path("S/shut"))));
    let shut = Source { name: path("S"), path: to.join("shut") };
    assert!(walk(&shut, &super::excludes::Excludes::none()).is_err());
    assert!(matches!(put(&target, "shut/x", "", Overwrite::Never), Err(PlaceError::Denied(_))));
    fs::set_permissions(to.join("shut"), fs::Permissions::from_mode(0o700)).unwrap();
}
