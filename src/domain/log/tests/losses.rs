//! Losses that a person accepted: what stays needed, and what brings it back.

use super::*;

#[test]
fn an_accepted_loss_stays_needed_and_is_tested_no_more() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    w.say(WRITER, snapshot("documents", &[0, 1], None));
    let accepted = || Entry::LossAccepted { packs: bits(&[0]), records: 3, note: NoteName::new([5; 32]) };
    for other in [WRITER, TESTER, PRUNER, ROOT] {
        w.say(other, accepted());
        assert_eq!(w.void(), Some(VoidWhy::WrongRole));
    }
    w.say(APPROVER, accepted());
    let state = w.state();
    assert_eq!((state.testable(), state.losses[0].packs.is_empty()), (bits(&[0, 1]), true), "nobody found it damaged");
    assert!(state.packs[0].lost.is_none() && state.packs[0].quarantined.is_none());
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    w.say(WRITER, snapshot("documents", &[0, 1], None));
    w.say(TESTER, Entry::Quarantined { packs: bits(&[0]), indexes: vec![] });
    let at = w.say(APPROVER, accepted());
    let state = w.state();
    assert_eq!((state.needed(), state.testable()), (bits(&[0, 1]), bits(&[1])));
    assert_eq!((state.losses.len(), state.losses[0].at, state.open_losses().count()), (1, at, 1));
    assert_eq!(state.losses[0].packs, bits(&[0]));
    assert!(state.needed_notes().contains(&NoteName::new([5; 32])), "prune keeps the note");
    assert!(!state.may_rely(0, &[ActorId::new([WRITER; 32])]));
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([APPROVER; 32]), from: at });
    let state = w.state();
    assert_eq!((state.testable(), state.losses.len()), (bits(&[0, 1]), 0), "a cut-off approver's word ends no alarm");
}

#[test]
fn an_index_is_missed_by_none_when_all_that_only_it_describes_is_lost() {
    let missed_by_none = |w: &World, name| crate::domain::log::fold::is_missed_by_none(&w.state(), &index(name));
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    w.say(WRITER, stored(&[3], 2));
    w.say(PRUNER, stored(&[3], 3));
    w.say(TESTER, Entry::Quarantined { packs: bits(&[0, 1]), indexes: vec![] });
    assert!(!missed_by_none(&w, 1));
    for (lost, expected) in [(0, false), (1, true)] {
        w.say(APPROVER, Entry::LossAccepted { packs: bits(&[lost]), records: 1, note: NoteName::new([5; 32]) });
        assert_eq!(missed_by_none(&w, 1), expected);
    }
    assert!(!missed_by_none(&w, 2), "that one is superfluous");
    assert!(!missed_by_none(&w, 77), "nobody knows it");
}

#[test]
fn a_loss_is_over_when_its_packs_pass_a_test_and_one_of_no_known_pack_never_is() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1], 1));
    w.say(TESTER, Entry::Quarantined { packs: bits(&[0]), indexes: vec![] });
    for packs in [bits(&[0]), bits(&[])] {
        w.say(APPROVER, Entry::LossAccepted { packs, records: 1, note: NoteName::new([5; 32]) });
    }
    assert_eq!(w.state().open_losses().count(), 2);
    w.say(TESTER, Entry::Tested(tested_packs(&[0])));
    assert!(w.state().open_losses().eq(&w.state().losses[1..]));
}
