//! Segments being filled: what compresses is kept apart from what does not, within the same packs.

use super::compress::is_dense;
use super::writer::Stream;

/// Where a chunk waits until its segment is full.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lane {
    /// Content that compresses.
    Content = 0,
    /// Content that does not.
    Dense = 1,
    /// Pages, roots, lists of pieces.
    Listing = 2,
}

/// All of them.
pub(super) const LANES: [Lane; 3] = [Lane::Content, Lane::Dense, Lane::Listing];

impl Lane {
    /// Of these bytes.
    pub(super) fn of(stream: Stream, bytes: &[u8]) -> Self {
        match stream {
            Stream::Listing => Self::Listing,
            Stream::Content if is_dense(bytes) => Self::Dense,
            Stream::Content => Self::Content,
        }
    }

    /// Which packs it belongs to.
    pub(super) fn stream(self) -> Stream {
        if matches!(self, Self::Listing) { Stream::Listing } else { Stream::Content }
    }

    /// Whether its segments are worth compressing.
    pub(super) fn compresses(self) -> bool {
        !matches!(self, Self::Dense)
    }
}
