//! Several machines in one repository: each sees the others' work, loses races without loss, and may say only
//! what its roles allow.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use strongroom::domain::log::entry::{Entry, KeyholderAdded, Role};
use strongroom::domain::path::RecordPath;
use strongroom::domain::problem::Exit;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::{OpsError, Silent, Stop};
use strongroom::repo::error::RepoError;
use strongroom::repo::keys::Bundle;
use strongroom::repo::layout::Key;
use strongroom::repo::machine::{Machine, StateDir};
use strongroom::repo::repository::Repository;
use strongroom::repo::seal::Identity;
use support::world::{World, files_of, read_back};

/// A world whose recovery key is known.
fn with_recovery_key(write_only: bool) -> (World, Identity) {
    let world = World::new();
    let key = world.create_with(write_only);
    (world, key)
}

/// Another machine joins: its keys are made there, the root key signs it in here.
fn join(world: &World, key: &Identity, name: &str, roles: &[Role], reads: bool) -> StateDir {
    let dir = StateDir::new(world.tmp.path().join(name));
    let mut machine = Machine::generate(name, reads, roles, &*world.entropy);
    let id = world.open().unwrap().state().repository;
    let mut root = Repository::open_with_identity(world.store(), key, id, world.env()).unwrap();
    root.append(|_| Ok(Some(Entry::KeyholderAdded(KeyholderAdded { holder: machine.keyholder(), bundle: None }))))
        .unwrap();
    for actor in machine.actors() {
        root.append(|_| Ok(Some(Entry::ActorAdded(actor.clone())))).unwrap();
    }
    let mut ring = root.ring.clone();
    ring.root = None;
    if !reads {
        ring.reading.clear();
    }
    let bundle = Bundle::new(id, 1, &ring, machine.id);
    let sealed = bundle.seal(root.ring.root.as_ref().unwrap(), &machine.identity.recipient()).unwrap();
    world.store().create(&Key::Bundle(machine.id, 1), &sealed).unwrap();
    machine.repository = Some(id);
    dir.save_machine(&machine).unwrap();
    dir
}

fn options(world: &World, set: &str, folder: &str) -> BackupOptions {
    let name = RecordPath::new(folder).unwrap();
    BackupOptions::new(set, vec![Source { name, path: world.tmp.path().join(folder) }])
}

fn fill(world: &World, folder: &str, seed: u8, files: usize) {
    let path = world.tmp.path().join(folder);
    std::fs::create_dir_all(&path).unwrap();
    for i in 0..files {
        std::fs::write(path.join(format!("{i}.bin")), vec![seed.wrapping_add(i as u8); 5_000 + i]).unwrap();
    }
}

#[test]
fn two_machines_backing_up_at_once_lose_nothing() {
    let (world, key) = with_recovery_key(false);
    let second = join(&world, &key, "hall", &[Role::Writer], false);
    fill(&world, "docs", 1, 40);
    fill(&world, "hall-docs", 100, 40);
    let run = |dir: StateDir, set: &str, folder: &str| {
        let mut repo = Repository::open(world.store(), dir, world.env()).unwrap();
        for round in 0..5u8 {
            std::fs::write(world.tmp.path().join(folder).join("round.txt"), [round; 100]).unwrap();
            backup(&mut repo, &options(&world, set, folder), &Silent, &Stop::default()).unwrap();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| run(world.dir(), "documents", "docs"));
        scope.spawn(|| run(second.clone(), "hall", "hall-docs"));
    });
    let mut repo = world.open().unwrap();
    assert_eq!(repo.state().snapshots.len(), 10);
    assert!(repo.state().voids.is_empty());
    for (set, folder) in [("documents", "docs"), ("hall", "hall-docs")] {
        let (live, _) = read_back(&mut repo, set).unwrap();
        assert_eq!(live, files_of(&world.tmp.path().join(folder), folder));
    }
}

#[test]
fn a_set_belongs_to_the_machine_that_backs_it_up_until_that_machine_is_revoked() {
    let (world, key) = with_recovery_key(false);
    fill(&world, "docs", 1, 3);
    world.backup().unwrap();
    let second = join(&world, &key, "hall", &[Role::Writer], true);
    let mut other = Repository::open(world.store(), second, world.env()).unwrap();
    let set = options(&world, "documents", "docs");
    let refused = backup(&mut other, &set, &Silent, &Stop::default()).unwrap_err();
    assert_eq!(refused.exit(), Exit::Refused);
    assert!(refused.to_string().contains("backed up by another machine (office server)"), "{refused}");
    let id = other.state().repository;
    let mut root = Repository::open_with_identity(world.store(), &key, id, world.env()).unwrap();
    let from = root.state().next;
    for actor in world.dir().load_machine().unwrap().unwrap().actor_ids() {
        root.append(|_| Ok(Some(Entry::ActorRevoked { actor, from }))).unwrap();
    }
    let report = backup(&mut other, &set, &Silent, &Stop::default()).unwrap();
    assert_eq!(report.files, 3);
    let old = world.backup().unwrap_err();
    assert!(matches!(old, OpsError::Repo(RepoError::NoRole(_)) | OpsError::InTheWay(_)), "{old}");
}

#[test]
fn a_write_only_server_backs_up_and_proves_but_cannot_read() {
    let (world, key) = with_recovery_key(true);
    fill(&world, "docs", 1, 10);
    let first = world.backup().unwrap();
    assert_eq!(first.packs_proved, first.packs_stored.min(4), "{first:?}");
    let mut server = world.open().unwrap();
    assert!(!server.can_read());
    assert!(matches!(server.chunks().err(), Some(RepoError::CannotRead)));
    assert!(matches!(
        server.append(|_| Ok(Some(Entry::Thinned { snapshots: vec![], rule: String::new() }))),
        Err(RepoError::NoRole(Role::Pruner))
    ));
    world.write("0.bin", "changed");
    std::fs::remove_file(world.docs().join("1.bin")).unwrap();
    let next = world.backup().unwrap();
    assert_eq!((next.files, next.files_gone), (9, 1));
    // The local listing is lost: everything is read again, and what is gone is inherited, not forgotten.
    std::fs::remove_dir_all(world.dir().file("sets")).unwrap();
    std::fs::remove_file(world.docs().join("2.bin")).unwrap();
    let after = world.backup().unwrap();
    assert_eq!((after.files, after.packs_stored), (8, 1), "only the new listing is stored: {after:?}");
    let id = server.state().repository;
    let mut reader = Repository::open_with_identity(world.store(), &key, id, world.env()).unwrap();
    let (live, _) = read_back(&mut reader, "documents").unwrap();
    assert_eq!(live, files_of(&world.docs(), "Documents"));
    let root_id = reader.state().newest("documents").unwrap().snapshot.root;
    let mut chunks = reader.chunks().unwrap();
    let root = strongroom::repo::listing::read_root(&mut chunks, &root_id).unwrap();
    assert_eq!(root.inherits.len(), 1);
}

#[test]
fn a_key_from_elsewhere_opens_nothing_and_a_forged_bundle_is_refused() {
    let (world, key) = with_recovery_key(false);
    let id = world.open().unwrap().state().repository;
    let stranger = Identity::generate();
    let opened = Repository::open_with_identity(world.store(), &stranger, id, world.env());
    assert!(matches!(opened.err(), Some(RepoError::WrongKey)));
    let other = strongroom::domain::id::RepositoryId::new([9; 32]);
    let opened = Repository::open_with_identity(world.store(), &key, other, world.env());
    assert!(matches!(opened.err(), Some(RepoError::AnotherRepository { .. })));
    let _ = Arc::strong_count(&world.memory);
}
