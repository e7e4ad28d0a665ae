//! For tests: small trees with everything that Unix allows in one, the same for the same seed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid};

/// What may be in a tree.
#[derive(Debug, Clone, Copy)]
pub struct TreeOptions {
    /// At most so many items.
    pub items: u64,
    /// At most about so many bytes of data.
    pub bytes: u64,
    /// Devices and foreign owners; without root there are none in any case.
    pub root_only: bool,
    /// Pipes and sockets.
    pub special: bool,
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self { items: 40, bytes: 300 * 1024, root_only: true, special: true }
    }
}

/// Xorshift with a multiplier: small, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// From any seed; nearby seeds give unlike sequences.
    pub fn new(seed: u64) -> Self {
        Self((seed ^ 0x5bf0_3635_dcf2_9a1b).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `n`, or zero.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { (self.draw() >> 11) % n }
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap_or(0)]
    }

    /// So many bytes.
    pub fn bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.draw().to_le_bytes()[5]).collect()
    }
}

struct Maker<'o> {
    rng: Rng,
    options: &'o TreeOptions,
    root: bool,
    left: u64,
    dirs: Vec<(PathBuf, usize)>,
    files: Vec<PathBuf>,
}

/// Makes a tree in `root`, a new folder.
///
/// # Errors
/// The kernel's; what only a file system or a container refuses is left out instead.
pub fn random_tree(seed: u64, root: &Path, options: &TreeOptions) -> io::Result<()> {
    fs::create_dir(root)?;
    let mut maker = Maker {
        rng: Rng::new(seed),
        options,
        root: rustix::process::geteuid().is_root() && options.root_only,
        left: options.bytes,
        dirs: vec![(root.to_owned(), 0)],
        files: Vec::new(),
    };
    for _ in 0..maker.rng.below(options.items + 1) {
        maker.item()?;
    }
    // A folder's time and what it passes on are set when nothing more is made in it.
    for (dir, _) in std::mem::take(&mut maker.dirs).into_iter().rev() {
        maker.attributes(&dir, FileType::Directory)?;
    }
    Ok(())
}

impl Maker<'_> {
    fn item(&mut self) -> io::Result<()> {
        let (dir, depth) = self.rng.pick(&self.dirs).clone();
        let path = dir.join(OsStr::from_bytes(&self.name()));
        if path.symlink_metadata().is_ok() {
            return Ok(());
        }
        match self.rng.below(20) {
            0..=4 if depth < 6 => {
                fs::create_dir(&path)?;
                self.dirs.push((path, depth + 1));
                Ok(())
            }
            5..=6 => {
                let to = self.points_to();
                symlink(OsStr::from_bytes(&to), &path)?;
                self.attributes(&path, FileType::Symlink)
            }
            7..=8 if !self.files.is_empty() => {
                let existing = self.rng.pick(&self.files).clone();
                fs::hard_link(existing, path)
            }
            9 if self.options.special => self.node(&path, FileType::Fifo, 0),
            10 if self.options.special => self.node(&path, FileType::Socket, 0),
            11 if self.root => {
                let kind = *self.rng.pick(&[FileType::CharacterDevice, FileType::BlockDevice]);
                let (major, minor) = (self.rng.below(4000) as u32, self.rng.below(1 << 18) as u32);
                self.node(&path, kind, rustix::fs::makedev(major, minor))
            }
            12 => self.sparse(&path),
            _ => self.plain(&path),
        }
    }

    fn plain(&mut self, path: &Path) -> io::Result<()> {
        let rng = &mut self.rng;
        let len = (*rng.pick(&[0, 0, 1, 2, 100, 4095, 4096, 4097, 20_000, 70_000])).min(self.left);
        let bytes = if rng.below(3) == 0 { b"Minutes.\n".repeat(len as usize / 9) } else { rng.bytes(len) };
        self.left -= bytes.len() as u64;
        fs::write(path, bytes)?;
        self.files.push(path.to_owned());
        self.attributes(path, FileType::RegularFile)
    }

    fn sparse(&mut self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        let size = 1 + self.rng.below(1 << 20);
        file.set_len(size)?;
        for _ in 0..self.rng.below(3) {
            let len = self.rng.below(5000).min(self.left).min(size);
            let at = self.rng.below(size - len + 1);
            file.write_all_at(&self.rng.bytes(len), at)?;
            self.left -= len;
        }
        self.files.push(path.to_owned());
        self.attributes(path, FileType::RegularFile)
    }

    fn node(&mut self, path: &Path, kind: FileType, dev: u64) -> io::Result<()> {
        match rustix::fs::mknodat(CWD, path, kind, Mode::RUSR, dev) {
            Ok(()) => self.attributes(path, kind),
            // Containers refuse devices even to root.
            Err(rustix::io::Errno::PERM) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Names that collide in sorting, that are no text, that are as long as can be.
    fn name(&mut self) -> Vec<u8> {
        let rng = &mut self.rng;
        let mut name = match rng.below(9) {
            0 => rng.bytes(255),
            1 => vec![b'x'; 255],
            2 => b"two\nlines".to_vec(),
            3 => [b"bad\xff\xfe".to_vec(), rng.bytes(2)].concat(),
            4 => "Protokoll \u{fc} Gemeinderat \u{1f4dc}".as_bytes().to_vec(),
            5 => [b" -rf *\\ \"'", &rng.bytes(1)[..]].concat(),
            _ => {
                let stem = *rng.pick(&[&b"a"[..], b"b", b"ab", b"."]);
                [stem, *rng.pick(&[&b"a"[..], b".txt", b"-", b"0", b"!"])].concat()
            }
        };
        for b in name.iter_mut().filter(|b| matches!(b, 0 | b'/')) {
            *b = b'_';
        }
        if matches!(name.as_slice(), b"." | b"..") { b"dots".to_vec() } else { name }
    }

    fn points_to(&mut self) -> Vec<u8> {
        let rng = &mut self.rng;
        match rng.below(6) {
            0 => b"/etc/passwd".to_vec(),
            1 => b"..".to_vec(),
            2 => b"a.txt".to_vec(),
            3 => b"nowhere/\xff\n".to_vec(),
            4 => vec![b'l'; 3000],
            _ => b"../../../../../../../tmp".to_vec(),
        }
    }

    /// Owner, attributes, mode and time, in the order in which they last.
    fn attributes(&mut self, path: &Path, kind: FileType) -> io::Result<()> {
        let still = AtFlags::SYMLINK_NOFOLLOW;
        if self.root && self.rng.below(2) == 0 {
            let (uid, gid) = (self.rng.below(70_000) as u32, self.rng.below(70_000) as u32);
            rustix::fs::chownat(CWD, path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), still)?;
        }
        if matches!(kind, FileType::RegularFile | FileType::Directory) {
            self.xattrs(path, kind);
        }
        if kind != FileType::Symlink {
            let odd = *self.rng.pick(&[0o644, 0o600, 0o755, 0o4755, 0o2711, 0o1777, 0o7777, 0o444, 0, 0o070]);
            let ours = if self.root { 0 } else { 0o700 };
            rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(odd | ours), AtFlags::empty())?;
        }
        let ns = *self.rng.pick(&[0, 1, 999_999_999, 123_456_789]);
        let s = *self.rng.pick(&[0, -1, -2_000_000_000, 1_790_000_000, 2_147_483_648, 4_102_444_800, 9_999_999_999]);
        let time = Timespec { tv_sec: s, tv_nsec: ns };
        rustix::fs::utimensat(CWD, path, &Timestamps { last_access: time, last_modification: time }, still)?;
        Ok(())
    }

    /// What the file system does not take is left out.
    fn xattrs(&mut self, path: &Path, kind: FileType) {
        let rng = &mut self.rng;
        for at in 0..rng.below(6).saturating_sub(3) {
            let len = rng.below(500);
            let _ = xattr::set(path, OsStr::from_bytes(format!("user.\u{e4}{at}").as_bytes()), &rng.bytes(len));
        }
        if rng.below(5) == 0 {
            let _ = xattr::set(path, "system.posix_acl_access", &acl(rng.below(70_000) as u32));
        }
        if kind == FileType::Directory && rng.below(5) == 0 {
            let _ = xattr::set(path, "system.posix_acl_default", &acl(rng.below(70_000) as u32));
        }
    }
}

/// An ACL that lets one more user read and write: version 2, then tag, permissions, number.
fn acl(user: u32) -> Vec<u8> {
    let none = u32::MAX;
    let entries = [(1u16, 6u16, none), (2, 6, user), (4, 4, none), (0x10, 6, none), (0x20, 0, none)];
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ops::fs::compare::{diff, snapshot_tree};

    #[test]
    fn one_seed_gives_one_tree_and_many_give_every_kind() {
        let dir = tempfile::tempdir().unwrap();
        let mut kinds = BTreeSet::new();
        for seed in 0..40 {
            let [a, b] = ["a", "b"].map(|n| dir.path().join(format!("{seed}{n}")));
            random_tree(seed, &a, &TreeOptions::default()).unwrap();
            random_tree(seed, &b, &TreeOptions::default()).unwrap();
            let a = snapshot_tree(&a).unwrap();
            assert_eq!(diff(&a, &snapshot_tree(&b).unwrap()), Vec::<String>::new(), "seed {seed}");
            assert!(a.len() <= 41);
            for item in a.values() {
                kinds.insert(format!("{:?}", item.kind));
                kinds.extend(item.sparse.then(|| "sparse".to_owned()));
                kinds.extend(item.link_group.is_some().then(|| "linked".to_owned()));
                let short = |name: &[u8]| if name.starts_with(b"user.") { name[..5].to_vec() } else { name.to_vec() };
                kinds.extend(item.xattrs.keys().map(|k| String::from_utf8_lossy(&short(k)).into_owned()));
                kinds.extend((item.mode & 0o4000 != 0).then(|| "set-uid".to_owned()));
            }
        }
        for kind in ["Dir", "File", "Symlink", "Fifo", "Socket", "sparse", "linked", "user.", "set-uid"] {
            assert!(kinds.contains(kind), "{kind} in {kinds:?}");
        }
        // Where the file system has them at all, they must occur: what the trees lack is not proved by them.
        for name in ["system.posix_acl_access", "system.posix_acl_default"] {
            let taken = xattr::set(dir.path(), name, &acl(4711)).is_ok();
            println!("{name}: {}", if taken { "in the trees" } else { "not on this file system" });
            assert_eq!(kinds.contains(name), taken, "{name} in {kinds:?}");
        }
    }
}
