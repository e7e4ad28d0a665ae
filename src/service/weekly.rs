//! The weekly message: how things stand, whatever happened. Pure.
//!
//! Its absence is a warning in itself, so it comes once for each week that began since the journal did: from Monday on,
//! with the first run there is; never twice, and once after weeks in which the computer was off. It holds the check number,
//! so that what the council keeps on paper bears witness to what lies in the store.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::service::outbox::Outgoing;
use crate::service::plain::{self, counted, list, size};
use crate::service::status::{Light, SetInput, Status, StatusInput};
use crate::service::texts::{Letter, paragraphs};
use crate::service::voice::VoiceState;
use crate::service::words::{NoticeKind, Reference, Role, word};

/// A clerk reads no more than so many words.
const MOST_WORDS: usize = 120;
/// Sets named one by one.
const NAMED: usize = 3;
/// Lines of the provider's list of sets, and of open problems.
const LISTED: usize = 50;

/// The Monday of the week that is to be told of now, if it was not.
pub fn due(state: &VoiceState, now: Timestamp, zone: &TimeZone) -> Option<Date> {
    let week = monday(now, zone);
    let began = monday(state.began?, zone);
    // What lies in the future comes from a wrong clock, and silences nobody.
    let first = began == week;
    let told = state.week == Some(week);
    (!first && !told).then_some(week)
}

fn monday(at: Timestamp, zone: &TimeZone) -> Date {
    let day = at.to_zoned(zone.clone()).date();
    day.saturating_sub(i64::from(day.weekday().to_monday_zero_offset()).days())
}

/// The messages for clerk and provider, and the reference they share.
pub fn messages(
    input: &StatusInput<'_>,
    status: &Status,
    week: Date,
    taken: &BTreeSet<Reference>,
) -> (Reference, Vec<Outgoing>) {
    let reference = Reference::of(&format!("weekly {week}"), input.now, &input.people.zone, taken);
    let message = |to: Role| {
        let letter = match to {
            Role::Provider => for_provider(&reference, input, status),
            _ => for_clerk(&reference, input, status),
        };
        Outgoing {
            // Named by its week: decided again after a crash, it takes its own place.
            id: format!("weekly-{week}-{}", word(&to)),
            reference: Some(reference.clone()),
            to,
            notice: NoticeKind::Weekly,
            subject: letter.subject,
            body: letter.body,
            created: input.now,
        }
    };
    (reference.clone(), [Role::Clerk, Role::Provider].map(message).into())
}

fn verdict(status: &Status) -> &'static str {
    match status.light {
        Light::Green => "all in order",
        Light::Amber | Light::Trial => "something should be done",
        Light::Red => "somebody must act",
    }
}

fn subject(reference: &Reference, input: &StatusInput<'_>, status: &Status) -> String {
    let (council, day) = (&input.people.council, input.people.day(input.now));
    format!("{council}: weekly message, {}, {day} – reference {reference}", verdict(status))
}

/// What the clerk reads.
pub fn for_clerk(reference: &Reference, input: &StatusInput<'_>, status: &Status) -> Letter {
    let long = clerks_body(reference, input, status, true);
    // Names of sets can be long; how many they are cannot.
    let short = |long: &String| long.split_whitespace().count() > MOST_WORDS;
    let body = Some(&long).filter(|l| short(l)).map(|_| clerks_body(reference, input, status, false));
    Letter { subject: subject(reference, input, status), body: body.unwrap_or(long) }
}

fn clerks_body(reference: &Reference, input: &StatusInput<'_>, status: &Status, named: bool) -> String {
    let people = input.people;
    let mut lines = vec![format!("Reference: {reference}"), backed_up(input, named), tested(input)];
    lines.push(problems(input));
    lines.extend(input.lost.as_ref().map(|lost| match lost.records {
        0 => String::from("Lost for good, as accepted: a part of the backups."),
        n => format!("Lost for good, as accepted: {}.", counted(n, "version of a document", "versions of documents")),
    }));
    if is_unheard(input) {
        lines.push(String::from("Messages: some do not get through."));
    }
    lines.extend(people.coverage());
    lines.push(readers(input));
    lines.push(match &input.voices.check {
        Some(check) => format!("Check number, nothing to do: {}.", check.short()),
        None => String::from("Check number: unknown, the backups could not be opened."),
    });
    let ring = match status.light {
        Light::Red => format!("Please ring {}, telephone {}, today.", people.provider, people.phone),
        Light::Green => format!("Questions: {}, telephone {}.", people.provider, people.phone),
        _ => format!("Ask {}, telephone {}, what should be done.", people.provider, people.phone),
    };
    lines.push(format!("{ring} There is nothing to click in this message."));
    paragraphs(&lines)
}

fn date(input: &StatusInput<'_>, at: Timestamp) -> String {
    plain::date(at.to_zoned(input.people.zone.clone()).date())
}

fn is_late(input: &StatusInput<'_>, set: &SetInput) -> bool {
    set.last.is_none_or(|last| input.now.duration_since(last.at).abs() > set.max_age)
}

fn backed_up(input: &StatusInput<'_>, named: bool) -> String {
    let (late, good): (Vec<&SetInput>, Vec<&SetInput>) = input.sets.iter().partition(|s| is_late(input, s));
    let names = |sets: &[&SetInput]| {
        if !named {
            return counted(sets.len() as u64, "set", "sets");
        }
        let mut names: Vec<String> = sets.iter().take(NAMED).map(|s| s.name.spoken().to_owned()).collect();
        if sets.len() > NAMED {
            names.push(counted((sets.len() - NAMED) as u64, "other set", "other sets"));
        }
        list(&names)
    };
    let oldest = good.iter().filter_map(|s| s.last).map(|l| l.at).min();
    let made = oldest.map(|at| format!("Backed up: {}, last on {} or later.", names(&good), date(input, at)));
    let missed = (!late.is_empty()).then(|| format!("NOT backed up in time: {}.", names(&late)));
    let said: Vec<String> = made.into_iter().chain(missed).collect();
    if said.is_empty() { String::from("NOTHING is backed up: no set is configured.") } else { said.join(" ") }
}

fn tested(input: &StatusInput<'_>) -> String {
    let last = match input.last_test {
        Some(t) => {
            format!("Tested: {} brought back, last on {}.", counted(t.files, "file", "files"), date(input, t.at))
        }
        None => String::from("Tested: never."),
    };
    match input.coverage {
        Some(c) if c.oldest == Timestamp::UNIX_EPOCH => {
            format!("{last} Longest untested: a part, since unknown times.")
        }
        Some(c) => format!("{last} Longest untested: since {}.", date(input, c.oldest)),
        None => last,
    }
}

fn problems(input: &StatusInput<'_>) -> String {
    let accepted = input.voices.accepted.len();
    let is_accepted = |r: &Reference| input.voices.accepted.iter().any(|w| w.reference == *r);
    let open = input.open.iter().filter(|o| !is_accepted(&o.reference)).count()
        + input.untold_incidents()
        + input.voids.len()
        + usize::from(input.unopened.is_some());
    let since = input.open.iter().filter(|o| !is_accepted(&o.reference)).min_by_key(|o| o.since);
    let open = match (open, since) {
        (0, _) => String::from("Open problems: none."),
        (n, Some(o)) => format!("Open problems: {n}, the oldest since {}.", date(input, o.since)),
        (n, None) => format!("Open problems: {n}."),
    };
    if accepted > 0 { format!("{open} Accepted for a time: {accepted}.") } else { open }
}

fn is_unheard(input: &StatusInput<'_>) -> bool {
    input.mail_failing_since.is_some()
        || input.messages_lost + input.voices.lost > 0
        || !input.voices.failing.is_empty()
}

fn readers(input: &StatusInput<'_>) -> String {
    let here = if input.reads { "can" } else { "cannot" };
    let keys = input.voices.holders.map(|n| format!("Keys that open the backups: {n}. ")).unwrap_or_default();
    let what = if keys.is_empty() { "the backups" } else { "them" };
    format!("{keys}The office computer {here} open {what}.")
}

/// What the provider's technician reads.
pub fn for_provider(reference: &Reference, input: &StatusInput<'_>, status: &Status) -> Letter {
    let stamp = |at: Timestamp| at.to_zoned(input.people.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
    let or_never = |at: Option<Timestamp>| at.map_or_else(|| String::from("never"), stamp);
    let mut lines = vec![
        format!("Strongroom weekly message {reference}"),
        String::new(),
        format!("Council: {}", input.people.council),
        format!("Notice: {}", word(&NoticeKind::Weekly)),
        format!("Status: {}, exit code {}", word(&status.light), status.exit),
        format!("This message: {}", stamp(input.now)),
    ];
    for set in input.sets.iter().take(LISTED) {
        let last = set.last.map_or_else(
            || String::from("never"),
            |l| format!("{}, files: {}, bytes: {}, problems: {}", stamp(l.at), l.files, size(l.bytes), l.problems),
        );
        lines.push(format!("Set {}: {last}", set.name.as_str()));
    }
    lines.push(format!("Last test: {}", or_never(input.last_test.map(|t| t.at))));
    lines.push(format!("Longest untested: {}", or_never(input.coverage.map(|c| c.oldest))));
    lines.push(format!("Last drill: {}", or_never(input.drill.map(|d| d.at))));
    let is_accepted = |r: &Reference| input.voices.accepted.iter().any(|w| w.reference == *r);
    for open in input.open.iter().take(LISTED) {
        let accepted = if is_accepted(&open.reference) { ", accepted for a time" } else { "" };
        lines.push(format!("Open: {} {} since {}{accepted}", open.reference, word(&open.trouble), stamp(open.since)));
    }
    lines.push(format!("Incidents: {}, void entries: {}", input.incidents.len(), input.voids.len()));
    lines.push(format!("Accepted losses, versions: {}", input.lost.as_ref().map_or(0, |l| l.records)));
    for (way, since) in &input.voices.failing {
        lines.push(format!("Not getting through: {way} since {}", stamp(*since)));
    }
    lines.push(format!("Messages given up: {}", input.messages_lost + input.voices.lost));
    lines.push(readers(input));
    lines.push(match &input.voices.check {
        Some(check) => format!("Check number of entry {}: {}", check.entry, check.link),
        None => String::from("Check number: unknown, the repository could not be opened"),
    });
    lines.extend(input.people.coverage());
    lines.push(String::new());
    lines.push(String::from("Details, on the office computer: strongroom status"));
    lines.push(input.people.and_the_clerk("told"));
    Letter { subject: subject(reference, input, status), body: lines.join("\n") + "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_week_from_the_week_after_the_first() {
        let zone = TimeZone::posix("GMT0BST,M3.5.0/1,M10.5.0").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let week = |state: &VoiceState, now: &str| due(state, at(now), &zone).map(|d| d.to_string());
        let mut state = VoiceState::default();
        assert_eq!(week(&state, "2026-11-25T01:30:00Z"), None, "no journal yet");
        state.began = Some(at("2026-11-25T01:30:00Z"));
        assert_eq!(week(&state, "2026-11-29T23:59:59Z"), None, "the first week is not over");
        assert_eq!(week(&state, "2026-11-30T00:00:00Z").as_deref(), Some("2026-11-30"));
        state.week = Some("2026-11-30".parse().unwrap());
        assert_eq!(week(&state, "2026-12-06T23:00:00Z"), None, "never twice");
        // Three weeks of holidays: once.
        assert_eq!(week(&state, "2026-12-30T01:30:00Z").as_deref(), Some("2026-12-28"));
        // The council's Monday, not Greenwich's.
        assert_eq!(week(&state, "2027-06-13T23:30:00Z").as_deref(), Some("2027-06-14"));
        // A week told under a wrong clock, and a journal that begins in the future, silence nobody.
        state.week = Some("2062-01-02".parse().unwrap());
        assert_eq!(week(&state, "2026-12-07T01:30:00Z").as_deref(), Some("2026-12-07"));
        state.began = Some(at("2062-01-02T01:30:00Z"));
        assert_eq!(week(&state, "2026-12-07T01:30:00Z").as_deref(), Some("2026-12-07"));
    }
}
