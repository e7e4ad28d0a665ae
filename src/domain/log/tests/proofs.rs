//! Keys and drills: who shows what, and what is kept of it.

use super::*;
use crate::domain::log::bundles::StoredBundle;
use crate::domain::log::proofs::KeyDrilled;

/// The machine of `WRITER` and `TESTER`, of one that only writes, and the recovery sheet's holder.
const OFFICE: u8 = 1;
const BLIND: u8 = 7;
const SHEET: u8 = 9;

fn holder(n: u8) -> KeyholderId {
    KeyholderId::new([n; 32])
}

fn file(n: u8) -> StoredBundle {
    StoredBundle::of(holder(n), b"sealed")
}

fn key_drilled(n: u8, documents: u64, failed: u64) -> Entry {
    let (snapshot, bundle) = (None, Some(file(n)));
    Entry::KeyDrilled(KeyDrilled {
        keyholder: holder(n),
        epoch: 1,
        root: false,
        snapshot,
        documents,
        bytes: documents,
        failed,
        bundle,
    })
}

/// With a server that may only write, whose actors are 77 and 78: 78 on a machine of no holder.
fn world() -> World {
    let mut w = World::new();
    for (n, reads) in [(OFFICE, true), (BLIND, false), (SHEET, true)] {
        let holder = Keyholder { id: holder(n), name: String::new(), recipient: String::new(), reads };
        w.say(ROOT, Entry::KeyholderAdded(holder.into()));
    }
    for (key, machine) in [(77, BLIND), (78, 70)] {
        w.say(ROOT, Entry::ActorAdded(Actor { machine: holder(machine), ..actor(key, &[Role::Writer]) }));
    }
    w
}

#[test]
fn a_key_drill_is_kept_of_those_who_may_say_so_and_of_all_that_failed() {
    // Who says it, of whose key, with how much, and whether it is kept and the bundle believed.
    for (by, of, documents, failed, kept, told) in [
        (TESTER, SHEET, 1, 0, true, true),
        (ROOT, SHEET, 1, 0, true, true),
        (TESTER, SHEET, 0, 0, false, false),
        (TESTER, SHEET, 1, 1, true, false),
        (77, BLIND, 0, 0, true, false),
        (TESTER, BLIND, 0, 0, true, true),
        (78, BLIND, 0, 0, false, false),
        (WRITER, OFFICE, 1, 0, false, false),
        (WRITER, SHEET, 1, 0, false, false),
        (WRITER, SHEET, 1, 1, true, false),
    ] {
        let mut w = world();
        w.say(by, key_drilled(of, documents, failed));
        let state = w.state();
        let case = format!("by {by} of {of}: {documents}, {failed}");
        assert_eq!(w.void(), None, "{case}");
        assert_eq!(state.proofs.key_drills.contains_key(&holder(of)), kept, "{case}");
        assert_eq!(state.bundle(&holder(of)).map(|t| t.bundle), told.then(|| file(of)), "{case}");
    }
}

#[test]
fn who_is_no_holder_any_more_has_shown_nothing() {
    let mut w = world();
    w.say(TESTER, key_drilled(SHEET, 1, 0));
    w.say(ROOT, Entry::KeyholderRemoved { keyholder: holder(SHEET) });
    let state = w.state();
    assert!(state.proofs.key_drills.is_empty() && !state.proofs.keys.contains_key(&holder(SHEET)));
}

#[test]
fn the_newest_drill_is_kept_and_the_newest_of_everything_before_it() {
    let drilled = |whole, files, by: u8| Drilled {
        snapshots: vec![],
        whole,
        files,
        bytes: 1,
        stored: 1,
        seconds: 1,
        failed: 0,
        keyholder: holder(by),
        sampled: !whole,
    };
    let mut w = world();
    let mut kept = |by: u8, said: Drilled| {
        w.say(by, Entry::Drilled(said));
        assert_eq!(w.void(), None);
        let state = w.state();
        let shown = state.proofs.keys.get(&holder(OFFICE)).map(|k| k.at) == Some(state.newest_time);
        (state.drills.iter().map(|(_, d)| (d.whole, d.files)).collect::<Vec<_>>(), shown)
    };
    assert_eq!(kept(TESTER, drilled(false, 1, OFFICE)), (vec![(false, 1)], true));
    assert_eq!(kept(TESTER, drilled(false, 2, SHEET)), (vec![(false, 2)], false), "not with its own key");
    assert_eq!(kept(TESTER, drilled(true, 3, OFFICE)), (vec![(true, 3)], true));
    assert_eq!(kept(TESTER, drilled(false, 4, OFFICE)), (vec![(true, 3), (false, 4)], true));
    assert_eq!(kept(TESTER, drilled(false, 5, OFFICE)), (vec![(true, 3), (false, 5)], true));
    assert_eq!(kept(TESTER, drilled(true, 6, OFFICE)), (vec![(true, 6)], true));
}
