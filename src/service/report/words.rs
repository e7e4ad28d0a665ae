//! The report in words, for an auditor who has never seen this program. Every sentence claims what was recorded, no more.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::count::{Backups, Counted, Evidence};
use super::document::{Document, Section};
use super::span::day_of;
use super::*;
use crate::service::plain::{counted, date, number, size};

const NO_EVIDENCE: &str = "no evidence";
pub(super) const NOTHING: &str = "None on record.";

/// A report being put into words.
pub(super) struct Words<'a> {
    pub(super) report: &'a Report,
    pub(super) zone: &'a TimeZone,
}

/// Puts a report into words.
pub fn document(report: &Report, zone: &TimeZone) -> Document {
    let words = Words { report, zone };
    let mut sections = vec![words.in_short(), words.protected()];
    sections.extend((0..report.sets.len()).map(|n| words.backups(n)));
    sections.extend([words.runs(), words.tests(), words.failures(), words.incidents(), words.records()]);
    sections.extend([
        words.access(),
        words.outsiders(),
        words.restored(),
        words.policies(),
        words.limits(),
        words.check(),
    ]);
    Document {
        title: format!("Backups of {}: {}", report.council, report.span.in_words()),
        intro: vec![
            format!("Made by Strongroom on {}. Days and times are the council's own.", words.moment(report.made)),
            format!("The backup's identity: {}. Its record was read up to entry {}.", report.repository, report.entry),
        ],
        sections,
    }
}

/// `9 days 4 hours`, `2 hours`.
fn hours(hours: i64) -> String {
    let (days, hours) = (hours.max(0) / 24, hours.max(0) % 24);
    let part = |n: i64, one: &str, many: &str| (n > 0).then(|| counted(n.unsigned_abs(), one, many));
    let parts: Vec<String> = [part(days, "day", "days"), part(hours, "hour", "hours")].into_iter().flatten().collect();
    if parts.is_empty() { "under an hour".to_owned() } else { parts.join(" ") }
}

fn lasted(seconds: u64) -> String {
    if seconds < 120 { counted(seconds, "second", "seconds") } else { counted(seconds / 60, "minute", "minutes") }
}

pub(super) fn minutes(n: i64) -> String {
    match n {
        0 => "under a minute".to_owned(),
        n if n < 180 => counted(n.unsigned_abs(), "minute", "minutes"),
        n => hours(n / 60),
    }
}

impl Words<'_> {
    pub(super) fn moment(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%-d %B %Y, %H:%M").to_string()
    }

    pub(super) fn may_be(&self, at: Option<Timestamp>, not: &str) -> String {
        at.map_or_else(|| not.to_owned(), |at| self.moment(at))
    }

    fn month(&self, counted: &Counted) -> String {
        let (from, to) = (counted.span.from, counted.span.to);
        let name = from.strftime("%B %Y").to_string();
        if from.day() == 1 && to == to.last_of_month() {
            name
        } else {
            format!("{name} ({} to {})", from.day(), to.day())
        }
    }

    fn evidence(&self, counted: &Counted) -> String {
        match counted.evidence {
            Evidence::BeforeSetUp => "no evidence: not set up yet",
            Evidence::ToCome => "no evidence: still to come",
            Evidence::LogAlone => "signed log; no journal of this time",
            Evidence::JournalLost => "signed log; a part of the journal is lost",
            Evidence::Both => "signed log and journal",
        }
        .to_owned()
    }

    /// A row for each month and one for all; months of which nothing is known say so in every cell.
    fn by_month(&self, cells: impl Fn(&Counted) -> Vec<String>) -> Vec<Vec<String>> {
        let row = |name: String, c: &Counted| {
            let mut row = vec![name];
            let known = !matches!(c.evidence, Evidence::BeforeSetUp | Evidence::ToCome);
            row.extend(cells(c).into_iter().map(|cell| if known { cell } else { NO_EVIDENCE.to_owned() }));
            row.push(self.evidence(c));
            row
        };
        let mut rows: Vec<Vec<String>> = self.report.months.iter().map(|c| row(self.month(c), c)).collect();
        let mut all = row("All".to_owned(), &self.report.total);
        if let Some(last) = all.last_mut() {
            last.clear();
        }
        rows.push(all);
        rows
    }

    fn in_short(&self) -> Section {
        let mut section = Section::new("In short");
        let report = self.report;
        if !report.has_evidence() {
            let installed = date(day_of(report.installed, self.zone));
            return section.say(format!("No evidence: Strongroom was set up here on {installed}."));
        }
        if report.span.from < day_of(report.installed, self.zone) {
            let installed = date(day_of(report.installed, self.zone));
            section =
                section.say(format!("Strongroom was set up on {installed}; of the time before there is no evidence."));
        }
        for (set, b) in report.sets.iter().zip(&report.total.backups) {
            section = section.say(self.set_in_short(set, b));
        }
        let (tests, failures) = (&report.total.tests, report.failures.len() as u64);
        section = section.say(match tests.restores {
            0 => "Backups were never tested by bringing documents back.".to_owned(),
            n => format!(
                "Tested by bringing documents back: {} ({}, {}); {} failed.",
                counted(n, "time", "times"),
                counted(tests.documents, "document", "documents"),
                size(tests.bytes),
                number(tests.failed)
            ),
        });
        let told = match (failures, report.slowest()) {
            (0, _) => "No failure is on record.".to_owned(),
            (n, slowest) => {
                let untold = report.failures.iter().filter(|f| f.minutes.is_none()).count() as u64;
                let slowest =
                    slowest.map(|s| format!("; the longest until somebody was told: {}", minutes(s.as_mins())));
                let untold =
                    if untold == 0 { String::new() } else { format!("; nobody was told of {}", number(untold)) };
                format!("{}{}{untold}.", counted(n, "failure", "failures"), slowest.unwrap_or_default())
            }
        };
        section = section.say(told);
        match &report.not_covered {
            Some(text) => section.say(text.clone()),
            None => section,
        }
    }

    fn set_in_short(&self, set: &Reported, b: &Backups) -> String {
        let name = set.name.spoken();
        if b.due == 0 && b.made == 0 {
            return format!("{name}: {NO_EVIDENCE} in this time.");
        }
        let gap = b.longest_gap.map(|h| format!("; the longest time without one: {}", hours(h))).unwrap_or_default();
        format!(
            "{name}: {} made. On {} of {} there was a backup no older than {}; on {} there was none{gap}.",
            counted(b.made, "backup", "backups"),
            number(b.met),
            counted(b.due, "day", "days"),
            hours(set.max_age_hours),
            number(b.missed)
        )
    }

    fn protected(&self) -> Section {
        let (report, setting) = (self.report, &self.report.setting);
        let sets: Vec<&str> = report.sets.iter().filter(|s| s.configured).map(|s| s.name.spoken()).collect();
        let place = if setting.offsite { "in another place" } else { "in this building" };
        let mut section = Section::new("What is protected, where and with whom")
            .say(format!("Protected today: {}.", sets.join(", ")))
            .say(format!("Kept in {}, {place}. Looked after by {}.", setting.store, report.provider))
            .say(
                "Everything is sealed with the council's own keys (age, X25519) before it leaves the building. Each test \
                 below opened sealed data with such a key.",
            );
        section = section.say(match setting.sealed {
            Some(true) => "Seen today: the newest stored object is sealed.",
            Some(false) => "SEEN TODAY: THE NEWEST STORED OBJECT IS NOT SEALED.",
            None => "Whether what lies in the store is sealed was not looked at today.",
        });
        let claims = [
            setting.lock_days.map(|d| format!("locks what lies in it for {}", counted(d.into(), "day", "days"))),
            setting.version_days.map(|d| format!("keeps what is deleted for {}", counted(d.into(), "day", "days"))),
        ];
        let claims: Vec<String> = claims.into_iter().flatten().collect();
        if !claims.is_empty() {
            section = section.say(format!("By the settings, the store {}.", claims.join(" and ")));
        }
        if setting.trial {
            section = section.say("THIS IS A TRIAL: the key and the backup are both on one computer.");
        }
        section
    }

    fn backups(&self, n: usize) -> Section {
        let set = &self.report.sets[n];
        let rows = self.by_month(|c| {
            let b = c.backups[n];
            let gap = b.longest_gap.map_or_else(|| "–".to_owned(), hours);
            let all = [b.due, b.met, b.missed, b.made, b.partial, b.failed];
            all.map(number).into_iter().chain([gap, size(b.added)]).collect()
        });
        let title = format!("Backups: {}", set.name.spoken());
        let ask = format!("A backup no older than {} must be there at the end of each day.", hours(set.max_age_hours));
        let section = Section::new(&title).say(ask);
        let section = if set.configured { section } else { section.say("This part is no longer backed up.") };
        let head = [
            "Month",
            "Days due",
            "Days met",
            "Days missed",
            "Backups made",
            "With unreadable files",
            "Attempts failed",
            "Longest without",
            "Added",
            "Evidence",
        ];
        section.table(&format!("{title}, month by month"), &head, rows, NOTHING)
    }

    fn runs(&self) -> Section {
        let rows = self.by_month(|c| {
            let (r, m) = (c.runs, c.messages);
            [r.begun, r.well, r.badly, r.unended, m.sent, m.lost].map(number).into()
        });
        let head = [
            "Month",
            "Runs begun",
            "Ended well",
            "Ended with a problem",
            "Not known to have ended",
            "Messages sent",
            "Messages given up",
            "Evidence",
        ];
        Section::new("Runs and messages").table("Runs and messages to people, month by month", &head, rows, NOTHING)
    }

    fn tests(&self) -> Section {
        let rows = self.by_month(|c| {
            let t = &c.tests;
            let counts = [t.restores, t.failed, t.documents].map(number);
            counts.into_iter().chain([size(t.bytes), number(t.examined), number(t.found)]).collect()
        });
        let head = [
            "Month",
            "Test restores",
            "Failed",
            "Documents",
            "Amount",
            "Store examined",
            "Something found wrong",
            "Evidence",
        ];
        let untested = self.report.untested;
        let oldest = match (untested.objects, untested.never, untested.oldest) {
            (0, ..) => "Nothing that could be tested lay in the store at the end of this time.".to_owned(),
            (n, 0, Some(at)) => format!(
                "Parts of the store that were needed at the end of this time: {}. All had been brought back as a test, the one \
                 tested longest ago on {}.",
                number(n),
                date(day_of(at, self.zone))
            ),
            (n, never, at) => format!(
                "Parts of the store that were needed at the end of this time: {}. Never brought back as a test until then: {}{}.",
                number(n),
                number(never),
                at.map(|at| format!("; the other one tested longest ago on {}", date(day_of(at, self.zone))))
                    .unwrap_or_default()
            ),
        };
        let drills = self.report.drills.iter().map(|d| {
            let result =
                if d.failed == 0 { "all as it should be".to_owned() } else { format!("{} failed", number(d.failed)) };
            let took = d.seconds.map_or_else(|| "–".to_owned(), lasted);
            vec![self.moment(d.at), d.what.to_owned(), number(d.files), size(d.bytes), took, result]
        });
        let drill_head = ["When", "What came back", "Documents", "Amount", "Took", "Result"];
        Section::new("Tests and drills").say(oldest).table("Tests, month by month", &head, rows, NOTHING).table(
            "Drills: as after a disaster, and of keys",
            &drill_head,
            drills.collect(),
            "No drill is on record.",
        )
    }
}
