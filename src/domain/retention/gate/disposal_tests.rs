//! When records may be withdrawn, and what a disposal may condemn, sweep and delete: each condition both ways, and its edge.

use jiff::Timestamp;

use super::*;
use crate::domain::id::{SessionId, SnapshotId};
use crate::domain::log::entry::{Entry, Incident, IncidentKind, StoredPack};
use crate::domain::log::tests::*;
use crate::domain::path::RecordPath;
use crate::domain::retention::plan::PlannedRecord;
use crate::domain::retention::record::ContentId;

const MIB: u64 = 1 << 20;
const DAY: i64 = 24 * 3600;

/// So many seconds after the newest entry.
fn after(w: &World, seconds: i64) -> Circumstances {
    let now = w.state().newest_time + SignedDuration::from_secs(seconds);
    Circumstances { now, store_now: None, grace: SignedDuration::from_hours(24 * 14), person: false, listed: 10 }
}

fn weight(sets: &[(&str, u64)]) -> Weight {
    Weight { sets: sets.iter().map(|(set, n)| ((*set).to_owned(), *n)).collect(), large: false }
}

fn unverified(set: &str) -> Option<Refusal> {
    Some(Refusal::Unverified { set: set.into() })
}

/// A snapshot with this point in time and so many deleted records.
fn snapshot_of(set: &str, began: Timestamp, gone: u64) -> Entry {
    let Entry::Snapshot(mut s) = snapshot(set, &[], None) else { unreachable!() };
    (s.began, s.gone) = (began, gone);
    Entry::Snapshot(s)
}

fn restored(snapshot: u64) -> Entry {
    Entry::Tested(crate::domain::log::entry::Tested {
        snapshot: Some(SnapshotId(snapshot)),
        documents: 1,
        ..tested_packs(&[])
    })
}

fn incident(what: IncidentKind, snapshot: Option<u64>) -> Entry {
    Entry::Incident(Incident { what, snapshot: snapshot.map(SnapshotId), counts: vec![] })
}

/// Packs of these sizes, stored by the run that [`snapshot`] ends.
fn sized(packs: &[(u8, u64)]) -> Entry {
    let Entry::Stored(mut s) = stored(&[], 1) else { unreachable!() };
    s.session = SessionId::new([0; 32]);
    s.packs = packs.iter().map(|(name, size)| StoredPack { name: pack(*name), size: *size }).collect();
    Entry::Stored(s)
}

fn dispose(w: &World, seconds: i64, sets: &[(&str, u64)]) -> Option<Refusal> {
    permit_dispose(&w.state(), &after(w, seconds), &weight(sets)).err()
}

#[test]
fn a_set_is_disposed_of_only_when_a_newest_backup_was_restored() {
    let mut w = World::new();
    let one = &[("a", 1)];
    assert_eq!(dispose(&w, 0, one), None, "a set without a backup has nothing to lose");
    let old = w.say(WRITER, snapshot_of("a", Timestamp::UNIX_EPOCH, 0));
    assert_eq!(dispose(&w, 0, one), unverified("a"));
    let other = w.say(WRITER, snapshot_of("b", Timestamp::UNIX_EPOCH, 0));
    w.say(TESTER, restored(other));
    assert_eq!(dispose(&w, 0, one), unverified("a"), "another set's backup was restored");
    w.say(TESTER, restored(old));
    assert_eq!(dispose(&w, 4_000 * DAY, one), None, "the newest of all, however old");
    assert_eq!(dispose(&w, 0, &[("a", 1), ("b", 1)]), None);
    w.say(WRITER, snapshot_of("a", Timestamp::UNIX_EPOCH, 0));
    let left = 8 * DAY - w.state().newest_time.as_second();
    assert_eq!(dispose(&w, left, one), None, "an older one, eight days later");
    assert_eq!(dispose(&w, left + 1, one), unverified("a"), "and a second more");
    assert_eq!(dispose(&w, left + 1, &[("b", 1), ("a", 1)]), unverified("a"), "each set by itself");
    let newest = w.say(WRITER, snapshot_of("a", Timestamp::UNIX_EPOCH, 0));
    w.say(TESTER, restored(newest));
    assert_eq!(dispose(&w, 4_000 * DAY, one), None);
    w.say(WRITER, incident(IncidentKind::Clock, Some(newest)));
    assert_eq!(dispose(&w, 4_000 * DAY, one), unverified("a"), "a backup whose time is in doubt shows nothing");
    assert_eq!(dispose(&w, 0, one), None, "but the one before it does");
    w.say(PRUNER, thinned(&[old]));
    assert_eq!(dispose(&w, 0, one), unverified("a"), "until it is given up");
}

#[test]
fn every_incident_stops_a_disposal_and_a_person_cannot_insist() {
    let mut w = World::new();
    let n = w.say(WRITER, incident(IncidentKind::Damage, None));
    let person = Circumstances { person: true, ..after(&w, 0) };
    assert_eq!(permit_dispose(&w.state(), &person, &weight(&[])).err(), Some(Refusal::AnyIncident(n)));
    assert!(permit_sweep_for_disposal(&w.state(), &person, &Lost::new()).is_ok(), "what is begun goes on");
    w.say(APPROVER, Entry::IncidentResolved { incident: n, by: "Clerk".into(), note: String::new() });
    assert_eq!(dispose(&w, 0, &[]), None);
}

#[test]
fn what_stops_a_prune_stops_every_step_of_a_disposal() {
    let mut w = World::new();
    let junk = w.slot(None);
    let (state, c) = (w.state(), after(&w, 0));
    let refused = Some(Refusal::Void(junk));
    assert_eq!(permit_dispose(&state, &c, &weight(&[])).err(), refused);
    assert_eq!(permit_condemn_for_disposal(&state, &c, &Orphans::default(), &Lost::new()).err(), refused);
    assert_eq!(permit_sweep_for_disposal(&state, &c, &Lost::new()).err(), refused);
    assert_eq!(permit_delete_for_disposal(&state, &c, 0, |_| None).err(), refused);
}

#[test]
fn many_records_of_all_that_were_deleted_need_a_person() {
    let said = |gone: Option<u64>, records, large| {
        let mut w = World::new();
        if let Some(gone) = gone {
            w.say(WRITER, snapshot_of("a", Timestamp::UNIX_EPOCH, gone));
        }
        let all = Weight { large, ..weight(&[("a", records)]) };
        match permit_weight(&w.state(), &all) {
            Ok(()) => None,
            Err(Refusal::LargePlan { set, records: n, percent }) if set == "a" && n == records => Some(percent),
            Err(other) => panic!("{other}"),
        }
    };
    for (gone, records, percent) in [
        (Some(1), 100, None),
        (Some(918), 101, Some(11)),
        (Some(919), 101, None),
        (Some(1_010), 101, None),
        (Some(101), 101, Some(100)),
        (Some(50), 101, Some(100)),
        (Some(0), 101, Some(100)),
        (None, 101, Some(100)),
        (Some(1), u64::MAX, Some(100)),
        (Some(u64::MAX), u64::MAX, Some(100)),
    ] {
        assert_eq!(said(gone, records, false), percent, "{records} of {gone:?}");
        assert_eq!(said(gone, records, true), None, "a person has looked at the number");
    }
    let mut w = World::new();
    let n = w.say(WRITER, snapshot_of("a", Timestamp::UNIX_EPOCH, 101));
    w.say(TESTER, restored(n));
    assert!(matches!(dispose(&w, 0, &[("a", 101)]), Some(Refusal::LargePlan { .. })), "a disposal asks for it too");
    assert!(matches!(dispose(&w, 0, &[("b", 100), ("a", 101)]), Some(Refusal::LargePlan { .. })), "each set counts");
}

#[test]
fn a_plan_weighs_the_records_of_each_set() {
    let record = |set: &str, path: &str| PlannedRecord {
        set: set.into(),
        path: RecordPath::new(path).unwrap(),
        content: ContentId::new([7; 32]),
        class: "invoices".into(),
        size: 10,
        due: jiff::civil::date(2026, 4, 1),
        snapshots: vec![],
    };
    let records = vec![record("a", "1"), record("a", "2"), record("b", "1"), record("c", "1"), record("c", "2")];
    let plan = Plan { on: jiff::civil::date(2026, 11, 22), scheme_at: 9, after: 0, records };
    assert_eq!(Weight::of(&plan, false), weight(&[("a", 2), ("b", 1), ("c", 2)]));
    assert!(Weight::of(&plan, true).large);
}

/// Packs 1 (needed), 9 and 5 (condemned, by a prune and by a disposal), 7 (of a backup at work), 6 (nobody's);
/// orphans 4 and 8, condemned by a prune and by a disposal.
fn busy_world() -> World {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 9, 5, 6], 1));
    let Entry::Snapshot(mut s) = snapshot("a", &[0], None) else { unreachable!() };
    s.session = SessionId::new([1; 32]);
    w.say(WRITER, Entry::Snapshot(s));
    w.say(OTHER, stored(&[7], 2));
    w.say(PRUNER, condemned(&[9], &[], Reason::Unreferenced));
    w.say(PRUNER, condemned(&[4], &[], Reason::Orphan));
    w.say(PRUNER, condemned(&[5, 8], &[], Reason::Disposal));
    w
}

#[test]
fn a_disposal_condemns_what_nobody_needs_and_what_a_prune_condemned() {
    let w = busy_world();
    let mut state = w.state();
    let orphans = Orphans { packs: [3, 3, 8, 4].map(pack).to_vec(), indexes: vec![IndexName::new([3; 32])] };
    let condemn = |state: &State| {
        let permit = permit_condemn_for_disposal(state, &after(&w, 0), &orphans, &Lost::new()).unwrap();
        let (packs, indexes, reason) = permit.parts();
        assert_eq!((indexes, reason), (&[][..], Reason::Disposal));
        packs.to_vec()
    };
    assert_eq!(condemn(&state), [3, 4, 6, 9].map(pack), "in order, and each once");
    assert_eq!(of_backups_at_work(&state), [pack(7)]);
    state.snapshots[0].snapshot.needs = bits(&[0, 1, 4]);
    assert_eq!(condemn(&state), [3, 4, 6].map(pack), "9 is needed after all");
    assert_eq!(of_backups_at_work(&state), [], "what is needed is not left alone, it is needed");
}

#[test]
fn what_is_condemned_or_of_a_run_that_ended_is_of_no_backup_at_work() {
    let mut w = busy_world();
    w.say(PRUNER, condemned(&[7], &[], Reason::Unreferenced));
    assert_eq!(of_backups_at_work(&w.state()), []);
    let mut w = busy_world();
    w.say(OTHER, Entry::Abandoned { session: SessionId::new([2; 32]) });
    assert_eq!(of_backups_at_work(&w.state()), []);
}

#[test]
fn a_disposal_sweeps_what_is_condemned_for_it_and_nobody_needs() {
    let w = busy_world();
    let mut state = w.state();
    let sweep = |state: &State, listed| {
        let permit = permit_sweep_for_disposal(state, &Circumstances { listed, ..after(&w, 0) }, &Lost::new())?;
        assert_eq!(permit.parts().1, []);
        Ok(permit.parts().0.to_vec())
    };
    assert_eq!(sweep(&state, 5), Ok([5, 8].map(pack).to_vec()));
    assert_eq!(sweep(&state, 3), Ok([5, 8].map(pack).to_vec()), "half of the five that should be there, and more");
    assert_eq!(sweep(&state, 2), Err(Refusal::Listing { seen: 2, known: 5 }));
    state.packs[1].life = Life::Swept { at: 1 };
    assert_eq!(sweep(&state, 2).unwrap().len(), 2, "two of four are half");
    let late = state.orphans.remove(&pack(8)).unwrap();
    state.orphans.insert(pack(2), late);
    assert_eq!(sweep(&state, 5), Ok([2, 5].map(pack).to_vec()), "in order");
    state.snapshots[0].snapshot.needs = bits(&[0, 2]);
    assert_eq!(sweep(&state, 5), Ok(vec![pack(2)]), "needed after all");
}

/// A needed pack, and two that thinning gave up (packs 1 and 2), condemned for disposal.
fn given_up_world(needed: u64, sizes: [u64; 2]) -> World {
    let mut w = World::new();
    w.say(WRITER, sized(&[(1, needed), (2, sizes[0]), (3, sizes[1])]));
    w.say(WRITER, snapshot("a", &[0], None));
    w.say(PRUNER, condemned(&[2, 3], &[], Reason::Disposal));
    w
}

/// Given up so many seconds after the newest entry, at entry 3.
fn lost(w: &World, seconds: &[(u32, i64)]) -> Lost {
    let time = |s: i64| w.state().newest_time + SignedDuration::from_secs(s);
    seconds.iter().map(|(pack, s)| (*pack, GivenUp { at: 3, time: time(*s) })).collect()
}

fn swept_names(w: &World, c: &Circumstances, lost: &Lost) -> Result<Vec<PackName>, Refusal> {
    permit_sweep_for_disposal(&w.state(), c, lost).map(|permit| permit.parts().0.to_vec())
}

#[test]
fn much_that_was_given_up_lately_stays_for_two_weeks() {
    let both = Ok([2, 3].map(pack).to_vec());
    let w = given_up_world(90, [5, 5]);
    let all = lost(&w, &[(1, 0), (2, 0)]);
    assert_eq!(swept_names(&w, &after(&w, 0), &all), both, "a tenth of all is what a night gives up");
    let w = given_up_world(89, [6, 5]);
    let at = |seconds, lost: &Lost| swept_names(&w, &after(&w, seconds), lost);
    let all = lost(&w, &[(1, 0), (2, 0)]);
    assert_eq!(at(0, &all), Ok(vec![]), "11 of 100");
    assert_eq!((at(14 * DAY - 1, &all), at(14 * DAY, &all)), (Ok(vec![]), both.clone()));
    assert_eq!(at(0, &lost(&w, &[(1, 0)])), both, "6 of 100, and 3 goes by the disposal itself");
    assert_eq!(at(14 * DAY, &lost(&w, &[(1, 0), (2, 1)])), both, "one is old, and the other little");
    let store = Circumstances { store_now: Some(after(&w, 14 * DAY - 1).now), ..after(&w, 14 * DAY) };
    assert_eq!(swept_names(&w, &store, &all), Ok(vec![]), "the earlier of two clocks counts");
    let store = Circumstances { now: store.store_now.unwrap(), store_now: Some(store.now), ..store };
    assert_eq!(swept_names(&w, &store, &all), Ok(vec![]), "whichever it is");
    assert_eq!(swept_names(&w, &Circumstances { person: true, ..after(&w, 0) }, &all), both);
    let mut before = given_up_world(89, [6, 5]);
    before.slots.pop();
    let condemn = |seconds| {
        let c = after(&before, seconds);
        permit_condemn_for_disposal(&before.state(), &c, &Orphans::default(), &all).map(|p| p.parts().0.to_vec())
    };
    assert_eq!((condemn(0), condemn(15 * DAY)), (Ok(vec![]), both), "nor is it condemned before");
    let one = given_up_world(49, [40, 11]);
    assert_eq!(
        swept_names(&one, &after(&one, 0), &lost(&one, &[(1, 0)])),
        Ok(vec![pack(3)]),
        "what the disposal itself freed goes"
    );
}

#[test]
fn of_what_was_given_up_before_not_much_goes_at_once() {
    let at = |w: &World, person| {
        swept_names(w, &Circumstances { person, ..after(w, 15 * DAY) }, &lost(w, &[(1, 0), (2, 0)])).map(|n| n.len())
    };
    let much = given_up_world(80 * MIB, [6 * MIB, 6 * MIB]);
    assert_eq!((at(&much, false), at(&much, true)), (Err(Refusal::TooMuch { percent: 13 }), Ok(2)));
    assert_eq!(at(&given_up_world(90 * MIB, [5 * MIB, 5 * MIB]), false), Ok(2), "a tenth");
    assert_eq!(at(&given_up_world(52 * MIB, [6 * MIB, 6 * MIB]), false), Ok(2), "the share of 64 MiB says nothing");
    assert_eq!(
        at(&given_up_world(52 * MIB + 1, [6 * MIB, 6 * MIB]), false),
        Err(Refusal::TooMuch { percent: 18 }),
        "of a byte more it does"
    );
}

#[test]
fn a_disposal_is_not_done_while_much_is_left_that_was_given_up_lately() {
    let w = given_up_world(80, [11, 9]);
    let mut state = w.state();
    let all = lost(&w, &[(1, 0), (2, 60)]);
    let check =
        |state: &State, lost: &Lost, seconds, purged| check_none_fresh(state, &after(&w, seconds), lost, purged);
    let said = |last: &str, packs| {
        Err(Refusal::Disposal(format!(
            "{packs} packs were given up by thinning or rewriting less than 14 days ago and may hold what is disposed \
             of; the disposal ends after {last}, or when a person confirms it: add --yes"
        )))
    };
    assert_eq!(check(&state, &all, 0, 4), said("1970-01-15T00:51:00Z", 2), "the later of the two");
    assert_eq!(check(&state, &all, 14 * DAY, 4), Ok(()), "9 of 100 are left");
    assert_eq!(check(&state, &all, 0, 3), Ok(()), "given up when it was purged already");
    assert_eq!(check(&state, &Lost::new(), 0, 4), Ok(()));
    assert_eq!(check(&state, &lost(&w, &[(1, 0), (77, 0)]), 0, 4), said("1970-01-15T00:50:00Z", 1), "77 is no pack");
    let person = Circumstances { person: true, ..after(&w, 0) };
    assert_eq!(check_none_fresh(&state, &person, &all, 4), Ok(()));
    state.packs[1].life = Life::Swept { at: 4 };
    assert_eq!(check(&state, &all, 0, 4), said("1970-01-15T00:51:00Z", 1), "9 of 89; 11 are gone");
    state.packs[0].pack.size = 81;
    assert_eq!(check(&state, &all, 0, 4), Ok(()), "9 of 90 are a tenth");
}

#[test]
fn an_empty_repository_has_nothing_to_leave() {
    let w = World::new();
    assert_eq!(check_none_fresh(&w.state(), &after(&w, 0), &lost(&w, &[(0, 0)]), 4), Ok(()));
    assert_eq!(swept_names(&w, &after(&w, 0), &Lost::new()), Ok(vec![]));
}

#[test]
fn what_was_swept_before_is_measured_by_what_is_listed() {
    let mut w = given_up_world(80 * MIB, [20 * MIB, 0]);
    let n = w.say(PRUNER, swept(&[2, 3], &[]));
    let delete = |listed: fn(&PackName) -> Option<u64>| {
        let permit = permit_delete_for_disposal(&w.state(), &after(&w, 0), n, listed)?;
        assert_eq!(permit.parts().1, []);
        Ok(permit.parts().0.to_vec())
    };
    assert_eq!(delete(|_| None), Ok([2, 3].map(pack).to_vec()), "what is gone already counts for nothing");
    assert_eq!(delete(|_| Some(40 * MIB)), Err(Refusal::TooMuch { percent: 66 }));
    assert_eq!(delete(|name| Some(if *name == pack(1) { 90 * MIB } else { 5 * MIB })).unwrap().len(), 2, "a tenth");
}
