//! Where chunks go: those that are stored already are only noted as needed, the others go to a pack.

use crate::domain::id::{ActorId, ChunkId};
use crate::domain::listing::{Kind, Piece, Pieces};
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::Reason;
use crate::domain::log::state::{Life, State};
use crate::repo::chunk::{ChunkIndex, ChunkKey, ChunkSet};
use crate::repo::error::RepoError;
use crate::repo::writer::{PackWriter, Stream};

use crate::repo::last_listing::Known;

/// Takes chunks in; knows which packs the snapshot will need.
pub struct Depot {
    /// The packs that are written.
    pub writer: PackWriter,
    /// Where stored chunks lie.
    index: ChunkIndex,
    /// Packs that may be relied on: alive, our own or tested, and seen in the store in this run.
    reliable: Bits,
    /// Packs that are there, whoever stored them: good enough for what cannot be read again.
    present: Bits,
    /// Packs whose loss a person accepted: they stay needed, though nothing is had from them.
    lost: Bits,
    /// Chunks stored by this run.
    pending: ChunkSet,
    /// Packs needed so far, of those stored before this run.
    pub needs: Bits,
    key: ChunkKey,
}

/// Packs that are in the store and neither dead nor condemned for disposal. A snapshot that needs one rescues it.
pub fn present_packs(state: &State, seen: impl Fn(u32) -> bool) -> Bits {
    let alive = |n: u32| {
        let life = state.packs.get(n as usize).map(|p| p.life);
        !matches!(life, None | Some(Life::Swept { .. } | Life::Condemned { reason: Reason::Disposal, .. }))
    };
    (0..state.packs.len() as u32).filter(|n| alive(*n) && seen(*n)).collect()
}

/// Packs that are no more, by a person's word, and are not about to be destroyed.
pub fn lost_packs(state: &State) -> Bits {
    let lost = |n: &u32| state.packs.get(*n as usize).is_some_and(|p| p.lost.is_some());
    present_packs(state, |_| true).iter().filter(lost).collect()
}

/// What there is of a last version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// All of it.
    Whole,
    /// Not all of it, and a person accepted that.
    Lost,
    /// Not all of it.
    Broken,
}

/// Packs that may be relied on, given what the store listed in this run.
pub fn reliable_packs(state: &State, own: &[ActorId], seen: impl Fn(u32) -> bool) -> Bits {
    (0..state.packs.len() as u32).filter(|n| state.may_rely(*n, own) && seen(*n)).collect()
}

impl Depot {
    /// Starts with nothing needed.
    pub fn new(
        writer: PackWriter,
        index: ChunkIndex,
        (reliable, present, lost): (Bits, Bits, Bits),
        key: ChunkKey,
    ) -> Self {
        Self { writer, index, reliable, present, lost, pending: ChunkSet::default(), needs: Bits::default(), key }
    }

    /// Stores a chunk unless it is stored.
    ///
    /// # Errors
    /// The first failure of the writer.
    pub fn put(&mut self, stream: Stream, bytes: &[u8]) -> Result<ChunkId, RepoError> {
        let id = self.key.id(bytes);
        if self.need(&id, false) != Kept::Whole {
            self.writer.add(stream, id, bytes)?;
            self.pending.insert(&id);
        }
        Ok(id)
    }

    /// Notes that a chunk is needed, and says whether it is stored where it can be relied on, or, for what can never be
    /// read again, there at all.
    fn need(&mut self, id: &ChunkId, for_good: bool) -> Kept {
        if self.pending.contains(id) {
            return Kept::Whole;
        }
        let Some(pack) = self.index.pack_of(id) else { return Kept::Broken };
        let kept = match for_good {
            true if self.lost.contains(pack) => Kept::Lost,
            true if self.present.contains(pack) => Kept::Whole,
            false if self.reliable.contains(pack) => Kept::Whole,
            _ => return Kept::Broken,
        };
        self.needs.insert(pack);
        kept
    }

    /// Whether a chunk is stored where it can be relied on.
    pub fn holds(&self, id: &ChunkId) -> bool {
        self.index.pack_of(id).is_some_and(|pack| self.reliable.contains(pack))
    }

    /// Notes that a page that [`Depot::holds`] is needed again.
    pub fn keep_page(&mut self, id: &ChunkId) {
        self.need(id, false);
    }

    /// Notes everything an entry needs; `false` when some of it cannot be relied on.
    pub fn keep(&mut self, known: &Known) -> bool {
        self.keep_where(known, false) == Kept::Whole
    }

    /// The same for a last version, which cannot be read again: whatever is there of it stays needed, and what was accepted
    /// as lost with it.
    pub fn keep_for_good(&mut self, known: &Known) -> Kept {
        self.keep_where(known, true)
    }

    fn keep_where(&mut self, known: &Known, for_good: bool) -> Kept {
        let Kind::File(content) = &known.entry.kind else { return Kept::Whole };
        let (lists, pieces): (&[ChunkId], &[Piece]) = match (&content.pieces, &known.pieces) {
            (Pieces::Inline(pieces), _) => (&[], pieces),
            (Pieces::Listed(lists), Some(pieces)) => (lists, pieces),
            (Pieces::Listed(_), None) => return Kept::Broken,
        };
        // Every chunk is noted, also after one that is missing.
        let mut worst = Kept::Whole;
        for id in lists.iter().copied().chain(pieces.iter().filter_map(Piece::chunk)) {
            worst = worst.max(self.need(&id, for_good));
        }
        worst
    }
}
