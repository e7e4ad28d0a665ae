//! The days that a report is about, in the council's own time.

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::Serialize;

use crate::service::plain;

/// From the beginning of one day to the end of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// The first day.
    pub from: Date,
    /// The last day, not before the first.
    pub to: Date,
}

impl Span {
    /// A financial year as councils write it: `2026-27` is 1 April 2026 to 31 March 2027. `None` for anything else.
    pub fn year(text: &str) -> Option<Self> {
        let (first, second) = text.split_once(['-', '/'])?;
        let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
        let year: i16 = if digits(first, 4) { first.parse().ok()? } else { return None };
        let second: i16 = if digits(second, 2) { second.parse().ok()? } else { return None };
        let span = (1900..9000).contains(&year).then(|| Self::beginning(year))?;
        (second == (year + 1) % 100).then_some(span)
    }

    /// The financial year that a day lies in.
    pub fn year_of(day: Date) -> Self {
        Self::beginning(if day.month() < 4 { day.year() - 1 } else { day.year() })
    }

    fn beginning(year: i16) -> Self {
        Self { from: date(year, 4, 1), to: date(year + 1, 3, 31) }
    }

    /// Whether a day lies in it.
    pub fn has(&self, day: Date) -> bool {
        self.from <= day && day <= self.to
    }

    /// Whether a moment lies in it.
    pub fn has_moment(&self, at: Timestamp, zone: &TimeZone) -> bool {
        self.has(day_of(at, zone))
    }

    /// Its calendar months; the first and the last may be parts of one.
    pub fn months(&self) -> Vec<Self> {
        let (mut all, mut from) = (vec![], self.from);
        while from <= self.to {
            let to = from.last_of_month().min(self.to);
            all.push(Self { from, to });
            match to.checked_add(1.day()) {
                Ok(next) => from = next,
                Err(_) => break,
            }
        }
        all
    }

    /// `1 April 2026 to 31 March 2027`
    pub fn in_words(&self) -> String {
        format!("{} to {}", plain::date(self.from), plain::date(self.to))
    }
}

/// The day that a moment lies in.
pub fn day_of(at: Timestamp, zone: &TimeZone) -> Date {
    at.to_zoned(zone.clone()).date()
}

/// The last moment of a day, also of one of 23 or 25 hours.
pub fn end_of(day: Date, zone: &TimeZone) -> Timestamp {
    let next = day.checked_add(1.day()).ok().and_then(|d| d.to_zoned(zone.clone()).ok());
    next.and_then(|z| z.timestamp().checked_sub(1.nanosecond()).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_financial_year_ends_on_31_march() {
        let span = Span::year("2026-27").unwrap();
        assert_eq!(span, Span { from: date(2026, 4, 1), to: date(2027, 3, 31) });
        assert_eq!(Span::year("2099/00").unwrap().to, date(2100, 3, 31));
        assert_eq!((Span::year_of(span.from), Span::year_of(span.to)), (span, span));
        assert_eq!(Span::year_of(date(2026, 3, 31)).to, date(2026, 3, 31));
        for bad in ["2026", "2026-28", "2026-2027", "26-27", "2026-7", "+026-27", "9999-00", ""] {
            assert_eq!(Span::year(bad), None, "{bad}");
        }
        assert_eq!(span.months().len(), 12);
        assert_eq!(span.in_words(), "1 April 2026 to 31 March 2027");
    }

    #[test]
    fn months_are_cut_at_the_ends_and_days_of_any_length_end_once() {
        let span = Span { from: date(2026, 10, 20), to: date(2026, 12, 2) };
        let days: Vec<(i8, i8)> = span.months().iter().map(|m| (m.from.day(), m.to.day())).collect();
        assert_eq!(days, [(20, 31), (1, 30), (1, 2)]);
        let zone = TimeZone::get("Europe/London").unwrap();
        for (day, hours) in [(date(2026, 10, 25), 25), (date(2026, 3, 29), 23), (date(2026, 7, 1), 24)] {
            let before = end_of(day.yesterday().unwrap(), &zone);
            assert_eq!(end_of(day, &zone).duration_since(before).as_hours(), hours);
            assert_eq!(day_of(end_of(day, &zone), &zone), day);
        }
    }
}
