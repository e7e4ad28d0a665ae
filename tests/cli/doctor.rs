//! `doctor`: every line that it can print, with each verdict that it can have. What must always hold: whatever is not ok says
//! what to do.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::Ordering;

use jiff::ToSpan;

use crate::never_office::change;
use crate::place::{Place, Said};
use crate::s3::{ACCESS_KEY, S3Server, SECRET_KEY};
use crate::smtp::{Manner, Server};

/// Each line: what, verdict, why.
type Lines = Vec<(String, String, String)>;

#[track_caller]
fn look_with(mut command: Command, place: &Place) -> Lines {
    let said = Said::of(command.arg("--home").arg(place.path("home")).args(["doctor", "--json"]).output().unwrap());
    let lines: Vec<_> = said.objects().into_iter().filter(|o| o["message_type"] == "check").collect();
    let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap().to_owned();
    let (mut all, mut counts) = (vec![], BTreeMap::new());
    for line in &lines {
        let verdict = text(line, "verdict");
        assert!(verdict == "ok" || !text(line, "todo").is_empty(), "it does not say what to do: {line}");
        assert!((verdict == "ok") == text(line, "why").is_empty(), "{line}");
        *counts.entry(verdict.clone()).or_insert(0) += 1;
        all.push((text(line, "what"), verdict, text(line, "why")));
    }
    let (summary, count) = (said.summary(), |verdict: &str| counts.get(verdict).copied().unwrap_or(0));
    for (key, verdict) in [("ok", "ok"), ("problems", "problem"), ("not_checked", "not checked")] {
        assert_eq!(summary[key], count(verdict), "{summary}");
    }
    assert_eq!(said.code, i32::from(count("problem") > 0));
    all
}

#[track_caller]
fn look(place: &Place) -> Lines {
    look_with(place.command(), place)
}

/// That this line is there once, with this verdict and these words in its reason.
#[track_caller]
fn says(lines: &Lines, what: &str, verdict: &str, why: &str) {
    let found: Vec<_> = lines.iter().filter(|(w, ..)| w == what).collect();
    let fits = matches!(&found[..], [(_, v, w)] if v == verdict && w.contains(why));
    assert!(fits, "{what} should be {verdict}: {why}\n{found:?} in {lines:#?}");
}

#[test]
fn an_office_that_is_well_has_these_lines_and_no_others() {
    let server = Server::start(Manner::Polite);
    let mail = format!("[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"", server.port);
    let place = Place::ready(&mail);
    place.run(["run"]).ends(0);
    place.run(["notify", "test"]).ends(0);
    let lines = look(&place);
    let documents = format!("{} can be read", place.text("Documents"));
    let wanted = [
        ("the configuration can be read", "ok"),
        (&documents, "ok"),
        ("this computer's own folder has room", "of this computer"),
        ("the repository's folder has room", "of this computer"),
        ("others on this computer cannot read its keys", "ok"),
        ("documents are examined where they reach no other file and no network", "of this computer"),
        ("the journal can be read", "ok"),
        ("a test message was accepted", "ok"),
        ("the store answers", "ok"),
        ("store: a second object of the same name is refused", "ok"),
        ("store: of sixteen at once exactly one wins", "ok"),
        ("store: what was written is listed", "ok"),
        ("store: this credential cannot overwrite or delete", "problem"),
        ("the store suits the configuration", "ok"),
        ("the backup is off-site", "problem"),
        ("the keys open the repository", "ok"),
        ("this computer's clock is right", "not checked"),
        ("somebody is told of a failure", "ok"),
        ("the mail server answers, and takes user and password", "ok"),
        ("no message waits to be sent", "ok"),
        ("something starts the runs", "of this computer"),
        ("the last run of the schedule began", "ok"),
        ("the next run is due", "ok"),
        ("set documents was backed up in time", "ok"),
        ("every folder beside those of the sets is backed up, or meant not to be", "ok"),
    ];
    let named = |what: &str| {
        if what.starts_with("the next run is due ") { "the next run is due".into() } else { what.to_owned() }
    };
    let found: Vec<(String, &str)> = lines.iter().map(|(what, verdict, _)| (named(what), verdict.as_str())).collect();
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for ((what, verdict), (wanted, should)) in found.iter().zip(wanted) {
        assert!(
            what == wanted && (*verdict == should || should == "of this computer"),
            "{what}: {verdict}, not {should}"
        );
    }
}

/// What is done to an office, and a line that says so.
type Row = (fn(&Place), &'static str, &'static str, &'static str);

const ROWS: [Row; 10] = [
    (|p| std::fs::remove_dir_all(p.path("Documents")).unwrap(), "DOCUMENTS can be read", "problem", "No such file"),
    (
        |p| {
            std::fs::remove_dir_all(p.path("Documents")).unwrap();
            std::fs::create_dir(p.path("Documents")).unwrap();
        },
        "DOCUMENTS can be read",
        "not checked",
        "it is empty",
    ),
    (
        |p| std::fs::set_permissions(p.path("home/state"), PermissionsExt::from_mode(0o755)).unwrap(),
        "others on this computer cannot read its keys",
        "problem",
        "they can",
    ),
    (
        |p| std::fs::remove_dir_all(p.path("home/state")).unwrap(),
        "others on this computer cannot read its keys",
        "not checked",
        "there are none yet",
    ),
    (
        |p| p.write("home/state/journal.jsonl", &[&p.read("home/state/journal.jsonl")[..], b"junk\n{}\n"].concat()),
        "the journal can be read",
        "problem",
        "2 lines are damaged",
    ),
    (
        |p| {
            std::fs::remove_file(p.path("home/state/journal.jsonl")).unwrap();
            std::fs::create_dir(p.path("home/state/journal.jsonl")).unwrap();
        },
        "the journal can be read",
        "problem",
        "",
    ),
    (|_| {}, "a test message was accepted", "problem", "no message reaches the clerk"),
    (|_| {}, "somebody is told of a failure", "problem", "there is no [notify.mail]"),
    (|p| std::fs::rename(p.path("repository"), p.path("away")).unwrap(), "the store answers", "problem", ""),
    (
        |p| std::fs::rename(p.path("home/state/machine.json"), p.path("away")).unwrap(),
        "the keys open the repository",
        "problem",
        "",
    ),
];

#[test]
fn what_is_wrong_has_a_line() {
    let office = Place::ready("");
    office.run(["run"]).ends(0);
    for (breaks, what, verdict, why) in ROWS {
        let place = office.again();
        breaks(&place);
        says(&look(&place), &what.replace("DOCUMENTS", &place.text("Documents")), verdict, why);
    }
}

/// The program under test asks the real clock, so these tests do.
#[allow(clippy::disallowed_methods)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Ten days later at noon: the night's run is long past, whatever the time of day is now.
fn later(place: &Place) -> Command {
    let noon = now().to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(10.days()).at(12, 0, 0, 0);
    let noon = noon.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    let mut command = place.command();
    command.env("STRONGROOM_TESTING_LATER", noon.duration_since(now()).as_secs().to_string());
    command
}

#[test]
fn runs_and_backups_that_are_missing_have_a_line_each() {
    let place = Place::ready("[schedule]\njitter = \"0 seconds\"\nrun_limit = \"1 hour\"\ngrace = \"1 hour\"");
    let never = look_with(later(&place), &place);
    says(&never, "the last run of the schedule began", "not checked", "none has run yet");
    says(&never, "set documents was backed up in time", "not checked", "this computer has made no backup of it yet");
    place.run(["run"]).ends(0);
    let late = look_with(later(&place), &place);
    says(&late, "the last run of the schedule began", "problem", "the run of ");
    says(&late, "set documents was backed up in time", "problem", "the last one is of ");
}

#[test]
fn a_store_that_overwrites_or_lists_late_has_lines_that_say_so_and_so_has_a_clock_that_differs() {
    let (place, server) = (Place::new(), S3Server::start());
    place.configure("council.toml", "");
    let bucket = format!(
        "url = \"s3://bucket/anytown\"\nendpoint = \"{}\"\nallow_http = true\nregion = \"x\"\naccess_key_id_env = \"KEY\"\n\
         secret_access_key_env = \"SECRET\"",
        server.url()
    );
    change(&place, &format!("url = \"file://{}\"", place.text("repository")), &bucket);
    let command = || {
        let mut command = place.command();
        command.env("KEY", ACCESS_KEY).env("SECRET", SECRET_KEY);
        command
    };
    let sheet = place.text("sheet.txt");
    let init = ["init", "--recovery-key-file", &sheet];
    Said::of(command().arg("--home").arg(place.path("home")).args(init).output().unwrap()).ends(0);
    let well = look_with(command(), &place);
    says(&well, "this computer's clock is right", "ok", "");
    says(&well, "the store suits the configuration", "ok", "");
    says(&well, "store: what was written is listed", "ok", "");
    says(&well, "the store protects what lies in it as claimed", "not checked", "that was never tested");
    server.careless.store(true, Ordering::SeqCst);
    server.hidden.lock().unwrap().push("-a".into());
    let mut ahead = command();
    ahead.env("STRONGROOM_TESTING_LATER", "7200");
    let ill = look_with(ahead, &place);
    says(&ill, "store: a second object of the same name is refused", "problem", "the store overwrites without a word");
    says(&ill, "store: of sixteen at once exactly one wins", "problem", "several writers won the same name");
    says(&ill, "store: what was written is listed", "problem", "it is not in the list");
    says(&ill, "the store suits the configuration", "problem", "it overwrites");
    says(&ill, "this computer's clock is right", "problem", "it and the store's differ by 1");
}
