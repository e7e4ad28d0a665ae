//! Deleting what is left of disposed records: no pack stays that holds a chunk which no kept snapshot needs.
//!
//! What packs hold besides is copied to new packs; every snapshot is then said to need exactly what its listing names.
//! The old packs are condemned for disposal, which no backup can undo, swept and deleted in the same run: the time to
//! change one's mind lies before it. What was swept earlier and is still listed goes too: it may hold the same content.
//! A backup that commits meanwhile keeps what it needs, and is looked at again.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::locked;
use super::needs::{Change, say};
use super::relist::{abandon, tell};
use crate::domain::id::PackName;
use crate::domain::log::Role;
use crate::domain::log::entry::{Entry, Reason};
use crate::domain::log::state::{Slot, State};
use crate::domain::retention::gate::{
    Circumstances, Orphans, Refusal, check_none_fresh, given_up, known_packs, later, of_backups_at_work,
    permit_condemn_for_disposal, permit_delete_for_disposal, permit_sweep_for_disposal,
};
use crate::ops::prune::delete::delete;
use crate::ops::prune::repack::{Needed, choose, copy, walk};
use crate::ops::prune::{GRACE, PruneReport, list, say as say_as_pruner};
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::error::RepoError;
use crate::repo::layout::{Key, PACKS};
use crate::repo::repository::Repository;
use crate::repo::writer::WrittenPack;

/// How often packs are looked at again, since a backup committed meanwhile.
const ROUNDS: u32 = 20;

/// What purging did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Packs whose other content was copied.
    pub rewritten: u64,
    /// Packs deleted in this run: no listing made afterwards shows them.
    pub deleted: u64,
    /// Their bytes.
    pub deleted_bytes: u64,
    /// Deletions that the store refused in this run.
    pub refused: u64,
    /// What the store said to the first of them.
    pub refused_why: Option<String>,
    /// Packs that are dead and that a listing made afterwards still shows.
    pub still_listed: Vec<PackName>,
    /// Packs of backups at work: nobody looked into them.
    pub at_work: Vec<PackName>,
    /// The latest date until which the store showed one of the packs deleted as locked.
    pub locked_until: Option<Timestamp>,
    /// When the store was listed for the last time.
    pub listed_at: Option<Timestamp>,
}

/// One purge.
pub(super) struct Purge<'a> {
    pub approval: u64,
    pub circumstances: &'a dyn Fn(&Repository) -> Circumstances,
    pub monitor: &'a dyn Monitor,
    pub stop: &'a Stop,
}

impl Purge<'_> {
    /// Does it all; can be stopped anywhere and run again.
    pub fn run(&self, repo: &mut Repository) -> Result<Purged, OpsError> {
        let mut purged = Purged::default();
        for round in 0.. {
            if round == ROUNDS {
                return Err(RepoError::Contention.into());
            }
            self.stop.check()?;
            repo.refresh()?;
            let snapshots: Vec<_> = repo.state().live_snapshots().map(|s| s.id).collect();
            if !self.rewrite(repo, &mut purged)? {
                continue; // packs go only after everything was looked through and nothing was left to rewrite
            }
            self.condemn(repo)?;
            self.sweep(repo)?;
            if repo.state().live_snapshots().map(|s| s.id).eq(snapshots) {
                break;
            }
        }
        self.delete(repo, &mut purged)?;
        let lost = given_up(repo.state(), repo.slots());
        check_none_fresh(repo.state(), &(self.circumstances)(repo), &lost, self.purged_at(repo))?;
        purged.at_work = of_backups_at_work(repo.state());
        Ok(purged)
    }

    /// The first entry that condemned for disposal after listings were written for the last time: then no needed pack
    /// held anything else.
    fn purged_at(&self, repo: &Repository) -> u64 {
        let since = repo.state().disposal(self.approval).and_then(|d| d.relisted_at).unwrap_or(u64::MAX);
        let condemns = |slot: &&Slot| {
            let entry = slot.body.as_ref().map(|b| &b.entry);
            matches!(entry, Some(Entry::Condemned { reason: Reason::Disposal, .. }))
        };
        repo.slots().iter().filter(|s| s.n > since).find(condemns).map_or(u64::MAX, |s| s.n)
    }

    /// Copies what is needed out of packs that hold anything else. `true` when there are none.
    fn rewrite(&self, repo: &mut Repository, purged: &mut Purged) -> Result<bool, OpsError> {
        self.monitor.stage("looking for packs to rewrite", None);
        drop(repo.take_index()?);
        let needed = walk(repo, self.stop)?;
        let old = choose(repo, &needed, |used, all, _| used < all)?;
        if old.is_empty() {
            check_covered(repo, needed)?;
            return Ok(true);
        }
        self.monitor.stage("rewriting packs", Some(old.len() as u64));
        let written = copy(repo, &needed, &old, self.monitor, self.stop)?;
        let written: Vec<WrittenPack> = written.into_iter().flat_map(|(_, packs)| packs).collect();
        let session = tell(repo, &written, self.stop)?;
        let numbers: HashSet<u32> = old.iter().map(|o| o.number).collect();
        let needing = repo.state().live_snapshots().filter(|s| s.snapshot.needs.iter().any(|n| numbers.contains(&n)));
        let keep = |s: &crate::domain::log::state::SnapshotState| Change {
            snapshot: s.id,
            before: s.snapshot.root,
            root: s.snapshot.root,
        };
        let changes: Vec<Change> = needing.filter(|s| needed.snapshots.contains(&s.id)).map(keep).collect();
        let said = say(repo, self.approval, &changes, &written, None, self.stop)?;
        abandon(repo, session)?;
        if said.is_some() {
            purged.rewritten += old.len() as u64;
        }
        Ok(false)
    }

    fn condemn(&self, repo: &mut Repository) -> Result<(), OpsError> {
        let c = (self.circumstances)(repo);
        let orphans = old_orphans(repo, &c)?;
        let lost = given_up(repo.state(), repo.slots());
        say_as_pruner(repo, |state| {
            let permit = permit_condemn_for_disposal(state, &c, &orphans, &lost)?;
            let (packs, _, reason) = permit.parts();
            let entry = Entry::Condemned { packs: packs.to_vec(), indexes: vec![], reason };
            Ok((!packs.is_empty()).then_some(entry))
        })?;
        Ok(())
    }

    fn sweep(&self, repo: &mut Repository) -> Result<(), OpsError> {
        let listed = list(repo)?;
        let there = known_packs(repo.state()).filter(|n| listed.contains_key(&Key::Pack(**n))).count();
        let c = Circumstances { listed: there, ..(self.circumstances)(repo) };
        let lost = given_up(repo.state(), repo.slots());
        say_as_pruner(repo, |state| {
            let permit = permit_sweep_for_disposal(state, &c, &lost)?;
            let packs = permit.parts().0.to_vec();
            Ok((!packs.is_empty()).then_some(Entry::Swept { packs, indexes: vec![] }))
        })?;
        Ok(())
    }

    fn delete(&self, repo: &mut Repository, purged: &mut Purged) -> Result<(), OpsError> {
        let since = repo.state().disposal(self.approval).map_or(u64::MAX, |d| d.at);
        let listed = repo.store.list(PACKS)?.0;
        let sizes: HashMap<Key, u64> = listed.iter().map(|l| (l.key.clone(), l.size)).collect();
        let size = |name: &PackName| sizes.get(&Key::Pack(*name)).copied();
        let permit = permit_delete_for_disposal(repo.state(), &(self.circumstances)(repo), since, size)?;
        let dead: HashSet<Key> = permit.parts().0.iter().map(|n| Key::Pack(*n)).collect();
        let mut there: Vec<_> = listed.iter().filter(|l| dead.contains(&l.key)).collect();
        there.sort_by_key(|l| l.key.to_string());
        self.monitor.stage("deleting", Some(there.len() as u64));
        purged.locked_until = locked::latest(repo, &there);
        let mut done = PruneReport::default();
        delete(repo, &there, &mut done, self.monitor, self.stop)?;
        (purged.refused, purged.refused_why) = (done.refused, done.refused_why);
        let name = |key: Key| if let Key::Pack(name) = key { Some(name) } else { None };
        let after = repo.store.list(PACKS)?.0.into_iter().filter(|l| dead.contains(&l.key));
        purged.still_listed = after.filter_map(|l| name(l.key)).collect();
        // A store may say "deleted" and keep it: only what is listed no more was deleted.
        let kept: HashSet<Key> = purged.still_listed.iter().map(|n| Key::Pack(*n)).collect();
        let gone = there.iter().filter(|l| !kept.contains(&l.key));
        (purged.deleted, purged.deleted_bytes) = gone.fold((0, 0), |(n, sum), l| (n + 1, sum + l.size));
        purged.listed_at = Some(repo.env.clock.now());
        Ok(())
    }
}

/// Everything that listings name must lie in packs the log says are needed: what a `rewritten` entry said of that may
/// be untrue, and packs go by it.
fn check_covered(repo: &Repository, needed: Needed) -> Result<(), OpsError> {
    let mut left = needed.all;
    repo.for_each_pack(&repo.state().needed(), |_, pack| {
        pack.segments.iter().flat_map(|s| &s.chunks).for_each(|c| {
            left.remove(c.id.as_bytes());
        });
        Ok::<_, RepoError>(())
    })?;
    if left.is_empty() {
        return Ok(());
    }
    Err(Refusal::Disposal(format!(
        "{} pieces that backups need lie in packs that the log says nobody needs. Nothing is deleted; look at what wrote \
         'rewritten' entries (strongroom log --verify)",
        left.len()
    ))
    .into())
}

/// Packs that lie in the store longer than a backup takes and that no entry names.
fn old_orphans(repo: &Repository, c: &Circumstances) -> Result<Orphans, RepoError> {
    let mut orphans = Orphans::default();
    for listed in repo.store.list(PACKS)?.0.iter().filter(|l| later(l.modified, GRACE) <= c.now) {
        if let Key::Pack(name) = listed.key {
            orphans.packs.push(name);
        }
    }
    orphans.packs.sort();
    Ok(orphans)
}

/// Sessions of this machine's own pruner that an interrupted run left: nobody goes on with them.
pub(super) fn abandon_own(repo: &mut Repository) -> Result<(), OpsError> {
    let Some(pruner) = repo.machine.as_ref().and_then(|m| m.seed_for(&[Role::Pruner])).map(|s| s.actor()) else {
        return Err(RepoError::NoRole(Role::Pruner).into());
    };
    let own = |state: &State| state.open_sessions.iter().find(|(_, (a, _))| *a == pruner).map(|(session, _)| *session);
    while let Some(session) = own(repo.state()) {
        let open = |state: &State| state.open_sessions.contains_key(&session);
        repo.append_as(Some(Role::Pruner), |state| Ok(open(state).then_some(Entry::Abandoned { session })))?;
    }
    Ok(())
}
