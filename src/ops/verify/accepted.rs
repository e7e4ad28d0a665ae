//! What a person accepted as lost: known by its pieces, so that new damage is never taken for old.
//!
//! The names stand in sealed notes. A note that cannot be read accepts nothing: its records are damage again.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::{Content, Entry, Kind, Pieces};
use crate::domain::log::bits::Bits;
use crate::domain::log::state::State;
use crate::domain::path::RecordPath;
use crate::domain::retention::plan::path_text;
use crate::ops::retention::note;
use crate::repo::error::RepoError;
use crate::repo::listing::chunks_of;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// The kind of the note.
pub const LOSS: &str = "loss";

/// A path in a note.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Named(#[serde(with = "path_text")] pub RecordPath);

/// A record that cannot be restored any more, as the note has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostRecord {
    /// Its set.
    pub set: String,
    /// Which; of a page of a listing the first of its records, of a whole listing nothing.
    pub path: Option<Named>,
    /// How many records: more than one where a page of a listing is lost.
    pub records: u64,
    /// The snapshots whose version it is.
    pub snapshots: Vec<SnapshotId>,
}

/// Who accepted a loss, why, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossNote {
    /// Who said so.
    pub by: String,
    /// Why.
    pub note: String,
    /// The records.
    pub records: Vec<LostRecord>,
    /// The pieces of content and listings that are lost.
    pub chunks: Vec<ChunkId>,
    /// Of each pack that is meant one piece that was in it, where that is known: only who may read can name one.
    #[serde(default)]
    pub seen: Vec<ChunkId>,
}

/// The pieces whose loss a person accepted.
#[derive(Debug, Clone, Default)]
pub struct Accepted {
    chunks: HashSet<ChunkId>,
    /// Losses and what their notes say, oldest first: the entry, and the note where it can be read.
    pub losses: Vec<(u64, Option<LossNote>)>,
}

impl Accepted {
    /// Reads the notes of all losses that were not made good since.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn load(repo: &Repository) -> Result<Self, RepoError> {
        let mut all = Self::default();
        for loss in repo.state().open_losses() {
            let said: Option<LossNote> = if repo.can_read() { note::read(repo, LOSS, &loss.note)?.ok() } else { None };
            all.chunks.extend(said.iter().flat_map(|s| &s.chunks));
            all.losses.push((loss.at, said));
        }
        Ok(all)
    }

    /// Every pack that some snapshot needs and that can be tested. Who may read passes over only those packs of which the
    /// notes name a piece, and those of which nobody says what was in them: a stolen approver's key can name none.
    ///
    /// # Errors
    /// Faults of the store.
    pub(in crate::ops) fn testable(&self, repo: &Repository) -> Result<Bits, RepoError> {
        let (state, mut all) = (repo.state(), repo.state().testable());
        let lost: Bits = state.needed().iter().filter(|n| !all.contains(*n)).collect();
        if lost.is_empty() || !repo.can_read() {
            return Ok(all);
        }
        let notes = || self.losses.iter().filter_map(|(_, note)| note.as_ref());
        let known: HashSet<&ChunkId> = notes().flat_map(|n| n.chunks.iter().chain(&n.seen)).collect();
        let said = repo.descriptions(&lost)?;
        for number in lost.iter() {
            let segments = || said.get(&number).into_iter().flatten().flat_map(|p| &p.segments);
            let borne_out =
                segments().next().is_none() || segments().flat_map(|s| &s.chunks).any(|c| known.contains(&c.id));
            if !borne_out {
                all.insert(number);
            }
        }
        Ok(all)
    }

    /// Whether this piece is lost by a person's word, and still not to be found anywhere else.
    pub fn covers(&self, id: &ChunkId, chunks: &ChunkReader<'_>) -> bool {
        self.chunks.contains(id) && is_nowhere(chunks.repository().state(), chunks.pack_of(id))
    }

    /// Whether something of this record is.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn covers_record(&self, entry: &Entry, chunks: &mut ChunkReader<'_>) -> Result<bool, RepoError> {
        if self.chunks.is_empty() {
            return Ok(false);
        }
        if let Kind::File(Content { pieces: Pieces::Listed(lists), .. }) = &entry.kind
            && lists.iter().any(|id| self.covers(id, chunks))
        {
            return Ok(true);
        }
        match chunks_of(chunks, entry) {
            Ok(ids) => Ok(ids.iter().any(|id| self.covers(id, chunks))),
            Err(e) if e.is_damage() => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// See [`Accepted::testable`]. Notes are read only where something was accepted.
///
/// # Errors
/// Faults of the store.
pub(in crate::ops) fn testable(repo: &Repository) -> Result<Bits, RepoError> {
    Accepted::load(repo)?.testable(repo)
}

fn is_nowhere(state: &State, pack: Option<u32>) -> bool {
    pack.is_none_or(|n| state.packs.get(n as usize).is_none_or(|p| p.lost.is_some()))
}
