//! What is given up, when, and by what date; and what is not.

use jiff::SignedDuration;

use super::*;
use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::log::entry::Entry;
use crate::domain::log::rulings::{DisposalApproved, DisposalWithdrawn, Relisting};
use crate::domain::log::tests::*;

/// Packs with what gave them up, in order.
fn found(w: &World) -> Vec<(u32, u64)> {
    let mut all: Vec<_> = given_up(&w.state(), &w.slots).into_iter().map(|(pack, g)| (pack, g.at)).collect();
    all.sort_unstable();
    all
}

fn time_of(w: &World, pack: u32) -> Timestamp {
    given_up(&w.state(), &w.slots)[&pack].time
}

fn rewritten(from: &[u32], to: &[u32]) -> Entry {
    Entry::Rewritten { from: bits(from), to: bits(to) }
}

/// Packs 0 to 5, and these snapshots of one set, the first as entry 2.
fn world(needs: &[&[u32]]) -> World {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2, 3, 4, 5, 6], 1));
    for needs in needs {
        w.say(WRITER, snapshot("a", needs, None));
    }
    w
}

/// Approves and withdraws a disposal; the number that its listings name.
fn disposal(w: &mut World) -> u64 {
    let note = crate::domain::id::NoteName::new([1; 32]);
    let approved = DisposalApproved { plan: "p".into(), note, records: 1, bytes: 1 };
    let approval = w.say(APPROVER, Entry::DisposalApproved(approved));
    let withdrawn = DisposalWithdrawn { approval, urgent: false, register: note, note: None };
    w.say(PRUNER, Entry::DisposalWithdrawn(withdrawn));
    approval
}

fn relisted(approval: u64, snapshot: u64, needs: &[u32]) -> Entry {
    let root = ChunkId::new([8; 32]);
    Entry::Relisted { approval, roots: vec![Relisting { snapshot: SnapshotId(snapshot), root, needs: bits(needs) }] }
}

#[test]
fn thinning_gives_up_what_no_other_snapshot_needs() {
    let mut w = world(&[&[0, 1, 2], &[1, 3], &[2]]);
    assert_eq!(found(&w), []);
    let first = w.say(PRUNER, thinned(&[2]));
    assert_eq!(found(&w), [(0, first)], "the others need the rest");
    let second = w.say(PRUNER, thinned(&[2, 3]));
    assert_eq!(found(&w), [(0, first), (1, second), (3, second)], "what is thinned already gives up nothing anew");
    w.say(PRUNER, thinned(&[4]));
    assert_eq!(found(&w).len(), 3, "the newest stays, whatever is said");
}

#[test]
fn the_day_is_the_latest_that_the_log_had_shown() {
    let mut w = world(&[&[0], &[1], &[2], &[3]]);
    let before = w.state().newest_time;
    let mut said = |by, snapshot: u64, seconds: i64| {
        let mut body = w.body(by, thinned(&[snapshot]));
        body.time = before + SignedDuration::from_secs(seconds);
        w.slot(Some(body))
    };
    said(WRITER, 2, 9_000_000); // no writer may: void
    let (back, on) = (said(PRUNER, 2, -5_000), said(PRUNER, 3, 70));
    assert_eq!(found(&w), [(0, back), (1, on)]);
    assert_eq!((time_of(&w, 0), time_of(&w, 1)), (before, before + SignedDuration::from_secs(70)));
}

#[test]
fn rewriting_gives_up_what_it_moved_away_from() {
    let mut w = world(&[&[0, 1], &[2]]);
    let n = w.say(PRUNER, rewritten(&[0, 2, 5], &[3, 4]));
    assert_eq!(found(&w), [(0, n), (2, n)], "nothing had needed 5");
    let last = w.say(PRUNER, thinned(&[2]));
    assert_eq!(found(&w), [(0, n), (1, last), (2, n)], "3 and 4 are needed by the other");
}

#[test]
fn what_it_moved_to_is_given_up_in_its_turn() {
    let mut w = world(&[&[0], &[1]]);
    let n = w.say(PRUNER, rewritten(&[0], &[3]));
    let last = w.say(PRUNER, thinned(&[2]));
    assert_eq!(found(&w), [(0, n), (3, last)]);
}

#[test]
fn what_a_disposal_freed_is_not_given_up() {
    let mut w = world(&[&[0, 1, 2], &[0, 1, 3]]);
    w.say(PRUNER, thinned(&[2]));
    let approval = disposal(&mut w);
    w.say(PRUNER, relisted(approval, 3, &[1, 4]));
    assert_eq!(found(&w), [(2, 4)], "0 lost its use with the new listing, as did 3; 1 and 4 are needed");
    w.say(WRITER, snapshot("a", &[5], None));
    let last = w.say(PRUNER, thinned(&[3]));
    assert_eq!(found(&w), [(1, last), (2, 4), (4, last)], "the new listing's packs go with it");
}

#[test]
fn what_was_said_of_the_newest_in_vain_is_not_believed_later() {
    let mut w = world(&[&[0, 1]]);
    w.say(PRUNER, thinned(&[2]));
    let approval = disposal(&mut w);
    w.say(PRUNER, relisted(approval, 2, &[1]));
    assert_eq!(found(&w), []);
}
