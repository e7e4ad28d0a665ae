//! `[schedule]`, `[policy]` and each set's `max_age`: cron lines, lengths of time, and days of decisions.
//!
//! A schedule that cannot keep what the sets ask for is refused: a set would be overdue by design.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use toml::Spanned;

use super::check::{one_line, required};
use super::council::date;
use super::error::{ConfigError, Text};
use super::model::ProtectedSet;
use super::raw::{Opt, RawAdopted, RawPolicy, RawSchedule, RawSet};
use crate::service::plain::counted;
use crate::service::policy::{Adopted, Policies};
use crate::service::schedule::{Line, Schedule};
use crate::service::status::MAX_AGE;

const A_DAY: SignedDuration = SignedDuration::from_hours(24);
const UNITS: [(&str, i64); 5] = [("second", 1), ("minute", 60), ("hour", 3600), ("day", 86_400), ("week", 604_800)];
/// From here the times of a schedule are looked at; any day does.
const SOME_DAY: Timestamp = Timestamp::constant(1_767_225_600, 0);

pub(super) fn schedule(
    t: Text<'_>,
    raw: &RawSchedule,
    typed_sets: &[Spanned<RawSet>],
    sets: &[ProtectedSet],
    zone: &TimeZone,
) -> Result<Schedule, ConfigError> {
    let stated = Schedule::nightly().map_err(|e| t.absent(&e.message, e.help))?;
    let out = Schedule {
        run: line(t, &raw.run)?.unwrap_or(stated.run),
        backup: line(t, &raw.backup)?,
        jitter: span(t, &raw.jitter, stated.jitter, (SignedDuration::ZERO, A_DAY / 4))?,
        run_limit: span(t, &raw.run_limit, stated.run_limit, (SignedDuration::from_secs(1), A_DAY * 7))?,
        grace: span(t, &raw.grace, stated.grace, (SignedDuration::ZERO, A_DAY * 7))?,
    };
    let Some(run) = &raw.run else { return Ok(out) };
    let gap = out.longest_gap(SOME_DAY, zone);
    for (set, typed) in sets.iter().zip(typed_sets) {
        // The clock's changes, and a run that takes its time.
        if gap > set.max_age + A_DAY {
            let days = |d: SignedDuration| counted((d.as_hours().unsigned_abs() + 12) / 24, "day", "days");
            let message = format!(
                "up to {} lie between two backups, but the set `{}` must have one in {}",
                days(gap),
                set.name,
                days(set.max_age)
            );
            let place = typed.get_ref().max_age.as_ref().map_or(run.span(), Spanned::span);
            return Err(t.fault(place, message, "Run more often, or write a longer max_age for that set."));
        }
    }
    Ok(out)
}

fn line(t: Text<'_>, typed: &Opt<String>) -> Result<Option<Line>, ConfigError> {
    let parse = |typed: &Spanned<String>| {
        Line::parse(typed.get_ref()).map_err(|e| t.fault(typed.span(), e.message.clone(), e.help))
    };
    typed.as_ref().map(parse).transpose()
}

/// How old a set's last good backup may be.
pub(super) fn max_age(t: Text<'_>, typed: &Opt<String>) -> Result<SignedDuration, ConfigError> {
    span(t, typed, MAX_AGE, (SignedDuration::from_hours(1), A_DAY * 35))
}

/// `"45 minutes"` within bounds, or the default.
pub(super) fn span(
    t: Text<'_>,
    typed: &Opt<String>,
    default: SignedDuration,
    (least, most): (SignedDuration, SignedDuration),
) -> Result<SignedDuration, ConfigError> {
    let Some(typed) = typed else { return Ok(default) };
    let Some(span) = parse_span(typed.get_ref()) else {
        let help = "Write a whole number and a unit: seconds, minutes, hours, days or weeks, as in \"45 minutes\".";
        return Err(t.fault(typed.span(), "this is no length of time", help));
    };
    if span < least || span > most {
        let message = format!("this must be from {} to {}", words(least), words(most));
        return Err(t.fault(typed.span(), message, ""));
    }
    Ok(span)
}

fn parse_span(text: &str) -> Option<SignedDuration> {
    let (number, unit) = text.trim().split_once(' ')?;
    let (_, seconds) = UNITS.iter().find(|(name, _)| unit.trim().strip_suffix('s').unwrap_or(unit.trim()) == *name)?;
    let number = Some(number).filter(|n| n.bytes().all(|b| b.is_ascii_digit()))?.parse::<i64>().ok()?;
    Some(SignedDuration::from_secs(number.checked_mul(*seconds)?))
}

fn words(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    let fits = |(_, unit): &&(&str, i64)| seconds >= *unit && seconds % unit == 0;
    let (name, unit) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[0]);
    counted((seconds / unit).unsigned_abs(), name, &format!("{name}s"))
}

pub(super) fn policies(t: Text<'_>, raw: &RawPolicy) -> Result<Policies, ConfigError> {
    let one = |typed: &Opt<RawAdopted>, name: &str| typed.as_ref().map(|a| adopted(t, a, name)).transpose();
    Ok(Policies { it: one(&raw.it, "it")?, retention: one(&raw.retention, "retention")? })
}

fn adopted(t: Text<'_>, raw: &Spanned<RawAdopted>, name: &str) -> Result<Adopted, ConfigError> {
    let here = || (raw.span(), name);
    let on = date(t, required(t, &raw.get_ref().adopted, here(), "adopted = 2026-05-11")?)?;
    let minute = one_line(t, required(t, &raw.get_ref().minute, here(), "minute = \"FC 2026/47\"")?, "the minute")?;
    Ok(Adopted { on, minute })
}
