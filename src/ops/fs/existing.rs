//! What is in a target folder already: looking at it, and keeping a copy of what is about to be replaced.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use super::beneath;
use super::place::{PlaceError, Target};
use super::stat::{FoundKind, Stat};
use crate::domain::path::RecordPath;

/// No file system we know takes longer names.
const NAME_MAX: usize = 255;

impl Target {
    /// Opens a regular file that is there for reading.
    ///
    /// # Errors
    /// [`PlaceError`], also when it is no regular file.
    pub fn open_existing(&self, path: &RecordPath) -> Result<File, PlaceError> {
        let failed = |e| PlaceError::of(path, e);
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = beneath::open_quietly(self.inner.root.as_fd(), path.as_bytes(), flags).map_err(failed)?;
        match Stat::from(rustix::fs::fstat(&fd).map_err(failed)?).kind() {
            FoundKind::File => Ok(File::from(fd)),
            _ => Err(failed(Errno::INVAL)),
        }
    }

    /// Where a symbolic link that is there points.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn existing_link(&self, path: &RecordPath) -> Result<Vec<u8>, PlaceError> {
        let (parent, name) =
            beneath::open_parent(self.inner.root.as_fd(), path.as_bytes()).map_err(|e| PlaceError::of(path, e))?;
        let link = rustix::fs::readlinkat(parent, name, Vec::new()).map_err(|e| PlaceError::of(path, e))?;
        Ok(link.into_bytes())
    }

    /// Gives what is there a second name beside its own: the name, `suffix`, and a number if that is taken.
    /// A name that would be too long is cut. Where the file system has no hard links, the thing is renamed.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn keep_copy(&self, path: &RecordPath, suffix: &str) -> Result<RecordPath, PlaceError> {
        let failed = |e| PlaceError::of(path, e);
        let (parent, name) = beneath::open_parent(self.inner.root.as_fd(), path.as_bytes()).map_err(failed)?;
        for number in 1..1000u32 {
            let end = if number == 1 { suffix.to_owned() } else { format!("{suffix}-{number}") };
            let kept = &name[..name.len().min(NAME_MAX - end.len())];
            let copy = [kept, end.as_bytes()].concat();
            let done = match rustix::fs::linkat(&parent, name, &parent, &copy, AtFlags::empty()) {
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
                    use rustix::fs::{RenameFlags, renameat_with};
                    renameat_with(&parent, name, &parent, &copy, RenameFlags::NOREPLACE)
                }
                other => other,
            };
            match done {
                Err(Errno::EXIST) => {}
                Err(e) => return Err(failed(e)),
                Ok(()) => {
                    let whole = match path.parent() {
                        Some(folder) => [folder, b"/", &copy].concat(),
                        None => copy,
                    };
                    return RecordPath::new(whole).map_err(|_| failed(Errno::INVAL));
                }
            }
        }
        Err(failed(Errno::EXIST))
    }
}

/// How many bytes may still be written below a folder, or below the nearest one above it that is there.
/// `None` when nobody can say.
pub fn free_space(dir: &Path) -> Option<u64> {
    let there = dir.ancestors().find(|a| a.symlink_metadata().is_ok() || a.as_os_str().is_empty())?;
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let stat = rustix::fs::statvfs(there).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::super::place::{Owner, TargetOptions};
    use super::*;

    fn path(text: &str) -> RecordPath {
        RecordPath::new(text).unwrap()
    }

    #[test]
    fn copies_are_kept_under_free_names_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let long = "n".repeat(255);
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("d/f"), "old").unwrap();
        fs::write(dir.path().join(&long), "long").unwrap();
        symlink("/etc/passwd", dir.path().join("out")).unwrap();
        let target = Target::open(dir.path(), TargetOptions { owner: Owner::OfFolder, nonce: 1 }).unwrap();
        for want in ["d/f.before", "d/f.before-2"] {
            assert_eq!(target.keep_copy(&path("d/f"), ".before").unwrap(), path(want));
            assert_eq!(fs::read(dir.path().join(want)).unwrap(), b"old");
        }
        let kept = target.keep_copy(&path(&long), ".before").unwrap();
        assert_eq!((kept.as_bytes().len(), fs::read(dir.path().join("d/f")).unwrap()), (255, b"old".to_vec()));
        let mut text = String::new();
        target.open_existing(&path("d/f")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "old");
        assert!(target.open_existing(&path("out")).is_err() && target.open_existing(&path("d")).is_err());
        assert_eq!(target.existing_link(&path("out")).unwrap(), b"/etc/passwd");
    }

    #[test]
    fn space_is_known_for_folders_that_are_not_there_yet() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_space(&dir.path().join("a/b/c")).unwrap() > 0);
    }
}
