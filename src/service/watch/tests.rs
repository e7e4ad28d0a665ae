use super::*;
use crate::domain::heartbeat::{Heartbeat, LogEnd, SetBeat};
use crate::domain::id::{ActorId, Link, RepositoryId};
use crate::service::words::JobKind;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const DOCUMENTS: SetLabel = SetLabel::new([1; 8]);
const EMAIL: SetLabel = SetLabel::new([2; 8]);

fn now() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

fn ago(days: i64) -> Timestamp {
    now() - DAY * i32::try_from(days).unwrap()
}

fn name(text: &str) -> SetName {
    SetName::new(text).unwrap()
}

fn expected() -> Expected {
    let set = |n: &str, label| ExpectedSet { name: name(n), label: Some(label), max_age: MAX_AGE };
    Expected {
        sets: vec![set("documents", DOCUMENTS), set("email", EMAIL)],
        max_age: MAX_AGE,
        max_silence: MAX_SILENCE,
        max_test_age: MAX_TEST_AGE,
    }
}

/// A heartbeat of so many days ago, of backups made then.
fn beat(actor: u8, sequence: u64, days: i64) -> Beat {
    let set = |set| SetBeat { set, last: Some(ago(days)) };
    let heartbeat = Heartbeat {
        v: 1,
        repository: RepositoryId::new([7; 32]),
        actor: ActorId::new([actor; 32]),
        sequence,
        time: ago(days),
        health: Health::Green,
        sets: vec![set(DOCUMENTS), set(EMAIL)],
        log: LogEnd { n: sequence * 10, link: Link::new([3; 32]) },
    };
    Beat { heartbeat, stored: Some(ago(days)) }
}

fn of(beats: Vec<Beat>) -> Seen {
    Seen { beats, ..Seen::default() }
}

fn judged(seen: &Seen) -> Judged {
    judge(seen, &expected(), &Pins::new(ago(90)), now())
}

/// The troubles of each step.
fn troubles(judged: &Judged, since: Timestamp) -> Vec<(Option<SetName>, Vec<Trouble>)> {
    judged.outcomes(&expected(), since, now()).into_iter().map(|(set, o)| (set, o.troubles)).collect()
}

#[test]
fn a_fresh_heartbeat_is_well_and_an_old_one_is_silence_then_overdue() {
    let well = judged(&of(vec![beat(1, 5, 1)]));
    assert!(!well.quiet && well.sets.iter().all(|s| !s.overdue) && well.exit() == Exit::Done);
    let silent = judged(&of(vec![beat(1, 5, 3)]));
    assert!(silent.quiet && silent.sets.iter().all(|s| !s.overdue) && silent.exit() == Exit::Stale);
    assert_eq!(silent.outcomes(&expected(), ago(90), now())[0].1.counts.last, Some(ago(3)));
    let overdue = troubles(&judged(&of(vec![beat(1, 5, 9)])), ago(90));
    let own = |set: &str| (Some(name(set)), vec![Trouble::Overdue]);
    assert_eq!(overdue, [(None, vec![Trouble::Quiet]), own("documents"), own("email")]);
    // All of it is one ticket.
    let cause = |(set, t): &(Option<SetName>, Vec<Trouble>)| {
        crate::service::words::Cause { trouble: t[0], job: JobKind::Watch, set: set.clone() }.ticket()
    };
    assert!(overdue.iter().all(|o| cause(o) == crate::service::words::Ticket::Silence));
}

#[test]
fn nobody_is_alive_in_the_future_and_an_old_object_put_again_is_not_fresh() {
    let mut ahead = beat(1, 5, 0);
    (ahead.heartbeat.time, ahead.stored) = (ago(-400), None);
    let found = judged(&of(vec![ahead.clone()]));
    assert!(found.quiet && found.from_future && found.alive.is_none() && found.exit() == Exit::Stale);
    // A store that has a clock of its own says when it was really written.
    ahead.stored = Some(ago(0));
    let found = judged(&of(vec![ahead]));
    assert!(!found.quiet && found.office_clock == Some(DAY * 400) && found.exit() == Exit::Stale);
    assert_eq!(troubles(&found, ago(90))[0].1, [Trouble::ClocksDiffer]);
    let mut again = beat(1, 5, 30);
    again.stored = Some(now());
    let found = judged(&of(vec![again]));
    assert!(found.quiet && found.office_clock == Some(-DAY * 30), "{found:?}");
    // This computer's own clock is behind.
    let found = judged(&of(vec![beat(1, 5, -3)]));
    assert!(found.store_clock == Some(DAY * 3) && found.exit() == Exit::Stale);
    // A set that claims more than the heartbeat it stands in.
    let mut boast = beat(1, 5, 0);
    boast.heartbeat.sets[0].last = Some(ago(-1));
    assert!(judged(&of(vec![boast])).sets[0].overdue);
}

#[test]
fn the_newest_of_several_computers_counts_and_each_set_by_itself() {
    let (mut office, mut depot) = (beat(1, 5, 0), beat(2, 9, 20));
    office.heartbeat.sets.truncate(1);
    depot.heartbeat.sets.remove(0);
    let found = judged(&of(vec![office, depot]));
    let overdue: Vec<bool> = found.sets.iter().map(|s| s.overdue).collect();
    assert!(!found.quiet && overdue == [false, true]);
    // Of whoever lists no sets, those that the office names count; without a key they have no names.
    let any = Expected { sets: vec![], ..expected() };
    let found = judge(&of(vec![beat(1, 5, 9)]), &any, &Pins::new(ago(90)), now());
    assert!(found.sets.len() == 2 && found.sets.iter().all(|s| s.name.is_none() && s.overdue));
    let all = found.outcomes(&any, ago(90), now());
    assert_eq!((all.len(), &all[0].1.troubles[..]), (1, &[Trouble::Quiet, Trouble::Overdue][..]));
}

#[test]
fn each_computer_speaks_for_itself_alone() {
    let speakers = |logged: Option<Timestamp>| vec![(ActorId::new([1; 32]), None), (ActorId::new([2; 32]), logged)];
    let with = |beats, logged| judged(&Seen { speakers: speakers(logged), ..of(beats) });
    // One lives: the other is silent all the same, and its colour counts.
    let mut red = beat(1, 5, 1);
    red.heartbeat.health = Health::Red;
    let found = with(vec![red.clone(), beat(2, 9, 0)], None);
    assert_eq!((found.health, found.quiet, found.alive), (Some(Health::Red), false, Some(ago(0))));
    assert_eq!(found.exit(), Exit::Failed);
    let found = with(vec![beat(1, 5, 6), beat(2, 9, 0)], None);
    assert_eq!((found.quiet, found.alive, found.exit()), (true, Some(ago(6)), Exit::Stale));
    assert_eq!(troubles(&found, now())[0].1, [Trouble::Quiet]);
    // One that was never heard, and one of before there were heartbeats.
    let found = with(vec![beat(1, 5, 0)], None);
    assert!(found.quiet && found.alive.is_none());
    assert!(!with(vec![beat(1, 5, 0)], Some(ago(1))).quiet && with(vec![beat(1, 5, 0)], Some(ago(5))).quiet);
    // Whoever was replaced long ago is not awaited.
    red.heartbeat.time = ago(60);
    let replaced = Seen { speakers: speakers(None).split_off(1), ..of(vec![red, beat(2, 9, 0)]) };
    assert_eq!((judged(&replaced).quiet, judged(&replaced).health), (false, Some(Health::Green)));
}

#[test]
fn what_somebody_forged_is_told() {
    let found = judged(&Seen { junk: 1, ..of(vec![beat(1, 5, 0)]) });
    let end = &found.outcomes(&expected(), now(), now())[0].1;
    assert_eq!(
        (&end.troubles[..], end.outcome, end.exit),
        (&[Trouble::HistoryChanged][..], Outcome::Damage, Exit::Damage)
    );
}

#[test]
fn what_was_never_there_is_shown_at_once_and_told_after_a_while() {
    let found = judged(&Seen::default());
    assert!(found.quiet && found.exit() == Exit::Stale);
    assert!(troubles(&found, now()).iter().all(|(_, t)| t.is_empty()));
    assert_eq!(troubles(&found, ago(3))[0].1, [Trouble::Quiet]);
    assert!(troubles(&found, ago(9)).iter().all(|(_, t)| t.len() == 1));
}

#[test]
fn a_past_that_changed_is_seen_by_whatever_is_left() {
    let mut pins = Pins::new(ago(9));
    let actors = [ActorId::new([1; 32]), ActorId::new([2; 32])];
    pins.take(&of(vec![beat(1, 5, 1), beat(2, 3, 1)]), &actors, now());
    let changed = |seen: Seen| seen.changed(&pins);
    assert_eq!(changed(of(vec![beat(1, 5, 1), beat(2, 4, 0)])), None);
    assert!(changed(of(vec![beat(1, 4, 2), beat(2, 3, 1)])).unwrap().contains("only number 4"));
    assert!(changed(of(vec![beat(1, 5, 1)])).unwrap().contains("shows none"));
    let mut shorter = beat(1, 6, 0);
    shorter.heartbeat.log.n = 49;
    assert!(changed(of(vec![shorter, beat(2, 3, 1)])).unwrap().contains("ends at entry 49"));
    let missing = Seen { missing: Some(50), ..of(vec![beat(1, 5, 1), beat(2, 3, 1)]) };
    assert!(changed(missing).unwrap().contains("entry 50"));
    // Whoever was cut off is forgotten.
    pins.take(&of(vec![beat(1, 5, 1)]), &actors[..1], now());
    assert_eq!(of(vec![beat(1, 5, 1)]).changed(&pins), None);
}

#[test]
fn the_log_and_the_heartbeats_must_tell_one_story() {
    let log = |links: usize| LogSeen {
        sets: vec![("documents".into(), Some(ago(1))), ("email".into(), Some(ago(9)))],
        labels: vec![("documents".into(), DOCUMENTS), ("email".into(), EMAIL)],
        tested: Some(ago(40)),
        newest: Some((ago(1), Some(ago(1)))),
        links: vec![Link::new([3; 32]); links],
    };
    let with = |links| Seen { log: Some(log(links)), ..of(vec![beat(1, 5, 1)]) };
    let found = judged(&with(51));
    assert_eq!((found.changed.as_deref(), found.untested, found.tested), (None, true, Some(ago(40))));
    // The log's word counts, not the heartbeat's.
    assert!(!found.sets[0].overdue && found.sets[1].overdue);
    assert!(judged(&with(50)).changed.unwrap().contains("the store shows only 50 entries"));
    let mut other = log(60);
    other.links[50] = Link::new([4; 32]);
    let found = judged(&Seen { log: Some(other), ..of(vec![beat(1, 5, 1)]) });
    assert!(found.changed.as_ref().unwrap().contains("another entry") && found.exit() == Exit::Damage);
    // An office of before there were heartbeats is known by its backups.
    let old = judged(&Seen { log: Some(log(51)), ..Seen::default() });
    assert_eq!((old.alive, old.quiet), (Some(ago(1)), false));
}

#[test]
fn the_code_says_the_worst_of_it() {
    let mut red = beat(1, 5, 0);
    red.heartbeat.health = Health::Red;
    assert_eq!(judged(&of(vec![red.clone()])).exit(), Exit::Failed);
    assert_eq!(judged(&Seen { junk: 1, ..of(vec![red]) }).exit(), Exit::Damage);
}

#[test]
fn a_store_that_does_not_answer_is_told_when_nobody_could_have_seen_for_too_long() {
    let mut pins = Pins::new(ago(90));
    pins.looked = Some(ago(1));
    let told = |blind: Blind, pins: &Pins| blind.outcome(pins, MAX_SILENCE, Exit::Failed, now()).map(|o| o.troubles);
    let shut = Blind::Shut(Why::StoreUnreachable);
    assert_eq!(told(shut, &pins), None);
    assert_eq!(told(Blind::Changed, &pins), Some(vec![Trouble::HistoryChanged]));
    assert_eq!(told(Blind::Gone, &pins), Some(vec![Trouble::Failed(Why::NoRepository)]));
    pins.looked = Some(ago(3));
    assert_eq!(told(shut, &pins), Some(vec![Trouble::Failed(Why::StoreUnreachable)]));
    let new = Pins::new(now());
    assert_eq!((told(Blind::Gone, &new), told(shut, &new)), (None, None));
    assert_eq!(told(shut, &Pins::new(ago(3))), Some(vec![Trouble::Failed(Why::StoreUnreachable)]));
}
