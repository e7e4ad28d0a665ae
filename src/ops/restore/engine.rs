//! Each pack fetched once, its pieces handed to a sink: the one way in which content comes back.
//!
//! A few workers have one pack each in memory. What is damaged is told to the sink file by file and the rest
//! goes on; a fault of the store or of the target ends the run.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::window::{Need, Window};
use crate::domain::id::PackName;
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::chunk::ChunkKey;
use crate::repo::cut::base64::write_back;
use crate::repo::error::RepoError;
use crate::repo::pack::{PackError, PackReader};
use crate::repo::repository::{Repository, open_pack};
use crate::repo::seal::Identity;
use crate::repo::store::Store;

/// Takes what comes back. Called from several threads, for one file possibly at once.
pub(super) trait Sink: Sync {
    /// Some checked bytes of a file.
    fn piece(&self, file: u32, offset: u64, bytes: &[u8]) -> Result<(), OpsError>;
    /// A part of a file cannot come back.
    fn lost(&self, file: u32, why: &str);
    /// Everything that can come has come. Called once for each file.
    fn complete(&self, file: u32) -> Result<(), OpsError>;
}

/// In which order pieces reach the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Packs as they come.
    Any,
    /// Packs one after the other; only fetching runs ahead.
    ByPack,
}

/// What every worker needs.
struct Job<'a> {
    store: &'a Store,
    reading: &'a [Identity],
    key: ChunkKey,
    names: Vec<PackName>,
    groups: Vec<&'a [Need]>,
    left: Vec<AtomicU32>,
    next: AtomicUsize,
    fetched: AtomicUsize,
    turn: Turn,
    order: Order,
    sink: &'a dyn Sink,
    monitor: &'a dyn Monitor,
    stop: &'a Stop,
}

/// Whose turn it is, and whether somebody failed.
#[derive(Default)]
struct Turn {
    now: Mutex<usize>,
    moved: Condvar,
    failed: AtomicBool,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Turn {
    /// Waits; `false` when somebody failed meanwhile.
    fn wait(&self, mine: usize) -> bool {
        let mut now = locked(&self.now);
        while *now != mine && !self.failed.load(Ordering::SeqCst) {
            now = self.moved.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
        !self.failed.load(Ordering::SeqCst)
    }

    fn pass(&self) {
        *locked(&self.now) += 1;
        self.moved.notify_all();
    }

    fn fail(&self) {
        let _now = locked(&self.now);
        self.failed.store(true, Ordering::SeqCst);
        self.moved.notify_all();
    }
}

/// Brings everything in the window back. Says how many packs were fetched.
///
/// # Errors
/// Faults of the store, what the sink returns, and `Interrupted`. Damage is told to the sink.
pub(super) fn run(
    repo: &Repository,
    mut window: Window,
    sink: &dyn Sink,
    (order, connections): (Order, usize),
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<u64, OpsError> {
    window.sort();
    for (file, why) in &window.lost {
        sink.lost(*file, why);
    }
    for (file, _) in window.left.iter().enumerate().filter(|(_, left)| **left == 0) {
        stop.check()?;
        sink.complete(file as u32)?;
    }
    let names = window.packs.iter().map(|n| repo.pack_name(*n)).collect::<Result<Vec<_>, _>>()?;
    let job = Job {
        store: &repo.store,
        reading: &repo.ring.reading,
        key: repo.chunk_key(),
        names,
        groups: window.needs.chunk_by(|a, b| a.rank == b.rank).collect(),
        left: window.left.iter().map(|n| AtomicU32::new(*n)).collect(),
        next: AtomicUsize::new(0),
        fetched: AtomicUsize::new(0),
        turn: Turn::default(),
        order,
        sink,
        monitor,
        stop,
    };
    let workers = connections.clamp(1, job.groups.len().max(1));
    let results: Vec<Result<(), OpsError>> = std::thread::scope(|scope| {
        let spawned: Vec<_> = (0..workers).map(|_| scope.spawn(|| job.work())).collect();
        let died = || Err(OpsError::Target("a worker of the restore died".into()));
        spawned.into_iter().map(|w| w.join().unwrap_or_else(|_| died())).collect()
    });
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(job.fetched.into_inner() as u64)
}

impl Job<'_> {
    fn work(&self) -> Result<(), OpsError> {
        let guard = FailOnDrop(&self.turn);
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(group) = self.groups.get(at) else { break };
            if self.turn.failed.load(Ordering::SeqCst) {
                break;
            }
            self.stop.check()?;
            let opened = open_pack(self.store, &self.names[group[0].rank as usize], self.reading);
            if self.order == Order::ByPack && !self.turn.wait(at) {
                break;
            }
            match opened {
                Ok(pack) => {
                    self.fetched.fetch_add(1, Ordering::Relaxed);
                    self.pack(pack, group)?;
                }
                Err(e) if e.is_damage() => self.all_lost(group, &e.to_string())?,
                Err(e) => return Err(e.into()),
            }
            self.turn.pass();
        }
        std::mem::forget(guard);
        Ok(())
    }

    fn pack(&self, mut pack: PackReader, group: &[Need]) -> Result<(), OpsError> {
        let name = self.names[group[0].rank as usize];
        let damaged = |error: PackError| RepoError::Pack { name, error }.to_string();
        for needs in group.chunk_by(|a, b| a.segment.offset == b.segment.offset) {
            self.stop.check()?;
            let place = needs[0].segment;
            let raw = match pack.segment(place.offset, place.len, place.raw) {
                Ok(raw) => raw,
                Err(e) => {
                    self.all_lost(needs, &damaged(e))?;
                    continue;
                }
            };
            for same in needs.chunk_by(|a, b| (a.start, a.len, a.id) == (b.start, b.len, b.id)) {
                let (from, to) = (same[0].start as usize, same[0].start as usize + same[0].len as usize);
                match raw.get(from..to).filter(|bytes| self.key.id(bytes) == same[0].id) {
                    Some(bytes) => same.iter().try_for_each(|need| self.deliver(need, bytes))?,
                    None => self.all_lost(same, &damaged(PackError::Chunk(same[0].id)))?,
                }
            }
        }
        Ok(())
    }

    fn deliver(&self, need: &Need, bytes: &[u8]) -> Result<(), OpsError> {
        match need.written {
            None => self.sink.piece(need.file, need.offset, bytes)?,
            Some((len, form)) => match write_back(bytes, form, len as usize) {
                Some(written) => self.sink.piece(need.file, need.offset, &written)?,
                None => self.sink.lost(need.file, "a stretch of base64 cannot be written back as it was"),
            },
        }
        self.monitor.advance(need.written.map_or(u64::from(need.len), |(len, _)| u64::from(len)));
        self.count_down(need.file)
    }

    fn all_lost(&self, needs: &[Need], why: &str) -> Result<(), OpsError> {
        for need in needs {
            self.sink.lost(need.file, why);
            self.count_down(need.file)?;
        }
        Ok(())
    }

    fn count_down(&self, file: u32) -> Result<(), OpsError> {
        if self.left[file as usize].fetch_sub(1, Ordering::AcqRel) == 1 { self.sink.complete(file) } else { Ok(()) }
    }
}

/// A worker that ends early, by error or panic, sets the others free.
struct FailOnDrop<'t>(&'t Turn);

impl Drop for FailOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fail();
    }
}
