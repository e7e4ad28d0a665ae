//! What a file's content is, whatever its path: the digest of the whole where the listing has one, else of its pieces.
//!
//! Of millions of versions only the last of each record is asked for its id: a [`Content`] is what the id is made of,
//! and the id is made at the end.

use crate::domain::id::Digest;
use crate::domain::listing::{Entry, Kind, Piece, Pieces};
use crate::domain::retention::record::ContentId;
use crate::repo::listing::encode;
use crate::repo::view::{ContentView, InlineView, PiecesView};

/// Content whose id may be asked for.
#[derive(Debug, Clone)]
pub enum Content {
    /// Empty, or no file.
    Nothing,
    /// Its digest.
    Whole(u64, Digest),
    /// One piece is the whole.
    Piece(u64, Piece),
    /// Anything else.
    Known(ContentId),
}

impl Content {
    /// Of a file.
    pub fn of(content: &ContentView) -> Self {
        let size = content.size;
        match (&content.digest, &content.pieces) {
            _ if size == 0 => Self::Nothing,
            (Some(digest), _) => Self::Whole(size, *digest),
            (None, PiecesView::Inline(InlineView::One(piece))) => Self::Piece(size, piece.clone()),
            (None, PiecesView::Inline(InlineView::All(pieces))) => Self::Known(of_pieces(size, pieces)),
            (None, PiecesView::Listed(lists)) => Self::Known(id(size, b"l", &encode(lists).unwrap_or_default())),
        }
    }

    /// Its id.
    pub fn id(&self) -> ContentId {
        match self {
            Self::Nothing => ContentId::NOTHING,
            Self::Whole(size, digest) => id(*size, b"d", digest.as_bytes()),
            Self::Piece(size, piece) => of_pieces(*size, std::slice::from_ref(piece)),
            Self::Known(id) => *id,
        }
    }
}

/// The id of an entry's content. Nothing for what is empty or no file.
pub fn content_id(entry: &Entry) -> ContentId {
    let Kind::File(content) = &entry.kind else { return ContentId::NOTHING };
    match (&content.digest, &content.pieces) {
        _ if content.size == 0 => ContentId::NOTHING,
        (Some(digest), _) => id(content.size, b"d", digest.as_bytes()),
        (None, Pieces::Inline(pieces)) => of_pieces(content.size, pieces),
        (None, Pieces::Listed(lists)) => id(content.size, b"l", &encode(lists).unwrap_or_default()),
    }
}

fn of_pieces(size: u64, pieces: &[Piece]) -> ContentId {
    id(size, b"p", &encode(&pieces).unwrap_or_default())
}

fn id(size: u64, what: &[u8; 1], bytes: &[u8]) -> ContentId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"strongroom content 1\n").update(&size.to_le_bytes()).update(what).update(bytes);
    ContentId::new(*hasher.finalize().as_bytes())
}
