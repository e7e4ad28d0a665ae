//! Many looks at once. One that never ends delays and stops no other: it is given up when its time is over, and its place
//! taken by another thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::ops::Stop;
use crate::repo::error::RepoError;

/// Looks at the same time.
const WORKERS: usize = 16;
/// How long a signal may wait to be noticed.
const PULSE: Duration = Duration::from_millis(200);

enum Word<T> {
    Began(usize, Instant),
    Ended(usize, T),
}

/// The results of `look` for 0 to `count`, in order; `None` of what took longer than `limit`.
///
/// # Errors
/// [`RepoError::Interrupted`].
pub fn all<T: Send + 'static>(
    count: usize,
    limit: Duration,
    stop: &Stop,
    look: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Result<Vec<Option<T>>, RepoError> {
    let (speaker, words) = channel();
    let (next, look) = (Arc::new(AtomicUsize::new(0)), Arc::new(look));
    let start = || {
        let (next, look, speaker) = (Arc::clone(&next), Arc::clone(&look), speaker.clone());
        std::thread::spawn(move || work(&next, count, &*look, &speaker));
    };
    (0..WORKERS.min(count)).for_each(|_| start());
    let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
    let (mut begun, mut left) = (BTreeMap::<usize, Instant>::new(), count);
    while left > 0 {
        stop.check()?;
        let wait = begun.values().map(|at| limit.saturating_sub(at.elapsed())).min().unwrap_or(PULSE);
        match words.recv_timeout(wait.min(PULSE)) {
            Ok(Word::Began(n, at)) => drop(begun.insert(n, at)),
            // One that was given up may still end.
            Ok(Word::Ended(n, result)) if begun.remove(&n).is_some() => {
                results[n] = Some(result);
                left -= 1;
            }
            Ok(Word::Ended(..)) | Err(RecvTimeoutError::Timeout) => {}
            // Cannot be: this function holds a speaker.
            Err(RecvTimeoutError::Disconnected) => return Err(RepoError::Interrupted),
        }
        let before = begun.len();
        begun.retain(|_, at| at.elapsed() < limit);
        let given_up = before - begun.len();
        left -= given_up;
        (0..given_up).for_each(|_| start());
    }
    Ok(results)
}

fn work<T>(next: &AtomicUsize, count: usize, look: &(impl Fn(usize) -> T + ?Sized), speaker: &Sender<Word<T>>) {
    loop {
        let n = next.fetch_add(1, Ordering::SeqCst);
        if n >= count || speaker.send(Word::Began(n, Instant::now())).is_err() {
            return;
        }
        if speaker.send(Word::Ended(n, look(n))).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_hang_delay_no_other() {
        // More hang than there are workers.
        let hang = |n: usize| n.is_multiple_of(2);
        let look = move |n: usize| {
            if hang(n) {
                std::thread::park();
            }
            n * 10
        };
        let results = all(2 * WORKERS + 2, Duration::from_secs(1), &Stop::default(), look).unwrap();
        for (n, result) in results.into_iter().enumerate() {
            assert_eq!(result, (!hang(n)).then_some(n * 10), "{n}");
        }
    }

    #[test]
    fn a_signal_ends_the_waiting() {
        let stop = Stop::default();
        stop.set();
        let looked = all(1, Duration::from_secs(600), &stop, |_| std::thread::park());
        assert!(matches!(looked, Err(RepoError::Interrupted)));
        assert!(all(0, Duration::from_secs(1), &Stop::default(), |_| ()).unwrap().is_empty());
    }
}
