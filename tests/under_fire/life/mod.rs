//! A seeded life of a repository: two machines that back up, one that thins, prunes, tests and destroys, edits of
//! documents between, faults of the store by chance, deaths at any call, clocks that slip by up to ten years, caches
//! lost, a store that goes back in time or rots for a while; and months pass. The real code over a store in memory,
//! against a plain model (`model.rs`). One seed is one life.
//!
//! `STRONGROOM_SEED=N` plays one; `STRONGROOM_SEEDS=A..B` plays many.

mod end;
mod ground;
mod jobs;
mod model;
mod steps;
mod trouble;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ground::Ground;
use steps::Tally;

/// So many lives in every run of the tests.
const LIVES: u64 = 500;
/// So many steps make a life, before it ends well.
const STEPS: u32 = 16;

/// Plays one life. What it met is added to `tally`; its story is in `story` whatever happens.
fn live(seed: u64, tally: &mut Tally, story: &Mutex<Vec<String>>) {
    let mut ground = Ground::new(seed);
    ground.begin(tally);
    for _ in 0..STEPS {
        let line = ground.step(tally);
        story.lock().unwrap().push(line);
        ground.look(tally);
    }
    story.lock().unwrap().push("the end".into());
    ground.end_well(tally);
}

/// Plays these lives on all cores; the first that fails is told with its story.
fn lives(seeds: std::ops::Range<u64>) -> Tally {
    let (next, sum) = (AtomicU64::new(seeds.start), Mutex::new(Tally::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let (mut tally, story) = (Tally::default(), Mutex::new(vec![]));
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| live(seed, &mut tally, &story))) {
                next.store(seeds.end, Ordering::Relaxed);
                let story = story.lock().unwrap().join("\n  ");
                let told = format!("the life of seed {seed} (again: STRONGROOM_SEED={seed}):\n  {story}\n");
                let _ = std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes());
                resume_unwind(panic);
            }
            sum.lock().unwrap().add(&tally);
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in all {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
    });
    sum.into_inner().unwrap()
}

/// Which lives are asked for.
fn asked() -> std::ops::Range<u64> {
    let number = |text: &str| text.parse().unwrap();
    if let Ok(one) = std::env::var("STRONGROOM_SEED") {
        return number(&one)..number(&one) + 1;
    }
    let Ok(many) = std::env::var("STRONGROOM_SEEDS") else { return 0..LIVES };
    let (from, to) = many.split_once("..").unwrap();
    number(from)..number(to)
}

/// In these something was found once: a wrong answer of the program, or a condition that was too strict.
#[test]
fn lives_that_found_something_are_lived_again() {
    [0, 2_492, 4_108].into_iter().for_each(|seed| drop(lives(seed..seed + 1)));
}

#[test]
fn whatever_happens_in_a_life_nothing_is_lost_or_false_and_it_ends_well() {
    let seeds = asked();
    let lived = seeds.end - seeds.start;
    let tally = lives(seeds);
    println!("{lived} lives: {tally:?}");
    // A life in which nothing happens proves nothing.
    if lived >= 100 {
        tally.assert_eventful(lived);
    }
}
