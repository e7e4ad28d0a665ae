//! Real SIGKILLs whose moments are counted in what a run has done, never in time: so a fast machine and a slow one
//! are killed alike often.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

/// What lies below some folders.
type Sight = BTreeSet<(PathBuf, u64, Option<SystemTime>)>;

fn look(folder: &Path, sight: &mut Sight) {
    // What goes away while it is looked at is seen the next time.
    for item in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match item.metadata() {
            Ok(m) if m.is_dir() => look(&item.path(), sight),
            Ok(m) => drop(sight.insert((item.path(), m.len(), m.modified().ok()))),
            Err(_) => {}
        }
    }
}

/// Runs it until the files below `folders` were seen to change so many times, then SIGKILL. How it ended, where it ended
/// before that by itself.
pub fn kill_after_changes(mut command: Command, folders: &[&Path], changes: u32) -> Option<Output> {
    let now = || {
        let mut sight = Sight::new();
        folders.iter().for_each(|folder| look(folder, &mut sight));
        sight
    };
    let (mut before, mut left) = (now(), changes);
    let mut child = command.spawn().unwrap();
    while left > 0 {
        if child.try_wait().unwrap().is_some() {
            return Some(child.wait_with_output().unwrap());
        }
        let after = now();
        left -= u32::from(after != before);
        before = after;
    }
    child.kill().unwrap();
    let out = child.wait_with_output().unwrap();
    out.status.code().is_some().then_some(out)
}
