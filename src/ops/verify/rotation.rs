//! Every live file that claims to be unchanged is read again within the promise, whatever chance chooses elsewhere.
//!
//! A hand goes round a circle on which every path has its place (`domain/rotation`); a run reads what it passed since
//! the last one. What must always hold: the hand stands where everything before it was read; what a limit or the time
//! left is read by the next run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::TestOptions;
use super::coverage::terms;
use super::live::{Look, look, place};
use crate::domain::listing::{Entry, Kind};
use crate::domain::log::state::State;
use crate::domain::rotation::{self, Arc, Hand};
use crate::ops::error::OpsError;
use crate::ops::fs::walk::Source;
use crate::ops::monitor::{Monitor, Stop};
use crate::repo::error::RepoError;
use crate::repo::listing::{decode, encode};
use crate::repo::repository::Repository;

/// The hand, on this computer. Losing it loses nothing: it begins where the last test in the log left off.
const FILE: &str = "live.json";
/// Files that could not be read last time.
const UNREADABLE: &str = "live-unreadable.json";
/// So many of them are tried again in every run; others when the hand comes round.
const TRIED_AGAIN: usize = 1_000;
/// Files held at a time: where all are read, those beyond come in further rounds through the listings.
pub(super) const AT_ONCE: usize = 50_000;

/// What was read again on this computer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveRead {
    /// Files that were read to their end and compared.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that could not be read: tried again in every run until they can, or are backed up anew.
    pub unreadable: u64,
    /// Files left for the next run.
    pub left: u64,
    /// The hand is late by more than a run: the limit is too low, or runs are too short.
    pub late: bool,
    /// Why nothing was read.
    pub skipped: Option<String>,
    /// Up to when reading had kept pace: the last run that read all it was to read, earlier where a run left some. None
    /// where nothing was noted here.
    pub last: Option<Timestamp>,
}

/// What reading showed.
#[derive(Default)]
pub(super) struct Found {
    pub read: LiveRead,
    /// Where the hand stands then; none where nothing was read.
    pub hand: Option<Hand>,
    /// They differ from their backup.
    pub differing: Vec<Entry>,
    /// They could not be read, and why.
    pub unreadable: Vec<(Entry, String)>,
    /// They were to be tried again, and time was over.
    untried: BTreeSet<Vec<u8>>,
}

/// A live file: its length, and its entry as it is stored, which is smaller.
type Packed = (u64, Box<[u8]>);

/// What the hand has passed.
pub(super) struct Rotation<'f> {
    folders: &'f [Source],
    /// Where the hand stood.
    began: Hand,
    arc: Arc,
    every: SignedDuration,
    limit: u64,
    /// By distance and path.
    due: BTreeMap<(u64, Vec<u8>), Packed>,
    /// What could not be read last time, by path; and those of them that are still as they were listed.
    unread: BTreeSet<Vec<u8>>,
    again: BTreeMap<Vec<u8>, Entry>,
    bytes: u64,
    at_once: usize,
    /// What lies before was read in an earlier round.
    from: u64,
    /// From here on, files are left for the next round or run.
    cut: Option<u64>,
    /// From here on, a later round was not shown everything: the hand stays.
    unseen: Option<u64>,
    read: LiveRead,
}

/// What a run must read again on this computer so that all that is live is read within the promise.
pub fn needed_per_run(state: &State, within: SignedDuration, every: SignedDuration) -> u64 {
    let newest = state.sets().into_iter().filter_map(|set| state.newest(&set).map(|n| n.snapshot.bytes));
    let bytes = u128::from(newest.fold(0, u64::saturating_add));
    let round = u128::from(rotation::round(within, every).as_secs().max(1).unsigned_abs());
    let share = bytes * u128::from(every.as_secs().max(0).unsigned_abs()) / round;
    u64::try_from(share.min(bytes)).unwrap_or(u64::MAX)
}

impl<'f> Rotation<'f> {
    /// For the folders as they are backed up here; `None` without any.
    pub fn begin(repo: &Repository, options: &'f TestOptions) -> Option<Self> {
        let TestOptions { folders, promise, all, live_at_once: at_once, .. } = options;
        let (all, at_once) = (*all, (*at_once).max(1));
        if folders.is_empty() {
            return None;
        }
        let now = repo.env.clock.now();
        let every = terms(repo.state(), promise, now).rhythm.every;
        let round = rotation::round(promise.within, every);
        let known = repo.dir().and_then(|dir| dir.load_json::<Hand>(FILE));
        let tested = repo.state().tests.back().map(|t| t.at).filter(|at| *at <= now);
        let hand = known.unwrap_or_else(|| {
            let began = tested.or_else(|| now.checked_sub(every).ok()).unwrap_or(now);
            Hand::began(began, round)
        });
        let (began, arc) = (hand, hand.arc(now, round));
        let arc = if all { arc.whole() } else { arc };
        let mut read = LiveRead { last: known.filter(|hand| hand.read).map(|hand| hand.at), ..LiveRead::default() };
        if let Some(missing) = folders.iter().find(|f| !f.path.is_dir()) {
            read.skipped = Some(format!("the folder {} is not there", missing.path.display()));
        }
        let limit = if all { u64::MAX } else { promise.live_per_run.unwrap_or(u64::MAX) };
        let unread = repo.dir().and_then(|dir| dir.load_json(UNREADABLE)).unwrap_or_default();
        let (due, again) = (BTreeMap::new(), BTreeMap::new());
        let (bytes, from, cut, unseen) = (0, 0, None, None);
        Some(Self { folders, began, arc, every, limit, due, unread, again, bytes, at_once, from, cut, unseen, read })
    }

    /// Is shown every live document.
    pub fn offer(&mut self, entry: &Entry) {
        let is_file = matches!(&entry.kind, Kind::File(content) if content.size > 0);
        if is_file && self.unread.contains(entry.path.as_bytes()) {
            if self.from == 0 {
                self.again.insert(entry.path.as_bytes().to_vec(), entry.clone());
            }
            return;
        }
        let far = self.arc.along(rotation::place(entry.path.as_bytes())).filter(|far| *far >= self.from);
        let Some(far) = far.filter(|_| is_file && self.read.skipped.is_none()) else { return };
        if place(self.folders, entry).is_none() {
            return;
        }
        if self.cut.is_some_and(|cut| far >= cut) {
            self.read.left += 1;
            return;
        }
        // Fails only where memory does.
        let Ok(packed) = encode(entry) else {
            self.read.left += 1;
            return;
        };
        let packed = (entry.size(), packed.into_boxed_slice());
        if self.due.insert((far, entry.path.as_bytes().to_vec()), packed).is_none() {
            self.bytes = self.bytes.saturating_add(entry.size());
        }
        while self.due.len() > self.at_once || (self.bytes > self.limit && self.due.len() > 1) {
            let Some(((far, _), (size, _))) = self.due.pop_last() else { return };
            self.bytes -= size;
            self.read.left += 1;
            self.cut = Some(far);
        }
    }

    /// Reads them, and tells which differ from their backup or cannot be read. Where time is over, the rest is left.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn read(
        &mut self,
        repo: &Repository,
        is_over: &dyn Fn() -> bool,
        monitor: &dyn Monitor,
        stop: &Stop,
        found: &mut Found,
    ) -> Result<(), OpsError> {
        if self.read.skipped.is_some() {
            return Ok(());
        }
        monitor.stage("reading files on this computer again", Some(std::mem::take(&mut self.bytes)));
        let (key, mut tried) = (repo.chunk_key(), 0u64);
        for ((far, _), (_, packed)) in std::mem::take(&mut self.due) {
            stop.check()?;
            if self.cut.is_some_and(|cut| far >= cut) {
                self.read.left += 1;
                continue;
            }
            if tried > 0 && is_over() {
                (self.cut, self.read.left) = (Some(far), self.read.left + 1);
                continue;
            }
            tried += 1;
            let entry: Entry = decode(&packed)?;
            monitor.advance(entry.size());
            self.note(look(self.folders, &entry, &key), entry, found);
        }
        for (path, entry) in std::mem::take(&mut self.again) {
            stop.check()?;
            if is_over() {
                found.untried.insert(path);
                continue;
            }
            self.note(look(self.folders, &entry, &key), entry, found);
        }
        Ok(())
    }

    /// Whether files were left that the listings, shown once more, bring; not where nothing would be gained by it.
    pub fn goes_on(&mut self) -> bool {
        let more = self.cut.filter(|cut| *cut > self.from);
        if let Some(cut) = more {
            (self.from, self.cut, self.read.left) = (cut, None, 0);
        }
        more.is_some()
    }

    /// A page that an earlier round was shown, and this one is not: what stands on it may not have been read.
    pub fn is_not_shown(&mut self) {
        self.unseen.get_or_insert(self.from);
    }

    /// Says where the hand stands then: to be kept by [`keep`] when what was found is told.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn finish(mut self, repo: &Repository, mut found: Found) -> Result<Found, OpsError> {
        if self.read.skipped.is_some() {
            return Ok(Found { read: self.read, ..Found::default() });
        }
        if self.unseen.is_some() {
            self.read.left = self.read.left.max(1);
        }
        let hand = self.arc.passed(self.cut.into_iter().chain(self.unseen).min());
        self.read.late = repo.env.clock.now().duration_since(hand.at) > self.every;
        let mut left = std::mem::take(&mut found.untried);
        left.extend(found.unreadable.iter().map(|(entry, _)| entry.path.as_bytes().to_vec()));
        let kept: Vec<_> = left.into_iter().take(TRIED_AGAIN).collect();
        if let Some(dir) = repo.dir().filter(|_| !(kept.is_empty() && self.unread.is_empty())) {
            dir.save_json(UNREADABLE, &kept)?;
        }
        (found.read, found.hand) = (self.read, Some(hand));
        Ok(found)
    }

    /// Only what was read to its end and compared counts as read.
    fn note(&mut self, look: Look, entry: Entry, found: &mut Found) {
        match look {
            Look::Elsewhere => {}
            Look::Unreadable(why) => {
                self.read.unreadable += 1;
                found.unreadable.push((entry, why));
            }
            Look::Same | Look::Differs => {
                self.read.files += 1;
                self.read.bytes += entry.size();
                if look == Look::Differs {
                    found.differing.push(entry);
                }
            }
        }
    }

    /// Keeps the hand where it stands, if this computer did not know: a test that is put on record is no sign any more
    /// of what was read here.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn stay(&self, repo: &Repository) -> Result<(), RepoError> {
        let known = repo.dir().is_some_and(|dir| dir.load_json::<Hand>(FILE).is_some());
        if known { Ok(()) } else { keep(repo, &self.began) }
    }
}

/// Keeps the hand. What it passed is not read again for a round: whatever was found there must be told already.
///
/// # Errors
/// The state folder cannot be written.
pub(super) fn keep(repo: &Repository, hand: &Hand) -> Result<(), RepoError> {
    repo.dir().map_or(Ok(()), |dir| dir.save_json(FILE, hand))
}
