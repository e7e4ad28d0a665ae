//! Failures reach people: once per cause, whatever failed, and also when the configuration itself is broken.

use jiff::SignedDuration;
use strongroom::service::journal::{Event, Journal, JournalEntry, Step};
use strongroom::service::words::{Counts, JobKind, Outcome, SetName};

use crate::place::{Place, Said};
use crate::smtp::{Manner, Server};

fn mail(server: &Server) -> String {
    format!("[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"", server.port)
}

fn taken(server: &Server) -> Vec<String> {
    std::mem::take(&mut *server.taken.lock().unwrap())
}

fn to_clerk(messages: &[String]) -> Vec<&String> {
    messages.iter().filter(|m| m.contains("RCPT TO:<clerk@anytown-tc.gov.uk>")).collect()
}

#[test]
fn a_failure_is_told_once_and_its_end_too() {
    let server = Server::start(Manner::Polite);
    let place = Place::ready(&mail(&server));
    place.run(["run"]).ends(0);
    assert!(taken(&server).is_empty());
    std::fs::rename(place.path("Documents"), place.path("away")).unwrap();
    place.run(["run"]).ends(1);
    let told = taken(&server);
    assert_eq!((to_clerk(&told).len(), told.len()), (1, 2), "{told:?}");
    assert!(to_clerk(&told)[0].contains("01632 960000") && !told.iter().any(|m| m.contains("Minutes")), "{told:?}");
    place.run(["run"]).ends(1);
    assert!(taken(&server).is_empty(), "the same cause is told once a day");
    std::fs::rename(place.path("away"), place.path("Documents")).unwrap();
    place.run(["run"]).ends(0);
    let told = taken(&server);
    assert_eq!(to_clerk(&told).len(), 1, "{told:?}");
    place.run(["run"]).ends(0);
    assert!(taken(&server).is_empty());
}

#[test]
fn the_store_or_the_keys_failing_is_told_too() {
    let server = Server::start(Manner::Polite);
    let place = Place::ready(&mail(&server));
    place.run(["run"]).ends(0);
    std::fs::rename(place.path("repository"), place.path("gone")).unwrap();
    place.run(["run"]).ends(10);
    assert_eq!(to_clerk(&taken(&server)).len(), 1);
    std::fs::rename(place.path("gone"), place.path("repository")).unwrap();
    place.run(["run"]).ends(0);
    taken(&server);
    std::fs::remove_file(place.objects("log").last().unwrap()).unwrap();
    place.run(["run"]).ends(4).says("the store has gone back in time");
    assert_eq!(to_clerk(&taken(&server)).len(), 1);
}

#[test]
fn a_dead_mail_server_delays_and_never_loses() {
    let server = Server::start(Manner::Polite);
    let place = Place::ready(&mail(&server));
    place.run(["run"]).ends(0);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    place.configure("council.toml", &mail(&server).replace(&server.port.to_string(), &free.to_string()));
    std::fs::rename(place.path("Documents"), place.path("away")).unwrap();
    place.run(["run"]).ends(1).says("did not leave yet").says("the mail server cannot be reached");
    place.run(["status"]).says("Messages have not got through since");
    place.run(["doctor"]).ends(1).says("no message waits to be sent: 2 wait");
}

#[test]
fn a_test_message_is_noted_when_it_was_accepted() {
    let server = Server::start(Manner::Polite);
    let place = Place::ready(&mail(&server));
    place.run(["run"]).ends(0).says("To do: send a test message to the clerk");
    place.run(["notify", "test"]).ends(0).says("The mail server took the message for the clerk: taken as 42");
    assert_eq!(taken(&server).len(), 2);
    place.run(["status"]).ends(0).never_says("To do: send a test message");
    let said = place.run(["doctor"]).says("ok           the mail server answers, and takes user and password");
    said.says("ok           somebody is told of a failure").says("ok           a test message was accepted");
    assert!(taken(&server).is_empty(), "the doctor sends nothing");
    let locked = Server::start(Manner::Locked);
    place.write("password", b"wrong\n");
    std::fs::set_permissions(place.path("password"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let login = format!("{}\nuser = \"clerk\"\npassword_file = \"{}\"", mail(&locked), place.text("password"));
    place.configure("council.toml", &login);
    place.run(["notify", "test"]).ends(1).says("did not accept the user and password").never_says("wrong\"");
    let said =
        "problem      the mail server answers, and takes user and password: the mail server did not accept the user";
    place.run(["doctor"]).ends(1).says(said);
    std::fs::set_permissions(place.path("password"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    place.run(["notify", "test"]).ends(2).says("others on this computer can read or change").says("chmod o=");
    let none = Place::ready("");
    none.run(["notify", "test"]).ends(2).says("the configuration has no [notify.mail]");
}

/// What stays below the line each night shows over a week; and whatever the records are called, no message says it.
#[test]
fn a_change_that_is_spread_over_a_week_is_an_incident_and_is_told_without_a_name() {
    let (server, place) = (Server::start(Manner::Polite), Place::new());
    place.configure("council.toml", &mail(&server));
    let write = |n: usize, text: &str| place.write(&format!("Documents/HOSTILE {n} <b>.txt"), text.as_bytes());
    (0..200).for_each(|n| write(n, "as it was"));
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0);
    // As if the office had been at it for six weeks: three records a night, and fifteen in each of the last six.
    let journal = Journal::new(&place.path("home/state"));
    let lines = journal.read().unwrap().entries;
    std::fs::remove_file(place.path("home/state/journal.jsonl")).unwrap();
    for nights in (1..=42).rev() {
        let changed = if nights <= 6 { 15 } else { 3 };
        let at = lines[0].at - SignedDuration::from_hours(24 * nights);
        journal.append(&JournalEntry { at, run: nights.to_string(), event: backup_of(changed) }).unwrap();
    }
    lines.iter().for_each(|line| journal.append(line).unwrap());
    (0..15).for_each(|n| write(n, "changed"));
    taken(&server);
    let told = "An unusual number of records changed";
    place.run(["run"]).ends(6).says(&format!("{told} in seven days."));
    let mails: Vec<String> = taken(&server).iter().map(|m| m.replace("=\n", "")).collect();
    let about = |words: &str| mails.iter().filter(|m| m.contains(words)).count();
    assert_eq!(about("an unusual number of changes: 105 records in seven days."), 1, "{mails:?}");
    assert_eq!(about("Causes: mass-change/documents\n"), 1, "{mails:?}");
    assert!(!mails.iter().any(|m| m.contains("HOSTILE")), "{mails:?}");
    place.run(["incident", "list"]).says("15 changed and 0 gone of 203; 105 changed or gone in seven days");
    // The same nights are not told again with the next one.
    (15..30).for_each(|n| write(n, "changed"));
    place.run(["run"]).never_says(told);
}

/// Whoever gave it and wherever: somebody who has the sheet is not always somebody who may.
#[test]
fn that_somebody_was_given_a_key_is_told_once_and_without_a_name() {
    let server = Server::start(Manner::Polite);
    let place = Place::ready(&mail(&server));
    place.run(["run"]).ends(0);
    assert!(taken(&server).is_empty(), "the keys of the set-up are no news");
    let recipient = strongroom::repo::seal::Identity::generate().recipient().to_string();
    let (sheet, name) = (place.text("sheet.txt"), "deputy clerk");
    place.run(["key", "add", name, "--recipient", &recipient, "--reads", "--recovery-key-file", &sheet]).ends(0);
    place.run(["run"]).ends(0);
    let told: Vec<String> = taken(&server).iter().map(|m| m.replace("=\n", "")).collect();
    let said = "Keys that open them now: 3. Computers that may add to them: 1.";
    assert_eq!((told.len(), told.iter().filter(|m| m.contains(said)).count()), (2, 1), "{told:?}");
    let technical =
        told.iter().filter(|m| m.contains("Keys that open: 3, computers that write: 1") && m.contains("support@"));
    assert_eq!((to_clerk(&told).len(), technical.count()), (1, 1), "{told:?}");
    assert!(told.iter().all(|m| !m.contains(name) && !m.contains("age1")), "{told:?}");
    let reference = |m: &String| m.split("SR-").nth(1).unwrap()[..13].to_owned();
    assert_eq!(reference(&told[0]), reference(&told[1]));
    place.run(["run"]).ends(0);
    assert!(taken(&server).is_empty());
    place.run(["key", "remove", name, "--recovery-key-file", &sheet]).ends(0);
    place.run(["run"]).ends(0);
    assert!(taken(&server).iter().any(|m| m.replace("=\n", "").contains("Keys that open them now: 2.")));
}

fn backup_of(changed: u64) -> Event {
    Event::StepFinished(Step {
        job: JobKind::Backup,
        set: Some(SetName::new("documents").unwrap()),
        outcome: Outcome::Done,
        troubles: vec![],
        counts: Counts { changed, ..Counts::default() },
        snapshot: None,
        exit: 0,
        examined_all: false,
        seconds: 1,
        said: None,
    })
}

#[test]
fn a_run_that_could_not_speak_for_itself_is_told_by_notify_failed() {
    let server = Server::start(Manner::Polite);
    let place = Place::ready(&mail(&server));
    place.run(["run"]).ends(0);
    place.run(["notify", "failed"]).ends(0).says("there is nothing to add");
    assert!(taken(&server).is_empty());
    // A run that was killed: it began, and never ended.
    let journal = strongroom::service::journal::Journal::new(&place.path("home/state"));
    let entries = journal.read().unwrap().entries;
    let began = strongroom::service::journal::Event::RunStarted;
    let at = entries.last().unwrap().at;
    journal.append(&strongroom::service::journal::JournalEntry { at, run: "killed".into(), event: began }).unwrap();
    place.run(["notify", "failed"]).ends(0).says("The clerk was told by e-mail.");
    assert_eq!(to_clerk(&taken(&server)).len(), 1);
    place.run(["run"]).ends(0);
    assert_eq!(to_clerk(&taken(&server)).len(), 1, "working again");
    // A configuration that nobody can read: the last good one says whom to tell.
    let good = place.read("home/council.toml");
    place.write("home/council.toml", b"[council\nname = ");
    place.run(["run"]).ends(2);
    assert!(taken(&server).is_empty());
    place.run(["notify", "failed"]).ends(0).says("council.toml, line 1");
    assert_eq!(to_clerk(&taken(&server)).len(), 1);
    place.write("home/council.toml", &good);
    place.run(["run"]).ends(0);
    assert_eq!(to_clerk(&taken(&server)).len(), 1, "working again");
}

/// The program on a configuration of its own, as systemd starts it: `$STATE_DIRECTORY` is another installation's.
fn with(place: &Place, file: &str, words: &[&str]) -> Said {
    let mut command = place.command();
    command.env("STATE_DIRECTORY", place.path("one-state"));
    Said::of(command.arg("--config").arg(place.path("home").join(file)).args(words).output().unwrap())
}

fn break_it(place: &Place, file: &str) {
    let text = String::from_utf8(place.read(&format!("home/{file}"))).unwrap();
    place.write(&format!("home/{file}"), format!("{text}\nthis is no toml\n").as_bytes());
}

/// What each good run keeps of its configuration is found by that file's path, wherever its state folder is.
#[test]
fn a_broken_configuration_is_stood_in_for_by_its_own_last_good_copy_and_no_other() {
    let server = Server::start(Manner::Polite);
    let place = Place::new();
    let own = |dir: &str| format!("[state]\ndir = \"{}\"\n{}", place.text(dir), mail(&server));
    place.configure("one.toml", &mail(&server));
    place.configure("two.toml", &own("two-state"));
    let sheet = place.text("sheet.txt");
    with(&place, "one.toml", &["init", "--recovery-key-file", &sheet]).ends(0);
    with(&place, "one.toml", &["run"]).ends(0);
    // Another installation's copy is none.
    break_it(&place, "two.toml");
    for words in [&["run", "--last-good"][..], &["notify", "failed"]] {
        with(&place, "two.toml", words).ends(2).never_says("goes on with the configuration");
    }
    let kept = place.path("one-state/last-good");
    let [copy] = &std::fs::read_dir(&kept).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>()[..] else {
        panic!()
    };
    let key = blake3::hash(place.text("home/two.toml").as_bytes()).to_hex()[..32].to_owned();
    assert!(copy.extension().is_some_and(|e| e == "toml") && !copy.ends_with(format!("{key}.toml")));
    std::fs::copy(copy, kept.join(format!("{key}.toml"))).unwrap();
    with(&place, "two.toml", &["run", "--last-good"]).ends(2);
    std::fs::remove_file(kept.join(format!("{key}.toml"))).unwrap();
    assert!(taken(&server).is_empty());
    // With a state folder of its own, known from nowhere but the file.
    place.configure("one.toml", &own("own-state"));
    std::fs::rename(place.path("one-state"), place.path("own-state")).unwrap();
    with(&place, "one.toml", &["run"]).ends(0);
    break_it(&place, "one.toml");
    with(&place, "one.toml", &["run"]).ends(2);
    let made = with(&place, "one.toml", &["run", "--last-good", "--json"]).ends(1);
    assert_eq!(made.summary()["snapshots"].as_array().unwrap().len(), 1, "{}", made.out);
    let told = taken(&server);
    assert!(to_clerk(&told).len() == 1 && to_clerk(&told)[0].contains("settings"), "{told:?}");
    with(&place, "one.toml", &["notify", "failed"]).ends(0);
}

#[test]
fn a_job_that_outlived_its_kill_is_told_of_although_it_holds_the_lock() {
    use strongroom::service::journal::{Event, Journal, JournalEntry};
    let server = Server::start(Manner::Polite);
    let place = Place::ready(&mail(&server));
    place.run(["run"]).ends(0);
    let journal = Journal::new(&place.path("home/state"));
    let at = journal.read().unwrap().entries.last().unwrap().at;
    journal.append(&JournalEntry { at, run: "hangs".into(), event: Event::RunStarted }).unwrap();
    let _held = strongroom::repo::local::try_lock(&place.path("home/state/run.lock")).unwrap().unwrap();
    place.run(["notify", "failed"]).ends(0).says("will tell people itself");
    assert!(taken(&server).is_empty());
    place.run(["notify", "failed", "--outlived"]).ends(0).says("The clerk was told by e-mail.");
    assert_eq!(to_clerk(&taken(&server)).len(), 1);
}
