//! `retention …`: how long records are kept, and how they go. What all of these commands need.
//!
//! Nothing here decides: the law does, in `domain::retention`. Nothing is destroyed but by `apply`, of a plan that a
//! person has approved.

mod adopt;
mod assign;
mod date;
mod disposals;
mod dispose;
mod explain;
mod files;
mod plan;
mod propose;
mod review;
mod scheme;

use std::path::PathBuf;

use jiff::civil::Date;

use super::key::shown;
use super::records;
use crate::cli::args::RetentionCommand;
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::config::Config;
use crate::config::scheme::read_scheme;
use crate::domain::path::{RecordPath, printable};
use crate::domain::problem::Exit;
use crate::domain::retention::words::Said;
use crate::ops::OpsError;
use crate::ops::query::record_path_of;
use crate::ops::retention::facts::{Facts, gather};
use crate::ops::retention::law::{LoadedLaw, load};
use crate::repo::repository::Repository;
use crate::service::plain::list;

pub fn run(shell: &Shell, command: RetentionCommand) -> Result<Done, Failure> {
    match command {
        RetentionCommand::Draft => scheme::draft(shell),
        RetentionCommand::Lint(args) => scheme::lint(shell, &args),
        RetentionCommand::Classes(args) => scheme::classes(shell, &args),
        RetentionCommand::Assign(args) => assign::run(shell, &args),
        RetentionCommand::Unassign(args) => assign::take(shell, &args),
        RetentionCommand::Adopt(args) => adopt::run(shell, &args),
        RetentionCommand::Plan(args) => plan::run(shell, &args),
        RetentionCommand::Why(args) => explain::why(shell, &args),
        RetentionCommand::Review(args) => review::run(shell, &args),
        RetentionCommand::Date(args) => date::run(shell, &args),
        RetentionCommand::Approve(args) => dispose::approve(shell, &args),
        RetentionCommand::Cancel(args) => dispose::cancel(shell, &args),
        RetentionCommand::Apply(args) => dispose::apply(shell, &args),
        RetentionCommand::Certificate(args) => dispose::certificate(shell, &args),
        RetentionCommand::Disposals => disposals::run(shell),
    }
}

/// The day it is, by the council's calendar.
pub fn today(shell: &Shell, config: &Config) -> Date {
    shell.env.clock.now().to_zoned(config.council.timezone.clone()).date()
}

/// The repository, as a computer that can look into listings.
///
/// # Errors
/// This one was set up never to read: the failure names the keys that can.
pub fn open_to_read(shell: &Shell, config: &Config) -> Result<Repository, Failure> {
    let repo = shell.open(config)?;
    can_read(&repo)?;
    Ok(repo)
}

/// # Errors
/// As [`open_to_read`].
pub fn can_read(repo: &Repository) -> Result<(), Failure> {
    if repo.can_read() {
        return Ok(());
    }
    let readers = repo.state().keyholders.iter().filter(|k| k.reads);
    let names: Vec<String> = readers.map(|k| format!("'{}'", shown(&k.name))).collect();
    let message = "this computer writes backups and cannot read them, so it does not know which records there are";
    let hint = format!("Do this at a computer that can. Those with a key that reads: {}", list(&names));
    Err(Failure::said(Exit::Failed, message, hint))
}

/// What the listings say, and the law for a day.
pub struct Ground {
    pub facts: Facts,
    pub law: LoadedLaw,
    /// The scheme's file, where a trial only looks at what it would do.
    pub tried: Option<PathBuf>,
}

/// As [`ground`], to look at: in a trial without an adopted scheme, as if its file were in force.
///
/// # Errors
/// As [`ground`]; something in the file is wrong.
pub fn ground_to_look(shell: &Shell, config: &Config, repo: &mut Repository, on: Date) -> Result<Ground, Failure> {
    let ground = ground(shell, config, repo, on)?;
    let Some(file) = config.scheme.as_ref().filter(|_| config.trial && ground.law.in_force.is_none()) else {
        return Ok(ground);
    };
    let law = ground.law.as_if(read_scheme(file, &shell.system)?)?;
    shell.out.say(format!("A trial: as if {} were adopted. Nothing is destroyed by it.", file.display()));
    Ok(Ground { law, tried: Some(file.clone()), ..ground })
}

/// Reads all listings, and the law for a day.
///
/// # Errors
/// Damage of a listing; faults of the store.
pub fn ground(shell: &Shell, config: &Config, repo: &mut Repository, on: Date) -> Result<Ground, Failure> {
    can_read(repo)?;
    let progress = shell.progress();
    let gathered = gather(repo, &progress, &shell.stop);
    progress.finish();
    let (facts, law) = (gathered?, load(repo, &config.council.timezone, on)?);
    for note in &law.unreadable {
        let why = printable(note.why.as_bytes());
        shell.out.warn(format!(
            "{} of log entry {} cannot be read, so it keeps all it may touch: {why}",
            note.what, note.entry
        ));
    }
    Ok(Ground { facts, law, tried: None })
}

/// As [`must_be_in_force`], unless a trial tries a scheme out.
///
/// # Errors
/// As [`must_be_in_force`]; the hint of a trial says where to put a scheme.
pub fn must_be_in_force_or_tried(config: &Config, ground: &Ground) -> Result<(), Failure> {
    let law = &ground.law;
    if ground.tried.is_some() {
        return Ok(());
    }
    if config.trial && law.in_force.is_none() && law.next.is_none() {
        return Err(Failure::refused("this trial has no retention scheme to try", scheme::hint_of_trial(config)));
    }
    must_be_in_force(law)
}

/// Stops where no scheme counts yet on the day of the law.
///
/// # Errors
/// Nothing was adopted, or what was adopted does not count yet or cannot be read.
pub fn must_be_in_force(law: &LoadedLaw) -> Result<(), Failure> {
    match (&law.in_force, &law.next) {
        (Some(adopted), _) if adopted.scheme.is_some() => Ok(()),
        (Some(adopted), _) => {
            let entry = adopted.state.at;
            let message = format!("the scheme that log entry {entry} adopted cannot be read, so everything is kept");
            Err(Failure::refused(message, "Adopt it again from its file: strongroom retention adopt"))
        }
        (None, Some(next)) => {
            let first = next.state.in_force;
            let message =
                format!("no retention scheme is in force on that day: the adopted one counts from {}", Said(first));
            Err(Failure::refused(message, format!("See what it will do then: strongroom retention plan --on {first}")))
        }
        (None, None) => Err(nothing_adopted()),
    }
}

/// No scheme counts.
pub fn nothing_adopted() -> Failure {
    let hint = "Once the council has decided: strongroom retention adopt --minute REF --on DATE";
    Failure::refused("no retention scheme is in force: nothing has been adopted yet, and everything is kept", hint)
}

/// What people typed as text; a path on this computer becomes the record's.
///
/// # Errors
/// It is no text.
pub fn pattern(config: &Config, typed: &std::ffi::OsStr) -> Result<String, Failure> {
    let path = std::path::Path::new(typed);
    let record = if path.is_absolute() { record_path_of(path, &records::folders(config)) } else { None };
    let text = match &record {
        Some(path) => path.as_text(),
        None => typed.to_str(),
    };
    if path.is_absolute() && record.is_none() {
        let shown = printable(typed.as_encoded_bytes());
        return Err(Failure::usage(
            format!("{shown} lies in no folder that is backed up"),
            "Write the record's path, as strongroom ls shows it: Documents/Minutes",
        ));
    }
    text.map(str::to_owned).ok_or_else(|| {
        let message = format!("'{}' has bytes in it that are no text", printable(typed.as_encoded_bytes()));
        Failure::usage(message, "Write a ? for each of them, or name the folder above.")
    })
}

/// A hint for an error of an operation that has none of its own.
pub fn with_hint(error: OpsError, hint: &str) -> Failure {
    match &error {
        OpsError::InTheWay(message) => Failure::refused(message.clone(), hint),
        _ => error.into(),
    }
}

/// Some records by name, for people.
pub fn examples(paths: &[RecordPath]) -> String {
    let shown: Vec<String> = paths.iter().map(ToString::to_string).collect();
    list(&shown)
}
