//! `notify …`: a test message, a person's word, and the message of a run that could not send one itself.
//!
//! `notify failed` is started by systemd whatever ended the run: a kill, a crash, a power cut, or a configuration
//! that nobody can read. For that last case each good run keeps a copy of its configuration ([`last_good`](super::last_good)).

use jiff::{SignedDuration, Timestamp};

use super::incident::one_line;
use super::last_good::last_good;
use super::{notify_test, problem, status, voices};
use crate::cli::args::NotifyCommand;
use crate::cli::failure::Failure;
use crate::cli::hints::advice;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::{telling, ways};
use crate::config::Config;
use crate::domain::problem::Exit;
use crate::repo::local::try_lock;
use crate::service::history::fold;
use crate::service::journal::{Event, JournalEntry};
use crate::service::outbox::FlushReport;
use crate::service::runner::{Job, JobOutcome};
use crate::service::voice::Voice;
use crate::service::web::Signal;
use crate::service::words::{JobKind, SetName, Why};

/// systemd starts `notify failed` at once; an end longer ago than this is not the one it was started for.
const JUST_NOW: SignedDuration = SignedDuration::from_hours(3);

pub fn run(shell: &Shell, command: &NotifyCommand) -> Result<Done, Failure> {
    match command {
        NotifyCommand::Test => notify_test::run(shell),
        NotifyCommand::Send => send(shell),
        NotifyCommand::Ack(args) => problem::acknowledge(shell, args),
        NotifyCommand::Confirm { by } => confirm(shell, by),
        NotifyCommand::Failed { outlived } => failed(shell, *outlived),
    }
}

/// What waits would otherwise wait for the next run, a night perhaps.
fn send(shell: &Shell) -> Result<Done, Failure> {
    let config = shell.config()?;
    let posted = telling::post(shell, &config, |post| post.say([]));
    let reports: Vec<_> = posted.others.iter().map(|(_, report)| report).chain([&posted.flush]).collect();
    let of = |count: fn(&FlushReport) -> usize| reports.iter().map(|r| count(r)).sum::<usize>();
    let (sent, failed) = (of(|r| r.sent.len()), of(|r| r.failed.len() + r.expired.len() + r.trouble.len()));
    let waiting = of(|r| r.waiting + r.failed.len());
    if sent + failed + waiting == 0 {
        shell.out.say("No message waits.");
    }
    let exit = if failed > 0 { Exit::Failed } else { Exit::Done };
    Ok(Done::with_exit(exit).with("sent", sent).with("failed", failed).with("waiting", waiting))
}

fn confirm(shell: &Shell, by: &str) -> Result<Done, Failure> {
    let config = shell.config()?;
    one_line("--by", by)?;
    shell.note(&config, Event::Voice(Voice::ContactsConfirmed { by: by.to_owned() }))?;
    let council = &config.council;
    let deputy = council.deputy.as_ref().map(|d| format!("deputy {} ({}), ", d.person.name, d.person.email));
    shell.out.say(format!(
        "Noted as right: clerk {} ({}), {}provider {} ({}, telephone {}). The next question comes in a quarter of a year.",
        council.clerk.name,
        council.clerk.email,
        deputy.unwrap_or_default(),
        council.provider.name,
        council.provider.email,
        council.provider.phone
    ));
    Ok(Done::ok().with("confirmed", 1))
}

pub fn no_mail() -> Failure {
    let hint = "Add to council.toml:\n[notify.mail]\nhost = \"mail.anytown-tc.gov.uk\"";
    Failure::usage("nobody can be told: the configuration has no [notify.mail]", hint)
}

fn failed(shell: &Shell, outlived: bool) -> Result<Done, Failure> {
    let (config, broken) = match shell.config() {
        Ok(config) => (config, None),
        Err(failure) => (last_good(shell).ok_or_else(|| clone_of(&failure))?, Some(failure)),
    };
    if let Some(failure) = &broken {
        shell.out.error(&advice(failure));
    }
    let jobs = match broken {
        Some(_) => vec![lost(JobKind::Configuration, None, Why::Other)],
        None => match try_lock(&config.state_dir.join("run.lock")) {
            // It was killed and is there all the same: it will never tell people itself.
            Ok(None) if outlived => unfinished(&config, &journalled(shell, &config), shell.env.clock.now())?,
            Ok(None) if overdue(shell, &config).is_empty() => {
                shell
                    .out
                    .say("A job is at work on this computer and will tell people itself; there is nothing to add.");
                return Ok(Done::ok().with("notices", 0));
            }
            // What is at work has been so for too long, whatever it is.
            Ok(None) => overdue(shell, &config),
            // Kept only while looking: a run that begins meanwhile must not be turned away by a message.
            Ok(Some(_held)) => unfinished(&config, &journalled(shell, &config), shell.env.clock.now())?,
            Err(error) => {
                shell.out.warn(error.to_string());
                let why = if error.full { Why::LocalDiskFull } else { Why::NotStarted };
                vec![lost(JobKind::Backup, None, why)]
            }
        },
    };
    if jobs.is_empty() {
        shell.out.say("The last run came to its end and told people itself; there is nothing to add.");
        return Ok(Done::ok().with("notices", 0));
    }
    let job = |(kind, set, why): Lost| Job { kind, set, run: Box::new(move || JobOutcome::failed(why, Exit::Failed)) };
    let summary = telling::run_jobs(shell, &config, jobs.into_iter().map(job).collect())?;
    telling::report(shell, &summary);
    // Where every run is killed there must be a weekly message all the same. That it cannot be made fails nothing else.
    if let Err(failure) = status::look(shell, &config, None, None, |input, s| voices::tell(shell, &config, input, s)) {
        shell.out.warn(advice(&failure).message);
    }
    ways::ping_quietly(shell, &config, Signal::Fail);
    if !config.tells_anyone() {
        return Err(no_mail());
    }
    let reports = || summary.others.iter().map(|(_, report)| report).chain([&summary.flush]);
    let unsent = reports().map(|r| r.failed.len()).sum::<usize>() + summary.trouble.len();
    let exit = if unsent > 0 { Exit::Failed } else { Exit::Done };
    let sent: usize = reports().map(|r| r.sent.len()).sum();
    Ok(Done::with_exit(exit).with("notices", summary.notices.len()).with("sent", sent))
}

/// The sets that the schedule has long asked for, and that were not backed up.
fn overdue(shell: &Shell, config: &Config) -> Vec<Lost> {
    let (state, now) = (fold(&journalled(shell, config)), shell.env.clock.now());
    let late = |name: SetName| {
        let last = state.last_good.get(&(JobKind::Backup, Some(name.clone())))?;
        let from = config.schedule.overdue_from(last.at, SignedDuration::ZERO, &config.council.timezone)?;
        (from < now).then(|| lost(JobKind::Backup, Some(name), Why::NotStarted))
    };
    telling::set_names(config).unwrap_or_default().into_iter().filter_map(late).collect()
}

/// Tells that no run could be begun at all, because this computer gives no process.
///
/// # Errors
/// As [`telling::run_jobs`].
pub fn not_started(shell: &Shell, config: &Config) -> Result<(), Failure> {
    let job = |set| {
        let run = Box::new(|| JobOutcome::failed(Why::NotStarted, Exit::Failed));
        Job { kind: JobKind::Backup, set: Some(set), run }
    };
    let summary = telling::run_jobs(shell, config, telling::set_names(config)?.into_iter().map(job).collect())?;
    telling::report(shell, &summary);
    Ok(())
}

/// A journal that cannot be read silences nobody: without it, no run is known to have begun.
fn journalled(shell: &Shell, config: &Config) -> Vec<JournalEntry> {
    shell.journal(config).read().map(|all| all.entries).unwrap_or_else(|error| {
        shell.out.warn(error.to_string());
        vec![]
    })
}

/// A failure once more, for where the first is still needed.
fn clone_of(failure: &Failure) -> Failure {
    let advice = advice(failure);
    Failure::said(advice.exit, advice.message, advice.hint.unwrap_or_default())
}

type Lost = (JobKind, Option<SetName>, Why);

fn lost(job: JobKind, set: Option<SetName>, why: Why) -> Lost {
    (job, set, why)
}

/// What the newest run that never came to its end had not done: the backups without an end, else what follows. All
/// backups, if no run at all is behind the failure.
fn unfinished(config: &Config, entries: &[JournalEntry], now: Timestamp) -> Result<Vec<Lost>, Failure> {
    let state = fold(entries);
    let last = entries.iter().rev().find(|e| matches!(e.event, Event::RunStarted)).map(|e| e.run.clone());
    let names = telling::set_names(config)?;
    let killed = last.filter(|run| state.unfinished.contains_key(run));
    let Some(run) = killed else {
        // A run that came to its end told people itself, and so did the one that this run gave way to.
        if state.last_end.is_some_and(|end| now.duration_since(end).abs() < JUST_NOW) {
            return Ok(vec![]);
        }
        return Ok(names.into_iter().map(|set| lost(JobKind::Backup, Some(set), Why::NotStarted)).collect());
    };
    let ended = |set: &SetName| {
        entries.iter().filter(|e| e.run == run).any(|e| match &e.event {
            Event::StepFinished(step) => step.job == JobKind::Backup && step.set.as_ref() == Some(set),
            _ => false,
        })
    };
    let open: Vec<Lost> =
        names.into_iter().filter(|n| !ended(n)).map(|n| lost(JobKind::Backup, Some(n), Why::Interrupted)).collect();
    Ok(if open.is_empty() { vec![lost(JobKind::Verify, None, Why::Interrupted)] } else { open })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    fn journal(events: Vec<(i64, &str, Event)>) -> Vec<JournalEntry> {
        let entry = |(hour, run, event): (i64, &str, Event)| JournalEntry {
            at: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour),
            run: run.to_owned(),
            event,
        };
        events.into_iter().map(entry).collect()
    }

    fn whys(hour: i64, events: Vec<(i64, &str, Event)>) -> Vec<Why> {
        let config = config::trial(Path::new("/x/home"), Path::new("/y"));
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        unfinished(&config, &journal(events), now).unwrap().into_iter().map(|(_, _, why)| why).collect()
    }

    #[test]
    fn a_killed_run_and_one_that_never_began_are_told_and_no_other() {
        let ended = || Event::RunFinished { exit: 1 };
        assert_eq!(whys(9, vec![(8, "a", Event::RunStarted)]), [Why::Interrupted]);
        assert_eq!(whys(9, vec![(8, "a", Event::RunStarted), (9, "a", ended())]), []);
        assert_eq!(whys(9, vec![(8, "a", Event::RunNotBegun)]), []);
        assert_eq!(whys(30, vec![(8, "a", Event::RunStarted), (9, "a", ended())]), [Why::NotStarted]);
        assert_eq!(whys(9, vec![]), [Why::NotStarted]);
        // A kill that was told of long ago is not told again: the message itself was a run.
        let told = vec![(1, "a", Event::RunStarted), (8, "b", Event::RunStarted), (8, "b", ended())];
        assert_eq!(whys(9, told), []);
    }
}
