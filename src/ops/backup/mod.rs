//! Backup: walk, compare with last time, read what changed, store what is new, commit.
//!
//! ```text
//! walk (sorted) ─┐
//! last listing ──┼─► merge ─► window ─► read (inode order) ─► cut ─► depot ─► packs ─► stored ─► snapshot
//! gone listing ──┘                        (path order from here on)    └─► pages ─► root ┘
//! ```
//! A file that fails is a problem and makes the snapshot partial; its last version stays in `gone`. A store
//! that fails ends the run; what was stored is kept and the next run goes on from there.

mod ahead;
mod apart;
mod commit;
#[cfg(test)]
mod commit_tests;
mod content;
mod depot;
#[cfg(test)]
mod depot_tests;
mod gather;
mod merge;
#[cfg(test)]
mod refused_tests;
mod session;
#[cfg(test)]
mod session_tests;
mod side;
mod source;
#[cfg(test)]
mod tests;
mod unusual;
mod window;

pub(in crate::ops) use session::put_index;
pub use unusual::{Sum, Usual, Week};

use crate::domain::id::SnapshotId;
use crate::domain::log::entry::Entry;
use crate::domain::log::state::Slot;
use crate::domain::problem::Problem;
use crate::ops::error::OpsError;
use crate::ops::fs::walk::Source;
use crate::ops::monitor::{Monitor, Stop};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// What to back up, and how.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// The protected set.
    pub set: String,
    /// Its folders; names unique across all sets.
    pub folders: Vec<Source>,
    /// Patterns of what to leave out.
    pub exclude: Vec<String>,
    /// An empty folder is meant to be empty.
    pub allow_empty: bool,
    /// Read every file again, whatever its size and times say.
    pub reread: bool,
    /// A folder may lie on another mount than last time: a person has looked.
    pub accept_mounts: bool,
    /// The configuration file's text, stored beside the listing for recovery.
    pub config_text: Option<String>,
    /// Packs that are put at the same time.
    pub connections: usize,
    /// What changes and goes as a rule.
    pub usual: Usual,
}

impl BackupOptions {
    /// A set with one folder and every default.
    pub fn new(set: &str, folders: Vec<Source>) -> Self {
        Self {
            set: set.into(),
            folders,
            exclude: vec![],
            allow_empty: false,
            reread: false,
            accept_mounts: false,
            config_text: None,
            connections: 3,
            usual: Usual::default(),
        }
    }
}

/// What a backup did.
#[derive(Debug, Clone, Default)]
pub struct BackupReport {
    /// The snapshot, unless there was an error.
    pub snapshot: Option<SnapshotId>,
    /// Regular files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were read because they are new or changed.
    pub files_read: u64,
    /// Files deleted since last time.
    pub files_gone: u64,
    /// Files that were there last time and have another content, or are gone.
    pub touched: u64,
    /// Files that got an ending more or a new one, or turned to noise.
    pub turned: u64,
    /// Over a week with this backup, where that is an incident and one night is not.
    pub in_week: Option<u64>,
    /// Bytes added to the store.
    pub bytes_stored: u64,
    /// Packs added to the store.
    pub packs_stored: u64,
    /// Packs brought back and proved with the key of this run (write-only machines).
    pub packs_proved: u64,
    /// Items that failed.
    pub problems: Vec<Problem>,
    /// Records that were disposed of and are on the live side again, with the content they had: kept, for a person
    /// to look at. Counted only where the register can be read.
    pub reappeared: u64,
    /// Records that are gone and whose last version is lost too, as a person has accepted.
    pub lost: u64,
    /// An incident this backup reported: very many records changed at once.
    pub incident: Option<u64>,
}

/// How often a backup starts over because something it relied on or had stored was swept meanwhile.
const MAX_ATTEMPTS: u32 = 3;
/// Problems beyond this many are counted, not listed.
pub const MAX_LISTED_PROBLEMS: usize = 10_000;

/// Backs up one set.
///
/// # Errors
/// [`OpsError::Source`] when a folder must not be backed up as it is; [`OpsError::Nothing`] when there was nothing
/// to back up; [`OpsError::InTheWay`] when another machine owns the set; faults of the store.
pub fn backup(
    repo: &mut Repository,
    options: &BackupOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<BackupReport, OpsError> {
    if source::check_owner(repo, options).is_err() {
        repo.refresh()?;
        source::check_owner(repo, options)?;
    }
    let mounts = source::check(repo, options)?;
    for attempt in 1..=MAX_ATTEMPTS {
        let read = repo.slots().len();
        match commit::run(repo, options, monitor, stop) {
            // What it stored is named nowhere, and goes with the next prune.
            Err(OpsError::Repo(RepoError::KeysChanged)) if attempt < MAX_ATTEMPTS => {}
            Err(OpsError::Repo(e)) if gone(&e) && (swept_since(repo, read) || starts_over(&e, attempt)) => {}
            Ok(report) => {
                source::remember(repo, options, &mounts)?;
                return Ok(report);
            }
            Err(e) => return Err(e),
        }
    }
    Err(RepoError::Contention.into())
}

/// What looks like damage and may have been swept by somebody. Bytes that are other than they were stored never are.
fn gone(error: &RepoError) -> bool {
    error.is_damage() && !matches!(error, RepoError::Pack { .. })
}

/// The listing it went on from was written anew, or what it needs is swept, or not described any more.
fn starts_over(error: &RepoError, attempt: u32) -> bool {
    matches!(error, RepoError::ChunkUnknown) && attempt < MAX_ATTEMPTS
}

/// Reads what others said since entry `from`. Whether they swept anything: then what is missing or cannot be read is
/// no damage. It is rightly gone, and the next attempt does without it. Where nobody can say, what was found is told.
fn swept_since(repo: &mut Repository, from: usize) -> bool {
    let swept = |slot: &Slot| slot.body.as_ref().is_some_and(|body| matches!(body.entry, Entry::Swept { .. }));
    repo.refresh().is_ok() && repo.slots().iter().skip(from).any(swept)
}
