//! Which snapshots a question is about: of each set one, the newest unless something else was asked for.
//!
//! While a mass change waits for a person, the newest good state is the one before it: a restore must not bring
//! back what has just been scrambled, unless that snapshot is named.

use jiff::Timestamp;

use crate::domain::id::SnapshotId;
use crate::domain::log::entry::IncidentKind;
use crate::domain::log::state::{SnapshotState, State};
use crate::ops::OpsError;

/// What was asked for. Nothing means: of every set the newest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    /// This set only.
    pub set: Option<String>,
    /// As things were at this moment.
    pub at: Option<Timestamp>,
    /// This very snapshot.
    pub snapshot: Option<SnapshotId>,
}

/// The snapshots meant, sorted by set.
///
/// # Errors
/// [`OpsError::NotFound`] when there is none; [`OpsError::Usage`] when the question contradicts itself.
pub fn choose<'s>(state: &'s State, which: &Which) -> Result<Vec<&'s SnapshotState>, OpsError> {
    if let Some(id) = which.snapshot {
        return one(state, id, which).map(|s| vec![s]);
    }
    let sets: Vec<String> = match &which.set {
        Some(set) => vec![set.clone()],
        None => state.sets(),
    };
    let found: Vec<_> = sets.iter().filter_map(|set| newest(state, set, which.at)).collect();
    if found.is_empty() { Err(OpsError::NotFound(nothing(state, which))) } else { Ok(found) }
}

fn one<'s>(state: &'s State, id: SnapshotId, which: &Which) -> Result<&'s SnapshotState, OpsError> {
    if which.at.is_some() {
        return Err(OpsError::Usage("name a date or a snapshot, not both".into()));
    }
    let found = state.snapshot(id).ok_or_else(|| {
        let thinned = state.snapshots.iter().any(|s| s.id == id);
        let why = if thinned { "was thinned out" } else { "does not exist" };
        OpsError::NotFound(format!("snapshot {id} {why}; 'strongroom snapshots' lists those there are"))
    })?;
    match &which.set {
        Some(set) if *set != found.snapshot.set => {
            Err(OpsError::Usage(format!("snapshot {id} is of the set '{}', not '{set}'", found.snapshot.set)))
        }
        _ => Ok(found),
    }
}

fn newest<'s>(state: &'s State, set: &str, at: Option<Timestamp>) -> Option<&'s SnapshotState> {
    let of_set = || state.live_snapshots().rev().filter(|s| s.snapshot.set == set);
    if let Some(at) = at {
        return of_set().find(|s| s.snapshot.began <= at);
    }
    match before_incident(state, set) {
        Some(first_bad) => of_set().find(|s| s.id < first_bad).or_else(|| of_set().next()),
        None => of_set().next(),
    }
}

/// The first snapshot of the set that an open mass change is about.
fn before_incident(state: &State, set: &str) -> Option<SnapshotId> {
    let mass = state.open_incidents().filter(|i| i.incident.what == IncidentKind::MassChange);
    let ids = mass.filter_map(|i| i.incident.snapshot);
    ids.filter(|id| state.snapshots.iter().any(|s| s.id == *id && s.snapshot.set == set)).min()
}

/// Whether what was chosen by default is not the newest because a mass change waits for a person.
pub fn held_back(state: &State, chosen: &SnapshotState) -> bool {
    before_incident(state, &chosen.snapshot.set).is_some_and(|bad| chosen.id < bad)
}

fn nothing(state: &State, which: &Which) -> String {
    let sets = state.sets();
    if sets.is_empty() {
        return "there is no snapshot yet: nothing was backed up so far".into();
    }
    match (&which.set, which.at) {
        (Some(set), _) if !sets.contains(set) => {
            format!("there is no snapshot of a set '{set}'; there are: {}", sets.join(", "))
        }
        (_, Some(at)) => format!("there is no snapshot as old as {at}; 'strongroom snapshots' lists those there are"),
        _ => "there is no such snapshot".into(),
    }
}
