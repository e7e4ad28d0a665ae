//! What a killed writer leaves in a folder used as a store: files that were being written under another name.
//!
//! A young one may be somebody's who is at it; after a day nobody is. Only what is named exactly so is touched.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::{Store, StoreError, to_timestamp};
use crate::repo::layout::{HEARTBEAT, INDEX, KEYS, Key, LOG, NOTES, PACKS};

/// An object is written within minutes.
const OLD: SignedDuration = SignedDuration::from_hours(24);

impl Store {
    /// Removes what was left half-written in a folder more than a day before `now`: how many files, of how many bytes.
    /// Of any other kind of store, nothing.
    ///
    /// # Errors
    /// The folder cannot be read, or what is in it not be removed.
    pub fn remove_leftovers(&self, now: Timestamp) -> Result<(u64, u64), StoreError> {
        let (mut files, mut bytes) = (0, 0);
        let Some(base) = &self.folder else { return Ok((0, 0)) };
        let fail = |e: std::io::Error| StoreError::of_folder("delete", self.address(), &e);
        for (path, name) in half_written(base).map_err(fail)? {
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            let written = meta.modified().map(to_timestamp).map_err(fail)?;
            if !meta.is_file() || !is_half_of_ours(&name) || now.duration_since(written) <= OLD {
                continue;
            }
            match fs::remove_file(&path) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                other => {
                    other.map_err(fail)?;
                    (files, bytes) = (files + 1, bytes + meta.len());
                }
            }
        }
        Ok((files, bytes))
    }
}

/// The files of our folders that have a `#` in their names, and these names below the base.
fn half_written(base: &Path) -> std::io::Result<Vec<(PathBuf, String)>> {
    let mut found = vec![];
    let mut folders = vec![(base.to_owned(), String::new())];
    while let Some((folder, above)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let ours = above.is_empty() && [HEARTBEAT, INDEX, KEYS, LOG, NOTES, PACKS].contains(&name.as_str());
            let fan = above == format!("{PACKS}/") && name.len() == 2;
            if entry.file_type()?.is_dir() {
                if ours || fan {
                    folders.push((entry.path(), format!("{above}{name}/")));
                }
            } else if name.contains('#') {
                found.push((entry.path(), format!("{above}{name}")));
            }
        }
    }
    Ok(found)
}

/// `<place of an object>#<number>`.
fn is_half_of_ours(name: &str) -> bool {
    let number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    name.rsplit_once('#').is_some_and(|(object, n)| number(n) && Key::parse(object).is_some())
}

#[cfg(test)]
mod tests {
    use super::super::{StoreOptions, open};
    use super::*;

    #[test]
    fn only_old_halves_of_our_own_objects_go() {
        let (tmp, runtime) = (tempfile::tempdir().unwrap(), tokio::runtime::Runtime::new().unwrap());
        let url = format!("file://{}", tmp.path().display());
        let store = open(&StoreOptions { url, ..StoreOptions::default() }, runtime.handle()).unwrap();
        let digest = "ab".repeat(32);
        let half = |name: &str| {
            let path = tmp.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"half").unwrap();
        };
        let gone =
            [format!("packs/ab/{digest}.age#1"), format!("index/{digest}.age#12"), "log/0000000007.age#1".into()];
        let stay = [
            format!("packs/ab/{digest}.age"),
            format!("packs/ab/{digest}.age#"),
            format!("packs/cd/{digest}.age#1"),
            "packs/ab/notes.txt#1".into(),
            format!("other/{digest}.age#1"),
        ];
        gone.iter().chain(&stay).for_each(|n| half(n));
        let now = to_timestamp(fs::metadata(tmp.path().join(&gone[0])).unwrap().modified().unwrap());
        assert_eq!(store.remove_leftovers(now).unwrap(), (0, 0), "somebody may be at it");
        let later = now.checked_add(OLD + SignedDuration::from_mins(1)).unwrap();
        assert_eq!(store.remove_leftovers(later).unwrap(), (3, 12));
        assert!(gone.iter().all(|n| !tmp.path().join(n).exists()));
        assert!(stay.iter().all(|n| tmp.path().join(n).exists()));
        assert_eq!(store.remove_leftovers(later).unwrap(), (0, 0));
    }
}
