//! The whole life of records under the council's scheme, through the program as it is; and what the clerk reads then,
//! word for word.

use std::process::Command;

use jiff::ToSpan;
use strongroom::domain::retention::words::Said;

use crate::place::{Place, Said as Told};
use crate::retention::{INVOICES, adopted, council, plan_of, six_years, today};
use crate::retention_run::now;

/// Runs commands and writes down what was said, with what differs from run to run left out.
struct Transcript<'p> {
    place: &'p Place,
    text: String,
    hide: Vec<(String, &'static str)>,
}

impl Transcript<'_> {
    fn run(&mut self, words: &[&str]) -> Told {
        let said = self.place.run(words);
        let typed: Vec<String> =
            words.iter().map(|w| if w.contains(' ') { format!("'{w}'") } else { (*w).to_owned() }).collect();
        self.text += &format!("$ strongroom {}\n", typed.join(" "));
        for line in said.out.lines().chain(said.err.lines()).filter(|l| !l.ends_with(" ...")) {
            self.text += &format!("{line}\n");
        }
        self.text += &if said.code == 0 { "\n".to_owned() } else { format!("[exit {}]\n\n", said.code) };
        said
    }

    fn hide(&mut self, what: impl ToString, word: &'static str) {
        self.hide.push((what.to_string(), word));
    }

    fn told(&self) -> String {
        let mut text = self.text.clone();
        for (what, word) in &self.hide {
            text = text.replace(what, word);
        }
        let is_time = |w: &str| w.len() == 5 && w.as_bytes()[2] == b':';
        let word = |w: &str| match w.trim_end_matches([')', ',']) {
            time if is_time(time) => w.replace(time, "HH:MM"),
            key if key.len() == 65 && key[..64].bytes().all(|b| b.is_ascii_hexdigit()) => "KEY.".into(),
            _ => w.to_owned(),
        };
        let line = |l: &str| match l.split_once("In this run: ") {
            Some(_) => "In this run: what was rewritten and deleted".to_owned(),
            None => l.split(' ').map(word).collect::<Vec<String>>().join(" "),
        };
        text.lines().map(line).collect::<Vec<String>>().join("\n") + "\n"
    }
}

/// Every stored object, opened with the computer's own key: whether any holds these bytes.
fn is_stored(place: &Place, marker: &str) -> bool {
    let out = place.text("everything");
    let _ = std::fs::remove_dir_all(&out);
    let versions = place.run(["snapshots", "--json"]).ends(0).objects();
    versions.iter().filter(|o| o["message_type"] == "snapshot").any(|snapshot| {
        let id = snapshot["snapshot"].to_string();
        let to = format!("{out}/{id}");
        place.run(["restore", "--all", "--deleted", "--snapshot", &id, "--to", &to]).ends(0);
        let found = Command::new("grep").args(["-rl", marker, &to]).output().unwrap();
        found.status.success()
    })
}

/// What is said until the scheme counts.
fn until_it_counts() -> String {
    let place = council(&six_years(), "");
    let mut t = Transcript { place: &place, text: String::new(), hide: vec![] };
    t.run(&["retention", "assign"]).ends(0);
    t.run(&["retention", "assign", INVOICES, "paid-invoices"]).ends(6);
    t.run(&["retention", "assign", INVOICES, "paid-invoices", "--yes"]).ends(0);
    t.run(&["retention", "lint"]).ends(0);
    t.run(&["retention", "adopt", "--minute", "7c", "--on", "2026-03-17"]).ends(6);
    t.run(&["retention", "adopt", "--minute", "7c", "--on", "2026-03-17", "--yes"]).ends(0);
    t.run(&["retention", "plan"]).ends(6);
    let waits = now().in_tz("Europe/London").unwrap().date().checked_add(28.days()).unwrap();
    for (what, word) in [(place.text(""), "PLACE/"), (waits.to_string(), "IN-28-DAYS")] {
        t.hide(what, word);
    }
    t.hide(Said(waits), "IN 28 DAYS");
    t.told()
}

#[test]
fn from_the_scheme_to_the_certificate() {
    let before = until_it_counts();
    // Another council, whose scheme counts; two of its invoices were deleted.
    let place = adopted();
    let mut t = Transcript { place: &place, text: String::new(), hide: vec![] };
    t.run(&["hold", "place", "inv2.txt", "--reason", "FOI 2026-014", "--by", "The Clerk", "--review", "2099-01-05"])
        .ends(0);
    t.run(&["retention", "plan"]).ends(0);
    t.run(&["retention", "why", "inv1.txt"]).ends(0);
    t.run(&["retention", "why", "inv2.txt"]).ends(0);
    t.run(&["retention", "review"]).ends(0);
    assert!(is_stored(&place, "MARKER1"));
    let (plan, day) = (plan_of(&place), today(&place));
    t.run(&["retention", "approve", &plan, "--by", "The Clerk", "--minute", "8a"]).ends(0);
    t.run(&["retention", "disposals"]).ends(0);
    t.run(&["retention", "apply", &plan, "--urgent", "--reason", "the subject asked", "--yes"]).ends(0).says("Done.");
    let cert = place.text("cert");
    t.run(&["retention", "certificate", &plan, "--to", &cert]).ends(0);
    t.run(&["retention", "disposals"]).ends(0);
    t.run(&["find", "inv1"]).ends(0);
    t.run(&["restore", "inv1.txt", "--to", &place.text("back")]).ends(1);
    t.run(&["hold", "release", "FOI 2026-014", "--by", "The Clerk", "--note", "answered"]).ends(0);

    // Nothing of it is left in any snapshot; everything else comes back.
    assert!(!is_stored(&place, "MARKER1"));
    assert!(is_stored(&place, "MARKER2") && is_stored(&place, "MARKER3"));
    place.run(["restore", "inv2.txt", "--to", &place.text("back")]).ends(0);
    assert_eq!(place.read(&format!("back/{INVOICES}/inv2.txt")), b"invoice 2 MARKER2\n");
    place.run(["verify", "check"]).ends(0);
    place.run(["verify", "restore", "--all"]).ends(0);
    place.run(["run"]).ends(0);

    // Anybody can check the certificate, and a changed one is found out.
    let check = || {
        let words = ["pkeyutl", "-verify", "-pubin", "-inkey", "public-key.pem", "-rawin", "-in", "certificate.json"];
        let run = Command::new("openssl").args(words).args(["-sigfile", "certificate.sig"]).current_dir(&cert).output();
        run.unwrap().status.success()
    };
    assert!(check());
    let json = String::from_utf8(place.read("cert/certificate.json")).unwrap();
    assert!(!json.contains("inv1") && json.contains("\"approved_by\": \"The Clerk\""), "{json}");
    place.write("cert/certificate.json", json.replace("The Clerk", "The Clark").as_bytes());
    assert!(!check());
    place.run(["retention", "certificate", &plan, "--to", &cert]).ends(6).says("is there already");

    for (what, word) in [(place.text(""), "PLACE/"), (plan, "PLAN"), (day.to_string(), "TODAY")] {
        t.hide(what, word);
    }
    t.hide(Said(day), "TODAY");
    let (want, got) = (include_str!("retention_life.txt"), before + &t.told());
    assert!(got == want, "what is said has changed; if it is better, it goes into retention_life.txt:\n{got}");
}
