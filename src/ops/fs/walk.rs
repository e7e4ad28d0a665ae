//! A sorted, streaming walk of one source folder.
//!
//! Items come in the byte order of their full paths, each path once. No symbolic link below the root is
//! followed. However deep the tree, few folders are open at once: those near the top and those near
//! where the walk is; one that is needed again is opened again, and must be the folder it was.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::beneath;
use super::children::{Children, Turn};
use super::excludes::Excludes;
pub use super::stat::{FoundKind, Stat};
use crate::domain::path::RecordPath;
use crate::domain::problem::{Problem, ProblemKind};

/// A folder to be protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What its records' paths begin with.
    pub name: RecordPath,
    /// Where it lies. The person who configured it may mean a symbolic link here, and only here.
    pub path: PathBuf,
}

/// Why a source folder cannot be walked at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not there.
    #[error("the folder {} is not there: is its disk or share mounted?", .0.display())]
    Missing(PathBuf),
    /// There, but no folder.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// There, but closed to us.
    #[error("the folder {} cannot be read: {source}", .path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

impl SourceError {
    fn of(path: &std::path::Path, e: Errno) -> Self {
        match e {
            Errno::NOENT => Self::Missing(path.to_owned()),
            Errno::NOTDIR => Self::NotAFolder(path.to_owned()),
            _ => Self::Unreadable { path: path.to_owned(), source: e.into() },
        }
    }
}

/// Something that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its record path: the source's name and where it lies below.
    pub path: RecordPath,
    /// What it is.
    pub kind: FoundKind,
    /// What the kernel says about it.
    pub stat: Stat,
}

/// What a walk yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalkItem {
    /// Something that is there.
    Found(Found),
    /// Something that could not be looked at. If it is a folder, nothing is known about what is below.
    Problem(Problem),
}

/// Folders this near the root stay open, and so do this many above the current one.
const KEEP_OPEN: usize = 32;
/// So many children are asked about at once.
const WINDOW: usize = 1024;
const READ_DIR: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NONBLOCK);

struct Frame {
    fd: Option<OwnedFd>,
    inode: (u64, u64),
    path_len: usize,
    children: Children,
    next: usize,
    window_start: usize,
    window: Vec<Option<Result<Stat, Errno>>>,
    /// Names that a problem has been told about already.
    lost: Vec<Vec<u8>>,
}

/// See [`walk`].
pub struct Walker {
    excludes: Excludes,
    /// The full path of the folder the walk is in, and perhaps more behind it.
    path: Vec<u8>,
    root_len: usize,
    frames: Vec<Frame>,
    pending: VecDeque<WalkItem>,
    buffer: Vec<u8>,
}

/// Starts a walk. The first item is the folder itself.
///
/// # Errors
/// [`SourceError`] when the folder itself cannot be read.
pub fn walk(source: &Source, excludes: &Excludes) -> Result<Walker, SourceError> {
    let failed = |e| SourceError::of(&source.path, e);
    let fd = rustix::fs::open(&source.path, READ_DIR | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    let stat = Stat::from(rustix::fs::fstat(&fd).map_err(failed)?);
    let path = source.name.as_bytes().to_vec();
    let mut walker = Walker {
        excludes: excludes.clone(),
        root_len: path.len(),
        path,
        frames: Vec::new(),
        pending: VecDeque::new(),
        buffer: Vec::new(),
    };
    walker.pending.push_back(WalkItem::Found(Found { path: source.name.clone(), kind: stat.kind(), stat }));
    match walker.push(fd, stat.inode()) {
        Err(e) if walker.frames.last().is_none_or(|f| f.children.get(0).is_none()) => return Err(failed(e)),
        Err(e) => {
            let problem = walker.problem_here(e);
            walker.pending.push_back(problem);
        }
        Ok(()) => {}
    }
    Ok(walker)
}

impl Iterator for Walker {
    type Item = WalkItem;

    fn next(&mut self) -> Option<WalkItem> {
        loop {
            if let Some(item) = self.pending.pop_front() {
                return Some(item);
            }
            let top = self.frames.last_mut()?;
            self.path.truncate(top.path_len);
            let at = top.next;
            let Some(turn) = top.children.get(at) else {
                self.frames.pop();
                continue;
            };
            top.next += 1;
            let item = if turn.below { self.descend(turn) } else { self.child(at, turn) };
            if item.is_some() {
                return item;
            }
        }
    }
}

impl Walker {
    /// The child itself.
    fn child(&mut self, at: usize, turn: Turn) -> Option<WalkItem> {
        if let Err(e) = self.fill_window(at) {
            return self.give_up(e);
        }
        let top = self.frames.last_mut()?;
        let answer = top.window.get(at - top.window_start).copied().flatten()?;
        let name = top.children.name(turn);
        let mut bytes = Vec::with_capacity(self.path.len() + 1 + name.len());
        bytes.extend_from_slice(&self.path);
        bytes.push(b'/');
        bytes.extend_from_slice(name);
        let path = match RecordPath::new(bytes) {
            Ok(path) => path,
            Err(e) => {
                top.lost.push(name.to_vec());
                return Some(problem_at(&self.path, ProblemKind::BadName, format!("a name in this folder: {e}")));
            }
        };
        match answer {
            Ok(stat) => Some(WalkItem::Found(Found { path, kind: stat.kind(), stat })),
            Err(e) => {
                top.lost.push(name.to_vec());
                Some(WalkItem::Problem(Problem::of(&path, kind_of(e), describe(e))))
            }
        }
    }

    /// What is below a child.
    fn descend(&mut self, turn: Turn) -> Option<WalkItem> {
        if let Err(e) = self.reopen() {
            return self.give_up(e);
        }
        let top = self.frames.last()?;
        let name = top.children.name(turn);
        if top.lost.iter().any(|l| l == name) {
            return None;
        }
        self.path.push(b'/');
        self.path.extend_from_slice(name);
        let opened = beneath::open_quietly(top.fd.as_ref()?.as_fd(), name, READ_DIR);
        let opened = opened.and_then(|fd| Ok((Stat::from(rustix::fs::fstat(&fd)?), fd)));
        match opened.and_then(|(stat, fd)| self.push(fd, stat.inode())) {
            Ok(()) => None,
            Err(e) => Some(self.problem_here(e)),
        }
    }

    /// Reads the folder at `self.path` and makes it the top. After an error what was read is walked still.
    fn push(&mut self, fd: OwnedFd, inode: (u64, u64)) -> Result<(), Errno> {
        let folder = self.path.get(self.root_len + 1..).unwrap_or_default();
        let excludes = &self.excludes;
        let (children, outcome) =
            Children::read(fd.as_fd(), &mut self.buffer, |name, is_dir| excludes.matches(folder, name, is_dir));
        if let Some(far) = self.frames.len().checked_sub(KEEP_OPEN).filter(|at| *at >= KEEP_OPEN) {
            self.frames[far].fd = None;
        }
        self.frames.push(Frame {
            fd: Some(fd),
            inode,
            path_len: self.path.len(),
            children,
            next: 0,
            window_start: 0,
            window: Vec::new(),
            lost: Vec::new(),
        });
        outcome
    }

    fn fill_window(&mut self, at: usize) -> Result<(), Errno> {
        let covered = |f: &Frame| at < f.window_start + f.window.len();
        if self.frames.last().is_none_or(covered) {
            return Ok(());
        }
        self.reopen()?;
        let Some(top) = self.frames.last_mut() else { return Ok(()) };
        let fd = top.fd.as_ref().ok_or(Errno::BADF)?;
        top.window_start = at;
        top.window = top.children.stats(fd.as_fd(), at, WINDOW);
        Ok(())
    }

    /// Makes sure that the top folder is open.
    fn reopen(&mut self) -> Result<(), Errno> {
        if self.frames.last().is_none_or(|f| f.fd.is_some()) {
            return Ok(());
        }
        let below = self.path.get(self.root_len + 1..).unwrap_or_default();
        let root = self.frames.first().and_then(|f| f.fd.as_ref()).ok_or(Errno::BADF)?;
        let fd = beneath::open_quietly(root.as_fd(), below, READ_DIR)?;
        let inode = Stat::from(rustix::fs::fstat(&fd)?).inode();
        let Some(top) = self.frames.last_mut() else { return Ok(()) };
        if top.inode != inode {
            return Err(Errno::STALE);
        }
        top.fd = Some(fd);
        Ok(())
    }

    /// Leaves the top folder for good, and says so.
    fn give_up(&mut self, e: Errno) -> Option<WalkItem> {
        self.frames.pop();
        Some(self.problem_here(e))
    }

    fn problem_here(&self, e: Errno) -> WalkItem {
        problem_at(&self.path, kind_of(e), format!("the folder could not be read to its end: {}", describe(e)))
    }
}

fn problem_at(path: &[u8], kind: ProblemKind, detail: String) -> WalkItem {
    WalkItem::Problem(Problem { path: RecordPath::new(path).ok(), kind, detail })
}

/// What an error on the way to a listed name means.
pub(super) fn kind_of(e: Errno) -> ProblemKind {
    match e {
        Errno::NOENT => ProblemKind::Vanished,
        Errno::LOOP | Errno::NOTDIR | Errno::STALE => ProblemKind::Changed,
        _ => ProblemKind::Unreadable,
    }
}

fn describe(e: Errno) -> String {
    std::io::Error::from(e).to_string()
}
