//! What a person means by a path: a record's, a live one on this computer, or only a name.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::hit::Hit;
use super::view::View;
use crate::domain::listing::Kind;
use crate::domain::path::RecordPath;
use crate::domain::pattern::Pattern;
use crate::ops::OpsError;

/// More hits than this are only counted.
pub const MOST_HITS: usize = 500;

/// What was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// No record fits.
    Nothing,
    /// One record.
    One(Box<Hit>),
    /// A folder: everything below it, in its newest state.
    Folder(RecordPath),
    /// Several records fit; a person must choose. The number of all may be larger than the list.
    Many(Vec<Hit>, u64),
}

impl View<'_> {
    /// Finds what is meant by `what`. `folders` says where the folders of records lie on this computer; where they
    /// lay when the backup was made is known besides.
    ///
    /// # Errors
    /// Damage and faults of the store.
    pub fn resolve(&mut self, what: impl AsRef<[u8]>, folders: &[(RecordPath, PathBuf)]) -> Result<Resolved, OpsError> {
        let what = what.as_ref();
        for path in self.candidates(what, folders) {
            if let Some(hit) = self.lookup(&path)? {
                return Ok(match hit.entry.kind {
                    Kind::Dir => Resolved::Folder(path),
                    _ => Resolved::One(Box::new(hit)),
                });
            }
            if self.has_below(&path)? {
                return Ok(Resolved::Folder(path));
            }
        }
        if what.starts_with(b"/") {
            return Ok(Resolved::Nothing);
        }
        self.by_name(&String::from_utf8_lossy(what))
    }

    /// The record paths that `what` can stand for.
    fn candidates(&self, what: &[u8], folders: &[(RecordPath, PathBuf)]) -> Vec<RecordPath> {
        if !what.starts_with(b"/") {
            let clean = what.strip_suffix(b"/").unwrap_or(what);
            return RecordPath::new(clean).into_iter().collect();
        }
        let live = Path::new(std::ffi::OsStr::from_bytes(what));
        let mut found: Vec<RecordPath> = record_path_of(live, folders).into_iter().collect();
        for chosen in &self.chosen {
            let lay = |f: &crate::domain::listing::Folder| {
                (f.name.clone(), PathBuf::from(std::ffi::OsStr::from_bytes(&f.source)))
            };
            let then: Vec<_> = chosen.root.folders.iter().map(lay).collect();
            found.extend(record_path_of(live, &then).filter(|p| !found.contains(p)));
        }
        found
    }

    fn has_below(&mut self, folder: &RecordPath) -> Result<bool, OpsError> {
        for at in 0..self.chosen.len() {
            let mut stream = self.stream(at, Some(folder), true)?;
            while let Some((entry, _)) = stream.next(&mut self.chunks)? {
                if entry.path.is_within(folder.as_bytes()) {
                    return Ok(true);
                }
                if super::view::is_past(&entry.path, folder) {
                    break;
                }
            }
        }
        Ok(false)
    }

    /// Whole names win over parts of names.
    fn by_name(&mut self, name: &str) -> Result<Resolved, OpsError> {
        let pattern = Pattern::new(name);
        let (mut whole, mut part) = ((vec![], 0u64), (vec![], 0u64));
        let several = self.chosen.len() > 1;
        self.find(&pattern, &mut |hit| {
            let (hits, count): &mut (Vec<Hit>, u64) =
                if pattern.is_name_of(&hit.path) { &mut whole } else { &mut part };
            // Two sets may know the same path: one record, as it is now or was last.
            if let Some(there) = hits.iter_mut().filter(|_| several).find(|h| h.path == hit.path) {
                if (hit.live, hit.last_seen) > (there.live, there.last_seen) {
                    *there = hit;
                }
                return Ok(());
            }
            *count += 1;
            if hits.len() < MOST_HITS {
                hits.push(hit);
            }
            Ok(())
        })?;
        let (mut hits, count) = if whole.1 > 0 { whole } else { part };
        match (count, hits.pop()) {
            (_, None) => Ok(Resolved::Nothing),
            (1, Some(hit)) if hit.entry.kind == Kind::Dir => Ok(Resolved::Folder(hit.path)),
            (1, Some(hit)) => Ok(Resolved::One(Box::new(hit))),
            (_, Some(last)) => {
                hits.push(last);
                Ok(Resolved::Many(hits, count))
            }
        }
    }
}

/// The record path of a live path: below the innermost folder that holds it.
pub fn record_path_of(live: &Path, folders: &[(RecordPath, PathBuf)]) -> Option<RecordPath> {
    let below = folders.iter().filter_map(|(name, at)| Some((name, at, live.strip_prefix(at).ok()?)));
    let (name, _, rest) = below.max_by_key(|(_, at, _)| at.components().count())?;
    rest.components().try_fold(name.clone(), |path, part| path.child(part.as_os_str().as_bytes()).ok())
}
