//! What a backup costs: calls of the store, bytes in it, and what this machine writes for itself. By count, never by time.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom::testing::{FakeClock, Plan};

use super::support::world::{World, read_back};

/// A council whose clock says that all its files have been as they are for years.
fn settled() -> World {
    let world = World { clock: Arc::new(FakeClock::reading("2090-01-02T02:30:00Z")), ..World::new() };
    world.create();
    world
}

fn noise(seed: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

/// This machine's own listing files, and which file each is.
fn own_files(world: &World) -> BTreeMap<String, (u64, i64)> {
    let files = std::fs::read_dir(world.dir().file("sets")).unwrap().map(Result::unwrap);
    let id = |m: std::fs::Metadata| (m.ino(), m.mtime_nsec());
    files.map(|f| (f.file_name().into_string().unwrap(), id(f.metadata().unwrap()))).collect()
}

/// How often each kind of call was made, by its first word and the folder.
fn calls(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in world.faults.record() {
        let mut words = call.split(' ');
        let (verb, place) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        *counts.entry(format!("{verb} {}", place.split('/').next().unwrap_or_default())).or_default() += 1;
    }
    counts
}

fn mail(bytes: &[u8], width: usize, end: &str) -> Vec<u8> {
    let text = STANDARD.encode(bytes);
    let lines: String = text.as_bytes().chunks(width).map(|l| format!("{}{end}", l.escape_ascii())).collect();
    let head = [
        "Subject: papers",
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "Content-Transfer-Encoding: base64",
        "",
    ];
    [head.join(end).as_bytes(), end.as_bytes(), lines.as_bytes(), b"--b--", end.as_bytes()].concat()
}

#[test]
fn an_unchanged_backup_stores_one_entry_and_writes_no_listing_again() {
    let world = settled();
    for n in 0..900 {
        world.write(&format!("Minutes/{n:03}.txt"), format!("minutes {n}"));
    }
    world.backup().unwrap();
    let (files, objects) = (own_files(&world), world.objects().len());
    world.faults.restart(Plan::none());
    let report = world.backup().unwrap();
    assert_eq!((report.files, report.files_read, report.bytes_stored), (900, 0, 0));
    assert_eq!(world.objects().len(), objects + 1, "the snapshot's entry");
    assert_eq!(own_files(&world), files);
    let calls = calls(&world);
    // The log is read from its last known entry on, and the new entry is read back.
    let expected = [("create log", 1), ("get log", 3), ("list packs", 1)];
    assert_eq!(calls, expected.map(|(call, n)| (call.to_owned(), n)).into());
    // One record changed: its page, the root, and nothing of the pages before it.
    world.write("Minutes/899.txt", "minutes 899, corrected");
    let report = world.backup().unwrap();
    assert_eq!((report.files_read, report.packs_stored), (1, 2));
    assert!(report.bytes_stored < 60_000, "{}", report.bytes_stored);
    let (live, _) = read_back(&mut world.open().unwrap(), "documents").unwrap();
    assert_eq!(live.len(), 900);
}

#[test]
fn what_is_the_same_up_to_a_change_goes_on_rightly() {
    let world = settled();
    let write = |n: usize, text: &str| world.write(&format!("M/{n:04}.txt"), text);
    (0..700).for_each(|n| write(n, "one"));
    let mut expected: BTreeMap<usize, &str> = (0..700).map(|n| (n, "one")).collect();
    let remove = |n: usize| std::fs::remove_file(world.docs().join(format!("M/{n:04}.txt"))).unwrap();
    let compare = |expected: &BTreeMap<usize, &str>| {
        world.backup().unwrap();
        let (live, gone) = read_back(&mut world.open().unwrap(), "documents").unwrap();
        let live: Vec<Vec<u8>> = live.into_values().collect();
        assert!(live.iter().map(Vec::as_slice).eq(expected.values().map(|t| t.as_bytes())));
        gone.len()
    };
    assert_eq!(compare(&expected), 0);
    // The last goes; then one in the middle; one comes first of all; nothing; a gone one comes back.
    remove(699);
    expected.remove(&699);
    assert_eq!(compare(&expected), 1);
    remove(350);
    expected.remove(&350);
    assert_eq!(compare(&expected), 2);
    world.write("A.txt", "first");
    let mut more = expected.clone();
    world.backup().unwrap();
    std::fs::remove_file(world.docs().join("A.txt")).unwrap();
    assert_eq!(compare(&expected), 3);
    assert_eq!(compare(&expected), 3, "unchanged");
    write(350, "back");
    more.insert(350, "back");
    assert_eq!(compare(&more), 2);
    // Without what this machine knows of the pages, everything is written anew and is the same.
    let root = |world: &World| world.open().unwrap().state().newest("documents").unwrap().snapshot.root;
    let before = root(&world);
    std::fs::remove_dir_all(world.dir().file("sets")).unwrap();
    assert_eq!(compare(&more), 2);
    assert_eq!(root(&world), before);
}

#[test]
fn an_attachment_is_stored_once_however_it_was_sent() {
    let world = settled();
    let papers = noise(1, 900_000);
    world.write("Papers/pack.pdf", &papers);
    world.backup().unwrap();
    let forms = [(76, "\r\n"), (76, "\n"), (72, "\n"), (64, "\r\n"), (60, "\n")];
    for (n, (width, end)) in forms.into_iter().enumerate() {
        world.write(&format!("Mail/{n}.eml"), mail(&papers, width, end));
    }
    let report = world.backup().unwrap();
    assert!(report.bytes_stored < 100_000, "{} bytes of five messages with known papers", report.bytes_stored);
    let (live, _) = read_back(&mut world.open().unwrap(), "documents").unwrap();
    for (n, (width, end)) in forms.into_iter().enumerate() {
        let (_, back) = live.iter().find(|(name, _)| name.ends_with(format!("{n}.eml").as_bytes())).unwrap();
        assert!(*back == mail(&papers, width, end), "{width}");
    }
}

#[test]
fn a_small_council_takes_so_many_bytes_and_calls() {
    let world = settled();
    for n in 0..40 {
        world.write(&format!("Minutes/{n:02}.txt"), "The council resolved to meet again in May.\n".repeat(400 + n));
        world.write(&format!("Pictures/{n:02}.jpg"), noise(n as u8, 120_000));
    }
    world.faults.restart(Plan::none());
    let report = world.backup().unwrap();
    assert_eq!((report.files, report.packs_stored), (80, 2));
    // The pictures as they are, the minutes nearly for nothing, listings, keys and padding.
    assert!((4_800_000..4_960_000).contains(&report.bytes_stored), "{}", report.bytes_stored);
    let calls = calls(&world);
    let created = |kind: &str| calls.get(&format!("create {kind}")).copied();
    assert_eq!((created("packs"), created("index"), created("log")), (Some(2), Some(1), Some(2)), "{calls:?}");
    assert!(calls.values().sum::<usize>() <= 14, "{calls:?}");
}
