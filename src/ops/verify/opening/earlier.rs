//! Was it sound before? Versions before this one are brought back and examined too: the newest of them, then some
//! spread over all that are older, so that a document saved many times since it broke still has its last sound one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::scratch::{Scratch, fits};
use crate::domain::listing::Entry;
use crate::ops::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::query::history::{Version, history, same_content};
use crate::ops::sound::Verdict;
use crate::repo::repository::Repository;

/// The newest versions, each of which is tried; and so many of those before them.
const NEWEST: usize = 4;
const SPREAD: usize = 4;

/// What is known of the versions before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Before {
    /// None was sound.
    Never,
    /// One was: the newest snapshot that has it, and its time; and the first snapshot with what is bad now.
    Was {
        snapshot: u64,
        at: Timestamp,
        #[serde(default)]
        bad_since: u64,
    },
}

/// Looks for the newest sound version before this one; `None` when it cannot be known now: a version did not come back,
/// or its examination did not end.
pub(super) fn find(
    repo: &mut Repository,
    scratch: &mut Scratch,
    entry: &Entry,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<Option<Before>, OpsError> {
    let versions = match history(repo, &entry.path) {
        Ok(versions) => versions,
        Err(OpsError::Repo(e)) if e.is_damage() => return Ok(None),
        Err(e) => return Err(e),
    };
    let now = versions.iter().rposition(|v| same_content(&v.entry, entry)).unwrap_or(versions.len());
    let bad_since = versions.get(now).map_or(0, |v| v.first.0.0);
    let older: Vec<&Version> = versions[..now].iter().rev().filter(|v| v.entry.is_file() && fits(&v.entry)).collect();
    let mut try_it = |at: usize| {
        stop.check()?;
        let entry = &older[at].entry;
        let landed = match scratch.bring(repo, &[entry], None, monitor, stop) {
            Ok(landed) => landed,
            Err(OpsError::Target(_) | OpsError::NotOnDisk(_)) => return Ok(None),
            Err(e) => return Err(e),
        };
        let verdict = landed.files.first().and_then(Option::as_ref).map(|file| scratch.examine(file, entry));
        Ok(match verdict {
            Some(Ok(Verdict::Sound)) => Some(true),
            Some(Ok(verdict)) if !verdict.is_passing() => Some(false),
            _ => None,
        })
    };
    let found = newest_sound(older.len(), &mut try_it)?;
    Ok(found.map(|at| match at.map(|at| older[at].last) {
        Some((snapshot, at)) => Before::Was { snapshot: snapshot.0, at, bad_since },
        None => Before::Never,
    }))
}

/// Which of so many to try, the newest first.
fn tries(all: usize) -> Vec<usize> {
    match all.checked_sub(NEWEST + SPREAD) {
        None | Some(0) => (0..all).collect(),
        Some(_) => (0..NEWEST).chain((1..=SPREAD).map(|n| NEWEST - 1 + (all - NEWEST) * n / SPREAD)).collect(),
    }
}

/// The first that is sound, as far as tries tell; `None` where it stays unsure.
fn newest_sound(
    all: usize,
    sound: &mut dyn FnMut(usize) -> Result<Option<bool>, OpsError>,
) -> Result<Option<Option<usize>>, OpsError> {
    let (mut bad, mut unsure) = (None, false);
    for at in tries(all) {
        match sound(at)? {
            Some(true) => {
                // Between one that is bad and one that is not lies where it broke.
                let (mut low, mut high) = (bad.map_or(0, |bad| bad + 1), at);
                while low < high {
                    let middle = low + (high - low) / 2;
                    match sound(middle)? {
                        Some(true) => high = middle,
                        _ => low = middle + 1,
                    }
                }
                return Ok(Some(Some(high)));
            }
            Some(false) => bad = Some(at),
            None => (bad, unsure) = (Some(at), true),
        }
    }
    Ok((!unsure).then_some(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_often_a_broken_document_was_saved_its_last_sound_version_is_found_with_few_tries() {
        for all in 0..300 {
            for broke in 0..=all {
                let mut tried = 0;
                let found = newest_sound(all, &mut |at| {
                    tried += 1;
                    Ok(Some(at >= broke))
                });
                assert_eq!(found.unwrap(), Some((broke < all).then_some(broke)), "{broke} of {all}");
                assert!(tried <= 17, "{tried} tries for {all}");
            }
        }
        let unsure = newest_sound(3, &mut |at| Ok((at > 0).then_some(false))).unwrap();
        assert_eq!(unsure, None);
    }
}
