//! What listings keep of a record's past.

use std::time::{Duration, SystemTime};

use crate::domain::clock::Clock;
use crate::domain::listing::Entry;
use crate::domain::path::RecordPath;
use crate::ops::verify::fixture::Council;
use crate::repo::listing::{find_entry, read_root};

/// Writes a document that was last changed at `second`.
fn write(c: &Council, name: &str, content: &str, second: u64) {
    c.write(name, content);
    let file = std::fs::File::options().append(true).open(c.docs().join(name)).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(second)).unwrap();
}

/// The record in the newest listing, live or gone.
fn listed(c: &Council, name: &str) -> Entry {
    let mut repo = c.open();
    let root = repo.state().newest(&c.set).unwrap().snapshot.root;
    let mut chunks = repo.chunks().unwrap();
    let root = read_root(&mut chunks, &root).unwrap();
    let path = RecordPath::new(format!("Documents/{name}")).unwrap();
    let mut find = |pages| find_entry(&mut chunks, pages, &path).unwrap();
    find(&root.live).or_else(|| find(&root.gone)).unwrap()
}

#[test]
fn the_first_versions_date_outlives_edits_deletion_and_return() {
    let c = Council::new();
    let seen = |c: &Council| {
        c.backup();
        let entry = listed(c, "minutes.txt");
        (entry.first, entry.first_s(), entry.gone.is_some())
    };
    write(&c, "other.txt", "so that the folder is never empty", 5_000);
    write(&c, "minutes.txt", "draft", 1_000);
    assert_eq!(seen(&c), (None, 1_000, false), "the first version is this one");
    write(&c, "minutes.txt", "second draft", 2_000);
    assert_eq!(seen(&c), (Some(1_000), 1_000, false));
    assert_eq!(seen(&c), (Some(1_000), 1_000, false), "unchanged");
    write(&c, "minutes.txt", "as approved", 3_000);
    assert_eq!(seen(&c), (Some(1_000), 1_000, false));
    std::fs::remove_file(c.docs().join("minutes.txt")).unwrap();
    assert_eq!(seen(&c), (Some(1_000), 1_000, true));
    assert_eq!(seen(&c), (Some(1_000), 1_000, true));
    write(&c, "minutes.txt", "as approved", 4_000);
    assert_eq!(seen(&c), (Some(1_000), 1_000, false), "put back as it was");
    write(&c, "minutes.txt", "dated as it was first", 1_000);
    assert_eq!(seen(&c), (None, 1_000, false), "the same date is not said twice");
    assert_eq!(listed(&c, "other.txt").first, None);
    // What this computer knows is lost: the listing in the store says it, too.
    write(&c, "minutes.txt", "and once more", 6_000);
    c.backup();
    std::fs::remove_dir_all(c.dir().file("sets")).unwrap();
    write(&c, "minutes.txt", "and again", 7_000);
    assert_eq!(seen(&c), (Some(1_000), 1_000, false));
}

#[test]
fn other_content_where_a_file_was_deleted_is_another_record() {
    let c = Council::new();
    write(&c, "other.txt", "so that the folder is never empty", 5_000);
    write(&c, "minutes.txt", "the old ones", 1_000);
    c.backup();
    std::fs::remove_file(c.docs().join("minutes.txt")).unwrap();
    c.backup();
    let before = c.clock.now().as_second();
    write(&c, "minutes.txt", "quite another paper", 2_000);
    c.backup();
    let first = listed(&c, "minutes.txt").first_s();
    assert!((before..=c.clock.now().as_second()).contains(&first), "{first}: not before it was there");
    write(&c, "minutes.txt", "quite another paper, edited", 3_000);
    c.backup();
    assert_eq!(listed(&c, "minutes.txt").first_s(), first, "and then it is a record like all");
}

#[test]
fn two_names_of_one_file_have_each_their_own_past() {
    let c = Council::new();
    write(&c, "a.txt", "one", 1_000);
    write(&c, "b.txt", "two", 2_000);
    c.backup();
    std::fs::remove_file(c.docs().join("b.txt")).unwrap();
    write(&c, "a.txt", "both", 3_000);
    std::fs::hard_link(c.docs().join("a.txt"), c.docs().join("b.txt")).unwrap();
    c.backup();
    assert_eq!((listed(&c, "a.txt").first, listed(&c, "b.txt").first), (Some(1_000), Some(2_000)));
}

#[test]
fn a_listing_without_the_date_is_as_it_was() {
    let c = Council::new();
    write(&c, "a.txt", "one", 1_000);
    c.backup();
    let entry = listed(&c, "a.txt");
    let bytes = minicbor::to_vec(&entry).unwrap();
    assert_eq!(bytes[0], 0x83, "three positions: path, kind, meta");
    let dated = Entry { first: Some(7), ..entry.clone() };
    assert_eq!(minicbor::decode::<Entry>(&minicbor::to_vec(&dated).unwrap()).unwrap(), dated);
    assert_eq!(minicbor::decode::<Entry>(&bytes).unwrap(), entry);
}
