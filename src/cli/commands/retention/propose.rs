//! `retention assign` alone: classes proposed from the folders' names, for a person to confirm.

use std::collections::BTreeMap;

use serde_json::json;

use super::scheme::OnDisk;
use super::{ground, open_to_read, today};
use crate::cli::failure::Failure;
use crate::cli::output::{Done, about, shell_quoted};
use crate::cli::shell::Shell;
use crate::config::Config;
use crate::domain::path::RecordPath;
use crate::domain::retention::assign::{Proposal, propose};
use crate::domain::retention::record::RecordFacts;
use crate::service::plain::{counted, list};

pub fn proposals(shell: &Shell, config: &Config, read: &OnDisk) -> Result<Done, Failure> {
    let mut repo = open_to_read(shell, config)?;
    let facts = ground(shell, config, &mut repo, today(shell, config))?.facts;
    let all = propose(&folders_of(&facts.records), &read.scheme);
    let chosen = all.iter().filter(|p| p.class.is_some()).count();
    for proposal in &all {
        shell.out.row(|| shell.out.as_typed(&line(proposal)), || object(proposal));
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
    let Proposal { folder, folders, records, class, score, because, alternatives } = proposal;
    let others: Vec<String> = alternatives.iter().map(|a| format!("{} ({} %)", a.class, a.score)).collect();
    let folder_typed = shell_quoted(folder.as_bytes());
    let years = if *folders > 1 { format!("{folders} folders, one a year; ") } else { String::new() };
    let head = format!("{folder}  ({years}{})", counted(*records, "record", "records"));
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
        "folders": proposal.folders, "records": proposal.records, "class": proposal.class, "score": proposal.score, "because": proposal.because,
        "alternatives": alternatives,
    });
    about("proposal", &proposal.folder, object)
}
