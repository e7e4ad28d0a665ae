//! Whether a set's folders may be backed up as they are: an unmounted share must never look like a deletion.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::BackupOptions;
use crate::ops::error::{OpsError, SourceFault};
use crate::ops::fs::mount::{MountEntry, mount_of};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// What is remembered of a folder's mount: never a device number, and a device's name only on a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    mount_point: String,
    fs_type: String,
    share: Option<String>,
}

/// The mounts of a set's folders.
pub type Mounts = BTreeMap<String, Remembered>;

impl Remembered {
    fn of(entry: &MountEntry) -> Self {
        let share = (entry.source.starts_with("//") || entry.source.contains(":/")).then(|| entry.source.clone());
        Self { mount_point: entry.mount_point.to_string_lossy().into_owned(), fs_type: entry.fs_type.clone(), share }
    }
}

fn file(options: &BackupOptions) -> String {
    format!("sets/{}.mounts.json", options.set)
}

fn fault(folder: &Path, kind: SourceFault, what: impl Into<String>) -> OpsError {
    OpsError::Source { folder: folder.into(), kind, what: what.into() }
}

/// A set belongs to the machine that made its newest snapshot, for as long as that machine is on the roster.
pub fn check_owner(repo: &Repository, options: &BackupOptions) -> Result<(), OpsError> {
    let Some(newest) = repo.state().newest(&options.set) else { return Ok(()) };
    let own = repo.machine.as_ref().map(|m| m.id);
    if Some(newest.machine) == own {
        return Ok(());
    }
    let Some(other) = repo.state().actor_at(&newest.actor, repo.state().next) else { return Ok(()) };
    Err(OpsError::InTheWay(format!(
        "the set '{}' is backed up by another machine ({}). Give this machine's set another name; if this machine \
         replaces that one, run: strongroom actor revoke {}",
        options.set, other.name, other.name
    )))
}

/// Checks each folder: there, readable, on the mount it was on, and not empty unless it may be.
pub fn check(repo: &Repository, options: &BackupOptions) -> Result<Mounts, OpsError> {
    let before: Mounts = repo.dir().and_then(|d| d.load_json(&file(options))).unwrap_or_default();
    let seen_before = repo.state().newest(&options.set).is_some();
    let mut now = Mounts::new();
    for source in &options.folders {
        let path = &source.path;
        let mut items = std::fs::read_dir(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                fault(path, SourceFault::Missing, "the folder is not there; is its disk or share connected?")
            }
            _ => fault(path, SourceFault::Unreadable, format!("the folder cannot be read: {e}")),
        })?;
        let mount = mount_of(path).map_err(|e| fault(path, SourceFault::Unreadable, e.to_string()))?;
        let mount = Remembered::of(&mount);
        let key = path.to_string_lossy().into_owned();
        if let Some(old) = before.get(&key).filter(|old| **old != mount && !options.accept_mounts) {
            let was = old.share.as_deref().unwrap_or(&old.mount_point);
            return Err(fault(
                path,
                SourceFault::Unmounted,
                format!(
                    "it used to lie on {was} and does not now; connect that, or run 'strongroom backup --accept-mounts' if the change is meant"
                ),
            ));
        }
        if seen_before && !options.allow_empty && items.next().is_none() {
            let what = "the folder is empty and was not before; if that is meant, set allow_empty = true for the set";
            return Err(fault(path, SourceFault::Empty, what));
        }
        now.insert(key, mount);
    }
    Ok(now)
}

/// Remembers the mounts after a snapshot was committed.
pub fn remember(repo: &Repository, options: &BackupOptions, mounts: &Mounts) -> Result<(), RepoError> {
    match repo.dir() {
        Some(dir) => dir.save_json(&file(options), mounts),
        None => Ok(()),
    }
}
