//! A file on its way, until it is complete: without any name, or under an unfinished one beside its final one.
//!
//! One without a name lives as long as it is open: what kills the restore leaves nothing of it, and nobody can put something else
//! in its place. One with a name holds no descriptor, so that any number can be under way; it is opened for each stretch of writing,
//! or kept open beside it where there are few. One that is dropped unfinished is removed.

use std::fs::File;
use std::io::Seek;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, statat};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::attributes::Present;
use super::beneath;
use super::place::{Overwrite, PlaceError, Placed, Target, rename};
use super::stat::{FoundKind, Stat};
use crate::domain::listing::Meta;
use crate::domain::path::RecordPath;

const MOST_OPEN: u64 = 2048;

/// Nobody else may open it before it is finished.
pub(super) const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// See the module.
#[derive(Debug)]
pub struct Partial {
    target: Target,
    path: RecordPath,
    name: Name,
    inode: (u64, u64),
}

#[derive(Debug)]
enum Name {
    /// It has none, and is open therefore.
    NotYet(Arc<PartialFile>),
    /// The unfinished one with this number.
    Unfinished(u64),
    /// Its final one; or what is closed is gone.
    Ended,
}

/// A partial, open for writing, for as long as that lasts.
#[derive(Debug)]
pub struct PartialFile {
    /// The folder its unfinished name is in, if it has one.
    parent: Option<OwnedFd>,
    file: File,
    /// What it had when it was made, if it was made just now.
    present: Option<Present>,
    path: RecordPath,
}

/// So many files under way may be kept open, with two descriptors each at most: a quarter of what this process may have open, which is
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
    /// Begins a file of `size` bytes, all of them a hole, readable by nobody else, under an unfinished name. Missing parents are
    /// made.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn begin_file(&self, path: &RecordPath, size: u64) -> Result<Partial, PlaceError> {
        self.begin_named(path, size).map(|(partial, _)| partial)
    }

    /// The same, and open for writing.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn begin_named(&self, path: &RecordPath, size: u64) -> Result<(Partial, Arc<PartialFile>), PlaceError> {
        let (parent, _) = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = self.with_name(|name| rustix::fs::openat(&parent, name, flags, PRIVATE));
        let (serial, fd) = made.map_err(|e| PlaceError::of(path, e))?;
        let begun = Partial { target: self.clone(), path: path.clone(), name: Name::Unfinished(serial), inode: (0, 0) };
        begun.take_up(Some(parent), fd, size)
    }

    /// The same without a name, where the file system can do that. It is open until it is finished.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn begin_open(&self, path: &RecordPath, size: u64) -> Result<(Partial, Arc<PartialFile>), PlaceError> {
        let (parent, _) = self.parent(path)?;
        let Some(fd) = self.inner.ways.begin(&parent, PRIVATE) else { return self.begin_named(path, size) };
        let begun = Partial { target: self.clone(), path: path.clone(), name: Name::Ended, inode: (0, 0) };
        let (mut partial, open) = begun.take_up(None, fd, size)?;
        partial.name = Name::NotYet(Arc::clone(&open));
        Ok((partial, open))
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
        let failed = |e| PlaceError::of(path, e);
        let PartialFile { parent: from, file, present, .. } = open;
        let from = from.as_ref();
        // What somebody moved away stays closed to others.
        partial.is_still_in(from)?;
        let warnings = self.inner.policy.apply_open(file.as_fd(), FoundKind::File, meta, *present);
        if overwrite == Overwrite::Always {
            force(file).map_err(failed)?;
        }
        let (to, last) = self.parent(path)?;
        partial.is_still_in(from)?;
        match (&partial.name, from) {
            (Name::Unfinished(serial), Some(from)) => {
                rename(from, &self.partial_name(*serial), &to, last, overwrite).map_err(failed)?;
            }
            _ if overwrite == Overwrite::Never => self.inner.ways.name(file, &to, last).map_err(failed)?,
            _ => {
                // Only what has a name can replace something.
                let (serial, ()) =
                    self.with_name(|name| self.inner.ways.name(file, &to, name.as_bytes())).map_err(failed)?;
                partial.name = Name::Unfinished(serial);
                partial.is_still_in(Some(&to))?;
                rename(&to, &self.partial_name(serial), &to, last, overwrite).map_err(failed)?;
            }
        }
        partial.name = Name::Ended;
        Ok(Placed { warnings })
    }
}

impl Partial {
    /// The path it was begun for.
    pub fn path(&self) -> &RecordPath {
        &self.path
    }

    /// Whether it has no name yet.
    #[cfg(test)]
    pub(super) fn is_nameless(&self) -> bool {
        matches!(self.name, Name::NotYet(_))
    }

    /// Opens it for a stretch of writing.
    ///
    /// # Errors
    /// [`PlaceError::PartialGone`] and others.
    pub fn open(&self) -> Result<Arc<PartialFile>, PlaceError> {
        if let Name::NotYet(open) = &self.name {
            return Ok(Arc::clone(open));
        }
        let (parent, fd) = self.reopen_as(OFlags::WRONLY)?;
        Ok(Arc::new(PartialFile { parent: Some(parent), file: File::from(fd), present: None, path: self.path.clone() }))
    }

    /// Writes at a place, opening and closing.
    ///
    /// # Errors
    /// As [`Partial::open`] and [`PartialFile::write_at`].
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), PlaceError> {
        self.open()?.write_at(offset, bytes)
    }

    /// Opens it for reading back what was written, from its beginning.
    ///
    /// # Errors
    /// As [`Partial::open`].
    pub fn read_back(&self) -> Result<File, PlaceError> {
        match &self.name {
            Name::NotYet(open) => {
                let again = open.file.try_clone().and_then(|mut file| file.rewind().map(|()| file));
                again.map_err(|e| PlaceError::of_io(&self.path, e))
            }
            _ => self.reopen_as(OFlags::RDONLY).map(|(_, fd)| File::from(fd)),
        }
    }

    /// What was just made, with its size.
    fn take_up(
        mut self,
        parent: Option<OwnedFd>,
        fd: OwnedFd,
        size: u64,
    ) -> Result<(Self, Arc<PartialFile>), PlaceError> {
        let failed = |e| PlaceError::of(&self.path, e);
        let stat = Stat::from(rustix::fs::fstat(&fd).map_err(failed)?);
        if size > 0 {
            rustix::fs::ftruncate(&fd, size).map_err(failed)?;
        }
        self.inode = stat.inode();
        let present = Some(Present::from(&stat));
        let open = PartialFile { parent, file: File::from(fd), present, path: self.path.clone() };
        Ok((self, Arc::new(open)))
    }

    fn failed(&self, e: Errno) -> PlaceError {
        match e {
            Errno::NOENT => PlaceError::PartialGone(self.path.clone()),
            e => PlaceError::of(&self.path, e),
        }
    }

    fn unfinished_name(&self) -> Result<String, Errno> {
        match self.name {
            Name::Unfinished(serial) => Ok(self.target.partial_name(serial)),
            _ => Err(Errno::NOENT),
        }
    }

    /// Whether what has its unfinished name there is this very file. One that has none is.
    fn is_still_in(&self, parent: Option<&OwnedFd>) -> Result<(), PlaceError> {
        let Some(parent) = parent else { return Ok(()) };
        let there = self.unfinished_name().and_then(|name| statat(parent, name, AtFlags::SYMLINK_NOFOLLOW));
        match Stat::from(there.map_err(|e| self.failed(e))?).inode() == self.inode {
            true => Ok(()),
            false => Err(PlaceError::PartialGone(self.path.clone())),
        }
    }

    fn reopen_as(&self, access: OFlags) -> Result<(OwnedFd, OwnedFd), PlaceError> {
        let failed = |e| self.failed(e);
        let (parent, _) = beneath::open_parent(self.target.inner.root.as_fd(), self.path.as_bytes()).map_err(failed)?;
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let name = self.unfinished_name().map_err(failed)?;
        let fd = rustix::fs::openat(&parent, name, flags, Mode::empty())
            .map_err(|e| failed(if e == Errno::LOOP { Errno::NOENT } else { e }))?;
        let inode = Stat::from(rustix::fs::fstat(&fd).map_err(failed)?).inode();
        if inode != self.inode {
            return Err(PlaceError::PartialGone(self.path.clone()));
        }
        Ok((parent, fd))
    }

    fn unlink(&self) -> Result<(), Errno> {
        let name = self.unfinished_name()?;
        let (parent, _) = beneath::open_parent(self.target.inner.root.as_fd(), self.path.as_bytes())?;
        rustix::fs::unlinkat(parent, name, AtFlags::empty())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // What cannot be removed now is a leftover by its name, and the next restore removes it.
        let _ = self.unlink();
    }
}

impl PartialFile {
    /// One that was made just now and has no name.
    pub(super) fn nameless(fd: OwnedFd, present: Present, path: &RecordPath) -> Self {
        Self { parent: None, file: File::from(fd), present: Some(present), path: path.clone() }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

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
        for (allowed, most) in [(0, 0), (7, 0), (64, 8), (1_023, 127), (4_095, 511), (1 << 20, 2048), (u64::MAX, 2048)]
        {
            assert_eq!(an_eighth_of(Some(allowed)), most, "{allowed}");
        }
        assert_eq!(an_eighth_of(None), 2048, "without a limit");
        for (current, maximum, more) in [
            (Some(1_024), Some(524_288), Some(16_384)),
            (Some(1_024), None, Some(16_384)),
            (Some(1_024), Some(2_000), Some(2_000)),
            (Some(1_024), Some(1_024), None),
            (Some(16_384), Some(524_288), None),
            (Some(90_000), None, None),
            (None, None, None),
        ] {
            assert_eq!(to_be_raised_to(&Rlimit { current, maximum }), more, "{current:?} of {maximum:?}");
        }
        assert_eq!(open_at_most(), 2, "few, so that most of these tests open files again for each piece");
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(to_be_raised_to(&limit), None, "it has what it may have: {limit:?}");
    }
}
