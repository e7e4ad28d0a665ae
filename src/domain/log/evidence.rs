//! Evidence that the log names: pages of machines' journals, and access that outsiders were given.
//!
//! What people typed stands in sealed notes; entries carry dates and counts. Both kinds of note are needed for seven
//! years by the log's own dates; what is older may be missing, and may go once the store's dates say the same.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::entry::{Body, Entry};
use super::state::{State, VoidWhy};
use crate::domain::id::{ActorId, KeyholderId, NoteName};

/// Seven years, late rather than early.
pub const EVIDENCE_KEPT: SignedDuration = SignedDuration::from_hours(7 * 366 * 24);

/// A page of a machine's journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPage {
    /// The page.
    pub note: NoteName,
    /// The time of its oldest line.
    pub from: Timestamp,
    /// The time of its newest line.
    pub to: Timestamp,
    /// How many lines.
    pub lines: u64,
}

/// Somebody outside the council may use a key or a credential from one day until another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessGiven {
    /// Who, which, and why.
    pub note: NoteName,
    /// The first day.
    pub from: Date,
    /// The last day.
    pub until: Date,
}

/// That access was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessEnded {
    /// The entry that gave it.
    pub access: u64,
    /// The last day on which it could be used.
    pub on: Date,
    /// Who says so, and how.
    pub note: NoteName,
}

/// A page of a journal, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageState {
    /// The entry.
    pub at: u64,
    /// Who appended it.
    pub actor: ActorId,
    /// The machine whose journal it is.
    pub machine: Option<KeyholderId>,
    /// The page.
    pub page: JournalPage,
}

/// Access that was given, and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessState {
    /// The entry that gave it, which names it.
    pub at: u64,
    /// When that was entered (the author's clock).
    pub time: Timestamp,
    /// Who entered it.
    pub actor: ActorId,
    /// What was given.
    pub given: AccessGiven,
    /// The entry that ended it, when that was entered, and what it says.
    pub ended: Option<(u64, Timestamp, AccessEnded)>,
}

impl AccessState {
    /// Its day has passed, and nobody has said that it was taken away.
    pub fn is_overdue(&self, today: Date) -> bool {
        self.ended.is_none() && self.given.until < today
    }
}

/// Takes in one such entry.
pub(super) fn take(state: &mut State, body: &Body) -> Result<(), VoidWhy> {
    match &body.entry {
        Entry::Journal(page) if page.to >= page.from => {
            let machine = state.actors.get(&body.actor).map(|(a, ..)| a.machine);
            state.pages.push(PageState { at: body.n, actor: body.actor, machine, page: *page });
        }
        Entry::AccessGiven(given) if given.until >= given.from => {
            let (at, time, actor) = (body.n, body.time, body.actor);
            state.accesses.push(AccessState { at, time, actor, given: *given, ended: None });
        }
        Entry::AccessEnded(ended) => {
            let open = |a: &&mut AccessState| a.at == ended.access && a.ended.is_none();
            let access = state.accesses.iter_mut().find(open).ok_or(VoidWhy::Impossible)?;
            access.ended = Some((body.n, body.time, *ended));
        }
        _ => return Err(VoidWhy::Impossible),
    }
    Ok(())
}

impl State {
    /// Access that nobody has ended, in order of entry.
    pub fn open_accesses(&self) -> impl Iterator<Item = &AccessState> {
        self.accesses.iter().filter(|a| a.ended.is_none())
    }

    /// Notes of evidence, what each is, the entry that names it, and whether its years are over at that moment.
    fn evidence(&self, now: Timestamp) -> impl Iterator<Item = (NoteName, &'static str, u64, bool)> + '_ {
        let over = move |at: Timestamp| now.duration_since(at) > EVIDENCE_KEPT;
        let pages =
            self.pages.iter().map(move |p| (p.page.note, "a part of a computer's journal", p.at, over(p.page.to)));
        let accesses = self.accesses.iter().flat_map(move |a| {
            let old = a.ended.as_ref().is_some_and(|(_, time, _)| over(*time));
            let ended = a.ended.as_ref().map(|(at, _, e)| (e.note, "how an outsider's access was ended", *at, old));
            [Some((a.given.note, "who was given access", a.at, old)), ended].into_iter().flatten()
        });
        pages.chain(accesses)
    }

    /// Those that must be in the store.
    pub(super) fn evidence_notes(&self) -> impl Iterator<Item = (NoteName, &'static str, u64)> + '_ {
        self.evidence(self.newest_time).filter(|(.., over)| !over).map(|(note, is, at, _)| (note, is, at))
    }

    /// Every note that must be in the store by the log's dates and by this clock: one entry with a date that is still to
    /// come excuses no note that is missing.
    pub fn expected_notes(&self, clock: Timestamp) -> BTreeSet<NoteName> {
        let now = self.newest_time.min(clock);
        let evidence = self.evidence(now).filter(|(.., over)| !over).map(|(note, ..)| note);
        self.needed_notes().into_iter().chain(evidence).collect()
    }

    /// Evidence whose years are over by the log's dates and by this clock, and that nothing else needs.
    pub fn old_evidence(&self, clock: Timestamp) -> BTreeSet<NoteName> {
        let needed = self.expected_notes(clock);
        self.evidence(clock).map(|(note, ..)| note).filter(|note| !needed.contains(note)).collect()
    }
}
