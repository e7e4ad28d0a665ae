//! A clock that stands still until it is moved. Clones share the same hands.

use crate::domain::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};

/// A clock in the hands of a test.
#[derive(Clone, Debug)]
pub struct FakeClock {
    now: Arc<Mutex<Timestamp>>,
}

impl FakeClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        FakeClock { now: Arc::new(Mutex::new(now)) }
    }

    /// A clock that shows a moment in RFC 3339 form.
    ///
    /// # Panics
    /// If `moment` is no such moment.
    pub fn reading(moment: &str) -> Self {
        FakeClock::at(moment.parse().expect("the test writes the moment in RFC 3339 form"))
    }

    /// Moves the hands to `now`, backwards too.
    pub fn set(&self, now: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Moves the hands by `by`, backwards if it is negative; at the end of time they stop.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.saturating_add(by).unwrap_or(*now);
    }

    /// Moves the hands by whole days of 24 hours.
    pub fn advance_days(&self, days: i64) {
        self.advance(SignedDuration::from_hours(24 * days));
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_until_it_is_moved() {
        let clock = FakeClock::reading("2026-03-29T00:30:00Z");
        let other = clock.clone();
        assert_eq!(clock.now(), clock.now());
        clock.advance_days(2);
        assert_eq!(other.now().to_string(), "2026-03-31T00:30:00Z");
        other.advance(SignedDuration::from_secs(-60));
        assert_eq!(clock.now().to_string(), "2026-03-31T00:29:00Z");
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(other.now(), Timestamp::UNIX_EPOCH);
    }
}
