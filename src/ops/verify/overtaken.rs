//! An examination beside a pruner that does not wait: what was swept while it was looked for is no damage.
//!
//! Whoever waits between condemning and sweeping is never met here. A person may prune without any wait.

use super::{Damage, Object, VerifyReport};
use crate::domain::log::state::{Life, State};
use crate::ops::error::OpsError;
use crate::repo::repository::Repository;

/// By the newest log.
fn is_swept(state: &State, object: Object) -> bool {
    let swept = |life: &Life| matches!(life, Life::Swept { .. });
    match object {
        Object::Pack(name) => state.is_swept(&name),
        Object::Index(name) => {
            let mut same = state.indexes.iter().filter(|i| i.index.name == name).peekable();
            same.peek().is_some() && same.all(|i| swept(&i.life))
        }
        Object::Bundle(..) | Object::Note(_) | Object::Entry(_) => false,
    }
}

/// Whether any entry from `first` on swept something.
fn swept_since(state: &State, first: u64) -> bool {
    let since = |life: &Life| matches!(life, Life::Swept { at } if *at >= first);
    state.packs.iter().any(|p| since(&p.life)) || state.indexes.iter().any(|i| since(&i.life))
}

/// Takes out of what was found the objects that were swept meanwhile. What ended the examination is the result again
/// where nothing is left.
///
/// # Errors
/// Faults of the store; what ended the examination.
pub(super) fn leave_out_swept(repo: &mut Repository, report: &mut VerifyReport) -> Result<(), OpsError> {
    if report.failed.is_empty() {
        return Ok(());
    }
    repo.refresh()?;
    report.failed.retain(|d| !d.object.is_some_and(|object| is_swept(repo.state(), object)));
    match report.ended.take_if(|_| report.failed.is_empty()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Whether all that a test restore met, which read the log up to `first`, may be due to what was swept since: nobody can
/// say then what else it would have found. `broke`: damage ended it. Damage that is none of that stays in the report.
///
/// # Errors
/// Faults of the store.
pub(super) fn is_overtaken(
    repo: &mut Repository,
    report: &mut VerifyReport,
    first: u64,
    broke: bool,
) -> Result<bool, OpsError> {
    if report.failed.is_empty() && !broke {
        return Ok(false);
    }
    repo.refresh()?;
    let state = repo.state();
    if !swept_since(state, first) {
        return Ok(false);
    }
    let lives = |d: &Damage| d.snapshots.iter().any(|id| state.live_snapshots().any(|s| s.id == *id));
    report.failed.retain(|d| d.object.map_or_else(|| lives(d), |object| !is_swept(state, object)));
    Ok(report.failed.is_empty())
}
