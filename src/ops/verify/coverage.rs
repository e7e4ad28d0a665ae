//! How long since each byte was brought back: three facts from the log and this computer's notes, never added up.
//!
//! The ledger is the log itself: what each pack went through is folded from its entries, so that it survives the loss
//! of any computer. Nothing is decided here; `domain/coverage` does that.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::accepted::testable;
use super::rotation::needed_per_run;
use super::scrub::scrubbed;
use super::{Object, wanted};
use crate::domain::coverage::{Ages, Forecast, MONTH, Rhythm, Seen, Terms, WEEKLY, ages, forecast};
use crate::domain::id::KeyholderId;
use crate::domain::log::bits::Bits;
use crate::domain::log::state::State;
use crate::ops::error::OpsError;
use crate::repo::repository::Repository;

/// No whole round is planned for as often as this before tests themselves show it.
const OFTEN: SignedDuration = SignedDuration::from_hours(18);

/// What the council was promised, and what may be spent on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// Every byte is brought back within this time.
    pub within: SignedDuration,
    /// A run takes no more; without it, what the promise needs.
    pub per_run: Option<u64>,
    /// The runs of a month take no more.
    pub per_month: Option<u64>,
    /// A run reads no more of the files on this computer; without it, what the promise needs.
    pub live_per_run: Option<u64>,
    /// Some runs only back up: how often backups are made says nothing of tests.
    pub backups_between: bool,
}

impl Promise {
    /// So many weeks, without limits.
    pub fn weeks(weeks: u32) -> Self {
        Self {
            within: WEEKLY * i32::try_from(weeks).unwrap_or(i32::MAX),
            per_run: None,
            per_month: None,
            live_per_run: None,
            backups_between: false,
        }
    }
}

impl Default for Promise {
    fn default() -> Self {
        Self::weeks(12)
    }
}

/// One keyholder's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByKey {
    /// Its function.
    pub name: String,
    /// Bytes of which it made the newest test.
    pub bytes: u64,
    /// When it last did.
    pub newest: Timestamp,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// When it was asked.
    pub now: Timestamp,
    /// What was promised.
    pub promise: Promise,
    /// Of everything that some snapshot needs.
    pub all: Ages,
    /// The same for each set; what two sets need counts in both.
    pub sets: BTreeMap<String, Ages>,
    /// Whether it can be kept.
    pub forecast: Forecast,
    /// How often runs test.
    pub rhythm: Rhythm,
    /// When the oldest and the newest of it were stored, and proved before that.
    pub proved: Option<(Timestamp, Timestamp)>,
    /// Bytes that this computer has scrubbed.
    pub scrubbed_bytes: u64,
    /// When it scrubbed what it scrubbed longest ago; `None` where it never scrubbed something.
    pub scrubbed: Option<Timestamp>,
    /// Restored: by whom.
    pub keys: Vec<ByKey>,
    /// What a run must read again of the files on this computer.
    pub live_needed: u64,
}

impl Coverage {
    /// The limit on reading files on this computer is too low for the promise.
    pub fn live_is_low(&self) -> bool {
        self.promise.live_per_run.is_some_and(|limit| limit < self.live_needed)
    }

    /// Something is older than promised.
    pub fn is_overdue(&self) -> bool {
        self.all.overdue > 0
    }
}

/// These packs as the planner wants them. Without a seed no chance is needed.
pub fn seen(state: &State, numbers: &Bits, seed: Option<&[u8; 32]>) -> Vec<Seen> {
    let lot = |number: u32| {
        let mut first = [0; 8];
        if let Some(seed) = seed {
            first.copy_from_slice(&blake3::keyed_hash(seed, &number.to_le_bytes()).as_bytes()[..8]);
        }
        u64::from_be_bytes(first)
    };
    let of = |number: u32| {
        let pack = state.packs.get(number as usize)?;
        let (size, stored, tested) = (pack.pack.size, pack.stored, pack.tested.map(|t| t.at));
        Some(Seen { number, size, stored, tested, lot: lot(number) })
    };
    numbers.iter().filter_map(of).collect()
}

/// The promise as it stands now. Tests of everything are not counted against the month: a person wanted them.
pub fn terms(state: &State, promise: &Promise, now: Timestamp) -> Terms {
    let tests = || state.tests.iter().map(|t| t.at);
    let mut rhythm = Rhythm::of(tests(), now);
    if !rhythm.known && !promise.backups_between {
        // The work that backs up is the work that tests; but where backups are as near to each other as this, not each
        // of them was.
        let backups = Rhythm::of(state.live_snapshots().map(|s| s.time).chain(tests()), now);
        rhythm = if backups.every < OFTEN { rhythm } else { backups };
    }
    let recent = state.tests.iter().filter(|t| !t.complete && now.duration_since(t.at) < MONTH);
    let spent = recent.map(|t| t.pack_bytes).fold(0, u64::saturating_add);
    let Promise { within, per_run, per_month, .. } = *promise;
    let first = state.snapshots.iter().map(|s| s.time).min();
    let last = tests().filter(|at| *at <= now).max().or(first).unwrap_or(now);
    Terms { within, per_run, per_month, spent, rhythm, last, now }
}

/// Looks. Nothing is asked of the store beyond the log.
///
/// # Errors
/// [`OpsError::Nothing`] when there is no backup; a log that cannot be read.
pub fn coverage(repo: &mut Repository, promise: &Promise) -> Result<Coverage, OpsError> {
    repo.refresh()?;
    wanted(repo)?;
    look(repo, promise).ok_or_else(|| OpsError::Nothing("No backup holds anything; nothing was examined.".into()))
}

/// The same from what was read already; `None` where nothing is stored.
pub fn look(repo: &Repository, promise: &Promise) -> Option<Coverage> {
    let (state, now) = (repo.state(), repo.env.clock.now());
    let testable = testable(repo).unwrap_or_else(|_| state.needed());
    let packs = seen(state, &testable, None);
    let terms = terms(state, promise, now);
    let stored = packs.iter().map(|p| p.stored);
    let of_set = |set: String| {
        let mut needs = Bits::default();
        state.live_snapshots().filter(|s| s.snapshot.set == set).for_each(|s| needs.union(&s.snapshot.needs));
        // What was accepted as lost is tested no more, and is nobody's age.
        let needs: Bits = needs.iter().filter(|n| testable.contains(*n)).collect();
        let ages = ages(&seen(state, &needs, None), promise.within, now);
        (set, ages)
    };
    let notes = scrubbed(repo);
    let dates: Vec<(u64, Option<Timestamp>)> = packs
        .iter()
        .filter_map(|p| state.packs.get(p.number as usize))
        .map(|p| (p.pack.size, notes.get(&Object::Pack(p.pack.name).to_string()).copied().filter(|at| *at <= now)))
        .collect();
    let all = ages(&packs, promise.within, now);
    (all.packs > 0).then(|| Coverage {
        now,
        promise: *promise,
        sets: state.sets().into_iter().map(of_set).collect(),
        forecast: forecast(&packs, &terms),
        rhythm: terms.rhythm,
        live_needed: needed_per_run(state, promise.within, terms.rhythm.at_best()),
        proved: stored.clone().min().zip(stored.max()),
        scrubbed_bytes: dates.iter().filter(|(_, at)| at.is_some()).map(|(size, _)| size).sum(),
        scrubbed: dates.iter().map(|(_, at)| *at).min().flatten(),
        keys: keys(state, &packs),
        all,
    })
}

fn keys(state: &State, packs: &[Seen]) -> Vec<ByKey> {
    let mut by: BTreeMap<KeyholderId, (u64, Timestamp)> = BTreeMap::new();
    for pack in packs {
        if let Some(test) = state.packs.get(pack.number as usize).and_then(|p| p.tested) {
            let (bytes, newest) = by.entry(test.keyholder).or_insert((0, test.at));
            *bytes = bytes.saturating_add(pack.size);
            *newest = test.at.max(*newest);
        }
    }
    let name = |id: &KeyholderId| match state.keyholders.iter().find(|k| k.id == *id) {
        Some(holder) => holder.name.clone(),
        None => format!("a keyholder since removed ({id})"),
    };
    by.iter().map(|(id, (bytes, newest))| ByKey { name: name(id), bytes: *bytes, newest: *newest }).collect()
}
