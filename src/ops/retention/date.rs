//! Dates that people record for records: when an employment ended, when a policy was superseded.
//!
//! A date is never taken back; of several for one record the latest counts, so a correction can only keep longer.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::facts::Facts;
use super::law::LoadedLaw;
use super::note::{self, DateNote, line};
use crate::domain::log::entry::Entry;
use crate::domain::path::RecordPath;
use crate::domain::pattern::Pattern;
use crate::domain::retention::adoption::compare;
use crate::domain::retention::matching::{ClassMatch, Matcher};
use crate::domain::retention::rulings::EventDate;
use crate::domain::retention::trigger::Trigger;
use crate::ops::OpsError;
use crate::repo::repository::Repository;

/// A date for more records than this is asked about first.
pub const BROAD: u64 = 50;

/// A date to be recorded.
#[derive(Debug, Clone)]
pub struct RecordDate {
    /// Which records: a path, or as people search for records.
    pub pattern: String,
    /// For which trigger.
    pub trigger: Trigger,
    /// The date.
    pub on: Date,
    /// Who said so.
    pub by: String,
    /// Also when it fits no record, or no class counts from it.
    pub anyway: bool,
    /// Only say what it would fit.
    pub dry_run: bool,
}

/// What a date fits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DateReport {
    /// How many records the pattern fits.
    pub records: u64,
    /// How many of them are of a class that counts from this trigger: for the others it means nothing yet.
    pub counting: u64,
    /// How many there are of each class.
    pub classes: BTreeMap<Option<String>, u64>,
    /// How many would be due on the day of the law that are not without this date.
    pub newly_due: u64,
    /// Some of them.
    pub examples: Vec<RecordPath>,
    /// The entry; nothing in a dry run.
    pub entry: Option<u64>,
}

impl DateReport {
    /// Whether a person should look at the numbers first: a date is never taken back.
    pub fn is_broad(&self) -> bool {
        self.records > BROAD || self.classes.keys().flatten().count() > 1
    }
}

/// Records a date.
///
/// # Errors
/// [`OpsError::InTheWay`] when no class counts from it, or it fits no record, and nobody insists; [`OpsError::Usage`]; `NoRole` without the
/// approver's seed; faults of the store.
pub fn record(
    repo: &mut Repository,
    options: &RecordDate,
    facts: &Facts,
    law: &LoadedLaw,
) -> Result<DateReport, OpsError> {
    let pattern = line("the pattern", &options.pattern)?;
    if !options.anyway {
        some_class_counts_from(&options.trigger, law)?;
    }
    let mut report = fits(&pattern, &options.trigger, facts, law);
    report.newly_due = newly_due(&pattern, options, facts, law)?;
    if report.records == 0 && !options.anyway {
        let shown = crate::domain::path::printable(pattern.as_bytes());
        let why = format!("no record fits '{shown}'. Say --anyway if they are still to come");
        return Err(OpsError::InTheWay(why));
    }
    if options.dry_run {
        return Ok(report);
    }
    let by = line("--by", &options.by)?;
    let said = DateNote { pattern, trigger: options.trigger.clone(), on: options.on, by };
    let note = note::put(repo, note::DATE, &said)?;
    report.entry = repo.append(|_| Ok(Some(Entry::TriggerDated { note })))?;
    Ok(report)
}

/// # Errors
/// [`OpsError::InTheWay`], naming the events that classes count from.
fn some_class_counts_from(trigger: &Trigger, law: &LoadedLaw) -> Result<(), OpsError> {
    let adopted = [&law.in_force, &law.next].into_iter().flatten().filter_map(|a| a.scheme.as_ref());
    let used: BTreeSet<&Trigger> = adopted.flat_map(|s| &s.classes).map(|c| &c.trigger).collect();
    if used.contains(trigger) {
        return Ok(());
    }
    let events = used.into_iter().filter(|t| matches!(t, Trigger::Event(_) | Trigger::Superseded));
    let events: Vec<&str> = events.map(Trigger::name).collect();
    let these = match &events[..] {
        [] => "No class counts from an event that people record".to_owned(),
        names => format!("Classes count from: {}", names.join(", ")),
    };
    let why = format!("no class of the adopted scheme counts from '{trigger}'. {these}. Say --anyway if it is meant");
    Err(OpsError::InTheWay(why))
}

fn newly_due(pattern: &str, options: &RecordDate, facts: &Facts, law: &LoadedLaw) -> Result<u64, OpsError> {
    let mut with = law.law().clone();
    let (trigger, by) = (options.trigger.clone(), options.by.clone());
    with.dates.push(EventDate { at: law.upto, pattern: pattern.to_owned(), trigger, on: options.on, by });
    let changes = compare(Some(law.law()), &with, &facts.records, law.on);
    Ok(changes.map_err(|e| OpsError::Usage(e.to_string()))?.newly_due_on_adoption)
}

fn fits(pattern: &str, trigger: &Trigger, facts: &Facts, law: &LoadedLaw) -> DateReport {
    let pattern = Pattern::new(pattern);
    let scheme = law.law().scheme.as_ref();
    let matcher = scheme.map(Matcher::new).unwrap_or_default();
    let mut report = DateReport::default();
    for record in facts.records.iter().filter(|r| pattern.matches_within(&r.path)) {
        report.records += 1;
        let class = match (matcher.classify(&record.path), scheme) {
            (ClassMatch::One { class, .. }, Some(scheme)) => scheme.classes.get(class),
            _ => None,
        };
        report.counting += u64::from(class.is_some_and(|c| c.trigger == *trigger));
        *report.classes.entry(class.map(|c| c.id.clone())).or_insert(0) += 1;
        if report.examples.len() < 5 {
            report.examples.push(record.path.clone());
        }
    }
    report
}

/// One recorded date, and how many records it fits where facts are at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The date.
    pub date: EventDate,
    /// How many records its pattern fits.
    pub records: Option<u64>,
}

/// All recorded dates that can be read, oldest first; [`LoadedLaw::unreadable`] names the others.
pub fn list(law: &LoadedLaw, facts: Option<&Facts>) -> Vec<Listed> {
    let count = |d: &EventDate| {
        let pattern = Pattern::new(&d.pattern);
        facts.map(|f| f.records.iter().filter(|r| pattern.matches_within(&r.path)).count() as u64)
    };
    law.law().dates.iter().map(|d| Listed { date: d.clone(), records: count(d) }).collect()
}
