//! The one door to the `cron` crate: when a line's times come, in the wall time of a zone.
//!
//! The crate walks plain calendars well and zones badly (it skips a time that the spring change leaves out and runs
//! one twice that the autumn change repeats), so it is only ever asked about UTC. Each nominal time becomes one
//! moment: one left out comes when the clock has jumped, one repeated comes the first time. From times to moments the
//! order is kept, so the newest that is past and the next are found from either side.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, TimeZone as _, Timelike, Utc};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, civil};

pub use super::fields::CronError;
use super::fields::{FORM, Fields};

/// Longer than any change of the clock.
const A_CHANGE: SignedDuration = SignedDuration::from_hours(3);

/// A line that was checked.
#[derive(Debug, Clone)]
pub struct Line {
    typed: String,
    fields: Fields,
    walk: cron::Schedule,
}

impl PartialEq for Line {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// It is none, or names days that never come.
    pub fn parse(typed: &str) -> Result<Self, CronError> {
        let fields = Fields::parse(typed)?;
        let none = || CronError { message: "no such day ever comes".into(), help: FORM };
        let walk = cron_words(&fields).parse::<cron::Schedule>().map_err(|_| none())?;
        // Eight years may pass between two leap days.
        let begin = Utc.with_ymd_and_hms(2024, 1, 1, 0, 0, 0).single().ok_or_else(none)?;
        walk.after(&begin).next().ok_or_else(none)?;
        Ok(Self { typed: typed.trim().to_owned(), fields, walk })
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// The moments after `from`, in order.
    pub fn after<'a>(&'a self, from: Timestamp, zone: &'a TimeZone) -> impl Iterator<Item = Timestamp> + 'a {
        let start = chrono_of(from.to_zoned(zone.clone()).datetime());
        let mut last = from;
        self.walk.after(&start).filter_map(move |wall| {
            let at = moment(wall, zone)?;
            // What a change of the clock throws together comes once.
            (at > last).then(|| last = at).map(|()| at)
        })
    }

    /// The newest moment that is not after `now`.
    pub fn latest(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let wall = now.to_zoned(zone.clone()).datetime();
        // While the clock repeats an hour, later wall times are past already.
        let repeats = matches!(zone.to_ambiguous_zoned(wall).offset(), AmbiguousOffset::Fold { .. });
        let start = if repeats { wall.saturating_add(A_CHANGE) } else { wall };
        let start = chrono_of(start.saturating_add(SignedDuration::from_secs(1)));
        self.walk.after(&start).rev().filter_map(|wall| moment(wall, zone)).find(|at| *at <= now)
    }

    /// For a systemd timer: `Sun *-*-* 02:00:00`.
    pub fn as_calendar(&self) -> String {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        let f = &self.fields;
        let days: Vec<&str> = f.weekdays.iter().filter_map(|d| DAYS.get(usize::from(*d)).copied()).collect();
        let weekdays = if days.len() == 7 { String::new() } else { format!("{} ", days.join(",")) };
        let (months, dates) = (listed(&f.months, 12, 2), listed(&f.days, 31, 2));
        let (hours, minutes) = (listed(&f.hours, 24, 2), listed(&f.minutes, 60, 2));
        format!("{weekdays}*-{months}-{dates} {hours}:{minutes}:{}", listed(&f.seconds, 60, 2))
    }

    /// For a crontab, which knows no seconds.
    pub fn as_crontab(&self) -> Option<String> {
        let f = &self.fields;
        let month = listed(&f.months, 12, 1);
        let line = format!(
            "{} {} {} {month} {}",
            listed(&f.minutes, 60, 1),
            listed(&f.hours, 24, 1),
            listed(&f.days, 31, 1),
            listed(&f.weekdays, 7, 1)
        );
        (f.seconds == BTreeSet::from([0])).then_some(line)
    }
}

/// `*` for all.
fn listed(numbers: &BTreeSet<u8>, all: usize, width: usize) -> String {
    if numbers.len() == all {
        return "*".into();
    }
    numbers.iter().map(|n| format!("{n:0width$}")).collect::<Vec<_>>().join(",")
}

/// As the crate reads it: seconds first, and Sunday is 1.
fn cron_words(f: &Fields) -> String {
    let weekdays: BTreeSet<u8> = f.weekdays.iter().map(|d| d + 1).collect();
    let parts = [(&f.seconds, 60), (&f.minutes, 60), (&f.hours, 24), (&f.days, 31), (&f.months, 12), (&weekdays, 7)];
    parts.map(|(numbers, all)| listed(numbers, all, 1)).join(" ")
}

fn chrono_of(wall: civil::DateTime) -> DateTime<Utc> {
    let part = |n: i8| u32::try_from(n).unwrap_or(0);
    let (date, time) = (wall.date(), wall.time());
    let made = Utc.with_ymd_and_hms(
        i32::from(date.year()),
        part(date.month()),
        part(date.day()),
        part(time.hour()),
        part(time.minute()),
        part(time.second()),
    );
    made.single().unwrap_or_default()
}

/// The one moment of a nominal time.
fn moment(wall: DateTime<Utc>, zone: &TimeZone) -> Option<Timestamp> {
    let part = |n: u32| i8::try_from(n).ok();
    let date = civil::Date::new(i16::try_from(wall.year()).ok()?, part(wall.month())?, part(wall.day())?).ok()?;
    let time = civil::Time::new(part(wall.hour())?, part(wall.minute())?, part(wall.second())?, 0).ok()?;
    let ambiguous = zone.to_ambiguous_zoned(date.to_datetime(time));
    let gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
    let at = ambiguous.compatible().ok()?.timestamp();
    // Compatible is as long after the jump as the time would have been after the gap's beginning.
    let jump = || zone.preceding(at.saturating_add(SignedDuration::from_secs(1)).ok()?).next().map(|t| t.timestamp());
    if gap { jump() } else { Some(at) }
}

#[cfg(test)]
mod tests;
