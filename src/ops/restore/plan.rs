//! What a restore would do, before anything is touched.

use std::path::Path;

use super::item::{Doing, Item, What};
use super::look::{Sight, look};
use super::options::{Destination, Overwrite, RestoreOptions};
use super::place::Places;
use super::report::MAX_LISTED;
use super::select::select;
use crate::domain::id::SnapshotId;
use crate::domain::listing::{Entry, Piece, Pieces};
use crate::domain::path::RecordPath;
use crate::domain::problem::Problem;
use crate::ops::fs::existing::free_space;
use crate::ops::fs::place::Owner;
use crate::ops::query::View;
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::listing::read_pieces;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// How many of the things in the way are named.
const NAMED: usize = 5;
/// Packs fetched at the same time for numbered files.
const CONNECTIONS: usize = 2;

/// A restore, decided. Consumed by [`super::apply`].
pub struct RestorePlan {
    pub(super) items: Vec<Item>,
    pub(super) places: Places,
    pub(super) overwrite: Overwrite,
    pub(super) connections: usize,
    pub(super) in_place: bool,
    /// The snapshots it restores from.
    pub snapshots: Vec<SnapshotId>,
    /// Snapshots that are not the newest since a mass change waits for a person.
    pub held_back: Vec<SnapshotId>,
    /// What is passed over since another set holds its folder now, a sentence each.
    pub passed_over: Vec<String>,
    /// What is in the way: the first of it. While there is any, nothing is applied.
    pub in_the_way: Vec<String>,
    /// How much is in the way.
    pub in_the_way_count: u64,
    /// Damage met while planning.
    pub problems: Vec<Problem>,
    /// Bytes that will be written.
    pub bytes: u64,
}

/// One line of a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned<'p> {
    /// The record.
    pub path: &'p RecordPath,
    /// Its length.
    pub size: u64,
    /// What it is.
    pub what: What,
    /// What would be done.
    pub doing: Doing,
}

/// Decides what to do, and looks for what is in the way. Writes nothing.
///
/// # Errors
/// [`OpsError::NotFound`] when nothing fits; [`OpsError::Target`] when the folder cannot be used or has no room;
/// [`OpsError::Usage`] when a record cannot go back in place; faults of the store.
pub fn plan(
    repo: &mut Repository,
    options: &RestoreOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<RestorePlan, OpsError> {
    let mut nonce = [0; 8];
    repo.env.entropy.fill(&mut nonce);
    let places = Places::look(&options.to, options.owner, u64::from_le_bytes(nonce))?;
    let key = repo.chunk_key();
    monitor.stage("reading the listing", None);
    let open = if options.or_older { View::open_or_older } else { View::open };
    let mut view = open(repo, &options.which)?;
    let selection = select(&mut view, &options.selection, options.include_deleted)?;
    if selection.items.is_empty() && selection.problems.is_empty() {
        return Err(OpsError::NotFound(nothing(selection.hidden)));
    }
    let mut plan = RestorePlan {
        items: selection.items,
        places,
        overwrite: options.overwrite,
        connections: options.connections.max(1),
        in_place: matches!(options.to, Destination::InPlace { .. }),
        snapshots: view.chosen.iter().map(|c| c.id).collect(),
        held_back: view.chosen.iter().filter(|c| c.held_back).map(|c| c.id).collect(),
        passed_over: view.passed_over(),
        in_the_way: vec![],
        in_the_way_count: 0,
        problems: selection.problems,
        bytes: 0,
    };
    monitor.stage("looking at the target", Some(plan.items.len() as u64));
    plan.look(&mut view.chunks, &key, monitor, stop)?;
    plan.check_space()?;
    Ok(plan)
}

/// Decides to bring these files back below a folder, each under its place in the list: several may be versions of one
/// record. Whose they were is left out.
///
/// # Errors
/// [`OpsError::Target`] when the folder cannot be used or has no room; faults of the store.
pub fn plan_numbered(repo: &mut Repository, entries: &[&Entry], dir: &Path) -> Result<RestorePlan, OpsError> {
    let mut nonce = [0; 8];
    repo.env.entropy.fill(&mut nonce);
    let places = Places::look(&Destination::Folder(dir.into()), Owner::OfFolder, u64::from_le_bytes(nonce))?;
    let mut chunks = repo.chunks()?;
    let (mut items, mut bytes) = (vec![], 0);
    for (number, entry) in entries.iter().enumerate() {
        let path = RecordPath::new(number.to_string()).map_err(|e| OpsError::Usage(e.to_string()))?;
        if let Some(item) = Item::new(&Entry { path, ..(*entry).clone() })? {
            bytes += data(&mut chunks, &item)?;
            items.push(item);
        }
    }
    items.sort_by(|a, b| a.path.cmp(&b.path));
    let plan = RestorePlan {
        items,
        places,
        overwrite: Overwrite::Never,
        connections: CONNECTIONS,
        in_place: false,
        snapshots: vec![],
        held_back: vec![],
        passed_over: vec![],
        in_the_way: vec![],
        in_the_way_count: 0,
        problems: vec![],
        bytes,
    };
    plan.check_space()?;
    Ok(plan)
}

fn nothing(hidden: u64) -> String {
    match hidden {
        0 => "nothing that was backed up fits; 'strongroom find' searches by a part of the name".into(),
        n => format!("nothing that is there now fits, but {n} deleted records do: add --deleted"),
    }
}

impl RestorePlan {
    fn look(
        &mut self,
        chunks: &mut ChunkReader<'_>,
        key: &crate::repo::chunk::ChunkKey,
        monitor: &dyn Monitor,
        stop: &Stop,
    ) -> Result<(), OpsError> {
        for at in 0..self.items.len() {
            stop.check()?;
            let item = &self.items[at];
            if item.link.is_some_and(|l| !self.places.together(&item.path, &self.items[l as usize].path)) {
                self.items[at].link = None;
            }
            let item = &self.items[at];
            match look(&self.places, item, self.overwrite, key)? {
                Sight::Do(doing) => {
                    if doing != Doing::Nothing && item.what == What::File && item.link.is_none() {
                        self.bytes += data(chunks, item)?;
                    }
                    self.items[at].doing = doing;
                }
                Sight::InTheWay(what) => {
                    self.in_the_way_count += 1;
                    if self.in_the_way.len() < MAX_LISTED {
                        self.in_the_way.push(what);
                    }
                }
            }
            monitor.advance(1);
        }
        Ok(())
    }

    fn check_space(&self) -> Result<(), OpsError> {
        for dir in self.places.dirs() {
            if let Some(free) = free_space(dir).filter(|free| *free < self.bytes) {
                return Err(OpsError::Target(format!(
                    "{} has {free} bytes free, the restore needs {}; nothing was written: choose another target",
                    dir.display(),
                    self.bytes
                )));
            }
        }
        Ok(())
    }

    /// An error while anything is in the way.
    ///
    /// # Errors
    /// [`OpsError::InTheWay`] names the first few.
    pub fn check_way(&self) -> Result<(), OpsError> {
        if self.in_the_way_count == 0 {
            return Ok(());
        }
        let named: Vec<&str> = self.in_the_way.iter().take(NAMED).map(String::as_str).collect();
        let more = match self.in_the_way_count as usize - named.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        Err(OpsError::InTheWay(format!(
            "nothing was written, since something is there already: {}{more}",
            named.join(", ")
        )))
    }

    /// Every item, for a preview.
    pub fn items(&self) -> impl Iterator<Item = Planned<'_>> {
        let planned = |i: &'_ Item| (i.size, i.what, i.doing);
        self.items.iter().filter(|i| !i.implied).map(move |i| {
            let (size, what, doing) = planned(i);
            Planned { path: &i.path, size, what, doing }
        })
    }

    /// How many regular files it is about, those that are there already included.
    pub fn files(&self) -> u64 {
        self.items.iter().filter(|i| i.what == What::File).count() as u64
    }
}

/// Bytes that take room on a disk: holes do not.
fn data(chunks: &mut ChunkReader<'_>, item: &Item) -> Result<u64, OpsError> {
    let content = item.content()?;
    let sum = |pieces: &[Piece]| pieces.iter().filter(|p| p.chunk().is_some()).map(Piece::len).sum::<u64>();
    Ok(match &content.pieces {
        Pieces::Inline(pieces) => sum(pieces),
        Pieces::Listed(_) => match read_pieces(chunks, &content) {
            Ok(pieces) => sum(&pieces),
            // Found again, and reported, when the file is restored.
            Err(e) if e.is_damage() => content.size,
            Err(e) => return Err(e.into()),
        },
    })
}
