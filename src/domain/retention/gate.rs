//! The gate: nothing is given up, condemned, swept or deleted without a permit, and permits are made only here.
//!
//! Safety (a sweep can never take what a snapshot needs) is the log's law and holds whatever this file says.
//! The gate decides whether it is *sensible*: enough time, a believable clock, no open incident, not too much
//! at once. A person may insist on the sensible, never on the safe.

mod calendar;
mod disposal;
mod elapsed;
mod given_up;

use jiff::{SignedDuration, Timestamp};

pub use calendar::{Leap, leap, said};
pub use elapsed::time_shown;
pub use given_up::{GivenUp, given_up};

pub use disposal::{
    AGE_GIVEN_UP, DisposePermit, Weight, check_none_fresh, of_backups_at_work, permit_condemn_for_disposal,
    permit_delete_for_disposal, permit_dispose, permit_sweep_for_disposal, permit_weight,
};

use crate::domain::id::{IndexName, PackName, SnapshotId};
use crate::domain::log::entry::Reason;
use crate::domain::log::fold::index_is_superfluous;
use crate::domain::log::state::{Life, PackState, State};

/// A sweep of more than this share of stored bytes needs a person.
pub const SWEEP_SHARE_PERCENT: u64 = 10;
/// Below this many stored bytes the share says nothing: small repositories may sweep freely.
pub const SWEEP_SHARE_FLOOR: u64 = 64 << 20;
/// The machine's clock and the store's may differ by this much before the day is in doubt.
pub const CLOCK_DOUBT: SignedDuration = SignedDuration::from_mins(15);

/// Why the gate refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody must look at an incident first.
    #[error(
        "incident {0} is open: very many records changed at once, or documents turned into something else. Look at it, then run: strongroom incident resolve {0} --by NAME --note TEXT"
    )]
    Incident(u64),
    /// The log is damaged or contains what may not be there.
    #[error(
        "entry {0} of the log is void: somebody wrote what they may not. Nothing is deleted until a person has looked (strongroom log --verify)"
    )]
    Void(u64),
    /// The clocks contradict each other.
    #[error("the clock of this computer is in doubt ({0}). Nothing is deleted until it is put right")]
    Clock(String),
    /// The store has no clock, and the log does not show yet that the time has passed. Nothing is wrong.
    #[error("waiting: {0}")]
    NotShownYet(String),
    /// The store has no clock, and this one leapt ahead: records may look due that are not.
    #[error(
        "is it really {to}? This computer says so, but by the log it was {from} at the latest, and the store has no clock \
         to compare. While that is in doubt nothing is approved or destroyed without a person: what is not due may look \
         due. Wrong: set the clock. Right: a person says so once, by approving a plan (strongroom retention plan; \
         strongroom retention approve PLAN --by NAME --yes) or carrying one out (strongroom retention apply PLAN --yes)",
        to = day(&.0.to), from = day(&.0.from)
    )]
    Leapt(Leap),
    /// Too much at once.
    #[error(
        "{percent} % of everything stored would be deleted at once; a person must confirm it: strongroom prune --yes"
    )]
    TooMuch {
        /// The share.
        percent: u64,
    },
    /// The store's listing cannot be right.
    #[error(
        "the store lists only {seen} of {known} objects it should have. Nothing is deleted; run: strongroom verify check"
    )]
    Listing {
        /// Objects listed.
        seen: usize,
        /// Objects known.
        known: usize,
    },
    /// Nobody waits no time by accident.
    #[error(
        "deleting without waiting takes the last way back; a person must confirm it: strongroom prune --grace 0 --yes"
    )]
    NoWait,
    /// A disposal waits for every incident, not for mass changes alone.
    #[error(
        "incident {0} is open. Records are disposed of only when nothing is in doubt. Look at it, then run: \
         strongroom incident resolve {0} --by NAME --note TEXT"
    )]
    AnyIncident(u64),
    /// Nobody knows whether the newest backup is good.
    #[error(
        "no restore of the newest backup of '{set}', or of one from the last 8 days, was tested and passed. Nothing \
         is disposed of until then; run: strongroom verify restore"
    )]
    Unverified {
        /// The set.
        set: String,
    },
    /// So many records at once may be a mistake in the scheme.
    #[error(
        "{records} records of '{set}' would go at once, {percent} % of all that were deleted there; a person must \
         confirm it: add --large"
    )]
    LargePlan {
        /// The set.
        set: String,
        /// How many records.
        records: u64,
        /// The share.
        percent: u64,
    },
    /// There is still time to change one's mind, or somebody did.
    #[error("{0}")]
    Disposal(String),
}

fn day(time: &Timestamp) -> String {
    time.strftime("%-d %B %Y").to_string()
}

/// What the gate is asked with.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// This machine's clock.
    pub now: Timestamp,
    /// The store's clock, where it has one of its own.
    pub store_now: Option<Timestamp>,
    /// How long a condemned object waits.
    pub grace: SignedDuration,
    /// A person is here and has said yes.
    pub person: bool,
    /// How many of the packs that the log knows the newest listing of the store shows.
    pub listed: usize,
}

/// Objects that lie in the store, that no entry names, and that are older than the wait.
#[derive(Debug, Clone, Default)]
pub struct Orphans {
    /// Packs.
    pub packs: Vec<PackName>,
    /// Index objects.
    pub indexes: Vec<IndexName>,
}

/// May append `thinned` for exactly these snapshots.
#[derive(Debug)]
pub struct ThinPermit(Vec<SnapshotId>);

/// May append `condemned` for exactly these names.
#[derive(Debug)]
pub struct CondemnPermit {
    packs: Vec<PackName>,
    indexes: Vec<IndexName>,
    reason: Reason,
}

/// May append `swept` for exactly these names.
#[derive(Debug)]
pub struct SweepPermit {
    packs: Vec<PackName>,
    indexes: Vec<IndexName>,
}

/// May delete exactly these objects: a `swept` entry names each of them.
#[derive(Debug)]
pub struct DeletePermit {
    packs: Vec<PackName>,
    indexes: Vec<IndexName>,
}

impl ThinPermit {
    /// The snapshots.
    pub fn snapshots(&self) -> &[SnapshotId] {
        &self.0
    }
}
impl CondemnPermit {
    /// The names, and why.
    pub fn parts(&self) -> (&[PackName], &[IndexName], Reason) {
        (&self.packs, &self.indexes, self.reason)
    }
}
impl SweepPermit {
    /// The names.
    pub fn parts(&self) -> (&[PackName], &[IndexName]) {
        (&self.packs, &self.indexes)
    }
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.packs.is_empty() && self.indexes.is_empty()
    }
}
impl DeletePermit {
    /// The names.
    pub fn parts(&self) -> (&[PackName], &[IndexName]) {
        (&self.packs, &self.indexes)
    }
}

/// Times in the log are what somebody wrote: the sum stops at the end of time instead of failing.
pub fn later(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn sensible(state: &State, c: &Circumstances) -> Result<Timestamp, Refusal> {
    if let Some(i) = state.open_incidents().find(|i| i.incident.what.stops()) {
        return Err(Refusal::Incident(i.at));
    }
    if let (Some((n, _)), false) = (state.open_voids().next(), c.person) {
        return Err(Refusal::Void(n));
    }
    let day = c.store_now.map_or(c.now, |s| s.min(c.now));
    if let Some(store) = c.store_now {
        let apart = c.now.duration_since(store).abs();
        if apart > CLOCK_DOUBT {
            let minutes = apart.as_secs() / 60;
            return Err(Refusal::Clock(format!("it differs from the store's by {minutes} minutes")));
        }
    }
    // One entry from a clock that ran ahead must not stop everything for years: a person may say that it was that.
    if later(day, CLOCK_DOUBT) < state.newest_time && !c.person {
        return Err(Refusal::Clock("it is behind the newest entry of the log".into()));
    }
    Ok(day)
}

/// Permits giving up `snapshots`.
///
/// # Errors
/// [`Refusal`] when it is not sensible now.
pub fn permit_thin(state: &State, c: &Circumstances, snapshots: Vec<SnapshotId>) -> Result<ThinPermit, Refusal> {
    sensible(state, c)?;
    Ok(ThinPermit(snapshots))
}

/// Permits condemning what no snapshot needs, and orphans that no entry names.
///
/// An orphan may belong to a backup that is running now: it is condemned only when the caller has seen it
/// lie there longer than the wait; condemning is no deletion, and the writer's commit rescues it.
///
/// # Errors
/// [`Refusal`] when it is not sensible now.
pub fn permit_condemn(state: &State, c: &Circumstances, orphans: &Orphans) -> Result<Vec<CondemnPermit>, Refusal> {
    sensible(state, c)?;
    let needed = state.needed();
    let running = |session| state.open_sessions.get(session).is_some_and(|(_, began)| later(*began, c.grace) > c.now);
    let unneeded: Vec<PackName> = state
        .packs
        .iter()
        .enumerate()
        .filter(|(i, p)| matches!(p.life, Life::Live) && !needed.contains(*i as u32) && !running(&p.session))
        .map(|(_, p)| p.pack.name)
        .collect();
    // Two indexes may each make the other superfluous: at most one of a mutual pair is condemned in one entry.
    let live = state.indexes.iter().filter(|i| matches!(i.life, Life::Live)).map(|i| i.index.name);
    let superfluous = independent(state, live.filter(|name| index_is_superfluous(state, name)).collect());
    let unknown = |n: &&PackName| !state.pack_numbers.contains_key(*n) && !state.orphans.contains_key(*n);
    let packs: Vec<PackName> = orphans.packs.iter().filter(unknown).copied().collect();
    let unknown =
        |n: &&IndexName| !state.indexes.iter().any(|i| i.index.name == **n) && !state.orphan_indexes.contains_key(*n);
    let indexes: Vec<IndexName> = orphans.indexes.iter().filter(unknown).copied().collect();
    let all = [
        CondemnPermit { packs: unneeded, indexes: superfluous, reason: Reason::Unreferenced },
        CondemnPermit { packs, indexes, reason: Reason::Orphan },
    ];
    Ok(all.into_iter().filter(|p| !p.packs.is_empty() || !p.indexes.is_empty()).collect())
}

/// Keeps those names of which none is needed to make another of them superfluous.
fn independent(state: &State, names: Vec<IndexName>) -> Vec<IndexName> {
    let mut after = state.clone();
    let mut chosen = vec![];
    for name in names {
        if index_is_superfluous(&after, &name) && !chosen.contains(&name) {
            let same = after.indexes.iter_mut().filter(|i| i.index.name == name);
            same.for_each(|i| i.life = Life::Swept { at: 0 });
            chosen.push(name);
        }
    }
    chosen
}

/// Permits sweeping what has waited long enough and nobody needs, worked out afresh from the whole log.
///
/// # Errors
/// [`Refusal`] when it is not sensible now.
pub fn permit_sweep(state: &State, c: &Circumstances) -> Result<SweepPermit, Refusal> {
    let day = sensible(state, c)?;
    if c.grace.is_zero() && !c.person {
        return Err(Refusal::NoWait);
    }
    let known = known_packs(state).count();
    if c.listed * 2 < known {
        return Err(Refusal::Listing { seen: c.listed, known });
    }
    let ripe = |life: &Life| match life {
        Life::Condemned { time, .. } => c.grace.is_zero() || later(*time, c.grace) <= day,
        _ => false,
    };
    let needed = state.needed();
    let chosen: Vec<_> =
        state.packs.iter().enumerate().filter(|(i, p)| ripe(&p.life) && !needed.contains(*i as u32)).collect();
    let bytes = chosen.iter().map(|(_, p)| p.pack.size).fold(0, u64::saturating_add);
    check_share(bytes, state.stored_bytes(), c)?;
    let mut packs: Vec<PackName> = chosen.iter().map(|(_, p)| p.pack.name).collect();
    packs.extend(state.orphans.iter().filter(|(_, life)| ripe(life)).map(|(name, _)| *name));
    packs.sort();
    let superfluous = state.indexes.iter().filter(|i| ripe(&i.life) && index_is_superfluous(state, &i.index.name));
    let mut indexes: Vec<IndexName> = superfluous.map(|i| i.index.name).collect();
    indexes.extend(state.orphan_indexes.iter().filter(|(_, life)| ripe(life)).map(|(name, _)| *name));
    indexes.sort();
    indexes.dedup();
    Ok(SweepPermit { packs, indexes })
}

fn check_share(bytes: u64, all: u64, c: &Circumstances) -> Result<(), Refusal> {
    let percent = u64::try_from(u128::from(bytes) * 100 / u128::from(all.max(1))).unwrap_or(100);
    if percent > SWEEP_SHARE_PERCENT && all > SWEEP_SHARE_FLOOR && !c.person {
        return Err(Refusal::TooMuch { percent });
    }
    Ok(())
}

/// The packs a listing should show: those a valid entry stored and no entry swept, not even one that counts no longer.
pub fn known_packs(state: &State) -> impl Iterator<Item = &PackName> {
    let there = |p: &&PackState| !p.void && !p.doubted && !matches!(p.life, Life::Swept { .. });
    state.packs.iter().filter(there).map(|p| &p.pack.name)
}

/// Permits deleting every name that a `swept` entry of this log made dead. `listed`: the size the store shows of a
/// pack, if it is there. What this run swept (its entry is `ours`) was measured then; what any other entry made dead
/// is measured now: the log's law stops no stolen pruner's key from sweeping much at once.
///
/// # Errors
/// [`Refusal`] when it is not sensible now.
pub fn permit_delete(
    state: &State,
    c: &Circumstances,
    ours: Option<u64>,
    listed: impl Fn(&PackName) -> Option<u64>,
) -> Result<DeletePermit, Refusal> {
    sensible(state, c)?;
    let swept = |life: &Life| matches!(life, Life::Swept { .. });
    let theirs = |life: &Life| matches!(life, Life::Swept { at } if Some(*at) != ours);
    let lives = || state.packs.iter().map(|p| (&p.pack.name, &p.life)).chain(&state.orphans);
    let all = lives().filter_map(|(name, _)| listed(name)).fold(0, u64::saturating_add);
    let dead = lives().filter(|(_, life)| theirs(life));
    let dead = dead.filter_map(|(name, _)| listed(name)).fold(0, u64::saturating_add);
    check_share(dead, all, c)?;
    let mut packs: Vec<PackName> = state.packs.iter().filter(|p| swept(&p.life)).map(|p| p.pack.name).collect();
    packs.extend(state.orphans.iter().filter(|(_, l)| swept(l)).map(|(n, _)| *n));
    let mut indexes: Vec<IndexName> = state.indexes.iter().filter(|i| swept(&i.life)).map(|i| i.index.name).collect();
    indexes.extend(state.orphan_indexes.iter().filter(|(_, l)| swept(l)).map(|(n, _)| *n));
    Ok(DeletePermit { packs, indexes })
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
