//! No record's last version is lost from the newest listing, whatever happens twice in a row; damage heals from
//! the sources; a mass change cannot slip through a crash.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use strongroom::domain::log::entry::IncidentKind;
use strongroom::domain::retention::gate::Refusal;
use strongroom::ops::prune::{PruneOptions, prune};
use strongroom::ops::{Silent, Stop};
use strongroom::repo::listing::read_root;
use strongroom::repo::repository::Repository;
use strongroom::testing::{Fault, Plan};
use support::world::{World, files_of, read_back};

/// Who backs up here: for root no mode forbids anything, so that another user's eyes are borrowed.
struct Office {
    tmp: tempfile::TempDir,
    program: PathBuf,
    user: Option<u32>,
}

const NOBODY: u32 = 65_534;

impl Office {
    fn new() -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let program = tmp.path().join("strongroom");
        // Where it was built, another user may not be able to look.
        std::fs::copy(env!("CARGO_BIN_EXE_strongroom"), &program).unwrap();
        let office = Self { tmp, program, user: rustix::process::geteuid().is_root().then_some(NOBODY) };
        std::fs::create_dir(office.docs()).unwrap();
        office
    }

    fn docs(&self) -> PathBuf {
        self.tmp.path().join("docs")
    }

    /// Everything in it belongs to whoever backs up.
    fn hand_over(&self) {
        let Some(user) = self.user else { return };
        let mut todo = vec![self.tmp.path().to_path_buf()];
        while let Some(path) = todo.pop() {
            std::os::unix::fs::chown(&path, Some(user), Some(user)).unwrap();
            if path.is_dir() {
                todo.extend(std::fs::read_dir(path).unwrap().map(|item| item.unwrap().path()));
            }
        }
    }

    /// The exit code, and what was said on standard output.
    fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(&self.program);
        command.arg("--home").arg(self.tmp.path().join("home")).args(words).stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        let out = command.current_dir(self.tmp.path()).output().unwrap();
        (out.status.code(), String::from_utf8(out.stdout).unwrap())
    }

    fn restored(&self, to: &str, more: &[&str]) -> Vec<String> {
        let (exit, said) = self.run(&[&["restore", "--all", "--to", to], more].concat());
        assert_eq!(exit, Some(0), "{said}");
        let docs = self.tmp.path().join(to).join("docs");
        // A folder that was closed comes back closed.
        if docs.join("closed").exists() {
            chmod(&docs.join("closed"), 0o755);
        }
        let files = files_of(&docs, "docs");
        files.into_iter().map(|(path, bytes)| String::from_utf8([path, bytes].join(&b'=')).unwrap()).collect()
    }
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_that_cannot_be_read_gives_no_neighbour_its_content() {
    let office = Office::new();
    let docs = office.docs();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        std::fs::write(docs.join(format!("{name}.txt")), format!("this is the file {name}")).unwrap();
    }
    office.hand_over();
    for closed in ["b", "f"] {
        chmod(&docs.join(format!("{closed}.txt")), 0o000);
    }
    let (exit, said) = office.run(&["run", "--folder", docs.to_str().unwrap()]);
    assert_eq!(exit, Some(3), "{said}");
    let wanted = ["a", "c", "d", "e", "g", "h"].map(|name| format!("docs/{name}.txt=this is the file {name}"));
    assert_eq!(office.restored("back", &[]), wanted);
}

#[test]
fn a_file_unreadable_twice_keeps_its_last_version() {
    let office = Office::new();
    let (minutes, closed) = (office.docs().join("minutes.txt"), office.docs().join("closed"));
    std::fs::create_dir(&closed).unwrap();
    std::fs::write(&minutes, "resolved").unwrap();
    std::fs::write(closed.join("plan.txt"), "a plan").unwrap();
    std::fs::write(office.docs().join("kept.txt"), "always").unwrap();
    office.hand_over();
    let docs = office.docs();
    assert_eq!(office.run(&["run", "--folder", docs.to_str().unwrap()]).0, Some(0));
    let all = ["docs/closed/plan.txt=a plan", "docs/kept.txt=always", "docs/minutes.txt=resolved"];
    assert_eq!(office.restored("before", &[]), all);

    // What cannot be read is not "read again and compared": it is named, each time, until it can be.
    chmod(&minutes, 0o000);
    for words in [&["verify", "restore", "--all", "--json"][..], &["verify", "restore", "--json"]] {
        let (exit, said) = office.run(words);
        assert_eq!(exit, Some(3), "{words:?}: {said}");
        assert!(said.contains("docs/minutes.txt") && said.contains("cannot be read again"), "{words:?}: {said}");
    }
    let said = office.run(&["verify", "restore", "--all", "--json"]).1;
    let summary: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&summary["live"]["files"], &summary["live"]["unreadable"]), (&2.into(), &1.into()), "{summary}");
    chmod(&minutes, 0o644);
    assert_eq!(office.run(&["verify", "restore", "--all"]).0, Some(0));

    chmod(&minutes, 0o000);
    chmod(&closed, 0o000);
    for night in ["first", "second"] {
        assert_eq!(office.run(&["backup"]).0, Some(3), "{night}: a partial backup says so");
        assert_eq!(office.run(&["cat", "docs/minutes.txt"]), (Some(0), "resolved".into()), "{night}");
        assert_eq!(office.run(&["cat", "docs/closed/plan.txt"]), (Some(0), "a plan".into()), "{night}");
        let listed = office.run(&["ls", "--recursive", "--deleted"]).1;
        assert_eq!(listed.matches("could not be read since").count(), 2, "{night}: {listed}");
        assert_eq!(office.restored(night, &[]), all, "{night}: what could not be read was not deleted");
    }

    // Once somebody can look again, what is there is live, and what is not there was deleted.
    chmod(&closed, 0o700);
    std::fs::remove_file(closed.join("plan.txt")).unwrap();
    chmod(&minutes, 0o600);
    assert_eq!(office.run(&["backup"]).0, Some(0));
    let listed = office.run(&["ls", "--recursive", "--deleted"]).1;
    assert!(listed.contains("deleted") && !listed.contains("could not be read"), "{listed}");
    assert_eq!(office.restored("after", &[]), all[1..]);
    assert_eq!(office.restored("after, deleted too", &["--deleted"]), all);
}

#[test]
fn a_deleted_record_stays_through_many_backups_and_a_lost_listing() {
    let world = World::new();
    world.write("kept.txt", "always");
    world.write("minutes.txt", "resolved");
    world.create();
    world.backup().unwrap();
    std::fs::remove_file(world.docs().join("minutes.txt")).unwrap();
    for round in 0..4 {
        world.clock.advance_days(1);
        world.write("kept.txt", format!("always {round}"));
        if round == 2 {
            std::fs::remove_dir_all(world.dir().file("sets")).unwrap();
        }
        world.backup().unwrap();
        let (_, gone) = read_back(&mut world.open().unwrap(), "documents").unwrap();
        assert_eq!(gone.get(&b"Documents/minutes.txt"[..]).map(Vec::as_slice), Some(&b"resolved"[..]), "round {round}");
    }
}

#[test]
fn what_a_write_only_machine_inherits_is_inherited_again_and_again() {
    let world = World::new();
    let key = world.create_with(true);
    world.write("kept.txt", "always");
    world.write("minutes.txt", "resolved");
    world.backup().unwrap();
    std::fs::remove_file(world.docs().join("minutes.txt")).unwrap();
    std::fs::remove_dir_all(world.dir().file("sets")).unwrap();
    for round in 0..3 {
        world.write("kept.txt", format!("always {round}"));
        world.backup().unwrap();
        let id = world.open().unwrap().state().repository;
        let mut reader =
            strongroom::repo::repository::Repository::open_with_identity(world.store(), &key, id, world.env()).unwrap();
        let state = reader.state();
        let (first, newest) = (state.snapshots[0].clone(), state.newest("documents").unwrap().clone());
        assert!(first.snapshot.needs.iter().all(|p| newest.snapshot.needs.contains(p)), "round {round}");
        let root_id = newest.snapshot.root;
        let mut chunks = reader.chunks().unwrap();
        let root = read_root(&mut chunks, &root_id).unwrap();
        assert_eq!(root.inherits, vec![first.snapshot.root], "round {round}");
    }
}

#[test]
fn a_lost_pack_heals_from_the_sources_and_everything_comes_back() {
    let world = World::new();
    let bytes: Vec<u8> = (0..400_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    world.write("plans.bin", &bytes);
    world.create();
    world.backup().unwrap();
    let pack =
        world.objects().into_iter().filter(|(k, _)| k.starts_with("packs/")).max_by_key(|(_, v)| v.len()).unwrap().0;
    world.delete_object(&pack);
    assert!(read_back(&mut world.open().unwrap(), "documents").is_err());
    let healed = world.backup().unwrap();
    assert!(healed.files_read == 1 && healed.bytes_stored > 1_000_000, "{healed:?}");
    let (live, _) = read_back(&mut world.open().unwrap(), "documents").unwrap();
    assert_eq!(live, files_of(&world.docs(), "Documents"));
    let again = world.backup().unwrap();
    assert_eq!(again.packs_stored, 0, "it heals once: {again:?}");
}

#[test]
fn a_store_that_lists_nothing_or_not_everything_makes_nothing_be_stored_again_and_no_alarm() {
    let world = World::new();
    let bytes: Vec<u8> = (0..100_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    world.write("plans.bin", &bytes);
    world.write("minutes.txt", "resolved");
    world.create();
    world.backup().unwrap();
    std::fs::remove_file(world.docs().join("minutes.txt")).unwrap();
    for lie in [Fault::EmptyList, Fault::DropFromList(1), Fault::DropFromList(2)] {
        world.clock.advance_days(1);
        world.faults.restart(Plan::always(lie));
        let report = world.backup().unwrap();
        world.faults.restart(Plan::none());
        assert!(report.problems.is_empty() && report.bytes_stored < 50_000, "{lie:?}: {report:?}");
        assert!(read_back(&mut world.open().unwrap(), "documents").unwrap().1.len() == 1);
    }
}

/// A snapshot, and then 120 documents that are all something else.
fn ready_for_a_mass_change() -> World {
    let world = World::new();
    for i in 0..120 {
        world.write(&format!("{i}.txt"), format!("document {i}"));
    }
    world.create();
    world.backup().unwrap();
    for i in 0..120 {
        world.write(&format!("{i}.txt"), format!("noise noise {i}"));
    }
    world.clock.advance_days(1);
    world.faults.restart(Plan::none());
    world
}

#[test]
fn a_mass_change_is_an_incident_even_if_the_run_dies_after_the_commit() {
    let world = ready_for_a_mass_change();
    let report = world.backup().unwrap();
    let snapshot = report.snapshot.unwrap();
    assert_eq!(report.incident, Some(snapshot.0));
    let record = world.faults.record();
    let commit = record.iter().rposition(|call| call.starts_with("create log/")).unwrap();
    assert!(record[commit].contains(&format!("{:010}", snapshot.0)), "{record:?}");
    assert!(commit + 1 < record.len(), "something follows the commit: {record:?}");

    let mut died = 0;
    for call in commit..record.len() {
        for fault in [Fault::StopBefore, Fault::StopAfter, Fault::FailBefore, Fault::FailAfter, Fault::AlreadyExists] {
            let world = ready_for_a_mass_change();
            world.faults.restart(Plan::at(call, fault));
            died += usize::from(world.backup().is_err());
            world.faults.restart(Plan::none());
            let committed = world.objects().keys().any(|k| *k == format!("log/{:010}.age", snapshot.0));
            assert!(committed || (call, fault) == (commit, Fault::StopBefore), "call {call} {fault:?}");
            if !committed {
                world.backup().unwrap();
            }
            let mut repo = Repository::open_fresh(world.store(), world.dir(), world.env()).unwrap();
            let open: Vec<_> = repo.state().open_incidents().map(|i| (i.incident.what, i.at)).collect();
            let [(IncidentKind::MassChange, at)] = open[..] else { panic!("call {call} {fault:?}: {open:?}") };
            assert_eq!(repo.state().newest("documents").map(|s| s.id.0), Some(at), "call {call} {fault:?}");
            let pruned = prune(&mut repo, &PruneOptions::default(), &Silent, &Stop::default()).unwrap();
            assert_eq!(pruned.held_back, Some(Refusal::Incident(at)), "call {call} {fault:?}");
        }
    }
    assert!(died >= 4, "the process must die at and after the commit: {died}");
}

#[test]
fn a_reused_inode_never_gives_one_file_anothers_bytes() {
    let world = World::new();
    world.write("a.eml", "first message");
    std::fs::hard_link(world.docs().join("a.eml"), world.docs().join("b.eml")).unwrap();
    world.create();
    world.backup().unwrap();
    let (live, _) = read_back(&mut world.open().unwrap(), "documents").unwrap();
    assert_eq!(live, files_of(&world.docs(), "Documents"));
    std::fs::remove_file(world.docs().join("b.eml")).unwrap();
    world.write("b.eml", "second message");
    world.backup().unwrap();
    let (live, _) = read_back(&mut world.open().unwrap(), "documents").unwrap();
    assert_eq!(live, files_of(&world.docs(), "Documents"));
}

#[test]
fn what_the_settings_leave_out_since_is_not_taken_for_deleted() {
    let world = World::new();
    world.write("kept.txt", "always");
    world.write("drafts/minutes.tmp", "not yet resolved");
    world.write("Old/map.tmp", "drawn in 1950");
    world.create();
    world.backup().unwrap();
    let marks = |options: &strongroom::ops::backup::BackupOptions| {
        world.clock.advance_days(1);
        let mut repo = world.open().unwrap();
        strongroom::ops::backup::backup(&mut repo, options, &Silent, &Stop::default()).unwrap();
        let facts = strongroom::ops::retention::facts::gather(&mut repo, &Silent, &Stop::default()).unwrap();
        let of = |r: &strongroom::domain::retention::record::RecordFacts| (r.path.to_string(), r.may_be_live());
        let here = facts.records.iter().filter(|r| r.path.is_within(b"Documents"));
        here.map(of).collect::<Vec<_>>()
    };
    let (minutes, map) = ("Documents/drafts/minutes.tmp", "Documents/Old/map.tmp");
    let all = |may: bool| vec![(map.into(), may), (minutes.into(), may), ("Documents/kept.txt".into(), true)];
    let mut leaving_out = world.options();
    leaving_out.exclude = vec!["*.tmp".into()];
    assert_eq!(marks(&leaving_out), all(true), "left out by name");
    leaving_out.exclude = vec!["drafts/".into(), "/Old".into()];
    assert_eq!(marks(&leaving_out), all(true), "left out with its folder");
    assert_eq!(marks(&world.options()), all(true), "there again");
    let mut elsewhere = world.options();
    elsewhere.folders[0].name = strongroom::domain::path::RecordPath::new("Files").unwrap();
    assert_eq!(marks(&elsewhere), all(true), "a folder that is no longer in the set");
    std::fs::remove_dir_all(world.docs().join("drafts")).unwrap();
    std::fs::remove_dir_all(world.docs().join("Old")).unwrap();
    assert_eq!(marks(&leaving_out), all(true), "deleted while nobody looks");
    let looked = marks(&world.options());
    assert!(looked.contains(&(minutes.into(), false)) && looked.contains(&(map.into(), false)), "{looked:?}");
}
