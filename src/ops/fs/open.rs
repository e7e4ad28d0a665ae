//! Opening what a walk has found, without following anything that has changed into a link since.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Advice, AtFlags, Mode, OFlags, fadvise};
use rustix::io::Errno;

use super::beneath;
use super::meta::{self, At};
use super::names::Names;
use super::stat::{FoundKind, Stat};
use super::walk::{Found, Source, kind_of};
use crate::domain::listing::Meta;
use crate::domain::path::RecordPath;
use crate::domain::problem::Problem;

/// The kernel begins no more than this at a time, where it is not told otherwise.
const AT_ONCE: u64 = 128 << 10;

/// A source folder held open, so that many files below it can be opened. May be shared by threads.
#[derive(Debug)]
pub struct Opener {
    root: OwnedFd,
    name: RecordPath,
}

impl Opener {
    /// Opens the source folder as a place.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(source: &Source) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&source.path, flags, Mode::empty())?;
        Ok(Self { root, name: source.name.clone() })
    }

    /// Opens a regular file for reading. Never waits for the other end of a pipe, never follows a link,
    /// leaves the access time alone where that is allowed.
    ///
    /// # Errors
    /// The kernel's, and `InvalidInput` when it is no regular file any more.
    pub fn open_file(&self, path: &RecordPath) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = beneath::open_quietly(self.root.as_fd(), self.below(path)?, flags)?;
        if Stat::from(rustix::fs::fstat(&file)?).kind() != FoundKind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file any more"));
        }
        Ok(File::from(file))
    }

    /// Asks the kernel to begin reading the first `len` bytes of a file that will be read soon. Whoever reads it then learns of
    /// what is wrong.
    pub fn will_need(&self, path: &RecordPath, len: u64) {
        let Ok(file) = self.open_file(path) else { return };
        for start in (0..len).step_by(AT_ONCE as usize) {
            let _ = fadvise(&file, start, NonZeroU64::new(AT_ONCE), Advice::WillNeed);
        }
    }

    /// What the kernel says about it now.
    ///
    /// # Errors
    /// The kernel's.
    pub fn stat(&self, path: &RecordPath) -> io::Result<Stat> {
        let rel = self.below(path)?;
        if rel.is_empty() {
            return Ok(rustix::fs::fstat(&self.root)?.into());
        }
        let (parent, name) = beneath::open_parent(self.root.as_fd(), rel)?;
        Ok(rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?.into())
    }

    /// Where a symbolic link points.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read_link(&self, path: &RecordPath) -> io::Result<Vec<u8>> {
        let (parent, name) = beneath::open_parent(self.root.as_fd(), self.below(path)?)?;
        Ok(rustix::fs::readlinkat(parent, name, Vec::new())?.into_bytes())
    }

    /// Everything else Unix keeps about something that is not open. For an open file use [`meta::capture`].
    pub fn capture(&self, found: &Found, names: &Names) -> (Meta, Option<Problem>) {
        let place = self.below(&found.path).and_then(|rel| {
            Ok(if found.kind == FoundKind::Dir {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
                (beneath::open_quietly(self.root.as_fd(), rel, flags)?, &b""[..])
            } else {
                beneath::open_parent(self.root.as_fd(), rel)?
            })
        });
        match place {
            Ok((fd, name)) => {
                let at = if name.is_empty() { At::Open(fd.as_fd()) } else { At::Named(fd.as_fd(), name) };
                meta::capture(&found.path, at, &found.stat, names)
            }
            Err(e) => {
                let detail = format!("its extended attributes could not be read: {e}");
                let kind = Errno::from_io_error(&e).map_or(kind_of(Errno::IO), kind_of);
                (meta::plain(&found.stat, names), Some(Problem::of(&found.path, kind, detail)))
            }
        }
    }

    /// The path below the source folder; empty for itself.
    fn below<'p>(&self, path: &'p RecordPath) -> io::Result<&'p [u8]> {
        if !path.is_within(self.name.as_bytes()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not in this source folder"));
        }
        Ok(path.as_bytes().get(self.name.as_bytes().len() + 1..).unwrap_or_default())
    }
}

/// Opens one file of a source; for many, keep an [`Opener`].
///
/// # Errors
/// As [`Opener::open_file`].
pub fn open_file(source: &Source, path: &RecordPath) -> io::Result<File> {
    Opener::new(source)?.open_file(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType};

    use super::*;

    fn path(s: &str) -> RecordPath {
        RecordPath::new(s).unwrap()
    }

    #[test]
    fn only_regular_files_open_and_pipes_do_not_hang() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("f"), "hello").unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        symlink("f", dir.path().join("link")).unwrap();
        let source = Source { name: path("A/B"), path: dir.path().to_owned() };
        let opener = Opener::new(&source).unwrap();
        let mut text = String::new();
        open_file(&source, &path("A/B/f")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        for bad in ["A/B/pipe", "A/B", "A/B/link", "A/B/none", "A/f", "A/Bf"] {
            assert!(opener.open_file(&path(bad)).is_err(), "{bad}");
        }
        assert_eq!(opener.read_link(&path("A/B/link")).unwrap(), b"f");
        assert_eq!(opener.stat(&path("A/B/f")).unwrap().size, 5);
        assert_eq!(opener.stat(&path("A/B")).unwrap().kind(), FoundKind::Dir);
    }

    #[test]
    fn a_folder_swapped_for_a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "no").unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        let source = Source { name: path("S"), path: dir.path().to_owned() };
        let opener = Opener::new(&source).unwrap();
        fs::remove_dir(dir.path().join("d")).unwrap();
        symlink(outside.path(), dir.path().join("d")).unwrap();
        let e = opener.open_file(&path("S/d/secret")).unwrap_err();
        assert_eq!(Errno::from_io_error(&e), Some(Errno::LOOP));
    }
}
