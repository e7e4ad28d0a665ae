//! The target folder of a restore: everything is reached from its open descriptor, and nothing outside it.
//!
//! Every parent is resolved beneath the target without following a symbolic link, whether the link was
//! there before or was restored a moment ago. What is unfinished has a name that is known for it.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::attributes::Policy;
use super::beneath;
use super::nameless::Ways;
use super::names::Names;
pub use super::place_error::PlaceError;
use super::stat::{FoundKind, Stat};
use crate::domain::listing::Meta;
use crate::domain::path::RecordPath;

/// Whose restored files are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// As recorded: by name; by number where no name was recorded; the target folder's where this machine does not
    /// know the name. Who is not root keeps their own.
    Recorded,
    /// The target folder's owner and group.
    OfFolder,
}

/// What to do when the final name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Leave what is there.
    Never,
    /// Replace it at once, unless it is a folder.
    Always,
}

/// Something is in place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Placed {
    /// What about it could not be set, in words.
    pub warnings: Vec<String>,
}

/// How a restore writes.
#[derive(Debug, Clone, Copy)]
pub struct TargetOptions {
    /// Whose the files are to be.
    pub owner: Owner,
    /// A number no other restore into the same folders uses at the same time: it is in unfinished names.
    pub nonce: u64,
}

/// The folder a restore writes into. Cheap to clone; may be shared by threads.
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub root: OwnedFd,
    pub policy: Policy,
    dir: PathBuf,
    nonce: u64,
    counter: AtomicU64,
    pub ways: Ways,
}

pub(super) const PREFIX: &str = ".strongroom-partial-";
/// Digits behind the prefix: 16 for the restore, 8 or more for the file.
const DIGITS: usize = 24;
pub(super) const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

impl Target {
    /// Makes a new folder, readable by its owner only, and those above it that are missing.
    ///
    /// # Errors
    /// [`PlaceError::Target`], also when it is there already.
    pub fn create(dir: &Path, options: TargetOptions) -> Result<Self, PlaceError> {
        let failed = |source| PlaceError::Target { dir: dir.to_owned(), source };
        if let Some(parent) = dir.parent().filter(|p| !p.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
        }
        DirBuilder::new().mode(0o700).create(dir).map_err(failed)?;
        Self::open(dir, options)
    }

    /// Takes a folder that is there. A link is followed here, since a person named it, and only here.
    ///
    /// # Errors
    /// [`PlaceError::Target`].
    pub fn open(dir: &Path, options: TargetOptions) -> Result<Self, PlaceError> {
        let failed = |e: Errno| PlaceError::Target { dir: dir.to_owned(), source: e.into() };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(dir, flags, Mode::empty()).map_err(failed)?;
        let stat = Stat::from(rustix::fs::fstat(&root).map_err(failed)?);
        let policy = Policy {
            owner: options.owner,
            folder: (stat.uid, stat.gid),
            names: Names::load(),
            me: rustix::process::geteuid().as_raw(),
            strangers: Mutex::default(),
        };
        let counter = AtomicU64::new(0);
        let inner = Inner { root, policy, dir: dir.to_owned(), nonce: options.nonce, counter, ways: Ways::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The folder, as it was named.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// One sentence about all that got the folder's owner or group since theirs is not known here.
    pub fn strangers(&self) -> Option<String> {
        self.inner.policy.strangers()
    }

    /// Makes sure a folder is there, and those above it; new ones are closed to others until they are
    /// finished. Says whether it is new.
    ///
    /// # Errors
    /// [`PlaceError`], also when something else has the name.
    pub fn make_dir(&self, path: &RecordPath) -> Result<bool, PlaceError> {
        self.make_dirs(path.as_bytes()).map_err(|e| PlaceError::of(path, e))
    }

    /// Gives a folder its recorded owner, attributes, mode and time: after everything in it is in place.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn finish_dir(&self, path: &RecordPath, meta: &Meta) -> Result<Placed, PlaceError> {
        let fd =
            beneath::open(self.inner.root.as_fd(), path.as_bytes(), FOLDER).map_err(|e| PlaceError::of(path, e))?;
        Ok(Placed { warnings: self.inner.policy.apply_open(fd.as_fd(), FoundKind::Dir, meta, None) })
    }

    /// What has this name now, itself, not what it points to.
    ///
    /// # Errors
    /// [`PlaceError::LinkInTheWay`] or [`PlaceError::NotAFolder`] when it could not be written there.
    pub fn exists(&self, path: &RecordPath) -> Result<Option<Stat>, PlaceError> {
        let answer = beneath::open_parent(self.inner.root.as_fd(), path.as_bytes())
            .and_then(|(parent, name)| rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW));
        match answer {
            Ok(stat) => Ok(Some(stat.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(PlaceError::of(path, e)),
        }
    }

    /// Removes what a restore that was killed left unfinished at the top of the target and in `folders`.
    /// Folders that are not there are passed over. Says how many were removed.
    ///
    /// No other restore may be at work in the same folders.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn remove_leftovers<'p>(&self, folders: impl IntoIterator<Item = &'p RecordPath>) -> Result<usize, PlaceError> {
        let top = |e: Errno| PlaceError::Target { dir: self.inner.dir.clone(), source: e.into() };
        let mut removed = self.remove_leftovers_in(b"").map_err(top)?;
        for folder in folders {
            match self.remove_leftovers_in(folder.as_bytes()) {
                Ok(count) => removed += count,
                Err(Errno::NOENT) => {}
                Err(e) => return Err(PlaceError::of(folder, e)),
            }
        }
        Ok(removed)
    }

    /// Waits until everything is on the disk. Once, at the end.
    ///
    /// # Errors
    /// The kernel's, such as a write that failed after it had been accepted.
    pub fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.inner.root)?)
    }

    fn remove_leftovers_in(&self, folder: &[u8]) -> Result<usize, Errno> {
        let fd = beneath::open(self.inner.root.as_fd(), folder, FOLDER)?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&fd)? {
            let entry = entry?;
            if is_leftover(entry.file_name().to_bytes()) && entry.file_type() != FileType::Directory {
                names.push(entry.file_name().to_owned());
            }
        }
        for name in &names {
            rustix::fs::unlinkat(&fd, name, AtFlags::empty())?;
        }
        Ok(names.len())
    }

    /// Opens the parent; makes it if it is missing.
    pub(super) fn parent<'p>(&self, path: &'p RecordPath) -> Result<(OwnedFd, &'p [u8]), PlaceError> {
        let root = self.inner.root.as_fd();
        let opened = match beneath::open_parent(root, path.as_bytes()) {
            Err(Errno::NOENT) => match path.parent() {
                Some(parent) => {
                    self.make_dirs(parent).and_then(|_| beneath::open_parent(root, path.as_bytes())).map_err(in_parent)
                }
                None => Err(Errno::NOENT),
            },
            other => other,
        };
        opened.map_err(|e| PlaceError::of(path, e))
    }

    fn make_dirs(&self, rel: &[u8]) -> Result<bool, Errno> {
        let root = self.inner.root.as_fd();
        match beneath::open_parent(root, rel) {
            Ok((parent, name)) => return make_dir_in(&parent, name),
            Err(Errno::NOENT) => {}
            Err(e) => return Err(e),
        }
        let mut made = false;
        let mut held: Option<OwnedFd> = None;
        for name in rel.split(|b| *b == b'/') {
            let at = held.as_ref().map_or(root, AsFd::as_fd);
            made = make_dir_in(&at, name).map_err(in_parent)?;
            held = Some(beneath::open(at, name, OFlags::PATH | OFlags::DIRECTORY)?);
        }
        Ok(made)
    }

    /// Makes something under an unfinished name of its own.
    pub(super) fn with_name<T>(&self, mut make: impl FnMut(&str) -> Result<T, Errno>) -> Result<(u64, T), Errno> {
        loop {
            let serial = self.inner.counter.fetch_add(1, Ordering::Relaxed);
            match make(&self.partial_name(serial)) {
                // Left by an earlier restore that was given the same number.
                Err(Errno::EXIST) => {}
                other => return Ok((serial, other?)),
            }
        }
    }

    pub(super) fn partial_name(&self, serial: u64) -> String {
        format!("{PREFIX}{:016x}{serial:08x}", self.inner.nonce)
    }
}

/// A name that is taken on the way to a parent is something else than a final name that is taken.
fn in_parent(e: Errno) -> Errno {
    if e == Errno::EXIST { Errno::NOTDIR } else { e }
}

/// `true` if it is new, `false` if a real folder is there.
fn make_dir_in(parent: &impl AsFd, name: &[u8]) -> Result<bool, Errno> {
    match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => {
            let stat = Stat::from(rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?);
            match stat.kind() {
                FoundKind::Dir => Ok(false),
                FoundKind::Symlink => Err(Errno::LOOP),
                _ => Err(Errno::EXIST),
            }
        }
        Err(e) => Err(e),
    }
}

fn is_leftover(name: &[u8]) -> bool {
    name.strip_prefix(PREFIX.as_bytes())
        .is_some_and(|rest| rest.len() >= DIGITS && rest.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// Gives what has an unfinished name its final one. `EXIST` when that is taken and may not be replaced.
pub(super) fn rename(from: &OwnedFd, name: &str, to: &OwnedFd, last: &[u8], overwrite: Overwrite) -> Result<(), Errno> {
    use rustix::fs::{RenameFlags, linkat, renameat, renameat_with, statat, unlinkat};
    if overwrite == Overwrite::Always {
        return renameat(from, name, to, last);
    }
    match renameat_with(from, name, to, last, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        other => return other,
    }
    match linkat(from, name, to, last, AtFlags::empty()) {
        Ok(()) => return unlinkat(from, name, AtFlags::empty()),
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => {}
        Err(e) => return Err(e),
    }
    // A file system that can do neither: the best there is has a moment between looking and acting.
    match statat(to, last, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => renameat(from, name, to, last),
        Err(e) => Err(e),
    }
}
