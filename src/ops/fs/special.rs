//! Putting back what is not a regular file: links, pipes, devices, further names of one file.
//!
//! Each is made under an unfinished name and appears under its own only with its owner, mode and time.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::beneath;
use super::partial::PRIVATE;
use super::place::{Overwrite, PlaceError, Placed, Target, rename};
use super::stat::{FoundKind, Stat};
use crate::domain::listing::Meta;
use crate::domain::path::RecordPath;

/// A device as recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// Major and minor number of a character device.
    Character(u32, u32),
    /// Major and minor number of a block device.
    Block(u32, u32),
}

impl Target {
    /// Makes a symbolic link. Where it points is not looked at: a link is data here, and is never followed.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn make_symlink(
        &self,
        path: &RecordPath,
        points_to: &[u8],
        meta: &Meta,
        overwrite: Overwrite,
    ) -> Result<Placed, PlaceError> {
        self.make(path, Some((FoundKind::Symlink, meta)), overwrite, |dir, name| {
            rustix::fs::symlinkat(points_to, dir, name)
        })
    }

    /// Makes a named pipe.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn make_fifo(&self, path: &RecordPath, meta: &Meta, overwrite: Overwrite) -> Result<Placed, PlaceError> {
        self.make(path, Some((FoundKind::Fifo, meta)), overwrite, |dir, name| {
            rustix::fs::mknodat(dir, name, FileType::Fifo, PRIVATE, 0)
        })
    }

    /// Makes a device file.
    ///
    /// # Errors
    /// [`PlaceError::NeedsRoot`] for anybody else, and others.
    pub fn make_device(
        &self,
        path: &RecordPath,
        device: Device,
        meta: &Meta,
        overwrite: Overwrite,
    ) -> Result<Placed, PlaceError> {
        let (kind, file_type, (major, minor)) = match device {
            Device::Character(a, b) => (FoundKind::CharDevice, FileType::CharacterDevice, (a, b)),
            Device::Block(a, b) => (FoundKind::BlockDevice, FileType::BlockDevice, (a, b)),
        };
        let mut refused = false;
        let made = self.make(path, Some((kind, meta)), overwrite, |dir, name| {
            let done = rustix::fs::mknodat(dir, name, file_type, PRIVATE, rustix::fs::makedev(major, minor));
            refused = done == Err(Errno::PERM);
            done
        });
        if refused { Err(PlaceError::NeedsRoot(path.clone())) } else { made }
    }

    /// Gives a file that is in place another name.
    ///
    /// # Errors
    /// [`PlaceError`], also when `existing` is no regular file.
    pub fn hard_link(
        &self,
        existing: &RecordPath,
        new: &RecordPath,
        overwrite: Overwrite,
    ) -> Result<Placed, PlaceError> {
        self.hard_link_forced(existing, new, overwrite, |file| rustix::fs::fdatasync(file))
    }

    /// The same with a way to force a file to the disk: before its name takes the place of another file.
    pub(super) fn hard_link_forced(
        &self,
        existing: &RecordPath,
        new: &RecordPath,
        overwrite: Overwrite,
        force: impl FnOnce(&OwnedFd) -> Result<(), Errno>,
    ) -> Result<Placed, PlaceError> {
        let failed = |e| PlaceError::of(existing, e);
        let (from, first) = beneath::open_parent(self.inner.root.as_fd(), existing.as_bytes()).map_err(failed)?;
        let stat = Stat::from(rustix::fs::statat(&from, first, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?);
        if stat.kind() != FoundKind::File {
            return Err(failed(Errno::INVAL));
        }
        if overwrite == Overwrite::Always {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&from, first, flags, Mode::empty()).map_err(failed)?;
            force(&file).map_err(failed)?;
        }
        self.make(new, None, overwrite, |dir, name| rustix::fs::linkat(&from, first, dir, name, AtFlags::empty()))
    }

    fn make(
        &self,
        path: &RecordPath,
        finish: Option<(FoundKind, &Meta)>,
        overwrite: Overwrite,
        mut make: impl FnMut(BorrowedFd<'_>, &str) -> Result<(), Errno>,
    ) -> Result<Placed, PlaceError> {
        let (parent, last) = self.parent(path)?;
        let (serial, ()) = self.with_name(|name| make(parent.as_fd(), name)).map_err(|e| PlaceError::of(path, e))?;
        let name = self.partial_name(serial);
        let warnings = match finish {
            Some((kind, meta)) => self.inner.policy.apply_named(parent.as_fd(), name.as_bytes(), kind, meta),
            None => Vec::new(),
        };
        let renamed = rename(&parent, &name, &parent, last, overwrite);
        if renamed.is_err() || finish.is_none() {
            // Also when both were names of one file already: the kernel then keeps both.
            let _ = rustix::fs::unlinkat(&parent, &name, AtFlags::empty());
        }
        renamed.map(|()| Placed { warnings }).map_err(|e| PlaceError::of(path, e))
    }
}
