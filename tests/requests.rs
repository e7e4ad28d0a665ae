//! What an operation may ask of the store, by count and by bytes: the guard against growing slower and dearer.
//! Never by time.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

#[path = "requests/heartbeat.rs"]
mod heartbeat;
#[path = "requests/journal.rs"]
mod journal;
#[path = "requests/program.rs"]
mod program;
mod support;
#[path = "requests/uploads.rs"]
mod uploads;
#[path = "requests/writing.rs"]
mod writing;

use std::collections::BTreeMap;

use strongroom::domain::path::RecordPath;
use strongroom::ops::query::Which;
use strongroom::ops::restore::{RestoreOptions, apply, cat, plan};
use strongroom::ops::verify::{self, TestOptions};
use strongroom::ops::{OpsError, Silent, Stop};
use strongroom::testing::Plan;
use support::world::World;

/// Documents of three packs that do not compress.
fn with_documents() -> World {
    let world = World::new();
    world.create();
    for n in 0..48u8 {
        let mut bytes = vec![0; 1 << 20];
        blake3::Hasher::new().update(&[n]).finalize_xof().fill(&mut bytes);
        world.write(&format!("Plans/{n:02}.jpg"), bytes);
    }
    world.backup().unwrap();
    world
}

fn bring(world: &World, name: &str) -> Result<Vec<u8>, OpsError> {
    let mut repo = world.open()?;
    let mut bytes = vec![];
    cat(&mut repo, &RecordPath::new(name).unwrap(), &Which::default(), &mut bytes, &Stop::default())?;
    Ok(bytes)
}

/// How often packs were asked for, and how many bytes of them.
fn of_packs(world: &World) -> (usize, u64) {
    let objects = world.objects();
    let mut bytes = 0;
    let gets: Vec<String> = world.faults.record().into_iter().filter(|c| c.starts_with("get packs/")).collect();
    for call in &gets {
        let mut words = call.split(' ').skip(1);
        let size = objects[words.next().unwrap()].len() as u64;
        bytes += match words.next().and_then(|w| w.strip_prefix("bytes=")).and_then(|r| r.split_once('-')) {
            Some((from, to)) => to.parse::<u64>().unwrap() + 1 - from.parse::<u64>().unwrap(),
            None => size,
        };
    }
    (gets.len(), bytes)
}

#[test]
fn bringing_one_document_back_fetches_what_it_needs_and_little_more() {
    let world = with_documents();
    world.faults.restart(Plan::none());
    let there = std::fs::read(world.docs().join("Plans/30.jpg")).unwrap();
    assert!(bring(&world, "Documents/Plans/30.jpg").unwrap() == there);
    let (gets, bytes) = of_packs(&world);
    // A small pack of listings; then the segments of one or two packs, whose headers the index has.
    assert!((2..=3).contains(&gets), "{:?}", world.faults.record());
    assert!(bytes < 5 << 20, "{bytes} bytes: {:?}", world.faults.record());
}

/// Listings that fill a large pack: root, page and document are a stretch each.
#[test]
fn a_large_listing_makes_bringing_one_document_back_no_dearer() {
    let world = World::new();
    world.create();
    for n in 0..12_000u32 {
        let mut noise = [0; 120];
        blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut noise);
        world.write(&format!("Mail/{}/{}", n % 7, hex::encode(noise)), vec![]);
    }
    let mut minutes = vec![0; 3 << 20];
    blake3::Hasher::new().finalize_xof().fill(&mut minutes);
    world.write("Mail/3/minutes.txt", minutes);
    world.backup().unwrap();
    let listed = world.objects().iter().filter(|(name, o)| name.starts_with("packs/") && o.len() > 1 << 20).count();
    assert_eq!(listed, 2, "the listing's pack is no small one, nor is the document's");
    world.faults.restart(Plan::none());
    assert_eq!(bring(&world, "Documents/Mail/3/minutes.txt").unwrap().len(), 3 << 20);
    let calls = world.faults.record();
    // The newest entry and none after it; root, page, and the document.
    assert_eq!(calls.len(), 5, "{calls:?}");
}

/// How often each pack of some size was asked for: those of listings are small.
fn per_pack(world: &World) -> BTreeMap<String, usize> {
    let large = world.objects().into_iter().filter(|(n, b)| n.starts_with("packs/") && b.len() > 1 << 20);
    let count = |name: String| {
        let asked = world.faults.count(&format!("get {name}"));
        (name, asked)
    };
    large.map(|(name, _)| count(name)).collect()
}

/// One large file, edited in scattered places before each of two more backups: its last version lies in all packs, in
/// no order, and each older version in others.
fn with_a_scattered_file() -> (World, Vec<u8>) {
    let world = World::new();
    world.create();
    let mut bytes = vec![0; 40 << 20];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    for edit in 0..3u8 {
        for n in 0..24 * usize::from(edit) {
            let at = (n * 7_654_321 + usize::from(edit) * 1_000_003) % (bytes.len() - 5000);
            bytes[at..at + 5000].fill(edit);
        }
        world.write("image.bin", &bytes);
        world.write("small.txt", [edit]);
        world.backup().unwrap();
        world.clock.advance(jiff::SignedDuration::from_hours(24));
    }
    (world, bytes)
}

#[test]
fn each_pack_is_fetched_once_however_files_are_scattered_over_them() {
    let (world, bytes) = with_a_scattered_file();
    let stop = Stop::default();
    world.faults.restart(Plan::none());
    let all = TestOptions { all: true, ..TestOptions::default() };
    let tested = verify::restore(&mut world.open().unwrap(), &all, &Silent, &stop).unwrap();
    assert_eq!((tested.failed.len(), tested.examined.documents), (0, 6), "three versions of two files");
    let asked = per_pack(&world);
    assert!(asked.len() >= 5 && asked.values().all(|n| *n == 1), "by a test of everything: {asked:?}");

    world.faults.restart(Plan::none());
    let mut repo = world.open().unwrap();
    let plan = plan(&mut repo, &RestoreOptions::everything(world.tmp.path().join("back")), &Silent, &stop).unwrap();
    apply(plan, &mut repo, &Silent, &stop).unwrap();
    assert!(std::fs::read(world.tmp.path().join("back/Documents/image.bin")).unwrap() == bytes);
    let asked = per_pack(&world);
    assert!(asked.len() >= 5 && asked.values().all(|n| *n == 1), "by a restore: {asked:?}");

    // In order and to a pipe: a segment in which edits of several parts lie is fetched for each.
    world.faults.restart(Plan::none());
    assert!(bring(&world, "Documents/image.bin").unwrap() == bytes);
    let (_, fetched) = of_packs(&world);
    assert!(fetched < bytes.len() as u64 * 2, "{fetched} bytes fetched for {}", bytes.len());
}

#[test]
fn damage_in_a_stretch_is_told_like_any_other_and_elsewhere_does_not_matter() {
    let world = with_documents();
    let there = std::fs::read(world.docs().join("Plans/30.jpg")).unwrap();
    let (mut told, mut fine) = (0, 0);
    for (name, bytes) in world.objects().into_iter().filter(|(n, b)| n.starts_with("packs/") && b.len() > 10 << 20) {
        for at in [0, 5000, bytes.len() / 4, bytes.len() / 2, bytes.len() * 3 / 4, bytes.len() - 1] {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            world.put_object(&name, &bad);
            match bring(&world, "Documents/Plans/30.jpg") {
                Ok(back) => {
                    assert!(back == there);
                    fine += 1;
                }
                Err(e) => {
                    let words = e.to_string();
                    assert!(words.ends_with("is damaged: its bytes are not those that were stored"), "{words}");
                    told += 1;
                }
            }
        }
        world.put_object(&name, &bytes[..bytes.len() / 3]);
        match bring(&world, "Documents/Plans/30.jpg") {
            Ok(back) => assert!(back == there),
            Err(e) => assert!(e.to_string().contains(" is damaged: "), "{e}"),
        }
        world.put_object(&name, &bytes);
    }
    assert!(told >= 1 && fine >= 10, "{told} told, {fine} fine");
}
