//! `[retention]`, `[verify]`, `[notify]` and `[limits]`: numbers within bounds, and the way notices leave.

use std::num::NonZeroU64;

use super::check::{absolute, days, email, is_host_name, is_loopback, number, one_line, required, size};
use super::error::{ConfigError, Text};
use super::model::{Council, Limits, Mail, Retention, Tls, Verify};
use super::raw::{Opt, RawLimits, RawMail, RawRetention, RawVerify};
use super::secret::places;
use crate::repo::store::Rates;

/// More of anything is a slip.
const MOST_KEPT: u32 = 10_000;
const LONGEST_GRACE_DAYS: u32 = 3650;
const MOST_DOCUMENTS: u32 = 100_000;
const MOST_CONNECTIONS: u32 = 64;
const LONGEST_WEEKS: u32 = 104;
const MOST_DAYS_BETWEEN: u32 = 366;

pub(super) fn retention(t: Text<'_>, raw: &RawRetention) -> Result<Retention, ConfigError> {
    let stated = Retention::default();
    let kept = |value, default| number(t, value, default, 0..MOST_KEPT + 1);
    let out = Retention {
        keep_last: kept(&raw.keep_last, stated.keep_last)?,
        keep_daily: kept(&raw.keep_daily, stated.keep_daily)?,
        keep_weekly: kept(&raw.keep_weekly, stated.keep_weekly)?,
        keep_monthly: kept(&raw.keep_monthly, stated.keep_monthly)?,
        keep_yearly: kept(&raw.keep_yearly, stated.keep_yearly)?,
        prune_grace_days: grace(t, &raw.prune_grace_days, stated.prune_grace_days)?,
    };
    let none = [out.keep_last, out.keep_daily, out.keep_weekly, out.keep_monthly, out.keep_yearly] == [0; 5];
    if let (true, Some(value)) = (none, &raw.keep_weekly) {
        return Err(t.fault(value.span(), "all the keep_… are 0, so nothing would be kept", "Keep something."));
    }
    Ok(out)
}

fn grace(t: Text<'_>, value: &Opt<i64>, default: u32) -> Result<u32, ConfigError> {
    match value {
        Some(v) if *v.get_ref() == 0 => {
            let help = "Write 1 or more. A person at the keyboard may say: strongroom prune --grace 0 --yes";
            Err(t.fault(v.span(), "without a grace nobody could stop a wrong prune", help))
        }
        _ => number(t, value, default, 1..LONGEST_GRACE_DAYS + 1),
    }
}

pub(super) fn verify(t: Text<'_>, raw: &RawVerify) -> Result<Verify, ConfigError> {
    let stated = Verify::default();
    let limit = |value: &Opt<String>| value.is_some().then(|| size(t, value, 0, "1 MiB")).transpose();
    let (run, month) = (limit(&raw.bytes_per_run)?, limit(&raw.bytes_per_month)?);
    if let (Some(run), Some(month), Some(typed)) = (run, month, &raw.bytes_per_month)
        && month < run
    {
        let help = "Write more here, or less for bytes_per_run.";
        return Err(t.fault(typed.span(), "a month would have less than one run may take", help));
    }
    Ok(Verify {
        every_byte_within_weeks: weeks(t, &raw.every_byte_within, stated.every_byte_within_weeks)?,
        sample_drill_every_weeks: weeks_or_never(t, &raw.sample_drill_every, stated.sample_drill_every_weeks)?,
        drill_every_weeks: weeks_or_never(t, &raw.drill_every, stated.drill_every_weeks)?,
        key_drill_every_weeks: weeks_or_never(t, &raw.key_drill_every, stated.key_drill_every_weeks)?,
        bytes_per_run: run,
        bytes_per_month: month,
        documents_per_run: number(t, &raw.documents_per_run, stated.documents_per_run, 1..MOST_DOCUMENTS + 1)?,
        store_every_days: days(t, &raw.store_every, MOST_DAYS_BETWEEN)?.unwrap_or(stated.store_every_days),
        live_bytes_per_run: limit(&raw.live_bytes_per_run)?,
    })
}

/// `"52 weeks"` or `"never"`, or the default.
fn weeks_or_never(t: Text<'_>, value: &Opt<String>, default: Option<u32>) -> Result<Option<u32>, ConfigError> {
    match value {
        None => Ok(default),
        Some(typed) if typed.get_ref() == "never" => Ok(None),
        Some(_) => weeks_or(t, value, 0, ", or \"never\"").map(Some),
    }
}

/// `"12 weeks"`, or the default.
fn weeks(t: Text<'_>, value: &Opt<String>, default: u32) -> Result<u32, ConfigError> {
    weeks_or(t, value, default, "")
}

fn weeks_or(t: Text<'_>, value: &Opt<String>, default: u32, or: &str) -> Result<u32, ConfigError> {
    let Some(typed) = value else { return Ok(default) };
    let help = format!("Write a whole number of weeks, as in \"12 weeks\"{or}.");
    let (number, unit) = typed.get_ref().split_once(' ').unwrap_or((typed.get_ref(), ""));
    let number = number.parse::<u32>().ok().filter(|_| matches!(unit.trim(), "week" | "weeks"));
    match number {
        Some(n) if (1..=LONGEST_WEEKS).contains(&n) => Ok(n),
        Some(_) => Err(t.fault(typed.span(), format!("this must be from 1 to {LONGEST_WEEKS} weeks"), "")),
        None => Err(t.fault(typed.span(), "this is no number of weeks", help)),
    }
}

pub(super) fn limits(t: Text<'_>, raw: &RawLimits) -> Result<Limits, ConfigError> {
    let stated = Limits::default();
    Ok(Limits {
        upload_connections: number(t, &raw.upload_connections, stated.upload_connections, 1..MOST_CONNECTIONS + 1)?,
        rates: Rates { up: rate(t, &raw.upload_per_second)?, down: rate(t, &raw.download_per_second)? },
    })
}

/// So slow that a pack takes half a day.
const SLOWEST: &str = "1 KiB";

fn rate(t: Text<'_>, value: &Opt<String>) -> Result<Option<NonZeroU64>, ConfigError> {
    Ok(NonZeroU64::new(size(t, value, 0, SLOWEST)?))
}

pub(super) fn mail(t: Text<'_>, raw: &Opt<RawMail>, council: &Council) -> Result<Option<Mail>, ConfigError> {
    let Some(table) = raw else { return Ok(None) };
    let raw = table.get_ref();
    let typed = required(t, &raw.host, (table.span(), "[notify.mail]"), "host = \"mail.anytown-tc.gov.uk\"")?;
    let host = typed.get_ref().to_lowercase();
    if !is_host_name(&host) && host.parse::<std::net::IpAddr>().is_err() {
        let help = "Write its name alone, without port or mail://, as in \"mail.anytown-tc.gov.uk\".";
        return Err(t.fault(typed.span(), "this is no name of a mail server", help));
    }
    let tls = tls(t, &raw.tls, &host)?;
    let default_port = match tls {
        Tls::Required => 587,
        Tls::Implicit => 465,
        Tls::NoneOnLoopback => 25,
    };
    let port = number(t, &raw.port, default_port, 1..u32::from(u16::MAX) + 1)?;
    let from = match &raw.from {
        Some(from) => email(t, from)?,
        None => format!("strongroom@{}", council.domains.first().map_or("", String::as_str)),
    };
    Ok(Some(Mail {
        host,
        port: u16::try_from(port).unwrap_or(u16::MAX),
        tls,
        login: login(t, raw)?,
        from,
        ca_file: raw.ca_file.as_ref().map(|f| absolute(t, f, "ca_file")).transpose()?,
    }))
}

fn tls(t: Text<'_>, raw: &Opt<String>, host: &str) -> Result<Tls, ConfigError> {
    let Some(typed) = raw else { return Ok(Tls::Required) };
    match typed.get_ref().as_str() {
        "required" => Ok(Tls::Required),
        "implicit" => Ok(Tls::Implicit),
        "none-on-loopback" if is_loopback(host) => Ok(Tls::NoneOnLoopback),
        "none-on-loopback" => {
            let help = "Write tls = \"required\" (port 587) or \"implicit\" (port 465).";
            Err(t.fault(typed.span(), format!("{host} is not this computer, so mail to it must be encrypted"), help))
        }
        _ => {
            let help =
                "Write \"required\" (port 587), \"implicit\" (port 465) or, on this computer, \"none-on-loopback\".";
            Err(t.fault(typed.span(), "this is no way to protect mail", help))
        }
    }
}

fn login(t: Text<'_>, raw: &RawMail) -> Result<Option<(String, super::SecretSource)>, ConfigError> {
    let typed = places!(raw, "password", password_file, password_env, password_credential, password_command);
    match (&raw.user, typed.check(t)?) {
        (Some(user), Some(password)) => Ok(Some((one_line(t, user, "the user")?, password))),
        (None, None) => Ok(None),
        (Some(user), None) => Err(t.fault(user.span(), "the user has no password", "Add: password_file = \"/path\"")),
        (None, Some(_)) => Err(t.fault(typed.span(), "the password has no user", "Add: user = \"…\"")),
    }
}
