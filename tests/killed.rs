//! The real program, killed again and again in the middle of backup and prune: the next run goes on without any
//! step by hand, and in the end everything is there and nothing else.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use support::world::files_of;

fn strongroom(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.arg("--home").arg(home).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Runs for `millis`, then SIGKILL. Says whether it had ended by itself.
fn run_and_kill(home: &Path, arguments: &[&str], millis: u64) -> bool {
    let mut child = strongroom(home, arguments).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(millis));
    let ended = child.try_wait().unwrap().is_some();
    let _ = child.kill();
    child.wait().unwrap();
    ended
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
    let mut killed = 0;
    for step in 0..25 {
        if step % 6 == 5 {
            fill(&docs, step as u32);
        }
        killed += u32::from(!run_and_kill(&home, &["run", "--folder", folder], 15 + step * 12));
    }
    assert!(killed >= 5, "only {killed} runs were killed: the delays are too long for this machine");
    must(&home, &["run", "--folder", folder]);
    for step in 0..15 {
        fill(&docs, 100 + step as u32);
        must(&home, &["backup"]);
        run_and_kill(&home, &["prune", "--keep-last", "1", "--grace", "0", "--yes"], 5 + step * 8);
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
    println!("{killed} of 25 runs were killed in the middle; {} files were half-written", before.len());
}
