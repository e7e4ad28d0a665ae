//! Carrying a disposal out, step by step: withdraw, wait, write listings anew, delete, certify.
//!
//! Each step looks into the log how far the disposal has gone and goes on from there; every one can be interrupted
//! anywhere and run again. Nothing is destroyed without being decided once more on the day. The repository must be one
//! that `Repository::open_fresh` opened: no local file decides a deletion.

use std::rc::Rc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::again::{self, Names};
use super::approve::calendar_is_right;
use super::certificate;
use super::disposals::{Stage, disposals};
use super::note::line;
use super::purge::{Purge, Purged, abandon_own};
use super::register::{Register, RegisterNote, of_plan};
use super::relist::{Leaving, paths_of, relist};
use super::withdraw::withdraw;
use crate::domain::id::NoteName;
use crate::domain::log::Role;
use crate::domain::log::entry::Entry;
use crate::domain::log::ruled::{DisposalState, Withdrawn};
use crate::domain::problem::Exit;
use crate::domain::retention::gate::{Circumstances, Refusal, Weight, later, permit_dispose, time_shown};
use crate::ops::prune::{GRACE, circumstances};
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::error::RepoError;
use crate::repo::layout::Key;
use crate::repo::repository::Repository;
use crate::repo::store::StoreFault;

/// How to carry a disposal out.
pub struct ApplyOptions<'a> {
    /// The entry that approved it.
    pub approval: u64,
    /// There is no time to change one's mind, and why.
    pub urgent: Option<String>,
    /// A person is here and has said yes.
    pub person: bool,
    /// A person has looked at the number of records.
    pub large: bool,
    /// The council's own time, for the certificate.
    pub zone: TimeZone,
    /// How long a withdrawn disposal can be cancelled.
    pub window: SignedDuration,
    /// Decides anew, today, for every record: an error when one of them must stay.
    pub recheck: &'a dyn Fn(&mut Repository) -> Result<(), OpsError>,
}

/// How far a disposal has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyReport {
    /// The entry that approved it.
    pub approval: u64,
    /// The plan's name.
    pub plan: String,
    /// How many records.
    pub records: u64,
    /// How far it is now.
    pub stage: Stage,
    /// Snapshots whose listings were written anew in this run.
    pub relisted: u64,
    /// What deleting did in this run.
    pub purged: Purged,
    /// The certificate, once it is done.
    pub certificate: Option<NoteName>,
    /// It is done, and the store keeps the note with the names of its records.
    pub names_left: bool,
}

impl ApplyReport {
    /// The exit code that says this: a store that keeps what is dead leaves the disposal undone.
    pub fn exit(&self) -> Exit {
        if self.purged.still_listed.is_empty() && !self.names_left { Exit::Done } else { Exit::Incomplete }
    }
}

/// Carries an approved disposal out as far as it may go today.
///
/// # Errors
/// [`OpsError::NotFound`] when there is no such approval; [`OpsError::InTheWay`] when it was cancelled or its list
/// cannot be read; [`OpsError::Refused`] by the gate; whatever `recheck` says; `CannotRead`, `NoRole`; damage and
/// faults of the store, after which it can be run again.
pub fn apply(
    repo: &mut Repository,
    options: &ApplyOptions<'_>,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<ApplyReport, OpsError> {
    if !repo.can_read() {
        return Err(RepoError::CannotRead.into());
    }
    repo.refresh()?;
    let found = state_of(repo, options.approval)?;
    if found.cancelled.is_some() {
        return Err(OpsError::InTheWay(format!("disposal {} was cancelled; approve it again", options.approval)));
    }
    if found.done.is_some() {
        let names_left = forget_names(repo, options.approval)?;
        return Ok(ApplyReport { names_left, ..report(repo, options.approval, 0, Purged::default())? });
    }
    let names = again::names(repo, &found)?;
    let clocks = store_now(repo)?.map(|store| (store, repo.env.clock.now()));
    let run = Run { options, names: &names, clocks, monitor, stop };
    abandon_own(repo)?;
    run.go(repo)
}

struct Run<'a> {
    options: &'a ApplyOptions<'a>,
    names: &'a Names,
    /// What the store's clock and this machine's showed when the run began.
    clocks: Option<(Timestamp, Timestamp)>,
    monitor: &'a dyn Monitor,
    stop: &'a Stop,
}

impl Run<'_> {
    fn go(&self, repo: &mut Repository) -> Result<ApplyReport, OpsError> {
        let approval = self.options.approval;
        let permit = |repo: &mut Repository| self.permit(repo);
        if let (Names::Known(note), None) = (self.names, &state_of(repo, approval)?.withdrawn) {
            let urgent = self.options.urgent.as_deref().map(|why| line("--reason", why)).transpose()?;
            withdraw(repo, approval, &note.plan, urgent.as_deref(), &permit, self.stop)?;
        }
        self.stop.check()?;
        let withdrawn = state_of(repo, approval)?.withdrawn.ok_or(RepoError::Contention)?;
        let began = state_of(repo, approval)?.relisted_at.is_some();
        if !began && !self.is_over(repo, &withdrawn)? {
            return report(repo, approval, 0, Purged::default());
        }
        let (register, paths) = match self.names {
            Names::Known(note) => (of_plan(&repo.register_key(), &note.plan, None), Some(paths_of(&note.plan))),
            Names::Deleted(_) => {
                self.gate(repo)?;
                (repo.read_note::<RegisterNote>(&withdrawn.register)?, None)
            }
        };
        let register = Rc::new(Register::of_one(repo, &register, withdrawn.at));
        let leaving = Leaving { approval, withdrawn_at: withdrawn.at, register, paths };
        let relisted = relist(repo, &leaving, &permit, self.monitor, self.stop)?;
        self.stop.check()?;
        let circumstances = |repo: &Repository| self.circumstances(repo);
        let purge = Purge { approval, circumstances: &circumstances, monitor: self.monitor, stop: self.stop };
        let purged = purge.run(repo)?;
        // A backup may have committed since, with what it had read before.
        let again = relist(repo, &leaving, &permit, self.monitor, self.stop)?;
        if again > 0 {
            let why = "a backup committed meanwhile and was looked at as well; run this again to delete what it held";
            return Err(OpsError::InTheWay(why.into()));
        }
        let names_left = purged.still_listed.is_empty() && self.end(repo, &purged)?;
        Ok(ApplyReport { names_left, ..report(repo, approval, relisted, purged)? })
    }

    /// Says that it is done. Whether the names of its records are still in the store.
    fn end(&self, repo: &mut Repository, purged: &Purged) -> Result<bool, OpsError> {
        let (approval, zone) = (self.options.approval, &self.options.zone);
        let certificate = match self.names {
            Names::Known(note) => certificate::make(repo, approval, note, purged, zone, self.stop)?,
            Names::Deleted(before) => certificate::make_again(repo, approval, before, purged, zone)?,
        };
        let entry = Entry::DisposalDone { approval, certificate };
        repo.append_as(Some(Role::Pruner), |state| {
            Ok(state.disposal(approval).is_some_and(DisposalState::is_open).then(|| entry.clone()))
        })?;
        forget_names(repo, approval)
    }

    /// Asked before each step: nothing goes without being decided on the day.
    fn permit(&self, repo: &mut Repository) -> Result<(), OpsError> {
        self.gate(repo)?;
        match self.names {
            Names::Known(_) => (self.options.recheck)(repo),
            Names::Deleted(_) => Err(again::listed_again(self.options.approval)),
        }
    }

    fn circumstances(&self, repo: &Repository) -> Circumstances {
        let store_now = self.store_now(repo);
        Circumstances { store_now, ..circumstances(repo, GRACE, self.options.person) }
    }

    /// The store's clock goes on as this machine's does: a long run is no contradiction between them.
    fn store_now(&self, repo: &Repository) -> Option<Timestamp> {
        self.clocks.map(|(store, machine)| later(store, repo.env.clock.now().duration_since(machine)))
    }

    fn gate(&self, repo: &Repository) -> Result<(), OpsError> {
        let weight = match self.names {
            Names::Known(note) => Weight::of(&note.plan, self.options.large || note.large),
            Names::Deleted(_) => {
                Weight { sets: repo.state().sets().into_iter().map(|s| (s, 0)).collect(), large: false }
            }
        };
        permit_dispose(repo.state(), &self.circumstances(repo), &weight)?;
        if !self.options.person {
            calendar_is_right(repo)?;
        }
        Ok(())
    }

    /// Whether the time to change one's mind has passed, by the later of the author's and the store's record of its
    /// beginning and the earlier of both clocks now.
    fn is_over(&self, repo: &Repository, withdrawn: &Withdrawn) -> Result<bool, OpsError> {
        if withdrawn.urgent {
            return Ok(true);
        }
        if self.options.urgent.is_some() && later(withdrawn.time, self.options.window) > repo.env.clock.now() {
            let why = format!(
                "disposal {} was withdrawn with time to change one's mind, and that cannot be taken away; cancel it and \
                 approve it again if it is urgent",
                self.options.approval
            );
            return Err(Refusal::Disposal(why).into());
        }
        let mut since = withdrawn.time;
        if repo.store.has_own_clock() {
            since = since.max(repo.store.get_dated(&Key::Log(withdrawn.at))?.1);
        }
        let now = repo.env.clock.now();
        let over = later(since, self.options.window) <= self.store_now(repo).map_or(now, |store| store.min(now));
        if over && self.clocks.is_none() && !self.options.person {
            self.time_has_passed(repo, withdrawn, now)?;
        }
        Ok(over)
    }

    /// Where the store has no clock of its own, a clock that jumps ahead must not end the time to change one's mind:
    /// the log itself must show that it has passed.
    fn time_has_passed(&self, repo: &Repository, withdrawn: &Withdrawn, now: Timestamp) -> Result<(), Refusal> {
        let void = |n: u64| repo.state().voids.iter().any(|(v, _)| *v == n);
        let after = repo.slots().iter().filter(|s| s.n > withdrawn.at && !void(s.n));
        let times = after.filter_map(|s| s.body.as_ref()).map(|b| b.time);
        let shown = time_shown(withdrawn.time, times, now);
        if shown < self.options.window {
            return Err(Refusal::NotShownYet(format!(
                "since the withdrawal the log shows {} days for certain, not {}. Nothing is wrong: the store has no clock to \
                 compare, and the log shows more with every run, at least one a week. It goes on by itself; to go on now, \
                 a person confirms the date: strongroom retention apply {} --yes",
                shown.as_hours() / 24,
                self.options.window.as_hours() / 24,
                self.options.approval
            )));
        }
        Ok(())
    }
}

fn state_of(repo: &Repository, approval: u64) -> Result<DisposalState, OpsError> {
    let found = repo.state().disposal(approval).cloned();
    found.ok_or_else(|| OpsError::NotFound(format!("there is no disposal {approval}")))
}

/// The store's own clock, as it stamps an object that means nothing.
fn store_now(repo: &Repository) -> Result<Option<Timestamp>, OpsError> {
    if !repo.store.has_own_clock() {
        return Ok(None);
    }
    let probe = Key::Probe(format!("clock-{}", hex::encode(&repo.env.entropy.bytes32()[..8])));
    repo.store.create(&probe, &bytes::Bytes::from_static(b"what time is it"))?;
    let now = repo.store.get_dated(&probe)?.1;
    // Where this key may not delete, it lies there and means nothing.
    let _ = repo.store.delete(&probe);
    Ok(Some(now))
}

/// Once a disposal is done, nothing needs the names of its records. Whether the store keeps them nevertheless; then it,
/// or prune, tries again.
fn forget_names(repo: &Repository, approval: u64) -> Result<bool, OpsError> {
    let note = state_of(repo, approval)?.note;
    if !repo.state().spent_notes().contains(&note) {
        return Ok(false);
    }
    match repo.store.delete(&Key::Note(note)) {
        Ok(()) => {}
        Err(e) if matches!(e.fault(), StoreFault::Denied | StoreFault::ReadOnly | StoreFault::Unsupported) => {}
        Err(e) => return Err(e.into()),
    }
    // A store may say "deleted" and keep it.
    match repo.store.get(&Key::Note(note)) {
        Err(e) if e.fault() == StoreFault::Missing => Ok(false),
        Err(e) if !e.is_too_large() => Err(e.into()),
        _ => Ok(true),
    }
}

fn report(repo: &Repository, approval: u64, relisted: u64, purged: Purged) -> Result<ApplyReport, OpsError> {
    let missing = || OpsError::NotFound(format!("there is no disposal {approval}"));
    let found = disposals(repo.state()).into_iter().find(|d| d.state.at == approval).ok_or_else(missing)?;
    let (plan, records) = (found.state.plan.clone(), found.state.records);
    let certificate = found.state.done.map(|(_, certificate)| certificate);
    let stage = found.stage;
    Ok(ApplyReport { approval, plan, records, stage, relisted, purged, certificate, names_left: false })
}
