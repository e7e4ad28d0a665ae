//! The private folder in which documents land to be examined: locked, wiped before and after, and never so full that
//! this computer has no room left.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::SoundOptions;
use crate::domain::listing::Entry;
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::OpsError;
use crate::ops::fs::existing::free_space;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::restore::{Whole, bring, plan_numbered};
use crate::ops::sound::{Examiner, MAX_DOCUMENT, Verdict};
use crate::repo::local::{FileLock, try_lock};
use crate::repo::repository::Repository;

/// Bytes that lie there at a time.
const SCRATCH_BYTES: u64 = 256 << 20;
/// Bytes that are left free beside them.
const MARGIN: u64 = 64 << 20;

/// The room of the folder, as a batch fills it.
pub(in crate::ops::verify) struct Room(u64);

impl Room {
    /// All of it.
    pub fn new() -> Self {
        Self(SCRATCH_BYTES)
    }

    /// Whether one more document lands there, or takes no room since it is not examined.
    pub fn takes(&mut self, entry: &Entry) -> bool {
        let left = self.0.checked_sub(if fits(entry) { entry.size() } else { 0 });
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// Whether a document is small enough to be examined.
pub(in crate::ops::verify) fn fits(entry: &Entry) -> bool {
    entry.size() <= MAX_DOCUMENT
}

/// What came back.
pub(in crate::ops::verify) struct Landed {
    /// The file of each entry, as the examiner knows it; none where it could not come back.
    pub files: Vec<Option<String>>,
    /// What went wrong with it instead.
    pub lost: Vec<(usize, Problem)>,
    /// What differs on the disk from what was backed up.
    pub problems: Vec<Problem>,
    folder: PathBuf,
}

impl Drop for Landed {
    fn drop(&mut self) {
        // What cannot be removed now is at the end, or at the next start.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Files have numbers here, which say nothing to a person: what is wrong with them is told by their names, later.
struct Unnamed<'m>(&'m dyn Monitor);

impl Monitor for Unnamed<'_> {
    fn stage(&self, name: &str, total: Option<u64>) {
        self.0.stage(name, total);
    }
    fn advance(&self, by: u64) {
        self.0.advance(by);
    }
    fn problem(&self, _: &Problem) {}
}

/// The folder, while this process has it.
pub(in crate::ops::verify) struct Scratch {
    folder: PathBuf,
    examiner: Examiner,
    batches: u64,
    _lock: FileLock,
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension("lock")
}

/// Removes what a test restore that was killed left behind. While another one is at work, nothing is done.
pub fn clear(folder: &Path) {
    if folder.symlink_metadata().is_ok()
        && let Ok(Some(_lock)) = try_lock(&lock_of(folder))
    {
        let _ = std::fs::remove_dir_all(folder);
    }
}

impl Scratch {
    /// Takes the folder, or says in words why not.
    pub fn begin(options: &SoundOptions) -> Result<Self, String> {
        let folder = options.scratch.clone();
        let unusable =
            |e: &dyn std::fmt::Display| format!("the scratch folder {} cannot be used: {e}", folder.display());
        let lock = try_lock(&lock_of(&folder)).map_err(|e| unusable(&e))?;
        let lock = lock.ok_or("another test restore is at work")?;
        match std::fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(unusable(&e)),
            _ => {}
        }
        let needed = SCRATCH_BYTES + MARGIN;
        if let Some(free) = free_space(&folder).filter(|free| *free < needed) {
            let mib = |bytes| bytes >> 20;
            let (free, needed) = (mib(free), mib(needed));
            return Err(unusable(&format!("{free} MiB are free there, {needed} MiB are needed")));
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|e| unusable(&e))?;
        let examiner = Examiner::new(options.program.clone(), &folder);
        Ok(Self { folder, examiner, batches: 0, _lock: lock })
    }

    /// Brings entries back by the real engine, each under a number, and compares what is on the disk with the listing.
    /// With `whole`, every pack that is fetched for them is tested from end to end.
    ///
    /// # Errors
    /// [`OpsError::Target`] when the folder takes no more; [`OpsError::NotOnDisk`]; faults of the store; `Interrupted`.
    pub fn bring(
        &mut self,
        repo: &mut Repository,
        entries: &[&Entry],
        whole: Option<&Whole>,
        monitor: &dyn Monitor,
        stop: &Stop,
    ) -> Result<Landed, OpsError> {
        self.batches += 1;
        let name = self.batches.to_string();
        let folder = self.folder.join(&name);
        let mut landed = Landed { files: vec![], lost: vec![], problems: vec![], folder };
        let plan = plan_numbered(repo, entries, &landed.folder)?;
        let report = bring(plan, repo, whole, &Unnamed(monitor), stop)?;
        for problem in report.problems {
            let number = problem.path.as_ref().and_then(|p| p.as_text()?.parse::<usize>().ok());
            match number.and_then(|n| Some((n, entries.get(n)?))) {
                Some((n, entry)) => {
                    let detail = problem.detail;
                    landed.lost.push((n, Problem::of(&entry.path, problem.kind, detail)));
                }
                None => return Err(OpsError::Target(problem.detail)),
            }
        }
        for (n, entry) in entries.iter().enumerate() {
            let file = landed.folder.join(n.to_string());
            let there = std::fs::symlink_metadata(&file).ok().filter(|_| landed.lost.iter().all(|(l, _)| *l != n));
            let Some(there) = there else {
                landed.files.push(None);
                continue;
            };
            let mode = entry.meta.mode & 0o777;
            if (there.len(), there.mtime(), there.mode() & 0o777) != (entry.size(), entry.meta.mtime_s, mode) {
                let detail = "brought back to this computer's disk it has another size, time or mode than its backup";
                landed.problems.push(Problem::of(&entry.path, ProblemKind::Incomplete, detail));
            }
            // Whoever examines it must be able to read it, whatever mode it has.
            let _ = std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600));
            landed.files.push(Some(format!("{name}/{n}")));
        }
        Ok(landed)
    }

    /// Examines a file that landed; why that is impossible, otherwise.
    pub fn examine(&mut self, file: &str, entry: &Entry) -> Result<Verdict, String> {
        let examined = self.examiner.examine(file, entry.path.as_bytes());
        examined.map_err(|e| format!("no examination could be started: {e}"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
