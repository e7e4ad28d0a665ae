//! A set that was given another name: its old records are history, not what is there now.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::place::Owner;
use strongroom::ops::fs::walk::Source;
use strongroom::ops::query::{Resolved, View, Which};
use strongroom::ops::recover::{RecoverOptions, recover};
use strongroom::ops::restore::{RestoreOptions, RestoreReport, Selected, apply, cat, plan};
use strongroom::ops::{Silent, Stop};
use strongroom::repo::seal::Identity;
use support::world::{World, files_of};

fn back_up(world: &World, set: &str) {
    let source = Source { name: RecordPath::new("Documents").unwrap(), path: world.docs() };
    let mut repo = world.open().unwrap();
    backup(&mut repo, &BackupOptions::new(set, vec![source]), &Silent, &Stop::default()).unwrap();
    world.clock.advance(jiff::SignedDuration::from_hours(24));
}

/// The set was "accounts", which comes first by its name, and is "zebra" now.
fn renamed() -> (World, Identity) {
    let world = World::new();
    let key = world.create_with(false);
    world.write("budget.txt", "the old figures");
    world.write("same.txt", "unchanged");
    world.write("Private/removed.txt", "to be deleted");
    back_up(&world, "accounts");
    world.write("budget.txt", "the new figures, longer");
    std::fs::remove_dir_all(world.docs().join("Private")).unwrap();
    back_up(&world, "zebra");
    (world, key)
}

fn bring_back(world: &World, to: &str, change: impl FnOnce(&mut RestoreOptions)) -> RestoreReport {
    let mut options = RestoreOptions::everything(world.tmp.path().join(to));
    change(&mut options);
    let mut repo = world.open().unwrap();
    let plan = plan(&mut repo, &options, &Silent, &Stop::default()).unwrap();
    assert_eq!(plan.passed_over.len(), usize::from(options.which == Which::default()), "{:?}", plan.passed_over);
    apply(plan, &mut repo, &Silent, &Stop::default()).unwrap()
}

fn path(text: &str) -> RecordPath {
    RecordPath::new(text).unwrap()
}

fn texts(files: &[(&str, &str)]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    files.iter().map(|(p, t)| (format!("Documents/{p}").into_bytes(), t.as_bytes().to_vec())).collect()
}

#[test]
fn everything_means_the_newest_state_and_nothing_deleted_comes_back() {
    let (world, key) = renamed();
    bring_back(&world, "all", |_| {});
    let now = files_of(&world.docs(), "Documents");
    assert_eq!(files_of(&world.tmp.path().join("all/Documents"), "Documents"), now);
    bring_back(&world, "folder", |o| o.selection = vec![Selected::Within(path("Documents"))]);
    assert_eq!(files_of(&world.tmp.path().join("folder/Documents"), "Documents"), now);
    let to = world.tmp.path().join("recovered");
    let options = RecoverOptions { to: to.clone(), owner: Owner::Recorded, connections: 2, enrol: None };
    let id = world.open().unwrap().state().repository;
    let report = recover(world.store(), &key, id, world.env(), &options, &Silent, &Stop::default()).unwrap();
    assert_eq!(files_of(&to.join("Documents"), "Documents"), now);
    let said = report.restored.warnings.join("\n");
    assert!(said.contains("'accounts'") && said.contains("'zebra'"), "{said}");
}

#[test]
fn the_old_sets_records_are_found_and_come_back_when_asked_for() {
    let (world, _) = renamed();
    bring_back(&world, "deleted", |o| o.include_deleted = true);
    let with_deleted = [
        ("budget.txt", "the new figures, longer"),
        ("same.txt", "unchanged"),
        ("Private/removed.txt", "to be deleted"),
    ];
    assert_eq!(files_of(&world.tmp.path().join("deleted/Documents"), "Documents"), texts(&with_deleted));
    let one = path("Documents/Private/removed.txt");
    bring_back(&world, "one", |o| o.selection = vec![Selected::Within(one.clone())]);
    assert_eq!(files_of(&world.tmp.path().join("one/Documents"), "Documents"), texts(&with_deleted[2..]));
    bring_back(&world, "set", |o| o.which.set = Some("accounts".into()));
    let before = [("budget.txt", "the old figures"), ("same.txt", "unchanged"), with_deleted[2]];
    assert_eq!(files_of(&world.tmp.path().join("set/Documents"), "Documents"), texts(&before));
}

#[test]
fn questions_tell_what_is_there_from_what_was() {
    let (world, _) = renamed();
    let mut repo = world.open().unwrap();
    let mut bytes = vec![];
    cat(&mut repo, &path("Documents/budget.txt"), &Which::default(), &mut bytes, &Stop::default()).unwrap();
    assert_eq!(bytes, b"the new figures, longer");
    let mut view = View::open(&mut repo, &Which::default()).unwrap();
    let hit = view.lookup(&path("Documents/budget.txt")).unwrap().unwrap();
    assert_eq!((hit.live, hit.set.as_str()), (true, "zebra"));
    let gone = view.lookup(&path("Documents/Private/removed.txt")).unwrap().unwrap();
    assert_eq!((gone.live, gone.set.as_str(), gone.deleted_between.is_some()), (false, "accounts", true));
    let mut live = vec![];
    view.ls(None, false, &mut |hit| {
        live.push((hit.path.to_string(), hit.set));
        Ok(())
    })
    .unwrap();
    let shown = ["Documents", "Documents/budget.txt", "Documents/same.txt"];
    assert_eq!(live, shown.map(|p| (p.to_owned(), "zebra".to_owned())));
    let Resolved::One(by_name) = view.resolve("same.txt", &[]).unwrap() else {
        panic!("one record, known to two sets")
    };
    assert!(by_name.live);
}
