//! Each pack fetched once, its pieces handed to a sink: the one way in which content comes back.
//!
//! A few workers have one pack each in memory. What is damaged is told to the sink file by file and the rest
//! goes on; a fault of the store or of the target ends the run.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::part::{Part, Prepared, Tally, Whole};
use super::window::{Need, Window};
use crate::domain::id::PackName;
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::chunk::ChunkKey;
use crate::repo::cut::base64::write_back;
use crate::repo::error::RepoError;
use crate::repo::open_pack::PackSource;
use crate::repo::repository::Repository;

/// Takes what comes back. Called from several threads, for one file possibly at once.
pub(super) trait Sink: Sync {
    /// Some checked bytes of a file.
    fn piece(&self, file: u32, offset: u64, bytes: &[u8]) -> Result<(), OpsError>;
    /// A part of a file cannot come back.
    fn lost(&self, file: u32, why: &str);
    /// Everything that can come has come. Called once for each file.
    fn complete(&self, file: u32) -> Result<(), OpsError>;
}

/// Bytes of a pack that a worker opens before it is its turn.
const PREPARED: usize = 8 << 20;

/// In which order pieces reach the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Packs as they come.
    Any,
    /// Packs one after the other; only fetching runs ahead.
    ByPack,
}

/// How to bring packs.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    pub order: Order,
    /// Packs fetched at the same time.
    pub connections: usize,
    /// Packs are opened from end to end, not only where something is needed.
    pub whole: Option<&'a Whole>,
}

/// What every worker needs.
struct Job<'a> {
    repo: &'a Repository,
    source: PackSource<'a>,
    key: ChunkKey,
    /// Name and stored size by rank.
    packs: Vec<(PackName, u64)>,
    groups: Vec<&'a [Need]>,
    left: Vec<AtomicU32>,
    next: AtomicUsize,
    fetched: AtomicUsize,
    turn: Turn,
    order: Order,
    whole: Option<&'a Whole>,
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
    how: How<'_>,
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
    let known = |n: &u32| Ok((repo.pack_name(*n)?, repo.pack_size(*n)?));
    let packs = window.packs.iter().map(known).collect::<Result<Vec<_>, RepoError>>()?;
    let job = Job {
        repo,
        source: repo.packs(),
        key: repo.chunk_key(),
        packs,
        groups: window.needs.chunk_by(|a, b| a.rank == b.rank).collect(),
        left: window.left.iter().map(|n| AtomicU32::new(*n)).collect(),
        next: AtomicUsize::new(0),
        fetched: AtomicUsize::new(0),
        turn: Turn::default(),
        order: how.order,
        whole: how.whole,
        sink,
        monitor,
        stop,
    };
    let workers = how.connections.clamp(1, job.groups.len().max(1));
    let results: Vec<Result<(), OpsError>> = std::thread::scope(|scope| {
        let spawned: Vec<_> = (0..workers).map(|_| scope.spawn(|| job.work())).collect();
        let died = || Err(OpsError::Target("a worker of the restore died".into()));
        spawned.into_iter().map(|w| w.join().unwrap_or_else(|_| died())).collect()
    });
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(job.fetched.into_inner() as u64)
}

/// The segments needed, each once.
fn places(group: &[Need]) -> Vec<(u64, u32)> {
    group
        .chunk_by(|a, b| a.segment.offset == b.segment.offset)
        .map(|n| (n[0].segment.offset, n[0].segment.len))
        .collect()
}

impl<'a> Job<'a> {
    fn work(&self) -> Result<(), OpsError> {
        let guard = FailOnDrop(&self.turn);
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(group) = self.groups.get(at) else { break };
            if self.turn.failed.load(Ordering::SeqCst) {
                break;
            }
            self.stop.check()?;
            if !self.group(at, group)? {
                break;
            }
            self.turn.pass();
        }
        std::mem::forget(guard);
        Ok(())
    }

    /// One pack: fetched, as much of it opened as may wait, and then handed out. `false` when somebody failed.
    fn group(&self, at: usize, group: &'a [Need]) -> Result<bool, OpsError> {
        let (name, size) = self.packs[group[0].rank as usize];
        let whole = self.whole.filter(|w| w.is_new(&name));
        let opened = match whole {
            Some(_) => self.source.whole(&name),
            None => self.source.parts(&name, size, &places(group)),
        };
        let mut pack = match opened {
            Ok(pack) => pack,
            Err(e) if e.is_damage() => {
                if !self.may_hand_out(at) {
                    return Ok(false);
                }
                self.all_lost(group, &e.to_string())?;
                self.note_whole(name, Err(e.to_string()));
                return Ok(true);
            }
            Err(e) => return Err(e.into()),
        };
        self.fetched.fetch_add(1, Ordering::Relaxed);
        let mut tally = Tally::default();
        let mut parts = Part::all(&mut pack, group, whole.map(|w| (w, &name)), &mut tally)?;
        let (mut ready, mut held) = (vec![], 0);
        while self.order == Order::ByPack && held < PREPARED {
            let Some(part) = parts.pop_front() else { break };
            self.stop.check()?;
            let prepared = part.open(&mut pack, &self.key, name, &mut tally)?;
            held += prepared.raw.as_ref().map_or(0, Vec::len);
            ready.push(prepared);
        }
        if !self.may_hand_out(at) {
            return Ok(false);
        }
        ready.into_iter().try_for_each(|part| self.hand_out(part))?;
        for part in parts {
            self.stop.check()?;
            self.hand_out(part.open(&mut pack, &self.key, name, &mut tally)?)?;
        }
        if whole.is_some() {
            self.note_whole(name, tally.into_result());
        }
        Ok(true)
    }

    fn may_hand_out(&self, at: usize) -> bool {
        self.order == Order::Any || self.turn.wait(at)
    }

    fn note_whole(&self, name: PackName, result: Result<u64, String>) {
        if let Some(whole) = self.whole {
            locked(&whole.results).entry(name).or_insert(result);
        }
    }

    fn hand_out(&self, part: Prepared<'_>) -> Result<(), OpsError> {
        let raw = match &part.raw {
            Ok(raw) => raw,
            Err(why) => return self.all_lost(part.needs, why),
        };
        for (need, why) in part.needs.iter().zip(&part.unsound) {
            let (from, to) = (need.start as usize, need.start as usize + need.len as usize);
            match (why, raw.get(from..to)) {
                (None, Some(bytes)) => self.deliver(need, bytes)?,
                (why, _) => self.all_lost(std::slice::from_ref(need), why.as_deref().unwrap_or("it is too short"))?,
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

    /// What this pack does not give, others may have.
    fn all_lost(&self, needs: &[Need], why: &str) -> Result<(), OpsError> {
        let mut others = self.repo.another_reader().ok();
        for need in needs {
            self.stop.check()?;
            let found = others.as_mut().map(|o| o.read_elsewhere(&need.id)).transpose()?.flatten();
            if let Some(bytes) = found {
                self.repo.remember_around(need.segment.pack, why);
                self.deliver(need, &bytes)?;
                continue;
            }
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
