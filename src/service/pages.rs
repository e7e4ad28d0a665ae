//! The journal in the repository, in pages, so that it survives this computer.
//!
//! A page holds all lines that are in none before, without what failures said of themselves. It is stored when one of
//! them tells more than that all went well, which the log shows by itself, or when the first has waited a week. A line
//! may come twice where a computer died between storing a page and noting that: readers count it once.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::id::KeyholderId;
use crate::domain::log::entry::{Entry, JournalPage};
use crate::domain::log::evidence::PageState;
use crate::ops::OpsError;
use crate::ops::retention::note;
use crate::repo::repository::Repository;
use crate::service::journal::{Event, Journal, JournalEntry, JournalError};
use crate::service::words::Outcome;

/// The kind of a page's note.
pub const PAGE: &str = "journal";
/// A nightly run is sometimes a little early: seven days are over on the seventh night.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24 - 2);

/// A page could not be stored or fetched.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// On this computer.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// In the repository.
    #[error(transparent)]
    Repository(#[from] OpsError),
}

#[derive(Serialize, Deserialize)]
struct Page {
    entries: Vec<Value>,
}

/// A stretch of a journal that cannot be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The time of its oldest line.
    pub from: Timestamp,
    /// The time of its newest line.
    pub to: Timestamp,
}

/// What is left of the journals of all machines, or of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Every line once: the pages' in order, then those of this computer that are in no page yet.
    pub entries: Vec<JournalEntry>,
    /// Stretches whose pages cannot be read.
    pub lost: Vec<Lost>,
    /// Pages of other computers that this one may not read.
    pub sealed: u64,
    /// Lines that are damaged, or of a newer program.
    pub unreadable: u64,
}

/// As it may leave this computer.
fn bare(entry: &JournalEntry) -> JournalEntry {
    let mut entry = entry.clone();
    match &mut entry.event {
        Event::StepFinished(step) => step.said = None,
        Event::IncidentResolved { by, .. } => *by = None,
        _ => {}
    }
    entry
}

/// Whether the log shows as much by itself.
fn is_plain(event: &Event) -> bool {
    match event {
        Event::RunStarted | Event::RoundBegan { .. } | Event::RunFinished { exit: 0 } => true,
        Event::RetentionLooked(_) | Event::PageKept { .. } => true,
        Event::StepFinished(step) => step.outcome == Outcome::Done && step.troubles.is_empty(),
        _ => false,
    }
}

/// The lines that are in no page yet.
fn waiting(entries: &[JournalEntry]) -> Vec<&JournalEntry> {
    let mut waiting = vec![];
    for entry in entries {
        match entry.event {
            Event::PageKept { lines, .. } => {
                let kept = usize::try_from(lines).map_or(waiting.len(), |n| n.min(waiting.len()));
                drop(waiting.drain(..kept));
            }
            _ => waiting.push(entry),
        }
    }
    waiting
}

/// The lines that a page should take now; none while they may wait.
pub fn due(entries: &[JournalEntry], now: Timestamp) -> Option<Vec<&JournalEntry>> {
    let waiting = waiting(entries);
    // The absolute difference, so that a clock set back holds nothing up.
    let long = waiting.first().is_some_and(|e| now.duration_since(e.at).abs() >= WEEK);
    (long || waiting.iter().any(|e| !is_plain(&e.event))).then_some(waiting)
}

/// Stores a page, if one is due; the entry that names it.
///
/// # Errors
/// Faults of the store, or of the journal's file. The lines then wait for the next run.
pub fn keep(repo: &mut Repository, journal: &Journal, run: &str) -> Result<Option<u64>, PagesError> {
    let now = repo.env.clock.now();
    let all = journal.read()?.entries;
    let Some(lines) = due(&all, now) else { return Ok(None) };
    let times = || lines.iter().map(|e| e.at);
    let (Some(from), Some(to)) = (times().min(), times().max()) else { return Ok(None) };
    let entries: Result<Vec<Value>, _> = lines.iter().map(|e| serde_json::to_value(bare(e))).collect();
    let page =
        Page { entries: entries.map_err(|e| OpsError::InTheWay(format!("the journal cannot be written: {e}")))? };
    let note = note::put(repo, PAGE, &page).map_err(OpsError::from)?;
    let lines = lines.len() as u64;
    let entry = Entry::Journal(JournalPage { note, from, to, lines });
    let at = repo.append(|_| Ok(Some(entry.clone()))).map_err(OpsError::from)?;
    if let Some(entry) = at {
        journal.append(&JournalEntry { at: now, run: run.to_owned(), event: Event::PageKept { entry, lines } })?;
    }
    Ok(at)
}

/// All pages of the machines that `of` admits, and then what `local` has besides them.
///
/// # Errors
/// Faults of the store. A page that is missing or damaged is in the answer.
pub fn read(
    repo: &Repository,
    local: &[JournalEntry],
    of: impl Fn(Option<KeyholderId>) -> bool,
) -> Result<Kept, OpsError> {
    let (mut kept, mut seen) = (Kept::default(), HashSet::new());
    // When each machine has a line: a page that is lost is no loss where its lines stand elsewhere.
    let mut times: Vec<(Option<KeyholderId>, Timestamp)> = vec![];
    let (gone, own) = (repo.state().old_evidence(), repo.machine.as_ref().map(|m| m.id));
    let mut add = |kept: &mut Kept, machine, entry: JournalEntry| {
        if seen.insert(serde_json::to_string(&entry).unwrap_or_default()) {
            times.push((machine, entry.at));
            kept.entries.push(entry);
        }
    };
    let mut missing = vec![];
    for page in repo.state().pages.iter().filter(|p| of(p.machine)) {
        if !repo.can_read() {
            // Its own lines are in its own file.
            kept.sealed += u64::from(page.machine != own);
            continue;
        }
        match note::read::<Page>(repo, PAGE, &page.page.note)? {
            Ok(Page { entries }) => {
                for line in entries {
                    match serde_json::from_value(line) {
                        Ok(entry) => add(&mut kept, page.machine, entry),
                        Err(_) => kept.unreadable += 1,
                    }
                }
            }
            // Its years are over.
            Err(_) if gone.contains(&page.page.note) => {}
            Err(_) => missing.push(page),
        }
    }
    local.iter().for_each(|entry| add(&mut kept, own, bare(entry)));
    for PageState { machine, page, .. } in missing {
        let there = times.iter().filter(|(m, at)| m == machine && page.from <= *at && *at <= page.to).count() as u64;
        if there < page.lines {
            kept.lost.push(Lost { from: page.from, to: page.to });
        }
    }
    Ok(kept)
}

/// Puts the journal of the machine that made the newest backup into the empty one of a computer that takes its place;
/// how many lines.
///
/// # Errors
/// Faults of the store, or of the journal's file.
pub fn bring_back(repo: &Repository, journal: &Journal, run: &str) -> Result<Option<Kept>, PagesError> {
    let before = repo.state().snapshots.last().map(|s| s.machine);
    if before.is_none() || !journal.read()?.entries.is_empty() {
        return Ok(None);
    }
    let mut kept = read(repo, &[], |machine| machine == before)?;
    let Some(entry) = repo.state().pages.last().map(|p| p.at) else { return Ok(None) };
    let (at, run, lines) = (repo.env.clock.now(), run.to_owned(), kept.entries.len() as u64);
    kept.entries.push(JournalEntry { at, run, event: Event::PageKept { entry, lines } });
    journal.append_all(&kept.entries)?;
    kept.entries.pop();
    Ok(Some(kept))
}
