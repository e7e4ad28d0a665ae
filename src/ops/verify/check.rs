//! Is everything there? Names and sizes only, and the few small key files whole: no secret is needed beyond reading the
//! log.
//!
//! The store's listing is a hint: what it does not show is asked for by name before it counts as missing.

use std::collections::HashMap;

use super::affected::name_records;
use super::every_run::advise;
use super::overtaken::leave_out_swept;
use super::{VerifyReport, Wanted, bundles, damage, put_on_record, wanted};
use crate::domain::log::entry::Entry;
use crate::domain::log::proofs::Checked;
use crate::domain::log::state::State;
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::repo::error::RepoError;
use crate::repo::layout::{INDEX, KEYS, Key, NOTES, PACKS};
use crate::repo::repository::Repository;
use crate::repo::store::{ASKED_BY_NAME, Store};

/// Compares the store with the log. `name_the_records` also reads listings, where the keys allow, to say which
/// records a damage affects.
///
/// # Errors
/// [`OpsError::Nothing`] when there is no backup; a damaged or rolled back log; faults of the store.
pub fn check(
    repo: &mut Repository,
    name_the_records: bool,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<VerifyReport, OpsError> {
    let mut report = compare(repo, name_the_records, monitor, stop)?;
    report.failed.iter_mut().for_each(|damage| advise(repo, damage));
    Ok(report)
}

pub(super) fn compare(
    repo: &mut Repository,
    name_the_records: bool,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<VerifyReport, OpsError> {
    repo.refresh()?;
    let wanted = wanted(repo)?;
    monitor.stage("checking", Some(wanted.len() as u64));
    let mut report = VerifyReport::default();
    let mut listed: HashMap<Key, u64> = HashMap::new();
    for folder in [PACKS, INDEX, KEYS, NOTES] {
        stop.check()?;
        let (objects, foreign) = repo.store.list(folder)?;
        report.foreign += foreign as u64;
        listed.extend(objects.into_iter().map(|l| (l.key, l.size)));
    }
    let notes = repo.state().expected_notes(repo.env.clock.now());
    let is_ours =
        |key: &Key| if let Key::Note(name) = key { notes.contains(name) } else { is_known(repo.state(), key) };
    report.unknown = listed.keys().filter(|key| !is_ours(key)).count() as u64;
    let read = look_for(repo, &wanted, &listed, &mut report, monitor, stop);
    let read = read.and_then(|()| bundles::check(repo, &mut report, stop));
    let read = read.and_then(|()| leave_out_swept(repo, &mut report));
    match read.and_then(|()| told(repo, &mut report, name_the_records)) {
        Ok(()) => Ok(report),
        Err(e) => report.ended_by(e),
    }
}

/// Compares what must be there with what is listed, and asks by name for what is not.
fn look_for(
    repo: &Repository,
    wanted: &[Wanted],
    listed: &HashMap<Key, u64>,
    report: &mut VerifyReport,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<(), OpsError> {
    let mut asked = 0;
    for object in wanted {
        stop.check()?;
        monitor.advance(1);
        report.examined.objects += 1;
        match listed.get(&object.object.key()) {
            Some(size) => match wrong_size(object, *size) {
                None => report.examined.bytes += size,
                Some(what) => report.failed.push(damage(repo.state(), object.object, what)),
            },
            None => {
                asked += 1;
                match look_again(&repo.store, object, asked)? {
                    None => report.unlisted += 1,
                    Some(what) => report.failed.push(damage(repo.state(), object.object, what)),
                }
            }
        }
    }
    Ok(())
}

fn told(repo: &mut Repository, report: &mut VerifyReport, name_the_records: bool) -> Result<(), OpsError> {
    super::remember_damage(repo, report)?;
    let (objects, bytes, failed) = (report.examined.objects, report.examined.bytes, report.failed.len() as u64);
    report.entries.extend(put_on_record(repo, &Entry::Checked(Checked { objects, bytes, failed }))?);
    if name_the_records {
        name_records(repo, &mut report.failed)?;
    }
    Ok(())
}

/// Where the log does not say the size, the object must at least not be empty.
fn wrong_size(wanted: &Wanted, size: u64) -> Option<String> {
    match wanted.size {
        None => (size == 0).then(|| "it is empty".into()),
        Some(right) => (size != right).then(|| format!("it is {size} bytes long and should be {right}")),
    }
}

fn look_again(store: &Store, wanted: &Wanted, asked: usize) -> Result<Option<String>, RepoError> {
    let missing = "it is missing from the store".to_string();
    if asked > ASKED_BY_NAME {
        return Ok(Some(missing));
    }
    let size = store.size(&wanted.object.key())?;
    Ok(size.map_or(Some(missing), |size| wrong_size(wanted, size)))
}

fn is_known(state: &State, key: &Key) -> bool {
    match key {
        Key::Pack(name) => state.pack_numbers.contains_key(name) || state.orphans.contains_key(name),
        Key::Index(name) => {
            state.indexes.iter().any(|i| i.index.name == *name) || state.orphan_indexes.contains_key(name)
        }
        _ => true,
    }
}
