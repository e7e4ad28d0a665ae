//! What is put in place besides the content of files: folders, further names, links, pipes and devices.

use std::sync::Mutex;

use super::disk::{make_way, refused};
use super::engine::locked;
use super::item::{Doing, Item, What};
use super::place::{Places, Spot};
use super::plan::RestorePlan;
use super::report::RestoreReport;
use crate::domain::listing::{Kind, Meta};
use crate::domain::path::RecordPath;
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::fs::place::{PlaceError, Target};
use crate::ops::fs::special::Device;
use crate::ops::{OpsError, Stop};

/// A folder that a killed restore left closed to everybody else.
const UNFINISHED: u32 = 0o700;

/// Makes all folders. Says for each item whether it is a folder to be finished later.
///
/// # Errors
/// [`OpsError::Target`] when the target cannot be used.
pub(super) fn make_folders(
    plan: &RestorePlan,
    report: &Mutex<RestoreReport>,
    stop: &Stop,
) -> Result<Vec<bool>, OpsError> {
    let mut finish = vec![false; plan.items.len()];
    for (at, item) in plan.items.iter().enumerate().filter(|(_, i)| i.what == What::Dir) {
        stop.check()?;
        let Some((target, path)) = plan.places.open(&item.path) else {
            finish[at] = matches!(plan.places.spot(&item.path), Spot::Itself);
            continue;
        };
        match target.make_dir(&path) {
            Ok(new) => finish[at] = new || touches(plan, item, target, &path)?,
            Err(e) => {
                let problem = refused(item, e)?;
                locked(report).fail(problem);
            }
        }
    }
    Ok(finish)
}

/// Whether a folder that is there already gets what is recorded about it.
fn touches(plan: &RestorePlan, item: &Item, target: &Target, path: &RecordPath) -> Result<bool, OpsError> {
    if !plan.in_place {
        return Ok(true);
    }
    if plan.overwrite == super::Overwrite::Always && !item.implied {
        return Ok(true);
    }
    let mode = item.unpack()?.1.mode;
    let now = target.exists(path).ok().flatten().map(|s| s.permissions());
    Ok(mode != UNFINISHED && now == Some(UNFINISHED))
}

/// Gives folders what is recorded about them, the deepest first: nothing is put into them afterwards.
///
/// # Errors
/// [`OpsError::Target`] when the target cannot be used.
pub(super) fn finish_folders(
    plan: &RestorePlan,
    finish: &[bool],
    report: &Mutex<RestoreReport>,
) -> Result<(), OpsError> {
    for (item, _) in plan.items.iter().zip(finish).rev().filter(|(_, finish)| **finish) {
        let (_, meta) = item.unpack()?;
        let placed = match plan.places.open(&item.path) {
            Some((target, path)) => target.finish_dir(&path, &meta).map(Some),
            None => plan.places.finish_itself(&item.path, &meta),
        };
        match placed {
            Ok(Some(placed)) => {
                let mut report = locked(report);
                report.folders += 1;
                report.warn(&item.path, placed.warnings);
            }
            Ok(None) => {}
            Err(e) => {
                let problem = refused(item, e)?;
                locked(report).fail(problem);
            }
        }
    }
    Ok(())
}

/// Gives a file that is in place a further name. `false` when it must be written as a file of its own.
///
/// # Errors
/// [`OpsError::Target`] when the target cannot be used.
pub(super) fn link(
    places: &Places,
    leader: &Item,
    item: &Item,
    report: &Mutex<RestoreReport>,
) -> Result<bool, OpsError> {
    let (Some((target, from)), Some((_, to))) = (places.open(&leader.path), places.open(&item.path)) else {
        return Ok(false);
    };
    if item.doing == Doing::Nothing {
        return Ok(true);
    }
    let linked = make_way(places, target, &to, item.doing)
        .and_then(|(overwrite, kept)| target.hard_link(&from, &to, overwrite).map(|placed| (placed, kept)));
    match linked {
        Ok((placed, kept)) => {
            let mut report = locked(report);
            report.files += 1;
            report.copies_kept += u64::from(kept);
            report.warn(&item.path, placed.warnings);
            Ok(true)
        }
        // Too many links, or a file system without: the bytes matter more than the bond.
        Err(PlaceError::Io { .. } | PlaceError::Denied(_)) => Ok(false),
        Err(e) => {
            let problem = refused(item, e)?;
            locked(report).fail(problem);
            Ok(true)
        }
    }
}

/// Puts links, pipes and devices in place.
///
/// # Errors
/// [`OpsError::Target`] when the target cannot be used.
pub(super) fn make_nodes(plan: &RestorePlan, report: &Mutex<RestoreReport>, stop: &Stop) -> Result<(), OpsError> {
    for item in plan.items.iter().filter(|i| i.what == What::Node && i.doing != Doing::Nothing) {
        stop.check()?;
        let Some((target, path)) = plan.places.open(&item.path) else {
            let detail = "it was a folder's own place and is none now: restore it to another folder";
            locked(report).fail(Problem::of(&item.path, ProblemKind::NotWritten, detail));
            continue;
        };
        let (kind, meta) = item.unpack()?;
        match make_node(&plan.places, item, (target, &path), &kind, &meta) {
            Ok((warnings, kept)) => {
                let mut report = locked(report);
                report.others += 1;
                report.copies_kept += u64::from(kept);
                report.warn(&item.path, warnings);
            }
            Err(e) => {
                let problem = refused(item, e)?;
                locked(report).fail(problem);
            }
        }
    }
    Ok(())
}

fn make_node(
    places: &Places,
    item: &Item,
    (target, path): (&Target, &RecordPath),
    kind: &Kind,
    meta: &Meta,
) -> Result<(Vec<String>, bool), PlaceError> {
    let (overwrite, kept) = make_way(places, target, path, item.doing)?;
    let device = |device| target.make_device(path, device, meta, overwrite);
    let placed = match kind {
        Kind::Symlink(to) => target.make_symlink(path, to, meta, overwrite)?,
        Kind::Fifo => target.make_fifo(path, meta, overwrite)?,
        Kind::CharDevice(major, minor) => device(Device::Character(*major, *minor))?,
        Kind::BlockDevice(major, minor) => device(Device::Block(*major, *minor))?,
        Kind::Dir | Kind::File(_) | Kind::Socket => return Ok((vec![], false)),
    };
    Ok((placed.warnings, kept))
}
