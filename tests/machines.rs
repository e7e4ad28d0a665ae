//! Several machines in one repository: each sees the others' work, loses races without loss, and may say only
//! what its roles allow.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

mod support;
#[path = "machines/threats.rs"]
mod threats;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use strongroom::domain::id::RepositoryId;
use strongroom::domain::log::entry::{Entry, KeyholderAdded, Role};
use strongroom::domain::log::state::Life;
use strongroom::domain::path::RecordPath;
use strongroom::domain::problem::Exit;
use strongroom::domain::retention::gate::Refusal;
use strongroom::domain::retention::thinning::KeepRule;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::prune::{PruneOptions, circumstances, prune, thin};
use strongroom::ops::repair::{RepairOptions, repair};
use strongroom::ops::{OpsError, Silent, Stop};
use strongroom::repo::error::RepoError;
use strongroom::repo::keys::Bundle;
use strongroom::repo::layout::Key;
use strongroom::repo::machine::{Machine, StateDir};
use strongroom::repo::repository::Repository;
use strongroom::repo::seal::Identity;
use support::world::{Files, World, files_of, read_back, read_snapshot};

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
    let sealed = bundle.seal(root.ring.root.as_ref().unwrap(), &machine.identity.recipient(), None).unwrap();
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

/// What became of a pruner beside others.
#[derive(Debug, Default)]
struct Pruned {
    rounds: u64,
    put_off: u64,
    thinned: usize,
    swept: u64,
    deleted: u64,
}

/// Keeps the newest snapshot of each set alone and prunes without any wait, again and again, until the others are done.
fn prune_beside(world: &World, dir: &StateDir, others: &AtomicUsize) -> Pruned {
    let (grace, mut all) = (SignedDuration::ZERO, Pruned::default());
    let newest = KeepRule { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    loop {
        let last = others.load(Ordering::SeqCst) == 0;
        let mut repo = Repository::open_fresh(world.store(), dir.clone(), world.env()).unwrap();
        let person = circumstances(&repo, grace, true);
        let thinned = thin(&mut repo, &newest, &TimeZone::UTC, &person, false).unwrap();
        let options = PruneOptions { grace, person: true, ..PruneOptions::default() };
        let report = prune(&mut repo, &options, &Silent, &Stop::default()).unwrap();
        // Its list of the store may be older than what it read in the log: that is put off, and only while others write.
        let put_off = matches!(report.held_back, Some(Refusal::Listing { .. }));
        assert!(report.held_back.is_none() || (put_off && !last), "{report:?}");
        all.put_off += u64::from(put_off);
        all.rounds += 1;
        all.thinned += thinned.thinned().count();
        all.swept += report.swept.packs;
        all.deleted += report.deleted;
        if last {
            return all;
        }
    }
}

/// Backs up a folder that loses a file and gets another each time; everything that was ever backed up.
fn churn(world: &World, dir: StateDir, set: &str, folder: &str, nights: u8) -> Files {
    let mut repo = Repository::open(world.store(), dir, world.env()).unwrap();
    let (path, mut all) = (world.tmp.path().join(folder), Files::new());
    for night in 0..nights {
        let bytes: Vec<u8> = (0..30_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ night).collect();
        std::fs::write(path.join(format!("night-{night}.bin")), [set.as_bytes(), &bytes].concat()).unwrap();
        if night > 0 {
            std::fs::remove_file(path.join(format!("night-{}.bin", night - 1))).unwrap();
        }
        let mut runs = 0;
        // A pruner that never waits can be in the way of three attempts: then it is said, and run again. Nothing else.
        while let Err(e) = backup(&mut repo, &options(world, set, folder), &Silent, &Stop::default()) {
            runs += 1;
            assert!(matches!(e, OpsError::Repo(RepoError::Contention)) && runs < 50, "{set}, night {night}: {e}");
        }
        all.extend(files_of(&path, folder));
    }
    all
}

#[test]
fn two_machines_backing_up_beside_a_pruner_without_any_wait_lose_nothing() {
    let mut sum = Pruned::default();
    for round in 0..3 {
        let (world, key) = with_recovery_key(false);
        let second = join(&world, &key, "hall", &[Role::Writer], false);
        let pruner = join(&world, &key, "pruner", &[Role::Pruner], true);
        fill(&world, "docs", 1, 10);
        fill(&world, "hall-docs", 100, 10);
        let writers = AtomicUsize::new(2);
        let done = |files: Files| {
            writers.fetch_sub(1, Ordering::SeqCst);
            files
        };
        let (pruned, docs, hall) = std::thread::scope(|scope| {
            let docs = scope.spawn(|| done(churn(&world, world.dir(), "documents", "docs", 5)));
            let hall = scope.spawn(|| done(churn(&world, second.clone(), "hall", "hall-docs", 5)));
            let pruned = scope.spawn(|| prune_beside(&world, &pruner, &writers));
            let (docs, hall) = (docs.join(), hall.join());
            // Whatever became of them, the pruner must come to an end.
            writers.store(0, Ordering::SeqCst);
            (pruned.join().unwrap(), docs.unwrap(), hall.unwrap())
        });
        let id = world.open().unwrap().state().repository;
        let mut repo = Repository::open_with_identity(world.store(), &key, id, world.env()).unwrap();
        assert!(repo.state().voids.is_empty());
        let roots: Vec<_> = repo.state().live_snapshots().map(|s| (s.id, s.snapshot.root)).collect();
        assert!(roots.len() >= 2, "round {round}: {roots:?}");
        for (id, root) in roots {
            read_snapshot(&mut repo, &root).unwrap_or_else(|e| panic!("round {round}, snapshot {}: {e}", id.0));
        }
        for (set, folder, ever) in [("documents", "docs", docs), ("hall", "hall-docs", hall)] {
            let (live, gone) = read_back(&mut repo, set).unwrap();
            assert!(live == files_of(&world.tmp.path().join(folder), folder), "round {round}: {set}");
            let back = live.into_iter().chain(gone).collect::<Files>();
            assert!(back == ever, "round {round}: {set} lost {} of {}", ever.len() - back.len(), ever.len());
        }
        // Nothing is deleted that was not said to be.
        let objects = world.objects();
        for pack in repo.state().packs.iter().filter(|p| !matches!(p.life, Life::Swept { .. })) {
            assert!(
                objects.contains_key(&Key::Pack(pack.pack.name).to_string()),
                "round {round}: {:?}",
                pack.pack.name
            );
        }
        let Pruned { rounds, put_off, thinned, swept, deleted } = pruned;
        sum = Pruned {
            rounds: sum.rounds + rounds,
            put_off: sum.put_off + put_off,
            thinned: sum.thinned + thinned,
            swept: sum.swept + swept,
            deleted: sum.deleted + deleted,
        };
    }
    println!("beside 30 backups: {sum:?}");
    assert!(sum.thinned > 8 && sum.deleted > 8 && sum.rounds > 6, "the pruner was no danger: {sum:?}");
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

/// The machine that tests has no copy of the documents: it says what is damaged, so that the one that has them stores them
/// again, and brings it to its end.
#[test]
fn a_repair_begun_on_another_machine_is_finished_by_the_backup_of_the_first() {
    let (world, key) = with_recovery_key(false);
    let roles = [Role::Writer, Role::Tester, Role::Pruner, Role::Approver];
    let second = join(&world, &key, "hall", &roles, true);
    fill(&world, "docs", 1, 40);
    // One that does not compress: the largest pack holds documents, not the listing.
    let mix = |n: u64| (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let noise: Vec<u8> = (1..60_000u64).map(|n| (mix(mix(n << 20)) >> 56) as u8).collect();
    std::fs::write(world.tmp.path().join("docs/large.bin"), noise).unwrap();
    let back_up = || {
        let mut repo = world.open().unwrap();
        backup(&mut repo, &options(&world, "documents", "docs"), &Silent, &Stop::default()).unwrap();
    };
    let repair_there = || {
        let mut repo = Repository::open_fresh(world.store(), second.clone(), world.env()).unwrap();
        let all = RepairOptions { all: true, ..RepairOptions::default() };
        repair(&mut repo, &all, &Silent, &Stop::default()).unwrap()
    };
    back_up();
    let largest = world.open().unwrap().state().packs.iter().map(|p| (p.pack.size, p.pack.name)).max().unwrap().1;
    world.store().delete(&Key::Pack(largest)).unwrap();
    let begun = repair_there();
    assert!(begun.exit() == Exit::Damage && !begun.lost.is_empty() && begun.backups.is_empty(), "{begun:?}");
    let quarantined = |repo: Repository| repo.state().pack(&largest).unwrap().1.quarantined.is_some();
    assert!(quarantined(world.open().unwrap()), "the first machine knows it from the log");
    std::fs::write(world.tmp.path().join("docs/later.txt"), "the next night").unwrap();
    back_up();
    let finished = repair_there();
    assert_eq!((finished.replaced, finished.lost.len(), finished.exit()), (1, 0, Exit::Done), "{finished:?}");
    let mut repo = world.open().unwrap();
    let (live, _) = read_back(&mut repo, "documents").unwrap();
    assert_eq!(live, files_of(&world.tmp.path().join("docs"), "docs"));
    assert!(repair_there().damaged.is_empty());
}
