//! When it is sensible to thin, condemn, sweep and delete; and that no insisting makes it unsafe.

use super::*;
use crate::domain::id::{ActorId, SessionId};
use crate::domain::log::entry::{Entry, Incident, IncidentKind};
use crate::domain::log::tests::*;

fn at(w: &World, days: i64) -> Circumstances {
    let now = w.state().newest_time + SignedDuration::from_hours(24 * days);
    Circumstances { now, store_now: None, grace: SignedDuration::from_hours(24 * 14), person: false, listed: 10 }
}

fn delete(w: &World, ours: Option<u64>) -> Result<DeletePermit, Refusal> {
    let sizes = |name: &PackName| Some(if *name == pack(1) { 100 << 20 } else { 20 << 20 });
    permit_delete(&w.state(), &Circumstances { listed: 0, ..at(w, 0) }, ours, sizes)
}

/// Two packs of which one is needed, and the other condemned in entry 3.
fn condemned_world() -> World {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 2], 1));
    w.say(WRITER, snapshot("a", &[0], None));
    w.say(PRUNER, condemned(&[2], &[], Reason::Unreferenced));
    w
}

#[test]
fn the_wait_counts_and_a_person_may_shorten_it() {
    let w = condemned_world();
    assert!(permit_sweep(&w.state(), &at(&w, 13)).unwrap().is_empty());
    assert_eq!(permit_sweep(&w.state(), &at(&w, 14)).unwrap().parts().0, [pack(2)]);
    let none = Circumstances { grace: SignedDuration::ZERO, ..at(&w, 0) };
    assert_eq!(permit_sweep(&w.state(), &none).err(), Some(Refusal::NoWait));
    let person = Circumstances { person: true, ..none };
    assert_eq!(permit_sweep(&w.state(), &person).unwrap().parts().0, [pack(2)]);
}

#[test]
fn the_day_is_the_earlier_of_two_clocks_that_agree() {
    let w = condemned_world();
    let c = at(&w, 14);
    let store = |minutes| Circumstances { store_now: Some(c.now + SignedDuration::from_mins(minutes)), ..c.clone() };
    assert!(permit_sweep(&w.state(), &store(-10)).unwrap().is_empty());
    assert!(!permit_sweep(&w.state(), &store(10)).unwrap().is_empty());
    assert!(permit_sweep(&w.state(), &store(-15)).is_ok() && permit_sweep(&w.state(), &store(15)).is_ok());
    let minutes = Refusal::Clock("it differs from the store's by 16 minutes".into());
    assert_eq!(permit_sweep(&w.state(), &store(-16)).err(), Some(minutes));
    for apart in [-16, 16, 60 * 24 * 3650] {
        assert!(matches!(permit_sweep(&w.state(), &store(apart)), Err(Refusal::Clock(_))), "{apart}");
        assert!(permit_condemn(&w.state(), &store(apart), &Orphans::default()).is_err());
        assert!(permit_thin(&w.state(), &store(apart), vec![]).is_err());
    }
}

#[test]
fn a_clock_behind_the_log_deletes_nothing_without_a_person() {
    let w = condemned_world();
    let behind = behind_of(&w);
    assert!(matches!(permit_sweep(&w.state(), &behind), Err(Refusal::Clock(_))));
    let quarter = Circumstances { now: behind.now + SignedDuration::from_mins(1), ..behind.clone() };
    assert!(permit_sweep(&w.state(), &quarter).is_ok(), "clocks may be a quarter of an hour apart");
    let person = Circumstances { person: true, ..behind };
    assert!(permit_sweep(&w.state(), &person).unwrap().is_empty(), "the wait still counts");
    let listed = |_: &PackName| Some(1);
    assert!(matches!(permit_delete(&w.state(), &behind_of(&w), None, listed), Err(Refusal::Clock(_))));
}

fn behind_of(w: &World) -> Circumstances {
    Circumstances { now: w.state().newest_time - SignedDuration::from_mins(16), ..at(w, 0) }
}

#[test]
fn incidents_and_void_entries_stop_it_until_somebody_has_looked() {
    let mut w = condemned_world();
    let incident = Incident { what: IncidentKind::MassChange, snapshot: None, counts: vec![] };
    let n = w.say(WRITER, Entry::Incident(incident));
    let person = Circumstances { person: true, ..at(&w, 14) };
    assert_eq!(permit_sweep(&w.state(), &person).err(), Some(Refusal::Incident(n)), "not even a person's --yes");
    w.say(APPROVER, Entry::IncidentResolved { incident: n, by: "Clerk".into(), note: String::new() });
    assert!(permit_sweep(&w.state(), &at(&w, 14)).is_ok());
    let junk = w.slot(None);
    assert_eq!(permit_sweep(&w.state(), &at(&w, 14)).err(), Some(Refusal::Void(junk)));
    assert_eq!(delete(&w, None).err(), Some(Refusal::Void(junk)));
    assert!(permit_sweep(&w.state(), &Circumstances { person: true, ..at(&w, 14) }).is_ok());
    w.say(APPROVER, Entry::IncidentResolved { incident: junk, by: "Clerk".into(), note: String::new() });
    assert!(permit_sweep(&w.state(), &at(&w, 14)).is_ok());
}

#[test]
fn an_empty_listing_is_no_reason_to_delete() {
    let w = condemned_world();
    let c = Circumstances { listed: 0, person: true, ..at(&w, 14) };
    assert_eq!(permit_sweep(&w.state(), &c).err(), Some(Refusal::Listing { seen: 0, known: 2 }));
    assert!(permit_sweep(&w.state(), &Circumstances { listed: 1, ..at(&w, 14) }).is_ok());
}

#[test]
fn much_at_once_needs_a_person() {
    let mut w = World::new();
    let big = |name: u8, size| {
        let Entry::Stored(mut s) = stored(&[name], name) else { unreachable!() };
        s.packs[0].size = size;
        Entry::Stored(s)
    };
    w.say(WRITER, big(1, 100 << 20));
    w.say(WRITER, big(2, 20 << 20));
    w.say(WRITER, snapshot("a", &[0], None));
    w.say(PRUNER, condemned(&[2], &[], Reason::Unreferenced));
    assert_eq!(permit_sweep(&w.state(), &at(&w, 14)).err(), Some(Refusal::TooMuch { percent: 16 }));
    let person = Circumstances { person: true, ..at(&w, 14) };
    assert_eq!(permit_sweep(&w.state(), &person).unwrap().parts().0, [pack(2)]);
}

#[test]
fn much_that_somebody_else_swept_needs_a_person_to_delete() {
    let mut w = condemned_world();
    let n = w.say(PRUNER, swept(&[2], &[]));
    assert_eq!(delete(&w, None).err(), Some(Refusal::TooMuch { percent: 16 }));
    assert_eq!(delete(&w, Some(n - 1)).err(), Some(Refusal::TooMuch { percent: 16 }));
    assert_eq!(delete(&w, Some(n)).unwrap().parts().0, [pack(2)]);
    let person = Circumstances { person: true, ..at(&w, 0) };
    assert_eq!(permit_delete(&w.state(), &person, None, |_| Some(100 << 20)).unwrap().parts().0, [pack(2)]);
    assert!(permit_delete(&w.state(), &at(&w, 0), None, |_| None).is_ok(), "what is gone already counts for nothing");
}

#[test]
fn a_disposal_deletes_what_was_swept_before_it_and_measures_that() {
    let mut w = condemned_world();
    w.say(PRUNER, condemned(&[0], &[], Reason::Orphan));
    let n = w.say(PRUNER, swept(&[2, 0], &[]));
    let sizes = |name: &PackName| Some(if *name == pack(1) { 100 << 20 } else { 20 << 20 });
    let permit =
        |since, person| permit_delete_for_disposal(&w.state(), &Circumstances { person, ..at(&w, 0) }, since, sizes);
    let both = vec![pack(0), pack(2)];
    assert_eq!(permit(n - 1, false).unwrap().parts().0, both, "swept since");
    assert_eq!(permit(n, false).err(), Some(Refusal::TooMuch { percent: 28 }), "swept before");
    assert_eq!(permit(n, true).unwrap().parts().0, both);
}

#[test]
fn a_time_at_the_end_of_time_is_no_crash() {
    let mut w = World::new();
    let Entry::Stored(mut s) = stored(&[1], 1) else { unreachable!() };
    s.began = "9999-12-30T00:00:00Z".parse().unwrap();
    w.say(WRITER, Entry::Stored(s));
    w.say(WRITER, stored(&[2], 2));
    let mut body = w.body(PRUNER, condemned(&[2], &[], Reason::Unreferenced));
    body.time = "9999-12-30T00:00:00Z".parse().unwrap();
    w.slot(Some(body));
    let mut c = Circumstances { person: true, ..at(&w, 0) };
    for day in [Timestamp::MAX, Timestamp::MIN, Timestamp::UNIX_EPOCH] {
        c.now = day;
        permit_condemn(&w.state(), &c, &Orphans::default()).unwrap();
        assert!(permit_sweep(&w.state(), &c).is_ok());
    }
}

#[test]
fn a_running_session_keeps_its_packs_until_the_wait_is_over() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1], 1));
    w.say(WRITER, snapshot("a", &[], None));
    let now =
        |hours| Circumstances { now: jiff::Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours), ..at(&w, 0) };
    assert!(permit_condemn(&w.state(), &now(24 * 13), &Orphans::default()).unwrap().is_empty());
    assert_eq!(permit_condemn(&w.state(), &now(24 * 14), &Orphans::default()).unwrap()[0].parts().0, [pack(1)]);
    w.say(OTHER, Entry::Abandoned { session: SessionId::new([1; 32]) });
    assert_eq!(permit_condemn(&w.state(), &at(&w, 0), &Orphans::default()).unwrap()[0].parts().0, [pack(1)]);
}

#[test]
fn orphans_are_what_no_entry_names() {
    let mut w = condemned_world();
    w.say(PRUNER, condemned(&[5], &[5], Reason::Orphan));
    let orphans = Orphans { packs: (1..8).map(pack).collect(), indexes: (1..8).map(index).collect() };
    let permits = permit_condemn(&w.state(), &at(&w, 0), &orphans).unwrap();
    let [permit] = &permits[..] else { panic!("{permits:?}") };
    let (packs, indexes, reason) = permit.parts();
    assert_eq!((packs, reason), (&[pack(3), pack(4), pack(6), pack(7)][..], Reason::Orphan));
    assert_eq!(indexes, [2, 3, 4, 6, 7].map(index));
}

#[test]
fn what_was_rescued_is_not_swept_and_only_the_swept_is_deleted() {
    let mut w = condemned_world();
    assert_eq!(delete(&w, None).unwrap().parts().0, []);
    w.say(PRUNER, condemned(&[9], &[9], Reason::Orphan));
    w.say(WRITER, snapshot("a", &[1], Some(2)));
    assert_eq!(permit_sweep(&w.state(), &at(&w, 30)).unwrap().parts(), (&[pack(9)][..], &[index(9)][..]));
    w.say(PRUNER, swept(&[2, 9], &[9]));
    let small = permit_delete(&w.state(), &at(&w, 0), None, |_| Some(100)).unwrap();
    assert_eq!(small.parts(), (&[pack(9)][..], &[index(9)][..]));
}

#[test]
fn a_sweep_names_each_once_in_order_and_only_what_was_condemned() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1, 6, 4], 7));
    w.say(OTHER, stored(&[1], 7)); // two authors say it
    w.say(WRITER, stored(&[1], 8));
    w.say(WRITER, snapshot("a", &[0], None));
    w.say(PRUNER, stored(&[1, 6, 4], 2));
    w.say(PRUNER, condemned(&[6, 4], &[7], Reason::Unreferenced));
    w.say(PRUNER, condemned(&[5], &[3], Reason::Orphan));
    let permit = permit_sweep(&w.state(), &at(&w, 15)).unwrap();
    assert_eq!(permit.parts(), (&[4, 5, 6].map(pack)[..], &[3, 7].map(index)[..]), "8 says no more, but waits");
}

#[test]
fn a_leap_is_told_with_both_days() {
    let (from, to) = ("2026-05-01T10:00:00Z".parse().unwrap(), "2037-11-12T10:00:00Z".parse().unwrap());
    let said = Refusal::Leapt(Leap { from, to }).to_string();
    let begin =
        "is it really 12 November 2037? This computer says so, but by the log it was 1 May 2026 at the latest, ";
    assert!(said.starts_with(begin), "{said}");
}

#[test]
fn of_two_merged_indexes_one_is_condemned() {
    let mut w = World::new();
    w.say(WRITER, stored(&[1], 1));
    w.say(WRITER, snapshot("a", &[0], None));
    w.say(PRUNER, stored(&[1], 2));
    w.say(PRUNER, stored(&[1], 3));
    let permits = permit_condemn(&w.state(), &at(&w, 0), &Orphans::default()).unwrap();
    assert_eq!(permits[0].parts().1, [index(1), index(2)]);
}

#[test]
fn a_disposal_hastens_nothing_that_thinning_or_rewriting_gave_up() {
    let mut w = World::new();
    for (name, size) in [(1, 100 << 20), (2, 20 << 20)] {
        let Entry::Stored(mut s) = stored(&[name], name) else { unreachable!() };
        s.packs[0].size = size;
        w.say(WRITER, Entry::Stored(s));
    }
    w.say(WRITER, snapshot("a", &[0], None));
    let n = w.say(PRUNER, condemned(&[2], &[], Reason::Disposal));
    let state = w.state();
    let lost = |at| std::collections::HashMap::from([(1, GivenUp { at, time: state.newest_time })]);
    let none = std::collections::HashMap::new();
    let sweep = |days, person, lost: &std::collections::HashMap<u32, GivenUp>| {
        permit_sweep_for_disposal(&state, &Circumstances { person, ..at(&w, days) }, lost)
    };
    assert_eq!(sweep(0, false, &none).unwrap().parts().0, [pack(2)], "its own doing waits for nothing");
    assert!(sweep(13, false, &lost(n)).unwrap().is_empty());
    assert_eq!(sweep(15, false, &lost(n)).err(), Some(Refusal::TooMuch { percent: 16 }));
    assert_eq!(sweep(0, true, &lost(n)).unwrap().parts().0, [pack(2)]);
    let done = |days, lost, purged| check_none_fresh(&state, &at(&w, days), &lost, purged);
    assert!(matches!(done(13, lost(n), n + 1), Err(Refusal::Disposal(_))));
    assert_eq!(done(13, lost(n), n), Ok(()), "given up when it was purged already");
    assert_eq!(done(15, lost(n), n + 1), Ok(()));
}

#[test]
fn what_a_listing_should_show_is_what_counts_and_what_nobody_swept_or_may_have() {
    let mut w = condemned_world();
    let names = |w: &World| known_packs(&w.state()).copied().collect::<Vec<_>>();
    assert_eq!(names(&w), [pack(1), pack(2)]);
    let from = w.say(PRUNER, swept(&[2], &[]));
    assert_eq!(names(&w), [pack(1)]);
    w.say(ROOT, Entry::ActorRevoked { actor: ActorId::new([PRUNER; 32]), from });
    assert!(w.state().packs[1].doubted);
    assert_eq!(names(&w), [pack(1)], "it may be deleted already");
}
