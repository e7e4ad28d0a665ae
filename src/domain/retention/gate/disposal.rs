//! The gate of disposals: who destroys whole records is asked more than who reclaims what nobody needs.
//!
//! The wait lies before the listings are written anew, so what is condemned for disposal waits no second time.

use std::collections::HashMap;

use jiff::SignedDuration;

use super::{
    Circumstances, CondemnPermit, DeletePermit, GivenUp, Orphans, Refusal, SweepPermit, check_share, known_packs,
    later, permit_condemn, sensible,
};
use crate::domain::id::{IndexName, PackName};
use crate::domain::log::entry::Reason;
use crate::domain::log::state::{Life, State};
use crate::domain::retention::plan::Plan;

/// The newest backup that was restored as a test may be this much older than now, or it is the newest of all.
pub const VERIFIED_WITHIN: SignedDuration = SignedDuration::from_hours(8 * 24);
/// A plan of more than this share of a set's deleted records needs a person.
pub const PLAN_SHARE_PERCENT: u64 = 10;
/// A plan of at most so many records never does.
pub const PLAN_FLOOR: u64 = 100;

/// Packs given up by thinning or rewriting go with a disposal that nobody watches after this time only.
pub const AGE_GIVEN_UP: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Packs given up by thinning or rewriting, by number.
type Lost = HashMap<u32, GivenUp>;

/// A plan, as far as the gate weighs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// Its sets, each with how many records of it would go.
    pub sets: Vec<(String, u64)>,
    /// A person has looked at the number.
    pub large: bool,
}

impl Weight {
    /// What a plan weighs.
    pub fn of(plan: &Plan, large: bool) -> Self {
        let mut sets: Vec<(String, u64)> = vec![];
        for record in &plan.records {
            match sets.last_mut().filter(|(set, _)| *set == record.set) {
                Some((_, count)) => *count += 1,
                None => sets.push((record.set.clone(), 1)),
            }
        }
        Self { sets, large }
    }
}

/// May withdraw records, or write listings without them.
#[derive(Debug)]
pub struct DisposePermit(());

/// Permits withdrawing records and writing listings without them.
///
/// # Errors
/// [`Refusal`]: an open incident, a clock in doubt, void entries, a newest backup that nobody restored as a test,
/// too many records at once.
pub fn permit_dispose(state: &State, c: &Circumstances, weight: &Weight) -> Result<DisposePermit, Refusal> {
    if let Some(open) = state.open_incidents().next() {
        return Err(Refusal::AnyIncident(open.at));
    }
    let now = sensible(state, c)?;
    for (set, _) in &weight.sets {
        let Some(newest) = state.newest(set) else { continue };
        let of_set = state.live_snapshots().rev().filter(|s| s.snapshot.set == *set);
        let verified = of_set.filter(|s| !s.suspect).find(|s| s.tested.is_some());
        let good = verified.is_some_and(|v| v.id == newest.id || later(v.snapshot.began, VERIFIED_WITHIN) >= now);
        if !good {
            return Err(Refusal::Unverified { set: set.clone() });
        }
    }
    permit_weight(state, weight)?;
    Ok(DisposePermit(()))
}

/// Permits so many records at once.
///
/// # Errors
/// [`Refusal::LargePlan`] where they are many of all that were deleted, and no person has looked at the number.
pub fn permit_weight(state: &State, weight: &Weight) -> Result<(), Refusal> {
    for (set, records) in &weight.sets {
        // What an inherited listing holds is not counted: then the share comes out larger, and a person is asked.
        let gone = state.newest(set).map_or(1, |newest| newest.snapshot.gone.max(1));
        let percent = u64::try_from(u128::from(*records) * 100 / u128::from(gone)).unwrap_or(100);
        if *records > PLAN_FLOOR && percent > PLAN_SHARE_PERCENT && !weight.large {
            return Err(Refusal::LargePlan { set: set.clone(), records: *records, percent: percent.min(100) });
        }
    }
    Ok(())
}

/// Permits condemning for disposal what no snapshot needs at this entry; packs of a backup at work are left alone.
///
/// # Errors
/// [`Refusal`] when it is not sensible now.
pub fn permit_condemn_for_disposal(
    state: &State,
    c: &Circumstances,
    orphans: &Orphans,
    lost: &Lost,
) -> Result<CondemnPermit, Refusal> {
    let mut packs: Vec<PackName> = vec![];
    for permit in permit_condemn(state, c, orphans)? {
        packs.extend(permit.packs);
    }
    let needed = state.needed();
    let waiting = |life: &Life| matches!(life, Life::Condemned { reason, .. } if *reason != Reason::Disposal);
    let known = state.packs.iter().enumerate().filter(|(n, p)| waiting(&p.life) && !needed.contains(*n as u32));
    packs.extend(known.map(|(_, p)| p.pack.name));
    packs.extend(state.orphans.iter().filter(|(_, life)| waiting(life)).map(|(name, _)| *name));
    packs.sort();
    packs.dedup();
    leave_fresh(state, c, lost, &mut packs)?;
    Ok(CondemnPermit { packs, indexes: vec![], reason: Reason::Disposal })
}

/// Permits sweeping what is condemned for disposal and nobody needs, without a further wait.
///
/// # Errors
/// [`Refusal`] when it is not sensible now.
pub fn permit_sweep_for_disposal(state: &State, c: &Circumstances, lost: &Lost) -> Result<SweepPermit, Refusal> {
    sensible(state, c)?;
    let known = known_packs(state).count();
    if c.listed * 2 < known {
        return Err(Refusal::Listing { seen: c.listed, known });
    }
    let ripe = |life: &Life| matches!(life, Life::Condemned { reason: Reason::Disposal, .. });
    let needed = state.needed();
    let chosen = state.packs.iter().enumerate().filter(|(n, p)| ripe(&p.life) && !needed.contains(*n as u32));
    let mut packs: Vec<PackName> = chosen.map(|(_, p)| p.pack.name).collect();
    packs.extend(state.orphans.iter().filter(|(_, life)| ripe(life)).map(|(name, _)| *name));
    packs.sort();
    leave_fresh(state, c, lost, &mut packs)?;
    Ok(SweepPermit { packs, indexes: vec![] })
}

/// A pruner's key may say that backups are given up or that content lies elsewhere: no disposal may hasten what comes
/// of it, unless a person is here. Where much was given up lately it stays; of the rest, not much at once.
fn leave_fresh(state: &State, c: &Circumstances, lost: &Lost, packs: &mut Vec<PackName>) -> Result<(), Refusal> {
    let given_up = |name: &PackName| state.pack(name).and_then(|(n, p)| Some((lost.get(&n)?, p.pack.size)));
    let fresh = packs.iter().filter_map(given_up).filter(|(g, _)| is_fresh(g, c)).map(|(_, size)| size);
    if is_much(fresh.fold(0, u64::saturating_add), state) {
        packs.retain(|name| given_up(name).is_none_or(|(g, _)| !is_fresh(g, c)));
    }
    let bytes = packs.iter().filter_map(given_up).map(|(_, size)| size).fold(0, u64::saturating_add);
    check_share(bytes, state.stored_bytes(), c)
}

/// More than a night's thinning gives up. Small repositories are no exception here.
fn is_much(bytes: u64, state: &State) -> bool {
    u128::from(bytes) * 100 > u128::from(state.stored_bytes().max(1)) * u128::from(super::SWEEP_SHARE_PERCENT)
}

fn is_fresh(given_up: &GivenUp, c: &Circumstances) -> bool {
    !c.person && later(given_up.time, AGE_GIVEN_UP) > c.store_now.map_or(c.now, |s| s.min(c.now))
}

/// Refuses to call a disposal done while a pack is left that was given up lately, before entry `purged`: it may hold
/// what is disposed of. What was given up later was needed, and so was rewritten without it, when packs were looked at.
///
/// # Errors
/// [`Refusal::Disposal`], which says from when on it goes.
pub fn check_none_fresh(state: &State, c: &Circumstances, lost: &Lost, purged: u64) -> Result<(), Refusal> {
    let there = |n: u32| state.packs.get(n as usize).is_some_and(|p| !matches!(p.life, Life::Swept { .. }));
    let fresh = || lost.iter().filter(|(n, g)| there(**n) && g.at < purged && is_fresh(g, c));
    let size = |n: u32| state.packs.get(n as usize).map_or(0, |p| p.pack.size);
    if !is_much(fresh().map(|(n, _)| size(*n)).fold(0, u64::saturating_add), state) {
        return Ok(());
    }
    let times: Vec<_> = fresh().map(|(_, g)| later(g.time, AGE_GIVEN_UP)).collect();
    let Some(last) = times.iter().max() else { return Ok(()) };
    Err(Refusal::Disposal(format!(
        "{} packs were given up by thinning or rewriting less than 14 days ago and may hold what is disposed of; the \
         disposal ends after {last}, or when a person confirms it: add --yes",
        times.len()
    )))
}

/// Permits deleting all that any entry swept: a disposal is not done while the store shows any of it. What was swept
/// after entry `since` was measured then; what was swept before is measured now, by the sizes that are `listed`.
///
/// # Errors
/// [`Refusal`] when it is not sensible now.
pub fn permit_delete_for_disposal(
    state: &State,
    c: &Circumstances,
    since: u64,
    listed: impl Fn(&PackName) -> Option<u64>,
) -> Result<DeletePermit, Refusal> {
    sensible(state, c)?;
    let lives = || state.packs.iter().map(|p| (&p.pack.name, &p.life)).chain(&state.orphans);
    let all = lives().filter_map(|(name, _)| listed(name)).fold(0, u64::saturating_add);
    let before = lives().filter(|(_, life)| matches!(life, Life::Swept { at } if *at <= since));
    check_share(before.filter_map(|(name, _)| listed(name)).fold(0, u64::saturating_add), all, c)?;
    let dead = lives().filter(|(_, life)| matches!(life, Life::Swept { .. }));
    let mut packs: Vec<PackName> = dead.map(|(name, _)| *name).collect();
    packs.sort();
    Ok(DeletePermit { packs, indexes: Vec::<IndexName>::new() })
}

/// Packs that no snapshot needs and that are left alone, since they belong to a backup at work.
pub fn of_backups_at_work(state: &State) -> Vec<PackName> {
    let needed = state.needed();
    let open = |session| state.open_sessions.contains_key(session);
    let unneeded = state.packs.iter().enumerate().filter(|(n, _)| !needed.contains(*n as u32));
    let live = unneeded.filter(|(_, p)| matches!(p.life, Life::Live) && open(&p.session));
    live.map(|(_, p)| p.pack.name).collect()
}

#[cfg(test)]
#[path = "disposal_tests.rs"]
mod tests;
