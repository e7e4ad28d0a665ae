//! Counting: runs, backups, tests and messages of a stretch of days. Each thing is counted on one day, so that the sum
//! over the months of a year is the year's.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Serialize;

use super::Reported;
use super::span::{Span, day_of, end_of};
use crate::domain::id::KeyholderId;
use crate::domain::log::entry::{Body, Entry};
use crate::domain::log::state::State;
use crate::service::journal::{Event, JournalEntry};
use crate::service::pages::{Kept, Said};
use crate::service::report::Facts;
use crate::service::words::{JobKind, Outcome};

/// A weekly backup is not late for a run that takes a little longer than the last one did.
const GRACE: SignedDuration = SignedDuration::from_hours(12);

/// What there is to count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// All of it lies before the backup was set up.
    BeforeSetUp,
    /// All of it is still to come.
    ToCome,
    /// The log alone: no journal has a line of that time.
    LogAlone,
    /// A part of a journal of that time is lost.
    JournalLost,
    /// Log and journal.
    Both,
}

/// Runs, by the day on which they began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Runs {
    /// All.
    pub begun: u64,
    /// Those that ended with exit code 0.
    pub well: u64,
    /// Those that ended with another.
    pub badly: u64,
    /// Those of which no end is known.
    pub unended: u64,
}

/// Backups of one set, by the day of what they hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Backups {
    /// Days on which there had to be one in time.
    pub due: u64,
    /// Those of them at whose end there was one.
    pub met: u64,
    /// The others.
    pub missed: u64,
    /// Backups made.
    pub made: u64,
    /// Those of them in which some files could not be read.
    pub partial: u64,
    /// Attempts that failed; from the journals.
    pub failed: u64,
    /// Bytes that they added to the store.
    pub added: u64,
    /// Seconds that all attempts took; from the journals.
    pub seconds: u64,
    /// The longest time without a backup that reached into these days, in hours.
    pub longest_gap: Option<i64>,
}

/// Tests, by their days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tests {
    /// Test restores that brought documents back.
    pub restores: u64,
    /// Those of them in which something did not come back as it was.
    pub failed: u64,
    /// Documents.
    pub documents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Looks at everything stored, by name and size, and readings of stored bytes.
    pub examined: u64,
    /// Those of them that found something wrong.
    pub found: u64,
}

/// Messages to people, by the day on which the mail server took them or they were given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Messages {
    /// Accepted by the mail server.
    pub sent: u64,
    /// Given up: nobody read them.
    pub lost: u64,
}

/// A stretch of days in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Which days.
    pub span: Span,
    /// What there is to count from.
    pub evidence: Evidence,
    /// Runs.
    pub runs: Runs,
    /// Backups, set by set.
    pub backups: Vec<Backups>,
    /// Tests.
    pub tests: Tests,
    /// Messages.
    pub messages: Messages,
}

/// One run of a journal.
struct Run {
    began: Timestamp,
    exit: Option<u8>,
}

/// What is counted, looked up once.
pub(super) struct Counter<'a> {
    facts: &'a Facts<'a>,
    entries: Vec<&'a Body>,
    runs: BTreeMap<(Option<KeyholderId>, &'a str), Run>,
    sets: Vec<Series>,
}

/// The good backups of one set, and the days on which it had to have them.
struct Series {
    name: String,
    max_age: SignedDuration,
    began: Vec<Timestamp>,
    days: Option<Span>,
}

/// The entries that count.
pub(super) fn valid<'a>(facts: &Facts<'a>) -> Vec<&'a Body> {
    let void: std::collections::BTreeSet<u64> = facts.state.voids.iter().map(|(n, _)| *n).collect();
    facts.slots.iter().filter(|s| !void.contains(&s.n)).filter_map(|s| s.body.as_ref()).collect()
}

/// A machine's runs are its own, whatever another calls its.
fn runs(kept: &Kept) -> BTreeMap<(Option<KeyholderId>, &str), Run> {
    let mut runs = BTreeMap::new();
    for Said { machine, entry: JournalEntry { at, run, event } } in &kept.entries {
        // Commands that only tell something have a name for it, too, and are no runs.
        if !matches!(event, Event::RunStarted | Event::RunFinished { .. } | Event::StepFinished(_)) {
            continue;
        }
        let known = runs.entry((*machine, run.as_str())).or_insert(Run { began: *at, exit: None });
        if let Event::RunFinished { exit } = event {
            known.exit = Some(*exit);
        }
    }
    runs
}

impl<'a> Counter<'a> {
    pub(super) fn new(facts: &'a Facts<'a>, sets: &[Reported]) -> Self {
        let sets = sets.iter().map(|set| Series::of(facts, set)).collect();
        Self { facts, entries: valid(facts), runs: runs(facts.kept), sets }
    }

    pub(super) fn count(&self, span: Span) -> Counted {
        let backups = self.sets.iter().map(|set| self.backups(set, span)).collect();
        let mut counted = Counted {
            span,
            evidence: self.evidence(span),
            runs: Runs::default(),
            backups,
            tests: self.tests(span),
            messages: Messages::default(),
        };
        for run in self.runs.values().filter(|r| self.has(span, r.began)) {
            counted.runs.begun += 1;
            *match run.exit {
                Some(0) => &mut counted.runs.well,
                Some(_) => &mut counted.runs.badly,
                None => &mut counted.runs.unended,
            } += 1;
        }
        for entry in self.facts.kept.entries.iter().filter(|e| self.has(span, e.at)) {
            match entry.event {
                Event::NoticeSent(_) => counted.messages.sent += 1,
                Event::NoticeExpired(_) => counted.messages.lost += 1,
                _ => {}
            }
        }
        counted
    }

    fn has(&self, span: Span, at: Timestamp) -> bool {
        span.has_moment(at, &self.facts.people.zone)
    }

    fn evidence(&self, span: Span) -> Evidence {
        let zone = &self.facts.people.zone;
        let touches = |from: Timestamp, to: Timestamp| day_of(from, zone) <= span.to && span.from <= day_of(to, zone);
        if span.to < day_of(self.facts.state.created_at, zone) {
            Evidence::BeforeSetUp
        } else if span.from > day_of(self.facts.now, zone) {
            Evidence::ToCome
        } else if self.facts.kept.lost.iter().any(|l| touches(l.from, l.to)) {
            Evidence::JournalLost
        } else if self.facts.kept.entries.iter().any(|e| self.has(span, e.at)) {
            Evidence::Both
        } else {
            Evidence::LogAlone
        }
    }

    fn backups(&self, set: &Series, span: Span) -> Backups {
        let mut all = Backups { longest_gap: set.longest_gap(span, self.facts), ..Backups::default() };
        for made in self.facts.state.snapshots.iter().filter(|s| s.snapshot.set == set.name) {
            if self.has(span, made.snapshot.began) {
                all.made += 1;
                all.partial += u64::from(made.snapshot.problems > 0);
                all.added = all.added.saturating_add(made.snapshot.added);
            }
        }
        for entry in self.facts.kept.entries.iter().filter(|e| self.has(span, e.at)) {
            let Event::StepFinished(step) = &entry.event else { continue };
            if step.job == JobKind::Backup && step.set.as_ref().is_some_and(|s| s.as_str() == set.name) {
                all.failed += u64::from(!matches!(step.outcome, Outcome::Done | Outcome::Incomplete));
                all.seconds = all.seconds.saturating_add(step.seconds);
            }
        }
        let days = set.days.map(|days| Span { from: days.from.max(span.from), to: days.to.min(span.to) });
        let Some(days) = days else { return all };
        let mut day = days.from;
        while day <= days.to {
            all.due += 1;
            let end = end_of(day, &self.facts.people.zone).min(self.facts.now);
            if set.is_met(end) {
                all.met += 1;
            } else {
                all.missed += 1;
            }
            match day.checked_add(1.day()) {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        all
    }

    fn tests(&self, span: Span) -> Tests {
        let mut tests = Tests::default();
        for body in self.entries.iter().filter(|b| self.has(span, b.time)) {
            match &body.entry {
                Entry::Tested(t) if t.documents > 0 || t.failed > 0 => {
                    tests.restores += 1;
                    tests.failed += u64::from(t.failed > 0);
                    tests.documents = tests.documents.saturating_add(t.documents);
                    tests.bytes = tests.bytes.saturating_add(t.bytes);
                }
                Entry::Checked(c) => {
                    tests.examined += 1;
                    tests.found += u64::from(c.failed > 0);
                }
                Entry::Scrubbed(s) => {
                    tests.examined += 1;
                    tests.found += u64::from(s.failed > 0);
                }
                _ => {}
            }
        }
        tests
    }
}

impl Series {
    /// A set must be backed up from the day on which log or journals first tell of it; a configured one that was never
    /// backed up, from the day of the set-up. One that is configured no longer need not be, after its last backup.
    fn of(facts: &Facts<'_>, set: &Reported) -> Self {
        let (state, zone): (&State, _) = (facts.state, &facts.people.zone);
        let mine = state.snapshots.iter().filter(|s| s.snapshot.set == set.name.as_str());
        let mut began: Vec<Timestamp> = mine.filter(|s| !s.suspect).map(|s| s.snapshot.began).collect();
        began.sort();
        let told = facts.kept.entries.iter().find(|e| match &e.event {
            Event::StepFinished(step) => step.job == JobKind::Backup && step.set.as_ref() == Some(&set.name),
            _ => false,
        });
        let first = began.first().copied().into_iter().chain(told.map(|e| e.at)).min().unwrap_or(state.created_at);
        let today = day_of(facts.now, zone);
        let to = match began.last() {
            _ if set.configured => Some(today),
            Some(last) => Some(day_of(*last, zone).min(today)),
            None => None,
        };
        let days = to.map(|to| Span { from: day_of(first, zone), to }).filter(|d| d.from <= d.to);
        let max_age = SignedDuration::from_hours(set.max_age_hours);
        Self { name: set.name.as_str().to_owned(), max_age, began, days }
    }

    /// Whether the newest backup of that moment was young enough.
    fn is_met(&self, at: Timestamp) -> bool {
        let before = self.began.partition_point(|b| *b <= at);
        let newest = before.checked_sub(1).map(|i| self.began[i]);
        newest.is_some_and(|b| at.duration_since(b) <= self.max_age.saturating_add(GRACE))
    }

    fn longest_gap(&self, span: Span, facts: &Facts<'_>) -> Option<i64> {
        let (days, zone) = (self.days?, &facts.people.zone);
        let (first, last): (Date, Date) = (days.from.max(span.from), days.to.min(span.to));
        if first > last {
            return None;
        }
        let begin = end_of(first.yesterday().ok()?, zone);
        let end = end_of(last, zone).min(facts.now);
        let since = self.began.partition_point(|b| *b <= begin);
        let before = since.checked_sub(1).map(|i| self.began[i]);
        let within = self.began[since..].iter().copied().take_while(|b| *b <= end);
        let moments: Vec<Timestamp> = before.into_iter().chain(within).chain([end]).collect();
        moments.windows(2).map(|w| w[1].duration_since(w[0]).as_hours()).max()
    }
}
