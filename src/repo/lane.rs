//! Segments being filled: what compresses is kept apart from what does not, within the same packs.

use super::compress::{CompressError, frame_as_it_is_into, frame_into, is_dense};
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

    /// A segment's frame, in a buffer that was used before.
    pub(super) fn frame(self, raw: &[u8], mut room: Vec<u8>) -> Result<Vec<u8>, CompressError> {
        match self {
            Self::Dense => frame_as_it_is_into(raw, &mut room)?,
            Self::Content | Self::Listing => frame_into(raw, &mut room)?,
        }
        Ok(room)
    }
}
