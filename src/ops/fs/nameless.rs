//! Files that have no name yet: what kills the restore leaves nothing of them, and nobody can put something else in their place.
//!
//! Not every file system can have them, and some only seem to: ZFS waits for the disk at each one that gets a name, SMB gives it a hidden
//! one. They are made where they are known to be what they should be. To get a name, one goes by the list of what this process
//! has open, or, where the kernel allows it, without.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, fstatfs, linkat, openat, statat};
use rustix::io::Errno;

use super::attributes::Present;
use super::partial::{PRIVATE, PartialFile};
use super::place::{Overwrite, PlaceError, Placed, Target};
use super::stat::{FoundKind, Stat};
use crate::domain::listing::Meta;
use crate::domain::path::RecordPath;

/// Ext2 to ext4, XFS, Btrfs, F2FS, tmpfs and overlays, by the number that the kernel gives them.
const KNOWN: [u64; 6] = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x0102_1994, 0x794C_7630];

/// What is known of the system by trying.
#[derive(Debug, Default)]
pub struct Ways {
    /// Whether the list of what is open can be reached.
    listed: OnceLock<bool>,
    /// Whether one could get no name although it should.
    cannot: AtomicBool,
    /// Whether a name can only be given by way of that list.
    by_list: AtomicBool,
}

impl Ways {
    /// As in a container without that list.
    #[cfg(test)]
    pub fn without_list(&self) {
        self.listed.set(false).unwrap();
    }

    /// As on an old kernel, or not.
    #[cfg(test)]
    pub fn only_by_list(&self, only: bool) {
        self.by_list.store(only, Ordering::Relaxed);
    }

    /// Opens a new file without a name; `None` where there can be none, or none that could get a name later.
    pub fn begin(&self, folder: &OwnedFd, mode: Mode) -> Option<OwnedFd> {
        if self.cannot.load(Ordering::Relaxed) || self.listed.get() == Some(&false) {
            return None;
        }
        // To be read back as well, since it cannot be opened again.
        let fd = openat(folder, ".", OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC, mode).ok()?;
        // Below a target there may be other file systems.
        (is_known(&fd) && *self.listed.get_or_init(|| is_listed(&fd))).then_some(fd)
    }

    /// From now on none is begun: one could get no name.
    pub fn give_up(&self) {
        self.cannot.store(true, Ordering::Relaxed);
    }

    /// Gives such a file a name.
    ///
    /// # Errors
    /// `EXIST` when something has it, and the kernel's own.
    pub fn name(&self, file: impl AsFd, folder: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
        if !self.by_list.load(Ordering::Relaxed) {
            match linkat(&file, "", folder, name, AtFlags::EMPTY_PATH) {
                // That is how it says that we may not; or the folder is gone, which will be said again.
                Err(Errno::NOENT | Errno::PERM | Errno::INVAL) => self.by_list.store(true, Ordering::Relaxed),
                other => return other,
            }
        }
        linkat(CWD, in_list(&file), folder, name, AtFlags::SYMLINK_FOLLOW)
    }
}

fn is_known(file: &OwnedFd) -> bool {
    // The width of this number differs between architectures.
    #[allow(clippy::unnecessary_cast)]
    fstatfs(file).is_ok_and(|system| KNOWN.contains(&(system.f_type as u64 & 0xFFFF_FFFF)))
}

fn is_listed(file: &OwnedFd) -> bool {
    let same = |there| fstat(file).is_ok_and(|own| Stat::from(own).inode() == Stat::from(there).inode());
    statat(CWD, in_list(file), AtFlags::empty()).is_ok_and(same)
}

/// Without a name it is open to nobody, whatever its mode. But what nobody may write takes no attributes.
pub(super) fn mode_at_first(meta: &Meta) -> Mode {
    if meta.xattrs.is_empty() { Mode::from_raw_mode(meta.mode & 0o777) } else { PRIVATE }
}

/// The name of an open file in the list of those of this process.
pub(super) fn in_list(file: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())
}

impl Target {
    /// Puts a file in place of which all is here and known to be right. Missing parents are made.
    ///
    /// # Errors
    /// [`PlaceError::Exists`] when the name is taken and may not be replaced, and others.
    pub fn put_file(
        &self,
        path: &RecordPath,
        bytes: &[u8],
        meta: &Meta,
        overwrite: Overwrite,
    ) -> Result<Placed, PlaceError> {
        let failed = |e| PlaceError::of(path, e);
        if overwrite == Overwrite::Never
            && let Some(fd) = self.inner.ways.begin(&self.parent(path)?.0, mode_at_first(meta))
        {
            let present = Present::from(&Stat::from(fstat(&fd).map_err(failed)?));
            let open = PartialFile::nameless(fd, present, path);
            open.write_at(0, bytes)?;
            let warnings = self.inner.policy.apply_open(open.file().as_fd(), FoundKind::File, meta, Some(present));
            // The folder may be another one by now.
            let (parent, name) = self.parent(path)?;
            match self.inner.ways.name(open.file(), &parent, name) {
                Ok(()) => return Ok(Placed { warnings }),
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOENT | Errno::INVAL) => self.inner.ways.give_up(),
                Err(e) => return Err(failed(e)),
            }
        }
        let (partial, open) = self.begin_named(path, 0)?;
        open.write_at(0, bytes)?;
        self.finish_open(partial, &open, path, meta, overwrite)
    }
}
