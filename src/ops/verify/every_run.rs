//! What every run looks at besides its test restore: that everything is there, that the key files and the index in the
//! store are those that were stored (this machine's cache would hide that they rotted), and, where this machine still
//! has the very bytes, that they are put back. What was put back is told as damage all the same.

use std::collections::HashSet;

use super::check::compare;
use super::scrub::scrub_index;
use super::{Damage, Object, VerifyReport, damage, wanted};
use crate::domain::id::IndexName;
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::repo::repository::Repository;

/// How a lost index is told by who reads around it.
const LOST: &str = "it is damaged or missing; what it said was read from the packs themselves";

/// The index objects and packs that were read around.
pub(super) fn lost(repo: &Repository) -> Vec<Damage> {
    let of = |name: &IndexName| damage(repo.state(), Object::Index(*name), LOST);
    let packs = repo.read_around().into_iter().map(|(name, why)| damage(repo.state(), Object::Pack(name), why));
    repo.lost_indexes().iter().map(of).chain(packs).collect()
}

/// Checks, reads the small objects again, and puts back what it can.
///
/// # Errors
/// As [`super::check`].
pub fn look(
    repo: &mut Repository,
    name_the_records: bool,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<VerifyReport, OpsError> {
    let mut report = compare(repo, name_the_records, monitor, stop)?;
    let read = scrub_index(repo, monitor, stop);
    let ended = match read {
        Ok(scrubbed) => {
            scrubbed.failed.into_iter().for_each(|damage| report.add_damage(damage));
            scrubbed.ended
        }
        Err(e) => Some(e),
    };
    if let Some(e) = ended {
        report = report.ended_by(e)?;
    }
    if report.failed.is_empty() {
        return Ok(report);
    }
    // What was found may have been swept meanwhile: then it is no damage, and nothing brings it back.
    match repo.refresh() {
        Ok(_) => {
            let still: HashSet<Object> = wanted(repo)?.iter().map(|w| w.object).collect();
            report.failed.retain(|d| match d.object {
                Some(object @ (Object::Pack(_) | Object::Index(_) | Object::Note(_))) => still.contains(&object),
                _ => true,
            });
            report.failed.iter_mut().for_each(|damage| put_back(repo, damage));
            Ok(report)
        }
        Err(e) => report.ended_by(e),
    }
}

/// Says what to do about an object that this machine, or another, has a copy of.
pub(super) fn advise(repo: &Repository, damage: &mut Damage) {
    let Some(object @ (Object::Bundle(..) | Object::Index(_))) = damage.object else { return };
    match object {
        _ if repo.copy_of(&object.key()).is_some() => damage.what.push_str(COPY),
        Object::Bundle(..) => damage.what.push_str(NO_COPY),
        _ => {}
    }
}

fn put_back(repo: &Repository, damage: &mut Damage) {
    let Some(object @ (Object::Bundle(..) | Object::Index(_))) = damage.object else { return };
    let said = match (repo.put_back(&object.key()), object) {
        (Some(Ok(())), _) => {
            damage.put_back = true;
            PUT_BACK.to_owned()
        }
        (Some(Err(e)), _) => format!("; this computer has a copy, and could not put it back: {e}"),
        (None, Object::Bundle(..)) => NO_COPY.to_owned(),
        (None, _) => return,
    };
    damage.what.push_str(&said);
}

const PUT_BACK: &str = "; this computer's copy was put back";
const COPY: &str = ". This computer has a copy of it, and puts it back with: strongroom run";
const NO_COPY: &str = ". This computer has no copy of it: run another computer's 'strongroom run', bring back the store's \
                       old version, or make new key files with the recovery sheet: strongroom key rotate";
