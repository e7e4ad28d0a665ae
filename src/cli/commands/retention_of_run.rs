//! The retention step of `run`, and what `status` says of it.
//!
//! By itself it only ever approves what the adopted scheme lets go without a person, and carries out what is
//! approved, when its time has come and no guard stands in the way. All else becomes a number that people are told.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::cli::failure::Failure;
use crate::cli::hints::advice;
use crate::cli::jobs;
use crate::cli::shell::Shell;
use crate::cli::when;
use crate::config::Config;
use crate::domain::log::entry::Role;
use crate::domain::log::ruled::SchemeState;
use crate::domain::log::state::State;
use crate::domain::problem::Exit;
use crate::domain::retention::gate::Refusal;
use crate::domain::retention::plan::PlanId;
use crate::ops::retention::apply::{ApplyOptions, ApplyReport, apply};
use crate::ops::retention::approve::{WINDOW, approve_by_scheme, calendar_is_right, recheck};
use crate::ops::retention::disposals::{Stage, disposals};
use crate::ops::retention::facts::gather;
use crate::ops::retention::law::load;
use crate::ops::retention::plan::{PlanReport, Planner};
use crate::ops::{OpsError, Silent};
use crate::repo::repository::Repository;
use crate::service::plain::counted;
use crate::service::retention::{DisposalSeen, Look, NotChecked, Numbers, RetentionState, SchemeSeen, Stopped};
use crate::service::retention_status::{RetentionInput, UnderWay};
use crate::service::runner::JobOutcome;
use crate::service::words::{Counts, Outcome, Trouble};

/// Looks at all records, approves what needs no person, carries out what is approved.
///
/// # Errors
/// Whatever ends it.
pub fn step(
    shell: &Shell,
    config: &Config,
    repo: &mut Repository,
    reappeared: Option<u64>,
) -> Result<JobOutcome, Failure> {
    let today = shell.env.clock.now().to_zoned(config.council.timezone.clone()).date();
    repo.refresh()?;
    let mut look = Look { reappeared, ..seen(repo.state(), today) };
    if look.scheme.is_none() && look.next.is_none() && repo.state().disposals.is_empty() {
        shell.out.say("No retention scheme is adopted: every record is kept.");
        return Ok(ended(look, JobOutcome::done(Counts::default())));
    }
    if !repo.can_read() {
        shell.out.say("This computer cannot read what it stores: what is due is looked up elsewhere.");
        look.not_checked = Some(NotChecked::CannotRead);
        return Ok(ended(look, JobOutcome::done(Counts::default())));
    }
    let mut step = Step { shell, config, today, look, incomplete: false };
    Ok(match step.all(repo) {
        Ok(()) => step.end(repo),
        // What was seen until then is told all the same.
        Err(failure) => {
            shell.out.error(&advice(&failure));
            ended(step.look, jobs::failed(&failure))
        }
    })
}

struct Step<'a> {
    shell: &'a Shell,
    config: &'a Config,
    today: Date,
    look: Look,
    /// The store kept something that should be gone.
    incomplete: bool,
}

impl Step<'_> {
    fn all(&mut self, repo: &mut Repository) -> Result<(), Failure> {
        self.decide(repo)?;
        self.carry_out(repo)?;
        if !self.look.approved.is_empty() || !self.look.done.is_empty() {
            let report = self.plan(repo)?;
            self.look.numbers = Some(self.numbers(repo, &report));
        }
        Ok(())
    }

    /// Counts, and approves what the scheme lets go without a person.
    fn decide(&mut self, repo: &mut Repository) -> Result<(), OpsError> {
        let report = self.plan(repo)?;
        self.look.numbers = Some(self.numbers(repo, &report));
        let asked = &report.without_person.records;
        if asked.is_empty() || !may(repo, Role::Approver) {
            return Ok(());
        }
        let (shell, zone) = (self.shell, &self.config.council.timezone);
        let progress = shell.progress();
        let approved = approve_by_scheme(repo, zone, self.today, &progress, &shell.stop);
        progress.finish();
        match approved {
            Ok(Some(report)) => {
                let records = counted(report.records, "record", "records");
                shell.out.say(format!("Approved by the scheme itself: the disposal of {records} ({}).", report.plan));
                self.look.approved.push(DisposalSeen { approval: report.approval, records: report.records });
            }
            Ok(None) => {}
            // The incident, or whoever wrote meanwhile, is no news; it is tried again tomorrow.
            Err(error @ (OpsError::Refused(_) | OpsError::InTheWay(_))) => {
                shell.out.warn(format!("Nothing was approved by the scheme itself: {error}"));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Carries out what is approved, each as far as it may go today. One that is stopped stops no other.
    fn carry_out(&mut self, repo: &mut Repository) -> Result<(), Failure> {
        let open: Vec<DisposalSeen> = repo
            .state()
            .disposals
            .iter()
            .filter(|d| d.is_open())
            .map(|d| DisposalSeen { approval: d.at, records: d.records })
            .collect();
        if open.is_empty() || !may(repo, Role::Pruner) {
            return Ok(());
        }
        // No local file decides what is destroyed.
        *repo = self.shell.open_fresh(self.config)?;
        let mut failed = None;
        for disposal in open {
            match self.apply(repo, disposal) {
                Ok(report) => self.applied(disposal, &report),
                Err(error) => failed = self.not_applied(disposal, error).err().or(failed),
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    fn apply(&self, repo: &mut Repository, disposal: DisposalSeen) -> Result<ApplyReport, OpsError> {
        let (zone, today, stop) = (&self.config.council.timezone, self.today, &self.shell.stop);
        let plan = disposals(repo.state()).into_iter().find(|d| d.state.at == disposal.approval);
        let plan: Option<PlanId> = plan.and_then(|d| d.state.plan.parse().ok());
        let again = |repo: &mut Repository| {
            let asked = recheck(repo, disposal.approval, zone, today, &Silent, stop)?;
            match &plan {
                Some(plan) => asked.permit(plan),
                None if asked.changed.is_empty() => Ok(()),
                None => Err(OpsError::InTheWay("some of its records must stay now".into())),
            }
        };
        let options = ApplyOptions {
            approval: disposal.approval,
            urgent: None,
            person: false,
            large: false,
            zone: zone.clone(),
            window: WINDOW,
            recheck: &again,
        };
        let progress = self.shell.progress();
        let report = apply(repo, &options, &progress, stop);
        progress.finish();
        report
    }

    fn applied(&mut self, disposal: DisposalSeen, report: &ApplyReport) {
        let (out, n) = (&self.shell.out, disposal.approval);
        let records = counted(disposal.records, "record", "records");
        match &report.stage {
            Stage::Done => {
                out.say(format!("Disposal {n} is done: {records} destroyed in every backup; a certificate was made."));
                self.look.done.push(disposal);
            }
            Stage::Withdrawn { deleted_from, .. } => {
                let from = when::shown(*deleted_from, &self.config.council.timezone);
                out.say(format!("Disposal {n}: {records} withdrawn; destroyed from {from} on."));
            }
            _ => out.say(format!("Disposal {n}: {records} on their way out; the next run goes on.")),
        }
        if report.exit() != Exit::Done {
            let what = "the store did not delete all that held its records (object lock, or a key that may not delete)";
            out.warn(format!("Disposal {n} is not done: {what}. It is tried again."));
            self.incomplete = true;
        }
    }

    /// A guard that says no is told in words of its own, and ends nothing else; anything else is a failure.
    fn not_applied(&mut self, disposal: DisposalSeen, error: OpsError) -> Result<(), OpsError> {
        let why = match &error {
            OpsError::Refused(waiting @ Refusal::NotShownYet(_)) => {
                self.shell.out.note(format!("Disposal {} is {waiting}", disposal.approval));
                return Ok(());
            }
            OpsError::Refused(Refusal::LargePlan { .. }) => Stopped::TooMany,
            OpsError::Refused(_) => Stopped::SafetyCheck,
            OpsError::InTheWay(_) => Stopped::Changed,
            _ => return Err(error),
        };
        self.shell.out.error(&advice(&error.into()));
        self.look.stopped.push((disposal, why));
        Ok(())
    }

    fn plan(&self, repo: &mut Repository) -> Result<PlanReport, OpsError> {
        let progress = self.shell.progress();
        let facts = gather(repo, &progress, &self.shell.stop)?;
        progress.finish();
        let law = load(repo, &self.config.council.timezone, self.today)?;
        Planner::new(&facts, &law, self.today).plan(&repo.state().repository, &mut |_| Ok(()))
    }

    /// While the date is in doubt, what the scheme lets go without a person waits for one as well.
    fn numbers(&self, repo: &Repository, report: &PlanReport) -> Numbers {
        let by_itself = if calendar_is_right(repo).is_ok() { report.without_person.records.len() as u64 } else { 0 };
        numbers(report, report.counts.dispose.saturating_sub(by_itself))
    }

    fn end(self, repo: &Repository) -> JobOutcome {
        let Look { numbers, approved, stopped, done, reappeared, .. } = self.look;
        let look = Look { numbers, approved, stopped, done, reappeared, ..seen(repo.state(), self.today) };
        let due = look.numbers.unwrap_or_default().due;
        if due > 0 {
            let due = counted(due, "record is", "records are");
            self.shell.out.say(format!("{due} due and waiting for a decision: strongroom retention plan"));
        }
        let counts = Counts { files: look.done.iter().map(|d| d.records).sum(), ..Counts::default() };
        let outcome = if self.incomplete {
            JobOutcome::new(Outcome::Incomplete, vec![Trouble::Incomplete], counts, Exit::Incomplete)
        } else if look.stopped.is_empty() {
            JobOutcome::done(counts)
        } else {
            // It is told in words of its own, once.
            JobOutcome { exit: Exit::Refused, ..JobOutcome::done(counts) }
        };
        ended(look, outcome)
    }
}

fn ended(look: Look, outcome: JobOutcome) -> JobOutcome {
    JobOutcome { look: Some(Box::new(look)), ..outcome }
}

fn may(repo: &Repository, role: Role) -> bool {
    repo.machine.as_ref().is_some_and(|m| m.seed_for(&[role]).is_some())
}

fn numbers(report: &PlanReport, asks_person: u64) -> Numbers {
    let c = &report.counts;
    Numbers {
        records: c.records,
        classed: c.classed,
        datable: c.datable,
        due: asks_person,
        needs_council: report.needs_council,
        review: c.review,
        live: c.live,
        held: c.held,
        under_way: c.under_way,
        overdue: c.overdue,
    }
}

/// What the log says, whoever can read what.
fn seen(state: &State, today: Date) -> Look {
    let scheme = |s: &SchemeState| SchemeSeen { entry: s.at, minute: s.minute.clone(), on: s.on, in_force: s.in_force };
    let overdue: Vec<Date> = state.open_holds().map(|h| h.review).filter(|review| *review <= today).collect();
    Look {
        scheme: state.in_force(today).map(scheme),
        next: state.schemes.last().filter(|s| s.in_force > today).map(scheme),
        holds: state.open_holds().count() as u64,
        reviews_overdue: overdue.len() as u64,
        oldest_review: overdue.into_iter().min(),
        disposals: state.disposals.iter().filter(|d| d.is_open()).count() as u64,
        ..Look::default()
    }
}

/// For `status`: the numbers of the last run; scheme, holds and disposals from the log, where it is at hand.
pub fn for_status(
    journal: &RetentionState,
    log: Option<&State>,
    now: Timestamp,
    config: &Config,
) -> Option<RetentionInput> {
    let of_run = RetentionInput::of(journal);
    let Some(state) = log else { return of_run };
    let now = seen(state, now.to_zoned(config.council.timezone.clone()).date());
    // Nobody asked for any of this yet: one line after the first run is enough.
    if of_run.is_none() && now.scheme.is_none() && now.next.is_none() && now.holds == 0 {
        return None;
    }
    let of_run = of_run.unwrap_or_default();
    let counted = of_run.counted;
    let since = state.disposals.iter().filter(|d| d.cancelled.is_none() && counted.is_some_and(|c| d.time > c));
    let open = state.disposals.iter().filter(|d| d.is_open());
    let input = RetentionInput {
        scheme: now.scheme,
        next: now.next,
        holds: now.holds,
        reviews_overdue: now.reviews_overdue,
        oldest_review: now.oldest_review,
        disposals: now.disposals,
        under_way: open.map(|d| UnderWay { plan: d.plan.clone(), records: d.records }).collect(),
        ..of_run
    };
    Some(input.without_approved(since.map(|d| d.records).sum()))
}
