//! `status`: are we safe? From the journal of this computer and the log of the repository.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{coverage, drills, retention_of_run, verify_store, voices};
use crate::cli::failure::Failure;
use crate::cli::hints::advice;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::wiring_files::replace_public;
use crate::cli::{stores, telling, ways};
use crate::config::{Config, ProtectedSet};
use crate::domain::log::entry::Drilled;
use crate::domain::log::state::State;
use crate::domain::path::printable;
use crate::domain::problem::Exit;
use crate::ops::proof::{epoch_entry, is_epoch_proved};
use crate::ops::verify::Accepted;
use crate::ops::verify::drill::projection;
use crate::repo::repository::Repository;
use crate::service::history::{Finished, JournalState, Open, fold};
use crate::service::lead::lead;
use crate::service::metrics;
use crate::service::schedule::next;
use crate::service::status::{DrillInput, Good, LostInput, MAX_AGE, OpenInput, SetInput, Status, StatusInput, status};
use crate::service::words::{JobKind, Opened, Role, SetName, Trouble, Why};

pub fn run(shell: &Shell) -> Result<Done, Failure> {
    let config = shell.config()?;
    let opened = shell.open(&config);
    let (mut exit, mut unopened) = (Exit::Done, None);
    if let Err(failure) = &opened {
        let advice = advice(failure);
        // What the store cannot say, the journal can; damage and a changed past are news in themselves.
        let initialised = !matches!(shell.state(&config).load_machine(), Ok(None));
        let gone = advice.exit == Exit::NoRepository && initialised;
        if gone || matches!(advice.exit, Exit::Damage | Exit::WrongKey) {
            shell.out.error(&advice);
            exit = advice.exit;
            unopened = Some(advice.message);
        } else if advice.exit != Exit::NoRepository {
            shell.out.note(format!("The store could not be asked just now: {}", advice.message));
        }
    }
    let status = work_out(shell, &config, opened.as_ref().ok(), unopened)?;
    Ok(show(shell, &status, exit))
}

/// Prints it; for people and as an object.
pub fn show(shell: &Shell, status: &Status, exit: Exit) -> Done {
    let mut object = json!(status);
    object["message_type"] = "status".into();
    shell.out.object(object);
    // What names a record was left out where it leads into the system's journal.
    shell.out.answer(shell.out.as_typed(status.text().trim_end()));
    let exit = exit.worse(status.exit());
    let done = Done::with_exit(exit).with("light", json!(status.light));
    done.with("stale", status.stale).with("lines", status.lines.len())
}

/// The answer, from everything at hand.
///
/// # Errors
/// The journal cannot be read at all.
pub fn work_out(
    shell: &Shell,
    config: &Config,
    repo: Option<&Repository>,
    unopened: Option<String>,
) -> Result<Status, Failure> {
    look(shell, config, repo, unopened, |_, status| status.clone())
}

/// The same, for somebody who wants to see what it was made from.
///
/// # Errors
/// As [`work_out`].
pub fn look<T>(
    shell: &Shell,
    config: &Config,
    repo: Option<&Repository>,
    unopened: Option<String>,
    then: impl FnOnce(&StatusInput<'_>, &Status) -> T,
) -> Result<T, Failure> {
    let journalled = shell.journal(config).read()?;
    let journal = fold(&journalled.entries);
    let people = telling::people(config);
    let names = telling::set_names(config)?;
    let reads = shell.state(config).load_machine().ok().flatten().is_some_and(|m| m.reads);
    let sets = names.iter().zip(&config.sets).map(|(name, of)| {
        let found = set(name, &journal, repo.map(Repository::state));
        SetInput { max_age: may_be(config, of, &found), ..found }
    });
    let last_test = match repo {
        Some(repo) => tested_in(repo.state()),
        // A machine that cannot read tests nothing by bringing files back, whatever its journal counts.
        None => journal.last_good.get(&(JobKind::Verify, None)).filter(|_| reads).map(good),
    };
    let open = journal.open.iter().map(|(reference, open)| OpenInput {
        reference: reference.clone(),
        trouble: lead(&journal, &open.causes).map_or(Trouble::Failed(Why::Other), |c| c.trouble),
        since: open.since,
        cause: cause_line(open, &journal, shell.out.is_journalled()),
        resolved: resolved(open),
    });
    let log = repo.map(Repository::state);
    let today = shell.env.clock.now().to_zoned(people.zone.clone()).date();
    let input = StatusInput {
        people: &people,
        sets: sets.collect(),
        last_test,
        opening: opening(&journal),
        drill: log.and_then(|s| s.drills.last().map(|d| drilled(s, d))),
        drills: repo.map(|repo| drills::for_status(shell, config, repo)),
        lost: repo.and_then(lost_in),
        coverage: repo.and_then(|repo| coverage::for_status(repo, config)),
        store: repo.and_then(|repo| verify_store::for_status(repo, config)),
        open: open.collect(),
        incidents: log
            .map(|s| s.open_incidents().map(|i| (i.at, i.time, i.incident.what)).collect())
            .unwrap_or_default(),
        voids: log.map(|s| s.open_voids().map(|(n, _)| n).collect()).unwrap_or_default(),
        unopened,
        reads,
        trial: config.trial,
        sheet_proved: sheet_proved(journal.sheet_proved.is_some(), log),
        unchecked_key_files: repo.map_or(0, |repo| repo.bundles_unproved().count() as u64),
        clerk: ways::reached(config, &journal, Role::Clerk),
        store_offsite: stores::is_offsite(config),
        reading_proved: repo.map_or(journal.reading_proved.is_some(), |r| reading_proved(r, &journal)),
        mail_failing_since: ways::silent_since(config, &journal),
        messages_lost: if config.mail.is_some() { journal.expired } else { 0 },
        voices: voices::for_status(shell, config, &journal, repo),
        journal_damaged: journalled.damaged,
        retention: retention_of_run::for_status(&journal.retention, log, shell.env.clock.now(), config),
        access: log.map(|s| crate::service::access::lines(s, today)).unwrap_or_default(),
        policies: config.policy.clone(),
        now: shell.env.clock.now(),
    };
    let status = status(&input);
    let upcoming = next(&config.schedule, input.now, &config.council.timezone, 1).first().map(|(at, _)| *at);
    leave_figures(shell, config, &metrics::text(&input, &status, upcoming));
    Ok(then(&input, &status))
}

/// On this computer, or in the log; a newer drill in which it failed takes both back.
fn sheet_proved(journalled: bool, log: Option<&State>) -> bool {
    let Some(log) = log else { return journalled };
    let failed = log.proofs.key_drills.values().any(|(_, d)| d.root && d.failed > 0);
    log.proofs.keys.values().any(|p| p.root) || (journalled && !failed)
}

/// How old the set's last good backup may be: at least until the schedule has asked for another and it had its time.
fn may_be(config: &Config, set: &ProtectedSet, found: &SetInput) -> SignedDuration {
    let overdue = |last: Timestamp| config.schedule.overdue_from(last, set.max_age, &config.council.timezone);
    let from = found.last.and_then(|last| Some(overdue(last.at)?.duration_since(last.at)));
    from.unwrap_or(set.max_age)
}

/// For Prometheus, if it is asked for. That it cannot be written is said, and fails nothing.
fn leave_figures(shell: &Shell, config: &Config, text: &str) {
    let Some(file) = &config.metrics_file else { return };
    if let Err(error) = replace_public(file, text) {
        shell.out.warn(format!("The figures for Prometheus could not be written to {}: {error}", file.display()));
    }
}

/// The figures after something that failed before there was a status: from the journal, or at least that all is not well.
pub fn leave_figures_of_failure(shell: &Shell, config: &Config) {
    if config.metrics_file.is_some() && work_out(shell, config, None, None).is_err() {
        leave_figures(shell, config, &metrics::broken(shell.env.clock.now()));
    }
}

/// The key of what leads a ticket, and the sentence that the last failure of that job left in the journal.
pub fn cause(open: &Open, journal: &JournalState) -> (String, Option<String>) {
    let Some(lead) = lead(journal, &open.causes) else { return Default::default() };
    let last = journal.last_finished.get(&(lead.job, lead.set.clone()));
    // What a later failure of another kind said is no word on this one.
    let last = last.filter(|f| f.step.troubles.contains(&lead.trouble));
    let said = last.and_then(|f| f.step.said.as_deref()).map(|said| printable(said.as_bytes()));
    (lead.to_string(), said)
}

/// That a person has dealt with it, in words.
pub fn resolved(open: &Open) -> Option<String> {
    open.resolved?;
    let by = open.resolved_by.as_ref().map(|by| format!(" by {}", printable(by.as_bytes()))).unwrap_or_default();
    Some(format!("resolved{by}; goes on with the next run"))
}

/// Both in one line. What names records is not for the system's journal.
fn cause_line(open: &Open, journal: &JournalState, journalled: bool) -> String {
    let names = lead(journal, &open.causes).is_some_and(|c| c.trouble == Trouble::Incomplete);
    match cause(open, journal) {
        (key, Some(_)) if names && journalled => format!("Cause: {key}"),
        (key, Some(said)) => format!("Cause: {key}: {said}"),
        (key, None) => format!("Cause: {key}"),
    }
}

fn good(finished: &Finished) -> Good {
    let counts = finished.step.counts;
    Good { at: finished.at, files: counts.files, bytes: counts.bytes, problems: counts.problems }
}

/// The log knows the backups of all machines; the journal those of this one, also when the store is away.
fn set(name: &SetName, journal: &JournalState, state: Option<&State>) -> SetInput {
    let journalled = journal.last_good.get(&(JobKind::Backup, Some(name.clone()))).map(good);
    let logged = state.and_then(|s| s.newest(name.as_str())).map(|s| Good {
        at: s.time,
        files: s.snapshot.files,
        bytes: s.snapshot.bytes,
        problems: s.snapshot.problems,
    });
    let last = if state.is_some() { logged } else { journalled };
    SetInput { name: name.clone(), last, max_age: MAX_AGE }
}

/// The last test restore that this computer made.
fn opening(journal: &JournalState) -> Option<(Timestamp, Opened)> {
    let last = journal.last_finished.get(&(JobKind::Verify, None))?;
    Some((last.at, last.step.counts.opening?))
}

fn drilled(state: &State, (at, d): &(Timestamp, Drilled)) -> DrillInput {
    let everything = projection(state, d, None).map(|p| (p.bytes, p.seconds));
    DrillInput { at: *at, whole: d.whole, files: d.files, failed: d.failed, seconds: d.seconds, everything }
}

fn lost_in(repo: &Repository) -> Option<LostInput> {
    let newest = repo.state().open_losses().max_by_key(|l| l.time)?;
    let records = repo.state().open_losses().map(|l| l.records).fold(0, u64::saturating_add);
    let notes = Accepted::load(repo).map(|a| a.losses).unwrap_or_default();
    let by = notes.into_iter().find(|(entry, _)| *entry == newest.at).and_then(|(_, note)| Some(note?.by));
    Some(LostInput { records, at: newest.time, by })
}

fn tested_in(state: &State) -> Option<Good> {
    state.last_passed.map(|t| Good { at: t.at, files: t.documents, bytes: t.bytes, problems: 0 })
}

/// Somebody opened what is sealed with the keys of now: said in the log, or on this computer.
fn reading_proved(repo: &Repository, journal: &JournalState) -> bool {
    let began = epoch_entry(repo.slots(), repo.state().epoch().number);
    let since: Option<Timestamp> = repo.slots().get(began as usize).and_then(|s| s.body.as_ref()).map(|b| b.time);
    let Some(since) = since else { return false };
    is_epoch_proved(repo.state(), repo.slots()) || journal.reading_proved.is_some_and(|at| at >= since)
}
