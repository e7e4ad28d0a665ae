//! For tests: everything about a tree, and how two trees differ.
//!
//! Reads with the standard library's means and not with the walk, so that the one can prove the other.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use super::stat::FoundKind;

/// Everything about one item that a restore must bring back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeItem {
    /// What it is.
    pub kind: FoundKind,
    /// BLAKE3 of a regular file's bytes.
    pub content: Option<[u8; 32]>,
    /// Length of a regular file.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time.
    pub mtime: (i64, i64),
    /// Where a link points.
    pub target: Option<Vec<u8>>,
    /// Which device.
    pub rdev: u64,
    /// Extended attributes by name.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The smallest path in the tree of all names of this file, if it has others.
    pub link_group: Option<Vec<u8>>,
    /// Whether it takes less space than its length.
    pub sparse: bool,
}

/// Reads a whole tree; keys are paths below `root`, which itself is `.`.
///
/// # Errors
/// The first of the kernel's.
pub fn snapshot_tree(root: &Path) -> io::Result<BTreeMap<Vec<u8>, TreeItem>> {
    let mut all = BTreeMap::new();
    let mut inodes: BTreeMap<(u64, u64), Vec<Vec<u8>>> = BTreeMap::new();
    let mut todo = vec![(root.to_owned(), b".".to_vec())];
    while let Some((path, key)) = todo.pop() {
        let meta = fs::symlink_metadata(&path)?;
        if meta.is_dir() {
            for child in fs::read_dir(&path)? {
                let name = child?.file_name();
                let below = if key == b"." { Vec::new() } else { [&key[..], b"/"].concat() };
                todo.push((path.join(&name), [&below[..], name.as_bytes()].concat()));
            }
        } else if meta.nlink() > 1 {
            inodes.entry((meta.dev(), meta.ino())).or_default().push(key.clone());
        }
        all.insert(key, item(&path, &meta)?);
    }
    for mut names in inodes.into_values() {
        names.sort();
        for name in names.iter().filter(|_| names.len() > 1) {
            if let Some(item) = all.get_mut(name) {
                item.link_group = names.first().cloned();
            }
        }
    }
    Ok(all)
}

fn item(path: &Path, meta: &fs::Metadata) -> io::Result<TreeItem> {
    let kind = kind_of(meta.file_type());
    let is_file = kind == FoundKind::File;
    let mut xattrs = BTreeMap::new();
    // Where there are no attributes the question itself is refused.
    for name in xattr::list(path).into_iter().flatten() {
        let value = xattr::get(path, &name)?.unwrap_or_default();
        xattrs.insert(name.as_bytes().to_vec(), value);
    }
    Ok(TreeItem {
        kind,
        content: if is_file { Some(*blake3::hash(&fs::read(path)?).as_bytes()) } else { None },
        size: if is_file { meta.size() } else { 0 },
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        target: match kind {
            FoundKind::Symlink => Some(fs::read_link(path)?.as_os_str().as_bytes().to_vec()),
            _ => None,
        },
        rdev: meta.rdev(),
        xattrs,
        link_group: None,
        sparse: is_file && meta.blocks() * 512 < meta.size(),
    })
}

fn kind_of(t: fs::FileType) -> FoundKind {
    match t {
        t if t.is_dir() => FoundKind::Dir,
        t if t.is_symlink() => FoundKind::Symlink,
        t if t.is_fifo() => FoundKind::Fifo,
        t if t.is_socket() => FoundKind::Socket,
        t if t.is_char_device() => FoundKind::CharDevice,
        t if t.is_block_device() => FoundKind::BlockDevice,
        _ => FoundKind::File,
    }
}

/// How two trees differ, a line for each difference; empty if they do not. A socket that only one of
/// them has is no difference: sockets are not restored.
pub fn diff(a: &BTreeMap<Vec<u8>, TreeItem>, b: &BTreeMap<Vec<u8>, TreeItem>) -> Vec<String> {
    let mut lines = Vec::new();
    let shown = |key: &[u8]| crate::domain::path::printable(key);
    for (key, x) in a {
        match b.get(key) {
            Some(y) => lines.extend(item_diff(x, y).into_iter().map(|l| format!("{}: {l}", shown(key)))),
            None if x.kind == FoundKind::Socket => {}
            None => lines.push(format!("{}: only in the first ({:?})", shown(key), x.kind)),
        }
    }
    for (key, y) in b.iter().filter(|(key, y)| !a.contains_key(*key) && y.kind != FoundKind::Socket) {
        lines.push(format!("{}: only in the second ({:?})", shown(key), y.kind));
    }
    lines
}

fn item_diff(x: &TreeItem, y: &TreeItem) -> Vec<String> {
    let mut lines = Vec::new();
    let mut note = |what: &str, same: bool, x: &dyn std::fmt::Debug, y: &dyn std::fmt::Debug| {
        if !same {
            lines.push(format!("{what} {x:?} became {y:?}"));
        }
    };
    note("kind", x.kind == y.kind, &x.kind, &y.kind);
    note("size", x.size == y.size, &x.size, &y.size);
    note("content", x.content == y.content, &x.content, &y.content);
    note("mode", x.mode == y.mode, &format_args!("{:o}", x.mode), &format_args!("{:o}", y.mode));
    note("owner", (x.uid, x.gid) == (y.uid, y.gid), &(x.uid, x.gid), &(y.uid, y.gid));
    note("mtime", x.mtime == y.mtime, &x.mtime, &y.mtime);
    note("link target", x.target == y.target, &x.target, &y.target);
    note("device", x.rdev == y.rdev, &x.rdev, &y.rdev);
    note("attributes", x.xattrs == y.xattrs, &x.xattrs, &y.xattrs);
    note("hard links", x.link_group == y.link_group, &x.link_group, &y.link_group);
    note("sparse", x.sparse == y.sparse, &x.sparse, &y.sparse);
    lines
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn changed(change: impl FnOnce(&Path)) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), vec![1; 5000]).unwrap();
        fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
        fs::write(dir.path().join("c"), vec![1; 5000]).unwrap();
        symlink("a", dir.path().join("l")).unwrap();
        let before = snapshot_tree(dir.path()).unwrap();
        change(dir.path());
        let mut after = snapshot_tree(dir.path()).unwrap();
        // The folder's own time moves with what is done in it.
        after.insert(b".".to_vec(), before[&b"."[..]].clone());
        diff(&before, &after)
    }

    #[test]
    fn every_kind_of_change_is_seen() {
        assert_eq!(changed(|_| {}), Vec::<String>::new());
        let keep = |d: &Path| filetime(&d.join("c"));
        type Change<'c> = &'c dyn Fn(&Path);
        let cases: [(&str, Change<'_>); 7] = [
            ("content", &|d| {
                let was = keep(d);
                fs::write(d.join("c"), vec![2; 5000]).unwrap();
                fs::File::open(d.join("c")).unwrap().set_modified(was).unwrap();
            }),
            ("mode", &|d| fs::set_permissions(d.join("c"), fs::Permissions::from_mode(0o607)).unwrap()),
            ("mtime", &|d| {
                let was = keep(d) + std::time::Duration::from_nanos(1);
                fs::File::open(d.join("c")).unwrap().set_modified(was).unwrap();
            }),
            ("attributes", &|d| xattr::set(d.join("c"), "user.x", b"1").unwrap()),
            ("hard links", &|d| {
                fs::copy(d.join("b"), d.join("n")).unwrap();
                fs::rename(d.join("n"), d.join("b")).unwrap();
            }),
            ("link target", &|d| {
                fs::remove_file(d.join("l")).unwrap();
                symlink("b", d.join("l")).unwrap();
            }),
            ("only in the first", &|d| fs::remove_file(d.join("c")).unwrap()),
        ];
        for (want, change) in cases {
            let lines = changed(change);
            assert!(lines.iter().any(|l| l.contains(want)), "{want}: {lines:?}");
        }
        let sparse =
            changed(|d| fs::OpenOptions::new().write(true).open(d.join("c")).unwrap().set_len(90_000).unwrap());
        assert!(sparse.iter().any(|l| l.contains("sparse")), "{sparse:?}");
    }

    fn filetime(path: &Path) -> std::time::SystemTime {
        fs::metadata(path).unwrap().modified().unwrap()
    }
}
