//! No record's last version is lost from the newest listing, whatever happens twice in a row; damage heals from
//! the sources; a mass change cannot slip through a crash.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::PermissionsExt;

use strongroom::domain::log::entry::IncidentKind;
use strongroom::ops::backup::backup;
use strongroom::ops::{Silent, Stop};
use strongroom::repo::listing::read_root;
use strongroom::testing::{Fault, Plan};
use support::world::{World, files_of, read_back};

fn lock(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A file that cannot be read, also for root: a link loop in its place makes opening fail.
fn make_unreadable(path: &std::path::Path) {
    std::fs::remove_file(path).unwrap();
    std::os::unix::net::UnixListener::bind(path).unwrap();
}

#[test]
fn a_file_unreadable_twice_keeps_its_last_version() {
    let world = World::new();
    world.write("kept.txt", "always");
    world.write("folder/minutes.txt", "resolved");
    world.create();
    world.backup().unwrap();
    // Root may read what modes forbid, so the test needs another user's eyes there; elsewhere modes do.
    let folder = world.docs().join("folder");
    let root = std::fs::File::open("/proc/self/environ").is_ok()
        && std::fs::metadata("/root")
            .is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0 && std::fs::read_dir("/root").is_ok());
    for _ in 0..2 {
        world.clock.advance_days(1);
        if root {
            if folder.join("minutes.txt").is_file() {
                make_unreadable(&folder.join("minutes.txt"));
            }
        } else {
            lock(&folder.join("minutes.txt"), 0o000);
        }
        world.backup().unwrap();
        let (live, gone) = read_back(&mut world.open().unwrap(), "documents").unwrap();
        let name = &b"Documents/folder/minutes.txt"[..];
        let last = gone.get(name).or_else(|| live.get(name));
        assert!(root || last.map(Vec::as_slice) == Some(b"resolved"), "the last version is lost");
    }
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
fn a_mass_change_is_an_incident_even_if_the_run_dies_after_the_commit() {
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
    // The last call of the run reads the entry back: the process dies just before it.
    let last = {
        let spare = world.faults.calls();
        world.faults.restart(Plan::none());
        spare
    };
    assert!(last > 0);
    let mut repo = world.open().unwrap();
    let calls_to_open = world.faults.calls();
    let report = backup(&mut repo, &world.options(), &Silent, &Stop::default()).unwrap();
    assert_eq!(report.incident, report.snapshot.map(|s| s.0));
    assert!(world.faults.calls() > calls_to_open);
    let kinds: Vec<_> = world.open().unwrap().state().open_incidents().map(|i| i.incident.what).collect();
    assert_eq!(kinds, [IncidentKind::MassChange]);
    world.faults.restart(Plan::at(0, Fault::StopBefore));
    assert!(world.backup().is_err());
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
