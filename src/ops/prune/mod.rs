//! Reclaiming what no snapshot needs: condemn, wait, sweep, delete. And thinning, which decides what is needed.
//!
//! No pack and no index is deleted that a `swept` entry does not name; what is swept is worked out from the whole
//! log at the entry's own slot. Everything here can die at any moment and be run again, by anybody. The repository
//! must be one that `Repository::open_fresh` opened: no local file decides a deletion.

pub(in crate::ops) mod delete;
mod merge;
pub(in crate::ops) mod repack;
#[cfg(test)]
mod tests;
pub mod thin;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::domain::id::SessionId;
use crate::domain::log::Role;
use crate::domain::log::entry::{Entry, Incident, IncidentKind, Reason};
use crate::domain::log::state::{Life, State};
use crate::domain::problem::Exit;
use crate::domain::retention::gate::{
    CLOCK_DOUBT, Circumstances, CondemnPermit, Orphans, Refusal, known_packs, later, permit_condemn, permit_delete,
    permit_sweep,
};
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::repo::error::RepoError;
use crate::repo::layout::{INDEX, Key, NOTES, PACKS};
use crate::repo::repository::Repository;
use crate::repo::store::Listed;

pub use thin::{SnapshotFate, ThinReport, thin};

/// The wait between condemning and sweeping.
pub const GRACE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How to prune.
#[derive(Debug, Clone)]
pub struct PruneOptions {
    /// The wait. None at all needs a person.
    pub grace: SignedDuration,
    /// A person is here and has said yes.
    pub person: bool,
    /// Say what would be done, and touch nothing.
    pub dry_run: bool,
    /// Rewrite packs that are mostly unneeded (needs the reading identity).
    pub repack: bool,
}

impl Default for PruneOptions {
    fn default() -> Self {
        Self { grace: GRACE, person: false, dry_run: false, repack: true }
    }
}

/// So many objects and their bytes; bytes are known for packs only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Packs.
    pub packs: u64,
    /// Bytes of the packs.
    pub bytes: u64,
    /// Index objects.
    pub indexes: u64,
}

/// What a prune did, or with `dry_run` would have done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Sessions that will not go on.
    pub abandoned: u64,
    /// Index objects merged into fewer.
    pub merged: u64,
    /// Packs whose content moved to other packs.
    pub repacked: u64,
    /// Condemned in this run.
    pub condemned: Amount,
    /// Swept in this run.
    pub swept: Amount,
    /// Condemned and still waiting.
    pub waiting: Amount,
    /// When the first of those may be swept.
    pub next_sweep: Option<Timestamp>,
    /// Objects deleted, of this and earlier runs.
    pub deleted: u64,
    /// Bytes they took.
    pub deleted_bytes: u64,
    /// Deletions the store refused: the objects are still there.
    pub refused: u64,
    /// What the store said to the first of them.
    pub refused_why: Option<String>,
    /// The gate said no, and everything after that was left undone.
    pub held_back: Option<Refusal>,
}

impl PruneReport {
    /// The exit code that says this.
    pub fn exit(&self) -> Exit {
        match (&self.held_back, self.refused) {
            (Some(_), _) => Exit::Refused,
            (None, 1..) => Exit::Incomplete,
            (None, 0) => Exit::Done,
        }
    }
}

/// Condemns, sweeps and deletes what it is time for.
///
/// # Errors
/// [`RepoError::NoRole`] without the pruner's seed; a damaged log or index; faults of the store. A refusal by the
/// gate is no error but `held_back` in the report. After an error run it again: nothing was lost.
pub fn prune(
    repo: &mut Repository,
    options: &PruneOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<PruneReport, OpsError> {
    repo.refresh()?;
    let mut run =
        Run { first: repo.state().next, newest: None, swept: None, listed: list(repo)?, options, monitor, stop };
    let mut report = PruneReport::default();
    let done = if options.dry_run { run.pretend(repo, &mut report) } else { run.go(repo, &mut report) };
    match done {
        Err(OpsError::Refused(refusal)) => report.held_back = Some(refusal),
        other => other?,
    }
    note_waiting(repo.state(), options.grace, &mut report);
    Ok(report)
}

/// What the gate should know, apart from the store's clock.
pub fn circumstances(repo: &Repository, grace: SignedDuration, person: bool) -> Circumstances {
    Circumstances { now: repo.env.clock.now(), store_now: None, grace, person, listed: 0 }
}

/// One run.
struct Run<'a> {
    /// The first slot this run can have written.
    first: u64,
    /// The newest slot it wrote.
    newest: Option<u64>,
    /// The entry by which it swept.
    swept: Option<u64>,
    listed: HashMap<Key, Listed>,
    options: &'a PruneOptions,
    monitor: &'a dyn Monitor,
    stop: &'a Stop,
}

pub(in crate::ops) fn list(repo: &Repository) -> Result<HashMap<Key, Listed>, RepoError> {
    let mut all = HashMap::new();
    for folder in [PACKS, INDEX, NOTES] {
        all.extend(repo.store.list(folder)?.0.into_iter().map(|l| (l.key.clone(), l)));
    }
    Ok(all)
}

/// Appends as the pruner what `decide` makes of the state at the entry's own slot.
pub(in crate::ops) fn say(
    repo: &mut Repository,
    mut decide: impl FnMut(&State) -> Result<Option<Entry>, Refusal>,
) -> Result<Option<u64>, OpsError> {
    let mut refused = None;
    let n = repo.append_as(Some(Role::Pruner), |state| match decide(state) {
        Ok(entry) => Ok(entry),
        Err(refusal) => {
            refused = Some(refusal);
            Ok(None)
        }
    })?;
    refused.map_or(Ok(n), |refusal| Err(OpsError::Refused(refusal)))
}

impl Run<'_> {
    fn go(&mut self, repo: &mut Repository, report: &mut PruneReport) -> Result<(), OpsError> {
        self.clock_was_ahead(repo)?;
        // Everything below may be refused; ask before anything is written.
        self.ask(repo.state(), repo)?;
        report.abandoned = self.abandon(repo)?;
        report.merged = merge::merge(repo, self.stop)?;
        if self.options.repack && repo.can_read() {
            report.repacked = repack::repack(repo, self.monitor, self.stop)?;
        }
        self.newest = (repo.state().next > self.first).then(|| repo.state().next - 1);
        self.stop.check()?;
        self.condemn(repo, report)?;
        self.stop.check()?;
        self.sweep(repo, report)?;
        self.delete(repo, report)
    }

    fn pretend(&mut self, repo: &Repository, report: &mut PruneReport) -> Result<(), OpsError> {
        let state = repo.state();
        let permits = self.ask(state, repo)?;
        for permit in &permits {
            let (packs, indexes, _) = permit.parts();
            add(&mut report.condemned, state, packs.len(), packs.iter(), indexes.len());
        }
        let permit = permit_sweep(state, &self.circumstances(repo, None))?;
        let (packs, indexes) = permit.parts();
        add(&mut report.swept, state, packs.len(), packs.iter(), indexes.len());
        Ok(())
    }

    fn ask(&self, state: &State, repo: &Repository) -> Result<Vec<CondemnPermit>, OpsError> {
        if self.options.grace.is_zero() && !self.options.person {
            return Err(Refusal::NoWait.into());
        }
        let c = self.circumstances(repo, None);
        Ok(permit_condemn(state, &c, &self.orphans(c.now))?)
    }

    fn circumstances(&self, repo: &Repository, store_now: Option<Timestamp>) -> Circumstances {
        let listed = known_packs(repo.state()).filter(|name| self.listed.contains_key(&Key::Pack(**name))).count();
        Circumstances { store_now, listed, ..circumstances(repo, self.options.grace, self.options.person) }
    }

    /// What lies in the store longer than the wait; the gate takes from it what the log does not know.
    fn orphans(&self, now: Timestamp) -> Orphans {
        let grace = self.options.grace;
        let mut orphans = Orphans::default();
        for listed in self.listed.values().filter(|l| grace.is_zero() || later(l.modified, grace) <= now) {
            match &listed.key {
                Key::Pack(name) => orphans.packs.push(*name),
                Key::Index(name) => orphans.indexes.push(*name),
                _ => {}
            }
        }
        orphans.packs.sort();
        orphans.indexes.sort();
        orphans
    }

    /// The store's own clock, as it stamped the newest entry of this run.
    fn store_now(&self, repo: &Repository) -> Result<Option<Timestamp>, RepoError> {
        match self.newest.filter(|_| repo.store.has_own_clock()) {
            Some(n) => Ok(Some(repo.store.get_dated(&Key::Log(n))?.1)),
            None => Ok(None),
        }
    }

    /// The log is dated in the future, and a person says to go on: a clock was ahead, and the one of now is right.
    fn clock_was_ahead(&self, repo: &mut Repository) -> Result<(), OpsError> {
        let now = repo.env.clock.now();
        say(repo, |state| {
            let ahead = state.newest_time.duration_since(now).as_secs();
            let incident = Incident { what: IncidentKind::Clock, snapshot: None, counts: vec![ahead.unsigned_abs()] };
            let said = self.options.person && later(now, CLOCK_DOUBT) < state.newest_time;
            Ok(said.then_some(Entry::Incident(incident)))
        })?;
        Ok(())
    }

    fn abandon(&mut self, repo: &mut Repository) -> Result<u64, OpsError> {
        let deadline = repo.env.clock.now().checked_sub(self.options.grace).unwrap_or(Timestamp::MIN);
        let old = |state: &State| -> Vec<SessionId> {
            let mut all: Vec<_> = state.open_sessions.iter().filter(|(_, (_, began))| *began <= deadline).collect();
            all.sort();
            all.into_iter().map(|(session, _)| *session).collect()
        };
        let mut count = 0;
        for session in old(repo.state()) {
            let entry = |state: &State| Ok(old(state).contains(&session).then_some(Entry::Abandoned { session }));
            count += u64::from(say(repo, entry)?.is_some());
        }
        Ok(count)
    }

    fn condemn(&mut self, repo: &mut Repository, report: &mut PruneReport) -> Result<(), OpsError> {
        // One entry for each reason there is.
        for _ in [Reason::Unreferenced, Reason::Orphan] {
            let c = self.circumstances(repo, None);
            let orphans = self.orphans(c.now);
            let entry = |state: &State| {
                let permit = permit_condemn(state, &c, &orphans)?.into_iter().next();
                Ok(permit.map(|p| {
                    let (packs, indexes, reason) = p.parts();
                    Entry::Condemned { packs: packs.to_vec(), indexes: indexes.to_vec(), reason }
                }))
            };
            let Some(n) = say(repo, entry)? else { break };
            self.newest = Some(n);
            let at = |life: &Life| matches!(life, Life::Condemned { at, .. } if *at == n);
            count(&mut report.condemned, repo.state(), at);
        }
        Ok(())
    }

    fn sweep(&mut self, repo: &mut Repository, report: &mut PruneReport) -> Result<(), OpsError> {
        if self.newest.is_none() && repo.store.has_own_clock() {
            let ripe = permit_sweep(repo.state(), &self.circumstances(repo, None))?;
            if ripe.is_empty() {
                return Ok(());
            }
            // Nothing was written in this run that the store could have dated: an entry that condemns nothing.
            let nothing = Entry::Condemned { packs: vec![], indexes: vec![], reason: Reason::Unreferenced };
            self.newest = say(repo, |_| Ok(Some(nothing.clone())))?;
        }
        let c = self.circumstances(repo, self.store_now(repo)?);
        let first = if c.grace.is_zero() { u64::MAX } else { self.first };
        let entry = |state: &State| {
            let permit = permit_sweep(state, &c)?;
            let (packs, indexes) = permit.parts();
            // What this run condemned waits, whatever any clock says.
            let waited = |life: Option<Life>| matches!(life, Some(Life::Condemned { at, .. }) if at < first);
            let packs: Vec<_> = packs.iter().filter(|n| waited(pack_life(state, n))).copied().collect();
            let indexes: Vec<_> = indexes.iter().filter(|n| waited(index_life(state, n))).copied().collect();
            Ok((!packs.is_empty() || !indexes.is_empty()).then_some(Entry::Swept { packs, indexes }))
        };
        self.swept = say(repo, entry)?;
        if let Some(n) = self.swept {
            count(&mut report.swept, repo.state(), |life| matches!(life, Life::Swept { at } if *at == n));
        }
        Ok(())
    }

    /// Deletes what any `swept` entry made dead and the store still shows, and notes that nothing needs.
    fn delete(&mut self, repo: &Repository, report: &mut PruneReport) -> Result<(), OpsError> {
        let size = |name: &crate::domain::id::PackName| self.listed.get(&Key::Pack(*name)).map(|l| l.size);
        let permit = permit_delete(repo.state(), &self.circumstances(repo, None), self.swept, size)?;
        let (packs, indexes) = permit.parts();
        let names = packs.iter().map(|n| Key::Pack(*n)).chain(indexes.iter().map(|n| Key::Index(*n)));
        let mut there: Vec<&Listed> = names.filter_map(|key| self.listed.get(&key)).collect();
        there.extend(delete::unneeded_notes(repo, self.listed.values(), self.options.grace.max(GRACE))?);
        there.sort_by_key(|l| l.key.to_string());
        self.monitor.stage("deleting", Some(there.len() as u64));
        delete::delete(repo, &there, report, self.monitor, self.stop)?;
        delete::half_written(repo, report)
    }
}

fn pack_life(state: &State, name: &crate::domain::id::PackName) -> Option<Life> {
    state.pack(name).map(|(_, p)| p.life).or_else(|| state.orphans.get(name).copied())
}

fn index_life(state: &State, name: &crate::domain::id::IndexName) -> Option<Life> {
    let known = state.indexes.iter().find(|i| i.index.name == *name).map(|i| i.life);
    known.or_else(|| state.orphan_indexes.get(name).copied())
}

fn add<'n>(
    amount: &mut Amount,
    state: &State,
    count: usize,
    packs: impl Iterator<Item = &'n crate::domain::id::PackName>,
    indexes: usize,
) {
    amount.packs += count as u64;
    amount.bytes += packs.filter_map(|n| state.pack(n)).map(|(_, p)| p.pack.size).fold(0, u64::saturating_add);
    amount.indexes += indexes as u64;
}

fn count(amount: &mut Amount, state: &State, chosen: impl Fn(&Life) -> bool) {
    for pack in state.packs.iter().filter(|p| chosen(&p.life)) {
        amount.packs += 1;
        amount.bytes = amount.bytes.saturating_add(pack.pack.size);
    }
    amount.packs += state.orphans.values().filter(|l| chosen(l)).count() as u64;
    amount.indexes += state.indexes.iter().filter(|i| chosen(&i.life)).count() as u64;
    amount.indexes += state.orphan_indexes.values().filter(|l| chosen(l)).count() as u64;
}

fn note_waiting(state: &State, grace: SignedDuration, report: &mut PruneReport) {
    count(&mut report.waiting, state, |life| matches!(life, Life::Condemned { .. }));
    let lives = state.packs.iter().map(|p| &p.life).chain(state.orphans.values()).chain(state.orphan_indexes.values());
    let lives = lives.chain(state.indexes.iter().map(|i| &i.life));
    let condemned = lives.filter_map(|l| if let Life::Condemned { time, .. } = l { Some(*time) } else { None });
    report.next_sweep = condemned.min().and_then(|t| t.checked_add(grace).ok());
}
