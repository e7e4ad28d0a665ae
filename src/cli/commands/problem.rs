//! `problem …` and `notify ack`: what a person says about something open, without putting it right. It is journalled
//! with who and until when, and ends by itself.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::json;

use super::incident::{journal, one_line};
use super::key::shown;
use super::status;
use crate::cli::args::{AckArgs, ProblemCommand};
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::config::Config;
use crate::ops::OpsError;
use crate::service::causes::{can_be_accepted, is_accepted};
use crate::service::history::{JournalState, Open};
use crate::service::journal::Event;
use crate::service::voice::Voice;
use crate::service::words::{Reference, Trouble};

/// Nobody lives with something for longer without looking at it again.
const LONGEST_DAYS: i32 = 366;

pub fn run(shell: &Shell, command: ProblemCommand) -> Result<Done, Failure> {
    let config = shell.config()?;
    match command {
        ProblemCommand::List => list(shell, &config),
        ProblemCommand::Accept { reference, until, by } => accept(shell, &config, &reference, until, &by),
        ProblemCommand::Withdraw { reference, by } => withdraw(shell, &config, &reference, &by),
    }
}

/// `notify ack`
pub fn acknowledge(shell: &Shell, args: &AckArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    one_line("--by", &args.by)?;
    let journal = journal(shell, &config)?;
    let (reference, _) = open(&journal, &args.reference)?;
    let until = shell.env.clock.now() + SignedDuration::from_hours(24 * i64::from(args.days));
    let by = args.by.clone();
    shell.note(&config, Event::Voice(Voice::Acknowledged { reference: reference.clone(), by, until }))?;
    shell.out.say(format!(
        "Noted. The clerk is not reminded of {reference} before {}, unless it becomes worse. The provider is, and the \
         deputy's turn comes as ever: nothing is put right by this.",
        day(&config, until)
    ));
    Ok(Done::ok().with("days", args.days).with("reference", reference.to_string()))
}

fn day(config: &Config, at: Timestamp) -> String {
    at.to_zoned(config.council.timezone.clone()).strftime("%A %-d %B %Y").to_string()
}

fn open<'a>(journal: &'a JournalState, what: &str) -> Result<(&'a Reference, &'a Open), Failure> {
    let found = journal.open.iter().find(|(r, _)| r.to_string().eq_ignore_ascii_case(what));
    found.ok_or_else(|| {
        let message = format!("no open problem is called '{}'; 'strongroom problem list' shows them", shown(what));
        OpsError::NotFound(message).into()
    })
}

fn list(shell: &Shell, config: &Config) -> Result<Done, Failure> {
    let (journal, now) = (journal(shell, config)?, shell.env.clock.now());
    let mut accepted = 0u64;
    for (reference, ticket) in &journal.open {
        let (cause, _) = status::cause(ticket, &journal);
        let holds = is_accepted(&journal, reference, &ticket.causes, now);
        accepted += u64::from(holds);
        let word = journal.voices.accepted.get(reference).filter(|_| holds);
        let line = || {
            let state = match word {
                Some(w) => format!("accepted by {} until {}", shown(&w.by), day(config, w.until)),
                None if can_be_accepted(&journal, &ticket.causes).is_some() => "open; can be accepted".to_owned(),
                None => "open".to_owned(),
            };
            format!("{reference}  since {}  {cause}  {state}", day(config, ticket.since))
        };
        let object = || {
            let (by, until) = (word.map(|w| &w.by), word.map(|w| w.until));
            json!({"message_type": "problem", "reference": reference, "since": ticket.since, "cause": cause, "accepted_by": by, "accepted_until": until})
        };
        shell.out.row(line, object);
    }
    if journal.open.is_empty() {
        shell.out.say("Nothing is open.");
    }
    Ok(Done::ok().with("open", journal.open.len()).with("accepted", accepted))
}

fn accept(shell: &Shell, config: &Config, what: &str, until: Date, by: &str) -> Result<Done, Failure> {
    one_line("--by", by)?;
    let today = shell.env.clock.now().to_zoned(config.council.timezone.clone()).date();
    if until <= today || until > today.saturating_add(LONGEST_DAYS.days()) {
        let message = format!("--until must be a day after today, and at most {LONGEST_DAYS} days ahead");
        return Err(Failure::usage(message, "It ends by itself on that day. Write it as 2026-12-31."));
    }
    let journal = journal(shell, config)?;
    let (reference, ticket) = open(&journal, what)?;
    let which = can_be_accepted(&journal, &ticket.causes).ok_or_else(|| refused(reference, ticket))?;
    let end = until
        .to_zoned(config.council.timezone.clone())
        .map_err(|_| Failure::usage("--until is no day in the council's time zone", "Write it as 2026-12-31."))?;
    let (by, end) = (by.to_owned(), end.timestamp());
    shell.note(config, Event::Voice(Voice::Accepted { reference: reference.clone(), by, until: end, which }))?;
    shell.out.say(format!(
        "Noted. Nobody is reminded of {reference} before {}, unless it becomes worse or strikes anything else. It is still \
         counted in the weekly message and shown by status.",
        day(config, end)
    ));
    Ok(Done::ok().with("accepted", 1).with("reference", reference.to_string()))
}

fn refused(reference: &Reference, ticket: &Open) -> Failure {
    let unnamed = ticket.causes.iter().all(|c| c.trouble == Trouble::Incomplete);
    let hint = if unnamed {
        "Not all of the files are known by name. Run a backup first: strongroom backup"
    } else {
        "Only files that a backup cannot read, and drills that are overdue, can be accepted. Put this right: strongroom \
         status says what to do."
    };
    Failure::refused(format!("{reference} is nothing to live with"), hint)
}

fn withdraw(shell: &Shell, config: &Config, what: &str, by: &str) -> Result<Done, Failure> {
    one_line("--by", by)?;
    let journal = journal(shell, config)?;
    let (reference, _) = open(&journal, what)?;
    if !journal.voices.accepted.contains_key(reference) {
        return Err(OpsError::NotFound(format!(
            "{reference} was not accepted; 'strongroom problem list' shows what is"
        ))
        .into());
    }
    shell.note(config, Event::Voice(Voice::AcceptanceWithdrawn { reference: reference.clone(), by: by.to_owned() }))?;
    shell.out.say(format!("Noted. People are told of {reference} again."));
    Ok(Done::ok().with("withdrawn", 1).with("reference", reference.to_string()))
}
