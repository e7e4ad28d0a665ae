//! `watch`: another computer looks at an office's store, and the office is stopped, set back, forged, replaced. The real
//! program on both sides, a real mail server, and a clock that is moved.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use strongroom::domain::heartbeat::Heartbeat;
use strongroom::domain::log::entry::Role;
use strongroom::repo::heartbeat::sealed;
use strongroom::repo::machine::StateDir;
use strongroom::repo::seal::{Identity, identity_line};

use crate::place::{Place, Said};
use crate::smtp::{Manner, Server};

/// An office that has made its backup, and somebody who watches it.
struct Watch {
    place: Place,
    server: Server,
    id: String,
    actor: String,
    label: String,
}

impl Watch {
    fn new() -> Self {
        let place = Place::ready("");
        place.run(["run"]).ends(0);
        let listed = place.run(["actor", "list", "--json"]).ends(0).objects();
        let lines = listed.iter().find(|o| o["message_type"] == "watch").unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (id, actor, label) = (text(&lines["id"]), text(&lines["actors"][0]), text(&lines["sets"][0]["label"]));
        let watch = Self { place, server: Server::start(Manner::Polite), id, actor, label };
        watch.configure(&watch.keyless("repository"));
        watch
    }

    fn council(&self, name: &str, id: &str, more: &str, url: &str) -> String {
        format!(
            "[[council]]\nname = \"{name}\"\ndomains = [\"anytown-tc.gov.uk\"]\n\
             clerk = {{ name = \"The Clerk\", email = \"clerk@anytown-tc.gov.uk\" }}\nid = \"{id}\"\n{more}\n\
             [council.repository]\n{url}\n"
        )
    }

    fn keyless(&self, repository: &str) -> String {
        let more =
            format!("actors = [\"{}\"]\nsets = [{{ name = \"documents\", label = \"{}\" }}]", self.actor, self.label);
        let url = format!("url = \"file://{}\"", self.place.text(repository));
        self.council("Anytown Town Council", &self.id, &more, &url)
    }

    fn configure(&self, councils: &str) {
        let text = format!(
            "[provider]\nname = \"Example IT\"\nphone = \"01632 960000\"\nemail = \"support@example-it.co.uk\"\n\
             [notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"\n{councils}",
            self.server.port
        );
        self.place.write("watcher/watch.toml", text.as_bytes());
    }

    /// The program, so many days from now, in that home.
    fn at(&self, days: i64, home: &str, words: &[&str]) -> Said {
        let real = self.place.command();
        let mut command = Command::new("faketime");
        command.args(["-m", "-f", &format!("+{days}d")]).arg(real.get_program());
        command.arg("--home").arg(self.place.path(home)).args(words).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("DONT_FAKE_MONOTONIC", "1");
        let ran = command.env("HOME", self.place.path("user")).current_dir(self.place.path("work")).output();
        Said::of(ran.unwrap_or_else(|e| panic!("this test needs Debian's package faketime: {e}")))
    }

    #[track_caller]
    fn looks(&self, days: i64, exit: i32) -> Said {
        self.at(days, "watcher", &["watch"]).ends(exit)
    }

    /// What was mailed since: the clerk's subjects, and to how many people in all.
    fn mailed(&self) -> (Vec<String>, usize) {
        let taken = std::mem::take(&mut *self.server.taken.lock().unwrap());
        let clerks = taken.iter().filter(|m| m.contains("RCPT TO:<clerk@anytown-tc.gov.uk>"));
        let subject = |m: &String| {
            assert!(m.contains("01632 960000"), "{m}");
            // Long lines are folded.
            m.replace("\n ", " ").lines().find_map(|l| l.strip_prefix("Subject: ")).unwrap().to_owned()
        };
        (clerks.map(subject).collect(), taken.len())
    }

    #[track_caller]
    fn clerk_was_told(&self, words: &str) {
        let (subjects, all) = self.mailed();
        assert!(subjects.len() == 1 && subjects[0].contains(words) && all == 2, "{subjects:?}, {all} in all");
    }

    #[track_caller]
    fn nobody_was_told(&self) {
        assert_eq!(self.mailed(), (vec![], 0));
    }

    /// The heartbeats of the office, oldest first.
    fn beats(&self) -> Vec<PathBuf> {
        self.place.objects("heartbeat")
    }

    fn newest(&self) -> Heartbeat {
        let bytes = std::fs::read(self.beats().pop().unwrap()).unwrap();
        serde_json::from_slice(bytes.split(|b| *b == b'\n').next().unwrap()).unwrap()
    }

    /// What the office itself would have left, had it said so.
    fn as_office(&self, change: impl FnOnce(&mut Heartbeat)) -> Vec<u8> {
        let machine = StateDir::new(self.place.path("home/state")).load_machine().unwrap().unwrap();
        let mut heartbeat = self.newest();
        change(&mut heartbeat);
        sealed(&heartbeat, machine.seed_for(&[Role::Writer]).unwrap()).unwrap().to_vec()
    }

    fn plant(&self, sequence: u64, bytes: &[u8]) -> PathBuf {
        let name = format!("repository/heartbeat/{}-{sequence:010}", self.actor);
        self.place.write(&name, bytes);
        self.place.path(name)
    }

    fn stored(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.place.objects("").into_iter().map(|p| (p.clone(), std::fs::read(p).unwrap())).collect()
    }
}

#[test]
fn an_office_that_falls_silent_is_told_of_once_then_daily_then_as_working_again() {
    let watch = Watch::new();
    let before = watch.stored();
    let said = watch.looks(0, 0);
    assert!(
        said.out.contains("OK          Anytown Town Council: heard ") && said.out.contains("documents 20"),
        "{}",
        said.out
    );
    watch.looks(1, 0);
    watch.nobody_was_told();
    watch.looks(3, 5).says("SILENT      Anytown Town Council: silent since ");
    watch.clerk_was_told("the office computer is silent");
    watch.looks(3, 5);
    watch.nobody_was_told();
    watch.looks(4, 5);
    watch.clerk_was_told("reminder, the office computer is silent");
    // Overdue as well by now: the same letter goes on.
    watch.looks(9, 5).says("(overdue)");
    watch.clerk_was_told("reminder, the office computer is silent");
    assert!(watch.stored() == before, "a watcher writes nothing into the store");
    watch.at(10, "home", &["run"]).ends(0);
    watch.looks(10, 0);
    watch.clerk_was_told("working again");
    watch.looks(10, 0);
    watch.nobody_was_told();
    let objects = watch.at(10, "watcher", &["watch", "--json"]).ends(0).objects();
    assert_eq!((objects[0]["state"].as_str(), objects[0]["sees"].as_str()), (Some("ok"), Some("heartbeat")));
    assert_eq!(objects[0]["sets"][0]["overdue"], false);
}

#[test]
fn what_the_office_did_not_sign_or_signed_before_is_no_sign_of_life() {
    let watch = Watch::new();
    watch.looks(0, 0);
    let first = std::fs::read(&watch.beats()[0]).unwrap();
    // Forged, replayed under a newer number, of another council, huge, and junk.
    let mut forged = watch.as_office(|h| (h.sequence, h.time) = (2, "2030-01-01T00:00:00Z".parse().unwrap()));
    forged[10] ^= 1;
    for bad in [&forged[..], &first, &vec![b'x'; 100 << 10], b"junk"] {
        let planted = watch.plant(2, bad);
        watch.looks(0, 4).says("FORGED").says("1 heartbeat is not signed by this council");
        watch.clerk_was_told("the backups may have been tampered with");
        std::fs::remove_file(planted).unwrap();
        watch.looks(0, 0);
        watch.clerk_was_told("");
    }
    // A name that would clear somebody's screen: a folder then lists nothing at all, and says so.
    watch.place.write("repository/heartbeat/\u{1b}[2J\u{1b}]0;x\u{7}", b"junk");
    let said = watch.looks(0, 1).says("NO ANSWER").says("illegal character");
    assert!(!said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'), "{}", said.out);
    watch.nobody_was_told();
    std::fs::remove_file(watch.place.path("repository/heartbeat/\u{1b}[2J\u{1b}]0;x\u{7}")).unwrap();
    let planted = watch.plant(2, &forged);
    watch.looks(3, 4).says("FORGED").says("silent since");
    let (subjects, _) = watch.mailed();
    let told = |words| subjects.iter().any(|s| s.contains(words));
    assert!(told("the office computer is silent") && told("may have been tampered with"), "{subjects:?}");
    std::fs::remove_file(planted).unwrap();
    watch.place.write("repository/heartbeat/somebody's", b"junk");
    let sibling = Place::ready("");
    sibling.run(["run"]).ends(0);
    let theirs = sibling.objects("heartbeat").pop().unwrap();
    std::fs::copy(&theirs, watch.place.path("repository/heartbeat").join(theirs.file_name().unwrap())).unwrap();
    watch.looks(0, 0).says("2 objects beside the heartbeats, by nobody known");
    let (subjects, _) = watch.mailed();
    assert!(subjects.len() == 2 && subjects.iter().any(|s| s.contains("working again")), "{subjects:?}");
}

#[test]
fn a_heartbeat_of_the_future_keeps_nobody_alive() {
    let watch = Watch::new();
    let ahead = jiff::SignedDuration::from_hours(24 * 400);
    watch.plant(2, &watch.as_office(|h| (h.sequence, h.time) = (2, h.time + ahead)));
    watch.looks(0, 5).says("never heard").says("something is dated in the future");
    watch.clerk_was_told("a clock is wrong");
    watch.looks(3, 5);
    let (subjects, _) = watch.mailed();
    assert!(subjects.len() == 2 && subjects[0].contains("reminder, a clock is wrong"), "{subjects:?}");
    assert!(subjects[1].contains("the office computer is silent"), "{subjects:?}");
}

#[test]
fn a_store_that_went_back_or_was_replaced_is_told_of_until_it_is_right_again() {
    let watch = Watch::new();
    watch.place.run(["run"]).ends(0);
    watch.looks(0, 0);
    let newest = watch.beats().pop().unwrap();
    let aside = watch.place.path("aside");
    std::fs::rename(&newest, &aside).unwrap();
    watch.looks(0, 4).says("CHANGED").says("remembers heartbeat 2");
    watch.clerk_was_told("may have been tampered with");
    watch.looks(0, 4);
    watch.nobody_was_told();
    std::fs::rename(&aside, &newest).unwrap();
    watch.looks(0, 0);
    watch.clerk_was_told("working again");
    let entry = watch.place.objects("log").pop().unwrap();
    std::fs::rename(&entry, &aside).unwrap();
    watch.looks(0, 4).says("which a heartbeat names, is missing");
    watch.mailed();
    std::fs::rename(&aside, &entry).unwrap();
    watch.looks(0, 0);
    watch.mailed();
    std::fs::rename(watch.place.path("repository"), &aside).unwrap();
    // Not connected: nobody is told of that for a while.
    watch.looks(0, 1).says("NO ANSWER");
    watch.nobody_was_told();
    let other = Place::ready("");
    other.run(["run"]).ends(0);
    assert!(
        Command::new("cp")
            .arg("-a")
            .arg(other.path("repository"))
            .arg(watch.place.path("repository"))
            .status()
            .unwrap()
            .success()
    );
    watch.looks(0, 4).says("this is not the repository it should be");
    watch.clerk_was_told("may have been tampered with");
    std::fs::remove_dir_all(watch.place.path("repository")).unwrap();
    std::fs::create_dir(watch.place.path("repository")).unwrap();
    watch.looks(0, 10).says("GONE");
    watch.clerk_was_told("the backups cannot be found");
}

#[test]
fn with_a_key_the_log_itself_is_read() {
    let watch = Watch::new();
    let (place, identity) = (&watch.place, Identity::generate());
    let recipient = identity.recipient().to_string();
    let with_sheet = |words: &[&str]| {
        let sheet = place.text("sheet.txt");
        place.run(words.iter().copied().chain(["--recovery-key-file", sheet.as_str()])).ends(0)
    };
    with_sheet(&["key", "add", "watcher", "--recipient", &recipient]);
    place.write("watcher.key", identity_line(&identity).as_bytes());
    assert!(Command::new("chmod").arg("600").arg(place.path("watcher.key")).status().unwrap().success());
    let key = format!("key_file = \"{}\"", place.text("watcher.key"));
    let url = format!("url = \"file://{}\"", place.text("repository"));
    watch.configure(&watch.council("Anytown Town Council", &watch.id, &key, &url));
    let before = watch.stored();
    watch.looks(0, 0).says("documents 20").says("; tested 20");
    watch.looks(3, 5).says("SILENT");
    watch.clerk_was_told("the office computer is silent");
    watch.looks(40, 5).says("(too long ago)");
    watch.mailed();
    assert!(watch.stored() == before);
    watch.at(40, "home", &["run"]).ends(0);
    watch.looks(40, 0);
    watch.clerk_was_told("working again");
    // Its own memory shows it, whatever heartbeats are left.
    let (entry, aside) = (place.objects("log").pop().unwrap(), place.path("aside"));
    std::fs::rename(&entry, &aside).unwrap();
    watch.looks(40, 4).says("the store has gone back in time: this computer remembers entry");
    watch.clerk_was_told("may have been tampered with");
    std::fs::rename(&aside, &entry).unwrap();
    watch.looks(40, 0);
    watch.clerk_was_told("working again");
    // One that looks for the first time has the heartbeat's word.
    std::fs::rename(&entry, &aside).unwrap();
    std::fs::remove_dir_all(place.path("watcher/watch")).unwrap();
    watch.looks(40, 4).says("a heartbeat names entry");
    std::fs::rename(&aside, &entry).unwrap();
    // What is stored from then on is sealed with other keys.
    with_sheet(&["key", "remove", "watcher"]);
    watch.at(40, "home", &["run"]).ends(0);
    watch.looks(40, 12).says("WRONG KEY");
}

#[test]
fn one_dead_store_stops_no_other_and_the_worst_code_wins() {
    let watch = Watch::new();
    // Takes every connection and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let secret = watch.place.text("secret");
    watch.place.write("secret", b"any");
    assert!(Command::new("chmod").arg("600").arg(&secret).status().unwrap().success());
    let hanging = format!(
        "url = \"s3://bucket/x\"\nendpoint = \"http://{}\"\nallow_http = true\nregion = \"x\"\n\
         access_key_id_file = \"{secret}\"\nsecret_access_key_file = \"{secret}\"",
        silent.local_addr().unwrap()
    );
    let actors = format!("actors = [\"{}\"]", watch.actor);
    let id = |n: u8| format!("{n:02x}").repeat(32);
    let other = watch.keyless("repository").replace(&watch.id, &id(9)).replace("Anytown Town", "Othertown Parish");
    let dead: String = (1..5).map(|n| watch.council(&format!("Dead {n} Council"), &id(n), &actors, &hanging)).collect();
    watch.configure(&format!("{dead}{}{other}", watch.keyless("repository")));
    let said = watch.at(0, "watcher", &["watch", "--limit", "5s"]).ends(4);
    let states: Vec<&str> = said.out.lines().map(|l| l.split("  ").next().unwrap()).collect();
    assert_eq!(states[..6], ["NO ANSWER", "NO ANSWER", "NO ANSWER", "NO ANSWER", "OK", "CHANGED"], "{}", said.out);
    assert!(said.out.contains("1 of 6 as they should be."), "{}", said.out);
    assert_eq!(watch.mailed().0.len(), 1, "of the one that is another repository than it should be");
}

#[test]
fn without_a_sound_file_nothing_is_looked_at() {
    let watch = Watch::new();
    watch.configure("");
    watch.looks(0, 2).says("there is no [[council]], so nothing would be watched");
    let place = Place::new();
    place.run(["watch"]).ends(2).says("watch.toml");
    let said = Said::of(place.command().arg("watch").output().unwrap()).ends(2);
    said.says("STRONGROOM_WATCH_CONFIG (not set)").says("strongroom watch --example > watch.toml");
    place.run(["watch", "--example"]).ends(0).says("[[council]]");
}
