//! The gate: nothing is given up, condemned, swept or deleted without a permit, and permits are made only here.
//!
//! Safety (a sweep can never take what a snapshot needs) is the log's law and holds whatever this file says.
//! The gate decides whether it is *sensible*: enough time, a believable clock, no open incident, not too much
//! at once. A person may insist on the sensible, never on the safe.

use jiff::{SignedDuration, Timestamp};

use crate::domain::id::{IndexName, PackName, SnapshotId};
use crate::domain::log::entry::{IncidentKind, Reason};
use crate::domain::log::fold::index_is_superfluous;
use crate::domain::log::state::{Life, State};

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
        "incident {0} is open: very many records changed at once. Look at it, then run: strongroom incident resolve {0} --by NAME --note TEXT"
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
    /// Objects under `packs/` in the newest listing of the store: how many of the known ones.
    pub listed: usize,
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

fn sensible(state: &State, c: &Circumstances) -> Result<Timestamp, Refusal> {
    if let Some(i) = state.open_incidents().find(|i| i.incident.what == IncidentKind::MassChange) {
        return Err(Refusal::Incident(i.at));
    }
    if let (Some((n, _)), false) = (state.voids.first(), c.person) {
        return Err(Refusal::Void(*n));
    }
    let day = c.store_now.map_or(c.now, |s| s.min(c.now));
    if let Some(store) = c.store_now {
        let apart = c.now.duration_since(store).abs();
        if apart > CLOCK_DOUBT {
            let minutes = apart.as_secs() / 60;
            return Err(Refusal::Clock(format!("it differs from the store's by {minutes} minutes")));
        }
    }
    if day + CLOCK_DOUBT < state.newest_time {
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

/// Permits condemning what no snapshot needs, and orphans from `listed_packs` that no entry names.
///
/// An orphan may belong to a backup that is running now: it is condemned only when the caller has seen it
/// lie there longer than the wait; condemning is no deletion, and the writer's commit rescues it.
///
/// # Errors
/// [`Refusal`] when it is not sensible now.
pub fn permit_condemn(state: &State, c: &Circumstances, orphans: Vec<PackName>) -> Result<Vec<CondemnPermit>, Refusal> {
    sensible(state, c)?;
    let needed = state.needed();
    let running = |session| state.open_sessions.get(session).is_some_and(|(_, began)| *began + c.grace > c.now);
    let unneeded: Vec<PackName> = state
        .packs
        .iter()
        .enumerate()
        .filter(|(i, p)| matches!(p.life, Life::Live) && !needed.contains(*i as u32) && !running(&p.session))
        .map(|(_, p)| p.pack.name)
        .collect();
    let indexes: Vec<IndexName> = state
        .indexes
        .iter()
        .filter(|i| matches!(i.life, Life::Live) && index_is_superfluous(state, &i.index.name))
        .map(|i| i.index.name)
        .collect();
    let orphans: Vec<PackName> =
        orphans.into_iter().filter(|n| !state.pack_numbers.contains_key(n) && !state.orphans.contains_key(n)).collect();
    let mut permits = vec![];
    // Two indexes may each make the other superfluous: at most one of a mutual pair is condemned in one entry.
    if !unneeded.is_empty() || !indexes.is_empty() {
        let indexes = independent(state, indexes);
        permits.push(CondemnPermit { packs: unneeded, indexes, reason: Reason::Unreferenced });
    }
    if !orphans.is_empty() {
        permits.push(CondemnPermit { packs: orphans, indexes: vec![], reason: Reason::Orphan });
    }
    Ok(permits)
}

/// Keeps those names of which none is needed to make another of them superfluous.
fn independent(state: &State, names: Vec<IndexName>) -> Vec<IndexName> {
    let mut after = state.clone();
    let mut chosen = vec![];
    for name in names {
        if index_is_superfluous(&after, &name) {
            if let Some(index) = after.indexes.iter_mut().find(|i| i.index.name == name) {
                index.life = Life::Swept { at: 0 };
            }
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
    let known = state.packs.iter().filter(|p| !matches!(p.life, Life::Swept { .. })).count();
    if c.listed * 2 < known {
        return Err(Refusal::Listing { seen: c.listed, known });
    }
    let ripe = |life: &Life| match life {
        Life::Condemned { time, .. } => *time + c.grace <= day,
        _ => false,
    };
    let needed = state.needed();
    let chosen: Vec<_> =
        state.packs.iter().enumerate().filter(|(i, p)| ripe(&p.life) && !needed.contains(*i as u32)).collect();
    let bytes: u64 = chosen.iter().map(|(_, p)| p.pack.size).sum();
    let all = state.stored_bytes().max(1);
    let percent = bytes * 100 / all;
    if percent > SWEEP_SHARE_PERCENT && all > SWEEP_SHARE_FLOOR && !c.person {
        return Err(Refusal::TooMuch { percent });
    }
    let mut packs: Vec<PackName> = chosen.iter().map(|(_, p)| p.pack.name).collect();
    packs.extend(state.orphans.iter().filter(|(_, life)| ripe(life)).map(|(name, _)| *name));
    packs.sort();
    let indexes = state.indexes.iter().filter(|i| ripe(&i.life) && index_is_superfluous(state, &i.index.name));
    Ok(SweepPermit { packs, indexes: indexes.map(|i| i.index.name).collect() })
}

/// Permits deleting every name that a `swept` entry of this log made dead.
pub fn permit_delete(state: &State) -> DeletePermit {
    let swept = |life: &Life| matches!(life, Life::Swept { .. });
    let mut packs: Vec<PackName> = state.packs.iter().filter(|p| swept(&p.life)).map(|p| p.pack.name).collect();
    packs.extend(state.orphans.iter().filter(|(_, l)| swept(l)).map(|(n, _)| *n));
    let indexes = state.indexes.iter().filter(|i| swept(&i.life)).map(|i| i.index.name).collect();
    DeletePermit { packs, indexes }
}
