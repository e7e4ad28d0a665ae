//! Doing what a plan says: folders, files, further names, links, and the folders' own attributes last.

use std::collections::HashMap;
use std::sync::Mutex;

use super::attach::{finish_folders, link, make_folders, make_nodes};
use super::disk::{DiskSink, Fate};
use super::engine::{How, locked, run};
use super::item::{Doing, What};
use super::part::Whole;
use super::place::unusable;
use super::plan::RestorePlan;
use super::report::RestoreReport;
use super::window::Window;
use crate::domain::log::entry::Entry;
use crate::domain::path::RecordPath;
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::fs::place::Target;
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::layout::Key;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// Brings back what the plan says.
///
/// # Errors
/// [`OpsError::InTheWay`] before anything is written; [`OpsError::Target`] when the target cannot be written or is
/// full; [`OpsError::NotOnDisk`] at the end; faults of the store; `Interrupted`. What is complete by then stays, and the same restore goes on from there.
pub fn apply(
    plan: RestorePlan,
    repo: &mut Repository,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<RestoreReport, OpsError> {
    let mut report = bring(plan, repo, None, monitor, stop)?;
    note(repo, &mut report);
    Ok(report)
}

/// As [`apply`], without a note in the log: nobody asked for these records. With `whole`, every pack that is fetched
/// is tested from end to end.
///
/// # Errors
/// As [`apply`].
pub fn bring(
    plan: RestorePlan,
    repo: &mut Repository,
    whole: Option<&Whole>,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<RestoreReport, OpsError> {
    bring_forced(plan, repo, whole, monitor, stop, Target::sync_all)
}

/// The same with a way to force a folder's disk to have everything.
fn bring_forced(
    plan: RestorePlan,
    repo: &mut Repository,
    whole: Option<&Whole>,
    monitor: &dyn Monitor,
    stop: &Stop,
    force: impl Fn(&Target) -> std::io::Result<()>,
) -> Result<RestoreReport, OpsError> {
    let mut plan = plan;
    plan.check_way()?;
    plan.places.make(plan.items.iter().filter(|i| i.doing == Doing::New).map(|i| &i.path))?;
    clear_leftovers(&plan)?;
    let report = Mutex::new(RestoreReport { snapshots: plan.snapshots.clone(), ..RestoreReport::default() });
    for problem in std::mem::take(&mut plan.problems) {
        monitor.problem(&problem);
        locked(&report).fail(problem);
    }
    let finish = make_folders(&plan, &report, stop)?;
    write(&plan, &mut repo.chunks()?, &report, whole, monitor, stop)?;
    make_nodes(&plan, &report, stop)?;
    finish_folders(&plan, &finish, &report)?;
    for (target, _) in plan.places.targets() {
        // It names no file: what replaced another was forced to the disk by itself, and failed by name.
        force(target).map_err(|e| {
            OpsError::NotOnDisk(format!(
                "{}: the system could not write everything to the disk ({e}); which of the new files are incomplete is not \
                 known",
                target.dir().display()
            ))
        })?;
    }
    let mut report = report.into_inner().unwrap_or_default();
    for (pack, why) in repo.read_around() {
        let detail = format!("{} is damaged ({why}): what was needed of it came from another pack", Key::Pack(pack));
        let problem = Problem { path: None, kind: ProblemKind::Damaged, detail };
        monitor.problem(&problem);
        report.fail(problem);
    }
    report.warnings.extend(plan.places.targets().filter_map(|(t, _)| t.strangers()));
    report.folders_used = plan.places.targets().map(|(t, _)| t.dir().to_owned()).collect();
    Ok(report)
}

/// What an earlier run that was killed left unfinished.
fn clear_leftovers(plan: &RestorePlan) -> Result<(), OpsError> {
    let mut folders: HashMap<usize, Vec<RecordPath>> = HashMap::new();
    let targets: Vec<_> = plan.places.targets().filter(|(_, before)| *before).map(|(t, _)| t).collect();
    for item in plan.items.iter().filter(|i| i.what == What::Dir) {
        let Some((target, path)) = plan.places.open(&item.path) else { continue };
        if let Some(at) = targets.iter().position(|t| std::ptr::eq(*t, target)) {
            folders.entry(at).or_default().push(path);
        }
    }
    for (at, target) in targets.iter().enumerate() {
        target.remove_leftovers(folders.get(&at).into_iter().flatten()).map_err(unusable)?;
    }
    Ok(())
}

/// All regular files: first those that are written, then further names of them.
fn write(
    plan: &RestorePlan,
    chunks: &mut ChunkReader<'_>,
    report: &Mutex<RestoreReport>,
    whole: Option<&Whole>,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<(), OpsError> {
    let files = || plan.items.iter().enumerate().filter(|(_, i)| i.what == What::File);
    let done = |at: usize| plan.items[at].doing == Doing::Nothing;
    locked(report).already += files().filter(|(at, _)| done(*at)).count() as u64;
    let leaders: Vec<u32> = files().filter(|(at, i)| !done(*at) && i.link.is_none()).map(|(at, _)| at as u32).collect();
    monitor.stage("restoring", Some(plan.bytes));
    let fates = write_files(plan, chunks, &leaders, report, whole, monitor, stop)?;
    let mut copies = vec![];
    for (at, item) in files() {
        let Some(leader) = item.link else { continue };
        stop.check()?;
        match fates.get(&leader).copied().unwrap_or(Fate::Done) {
            Fate::Damaged => {
                let detail = "it is a further name of a file whose stored data is damaged";
                locked(report).fail(Problem::of(&item.path, ProblemKind::Damaged, detail));
            }
            Fate::Done if link(&plan.places, &plan.items[leader as usize], item, report)? => {}
            Fate::Done | Fate::Open | Fate::NotWritten => copies.push(at as u32),
        }
    }
    write_files(plan, chunks, &copies, report, whole, monitor, stop)?;
    Ok(())
}

/// Window by window. Gives the fate of every file that is not in place now.
fn write_files(
    plan: &RestorePlan,
    chunks: &mut ChunkReader<'_>,
    files: &[u32],
    report: &Mutex<RestoreReport>,
    whole: Option<&Whole>,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<HashMap<u32, Fate>, OpsError> {
    let mut failed = HashMap::new();
    let mut rest = files;
    while !rest.is_empty() {
        let (mut window, mut recorded) = (Window::default(), vec![]);
        while recorded.len() < rest.len() && !window.is_full() {
            stop.check()?;
            let content = plan.items[rest[recorded.len()] as usize].content()?;
            window.add(chunks, &content)?;
            recorded.push(content.digest);
        }
        chunks.rest();
        let (now, later) = rest.split_at(recorded.len());
        let known = locked(report).problems.len();
        let sink = DiskSink::new(&plan.places, &plan.items, now, recorded, report);
        sink.holes(&window, stop)?;
        let how = How { connections: plan.connections, whole };
        let fetched = run(chunks.repository(), window, &sink, how, monitor, stop)?;
        let fates = now.iter().copied().zip(sink.fates());
        failed.extend(fates.filter(|(_, fate)| *fate != Fate::Done));
        let mut report = locked(report);
        report.packs_fetched += fetched;
        report.problems.iter().skip(known).for_each(|p| monitor.problem(p));
        rest = later;
    }
    Ok(failed)
}

/// Says in the log that something was restored: counts only. That it cannot be said is no failure.
fn note(repo: &mut Repository, report: &mut RestoreReport) {
    if report.files == 0 {
        return;
    }
    let snapshot = if let [only] = report.snapshots[..] { Some(only) } else { None };
    let entry = Entry::Restored { snapshot, files: report.files, bytes: report.bytes };
    if let Err(e) = repo.append(|_| Ok(Some(entry.clone()))) {
        report.warnings.push(format!("this restore could not be noted in the log: {e}"));
    }
}

#[cfg(test)]
mod told;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Silent;
    use crate::ops::restore::{RestoreOptions, plan};
    use crate::ops::verify::fixture::Council;

    /// A disk may take bytes and lose them later: then the restore fails, although every file has its name.
    #[test]
    fn a_disk_that_loses_writes_at_the_very_end_ends_the_restore() {
        let c = Council::new();
        c.write("may.txt", "Minutes");
        c.backup();
        let (mut repo, to, stop) = (c.open(), c.tmp.path().join("back"), Stop::default());
        let plan = plan(&mut repo, &RestoreOptions::everything(&to), &Silent, &stop).unwrap();
        let lost = |target: &Target| {
            assert!(target.dir().join("Documents/may.txt").exists(), "all is asked for, and at the end");
            Err(std::io::Error::from_raw_os_error(5))
        };
        let ended = bring_forced(plan, &mut repo, None, &Silent, &stop, lost).unwrap_err();
        let OpsError::NotOnDisk(said) = ended else { panic!("{ended:?}") };
        let words = "the system could not write everything to the disk (Input/output error (os error 5)); which of the new \
                     files are incomplete is not known";
        assert_eq!(said, format!("{}: {words}", to.display()));
    }
}
