//! What benches measure besides the time that passes: processor time, which says more on a busy machine, and memory.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

/// Time so far: what passed, and what this process had of the processors (in hundredths of a second).
pub struct Spent(Instant, u64);

impl Spent {
    /// Until now.
    pub fn so_far() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        Self(Instant::now(), fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap())
    }

    /// What was spent in between, in words.
    pub fn since(&self, start: &Self) -> String {
        format!("{:.1?} ({:.1} s of processor time)", self.0 - start.0, (self.1 - start.1) as f64 / 100.0)
    }
}

/// A line of this process's memory: `VmRSS` is what it has now, `VmHWM` the most since [`forget_peak`].
pub fn kib(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with(what)).unwrap().to_owned();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The high water mark begins here.
pub fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}
