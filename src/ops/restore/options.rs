//! What a restore is asked to do.

use std::path::PathBuf;

use super::select::Selected;
use crate::domain::path::RecordPath;
use crate::ops::fs::place::Owner;
use crate::ops::query::Which;

/// What to do with a file that is there already and is not the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// Refuse the whole restore before anything is written.
    #[default]
    Never,
    /// Replace it if its bytes or its time differ.
    IfChanged,
    /// Replace it in any case.
    Always,
}

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Records land at the folder plus their record path. It is made if it is not there.
    Folder(PathBuf),
    /// Records go back where they live: the first part of their paths, and the folder it stands for. What is
    /// replaced is kept beside it as `<name>.before-restore-<label>`.
    InPlace {
        /// Names in record paths, and where they lie on this computer.
        folders: Vec<(RecordPath, PathBuf)>,
        /// Marks the copies that are kept, such as a date.
        label: String,
    },
}

/// What a restore is asked to do.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// Which records.
    pub selection: Vec<Selected>,
    /// From which snapshots.
    pub which: Which,
    /// Records removed earlier, too.
    pub include_deleted: bool,
    /// Where to.
    pub to: Destination,
    /// What to do with files that are there already.
    pub overwrite: Overwrite,
    /// Whose the files are to be.
    pub owner: Owner,
    /// Packs that are fetched at the same time.
    pub connections: usize,
    /// In place of a snapshot that cannot be opened, the newest older one of its set that can.
    pub or_older: bool,
}

impl RestoreOptions {
    /// Everything of the newest snapshots into a folder, with every default.
    pub fn everything(to: impl Into<PathBuf>) -> Self {
        Self {
            selection: vec![Selected::All],
            which: Which::default(),
            include_deleted: false,
            to: Destination::Folder(to.into()),
            overwrite: Overwrite::Never,
            owner: Owner::Recorded,
            connections: 3,
            or_older: false,
        }
    }
}
