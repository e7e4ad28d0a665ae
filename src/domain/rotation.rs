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
