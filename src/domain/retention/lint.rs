//! What is wrong, doubtful or unfinished in a scheme, also when held against the records there are.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use jiff::tz::TimeZone;

use super::decide::Compiled;
use super::matching::{ClassMatch, ClassPattern, Matcher};
use super::near::nearest;
use super::record::RecordFacts;
use super::rulings::Law;
use super::scheme::{Scheme, SchemeFault};
use super::trigger::{COMPUTED, EVENTS};
use super::words::folded;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The scheme cannot be adopted, or records stay for ever because of it.
    Error,
    /// Somebody should look.
    Warning,
    /// Good to know.
    Info,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The class, where it is about one.
    pub class: Option<String>,
    /// What it is.
    pub what: Found,
}

/// What can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The scheme cannot be adopted like this.
    Fault(SchemeFault),
    /// Two classes have the same pattern, or two that mean the same.
    SamePattern {
        /// The other class.
        other: String,
        /// The pattern, as this class writes it.
        pattern: String,
    },
    /// No record fits.
    DeadPattern {
        /// The pattern.
        pattern: String,
    },
    /// Records that two classes claim: the narrower pattern wins.
    Overlap {
        /// The class that loses them.
        loser: String,
        /// How many.
        records: u64,
        /// One of them.
        example: String,
    },
    /// Records that classes claim equally: they are kept until that is settled.
    Tie {
        /// The classes.
        classes: Vec<String>,
        /// How many.
        records: u64,
        /// One of them.
        example: String,
    },
    /// Nothing says why.
    NoAuthority,
    /// It counts from an event whose name is nearly that of another trigger.
    NearlyTrigger {
        /// As the class writes it.
        trigger: String,
        /// What was probably meant.
        meant: String,
    },
    /// It counts from an event of the council's own.
    OwnEvent {
        /// Which.
        trigger: String,
    },
    /// It matches nothing yet.
    NotAssigned,
    /// How many records have a class.
    Classed {
        /// With one class.
        classed: u64,
        /// All.
        all: u64,
    },
    /// How many of the records with a class have a date to count from.
    Datable {
        /// With a date.
        datable: u64,
        /// All with a class.
        classed: u64,
    },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "{fault}"),
            Self::SamePattern { other, pattern } => {
                write!(
                    f,
                    "class {other} claims the same by '{pattern}'; records there would have two classes and be kept"
                )
            }
            Self::DeadPattern { pattern } => write!(f, "no record fits '{pattern}'"),
            Self::Overlap { loser, records, example } => {
                write!(f, "its narrower pattern takes {} from class {loser}, such as {example}", counted(*records))
            }
            Self::Tie { classes, records, example } => {
                let classes = classes.join(", ");
                write!(
                    f,
                    "classes {classes} claim {} equally, such as {example}; they are kept until one pattern is narrower",
                    counted(*records)
                )
            }
            Self::NoAuthority => f.write_str("no authority is given"),
            Self::NearlyTrigger { trigger, meant } => write!(
                f,
                "it counts from '{trigger}', an event that only a person can record, so its records stay until \
                 somebody does; did you mean '{meant}'?"
            ),
            Self::OwnEvent { trigger } => {
                write!(
                    f,
                    "it counts from '{trigger}', an event of your own: its records stay until a person records it"
                )
            }
            Self::NotAssigned => f.write_str("not assigned yet: it has no pattern"),
            Self::Classed { classed, all } => {
                write!(f, "{classed} of {} have a class ({})", counted(*all), percent(*classed, *all))
            }
            Self::Datable { datable, classed } => {
                write!(
                    f,
                    "{datable} of {} with a class have a date to count from ({})",
                    counted(*classed),
                    percent(*datable, *classed)
                )
            }
        }
    }
}

fn counted(records: u64) -> String {
    format!("{records} record{}", if records == 1 { "" } else { "s" })
}

/// Rounded down: 100 % is all of them.
fn percent(part: u64, all: u64) -> String {
    match u128::from(part) * 100 / u128::from(all.max(1)) {
        _ if all == 0 => "none".into(),
        share => format!("{share} %"),
    }
}

/// Looks at a scheme, and at the records it would rule, without the dates that people recorded.
pub fn lint(scheme: &Scheme, records: Option<&[RecordFacts]>) -> Vec<Finding> {
    let law = Law { scheme: Some(scheme.clone()), ..Law::none(TimeZone::UTC) };
    lint_law(&law, records)
}

/// Looks at the law's scheme, and at the records it would rule, with the dates that people recorded. Worst first.
pub fn lint_law(law: &Law, records: Option<&[RecordFacts]>) -> Vec<Finding> {
    let Some(scheme) = &law.scheme else { return vec![] };
    let mut found: Vec<Finding> = scheme
        .check()
        .into_iter()
        .map(|e| Finding { severity: Severity::Error, class: Some(e.id), what: Found::Fault(e.what) })
        .collect();
    same_patterns(scheme, &mut found);
    triggers(scheme, &mut found);
    for class in &scheme.classes {
        let mut add = |severity, what| found.push(Finding { severity, class: Some(class.id.clone()), what });
        if class.authority.trim().is_empty() {
            add(Severity::Warning, Found::NoAuthority);
        }
        if class.patterns.is_empty() {
            add(Severity::Info, Found::NotAssigned);
        }
    }
    if let Some(records) = records {
        against_records(scheme, records, &mut found);
        datable(law, records, &mut found);
    }
    found.sort_by_key(|f| f.severity);
    found
}

fn same_patterns(scheme: &Scheme, found: &mut Vec<Finding>) {
    let mut first: HashMap<String, usize> = HashMap::new();
    for (at, class) in scheme.classes.iter().enumerate() {
        for text in class.patterns.iter().filter(|t| ClassPattern::new(t).is_ok()) {
            let meaning = folded(text.trim_end_matches("/**").trim_end_matches('/').as_bytes());
            let owner = *first.entry(meaning).or_insert(at);
            if owner != at {
                let what = Found::SamePattern { other: scheme.classes[owner].id.clone(), pattern: text.clone() };
                found.push(Finding { severity: Severity::Error, class: Some(class.id.clone()), what });
            }
        }
    }
}

/// Any word is an event; one that is nearly another trigger was probably meant to be that.
fn triggers(scheme: &Scheme, found: &mut Vec<Finding>) {
    let mut used: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (at, class) in scheme.classes.iter().enumerate() {
        used.entry(class.trigger.name()).or_insert((0, at)).0 += 1;
    }
    let known = |name: &str| EVENTS.contains(&name) || COMPUTED.contains(&name);
    for class in &scheme.classes {
        let name = class.trigger.name();
        let Some(own) = used.get(name).filter(|_| !known(name)) else { continue };
        // Of two of the council's own, the one that fewer classes use, or else the later, is the slip.
        let others = used.iter().filter(|(_, uses)| (uses.0, own.1) > (own.0, uses.1)).map(|(name, _)| *name);
        let others: Vec<&str> = others.collect();
        let meant = nearest(name, COMPUTED.into_iter().chain(EVENTS)).or_else(|| nearest(name, others));
        let trigger = name.to_owned();
        let (severity, what) = match meant {
            Some(meant) => (Severity::Warning, Found::NearlyTrigger { trigger, meant: meant.to_owned() }),
            None => (Severity::Info, Found::OwnEvent { trigger }),
        };
        found.push(Finding { severity, class: Some(class.id.clone()), what });
    }
}

fn against_records(scheme: &Scheme, records: &[RecordFacts], found: &mut Vec<Finding>) {
    let matcher = Matcher::new(scheme);
    let id = |class: usize| scheme.classes[class].id.clone();
    let mut used = std::collections::HashSet::new();
    let mut overlaps: BTreeMap<(usize, usize), (u64, &RecordFacts)> = BTreeMap::new();
    let mut ties: BTreeMap<Vec<usize>, (u64, &RecordFacts)> = BTreeMap::new();
    let mut classed = 0;
    for record in records {
        matcher.each_claim(&record.path, |class, pattern| {
            used.insert((class, pattern));
        });
        match matcher.classify(&record.path) {
            ClassMatch::None => {}
            ClassMatch::One { class, .. } => {
                classed += 1;
                for (loser, _) in matcher.claims(&record.path).into_iter().filter(|(c, _)| *c != class) {
                    overlaps.entry((class, loser)).or_insert((0, record)).0 += 1;
                }
            }
            ClassMatch::Tie(all) => {
                let classes: Vec<usize> = all.into_iter().map(|(class, _)| class).collect();
                ties.entry(classes).or_insert((0, record)).0 += 1;
            }
        }
    }
    for (classes, (count, record)) in ties {
        let what = Found::Tie {
            classes: classes.into_iter().map(id).collect(),
            records: count,
            example: record.path.to_string(),
        };
        found.push(Finding { severity: Severity::Error, class: None, what });
    }
    for (at, class) in scheme.classes.iter().enumerate() {
        let patterns = class.patterns.iter().enumerate();
        for (_, text) in patterns.filter(|(p, t)| ClassPattern::new(t).is_ok() && !used.contains(&(at, *p))) {
            let what = Found::DeadPattern { pattern: text.clone() };
            found.push(Finding { severity: Severity::Warning, class: Some(class.id.clone()), what });
        }
    }
    for ((winner, loser), (count, record)) in overlaps {
        let what = Found::Overlap { loser: id(loser), records: count, example: record.path.to_string() };
        found.push(Finding { severity: Severity::Info, class: Some(id(winner)), what });
    }
    let what = Found::Classed { classed, all: records.len() as u64 };
    found.push(Finding { severity: Severity::Info, class: None, what });
}

fn datable(law: &Law, records: &[RecordFacts], found: &mut Vec<Finding>) {
    let Ok(compiled) = Compiled::new(law.clone()) else { return };
    let (mut dated, mut classed) = (0, 0);
    for record in records {
        let (has_class, has_date) = compiled.standing(record);
        classed += u64::from(has_class);
        dated += u64::from(has_date);
    }
    let what = Found::Datable { datable: dated, classed };
    found.push(Finding { severity: Severity::Info, class: None, what });
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
