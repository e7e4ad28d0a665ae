//! Several documents that are no longer what their names say are an incident: like very many changes at once, it stops
//! whatever gives versions up until a person has looked. What a mass change brought with it is part of that one.

use super::Spoiled;
use super::memory::Memory;
use crate::domain::id::SnapshotId;
use crate::domain::log::entry::{Entry, Incident, IncidentKind};
use crate::domain::log::state::State;
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// So many documents that no incident speaks of yet are one. Fewer are told of, and go on counting.
pub const SEVERAL: usize = 3;

/// Whether a person has said of this incident that what was found in the documents is as it should be.
pub(super) fn is_answered(state: &State, incident: Option<u64>) -> bool {
    let turned = state.incidents.iter().filter(|i| i.incident.what == IncidentKind::NotItsName && i.resolved);
    incident.is_some_and(|incident| turned.map(|i| i.at).any(|at| at == incident))
}

/// The incident that a document belongs to already: that of its change, or one that is open.
fn known(state: &State, bad_since: u64) -> Option<u64> {
    let change = (IncidentKind::MassChange, Some(SnapshotId(bad_since)));
    let of_change = state.incidents.iter().find(|i| (i.incident.what, i.incident.snapshot) == change);
    let open = || state.open_incidents().find(|i| i.incident.what == IncidentKind::NotItsName);
    of_change.or_else(open).map(|i| i.at)
}

/// Puts documents into the incidents they belong to, and reports one where several belong to none.
pub(super) fn report(
    repo: &mut Repository,
    memory: &mut Memory,
    spoiled: &mut [Spoiled],
    examined: u64,
) -> Result<(), RepoError> {
    for standing in memory.standing.iter_mut().filter(|s| s.not_its_name && s.incident.is_none()) {
        standing.incident = known(repo.state(), standing.bad_since);
    }
    let fresh = memory.standing.iter().filter(|s| s.not_its_name && s.incident.is_none()).count();
    if fresh >= SEVERAL {
        let counts = vec![fresh as u64, examined];
        let incident = Incident { what: IncidentKind::NotItsName, snapshot: None, counts };
        let at = repo.append(|_| Ok(Some(Entry::Incident(incident.clone()))))?;
        for standing in memory.standing.iter_mut().filter(|s| s.not_its_name && s.incident.is_none()) {
            standing.incident = at;
        }
    }
    for (spoiled, standing) in spoiled.iter_mut().zip(&memory.standing) {
        spoiled.incident = standing.incident;
    }
    Ok(())
}
