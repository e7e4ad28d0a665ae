//! A cron line as people write it, read into plain lists of numbers: crontab's meaning, whatever a crate's may be.
//!
//! Five fields (minute hour day month weekday) or six (a second before them), names of months and days, `@weekly`
//! and its like. 0 and 7 are Sunday. What cron programs read in different ways is refused in words.

use std::collections::BTreeSet;

/// Why a line is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CronError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

pub(super) const FORM: &str =
    "Write minute hour day month weekday, as in \"30 1 * * *\" (every night at 01:30) or \"0 2 * * SUN\", or @daily.";
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const SHORT: [(&str, &str); 8] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@nightly", "30 1 * * *"),
    ("@hourly", "0 * * * *"),
];

/// The numbers that each field allows; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub seconds: BTreeSet<u8>,
    pub minutes: BTreeSet<u8>,
    pub hours: BTreeSet<u8>,
    pub days: BTreeSet<u8>,
    pub months: BTreeSet<u8>,
    /// 0 is Sunday.
    pub weekdays: BTreeSet<u8>,
}

struct Kind {
    name: &'static str,
    least: u8,
    most: u8,
    words: &'static [&'static str],
}

impl Fields {
    pub fn parse(line: &str) -> Result<Self, CronError> {
        let line = line.trim();
        let line = match line.strip_prefix('@') {
            Some(_) => {
                SHORT.iter().find(|(word, _)| word.eq_ignore_ascii_case(line)).map(|(_, long)| *long).ok_or_else(
                    || {
                        wrong(
                            format!("{line} is not known"),
                            "Known are @hourly, @daily, @nightly (01:30), @weekly, @monthly and @yearly.",
                        )
                    },
                )?
            }
            None => line,
        };
        let mut parts: Vec<&str> = line.split_whitespace().collect();
        match parts.len() {
            5 => parts.insert(0, "0"),
            6 => {}
            n => return Err(wrong(format!("a schedule has five fields, or six with seconds, not {n}"), FORM)),
        }
        let kind = |name, least, most, words| Kind { name, least, most, words };
        let fields = Self {
            seconds: field(parts[0], &kind("second", 0, 59, &[]))?,
            minutes: field(parts[1], &kind("minute", 0, 59, &[]))?,
            hours: field(parts[2], &kind("hour", 0, 23, &[]))?,
            days: field(parts[3], &kind("day", 1, 31, &[]))?,
            months: field(parts[4], &kind("month", 1, 12, &MONTHS))?,
            // 7 is Sunday once more.
            weekdays: field(parts[5], &kind("weekday", 0, 7, &DAYS))?.into_iter().map(|d| d % 7).collect(),
        };
        if fields.days.len() < 31 && fields.weekdays.len() < 7 {
            return Err(wrong(
                "the day of the month and the weekday are both set, which cron programs read in different ways".into(),
                "Write * for one of the two.",
            ));
        }
        Ok(fields)
    }
}

fn wrong(message: String, help: &'static str) -> CronError {
    CronError { message, help }
}

fn field(text: &str, kind: &Kind) -> Result<BTreeSet<u8>, CronError> {
    let mut all = BTreeSet::new();
    for item in text.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step_of(step, kind)?)),
            None => (item, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => {
                (kind.least, kind.most.min(if kind.name == "weekday" { 6 } else { kind.most }))
            }
            Some((from, to)) => (value(from, kind)?, value(to, kind)?),
            // As in crontab: from there to the end.
            None if step.is_some() => (value(range, kind)?, kind.most),
            None => (value(range, kind)?, value(range, kind)?),
        };
        // FRI-SUN goes on into the next week.
        let to = if kind.name == "weekday" && to < from && to == 0 { 7 } else { to };
        if to < from {
            return Err(wrong(
                format!("{range} runs backwards in the field for the {}", kind.name),
                "Write two ranges.",
            ));
        }
        all.extend((from..=to).step_by(usize::from(step.unwrap_or(1))));
    }
    Ok(all)
}

fn step_of(text: &str, kind: &Kind) -> Result<u8, CronError> {
    let step = text.parse::<u8>().ok().filter(|n| (1..=kind.most).contains(n) && all_digits(text));
    step.ok_or_else(|| wrong(format!("/{text} is no step in the field for the {}", kind.name), FORM))
}

fn value(text: &str, kind: &Kind) -> Result<u8, CronError> {
    if let Some(at) = kind.words.iter().position(|w| w.eq_ignore_ascii_case(text)) {
        return Ok(kind.least + u8::try_from(at).unwrap_or(0));
    }
    let number = text.parse::<u8>().ok().filter(|_| all_digits(text));
    match number {
        Some(n) if (kind.least..=kind.most).contains(&n) => Ok(n),
        Some(n) => {
            Err(wrong(format!("{n} is no {}: it must be from {} to {}", kind.name, kind.least, kind.most), FORM))
        }
        None => Err(wrong(format!("'{}' is no {}", crate::domain::path::printable(text.as_bytes()), kind.name), FORM)),
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit())
}
