//! The test restore: documents come back from the store, with no local copy believed, and must be what the
//! listing says; packs are opened from end to end and every chunk digested. What passed is put on record.
//!
//! Only packs that passed from end to end are recorded as tested, and only by one who holds the reading
//! identity. A fault of the store ends the run and records nothing: it proves neither good nor bad. Damage that was found
//! before it is told all the same.

mod again;
mod all;
mod landing;
mod options;

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::accepted::Accepted;
use super::affected::name_records;
use super::choose::{Candidate, Choice, choose};
use super::live::Look;
use super::opening::{Document, Due, Opener, Room};
use super::overtaken::is_overtaken;
use super::rotation::{Rotation, keep};
use super::{
    Damage, Examined, Object, VerifyReport, bundles, damage, elapsed, every_run, has_backup, live, put_on_record,
};
use crate::domain::id::{PackName, SnapshotId};
use crate::domain::listing::Entry as Record;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::{Entry, Tested};
use crate::domain::log::state::State;
use crate::domain::path::RecordPath;
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::restore::{Lost, Whole};
use crate::repo::error::RepoError;
use crate::repo::pack::Directory;
use crate::repo::repository::Repository;

pub use options::TestOptions;

/// Documents brought back at a time: so that the clock is looked at, or so that memory is enough.
const BATCH: usize = 64;
const LARGE_BATCH: usize = 1_000;
/// How often it begins again when it was overtaken.
const ATTEMPTS: u32 = 3;

/// One run.
struct Run<'a> {
    options: &'a TestOptions,
    monitor: &'a dyn Monitor,
    stop: &'a Stop,
    began: Timestamp,
    report: VerifyReport,
    passed: Bits,
    documents: BTreeMap<SnapshotId, (Examined, u64)>,
    opener: Option<Opener>,
    accepted: Accepted,
    rotation: Option<Rotation<'a>>,
    due: Due,
}

/// Restores a part, or everything, to nowhere. What is swept meanwhile by a pruner that does not wait is no damage: it begins
/// again.
///
/// # Errors
/// [`RepoError::CannotRead`] without the reading identity; [`RepoError::NoRole`] without the tester's seed;
/// [`RepoError::Contention`] when a pruner was in the way of all attempts; [`OpsError::Nothing`] when there is no backup;
/// faults of the store; `Interrupted`.
pub fn restore(
    repo: &mut Repository,
    options: &TestOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<VerifyReport, OpsError> {
    if !repo.can_read() {
        return Err(RepoError::CannotRead.into());
    }
    for _ in 0..ATTEMPTS {
        if let Some(report) = attempt(repo, options, monitor, stop)? {
            return Ok(report);
        }
    }
    Err(RepoError::Contention.into())
}

/// One attempt; nothing when it was overtaken.
fn attempt(
    repo: &mut Repository,
    options: &TestOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<Option<VerifyReport>, OpsError> {
    repo.refresh()?;
    has_backup(repo.state())?;
    let first = repo.state().next;
    let (began, report) = (repo.env.clock.now(), VerifyReport::default());
    let accepted = Accepted::load(repo)?;
    let opener = options.sound.as_ref().map(|sound| Opener::begin(sound, repo));
    let (passed, documents, due) = (Bits::default(), BTreeMap::new(), Due::default());
    let rotation = Rotation::begin(repo, options);
    let mut run = Run { options, monitor, stop, began, report, passed, documents, opener, accepted, rotation, due };
    let brought = run.bring_all(repo);
    every_run::lost(repo).into_iter().for_each(|damage| run.report.add_damage(damage));
    let broke = matches!(&brought, Err(OpsError::Repo(e)) if e.is_damage());
    let settled = match is_overtaken(repo, &mut run.report, first, broke) {
        Ok(true) => return Ok(None),
        Ok(false) => brought.and_then(|()| run.settle(repo)),
        Err(e) => Err(e),
    };
    let mut report = run.report;
    if let Err(e) = settled {
        let report = report.ended_by(e)?;
        // Where this cannot be written either, the damage is told all the same.
        let _ = super::remember_damage(repo, &report);
        return Ok(Some(report));
    }
    let named = run.accepted.testable(repo).and_then(|needed| {
        let packs = needed.iter().filter_map(|n| repo.state().packs.get(n as usize));
        report.oldest = packs.map(|p| p.tested.map(|t| t.at)).min().flatten();
        name_records(repo, &mut report.failed)
    });
    match named {
        Ok(()) => Ok(Some(report)),
        Err(e) => report.ended_by(e).map(Some),
    }
}

impl Run<'_> {
    /// Everything that comes from the store.
    fn bring_all(&mut self, repo: &mut Repository) -> Result<(), OpsError> {
        if self.options.all {
            self.documents_of_all(repo)?;
            // What no document needs: listings, and what was superseded.
            let rest: Bits =
                self.accepted.testable(repo)?.iter().filter(|n| !self.is_known(repo.state(), *n)).collect();
            return self.packs(repo, &rest, false);
        }
        let options = self.options;
        let (opener, rotation) = (self.opener.as_ref().filter(|o| o.is_able()), &mut self.rotation);
        let mut each = |entry: &Record| rotation.iter_mut().for_each(|r| r.offer(entry));
        let limits = (options.bytes, options.documents_per_run);
        let mut choice = choose(repo, &options.promise, limits, &self.accepted, opener, &mut each)?;
        (self.report.left, self.report.lost) = (choice.left, choice.lost);
        self.due = std::mem::take(&mut choice.due);
        let (timed, beyond) = (options.max_duration.is_some(), std::mem::take(&mut choice.beyond));
        for (n, part) in choice.parts(timed).into_iter().enumerate() {
            self.bring_back(repo, &part.documents, true)?;
            self.rest(repo, &part, timed && n == 0)?;
        }
        self.bring_back(repo, &beyond, false)
    }

    /// What came back is put on record first; then live files are read again; and the hand moves last, when all that was
    /// found is on record: what it passed is not read again for a round.
    fn settle(&mut self, repo: &mut Repository) -> Result<(), OpsError> {
        let documents: u64 = self.documents.values().map(|(done, _)| done.documents).sum();
        if self.report.examined.packs + documents == 0 && self.report.failed.is_empty() {
            return Err(OpsError::Nothing("The newest backup holds no document; nothing was examined.".into()));
        }
        let remembered = super::remember_damage(repo, &self.report);
        self.rotation.iter().try_for_each(|r| r.stay(repo))?;
        self.record(repo)?;
        remembered?;
        if let Some(opener) = self.opener.take() {
            let (opening, spoiled) = opener.finish(repo, &self.due);
            let entry = Entry::Opened(opening.for_the_log());
            (self.report.opening, self.report.spoiled) = (Some(opening), spoiled);
            self.report.entries.extend(put_on_record(repo, &entry)?);
        }
        let recorded = self.report.failed.len();
        let hand = self.read_again(repo)?;
        let failed = (self.report.failed.len() - recorded) as u64;
        if failed > 0 {
            let keyholder = repo.ring.keyholder;
            let (snapshot, documents, bytes, complete) = (None, 0, 0, false);
            let (packs, bundles) = (Bits::default(), vec![]);
            self.append(repo, Tested { snapshot, packs, documents, bytes, failed, complete, keyholder, bundles })?;
        }
        hand.map_or(Ok(()), |hand| keep(repo, &hand)).map_err(Into::into)
    }

    fn is_over(&self, repo: &Repository) -> bool {
        let time = elapsed(self.began, repo.env.clock.now());
        self.options.max_duration.is_some_and(|max| !self.options.all && time >= max)
    }

    /// Whether the pack was tested in this run, with whatever result.
    fn is_known(&self, state: &State, number: u32) -> bool {
        let name = state.packs.get(number as usize).map(|p| Object::Pack(p.pack.name));
        self.passed.contains(number) || self.report.failed.iter().any(|d| d.object.is_some() && d.object == name)
    }

    /// What the documents did not fetch already. `singly`: in the very order in which packs are wanted, and at least
    /// one, so that within however little time a run tests something that has waited longest.
    fn rest(&mut self, repo: &Repository, part: &Choice, singly: bool) -> Result<(), OpsError> {
        let rest: Vec<u32> = part.order.iter().copied().filter(|n| !self.is_known(repo.state(), *n)).collect();
        if !singly {
            if self.report.examined.packs > 0 && self.is_over(repo) {
                self.report.left += rest.len() as u64;
                return Ok(());
            }
            return self.packs(repo, &rest.into_iter().collect(), false);
        }
        for (n, number) in rest.into_iter().enumerate() {
            self.packs(repo, &[number].into_iter().collect(), n == 0)?;
        }
        Ok(())
    }

    /// Opens packs from end to end, against what the index says is in them.
    fn packs(&mut self, repo: &Repository, wanted: &Bits, anyway: bool) -> Result<(), OpsError> {
        self.monitor.stage("testing packs", Some(wanted.count() as u64));
        let (key, mut described) = (repo.chunk_key(), Bits::default());
        repo.for_each_pack(wanted, |number, pack| -> Result<(), OpsError> {
            self.stop.check()?;
            described.insert(number);
            if !anyway && self.report.examined.packs > 0 && self.is_over(repo) {
                self.report.left += 1;
                return Ok(());
            }
            let directory = Directory { segments: pack.segments.clone() };
            let tested = repo.open_pack(number).and_then(|mut reader| {
                let bad = |error| RepoError::Pack { name: pack.name, error };
                reader.verify_all(&directory, &key).map_err(bad)
            });
            self.monitor.advance(1);
            self.report.examined.objects += 1;
            match tested {
                Ok(bytes) => {
                    self.report.examined.packs += 1;
                    self.report.examined.bytes += bytes;
                    self.passed.insert(number);
                }
                Err(e) if e.is_damage() => {
                    let found = damage(repo.state(), Object::Pack(pack.name), e.to_string());
                    self.report.failed.push(found);
                }
                Err(e) => return Err(e.into()),
            }
            Ok(())
        })?;
        for number in wanted.iter().filter(|n| !described.contains(*n)) {
            let what = "no index says what is in it";
            let found = damage(repo.state(), Object::Pack(repo.pack_name(number)?), what);
            self.report.failed.push(found);
        }
        Ok(())
    }

    /// Brings documents back, some at a time, so that the clock is looked at and no path stands twice in one batch.
    /// Every pack that is met is opened from end to end, or no more of it than is needed.
    fn bring_back(&mut self, repo: &mut Repository, documents: &[Candidate], end_to_end: bool) -> Result<(), OpsError> {
        let packs = documents.iter().flat_map(|c| c.packs.iter().copied()).collect();
        let whole = if end_to_end { Whole::stated(repo, &packs)? } else { Whole::default() };
        let mut lost = vec![];
        let brought = self.in_batches(repo, documents, end_to_end.then_some(&whole), &mut lost);
        // What was found before a fault was found.
        for (name, result) in whole.into_results() {
            self.note_pack(repo.state(), name, result);
        }
        self.report.failed.sort_by_key(|d| d.object);
        for (path, what, packs) in lost {
            self.note_lost(repo.state(), path, what, &packs);
        }
        brought
    }

    fn in_batches(
        &mut self,
        repo: &mut Repository,
        documents: &[Candidate],
        whole: Option<&Whole>,
        lost: &mut Vec<(RecordPath, String, Vec<u32>)>,
    ) -> Result<(), OpsError> {
        let mut rest = documents;
        let most = if self.options.max_duration.is_some() { BATCH } else { LARGE_BATCH };
        while let Some(first) = rest.first() {
            let mut paths = HashSet::new();
            let mut new =
                |c: &Candidate| c.snapshot == first.snapshot && paths.insert(c.entry.path.as_bytes().to_vec());
            let mut room = Room::new();
            let batch = rest.iter().take(most).take_while(|c| new(c) && room.takes(&c.entry)).count();
            if !self.documents.is_empty() && self.is_over(repo) {
                self.report.left += rest.len() as u64;
                break;
            }
            let now = repo.env.clock.now();
            if let Some(opener) = self.opener.as_mut().filter(|o| o.rests(now)) {
                opener.rest();
            }
            self.bring_back_some(repo, &rest[..batch], whole, lost)?;
            rest = &rest[batch..];
        }
        Ok(())
    }

    fn bring_back_some(
        &mut self,
        repo: &mut Repository,
        documents: &[Candidate],
        whole: Option<&Whole>,
        all_lost: &mut Vec<(RecordPath, String, Vec<u32>)>,
    ) -> Result<(), OpsError> {
        let Some(first) = documents.first() else { return Ok(()) };
        let all: Vec<Document<'_>> = documents.iter().map(|c| Document { entry: &c.entry, live: c.live }).collect();
        let report = self.come_back(repo, &all, whole)?;
        let (done, failed) = self.documents.entry(first.snapshot).or_default();
        done.documents += report.files;
        done.bytes += report.bytes;
        *failed += report.failed.len() as u64;
        let key = repo.chunk_key();
        for candidate in documents {
            let lost = report.failed.iter().find(|l| l.problem.path.as_ref() == Some(&candidate.entry.path));
            if let Some(Lost { problem, .. }) = lost {
                all_lost.push((candidate.entry.path.clone(), problem.detail.clone(), candidate.packs.clone()));
            } else if candidate.live {
                match live::look(&self.options.folders, &candidate.entry, &key) {
                    Look::Differs => self.note_live(live::problem(&candidate.entry, true)),
                    Look::Unreadable(why) => self.note_live(live::unreadable(&candidate.entry, &why)),
                    Look::Same | Look::Elsewhere => {}
                }
            }
        }
        Ok(())
    }

    /// A lost document belongs to its pack's damage, if that was found, or stands for itself.
    fn note_lost(&mut self, state: &State, path: RecordPath, what: String, packs: &[u32]) {
        let of = |d: &Damage| match d.object {
            Some(Object::Pack(name)) => state.pack(&name).is_some_and(|(n, _)| packs.contains(&n)),
            _ => false,
        };
        if self.report.failed.iter().any(of) {
            return;
        }
        let needs = |s: &Bits| packs.iter().any(|n| s.contains(*n));
        let snapshots = state.live_snapshots().filter(|s| needs(&s.snapshot.needs)).map(|s| s.id).collect();
        self.report.failed.push(Damage::of(what, snapshots, vec![path]));
    }

    fn note_pack(&mut self, state: &State, name: PackName, result: Result<u64, String>) {
        self.report.examined.objects += 1;
        match (result, state.pack(&name)) {
            (Ok(bytes), Some((number, _))) => {
                self.report.examined.packs += 1;
                self.report.examined.bytes += bytes;
                self.passed.insert(number);
            }
            (Ok(_), None) => {}
            (Err(what), _) => self.report.failed.push(damage(state, Object::Pack(name), what)),
        }
    }

    /// Puts on record what passed: one entry for each set that was tested.
    fn record(&mut self, repo: &mut Repository) -> Result<(), OpsError> {
        let keyholder = repo.ring.keyholder;
        let complete = self.options.all && self.report.failed.is_empty();
        let mut packs = std::mem::take(&mut self.passed);
        let mut bundles = bundles::proved(repo);
        // Damage that belongs to no one set counts against each: none of them passed.
        let other = self.report.failed.len() as u64;
        for (snapshot, (done, failed)) in std::mem::take(&mut self.documents) {
            self.report.examined.documents += done.documents;
            self.report.examined.bytes += done.bytes;
            let tested = Tested {
                snapshot: Some(snapshot),
                packs: std::mem::take(&mut packs),
                documents: done.documents,
                bytes: done.bytes,
                failed: failed.max(other),
                complete,
                keyholder,
                bundles: std::mem::take(&mut bundles),
            };
            self.append(repo, tested)?;
        }
        if !packs.is_empty() || (other > 0 && self.report.entries.is_empty()) {
            let (snapshot, documents, bytes) = (None, 0, 0);
            self.append(
                repo,
                Tested { snapshot, packs, documents, bytes, failed: other, complete, keyholder, bundles },
            )?;
        }
        Ok(())
    }

    fn append(&mut self, repo: &mut Repository, tested: Tested) -> Result<(), OpsError> {
        let n = repo.append(|_| Ok(Some(Entry::Tested(tested.clone()))))?;
        self.report.entries.extend(n);
        Ok(())
    }
}
