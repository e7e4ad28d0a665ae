//! How much time the log itself shows, where no clock but the machine's own can be asked.
//!
//! Never more than has passed: not when that clock jumped once by any amount, forwards or backwards, nor when it jumped
//! as often as it likes by more than [`LONGEST`]. What is in doubt does not count.

use jiff::{SignedDuration, Timestamp};

use super::CLOCK_DOUBT;

/// Between two entries no more than this is believed: a week and a day, for offices that run weekly.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(8 * 24);

/// The time shown from `since` until `now` by entries of these times, in the order of the log: the sum of the stretches
/// between one and the next, without the longest. A stretch above [`LONGEST`] counts nothing; a step back, as of a
/// clock that was put right, takes all that was counted before.
pub fn time_shown(since: Timestamp, times: impl Iterator<Item = Timestamp>, now: Timestamp) -> SignedDuration {
    let (mut newest, mut sum, mut longest) = (since, SignedDuration::ZERO, SignedDuration::ZERO);
    for time in times.chain([now]) {
        let stretch = time.duration_since(newest);
        // Machines whose clocks are some minutes apart write in turn.
        if stretch < -CLOCK_DOUBT {
            (newest, sum, longest) = (time, SignedDuration::ZERO, SignedDuration::ZERO);
            continue;
        }
        newest = newest.max(time);
        if stretch.is_positive() && stretch <= LONGEST {
            sum = sum.saturating_add(stretch);
            longest = longest.max(stretch);
        }
    }
    sum.saturating_sub(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn days(times: &[i64], now: i64) -> i64 {
        time_shown(at(0), times.iter().map(|d| at(d * DAY)), at(now * DAY)).as_secs() / DAY
    }

    #[test]
    fn nightly_and_weekly_runs_show_two_weeks_in_good_time() {
        let nightly: Vec<i64> = (1..=15).collect();
        assert_eq!((days(&nightly[..14], 14), days(&nightly, 15)), (13, 14));
        assert_eq!((days(&[7, 14], 14), days(&[7, 14, 21], 21), days(&[7, 14, 21, 28], 28)), (7, 14, 21));
    }

    #[test]
    fn a_jump_a_long_silence_and_a_clock_put_right_show_nothing() {
        assert_eq!(days(&[], 4_000), 0, "a clock that is ten years ahead");
        assert_eq!(days(&[1, 2, 40, 41, 42], 42), 3, "or forty days");
        assert_eq!(days(&[1, 9, 10], 10), 2, "eight days may be a week, or a jump");
        assert_eq!(days(&[1, 2, 3, -4_000, -3_999, 4, 5, 6], 6), 2, "it was wrong in between");
        let minutes = [60, 600, 10, 660].map(at);
        assert_eq!(time_shown(at(0), minutes.into_iter(), at(660)).as_secs(), 120, "two machines ten minutes apart");
        let apart =
            |back: i64| time_shown(at(0), [1_000, 1_000 - back, 1_100].map(at).into_iter(), at(1_100)).as_secs();
        assert_eq!((apart(900), apart(901)), (100, 0), "a quarter of an hour, and a second more");
    }

    /// Before which night, and by how many seconds.
    type Jump = (usize, i64);

    /// Nights or weeks of an entry or some each, and where the clock jumps by how much.
    fn life() -> impl Strategy<Value = (Vec<(i64, i64)>, Vec<Jump>, Jump)> {
        let steps = prop::collection::vec((0i64..9 * DAY, 1i64..4), 1..40);
        let ten_years = 3_653 * DAY;
        let far = LONGEST.as_secs() + 1..=ten_years;
        let jump = (far, any::<bool>()).prop_map(|(by, back)| if back { -by } else { by });
        (steps, prop::collection::vec((0usize..40, jump), 0..6), (0usize..40, -ten_years..=ten_years))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
        #[test]
        fn it_never_shows_more_than_has_passed((steps, jumps, any_jump) in life()) {
            let (mut truth, mut ahead, mut shown) = (0, 0, vec![]);
            for (place, (wait, entries)) in steps.iter().enumerate() {
                let due = jumps.iter().chain([&any_jump]).filter(|(at, _)| *at == place);
                // Two at once are one: then it may be any jump, so only one of them happens.
                ahead += due.map(|(_, by)| *by).next().unwrap_or(0);
                truth += wait;
                shown.extend((0..*entries).map(|n| at(truth + ahead + n)));
                let now = at(truth + ahead + 3);
                let time = time_shown(at(0), shown.iter().copied(), now);
                prop_assert!(time.as_secs() <= truth + 3, "{time:?} of {truth} seconds, {jumps:?}, {any_jump:?}");
            }
        }
    }
}
