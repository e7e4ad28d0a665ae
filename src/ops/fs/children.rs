//! One folder's children in the order of their full paths.
//!
//! A folder stands twice among its siblings: once by its name, for itself, and once by its name with a
//! slash, for what is below it: `a`, `a.txt`, then `a/b`. Names lie in one block of memory.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, RawDir};
use rustix::io::Errno;

use super::stat::Stat;

/// One turn in a folder: a child itself, or everything below a child that is a folder.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    start: usize,
    len: u16,
    ino: u64,
    /// Whether it is for what lies below the child.
    pub below: bool,
}

/// What a folder holds, sorted.
#[derive(Debug, Default)]
pub struct Children {
    names: Vec<u8>,
    turns: Vec<Turn>,
}

impl Children {
    /// Reads a folder, leaving out what `skip` says (by name, and whether it is a folder). What could be
    /// read before an error is kept.
    pub fn read(
        fd: BorrowedFd<'_>,
        buffer: &mut Vec<u8>,
        mut skip: impl FnMut(&[u8], bool) -> bool,
    ) -> (Self, Result<(), Errno>) {
        buffer.clear();
        buffer.reserve(64 * 1024);
        let mut all = Self::default();
        let mut entries = RawDir::new(fd, buffer.spare_capacity_mut());
        let outcome = loop {
            let entry = match entries.next() {
                None => break Ok(()),
                Some(Err(e)) => break Err(e),
                Some(Ok(entry)) => entry,
            };
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let is_dir = match entry.file_type() {
                FileType::Directory => true,
                FileType::Unknown => is_dir(fd, name),
                _ => false,
            };
            if !skip(name, is_dir) {
                all.push(name, entry.ino(), is_dir);
            }
        };
        all.sort();
        (all, outcome)
    }

    fn push(&mut self, name: &[u8], ino: u64, is_dir: bool) {
        // The kernel's record for one name is counted in 16 bits.
        let Ok(len) = u16::try_from(name.len()) else { return };
        let start = self.names.len();
        self.names.extend_from_slice(name);
        self.turns.push(Turn { start, len, ino, below: false });
        if is_dir {
            self.names.push(b'/');
            self.turns.push(Turn { start, len, ino, below: true });
        }
    }

    fn sort(&mut self) {
        let names = &self.names;
        let key = |t: &Turn| &names[t.start..t.start + usize::from(t.len) + usize::from(t.below)];
        self.turns.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        // A name that moves while the folder is read can be listed twice.
        self.turns.dedup_by(|a, b| key(a) == key(b));
    }

    /// The turn at this place.
    pub fn get(&self, at: usize) -> Option<Turn> {
        self.turns.get(at).copied()
    }

    /// The child's name.
    pub fn name(&self, turn: Turn) -> &[u8] {
        &self.names[turn.start..turn.start + usize::from(turn.len)]
    }

    /// Asks about the children whose turn is in `from..`, at most `count` of them, in the order of their
    /// inodes, which is the order they lie on a disk. Turns for what lies below have no answer.
    pub fn stats(&self, fd: BorrowedFd<'_>, from: usize, count: usize) -> Vec<Option<Result<Stat, Errno>>> {
        let window = &self.turns[from..self.turns.len().min(from + count)];
        let mut order: Vec<(u64, usize)> =
            window.iter().enumerate().filter(|(_, t)| !t.below).map(|(at, t)| (t.ino, at)).collect();
        order.sort_unstable();
        let mut answers = vec![None; window.len()];
        for (_, at) in order {
            let answer = rustix::fs::statat(fd, self.name(window[at]), AtFlags::SYMLINK_NOFOLLOW);
            answers[at] = Some(answer.map(Stat::from));
        }
        answers
    }
}

/// For file systems that do not say in the listing what a child is.
fn is_dir(fd: BorrowedFd<'_>, name: &[u8]) -> bool {
    rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Directory)
}
