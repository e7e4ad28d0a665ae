//! Files this machine keeps for itself: written whole or not at all, and forced to the disk before success.

pub mod direct;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

/// A file of this machine's own could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", path.display())]
pub struct LocalError {
    /// The file.
    pub path: PathBuf,
    /// What happened, and what to do.
    pub detail: String,
    /// Whether the disk is full.
    pub full: bool,
}

impl LocalError {
    /// From an error of the system.
    pub fn new(path: &Path, error: &std::io::Error) -> Self {
        let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        let detail = match error.kind() {
            _ if full => "the disk of this computer is full; free some space and run again".into(),
            ErrorKind::IsADirectory => "a folder stands where this file should be; move it away and run again".into(),
            _ => error.to_string(),
        };
        Self { path: path.into(), detail, full }
    }
}

/// Makes a folder only this user can look into.
///
/// # Errors
/// [`LocalError`].
pub fn make_dir(path: &Path) -> Result<(), LocalError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| LocalError::new(path, &e))
}

/// Opens a plain file of this program's own for writing, never through a link: in a folder that another user may write,
/// somebody may have planted one.
///
/// # Errors
/// As the file system says; the words say what to do about a link.
pub fn open_own(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options.mode(0o600).custom_flags(flags.bits() as i32).open(path);
    let is_link = |e: &std::io::Error| e.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    let file = opened.map_err(|e| if is_link(&e) { strange() } else { e })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(strange()) }
}

/// What stands in the place of a file of this program's own is none.
pub fn strange() -> std::io::Error {
    let words = "it is a link or no plain file of one name: find out who put it there, then move it away";
    std::io::Error::new(ErrorKind::InvalidInput, words)
}

/// Opens a file for writing, empty. Mode 0600: it may name records.
///
/// # Errors
/// [`LocalError`].
pub fn create(path: &Path) -> Result<File, LocalError> {
    let opened = open_own(path, OpenOptions::new().write(true).create(true).truncate(true));
    opened.map_err(|e| LocalError::new(path, &e))
}

/// Reads a file; `None` when there is none.
///
/// # Errors
/// [`LocalError`].
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, LocalError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(LocalError::new(path, &e)),
    };
    let mut bytes = vec![];
    file.read_to_end(&mut bytes).map_err(|e| LocalError::new(path, &e))?;
    Ok(Some(bytes))
}

/// Replaces a file: the old content or the new is there after a crash, never a mixture. Mode 0600. What is there
/// already is not written again.
///
/// # Errors
/// [`LocalError`]; after a failed fsync the new content is discarded, never trusted.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), LocalError> {
    put(path, bytes, true)
}

/// Replaces a copy of something: not forced to the disk, because whoever reads it tells by its digest whether it is
/// whole, and does without it otherwise.
///
/// # Errors
/// [`LocalError`].
pub fn replace_copy(path: &Path, bytes: &[u8]) -> Result<(), LocalError> {
    put(path, bytes, false)
}

fn put(path: &Path, bytes: &[u8], force: bool) -> Result<(), LocalError> {
    let fail = |e: std::io::Error| LocalError::new(path, &e);
    let parent = path.parent().unwrap_or(Path::new("."));
    if is_there(path, bytes) {
        return Ok(());
    }
    make_dir(parent)?;
    step(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = parent.join(format!(".{name}.new"));
    let written = (|| {
        // What has the name is not ours to write through: it may be a link that somebody planted.
        match std::fs::remove_file(&temporary) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = open_own(&temporary, OpenOptions::new().write(true).create_new(true))?;
        file.write_all(bytes)?;
        if force { forced(&temporary, &file, File::sync_all) } else { Ok(()) }
    })();
    if let Err(e) = written {
        let _ = std::fs::remove_file(&temporary);
        return Err(fail(e));
    }
    step(&temporary)?;
    std::fs::rename(&temporary, path).map_err(fail)?;
    step(path)?;
    if force { sync_dir(parent) } else { Ok(()) }
}

/// Whether exactly these bytes are in this user's own file already.
fn is_there(path: &Path, bytes: &[u8]) -> bool {
    let own = |m: std::fs::Metadata| m.is_file() && m.len() == bytes.len() as u64 && m.mode() & 0o777 == 0o600;
    std::fs::symlink_metadata(path).is_ok_and(own) && std::fs::read(path).is_ok_and(|old| old == bytes)
}

/// Appends to a file and forces it to the disk. Mode 0600.
///
/// # Errors
/// [`LocalError`].
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), LocalError> {
    let fail = |e: std::io::Error| LocalError::new(path, &e);
    let new = !path.exists();
    step(path)?;
    let mut file = open_own(path, OpenOptions::new().append(true).create(true)).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    step(path)?;
    forced(path, &file, File::sync_data).map_err(fail)?;
    if new { sync_dir(path.parent().unwrap_or(Path::new("."))) } else { Ok(()) }
}

/// Appends to a copy of something, as [`replace_copy`] replaces one: the file is there.
///
/// # Errors
/// [`LocalError`].
pub fn append_copy(path: &Path, bytes: &[u8]) -> Result<(), LocalError> {
    step(path)?;
    let mut file = open_own(path, OpenOptions::new().append(true)).map_err(|e| LocalError::new(path, &e))?;
    file.write_all(bytes).map_err(|e| LocalError::new(path, &e))?;
    step(path)
}

/// Removes a file if it is there.
///
/// # Errors
/// [`LocalError`].
pub fn remove(path: &Path) -> Result<(), LocalError> {
    step(path)?;
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(LocalError::new(path, &e)),
        _ => Ok(()),
    }
}

fn sync_dir(path: &Path) -> Result<(), LocalError> {
    File::open(path).and_then(|d| forced(path, &d, File::sync_all)).map_err(|e| LocalError::new(path, &e))
}

/// Forces a file or folder to the disk. An error is final: what was written may be gone although a second try says that all
/// is well.
fn forced(path: &Path, file: &File, sync: fn(&File) -> std::io::Result<()>) -> std::io::Result<()> {
    failing(path)?;
    sync(file)
}

/// Between two changes of a file nothing is asked: only a test can have the process die here.
#[cfg(not(any(test, feature = "testing")))]
fn step(_: &Path) -> Result<(), LocalError> {
    Ok(())
}

#[cfg(any(test, feature = "testing"))]
fn step(path: &Path) -> Result<(), LocalError> {
    let alive = dying::HOOK.with_borrow_mut(|hook| hook.as_mut().is_none_or(|hook| hook(path)));
    let died = || std::io::Error::other("the process died");
    let told = if alive { dying::told(path, dying::Moment::Change) } else { Err(died()) };
    told.map_err(|e| LocalError::new(path, &e))
}

#[cfg(not(any(test, feature = "testing")))]
fn failing(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(any(test, feature = "testing"))]
fn failing(path: &Path) -> std::io::Result<()> {
    dying::told(path, dying::Moment::Force)
}

/// For tests: a process that dies between two changes of its own files.
#[cfg(any(test, feature = "testing"))]
pub mod dying {
    use std::cell::RefCell;
    use std::path::{Path, PathBuf};
    use std::sync::{Mutex, PoisonError};

    /// Is told which file changes next or has just changed; says whether the process lives on.
    pub type Hook = Box<dyn FnMut(&Path) -> bool>;

    thread_local! {
        pub(super) static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    /// What is about to happen to a file or has just happened, or that it is being forced to the disk.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Moment {
        /// It changes next, or has just changed.
        Change,
        /// It is being forced.
        Force,
    }

    /// Is told each moment of a file or folder; says what the disk says.
    pub type Disk = Box<dyn FnMut(&Path, Moment) -> std::io::Result<()> + Send>;

    static DISKS: Mutex<Vec<(PathBuf, Disk)>> = Mutex::new(vec![]);

    /// From now on this disk answers for everything below `folder`, to every thread; `None`: the real one.
    pub fn disk_of(folder: &Path, disk: Option<Disk>) {
        let mut disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
        disks.retain(|(of, _)| of != folder);
        disks.extend(disk.map(|disk| (folder.to_path_buf(), disk)));
    }

    pub(super) fn told(path: &Path, moment: Moment) -> std::io::Result<()> {
        let mut disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
        let disk = disks.iter_mut().find(|(of, _)| path.starts_with(of));
        disk.map_or(Ok(()), |(_, disk)| disk(path, moment))
    }

    /// From now on `hook` is asked, by this thread alone; `None`: nobody is.
    pub fn ask(hook: Option<Hook>) {
        HOOK.set(hook);
    }
}

/// A lock on a file, let go when dropped or when the process dies, however it dies.
#[derive(Debug)]
pub struct FileLock(File);

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing it is not enough while a child that was just forked has a copy: until it becomes a program of its own.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

/// Takes the lock, or `None` when another process has it.
///
/// # Errors
/// [`LocalError`].
pub fn try_lock(path: &Path) -> Result<Option<FileLock>, LocalError> {
    let fail = |e: std::io::Error| LocalError::new(path, &e);
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    let file = open_own(path, OpenOptions::new().write(true).create(true).truncate(false)).map_err(fail)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(FileLock(file))),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(fail(e.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/file");
        assert!(read(&path).unwrap().is_none());
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        append(&path, b"+").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"two+");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        remove(&path).unwrap();
        remove(&path).unwrap();
    }

    #[test]
    fn a_lock_is_let_go_although_a_child_has_a_copy_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = try_lock(&path).unwrap().unwrap();
        let of_a_child = lock.0.try_clone().unwrap();
        assert!(try_lock(&path).unwrap().is_none());
        drop(lock);
        assert!(try_lock(&path).unwrap().is_some());
        drop(of_a_child);
    }

    #[test]
    fn a_planted_link_is_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (victim, path) = (dir.path().join("victim"), dir.path().join("council.toml"));
        std::fs::write(&victim, "theirs").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join(".council.toml.new")).unwrap();
        replace(&path, b"ours").unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"theirs");
        assert_eq!(read(&path).unwrap().unwrap(), b"ours");
        assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
        // Nor where the file itself is the link: not emptied, not added to, not locked.
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let refused = [create(&link).err(), append(&link, b"ours").err(), try_lock(&link).err()];
        assert!(
            refused.iter().all(|e| e.as_ref().is_some_and(|e| e.detail.contains("who put it there"))),
            "{refused:?}"
        );
        assert_eq!(std::fs::read(&victim).unwrap(), b"theirs");
    }

    #[test]
    fn after_a_failed_fsync_the_old_content_stays_and_it_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.json");
        replace(&path, b"old").unwrap();
        for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
            let force = move |moment| if moment == dying::Moment::Force { Err(kind.into()) } else { Ok(()) };
            dying::disk_of(dir.path(), Some(Box::new(move |_, moment| force(moment))));
            let (said, added) = (replace(&path, b"new").unwrap_err(), append(&dir.path().join("journal"), b"a line"));
            dying::disk_of(dir.path(), None);
            assert_eq!((said.path.as_path(), said.full), (path.as_path(), kind == ErrorKind::StorageFull));
            assert!(added.is_err());
            assert_eq!(read(&path).unwrap().unwrap(), b"old");
            assert!(!dir.path().join(".memory.json.new").exists(), "what may be torn is left under no name");
        }
        replace(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"new");
    }

    #[test]
    fn a_lock_keeps_others_out_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = try_lock(&path).unwrap();
        assert!(held.is_some() && try_lock(&path).unwrap().is_none());
        drop(held);
        assert!(try_lock(&path).unwrap().is_some());
    }
}
