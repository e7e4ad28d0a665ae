//! Moments as people type them and read them, in the council's time zone.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::args::When;
use super::failure::Failure;
use crate::domain::id::SnapshotId;
use crate::ops::query::Which;

/// Which snapshots are meant by what was typed.
///
/// # Errors
/// The date is none.
pub fn which(when: &When, zone: &TimeZone) -> Result<Which, Failure> {
    let at = when.at.as_deref().map(|text| moment(text, zone)).transpose()?;
    Ok(Which { set: when.set.clone(), at, snapshot: when.snapshot.map(SnapshotId) })
}

/// A day means its end; a moment without a zone is the council's.
///
/// # Errors
/// It is neither.
pub fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let civil = match text.parse::<Date>() {
        Ok(day) if !text.contains(':') => day.checked_add(1.day()).ok().map(|d| (d.at(0, 0, 0, 0), true)),
        _ => text.parse::<DateTime>().ok().map(|d| (d, false)),
    };
    let found = civil.and_then(|(local, end_of_day)| {
        let at = local.to_zoned(zone.clone()).ok()?.timestamp();
        if end_of_day { at.checked_sub(1.nanosecond()).ok() } else { Some(at) }
    });
    found.ok_or_else(|| {
        let hint = "Write a day as 2026-05-01, or a moment as 2026-05-01T14:30 (the council's own time).";
        Failure::usage(format!("'{}' is no date", crate::domain::path::printable(text.as_bytes())), hint)
    })
}

/// `2026-05-01 14:30`
pub fn shown(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A record's own time; empty where it cannot be a date.
pub fn of_record(seconds: i64, zone: &TimeZone) -> String {
    Timestamp::from_second(seconds).map(|at| shown(at, zone)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_its_end_in_the_councils_zone() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let at = |text| moment(text, &zone).map(|t| t.to_string()).ok();
        assert_eq!(at("2026-05-01").as_deref(), Some("2026-05-01T22:59:59.999999999Z"));
        assert_eq!(at("2026-05-01T14:30").as_deref(), Some("2026-05-01T13:30:00Z"));
        assert_eq!(at("2026-05-01 14:30").as_deref(), Some("2026-05-01T13:30:00Z"));
        assert_eq!(at("2026-01-02T03:04:05Z").as_deref(), Some("2026-01-02T03:04:05Z"));
        for bad in ["", "yesterday", "2026-13-01", "01/05/2026"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
