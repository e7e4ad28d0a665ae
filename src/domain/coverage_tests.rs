//! Ages at their edges; the rest is tried over random lives in `tests/coverage.rs`.

use super::*;

const WEEKS: SignedDuration = SignedDuration::from_hours(4 * 7 * 24);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// A pack of ten bytes that was stored, or tested, so many seconds ago.
fn pack(stored: i64, tested: Option<i64>) -> Seen {
    Seen { number: 0, size: 10, stored: at(-stored), tested: tested.map(|ago| at(-ago)), lot: 0 }
}

#[test]
fn a_byte_is_overdue_a_second_after_the_promise() {
    let all = |packs: &[Seen]| ages(packs, WEEKS, at(0));
    let promise = WEEKS.as_secs();
    for (ago, overdue) in [(promise - 1, 0), (promise, 0), (promise + 1, 10), (-86_400, 0), (-86_401, 10)] {
        let (tested, stored) = (all(&[pack(9 * promise, Some(ago))]), all(&[pack(ago, None)]));
        assert_eq!((tested.overdue, stored.overdue), (overdue, overdue), "{ago}");
        assert_eq!((tested.never, stored.never), (0, 10));
    }
    let both = all(&[pack(0, Some(60)), pack(0, Some(90))]);
    assert_eq!((both.bytes, both.packs, both.weeks), (20, 2, vec![20, 0, 0, 0]));
    assert_eq!((both.oldest, both.safe_until), (Some(at(-90)), Some(at(promise - 90))));
    let week = WEEKLY.as_secs();
    assert_eq!(all(&[pack(0, Some(week - 1)), pack(0, Some(week))]).weeks, [10, 10, 0, 0]);
    assert_eq!(all(&[]), Ages { weeks: vec![0; 4], ..Ages::default() });
}
