//! The journal in the repository, in pages, so that it survives this computer.
//!
//! A page holds all lines that are in none before, without what failures said of themselves. It is stored when one of
//! them tells more than that all went well, which the log shows by itself, or when the first has waited a week. A line
//! may come twice where a computer died between storing a page and noting that: readers count it once.

use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;

use jiff::{SignedDuration, Timestamp};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::domain::id::KeyholderId;
use crate::domain::log::entry::{Entry, JournalPage};
use crate::domain::log::evidence::PageState;
use crate::ops::OpsError;
use crate::ops::retention::note;
use crate::repo::repository::Repository;
use crate::service::journal::{Event, Journal, JournalEntry, JournalError};
use crate::service::voice::Voice;
use crate::service::words::Outcome;

/// The kind of a page's note.
pub const PAGE: &str = "journal";
/// A nightly run is sometimes a little early: seven days are over on the seventh night.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24 - 2);
/// Bytes of a page's text. What is longer is written as several, and not read: it would fill the reader's memory.
const MAX_PAGE: u64 = 8 << 20;
/// Lines of a page.
const MAX_LINES: usize = 50_000;

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

#[derive(Serialize)]
struct Page {
    entries: Vec<Value>,
}

#[derive(Deserialize)]
struct Stored {
    kind: String,
    entries: Lines,
}

/// At most [`MAX_LINES`].
struct Lines(Vec<Value>);

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded;
        impl<'de> Visitor<'de> for Bounded {
            type Value = Lines;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_LINES} lines")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lines, A::Error> {
                let mut lines = vec![];
                while let Some(line) = seq.next_element()? {
                    if lines.len() == MAX_LINES {
                        return Err(serde::de::Error::invalid_length(MAX_LINES + 1, &self));
                    }
                    lines.push(line);
                }
                Ok(Lines(lines))
            }
        }
        deserializer.deserialize_seq(Bounded)
    }
}

/// A line, and who says it: a machine speaks only for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The machine whose page has it; this computer's for what its own file has.
    pub machine: Option<KeyholderId>,
    /// The line.
    pub entry: JournalEntry,
}

impl Deref for Said {
    type Target = JournalEntry;
    fn deref(&self) -> &JournalEntry {
        &self.entry
    }
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
    pub entries: Vec<Said>,
    /// Stretches whose pages cannot be read.
    pub lost: Vec<Lost>,
    /// Pages of other computers that this one may not read.
    pub sealed: u64,
    /// Lines that are damaged, of a newer program, or of a time that their page does not claim.
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

/// Stores what is due, in as many pages as it takes; the entry that names the last.
///
/// # Errors
/// Faults of the store, or of the journal's file. The lines then wait for the next run.
pub fn keep(repo: &mut Repository, journal: &Journal, run: &str) -> Result<Option<u64>, PagesError> {
    let mut last = None;
    while let (Some(entry), more) = keep_one(repo, journal, run)? {
        last = Some(entry);
        if !more {
            break;
        }
    }
    Ok(last)
}

/// Stores a page, if one is due; the entry that names it, and whether more lines waited than a page holds.
fn keep_one(repo: &mut Repository, journal: &Journal, run: &str) -> Result<(Option<u64>, bool), PagesError> {
    let now = repo.env.clock.now();
    let all = journal.read()?.entries;
    let Some(lines) = due(&all, now) else { return Ok((None, false)) };
    let (mut entries, mut length) = (vec![], MAX_PAGE / 64);
    for line in &lines {
        let line = serde_json::to_value(bare(line))
            .map_err(|e| OpsError::InTheWay(format!("the journal cannot be written: {e}")))?;
        length += line.to_string().len() as u64 + 1;
        if entries.len() == MAX_LINES || (length > MAX_PAGE && !entries.is_empty()) {
            break;
        }
        entries.push(line);
    }
    let (taken, more) = (&lines[..entries.len()], entries.len() < lines.len());
    let times = || taken.iter().map(|e| e.at);
    let (Some(from), Some(to)) = (times().min(), times().max()) else { return Ok((None, false)) };
    let lines = entries.len() as u64;
    let note = note::put(repo, PAGE, &Page { entries }).map_err(OpsError::from)?;
    let entry = Entry::Journal(JournalPage { note, from, to, lines });
    let at = repo.append(|_| Ok(Some(entry.clone()))).map_err(OpsError::from)?;
    if let Some(entry) = at {
        journal.append(&JournalEntry { at: now, run: run.to_owned(), event: Event::PageKept { entry, lines } })?;
    }
    Ok((at, more))
}

/// A page's lines; what is wrong with it, if they cannot be had.
fn page(repo: &Repository, page: &JournalPage) -> Result<Result<Vec<Value>, String>, OpsError> {
    let read = note::read_within::<Stored>(repo, &page.note, MAX_PAGE)?;
    Ok(read.and_then(|s| if s.kind == PAGE { Ok(s.entries.0) } else { Err(s.kind) }))
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
    let (mut kept, own) = (Kept::default(), repo.machine.as_ref().map(|m| m.id));
    let mut told = Once::new(local, own);
    // When each machine has a line: a page that is lost is no loss where its lines stand elsewhere.
    let mut times: Vec<(Option<KeyholderId>, Timestamp)> = vec![];
    let gone = repo.state().old_evidence(repo.env.clock.now());
    let mut missing = vec![];
    for at in repo.state().pages.iter().filter(|p| of(p.machine)) {
        if !repo.can_read() {
            // Its own lines are in its own file.
            kept.sealed += u64::from(at.machine != own);
            continue;
        }
        match page(repo, &at.page)? {
            Ok(lines) => {
                for line in lines {
                    match serde_json::from_value::<JournalEntry>(line) {
                        Ok(entry) if at.page.from <= entry.at && entry.at <= at.page.to => {
                            if let Some(said) = told.said(at.machine, entry) {
                                times.push((at.machine, said.at));
                                kept.entries.push(said);
                            }
                        }
                        _ => kept.unreadable += 1,
                    }
                }
            }
            // Its years are over.
            Err(_) if gone.contains(&at.page.note) => {}
            Err(_) => missing.push(at),
        }
    }
    for entry in local.iter().map(bare) {
        if let Some(said) = told.said(own, entry) {
            times.push((own, said.at));
            kept.entries.push(said);
        }
    }
    for PageState { machine, page, .. } in missing {
        let there = times.iter().filter(|(m, at)| m == machine && page.from <= *at && *at <= page.to).count() as u64;
        if there < page.lines {
            kept.lost.push(Lost { from: page.from, to: page.to });
        }
    }
    Ok(kept)
}

/// Each machine's lines once.
struct Once {
    seen: HashSet<(Option<KeyholderId>, String)>,
    /// What this computer's file has: its own word, also where it took over another's.
    local: HashSet<String>,
    own: Option<KeyholderId>,
}

impl Once {
    fn new(local: &[JournalEntry], own: Option<KeyholderId>) -> Self {
        Self { seen: HashSet::new(), local: local.iter().map(|e| text(&bare(e))).collect(), own }
    }

    fn said(&mut self, machine: Option<KeyholderId>, entry: JournalEntry) -> Option<Said> {
        let text = text(&entry);
        let machine = if self.local.contains(&text) { self.own } else { machine };
        self.seen.insert((machine, text)).then_some(Said { machine, entry })
    }
}

fn text(entry: &JournalEntry) -> String {
    serde_json::to_string(entry).unwrap_or_default()
}

/// What a person or a key proved on that computer alone: a page cannot prove it on another.
fn is_word(event: &Event) -> bool {
    match event {
        Event::SheetProved | Event::ReadingProved => true,
        Event::TestMessageAccepted { .. } | Event::IncidentResolved { .. } => true,
        Event::Voice(voice) => {
            matches!(voice, Voice::Acknowledged { .. } | Voice::Accepted { .. } | Voice::ContactsConfirmed { .. })
        }
        _ => false,
    }
}

/// Puts the journal of the machine that last backed up one of these sets into the empty one of a computer that takes its
/// place, but no proof and no person's word; what was put there.
///
/// # Errors
/// Faults of the store, or of the journal's file.
pub fn bring_back(
    repo: &Repository,
    journal: &Journal,
    run: &str,
    sets: &[String],
) -> Result<Option<Kept>, PagesError> {
    let before = repo.state().snapshots.iter().rfind(|s| sets.contains(&s.snapshot.set)).map(|s| s.machine);
    if before.is_none() || !journal.read()?.entries.is_empty() {
        return Ok(None);
    }
    let mut kept = read(repo, &[], |machine| machine == before)?;
    kept.entries.retain(|e| !is_word(&e.event));
    let Some(entry) = repo.state().pages.last().map(|p| p.at) else { return Ok(None) };
    let mut all: Vec<JournalEntry> = kept.entries.iter().map(|e| e.entry.clone()).collect();
    let (at, run, lines) = (repo.env.clock.now(), run.to_owned(), all.len() as u64);
    all.push(JournalEntry { at, run, event: Event::PageKept { entry, lines } });
    journal.append_all(&all)?;
    Ok(Some(kept))
}
