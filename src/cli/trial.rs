//! A trial: no configuration, everything below one folder on this computer. Which folders it is about is kept
//! beside its repository, so that every other command finds it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{Config, Folder, trial as configuration};
use crate::domain::path::RecordPath;
use crate::repo::error::RepoError;
use crate::repo::machine::StateDir;

const FILE: &str = "trial.json";
/// A retention scheme to try out, where somebody puts it.
pub const SCHEME: &str = "retention.toml";

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    folders: Vec<PathBuf>,
}

/// The configuration of the trial below `home`, if one was begun.
pub fn load(home: &Path) -> Option<Config> {
    let kept: Kept = StateDir::new(home).load_json(FILE)?;
    build(home, &kept.folders)
}

/// The file of a trial that was begun and cannot be read.
pub fn damaged(home: &Path) -> Option<PathBuf> {
    let file = home.join(FILE);
    (file.exists() && load(home).is_none()).then_some(file)
}

/// Begins a trial of `folders` (absolute paths), or adds them to the one that is there.
///
/// # Errors
/// [`RepoError::Local`] when it cannot be kept.
pub fn begin(home: &Path, folders: &[PathBuf]) -> Result<Option<Config>, RepoError> {
    let dir = StateDir::new(home);
    let mut kept: Kept = dir.load_json(FILE).unwrap_or_default();
    let before = kept.folders.len();
    for folder in folders {
        if !kept.folders.contains(folder) {
            kept.folders.push(folder.clone());
        }
    }
    if kept.folders.len() != before {
        dir.save_json(FILE, &kept)?;
    }
    Ok(build(home, &kept.folders))
}

fn build(home: &Path, folders: &[PathBuf]) -> Option<Config> {
    let (first, others) = folders.split_first()?;
    let mut config = configuration(home, first);
    let set = config.sets.first_mut()?;
    for path in others {
        let wanted = configuration(home, path).sets.first()?.folders.first()?.name.clone();
        let name = free_name(&set.folders, wanted);
        set.folders.push(Folder { path: path.clone(), name });
    }
    config.scheme = Some(home.join(SCHEME)).filter(|file| file.is_file());
    Some(config)
}

/// Two folders called alike get numbers, in the order in which they came.
fn free_name(taken: &[Folder], wanted: RecordPath) -> RecordPath {
    let is_free = |name: &RecordPath| taken.iter().all(|f| f.name != *name);
    let numbered = (2u32..).map(|n| [wanted.as_bytes(), format!("-{n}").as_bytes()].concat());
    let names = std::iter::once(wanted.as_bytes().to_vec()).chain(numbered);
    names.filter_map(|bytes| RecordPath::new(bytes).ok()).find(is_free).unwrap_or(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_remembers_its_folders_and_tells_namesakes_apart() {
        let home = tempfile::tempdir().unwrap();
        assert!(load(home.path()).is_none());
        begin(home.path(), &["/srv/a/Docs".into()]).unwrap();
        begin(home.path(), &["/srv/b/Docs".into(), "/srv/a/Docs".into()]).unwrap();
        let config = load(home.path()).unwrap();
        let names: Vec<String> = config.sets[0].folders.iter().map(|f| f.name.to_string()).collect();
        assert_eq!(names, ["Docs", "Docs-2"]);
        assert!(config.trial);
    }
}
