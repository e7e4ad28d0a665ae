//! What the listings say of records: versions, deletions, moves, renamed sets, thinning.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use strongroom::domain::id::SnapshotId;
use strongroom::domain::log::entry::Entry;
use strongroom::domain::retention::record::RecordFacts;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::{Silent, Stop};

use crate::council::{Council, path};

fn facts_of(council: &Council, set: &str, name: &str) -> RecordFacts {
    let facts = council.facts();
    facts.records[facts.find(set, &path(name)).expect(name)].clone()
}

fn record(council: &Council, name: &str) -> RecordFacts {
    facts_of(council, "documents", name)
}

fn days(record: &RecordFacts) -> [String; 5] {
    let day = |t: jiff::Timestamp| t.to_string()[..10].to_owned();
    let (created, last) = (record.created.map(day), record.last_seen.map(day));
    let none = || "-".to_owned();
    [
        created.unwrap_or_else(none),
        day(record.modified),
        day(record.observed),
        day(record.first_seen),
        last.unwrap_or_else(none),
    ]
}

fn thin(council: &Council, snapshots: &[u64]) {
    let snapshots: Vec<SnapshotId> = snapshots.iter().copied().map(SnapshotId).collect();
    let entry = Entry::Thinned { snapshots: snapshots.clone(), rule: "test".into() };
    council.open().append(|_| Ok(Some(entry.clone()))).unwrap().unwrap();
    let repo = council.open();
    assert!(snapshots.iter().all(|id| repo.state().snapshot(*id).is_none()), "the log took it");
}

#[test]
fn versions_deletions_and_what_is_no_file() {
    let c = Council::new("2020-01-10");
    c.write("Minutes/a.txt", "first", "2019-05-01");
    c.write("Minutes/b.txt", "stays", "2019-06-01");
    c.write("empty.txt", "", "2019-06-01");
    let one = c.backup("2020-01-11");
    c.write("Minutes/a.txt", "second", "2020-02-01");
    let two = c.backup("2020-02-02");
    c.remove("Minutes/a.txt");
    let three = c.backup("2020-03-03");
    let four = c.backup("2020-04-04");
    let a = record(&c, "Documents/Minutes/a.txt");
    assert_eq!(days(&a), ["2019-05-01", "2020-02-01", "2020-02-02", "2020-01-11", "2020-02-02"]);
    assert!(!a.live && !a.unreadable && a.size == 6);
    assert_eq!(*a.snapshots, [one, two, three, four].map(SnapshotId));
    let b = record(&c, "Documents/Minutes/b.txt");
    assert_eq!(days(&b), ["2019-06-01", "2019-06-01", "2020-04-04", "2020-01-11", "-"]);
    assert!(b.live && !b.content.is_nothing());
    assert!(record(&c, "Documents/empty.txt").content.is_nothing());
    let facts = c.facts();
    assert_eq!((facts.records.len(), facts.snapshots), (3, 4), "folders are no records");
    assert!(facts.pages < 8, "unchanged pages are read once: {}", facts.pages);
}

#[test]
fn thinning_never_loses_what_decides() {
    let c = Council::new("2020-01-10");
    c.write("Finance/2019-20/a.pdf", "first", "2019-05-01");
    c.write("b.txt", "b", "2019-05-01");
    let one = c.backup("2020-01-11");
    c.write("Finance/2019-20/a.pdf", "second", "2020-02-01");
    let two = c.backup("2020-02-02");
    c.remove("Finance/2019-20/a.pdf");
    let three = c.backup("2020-03-03");
    c.backup("2020-04-04");
    let before = record(&c, "Documents/Finance/2019-20/a.pdf");
    thin(&c, &[one, two, three]);
    let after = record(&c, "Documents/Finance/2019-20/a.pdf");
    assert_eq!((after.created, after.modified), (before.created, before.modified));
    assert_eq!((after.last_seen, after.observed), (before.last_seen, before.observed));
    assert_eq!((after.content, after.size, after.live), (before.content, 6, false));
    assert!(after.first_seen >= before.first_seen, "a later first sight keeps longer");
    assert_eq!(after.snapshots.len(), 1);
}

#[test]
fn what_cannot_be_read_may_still_exist() {
    let c = Council::new("2020-01-10");
    c.write("Staff/a.txt", "a", "2019-05-01");
    c.write("b.txt", "b", "2019-05-01");
    c.backup("2020-01-11");
    let folder = c.world.docs().join("Staff");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o000)).unwrap();
    let locked = std::fs::read_dir(&folder).is_err();
    c.go_to("2020-02-02");
    let report = c.world.backup().unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let a = record(&c, "Documents/Staff/a.txt");
    // Root reads everything: then it is simply there.
    assert_eq!((a.unreadable, a.may_be_live()), (locked, true));
    assert_eq!(report.problems.is_empty(), !locked);
}

#[test]
fn a_folder_in_the_place_of_a_file_counts_as_there() {
    let c = Council::new("2020-01-10");
    c.write("scan", "a file", "2019-05-01");
    c.write("b.txt", "b", "2019-05-01");
    c.backup("2020-01-11");
    c.remove("scan");
    c.write("scan/page1", "page", "2019-05-01");
    c.backup("2020-02-02");
    assert!(record(&c, "Documents/scan").live);
    c.remove("scan/page1");
    std::fs::remove_dir(c.world.docs().join("scan")).unwrap();
    c.backup("2020-03-03");
    let scan = record(&c, "Documents/scan");
    assert!(!scan.live);
}

#[test]
fn a_renamed_set_is_the_same_folder() {
    let c = Council::new("2020-01-10");
    c.write("stays.txt", "stays", "2019-05-01");
    c.write("goes.txt", "goes", "2019-05-01");
    c.write("changes.txt", "old", "2019-05-01");
    c.backup("2020-01-11");
    c.remove("goes.txt");
    c.write("changes.txt", "newer", "2020-01-20");
    c.go_to("2020-02-02");
    let source = Source { name: path("Documents"), path: c.world.docs() };
    let options = BackupOptions::new("archive", vec![source]);
    backup(&mut c.open(), &options, &Silent, &Stop::default()).unwrap();
    let old = |name: &str| facts_of(&c, "documents", name);
    assert!(old("Documents/stays.txt").live, "it is live in the newer set");
    let changed = old("Documents/changes.txt");
    assert!(changed.live && changed.modified.to_string().starts_with("2020-01-20"));
    let gone = old("Documents/goes.txt");
    assert!(!gone.live && days(&gone)[4] == "2020-01-11");
    assert!(facts_of(&c, "archive", "Documents/stays.txt").live);
    let sets: Vec<Arc<str>> = c.facts().sets.into_iter().map(|s| s.set).collect();
    assert_eq!(sets, ["archive".into(), "documents".into()]);
}

#[test]
fn a_damaged_listing_stops_everything() {
    let c = Council::new("2020-01-10");
    c.write("a.txt", "a", "2019-05-01");
    c.backup("2020-01-11");
    let repo = c.open();
    let packs: Vec<String> = repo.state().packs.iter().map(|p| p.pack.name.to_hex()).collect();
    drop(repo);
    for name in c.world.objects().keys().filter(|k| packs.iter().any(|p| k.contains(p.as_str()))) {
        c.world.delete_object(name);
    }
    let failed = strongroom::ops::retention::facts::gather(&mut c.open(), &Silent, &Stop::default());
    assert!(failed.is_err(), "a record is never decided on half its facts");
}

#[test]
fn a_backup_made_while_the_clock_was_dead_makes_nothing_look_old() {
    let c = Council::new("2026-06-01");
    c.write("Letters/a.txt", "a letter", "2026-05-01");
    c.write("kept.txt", "kept", "2026-05-01");
    c.backup("2026-06-02");
    c.write("kept.txt", "kept and changed", "2026-06-02");
    c.backup("2015-01-01");
    c.remove("Letters/a.txt");
    c.backup("2026-06-04");
    let gone = record(&c, "Documents/Letters/a.txt");
    assert_eq!(days(&gone)[4], "2026-06-02", "{:?}", days(&gone));
}
