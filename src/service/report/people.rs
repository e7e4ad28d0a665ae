//! The report in words, second part: who was told, who could do what, and what cannot be shown.

use super::document::Section;
use super::span::day_of;
use super::words::{NOTHING, Words, minutes};
use super::*;
use crate::domain::path::printable;
use crate::service::plain::{counted, date, number, size};
use crate::service::policy::Adopted;
use crate::service::status;

/// How anybody checks the signature of the page to print.
const CHECK: &str =
    "openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in report.html -sigfile report.html.sig";

impl Words<'_> {
    pub(super) fn failures(&self) -> Section {
        let rows = self.report.failures.iter().map(|f| {
            let first = match (f.clerk, f.provider) {
                (None, None) => "nobody",
                (Some(c), Some(p)) if c == p => "both at once",
                (Some(c), Some(p)) if c < p => "the clerk",
                (Some(_), None) => "the clerk",
                _ => "the IT provider",
            };
            vec![
                f.reference.to_string(),
                self.moment(f.found),
                format!("{} ({})", status::seen(f.cause.trouble, true).1, f.cause),
                self.may_be(f.clerk, "not told"),
                self.may_be(f.provider, "not told"),
                first.to_owned(),
                f.minutes.map_or_else(|| "–".to_owned(), minutes),
                self.may_be(f.over, "not yet"),
            ]
        });
        let head = [
            "Reference",
            "Found",
            "What",
            "Clerk told",
            "IT provider told",
            "Told first",
            "Until somebody was told",
            "Right again",
        ];
        Section::new("When something went wrong")
            .say("\"Told\" is when the first message was taken, by mail or another way.")
            .table("Failures, and who was told when", &head, rows.collect(), "No failure is on record.")
    }

    pub(super) fn incidents(&self) -> Section {
        let rows = self.report.incidents.iter().map(|i| {
            let what = match i.what {
                IncidentKind::MassChange => "very many records changed at once",
                IncidentKind::NotItsName => "several documents turned into something else",
                IncidentKind::Clock => "a clock was wrong",
                IncidentKind::VoidEntry => "somebody wrote what they may not",
                IncidentKind::Damage => "stored data was damaged",
            };
            let over = if i.what.stops() { self.may_be(i.resolved, "not yet") } else { self.may_be(i.resolved, "–") };
            vec![number(i.number), self.moment(i.at), what.to_owned(), over]
        });
        let head = ["Number", "When", "What", "A person said go on"];
        Section::new("Incidents").table("Incidents in the signed log", &head, rows.collect(), NOTHING)
    }

    pub(super) fn records(&self) -> Section {
        let schemes =
            self.report.schemes.iter().map(|s| vec![s.minute.clone(), date(s.on), date(s.in_force)]).collect();
        let holds = self.report.holds.iter().map(|h| {
            vec![number(h.number), self.moment(h.placed), date(h.review), self.may_be(h.released, "not released")]
        });
        let disposals = self.report.disposals.iter().map(|d| {
            let end = match (d.done, d.cancelled) {
                (Some(at), _) => format!("destroyed {}", self.moment(at)),
                (None, Some(at)) => format!("called off {}", self.moment(at)),
                (None, None) => "under way".to_owned(),
            };
            vec![number(d.number), d.plan.clone(), number(d.records), self.moment(d.approved), end]
        });
        let none = "No retention scheme was adopted in Strongroom, so no record was destroyed by it.";
        Section::new("Keeping and destroying records")
            .table("Retention schemes", &["Minute", "Decided", "Counts from"], schemes, none)
            .table(
                "Holds",
                &["Number", "Placed", "Look again", "Released"],
                holds.collect(),
                "No hold stood in this time.",
            )
            .table(
                "Disposals (each has a signed certificate of its own)",
                &["Number", "Plan", "Records", "Approved", "End"],
                disposals.collect(),
                "No record was destroyed or approved for it in this time.",
            )
    }

    pub(super) fn access(&self) -> Section {
        let holders = self.report.holders.iter().map(|h| {
            let sees = if h.reads { "documents" } else { "what is stored, no document" };
            let until = self.may_be(h.until, "still holds it");
            vec![h.name.clone(), sees.to_owned(), self.moment(h.from), until, number(h.epoch.into())]
        });
        let writers = self.report.writers.iter().map(|w| {
            let until = self.may_be(w.until, "still may");
            vec![w.name.clone(), w.roles.join(", "), w.key.short(), self.moment(w.from), until]
        });
        Section::new("Who could open the backups, and who could add to them")
            .say(
                "Keys are numbered by the change that made them: who lost a key cannot open what was stored under a higher \
                 number, but may have kept what they could open before.",
            )
            .table(
                "Holders of keys",
                &["Holder", "Can open", "From", "Until", "Keys up to number"],
                holders.collect(),
                NOTHING,
            )
            .table("Computers that could add", &["Name", "For what", "Key", "From", "Cut off"], writers.collect(), NOTHING)
    }

    pub(super) fn outsiders(&self) -> Section {
        let clean = |text: &str| printable(text.as_bytes());
        let rows = self.report.access.iter().map(|a| {
            let text = |f: fn(&access::AccessText) -> &String| {
                a.text.as_ref().map_or_else(|| "sealed; not read here".to_owned(), |t| clean(f(t)))
            };
            let end = match (a.ended, a.overdue) {
                (Some(on), _) => format!("ended {}", date(on)),
                (None, true) => "NOT ENDED, though it should have".to_owned(),
                (None, false) => "open".to_owned(),
            };
            vec![
                number(a.at),
                text(|t| &t.who),
                text(|t| &t.key),
                text(|t| &t.why),
                text(|t| &t.by),
                date(a.from),
                date(a.until),
                end,
            ]
        });
        let head = ["Number", "Who", "Which key", "Why", "Allowed by", "From", "Agreed until", "State"];
        let none = "No access of anybody outside the council is on the register.";
        Section::new("People outside the council").table("Register of outsiders' access", &head, rows.collect(), none)
    }

    pub(super) fn restored(&self) -> Section {
        let rows = self.report.restored.iter().map(|r| vec![self.moment(r.at), number(r.files), size(r.bytes)]);
        let none = "Nothing was brought back in this time.";
        Section::new("Brought back for use").table("Restores", &["When", "Files", "Amount"], rows.collect(), none)
    }

    pub(super) fn policies(&self) -> Section {
        let said = |name: &str, adopted: &Option<Adopted>| match adopted {
            None => format!("{name}: no day of adoption is noted."),
            Some(a) => {
                let minute: String = printable(a.minute.as_bytes()).chars().take(40).collect();
                let end = a.on.saturating_add(jiff::ToSpan::year(1));
                let due = if end < self.report.span.to.min(day_of(self.report.made, self.zone)) {
                    format!("; the yearly review was due by {}", date(end))
                } else {
                    String::new()
                };
                format!("{name}: adopted or reviewed {}, minute {minute}{due}.", date(a.on))
            }
        };
        let policies = &self.report.setting.policies;
        Section::new("The council's policies, as noted in the settings today")
            .say(said("IT policy", &policies.it))
            .say(said("Retention policy", &policies.retention))
    }

    pub(super) fn limits(&self) -> Section {
        let report = self.report;
        let mut section = Section::new("What this does not show");
        section = section.say(match &report.not_covered {
            Some(text) => text.clone(),
            None => "Documents and e-mail are both among what is protected.".to_owned(),
        });
        section = section
            .say(
                "Computers, telephones and services that are not named above are not covered. What the store does by itself, \
                 and copies made outside Strongroom, cannot be seen from here.",
            )
            .say(
                "Facts about backups, tests, keys and destruction come from the signed log. Failed attempts and messages come \
                 from the computers' journals, which lie sealed beside the backups.",
            );
        let d = report.differences;
        for (n, [one, many]) in [
            (
                d.not_in_log,
                [
                    "of which a journal tells is not in the signed log. The log counts: it is not counted above.",
                    "of which a journal tells are not in the signed log. The log counts: they are not counted above.",
                ],
            ),
            (
                d.not_in_journal,
                [
                    "in the signed log is in no journal of that time. The log counts: it is counted above.",
                    "in the signed log are in no journal of that time. The log counts: they are counted above.",
                ],
            ),
        ] {
            if n > 0 {
                let text = if n == 1 { one } else { many };
                section = section.say(format!("THE RECORDS DISAGREE: {} {text}", counted(n, "backup", "backups")));
            }
        }
        if d.void > 0 {
            let n = counted(d.void, "entry of the log counts", "entries of the log count");
            section = section.say(format!("{n} for nothing: written by somebody who may not, or was cut off."));
        }
        for lost in &report.lost {
            let (from, to) = (self.moment(lost.from), self.moment(lost.to));
            section = section.say(format!("A part of a journal is lost: {from} to {to}."));
        }
        if report.sealed_pages > 0 {
            let n = counted(report.sealed_pages, "part", "parts");
            section = section.say(format!(
                "{n} of other computers' journals cannot be opened by this computer. Make the report where the backups can be \
                 read."
            ));
        }
        section
    }

    pub(super) fn check(&self) -> Section {
        let section = Section::new("How to check this page");
        let Some((key, name)) = &self.report.signer else {
            return section.say(
                "This page is not signed. A signed one is written into a folder by: strongroom report --dir FOLDER",
            );
        };
        let mut section = section
            .say(format!("Signed by the key {key} of {}.", printable(name.as_bytes())))
            .say(
                "In the folder it came in, this prints \"Signature Verified Successfully\" if nothing was changed (the same for \
                 report.md and report.csv):",
            )
            .say(format!(
                "Whose key it is shows \"strongroom actor list\". The check number at entry {} is {}; \"strongroom log\" shows \
                 it as long as nobody has changed the past.",
                self.report.entry, self.report.link
            ));
        section.typed.push(CHECK.to_owned());
        section
    }
}
