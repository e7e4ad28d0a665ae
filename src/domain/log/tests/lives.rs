//! Packs and indexes: condemned, rescued, dead; and what a snapshot may need.

use super::*;

fn is_live(life: Life) -> bool {
    matches!(life, Life::Live)
}
fn is_swept(life: Life) -> bool {
    matches!(life, Life::Swept { .. })
}

#[test]
fn the_newest_of_a_set_is_never_thinned() {
    let mut w = World::new();
    let a = w.say(WRITER, snapshot("a", &[], None));
    let b = w.say(WRITER, snapshot("a", &[], Some(a)));
    let other = w.say(WRITER, snapshot("b", &[], None));
    w.say(PRUNER, thinned(&[b, a, other, 99]));
    let live: Vec<u64> = w.state().live_snapshots().map(|s| s.id.0).collect();
    assert_eq!(live, [b, other]);
    w.say(PRUNER, thinned(&[b]));
    assert_eq!(w.state().newest("a").unwrap().id.0, b);
}

#[test]
fn a_snapshot_rescues_what_was_condemned() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1], 1));
    w.say(PRUNER, condemned(&[1], &[], Reason::Unreferenced));
    assert!(matches!(w.life(1), Life::Condemned { .. }));
    assert!(!w.state().may_rely(0, &[ActorId::new([WRITER; 32])]), "new work does not lean on it");
    w.say(WRITER, snapshot("a", &[0], None));
    assert!(is_live(w.life(1)));
    w.say(PRUNER, swept(&[1], &[]));
    assert!(is_live(w.life(1)));
}

#[test]
fn what_disposal_condemned_cannot_be_rescued() {
    for first in [Reason::Disposal, Reason::Unreferenced] {
        let mut w = World::new();
        w.say(WRITER, stored(&[1], 1));
        w.say(PRUNER, condemned(&[1], &[], first));
        w.say(PRUNER, condemned(&[1], &[], Reason::Disposal));
        w.say(PRUNER, condemned(&[1], &[], Reason::Unreferenced));
        w.say(WRITER, snapshot("a", &[0], None));
        assert_eq!(w.void(), Some(VoidWhy::Impossible), "after {first:?}");
        assert!(w.state().newest("a").is_none());
        w.say(PRUNER, swept(&[1], &[]));
        assert!(is_swept(w.life(1)));
    }
}

#[test]
fn only_the_condemned_and_unneeded_is_swept() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2, 3], 1));
    let a = w.say(WRITER, snapshot("a", &[0], None));
    w.say(PRUNER, condemned(&[1, 2], &[], Reason::Unreferenced));
    assert!(is_live(w.life(1)), "what a snapshot needs is not condemned");
    w.say(PRUNER, condemned(&[1], &[], Reason::Disposal));
    w.say(PRUNER, swept(&[1, 2, 3], &[]));
    assert!(matches!(w.life(1), Life::Condemned { .. }), "needed: it stays although disposal wants it");
    assert!(is_swept(w.life(2)));
    assert!(is_live(w.life(3)), "it was never condemned");
    w.say(WRITER, snapshot("a", &[2], Some(a)));
    w.say(PRUNER, thinned(&[a]));
    w.say(PRUNER, swept(&[1], &[]));
    assert!(is_swept(w.life(1)));
}

#[test]
fn a_swept_name_is_dead_for_ever_orphans_too() {
    let mut w = World::new();
    w.say(PRUNER, condemned(&[1], &[], Reason::Orphan));
    w.say(PRUNER, swept(&[1], &[]));
    assert!(w.state().is_swept(&pack(1)));
    w.say(WRITER, stored(&[1], 1));
    assert!(is_swept(w.life(1)) && w.state().is_swept(&pack(1)));
    w.say(WRITER, snapshot("a", &[0], None));
    assert_eq!(w.void(), Some(VoidWhy::Impossible));
    w.say(PRUNER, condemned(&[1], &[], Reason::Unreferenced));
    w.say(WRITER, stored(&[1], 2));
    assert!(is_swept(w.life(1)));
}

#[test]
fn a_condemned_orphan_keeps_its_fate_until_a_snapshot_needs_it() {
    let mut w = World::new();
    w.say(PRUNER, condemned(&[1], &[], Reason::Orphan));
    w.say(WRITER, stored(&[1], 1));
    assert!(matches!(w.life(1), Life::Condemned { reason: Reason::Orphan, .. }));
    assert!(w.state().orphans.is_empty());
    w.say(WRITER, snapshot("a", &[0], None));
    assert!(is_live(w.life(1)));
}

#[test]
fn a_snapshot_needs_only_what_exists_and_is_described() {
    let mut w = World::new();
    w.say(WRITER, snapshot("a", &[0], None));
    assert_eq!(w.void(), Some(VoidWhy::Impossible));
    w.say(PRUNER, condemned(&[], &[1], Reason::Orphan));
    w.say(PRUNER, swept(&[], &[1]));
    w.say(WRITER, stored(&[1], 1));
    assert!(w.state().is_index_swept(&index(1)));
    w.say(WRITER, snapshot("a", &[0], None));
    assert_eq!(w.void(), Some(VoidWhy::Impossible), "nobody could find what is in the pack");
    w.say(WRITER, stored(&[1], 2));
    w.say(WRITER, snapshot("a", &[0], None));
    assert_eq!(w.void(), None);
}

#[test]
fn an_orphan_index_that_is_stored_after_all_lives() {
    let mut w = World::new();
    w.say(PRUNER, condemned(&[], &[1], Reason::Orphan));
    w.say(WRITER, stored(&[1], 1));
    assert!(is_live(w.index_life(1)));
    w.say(PRUNER, swept(&[], &[1]));
    assert!(is_live(w.index_life(1)));
}

#[test]
fn an_index_is_superfluous_when_a_pruner_merged_it_or_its_packs_are_dead() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1], 1));
    w.say(WRITER, stored(&[2], 2));
    w.say(WRITER, snapshot("a", &[0, 1], None));
    w.say(PRUNER, condemned(&[], &[1, 2], Reason::Unreferenced));
    assert!(is_live(w.index_life(1)), "the only one that describes pack 1");
    w.say(OTHER, stored(&[1, 2], 3));
    w.say(PRUNER, condemned(&[], &[1, 2], Reason::Unreferenced));
    assert!(is_live(w.index_life(1)), "a writer's word does not replace another index");
    w.say(PRUNER, stored(&[1, 2], 4));
    w.say(PRUNER, condemned(&[], &[1, 2, 3, 4], Reason::Unreferenced));
    assert!(!is_live(w.index_life(1)) && !is_live(w.index_life(2)) && !is_live(w.index_life(3)));
    assert!(is_live(w.index_life(4)), "now it is the only one");
    w.say(PRUNER, swept(&[], &[1, 2, 4]));
    assert!(is_swept(w.index_life(1)) && is_live(w.index_life(4)));
    assert_eq!(w.state().packs.len(), 2, "merging gives no new numbers");
}

#[test]
fn two_merged_indexes_do_not_both_go() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1], 1));
    w.say(PRUNER, stored(&[1], 2));
    w.say(PRUNER, stored(&[1], 3));
    w.say(PRUNER, condemned(&[], &[1, 2, 3], Reason::Unreferenced));
    w.say(PRUNER, swept(&[], &[1, 2, 3]));
    assert_eq!(w.state().described(), bits(&[0]));
    assert!(is_live(w.index_life(3)));
}

#[test]
fn one_author_cannot_shrink_or_stretch_anothers_index() {
    let mut w = World::new();
    w.say(OTHER, stored(&[], 1)); // claims the name with nothing in it
    w.say(WRITER, stored(&[1], 1));
    w.say(WRITER, snapshot("a", &[0], None));
    assert_eq!(w.void(), None);
    w.say(PRUNER, condemned(&[], &[1], Reason::Unreferenced));
    assert!(is_live(w.index_life(1)));
    w.say(WRITER, stored(&[2], 2));
    w.say(PRUNER, stored(&[1], 3));
    w.say(OTHER, stored(&[2], 3)); // says the merged index has pack 2, which it has not
    w.say(PRUNER, condemned(&[], &[1, 2], Reason::Unreferenced));
    assert!(!is_live(w.index_life(1)) && is_live(w.index_life(2)));
}

#[test]
fn a_revoked_writers_tested_packs_stay_findable() {
    let mut w = World::new();
    let from = w.say(OTHER, stored(&[1], 1));
    w.say(WRITER, snapshot("a", &[0], None));
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([OTHER; 32]), from });
    let state = w.state();
    assert_eq!(state.newest("a").unwrap().id, SnapshotId(2), "another's snapshot stands");
    assert!(state.described().contains(0), "and its content can be found");
    assert!(state.indexes[0].void);
    w.say(PRUNER, condemned(&[1], &[1], Reason::Unreferenced));
    assert!(is_live(w.life(1)) && is_live(w.index_life(1)));
}

#[test]
fn rewriting_moves_needs_to_living_packs_only() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    let a = w.say(WRITER, snapshot("a", &[0, 1], None));
    w.say(PRUNER, stored(&[3], 2));
    w.say(PRUNER, Entry::Rewritten { from: bits(&[0]), to: bits(&[9]) });
    assert_eq!(w.void(), Some(VoidWhy::Impossible));
    w.say(PRUNER, Entry::Rewritten { from: bits(&[0]), to: bits(&[]) });
    assert_eq!(w.void(), Some(VoidWhy::Impossible), "nothing takes the place of what is needed");
    w.say(PRUNER, Entry::Rewritten { from: bits(&[0]), to: bits(&[2]) });
    assert_eq!(w.state().snapshot(SnapshotId(a)).unwrap().snapshot.needs, bits(&[1, 2]));
    w.say(PRUNER, condemned(&[1, 3], &[], Reason::Unreferenced));
    assert!(!is_live(w.life(1)) && is_live(w.life(3)));
    w.say(WRITER, snapshot("a", &[0], Some(a)));
    assert!(is_live(w.life(1)), "a writer that relied on the old pack is not left behind");
}

#[test]
fn what_a_pruner_rewrote_before_it_was_cut_off_is_needed_beside_the_old() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    let a = w.say(WRITER, snapshot("a", &[0, 1], None));
    let from = w.say(PRUNER, stored(&[3], 2));
    w.say(PRUNER, Entry::Rewritten { from: bits(&[0]), to: bits(&[2, 3, 9]) });
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([PRUNER; 32]), from });
    assert_eq!(w.state().snapshot(SnapshotId(a)).unwrap().snapshot.needs, bits(&[0, 1, 2]));
    assert!(w.state().needed().contains(2) && w.state().needed().contains(0), "neither may be deleted");
}

/// Found by a random history: an index whose name is dead describes nothing.
#[test]
fn what_nobody_describes_takes_no_place() {
    let mut w = World::new();
    w.say(PRUNER, condemned(&[], &[9], Reason::Orphan));
    w.say(PRUNER, swept(&[], &[9]));
    w.say(WRITER, stored(&[1], 1));
    w.say(WRITER, stored(&[2], 9));
    let a = w.say(WRITER, snapshot("a", &[0], None));
    w.say(PRUNER, Entry::Rewritten { from: bits(&[0]), to: bits(&[1]) });
    assert_eq!(w.void(), Some(VoidWhy::Impossible));
    assert_eq!(w.state().snapshot(SnapshotId(a)).unwrap().snapshot.needs, bits(&[0]));
}

/// Found by a random history: what a thief said of dead packs made snapshots need them for ever.
#[test]
fn what_was_dead_or_was_said_after_the_cut_is_needed_by_nobody() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    let a = w.say(WRITER, snapshot("a", &[0], None));
    w.say(PRUNER, condemned(&[2], &[], Reason::Unreferenced));
    w.say(PRUNER, swept(&[2], &[]));
    let from = w.say(PRUNER, stored(&[3], 2));
    w.say(PRUNER, Entry::Rewritten { from: bits(&[0]), to: bits(&[1, 2]) });
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([PRUNER; 32]), from });
    let needs = |w: &World| w.state().snapshot(SnapshotId(a)).unwrap().snapshot.needs.clone();
    assert_eq!(needs(&w), bits(&[0, 2]), "pack 1 was swept before");
    w.say(WRITER, stored(&[4], 3));
    w.say(PRUNER, Entry::Rewritten { from: bits(&[0]), to: bits(&[3]) });
    assert_eq!((w.void(), needs(&w)), (Some(VoidWhy::Revoked), bits(&[0, 2])), "it was cut off already");
}

#[test]
fn sessions_open_with_new_packs_and_close_with_a_snapshot() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1], 1));
    w.say(PRUNER, stored(&[1], 2));
    assert_eq!(w.state().open_sessions.len(), 1, "merging begins no session");
    w.say(OTHER, Entry::Abandoned { session: SessionId::new([1; 32]) });
    assert!(w.state().open_sessions.is_empty());
}

#[test]
fn what_is_quarantined_is_not_relied_on_until_it_passes_a_test() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    w.say(WRITER, snapshot("documents", &[0, 1], None));
    let own = [ActorId::new([WRITER; 32])];
    assert!(w.state().may_rely(0, &own));
    w.say(APPROVER, Entry::Quarantined { packs: bits(&[0]), indexes: vec![] });
    assert_eq!(w.void(), Some(VoidWhy::WrongRole));
    w.say(WRITER, Entry::Quarantined { packs: bits(&[0, 99]), indexes: vec![] });
    assert!(w.void().is_none() && !w.state().may_rely(0, &own) && w.state().may_rely(1, &own));
    w.say(PRUNER, condemned(&[1], &[], Reason::Unreferenced));
    assert_eq!(w.life(1), Life::Live, "it is needed all the same");
    w.say(TESTER, Entry::Tested(tested_packs(&[0])));
    assert!(w.state().may_rely(0, &own));
}

#[test]
fn an_index_goes_out_of_use_only_where_a_pruner_says_the_same() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    let out =
        |names: &[u8]| Entry::Quarantined { packs: bits(&[]), indexes: names.iter().map(|n| index(*n)).collect() };
    let used = |w: &World| w.state().indexes.iter().map(|i| !i.quarantined).collect::<Vec<_>>();
    w.say(WRITER, out(&[1]));
    w.say(OTHER, stored(&[1, 2], 2));
    w.say(WRITER, out(&[1]));
    w.say(PRUNER, stored(&[1], 3));
    w.say(WRITER, out(&[1]));
    assert_eq!(used(&w), [true, true, true], "nobody could find what is in the second pack");
    w.say(PRUNER, stored(&[2], 4));
    w.say(WRITER, out(&[1, 3]));
    assert_eq!(used(&w), [false, true, true, true], "one that took its place stays");
}

#[test]
fn what_one_author_says_twice_of_an_index_adds_up_until_its_name_is_dead() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    for packs in [[1], [2]] {
        w.say(PRUNER, stored(&packs, 2));
    }
    let covers = |w: &World| w.state().indexes.iter().map(|i| (i.covers.clone(), i.void)).collect::<Vec<_>>();
    assert_eq!(covers(&w), [(bits(&[0, 1]), false), (bits(&[0, 1]), false)]);
    w.say(PRUNER, condemned(&[], &[1], Reason::Unreferenced));
    w.say(WRITER, stored(&[1], 1));
    assert!(is_live(w.index_life(1)), "it is stored again");
    w.say(PRUNER, condemned(&[], &[1], Reason::Unreferenced));
    w.say(PRUNER, swept(&[], &[1]));
    w.say(WRITER, stored(&[3], 1));
    assert!(is_swept(w.index_life(1)));
    assert_eq!(covers(&w)[0], (bits(&[0, 1]), false), "a dead name describes nothing new");
    // What counts and what does not are kept apart.
    w.say(OTHER, stored(&[1], 5));
    let from = w.say(OTHER, stored(&[2], 5));
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([OTHER; 32]), from });
    assert_eq!(covers(&w)[2..], [(bits(&[0]), false), (bits(&[1]), true)]);
}

#[test]
fn an_index_that_nobody_condemned_is_not_swept_however_superfluous() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1], 1));
    w.say(PRUNER, stored(&[1], 2));
    w.say(PRUNER, swept(&[], &[1]));
    assert!(is_live(w.index_life(1)));
}

#[test]
fn what_a_pruner_swept_before_it_was_cut_off_lives_and_is_doubted() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    w.say(PRUNER, stored(&[1], 2));
    w.say(PRUNER, condemned(&[1], &[1], Reason::Unreferenced));
    let from = w.say(PRUNER, swept(&[1], &[1]));
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([PRUNER; 32]), from });
    let state = w.state();
    assert_eq!(state.packs.iter().map(|p| p.doubted).collect::<Vec<_>>(), [true, false]);
    assert_eq!(state.indexes.iter().map(|i| i.doubted).collect::<Vec<_>>(), [true, false]);
    w.say(WRITER, snapshot("a", &[0], None));
    assert!(w.void().is_none() && is_live(w.life(1)) && !w.state().is_swept(&pack(1)));
    assert!(!w.state().may_rely(0, &[ActorId::new([WRITER; 32])]), "it may be deleted already");
}

#[test]
fn a_snapshot_ends_its_session_and_carries_its_own_incident() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1], 0));
    let with = |set: &str, counts: Option<Vec<u64>>| {
        let Entry::Snapshot(snapshot) = snapshot(set, &[0], None) else { unreachable!() };
        Entry::Snapshot(Snapshot { mass_change: counts, ..snapshot })
    };
    assert_eq!(w.state().open_sessions.len(), 1);
    w.say(WRITER, with("b", None));
    assert!(w.state().open_sessions.is_empty() && w.state().incidents.is_empty());
    let at = w.say(WRITER, with("a", Some(vec![60, 0, 100])));
    w.say(WRITER, with("b", None));
    let state = w.state();
    let told: Vec<_> = state.open_incidents().map(|i| (i.at, i.incident.what, i.incident.counts.clone())).collect();
    assert_eq!(told, [(at, IncidentKind::MassChange, vec![60, 0, 100])]);
    assert_eq!(state.sets(), ["a", "b"]);
}
