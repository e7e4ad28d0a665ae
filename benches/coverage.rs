//! How long it takes to fold a year's log of 100 GiB in packs of 16 MiB and to plan a test of it, and the memory for it.
//!
//! `cargo bench --bench coverage [-- PACKS NIGHTS]`
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use jiff::{SignedDuration, Timestamp};
use strongroom::domain::coverage::forecast;
use strongroom::domain::coverage::{ages, plan};
use strongroom::domain::id::*;
use strongroom::domain::log::bits::Bits;
use strongroom::domain::log::entry::*;
use strongroom::domain::log::fold::fold;
use strongroom::domain::log::state::Slot;
use strongroom::ops::verify::Promise;
use strongroom::ops::verify::coverage::{seen, terms};
use support::{Spent, forget_peak, kib};

const PACK: u64 = 16 << 20;
/// Packs of one night's test: 1 GiB.
const TESTED: u32 = 64;

fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (packs, nights) = if let [packs, nights] = numbers[..] { (packs, nights) } else { (6_600, 365) };
    let log = log(packs, nights);
    forget_peak();
    let before = kib("VmRSS");
    let start = Spent::so_far();
    let state = fold(id(0), &log).unwrap();
    let folded = Spent::so_far();
    assert!(state.voids.is_empty() && state.packs.len() == packs as usize, "{:?}", state.voids);
    let now = time(nights);
    let all = seen(&state, &state.needed(), Some(&[7; 32]));
    let promise = Promise { per_run: Some(2 << 30), ..Promise::default() };
    let terms = terms(&state, &promise, now);
    let found = forecast(&all, &terms);
    let planned = plan(&all, &terms, found.allowance, &|_| false);
    let ages = ages(&all, promise.within, now);
    let took = Spent::so_far();
    println!("{packs} packs ({} GiB), {nights} nights, {} entries", ages.bytes >> 30, log.len());
    println!("folding:                 {}", folded.since(&start));
    println!("forecast, ages and plan: {}, {} packs", took.since(&folded), planned.packs.len());
    println!("memory at most {} KiB more than the log itself", kib("VmHWM").saturating_sub(before));
}

fn id(n: u8) -> RepositoryId {
    RepositoryId::new([n; 32])
}

fn time(night: u32) -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap() + SignedDuration::from_hours(24 * i64::from(night))
}

/// A first backup of half of it, and a backup and a test each night.
fn log(packs: u32, nights: u32) -> Vec<Slot> {
    let actor = |key: u8, role: Role| Actor {
        key: ActorId::new([key; 32]),
        machine: KeyholderId::new([1; 32]),
        name: String::new(),
        roles: vec![role],
        reads: true,
    };
    let created = Created {
        root: ActorId::new([1; 32]),
        epoch: Epoch { number: 1, reading: String::new(), writing: String::new(), bundles: vec![] },
        keyholders: vec![],
        actors: vec![actor(2, Role::Writer), actor(3, Role::Tester)],
        single_machine: false,
    };
    let mut slots = vec![];
    say(&mut slots, 1, 0, Entry::Created(created));
    let (mut known, mut tested) = (0, 0);
    for night in 0..nights {
        let now = packs / 2 + (packs - packs / 2) * (night + 1) / nights;
        say(&mut slots, 2, night, stored(known..now, night));
        known = now;
        say(&mut slots, 2, night, snapshot(known));
        let end = (tested + TESTED).min(known);
        say(&mut slots, 3, night, test((tested..end).collect()));
        tested = if end == known { 0 } else { end };
    }
    slots
}

fn say(slots: &mut Vec<Slot>, by: u8, night: u32, entry: Entry) {
    let n = slots.len() as u64;
    let prev = slots.last().map_or(Link::ORIGIN, |s| s.link);
    let body = Body {
        v: FORMAT_VERSION,
        n,
        repository: (n > 0).then(|| id(0)),
        prev,
        actor: ActorId::new([by; 32]),
        nonce: String::new(),
        time: time(night),
        entry,
    };
    slots.push(Slot { n, link: prev.then(&n.to_le_bytes()), body: Some(body) });
}

fn stored(numbers: std::ops::Range<u32>, night: u32) -> Entry {
    let name = |n: u32, salt: u8| {
        let mut bytes = [salt; 32];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        bytes
    };
    Entry::Stored(Stored {
        session: SessionId::new(name(night, 1)),
        began: time(night),
        packs: numbers.map(|n| StoredPack { name: PackName::new(name(n, 2)), size: PACK }).collect(),
        index: StoredIndex { name: IndexName::new(name(night, 3)), size: 1000 },
    })
}

fn snapshot(known: u32) -> Entry {
    Entry::Snapshot(Snapshot {
        set: "documents".into(),
        root: ChunkId::new([9; 32]),
        session: SessionId::new([0; 32]),
        began: time(0),
        needs: (0..known).collect(),
        parent: None,
        files: 1,
        bytes: 1,
        added: 1,
        problems: 0,
        gone: 0,
        mass_change: None,
    })
}

fn test(packs: Bits) -> Entry {
    let (documents, bytes) = (200, u64::from(TESTED) * PACK);
    let keyholder = KeyholderId::new([1; 32]);
    Entry::Tested(Tested {
        snapshot: None,
        packs,
        documents,
        bytes,
        failed: 0,
        complete: false,
        keyholder,
        bundles: vec![],
    })
}
