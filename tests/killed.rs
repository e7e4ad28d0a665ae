//! The real program, killed again and again in the middle of backup and prune, some of it stopped for a moment before:
//! the next run goes on without any step by hand, and in the end everything is there and nothing else.
//!
//! `STRONGROOM_KILLS=N` says how many runs are to be killed, and three prunes for each five of them.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use strongroom::ops::fs::random_tree::Rng;
use support::world::files_of;

fn strongroom(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.arg("--home").arg(home).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Delays that grow until a run comes to its end by itself, and begin again a little shifted: so they are spread over the
/// length that a run takes, whatever that is.
struct Delays {
    first: u64,
    step: u64,
    next: u64,
    sweeps: u64,
}

impl Delays {
    fn new(first: u64, step: u64) -> Self {
        Self { first, step, next: first, sweeps: 0 }
    }

    fn after(&mut self, ended: bool) {
        self.sweeps += u64::from(ended);
        self.next = if ended { self.first + self.sweeps * 5 % self.step } else { self.next + self.step };
    }
}

/// What was done to the runs of one kind.
struct Killer {
    delays: Delays,
    dice: Rng,
    runs: u64,
    killed: u64,
    stopped: u64,
    longest: u64,
}

impl Killer {
    fn new(delays: Delays) -> Self {
        Self { delays, dice: Rng::new(1), runs: 0, killed: 0, stopped: 0, longest: 0 }
    }

    /// Runs as long as it is its turn to, then SIGKILL. Each third one is stopped on its way, for a moment of any length.
    fn run_and_kill(&mut self, home: &Path, arguments: &[&str]) {
        let millis = self.delays.next;
        let mut child = strongroom(home, arguments).spawn().unwrap();
        let before = if self.runs % 3 == 2 { self.dice.below(millis) } else { millis };
        std::thread::sleep(Duration::from_millis(before));
        if before < millis && child.try_wait().unwrap().is_none() {
            let pid = Pid::from_raw(child.id() as i32).unwrap();
            kill_process(pid, Signal::STOP).unwrap();
            std::thread::sleep(Duration::from_millis(self.dice.below(100)));
            kill_process(pid, Signal::CONT).unwrap();
            std::thread::sleep(Duration::from_millis(millis - before));
            self.stopped += 1;
        }
        let _ = child.kill();
        let out = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        let ended = out.status.code().is_some();
        self.runs += 1;
        self.killed += u64::from(!ended);
        self.longest = self.longest.max(if ended { 0 } else { millis });
        self.delays.after(ended);
    }
}

fn must(home: &Path, arguments: &[&str]) {
    let out = strongroom(home, arguments).output().unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}

fn fill(docs: &Path, round: u32) {
    for i in 0..60u32 {
        let mut x = i.wrapping_mul(7919) ^ (round * u32::from(i % 4 == 0)).wrapping_mul(104_729) | 1;
        let bytes: Vec<u8> = (0..200_000)
            .map(|_| {
                x ^= x << 13;
                x ^= x >> 17;
                x ^= x << 5;
                x as u8
            })
            .collect();
        std::fs::write(docs.join(format!("{i}.bin")), bytes).unwrap();
    }
}

/// What a killed writer left in the store under the name it was writing to.
fn half_written(home: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (vec![], vec![home.join("repository")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().contains('#') {
                found.push(entry.path());
            }
        }
    }
    found
}

fn grow_old(files: &[PathBuf]) {
    for file in files {
        let old = std::fs::metadata(file).unwrap().modified().unwrap() - Duration::from_secs(2 * 24 * 3600);
        std::fs::File::options().write(true).open(file).unwrap().set_modified(old).unwrap();
    }
}

#[test]
fn backup_and_prune_killed_at_growing_delays_converge() {
    let tmp = tempfile::tempdir().unwrap();
    let (home, docs) = (tmp.path().join("home"), tmp.path().join("Documents"));
    std::fs::create_dir(&docs).unwrap();
    fill(&docs, 0);
    let folder = docs.to_str().unwrap();
    let kills: u64 = std::env::var("STRONGROOM_KILLS").map_or(25, |n| n.parse().unwrap());
    let mut runs = Killer::new(Delays::new(15, 12));
    for step in 0..kills {
        if step % 6 == 5 {
            fill(&docs, step as u32);
        }
        runs.run_and_kill(&home, &["run", "--folder", folder]);
    }
    let killed = runs.killed;
    assert!(killed >= kills / 5, "only {killed} runs were killed: the delays are too long for this machine");
    must(&home, &["run", "--folder", folder]);
    let mut prunes = Killer::new(Delays::new(5, 8));
    for step in 0..kills * 3 / 5 {
        fill(&docs, 10_000 + step as u32);
        must(&home, &["backup"]);
        prunes.run_and_kill(&home, &["prune", "--keep-last", "1", "--grace", "0", "--yes"]);
    }
    let before = half_written(&home);
    grow_old(&before);
    must(&home, &["prune", "--keep-last", "1", "--grace", "0", "--yes"]);
    assert_eq!(half_written(&home), Vec::<PathBuf>::new(), "{} lay there before", before.len());
    must(&home, &["verify", "check"]);
    must(&home, &["verify", "restore", "--all"]);
    let back = tmp.path().join("back");
    must(&home, &["restore", "--all", "--to", back.to_str().unwrap()]);
    assert!(files_of(&docs, "Documents") == files_of(&back.join("Documents"), "Documents"));
    for (what, killer) in [("runs", runs), ("prunes", prunes)] {
        let Killer { runs, killed, stopped, longest, .. } = killer;
        println!(
            "{killed} of {runs} {what} were killed in the middle, the latest after {longest} ms; {stopped} were stopped \
             for a moment"
        );
    }
    println!("{} files were half-written", before.len());
}
