//! The law as it stands: the scheme in force on a day, the recorded dates and the open holds, out of the log's notes.
//!
//! A note that cannot be read never lets anything go: a hold that cannot be read touches everything, and so does
//! a date that cannot be read, since it could be the latest; a scheme that cannot be read is none.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::hold;
use super::note::{self, DateNote};
use crate::domain::log::ruled::{DisposalState, SchemeState};
use crate::domain::log::state::State;
use crate::domain::path::RecordPath;
use crate::domain::retention::decide::Compiled;
use crate::domain::retention::plan::PlanId;
use crate::domain::retention::record::RecordFacts;
use crate::domain::retention::rulings::{EventDate, Hold, Law};
use crate::domain::retention::scheme::Scheme;
use crate::ops::OpsError;
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// A note that an entry names and nobody here can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The entry.
    pub entry: u64,
    /// What it is.
    pub what: &'static str,
    /// Why it cannot be read.
    pub why: String,
}

/// A scheme that was adopted.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// What the log says.
    pub state: SchemeState,
    /// The scheme; nothing where its note cannot be read or it has a fault.
    pub scheme: Option<Scheme>,
}

/// Records that are approved to go, by set and path: the approval, and when they were withdrawn.
type UnderWay = HashMap<(String, RecordPath), (u64, Option<Timestamp>)>;

/// The law on a day.
#[derive(Debug, Clone)]
pub struct LoadedLaw {
    /// Ready to decide with.
    pub compiled: Compiled,
    /// The day for which it was loaded: of the schemes, the one in force then.
    pub on: Date,
    /// The scheme in force.
    pub in_force: Option<Adopted>,
    /// The newest scheme that is adopted and not in force yet.
    pub next: Option<Adopted>,
    /// By every scheme that is adopted and not in force yet: what one of them keeps does not go meanwhile.
    pub waiting: Vec<(Date, Compiled)>,
    /// Notes that cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// The number of the entry that the log was read up to.
    pub upto: u64,
    /// The names of all plans that were ever approved, and the newest approval of each.
    names: HashMap<String, u64>,
    under_way: UnderWay,
}

impl LoadedLaw {
    /// The law itself.
    pub fn law(&self) -> &Law {
        self.compiled.law()
    }

    /// The same, as if this scheme were in force and none waited: to look at, never to approve.
    ///
    /// # Errors
    /// The fault of a scheme that cannot be in force.
    pub fn as_if(self, scheme: Scheme) -> Result<Self, OpsError> {
        let law = Law { scheme: Some(scheme), scheme_at: None, ..self.compiled.law().clone() };
        let compiled = Compiled::new(law).map_err(|e| OpsError::Usage(e.to_string()))?;
        Ok(Self { compiled, waiting: vec![], ..self })
    }

    /// Notes that cannot be read.
    pub fn unreadable_notes(&self) -> u64 {
        self.unreadable.len() as u64
    }

    /// The newest approval of a plan of this name, called off or not.
    pub fn approved_as(&self, plan: &PlanId) -> Option<u64> {
        self.names.get(&plan.to_string()).copied()
    }

    /// The approval by which this record is on its way out already.
    pub fn under_way(&self, record: &RecordFacts) -> Option<u64> {
        if self.under_way.is_empty() {
            return None;
        }
        let (approval, withdrawn) = self.under_way.get(&(record.set.to_string(), record.path.clone()))?;
        // What was seen after that is a new record at an old place.
        let new = withdrawn.is_some_and(|at| record.may_be_live() || record.last_seen.is_none_or(|seen| seen > at));
        (!new).then_some(*approval)
    }
}

/// Loads the law for a day.
///
/// # Errors
/// [`RepoError::CannotRead`] without the reading identity; faults of the store.
pub fn load(repo: &Repository, zone: &TimeZone, on: Date) -> Result<LoadedLaw, OpsError> {
    if !repo.can_read() {
        return Err(RepoError::CannotRead.into());
    }
    let state = repo.state();
    let mut unreadable = vec![];
    let mut law = Law::none(zone.clone());
    let in_force = state.in_force(on).map(|s| adopted(repo, s, &mut unreadable)).transpose()?;
    let newest = state.schemes.last().filter(|s| s.in_force > on);
    let next = newest.map(|s| adopted(repo, s, &mut unreadable)).transpose()?;
    if let Some(Adopted { state, scheme: Some(scheme) }) = &in_force {
        (law.scheme, law.scheme_at) = (Some(scheme.clone()), Some(state.at));
    }
    holds(repo, state, &mut law, &mut unreadable)?;
    dates(repo, state, &mut law, &mut unreadable)?;
    let under_way = under_way(repo, state, &mut unreadable)?;
    let mut names = HashMap::new();
    for d in state.disposals.iter().chain(&state.undone) {
        let newest = names.entry(d.plan.clone()).or_insert(d.at);
        *newest = d.at.max(*newest);
    }
    let compile = |law: Law| Compiled::new(law).map_err(|e| OpsError::Usage(e.to_string()));
    let mut waiting = vec![];
    // One that never comes into force, since another was adopted after it, keeps nothing.
    let comes = |s: &&SchemeState| state.in_force(s.in_force).is_some_and(|f| f.at == s.at);
    for later in state.schemes.iter().filter(|s| s.in_force > on).filter(comes) {
        // One that cannot be read keeps everything.
        let scheme = match next.as_ref().filter(|n| n.state.at == later.at) {
            Some(read) => read.scheme.clone(),
            None => read_scheme(repo, later)?.ok(),
        };
        waiting.push((later.in_force, compile(Law { scheme, ..law.clone() })?));
    }
    let compiled = compile(law)?;
    Ok(LoadedLaw { compiled, on, in_force, next, waiting, unreadable, upto: state.next, names, under_way })
}

/// A scheme as its note has it, or why it cannot be used.
pub(super) fn read_scheme(repo: &Repository, state: &SchemeState) -> Result<Result<Scheme, String>, RepoError> {
    let read: Result<Scheme, String> = note::read(repo, note::SCHEME, &state.note)?;
    Ok(read.and_then(|s| s.check().first().map_or(Ok(()), |e| Err(e.to_string())).map(|()| s)))
}

fn adopted(repo: &Repository, state: &SchemeState, unreadable: &mut Vec<Unreadable>) -> Result<Adopted, RepoError> {
    let read = read_scheme(repo, state)?;
    let scheme = read.map_err(|why| unreadable.push(Unreadable { entry: state.at, what: "a scheme", why })).ok();
    Ok(Adopted { state: state.clone(), scheme })
}

fn holds(repo: &Repository, state: &State, law: &mut Law, unreadable: &mut Vec<Unreadable>) -> Result<(), RepoError> {
    for hold in state.open_holds() {
        let (read, why) = hold::read(repo, hold)?;
        unreadable.extend(why.map(|why| Unreadable { entry: hold.at, what: "a hold", why }));
        law.holds.push(read);
    }
    Ok(())
}

fn dates(repo: &Repository, state: &State, law: &mut Law, unreadable: &mut Vec<Unreadable>) -> Result<(), RepoError> {
    for date in &state.dates {
        match note::read::<DateNote>(repo, note::DATE, &date.note)? {
            Ok(DateNote { pattern, trigger, on, by }) => {
                law.dates.push(EventDate { at: date.at, pattern, trigger, on, by });
            }
            Err(why) => {
                unreadable.push(Unreadable { entry: date.at, what: "a recorded date", why });
                law.holds.push(Hold {
                    at: date.at,
                    readable: None,
                    sets: vec![],
                    review: Date::MAX,
                    placed: date.time,
                });
            }
        }
    }
    Ok(())
}

fn under_way(repo: &Repository, state: &State, unreadable: &mut Vec<Unreadable>) -> Result<UnderWay, RepoError> {
    let mut all = UnderWay::new();
    let spent = state.spent_notes(); // one whose end is void since its author was cut off
    let open = state.disposals.iter().filter(|d| d.is_open() && !spent.contains(&d.note));
    let open: Vec<&DisposalState> = open.collect();
    for disposal in open {
        match note::read_approval(repo, &disposal.note)? {
            Ok(approval) => {
                let (at, withdrawn) = (disposal.at, disposal.withdrawn.as_ref().map(|w| w.time));
                all.extend(approval.plan.records.into_iter().map(|r| ((r.set, r.path), (at, withdrawn))));
            }
            Err(why) => unreadable.push(Unreadable { entry: disposal.at, what: "an approval", why }),
        }
    }
    Ok(all)
}
