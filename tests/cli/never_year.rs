//! A year of an office, with the real program: both clock changes, holidays with the computer off, the mail server dead for a
//! month, the store away three times, a folder moved, a damaged object. What everybody was told, and when, is approved in
//! `never_year.txt`: STRONGROOM_RENEW=1 cargo test --features testing --test cli never_year writes it anew, to be read.
//!
//! In quiet weeks every sixth night is played; where something happens, each.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::fault_store::flip;
use crate::never_office::{Office, Store, change};
use crate::place::{Place, noise};
use crate::smtp::Manner;

/// From the first to the last of each, every night is played.
const BUSY: [(&str, &str); 11] = [
    ("2027-01-04", "2027-01-07"),
    ("2027-03-26", "2027-03-30"),
    ("2027-04-05", "2027-04-10"),
    ("2027-05-10", "2027-05-14"),
    ("2027-05-24", "2027-05-28"),
    ("2027-05-31", "2027-06-03"),
    ("2027-08-09", "2027-08-11"),
    ("2027-09-14", "2027-09-24"),
    ("2027-10-05", "2027-10-08"),
    ("2027-10-30", "2027-11-01"),
    ("2027-11-15", "2027-11-19"),
];
/// The office computer is off.
const OFF: [(&str, &str); 2] = [("2027-07-23", "2027-08-08"), ("2027-12-17", "2027-12-28")];

/// The provider rehearses bringing documents back, when asked to.
const DRILLS: [&str; 3] = ["2027-04-12", "2027-07-20", "2027-10-20"];

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn is_in(all: &[(&str, &str)], date: Date) -> bool {
    all.iter().any(|(first, last)| (day(first)..=day(last)).contains(&date))
}

/// What happens on a day, before its night's run.
fn happens(office: &mut Office, date: Date) {
    let place = &office.place;
    let rename = |from: &str, to: &str| std::fs::rename(place.path(from), place.path(to)).unwrap();
    match date.to_string().as_str() {
        // The store is away for two nights, for one, and for three.
        "2027-04-06" | "2027-09-14" | "2027-09-20" => rename("repository", "away"),
        "2027-04-08" | "2027-09-15" | "2027-09-23" => rename("away", "repository"),
        // The mail server is dead all May, and in the middle of it a share is not connected.
        "2027-05-01" => office.mail_is_down(),
        "2027-05-10" => rename("Documents", "share"),
        "2027-05-13" => rename("share", "Documents"),
        "2027-06-01" => office.use_mail(Manner::Polite),
        // A folder is moved.
        "2027-10-05" => rename("Documents/Many", "Documents/Planning"),
        "2027-10-07" => {
            let listed = office.run(&["incident", "list", "--json"]).ends(0).objects();
            let open = listed.iter().find(|o| o["cause"].as_str().is_some_and(|c| c.starts_with("mass"))).unwrap()["reference"].as_str().unwrap().to_owned();
            let words = ["incident", "resolve", &open, "--by", "Example IT", "--note", "planning folder was moved"];
            office.run(&words).ends(0);
        }
        // A stored object is damaged, and brought back from the store's old versions.
        "2027-11-15" => {
            let pack = largest(place);
            std::fs::copy(&pack, place.path("sound")).unwrap();
            flip(&pack);
            office.kept = Some(Box::new(pack));
        }
        "2027-11-18" => {
            let pack = office.kept.take().unwrap().downcast::<std::path::PathBuf>().unwrap();
            std::fs::copy(office.place.path("sound"), *pack).unwrap();
        }
        drill if DRILLS.contains(&drill) => drop(office.run(&["verify", "drill", "--sample", "1GiB"]).ends(0)),
        // Everyday work.
        _ if place.path("Documents").exists() => {
            place.write("Documents/Minutes/ledger.bin", &noise(2_000 + usize::from(date.day_of_year().unsigned_abs())))
        }
        _ => {}
    }
}

fn largest(place: &Place) -> std::path::PathBuf {
    place.objects("packs").into_iter().max_by_key(|p| std::fs::metadata(p).unwrap().len()).unwrap()
}

fn begin() -> Office {
    let place = Place::council("[notify.mail]\nhost = \"127.0.0.1\"\nport = 1\ntls = \"none-on-loopback\"");
    let text = String::from_utf8(place.read("home/council.toml")).unwrap();
    let today = text.split("adopted = ").nth(1).unwrap()[..10].to_owned();
    (0..2).for_each(|_| change(&place, &today, "2026-11-02"));
    (0..60).for_each(|n| place.write(&format!("Documents/Many/{n}.txt"), format!("Letter {n}\n").as_bytes()));
    Office::over(place, Store::Folder)
}

#[test]
fn over_a_year_each_message_is_needed_right_and_sent_once() {
    let (zone, mut office) = (TimeZone::get("Europe/London").unwrap(), begin());
    let (mut date, mut said) = (day("2027-01-04"), String::new());
    let mut references: BTreeMap<String, usize> = BTreeMap::new();
    let mut weeks: BTreeMap<&str, usize> = BTreeMap::new();
    let mut quiet = 0;
    while date < day("2028-01-01") {
        office.moment = Some(date.at(1, 30, 0, 0).to_zoned(zone.clone()).unwrap().timestamp());
        if date == day("2027-01-04") {
            office.run(&["init", "--recovery-key-file", &office.place.text("sheet.txt")]).ends(0);
        }
        quiet += 1;
        let event = date == day("2027-05-01") || DRILLS.contains(&date.to_string().as_str());
        if is_in(&OFF, date) || !(quiet % 6 == 0 || event || is_in(&BUSY, date)) {
            date = date.saturating_add(1.day());
            continue;
        }
        happens(&mut office, date);
        let night = office.night();
        let (weekly, others): (Vec<_>, Vec<_>) = office.taken().into_iter().partition(|l| l.is_weekly());
        for letter in weekly {
            *weeks.entry(letter.to).or_default() += 1;
        }
        for letter in others {
            let n = references.len() + 1;
            let n = *references.entry(letter.reference().to_owned()).or_insert(n);
            let subject =
                letter.subject.rsplit_once(" – reference").unwrap().0.trim_start_matches("Anytown Town Council: ");
            said.push_str(&format!("{date} (exit {}) {:<8} #{n} {subject}\n", night.code, letter.to));
        }
        date = date.saturating_add(1.day());
    }
    said.push_str(&format!("weekly messages, of the weeks in which a night is played here: {weeks:?}\n"));
    println!("{said}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/never_year.txt");
    if std::env::var_os("STRONGROOM_RENEW").is_some() {
        std::fs::write(path, said).unwrap();
        return;
    }
    let approved = std::fs::read_to_string(path).unwrap();
    assert!(said == approved, "--- approved\n{approved}\n--- now\n{said}");
}
