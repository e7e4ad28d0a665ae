//! `retention assign` and `unassign`: which folder belongs to which class, in the scheme's file.
//!
//! What would change is shown by counts first, and a person says yes. An edited file counts only once it is adopted.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::json;

use super::adopt::agreed;
use super::propose::proposals;
use super::scheme::{OnDisk, file_of, on_disk};
use super::{can_read, files, ground, open_to_read, today};
use crate::cli::args::{AssignArgs, UnassignArgs};
use crate::cli::commands::look::several;
use crate::cli::commands::records;
use crate::cli::failure::Failure;
use crate::cli::output::{Done, shell_quoted};
use crate::cli::shell::Shell;
use crate::config::Config;
use crate::config::scheme::{AssignError, UnassignError, assign, parse_scheme, unassign};
use crate::domain::path::{RecordPath, printable};
use crate::domain::retention::reassign::{Step, steps};
use crate::domain::retention::words::Said;
use crate::ops::query::{Resolved, View, Which, record_path_of};
use crate::service::plain::{counted, list};

pub fn run(shell: &Shell, args: &AssignArgs) -> Result<Done, Failure> {
    if args.folder.as_ref().is_some_and(|f| names_nothing(f)) {
        return Err(Failure::usage("no folder is named", "Write one as strongroom ls shows it: Documents/Minutes"));
    }
    let config = shell.config()?;
    let file = file_of(&config)?;
    let read = on_disk(shell, &file)?;
    match (&args.folder, &args.class) {
        (Some(folder), Some(class)) => give(shell, &config, (&file, &read), (folder, class), args),
        _ => proposals(shell, &config, &read),
    }
}

fn names_nothing(typed: &OsStr) -> bool {
    typed.as_bytes().iter().all(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'.'))
}

fn give(
    shell: &Shell,
    config: &Config,
    (file, read): (&Path, &OnDisk),
    (typed, class): (&OsStr, &str),
    args: &AssignArgs,
) -> Result<Done, Failure> {
    let folder = match meant(shell, config, typed, args.anyway)? {
        Meant::Folder(folder) => folder,
        Meant::Several(done) => return Ok(done),
    };
    let text = assign(&read.text, &folder, class).map_err(refused)?;
    if text == read.text {
        shell.out.say(format!("{folder} belongs to {class} already; nothing was changed."));
        return Ok(Done::ok().with("changed", false).with("folders", 0));
    }
    if folder.parent().is_none() {
        shell.out.warn(format!(
            "{folder} is a whole backed-up folder: {class} takes everything in it that no narrower pattern claims."
        ));
    }
    confirmed(shell, config, (file, read), &text, args.yes)?;
    shell.out.say(format!("{folder} and all that lies in it now belongs to {class}, in {}.", file.display()));
    counts_once_adopted(shell);
    let done = Done::ok().with("changed", true).with("folders", 1);
    Ok(done.with("folder", printable(folder.as_bytes())).with("class", class))
}

pub fn take(shell: &Shell, args: &UnassignArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let file = file_of(&config)?;
    let read = on_disk(shell, &file)?;
    if names_nothing(&args.folder) {
        return Err(Failure::usage("no folder is named", "See which there are: strongroom retention classes"));
    }
    let taken = match unassign(&read.text, &typed_folder(&config, &args.folder), args.class.as_deref()) {
        // By its name, as the backup knows it.
        Err(error @ UnassignError::NotAssigned { .. }) => match meant(shell, &config, &args.folder, false) {
            Ok(Meant::Folder(folder)) => unassign(&read.text, &folder.to_string(), args.class.as_deref()),
            Ok(Meant::Several(done)) => return Ok(done),
            Err(_) => Err(error),
        },
        other => other,
    };
    let taken = taken.map_err(not_taken)?;
    confirmed(shell, &config, (&file, &read), &taken.text, args.yes)?;
    let patterns: Vec<String> = taken.patterns.iter().map(|p| printable(p.as_bytes())).collect();
    let (what, class) = (list(&patterns), &taken.class);
    shell.out.say(format!("{what} is no longer a pattern of {class}, in {}.", file.display()));
    counts_once_adopted(shell);
    Ok(Done::ok().with("changed", true).with("patterns", patterns).with("class", taken.class))
}

fn counts_once_adopted(shell: &Shell) {
    shell.out.say("It counts once the scheme is adopted: strongroom retention adopt --minute REF --on DATE");
}

fn refused(error: AssignError) -> Failure {
    match error {
        AssignError::Scheme(e) => e.into(),
        AssignError::Elsewhere { ref folder, ref class, .. } => {
            let hint = format!("strongroom retention unassign {} {class}", shell_quoted(folder.as_bytes()));
            Failure::refused(error.to_string(), hint)
        }
        other => Failure::usage(other.to_string(), ""),
    }
}

fn not_taken(error: UnassignError) -> Failure {
    let hint = match error {
        UnassignError::Scheme(e) => return e.into(),
        UnassignError::NotAssigned { .. } => "See which folders the classes have: strongroom retention classes",
        _ => "",
    };
    Failure::usage(error.to_string(), hint)
}

/// Shows what the edited text would do, and writes it once a person has said yes.
fn confirmed(
    shell: &Shell,
    config: &Config,
    (file, read): (&Path, &OnDisk),
    text: &str,
    yes: bool,
) -> Result<(), Failure> {
    let new = parse_scheme(text, &file.display().to_string())?;
    let mut repo = shell.open(config)?;
    if can_read(&repo).is_ok() {
        let on = today(shell, config);
        let ground = ground(shell, config, &mut repo, on)?;
        let found = steps(ground.law.law(), (&read.scheme, &new), &ground.facts.records, on);
        let found = found.map_err(|e| Failure::usage(e.to_string(), ""))?;
        for step in &found {
            shell.out.row(|| line(step), || object(step));
        }
        if found.is_empty() {
            shell.out.say("No record in the backup changes its class by it.");
        }
    } else {
        shell.out.note("Which records it touches is not known here: this computer cannot read the backups.");
    }
    let hint = "Read what would change, above. Then say so: add --yes";
    if !yes && !agreed(shell, "Change the scheme's file like this? Type yes: ", ("nothing was changed", hint))? {
        return Err(Failure::refused("nothing was changed", ""));
    }
    files::edit(file, text)
}

fn line(step: &Step) -> String {
    let from = match &step.from {
        Some(class) if step.from_keep => format!("{class}, which keeps for ever,"),
        Some(class) => class.clone(),
        None => "no class".to_owned(),
    };
    let to = step.to.as_deref().unwrap_or("no class");
    let head = format!("{}: from {from} to {to}.", counted(step.records, "record", "records"));
    let due = match (step.due_now, step.due_later, step.first) {
        _ if step.to.is_none() => "They would be kept.".to_owned(),
        (0, 0, _) => "None would ever be due, as things are.".to_owned(),
        (now, 0, _) => format!("Due at once: {now}."),
        (now, later, Some(first)) => format!("Due at once: {now}; later: {later}, the first on {}.", Said(first)),
        (now, later, None) => format!("Due at once: {now}; later: {later}."),
    };
    format!("{head} {due}")
}

fn object(step: &Step) -> serde_json::Value {
    json!({"message_type": "reassigned", "from": step.from, "to": step.to, "from_keep": step.from_keep,
        "records": step.records, "due_now": step.due_now, "due_later": step.due_later, "first_due": step.first})
}

enum Meant {
    Folder(RecordPath),
    Several(Done),
}

/// The record path of what was typed, or what was typed.
fn typed_folder(config: &Config, typed: &OsStr) -> String {
    let live = Path::new(typed);
    let path = if live.is_absolute() { record_path_of(live, &records::folders(config)) } else { None };
    path.map_or_else(|| typed.to_string_lossy().into_owned(), |p| p.to_string())
}

/// The folder that is meant, as the backup knows it.
fn meant(shell: &Shell, config: &Config, typed: &OsStr, anyway: bool) -> Result<Meant, Failure> {
    let bytes = typed.as_bytes();
    let folders = records::folders(config);
    let star = bytes.split(|b| *b == b'/').any(|part| part == b"*");
    if anyway || star {
        let path = match Path::new(typed) {
            live if live.is_absolute() => record_path_of(live, &folders),
            _ => RecordPath::new(bytes.strip_suffix(b"/").unwrap_or(bytes)).ok(),
        };
        let wrong =
            || Failure::usage(format!("'{}' is no folder's path", printable(bytes)), "Write it as ls shows it.");
        return path.map(Meant::Folder).ok_or_else(wrong);
    }
    let mut repo = open_to_read(shell, config)?;
    let mut view = View::open(&mut repo, &Which::default())?;
    match view.resolve(bytes, &folders)? {
        Resolved::Folder(path) => Ok(Meant::Folder(path)),
        Resolved::One(hit) => {
            let hint = "Name the folder; for a single file write the pattern into the scheme yourself.";
            Err(Failure::usage(format!("{} is a file, not a folder", hit.path), hint))
        }
        Resolved::Many(hits, count) => Ok(Meant::Several(several(shell, config, &hits, count))),
        Resolved::Nothing => {
            let hint = "See the folders with: strongroom ls\nIf it is still to come, add --anyway";
            Err(Failure::usage(format!("no folder in the backup is called '{}'", printable(bytes)), hint))
        }
    }
}
