//! Each pack fetched once, its pieces handed to a sink: the one way in which content comes back.
//!
//! A few workers have one pack each in memory. What is damaged is told to the sink file by file and the rest
//! goes on; a fault of the store or of the target ends the run.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// How to bring packs.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
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
    /// A worker ended, because nothing is left to take or because it failed: the others need take nothing more.
    ended: AtomicBool,
    whole: Option<&'a Whole>,
    sink: &'a dyn Sink,
    monitor: &'a dyn Monitor,
    stop: &'a Stop,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        ended: AtomicBool::new(false),
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

/// Whether the second piece lies behind the first both in the pack and in the file, as it is.
fn goes_on(a: &Need, b: &Need) -> bool {
    let as_it_is = a.written.is_none() && b.written.is_none();
    let in_file = a.file == b.file && a.offset + u64::from(a.len) == b.offset;
    as_it_is && in_file && u64::from(a.start) + u64::from(a.len) == u64::from(b.start)
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
        let _guard = EndOthers(&self.ended);
        while !self.ended.load(Ordering::Relaxed) {
            let Some(group) = self.groups.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            self.group(group)?;
        }
        Ok(())
    }

    /// One pack: fetched, and handed out segment by segment.
    fn group(&self, group: &'a [Need]) -> Result<(), OpsError> {
        self.stop.check()?;
        let (name, size) = self.packs[group[0].rank as usize];
        let whole = self.whole.filter(|w| w.is_new(&name));
        let opened = match whole {
            Some(_) => self.source.whole(&name),
            None => self.source.parts(&name, size, &places(group)),
        };
        let mut pack = match opened {
            Ok(pack) => pack,
            Err(e) if e.is_damage() => {
                self.all_lost(group, &e.to_string())?;
                self.note_whole(name, Err(e.to_string()));
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        };
        self.fetched.fetch_add(1, Ordering::Relaxed);
        let mut tally = Tally::default();
        for part in Part::all(&mut pack, group, whole.map(|w| (w, &name)), &mut tally)? {
            self.stop.check()?;
            self.hand_out(part.open(&mut pack, &self.key, name, &mut tally)?)?;
        }
        if whole.is_some() {
            self.note_whole(name, tally.into_result());
        }
        Ok(())
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
        let mut unsound = part.unsound.as_slice();
        for run in part.needs.chunk_by(goes_on) {
            let of_run = unsound.split_off(..run.len()).unwrap_or_default();
            let (first, last) = (&run[0], &run[run.len() - 1]);
            let bytes = raw.get(first.start as usize..last.start as usize + last.len as usize);
            match bytes.filter(|_| of_run.iter().all(Option::is_none)) {
                Some(bytes) => self.deliver(run, bytes)?,
                None => self.one_by_one(run, raw, of_run)?,
            }
        }
        Ok(())
    }

    /// A run of which not everything can be given.
    fn one_by_one(&self, run: &[Need], raw: &[u8], unsound: &[Option<String>]) -> Result<(), OpsError> {
        for (need, why) in run.iter().zip(unsound) {
            let one = std::slice::from_ref(need);
            match (why, raw.get(need.start as usize..need.start as usize + need.len as usize)) {
                (None, Some(bytes)) => self.deliver(one, bytes)?,
                (why, _) => self.all_lost(one, why.as_deref().unwrap_or("it is too short"))?,
            }
        }
        Ok(())
    }

    /// Hands out what lies together in the pack and in the file.
    fn deliver(&self, run: &[Need], bytes: &[u8]) -> Result<(), OpsError> {
        let need = &run[0];
        match need.written {
            None => self.sink.piece(need.file, need.offset, bytes)?,
            Some((len, form)) => match write_back(bytes, form, len as usize) {
                Some(written) => self.sink.piece(need.file, need.offset, &written)?,
                None => self.sink.lost(need.file, "a stretch of base64 cannot be written back as it was"),
            },
        }
        self.monitor.advance(need.written.map_or(bytes.len() as u64, |(len, _)| u64::from(len)));
        self.count_down(need.file, run.len() as u32)
    }

    /// What this pack does not give, others may have.
    fn all_lost(&self, needs: &[Need], why: &str) -> Result<(), OpsError> {
        let mut others = self.repo.another_reader().ok();
        for need in needs {
            self.stop.check()?;
            let found = others.as_mut().map(|o| o.read_elsewhere(&need.id)).transpose()?.flatten();
            if let Some(bytes) = found {
                self.repo.remember_around(need.segment.pack, why);
                self.deliver(std::slice::from_ref(need), &bytes)?;
                continue;
            }
            self.sink.lost(need.file, why);
            self.count_down(need.file, 1)?;
        }
        Ok(())
    }

    fn count_down(&self, file: u32, pieces: u32) -> Result<(), OpsError> {
        let last = self.left[file as usize].fetch_sub(pieces, Ordering::AcqRel) == pieces;
        if last { self.sink.complete(file) } else { Ok(()) }
    }
}

/// A worker that ends, however it does, ends the others.
struct EndOthers<'t>(&'t AtomicBool);

impl Drop for EndOthers<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
