//! Very many small answers, worked out on all processors and handed out in order.
//!
//! Only a few blocks are in memory at once, however slowly they are taken.

use std::sync::mpsc::sync_channel;
use std::thread::{available_parallelism, scope};

/// So many answers are handed over together.
const BLOCK: usize = 512;
/// No more threads than this.
const MOST: usize = 8;

/// Hands `make(0)`, `make(1)`, … to `each`, up to `count` of them.
///
/// # Errors
/// The first of `each`; it is not called again.
pub fn in_order<T: Send, E>(
    count: usize,
    make: &(impl Fn(usize) -> T + Sync),
    each: &mut dyn FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let workers = available_parallelism().map_or(1, usize::from).min(MOST).min(count.div_ceil(BLOCK));
    if workers < 2 {
        return (0..count).try_for_each(|number| each(make(number)));
    }
    scope(|scope| {
        let made = |worker: usize| {
            let (out, blocks) = sync_channel(1);
            scope.spawn(move || {
                for from in (worker * BLOCK..count).step_by(workers * BLOCK) {
                    let block: Vec<T> = (from..count.min(from + BLOCK)).map(make).collect();
                    if out.send(block).is_err() {
                        break;
                    }
                }
            });
            blocks
        };
        let made: Vec<_> = (0..workers).map(made).collect();
        for block in 0..count.div_ceil(BLOCK) {
            // A thread that died says so itself: the scope does not end in peace then.
            let Ok(block) = made[block % workers].recv() else { break };
            block.into_iter().try_for_each(&mut *each)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_come_once_and_in_order() {
        for count in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 10 * BLOCK + 3] {
            let mut all = vec![];
            let done = in_order(count, &|n| n * 3, &mut |n| {
                all.push(n);
                Ok::<_, ()>(())
            });
            assert_eq!((done, all), (Ok(()), (0..count).map(|n| n * 3).collect::<Vec<_>>()));
        }
    }

    #[test]
    fn nothing_comes_after_an_error() {
        let mut taken = 0;
        let done = in_order(50 * BLOCK, &|n| n, &mut |n| {
            taken += 1;
            if n == BLOCK + 7 { Err(n) } else { Ok(()) }
        });
        assert_eq!((done, taken), (Err(BLOCK + 7), BLOCK + 8));
    }

    #[test]
    #[should_panic]
    fn what_died_is_not_taken_for_the_end() {
        let make = |n: usize| assert!(n != 3 * BLOCK, "this one cannot be made");
        let _ = in_order(5 * BLOCK, &make, &mut |()| Ok::<_, ()>(()));
    }
}
