//! Who may say what, and from when on it counts.

use super::super::fold::FoldError;
use super::super::state::TESTS_KEPT;
use super::*;

fn tested(packs: &[u32], failed: u64) -> Entry {
    Entry::Tested(Tested { snapshot: Some(SnapshotId(2)), documents: 1, bytes: 1, failed, ..tested_packs(packs) })
}

#[test]
fn each_kind_needs_its_role() {
    let resolved = Entry::IncidentResolved { incident: 1, by: String::new(), note: String::new() };
    let cases = [
        (stored(&[1], 1), vec![WRITER, OTHER, PRUNER]),
        (snapshot("a", &[], None), vec![WRITER, OTHER]),
        (tested(&[], 0), vec![TESTER]),
        (thinned(&[]), vec![PRUNER]),
        (condemned(&[], &[], Reason::Orphan), vec![PRUNER]),
        (swept(&[], &[]), vec![PRUNER]),
        (Entry::Rewritten { from: bits(&[]), to: bits(&[]) }, vec![PRUNER]),
        (Entry::ActorAdded(actor(50, &[Role::Writer])), vec![ROOT]),
        (Entry::Abandoned { session: SessionId::new([0; 32]) }, (ROOT..=APPROVER).collect()),
    ];
    for (entry, allowed) in cases {
        for by in ROOT..=APPROVER {
            let mut w = World::new();
            w.say(by, entry.clone());
            let expected = (!allowed.contains(&by)).then_some(VoidWhy::WrongRole);
            assert_eq!(w.void(), expected, "{} by {by}", entry.name());
        }
    }
    let mut w = World::new();
    w.say(WRITER, resolved);
    assert_eq!(w.void(), Some(VoidWhy::WrongRole));
}

#[test]
fn the_root_key_cannot_store() {
    let mut w = World::new();
    w.say(ROOT, stored(&[1], 1));
    let state = w.state();
    assert_eq!(w.void(), Some(VoidWhy::WrongRole));
    assert!(state.packs.is_empty() && state.indexes.is_empty() && state.open_sessions.is_empty());
}

#[test]
fn a_stranger_counts_only_once_the_root_has_added_him() {
    let mut w = World::new();
    w.say(40, stored(&[1], 1));
    assert_eq!(w.void(), Some(VoidWhy::UnknownActor));
    assert!(w.state().packs.is_empty(), "a stranger's packs get no numbers");
    w.say(ROOT, Entry::ActorAdded(actor(40, &[Role::Writer])));
    w.say(40, stored(&[1], 1));
    assert_eq!(w.void(), None);
    w.say(ROOT, Entry::ActorAdded(actor(40, &[Role::Pruner])));
    assert_eq!(w.void(), Some(VoidWhy::Impossible), "roles never change");
    w.say(ROOT, Entry::ActorAdded(actor(41, &[Role::Root])));
    assert_eq!(w.void(), Some(VoidWhy::Impossible), "there is one root");
}

#[test]
fn what_does_not_fit_its_place_is_void() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1], 1));
    let replayed = w.slots[1].body.clone();
    w.slot(replayed);
    assert_eq!(w.void(), Some(VoidWhy::Misplaced));
    let mut elsewhere = w.body(WRITER, stored(&[2], 2));
    elsewhere.repository = Some(RepositoryId::new([8; 32]));
    w.slot(Some(elsewhere));
    assert_eq!(w.void(), Some(VoidWhy::Misplaced));
    let mut unread = w.body(WRITER, stored(&[2], 2));
    unread.prev = Link::ORIGIN;
    w.slot(Some(unread));
    assert_eq!(w.void(), Some(VoidWhy::Misplaced));
    w.slot(None);
    assert_eq!(w.void(), Some(VoidWhy::Unreadable));
    w.say(WRITER, stored(&[3], 3));
    assert_eq!(w.void(), None, "the log goes on over what is void");
    assert_eq!(w.state().packs.len(), 2);
}

#[test]
fn a_revocation_reaches_back_and_numbers_stay() {
    let mut w = World::new();
    w.say(OTHER, stored(&[1], 1));
    w.say(OTHER, snapshot("a", &[0], None));
    let from = w.say(OTHER, stored(&[2], 2));
    w.say(OTHER, snapshot("a", &[0, 1], Some(2)));
    w.say(WRITER, stored(&[3], 3));
    w.say(WRITER, snapshot("b", &[2], None));
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([OTHER; 32]), from });
    let state = w.state();
    assert_eq!(state.voids, [(3, VoidWhy::Revoked), (4, VoidWhy::Revoked)]);
    assert_eq!(state.newest("a").unwrap().id, SnapshotId(2), "what was said before stands");
    assert_eq!(state.pack(&pack(3)).unwrap().0, 2, "the number that bitmaps mean stays");
    assert!(state.packs[1].void && !state.may_rely(1, &[ActorId::new([OTHER; 32])]));
    assert_eq!(state.open_voids().count(), 0, "the root has dealt with these");
    w.say(OTHER, snapshot("a", &[0], Some(2)));
    assert_eq!(w.void(), Some(VoidWhy::Revoked));
}

#[test]
fn a_revocation_counts_only_where_it_stands() {
    let revoke = |n| Entry::ActorRevoked { actor: ActorId::new([OTHER; 32]), from: n };
    let mut w = World::new();
    w.say(OTHER, stored(&[1], 1));
    let mut lost = w.body(ROOT, revoke(0));
    lost.n = 9; // signed for a slot it never won, planted by the store
    w.slot(Some(lost));
    assert!(!w.state().packs[0].void);
    w.say(WRITER, revoke(0));
    assert_eq!(w.void(), Some(VoidWhy::WrongRole));
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([44; 32]), from: 0 });
    assert_eq!(w.void(), Some(VoidWhy::Impossible), "nobody of that name");
    w.say(ROOT, Entry::ActorAdded(actor(44, &[Role::Writer])));
    w.say(44, stored(&[2], 2));
    assert_eq!(w.void(), None, "a void revocation has no effect later either");
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([ROOT; 32]), from: 0 });
    assert!(!w.state().packs[0].void, "the root cannot be revoked");
}

#[test]
fn only_the_root_raises_the_format() {
    let mut w = World::new();
    let mut newer = w.body(WRITER, stored(&[1], 1));
    newer.v = FORMAT_VERSION + 1;
    w.slot(Some(newer));
    assert_eq!(w.void(), Some(VoidWhy::Impossible), "one writer cannot stop everybody");
    let mut newer = w.body(ROOT, Entry::KeyholderRemoved { keyholder: KeyholderId::new([0; 32]) });
    newer.v = FORMAT_VERSION + 1;
    w.slot(Some(newer));
    assert_eq!(fold(World::id(), &w.slots).err(), Some(FoldError::Newer { n: 2, version: FORMAT_VERSION + 1 }));
}

#[test]
fn a_person_can_put_incidents_and_void_entries_behind_them() {
    let mut w = World::new();
    let incident = Incident { what: IncidentKind::MassChange, snapshot: None, counts: vec![60, 100] };
    let at = w.say(WRITER, Entry::Incident(incident));
    let junk = w.slot(None);
    assert_eq!((w.state().open_incidents().count(), w.state().open_voids().count()), (1, 1));
    for n in [at, junk] {
        w.say(APPROVER, Entry::IncidentResolved { incident: n, by: "Clerk".into(), note: String::new() });
        assert_eq!(w.void(), None);
    }
    assert_eq!((w.state().open_incidents().count(), w.state().open_voids().count()), (0, 0));
    w.say(APPROVER, Entry::IncidentResolved { incident: 99, by: "Clerk".into(), note: String::new() });
    assert_eq!(w.void(), Some(VoidWhy::Impossible));
}

#[test]
fn tests_count_when_a_reader_made_them() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    w.say(WRITER, snapshot("a", &[0, 1], None));
    w.say(TESTER, tested(&[0], 3));
    let state = w.state();
    assert!(
        state.packs[0].tested.is_some() && state.packs[1].tested.is_none(),
        "a pack that passed passed, whatever else failed"
    );
    assert!(state.snapshots[0].tested.is_none());
    assert!(state.may_rely(0, &[]) && !state.may_rely(1, &[]));
    w.say(TESTER, tested(&[1, 77], 0));
    assert!(w.state().snapshots[0].tested.is_some());
    let mut blind = World::new();
    blind.say(ROOT, Entry::ActorAdded(actor(60, &[Role::Tester]))); // holds no reading identity
    blind.say(WRITER, stored(&[1], 1));
    blind.say(60, tested(&[0], 0));
    assert!(blind.state().packs[0].tested.is_none());
}

#[test]
fn the_newest_test_of_a_pack_counts_and_old_entries_are_forgotten() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    let mut ahead = w.body(TESTER, tested(&[0, 1], 0));
    ahead.time = Timestamp::from_second(9_000_000_000).unwrap();
    w.slot(Some(ahead));
    for _ in 0..TESTS_KEPT + 7 {
        w.say(TESTER, tested(&[0], 1));
    }
    let state = w.state();
    let of = |n: usize| state.packs[n].tested.unwrap().at;
    assert!(of(0) < of(1), "by order of entries, not by what a clock said");
    assert_eq!((state.tests.len(), state.tests.back().map(|t| t.at)), (TESTS_KEPT, Some(of(0))));
    assert_eq!(state.tests[0].pack_bytes, 100);
    assert_eq!(state.last_passed.map(|t| t.at), Some(of(1)), "the last that passed is known for ever");
}

#[test]
fn what_one_run_brought_back_set_by_set_is_added_up() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    w.say(TESTER, tested(&[0], 0));
    let one = w.state().last_passed.unwrap();
    w.say(TESTER, tested(&[1], 0));
    let both = w.state().last_passed.unwrap();
    assert!(one.documents > 0 && both.at > one.at);
    assert_eq!((both.documents, both.bytes), (2 * one.documents, 2 * one.bytes));
    // Another run: a backup lies between.
    w.say(WRITER, stored(&[3], 2));
    w.say(TESTER, tested(&[0], 0));
    assert_eq!(w.state().last_passed.unwrap().documents, one.documents);
}

#[test]
fn a_wrong_clock_marks_the_snapshot() {
    let mut w = World::new();
    let n = w.say(WRITER, snapshot("a", &[], None));
    w.say(
        WRITER,
        Entry::Incident(Incident { what: IncidentKind::Clock, snapshot: Some(SnapshotId(n)), counts: vec![] }),
    );
    let state = w.state();
    assert!(state.snapshots[0].suspect && state.open_incidents().next().is_none());
}

#[test]
fn a_clock_that_ran_ahead_is_forgotten_when_somebody_says_so() {
    let mut w = World::new();
    let at = |w: &mut World, seconds: i64, entry: Entry| {
        let mut body = w.body(WRITER, entry);
        body.time = jiff::Timestamp::from_second(seconds).unwrap();
        w.slot(Some(body));
    };
    at(&mut w, 100_000, snapshot("a", &[], None));
    at(&mut w, 40_000_000, snapshot("a", &[], None));
    at(&mut w, 200_000, snapshot("a", &[], None));
    assert_eq!(w.state().newest_time.as_second(), 40_000_000);
    at(&mut w, 200_010, Entry::Incident(Incident { what: IncidentKind::Clock, snapshot: None, counts: vec![] }));
    let state = w.state();
    let suspect: Vec<bool> = state.snapshots.iter().map(|s| s.suspect).collect();
    assert_eq!((suspect, state.newest_time.as_second()), (vec![false, true, false], 200_010));
    assert!(state.open_incidents().next().is_none());
}

#[test]
fn a_clock_that_stood_still_is_no_wrong_one() {
    let mut w = World::new();
    let n = w.say(WRITER, snapshot("a", &[], None));
    let said = Entry::Incident(Incident { what: IncidentKind::Clock, snapshot: None, counts: vec![] });
    let mut body = w.body(WRITER, said);
    body.time = w.slots[n as usize].body.as_ref().unwrap().time;
    w.slot(Some(body));
    assert!(w.void().is_none() && !w.state().snapshots[0].suspect);
}

#[test]
fn only_what_may_need_what_is_kept_stops_thinning() {
    use IncidentKind::*;
    let stops = [MassChange, NotItsName, Clock, VoidEntry, Damage].map(IncidentKind::stops);
    assert_eq!(stops, [true, true, false, false, false]);
}

#[test]
fn a_log_begins_with_the_roots_own_first_entry_and_nothing_else() {
    type Change = fn(&mut Slot);
    let others: [Change; 5] = [
        |slot| slot.body = None,
        |slot| slot.n = 1,
        |slot| slot.body.as_mut().unwrap().n = 1,
        |slot| slot.body.as_mut().unwrap().actor = ActorId::new([WRITER; 32]),
        |slot| slot.body.as_mut().unwrap().prev = Link::ORIGIN.then(b"another"),
    ];
    for (which, change) in others.into_iter().enumerate() {
        let mut w = World::new();
        change(&mut w.slots[0]);
        assert_eq!(fold(World::id(), &w.slots).err(), Some(FoldError::NoBeginning), "{which}");
    }
    assert_eq!(fold(World::id(), &[]).err(), Some(FoldError::NoBeginning));
    let mut w = World::new();
    w.slots[0].body.as_mut().unwrap().v = FORMAT_VERSION + 1;
    assert_eq!(fold(World::id(), &w.slots).err(), Some(FoldError::Newer { n: 0, version: FORMAT_VERSION + 1 }));
}

#[test]
fn an_actor_counts_from_the_entry_after_it_was_added_until_the_earliest_cut() {
    let key = ActorId::new([40; 32]);
    let mut w = World::new();
    let at = w.say(ROOT, Entry::ActorAdded(actor(40, &[Role::Writer])));
    let state = w.state();
    assert_eq!((state.next, state.actor_at(&key, at), state.actor_at(&key, at + 1).is_some()), (at + 1, None, true));
    assert!(
        state.may(&key, &[]) && state.may(&key, &[Role::Tester, Role::Writer]) && !state.may(&key, &[Role::Tester])
    );
    assert!(!state.may(&ActorId::new([41; 32]), &[]));
    for (from, until) in [(9, 9), (7, 7), (8, 7)] {
        w.say(ROOT, Entry::ActorRevoked { actor: key, from });
        let state = w.state();
        assert_eq!((w.void(), state.actors[&key].2), (None, Some(until)));
        assert!(state.actor_at(&key, until - 1).is_some() && state.actor_at(&key, until).is_none());
    }
}

#[test]
fn a_test_that_brought_nothing_back_or_by_one_who_reads_nothing_is_none_of_a_snapshot() {
    let with = |documents, failed| {
        let Entry::Tested(tested) = tested(&[0], failed) else { unreachable!() };
        Entry::Tested(Tested { documents, ..tested })
    };
    let mut w = World::new();
    w.say(WRITER, stored(&[1], 1));
    w.say(WRITER, snapshot("a", &[0], None));
    w.say(ROOT, Entry::ActorAdded(actor(60, &[Role::Tester])));
    for (by, entry) in [(TESTER, with(0, 0)), (TESTER, with(1, 1)), (60, with(1, 0))] {
        w.say(by, entry);
        assert_eq!((w.void(), w.state().snapshots[0].tested, w.state().last_passed), (None, None, None));
    }
    w.say(TESTER, with(1, 0));
    assert!(w.state().snapshots[0].tested.is_some() && w.state().last_passed.is_some());
}

#[test]
fn tests_half_a_day_apart_are_of_one_run_and_no_longer() {
    for (seconds, documents) in [(12 * 3600, 2), (12 * 3600 + 1, 1)] {
        let mut w = World::new();
        w.say(WRITER, stored(&[1], 1));
        let n = w.say(TESTER, tested(&[0], 0));
        let mut body = w.body(TESTER, tested(&[0], 0));
        body.time = w.slots[n as usize].body.as_ref().unwrap().time + jiff::SignedDuration::from_secs(seconds);
        w.slot(Some(body));
        assert_eq!(w.state().last_passed.unwrap().documents, documents, "{seconds}");
    }
}

#[test]
fn a_state_that_is_several_entries_behind_is_added_up_anew() {
    let mut w = World::new();
    let old = w.state();
    for (by, entry) in [(WRITER, stored(&[1], 1)), (WRITER, snapshot("a", &[0], None)), (OTHER, stored(&[2], 2))] {
        w.say(by, entry);
        let mut grown = old.clone();
        crate::domain::log::fold::fold_one_more(&mut grown, &w.slots).unwrap();
        assert_eq!(grown, w.state());
    }
}
