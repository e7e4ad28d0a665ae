//! Real SIGKILLs whose moments are counted in what a run was seen to do, not in time: so a fast machine and a slow one are killed
//! alike often, as long as who watches gets to look.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// What lies below some folders.
type Sight = BTreeSet<(PathBuf, u64, Option<SystemTime>)>;

/// Longer than any run takes: one that hangs fails.
const PATIENCE: Duration = Duration::from_secs(180);

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

/// Runs it until so many files below `folders` were seen to be new or changed, then SIGKILL. How it ended, where it ended by
/// itself before that.
pub fn kill_after_changes(mut command: Command, folders: &[&Path], changes: usize) -> Option<Output> {
    let now = || {
        let mut sight = Sight::new();
        folders.iter().for_each(|folder| look(folder, &mut sight));
        sight
    };
    let (mut before, mut seen, began) = (now(), 0, Instant::now());
    let words = tempfile::NamedTempFile::new().unwrap();
    let said = || Stdio::from(words.as_file().try_clone().unwrap());
    let mut child = command.stdout(said()).stderr(said()).spawn().unwrap();
    let mut ended = None;
    while seen < changes && ended.is_none() {
        ended = child.try_wait().unwrap();
        let after = now();
        seen += after.difference(&before).count();
        before = after;
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} hangs: {}", std::fs::read_to_string(words.path()).unwrap());
        }
    }
    let status = ended.unwrap_or_else(|| {
        child.kill().unwrap();
        child.wait().unwrap()
    });
    let ours = status.signal() == Some(9);
    let said = std::fs::read(words.path()).unwrap();
    assert!(ours || status.code().is_some(), "{command:?} died: {status}: {}", String::from_utf8_lossy(&said));
    (!ours).then_some(Output { status, stdout: vec![], stderr: said })
}
