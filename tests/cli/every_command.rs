//! `--json` on every command there is: each line an object, the last one the summary, its exit the program's own, and
//! something counted in it. A command without a line here fails.

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::CommandFactory;
use serde_json::Value;
use strongroom::cli::args::Args;
use strongroom::repo::local::try_lock;
use strongroom::repo::seal::Identity;

use crate::place::{Place, Said};
use crate::retention::{INVOICES, six_years};
use crate::smtp::{Manner, Server};

const MAY: &str = "Documents/Minutes/2026/May.txt";

/// The words of every command that has none below it. `examine` speaks to its parent alone.
fn leaves() -> BTreeSet<String> {
    fn below(command: &clap::Command, name: &str, all: &mut BTreeSet<String>) {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            below(sub, &format!("{name} {}", sub.get_name()), all);
        }
        if !command.has_subcommands() {
            all.insert(name.trim().to_owned());
        }
    }
    let mut all = BTreeSet::new();
    below(&Args::command(), "", &mut all);
    all
}

/// One computer, and the commands that were tried on it.
struct Walk {
    place: Place,
    seen: BTreeSet<String>,
}

impl Walk {
    /// Runs it; it ends so, and its summary counts something.
    #[track_caller]
    fn line<A: AsRef<str>>(&mut self, words: impl IntoIterator<Item = A>, code: i32) -> Value {
        let words: Vec<String> = words.into_iter().map(|w| w.as_ref().to_owned()).collect();
        let said = self.place.run(words.iter().map(String::as_str).chain(["--json"])).ends(code);
        assert_eq!(said.err, "", "{words:?}: with --json everything is an object");
        let objects = said.objects();
        let summary = objects.last().unwrap().clone();
        let name = summary["command"].as_str().unwrap().to_owned();
        assert!(words.join(" ").starts_with(&name), "{words:?} is called {name}");
        let counted = |(key, value): (&String, &Value)| key != "exit" && (value.is_u64() || value.is_array());
        assert!(summary.as_object().unwrap().iter().any(counted), "{words:?} counts nothing: {summary}");
        let errors = objects.iter().filter(|o| o["message_type"] == "error").count();
        assert!(errors <= 1 && (errors == 0 || code != 0), "{words:?}: {}", said.out);
        self.seen.insert(name);
        summary
    }

    fn snapshots(&self) -> Vec<String> {
        let all = self.place.run(["snapshots", "--json"]).objects();
        all.iter().filter(|o| o["message_type"] == "snapshot").map(|o| o["snapshot"].to_string()).collect()
    }
}

fn set_up(walk: &mut Walk) {
    let sheet = walk.place.text("sheet.txt");
    walk.line(["init"], 2);
    walk.line(["init", "--recovery-key-file", &sheet], 0);
    walk.line(["init", "--recovery-key-file", &sheet], 6);
    walk.line(["config", "example"], 0);
    walk.line(["config", "check"], 0);
    walk.line(["watch", "--example"], 0);
    walk.line(["watch"], 2);
    walk.line(["config", "schema"], 0);
    walk.line(["retention", "draft"], 0);
    walk.line(["retention", "lint"], 0);
    walk.line(["retention", "classes"], 0);
    walk.line(["retention", "assign", INVOICES, "paid-invoices", "--anyway", "--yes"], 0);
    for _ in 0..2 {
        walk.line(["retention", "adopt", "--minute", "7c", "--on", "2026-03-17", "--yes"], 0);
    }
    walk.line(["run"], 0);
    std::fs::remove_file(walk.place.path(format!("{INVOICES}/inv1.txt"))).unwrap();
    walk.line(["backup"], 0);
    walk.line(["status"], 0);
    walk.line(["doctor"], 1);
}

fn look_and_bring_back(walk: &mut Walk) {
    let ids = walk.snapshots();
    walk.line(["snapshots"], 0);
    walk.line(["ls", "Documents/Minutes", "--recursive"], 0);
    walk.line(["cat", MAY], 0);
    walk.line(["find", "may"], 0);
    walk.line(["history", MAY], 0);
    walk.line(["history", "no-such-record"], 1);
    walk.line(["history", ".txt"], 2);
    walk.line(["diff", &ids[0], &ids[1]], 0);
    walk.line(["diff", "1", &ids[1]], 1);
    let (out, bare) = (walk.place.text("out"), walk.place.text("bare"));
    walk.line(["restore", "may.txt", "--to", &out], 0);
    walk.line(["restore", "may.txt", "--to", &out], 0);
    walk.line(["restore", "no-such-record", "--to", &out], 1);
    let (url, sheet) = (format!("file://{}", walk.place.text("repository")), walk.place.text("sheet.txt"));
    walk.line(["recover", "--repository", &url, "--recovery-key-file", &sheet, "--to", &bare], 0);
    for what in ["check", "scrub", "restore", "coverage", "drill"] {
        walk.line(["verify", what], 0);
    }
    walk.line(["verify", "accept", MAY, "--by", "Clerk", "--note", "seen"], 1);
    walk.line(["verify", "store"], 0);
    walk.line(["repair"], 0);
}

fn keep_and_destroy(walk: &mut Walk) {
    let smith = "Documents/HR/Smith.txt";
    walk.line(["retention", "why", smith], 0);
    walk.line(["retention", "review"], 0);
    let said_by = ["--on", "2010-01-01", "--by", "The Clerk", "--yes"];
    walk.line(["retention", "date", smith, "--trigger", "employment-end"].into_iter().chain(said_by), 0);
    walk.line(["retention", "date"], 0);
    let plan = walk.line(["retention", "plan"], 0)["plan"].as_str().unwrap().to_owned();
    walk.line(["retention", "approve", &plan, "--by", "The Clerk", "--large"], 0);
    walk.line(["retention", "cancel", &plan, "--by", "The Clerk", "--reason", "not yet"], 0);
    walk.line(["retention", "apply", &plan], 6);
    walk.line(["retention", "certificate", &plan, "--to", &walk.place.text("certificate")], 1);
    walk.line(["retention", "disposals"], 0);
    walk.line(["hold", "place", "Documents/Plans", "--reason", "FOI 1", "--by", "C", "--review", "2030-01-01"], 0);
    walk.line(["hold", "list"], 0);
    walk.line(["hold", "release", "--reason", "FOI 1", "--by", "C", "--note", "answered"], 0);
    walk.line(["retention", "unassign", INVOICES, "--yes"], 0);
    walk.line(["retention", "unassign", INVOICES, "--yes"], 2);
    walk.line(["prune", "--keep-last", "1", "--grace", "0", "--yes"], 0);
}

fn keys_and_people(walk: &mut Walk) {
    let sheet = ["--recovery-key-file".to_owned(), walk.place.text("sheet.txt")];
    let with = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).chain(sheet.clone()).collect::<Vec<_>>();
    let recipient = Identity::generate().recipient().to_string();
    walk.line(["key", "list"], 0);
    walk.line(with(&["key", "add", "deputy clerk", "--recipient", &recipient, "--reads"]), 0);
    walk.line(with(&["key", "remove", "deputy clerk"]), 0);
    walk.line(with(&["key", "rotate"]), 0);
    walk.line(with(&["key", "sheet"]), 0);
    walk.line(with(&["key", "sheet", "--check"]), 0);
    walk.place.write("home2/council.toml", &walk.place.read("home/council.toml"));
    let asked = walk.place.run_at("home2", ["init", "--join", "--name", "depot", "--json"]).ends(0).summary();
    let request = asked["request"].as_str().unwrap().split_whitespace().last().unwrap().to_owned();
    walk.line(with(&["actor", "add", &request]), 0);
    walk.line(["actor", "list"], 0);
    walk.line(with(&["actor", "revoke", "depot"]), 0);
    walk.line(["log"], 0);
    walk.line(["log", "--verify"], 0);
    walk.line(["notify", "test"], 0);
    walk.line(["notify", "failed"], 0);
    walk.line(["notify", "send"], 0);
    walk.line(["notify", "ack", "SR-1", "--by", "The Clerk"], 1);
    walk.line(["notify", "confirm", "--by", "The Clerk"], 0);
    walk.line(["problem", "list"], 0);
    walk.line(["problem", "accept", "SR-1", "--until", "2020-01-01", "--by", "The Clerk"], 2);
    walk.line(["problem", "withdraw", "SR-1", "--by", "The Clerk"], 1);
    walk.line(
        with(&["key", "drill", "recovery sheet"]).into_iter().map(|w| w.replace("recovery-key-file", "key-file")),
        0,
    );
    let access = ["provider", "access", "add", "--who", "X", "--key", "y", "--why", "z", "--by", "C"];
    let number = walk.line(access.into_iter().chain(["--until", "2120-01-01"]), 0)["access"].to_string();
    walk.line(["provider", "access", "list"], 0);
    walk.line(["provider", "access", "end", &number, "--by", "C", "--note", "deleted"], 0);
    walk.line(["report"], 0);
    walk.line(["report", "--dir", &walk.place.text("evidence")], 0);
    walk.line(["incident", "list"], 0);
    walk.line(["incident", "resolve", "3", "--by", "The Clerk", "--note", "looked"], 1);
}

fn service(walk: &mut Walk) {
    let root = walk.place.text("root");
    std::fs::create_dir_all(walk.place.path("root/etc/systemd/system")).unwrap();
    for word in ["status", "install", "status", "remove", "remove"] {
        walk.line(["schedule", word, "--root", &root], 0);
    }
    let another = try_lock(&walk.place.path("home/state/serve.lock")).unwrap().unwrap();
    walk.line(["serve"], 6);
    drop(another);
    // And one that serves, until it is asked to stop.
    let systemd = UnixDatagram::bind(walk.place.path("systemd")).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = walk.place.command();
    command.env("NOTIFY_SOCKET", walk.place.path("systemd")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.arg("--home").arg(walk.place.path("home")).args(["serve", "--json"]).spawn().unwrap();
    let mut buffer = [0; 1024];
    while !String::from_utf8_lossy(&buffer).contains("READY=1") {
        buffer.fill(0);
        systemd.recv(&mut buffer).unwrap();
    }
    assert!(Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap().success());
    let said = Said::of(child.wait_with_output().unwrap()).ends(0);
    let summary = said.summary();
    assert!(summary["command"] == "serve" && summary["jobs"].is_u64() && said.err.is_empty(), "{summary} {}", said.err);
}

#[test]
fn with_json_every_command_ends_with_a_summary_that_counts() {
    let server = Server::start(Manner::Polite);
    let place = Place::new();
    for n in 1..=3 {
        place.write(&format!("{INVOICES}/inv{n}.txt"), format!("invoice {n}\n").as_bytes());
    }
    place.write("Documents/HR/Smith.txt", b"a leaver\n");
    place.write("scheme.toml", six_years().as_bytes());
    let mail = format!("[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"", server.port);
    place.configure("council.toml", &format!("{mail}\n[retention]\nscheme = \"{}\"", place.text("scheme.toml")));
    let mut walk = Walk { place, seen: BTreeSet::new() };
    for part in [set_up, look_and_bring_back, keep_and_destroy, keys_and_people, service] {
        part(&mut walk);
    }
    let leaves = leaves();
    let missing: Vec<&String> = leaves.difference(&walk.seen).collect();
    assert!(missing.is_empty(), "no line of arguments here for {missing:?}");
    assert!(leaves.len() > 45, "{leaves:?}");
    // Words that make no command end with a summary, too.
    for words in [&["retention", "plan", "--on", "soon"][..], &["no-such-command"], &["restore", "--all", "x"]] {
        let said = walk.place.run(words.iter().chain(&["--json"])).ends(2);
        assert_eq!(said.summary()["problems"], 1, "{words:?}");
    }
}
