//! What a nightly run does about the council's scheme, over the real program: counts, tells once, carries out, stops.

use std::path::Path;

use serde_json::Value;

use crate::place::Place;
use crate::smtp::{Manner, Server};

/// A council with a scheme: letters wait for the clerk, drafts for nobody.
pub struct Council {
    pub place: Place,
    server: Server,
}

pub const SCHEME: &str = r#"
[scheme]
title = "Secret title of Anytown"

[[class]]
id = "confidential-letters"
title = "Letters"
patterns = ["Documents/Letters/**"]
minimum = "2 years"
trigger = "modified"
authority = "minute 7c"
action = "destroy"

[[class]]
id = "drafts"
title = "Drafts"
patterns = ["Documents/Drafts/**"]
minimum = "2 years"
trigger = "modified"
authority = "minute 7c"
action = "destroy"
approver = "none"
"#;

impl Council {
    fn new() -> Self {
        let council = Self::unmade();
        council.place.run(["init", "--recovery-key-file", &council.place.text("sheet.txt")]).ends(0);
        council
    }

    /// Without a repository.
    pub fn unmade() -> Self {
        let server = Server::start(Manner::Polite);
        let place = Place::new();
        place.write("scheme.toml", SCHEME.as_bytes());
        let more = format!(
            "[retention]\nscheme = \"{}\"\n[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"",
            place.text("scheme.toml"),
            server.port
        );
        place.configure("council.toml", &more);
        Self { place, server }
    }

    /// Writes a file of 2015.
    pub fn old_file(&self, name: &str) {
        self.place.write(name, b"Dear Sir\n");
        let file = std::fs::File::options().write(true).open(self.place.path(name)).unwrap();
        let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_431_000_000);
        file.set_modified(then).unwrap();
    }

    /// Backs up a file of 2015 and deletes it.
    fn lost(&self, name: &str) {
        self.old_file(name);
        self.place.run(["backup"]).ends(0);
        std::fs::remove_file(self.place.path(name)).unwrap();
    }

    fn adopt(&self) {
        self.place.run(["retention", "adopt", "--minute", "7c", "--on", "2026-03-17", "--yes"]).ends(0);
    }

    pub fn hold(&self, pattern: &str) {
        let today = now().in_tz("Europe/London").unwrap().date().to_string();
        let args = ["hold", "place", pattern, "--reason", "FOI secret", "--by", "Clerk", "--review", &today];
        self.place.run(args).ends(0);
    }

    pub fn told(&self) -> Vec<String> {
        let all = std::mem::take(&mut *self.server.taken.lock().unwrap());
        // Soft line breaks of quoted-printable.
        all.iter().map(|m| m.replace("=\r\n", "").replace("=\n", "")).collect()
    }

    pub fn status(&self) -> Value {
        let said = self.place.run(["status", "--json"]);
        said.objects().into_iter().find(|o| o["message_type"] == "status").unwrap()["retention"].clone()
    }
}

/// The program under test asks the real clock, so these tests do.
#[allow(clippy::disallowed_methods)]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

pub fn about<'m>(told: &'m [String], words: &str) -> Vec<&'m String> {
    let found: Vec<&String> = told.iter().filter(|m| m.contains(words)).collect();
    // What parts the message says is made by chance.
    let by_chance = |line: &str| line.starts_with("--") || line.contains("boundary=");
    let said = |m: &str| m.lines().filter(|l| !by_chance(l)).collect::<Vec<_>>().join("\n");
    for secret in ["FOI", "Secret", "confidential", "old.txt", "7c", "Letters"] {
        assert!(!found.iter().any(|m| said(m).contains(secret)), "{secret} in {found:?}");
    }
    found
}

fn exists(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut d| d.next().is_some())
}

#[test]
fn without_a_scheme_the_status_says_so_and_nobody_is_told() {
    let c = Council::new();
    c.place.run(["run"]).ends(0).says("Retention: no scheme is adopted, so no record is destroyed.");
    assert!(c.told().is_empty());
    assert!(c.status()["scheme"].is_null());
}

#[test]
fn what_waits_for_a_decision_is_told_once_by_counts() {
    let c = Council::new();
    c.adopt();
    c.lost("Documents/Letters/old.txt");
    c.told();
    c.place.run(["run"]).ends(0).says("1 record is due and waiting for a decision");
    let told = c.told();
    assert_eq!((about(&told, "waiting for your decision").len(), told.len()), (1, 1), "{told:?}");
    c.place.run(["run"]).ends(0);
    assert!(c.told().is_empty(), "told once, and not again within the week");
    c.place.run(["status"]).ends(0).says("Retention: scheme adopted 17 March 2026 (minute 7c); 1 record due");
    let status = c.status();
    assert_eq!((&status["numbers"]["due"], &status["numbers"]["classed"]), (&1.into(), &1.into()), "{status}");
    c.place.run(["find", "old.txt"]).ends(0).says("old.txt");
}

#[test]
fn what_the_scheme_lets_go_alone_is_approved_and_withdrawn() {
    let c = Council::new();
    c.adopt();
    c.lost("Documents/Drafts/old.txt");
    c.told();
    let said = c.place.run(["run"]).ends(0).says("Approved by the scheme itself").says("1 record withdrawn");
    said.says("; 1 record is being disposed of under plan ");
    assert_eq!(about(&c.told(), "approved for destruction").len(), 1, "the clerk; there is no deputy");
    c.place.run(["find", "old.txt"]).says("Documents/Drafts/old.txt was withdrawn on ").never_says("[last seen");
    c.place.run(["run"]).ends(0).says("1 record withdrawn");
    assert!(c.told().is_empty());
    assert_eq!(c.status()["disposals"], 1);
}

#[test]
fn a_hold_stops_an_approved_disposal_and_is_told_once() {
    let c = Council::new();
    c.adopt();
    c.lost("Documents/Letters/old.txt");
    c.place.run(["run"]).ends(0);
    let plan = c.place.run(["retention", "plan", "--json"]).summary()["plan"].as_str().unwrap().to_owned();
    c.place.run(["retention", "approve", &plan, "--by", "Clerk", "--minute", "8a"]).ends(0);
    c.hold("old.txt");
    c.told();
    c.place.run(["run"]).ends(6).says("must stay now");
    let told = c.told();
    assert_eq!(about(&told, "destruction was stopped").len(), 1, "{told:?}");
    assert_eq!(about(&told, "looked at again").len(), 1, "the day of review is today: {told:?}");
    c.place.run(["run"]).ends(6);
    assert!(c.told().is_empty(), "once");
    c.place.run(["status"]).says("was stopped and waits for a person").says("1 hold is due for review");
    assert_eq!(c.status()["stopped"].as_array().map(Vec::len), Some(1));
    let listed = c.place.run(["retention", "disposals"]).ends(0).says("stopped by the run of ");
    listed.says("some of its records must stay now, by a hold or a change since. Which: strongroom retention apply ");
    let listed = c.place.run(["retention", "disposals", "--json"]).ends(0).objects().remove(0);
    assert_eq!(listed["stopped"], "changed");
    assert!(exists(&c.place.path("repository").join("packs")));
}

#[test]
fn prune_is_stopped_by_a_hold_and_says_which() {
    let c = Council::new();
    for text in ["one", "two", "three"] {
        c.place.write("Documents/Minutes/2026/May.txt", text.as_bytes());
        c.place.run(["backup"]).ends(0);
    }
    c.place.run(["prune", "--keep-last", "1", "--dry-run"]).ends(0).says("Would thin 2 snapshots, kept 1");
    c.hold("may.txt");
    c.place
        .run(["prune", "--keep-last", "1", "--dry-run"])
        .ends(0)
        .says("Would thin 0 snapshots, kept 3")
        .says("hold ");
    let fates = c.place.run(["prune", "--keep-last", "1", "--dry-run", "--json"]).objects();
    let held = |o: &&Value| o["message_type"] == "fate" && o["holds"].as_array().is_some_and(|h| h.len() == 1);
    assert_eq!(fates.iter().filter(held).count(), 2, "{fates:?}");
    c.place.run(["prune", "--keep-last", "1", "--yes"]).ends(6).says("a hold touches records");
    assert_eq!(
        c.place.run(["snapshots", "--json"]).objects().iter().filter(|o| o["message_type"] == "snapshot").count(),
        3
    );
    c.place.run(["hold", "release", "FOI secret", "--by", "Clerk", "--note", "answered"]).ends(0);
    c.place.run(["prune", "--keep-last", "1", "--yes"]).ends(0).says("Thinned 2 snapshots");
}
