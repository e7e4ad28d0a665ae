//! How fast bytes may go, each way: small pieces, each at its time, whoever sends it.
//!
//! All transfers of a store share one bucket for each way. Over any stretch of time no more goes than the rate allows, and
//! what the bucket holds: a quarter of a second's worth, and a piece.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;

/// The largest piece that is handed on at once.
const LARGEST_PIECE: usize = 64 << 10;
/// The smallest, however slow it must go.
const SMALLEST_PIECE: usize = 256;
/// Pieces a second, within those bounds.
const PIECES: u64 = 16;
/// What may be made up for after a while without anything to send.
const HELD: Duration = Duration::from_millis(250);

/// The most bytes a second, each way; without one as fast as it goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// To the store.
    pub up: Option<NonZeroU64>,
    /// From the store.
    pub down: Option<NonZeroU64>,
}

/// Time as a bucket needs it.
pub(super) trait Ticks: Send + Sync {
    /// Since some fixed moment.
    fn now(&self) -> Duration;
    /// Comes back after so long.
    fn wait(&self, span: Duration) -> BoxFuture<'static, ()>;
}

/// The runtime's time.
struct Running(tokio::time::Instant);

impl Ticks for Running {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
    fn wait(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// One way's bucket.
#[derive(Clone)]
pub(super) struct Pace {
    rate: NonZeroU64,
    /// When everything let through so far has gone.
    gone: Arc<Mutex<Duration>>,
    ticks: Arc<dyn Ticks>,
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes a second", self.rate)
    }
}

impl Pace {
    /// At the runtime's own time.
    pub(super) fn new(rate: NonZeroU64) -> Self {
        Self::by(rate, Arc::new(Running(tokio::time::Instant::now())))
    }

    fn by(rate: NonZeroU64, ticks: Arc<dyn Ticks>) -> Self {
        Self { rate, gone: Arc::default(), ticks }
    }

    /// Into how large pieces a transfer is cut.
    pub(super) fn piece(&self) -> usize {
        usize::try_from(self.rate.get() / PIECES).unwrap_or(LARGEST_PIECE).clamp(SMALLEST_PIECE, LARGEST_PIECE)
    }

    /// How long these bytes must wait; their turn is taken.
    pub(super) fn turn(&self, bytes: usize) -> Duration {
        let now = self.ticks.now();
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.rate.get());
        let span = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        *gone = (*gone).max(now.saturating_sub(HELD)).saturating_add(span);
        gone.saturating_sub(now)
    }

    /// Waits for the turn of these bytes.
    pub(super) async fn pass(&self, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            let now = left.min(self.piece());
            self.ticks.wait(self.turn(now)).await;
            left -= now;
        }
    }

    /// As [`Pace::pass`], when the wait is known.
    pub(super) async fn wait(&self, span: Duration) {
        self.ticks.wait(span).await;
    }
}

/// Whether there is a limit, and its bucket.
pub(super) fn pace(rate: Option<NonZeroU64>) -> Option<Pace> {
    rate.map(Pace::new)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Time that passes only by waiting for it.
    #[derive(Default)]
    pub struct Told(Arc<Mutex<Duration>>);

    impl Ticks for Told {
        fn now(&self) -> Duration {
            *self.0.lock().unwrap()
        }
        fn wait(&self, span: Duration) -> BoxFuture<'static, ()> {
            let (clock, until) = (Arc::clone(&self.0), self.now() + span);
            Box::pin(async move {
                let mut now = clock.lock().unwrap();
                *now = (*now).max(until);
            })
        }
    }

    pub fn told(rate: u64) -> (Pace, Arc<Told>) {
        let told = Arc::new(Told::default());
        (Pace::by(NonZeroU64::new(rate).unwrap(), Arc::clone(&told) as Arc<dyn Ticks>), told)
    }

    /// Whatever the rate, and however many share it: no stretch of time has more than its share.
    #[test]
    fn no_stretch_of_time_has_more_than_the_rate_allows() {
        for rate in [300, 20_000, 1 << 20, 1 << 30] {
            let (pace, time) = told(rate);
            let mut sent: Vec<(Duration, usize)> = vec![];
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            // Two transfers take turns; now and then nobody sends for a while.
            for round in 0..200 {
                for bytes in [pace.piece(), 1 + round % pace.piece()] {
                    runtime.block_on(pace.pass(bytes));
                    sent.push((time.now(), bytes));
                }
                if round % 50 == 49 {
                    runtime.block_on(time.wait(Duration::from_secs(5)));
                }
            }
            for (at, (from, _)) in sent.iter().enumerate() {
                let mut bytes = 0;
                for (until, more) in &sent[at..] {
                    bytes += *more as u128;
                    let held = (HELD + (*until - *from)).as_nanos() * u128::from(rate) / 1_000_000_000;
                    assert!(bytes <= held + pace.piece() as u128 + 1, "{bytes} at {rate} a second");
                }
            }
        }
    }

    #[test]
    fn the_rate_is_used_up() {
        let (pace, time) = told(100_000);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(pace.pass(1_000_000));
        let took = time.now();
        assert!(took >= Duration::from_millis(9_700) && took <= Duration::from_secs(10), "{took:?}");
    }
}
