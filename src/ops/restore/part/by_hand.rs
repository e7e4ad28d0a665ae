//! Packs made by hand: what they hold, what they say of it and what is asked of them need not fit.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;

use super::*;
use crate::ops::verify::fixture::Council;
use crate::repo::chunk::SegmentPlace;
use crate::repo::compress::frame;
use crate::repo::layout::Key;
use crate::repo::open_pack::PackSource;
use crate::repo::pack::{PackBuilder, SegmentChunk, seal_pack};
use crate::repo::seal::Identity;
use crate::repo::store::Store;
use crate::testing::{Fault, FaultStore, Plan};

struct Hand {
    _runtime: tokio::runtime::Runtime,
    faults: FaultStore,
    store: Store,
    reading: [Identity; 1],
    key: ChunkKey,
    name: PackName,
    size: u64,
    segments: Vec<Segment>,
}

/// A segment's place and, for each need of it, whether it can be given.
type Opened = (u64, Vec<bool>);

impl Hand {
    /// A pack of segments of these chunks; `lie` changes what it says of each chunk.
    fn holding(segments: &[&[&[u8]]], lie: fn(&mut SegmentChunk)) -> Self {
        let key = ChunkKey::new([9; 32]);
        let mut builder = PackBuilder::plain();
        for chunks in segments {
            let raw = chunks.concat();
            let said = chunks.iter().map(|c| SegmentChunk { id: key.id(c), len: c.len() as u32 });
            let mut said: Vec<_> = said.collect();
            said.iter_mut().for_each(lie);
            builder.add(&frame(&raw).unwrap(), raw.len() as u32, said).unwrap();
        }
        let (plain, directory) = builder.finish().unwrap();
        Self::stored(&plain, directory.segments, key)
    }

    fn stored(plain: &[u8], segments: Vec<Segment>, key: ChunkKey) -> Self {
        let faults = FaultStore::new(Arc::new(InMemory::new()), Plan::none());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let inner = Arc::new(faults.clone());
        let store = Store::new(inner, Path::default(), runtime.handle().clone(), "memory".into(), false);
        let reading = [Identity::generate()];
        let (name, stored) = seal_pack(plain, &[&reading[0].recipient()]).unwrap();
        store.create(&Key::Pack(name), &stored).unwrap();
        let size = stored.len() as u64;
        Self { _runtime: runtime, faults, store, reading, key, name, size, segments }
    }

    fn source(&self) -> PackSource<'_> {
        PackSource { store: &self.store, reading: &self.reading, index: None }
    }

    /// What an index that is right says of a chunk.
    fn need(&self, segment: usize, chunk: usize) -> Need {
        let Segment { offset, len, raw, ref chunks } = self.segments[segment];
        let start = chunks[..chunk].iter().map(|c| c.len).sum();
        let SegmentChunk { id, len: long } = chunks[chunk];
        let segment = SegmentPlace { pack: 0, offset, len, raw };
        Need { rank: 0, segment, start, len: long, id, file: 0, offset: 0, written: None }
    }

    fn whole(&self) -> Whole {
        Whole { stated: [(self.name, statement(&self.segments))].into(), ..Whole::default() }
    }

    /// What was opened, and what came of the test.
    fn open(&self, needs: &[Need], whole: Option<&Whole>) -> (Vec<Opened>, Result<u64, String>) {
        let (mut pack, mut tally) = (self.source().whole(&self.name).unwrap(), Tally::default());
        let parts = Part::all(&mut pack, needs, whole.map(|w| (w, &self.name)), &mut tally).unwrap();
        let opened = parts.into_iter().map(|part| {
            let offset = part.offset;
            let prepared = part.open(&mut pack, &self.key, self.name, &mut tally).unwrap();
            assert_eq!(prepared.unsound.len(), prepared.needs.len());
            (offset, prepared.unsound.iter().map(Option::is_none).collect())
        });
        let opened = opened.collect();
        (opened, tally.into_result())
    }
}

fn truly(_: &mut SegmentChunk) {}

const PARTS: &[&[&[u8]]] = &[&[b"agenda", b"minutes", b"budget"], &[b"budget of May"], &[b"plan"]];

#[test]
fn what_is_asked_of_a_pack_comes_and_where_it_is_tested_all_else_is_opened() {
    let hand = Hand::holding(PARTS, truly);
    let needs = [hand.need(0, 1), hand.need(0, 1), hand.need(0, 2), hand.need(2, 0)];
    let at = |n: usize| hand.segments[n].offset;
    let asked = [(at(0), vec![true; 3]), (at(2), vec![true])];
    assert_eq!(hand.open(&needs, None), (asked.to_vec(), Ok(0)));
    let all = [(at(0), vec![true; 3]), (at(1), vec![]), (at(2), vec![true])];
    assert_eq!(hand.open(&needs, Some(&hand.whole())), (all.to_vec(), Ok(36)));
    // Of a pack of which nothing was said, its own directory counts.
    assert_eq!(hand.open(&needs, Some(&Whole::default())).1, Ok(36));
}

#[test]
fn a_need_for_what_is_not_there_is_not_given_and_fails_a_test() {
    let hand = Hand::holding(PARTS, truly);
    let wrong: [fn(&mut Need); 4] =
        [|n| n.id = ChunkId::new([1; 32]), |n| n.start += 1, |n| n.len -= 1, |n| n.start += 100];
    for (which, change) in wrong.into_iter().enumerate() {
        let mut other = hand.need(0, 1);
        change(&mut other);
        for needs in [[hand.need(0, 1), other.clone(), other.clone()], [other.clone(), other.clone(), hand.need(0, 1)]]
        {
            let sound: Vec<bool> = needs.iter().map(|n| (n.start, n.len, n.id) == (6, 7, hand.need(0, 1).id)).collect();
            assert_eq!(hand.open(&needs, None), (vec![(0, sound.clone())], Ok(0)), "{which}");
            let (opened, tested) = hand.open(&needs, Some(&hand.whole()));
            assert_eq!((&opened[0], tested.is_err()), (&(0, sound), true), "{which}");
        }
    }
    // The first of six letters is another than the last of six letters.
    let last = Need { start: 0, ..hand.need(0, 2) };
    let (opened, tested) = hand.open(&[last], Some(&hand.whole()));
    assert_eq!((&opened[0], tested.is_err()), (&(0, vec![false]), true));
}

#[test]
fn what_the_index_says_otherwise_of_a_segment_than_the_pack_fails_a_test() {
    let hand = Hand::holding(PARTS, truly);
    let otherwise: [fn(&mut SegmentPlace); 3] = [|s| s.len -= 1, |s| s.raw += 1, |s| s.offset -= 1];
    for change in otherwise {
        let mut need = hand.need(1, 0);
        change(&mut need.segment);
        let (opened, tested) = hand.open(std::slice::from_ref(&need), Some(&hand.whole()));
        assert!(opened.contains(&(need.segment.offset, vec![false])) && tested.is_err(), "{opened:?}");
        assert!(opened.iter().map(|(at, _)| *at).is_sorted(), "{opened:?}");
    }
    // Two frames that the pack calls one segment, and the index two: all that is asked for comes, and is right.
    let (one, two) = (frame(b"one").unwrap(), frame(b"two").unwrap());
    let key = ChunkKey::new([9; 32]);
    let chunks = [b"one", b"two"].map(|c| SegmentChunk { id: key.id(c), len: 3 });
    let mut builder = PackBuilder::plain();
    builder.add(&[&one[..], &two].concat(), 6, chunks.to_vec()).unwrap();
    let (plain, _) = builder.finish().unwrap();
    let segment = |offset, len, chunk| Segment { offset, len, raw: 3, chunks: vec![chunk] };
    let (first, len) = (one.len() as u32, two.len() as u32);
    let segments = vec![segment(0, first, chunks[0]), segment(u64::from(first), len, chunks[1])];
    let split = Hand::stored(&plain, segments, key);
    let differ = Err("its directory and the index differ".to_string());
    let unnamed = Err("its directory does not name what the index does".to_string());
    // So that only what is said of these segments counts.
    let unsaid = Whole::default();
    assert_eq!(split.open(&[split.need(0, 0)], Some(&unsaid)), (vec![(0, vec![true])], differ.clone()));
    let opened = vec![(0, vec![]), (u64::from(first), vec![true])];
    assert_eq!(split.open(&[split.need(1, 0)], Some(&unsaid)), (opened, unnamed));
    // All that is asked for is right, and what is said of the rest is not.
    let mut stated = hand.whole();
    stated.stated.insert(hand.name, [0; 16]);
    let (opened, tested) = hand.open(&[hand.need(0, 0)], Some(&stated));
    assert_eq!((&opened[0].1, tested), (&vec![true], differ));
}

#[test]
fn what_a_pack_says_wrong_of_its_chunks_fails_a_test_although_nobody_asks_for_them() {
    let hand = Hand::holding(PARTS, |chunk| {
        if chunk.len == 13 {
            chunk.id = ChunkId::new([1; 32]);
        }
    });
    let needs = [hand.need(0, 0)];
    let (opened, tested) = hand.open(&needs, Some(&hand.whole()));
    assert_eq!((opened.len(), &opened[0].1), (3, &vec![true]));
    assert!(tested.unwrap_err().contains("chunk"));
    assert_eq!(hand.open(&needs, None).1, Ok(0));
}

#[test]
fn of_a_pack_without_a_directory_comes_what_the_index_knows_in_its_order() {
    let whole = Hand::holding(&[&[b"a"], &[b"b"], &[b"c"], &[b"d"], &[b"e"], &[b"f"], &[b"g"], &[b"h"]], truly);
    let frames = (b'a'..=b'h').flat_map(|letter| frame(&[letter]).unwrap());
    let plain: Vec<u8> = frames.chain(*b"and no directory behind them").collect();
    let hand = Hand::stored(&plain, whole.segments, whole.key);
    let needs: Vec<Need> = (0..8).map(|n| hand.need(n, 0)).collect();
    let (opened, tested) = hand.open(&needs, Some(&hand.whole()));
    let expected: Vec<_> = hand.segments.iter().map(|s| (s.offset, vec![true])).collect();
    assert_eq!(opened, expected);
    assert!(tested.unwrap_err().contains("directory"));
}

#[test]
fn a_store_that_fails_in_the_middle_of_a_pack_is_no_damage() {
    let (one, two) = (Council::noise(1, 1 << 20), Council::noise(2, 2 << 20));
    let hand = Hand::holding(&[&[&one], &[&two]], truly);
    let Segment { offset, len, .. } = hand.segments[0];
    let whole = hand.whole();
    for (need, whole) in [(hand.need(0, 0), Some((&whole, &hand.name))), (hand.need(1, 0), None)] {
        hand.faults.restart(Plan::none());
        let mut pack = hand.source().parts(&hand.name, hand.size, &[(offset, len)]).unwrap();
        assert!(!pack.is_whole());
        hand.faults.restart(Plan::within("packs/", Fault::FailBefore));
        let mut tally = Tally::default();
        let failed = Part::all(&mut pack, std::slice::from_ref(&need), whole, &mut tally).and_then(|parts| {
            parts.into_iter().try_for_each(|part| part.open(&mut pack, &hand.key, hand.name, &mut tally).map(drop))
        });
        assert!(matches!(failed, Err(RepoError::Store(_))), "{failed:?}");
    }
}

#[test]
fn a_pack_that_was_tested_is_not_tested_again() {
    let hand = Hand::holding(PARTS, truly);
    let whole = hand.whole();
    assert!(whole.is_new(&hand.name));
    locked(&whole.results).insert(hand.name, Ok(36));
    assert!(!whole.is_new(&hand.name) && whole.is_new(&PackName::new([1; 32])));
    assert_eq!(whole.into_results(), [(hand.name, Ok(36))].into());
    let mut tally = Tally::default();
    tally.note("first");
    tally.note("second");
    assert_eq!(tally.into_result(), Err("first".into()));
}
