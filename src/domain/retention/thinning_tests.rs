//! Thinning: examples a clerk can read, and what no rule may do.

use proptest::prelude::*;

use super::*;

fn nightly(days: usize) -> Vec<Candidate> {
    let start: Timestamp = "2026-01-01T02:30:00Z".parse().unwrap();
    (0..days)
        .map(|d| Candidate {
            id: SnapshotId(d as u64 + 1),
            time: start + jiff::SignedDuration::from_hours(24 * d as i64),
            suspect: false,
            tested: false,
            partial: false,
            carried: true,
        })
        .collect()
}

fn kept(c: &[Candidate], rule: &KeepRule) -> Vec<u64> {
    let zone = TimeZone::get("Europe/London").unwrap();
    decide(c, rule, &zone).into_iter().filter(|(_, f)| *f != Fate::Thin).map(|(id, _)| id.0).collect()
}

#[test]
fn a_year_of_nights_leaves_weeks_months_and_the_year() {
    let c = nightly(365);
    let kept = kept(&c, &KeepRule::default());
    assert!(kept.contains(&365), "the newest stays");
    assert_eq!(kept.len(), 8 + 12 - 1, "eight weeks and twelve months, of which the newest coincide: {kept:?}");
}

#[test]
fn where_backups_are_missing_older_ones_stay_instead() {
    let rule = KeepRule { last: 0, daily: 14, weekly: 0, monthly: 0, yearly: 0 };
    let all = nightly(60);
    let gap: Vec<Candidate> = all.iter().filter(|c| !(41..60).contains(&c.id.0)).cloned().collect();
    assert_eq!(kept(&all, &rule), (47..=60).collect::<Vec<_>>());
    assert_eq!(kept(&gap, &rule), (28..=40).chain([60]).collect::<Vec<_>>(), "fourteen nights, of whatever age");
}

#[test]
fn zeros_keep_everything_and_the_newest_always_stays() {
    let c = nightly(5);
    let none = KeepRule { last: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    assert_eq!(kept(&c, &none).len(), 5);
    assert_eq!(kept(&c, &KeepRule { last: 1, ..none }), [5]);
}

#[test]
fn tested_and_doubtful_snapshots_stay_and_displace_nobody() {
    let none = KeepRule { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    let mut c = nightly(5);
    c[1].tested = true;
    c[4].suspect = true;
    assert_eq!(kept(&c, &none), [2, 4, 5], "5 is newest and in doubt, 4 is the last one that counts, 2 was tested");
}

#[test]
fn a_partial_snapshot_does_not_displace_a_whole_one_of_its_week() {
    let none = KeepRule { last: 0, daily: 0, weekly: 2, monthly: 0, yearly: 0 };
    let mut c = nightly(11); // Thursday 1 January to Sunday 11 January: two weeks
    c[10].partial = true;
    assert_eq!(kept(&c, &none), [4, 10, 11]);
}

#[test]
fn a_snapshot_nobody_carries_on_is_kept() {
    let none = KeepRule { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    let mut c = nightly(4);
    c[1].carried = false;
    assert_eq!(kept(&c, &none), [2, 4]);
}

#[test]
fn parents_say_what_is_carried_on() {
    use crate::domain::log::tests::{WRITER, World, snapshot};
    let mut w = World::new();
    let a = w.say(WRITER, snapshot("a", &[], None));
    let side = w.say(WRITER, snapshot("a", &[], Some(a)));
    let other = w.say(WRITER, snapshot("b", &[], Some(side)));
    let b = w.say(WRITER, snapshot("a", &[], Some(a)));
    let found: Vec<(u64, bool)> = candidates(&w.state(), "a").iter().map(|c| (c.id.0, c.carried)).collect();
    assert_eq!(found, [(a, true), (side, false), (b, true)]);
    assert_eq!(candidates(&w.state(), "b").iter().map(|c| c.id.0).collect::<Vec<_>>(), [other]);
}

#[test]
fn a_chain_of_parents_ends_at_another_set_and_never_goes_forward() {
    use crate::domain::log::tests::{WRITER, World, snapshot};
    let mut w = World::new();
    let a = w.say(WRITER, snapshot("a", &[], None));
    let other = w.say(WRITER, snapshot("b", &[], Some(a)));
    let b = w.say(WRITER, snapshot("a", &[], Some(other)));
    let carried = |w: &World| candidates(&w.state(), "a").iter().map(|c| (c.id.0, c.carried)).collect::<Vec<_>>();
    assert_eq!(carried(&w), [(a, false), (b, true)], "what the other set carries on is not carried on here");
    let own = w.slots.len() as u64;
    w.say(WRITER, snapshot("a", &[], Some(own)));
    assert_eq!(carried(&w), [(a, false), (b, false), (own, true)], "a snapshot that calls itself its parent");
}

#[test]
fn a_year_keeps_its_newest() {
    let rule = KeepRule { last: 0, daily: 0, weekly: 0, monthly: 0, yearly: 9 };
    let c = nightly(800);
    assert_eq!(kept(&c, &rule), [365, 730, 800]);
    assert_eq!(kept(&c, &KeepRule { yearly: 2, ..rule }), [730, 800]);
}

#[test]
fn the_log_says_what_was_tested_partial_or_in_doubt() {
    use crate::domain::log::entry::{Entry, Incident, IncidentKind, Tested};
    use crate::domain::log::tests::{TESTER, WRITER, World, snapshot, tested_packs};
    let mut w = World::new();
    let of = |problems| {
        let Entry::Snapshot(s) = snapshot("a", &[], None) else { unreachable!() };
        Entry::Snapshot(crate::domain::log::entry::Snapshot { problems, ..s })
    };
    let ids = [0, 0, 0, 1].map(|problems| w.say(WRITER, of(problems)));
    let snapshot = Some(SnapshotId(ids[1]));
    w.say(TESTER, Entry::Tested(Tested { snapshot, documents: 1, ..tested_packs(&[]) }));
    let snapshot = Some(SnapshotId(ids[2]));
    w.say(WRITER, Entry::Incident(Incident { what: IncidentKind::Clock, snapshot, counts: vec![] }));
    let seen: Vec<_> = candidates(&w.state(), "a").iter().map(|c| (c.tested, c.suspect, c.partial)).collect();
    assert_eq!(seen, [(false, false, false), (true, false, false), (false, true, false), (false, false, true)]);
}

#[test]
fn a_rule_is_said_in_words() {
    let none = KeepRule { last: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    assert_eq!(none.describe(), "everything");
    assert_eq!(KeepRule::default().describe(), "8 weekly, 12 monthly, 7 yearly");
    assert_eq!(KeepRule { last: 1, daily: 2, ..none }.describe(), "1 last, 2 daily");
}

fn histories() -> impl Strategy<Value = (Vec<Candidate>, KeepRule)> {
    let one = (0i64..2000, prop::bool::weighted(0.1), any::<bool>(), any::<bool>(), prop::bool::weighted(0.9));
    let rule = (0u32..4, 0u32..4, 0u32..4, 0u32..4, 0u32..4);
    (prop::collection::vec(one, 0..40), rule).prop_map(|(all, (last, daily, weekly, monthly, yearly))| {
        let candidate = |(i, (hours, suspect, tested, partial, carried)): (usize, (i64, bool, bool, bool, bool))| {
            let time = Timestamp::from_second(1_767_225_600 + hours * 3600).unwrap();
            Candidate { id: SnapshotId(i as u64 + 1), time, suspect, tested, partial, carried }
        };
        let rule = KeepRule { last, daily, weekly, monthly, yearly };
        (all.into_iter().enumerate().map(candidate).collect(), rule)
    })
}

proptest! {
    #[test]
    fn no_rule_gives_up_the_last_good_copy((all, rule) in histories()) {
        let kept = kept(&all, &rule);
        if let Some(newest) = all.last() {
            prop_assert!(kept.contains(&newest.id.0));
        }
        if let Some(tested) = all.iter().rev().find(|c| c.tested) {
            prop_assert!(kept.contains(&tested.id.0));
        }
        for c in all.iter().filter(|c| c.suspect || !c.carried) {
            prop_assert!(kept.contains(&c.id.0));
        }
        let counted = all.iter().filter(|c| !c.suspect).count();
        let most = (rule.last + rule.daily + rule.weekly + rule.monthly + rule.yearly) as usize;
        let always = 2 + all.iter().filter(|c| c.suspect || !c.carried).count();
        if most > 0 {
            prop_assert!(kept.len() <= most + always, "{kept:?}");
            prop_assert!(kept.len() >= counted.min(rule.last as usize));
        } else {
            prop_assert_eq!(kept.len(), all.len());
        }
    }

    #[test]
    fn thinning_twice_is_thinning_once((all, rule) in histories()) {
        let first = kept(&all, &rule);
        let left: Vec<Candidate> = all.iter().filter(|c| first.contains(&c.id.0)).cloned().collect();
        prop_assert_eq!(kept(&left, &rule), first);
    }

    #[test]
    fn a_suspect_time_displaces_nobody((all, rule) in histories()) {
        let honest: Vec<Candidate> = all.iter().filter(|c| !c.suspect).cloned().collect();
        let with = kept(&all, &rule);
        let newest = honest.last().map(|c| c.id.0);
        for id in kept(&honest, &rule).into_iter().filter(|id| Some(*id) != newest) {
            let tested = all.iter().rev().find(|c| c.tested).is_some_and(|c| c.suspect);
            prop_assert!(with.contains(&id) || tested, "{id} was kept without the suspect ones");
        }
    }
}

#[test]
fn a_hold_keeps_what_the_rule_would_let_go_and_says_so() {
    assert_eq!(Fate::Thin.under(&[41, 52]), Fate::Held(vec![41, 52]));
    assert_eq!(Fate::Held(vec![41, 52]).why(), "hold 41, 52");
    assert_eq!(Fate::Thin.under(&[]), Fate::Thin);
    assert_eq!(Fate::Keep(vec!["newest"]).under(&[41]).why(), "newest");
}
