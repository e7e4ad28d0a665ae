//! Who became whom, against a slow model; and that sums over runs see each shared record once.

use proptest::prelude::*;

use super::super::record::ContentId;
use super::super::samples::record;
use super::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_500_000_000 + 3_600 * hour).unwrap()
}

/// A record of this content; live, or gone since that hour, or since nobody knows when.
fn seen(content: u8, first: i64, last: Option<Option<i64>>) -> RecordFacts {
    RecordFacts {
        content: ContentId::new([content; 32]),
        live: last.is_none(),
        first_seen: at(first),
        last_seen: last.flatten().map(at),
        ..record("Docs/a")
    }
}

fn selves(records: &[RecordFacts], of: usize) -> Vec<usize> {
    let mut found: Vec<usize> = Lineage::new(records).moved_selves(records, of).collect();
    found.sort_unstable();
    found
}

/// What came up after it had gone; and what came up after any of those had gone; and so on.
fn slowly(records: &[RecordFacts], of: usize) -> Vec<usize> {
    if records[of].may_be_live() || records[of].content.is_nothing() {
        return vec![];
    }
    let gone = |r: &RecordFacts| r.last_seen.unwrap_or(Timestamp::MIN);
    let mut since = gone(&records[of]);
    loop {
        let later = |r: &&RecordFacts| r.content == records[of].content && r.first_seen > since;
        let least = records.iter().filter(later).filter(|r| !r.may_be_live()).map(gone).min();
        match least.filter(|least| *least < since) {
            Some(least) => since = least,
            None => return (0..records.len()).filter(|n| *n != of && later(&&records[*n])).collect(),
        }
    }
}

#[test]
fn a_file_that_comes_up_after_one_had_gone_is_its_moved_self() {
    let gone = |first, last| seen(1, first, Some(Some(last)));
    let all = [gone(0, 5), gone(6, 9), seen(1, 10, None), seen(2, 10, None), seen(1, 5, None), gone(7, 7)];
    assert_eq!(selves(&all, 0), [1, 2, 5], "one hour later, and what those became; not a copy made in time");
    assert_eq!(selves(&all, 1), [2]);
    assert_eq!(selves(&all, 2), [0; 0], "it is live");
    assert_eq!(selves(&[gone(0, 5), seen(1, 1, None)], 0), [0; 0], "a copy");
    assert_eq!(selves(&[seen(1, 0, Some(None)), seen(1, 0, None)], 0), [1], "nobody knows since when");
    assert_eq!(selves(&[seen(0, 0, Some(None)), seen(0, 9, None)], 0), [0; 0], "empty files are not known again");
    let unreadable = RecordFacts { unreadable: true, ..gone(0, 5) };
    assert_eq!(selves(&[unreadable, seen(1, 9, None)], 0), [0; 0], "it may be live");
}

fn records() -> impl Strategy<Value = Vec<RecordFacts>> {
    let last = prop::option::weighted(0.7, prop::option::weighted(0.9, 0i64..9));
    let one = (0u8..3, 0i64..9, last, prop::bool::weighted(0.1));
    let fact = |(content, first, last, unreadable)| RecordFacts { unreadable, ..seen(content, first, last) };
    prop::collection::vec(one.prop_map(fact), 0..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn it_is_what_the_slow_model_says(all in records()) {
        let lineage = Lineage::new(&all);
        for of in 0..all.len() {
            prop_assert_eq!(selves(&all, of), slowly(&all, of), "{}", of);
            let (from, end) = lineage.run(&all, of);
            let run: Vec<usize> = lineage.order[from..end].iter().map(|n| *n as usize).collect();
            prop_assert_eq!(lineage.stands_in(of, from, end), run.contains(&of));
        }
    }

    #[test]
    fn what_shares_its_content_is_passed_once_from_the_last_to_the_first(all in records()) {
        let lineage = Lineage::new(&all);
        let passed: Vec<(usize, usize, bool)> = lineage.shared_from_last().collect();
        prop_assert!(passed.windows(2).all(|w| w[0].0 > w[1].0));
        let mut numbers: Vec<usize> = passed.iter().map(|(_, number, _)| *number).collect();
        numbers.sort_unstable();
        let alike = |n: usize| all.iter().filter(|r| r.content == all[n].content).count();
        let shared: Vec<usize> = (0..all.len()).filter(|n| !all[*n].content.is_nothing() && alike(*n) > 1).collect();
        prop_assert_eq!(numbers, shared);
        for (nth, (place, number, last)) in passed.iter().enumerate() {
            prop_assert_eq!(lineage.order[*place] as usize, *number);
            let later = nth.checked_sub(1).map(|n| passed[n].1);
            prop_assert_eq!(*last, later.is_none_or(|later| all[later].content != all[*number].content));
        }
        let contents = all.iter().filter(|r| !r.content.is_nothing()).count();
        prop_assert_eq!(lineage.places(), contents);
    }
}
