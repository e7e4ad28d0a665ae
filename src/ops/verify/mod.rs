//! Verification: three different facts that are never added up.
//!
//! `check`: everything the log names is in the store with the size it should have. `scrub`: its bytes are those
//! that were stored. `restore`: documents came back through the real way and are what the listing says. Only
//! the last needs the reading identity. A run that examined nothing has failed; skipped is not passed.

pub mod accepted;
pub mod affected;
mod bundles;
pub mod check;
mod choose;
pub mod coverage;
#[cfg(test)]
mod coverage_tests;
pub mod drill;
#[cfg(test)]
mod drill_tests;
mod every_run;
mod everything;
#[cfg(test)]
pub(crate) mod fixture;
pub mod keyless;
pub(in crate::ops) mod live;
#[cfg(test)]
mod notes_tests;
pub mod opening;
mod overtaken;
#[cfg(test)]
mod overtaken_tests;
pub mod restore;
mod rotation;
#[cfg(test)]
mod rotation_tests;
pub(crate) mod sampled;
pub mod scrub;
#[cfg(test)]
mod small_tests;
pub mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::id::{IndexName, KeyholderId, NoteName, PackName, SnapshotId};
use crate::domain::log::entry::Entry;
use crate::domain::log::fold::is_missed_by_none;
use crate::domain::log::state::{Life, State};
use crate::domain::path::RecordPath;
use crate::domain::problem::{Exit, Problem};
use crate::ops::error::OpsError;

use crate::repo::error::RepoError;
use crate::repo::layout::Key;
use crate::repo::repository::Repository;
use crate::repo::store::StoreFault;

use accepted::testable;
pub use accepted::{Accepted, LossNote, LostRecord, Named};
pub use affected::affected_records;
pub use check::check;
pub use coverage::{Coverage, Promise, coverage};
pub use drill::{DrillOptions, DrillReport, drill};
pub use every_run::look;
pub use keyless::scrub_keyless;
pub use opening::{Opening, SEVERAL, SoundOptions, Spoiled, accept, any_spoiled, clear_scratch};
pub use restore::{TestOptions, restore};
pub use rotation::LiveRead;
pub use scrub::scrub;
pub use store::{Claims, StoreReport, store};

/// How much to do. With no limit at all, everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// So many bytes from the store, but always at least one object.
    pub max_bytes: Option<u64>,
    /// Begin nothing new after this long.
    pub max_duration: Option<Duration>,
    /// Everything, whatever the limits say.
    pub all: bool,
}

impl Budget {
    /// Whether `bytes` more may be begun, `done` bytes and `elapsed` into the run.
    fn allows(&self, done: u64, bytes: u64, elapsed: Duration) -> bool {
        let time = self.max_duration.is_none_or(|max| elapsed < max);
        let room = self.max_bytes.is_none_or(|max| done.saturating_add(bytes) <= max);
        self.all || done == 0 || (time && room)
    }
}

/// What was examined: never nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Examined {
    /// Objects of the store.
    pub objects: u64,
    /// Packs opened, with every segment and every chunk in them.
    pub packs: u64,
    /// Documents brought back and compared with the listing.
    pub documents: u64,
    /// Bytes read from the store or brought back; for `check`, the bytes whose presence was seen.
    pub bytes: u64,
}

/// One object of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// Content.
    Pack(PackName),
    /// Where content lies.
    Index(IndexName),
    /// What a keyholder needs.
    Bundle(KeyholderId, u32),
    /// What a person said.
    Note(NoteName),
    /// An entry of the log.
    Entry(u64),
}

impl Object {
    /// Its place in the store.
    pub fn key(&self) -> Key {
        match self {
            Self::Pack(name) => Key::Pack(*name),
            Self::Index(name) => Key::Index(*name),
            Self::Bundle(holder, epoch) => Key::Bundle(*holder, *epoch),
            Self::Note(name) => Key::Note(*name),
            Self::Entry(n) => Key::Log(*n),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key().fmt(f)
    }
}

/// Stored data that is missing or is not what was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The object, where one can be named.
    pub object: Option<Object>,
    /// How it was found, in words.
    pub what: String,
    /// The snapshots that need it.
    pub snapshots: Vec<SnapshotId>,
    /// The records of the newest snapshots (live and gone) that it affects: the first of them. Empty when only
    /// superseded versions are affected, or when listings cannot be read here.
    pub records: Vec<RecordPath>,
    /// This machine put its copy back, and then read it in the store.
    pub put_back: bool,
}

impl Damage {
    /// Damage of which no object can be named.
    fn of(what: String, snapshots: Vec<SnapshotId>, records: Vec<RecordPath>) -> Self {
        Self { object: None, what, snapshots, records, put_back: false }
    }
}

/// What a verification found.
#[derive(Debug, Default)]
pub struct VerifyReport {
    /// What was examined.
    pub examined: Examined,
    /// Damage.
    pub failed: Vec<Damage>,
    /// What differs on this computer although size and time say that it does not.
    pub problems: Vec<Problem>,
    /// Whether what came back still opens; `None` where nobody was asked to look.
    pub opening: Option<Opening>,
    /// Documents, and pages of listings, that were passed over because a person accepted that they are lost.
    pub lost: u64,
    /// Live documents that no longer open.
    pub spoiled: Vec<Spoiled>,
    /// What was read again on this computer; `None` where no folder is backed up here.
    pub live: Option<LiveRead>,
    /// Objects that the budget left for another time.
    pub left: u64,
    /// Names in the store that are none of ours.
    pub foreign: u64,
    /// Objects named as ours that the log does not know: of interrupted or running backups.
    pub unknown: u64,
    /// Key files of which nothing says yet what they should be: they are there, and look like key files.
    pub untold: u64,
    /// Objects that are there although the store's listing does not show them.
    pub unlisted: u64,
    /// When the object that has waited longest was last examined; `None` when one never was.
    pub oldest: Option<Timestamp>,
    /// The entries that record it.
    pub entries: Vec<u64>,
    /// What ended it before its time, after damage was found.
    pub ended: Option<OpsError>,
}

impl VerifyReport {
    /// The exit code that says this.
    pub fn exit(&self) -> Exit {
        match (self.failed.is_empty() && self.spoiled.is_empty(), self.problems.is_empty()) {
            (false, _) => Exit::Damage,
            (true, false) => Exit::Incomplete,
            (true, true) => Exit::Done,
        }
    }

    /// Adds damage, unless that of the same object is known.
    fn add_damage(&mut self, damage: Damage) {
        if !self.failed.iter().any(|known| known.object == damage.object) {
            self.failed.push(damage);
        }
    }

    /// What ended an examination hides no damage that was found until then: the damage is the result, with the error
    /// beside it. Without damage the error is the result.
    ///
    /// # Errors
    /// The one that was given.
    pub fn ended_by(mut self, error: impl Into<OpsError>) -> Result<Self, OpsError> {
        if self.exit() != Exit::Damage {
            return Err(error.into());
        }
        self.ended.get_or_insert_with(|| error.into());
        Ok(self)
    }
}

/// An object that must be there.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    object: Object,
    /// `None` where the log does not say it: of notes.
    size: Option<u64>,
}

/// The failure of having nothing to examine.
fn has_backup(state: &State) -> Result<(), OpsError> {
    match state.live_snapshots().next() {
        Some(_) => Ok(()),
        None => Err(OpsError::Nothing("There is no backup yet; nothing was examined.".into())),
    }
}

/// Every pack that a snapshot needs, every index that lives and every note that an entry names, or the failure of
/// having nothing to examine.
fn wanted(repo: &Repository) -> Result<Vec<Wanted>, OpsError> {
    let state = repo.state();
    has_backup(state)?;
    let pack = |n: u32| state.packs.get(n as usize).map(|p| p.pack);
    let packs = testable(repo)?.iter().filter_map(pack).collect::<Vec<_>>().into_iter();
    let mut all: Vec<Wanted> = packs.map(|p| Wanted { object: Object::Pack(p.name), size: Some(p.size) }).collect();
    let mut indexes: Vec<_> = state
        .indexes
        .iter()
        .filter(|i| matches!(i.life, Life::Live) && !i.void && !i.quarantined)
        .filter(|i| !is_missed_by_none(state, &i.index.name))
        .map(|i| i.index)
        .collect();
    indexes.sort_by_key(|i| i.name);
    indexes.dedup_by_key(|i| i.name);
    all.extend(indexes.iter().map(|i| Wanted { object: Object::Index(i.name), size: Some(i.size) }));
    all.extend(
        state.expected_notes(repo.env.clock.now()).into_iter().map(|n| Wanted { object: Object::Note(n), size: None }),
    );
    Ok(all)
}

/// Puts what was found on record, in counts, where this computer may: without a place on the roster, or with rights to
/// read alone, an examination is still worth its result. Returns the entry.
pub(crate) fn put_on_record(repo: &mut Repository, entry: &Entry) -> Result<Option<u64>, RepoError> {
    let actors = repo.own_actors();
    let by_root = repo.machine.is_none() && repo.ring.root.is_some();
    let may = |state: &State| by_root || actors.iter().any(|actor| state.may(actor, entry.roles()));
    match repo.append(|state| Ok(may(state).then(|| entry.clone()))) {
        Err(RepoError::NoRole(_) | RepoError::WrongKey) => Ok(None),
        Err(RepoError::Store(e)) if matches!(e.fault(), StoreFault::ReadOnly | StoreFault::Denied) => Ok(None),
        other => other,
    }
}

/// Packs found damaged are not relied on by the next backup: what the sources still have is stored again.
fn remember_damage(repo: &Repository, report: &VerifyReport) -> Result<(), RepoError> {
    let Some(dir) = repo.dir() else { return Ok(()) };
    let pack = |object| if let Some(Object::Pack(name)) = object { Some(name) } else { None };
    dir.note_damaged(report.failed.iter().filter_map(|d| pack(d.object)))
}

/// The damage, with the snapshots that need the object.
pub(in crate::ops) fn damage(state: &State, object: Object, what: impl Into<String>) -> Damage {
    let mut snapshots = vec![];
    for s in state.live_snapshots() {
        let needs = match object {
            Object::Pack(name) => state.pack(&name).is_some_and(|(n, _)| s.snapshot.needs.contains(n)),
            Object::Index(name) => {
                let mut same = state.indexes.iter().filter(|i| i.index.name == name);
                same.any(|i| i.covers.iter().any(|n| s.snapshot.needs.contains(n)))
            }
            Object::Bundle(..) | Object::Note(_) | Object::Entry(_) => false,
        };
        if needs {
            snapshots.push(s.id);
        }
    }
    let mut what = what.into();
    if let Object::Note(name) = object
        && let Some((_, is, entry)) = state.notes().into_iter().find(|(n, ..)| *n == name)
    {
        what = format!("{what}; it says {is} (entry {entry} of the log)");
    }
    Damage { object: Some(object), what, snapshots, records: vec![], put_back: false }
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
