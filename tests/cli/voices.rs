//! Several ways of telling people, from the command line: real mail, real web servers, the real clock.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use strongroom::service::history::{JournalState, fold};
use strongroom::service::journal::{Event, Journal, JournalEntry, Step};
use strongroom::service::voice::{Voice, WayName};
use strongroom::service::words::{Cause, Counts, JobKind, Outcome, Reference, SetName, Trouble};

use crate::http::{Answer, Web};
use crate::place::Place;
use crate::serving::{Serving, wait};
use crate::smtp::{Manner, Server};

/// Mail, a webhook `desk` and a ping; their addresses lie in private files.
fn ways(place: &Place, mail: &Server, desk: &Web, ping: &Web) -> String {
    [("desk", desk), ("ping", ping)].into_iter().for_each(|(name, web)| keep_address(place, name, web));
    format!(
        "[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"\n\
         [[notify.webhook]]\nname = \"desk\"\nurl_file = \"{}\"\n[notify.ping]\nurl_file = \"{}\"\n",
        mail.port,
        place.text("desk"),
        place.text("ping")
    )
}

fn keep_address(place: &Place, name: &str, web: &Web) {
    place.write(name, format!("{}\n", web.url()).as_bytes());
    std::fs::set_permissions(place.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

struct Town {
    place: Place,
    mail: Server,
    desk: Web,
    ping: Web,
}

fn town() -> Town {
    let (mail, desk, ping) = (
        Server::start(Manner::Polite),
        Web::start(Answer::Plain(202, "queued as 7")),
        Web::start(Answer::Plain(200, "OK")),
    );
    let place = Place::new();
    place.configure("council.toml", &ways(&place, &mail, &desk, &ping));
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    Town { place, mail, desk, ping }
}

impl Town {
    fn journal(&self) -> Journal {
        Journal::new(&self.place.path("home/state"))
    }
    fn state(&self) -> JournalState {
        fold(&self.journal().read().unwrap().entries)
    }
    fn now(&self) -> Timestamp {
        self.journal().read().unwrap().entries.last().unwrap().at
    }
    fn note(&self, at: Timestamp, event: Event) {
        self.journal().append(&JournalEntry { at, run: String::from("test"), event }).unwrap();
    }
    fn mails(&self) -> Vec<String> {
        std::mem::take(&mut *self.mail.taken.lock().unwrap())
    }
    fn pings(&self) -> Vec<String> {
        self.ping.take().into_iter().map(|r| r.line).collect()
    }
    fn bodies(&self) -> Vec<Value> {
        self.desk.take().iter().map(|r| serde_json::from_str(&r.body).unwrap()).collect()
    }
}

#[test]
fn a_test_goes_by_every_way_and_says_what_each_answered() {
    let town = town();
    let said = town.place.run(["notify", "test"]).ends(0);
    assert_eq!(
        said.out,
        "The mail server took the message for the clerk: taken as 42\n\
         The mail server took the message for the provider: taken as 42\n\
         The webhook \"desk\" took the message for the provider: 202: queued as 7\n\
         The service that is pinged was told how the last run ended (start): 200: OK\n\
         Now ask the clerk whether it arrived.\n"
    );
    assert_eq!(
        (town.mails().len(), town.bodies().len(), town.pings()),
        (2, 1, vec!["GET /hunter2/start HTTP/1.1".into()])
    );
    town.place.run(["run"]).ends(0);
    town.pings();
    town.desk.answers(Answer::Plain(404, "no such hook"));
    town.ping.answers(Answer::Plain(500, ""));
    let said = town.place.run(["notify", "test"]).ends(1).never_says("hunter2");
    for words in [
        "The webhook \"desk\" did not take it: the server refused it (404: no such hook); check the address and what that \
         service expects",
        "The service that is pinged was told how the last run ended (success) did not take it: the server cannot take it \
         now (500)",
    ] {
        let err = said.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(err.contains(words), "{words} is not in {err}");
    }
    assert_eq!(town.pings(), ["GET /hunter2 HTTP/1.1"]);
    let json = town.place.run(["notify", "test", "--json"]).ends(1);
    assert_eq!((json.summary()["sent"].as_u64(), json.summary()["failed"].as_u64()), (Some(2), Some(2)));
    std::fs::remove_file(town.place.path("desk")).unwrap();
    town.place.run(["notify", "test"]).ends(1).says("its settings cannot be used").never_says("hunter2");
    town.place.run(["doctor"]).ends(1).says("the address of the webhook desk can be used");
}

#[test]
fn a_run_pings_its_beginning_and_its_end_and_backups_between_do_not() {
    let town = town();
    town.place.run(["run"]).ends(0);
    assert_eq!(town.pings(), ["GET /hunter2/start HTTP/1.1", "GET /hunter2 HTTP/1.1"]);
    town.place.run(["run", "--backups-only"]).ends(0);
    assert!(town.pings().is_empty());
    std::fs::rename(town.place.path("Documents"), town.place.path("away")).unwrap();
    town.place.run(["run"]).ends(1).says("The provider was told by the webhook \"desk\".").never_says("hunter2");
    assert_eq!(town.pings(), ["GET /hunter2/start HTTP/1.1", "GET /hunter2/fail HTTP/1.1"]);
    let told = town.bodies();
    assert_eq!((told.len(), &told[0]["severity"], &told[0]["role"]), (1, &"problem".into(), &"provider".into()));
    // One that is late says nothing: it is neither kept nor tried again, and fails no run.
    std::fs::rename(town.place.path("away"), town.place.path("Documents")).unwrap();
    town.ping.answers(Answer::Plain(503, "later"));
    town.place.run(["run"]).ends(0).says("The service that is pinged did not take \"success\"");
    assert_eq!(town.pings().len(), 2);
    assert!(!town.place.path("home/state/outbox-ping").exists());
    town.place.run(["status"]).says("Messages by ping have not got through since");
    town.ping.answers(Answer::Plain(200, "OK"));
    town.place.run(["run"]).ends(0);
    assert_eq!(town.pings().len(), 2);
    town.place.run(["status"]).never_says("Messages by ping");
    // What a killed run cannot say is said for it.
    town.note(town.now(), Event::RunStarted);
    town.place.run(["notify", "failed"]).ends(0);
    assert_eq!(town.pings(), ["GET /hunter2/fail HTTP/1.1"]);
    let journal = String::from_utf8(town.place.read("home/state/journal.jsonl")).unwrap();
    assert!(!journal.contains("hunter2"));
}

/// The journal as if the first run had been weeks ago.
fn began(town: &Town, days: i64) {
    let at = town.now() - SignedDuration::from_hours(24 * days);
    let lines = town.journal().read().unwrap().entries;
    std::fs::remove_file(town.place.path("home/state/journal.jsonl")).unwrap();
    town.note(at, Event::RunNotBegun);
    lines.into_iter().for_each(|entry| town.journal().append(&entry).unwrap());
}

#[test]
fn the_weekly_message_comes_once_whatever_happened_and_bears_the_check_number_of_the_log() {
    let town = town();
    town.place.run(["run"]).ends(0);
    assert!(town.mails().is_empty(), "not in the first week");
    began(&town, 15);
    std::fs::rename(town.place.path("Documents"), town.place.path("away")).unwrap();
    town.place.run(["run"]).ends(1);
    let mails = town.mails();
    let weekly: Vec<&String> = mails.iter().filter(|m| m.contains("weekly message")).collect();
    assert_eq!((weekly.len(), mails.len()), (2, 4), "{mails:?}");
    assert!(weekly[0].contains("RCPT TO:<clerk@") && weekly[0].contains("<html lang=3D\"en-GB\">"), "{}", weekly[0]);
    let said = town.place.run(["log"]).ends(0).out;
    let number = said.lines().find_map(|l| l.strip_prefix("Check number of entry ")).unwrap().replace('.', "");
    let provider = town.bodies().into_iter().find(|b| b["kind"] == "weekly").unwrap();
    let text = provider["text"].as_str().unwrap();
    assert!(text.contains(&format!("Check number of entry {}\n", number.trim())), "{text}\n{number}");
    town.place.run(["run"]).ends(1);
    assert!(!town.mails().iter().any(|m| m.contains("weekly message")), "never twice");
    assert_eq!(town.state().voices.week.map(|w| w.weekday()), Some(jiff::civil::Weekday::Monday));
}

#[test]
fn without_a_store_the_weekly_message_comes_all_the_same_and_the_quarterly_question_too() {
    let town = town();
    town.place.run(["run"]).ends(0);
    began(&town, 100);
    std::fs::rename(town.place.path("repository"), town.place.path("gone")).unwrap();
    town.place.run(["run"]).ends(10);
    let mails = town.mails();
    let has = |words: &str| mails.iter().filter(|m| m.contains("RCPT TO:<clerk@") && m.contains(words)).count();
    assert_eq!((has("Check number: unknown"), has("are people and numbers still right?")), (1, 1), "{mails:?}");
    town.place.run(["status"]).says("strongroom notify confirm --by NAME");
    town.place.run(["notify", "confirm", "--by", "a\nb"]).ends(2);
    let said = "Noted as right: clerk The Clerk (clerk@anytown-tc.gov.uk), provider Example IT (support@example-it.co.uk, \
                telephone 01632 960000). The next question comes in a quarter of a year.";
    town.place.run(["notify", "confirm", "--by", "The Clerk"]).ends(0).says(said);
    town.place.run(["status"]).never_says("notify confirm");
}

/// Something open, as a run would have left it.
fn open(town: &Town, name: &str, trouble: Trouble, which: Option<u64>) {
    let set = Some(SetName::new("documents").unwrap());
    let cause = Cause { trouble, job: JobKind::Backup, set: set.clone() };
    let reference = Reference::try_from(name.to_owned()).unwrap();
    let step = Step {
        job: JobKind::Backup,
        set,
        outcome: Outcome::Incomplete,
        troubles: vec![trouble],
        counts: Counts { problems: 1, which, ..Counts::default() },
        snapshot: None,
        exit: 3,
        examined_all: false,
        seconds: 1,
        said: None,
    };
    let at = town.now();
    town.note(at, Event::StepFinished(step));
    town.note(at, Event::CauseOpened { reference, cause });
}

#[test]
fn what_people_say_is_noted_shown_and_ends_by_itself() {
    let town = town();
    town.place.run(["run"]).ends(0);
    let run = |words: &[&str]| town.place.run(words);
    run(&["problem", "list"]).ends(0).says("Nothing is open.");
    open(&town, "SR-2026-1122-BBB", Trouble::Incomplete, Some(7));
    let until = (town.now() + SignedDuration::from_hours(24 * 30)).strftime("%Y-%m-%d").to_string();
    run(&["problem", "list"]).ends(0).says("backup-incomplete/documents").says("open; can be accepted");
    run(&["notify", "ack", "SR-2026-1122-ZZZ", "--by", "The Clerk"]).ends(1).says("no open problem is called");
    run(&["notify", "ack", "SR-2026-1122-BBB", "--by", "The Clerk", "--days", "31"]).ends(2);
    run(&["notify", "ack", "sr-2026-1122-bbb", "--by", "The Clerk"]).ends(0).says("The clerk is not reminded");
    run(&["status"]).says("Acknowledged by The Clerk until");
    let accept = |until: &str| run(&["problem", "accept", "SR-2026-1122-BBB", "--until", until, "--by", "Example IT"]);
    for bad in ["2020-01-01", "2999-01-01", "soon"] {
        accept(bad).ends(2);
    }
    accept(&until).ends(0).says("Nobody is reminded of SR-2026-1122-BBB before");
    run(&["status"]).says("Accepted for a time by Example IT until");
    run(&["problem", "list"]).ends(0).says("accepted by Example IT until");
    assert_eq!(town.state().voices.accepted.len(), 1);
    run(&["problem", "withdraw", "SR-2026-1122-BBB", "--by", "Example IT"]).ends(0);
    run(&["problem", "withdraw", "SR-2026-1122-BBB", "--by", "Example IT"]).ends(1).says("was not accepted");
    run(&["status"]).never_says("Accepted for a time");
    // What one cannot live with is no matter of somebody's word.
    for (name, trouble, which) in
        [("SR-2026-1122-CCC", Trouble::Damage, Some(7)), ("SR-2026-1122-DDD", Trouble::Incomplete, None)]
    {
        open(&town, name, trouble, which);
        run(&["problem", "accept", name, "--until", &until, "--by", "Example IT"]).ends(6).says("nothing to live with");
    }
}

/// The mail server is back before the next night: nobody has to wait for that.
#[test]
fn what_waits_is_sent_by_the_service_between_runs() {
    let town = town();
    town.desk.answers(Answer::Plain(503, ""));
    std::fs::rename(town.place.path("Documents"), town.place.path("away")).unwrap();
    town.place.run(["run"]).ends(1).says("did not leave by the webhook \"desk\" yet");
    let tried = town.desk.take().len();
    assert!(tried > 0);
    town.place.run(["notify", "send"]).ends(0).never_says("was told by");
    assert!(town.desk.take().is_empty(), "not before its time");
    town.desk.answers(Answer::Plain(202, ""));
    // Its time has come, as if five minutes had passed.
    let outbox = town.place.path("home/state/outbox-desk");
    for file in
        std::fs::read_dir(&outbox).unwrap().flatten().filter(|f| f.path().extension().is_some_and(|e| e == "json"))
    {
        let kept = std::fs::read_to_string(file.path()).unwrap();
        let at = kept.find("\"next\":\"").unwrap() + 8;
        let body = format!("{}2020-01-01T00:00:00Z\"}}", &kept[..at]);
        let value: Value = serde_json::from_str(&body).unwrap();
        std::fs::write(file.path(), strongroom::service::durable::seal(&value).unwrap()).unwrap();
    }
    let serving = Serving::start(&town.place);
    let ended = || {
        town.journal()
            .read()
            .unwrap()
            .entries
            .iter()
            .any(|e| matches!(&e.event, Event::Voice(Voice::Sent { way, .. }) if *way != WayName::ping()))
    };
    wait(|| ended().then_some(()), || String::from("the message at the desk"));
    wait(
        || town.place.run(["notify", "send"]).out.contains("No message waits.").then_some(()),
        || String::from("the rest"),
    );
    assert_eq!(town.desk.take().len(), tried);
    assert!(serving.stops().contains("Begun: sending what waits."));
}

/// Without mail nothing asks for mail; and what one way cannot do is not said to be done.
#[test]
fn webhooks_alone_are_enough_where_one_speaks_to_the_clerk() {
    let (desk, office) = (Web::start(Answer::Plain(202, "queued")), Web::start(Answer::Plain(404, "no such hook")));
    let place = Place::new();
    let hook = |name: &str, role: &str| {
        let url = place.text(name);
        format!("[[notify.webhook]]\nname = \"{name}\"\nrole = \"{role}\"\nurl_file = \"{url}\"\n")
    };
    [("desk", &desk), ("office", &office)].into_iter().for_each(|(name, web)| keep_address(&place, name, web));
    place.configure("council.toml", &hook("desk", "provider"));
    let sheet = place.text("sheet.txt");
    place.run(["init", "--recovery-key-file", &sheet]).ends(0).says("4. Say how messages reach the clerk");
    place
        .run(["run"])
        .ends(0)
        .says("To do: no message reaches the clerk: your provider adds [notify.mail], or a [[notify.webhook]]");
    let not_the_clerk =
        "No message reaches the clerk: add [notify.mail], or a [[notify.webhook]] with role = \"clerk\".";
    place.run(["notify", "test"]).ends(0).says(not_the_clerk).never_says("Now ask the clerk");
    place.run(["config", "check"]).ends(0).says(not_the_clerk);
    place.run(["doctor"]).ends(1).says("problem      somebody is told of a failure: no way leads to the clerk");
    place.configure("council.toml", &(hook("desk", "provider") + &hook("office", "clerk")));
    let test_it = "To do: send a test message to the clerk: strongroom notify test";
    place.run(["status"]).says(test_it).never_says("no message reaches");
    place.run(["notify", "test"]).ends(1).says("The webhook \"office\" did not take it");
    place.run(["status"]).says(test_it);
    place.run(["doctor"]).says("problem      a test message was accepted: the clerk has had none");
    office.answers(Answer::Plain(200, "OK"));
    let said = place.run(["notify", "test"]).ends(0).says("Now ask the clerk whether it arrived.");
    said.says("The webhook \"office\" took the message for the clerk: 200: OK").never_says("mail");
    place.run(["status"]).never_says("test message").never_says("reaches the clerk");
    let said = place.run(["doctor"]).says("ok           somebody is told of a failure").never_says("mail server");
    said.says("ok           a test message was accepted");
    // Where no webhook takes anything, nothing leaves this computer.
    [&desk, &office].into_iter().for_each(|web| web.answers(Answer::Plain(503, "later")));
    std::fs::rename(place.path("Documents"), place.path("away")).unwrap();
    place.run(["run"]).ends(1);
    place.run(["status"]).ends(1).says("! Messages have not got through since");
    [&desk, &office].into_iter().for_each(|web| web.answers(Answer::Plain(200, "OK")));
    std::fs::rename(place.path("away"), place.path("Documents")).unwrap();
    place.run(["run"]).ends(0);
    place.run(["status"]).ends(0).never_says("Messages have not got through");
}
