//! The order of a walk, what it leaves out, and what it says when the tree changes under it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use super::excludes::Excludes;
use super::walk::{Source, SourceError, WalkItem, walk};
use crate::domain::path::RecordPath;
use crate::domain::problem::ProblemKind;

fn source(path: &Path) -> Source {
    Source { name: RecordPath::new("S").unwrap(), path: path.to_owned() }
}

fn paths(root: &Path, excludes: &[&str]) -> Vec<Vec<u8>> {
    let found = walk(&source(root), &Excludes::new(excludes).unwrap()).unwrap();
    found
        .map(|item| match item {
            WalkItem::Found(f) => f.path.as_bytes().to_vec(),
            WalkItem::Problem(p) => panic!("{p:?}"),
        })
        .collect()
}

fn shown(root: &Path, excludes: &[&str]) -> Vec<String> {
    paths(root, excludes).into_iter().map(|p| String::from_utf8_lossy(&p).into_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn order_is_the_order_of_full_paths(
        names in prop::collection::btree_set(prop::collection::vec("[ab.\\-!0\u{e9}]{1,3}", 1..5), 0..30)
    ) {
        let dir = crate::ops::fs::tests_deep::quick_dir();
        let mut all = std::collections::BTreeSet::from([b"S".to_vec()]);
        for parts in names.iter().filter(|p| p.iter().all(|n| n != "." && n != "..")) {
            let rel = parts.join("/");
            if fs::create_dir_all(dir.path().join(&rel)).is_ok() {
                let mut upto = b"S".to_vec();
                for part in parts {
                    upto.push(b'/');
                    upto.extend_from_slice(part.as_bytes());
                    all.insert(upto.clone());
                }
            }
        }
        prop_assert_eq!(paths(dir.path(), &[]), all.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn what_is_below_a_folder_waits_for_siblings_that_sort_first() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("a/b")).unwrap();
    for f in ["a.txt", "a0", "a/z", "a/b/c", "a-"] {
        fs::write(dir.path().join(f), f).unwrap();
    }
    symlink(dir.path(), dir.path().join("loop")).unwrap();
    let want = ["S", "S/a", "S/a-", "S/a.txt", "S/a/b", "S/a/b/c", "S/a/z", "S/a0", "S/loop"];
    assert_eq!(shown(dir.path(), &[]), want);
    assert_eq!(shown(dir.path(), &["a/b", "*.txt", "l*"]), ["S", "S/a", "S/a-", "S/a/z", "S/a0"]);
    assert_eq!(shown(dir.path(), &["a"]), ["S", "S/a-", "S/a.txt", "S/a0", "S/loop"]);
}

#[test]
fn names_of_any_bytes_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut names = vec![vec![0xffu8; 255], b"new\nline".to_vec(), vec![1, 2, 0x80], "é".as_bytes().to_vec()];
    for name in &names {
        fs::write(dir.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    names.sort();
    let want: Vec<_> = std::iter::once(b"S".to_vec()).chain(names.iter().map(|n| [b"S/", &n[..]].concat())).collect();
    assert_eq!(paths(dir.path(), &[]), want);
}

#[test]
fn a_root_that_is_not_there_is_an_error_and_not_an_empty_walk() {
    let dir = tempfile::tempdir().unwrap();
    let none = Excludes::none();
    assert!(matches!(walk(&source(&dir.path().join("no")), &none), Err(SourceError::Missing(_))));
    fs::write(dir.path().join("file"), "x").unwrap();
    assert!(matches!(walk(&source(&dir.path().join("file")), &none), Err(SourceError::NotAFolder(_))));
    fs::create_dir(dir.path().join("real")).unwrap();
    symlink("real", dir.path().join("named")).unwrap();
    assert_eq!(walk(&source(&dir.path().join("named")), &none).unwrap().count(), 1);
}

#[test]
fn what_changes_under_the_walk_is_a_problem_and_the_walk_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    for d in ["a", "b", "c"] {
        fs::create_dir(dir.path().join(d)).unwrap();
        fs::write(dir.path().join(d).join("f"), "x").unwrap();
    }
    let mut walker = walk(&source(dir.path()), &Excludes::none()).unwrap();
    assert!(matches!(walker.next(), Some(WalkItem::Found(f)) if f.path.as_bytes() == b"S"));
    fs::remove_dir_all(dir.path().join("a")).unwrap();
    assert!(matches!(walker.next(), Some(WalkItem::Problem(p)) if p.kind == ProblemKind::Vanished));
    assert!(matches!(walker.next(), Some(WalkItem::Found(f)) if f.path.as_bytes() == b"S/b"));
    fs::remove_dir_all(dir.path().join("b")).unwrap();
    symlink("/etc", dir.path().join("b")).unwrap();
    let rest: Vec<_> = walker.collect();
    assert_eq!(rest.len(), 3, "{rest:?}");
    let WalkItem::Problem(p) = &rest[0] else { panic!("{rest:?}") };
    assert_eq!((p.kind.clone(), p.path.as_ref().unwrap().as_bytes()), (ProblemKind::Changed, &b"S/b"[..]));
    assert!(matches!(&rest[2], WalkItem::Found(f) if f.path.as_bytes() == b"S/c/f"));
}
