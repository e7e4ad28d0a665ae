//! Are the stored bytes still those that were stored? Digests only: a machine that cannot read can do it.
//!
//! What was scrubbed longest ago comes first; the dates are this machine's own note and decide the order only.
//! What was found damaged gets no date, so that it is looked at and reported again each time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::affected::name_records;
use super::every_run::advise;
use super::overtaken::leave_out_swept;
use super::{Budget, Damage, Object, VerifyReport, Wanted, damage, elapsed, put_on_record, wanted};
use crate::domain::clock::Clock;
use crate::domain::id::{IndexName, Link, NoteName, PackName, RepositoryId};
use crate::domain::log::entry::Entry;
use crate::domain::log::proofs::Scrubbed;
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;
use crate::repo::seal::is_sealed;
use crate::repo::store::{Store, StoreFault};

/// Objects read at the same time.
const READERS: usize = 3;
/// What counts against a limit for an object of which nobody says how large it is: an entry of the log, a note.
const UNTOLD: u64 = 4096;
/// So many index objects, of so many bytes, are read in every run;
const FEW: usize = 32;
const SMALL: u64 = 32 << 20;
/// of more, those that were last read so long ago.
const SOON: SignedDuration = SignedDuration::from_hours(6 * 24);
const NOTES: &str = "scrub.json";

#[derive(Serialize, Deserialize)]
struct Notes {
    repository: RepositoryId,
    scrubbed: BTreeMap<String, Timestamp>,
    /// Entries of the log below this number were there at an earlier scrub.
    #[serde(default)]
    entries: u64,
}

/// What is wrong with an object, if anything.
pub(super) type Outcome = Result<Option<String>, RepoError>;

pub(super) const OTHER_BYTES: &str = "its bytes are not those that were stored";

/// How objects are read again.
pub(super) struct Round<'a> {
    pub(super) clock: &'a dyn Clock,
    pub(super) budget: &'a Budget,
    pub(super) read: &'a (dyn Fn(&Wanted) -> Outcome + Sync),
    pub(super) damage: &'a dyn Fn(Object, String) -> Damage,
    pub(super) monitor: &'a dyn Monitor,
    pub(super) stop: &'a Stop,
}

/// What the readers share.
struct Job<'a> {
    read: &'a (dyn Fn(&Wanted) -> Outcome + Sync),
    budget: &'a Budget,
    elapsed: &'a (dyn Fn() -> std::time::Duration + Sync),
    queue: &'a [Wanted],
    picked: Mutex<(usize, u64)>,
    ended: AtomicBool,
    found: Mutex<Vec<(usize, Outcome)>>,
    monitor: &'a dyn Monitor,
    stop: &'a Stop,
}

/// Reads stored bytes again and compares their digests with their names; those of the log with its links, those of key
/// files with what the log says they are.
///
/// # Errors
/// [`OpsError::Nothing`] when there is no backup; faults of the store; `Interrupted`. What was done until then is
/// noted.
pub fn scrub(
    repo: &mut Repository,
    budget: &Budget,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<VerifyReport, OpsError> {
    repo.refresh()?;
    let queue = everything(repo)?;
    let mut report = read_again(repo, queue, budget, monitor, stop)?;
    let left = leave_out_swept(repo, &mut report);
    report.failed.iter_mut().for_each(|damage| advise(repo, damage));
    match left.and_then(|()| told(repo, &mut report).map_err(Into::into)) {
        Ok(()) => Ok(report),
        Err(e) => report.ended_by(e),
    }
}

/// Remembers and puts on record what was found, and names the records it affects. An examination that was cut short goes
/// on no record.
fn told(repo: &mut Repository, report: &mut VerifyReport) -> Result<(), RepoError> {
    super::remember_damage(repo, report)?;
    if report.ended.is_some() {
        return Ok(());
    }
    let (e, failed) = (report.examined, report.failed.len() as u64);
    let scrubbed = Scrubbed { objects: e.objects, bytes: e.bytes, failed, left: report.left, oldest: report.oldest };
    report.entries.extend(put_on_record(repo, &Entry::Scrubbed(scrubbed))?);
    name_records(repo, &mut report.failed)
}

/// What [`wanted`] names, the key files, and the log.
fn everything(repo: &Repository) -> Result<Vec<Wanted>, OpsError> {
    let mut all = wanted(repo)?;
    let (state, epoch) = (repo.state(), repo.state().epoch().number);
    let told = |id| repo.bundle_expected(id).map(|b| b.size);
    all.extend(state.keyholders.iter().map(|k| Wanted { object: Object::Bundle(k.id, epoch), size: told(&k.id) }));
    all.extend(repo.slots().iter().map(|s| Wanted { object: Object::Entry(s.n), size: None }));
    Ok(all)
}

/// Reads objects of the index again: all of them while they are few, else those that were not read for most of a week,
/// and a part of the others.
pub(super) fn scrub_index(repo: &mut Repository, monitor: &dyn Monitor, stop: &Stop) -> Result<VerifyReport, OpsError> {
    let mut queue: Vec<Wanted> = wanted(repo)?;
    queue.retain(|w| matches!(w.object, Object::Index(_)));
    let (notes, now) = (load(repo), repo.env.clock.now());
    let all: u64 = queue.iter().filter_map(|w| w.size).sum();
    if queue.len() > FEW || all > SMALL {
        let read = |w: &Wanted| notes.scrubbed.get(&w.object.to_string()).copied().filter(|d| *d <= now);
        queue.sort_by_cached_key(|w| (read(w), w.object));
        let waited = |w: &Wanted| read(w).is_none_or(|d| now.duration_since(d) >= SOON);
        let due = queue.iter().filter(|w| waited(w)).count();
        queue.truncate(due.max(queue.len().div_ceil(7)));
    }
    let budget = Budget { all: true, ..Budget::default() };
    read_again(repo, queue, &budget, monitor, stop)
}

fn read_again(
    repo: &mut Repository,
    mut queue: Vec<Wanted>,
    budget: &Budget,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<VerifyReport, OpsError> {
    let began = repo.env.clock.now();
    let mut notes = load(repo);
    let name = |w: &Wanted| w.object.to_string();
    // Every scrub adds an entry. What was added since the last one was read a moment ago, when the log was opened: were it
    // to come first, a small budget would never reach anything else.
    let next = repo.state().next;
    if notes.entries > 0 {
        let new = (notes.entries..next).map(|n| (Object::Entry(n).to_string(), began));
        notes.scrubbed.extend(new);
    }
    notes.entries = next;
    let round = Round {
        clock: &*repo.env.clock,
        budget,
        read: &|wanted| read(repo, wanted),
        damage: &|object, what| damage(repo.state(), object, what),
        monitor,
        stop,
    };
    let (mut report, error) = round.go(&mut queue, &mut notes.scrubbed);
    let alive: std::collections::HashSet<String> = everything(repo)?.iter().map(&name).collect();
    notes.scrubbed.retain(|name, _| alive.contains(name));
    if let Some(Err(e)) = repo.dir().map(|dir| dir.save_json(NOTES, &notes)) {
        report = report.ended_by(e)?;
    }
    if let Some(e) = error {
        return report.ended_by(e);
    }
    report.oldest = oldest(&queue, &notes.scrubbed);
    Ok(report)
}

/// The date of what waits longest; `None` when that was never read.
pub(super) fn oldest(queue: &[Wanted], dates: &BTreeMap<String, Timestamp>) -> Option<Timestamp> {
    queue.iter().map(|w| dates.get(&w.object.to_string()).copied()).min().flatten()
}

impl Round<'_> {
    /// Reads of `queue` what the budget allows, what was read longest ago first; what is sound gets its date.
    pub(super) fn go(
        &self,
        queue: &mut [Wanted],
        dates: &mut BTreeMap<String, Timestamp>,
    ) -> (VerifyReport, Option<RepoError>) {
        let began = self.clock.now();
        let name = |w: &Wanted| w.object.to_string();
        // A date from the future tells of a wrong clock, not of a scrub.
        let dated = |w: &Wanted| dates.get(&name(w)).copied().filter(|d| *d <= began);
        queue.sort_by_cached_key(|w| (dated(w), w.object));
        self.monitor.stage("scrubbing", self.budget.max_bytes.filter(|_| !self.budget.all));
        let job = Job {
            read: self.read,
            budget: self.budget,
            elapsed: &|| elapsed(began, self.clock.now()),
            queue,
            picked: Mutex::new((0, 0)),
            ended: AtomicBool::new(false),
            found: Mutex::new(vec![]),
            monitor: self.monitor,
            stop: self.stop,
        };
        std::thread::scope(|scope| (0..READERS).for_each(|_| drop(scope.spawn(|| job.work()))));
        let mut found = job.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(at, _)| *at);
        let mut report = VerifyReport { left: (queue.len() - found.len()) as u64, ..VerifyReport::default() };
        let mut error = None;
        for (at, outcome) in found {
            match outcome {
                Ok(damaged) => {
                    report.examined.objects += 1;
                    report.examined.bytes += queue[at].size.unwrap_or_default();
                    match damaged {
                        None => drop(dates.insert(name(&queue[at]), began)),
                        Some(what) => report.failed.push((self.damage)(queue[at].object, what)),
                    }
                }
                Err(e) => error = Some(e),
            }
        }
        (report, error)
    }
}

/// When this computer last found each object as it was stored, by its place in the store.
pub(super) fn scrubbed(repo: &Repository) -> BTreeMap<String, Timestamp> {
    load(repo).scrubbed
}

fn load(repo: &Repository) -> Notes {
    let repository = repo.state().repository;
    let kept: Option<Notes> = repo.dir().and_then(|d| d.load_json(NOTES));
    kept.filter(|n| n.repository == repository).unwrap_or(Notes { repository, scrubbed: BTreeMap::new(), entries: 0 })
}

impl Job<'_> {
    fn work(&self) {
        while let Some(at) = self.pick() {
            let outcome = self.stop.check().and_then(|()| (self.read)(&self.queue[at]));
            if outcome.is_err() {
                self.ended.store(true, Ordering::SeqCst);
            }
            self.monitor.advance(self.queue[at].size.unwrap_or_default());
            self.found.lock().unwrap_or_else(PoisonError::into_inner).push((at, outcome));
        }
    }

    fn pick(&self) -> Option<usize> {
        let mut picked = self.picked.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, bytes) = *picked;
        let size = self.queue.get(at)?.size.unwrap_or(UNTOLD);
        if self.ended.load(Ordering::SeqCst) || !self.budget.allows(bytes, size, (self.elapsed)()) {
            return None;
        }
        *picked = (at + 1, bytes + size);
        Some(at)
    }
}

/// What is wrong with the object, if anything.
fn read(repo: &Repository, wanted: &Wanted) -> Outcome {
    let missing = Some("it is missing from the store");
    digested(&repo.store, wanted.object, missing, |bytes| match wanted.object {
        Object::Pack(_) | Object::Index(_) | Object::Note(_) => is_named_so(wanted.object, bytes),
        Object::Bundle(holder, _) => repo.bundle_expected(&holder).map_or_else(|| is_sealed(bytes), |b| b.is(bytes)),
        Object::Entry(n) => {
            let link = |n: u64| repo.slots().get(n as usize).map(|s| s.link);
            let before = n.checked_sub(1).map_or(Some(Link::ORIGIN), link);
            before.is_some_and(|before| link(n) == Some(before.then(bytes)))
        }
    })
}

/// Whether the digest of these bytes is the object's name; never of what is not named so.
pub(super) fn is_named_so(object: Object, bytes: &[u8]) -> bool {
    match object {
        Object::Pack(name) => PackName::of(bytes) == name,
        Object::Index(name) => IndexName::of(bytes) == name,
        Object::Note(name) => NoteName::of(bytes) == name,
        Object::Bundle(..) | Object::Entry(_) => false,
    }
}

/// Fetches an object, and says what is wrong with it: that its bytes are others, or, if that is wrong, that it is not there.
pub(super) fn digested(store: &Store, object: Object, missing: Option<&str>, same: impl Fn(&Bytes) -> bool) -> Outcome {
    match store.get(&object.key()) {
        Ok(bytes) => Ok((!same(&bytes)).then(|| OTHER_BYTES.into())),
        Err(e) if e.fault() == StoreFault::Missing => Ok(missing.map(Into::into)),
        Err(e) if e.is_too_large() => Ok(Some(OTHER_BYTES.into())),
        Err(e) => Err(e.into()),
    }
}
