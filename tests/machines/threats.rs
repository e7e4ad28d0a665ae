//! Attackers with what they have, trying: a forged repository, a forged list of holders, entries of the wrong role,
//! replayed, moved and from elsewhere, poisoned content, junk, bombs. What must come of it stands in
//! docs/keys-and-threats.md.

use bytes::Bytes;
use strongroom::domain::id::{IndexName, SessionId};
use strongroom::domain::log::bundles::Epoch;
use strongroom::domain::log::entry::{Body, FORMAT_VERSION, Keyholder, Reason, Stored, StoredIndex, StoredPack};
use strongroom::domain::log::state::VoidWhy;
use strongroom::ops::fs::place::Owner;
use strongroom::ops::recover::{RecoverOptions, RecoverReport, recover};
use strongroom::ops::roster::{add_keyholder, rotate};
use strongroom::ops::verify::check;
use strongroom::repo::chunk::{ChunkKey, IndexObject, IndexedPack};
use strongroom::repo::compress::frame;
use strongroom::repo::envelope;
use strongroom::repo::listing::encode;
use strongroom::repo::log::seal_entry;
use strongroom::repo::pack::{PackBuilder, SegmentChunk, seal_pack};
use strongroom::repo::seal::seal;
use strongroom::repo::sign::{Purpose, Seed};
use strongroom::repo::store::Created;

use super::*;

fn with_root(world: &World, key: &Identity) -> Repository {
    let id = world.open().unwrap().state().repository;
    Repository::open_with_identity(world.store(), key, id, world.env()).unwrap()
}

/// The seed of a machine's writer: what its thief has.
fn writer_of(dir: &StateDir) -> Seed {
    dir.load_machine().unwrap().unwrap().seed_for(&[Role::Writer]).unwrap().clone()
}

/// Appends what `seed` signs, as a program that keeps no rules would.
fn force(world: &World, seed: &Seed, entry: Entry) -> u64 {
    let repo = world.open().unwrap();
    let state = repo.state();
    let body = Body {
        v: FORMAT_VERSION,
        n: state.next,
        repository: Some(state.repository),
        prev: state.link,
        actor: seed.actor(),
        nonce: "00".into(),
        time: repo.env.clock.now(),
        entry,
    };
    let stored = seal_entry(&body, seed, &repo.writing_recipient().unwrap()).unwrap();
    assert_eq!(world.store().create(&Key::Log(body.n), &stored).unwrap(), Created::Ours);
    body.n
}

/// What the newest snapshot gives to whoever has the sheet.
fn given_back(world: &World, key: &Identity) -> Files {
    read_back(&mut with_root(world, key), "documents").unwrap().0
}

fn recovered(world: &World, key: &Identity, id: RepositoryId, to: &str) -> Result<RecoverReport, OpsError> {
    let to = world.tmp.path().join(to);
    let options = RecoverOptions { to, owner: Owner::Recorded, connections: 2, enrol: None };
    recover(world.store(), key, id, world.env(), &options, &Silent, &Stop::default())
}

#[test]
fn nothing_is_recovered_from_a_forged_repository() {
    let (world, key) = with_recovery_key(false);
    fill(&world, "docs", 1, 3);
    world.backup().unwrap();
    let id = world.open().unwrap().state().repository;
    let genuine = world.objects();
    // The provider makes one of its own, with other documents, and gives the sheet's holder a key to it.
    let (forger, own_key) = with_recovery_key(false);
    fill(&forger, "docs", 50, 3);
    forger.backup().unwrap();
    let recipient = key.recipient().to_string();
    add_keyholder(&mut with_root(&forger, &own_key), &own_key, "the clerk", &recipient, true).unwrap();
    let forged = forger.objects();
    // All of it forged; the true beginning with a forged rest; the forged beginning alone.
    let take = |name: &String, from_genuine: bool| if from_genuine { genuine.get(name) } else { forged.get(name) };
    let is_zero = |name: &String| name == "log/0000000000.age";
    for (what, genuine_zero, genuine_rest) in
        [("all", false, false), ("the rest", true, false), ("the first", false, true)]
    {
        world.objects().keys().for_each(|name| world.delete_object(name));
        for name in genuine.keys().chain(forged.keys()) {
            let of = if is_zero(name) { genuine_zero } else { genuine_rest };
            if let Some(bytes) = take(name, of) {
                world.put_object(name, bytes);
            }
        }
        let refused = recovered(&world, &key, id, what).unwrap_err();
        let told = matches!(refused.exit(), Exit::Damage | Exit::WrongKey | Exit::NoRepository);
        assert!(told, "{what}: {refused}");
        assert!(!world.tmp.path().join(what).exists(), "{what}: nothing is written");
        let machine = Repository::open_fresh(world.store(), world.dir(), world.env());
        assert!(machine.is_err(), "{what}: the machine itself, which believes none of its copies");
    }
    // Put beside the genuine ones, forged objects change nothing.
    world.objects().keys().for_each(|name| world.delete_object(name));
    forged.iter().chain(&genuine).for_each(|(name, bytes)| world.put_object(name, bytes));
    if let Err(refused) = recovered(&world, &key, id, "mixed") {
        assert_eq!(refused.exit(), Exit::Damage, "{refused}");
    }
    let live = files_of(&world.docs(), "Documents");
    let back = world.tmp.path().join("mixed/Documents");
    for (path, bytes) in if back.exists() { files_of(&back, "Documents") } else { Files::new() } {
        assert_eq!(live.get(&path), Some(&bytes));
    }
}

#[test]
fn a_forged_list_of_holders_gets_no_key() {
    let (world, key) = with_recovery_key(false);
    fill(&world, "docs", 1, 2);
    world.backup().unwrap();
    let infected = writer_of(&join(&world, &key, "hall", &[Role::Writer], false));
    let (stranger, spy) = (Seed::new([77; 32]), Identity::generate());
    let recipient = spy.recipient().to_string();
    let holder = |name: &str| Keyholder {
        id: strongroom::domain::id::KeyholderId::new([66; 32]),
        name: name.into(),
        recipient: recipient.clone(),
        reads: true,
    };
    let known = world.open().unwrap().state().keyholders.clone();
    for seed in [&infected, &stranger] {
        let epoch = Epoch { number: 2, reading: recipient.clone(), writing: recipient.clone(), bundles: vec![] };
        let actor = strongroom::domain::log::entry::Actor {
            key: stranger.actor(),
            ..world.dir().load_machine().unwrap().unwrap().actors()[0].clone()
        };
        let added = KeyholderAdded { holder: holder("the auditor"), bundle: None };
        for entry in [Entry::KeyholderAdded(added), Entry::Epoch(epoch), Entry::ActorAdded(actor)] {
            let n = force(&world, seed, entry);
            let repo = world.open().unwrap();
            let (at, why) = *repo.state().voids.last().unwrap();
            assert!(at == n && matches!(why, VoidWhy::WrongRole | VoidWhy::UnknownActor), "{why:?}");
        }
    }
    let repo = world.open().unwrap();
    assert_eq!((&repo.state().keyholders, repo.state().epoch().number), (&known, 1));
    // The next keys go to those the root key named, and to nobody else.
    assert_eq!(rotate(&mut with_root(&world, &key), &key).unwrap(), 2);
    let bundles = world.store().list("keys").unwrap().0;
    let second = bundles.iter().filter(|l| matches!(l.key, Key::Bundle(_, 2))).count();
    assert_eq!(second, known.len());
    let opened = Repository::open_with_identity(world.store(), &spy, repo.state().repository, world.env());
    assert!(matches!(opened.err(), Some(RepoError::WrongKey)));
}

#[test]
fn a_stolen_writers_key_destroys_and_decides_nothing() {
    let (world, key) = with_recovery_key(true);
    fill(&world, "docs", 1, 5);
    world.backup().unwrap();
    fill(&world, "docs", 30, 5);
    world.backup().unwrap();
    let pruner = join(&world, &key, "depot", &[Role::Pruner], false);
    let (stolen, before, objects) = (writer_of(&world.dir()), given_back(&world, &key), world.objects());
    let repo = world.open().unwrap();
    let state = repo.state();
    let packs: Vec<_> = state.packs.iter().map(|p| p.pack.name).collect();
    let indexes: Vec<_> = state.indexes.iter().map(|i| i.index.name).collect();
    let snapshots: Vec<_> = state.snapshots.iter().map(|s| s.id).collect();
    let (from, mine) = (state.packs.len() as u32, stolen.actor());
    let all = (0..from).collect();
    let note = strongroom::domain::id::NoteName::new([5; 32]);
    let tries = [
        Entry::Condemned { packs: packs.clone(), indexes: indexes.clone(), reason: Reason::Disposal },
        Entry::Swept { packs: packs.clone(), indexes: indexes.clone() },
        Entry::Thinned { snapshots, rule: "nothing".into() },
        Entry::Rewritten { from: all, to: [0].into_iter().collect() },
        Entry::LossAccepted { packs: [0].into_iter().collect(), records: 9, note },
        Entry::IncidentResolved { incident: 1, by: "the clerk".into(), note: "all is well".into() },
        Entry::HoldReleased { hold: 1, note },
        Entry::DisposalCancelled { approval: 1, note },
        Entry::ActorRevoked { actor: mine, from: 0 },
    ];
    let count = tries.len();
    for entry in tries {
        let n = force(&world, &stolen, entry);
        let seen = world.open().unwrap().state().voids.last().copied();
        assert_eq!(seen, Some((n, VoidWhy::WrongRole)));
    }
    assert_eq!(world.open().unwrap().state().open_voids().count(), count);
    // A pruner that nobody tells anything deletes nothing until a person has looked; with one, what was forged still counts
    // for nothing.
    let mut depot = Repository::open_fresh(world.store(), pruner, world.env()).unwrap();
    let held = prune(&mut depot, &PruneOptions::default(), &Silent, &Stop::default()).unwrap();
    assert!(matches!(held.held_back, Some(Refusal::Void(_))), "{held:?}");
    let now = PruneOptions { grace: SignedDuration::ZERO, person: true, ..PruneOptions::default() };
    let report = prune(&mut depot, &now, &Silent, &Stop::default()).unwrap();
    assert_eq!(report.swept.packs, 0, "{report:?}");
    let there = world.objects();
    let lost = |(name, bytes): &(&String, &Vec<u8>)| !name.starts_with("index/") && there.get(*name) != Some(*bytes);
    assert_eq!(objects.iter().filter(lost).count(), 0, "an object is gone");
    assert_eq!(given_back(&world, &key), before);
}

#[test]
fn entries_replayed_or_moved_or_from_elsewhere_count_nowhere() {
    let (world, key) = with_recovery_key(false);
    fill(&world, "docs", 1, 2);
    world.backup().unwrap();
    let (other, _) = with_recovery_key(false);
    fill(&other, "docs", 9, 2);
    other.backup().unwrap();
    let before = given_back(&world, &key);
    let (next, objects) = (world.open().unwrap().state().next, world.objects());
    let slot = format!("log/{next:010}.age");
    let entries = |objects: std::collections::BTreeMap<String, Vec<u8>>| {
        objects.into_iter().filter(|(name, _)| name.starts_with("log/")).collect::<Vec<_>>()
    };
    let old = entries(objects.clone());
    for (name, bytes) in old.iter().chain(&entries(other.objects())) {
        world.put_object(&slot, bytes);
        let refused = world.open().err().unwrap_or_else(|| panic!("{name} was taken for the newest entry"));
        assert!(matches!(refused, RepoError::LogDamaged { n, .. } if n == next), "{name}: {refused}");
        assert_eq!(world.backup().unwrap_err().exit(), Exit::Damage, "{name}");
        assert!(!world.objects().contains_key(&format!("log/{:010}.age", next + 1)), "{name}: nothing goes behind it");
    }
    world.delete_object(&slot);
    // An old entry in the place of a later one: told by whoever remembers, and by whoever comes with the sheet alone.
    for (name, bytes) in old.iter().skip(1) {
        for (place, mine) in old.iter().filter(|(place, _)| place != name) {
            world.put_object(place, bytes);
            let id = RepositoryId::of_entry_zero(&old[0].1);
            let bare = Repository::open_with_identity(world.store(), &key, id, world.env());
            let told = bare.as_ref().err().is_some_and(|e| e.is_damage() || matches!(e, RepoError::WrongKey));
            assert!(told, "{name} at {place} was believed");
            world.put_object(place, mine);
        }
    }
    assert_eq!(given_back(&world, &key), before);
    world.backup().unwrap();
}

/// Stores a pack and an index that say whatever their maker wants, and tells the log.
fn plant(world: &World, seed: &Seed, claimed: &[u8], content: &[u8]) {
    let repo = world.open().unwrap();
    let key: ChunkKey = repo.chunk_key();
    let mut builder = PackBuilder::plain();
    let chunks = vec![SegmentChunk { id: key.id(claimed), len: content.len() as u32 }];
    builder.add(&frame(content).unwrap(), content.len() as u32, chunks).unwrap();
    let (plain, directory) = builder.finish().unwrap();
    let recipient = repo.reading_recipient().unwrap();
    let (name, stored) = seal_pack(&plain, &[&recipient]).unwrap();
    world.store().create(&Key::Pack(name), &stored).unwrap();
    let object = IndexObject { packs: vec![IndexedPack { name, segments: directory.segments, head: None }] };
    let index = put_index(world, &frame(&encode(&object).unwrap()).unwrap());
    let pack = StoredPack { name, size: stored.len() as u64 };
    force(
        world,
        seed,
        Entry::Stored(Stored { session: SESSION, began: repo.env.clock.now(), packs: vec![pack], index }),
    );
}

const SESSION: SessionId = SessionId::new([44; 32]);

fn put_index(world: &World, framed: &[u8]) -> StoredIndex {
    let recipient = world.open().unwrap().writing_recipient().unwrap();
    let stored = Bytes::from(seal(framed, &[&recipient]).unwrap());
    let name = IndexName::of(&stored);
    world.store().create(&Key::Index(name), &stored).unwrap();
    StoredIndex { name, size: stored.len() as u64 }
}

#[test]
fn content_that_a_second_writer_poisoned_is_stored_anew_and_never_comes_back() {
    let (world, key) = with_recovery_key(false);
    fill(&world, "docs", 1, 2);
    world.backup().unwrap();
    let infected = writer_of(&join(&world, &key, "hall", &[Role::Writer], false));
    // What the office will store tomorrow is known: the forger stores something else under its name.
    let (form, forged) = (vec![b'f'; 9_000], vec![b'x'; 9_000]);
    plant(&world, &infected, &form, &forged);
    // And calls what the office has stored already something else, too.
    let old = std::fs::read(world.docs().join("0.bin")).unwrap();
    plant(&world, &infected, &old, &vec![b'y'; old.len()]);
    std::fs::write(world.docs().join("form.bin"), &form).unwrap();
    for fresh in [false, true] {
        if fresh {
            std::fs::remove_dir_all(world.dir().file("sets")).unwrap();
            std::fs::remove_dir_all(world.dir().file("cache")).unwrap();
        }
        world.backup().unwrap();
        let live = files_of(&world.docs(), "Documents");
        assert_eq!(given_back(&world, &key), live, "fresh: {fresh}");
        assert_eq!(read_back(&mut world.open().unwrap(), "documents").unwrap().0, live, "fresh: {fresh}");
    }
    // Even with the office's own packs gone it is damage, and never the forger's bytes.
    let own: Vec<_> = world.open().unwrap().state().packs.iter().map(|p| (p.actor, p.pack.name)).collect();
    for (_, name) in own.iter().filter(|(actor, _)| *actor != infected.actor()) {
        world.delete_object(&Key::Pack(*name).to_string());
    }
    let told = read_back(&mut world.open().unwrap(), "documents").unwrap_err();
    assert!(told.is_damage(), "{told}");
}

#[test]
fn junk_of_who_may_only_put_is_counted_believed_by_nobody_and_cleared_away() {
    let (world, key) = with_recovery_key(false);
    fill(&world, "docs", 1, 3);
    world.backup().unwrap();
    let (before, genuine) = (given_back(&world, &key), world.objects());
    let name = |seed: u8| hex::encode([seed; 32]);
    for seed in 0..20u8 {
        world.put_object(&format!("packs/{}/{}.age", hex::encode([seed]), name(seed)), b"junk");
        world.put_object(&format!("index/{}.age", name(seed)), b"junk");
        world.put_object(&format!("notes/{}.age", name(seed)), b"junk");
        world.put_object(&format!("packs/../../{seed}"), b"junk");
        world.put_object(&format!("keys/{}-{seed}.age", name(seed)), b"junk");
    }
    let report = check(&mut world.open().unwrap(), true, &Silent, &Stop::default()).unwrap();
    assert!(report.failed.is_empty() && report.unknown >= 60, "{report:?}");
    std::fs::write(world.docs().join("new.bin"), "written after the junk").unwrap();
    world.backup().unwrap();
    let mut repo = Repository::open_fresh(world.store(), world.dir(), world.env()).unwrap();
    let now = PruneOptions { grace: SignedDuration::ZERO, person: true, ..PruneOptions::default() };
    let report = prune(&mut repo, &now, &Silent, &Stop::default()).unwrap();
    assert!(report.deleted >= 40, "{report:?}");
    let there = world.objects();
    let lost = |(name, bytes): &(&String, &Vec<u8>)| !name.starts_with("index/") && there.get(*name) != Some(*bytes);
    assert_eq!(genuine.iter().filter(lost).count(), 0, "something of ours went with it");
    let after = given_back(&world, &key);
    assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)) && after.len() == before.len() + 1);
}

#[test]
fn bombs_in_log_and_index_are_refused_before_they_go_off() {
    let (world, key) = with_recovery_key(false);
    fill(&world, "docs", 1, 2);
    world.backup().unwrap();
    let infected = writer_of(&join(&world, &key, "hall", &[Role::Writer], false));
    let bomb = frame(&vec![0; 63 << 20]).unwrap();
    assert!(bomb.len() < 20_000, "{} bytes become 63 MiB", bomb.len());
    // An index that is one: what it says of no pack is missed by nobody.
    let index = put_index(&world, &bomb);
    let began = world.env().clock.now();
    force(&world, &infected, Entry::Stored(Stored { session: SESSION, began, packs: vec![], index }));
    std::fs::write(world.docs().join("after.bin"), "stored after the bomb").unwrap();
    world.backup().unwrap();
    assert_eq!(given_back(&world, &key), files_of(&world.docs(), "Documents"));
    // An entry that is one: junk, told, and nothing goes behind it.
    let repo = world.open().unwrap();
    let text = envelope::wrap(&infected, Purpose::Log, &vec![b' '; 40 << 20]);
    let sealed = seal(&frame(&text).unwrap(), &[&repo.writing_recipient().unwrap()]).unwrap();
    let next = repo.state().next;
    world.put_object(&format!("log/{next:010}.age"), &sealed);
    assert!(matches!(world.open().err(), Some(RepoError::LogDamaged { n, .. }) if n == next));
}
