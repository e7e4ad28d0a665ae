//! `[council]` and `[elsewhere]`: people, their addresses and days.
//!
//! Clerk and deputy are on the council's own domains, and those are the council's own: notices name what
//! must not reach private mail.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::Spanned;

use super::check::{email, is_domain, number, one_line, required};
use super::error::{ConfigError, Text};
use super::model::{Council, DEFAULT_TIMEZONE, Deputy, Elsewhere, Person, ProtectedSet, Provider};
use super::raw::{Opt, RawCouncil, RawElsewhere, RawPerson, RawProvider};
use super::sets::set_name;

/// A deputy who is told later than this is told of nothing.
const LONGEST_WAIT_DAYS: u32 = 90;

/// Anybody can have an address there, so that one says nothing about the council.
const PUBLIC_MAIL: [&str; 26] = [
    "aol.com",
    "btinternet.com",
    "fastmail.com",
    "gmail.com",
    "gmx.co.uk",
    "gmx.com",
    "googlemail.com",
    "hotmail.co.uk",
    "hotmail.com",
    "icloud.com",
    "live.co.uk",
    "live.com",
    "mac.com",
    "mail.com",
    "me.com",
    "msn.com",
    "ntlworld.com",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "sky.com",
    "talktalk.net",
    "tiscali.co.uk",
    "virginmedia.com",
    "yahoo.co.uk",
    "yahoo.com",
];

pub(super) fn council(t: Text<'_>, raw: &Opt<RawCouncil>, escalate: &Opt<i64>) -> Result<Council, ConfigError> {
    let Some(table) = raw else {
        return Err(t.absent(
            "there is no [council] table",
            "Add [council] with name, domains, clerk and provider. `strongroom config example` shows one.",
        ));
    };
    let (span, raw) = (table.span(), table.get_ref());
    let here = || (span.clone(), "[council]");
    let name = one_line(t, required(t, &raw.name, here(), "name = \"Anytown Town Council\"")?, "the council's name")?;
    let domains = domains(t, required(t, &raw.domains, here(), "domains = [\"anytown-tc.gov.uk\"]")?)?;
    let clerk = "clerk = { name = \"The Clerk\", email = \"clerk@anytown-tc.gov.uk\" }";
    let clerk = person(t, required(t, &raw.clerk, here(), clerk)?, "clerk", &domains)?;
    let deputy = deputy(t, &raw.deputy, escalate, &domains)?;
    let provider =
        "provider = { name = \"Example IT\", phone = \"01632 960000\", email = \"support@example-it.co.uk\" }";
    let provider = provider_of(t, required(t, &raw.provider, here(), provider)?)?;
    Ok(Council { name, domains, clerk, deputy, provider, timezone: timezone(t, &raw.timezone)? })
}

fn deputy(
    t: Text<'_>,
    raw: &Opt<RawPerson>,
    escalate: &Opt<i64>,
    domains: &[String],
) -> Result<Option<Deputy>, ConfigError> {
    let after_days = number(t, escalate, DEFAULT_ESCALATION_DAYS, 1..LONGEST_WAIT_DAYS + 1)?;
    match (raw, escalate) {
        (Some(raw), _) => Ok(Some(Deputy { person: person(t, raw, "deputy", domains)?, after_days })),
        (None, None) => Ok(None),
        (None, Some(days)) => {
            let help =
                "Add to [council]: deputy = { name = \"The Deputy Clerk\", email = \"deputy@anytown-tc.gov.uk\" }";
            Err(t.fault(days.span(), "there is no deputy to tell", help))
        }
    }
}

fn domains(t: Text<'_>, list: &Spanned<Vec<Spanned<String>>>) -> Result<Vec<String>, ConfigError> {
    if list.get_ref().is_empty() {
        let help = "Name at least the domain after the @ of the clerk's address.";
        return Err(t.fault(list.span(), "the council has no domain", help));
    }
    list.get_ref().iter().map(|domain| one_domain(t, domain)).collect()
}

fn one_domain(t: Text<'_>, domain: &Spanned<String>) -> Result<String, ConfigError> {
    let name = domain.get_ref().to_lowercase();
    if !is_domain(&name) {
        let help = "Write what stands after the @ in the council's addresses, as in \"anytown-tc.gov.uk\".";
        return Err(t.fault(domain.span(), "this is not a bare domain name", help));
    }
    if PUBLIC_MAIL.contains(&name.as_str()) {
        let help = "Notices go to the council's own domain only. Use an address that the council controls.";
        return Err(t.fault(domain.span(), format!("{name} is public mail, not the council's own domain"), help));
    }
    Ok(name)
}

fn person(t: Text<'_>, raw: &Spanned<RawPerson>, who: &str, domains: &[String]) -> Result<Person, ConfigError> {
    let here = || (raw.span(), who);
    let name = one_line(t, required(t, &raw.get_ref().name, here(), "name = \"The Clerk\"")?, "the name")?;
    let typed = required(t, &raw.get_ref().email, here(), "email = \"clerk@anytown-tc.gov.uk\"")?;
    let email = email(t, typed)?;
    let domain = email.rsplit_once('@').map_or("", |(_, d)| d);
    if !domains.iter().any(|d| d == domain) {
        let message = format!("the {who}'s address is not on the council's domains ({})", domains.join(", "));
        let help = "Notices go to the council's own mail only. Give the address there, or add the council's other domain \
                    to `domains`.";
        return Err(t.fault(typed.span(), message, help));
    }
    Ok(Person { name, email })
}

fn provider_of(t: Text<'_>, raw: &Spanned<RawProvider>) -> Result<Provider, ConfigError> {
    let here = || (raw.span(), "provider");
    let raw = raw.get_ref();
    let name = one_line(t, required(t, &raw.name, here(), "name = \"Example IT\"")?, "the name")?;
    let typed = required(t, &raw.phone, here(), "phone = \"01632 960000\"")?;
    let phone = one_line(t, typed, "the telephone number")?;
    if !phone.contains(|c: char| c.is_ascii_digit()) {
        return Err(t.fault(typed.span(), "this is not a telephone number", "The clerk is told to ring it."));
    }
    let email = email(t, required(t, &raw.email, here(), "email = \"support@example-it.co.uk\"")?)?;
    Ok(Provider { name, phone, email })
}

/// After how many days the deputy is told, where none are stated.
const DEFAULT_ESCALATION_DAYS: u32 = 7;
/// Where most systems keep what they know of time zones.
const ZONES: &str = "/usr/share/zoneinfo";

/// A time zone by its name. Its file is looked for first: asking for a name has every file of every zone looked at.
fn zone(name: &str) -> Option<TimeZone> {
    let is_plain =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c));
    let file = name.split('/').all(is_plain).then(|| std::fs::read(format!("{ZONES}/{name}")).ok()).flatten();
    let read = file.and_then(|bytes| TimeZone::tzif(name, &bytes).ok());
    read.or_else(|| TimeZone::get(name).ok())
}

fn timezone(t: Text<'_>, raw: &Opt<String>) -> Result<TimeZone, ConfigError> {
    let (name, span) = raw.as_ref().map_or((DEFAULT_TIMEZONE, 0..0), |z| (z.get_ref().as_str(), z.span()));
    zone(name).ok_or_else(|| t.fault(span, format!("no time zone {name} is known"), "Write it as \"Europe/London\"."))
}

/// What somebody else backs up; never a set that is backed up here.
pub(super) fn elsewhere(
    t: Text<'_>,
    raw: &BTreeMap<Spanned<String>, Spanned<RawElsewhere>>,
    sets: &[ProtectedSet],
) -> Result<BTreeMap<String, Elsewhere>, ConfigError> {
    let mut out = BTreeMap::new();
    for (key, table) in raw {
        let name = set_name(t, key)?;
        if sets.iter().any(|s| s.name == name) {
            let message = format!("the set `{name}` is backed up here, so it is not elsewhere");
            return Err(t.fault(key.span(), message, "Remove this line or the set."));
        }
        let here = || (table.span(), name.as_str());
        let by = one_line(t, required(t, &table.get_ref().by, here(), "by = \"Example IT\"")?, "the name")?;
        let checked = date(t, required(t, &table.get_ref().checked, here(), "checked = 2026-03-17")?)?;
        out.insert(name, Elsewhere { by, checked });
    }
    Ok(out)
}

pub(super) fn date(t: Text<'_>, value: &Spanned<toml::value::Datetime>) -> Result<Date, ConfigError> {
    let typed = value.get_ref();
    let day = typed.date.filter(|_| typed.time.is_none()).and_then(|d| {
        let year = i16::try_from(d.year).ok()?;
        Date::new(year, i8::try_from(d.month).ok()?, i8::try_from(d.day).ok()?).ok()
    });
    day.ok_or_else(|| t.fault(value.span(), "this is not a day", "Write it as 2026-03-17, without a time."))
}
