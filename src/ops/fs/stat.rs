//! What the kernel says about one file, in types that are the same on every machine.

use rustix::fs::FileType;

/// The kinds of file that Unix knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundKind {
    /// A folder.
    Dir,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

/// The parts of `stat` that anything here needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Type and permission bits, as the kernel gives them.
    pub mode: u32,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Space taken, in units of 512 bytes.
    pub blocks: u64,
    /// Modification time: seconds since 1970, may be negative.
    pub mtime_s: i64,
    /// Modification time: nanoseconds within the second.
    pub mtime_ns: u32,
    /// Time of the last change to content or attributes: seconds.
    pub ctime_s: i64,
    /// Time of the last change to content or attributes: nanoseconds.
    pub ctime_ns: u32,
    /// Inode number.
    pub ino: u64,
    /// Device the inode is on.
    pub dev: u64,
    /// How many names the inode has.
    pub nlink: u64,
    /// For a device file: which device.
    pub rdev: u64,
}

impl Stat {
    /// The kind of file.
    pub fn kind(&self) -> FoundKind {
        match FileType::from_raw_mode(self.mode) {
            FileType::Directory => FoundKind::Dir,
            FileType::Symlink => FoundKind::Symlink,
            FileType::Fifo => FoundKind::Fifo,
            FileType::Socket => FoundKind::Socket,
            FileType::CharacterDevice => FoundKind::CharDevice,
            FileType::BlockDevice => FoundKind::BlockDevice,
            _ => FoundKind::File,
        }
    }

    /// Permission bits, with set-uid, set-gid and sticky.
    pub fn permissions(&self) -> u32 {
        self.mode & 0o7777
    }

    /// The device a device file stands for: major, minor.
    pub fn device(&self) -> (u32, u32) {
        (rustix::fs::major(self.rdev), rustix::fs::minor(self.rdev))
    }

    /// Which inode it is, as far as one machine can tell until it restarts.
    pub fn inode(&self) -> (u64, u64) {
        (self.dev, self.ino)
    }
}

impl From<rustix::fs::Stat> for Stat {
    // The widths of these fields differ between architectures.
    #[allow(clippy::unnecessary_cast)]
    fn from(s: rustix::fs::Stat) -> Self {
        Self {
            mode: s.st_mode as u32,
            uid: s.st_uid,
            gid: s.st_gid,
            size: u64::try_from(s.st_size).unwrap_or(0),
            blocks: u64::try_from(s.st_blocks).unwrap_or(0),
            mtime_s: s.st_mtime as i64,
            mtime_ns: u32::try_from(s.st_mtime_nsec).unwrap_or(0),
            ctime_s: s.st_ctime as i64,
            ctime_ns: u32::try_from(s.st_ctime_nsec).unwrap_or(0),
            ino: s.st_ino as u64,
            dev: s.st_dev as u64,
            nlink: s.st_nlink as u64,
            rdev: s.st_rdev as u64,
        }
    }
}

/// What the kernel says about an open file.
///
/// # Errors
/// The kernel's.
pub fn of_file(file: &std::fs::File) -> std::io::Result<Stat> {
    Ok(rustix::fs::fstat(file)?.into())
}
