//! What must hold in every generated world.

use jiff::civil::Date;
use proptest::prelude::*;
use strongroom::domain::retention::decide::{Compiled, Decider, Decision, Disposition, decide};
use strongroom::domain::retention::period::{Period, sooner};
use strongroom::domain::retention::reason::Reason;
use strongroom::domain::retention::record::RecordFacts;
use strongroom::domain::retention::rulings::Law;

use super::model;
use super::worlds::{World, civil, day, hold, minimum, world};

fn all(law: &Law, records: &[RecordFacts], today: Date) -> Vec<Decision> {
    let law = Compiled::new(law.clone()).unwrap();
    Decider::new(&law, records, today).all().map(|(_, decision)| decision).collect()
}

/// How near a disposition is to destroying.
fn nearness(d: &Decision) -> u8 {
    match d.disposition {
        Disposition::Retain | Disposition::Held => 0,
        Disposition::Live => 1,
        Disposition::Review => 2,
        Disposition::Dispose => 3,
    }
}

/// Whether a reason alone keeps a record.
fn keeps(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::NoScheme
            | Reason::NoClass
            | Reason::Tie { .. }
            | Reason::NoDate { .. }
            | Reason::MinimumNever
            | Reason::MinimumEnds(_)
            | Reason::KeptByClass
            | Reason::MovedLonger { .. }
            | Reason::MovedUnknown { .. }
    )
}

fn explained(d: &Decision) -> bool {
    let has = |f: fn(&Reason) -> bool| d.reasons.iter().any(f);
    match d.disposition {
        Disposition::Held => has(|r| matches!(r, Reason::Held { .. } | Reason::MovedHeld { .. })),
        Disposition::Retain => has(keeps),
        Disposition::Live => has(|r| matches!(r, Reason::Live | Reason::Unreadable | Reason::MovedLive { .. })),
        Disposition::Review => has(|r| matches!(r, Reason::ByPerson(_))),
        Disposition::Dispose => has(|r| matches!(r, Reason::DueSince(_))) && !has(|r| matches!(r, Reason::Held { .. })),
    }
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 6000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_law_says_what_the_slow_model_says(w in world()) {
        let (records, law) = (w.facts(), Compiled::new(w.law()).unwrap());
        let today = civil(w.today);
        let decider = Decider::new(&law, &records, today);
        for (n, record) in records.iter().enumerate() {
            let decision = decider.decide(n);
            let expected = model::decide(&w, n, w.today);
            prop_assert_eq!(decision.disposition, expected.disposition, "{}: {:?}", record.path, decision);
            prop_assert_eq!(decision.due, expected.due.map(civil), "{}: {:?}", record.path, decision);
            prop_assert_eq!(decision.approver, expected.approver, "{}: {:?}", record.path, decision);
            prop_assert!(explained(&decision), "{}: {:?}", record.path, decision);
            let selves: Vec<&RecordFacts> = decider.lineage().moved_selves(&records, n).map(|i| &records[i]).collect();
            let alone = decide(record, &selves, &law, today);
            prop_assert_eq!((alone.disposition, alone.due, alone.approver), (decision.disposition, decision.due, decision.approver));
            prop_assert_eq!(decider.decide(n), decision);
        }
    }

    #[test]
    fn the_order_of_the_records_changes_nothing(w in world()) {
        let (records, law, today) = (w.facts(), w.law(), civil(w.today));
        let mut backwards = records.clone();
        backwards.reverse();
        let said = |d: Vec<Decision>| d.into_iter().map(|d| (d.disposition, d.due, d.class)).collect::<Vec<_>>();
        let mut other = said(all(&law, &backwards, today));
        other.reverse();
        prop_assert_eq!(said(all(&law, &records, today)), other);
    }

    #[test]
    fn another_hold_never_lets_anything_go(w in world(), more in hold()) {
        let (records, mut law, today) = (w.facts(), w.law(), civil(w.today));
        let before = all(&law, &records, today);
        law.holds.push(more.hold(99));
        for (n, (a, b)) in before.iter().zip(all(&law, &records, today)).enumerate() {
            prop_assert!(nearness(&b) <= nearness(a));
            prop_assert!(!model::touches(&more, &w.records[n]) || b.disposition == Disposition::Held);
            prop_assert_eq!(a.due, b.due);
        }
    }

    #[test]
    fn a_longer_minimum_never_lets_anything_go_earlier(w in world(), which in 0..6_usize, longer in minimum()) {
        let (records, mut law, today) = (w.facts(), w.law(), civil(w.today));
        let before = all(&law, &records, today);
        let Some(class) = law.scheme.as_mut().and_then(|s| s.classes.get_mut(which)) else { return Ok(()) };
        class.minimum = match (class.minimum, longer) {
            (Period::Span { years: y, months: m, days: d }, Some((years, months, days))) => {
                Period::Span { years: y + years, months: m + months, days: d + days }
            }
            _ => Period::Indefinite,
        };
        for (a, b) in before.iter().zip(all(&law, &records, today)) {
            prop_assert!(!sooner(b.due, a.due), "{:?} {:?}", a, b);
            prop_assert!(nearness(&b) <= nearness(a));
        }
    }

    #[test]
    fn what_is_reached_stays_reached(w in world(), other in day(1999..2060)) {
        let (records, law) = (w.facts(), w.law());
        let (early, late) = (civil(w.today.min(other)), civil(w.today.max(other)));
        for (a, b) in all(&law, &records, early).iter().zip(all(&law, &records, late)) {
            prop_assert_eq!(a.due, b.due);
            prop_assert!(nearness(a) == 0 || a.disposition == b.disposition, "{:?} {:?}", a, b);
        }
    }

    #[test]
    fn minima_end_where_counting_day_by_day_ends(from in day(1999..2041), extra in 0..3_i8, m in minimum()) {
        let from = (from.0, from.1, from.2);
        let from = (0..extra).fold(from, |d, _| model::next_day(d));
        let Some((years, months, days)) = m else { return Ok(()) };
        let period = Period::Span { years, months, days };
        prop_assert_eq!(period.ends(civil(from)), Some(civil(model::last_day(from, (years, months, days)))));
        let said = period.to_string();
        prop_assert_eq!(said.parse::<Period>().unwrap(), period);
        prop_assert!(period.due(civil(from)) > period.ends(civil(from)));
    }
}

/// The generator reaches every corner: no property above holds only because nothing ever happens.
#[test]
fn the_worlds_are_not_dull() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..2000 {
        let w: World = world().new_tree(&mut runner).unwrap().current();
        for d in all(&w.law(), &w.facts(), civil(w.today)) {
            *seen.entry(format!("{:?}", d.disposition)).or_insert(0) += 1;
            for reason in &d.reasons {
                let name = format!("{reason:?}");
                let name = name.split([' ', '(']).next().unwrap_or_default().to_owned();
                *seen.entry(name).or_insert(0) += 1;
            }
        }
    }
    for wanted in [
        "Retain",
        "Held",
        "Live",
        "Review",
        "Dispose",
        "NoClass",
        "Tie",
        "NoDate",
        "MinimumNever",
        "MinimumEnds",
        "MinimumEnded",
        "KeptByClass",
        "MovedHeld",
        "MovedLonger",
        "MovedUnknown",
        "MovedNoLonger",
        "MovedLive",
        "MovedAction",
        "Unreadable",
    ] {
        assert!(seen.get(wanted).is_some_and(|n| *n >= 20), "{wanted}: {seen:?}");
    }
}
