//! The real program, killed with SIGKILL in the middle of approving and carrying out, again and again: the next run goes
//! on, and in the end the record is in no stored byte and everything else is as it was.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Instant;

use strongroom::ops::retention::disposals::{Stage, disposals};
use strongroom::repo::machine::StateDir;
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::store::{StoreOptions, open};
use strongroom::testing::{FakeClock, SeededEntropy};

use super::growing::kill_after_changes;
use super::town::{Everything, Town, noise, stretches, without};

const GONE: [&str; 2] = ["Documents/Finance/2009-10/a.bin", "Documents/Finance/2009-10/b.bin"];

const SCHEME: &str = "[scheme]\ntitle = \"Anytown\"\n\n[[class]]\nid = \"invoices\"\ntitle = \"Invoices\"\npatterns = \
                      [\"Documents/Finance/**\"]\nminimum = \"6 years\"\ntrigger = \"financial-year-end\"\nauthority = \
                      \"test\"\naction = \"destroy\"\n";

struct Office {
    tmp: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Office {
    fn path(&self, name: &str) -> PathBuf {
        self.tmp.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.arg("--home").arg(self.path("home")).args(args);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn must(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn open(&self) -> Repository {
        let url = format!("file://{}", self.path("repository").display());
        let store = open(&StoreOptions { url, ..StoreOptions::default() }, self.runtime.handle()).unwrap();
        // Only to look: the time is asked by nobody.
        let clock = FakeClock::at(jiff::Timestamp::UNIX_EPOCH);
        let env = Env { clock: Arc::new(clock), entropy: Arc::new(SeededEntropy::new(1)) };
        Repository::open_fresh(store, StateDir::new(self.path("home/state")), env).unwrap()
    }

    fn stage(&self) -> Option<Stage> {
        disposals(self.open().state()).last().map(|d| d.stage.clone())
    }

    /// Two records are deleted, and their time is over; others stay. What is stored in all, and a plan's name.
    fn new() -> (Self, Everything, String) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let office = Self { tmp: tempfile::tempdir().unwrap(), runtime };
        let write = |name: &str, bytes: &[u8]| {
            let path = office.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        write(
            "home/council.toml",
            format!(
                "[council]\nname = \"Anytown\"\ndomains = [\"anytown-tc.gov.uk\"]\nclerk = {{ name = \"C\", email = \
                 \"c@anytown-tc.gov.uk\" }}\nprovider = {{ name = \"P\", phone = \"01632 960000\", email = \
                 \"p@example-it.co.uk\" }}\n[repository]\nurl = \"file://{0}/repository\"\n[[set]]\nname = \
                 \"documents\"\nfolders = [\"{0}/Documents\"]\n[retention]\nscheme = \"{0}/scheme.toml\"\n",
                office.tmp.path().display()
            )
            .as_bytes(),
        );
        write("scheme.toml", SCHEME.as_bytes());
        let sheet = office.path("sheet.txt");
        office.must(&["init", "--recovery-key-file", sheet.to_str().unwrap()]);
        office.must(&["retention", "adopt", "--minute", "7c", "--on", "2026-03-17", "--yes"]);
        for (seed, name) in GONE.iter().enumerate() {
            write(name, &noise(seed as u8 + 1, 200_000));
        }
        for seed in 10..16 {
            write(&format!("Documents/Minutes/{seed}.bin"), &noise(seed, 60_000));
        }
        office.must(&["run"]);
        GONE.iter().for_each(|name| std::fs::remove_file(office.path(name)).unwrap());
        write("Documents/Minutes/10.bin", &noise(20, 60_000));
        office.must(&["run"]);
        let plan = office.must(&["retention", "plan", "--json"]);
        let summary: serde_json::Value = serde_json::from_str(plan.lines().last().unwrap()).unwrap();
        let all = Town::everything_of(&mut office.open());
        (office, all, summary["plan"].as_str().unwrap().to_owned())
    }

    /// SIGKILL after so many changes of its files. How it ended, where it did by itself before that.
    fn kill(&self, args: &[&str], changes: usize) -> Option<Output> {
        kill_after_changes(self.command(args), &[&self.path("repository"), &self.path("home")], changes)
    }
}

#[test]
fn a_disposal_that_is_killed_again_and_again_converges() {
    let began = Instant::now();
    let (office, before, plan) = Office::new();
    let expected = without(&before, &GONE);
    assert!(expected.len() < before.len() && !expected.is_empty());
    let markers: Vec<Vec<u8>> = [1, 2].iter().flat_map(|seed| stretches(&noise(*seed, 200_000))).collect();
    let approving = ["retention", "approve", &plan, "--by", "The Clerk", "--minute", "8a"];
    let applying = ["retention", "apply", &plan, "--urgent", "--reason", "an order", "--yes"];
    let mut killed = 0;
    for changes in 1..=4 {
        killed += usize::from(office.kill(&approving, changes).is_none());
    }
    if office.stage().is_none() {
        office.must(&approving);
    }
    // Later and later, until one run comes to its end.
    let (mut stages, mut changes) = (vec![], 0);
    while office.stage() != Some(Stage::Done) {
        changes += 1;
        match office.kill(&applying, changes) {
            None => killed += 1,
            Some(out) => assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr)),
        }
        stages.push(office.stage());
        let now = Town::everything_of(&mut office.open());
        for (key, bytes) in &expected {
            assert!(now.get(key) == Some(bytes), "after {killed} kills {key:?} is lost or changed");
        }
    }
    office.must(&applying);
    assert_eq!(office.stage(), Some(Stage::Done));
    let mut repo = office.open();
    assert!(repo.state().voids.is_empty());
    assert_eq!(Town::everything_of(&mut repo), expected);
    let plain = Town::plain_of(&repo);
    Town::assert_not_in(&plain, &markers, "after all kills");
    // A run that was killed before its entry left a note that no entry names, one each: prune deletes it after its wait.
    let needed: Vec<String> = repo.state().needed_notes().iter().map(|n| format!("note {}", n.short())).collect();
    let (orphans, rest): (Vec<_>, Vec<_>) =
        plain.into_iter().partition(|(place, _)| place.starts_with("note ") && !needed.contains(place));
    Town::assert_not_in(&rest, &[b"2009-10/a.bin".to_vec()], "its name");
    assert!(orphans.len() <= killed, "{} notes that nothing needs after {killed} kills", orphans.len());
    // What a folder's driver had not finished writing lies there under a name of its own, and is no object.
    let unfinished = objects(&office.path("repository")).iter().filter(|p| p.to_string_lossy().contains('#')).count();
    office.must(&["verify", "check"]);
    office.must(&["verify", "restore", "--all"]);
    let on_the_way = stages.iter().flatten().filter(|stage| **stage != Stage::Done);
    let steps: HashSet<_> = on_the_way.map(std::mem::discriminant).collect();
    assert!(steps.len() > 1, "all were killed in one step: {stages:?}");
    assert!(killed >= 5, "only {killed} were killed in the middle");
    println!(
        "{killed} kills, the last run ended before change {changes}, {stages:?}, {unfinished} unfinished files, {:?}",
        began.elapsed()
    );
}

fn objects(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for item in std::fs::read_dir(folder).unwrap().flatten() {
        if item.path().is_dir() { found.extend(objects(&item.path())) } else { found.push(item.path()) }
    }
    found
}
