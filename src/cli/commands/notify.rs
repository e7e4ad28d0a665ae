//! `notify …`: a test message, and the message of a run that could not send one itself.
//!
//! `notify failed` is started by systemd whatever ended the run: a kill, a crash, a power cut, or a configuration
//! that nobody can read. For that last case each good run keeps a copy of its configuration in the state folder.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::args::NotifyCommand;
use crate::cli::failure::Failure;
use crate::cli::hints::advice;
use crate::cli::output::{Done, in_a_word};
use crate::cli::shell::Shell;
use crate::cli::telling;
use crate::config::{self, Config, DEFAULT_STATE_DIR, Environment};
use crate::domain::problem::Exit;
use crate::repo::local;
use crate::service::history::fold;
use crate::service::journal::{Event, JournalEntry};
use crate::service::mail::Mailer;
use crate::service::outbox::Outgoing;
use crate::service::runner::{Job, JobOutcome};
use crate::service::texts;
use crate::service::words::{JobKind, NoticeKind, Role, SetName, Why};

/// The configuration of the last run that could read one.
const LAST_GOOD: &str = "council.last-good.toml";

pub fn run(shell: &Shell, command: &NotifyCommand) -> Result<Done, Failure> {
    match command {
        NotifyCommand::Test => test(shell),
        NotifyCommand::Failed => failed(shell),
    }
}

/// Keeps the configuration for the day when its file is broken. That it cannot be kept is no failure.
pub fn remember(config: &Config) {
    if let Some(text) = &config.source_text {
        let _ = local::replace(&config.state_dir.join(LAST_GOOD), text.as_bytes());
    }
}

fn test(shell: &Shell) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mailer = shell.mailer(&config)?.ok_or_else(no_mail)?;
    let people = telling::people(&config);
    let mut sent = 0u64;
    let mut first_error = None;
    for to in [Role::Clerk, Role::Provider] {
        let now = shell.env.clock.now();
        let letter = texts::test_message(&people, now);
        let id = format!("test-{}-{}", in_a_word(&to), hex::encode(&shell.env.entropy.bytes32()[..8]));
        let message = Outgoing {
            id,
            reference: None,
            to,
            notice: NoticeKind::Test,
            subject: letter.subject,
            body: letter.body,
            created: now,
        };
        match mailer.send(&message) {
            Ok(accepted) => {
                shell.note(&config, Event::TestMessageAccepted { to })?;
                shell.out.say(format!(
                    "The mail server took the message for the {}: {}",
                    in_a_word(&to),
                    accepted.reply
                ));
                shell.out.object(json!({"message_type": "sent", "to": to, "reply": accepted.reply}));
                sent += 1;
            }
            Err(error) => {
                shell.out.error(&advice(&Failure::Mail(error.clone())));
                first_error.get_or_insert(error);
            }
        }
    }
    if first_error.is_none() {
        shell.out.say("Now ask the clerk whether it arrived.");
    }
    let exit = if first_error.is_some() { Exit::Failed } else { Exit::Done };
    Ok(Done::with_exit(exit).with("sent", sent))
}

fn no_mail() -> Failure {
    let hint = "Add to council.toml:\n[notify.mail]\nhost = \"mail.anytown-tc.gov.uk\"";
    Failure::usage("nobody can be told: the configuration has no [notify.mail]", hint)
}

fn failed(shell: &Shell) -> Result<Done, Failure> {
    let (config, broken) = match shell.config() {
        Ok(config) => (config, None),
        Err(failure) => (last_good(shell).ok_or_else(|| clone_of(&failure))?, Some(failure)),
    };
    if let Some(failure) = &broken {
        shell.out.error(&advice(failure));
    }
    let entries = shell.journal(&config).read()?.entries;
    let jobs = match broken {
        Some(_) => vec![lost(JobKind::Configuration, None, Why::Other)],
        None => unfinished(&config, &entries)?,
    };
    if jobs.is_empty() {
        shell.out.say("The last run came to its end and told people itself; there is nothing to add.");
        return Ok(Done::ok().with("notices", 0));
    }
    let job = |(kind, set, why): Lost| Job { kind, set, run: Box::new(move || JobOutcome::failed(why, Exit::Failed)) };
    let summary = telling::run_jobs(shell, &config, jobs.into_iter().map(job).collect())?;
    telling::report(shell, &summary);
    if config.mail.is_none() {
        return Err(no_mail());
    }
    let unsent = summary.flush.failed.len() + summary.trouble.len();
    let exit = if unsent > 0 { Exit::Failed } else { Exit::Done };
    Ok(Done::with_exit(exit).with("notices", summary.notices.len()).with("sent", summary.flush.sent.len()))
}

/// A failure once more, for where the first is still needed.
fn clone_of(failure: &Failure) -> Failure {
    let advice = advice(failure);
    Failure::said(advice.exit, advice.message, advice.hint.unwrap_or_default())
}

/// The configuration that the last good run kept.
fn last_good(shell: &Shell) -> Option<Config> {
    let home = shell.home().ok().flatten().map(|h| h.join("state"));
    let given = shell.system.var("STATE_DIRECTORY").and_then(|d| d.split(':').next().map(PathBuf::from));
    let dirs = [home, given, Some(PathBuf::from(DEFAULT_STATE_DIR))];
    dirs.into_iter().flatten().find_map(|dir| parse_kept(&dir))
}

fn parse_kept(dir: &Path) -> Option<Config> {
    let text = String::from_utf8(local::read(&dir.join(LAST_GOOD)).ok()??).ok()?;
    let mut config = config::parse(&text, LAST_GOOD).ok()?;
    config.state_dir = dir.to_owned();
    Some(config)
}

type Lost = (JobKind, Option<SetName>, Why);

fn lost(job: JobKind, set: Option<SetName>, why: Why) -> Lost {
    (job, set, why)
}

/// What the newest run that never came to its end had not done: the backups without an end, else what follows.
fn unfinished(config: &Config, entries: &[JournalEntry]) -> Result<Vec<Lost>, Failure> {
    let state = fold(entries);
    let last = entries.iter().rev().find(|e| matches!(e.event, Event::RunStarted)).map(|e| e.run.clone());
    let names = telling::set_names(config)?;
    let Some(run) = last else {
        // The service ended before it could even begin a run.
        return Ok(names.into_iter().map(|set| lost(JobKind::Backup, Some(set), Why::Other)).collect());
    };
    if !state.unfinished.contains_key(&run) {
        return Ok(vec![]);
    }
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
