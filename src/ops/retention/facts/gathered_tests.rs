use super::*;
use crate::domain::id::ChunkId;
use crate::domain::listing::{Content, Entry, Kind, Meta, Page, PageRef, Pieces};
use crate::ops::retention::facts::pages::PageUse;
use crate::ops::retention::facts::presence::Ranges;
use crate::repo::listing::encode;
use crate::repo::view::view_page;

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// Snapshots 10, 20, 30 … begun at as many thousand seconds.
fn kept(count: u64) -> Vec<Kept> {
    let one = |n: u64| Kept { id: SnapshotId(n * 10), began: time(n as i64 * 10_000), root: ChunkId::new([0; 32]) };
    (1..=count).map(one).collect()
}

fn entry(mtime_s: i64, first: Option<i64>, gone: Option<(u64, bool)>) -> Entry {
    let content =
        Content { size: mtime_s.unsigned_abs(), pieces: Pieces::Inline(vec![]), digest: None, link_group: None };
    let seen = |(id, unreadable)| Gone {
        last_seen: SnapshotId(id),
        last_seen_s: id as i64 * 1_000,
        missed_s: id as i64 * 1_000 + 1,
        unreadable,
        left_out: None,
    };
    Entry {
        path: RecordPath::new("Documents/a").unwrap(),
        kind: Kind::File(content),
        meta: Meta { mtime_s, ..Meta::default() },
        gone: gone.map(seen),
        first,
    }
}

fn facts(kept: &[Kept], pages: Vec<(As, Ranges, Entry)>) -> RecordFacts {
    let began = kept.iter().map(|k| (k.id, k.began)).collect();
    let mut gathered = Gathered::new(kept, &began);
    for (n, (role, ranges, entry)) in pages.into_iter().enumerate() {
        let page = PageRef { id: ChunkId::new([n as u8; 32]), first: entry.path.clone(), count: 1 };
        let bytes = encode(&Page { entries: vec![entry] }).unwrap();
        gathered.add(&PageUse { page, until: None, uses: vec![(role, ranges)] }, &view_page(&bytes).unwrap()).unwrap();
    }
    let all: Vec<RecordFacts> = gathered.facts(&Arc::from("documents"));
    assert_eq!(all.len(), 1);
    all[0].clone()
}

#[test]
fn the_order_of_pages_does_not_matter() {
    let kept = kept(5);
    let pages = [
        (As::Live, vec![(0, 1)], entry(100, None, None)),
        (As::Live, vec![(2, 2)], entry(300, Some(100), None)),
        (As::Gone, vec![(3, 4)], entry(300, Some(100), Some((30, false)))),
    ];
    let forwards = facts(&kept, pages.to_vec());
    let backwards = facts(&kept, pages.iter().rev().cloned().collect());
    assert_eq!(forwards, backwards);
    assert_eq!((forwards.created, forwards.modified, forwards.size), (Some(time(100)), time(300), 300));
    assert_eq!((forwards.last_seen, forwards.first_seen), (Some(time(30_000)), time(10_000)));
    assert_eq!(forwards.snapshots.len(), 5);
}

#[test]
fn what_the_newest_could_not_read_may_be_there() {
    let kept = kept(2);
    let unreadable = facts(
        &kept,
        vec![
            (As::Live, vec![(0, 0)], entry(100, None, None)),
            (As::Gone, vec![(1, 1)], entry(100, None, Some((10, true)))),
        ],
    );
    assert!(unreadable.unreadable && !unreadable.live && unreadable.may_be_live());
    let before = facts(
        &kept,
        vec![
            (As::Gone, vec![(0, 0)], entry(100, None, Some((5, true)))),
            (As::Live, vec![(1, 1)], entry(100, None, None)),
        ],
    );
    assert!(before.live && !before.unreadable, "it was read since");
}

#[test]
fn an_inherited_listing_is_history() {
    let kept = kept(2);
    let was = |sight| facts(&kept, vec![(As::Was(sight), vec![(1, 1)], entry(100, None, None))]);
    let known = was(Some((SnapshotId(7), time(7_000))));
    assert!(!known.live && known.may_be_live(), "nobody has looked for it since");
    assert_eq!((known.last_seen, known.observed, known.first_seen), (Some(time(7_000)), time(7_000), time(7_000)));
    // Nobody knows when: no date of its own is believed, and everything like it is its moved self.
    let unknown = was(None);
    assert_eq!(
        (unknown.last_seen, unknown.observed, unknown.first_seen),
        (None, Timestamp::UNIX_EPOCH, Timestamp::MAX)
    );
}

#[test]
fn nobody_saw_a_record_after_the_snapshot_that_lists_it() {
    let kept = kept(2);
    let late = facts(&kept, vec![(As::Gone, vec![(0, 1)], entry(100, None, Some((99, false))))]);
    assert_eq!(late.last_seen, Some(time(20_000)));
}

/// Snapshots 1 to 3, and pages of one-letter paths in any order: some known and some not, between one another and
/// before and behind all others. What lies in a stretch of paths.
fn of_letters(pages: &[&str], stretch: Stretch) -> Vec<RecordFacts> {
    let kept = kept(3);
    let began = kept.iter().map(|k| (k.id, k.began)).collect();
    let mut gathered = Gathered::of_stretch(&kept, &began, stretch);
    for (n, paths) in pages.iter().enumerate() {
        let of = |name: char| Entry { path: letter(name), ..entry(i64::from(u32::from(name)), None, None) };
        let entries: Vec<Entry> = paths.chars().map(of).collect();
        let page = PageRef { id: ChunkId::new([n as u8; 32]), first: entries[0].path.clone(), count: 1 };
        let bytes = encode(&Page { entries }).unwrap();
        let uses = vec![(As::Live, vec![(n as u32 % 3, n as u32 % 3)])];
        gathered.add(&PageUse { page, until: None, uses }, &view_page(&bytes).unwrap()).unwrap();
    }
    gathered.facts(&Arc::from("documents"))
}

fn letter(name: char) -> RecordPath {
    RecordPath::new(format!("Documents/{name}")).unwrap()
}

const PAGES: [&str; 8] = ["bdf", "d", "ace", "f", "abcdefg", "bg", "hij", "aj"];

#[test]
fn every_path_is_known_by_its_own_number() {
    let all = of_letters(&PAGES, (None, None));
    let said: Vec<String> = all.iter().map(|r| format!("{} {}", r.path, r.snapshots.len())).collect();
    let with = |name: char| PAGES.iter().enumerate().filter(move |(_, p)| p.contains(name)).map(|(n, _)| n % 3);
    let expected = ('a'..='j').map(|name| {
        let places: std::collections::BTreeSet<usize> = with(name).collect();
        format!("Documents/{name} {}", places.len())
    });
    assert_eq!(said, expected.collect::<Vec<_>>());
    assert!(all.iter().all(|r| r.size == u64::from(r.path.name()[0])), "each has its own content");
}

#[test]
fn stretches_together_are_the_whole() {
    let whole = of_letters(&PAGES, (None, None));
    for at in 'a'..='k' {
        let mut parts = of_letters(&PAGES, (None, Some(letter(at))));
        assert!(parts.iter().all(|r| r.path < letter(at)));
        parts.append(&mut of_letters(&PAGES, (Some(letter(at)), None)));
        assert_eq!(parts, whole, "{at}");
    }
}

#[test]
fn a_page_that_reaches_into_the_next_is_refused() {
    let kept = kept(1);
    let began = kept.iter().map(|k| (k.id, k.began)).collect();
    let bytes = encode(&Page { entries: vec![entry(1, None, None)] }).unwrap();
    let page = PageRef { id: ChunkId::new([0; 32]), first: letter('a'), count: 1 };
    let add = |until: Option<char>| {
        let page = PageUse { page: page.clone(), until: until.map(letter), uses: vec![(As::Live, vec![(0, 0)])] };
        Gathered::new(&kept, &began).add(&page, &view_page(&bytes).unwrap()).is_ok()
    };
    assert_eq!([add(None), add(Some('b')), add(Some('a'))], [true, true, false]);
}

#[test]
fn what_came_up_where_another_record_was_has_its_own_first_date() {
    let kept = kept(3);
    let pages = [
        (As::Live, vec![(0, 0)], entry(100, None, None)),
        (As::Gone, vec![(1, 1)], entry(100, None, Some((10, false)))),
        (As::Live, vec![(2, 2)], entry(300, Some(30_000), None)),
    ];
    let forwards = facts(&kept, pages.to_vec());
    assert_eq!(forwards, facts(&kept, pages.iter().rev().cloned().collect()));
    assert_eq!(forwards.created, Some(time(30_000)), "not that of the record that was deleted");
    assert_eq!(forwards.snapshots.len(), 3, "its path has been in all of them");
}
