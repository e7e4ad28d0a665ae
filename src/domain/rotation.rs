//! A hand that goes round a circle on which every path has its place: what it passes is read again on this computer.
//!
//! Pure, without a clock. One round takes the promised time less two runs, so that one run may be missed. What must
//! always hold: between two runs no further apart than that, no place is passed over, and none waits longer than
//! promised. The speed may change at any time; the hand goes on from where it is.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The whole circle: places are the numbers below it.
const CIRCLE: u128 = 1 << 64;
/// A date later than this from now tells of a wrong clock.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_hours(24);

/// Where a path stands on the circle, always and everywhere the same.
pub fn place(path: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(path).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// How long one round takes: at least a quarter of the promise, however rare runs are.
pub fn round(within: SignedDuration, every: SignedDuration) -> SignedDuration {
    let seconds = within.as_secs() - every.as_secs().saturating_mul(2);
    SignedDuration::from_secs(seconds.max(within.as_secs() / 4).max(1))
}

/// The hand: where it stood, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hand {
    /// The first place that it has not passed.
    pub place: u64,
    /// When everything before that was read: later, if the hand was in time.
    pub at: Timestamp,
    /// Whether anything was read up to there; not where that is assumed of a hand that nothing is known of.
    #[serde(default)]
    pub read: bool,
}

/// What lies between the hand's old place and its new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arc {
    from: u64,
    /// Up to the whole circle.
    len: u128,
    began: Timestamp,
    now: Timestamp,
}

impl Hand {
    /// A hand that nothing is known of: it stands where every other that began then stands.
    pub fn began(at: Timestamp, round: SignedDuration) -> Self {
        let seconds = i128::from(at.as_second()).rem_euclid(i128::from(round.as_secs().max(1)));
        let place = seconds.unsigned_abs().saturating_mul(CIRCLE) / u128::from(round.as_secs().max(1).unsigned_abs());
        Self { place: u64::try_from(place).unwrap_or(0), at, read: false }
    }

    /// What is to be read now. After a wrong clock, everything.
    pub fn arc(&self, now: Timestamp, round: SignedDuration) -> Arc {
        let passed = now.duration_since(self.at);
        let wrong = passed < -CLOCK_SLACK;
        let passed = passed.clamp(SignedDuration::ZERO, round);
        let round = round.as_millis().max(1).unsigned_abs();
        let len =
            if wrong { CIRCLE } else { (passed.as_millis().unsigned_abs().saturating_mul(CIRCLE) / round).min(CIRCLE) };
        Arc { from: self.place, len, began: if wrong { now } else { self.at }, now }
    }
}

impl Arc {
    /// The whole circle, whatever the hand says.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { len: CIRCLE, ..self }
    }

    /// How far along it a place lies; `None` where it is not on it.
    pub fn along(&self, place: u64) -> Option<u64> {
        let far = place.wrapping_sub(self.from);
        (u128::from(far) < self.len).then_some(far)
    }

    /// The hand when everything up to `far` along was read, or all of it.
    pub fn passed(&self, far: Option<u64>) -> Hand {
        let far = far.map_or(self.len, |far| u128::from(far).min(self.len));
        let took = self.now.duration_since(self.began).as_millis().max(0).unsigned_abs();
        let share = took.saturating_mul(far) / self.len.max(1);
        let place = self.from.wrapping_add((far % CIRCLE) as u64);
        if far == self.len {
            return Hand { place, at: self.now, read: true };
        }
        let share = SignedDuration::from_millis(i64::try_from(share).unwrap_or(0));
        Hand { place, at: self.began.checked_add(share).unwrap_or(self.began), read: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);
    const QUARTER: u64 = 1 << 62;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(3_600 * hours).unwrap()
    }

    #[test]
    fn hands_that_nothing_is_known_of_stand_together() {
        let began = |hours| Hand::began(at(hours), HOUR * 100);
        assert_eq!([0, 25, 75, 100, 125].map(|h| began(h).place), [0, QUARTER, 3 * QUARTER, 0, QUARTER]);
        assert_eq!(began(-25).place, 3 * QUARTER);
        assert_eq!((began(25).at, began(25).read), (at(25), false));
        assert_eq!(Hand::began(at(25), SignedDuration::ZERO).place, 0);
    }

    #[test]
    fn the_hand_passes_what_the_time_allows_and_no_more_than_a_round() {
        let hand = Hand { place: 3 * QUARTER, at: at(100), read: true };
        let along = |now, place: u64| hand.arc(at(now), HOUR * 100).along(place);
        assert_eq!((along(150, 3 * QUARTER), along(150, 0)), (Some(0), Some(QUARTER)));
        assert_eq!((along(150, QUARTER - 1), along(150, QUARTER)), (Some(2 * QUARTER - 1), None));
        assert_eq!(along(900, 3 * QUARTER - 1), Some(u64::MAX), "the whole circle");
        assert_eq!((along(100, 3 * QUARTER), along(76, 3 * QUARTER)), (None, None), "no time has passed");
        assert_eq!(along(75, 3 * QUARTER - 1), Some(u64::MAX), "more than a day back: a wrong clock");
        assert_eq!(hand.arc(at(100), HOUR * 100).whole().along(3 * QUARTER - 1), Some(u64::MAX));
    }

    #[test]
    fn a_hand_that_was_stopped_is_as_old_as_what_it_passed() {
        let hand = Hand { place: 3 * QUARTER, at: at(100), read: false };
        let arc = hand.arc(at(150), HOUR * 100);
        assert_eq!(arc.passed(None), Hand { place: QUARTER, at: at(150), read: true });
        assert_eq!(arc.passed(Some(QUARTER)), Hand { place: 0, at: at(125), read: true });
        assert_eq!(arc.passed(Some(u64::MAX)), arc.passed(None));
        let back = hand.arc(at(90), HOUR * 100).whole();
        assert_eq!(back.passed(Some(QUARTER)), Hand { place: 0, at: at(100), read: true }, "a clock that was put back");
        let nothing = hand.arc(at(100), HOUR * 100);
        assert_eq!(nothing.passed(Some(5)), Hand { at: at(100), read: true, ..hand });
    }

    #[test]
    fn a_round_leaves_two_runs_to_spare_but_is_no_shorter_than_a_quarter_of_the_promise() {
        for (within, every, hours) in [(100, 10, 80), (100, 37, 26), (100, 38, 25), (100, 900, 25), (0, 10, 0)] {
            let least = SignedDuration::from_secs(1);
            assert_eq!(round(HOUR * within, HOUR * every), (HOUR * hours).max(least), "{within} {every}");
        }
    }
}
