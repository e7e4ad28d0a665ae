//! Large files written straight to the disk, and read straight from it: past the memory in which the kernel keeps files.
//!
//! Nothing copies them there, and what the office works with is not driven out of it. What must hold is what holds of every
//! object of a folder: it has its name only when all of it is on the disk, and what has the name is never replaced.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::{Buf, BytesMut};
use rustix::fs::{OFlags, fcntl_setfl};

use super::forced;

/// What disks ask of the place of bytes in memory, in bytes, and of their number.
pub const ALIGNED: usize = 4096;
/// For less than this it is not worth the trouble.
pub const LARGE: usize = 1 << 20;
/// So many names are tried for what is on its way.
const NAMES: u32 = 100;

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Direct {
    /// It is there, and on the disk.
    Done,
    /// It cannot be done so: nothing has the name, and nothing is left.
    Otherwise,
}

/// Empties a buffer and has it begin where a disk can take it from.
pub fn align(buffer: &mut BytesMut, room: usize) {
    buffer.clear();
    buffer.reserve(room + ALIGNED);
    let ahead = buffer.as_ptr().align_offset(ALIGNED).min(ALIGNED);
    buffer.resize(ahead, 0);
    buffer.advance(ahead);
}

/// Whether it is worth trying with these bytes.
pub fn suits(bytes: &[u8]) -> bool {
    bytes.len() >= LARGE && bytes.as_ptr().align_offset(ALIGNED) == 0
}

/// Reads a file of `size` bytes into `room`, and says where they are: a large one, if the room is larger by `2 * ALIGNED`, straight
/// from the disk where disk and file system can do that, so that it is the disk that was asked, and not the memory of it.
///
/// # Errors
/// The kernel's, and `UnexpectedEof` when there is less.
pub fn read_aligned(file: &File, size: usize, room: &mut [u8]) -> Result<Range<usize>> {
    let direct = size >= LARGE && room.len() >= size + 2 * ALIGNED && fcntl_setfl(file, OFlags::DIRECT).is_ok();
    let start = if direct { room.as_ptr().align_offset(ALIGNED).min(ALIGNED) } else { 0 };
    if direct {
        match read_to(file, &mut room[start..start + size.next_multiple_of(ALIGNED)], size) {
            Ok(()) => return Ok(start..start + size),
            Err(e) if is_refusal(&e) => fcntl_setfl(file, OFlags::empty())?,
            Err(e) => return Err(e),
        }
    }
    read_to(file, &mut room[start..start + size], size)?;
    Ok(start..start + size)
}

/// Whether it can only not be done so. What the disk cannot read, memory must not answer for.
fn is_refusal(e: &Error) -> bool {
    matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported)
}

/// Reads from the beginning until there are `size` bytes.
fn read_to(file: &File, room: &mut [u8], size: usize) -> Result<()> {
    let mut len = 0;
    while len < size {
        match file.read_at(&mut room[len..], len as u64) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(more) => len += more,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Makes a file of these bytes in a folder that may be missing in one that is there.
///
/// # Errors
/// When something has the name already; when nobody can say whether its name is on the disk.
pub fn create(path: &Path, bytes: &[u8]) -> Result<Direct> {
    let Some((staged, file)) = begin(path) else { return Ok(Direct::Otherwise) };
    let linked = match fill(file, bytes) {
        Ok(()) => std::fs::hard_link(&staged, path),
        Err(e) => Err(e),
    };
    // What cannot be removed now is removed when it is old.
    let _ = std::fs::remove_file(&staged);
    match linked {
        Ok(()) => settle(path).map(|()| Direct::Done),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(e),
        // A disk or file system that will not have it so, a full one: whoever writes in the usual way says it in the usual words.
        Err(_) => Ok(Direct::Otherwise),
    }
}

/// A file under a name that says that it is on its way: `<name>#<number>`.
fn begin(path: &Path) -> Option<(PathBuf, File)> {
    let folder = path.parent()?;
    // That it is there is on the disk as soon as what is in it is.
    let _ = std::fs::create_dir(folder);
    for number in 1..=NAMES {
        let mut name = path.file_name()?.to_owned();
        name.push(format!("#{number}"));
        let staged = folder.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).custom_flags((OFlags::DIRECT | OFlags::NOFOLLOW).bits() as i32);
        match options.open(&staged) {
            Ok(file) => return Some((staged, file)),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => {
                // Some file systems make it and then refuse to open it so.
                if is_refusal(&e) {
                    let _ = std::fs::remove_file(&staged);
                }
                return None;
            }
        }
    }
    None
}

/// Whole blocks go straight to the disk, and what is left behind them in the usual way.
fn fill(mut file: File, bytes: &[u8]) -> Result<()> {
    let (blocks, rest) = bytes.split_at(bytes.len() / ALIGNED * ALIGNED);
    file.write_all(blocks)?;
    fcntl_setfl(&file, OFlags::empty())?;
    file.write_all(rest)?;
    file.sync_all()
}

/// Waits until the name of a file is on the disk, and that of its folder, which may be new.
///
/// # Errors
/// The kernel's.
pub fn settle(path: &Path) -> Result<()> {
    for folder in path.ancestors().skip(1).take(2) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        forced(folder, &File::open(folder)?, File::sync_all)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::fs::fcntl_getfl;

    use super::*;

    /// Only what cannot be done so is done otherwise: the kernel may remember what the disk has lost.
    #[test]
    fn what_the_disk_cannot_read_is_not_read_from_memory() {
        use rustix::io::Errno;
        for (error, refusal) in
            [(Errno::INVAL, true), (Errno::OPNOTSUPP, true), (Errno::IO, false), (Errno::STALE, false)]
        {
            assert_eq!(is_refusal(&error.into()), refusal, "{error:?}");
        }
        assert!(!is_refusal(&ErrorKind::UnexpectedEof.into()));
    }

    /// Bytes where a disk can take them from.
    fn aligned(len: usize) -> BytesMut {
        let mut bytes = BytesMut::new();
        align(&mut bytes, len);
        bytes.resize(len, 0);
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn whatever_its_length_every_byte_comes_to_the_disk_and_nothing_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        for len in [LARGE, LARGE + 1, LARGE + ALIGNED - 1, 3 * LARGE + ALIGNED, 5_000_001] {
            let (bytes, path) = (aligned(len), dir.path().join(format!("fan {len}/object")));
            assert!(suits(&bytes) && !suits(&bytes[1..]) && !suits(&bytes[..LARGE - 1]));
            assert_eq!(create(&path, &bytes).unwrap(), Direct::Done);
            assert!(std::fs::read(&path).unwrap() == bytes, "{len}");
            let other = aligned(2 * LARGE);
            assert_eq!(create(&path, &other).unwrap_err().kind(), ErrorKind::AlreadyExists);
            assert!(std::fs::read(&path).unwrap() == bytes, "{len}");
            assert_eq!(names(path.parent().unwrap()), ["object"]);
        }
    }

    #[test]
    fn where_it_cannot_be_done_so_nothing_is_left() {
        let (dir, bytes) = (tempfile::tempdir().unwrap(), aligned(LARGE));
        let at = |name: &str| dir.path().join(name);
        // The folder above is missing; something that is no folder stands there; the disk will not take what lies so.
        assert_eq!(create(&at("missing/fan/object"), &bytes).unwrap(), Direct::Otherwise);
        std::fs::write(at("file"), "").unwrap();
        assert_eq!(create(&at("file/object"), &bytes).unwrap(), Direct::Otherwise);
        let odd = aligned(LARGE + ALIGNED);
        let refused = create(&at("fan/odd"), &odd[1..]).unwrap();
        assert_eq!(names(&at("fan")), if refused == Direct::Done { vec!["odd"] } else { vec![] });
        assert_eq!(names(dir.path()), ["fan", "file"]);
        // Where all names for what is on its way are taken, what has them is left.
        let taken: Vec<_> = (1..=NAMES).map(|n| at(&format!("object#{n}"))).collect();
        taken.iter().for_each(|name| std::fs::write(name, "half of another").unwrap());
        assert_eq!(create(&at("object"), &bytes).unwrap(), Direct::Otherwise);
        std::fs::remove_file(&taken[6]).unwrap();
        assert_eq!(create(&at("object"), &bytes).unwrap(), Direct::Done);
        assert!(std::fs::read(at("object")).unwrap() == bytes);
        assert!(!taken[6].exists() && taken[..6].iter().all(|name| std::fs::read(name).unwrap() == b"half of another"));
    }

    #[test]
    fn a_file_is_read_as_it_is_and_one_that_is_shorter_than_it_should_be_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        for len in [0, 1, ALIGNED, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE + ALIGNED] {
            let (path, bytes) = (dir.path().join("file"), aligned(len));
            std::fs::write(&path, &bytes).unwrap();
            let can = OpenOptions::new().read(true).custom_flags(OFlags::DIRECT.bits() as i32).open(&path).is_ok();
            let spare = if len % 2 == 0 { 2 * ALIGNED } else { 0 };
            let (mut room, file) = (vec![9; len + 1 + spare], File::open(&path).unwrap());
            let read = read_aligned(&file, len, &mut room).unwrap();
            assert!(room[read.clone()] == bytes && read.len() == len, "{len}");
            let straight = fcntl_getfl(&file).unwrap().contains(OFlags::DIRECT);
            assert_eq!(straight, can && len >= LARGE && spare > 0, "{len}");
            // Of one that grew, what it should be; and one that ends too soon is no file of ours.
            std::fs::write(&path, [&bytes[..], &[7; 5000]].concat()).unwrap();
            let read = read_aligned(&File::open(&path).unwrap(), len, &mut room).unwrap();
            assert!(room[read] == bytes, "{len}");
            std::fs::write(&path, &bytes).unwrap();
            let short = read_aligned(&File::open(&path).unwrap(), len + 1, &mut room);
            assert_eq!(short.unwrap_err().kind(), ErrorKind::UnexpectedEof, "{len}");
        }
        assert!(read_aligned(&File::open(dir.path()).unwrap(), LARGE, &mut vec![0; LARGE + 2 * ALIGNED]).is_err());
    }

    #[test]
    fn a_buffer_that_was_used_before_is_used_again() {
        let mut buffer = aligned(LARGE);
        let first = buffer.capacity();
        for _ in 0..5 {
            buffer = bytes::Bytes::from(buffer).try_into_mut().unwrap();
            align(&mut buffer, LARGE);
            buffer.resize(LARGE, 7);
            assert!(suits(&buffer));
        }
        assert!(buffer.capacity() <= first + ALIGNED, "{} after {first}", buffer.capacity());
    }
}
