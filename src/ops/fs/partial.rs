//! A file on its way: under an unfinished name beside its final one, until it is complete.
//!
//! It holds no descriptor, so that any number can be under way; it is opened for each stretch of writing, or kept open
//! beside it where there are few. One that is dropped unfinished is removed.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::beneath;
use super::place::{Overwrite, PlaceError, Placed, Target, rename};
use super::stat::{FoundKind, Stat};
use crate::domain::listing::Meta;
use crate::domain::path::RecordPath;

const MOST_OPEN: u64 = 512;

/// See the module.
#[derive(Debug)]
pub struct Partial {
    target: Target,
    path: RecordPath,
    serial: u64,
    inode: (u64, u64),
    under_way: bool,
}

/// A partial, open for writing, for as long as that lasts.
#[derive(Debug)]
pub struct PartialFile {
    parent: OwnedFd,
    file: File,
    /// Its owner and group when it was made, if it was made just now.
    owner: Option<(u32, u32)>,
    path: RecordPath,
}

/// So many files under way may be kept open, with two descriptors each: a quarter of what this process may have open, which is
/// raised for it as far as the system allows. The others are opened for each piece. The library's own tests go both ways.
pub fn open_at_most() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if let Some(more) = to_be_raised_to(&limit) {
        // Where that is refused, it has what it had.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(more), maximum: limit.maximum });
    }
    let current = getrlimit(Resource::Nofile).current;
    if cfg!(test) { 2 } else { an_eighth_of(current) }
}

/// What a process may ask for itself, where that is more than it has and is of use.
fn to_be_raised_to(limit: &Rlimit) -> Option<u64> {
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(MOST_OPEN * 8);
    limit.current.filter(|current| *current < wanted).map(|_| wanted)
}

fn an_eighth_of(allowed: Option<u64>) -> usize {
    (allowed.map_or(MOST_OPEN, |files| files / 8).min(MOST_OPEN)) as usize
}

impl Target {
    /// Begins a file of `size` bytes, all of them a hole, readable by nobody else. Missing parents are made.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn begin_file(&self, path: &RecordPath, size: u64) -> Result<Partial, PlaceError> {
        self.begin_open(path, size).map(|(partial, _)| partial)
    }

    /// The same, and open for writing.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn begin_open(&self, path: &RecordPath, size: u64) -> Result<(Partial, PartialFile), PlaceError> {
        let failed = |e| PlaceError::of(path, e);
        let (parent, _) = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = self.with_name(|name| rustix::fs::openat(&parent, name, flags, Mode::RUSR | Mode::WUSR));
        let (serial, fd) = made.map_err(failed)?;
        let mut partial = Partial { target: self.clone(), path: path.clone(), serial, inode: (0, 0), under_way: true };
        let stat = Stat::from(rustix::fs::fstat(&fd).map_err(failed)?);
        partial.inode = stat.inode();
        if size > 0 {
            rustix::fs::ftruncate(&fd, size).map_err(failed)?;
        }
        let owner = Some((stat.uid, stat.gid));
        Ok((partial, PartialFile { parent, file: File::from(fd), owner, path: path.clone() }))
    }

    /// Gives a complete file its owner, attributes, mode, time and then its final name. If that fails, the
    /// unfinished file is removed. What may replace something else is on the disk before it does.
    ///
    /// # Errors
    /// [`PlaceError::Exists`] when the name is taken and may not be replaced, and others.
    pub fn finish_file(
        &self,
        partial: Partial,
        path: &RecordPath,
        meta: &Meta,
        overwrite: Overwrite,
    ) -> Result<Placed, PlaceError> {
        let open = partial.open()?;
        self.finish_open(partial, &open, path, meta, overwrite)
    }

    /// The same for one that is open.
    ///
    /// # Errors
    /// As [`Target::finish_file`].
    pub fn finish_open(
        &self,
        partial: Partial,
        open: &PartialFile,
        path: &RecordPath,
        meta: &Meta,
        overwrite: Overwrite,
    ) -> Result<Placed, PlaceError> {
        self.finish_forced(partial, open, path, meta, overwrite, |file| rustix::fs::fdatasync(file))
    }

    /// The same with a way to force a file to the disk.
    pub(super) fn finish_forced(
        &self,
        mut partial: Partial,
        open: &PartialFile,
        path: &RecordPath,
        meta: &Meta,
        overwrite: Overwrite,
        force: impl FnOnce(&File) -> Result<(), Errno>,
    ) -> Result<Placed, PlaceError> {
        let PartialFile { parent: from, file, owner, .. } = open;
        // What somebody moved away stays closed to others.
        partial.is_still_in(from)?;
        let warnings = self.inner.policy.apply_open(file.as_fd(), FoundKind::File, meta, *owner);
        if overwrite == Overwrite::Always {
            force(file).map_err(|e| PlaceError::of(path, e))?;
        }
        let (to, last) = self.parent(path)?;
        partial.is_still_in(from)?;
        rename(from, &self.partial_name(partial.serial), &to, last, overwrite).map_err(|e| PlaceError::of(path, e))?;
        partial.under_way = false;
        Ok(Placed { warnings })
    }
}

impl Partial {
    /// The path it was begun for.
    pub fn path(&self) -> &RecordPath {
        &self.path
    }

    /// Opens it for a stretch of writing.
    ///
    /// # Errors
    /// [`PlaceError::PartialGone`] and others.
    pub fn open(&self) -> Result<PartialFile, PlaceError> {
        let (parent, fd) = self.reopen_as(OFlags::WRONLY)?;
        Ok(PartialFile { parent, file: File::from(fd), owner: None, path: self.path.clone() })
    }

    /// Writes at a place, opening and closing.
    ///
    /// # Errors
    /// As [`Partial::open`] and [`PartialFile::write_at`].
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), PlaceError> {
        self.open()?.write_at(offset, bytes)
    }

    /// Opens it for reading back what was written.
    ///
    /// # Errors
    /// As [`Partial::open`].
    pub fn read_back(&self) -> Result<File, PlaceError> {
        self.reopen_as(OFlags::RDONLY).map(|(_, fd)| File::from(fd))
    }

    fn failed(&self, e: Errno) -> PlaceError {
        match e {
            Errno::NOENT => PlaceError::PartialGone(self.path.clone()),
            e => PlaceError::of(&self.path, e),
        }
    }

    /// Whether what has its name there is this very file.
    fn is_still_in(&self, parent: &OwnedFd) -> Result<(), PlaceError> {
        let there = rustix::fs::statat(parent, self.target.partial_name(self.serial), AtFlags::SYMLINK_NOFOLLOW);
        match Stat::from(there.map_err(|e| self.failed(e))?).inode() == self.inode {
            true => Ok(()),
            false => Err(PlaceError::PartialGone(self.path.clone())),
        }
    }

    fn reopen_as(&self, access: OFlags) -> Result<(OwnedFd, OwnedFd), PlaceError> {
        let failed = |e| self.failed(e);
        let (parent, _) = beneath::open_parent(self.target.inner.root.as_fd(), self.path.as_bytes()).map_err(failed)?;
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let name = self.target.partial_name(self.serial);
        let fd = rustix::fs::openat(&parent, name, flags, Mode::empty())
            .map_err(|e| failed(if e == Errno::LOOP { Errno::NOENT } else { e }))?;
        let inode = Stat::from(rustix::fs::fstat(&fd).map_err(failed)?).inode();
        if inode != self.inode {
            return Err(PlaceError::PartialGone(self.path.clone()));
        }
        Ok((parent, fd))
    }

    fn unlink(&self) -> Result<(), Errno> {
        let (parent, _) = beneath::open_parent(self.target.inner.root.as_fd(), self.path.as_bytes())?;
        rustix::fs::unlinkat(parent, self.target.partial_name(self.serial), AtFlags::empty())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.under_way {
            // What cannot be removed now is a leftover by its name, and the next restore removes it.
            let _ = self.unlink();
        }
    }
}

impl PartialFile {
    /// Writes at a place. What is never written stays a hole.
    ///
    /// # Errors
    /// [`PlaceError::NoSpace`] and others.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), PlaceError> {
        self.file.write_all_at(bytes, offset).map_err(|e| PlaceError::of_io(&self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_files_are_kept_open_that_most_descriptors_are_left() {
        for (allowed, most) in [(0, 0), (7, 0), (64, 8), (1_023, 127), (4_095, 511), (1 << 20, 512), (u64::MAX, 512)] {
            assert_eq!(an_eighth_of(Some(allowed)), most, "{allowed}");
        }
        assert_eq!(an_eighth_of(None), 512, "without a limit");
        for (current, maximum, more) in [
            (Some(1_024), Some(524_288), Some(4_096)),
            (Some(1_024), None, Some(4_096)),
            (Some(1_024), Some(2_000), Some(2_000)),
            (Some(1_024), Some(1_024), None),
            (Some(4_096), Some(524_288), None),
            (Some(9_000), None, None),
            (None, None, None),
        ] {
            assert_eq!(to_be_raised_to(&Rlimit { current, maximum }), more, "{current:?} of {maximum:?}");
        }
        assert_eq!(open_at_most(), 2, "few, so that most of these tests open files again for each piece");
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(to_be_raised_to(&limit), None, "it has what it may have: {limit:?}");
    }
}
