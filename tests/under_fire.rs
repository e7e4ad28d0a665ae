//! The engine under fire: stopped at every call to the store, before the call and after it took effect; every
//! bit of a small repository flipped; objects lost, swapped and cut. Nothing is lost, nothing wrong is given back.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

#[path = "under_fire/bits.rs"]
mod bits;
#[path = "under_fire/calls.rs"]
mod calls;
#[path = "under_fire/life/mod.rs"]
mod life;
#[path = "under_fire/local.rs"]
mod local;
mod support;

use strongroom::repo::error::RepoError;
use strongroom::repo::machine::StateDir;
use strongroom::repo::repository::Repository;
use strongroom::testing::{Fault, Plan};
use support::world::{Files, World, files_of, read_back};

fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(2_654_435_761) | 1;
    (0..len)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            x as u8
        })
        .collect()
}

fn first_documents(world: &World) {
    world.write("Minutes/2025/May.txt", "resolved in May");
    world.write("Minutes/2026/June.txt", "resolved in June");
    world.write("Plans/site.bin", noise(1, 300_000));
}

fn second_documents(world: &World) {
    std::fs::remove_file(world.docs().join("Minutes/2025/May.txt")).unwrap();
    world.write("Minutes/2026/June.txt", "resolved in June, signed in July");
    world.write("Plans/new.bin", noise(2, 200_000));
}

#[test]
fn making_a_repository_stopped_at_any_call_can_be_finished() {
    let calls = {
        let world = World::new();
        world.create();
        world.faults.calls()
    };
    for call in 0..calls {
        for fault in [Fault::StopBefore, Fault::StopAfter] {
            let world = World::new();
            first_documents(&world);
            world.faults.restart(Plan::at(call, fault));
            let made = world.try_create(false);
            world.faults.restart(Plan::none());
            if made.is_err() {
                world.create();
            }
            world.backup().unwrap_or_else(|e| panic!("call {call} {fault:?}: {e}"));
        }
    }
}

/// What came of reading a damaged repository with nothing remembered or cached.
fn examine(world: &World, fresh: &StateDir, good: &(Files, Files)) -> Result<bool, String> {
    let mut repo = match Repository::open(world.store(), fresh.clone(), world.env()) {
        Ok(repo) => repo,
        Err(e) if e.is_damage() || matches!(e, RepoError::WrongKey | RepoError::NoRepository(_)) => return Ok(true),
        Err(e) => return Err(format!("not told as damage: {e}")),
    };
    match read_back(&mut repo, "documents") {
        // What a damaged index said, the packs say; that it is damaged is told with what comes back.
        Ok(files) if files == *good => Ok(!repo.lost_indexes().is_empty()),
        Ok(_) => Err("wrong content was given back".into()),
        Err(e) if e.is_damage() => Ok(true),
        Err(e) => Err(format!("not told as damage: {e}")),
    }
}

/// A state folder that holds this machine's keys and nothing it could remember or have cached.
fn keys_alone(world: &World) -> StateDir {
    let path = world.tmp.path().join("bare");
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    std::fs::copy(world.dir().file("machine.json"), path.join("machine.json")).unwrap();
    StateDir::new(path)
}

fn small_repository() -> (World, (Files, Files)) {
    let world = World::new();
    world.write("a.txt", "one");
    world.write("b.txt", "two");
    world.create();
    world.backup().unwrap();
    world.write("a.txt", "three");
    std::fs::remove_file(world.docs().join("b.txt")).unwrap();
    world.backup().unwrap();
    let good = read_back(&mut world.open().unwrap(), "documents").unwrap();
    (world, good)
}

#[test]
fn objects_lost_cut_grown_or_swapped_are_harmless_or_told() {
    let (world, good) = small_repository();
    let objects = world.objects();
    let check = |what: String| {
        examine(&world, &keys_alone(&world), &good).unwrap_or_else(|e| panic!("{what}: {e}"));
    };
    // A bare machine cannot miss the newest entry: it is shown an older state, and a true one.
    let newest = objects.keys().rfind(|k| k.starts_with("log/")).unwrap();
    for (name, bytes) in &objects {
        if name != newest {
            world.delete_object(name);
            check(format!("{name} lost"));
        }
        for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            world.put_object(name, &bytes[..cut]);
            check(format!("{name} cut to {cut}"));
        }
        world.put_object(name, &[&bytes[..], b"more"].concat());
        check(format!("{name} grown"));
        for (other, content) in objects.iter().filter(|(other, _)| *other != name) {
            world.put_object(name, content);
            check(format!("{name} replaced by {other}"));
        }
        world.put_object(name, bytes);
    }
}

#[test]
fn a_store_that_went_back_in_time_is_refused_by_a_machine_that_remembers() {
    let (world, _) = small_repository();
    let newest = world.objects().keys().rfind(|k| k.starts_with("log/")).unwrap().clone();
    world.delete_object(&newest);
    assert!(matches!(world.open().err().unwrap(), RepoError::RolledBack { .. }));
    let error = world.backup().unwrap_err();
    assert_eq!(error.exit(), strongroom::domain::problem::Exit::Damage);
    assert!(!world.objects().contains_key(&newest), "something was appended to a past that never was");
}

#[test]
fn another_repository_of_the_same_shape_is_refused() {
    let (world, _) = small_repository();
    let (other, _) = small_repository();
    for name in world.objects().keys() {
        world.delete_object(name);
    }
    for (name, bytes) in other.objects() {
        world.put_object(&name, &bytes);
    }
    let bare = keys_alone(&world);
    assert!(Repository::open(world.store(), bare, world.env()).is_err());
    assert!(world.open().is_err());
}

#[test]
fn junk_in_the_next_slot_stops_everybody_until_the_recovery_key_steps_over_it() {
    let world = World::new();
    first_documents(&world);
    let key = world.create_with(false);
    world.backup().unwrap();
    let (id, next) = {
        let repo = world.open().unwrap();
        (repo.state().repository, repo.state().next)
    };
    world.put_object(&format!("log/{next:010}.age"), b"junk from a thief who may only put");
    assert!(matches!(world.open().err().unwrap(), RepoError::LogDamaged { .. }));
    assert_eq!(world.backup().unwrap_err().exit(), strongroom::domain::problem::Exit::Damage);
    // Stepping over one slot too few accepts nothing.
    let few = Repository::open_stepping_over(world.store(), &key, id, world.env(), next);
    assert!(matches!(few.err(), Some(RepoError::LogDamaged { .. })));
    let mut root = Repository::open_stepping_over(world.store(), &key, id, world.env(), next + 1).unwrap();
    let incident = strongroom::domain::log::entry::Incident {
        what: strongroom::domain::log::entry::IncidentKind::VoidEntry,
        snapshot: None,
        counts: vec![next, 1],
    };
    root.append(|_| Ok(Some(strongroom::domain::log::Entry::Incident(incident.clone())))).unwrap();
    world.backup().unwrap();
    let mut repo = world.open().unwrap();
    assert_eq!(repo.state().voids.len(), 1);
    assert_eq!(read_back(&mut repo, "documents").unwrap().0, files_of(&world.docs(), "Documents"));
}

#[test]
fn an_object_at_a_far_number_and_junk_bundles_stop_nobody() {
    let (world, _) = small_repository();
    let (id, holder) = {
        let repo = world.open().unwrap();
        (repo.state().repository, repo.machine.as_ref().unwrap().id)
    };
    for n in [999_999u64, 9_999_999_999] {
        world.put_object(&format!("log/{n:010}.age"), b"put there by a thief");
    }
    world.put_object(&format!("keys/{holder}-4294967295.age"), b"put there by a thief");
    let genuine = world.objects().iter().find(|(k, _)| k.ends_with(&format!("{holder}-1.age"))).unwrap().1.clone();
    world.put_object(&format!("keys/{holder}-4294967294.age"), &genuine);
    let bare = keys_alone(&world);
    assert_eq!(Repository::open(world.store(), bare.clone(), world.env()).unwrap().state().repository, id);
    let identity = bare.load_machine().unwrap().unwrap().identity;
    Repository::open_with_identity(world.store(), &identity, id, world.env()).unwrap();
    // A damaged copy of the bundle is fetched again; a damaged memory is said.
    std::fs::write(world.dir().file("bundle.age"), b"rotten").unwrap();
    world.open().unwrap();
    assert_ne!(std::fs::read(world.dir().file("bundle.age")).unwrap(), b"rotten");
    std::fs::write(world.dir().file("memory.json"), b"rotten").unwrap();
    assert!(matches!(world.open().err().unwrap(), RepoError::Machine(_)));
}

#[test]
fn an_entry_too_large_for_memory_is_junk_like_any_other() {
    let (world, _) = small_repository();
    let next = world.open().unwrap().state().next;
    world.put_object(&format!("log/{next:010}.age"), &vec![7; (32 << 20) + 1]);
    assert!(matches!(world.open().err().unwrap(), RepoError::LogDamaged { n, .. } if n == next));
}
