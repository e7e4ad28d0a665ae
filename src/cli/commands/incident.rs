//! `incident …`: what a person must look at before anything is thinned or deleted.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::key::shown;
use super::status;
use crate::cli::args::IncidentCommand;
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::when;
use crate::config::Config;
use crate::domain::log::entry::{Entry, Incident, IncidentKind};
use crate::domain::log::state::{IncidentState, State};
use crate::ops::OpsError;
use crate::repo::repository::Repository;
use crate::service::history::{JournalState, Open, fold};
use crate::service::journal::Event;
use crate::service::words::{Reference, Trouble, word};

/// For telling the Information Commissioner's Office of a breach of personal data.
const REPORT_WITHIN: SignedDuration = SignedDuration::from_hours(72);

/// The longest note.
const MAX_NOTE: usize = 500;

pub fn run(shell: &Shell, command: IncidentCommand) -> Result<Done, Failure> {
    let config = shell.config()?;
    match command {
        IncidentCommand::List => list(shell, &config),
        IncidentCommand::Resolve { reference, by, note } => resolve(shell, &config, &reference, &by, &note),
    }
}

/// What this computer's journal says.
///
/// # Errors
/// It cannot be read.
pub fn journal(shell: &Shell, config: &Config) -> Result<JournalState, Failure> {
    Ok(fold(&shell.journal(config).read()?.entries))
}

fn list(shell: &Shell, config: &Config) -> Result<Done, Failure> {
    let repo = shell.open(config)?;
    let journal = journal(shell, config)?;
    let zone = &config.council.timezone;
    let mut open = 0u64;
    for i in &repo.state().incidents {
        open += u64::from(!i.resolved);
        let line = || {
            let when = i.time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
            let state = if i.resolved { "resolved" } else { "OPEN" };
            let of = i.incident.snapshot.map(|s| format!(" (snapshot {s})")).unwrap_or_default();
            let counts = counts(&i.incident);
            let ended = ended(&repo, i.at).map(|(at, by, note)| {
                let when = when::shown(at, zone);
                format!("\n        resolved {when} by {}: {}", shown(by), shown(note))
            });
            let (what, ended) = (word(&i.incident.what), ended.unwrap_or_else(|| report_by(i, zone)));
            format!("{:>6}  {when}  {state:<9} {what}{of} {counts}{ended}", i.at)
        };
        let object = || {
            json!({
                "message_type": "incident", "number": i.at, "time": i.time, "what": i.incident.what,
                "snapshot": i.incident.snapshot, "counts": i.incident.counts, "resolved": i.resolved,
                "resolved_at": ended(&repo, i.at).map(|(at, ..)| at), "resolved_by": ended(&repo, i.at).map(|(_, by, _)| by),
            })
        };
        shell.out.row(line, object);
    }
    for (reference, ticket) in &journal.open {
        let (cause, said) = status::cause(ticket, &journal);
        let line = || {
            let when = ticket.since.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
            let said = said.as_ref().map(|s| format!("\n        {s}")).unwrap_or_default();
            let state = if ticket.resolved.is_some() { "resolved" } else { "OPEN" };
            let resolved = status::resolved(ticket).map(|r| format!("\n        {r}")).unwrap_or_default();
            format!("{reference}  {when}  {state:<9} {cause}{said}{resolved}")
        };
        let object = || json!({"message_type": "open", "reference": reference, "since": ticket.since, "cause": cause, "said": said});
        shell.out.row(line, object);
    }
    if open == 0 && journal.open.is_empty() {
        shell.out.say("Nothing is open.");
    }
    Ok(Done::ok().with("open", open).with("references", journal.open.len()))
}

/// In words, for incidents that count several things.
fn counts(incident: &Incident) -> String {
    if let (IncidentKind::MassChange, [changed, gone, all, more @ ..]) = (incident.what, &incident.counts[..]) {
        let more: String = match more {
            [renamed, noise] => format!(", {renamed} with a new ending, {noise} turned to noise"),
            [_, _, week] => format!("; {week} changed or gone in seven days"),
            _ => String::new(),
        };
        return format!("{changed} changed and {gone} gone of {all}{more}");
    }
    incident.counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" of ")
}

/// Who has said that it is over, when, and what they noted.
fn ended(repo: &Repository, at: u64) -> Option<(Timestamp, &str, &str)> {
    repo.slots().iter().filter_map(|slot| slot.body.as_ref()).find_map(|body| match &body.entry {
        Entry::IncidentResolved { incident, by, note } if *incident == at => {
            Some((body.time, by.as_str(), note.as_str()))
        }
        _ => None,
    })
}

/// Whether it must be reported is the clerk's decision; when the time for that ends is arithmetic.
fn report_by(incident: &IncidentState, zone: &TimeZone) -> String {
    let until = incident.time + REPORT_WITHIN;
    match incident.incident.what.stops() && !incident.resolved {
        true => {
            format!("\n        72 hours from then end {}; the clerk decides about reporting", when::shown(until, zone))
        }
        false => String::new(),
    }
}

/// What a person types about themselves or what they found: it is kept.
///
/// # Errors
/// It is no line of words.
pub fn one_line(what: &str, text: &str) -> Result<(), Failure> {
    if !text.trim().is_empty() && text.len() <= MAX_NOTE && shown(text) == text {
        return Ok(());
    }
    let message = format!("{what} must be one line of 1 to {MAX_NOTE} visible letters");
    Err(Failure::usage(message, "It is kept for years, so say what was found: no names of documents."))
}

fn resolve(shell: &Shell, config: &Config, reference: &str, by: &str, note: &str) -> Result<Done, Failure> {
    one_line("--by", by)?;
    one_line("--note", note)?;
    let mut repo = shell.open(config)?;
    let journal = journal(shell, config)?;
    let (numbers, references) = meant(repo.state(), &journal, reference)?;
    for number in &numbers {
        let entry = Entry::IncidentResolved { incident: *number, by: by.into(), note: note.into() };
        let open = |state: &State| state.incidents.iter().any(|i| i.at == *number && !i.resolved);
        repo.append(|state| Ok(open(state).then(|| entry.clone())))?;
    }
    for reference in &references {
        shell.note(config, Event::IncidentResolved { reference: reference.clone(), by: Some(by.to_owned()) })?;
    }
    shell
        .out
        .say("Noted. Thinning and deleting go on with the next run, and those who were told are told that it is over.");
    Ok(Done::ok().with("incidents", numbers).with("references", references.len()))
}

/// The log's incidents and the journal's tickets that are meant: either names the other.
fn meant(state: &State, journal: &JournalState, what: &str) -> Result<(Vec<u64>, Vec<Reference>), Failure> {
    let open: Vec<u64> = state.open_incidents().map(|i| i.at).collect();
    let mass = |t: &Trouble| matches!(t, Trouble::MassChange);
    let kind = |t: &Trouble| match t {
        Trouble::MassChange => Some(IncidentKind::MassChange),
        Trouble::ManyNotItsName => Some(IncidentKind::NotItsName),
        _ => None,
    };
    if let Ok(number) = what.parse::<u64>() {
        if !open.contains(&number) {
            return Err(not_open(what));
        }
        // A ticket is over only when the last incident behind it is.
        let is = state.open_incidents().find(|i| i.at == number).map(|i| i.incident.what);
        let last = state.open_incidents().filter(|i| Some(i.incident.what) == is).count() == 1;
        let of_it = |o: &Open| o.causes.iter().any(|c| kind(&c.trouble).is_some_and(|k| Some(k) == is));
        let tickets = journal.open.iter().filter(|(_, o)| last && of_it(o));
        return Ok((vec![number], tickets.map(|(r, _)| r.clone()).collect()));
    }
    let found = journal.open.iter().find(|(r, _)| r.to_string().eq_ignore_ascii_case(what));
    let (reference, ticket) = found.ok_or_else(|| not_open(what))?;
    let sets: Vec<Option<&str>> =
        ticket.causes.iter().filter(|c| mass(&c.trouble)).map(|c| c.set.as_ref().map(|s| s.as_str())).collect();
    if sets.is_empty() && !ticket.causes.iter().any(|c| c.trouble.is_incident()) {
        let damage = ticket.causes.iter().any(|c| c.trouble == Trouble::Damage);
        let hint = if damage {
            "It closes by itself as soon as everything was found sound: strongroom verify restore --all"
        } else {
            "It closes by itself as soon as the job works again: strongroom run"
        };
        return Err(Failure::refused(format!("{reference} is not a matter of somebody's word"), hint));
    }
    let of_set = |id| state.snapshots.iter().find(|s| s.id == id).map(|s| s.snapshot.set.as_str());
    let turned = ticket.causes.iter().any(|c| c.trouble == Trouble::ManyNotItsName);
    let concerned = state.open_incidents().filter(|i| {
        let set = i.incident.snapshot.and_then(of_set);
        match i.incident.what {
            IncidentKind::MassChange => sets.iter().any(|s| s.is_none() || *s == set),
            IncidentKind::NotItsName => turned,
            _ => false,
        }
    });
    Ok((concerned.map(|i| i.at).collect(), vec![reference.clone()]))
}

fn not_open(what: &str) -> Failure {
    let message = format!("no open incident is called '{}'; 'strongroom incident list' shows them", shown(what));
    OpsError::NotFound(message).into()
}
