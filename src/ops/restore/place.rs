//! Where record paths lead on this computer: below one folder, or back to the folders they came from.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::options::Destination;
use crate::domain::listing::Meta;
use crate::domain::path::RecordPath;
use crate::ops::OpsError;
use crate::ops::fs::place::{Owner, PlaceError, Placed, Target, TargetOptions};

/// One folder that is restored into.
#[derive(Debug)]
struct Place {
    /// What record paths begin with; empty when whole record paths are put below the folder.
    prefix: Vec<u8>,
    dir: PathBuf,
    target: Option<Target>,
    /// It was not there before.
    made: bool,
}

/// All folders that are restored into.
#[derive(Debug)]
pub(super) struct Places {
    places: Vec<Place>,
    options: TargetOptions,
    /// Copies of what is replaced are kept under this mark.
    pub keep: Option<String>,
}

/// Where one record goes.
pub(super) enum Spot<'p> {
    /// Below a folder; it may not be there yet, then the target is missing.
    Below(Option<&'p Target>, RecordPath),
    /// It is the folder itself.
    Itself,
    /// No folder is known for it.
    Nowhere,
}

impl Places {
    /// Looks at what is there; makes nothing.
    ///
    /// # Errors
    /// [`OpsError::Target`] when a folder is there and cannot be used.
    pub fn look(to: &Destination, owner: Owner, nonce: u64) -> Result<Self, OpsError> {
        let options = TargetOptions { owner, nonce };
        let (folders, keep) = match to {
            Destination::Folder(dir) => (vec![(vec![], dir.clone())], None),
            Destination::InPlace { folders, label } => {
                let bytes = |(name, dir): &(RecordPath, PathBuf)| (name.as_bytes().to_vec(), dir.clone());
                (folders.iter().map(bytes).collect(), Some(format!(".before-restore-{label}")))
            }
        };
        let mut places = vec![];
        for (prefix, dir) in folders {
            let target = match dir.symlink_metadata() {
                Ok(_) => Some(Target::open(&dir, options).map_err(unusable)?),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
                Err(e) => return Err(OpsError::Target(format!("{}: {e}", dir.display()))),
            };
            places.push(Place { prefix, dir, target, made: false });
        }
        Ok(Self { places, options, keep })
    }

    /// Makes the folders of these records that are not there.
    ///
    /// # Errors
    /// [`OpsError::Target`].
    pub fn make<'p>(&mut self, paths: impl Iterator<Item = &'p RecordPath>) -> Result<(), OpsError> {
        let mut wanted = vec![false; self.places.len()];
        for path in paths {
            if let Some(at) = self.index(path) {
                wanted[at] = true;
            }
        }
        for (place, _) in self.places.iter_mut().zip(wanted).filter(|(p, wanted)| *wanted && p.target.is_none()) {
            place.target = Some(Target::create(&place.dir, self.options).map_err(unusable)?);
            place.made = true;
        }
        Ok(())
    }

    fn index(&self, path: &RecordPath) -> Option<usize> {
        let fits = |p: &Place| p.prefix.is_empty() || path.is_within(&p.prefix);
        let fitting = self.places.iter().enumerate().filter(|(_, p)| fits(p));
        fitting.max_by_key(|(_, p)| p.prefix.len()).map(|(at, _)| at)
    }

    /// Where a record goes.
    pub fn spot(&self, path: &RecordPath) -> Spot<'_> {
        let Some(place) = self.index(path).map(|at| &self.places[at]) else { return Spot::Nowhere };
        if place.prefix.is_empty() {
            return Spot::Below(place.target.as_ref(), path.clone());
        }
        let rest = path.as_bytes().get(place.prefix.len() + 1..).unwrap_or_default();
        match RecordPath::new(rest) {
            Ok(below) => Spot::Below(place.target.as_ref(), below),
            Err(_) => Spot::Itself,
        }
    }

    /// The open folder and the path below it; after [`Places::make`].
    pub fn open(&self, path: &RecordPath) -> Option<(&Target, RecordPath)> {
        match self.spot(path) {
            Spot::Below(Some(target), below) => Some((target, below)),
            _ => None,
        }
    }

    /// Whether two records go below the same folder, so that one can be a further name of the other.
    pub fn together(&self, a: &RecordPath, b: &RecordPath) -> bool {
        self.index(a) == self.index(b)
    }

    /// Gives a folder that was made anew what is recorded about it. Of other folders nothing is changed.
    pub fn finish_itself(&self, path: &RecordPath, meta: &Meta) -> Result<Option<Placed>, PlaceError> {
        let Some(place) = self.index(path).map(|at| &self.places[at]).filter(|p| p.made) else { return Ok(None) };
        let (Some(above), Some(name)) = (place.dir.parent(), place.dir.file_name()) else { return Ok(None) };
        let Ok(name) = RecordPath::new(name.as_bytes()) else { return Ok(None) };
        let above = if above.as_os_str().is_empty() { Path::new(OsStr::new(".")) } else { above };
        Target::open(above, self.options)?.finish_dir(&name, meta).map(Some)
    }

    /// Every folder that is open, and whether it was there before.
    pub fn targets(&self) -> impl Iterator<Item = (&Target, bool)> {
        self.places.iter().filter_map(|p| p.target.as_ref().map(|t| (t, !p.made)))
    }

    /// The folders as they were named.
    pub fn dirs(&self) -> impl Iterator<Item = &Path> {
        self.places.iter().map(|p| p.dir.as_path())
    }
}

/// What an error of the folder as a whole is.
pub(super) fn unusable(e: PlaceError) -> OpsError {
    OpsError::Target(e.to_string())
}
