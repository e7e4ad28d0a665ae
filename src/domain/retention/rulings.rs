//! What people ruled about single records: holds and dates; and the law that results with the scheme.
//!
//! Holds are broad on purpose: what is in doubt is held.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::record::RecordFacts;
use super::scheme::Scheme;
use super::trigger::{Trigger, plausible_day};
use super::words::Finder;

/// An open hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The log entry that placed it.
    pub at: u64,
    /// What its note says; `None`: it cannot be read here, and the hold touches everything.
    pub readable: Option<HoldText>,
    /// Where it cannot be read: the sets it can touch; none named: all.
    pub sets: Vec<String>,
    /// When it is to be looked at again. It does not lapse.
    pub review: Date,
    /// When it was placed.
    pub placed: Timestamp,
}

/// What a hold's note says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldText {
    /// What it touches, as people search for records; none: everything.
    pub patterns: Vec<String>,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
    /// Only records modified on this day or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Only records modified on this day or earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
}

/// A date that a person recorded for records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDate {
    /// The log entry that recorded it.
    pub at: u64,
    /// Which records, as people search for records.
    pub pattern: String,
    /// For which trigger.
    pub trigger: Trigger,
    /// The date.
    pub on: Date,
    /// Who said so.
    pub by: String,
}

/// Everything that decides, but for the records and the day.
#[derive(Debug, Clone)]
pub struct Law {
    /// The scheme in force, if one was adopted.
    pub scheme: Option<Scheme>,
    /// The log entry that adopted it.
    pub scheme_at: Option<u64>,
    /// All recorded dates.
    pub dates: Vec<EventDate>,
    /// The open holds.
    pub holds: Vec<Hold>,
    /// The council's own time.
    pub zone: TimeZone,
}

impl Law {
    /// The law of a council that has adopted nothing: everything is kept.
    pub fn none(zone: TimeZone) -> Self {
        Self { scheme: None, scheme_at: None, dates: vec![], holds: vec![], zone }
    }

    /// The same with a scheme that nobody has adopted.
    pub fn with_scheme(&self, scheme: &Scheme) -> Self {
        Self { scheme: Some(scheme.clone()), scheme_at: None, ..self.clone() }
    }
}

impl Hold {
    /// Whether it touches the record.
    pub fn touches(&self, record: &RecordFacts, zone: &TimeZone) -> bool {
        HoldFinder::new(self).touches(self, record, &record_text(record), zone)
    }
}

/// The record's path as [`Finder`]s look at it.
pub(super) fn record_text(record: &RecordFacts) -> String {
    super::words::folded(record.path.as_bytes())
}

/// A hold made ready for many records.
#[derive(Debug, Clone)]
pub(super) struct HoldFinder {
    patterns: Vec<Finder>,
}

impl HoldFinder {
    pub(super) fn new(hold: &Hold) -> Self {
        let typed = hold.readable.iter().flat_map(|text| &text.patterns);
        Self { patterns: typed.map(|p| Finder::new(p)).collect() }
    }

    pub(super) fn touches(&self, hold: &Hold, record: &RecordFacts, folded: &str, zone: &TimeZone) -> bool {
        let Some(text) = &hold.readable else {
            return hold.sets.is_empty() || hold.sets.iter().any(|s| **s == *record.set);
        };
        self.fits(record, folded) && in_range(text, record, zone)
    }

    /// Whether it touches the record, were every version of it in the hold's span of time.
    pub(super) fn names(&self, hold: &Hold, record: &RecordFacts, folded: &str) -> bool {
        match hold.readable {
            Some(_) => self.fits(record, folded),
            None => hold.sets.is_empty() || hold.sets.iter().any(|s| **s == *record.set),
        }
    }

    fn fits(&self, record: &RecordFacts, folded: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|p| p.fits(&record.path, folded))
    }
}

/// A record whose date nobody can believe is in every range; a range written backwards is meant forwards.
fn in_range(text: &HoldText, record: &RecordFacts, zone: &TimeZone) -> bool {
    let (from, to) = match (text.from, text.to) {
        (Some(from), Some(to)) if to < from => (Some(to), Some(from)),
        both => both,
    };
    let Some(day) = plausible_day(record.modified, record, zone) else { return true };
    from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
}

#[cfg(test)]
#[path = "rulings_tests.rs"]
mod tests;
