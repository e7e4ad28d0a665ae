//! From the facts to the report.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::count::{Counter, Evidence, valid};
use super::register::{failures, holders, writers};
use super::span::{day_of, end_of};
use super::*;
use crate::domain::log::entry::{Body, Entry};
use crate::domain::log::fold::fold;
use crate::domain::path::printable;
use crate::service::journal::Event;
use crate::service::words::JobKind;

/// Works the report out.
pub fn report(facts: &Facts<'_>) -> Report {
    let sets = sets(facts);
    let counter = Counter::new(facts, &sets);
    let entries = valid(facts);
    let state = facts.state;
    let zone = &facts.people.zone;
    let lost = facts
        .kept
        .lost
        .iter()
        .filter(|l| day_of(l.from, zone) <= facts.span.to && facts.span.from <= day_of(l.to, zone));
    let seen = |a: &&access::Listed| a.from <= facts.span.to && a.ended.is_none_or(|on| on >= facts.span.from);
    Report {
        council: facts.people.council.clone(),
        provider: facts.people.provider.clone(),
        span: facts.span,
        made: facts.now,
        repository: state.repository,
        entry: state.next.saturating_sub(1),
        link: state.link,
        installed: state.created_at,
        setting: facts.setting.clone(),
        months: facts.span.months().into_iter().map(|m| counter.count(m)).collect(),
        total: counter.count(facts.span),
        untested: untested(facts),
        failures: failures(facts),
        incidents: incidents(facts, &entries),
        drills: drills(facts, &entries),
        restored: restored(facts, &entries),
        holds: holds(facts),
        disposals: disposals(facts),
        schemes: schemes(facts),
        holders: holders(facts),
        writers: writers(facts),
        access: facts.access.iter().filter(seen).cloned().collect(),
        not_covered: facts.people.coverage(),
        differences: differences(facts, &sets),
        lost: lost.copied().collect(),
        sealed_pages: facts.kept.sealed,
        signer: facts.signer.clone(),
        sets,
    }
}

/// The configured sets, then those that the log has besides.
fn sets(facts: &Facts<'_>) -> Vec<Reported> {
    let configured = facts.setting.sets.iter();
    let mut all: Vec<Reported> = configured
        .map(|(name, hours)| Reported { name: name.clone(), max_age_hours: *hours, configured: true })
        .collect();
    for snapshot in &facts.state.snapshots {
        let Ok(name) = SetName::new(snapshot.snapshot.set.clone()) else { continue };
        if all.iter().all(|r| r.name != name) {
            let max_age_hours = crate::service::status::MAX_AGE.as_hours();
            all.push(Reported { name, max_age_hours, configured: false });
        }
    }
    all
}

fn within(facts: &Facts<'_>, at: Timestamp) -> bool {
    facts.span.has_moment(at, &facts.people.zone)
}

/// By the log as it was at the end of the span.
fn untested(facts: &Facts<'_>) -> Untested {
    let end = end_of(facts.span.to, &facts.people.zone);
    let before = facts.slots.iter().rposition(|s| s.body.as_ref().is_some_and(|b| b.time <= end));
    let Some(then) = before.and_then(|at| fold(facts.state.repository, &facts.slots[..=at]).ok()) else {
        return Untested::default();
    };
    let numbers = then.testable();
    let mut untested = Untested::default();
    for pack in numbers.iter().filter_map(|n| then.packs.get(n as usize)) {
        untested.objects += 1;
        match pack.tested {
            Some(test) => untested.oldest = Some(untested.oldest.map_or(test.at, |at| at.min(test.at))),
            None => untested.never += 1,
        }
    }
    untested
}

fn drills(facts: &Facts<'_>, entries: &[&Body]) -> Vec<Drill> {
    let drill = |body: &&Body| {
        let (what, files, bytes, seconds, failed) = match &body.entry {
            Entry::Drilled(d) => {
                let what = match (d.sampled, d.whole) {
                    (true, _) => "documents drawn by chance",
                    (false, true) => "everything",
                    (false, false) => "one part",
                };
                (what, d.files, d.bytes, Some(d.seconds), d.failed)
            }
            Entry::KeyDrilled(k) if k.root => ("the recovery sheet's key", k.documents, k.bytes, None, k.failed),
            Entry::KeyDrilled(k) => ("a holder's key", k.documents, k.bytes, None, k.failed),
            _ => return None,
        };
        Some(Drill { at: body.time, what, files, bytes, seconds, failed })
    };
    entries.iter().filter(|b| within(facts, b.time)).filter_map(drill).collect()
}

fn restored(facts: &Facts<'_>, entries: &[&Body]) -> Vec<Restored> {
    let one = |body: &&Body| match body.entry {
        Entry::Restored { files, bytes, .. } => Some(Restored { at: body.time, files, bytes }),
        _ => None,
    };
    entries.iter().filter(|b| within(facts, b.time)).filter_map(one).collect()
}

/// When entry `n` was made.
fn time_of(facts: &Facts<'_>, n: u64) -> Option<Timestamp> {
    facts.slots.get(n as usize)?.body.as_ref().map(|b| b.time)
}

fn incidents(facts: &Facts<'_>, entries: &[&Body]) -> Vec<Incident> {
    let resolved = |n: u64| {
        entries.iter().find_map(|b| match b.entry {
            Entry::IncidentResolved { incident, .. } if incident == n => Some(b.time),
            _ => None,
        })
    };
    let all = facts.state.incidents.iter().filter(|i| within(facts, i.time));
    all.map(|i| Incident { number: i.at, at: i.time, what: i.incident.what, resolved: resolved(i.at) }).collect()
}

fn holds(facts: &Facts<'_>) -> Vec<Hold> {
    let zone = &facts.people.zone;
    let hold = |h: &crate::domain::log::ruled::HoldState| Hold {
        number: h.at,
        placed: h.time,
        review: h.review,
        released: h.released.and_then(|n| time_of(facts, n)),
    };
    let stood = |h: &Hold| {
        day_of(h.placed, zone) <= facts.span.to && h.released.is_none_or(|at| day_of(at, zone) >= facts.span.from)
    };
    facts.state.holds.iter().map(hold).filter(stood).collect()
}

fn disposals(facts: &Facts<'_>) -> Vec<Disposal> {
    let disposal = |d: &crate::domain::log::ruled::DisposalState| Disposal {
        number: d.at,
        plan: printable(d.plan.as_bytes()).chars().take(60).collect(),
        records: d.records,
        approved: d.time,
        done: d.done.and_then(|(n, _)| time_of(facts, n)),
        cancelled: d.cancelled.and_then(|n| time_of(facts, n)),
    };
    let touched =
        |d: &Disposal| [Some(d.approved), d.done, d.cancelled].into_iter().flatten().any(|at| within(facts, at));
    facts.state.disposals.iter().map(disposal).filter(touched).collect()
}

/// Those adopted by the end of the span, of which the newest that counted when it began is the first.
fn schemes(facts: &Facts<'_>) -> Vec<Scheme> {
    let adopted = facts.state.schemes.iter().filter(|s| s.on <= facts.span.to);
    let mut all: Vec<Scheme> = adopted
        .map(|s| Scheme {
            minute: printable(s.minute.as_bytes()).chars().take(40).collect(),
            on: s.on,
            in_force: s.in_force,
        })
        .collect();
    let first = all.iter().rposition(|s| s.in_force <= facts.span.from).unwrap_or(0);
    all.drain(..first);
    all
}

/// A journal covers what lies between its first and its last line.
fn differences(facts: &Facts<'_>, sets: &[Reported]) -> Differences {
    let logged: BTreeSet<_> = facts.state.snapshots.iter().map(|s| s.id).collect();
    let mut journalled = BTreeSet::new();
    let mut not_in_log = 0;
    for entry in &facts.kept.entries {
        let Event::StepFinished(step) = &entry.event else { continue };
        let Some(id) = step.snapshot.filter(|_| step.job == JobKind::Backup) else { continue };
        if journalled.insert(id) && !logged.contains(&id) && within(facts, entry.at) {
            not_in_log += 1;
        }
    }
    let times = || facts.kept.entries.iter().map(|e| e.at);
    let (first, last) = (times().min(), times().max());
    let covers = |at: Timestamp| {
        let gap = facts.kept.lost.iter().any(|l| l.from <= at && at <= l.to);
        !gap && first.is_some_and(|first| first <= at) && last.is_some_and(|last| at <= last)
    };
    let reported = |name: &str| sets.iter().any(|r| r.name.as_str() == name);
    let unknown = facts.state.snapshots.iter().filter(|s| {
        // The entry is made in the moment before the line.
        reported(&s.snapshot.set) && within(facts, s.time) && covers(s.time) && !journalled.contains(&s.id)
    });
    let not_in_journal = if facts.kept.sealed > 0 { 0 } else { unknown.count() as u64 };
    let void = facts.state.voids.iter().filter_map(|(n, _)| time_of(facts, *n)).filter(|at| within(facts, *at)).count();
    Differences { not_in_log, not_in_journal, void: void as u64 }
}

impl Report {
    /// Whether anything of the span can be shown.
    pub fn has_evidence(&self) -> bool {
        !matches!(self.total.evidence, Evidence::BeforeSetUp | Evidence::ToCome)
    }

    /// Minutes until somebody was told, of the failure that took longest.
    pub fn slowest(&self) -> Option<SignedDuration> {
        self.failures.iter().filter_map(|f| f.minutes).max().map(SignedDuration::from_mins)
    }
}
