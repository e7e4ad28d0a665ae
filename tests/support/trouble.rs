//! Trouble that a server makes of its own accord: of a thousand requests so many fail with an internal error, one half of
//! them after they took effect. Which ones, and how, is drawn from a seed.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// When a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing was done.
    Before,
    /// It was done, and nobody is told.
    After,
}

/// How much trouble, and what was made of it so far.
#[derive(Default)]
pub struct Trouble {
    rate: AtomicU32,
    seed: AtomicU64,
    asked: AtomicU64,
    before: AtomicU64,
    after: AtomicU64,
}

impl Trouble {
    /// From now on so many of a thousand requests fail; 0 is none.
    pub fn make(&self, rate: u32, seed: u64) {
        self.seed.store(seed, Ordering::SeqCst);
        self.asked.store(0, Ordering::SeqCst);
        self.rate.store(rate, Ordering::SeqCst);
    }

    /// What becomes of the next request.
    pub fn next(&self) -> Option<Moment> {
        let n = self.asked.fetch_add(1, Ordering::SeqCst);
        let drawn = mixed(self.seed.load(Ordering::SeqCst) ^ mixed(n));
        if drawn % 1000 >= u64::from(self.rate.load(Ordering::SeqCst)) {
            return None;
        }
        let moment = if drawn >> 40 & 1 == 0 { Moment::Before } else { Moment::After };
        let made = if moment == Moment::Before { &self.before } else { &self.after };
        made.fetch_add(1, Ordering::SeqCst);
        Some(moment)
    }

    /// How many requests failed before and after they took effect.
    pub fn made(&self) -> (u64, u64) {
        (self.before.load(Ordering::SeqCst), self.after.load(Ordering::SeqCst))
    }
}

/// SplitMix64's last step: nearby numbers become unlike ones.
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
