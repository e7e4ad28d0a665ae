//! What a run gathers on its way: both listings as they grow, and the figures of its report.

use super::depot::{Depot, Kept};
use super::merge::{Moment, gone_now};
use super::session::{Session, Waiting, tell};
use super::side::Side;
use super::unusual::Unusual;
use super::window::Outcome;
use super::{BackupOptions, BackupReport, MAX_LISTED_PROBLEMS};
use crate::domain::id::ChunkId;
use crate::domain::listing::{Folder, Root};
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::monitor::Monitor;
use crate::ops::retention::register::Register;
use crate::repo::error::RepoError;
use crate::repo::last_listing::{Kept as KeptFile, Known};
use crate::repo::repository::Repository;
use crate::repo::writer::WrittenPack;

/// Everything gathered on the way.
pub struct Tally {
    /// What is told at the end.
    pub report: BackupReport,
    /// Packs that are in the store and the log was not told of yet.
    pub waiting: Waiting,
    /// What changed since last time.
    pub unusual: Unusual,
    /// Records in the gone listing.
    pub gone_total: u64,
    /// What was disposed of; empty where it cannot be read.
    pub register: Register,
    /// The set.
    pub set: String,
}

/// Both listings as they grow.
pub struct Listing {
    /// What is there.
    pub live: Side,
    /// What was there once.
    pub gone: Side,
}

/// The root of a snapshot and the two files that this machine keeps of it.
pub type Finished = (Root, (KeptFile, KeptFile));

impl Listing {
    /// Ends both; the root names their pages. `inherits`: roots whose listings could not be had.
    pub fn root(self, depot: &mut Depot, options: &BackupOptions, inherits: &[ChunkId]) -> Result<Finished, RepoError> {
        let (live, live_file) = self.live.finish(depot)?;
        let (gone, gone_file) = self.gone.finish(depot)?;
        let folder = |s: &crate::ops::fs::walk::Source| Folder {
            name: s.name.clone(),
            source: std::os::unix::ffi::OsStrExt::as_bytes(s.path.as_os_str()).to_vec(),
        };
        let root = Root {
            set: options.set.clone(),
            live,
            gone,
            inherits: inherits.to_vec(),
            config: options.config_text.as_ref().map(|t| t.clone().into_bytes()),
            folders: options.folders.iter().map(folder).collect(),
        };
        Ok((root, (live_file, gone_file)))
    }
}

/// Puts one outcome where it belongs.
pub fn take(
    outcome: Outcome,
    moment: Moment,
    depot: &mut Depot,
    listing: &mut Listing,
    tally: &mut Tally,
    monitor: &dyn Monitor,
) -> Result<(), RepoError> {
    let report = &mut tally.report;
    match outcome {
        Outcome::Live { known, read, change } => {
            report.files += u64::from(known.entry.is_file());
            report.bytes += known.entry.size();
            report.files_read += u64::from(read);
            if known.entry.is_file() {
                tally.unusual.met(known.entry.path.as_bytes(), change);
            }
            if tally.register.has_reappeared(&tally.set, &known.entry) {
                report.reappeared += 1;
                // Told, and no problem of the snapshot: the record is kept.
                let detail = "it was destroyed or withdrawn under the scheme and is in the folder again; it is kept until somebody decides";
                monitor.problem(&Problem::of(&known.entry.path, ProblemKind::Reappeared, detail));
            }
            listing.live.add(depot, &known)
        }
        Outcome::Gone(known) => {
            let new = known.entry.gone.as_ref().is_some_and(|g| g.missed_s == moment.began_s && !g.may_still_exist());
            if new && known.entry.is_file() {
                report.files_gone += 1;
                tally.unusual.gone(known.entry.path.as_bytes());
            }
            keep_gone(known, depot, listing, tally, monitor)
        }
        Outcome::Failed(problem, last) => {
            note_problem(report, problem, monitor);
            match last {
                Some(mut known) => {
                    match &mut known.entry.gone {
                        Some(gone) => gone.unreadable = true,
                        none => *none = Some(gone_now(moment, true)),
                    }
                    (known.fingerprint, known.place) = (None, None);
                    keep_gone(known, depot, listing, tally, monitor)
                }
                None => Ok(()),
            }
        }
        Outcome::Flawed(problem) => {
            note_problem(report, problem, monitor);
            Ok(())
        }
    }
}

fn keep_gone(
    known: Known,
    depot: &mut Depot,
    listing: &mut Listing,
    tally: &mut Tally,
    monitor: &dyn Monitor,
) -> Result<(), RepoError> {
    match depot.keep_for_good(&known) {
        Kept::Whole => {}
        Kept::Lost => tally.report.lost += 1,
        Kept::Broken => {
            let detail = "its last version is not whole in the store any more";
            note_problem(&mut tally.report, Problem::of(&known.entry.path, ProblemKind::Damaged, detail), monitor);
        }
    }
    tally.gone_total += 1;
    listing.gone.add(depot, &known)
}

fn note_problem(report: &mut BackupReport, problem: Problem, monitor: &dyn Monitor) {
    monitor.problem(&problem);
    if report.problems.len() < MAX_LISTED_PROBLEMS {
        report.problems.push(problem);
    }
}

/// Counts packs that are in the store, and keeps them until the log is told.
pub fn take_up(tally: &mut Tally, written: Vec<WrittenPack>) {
    tally.report.packs_stored += written.len() as u64;
    tally.report.bytes_stored += written.iter().map(|w| w.pack.size).sum::<u64>();
    tally.waiting.extend(written);
}

/// Takes up what came to the store; once that is much, the log is told.
pub fn tell_in_time(
    repo: &mut Repository,
    session: Session,
    tally: &mut Tally,
    written: Vec<WrittenPack>,
) -> Result<(), RepoError> {
    take_up(tally, written);
    if tally.waiting.is_enough() { tell(repo, session, tally.waiting.take()) } else { Ok(()) }
}
