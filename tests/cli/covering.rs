//! Every byte within so many weeks, over the real program: tests that were skipped are told, and that it is over.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use strongroom::domain::clock::{Clock, Entropy};
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::{Silent, Stop};
use strongroom::repo::create::{CreateOptions, Recovery, create};
use strongroom::repo::machine::StateDir;
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::seal::identity_line;
use strongroom::repo::store::{StoreOptions, open};

use crate::place::{Place, noise};
use crate::retention_run::now;
use crate::smtp::{Manner, Server};

/// This computer, some days ago.
struct Earlier(i64);
impl Clock for Earlier {
    fn now(&self) -> Timestamp {
        now() - SignedDuration::from_hours(24 * self.0)
    }
}

struct Chance(Mutex<blake3::OutputReader>);
impl Entropy for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill(bytes);
    }
}

/// Sets up and backs up as the program did so many days ago, and tests nothing. The sheet is `sheet.txt`.
pub fn backed_up(place: &Place, days_ago: i64) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = StoreOptions {
        url: format!("file://{}", place.text("repository")),
        create_folder: true,
        ..StoreOptions::default()
    };
    let store = open(&options, runtime.handle()).unwrap();
    let chance = blake3::Hasher::new().update(place.text("x").as_bytes()).finalize_xof();
    let env = Env { clock: Arc::new(Earlier(days_ago)), entropy: Arc::new(Chance(Mutex::new(chance))) };
    let dir = StateDir::new(place.path("home/state"));
    let like = CreateOptions { machine_name: "office server".into(), write_only: false, single_machine: false };
    let keep = |sheet: &Recovery| {
        place.write("sheet.txt", identity_line(&sheet.identity).as_bytes());
        Ok(())
    };
    create(&store, &dir, &env, &like, keep).unwrap();
    let mut repo = Repository::open_fresh(store, dir, env).unwrap();
    let source = Source { name: RecordPath::new("Documents").unwrap(), path: place.path("Documents") };
    backup(&mut repo, &BackupOptions::new("documents", vec![source]), &Silent, &Stop::default()).unwrap();
}

fn council(server: &Server, verify: &str) -> Place {
    let mail = format!("[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"", server.port);
    Place::council(&format!("[verify]\nevery_byte_within = \"2 weeks\"\n{verify}\n{mail}"))
}

fn told(server: &Server) -> Vec<String> {
    let all = std::mem::take(&mut *server.taken.lock().unwrap());
    all.iter().map(|m| m.replace("=\r\n", "").replace("=\n", "")).collect()
}

#[test]
fn tests_that_were_skipped_are_stale_and_told_until_they_are_made() {
    let server = Server::start(Manner::Polite);
    let place = council(&server, "");
    backed_up(&place, 20);
    // What is backed up now is young; what was stored then is not.
    place.write("Documents/new.txt", b"new\n");
    place.run(["backup"]).ends(0);
    let said = place.run(["status"]).ends(5);
    said.says("Not tested within 2 weeks as promised").says("PROBLEM: somebody must act.");
    let said =
        place.run(["verify", "coverage"]).ends(5).says("BROKEN for ").says("restored by a keyholder: nothing yet");
    said.says("scrubbed by this computer: 0.0 %").says("proved when stored: all of it");
    let mail = told(&server);
    assert_eq!(mail.len(), 2, "clerk and provider: {mail:?}");
    assert!(mail.iter().any(|m| m.contains("the backups were not tested in time")), "{mail:?}");
    assert!(mail.iter().any(|m| m.contains("coverage-overdue")), "{mail:?}");
    assert!(!mail.iter().any(|m| m.contains("new.txt") || m.contains("site.bin")), "{mail:?}");
    place.run(["verify", "coverage"]).ends(5);
    assert!(told(&server).is_empty(), "told once a day");
    // A repository this small is tested at once.
    place.run(["verify", "restore"]).ends(0);
    let mail = told(&server);
    assert!(mail.len() == 2 && mail.iter().any(|m| m.contains("working again")), "{mail:?}");
    place.run(["status"]).ends(0).says("Everything was tested or stored within 2 weeks");
    place.run(["verify", "scrub"]).ends(0);
    let all = place.run(["verify", "coverage", "--json"]).ends(0).objects();
    let whole = all.iter().find(|o| o["message_type"] == "coverage").unwrap();
    assert_eq!((&whole["weeks"][0], &whole["never"]), (&whole["bytes"], &0.into()), "{whole}");
    assert_eq!(&whole["restored"][0]["bytes"], &whole["bytes"]);
    assert_eq!(
        (&whole["restored"][0]["name"], &whole["scrubbed"]["bytes"]),
        (&"office server".into(), &whole["bytes"])
    );
    assert!(all.iter().any(|o| o["message_type"] == "coverage_of_set" && o["set"] == "documents"));
    let said = place.run(["verify", "coverage"]).ends(0).says("Set \"documents\": ");
    said.says("\n  last tested, week by week from the last 7 days back: 100.0 %, 0.0 %\n");
    assert!(told(&server).is_empty());
}

#[test]
fn limits_that_are_too_low_are_refused_and_a_run_goes_on_with_what_they_allow() {
    let server = Server::start(Manner::Polite);
    let place = council(&server, "bytes_per_run = \"1 MiB\"");
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["verify", "coverage"]).ends(1).says("There is no backup yet; nothing was examined.");
    place.write("Documents/large.bin", &noise(20_000_000));
    place.run(["run"]).ends(5).says("within 2 weeks needs 10.").says("the limits in [verify] allow 0 bytes");
    let mail = told(&server);
    assert!(mail.iter().any(|m| m.contains("the backups cannot all be tested in time")), "{mail:?}");
    assert_eq!(place.run(["snapshots", "--json"]).summary()["snapshots"], 1, "the backup was made");
    for command in [&["verify", "restore"][..], &["config", "check"]] {
        place.run(command).ends(2).says("bringing back 20.").says("hint: Raise bytes_per_run or bytes_per_month");
    }
    place.run(["verify", "coverage"]).ends(5).says("It cannot be kept: ");
    place.run(["verify", "restore", "--max-bytes", "1MiB"]).ends(5);
    told(&server);
    let status = place.run(["status"]).ends(5).says("NOT YET RIGHT");
    status.says("The limits on testing are too low to test everything within 2 weeks.");
    let text = String::from_utf8(place.read("home/council.toml")).unwrap();
    place.write("home/council.toml", text.replace("\"1 MiB\"", "\"1 GiB\"").as_bytes());
    place.run(["config", "check"]).ends(0);
    place.run(["run"]).ends(0);
    let mail = told(&server);
    assert!(mail.iter().any(|m| m.contains("leave enough room for testing all")), "{mail:?}");
    // The same of what is read again on this computer.
    let text = String::from_utf8(place.read("home/council.toml")).unwrap();
    place.write(
        "home/council.toml",
        text.replace("bytes_per_run", "live_bytes_per_run").replace("1 GiB", "1 MiB").as_bytes(),
    );
    let said = place.run(["config", "check"]).ends(2);
    said.says("reading all files on this computer again within 2 weeks needs 1.").says("allows 1.0 MB");
    // Like the other limits: what they allow is done, and that it is too little is exit 5.
    place.run(["run"]).ends(5).says("reading all files on this computer again within 2 weeks");
}

#[test]
fn falling_behind_is_told_before_anything_is_late() {
    let server = Server::start(Manner::Polite);
    let place = council(&server, "");
    // Nobody has tested since, and in half a day it will be too late.
    backed_up(&place, 13);
    place.run(["backup"]).ends(0);
    let said = place.run(["verify", "coverage"]).ends(5).says("It holds until ");
    said.says("; then a part will be late, as runs are now (a run takes up to ");
    let mail = told(&server);
    assert_eq!(mail.len(), 2, "{mail:?}");
    assert!(mail.iter().any(|m| m.contains("tests of the backups are falling behind")), "{mail:?}");
    assert!(mail.iter().any(|m| m.contains("coverage-falling-behind")), "{mail:?}");
    let status = place.run(["status"]).ends(5).says("NOT YET RIGHT: see what to do below.");
    status
        .says("* As runs are now, a part will not be tested within 2 weeks, from ")
        .says(" on. Run: strongroom verify restore --all\n");
    place.run(["verify", "restore"]).ends(0);
    let mail = told(&server);
    assert!(mail.iter().any(|m| m.contains("Tests of the backups were found to be in time again")), "{mail:?}");
    place.run(["status"]).ends(0);
}
