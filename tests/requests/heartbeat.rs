//! What a sign of life asks of the store, what it says in public, and what is believed of it.

use proptest::prelude::*;
use strongroom::domain::clock::Clock;
use strongroom::domain::heartbeat::{Health, Heartbeat, LogEnd, SetBeat};
use strongroom::domain::id::{Link, RepositoryId};
use strongroom::repo::heartbeat::{KEPT, News, label, leave, newest, sealed};
use strongroom::repo::layout::Key;
use strongroom::repo::sign::Seed;
use strongroom::testing::{Fault, Plan};

use crate::support::world::World;

/// One sign of life, and what the store was asked for it.
fn beat(world: &World, sets: &[&str]) -> (Option<Heartbeat>, Vec<String>) {
    let before = world.faults.record().len();
    let machine = world.dir().load_machine().unwrap().unwrap();
    let set = |name: &&str| SetBeat { set: label(&[7; 32], name), last: Some(world.clock.now()) };
    let log = LogEnd { n: 41, link: Link::new([9; 32]) };
    let news = News { health: Health::Green, sets: sets.iter().map(set).collect(), log };
    let left = leave(&world.store(), &world.dir(), &machine, world.clock.now(), &news).unwrap();
    (left, world.faults.record().split_off(before))
}

#[test]
fn a_sign_of_life_costs_one_look_and_one_put_and_old_ones_do_not_pile_up() {
    let world = World::new();
    world.create();
    let (first, asked) = beat(&world, &["documents"]);
    let first = first.unwrap();
    assert_eq!(first.sequence, 1);
    assert_eq!(asked.len(), 2, "once it looks what is there, then it puts: {asked:?}");
    for n in 2..=KEPT {
        let (left, asked) = beat(&world, &["documents"]);
        assert_eq!((left.unwrap().sequence, asked.len()), (n, 2), "{asked:?}");
    }
    let there = |world: &World| world.objects().into_keys().filter(|n| n.starts_with("heartbeat/")).count() as u64;
    for n in KEPT + 1..3 * KEPT {
        let (left, asked) = beat(&world, &["documents"]);
        assert_eq!(left.unwrap().sequence, n);
        assert!(asked.len() == 3 && asked[2].starts_with("delete heartbeat/"), "{asked:?}");
        assert_eq!(there(&world), KEPT);
    }
    // A lost or earlier memory overwrites nothing, and goes on behind what is there.
    let before = world.objects();
    let file = world.dir().file("heartbeat.json");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(beat(&world, &["documents"]).0.unwrap().sequence, 3 * KEPT);
    let earlier = std::fs::read(&file).unwrap();
    beat(&world, &["documents"]);
    std::fs::write(&file, earlier).unwrap();
    world.clock.advance_days(1);
    assert_eq!(beat(&world, &["documents"]).0.unwrap().sequence, 3 * KEPT + 2);
    // Junk in the way costs one more look and hides nothing.
    for n in 1..=10 {
        world.put_object(&Key::Heartbeat(first.actor, 3 * KEPT + 2 + n).to_string(), b"junk");
    }
    world.clock.advance_days(1);
    assert_eq!(beat(&world, &["documents"]).0.unwrap().sequence, 3 * KEPT + 13);
    let now = world.objects();
    assert!(before.iter().all(|(name, bytes)| now.get(name).is_none_or(|b| b == bytes)));
}

#[test]
fn a_state_folder_of_long_ago_hides_no_sign_of_life() {
    let world = World::new();
    world.create();
    let next = || {
        world.clock.advance_days(1);
        beat(&world, &[]).0.unwrap().sequence
    };
    let file = world.dir().file("heartbeat.json");
    next();
    let early = std::fs::read(&file).unwrap();
    for n in 2..=KEPT + 8 {
        assert_eq!(next(), n);
    }
    std::fs::write(&file, early).unwrap();
    assert_eq!(next(), KEPT + 9, "behind the newest, not under a name that is free again");
    let machine = world.dir().load_machine().unwrap().unwrap();
    let actor = machine.seed_for(&[strongroom::domain::log::entry::Role::Writer]).unwrap().actor();
    let found = newest(&world.store(), machine.repository.unwrap(), &[actor]).unwrap();
    assert_eq!(found.beats[0].heartbeat.sequence, KEPT + 9);
    // A flipped bit in what is remembered: one of the numbers still names a heartbeat.
    let text = std::fs::read_to_string(&file).unwrap();
    let (right, wrong) = (format!("\"sequence\": {}", KEPT + 9), format!("\"sequence\": {}", KEPT + 8));
    assert!(text.contains(&right));
    std::fs::write(&file, text.replace(&right, &wrong)).unwrap();
    let (left, asked) = beat(&world, &[]);
    assert_eq!(left.unwrap().sequence, KEPT + 10);
    assert!(asked[0].starts_with("list"), "{asked:?}");
}

#[test]
fn a_store_that_refuses_deletes_keeps_them_and_breaks_nothing() {
    let world = World::new();
    world.create();
    world.faults.restart(Plan::always(Fault::RefuseDelete));
    let there = |world: &World| world.objects().into_keys().filter(|n| n.starts_with("heartbeat/")).count() as u64;
    for n in 1..=KEPT + 6 {
        let (left, asked) = beat(&world, &[]);
        assert_eq!(left.unwrap().sequence, n);
        assert!(asked.len() <= 3, "{asked:?}");
    }
    assert_eq!(there(&world), KEPT + 6);
    // Once it takes deletes, the rest goes in few runs, and never the newest.
    world.faults.restart(Plan::none());
    for _ in 0..3 {
        beat(&world, &[]);
    }
    assert_eq!(there(&world), KEPT);
}

#[test]
fn the_newest_that_its_actor_signed_is_found_and_nothing_else() {
    let world = World::new();
    world.create();
    let left = beat(&world, &["documents"]).0.unwrap();
    let name = |n: u64| Key::Heartbeat(left.actor, n).to_string();
    let bytes = world.objects()[&name(1)].clone();
    let look = || newest(&world.store(), left.repository, &[left.actor]).unwrap();
    assert_eq!(look().beats[0].heartbeat, left);
    // Every byte counts.
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        world.put_object(&name(1), &bad);
        let found = look();
        assert!(found.beats.is_empty() && found.junk == 1, "byte {at}");
    }
    world.put_object(&name(1), &bytes);
    // Under another number, of another repository, by another actor, cut, doubled, empty, too large.
    let seed = Seed::new([5; 32]);
    let by_another = sealed(&left, &seed).unwrap().to_vec();
    for bad in [&bytes[..], &by_another, &bytes[..bytes.len() - 2], &bytes.repeat(2), b"", &vec![b'{'; 65 << 10]] {
        world.put_object(&name(2), bad);
        let found = look();
        assert_eq!((&found.beats[0].heartbeat, found.junk), (&left, 1));
    }
    let elsewhere = newest(&world.store(), RepositoryId::new([1; 32]), &[left.actor]).unwrap();
    assert!(elsewhere.beats.is_empty() && elsewhere.junk == 2);
    for odd in ["heartbeat/x".into(), "heartbeat/a/b".into(), name(3).replace("-0", "-+"), name(3)[..20].to_owned()] {
        world.put_object(&odd, b"x");
    }
    world.put_object(&Key::Heartbeat(seed.actor(), 9).to_string(), &by_another);
    assert_eq!((look().strange, look().beats.len()), (5, 1));
}

/// Every value in a heartbeat is a number, a time, digits, or one of three words: whatever the sets are called.
fn is_public(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null | Value::Number(_) => true,
        Value::Bool(_) => false,
        Value::Array(all) => all.iter().all(is_public),
        Value::Object(all) => all.iter().all(|(key, value)| FIELDS.contains(&key.as_str()) && is_public(value)),
        Value::String(text) => {
            let digits = matches!(text.len(), 16 | 64) && text.bytes().all(|b| b"0123456789abcdef".contains(&b));
            digits || text.parse::<jiff::Timestamp>().is_ok() || ["green", "amber", "red"].contains(&text.as_str())
        }
    }
}
const FIELDS: [&str; 12] =
    ["v", "repository", "actor", "sequence", "time", "health", "sets", "set", "last", "log", "n", "link"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_name_from_data_is_ever_in_a_heartbeat(names in prop::collection::vec("\\PC{1,40}", 1..6), secret in any::<[u8; 32]>()) {
        let set = |name: &String| SetBeat { set: label(&secret, name), last: None };
        let seed = Seed::new([3; 32]);
        let heartbeat = Heartbeat {
            v: 1,
            repository: RepositoryId::new([1; 32]),
            actor: seed.actor(),
            sequence: 7,
            time: "2026-11-22T02:30:00Z".parse().unwrap(),
            health: Health::Red,
            sets: names.iter().map(set).collect(),
            log: LogEnd { n: 3, link: Link::new([2; 32]) },
        };
        let stored = sealed(&heartbeat, &seed).unwrap();
        let line = stored.split(|b| *b == b'\n').next().unwrap();
        prop_assert!(is_public(&serde_json::from_slice(line).unwrap()), "{}", String::from_utf8_lossy(line));
        // Another key, other labels: who has none can try no names.
        let mut other = secret;
        other[0] ^= 1;
        prop_assert!(names.iter().all(|n| label(&secret, n) != label(&other, n)));
    }
}
