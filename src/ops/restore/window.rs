//! Files turned into stretches of packs: as many files at once as memory allows.
//!
//! Within a window each pack is fetched once, in the order in which files first need it; council-sized
//! restores fit into one window.

use std::collections::HashMap;

use crate::domain::id::ChunkId;
use crate::domain::listing::{Base64Form, Content, Piece};
use crate::repo::chunk::SegmentPlace;
use crate::repo::error::RepoError;
use crate::repo::listing::read_pieces;
use crate::repo::reader::ChunkReader;

/// A window is closed at so many pieces: about 90 bytes each.
const MOST_NEEDS: usize = 400_000;
/// And at so many files.
const MOST_FILES: usize = 200_000;

/// A piece of a file, and where it lies.
#[derive(Debug, Clone)]
pub(super) struct Need {
    /// The place of its pack in the order of work.
    pub rank: u32,
    pub segment: SegmentPlace,
    pub start: u32,
    pub len: u32,
    pub id: ChunkId,
    /// The number of the file in the window.
    pub file: u32,
    /// Where it goes in the file.
    pub offset: u64,
    /// Written back as base64: its length then, and how.
    pub written: Option<(u32, Base64Form)>,
}

/// Some files and all their pieces.
#[derive(Default)]
pub(super) struct Window {
    pub needs: Vec<Need>,
    /// Numbers of packs by rank.
    pub packs: Vec<u32>,
    /// How many pieces each file waits for.
    pub left: Vec<u32>,
    /// Holes: of which file, from where, how long.
    pub holes: Vec<(u32, u64, u64)>,
    /// Files that cannot come back, and why.
    pub lost: Vec<(u32, String)>,
    ranks: HashMap<u32, u32>,
}

impl Window {
    /// Whether it is time to work it off.
    pub fn is_full(&self) -> bool {
        self.needs.len() >= MOST_NEEDS || self.left.len() >= MOST_FILES
    }

    /// Adds a file; files are numbered in the order in which they are added.
    ///
    /// # Errors
    /// Faults of the store. Damage makes the file a lost one.
    pub fn add(&mut self, chunks: &mut ChunkReader<'_>, content: &Content) -> Result<(), RepoError> {
        let (file, before, holes) = (self.left.len() as u32, self.needs.len(), self.holes.len());
        let added = self.add_pieces(chunks, content, file);
        if added.is_err() {
            self.needs.truncate(before);
            self.holes.truncate(holes);
        }
        self.left.push((self.needs.len() - before) as u32);
        match added {
            Err(e) if e.is_damage() => {
                self.lost.push((file, e.to_string()));
                Ok(())
            }
            other => other,
        }
    }

    fn add_pieces(&mut self, chunks: &mut ChunkReader<'_>, content: &Content, file: u32) -> Result<(), RepoError> {
        let pieces = read_pieces(chunks, content)?;
        let index = chunks.repository().loaded_index().ok_or(RepoError::ChunkUnknown)?;
        let mut offset = 0;
        for piece in &pieces {
            let (id, len, written) = match piece {
                Piece::Raw(id, len) => (*id, *len, None),
                Piece::Decoded(id, len, written, form) => (*id, *len, Some((*written, *form))),
                Piece::Hole(len) => {
                    self.holes.push((file, offset, *len));
                    offset += len;
                    continue;
                }
            };
            let (segment, place) = index.find(&id).ok_or_else(|| chunks.repository().unknown(&id))?;
            if place.len != len {
                return Err(RepoError::Listing("a piece has another length than its chunk".into()));
            }
            let next = self.packs.len() as u32;
            let rank = *self.ranks.entry(segment.pack).or_insert(next);
            if rank == next {
                self.packs.push(segment.pack);
            }
            let start = place.start;
            self.needs.push(Need { rank, segment, start, len, id, file, offset, written });
            offset += piece.len();
        }
        Ok(())
    }

    /// Puts the pieces into the order of work.
    pub fn sort(&mut self) {
        self.needs.sort_unstable_by_key(|n| (n.rank, n.segment.offset, n.start, n.file, n.offset));
    }
}
