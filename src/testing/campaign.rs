//! Everything that can go wrong with every call of a job: which points there are, and the playing of them by
//! several threads. What is too much for every commit is played in turns, a share a day, and all of it when asked:
//! `STRONGROOM_LONG=1`; `STRONGROOM_SEED=N` repeats the turn of a day that failed.

use super::fault_plan::{Fault, Verb};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

/// One fault at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The call's number.
    pub call: usize,
    /// What it meets.
    pub fault: Fault,
}

/// Where a bit is flipped: at the beginning of what is read, near it, and anywhere, by the call's number.
fn flips(call: usize) -> [Fault; 3] {
    let anywhere = (call as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8;
    [Fault::FlipBit(3), Fault::FlipBit(1_000 + 37 * call as u64), Fault::FlipBit(anywhere)]
}

/// Every fault that fits each of these calls, in order.
pub fn every_fault(calls: &[Verb]) -> Vec<Point> {
    let each = [
        Fault::StopBefore,
        Fault::StopAfter,
        Fault::FailBefore,
        Fault::FailAfter,
        Fault::AlreadyExists,
        Fault::Conflict,
        Fault::NotFound,
        Fault::Truncate(0),
        Fault::Truncate(120),
        Fault::Truncate(u64::MAX),
        Fault::EmptyList,
        Fault::DropFromList(2),
        Fault::IgnorePrecondition,
        Fault::StallBefore,
        Fault::StallAfter,
        Fault::RefuseHead,
        Fault::RefuseDelete,
        Fault::DeleteInVain,
        Fault::LandLate(3),
    ];
    let of = |(call, verb): (usize, &Verb)| {
        let all = each.into_iter().chain(flips(call));
        all.filter(|fault| fault.fits(*verb)).map(|fault| Point { call, fault }).collect::<Vec<_>>()
    };
    calls.iter().enumerate().flat_map(of).collect()
}

/// Plays each point of this turn; dying at a call is in every turn. How many were played. What one of them fails with
/// is said with the point.
pub fn under_all(points: &[Point], turn: Turn, play: impl Fn(Point) + Sync) -> usize {
    let dies = |point: &Point| matches!(point.fault, Fault::StopBefore | Fault::StopAfter);
    let chosen = points.iter().enumerate().filter(|(i, point)| turn.has(*i) || dies(point));
    let chosen: Vec<Point> = chosen.map(|(_, point)| *point).collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().min(8));
    std::thread::scope(|scope| {
        let work = || {
            while let Some(point) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| play(*point))) {
                    next.store(chosen.len(), Ordering::Relaxed);
                    // The panic's own words are out; these say where, and how to see it again.
                    let _ = std::io::Write::write_all(
                        &mut std::io::stderr(),
                        format!("at {point:?}; again: STRONGROOM_SEED={}\n", turn.seed).as_bytes(),
                    );
                    resume_unwind(panic);
                }
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
    });
    chosen.len()
}

/// Which share of the points is played.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    seed: usize,
    of: usize,
}

impl Turn {
    /// One of `turns`: that of the day, as many days after 1970, unless `asked` for another by the environment.
    pub fn of_day(turns: usize, days: u64, asked: impl Fn(&str) -> Option<String>) -> Self {
        let seed = asked("STRONGROOM_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(days as usize);
        Self { seed, of: if asked("STRONGROOM_LONG").is_some() { 1 } else { turns.max(1) } }
    }

    fn has(&self, point: usize) -> bool {
        // The days walk through all residues; neighbours fall on different days.
        point % self.of == self.seed % self.of
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn each_call_meets_all_that_fits_it_and_the_turns_make_up_the_whole() {
        let points = every_fault(&[Verb::Get, Verb::Create, Verb::List, Verb::Delete, Verb::Head]);
        let count = |call| points.iter().filter(|p| p.call == call).count();
        assert_eq!([0, 1, 2, 3, 4].map(count), [13, 10, 8, 9, 8]);
        let all = Turn { seed: 7, of: 1 };
        assert!((0..40).all(|point| all.has(point)));
        for point in 0..40 {
            assert_eq!((0..4).filter(|seed| Turn { seed: *seed, of: 4 }.has(point)).count(), 1);
        }
        let long = Turn::of_day(4, 9, |name| (name == "STRONGROOM_LONG").then(String::new));
        assert_eq!((long.seed, long.of), (9, 1));
        let again = Turn::of_day(4, 9, |name| (name == "STRONGROOM_SEED").then(|| "7".into()));
        assert_eq!((again.seed, again.of), (7, 4));
        let seen = Mutex::new(vec![]);
        let played = under_all(&points, all, |point| seen.lock().unwrap().push(point));
        assert_eq!((played, seen.lock().unwrap().len()), (points.len(), points.len()));
        let one = std::panic::catch_unwind(|| under_all(&points[..1], all, |_| panic!("found")));
        assert!(one.is_err());
    }
}
