//! A stretch of paths at a time, read ahead of whoever stores it: small files that changed are read by several readers in the
//! order in which they lie on the disk, while the stretch before is still being cut and stored. Of large ones the kernel is asked
//! to begin.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use jiff::Timestamp;

use super::content::{SMALL, Small, read_small};
use super::merge::{Item, Merge};
use super::window::Reading;
use crate::domain::problem::Problem;
use crate::ops::fs::walk::Found;
use crate::repo::error::RepoError;

/// Small files read at the same time.
const READERS: usize = 8;
/// A window ends at so many paths,
pub const WINDOW_ITEMS: usize = 4096;
/// or at so many bytes of small files to be read. Two are in memory: one is read, one is stored.
pub const WINDOW_BYTES: u64 = 8 << 20;
/// Of a large file so much is begun,
const BEGUN: u64 = 8 << 20;
/// and of all in a window so much, which the kernel keeps.
const BEGUN_IN_ALL: u64 = 32 << 20;

/// A stretch of paths, with the small files among them that are to be stored.
pub struct Window {
    /// The paths, in order.
    pub items: Vec<Item>,
    /// When reading began.
    pub at: Timestamp,
    room: Vec<u8>,
    smalls: Vec<Option<Result<Held, Problem>>>,
}

/// A small file that was read, and where in the window's room.
struct Held {
    bytes: Range<usize>,
    rest: Box<Small<'static>>,
}

impl Window {
    /// The small file at this position, once, if it was read.
    pub fn take(&mut self, at: usize) -> Option<Result<Small<'_>, Problem>> {
        let held = self.smalls[at].take()?;
        Some(held.map(|Held { bytes, rest }| Small { bytes: &self.room[bytes], ..*rest }))
    }
}

/// Windows as they come.
pub struct Windows {
    next: Receiver<Result<Option<Window>, RepoError>>,
    rooms: Sender<Vec<u8>>,
}

impl Windows {
    /// Begins reading ahead, until nobody takes what was read.
    pub fn begin<'scope, 'env>(scope: &'scope Scope<'scope, 'env>, reading: &'env Reading<'env>, merge: Merge) -> Self {
        // Nothing waits between the two: what is read next is read while the window before is stored.
        let ((to, next), (rooms, back)) = (sync_channel(0), channel());
        scope.spawn(move || run(reading, merge, &to, &back));
        Self { next, rooms }
    }

    /// The next one; `None` after the last.
    ///
    /// # Errors
    /// What the walk or the last listing met; [`RepoError::Interrupted`] when the reader is gone before the end.
    pub fn next(&self) -> Result<Option<Window>, RepoError> {
        self.next.recv().unwrap_or(Err(RepoError::Interrupted))
    }

    /// Gives the memory of a window back that was stored.
    pub fn give_back(&self, window: Window) {
        // Nobody needs it when the last window was read.
        let _ = self.rooms.send(window.room);
    }
}

fn run(
    reading: &Reading<'_>,
    mut merge: Merge,
    to: &SyncSender<Result<Option<Window>, RepoError>>,
    back: &Receiver<Vec<u8>>,
) {
    let mut linked = HashSet::new();
    loop {
        let window = next_items(&mut merge, reading).map(|items| match items.is_empty() {
            true => None,
            false => Some(read(reading, items, back.try_recv().unwrap_or_default(), &mut linked)),
        });
        let goes_on = matches!(window, Ok(Some(_)));
        if to.send(window).is_err() || !goes_on {
            return;
        }
    }
}

fn next_items(merge: &mut Merge, reading: &Reading<'_>) -> Result<Vec<Item>, RepoError> {
    let (mut items, mut bytes, mut begun) = (vec![], 0, 0);
    while items.len() < WINDOW_ITEMS && bytes < WINDOW_BYTES && begun < BEGUN_IN_ALL {
        let Some(item) = merge.next()? else { break };
        match reading.to_read(&item).map(|(found, _)| found.stat.size) {
            Some(size) if size <= SMALL => bytes += size,
            Some(size) => begun += size.min(BEGUN),
            None => {}
        }
        items.push(item);
    }
    Ok(items)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the small files of a window. Of several names of one file the first is read; the others follow it when they are
/// stored, or are read then.
fn read(reading: &Reading<'_>, items: Vec<Item>, mut room: Vec<u8>, linked: &mut HashSet<(u64, u64)>) -> Window {
    let at = reading.clock.now();
    let wanted =
        items.iter().enumerate().filter_map(|(i, item)| reading.to_read(item).map(|(f, source)| (i, f, source)));
    let mut first =
        |f: &Found, source: usize| !reading.stable_inodes[source] || f.stat.nlink < 2 || linked.insert(f.stat.inode());
    let (mut order, large): (Vec<(usize, &Found, usize)>, Vec<_>) =
        wanted.filter(|(_, f, source)| first(f, *source)).partition(|(_, f, _)| f.stat.size <= SMALL);
    for (_, found, source) in large {
        reading.openers[source].will_need(&found.path, found.stat.size.min(BEGUN));
    }
    order.sort_by_key(|(_, f, _)| f.stat.ino);
    let sizes = order.iter().map(|(_, f, _)| f.stat.size as usize + 1);
    let all: usize = sizes.clone().sum();
    if room.len() < all {
        room.resize(all, 0);
    }
    let (mut rest, mut start, mut work) = (&mut room[..all], 0, vec![]);
    for ((i, found, source), size) in order.iter().zip(sizes) {
        let (part, after) = rest.split_at_mut(size);
        work.push((*i, *found, *source, start, part));
        (rest, start) = (after, start + size);
    }
    let readers = if work.len() < 4 { 1 } else { READERS };
    let (work, results) =
        (Mutex::new(work.into_iter()), Mutex::new((0..items.len()).map(|_| None).collect::<Vec<_>>()));
    let read = || {
        loop {
            let next = locked(&work).next();
            let Some((i, found, source, start, part)) = next else { return };
            let small = read_small(&reading.openers[source], found, reading.names, part).transpose();
            locked(&results)[i] = small.map(|small| small.map(|small| held(start, small)));
        }
    };
    if readers == 1 {
        read();
    } else {
        std::thread::scope(|scope| (0..readers).for_each(|_| drop(scope.spawn(read))));
    }
    let smalls = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    Window { items, at, room, smalls }
}

fn held(start: usize, small: Small<'_>) -> Held {
    let bytes = start..start + small.bytes.len();
    let Small { meta, ranges, problem, stat, .. } = small;
    Held { bytes, rest: Box::new(Small { bytes: &[], meta, ranges, problem, stat }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_said_end_is_the_end() {
        let ((to, next), (rooms, _back)) = (sync_channel(1), channel());
        let windows = Windows { next, rooms };
        to.send(Ok(None)).unwrap();
        assert!(windows.next().unwrap().is_none());
        drop(to);
        assert!(matches!(windows.next(), Err(RepoError::Interrupted)), "its reader died");
    }
}
