//! Was it sound before? The versions before this one, newest first, are brought back and examined too.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::scratch::{Scratch, fits};
use crate::domain::listing::Entry;
use crate::ops::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::query::history::{history, same_content};
use crate::ops::sound::Verdict;
use crate::repo::repository::Repository;

/// Versions that are tried.
const MOST_VERSIONS: usize = 8;

/// What is known of the versions before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Before {
    /// None was sound.
    Never,
    /// One was: the newest snapshot that has it, and its time.
    Was { snapshot: u64, at: Timestamp },
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
    let older = versions[..now].iter().rev().filter(|v| v.entry.is_file() && fits(&v.entry));
    let mut unsure = false;
    for version in older.take(MOST_VERSIONS) {
        stop.check()?;
        let landed = match scratch.bring(repo, &[&version.entry], None, monitor, stop) {
            Ok(landed) => landed,
            Err(OpsError::Target(_)) => return Ok(None),
            Err(e) => return Err(e),
        };
        let verdict = landed.files.first().and_then(Option::as_ref).map(|file| scratch.examine(file, &version.entry));
        match verdict {
            Some(Ok(Verdict::Sound)) => {
                let (snapshot, at) = version.last;
                return Ok(Some(Before::Was { snapshot: snapshot.0, at }));
            }
            Some(Ok(verdict)) if !verdict.is_passing() => {}
            _ => unsure = true,
        }
    }
    Ok((!unsure).then_some(Before::Never))
}
