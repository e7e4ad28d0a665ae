//! Adopting a scheme: what is wrong with it, what it would change, from when it counts.
//!
//! A scheme counts when the log says so, and an edited file does not. What lets something go sooner than any
//! scheme of the last four weeks, or go at all that so far could not, waits four weeks, so that people can object. None
//! counts before the day on which it is adopted.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::facts::{Facts, gather};
use super::law::{LoadedLaw, load, read_scheme};
use super::note::{self, line};
use crate::domain::id::Digest;
use crate::domain::log::entry::Entry;
use crate::domain::log::ruled::SchemeState;
use crate::domain::log::rulings::SchemeAdopted;
use crate::domain::log::state::State;
use crate::domain::retention::adoption::{Adoption, compare};
use crate::domain::retention::lint::{Finding, Severity, lint_law};
use crate::domain::retention::rulings::Law;
use crate::domain::retention::scheme::Scheme;
use crate::domain::retention::trigger::day;
use crate::domain::retention::words::Said;
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::repository::Repository;

/// So many days a scheme waits that lets something go sooner.
pub const COOLING_OFF: i32 = 28;

/// What is to be adopted.
#[derive(Debug, Clone)]
pub struct AdoptOptions {
    /// The scheme.
    pub scheme: Scheme,
    /// The digest of its file.
    pub digest: Digest,
    /// The minute that says so.
    pub minute: String,
    /// The day of the decision.
    pub on: Date,
    /// The council's own time.
    pub zone: TimeZone,
    /// The day there.
    pub today: Date,
    /// Also when this very text was adopted last: another minute confirms it.
    pub again: bool,
    /// Only say what would change.
    pub dry_run: bool,
}

/// What adopting changes.
#[derive(Debug, Clone, PartialEq)]
pub struct AdoptReport {
    /// What is wrong or doubtful, worst first.
    pub findings: Vec<Finding>,
    /// This very text was adopted last, by this entry, and nobody asked for it again: nothing is appended.
    pub already: Option<SchemeState>,
    /// What changes against the scheme in force, on the day on which the new one would count.
    pub changes: Adoption,
    /// The scheme in force until then.
    pub before: Option<SchemeState>,
    /// One that is adopted and does not count yet.
    pub waiting: Option<SchemeState>,
    /// The first day on which the new one counts.
    pub in_force: Date,
    /// It lets something go sooner, so it waits.
    pub cooling_off: bool,
    /// The entry; nothing in a dry run.
    pub entry: Option<u64>,
}

impl AdoptReport {
    /// What keeps the scheme from being adopted.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.severity == Severity::Error)
    }
}

/// What is wrong with a scheme, held against the records there are and the dates that people recorded.
///
/// # Errors
/// Whatever gathering facts can meet.
pub fn lint(
    repo: &mut Repository,
    scheme: &Scheme,
    zone: &TimeZone,
    today: Date,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<Vec<Finding>, OpsError> {
    let facts = gather(repo, monitor, stop)?;
    let law = load(repo, zone, today)?;
    Ok(lint_law(&law.law().with_scheme(scheme), Some(&facts.records)))
}

/// Adopts a scheme. A dry run says what would change and appends nothing, whatever is wrong with the scheme.
///
/// # Errors
/// [`OpsError::InTheWay`] when the scheme has an error; [`OpsError::Usage`] for a decision of a day to come;
/// `NoRole` without the approver's seed; whatever gathering facts can meet.
pub fn adopt(
    repo: &mut Repository,
    options: &AdoptOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<AdoptReport, OpsError> {
    let minute = if options.dry_run { options.minute.clone() } else { line("--minute", &options.minute)? };
    if options.on > options.today {
        return Err(OpsError::Usage(format!("{} is still to come: --on is the day of the decision", options.on)));
    }
    repo.refresh()?;
    let facts = gather(repo, monitor, stop)?;
    let law = load(repo, &options.zone, options.today)?;
    let mut report = examine(repo, &facts, &law, options)?;
    if options.dry_run || report.already.is_some() {
        return Ok(report);
    }
    let errors: Vec<String> = report.errors().map(say_finding).collect();
    if !errors.is_empty() {
        let why = format!("the scheme cannot be adopted as it is:\n  {}", errors.join("\n  "));
        return Err(OpsError::InTheWay(why));
    }
    let note = note::put(repo, note::SCHEME, &options.scheme)?;
    let (digest, on, in_force) = (options.digest, options.on, report.in_force);
    let entry = Entry::SchemeAdopted(SchemeAdopted { note, digest, minute, on, in_force });
    let said = repo.append(|state| Ok((state.next == facts.upto).then(|| entry.clone())))?;
    let again =
        || OpsError::InTheWay("somebody else wrote to the log just now; nothing was adopted. Run this again".into());
    report.entry = Some(said.ok_or_else(again)?);
    Ok(report)
}

fn say_finding(finding: &Finding) -> String {
    match &finding.class {
        Some(class) => format!("class {class}: {}", finding.what),
        None => finding.what.to_string(),
    }
}

/// The newest adoption, where it is of this very text. One that another followed is not the same: to adopt it again
/// calls the other off.
fn same_again(repo: &Repository, options: &AdoptOptions) -> Result<Option<SchemeState>, OpsError> {
    let Some(last) = repo.state().schemes.last().filter(|s| s.digest == options.digest) else { return Ok(None) };
    let same = read_scheme(repo, last)?.is_ok_and(|scheme| scheme == options.scheme);
    Ok(same.then(|| last.clone()))
}

/// Whether nothing is to be done about a text that was adopted last.
fn unless_again(last: SchemeState, options: &AdoptOptions) -> Result<Option<SchemeState>, OpsError> {
    if !options.again {
        return Ok(Some(last));
    }
    if last.in_force > options.today {
        let why =
            format!("it is adopted and counts from {}; until then there is nothing to confirm", Said(last.in_force));
        return Err(OpsError::InTheWay(why));
    }
    if last.minute == options.minute.trim() {
        let why = "that minute adopted it already; give the minute that confirms it: --again --minute REF";
        return Err(OpsError::Usage(why.into()));
    }
    Ok(None)
}

fn examine(repo: &Repository, facts: &Facts, law: &LoadedLaw, options: &AdoptOptions) -> Result<AdoptReport, OpsError> {
    let new = law.law().with_scheme(&options.scheme);
    let findings = lint_law(&new, Some(&facts.records));
    let mut report = AdoptReport {
        findings,
        already: same_again(repo, options)?.map(|last| unless_again(last, options)).transpose()?.flatten(),
        changes: Adoption::default(),
        before: law.in_force.as_ref().map(|a| a.state.clone()),
        waiting: law.next.as_ref().map(|a| a.state.clone()),
        in_force: options.today,
        cooling_off: false,
        entry: None,
    };
    if !options.scheme.check().is_empty() {
        return Ok(report);
    }
    let against = |old: &Law, on: Date| {
        let compared = compare(Some(old), &new, &facts.records, on);
        compared.map_err(|e| OpsError::Usage(e.to_string()))
    };
    report.changes = against(law.law(), options.today)?;
    // What counts today can be confirmed at once, whatever counted some weeks ago.
    if law.law().scheme.as_ref() != Some(&options.scheme) {
        report.cooling_off = report.changes.shortened || shortens_recent(repo, law, options, &against)?;
    }
    if report.cooling_off {
        report.in_force = options.today.checked_add(COOLING_OFF.days()).unwrap_or(Date::MAX);
        report.changes = against(law.law(), report.in_force)?;
    }
    Ok(report)
}

/// Whether it lets anything go sooner than a scheme that counted in the last weeks, or than one that nobody can read.
fn shortens_recent(
    repo: &Repository,
    law: &LoadedLaw,
    options: &AdoptOptions,
    against: &dyn Fn(&Law, Date) -> Result<Adoption, OpsError>,
) -> Result<bool, OpsError> {
    if law.in_force.as_ref().is_some_and(|a| a.scheme.is_none()) {
        return Ok(true);
    }
    for recent in recent(repo.state(), options) {
        match read_scheme(repo, recent)? {
            Ok(scheme) if !against(&law.law().with_scheme(&scheme), options.today)?.shortened => {}
            // One that nobody can read may have kept longer.
            _ => return Ok(true),
        }
    }
    Ok(false)
}

/// The schemes that counted in the last weeks and count no more: a class must not be taken out one day and put in
/// again the next with less. A scheme counts from its entry on, whatever earlier day it gives.
fn recent<'s>(state: &'s State, options: &AdoptOptions) -> Vec<&'s SchemeState> {
    let today = options.today;
    let from = today.checked_sub(COOLING_OFF.days()).unwrap_or(Date::MIN);
    let start = |s: &SchemeState| s.in_force.max(day(s.time, &options.zone));
    let counted = |on: Date| state.schemes.iter().rev().find(|s| start(s) <= on);
    let mut days: Vec<Date> = state.schemes.iter().map(start).filter(|d| (from..today).contains(d)).collect();
    days.push(from);
    let now = state.in_force(today).map(|s| s.at);
    let mut found: Vec<&SchemeState> = days.into_iter().filter_map(counted).filter(|s| Some(s.at) != now).collect();
    found.sort_by_key(|s| s.at);
    found.dedup_by_key(|s| s.at);
    found
}
