//! Schemes, dates, holds and disposals: the one way a disposal goes, and what stays when an author is cut off.

use jiff::civil::{Date, date};

use super::*;
use crate::domain::log::rulings::*;

pub(crate) fn note(name: u8) -> NoteName {
    NoteName::new([name; 32])
}

pub(crate) fn adopted(name: u8, on: Date, in_force: Date) -> Entry {
    let (note, digest, minute) = (note(name), Digest::new([name; 32]), "7c".into());
    Entry::SchemeAdopted(SchemeAdopted { note, digest, minute, on, in_force })
}

pub(crate) fn held(name: u8) -> Entry {
    Entry::HoldPlaced { note: note(name), review: date(2027, 1, 1) }
}

pub(crate) fn approved(name: u8) -> Entry {
    let plan = "2026-11-22-3f9a2c41".into();
    Entry::DisposalApproved(DisposalApproved { plan, note: note(name), records: 3, bytes: 99 })
}

pub(crate) fn withdrawn(approval: u64, register: u8) -> Entry {
    let register = note(register);
    Entry::DisposalWithdrawn(DisposalWithdrawn { approval, urgent: false, register, note: None })
}

pub(crate) fn cancelled(approval: u64, name: u8) -> Entry {
    Entry::DisposalCancelled { approval, note: note(name) }
}

pub(crate) fn relisted(approval: u64, roots: &[(u64, u8, &[u32])]) -> Entry {
    let new = |(id, root, needs): &(u64, u8, &[u32])| Relisting {
        snapshot: SnapshotId(*id),
        root: ChunkId::new([*root; 32]),
        needs: bits(needs),
    };
    Entry::Relisted { approval, roots: roots.iter().map(new).collect() }
}

pub(crate) fn done(approval: u64, certificate: u8) -> Entry {
    Entry::DisposalDone { approval, certificate: note(certificate) }
}

const IMPOSSIBLE: Option<VoidWhy> = Some(VoidWhy::Impossible);

/// Two snapshots of one set, in packs 0 and 1; packs 2 and 3 are a pruner's.
fn world() -> (World, u64, u64) {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    let a = w.say(WRITER, snapshot("a", &[0], None));
    let b = w.say(WRITER, snapshot("a", &[0, 1], Some(a)));
    w.say(PRUNER, stored(&[3, 4], 2));
    (w, a, b)
}

#[test]
fn the_newest_scheme_whose_day_has_come_counts() {
    let mut w = World::new();
    let old = w.say(APPROVER, adopted(1, date(2026, 1, 5), date(2026, 1, 5)));
    let slow = w.say(APPROVER, adopted(2, date(2026, 3, 1), date(2026, 4, 1)));
    let at = |w: &World, d: Date| w.state().in_force(d).map(|s| s.at);
    assert_eq!(at(&w, date(2026, 1, 4)), None);
    assert_eq!(at(&w, date(2026, 3, 31)), Some(old), "the cooling-off is not over");
    assert_eq!(at(&w, date(2026, 4, 1)), Some(slow));
    let back = w.say(APPROVER, adopted(3, date(2026, 3, 9), date(2026, 3, 9)));
    assert_eq!(at(&w, date(2026, 3, 8)), Some(old));
    assert_eq!(at(&w, date(2027, 1, 1)), Some(back), "a later adoption ends what had not begun");
    w.say(APPROVER, adopted(4, date(2026, 5, 2), date(2026, 5, 1)));
    assert_eq!(w.void(), IMPOSSIBLE, "in force before it was decided");
    assert_eq!(w.state().needed_notes(), [1, 2, 3].map(note).into());
}

#[test]
fn a_hold_is_released_once_and_only_if_it_is_there() {
    let mut w = World::new();
    w.say(PRUNER, held(1));
    assert_eq!(w.void(), Some(VoidWhy::WrongRole));
    let hold = w.say(APPROVER, held(1));
    let other = w.say(APPROVER, held(2));
    w.say(APPROVER, Entry::TriggerDated { note: note(3) });
    let release = |hold| Entry::HoldReleased { hold, note: note(9) };
    w.say(APPROVER, release(1));
    assert_eq!(w.void(), IMPOSSIBLE, "that entry is no hold");
    let end = w.say(APPROVER, release(hold));
    w.say(APPROVER, release(hold));
    assert_eq!(w.void(), IMPOSSIBLE);
    let state = w.state();
    assert_eq!(state.open_holds().map(|h| h.at).collect::<Vec<_>>(), [other]);
    assert_eq!(state.holds[0].released, Some(end));
    assert_eq!(state.dates.len(), 1);
    assert_eq!(state.needed_notes(), [1, 2, 3, 9].map(note).into());
}

#[test]
fn a_disposal_goes_one_way() {
    let (mut w, a, b) = world();
    let go = w.say(APPROVER, approved(1));
    for early in [relisted(go, &[(a, 40, &[2])]), done(go, 5)] {
        w.say(PRUNER, early);
        assert_eq!(w.void(), IMPOSSIBLE, "not withdrawn");
    }
    assert_eq!(w.state().snapshots[0].snapshot.root, ChunkId::new([9; 32]));
    w.say(PRUNER, withdrawn(go + 1, 2));
    assert_eq!(w.void(), IMPOSSIBLE, "nobody approved that");
    w.say(PRUNER, withdrawn(go, 2));
    assert!(w.state().disposal(go).unwrap().is_withdrawn());
    for bad in [withdrawn(go, 3), done(go, 5)] {
        w.say(PRUNER, bad);
        assert_eq!(w.void(), IMPOSSIBLE);
    }
    w.say(PRUNER, relisted(go, &[(b, 41, &[2])]));
    w.say(PRUNER, relisted(go, &[(a, 40, &[2])]));
    let last = w.say(PRUNER, relisted(go, &[(b, 41, &[1, 2]), (77, 42, &[9])]));
    assert_eq!(w.void(), None, "a snapshot that does not exist is passed over, with what it needs");
    w.say(APPROVER, cancelled(go, 4));
    assert_eq!(w.void(), IMPOSSIBLE, "it has been carried out in part");
    let state = w.state();
    assert_eq!(state.snapshot(SnapshotId(b)).unwrap().snapshot.root, ChunkId::new([41; 32]));
    assert_eq!(state.needed(), bits(&[1, 2]));
    let found = state.disposal(go).unwrap();
    assert_eq!((&found.relisted[..], found.relisted_at), (&[SnapshotId(a), SnapshotId(b)][..], Some(last)));
    assert_eq!(state.needed_notes(), [1, 2].map(note).into());
    assert!(state.spent_notes().is_empty() && state.incidents.is_empty());
    let end = w.say(PRUNER, done(go, 5));
    let state = w.state();
    assert_eq!(state.disposal(go).unwrap().done, Some((end, note(5))));
    assert_eq!(state.needed_notes(), [2, 5].map(note).into(), "the names are needed no more");
    assert_eq!(state.spent_notes(), [1].map(note).into());
    for late in [done(go, 6), relisted(go, &[])] {
        w.say(PRUNER, late);
        assert_eq!(w.void(), IMPOSSIBLE);
    }
}

#[test]
fn only_an_approver_takes_the_time_to_change_ones_mind_away() {
    for (by, urgent) in [(PRUNER, false), (APPROVER, true)] {
        let (mut w, ..) = world();
        let go = w.say(APPROVER, approved(1));
        let said = DisposalWithdrawn { approval: go, urgent: true, register: note(2), note: Some(note(3)) };
        w.say(by, Entry::DisposalWithdrawn(said));
        assert_eq!(w.void(), None);
        assert_eq!(w.state().disposal(go).unwrap().withdrawn.as_ref().unwrap().urgent, urgent);
    }
}

#[test]
fn a_cancelled_disposal_stays_cancelled() {
    let (mut w, ..) = world();
    let go = w.say(APPROVER, approved(1));
    w.say(PRUNER, withdrawn(go, 2));
    w.say(APPROVER, cancelled(go, 3));
    assert_eq!(w.void(), None);
    assert!(!w.state().disposal(go).unwrap().is_withdrawn(), "its records are there again");
    assert_eq!(w.state().needed_notes(), [2, 3].map(note).into());
    assert_eq!(w.state().spent_notes(), [1].map(note).into(), "their names are needed no more");
    for late in [withdrawn(go, 4), relisted(go, &[]), done(go, 5)] {
        w.say(PRUNER, late);
        assert_eq!(w.void(), IMPOSSIBLE);
    }
    w.say(APPROVER, cancelled(go, 6));
    assert_eq!(w.void(), IMPOSSIBLE);
}

#[test]
fn only_living_described_packs_carry_a_new_listing() {
    let (mut w, a, b) = world();
    let go = w.say(APPROVER, approved(1));
    w.say(PRUNER, withdrawn(go, 2));
    w.say(PRUNER, condemned(&[3], &[], Reason::Unreferenced));
    for packs in [&[2][..], &[9]] {
        w.say(PRUNER, relisted(go, &[(a, 40, packs)]));
        assert_eq!(w.void(), IMPOSSIBLE, "{packs:?}");
    }
    w.say(PRUNER, relisted(go, &[(a, 40, &[3]), (b, 42, &[3]), (a, 41, &[3])]));
    assert_eq!(w.void(), IMPOSSIBLE, "two listings for one snapshot");
    assert_eq!(w.state().snapshots[0].snapshot.root, ChunkId::new([9; 32]));
    w.say(PRUNER, thinned(&[a]));
    w.say(PRUNER, relisted(go, &[(a, 40, &[3])]));
    assert_eq!(w.void(), None);
    assert_eq!(w.state().snapshots[0].snapshot.root, ChunkId::new([9; 32]), "it was given up");
}

#[test]
fn what_disposal_condemned_is_spared_while_needed_and_then_goes() {
    let (mut w, a, b) = world();
    let go = w.say(APPROVER, approved(1));
    w.say(PRUNER, withdrawn(go, 2));
    w.say(PRUNER, condemned(&[1, 2], &[], Reason::Disposal));
    w.say(PRUNER, swept(&[1, 2], &[]));
    assert!(!is_swept(w.life(1)), "old listings need it");
    assert!(!w.state().may_rely(0, &[ActorId::new([WRITER; 32])]), "no writer leans on it");
    w.say(WRITER, snapshot("a", &[1], Some(b)));
    assert_eq!(w.void(), IMPOSSIBLE);
    w.say(PRUNER, relisted(go, &[(a, 40, &[2]), (b, 41, &[2])]));
    w.say(PRUNER, swept(&[1, 2], &[]));
    assert!(is_swept(w.life(1)) && is_swept(w.life(2)) && is_live(w.life(3)));
}

#[test]
fn a_note_that_something_else_names_is_kept() {
    let (mut w, ..) = world();
    w.say(APPROVER, held(1));
    let go = w.say(APPROVER, approved(1));
    w.say(PRUNER, withdrawn(go, 2));
    w.say(PRUNER, relisted(go, &[]));
    w.say(PRUNER, done(go, 3));
    assert!(w.state().needed_notes().contains(&note(1)) && w.state().spent_notes().is_empty());
}

#[test]
fn a_hold_and_a_cancellation_outlive_their_author_and_no_permission_does() {
    let (mut w, ..) = world();
    let root_says = |w: &mut World, entry| w.say(ROOT, entry);
    let second = ActorId::new([8; 32]);
    root_says(&mut w, Entry::ActorAdded(actor(8, &[Role::Approver])));
    let from = w.say(8, held(1));
    let mine = w.say(8, approved(2));
    let theirs = w.say(APPROVER, approved(3));
    w.say(8, cancelled(theirs, 4));
    let hold = w.say(APPROVER, held(5));
    w.say(8, Entry::HoldReleased { hold, note: note(6) });
    root_says(&mut w, Entry::ActorRevoked { actor: second, from });
    w.say(8, held(7));
    assert_eq!(w.void(), Some(VoidWhy::Revoked), "that came after the cut");
    let state = w.state();
    assert_eq!(state.open_holds().map(|h| h.at).collect::<Vec<_>>(), [from, hold]);
    assert!(state.disposal(mine).is_none() && !state.disposal(theirs).unwrap().is_open());
    assert!(state.incidents.is_empty(), "what only ever keeps asks nobody to look");
    w.say(PRUNER, withdrawn(mine, 9));
    assert_eq!(w.void(), IMPOSSIBLE);
}

#[test]
fn listings_rewritten_in_good_faith_stay_when_the_approver_is_cut_off_later() {
    for by in [PRUNER, APPROVER] {
        let (mut w, a, b) = world();
        let go = w.say(APPROVER, approved(1));
        w.say(by, withdrawn(go, 2));
        w.say(PRUNER, relisted(go, &[(a, 40, &[2]), (b, 41, &[2])]));
        w.say(PRUNER, condemned(&[1, 2], &[], Reason::Disposal));
        w.say(PRUNER, swept(&[1, 2], &[]));
        w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([APPROVER; 32]), from: go });
        let state = w.state();
        assert_eq!(state.needed(), bits(&[2]), "the old listings are deleted already");
        assert!(state.disposals.is_empty(), "but nobody has approved anything");
        assert!(state.open_voids().next().is_none(), "{:?}", state.voids);
        w.say(PRUNER, relisted(go, &[(b, 42, &[3])]));
        assert_eq!(w.void(), IMPOSSIBLE, "now it is known");
    }
}

#[test]
fn a_withdrawal_by_one_cut_off_later_leaves_the_approval() {
    let (mut w, a, b) = world();
    w.say(ROOT, Entry::ActorAdded(actor(8, &[Role::Approver])));
    let go = w.say(APPROVER, approved(1));
    let from = w.say(8, withdrawn(go, 2));
    w.say(PRUNER, relisted(go, &[(a, 40, &[2]), (b, 41, &[2])]));
    w.say(PRUNER, done(go, 3));
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([8; 32]), from });
    let state = w.state();
    assert_eq!(state.needed(), bits(&[2]));
    assert!(state.disposal(go).unwrap().withdrawn.is_none());
    assert!(!state.needed_notes().contains(&note(1)), "its names may be deleted already");
}

#[test]
fn listings_whose_old_packs_are_swept_stay_when_the_pruner_is_cut_off_later() {
    for swept_too in [true, false] {
        let (mut w, a, b) = world();
        let go = w.say(APPROVER, approved(1));
        let from = w.say(PRUNER, withdrawn(go, 2));
        let new = w.say(PRUNER, relisted(go, &[(a, 40, &[2]), (b, 41, &[2])]));
        w.say(PRUNER, condemned(&[1, 2], &[], Reason::Disposal));
        if swept_too {
            w.say(PRUNER, swept(&[1, 2], &[]));
            w.say(PRUNER, done(go, 3));
        }
        w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([PRUNER; 32]), from });
        w.say(PRUNER, swept(&[1, 2], &[]));
        assert_eq!(w.void(), Some(VoidWhy::Revoked), "that came after the cut");
        let state = w.state();
        let (root, needs) = if swept_too { (40, &[2][..]) } else { (9, &[0, 1][..]) };
        assert_eq!(state.snapshots[0].snapshot.root, ChunkId::new([root; 32]), "{swept_too}");
        assert_eq!(state.needed(), bits(needs));
        assert!(state.disposal(go).unwrap().is_open(), "nobody trustworthy has finished it");
        let told: Vec<u64> = state.open_incidents().map(|i| i.at).collect();
        assert_eq!(told, if swept_too { vec![new] } else { vec![] }, "a person is asked to look");
        assert_eq!(state.needed_notes().contains(&note(1)), !swept_too, "its names may be deleted already");
    }
}

#[test]
fn a_listing_written_after_the_cut_was_known_is_void_whatever_is_swept() {
    let (mut w, a, _) = world();
    w.say(ROOT, Entry::ActorAdded(actor(8, &[Role::Pruner])));
    let go = w.say(APPROVER, approved(1));
    let from = w.say(APPROVER, withdrawn(go, 2));
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([PRUNER; 32]), from });
    w.say(PRUNER, relisted(go, &[(a, 40, &[2])]));
    w.say(8, swept(&[1], &[]));
    assert_eq!(w.state().snapshots[0].snapshot.root, ChunkId::new([9; 32]));
}

#[test]
fn only_a_pruners_sweep_between_the_listing_and_the_cut_lets_the_listing_stand() {
    let (pruner, new) = (ActorId::new([PRUNER; 32]), 8);
    // Who sweeps, when, and whether the listing that the pruner wrote stands after it was cut off.
    for (case, (sweeper, roles, before, after, stands)) in [
        (new, &[Role::Pruner][..], false, false, true),
        (new, &[Role::Writer], false, false, false),
        (WRITER, &[Role::Writer], false, false, false),
        (new, &[Role::Root, Role::Pruner], false, false, false),
        (new, &[Role::Pruner], true, false, false),
        (new, &[Role::Pruner], false, true, false),
    ]
    .into_iter()
    .enumerate()
    {
        let (mut w, a, b) = world();
        w.say(ROOT, Entry::ActorAdded(actor(new, roles)));
        w.say(ROOT, Entry::ActorAdded(actor(WRITER, &[Role::Pruner])));
        assert_eq!(w.void(), IMPOSSIBLE);
        let go = w.say(APPROVER, approved(1));
        w.say(APPROVER, withdrawn(go, 2));
        let sweep = |w: &mut World, now: bool| now.then(|| w.say(sweeper, swept(&[1, 2], &[])));
        sweep(&mut w, before);
        let from = w.say(PRUNER, relisted(go, &[(a, 40, &[2]), (b, 41, &[2])]));
        w.say(PRUNER, condemned(&[1, 2], &[], Reason::Disposal));
        sweep(&mut w, !before && !after);
        w.say(ROOT, Entry::ActorRevoked { actor: pruner, from });
        sweep(&mut w, after);
        let root = if stands { 40 } else { 9 };
        assert_eq!(w.state().snapshots[0].snapshot.root, ChunkId::new([root; 32]), "case {case}");
    }
}

#[test]
fn a_sweep_by_one_who_was_known_to_be_cut_off_is_none() {
    let (mut w, a, b) = world();
    w.say(ROOT, Entry::ActorAdded(actor(8, &[Role::Pruner])));
    let go = w.say(APPROVER, approved(1));
    w.say(APPROVER, withdrawn(go, 2));
    let from = w.say(PRUNER, relisted(go, &[(a, 40, &[2]), (b, 41, &[2])]));
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([8; 32]), from });
    w.say(8, swept(&[1, 2], &[]));
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([PRUNER; 32]), from });
    assert_eq!(w.state().snapshots[0].snapshot.root, ChunkId::new([9; 32]));
}

#[test]
fn an_end_by_one_cut_off_later_excuses_the_names_only_if_there_were_new_listings() {
    for relists in [false, true] {
        let (mut w, a, b) = world();
        w.say(ROOT, Entry::ActorAdded(actor(8, &[Role::Pruner])));
        let other = w.say(APPROVER, approved(6));
        let go = w.say(APPROVER, approved(1));
        for approval in [other, go] {
            w.say(PRUNER, withdrawn(approval, 2));
            if relists {
                w.say(PRUNER, relisted(approval, &[(a, 40, &[2]), (b, 41, &[2])]));
            }
        }
        let from = w.say(8, done(go, 3));
        w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([8; 32]), from });
        let state = w.state();
        assert!(state.disposal(go).unwrap().is_open() && state.disposal(other).unwrap().is_open());
        assert_eq!(state.needed_notes().contains(&note(1)), !relists, "its names may be deleted already");
        assert!(state.needed_notes().contains(&note(6)), "nobody said that this one is over");
    }
}

#[test]
fn a_second_withdrawal_by_one_cut_off_later_was_none() {
    let (mut w, ..) = world();
    w.say(ROOT, Entry::ActorAdded(actor(8, &[Role::Pruner])));
    let go = w.say(APPROVER, approved(1));
    w.say(PRUNER, withdrawn(go, 2));
    let from = w.say(8, withdrawn(go, 3));
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([8; 32]), from });
    w.say(PRUNER, relisted(go, &[]));
    w.say(PRUNER, done(go, 4));
    w.say(PRUNER, relisted(go, &[]));
    assert_eq!(w.void(), IMPOSSIBLE, "it is over");
    assert!(w.state().undone.is_empty());
}

fn is_live(life: Life) -> bool {
    matches!(life, Life::Live)
}

fn is_swept(life: Life) -> bool {
    matches!(life, Life::Swept { .. })
}
