//! From what day a class counts, and which fact supplied that day.
//!
//! A day that is not known is unknown, never guessed: then the record is kept. Of several days the latest counts.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::path_dates;
use super::record::RecordFacts;
use super::rulings::EventDate;
use super::words::Said;

/// The name of an event that people record, such as `employment-end`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventName(String);

impl EventName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// From what a minimum counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// The first known version's own date.
    Created,
    /// The last version's own date.
    Modified,
    /// The day of the last backup that held it, once it is gone.
    LastSeen,
    /// 31 March that ends its financial year.
    FinancialYearEnd,
    /// 31 December of its year.
    CalendarYearEnd,
    /// The date that its name or folders tell.
    DateInPath,
    /// When something newer took its place: recorded by a person.
    Superseded,
    /// Anything else: recorded by a person.
    Event(EventName),
}

/// The text names no trigger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' names no trigger. Write created, modified, last-seen, financial-year-end, calendar-year-end, date-in-path, superseded, or an event of your own in lower-case letters, digits and hyphens, such as employment-end"
)]
pub struct TriggerError(pub String);

impl Trigger {
    /// Its name as schemes write it.
    pub fn name(&self) -> &str {
        match self {
            Self::Created => "created",
            Self::Modified => "modified",
            Self::LastSeen => "last-seen",
            Self::FinancialYearEnd => "financial-year-end",
            Self::CalendarYearEnd => "calendar-year-end",
            Self::DateInPath => "date-in-path",
            Self::Superseded => "superseded",
            Self::Event(name) => name.as_str(),
        }
    }
}

/// The events that the shipped draft counts from; a council may have others.
pub const EVENTS: [&str; 11] = [
    "superseded",
    "last-action",
    "last-entry",
    "employment-end",
    "term-end",
    "contract-start",
    "contract-end",
    "tenancy-end",
    "policy-start",
    "policy-end",
    "date-of-birth",
];

/// The triggers that are read off the records themselves.
pub const COMPUTED: [&str; 6] =
    ["created", "modified", "last-seen", "financial-year-end", "calendar-year-end", "date-in-path"];

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Trigger {
    type Err = TriggerError;

    fn from_str(text: &str) -> Result<Self, TriggerError> {
        Ok(match text {
            "created" => Self::Created,
            "modified" => Self::Modified,
            "last-seen" => Self::LastSeen,
            "financial-year-end" => Self::FinancialYearEnd,
            "calendar-year-end" => Self::CalendarYearEnd,
            "date-in-path" => Self::DateInPath,
            "superseded" => Self::Superseded,
            other if super::scheme::is_id(other) => Self::Event(EventName(other.to_owned())),
            _ => return Err(TriggerError(text.to_owned())),
        })
    }
}

impl Serialize for Trigger {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Which fact supplied a date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateSource {
    /// A person recorded it in this log entry.
    Recorded(u64),
    /// The first version's own date.
    FirstVersion,
    /// The last version's own date.
    LastVersion,
    /// The last backup that held it.
    LastSnapshot,
    /// The year that a folder's name tells.
    FolderName(String),
    /// The year that the file's own name tells.
    FileName(String),
    /// A full date in the file's or a folder's name.
    DateInName(String),
}

impl fmt::Display for DateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recorded(entry) => write!(f, "recorded by a person in log entry {entry}"),
            Self::FirstVersion => f.write_str("the first version's own date"),
            Self::LastVersion => f.write_str("the last version's own date"),
            Self::LastSnapshot => f.write_str("the last backup that held it"),
            Self::FolderName(name) => write!(f, "the folder '{name}'"),
            Self::FileName(name) => write!(f, "the year in its name '{name}'"),
            Self::DateInName(name) => write!(f, "the date in '{name}'"),
        }
    }
}

/// A trigger's day and what supplied it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dated {
    /// The day.
    pub date: Date,
    /// What supplied it.
    pub source: DateSource,
}

impl fmt::Display for Dated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", Said(self.date), self.source)
    }
}

/// The day for `trigger`, where `dates` are those recorded for this record and trigger.
pub fn date_of(trigger: &Trigger, record: &RecordFacts, dates: &[&EventDate], zone: &TimeZone) -> Option<Dated> {
    let recorded = dates.iter().max_by_key(|d| (d.on, d.at)).map(|d| {
        let date = match trigger {
            Trigger::FinancialYearEnd => financial_year_end(d.on),
            Trigger::CalendarYearEnd => calendar_year_end(d.on),
            _ => d.on,
        };
        Dated { date, source: DateSource::Recorded(d.at) }
    });
    // A day that was recorded for many says nothing of a record that is younger: that one counts from its own first day.
    let younger = || record.created.and_then(|own| plausible_day(own, record, zone));
    let computed = match trigger {
        Trigger::Superseded | Trigger::Event(_) if recorded.is_some() => {
            younger().map(|date| Dated { date, source: DateSource::FirstVersion })
        }
        _ => computed(trigger, record, zone),
    };
    match (recorded, computed) {
        (Some(recorded), Some(computed)) if computed.date > recorded.date => Some(computed),
        (recorded, computed) => recorded.or(computed),
    }
}

fn computed(trigger: &Trigger, record: &RecordFacts, zone: &TimeZone) -> Option<Dated> {
    let version = |time: Timestamp, source| plausible_day(time, record, zone).map(|date| Dated { date, source });
    let last = || version(record.modified, DateSource::LastVersion);
    match trigger {
        Trigger::Created => version(record.created?, DateSource::FirstVersion),
        Trigger::Modified => last(),
        Trigger::LastSeen if record.may_be_live() => None,
        Trigger::LastSeen => Some(Dated { date: day(record.last_seen?, zone), source: DateSource::LastSnapshot })
            .filter(|dated| dated.date >= date(1980, 1, 2)),
        Trigger::FinancialYearEnd => path_dates::financial_year(&record.path)
            .or_else(|| last().map(|d| Dated { date: financial_year_end(d.date), ..d })),
        Trigger::CalendarYearEnd => path_dates::calendar_year(&record.path)
            .or_else(|| last().map(|d| Dated { date: calendar_year_end(d.date), ..d })),
        Trigger::DateInPath => path_dates::full_date(&record.path),
        Trigger::Superseded | Trigger::Event(_) => None,
    }
}

/// The council's own day of a moment.
pub fn day(time: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(time).date()
}

/// A version's own day, unless nobody can believe it: before 2 January 1980, where lost clocks begin, or more than a
/// day after the backup that saw it.
pub fn plausible_day(time: Timestamp, record: &RecordFacts, zone: &TimeZone) -> Option<Date> {
    let own = day(time, zone);
    let seen = day(record.observed, zone);
    (own >= date(1980, 1, 2) && own <= seen.tomorrow().unwrap_or(seen)).then_some(own)
}

/// 31 March that ends the financial year of `on`.
pub fn financial_year_end(on: Date) -> Date {
    let year = if on.month() <= 3 { on.year() } else { on.year().saturating_add(1) };
    Date::new(year, 3, 31).unwrap_or(Date::MAX)
}

/// 31 December of the year of `on`.
pub fn calendar_year_end(on: Date) -> Date {
    on.last_of_year()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_has_edges() {
        assert_eq!(financial_year_end(Date::MAX), Date::MAX);
        assert_eq!(financial_year_end(date(2020, 3, 31)), date(2020, 3, 31));
        assert_eq!(financial_year_end(date(2020, 4, 1)), date(2021, 3, 31));
        assert_eq!(financial_year_end(Date::MIN), date(-9999, 3, 31));
        assert_eq!(calendar_year_end(Date::MAX), Date::MAX);
        for time in [Timestamp::MIN, Timestamp::MAX] {
            for zone in [TimeZone::UTC, TimeZone::get("Europe/London").unwrap()] {
                day(time, &zone);
            }
        }
    }

    #[test]
    fn a_recorded_day_counts_unless_the_record_is_younger() {
        let record = super::super::samples::record("Docs/a");
        let trigger: Trigger = "superseded".parse().unwrap();
        let source = |on| {
            let by = String::new();
            let event = EventDate { at: 7, pattern: String::new(), trigger: trigger.clone(), on, by };
            date_of(&trigger, &record, &[&event], &TimeZone::UTC).map(|d| (d.date, d.source))
        };
        let own = date(2015, 5, 12);
        assert_eq!(source(date(2015, 5, 11)), Some((own, DateSource::FirstVersion)));
        assert_eq!(source(own), Some((own, DateSource::Recorded(7))), "the same day: a person said it");
        assert_eq!(source(date(2015, 5, 13)), Some((date(2015, 5, 13), DateSource::Recorded(7))));
    }

    #[test]
    fn days_of_lost_clocks_are_no_days() {
        let of = |last_seen: &str| {
            let last_seen = Some(last_seen.parse().unwrap());
            let record = RecordFacts { last_seen, ..super::super::samples::record("Docs/a") };
            date_of(&Trigger::LastSeen, &record, &[], &TimeZone::UTC).map(|d| d.date)
        };
        assert_eq!((of("1980-01-01T23:59:59Z"), of("1980-01-02T00:00:00Z")), (None, Some(date(1980, 1, 2))));
    }

    #[test]
    fn names_of_triggers() {
        for name in ["created", "last-seen", "employment-end", "superseded", "x"] {
            assert_eq!(name.parse::<Trigger>().unwrap().to_string(), name);
        }
        for bad in ["", "Created", "end of term", "-x", "9th", "día"] {
            assert!(bad.parse::<Trigger>().is_err(), "{bad}");
        }
    }
}
