//! Periods as schemes write them: calendar periods that end late, never early.
//!
//! A period counts whole years and months first, then days. Where the day it leads to does not exist, it ends on
//! the first day of the next month; where the calendar itself ends first, it never ends.

use std::fmt;
use std::str::FromStr;

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// For ever.
    Indefinite,
    /// So long from its trigger; all zero: until the end of the trigger's own day.
    Span {
        /// Calendar years.
        years: u16,
        /// Calendar months.
        months: u16,
        /// Days, counted after the years and months.
        days: u32,
    },
}

/// The text is no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a period. Write for example \"6 years\", \"18 months\", \"2 weeks\", \"90 days\", \"1 year 6 months\", \"P6Y\", \"P0D\" or \"indefinite\""
)]
pub struct PeriodError(pub String);

impl Period {
    /// So many calendar years.
    pub const fn years(years: u16) -> Self {
        Self::Span { years, months: 0, days: 0 }
    }

    /// The last day of the period that began on `from`; `None`: it never ends.
    pub fn ends(&self, from: Date) -> Option<Date> {
        let Self::Span { years, months, days } = *self else { return None };
        let count = i32::from(from.year()) * 12 + i32::from(from.month()) - 1;
        let count = count + i32::from(years) * 12 + i32::from(months);
        let first = first_of(count)?;
        let day = if from.day() <= first.days_in_month() {
            Date::new(first.year(), first.month(), from.day()).ok()?
        } else {
            first_of(count + 1)?
        };
        day.checked_add(Span::new().try_days(days).ok()?).ok()
    }

    /// The first day on which something triggered on `from` may go: the day after the end.
    pub fn due(&self, from: Date) -> Option<Date> {
        self.ends(from)?.tomorrow().ok()
    }

    /// Whether it can end sooner than `other`, tried from days where months and leap years bite.
    pub fn is_shorter_than(&self, other: &Self) -> bool {
        const FROM: [(i16, i8, i8); 6] =
            [(2001, 1, 1), (2000, 2, 29), (2001, 1, 31), (2003, 3, 1), (2001, 2, 1), (2001, 7, 1)];
        FROM.iter()
            .filter_map(|(y, m, d)| Date::new(*y, *m, *d).ok())
            .any(|from| sooner(self.due(from), other.due(from)))
    }
}

/// Whether `a` comes before `b`, where `None` is never.
pub fn sooner(a: Option<Date>, b: Option<Date>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a < b,
        (a, b) => a.is_some() && b.is_none(),
    }
}

/// The first day of the month that is `count` months after January of the year 0.
fn first_of(count: i32) -> Option<Date> {
    let year = i16::try_from(count.div_euclid(12)).ok()?;
    let month = i8::try_from(count.rem_euclid(12) + 1).ok()?;
    Date::new(year, month, 1).ok()
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Span { years, months, days } = *self else { return f.write_str("indefinite") };
        let parts = [(u32::from(years), "year"), (u32::from(months), "month"), (days, "day")];
        let said: Vec<String> = parts
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, unit)| format!("{n} {unit}{}", if *n == 1 { "" } else { "s" }))
            .collect();
        f.write_str(&if said.is_empty() { "0 days".into() } else { said.join(" ") })
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let bad = || PeriodError(text.to_owned());
        let words = text.trim().to_lowercase();
        if ["indefinite", "indefinitely", "for ever", "forever", "permanent"].contains(&words.as_str()) {
            return Ok(Self::Indefinite);
        }
        let iso = text.trim().strip_prefix('P').map(|rest| iso_parts(rest).ok_or_else(bad)).transpose()?;
        let parts = match iso {
            Some(parts) => parts,
            None => word_parts(&words).ok_or_else(bad)?,
        };
        sum(&parts).ok_or_else(bad)
    }
}

/// `6Y`, `1Y6M`, `2W`, `0D`: numbers with their unit, largest unit first, each once.
fn iso_parts(text: &str) -> Option<Vec<(u32, char)>> {
    let mut parts: Vec<(u32, char)> = vec![];
    let mut number = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
        } else {
            parts.push((number.parse().ok()?, unit(&c.to_ascii_lowercase().to_string())?));
            number.clear();
        }
    }
    (number.is_empty() && in_order(&parts)).then_some(parts)
}

/// `1 year 6 months`, `1 year and 6 months`, `90days`.
fn word_parts(text: &str) -> Option<Vec<(u32, char)>> {
    let mut parts = vec![];
    let spaced: String = {
        let mut out = String::with_capacity(text.len() + 8);
        let mut digit = false;
        for c in text.chars() {
            if digit && c.is_alphabetic() {
                out.push(' ');
            }
            digit = c.is_ascii_digit();
            out.push(if c == ',' { ' ' } else { c });
        }
        out
    };
    let mut words = spaced.split_whitespace().filter(|w| *w != "and");
    while let Some(number) = words.next() {
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        parts.push((number.parse().ok()?, unit(words.next()?)?));
    }
    in_order(&parts).then_some(parts)
}

fn unit(word: &str) -> Option<char> {
    Some(match word {
        "y" | "year" | "years" | "yr" | "yrs" => 'y',
        "m" | "month" | "months" => 'm',
        "w" | "week" | "weeks" => 'w',
        "d" | "day" | "days" => 'd',
        _ => return None,
    })
}

fn in_order(parts: &[(u32, char)]) -> bool {
    let rank = |c: char| "ymwd".find(c);
    !parts.is_empty() && parts.windows(2).all(|w| rank(w[0].1) < rank(w[1].1))
}

fn sum(parts: &[(u32, char)]) -> Option<Period> {
    let of = |wanted: char| parts.iter().find(|(_, unit)| *unit == wanted).map_or(0, |(n, _)| *n);
    let days = of('w').checked_mul(7)?.checked_add(of('d'))?;
    Some(Period::Span { years: u16::try_from(of('y')).ok()?, months: u16::try_from(of('m')).ok()?, days })
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn ends(period: &str, from: Date) -> Option<Date> {
        period.parse::<Period>().unwrap().ends(from)
    }

    #[test]
    fn days_that_do_not_exist_end_late() {
        assert_eq!(ends("1 year", date(2024, 2, 29)), Some(date(2025, 3, 1)));
        assert_eq!(ends("4 years", date(2024, 2, 29)), Some(date(2028, 2, 29)));
        assert_eq!(ends("1 month", date(2025, 1, 31)), Some(date(2025, 3, 1)));
        assert_eq!(ends("1 month", date(2025, 3, 31)), Some(date(2025, 5, 1)));
        assert_eq!(ends("1 month 1 day", date(2025, 1, 31)), Some(date(2025, 3, 2)));
        assert_eq!(ends("P0D", date(2025, 1, 31)), Some(date(2025, 1, 31)));
        assert_eq!(ends("13 months", date(2025, 12, 31)), Some(date(2027, 1, 31)));
    }

    #[test]
    fn what_the_calendar_cannot_hold_never_ends() {
        for period in ["indefinite", "65535 years", "P4294967295D", "8000 years", "65535 years 65535 months"] {
            assert_eq!(ends(period, date(2025, 1, 31)), None, "{period}");
        }
        assert_eq!(Period::years(0).ends(Date::MAX), Some(Date::MAX));
        assert_eq!(Period::years(0).due(Date::MAX), None);
        assert_eq!(ends("1 day", Date::MAX), None);
        assert_eq!(ends("P0D", Date::MIN), Some(Date::MIN));
    }

    #[test]
    fn many_spellings_one_meaning() {
        for (text, said) in [
            ("P6Y", "6 years"),
            ("6 years", "6 years"),
            ("1 Year and 6 months", "1 year 6 months"),
            ("P1Y6M", "1 year 6 months"),
            ("2 weeks", "14 days"),
            ("90days", "90 days"),
            ("P0D", "0 days"),
            ("Indefinite", "indefinite"),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.to_string(), said);
            assert_eq!(said.parse::<Period>().unwrap(), period);
        }
        for bad in
            ["", "P", "6", "years", "6 yaers", "P6", "PY", "-1 year", "6 months 1 year", "1 year 1 year", "P70000Y"]
        {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shorter_is_judged_by_the_calendar() {
        let p = |text: &str| text.parse::<Period>().unwrap();
        assert!(p("11 months").is_shorter_than(&p("1 year")) && !p("1 year").is_shorter_than(&p("12 months")));
        assert!(p("365 days").is_shorter_than(&p("1 year")) && p("28 days").is_shorter_than(&p("1 month")));
        assert!(p("100 years").is_shorter_than(&p("indefinite")) && !p("indefinite").is_shorter_than(&p("indefinite")));
    }
}
