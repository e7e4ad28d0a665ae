//! The first step of a disposal: its records are not listed or restored from here on.
//!
//! The decision counts for the log as it was read: a hold, a date or a backup that comes between is a new question.

use super::needs::Rulings;
use super::note;
use super::register::of_plan;
use super::versions::versions;
use crate::domain::log::Role;
use crate::domain::log::entry::Entry;
use crate::domain::log::ruled::Withdrawn;
use crate::domain::log::rulings::DisposalWithdrawn;
use crate::domain::retention::plan::Plan;
use crate::ops::{OpsError, Stop};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;
use serde::{Deserialize, Serialize};

/// How often it is decided anew, since the log moved on.
const ROUNDS: u32 = 20;

/// Why there is no time to change one's mind.
#[derive(Serialize, Deserialize)]
struct UrgentNote {
    reason: String,
}

/// The kind of its note.
const URGENT: &str = "urgent";

/// Why there was no time to change one's mind; nothing where there was, or where it cannot be read.
pub(super) fn urgent_reason(repo: &Repository, withdrawn: &Withdrawn) -> Result<Option<String>, RepoError> {
    let Some(name) = withdrawn.note.filter(|_| withdrawn.urgent) else { return Ok(None) };
    Ok(note::read::<UrgentNote>(repo, URGENT, &name)?.ok().map(|n| n.reason))
}

/// Withdraws the plan's records. `permit` is asked before the entry. An urgent one only an approver can say.
pub(super) fn withdraw(
    repo: &mut Repository,
    approval: u64,
    plan: &Plan,
    urgent: Option<&str>,
    permit: &dyn Fn(&mut Repository) -> Result<(), OpsError>,
    stop: &Stop,
) -> Result<u64, OpsError> {
    let mut notes = None;
    for _ in 0..ROUNDS {
        repo.refresh()?;
        let upto = repo.state().next;
        permit(repo)?;
        if repo.state().next != upto {
            continue;
        }
        let (register, note) = match notes {
            Some(notes) => notes,
            None => {
                let all = versions(repo, plan, stop)?;
                let register = repo.put_note(&of_plan(&repo.register_key(), plan, Some(&all)))?;
                let why = urgent.map(|why| note::put(repo, URGENT, &UrgentNote { reason: why.into() })).transpose()?;
                *notes.insert((register, why))
            }
        };
        let (seen, snapshots) = (Rulings::of(repo.state()), repo.state().snapshots.len());
        let said = DisposalWithdrawn { approval, urgent: urgent.is_some(), register, note };
        let role = if urgent.is_some() { Role::Approver } else { Role::Pruner };
        let n = repo.append_as(Some(role), |state| {
            let waiting = state.disposal(approval).is_some_and(|d| d.is_open() && d.withdrawn.is_none());
            let same = Rulings::of(state) == seen && state.snapshots.len() == snapshots;
            Ok((waiting && same).then(|| Entry::DisposalWithdrawn(said.clone())))
        })?;
        if let Some(n) = n {
            return Ok(n);
        }
        if repo.state().disposal(approval).is_none_or(|d| !d.is_open() || d.withdrawn.is_some()) {
            let why = format!("disposal {approval} was cancelled or withdrawn by somebody else just now");
            return Err(OpsError::InTheWay(why));
        }
    }
    Err(RepoError::Contention.into())
}
