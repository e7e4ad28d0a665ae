//! Opening what lies below a folder, and never anything else.
//!
//! No symbolic link is followed in any component, and paths may be longer than the kernel takes at once:
//! they are opened in stretches. Where `openat2` is missing, every component is opened by itself.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Below the kernel's 4096, with room for one name.
const STRETCH: usize = 3800;

/// For a folder that is only a step on the way.
const STEP: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens `rel` below `root`; an empty `rel` is `root` itself.
///
/// # Errors
/// `LOOP` when a component is a symbolic link, `NOTDIR` when one is no folder, and the kernel's own.
pub fn open(root: BorrowedFd<'_>, rel: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    open_by(root, rel, flags, has_openat2())
}

/// Opens the folder that holds `rel` as a mere place, and gives the last component.
///
/// # Errors
/// As [`open`].
pub fn open_parent<'p>(root: BorrowedFd<'_>, rel: &'p [u8]) -> Result<(OwnedFd, &'p [u8]), Errno> {
    let (parent, name) = split_last(rel);
    Ok((open(root, parent, STEP)?, name))
}

/// The path before the last component, which may be empty, and the last component.
pub fn split_last(rel: &[u8]) -> (&[u8], &[u8]) {
    match rel.iter().rposition(|b| *b == b'/') {
        Some(at) => (&rel[..at], &rel[at + 1..]),
        None => (b"", rel),
    }
}

/// Opens without touching the access time where the kernel allows us that.
///
/// # Errors
/// As [`open`].
pub fn open_quietly(root: BorrowedFd<'_>, rel: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    match open(root, rel, flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(root, rel, flags),
        other => other,
    }
}

fn open_by(root: BorrowedFd<'_>, rel: &[u8], flags: OFlags, at_once: bool) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if rel.is_empty() {
        return rustix::fs::openat(root, ".", flags, Mode::empty());
    }
    let mut held: Option<OwnedFd> = None;
    let mut rest = rel;
    loop {
        let (stretch, after) = next_stretch(rest)?;
        let from = held.as_ref().map_or(root, AsFd::as_fd);
        let want = if after.is_empty() { flags } else { STEP };
        let fd = if at_once { resolve(from, stretch, want)? } else { by_component(from, stretch, want)? };
        if after.is_empty() {
            return Ok(fd);
        }
        held = Some(fd);
        rest = after;
    }
}

/// Cuts a path at a slash so that what comes first is short enough.
fn next_stretch(rel: &[u8]) -> Result<(&[u8], &[u8]), Errno> {
    if rel.len() <= STRETCH {
        return Ok((rel, b""));
    }
    let at = rel[..STRETCH].iter().rposition(|b| *b == b'/').ok_or(Errno::NAMETOOLONG)?;
    Ok((&rel[..at], &rel[at + 1..]))
}

fn resolve(from: BorrowedFd<'_>, rel: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    // With NOFOLLOW a link in the last place would be "not a directory"; without, it is a link refused.
    rustix::fs::openat2(from, rel, flags.difference(OFlags::NOFOLLOW), Mode::empty(), how)
}

fn by_component(from: BorrowedFd<'_>, rel: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut held: Option<OwnedFd> = None;
    let mut components = rel.split(|b| *b == b'/').peekable();
    while let Some(name) = components.next() {
        let at = held.as_ref().map_or(from, AsFd::as_fd);
        let want = if components.peek().is_some() { STEP } else { flags };
        let fd = rustix::fs::openat(at, name, want, Mode::empty()).map_err(|e| refine(at, name, e))?;
        if components.peek().is_none() {
            return Ok(fd);
        }
        held = Some(fd);
    }
    Err(Errno::NOENT)
}

/// `openat` calls a symbolic link in a folder's place "not a directory"; `openat2` tells the two apart.
fn refine(at: BorrowedFd<'_>, name: &[u8], e: Errno) -> Errno {
    if e != Errno::NOTDIR {
        return e;
    }
    match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(s) if FileType::from_raw_mode(s.st_mode) == FileType::Symlink => Errno::LOOP,
        _ => e,
    }
}

/// Asked once: old kernels and some containers do not have it.
fn has_openat2() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| rustix::fs::openat2(CWD, ".", STEP, Mode::empty(), ResolveFlags::BENEATH).is_ok())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn both(root: &OwnedFd, rel: &str, flags: OFlags) -> [Result<OwnedFd, Errno>; 2] {
        [true, false].map(|at_once| open_by(root.as_fd(), rel.as_bytes(), flags, at_once))
    }

    #[test]
    fn both_ways_of_opening_refuse_the_same_things() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b/file"), "x").unwrap();
        symlink("b", dir.path().join("a/link")).unwrap();
        symlink("/etc", dir.path().join("out")).unwrap();
        symlink("/etc/hostname", dir.path().join("last")).unwrap();
        let root = rustix::fs::open(dir.path(), STEP, Mode::empty()).unwrap();
        for (rel, want) in [
            ("a/b/file", None),
            ("", None),
            ("a/link/file", Some(Errno::LOOP)),
            ("out/hostname", Some(Errno::LOOP)),
            ("last", Some(Errno::LOOP)),
            ("a/b/file/x", Some(Errno::NOTDIR)),
            ("a/none/x", Some(Errno::NOENT)),
        ] {
            for got in both(&root, rel, OFlags::RDONLY) {
                assert_eq!(got.err(), want, "{rel}");
            }
        }
        for got in both(&root, "a/link", STEP) {
            assert_eq!(got.err(), Some(Errno::LOOP));
        }
        for got in both(&root, "a/b/file", STEP) {
            assert_eq!(got.err(), Some(Errno::NOTDIR));
        }
    }

    #[test]
    fn long_paths_are_cut_at_slashes_only() {
        let long = vec![b"0123456789".as_slice(); 1000].join(&b'/');
        let (mut rest, mut joined): (&[u8], Vec<&[u8]>) = (&long, Vec::new());
        while !rest.is_empty() {
            let (stretch, after) = next_stretch(rest).unwrap();
            assert!(stretch.len() <= STRETCH && !stretch.ends_with(b"/"));
            joined.push(stretch);
            rest = after;
        }
        assert_eq!(joined.join(&b'/'), long);
        assert_eq!(next_stretch(&[b'x'; 5000]), Err(Errno::NAMETOOLONG));
    }
}
