//! `retention assign`: which folder belongs to which class. Alone it proposes, with both it edits the scheme's file.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::json;

use super::files;
use super::scheme::{OnDisk, file_of, on_disk};
use super::{ground, open_to_read, today};
use crate::cli::args::AssignArgs;
use crate::cli::commands::look::several;
use crate::cli::commands::records;
use crate::cli::failure::Failure;
use crate::cli::output::{Done, about, shell_quoted};
use crate::cli::shell::Shell;
use crate::config::Config;
use crate::config::scheme::{AssignError, assign};
use crate::domain::path::{RecordPath, printable};
use crate::domain::retention::assign::{Proposal, propose};
use crate::domain::retention::record::RecordFacts;
use crate::ops::query::{Resolved, View, Which, record_path_of};
use crate::service::plain::{counted, list};

pub fn run(shell: &Shell, args: &AssignArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let file = file_of(&config)?;
    let read = on_disk(shell, &file)?;
    match (&args.folder, &args.class) {
        (Some(folder), Some(class)) => give(shell, &config, &file, &read, (folder, class), args.anyway),
        _ => proposals(shell, &config, &read),
    }
}

fn give(
    shell: &Shell,
    config: &Config,
    file: &Path,
    read: &OnDisk,
    (typed, class): (&OsStr, &str),
    anyway: bool,
) -> Result<Done, Failure> {
    let folder = match meant(shell, config, typed, anyway)? {
        Meant::Folder(folder) => folder,
        Meant::Several(done) => return Ok(done),
    };
    let text = assign(&read.text, &folder, class).map_err(refused)?;
    if text == read.text {
        shell.out.say(format!("{folder} belongs to {class} already; nothing was changed."));
        return Ok(Done::ok().with("changed", false));
    }
    files::edit(file, &text)?;
    shell.out.say(format!("{folder} and all that lies in it now belongs to {class}, in {}.", file.display()));
    shell.out.say("It counts once the scheme is adopted: strongroom retention adopt --minute REF --on DATE");
    Ok(Done::ok().with("changed", true).with("folder", printable(folder.as_bytes())).with("class", class))
}

fn refused(error: AssignError) -> Failure {
    match error {
        AssignError::Scheme(e) => e.into(),
        AssignError::Elsewhere { .. } => Failure::refused(error.to_string(), ""),
        other => Failure::usage(other.to_string(), ""),
    }
}

enum Meant {
    Folder(RecordPath),
    Several(Done),
}

/// The folder that is meant, as the backup knows it.
fn meant(shell: &Shell, config: &Config, typed: &OsStr, anyway: bool) -> Result<Meant, Failure> {
    let bytes = typed.as_bytes();
    let folders = records::folders(config);
    if anyway {
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

fn proposals(shell: &Shell, config: &Config, read: &OnDisk) -> Result<Done, Failure> {
    let mut repo = open_to_read(shell, config)?;
    let facts = ground(shell, config, &mut repo, today(shell, config))?.facts;
    let all = propose(&folders_of(&facts.records), &read.scheme);
    let chosen = all.iter().filter(|p| p.class.is_some()).count();
    for proposal in &all {
        shell.out.row(|| line(proposal), || object(proposal));
    }
    if all.is_empty() {
        shell.out.say("No folder's name says enough to propose a class for it, or all of them have one.");
    } else {
        shell.out.say(
            "\nA proposal knows the folder's name only: look into the folder first. Confirm one by running its line. \
             Nothing was changed.",
        );
    }
    Ok(Done::ok().with("proposals", all.len()).with("chosen", chosen))
}

/// Every folder that holds live records, and how many.
fn folders_of(records: &[RecordFacts]) -> Vec<(RecordPath, u64)> {
    let mut count: BTreeMap<&[u8], u64> = BTreeMap::new();
    for record in records.iter().filter(|r| r.may_be_live()) {
        let path = record.path.as_bytes();
        for end in path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at) {
            *count.entry(&path[..end]).or_insert(0) += 1;
        }
    }
    count.into_iter().filter_map(|(path, n)| Some((RecordPath::new(path).ok()?, n))).collect()
}

fn line(proposal: &Proposal) -> String {
    let Proposal { folder, records, class, score, because, alternatives } = proposal;
    let others: Vec<String> = alternatives.iter().map(|a| format!("{} ({} %)", a.class, a.score)).collect();
    let folder_typed = shell_quoted(folder.as_bytes());
    let head = format!("{folder}  ({})", counted(*records, "record", "records"));
    match class {
        Some(class) => {
            let also = if others.is_empty() { String::new() } else { format!("; also {}", list(&others)) };
            format!("{head}\n    {because}, {score} %{also}\n    strongroom retention assign {folder_typed} {class}")
        }
        None => {
            format!("{head}\n    {because}: {}\n    strongroom retention assign {folder_typed} CLASS", list(&others))
        }
    }
}

fn object(proposal: &Proposal) -> serde_json::Value {
    let alternatives: Vec<_> =
        proposal.alternatives.iter().map(|a| json!({"class": a.class, "score": a.score})).collect();
    let object = json!({
        "records": proposal.records, "class": proposal.class, "score": proposal.score, "because": proposal.because,
        "alternatives": alternatives,
    });
    about("proposal", &proposal.folder, object)
}
