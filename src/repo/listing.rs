//! Listings in the store: entries sorted by path, cut into pages by content, pages and roots as chunks.
//!
//! Where a page ends depends on the paths alone, so two listings of nearly the same records share nearly all
//! pages. A page is decoded only into entries whose paths rise: a listing cannot name one path twice.

use super::error::RepoError;
use super::reader::ChunkReader;
use crate::domain::id::ChunkId;
use crate::domain::listing::{Content, Entry, Kind, Page, PageRef, Piece, Pieces, Root};
use crate::domain::path::RecordPath;

/// One page in so many entries ends, on average.
const PAGE_ENTRIES: u64 = 256;
/// No page has more entries.
const PAGE_MAX_ENTRIES: usize = 2048;
/// No page is much longer than this when encoded.
const PAGE_MAX_BYTES: usize = 1 << 20;
/// An entry with more pieces than this lists them in chunks of their own.
pub const INLINE_PIECES: usize = 1024;

/// Cuts a sorted stream of entries into pages and hands each page's bytes to `store`, which names the chunk.
#[derive(Default)]
pub struct PageWriter {
    /// The open page's entries, encoded one after the other.
    bytes: Vec<u8>,
    count: usize,
    first: Option<RecordPath>,
    pages: Vec<PageRef>,
    /// In tests: the path before.
    last: Option<RecordPath>,
}

fn ends_page(path: &RecordPath) -> bool {
    let digest = blake3::hash(path.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_le_bytes(first).is_multiple_of(PAGE_ENTRIES)
}

/// The encoded form of anything that is stored as CBOR.
///
/// # Errors
/// [`RepoError::Listing`] when memory runs out.
pub fn encode<T: minicbor::Encode<()>>(value: &T) -> Result<Vec<u8>, RepoError> {
    minicbor::to_vec(value).map_err(|e| RepoError::Listing(e.to_string()))
}

/// The same, put behind what is in `out` already.
///
/// # Errors
/// As [`encode`].
pub fn encode_into<T: minicbor::Encode<()>>(value: &T, out: &mut Vec<u8>) -> Result<(), RepoError> {
    minicbor::encode(value, out).map_err(|e| RepoError::Listing(e.to_string()))
}

/// Anything that is stored as CBOR, from its encoded form.
///
/// # Errors
/// [`RepoError::Listing`] when it makes no sense.
pub fn decode<'b, T: minicbor::Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, RepoError> {
    minicbor::decode(bytes).map_err(|e| RepoError::Listing(e.to_string()))
}

impl PageWriter {
    /// Goes on after pages that are stored already.
    pub fn after(pages: Vec<PageRef>) -> Self {
        Self { pages, ..Self::default() }
    }

    /// Adds the next entry; its path must be greater than the one before.
    ///
    /// # Errors
    /// Whatever `store` returns.
    pub fn add(
        &mut self,
        entry: &Entry,
        store: &mut dyn FnMut(Vec<u8>) -> Result<ChunkId, RepoError>,
    ) -> Result<(), RepoError> {
        self.add_encoded(&entry.path, &encode(entry)?, store)
    }

    /// The same for an entry that is encoded already.
    ///
    /// # Errors
    /// Whatever `store` returns.
    pub fn add_encoded(
        &mut self,
        path: &RecordPath,
        entry: &[u8],
        store: &mut dyn FnMut(Vec<u8>) -> Result<ChunkId, RepoError>,
    ) -> Result<(), RepoError> {
        debug_assert!(self.pages.last().is_none_or(|page| page.first < *path) && self.last.as_ref() < Some(path));
        if cfg!(debug_assertions) {
            self.last = Some(path.clone());
        }
        self.bytes.extend_from_slice(entry);
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(path.clone());
        }
        if ends_page(path) || self.count >= PAGE_MAX_ENTRIES || self.bytes.len() >= PAGE_MAX_BYTES {
            self.flush(store)?;
        }
        Ok(())
    }

    fn flush(&mut self, store: &mut dyn FnMut(Vec<u8>) -> Result<ChunkId, RepoError>) -> Result<(), RepoError> {
        let Some(first) = self.first.take() else { return Ok(()) };
        let count = std::mem::take(&mut self.count);
        // The CBOR of a `Page`: an array of one field, which is the array of the entries.
        let mut page = Vec::with_capacity(self.bytes.len() + 10);
        let head = |e: minicbor::encode::Error<std::convert::Infallible>| RepoError::Listing(e.to_string());
        minicbor::Encoder::new(&mut page).array(1).map_err(head)?.array(count as u64).map_err(head)?;
        page.append(&mut self.bytes);
        self.pages.push(PageRef { id: store(page)?, first, count: count as u32 });
        Ok(())
    }

    /// Ends the last page.
    ///
    /// # Errors
    /// Whatever `store` returns.
    pub fn finish(
        mut self,
        store: &mut dyn FnMut(Vec<u8>) -> Result<ChunkId, RepoError>,
    ) -> Result<Vec<PageRef>, RepoError> {
        self.flush(store)?;
        Ok(self.pages)
    }
}

pub(super) fn bad(what: &str) -> RepoError {
    RepoError::Listing(what.into())
}

/// Reads a snapshot's root.
///
/// # Errors
/// [`RepoError::Listing`] when it makes no sense; whatever reading a chunk can meet.
pub fn read_root(chunks: &mut ChunkReader<'_>, id: &ChunkId) -> Result<Root, RepoError> {
    let root: Root = minicbor::decode(&chunks.read(id)?).map_err(|_| bad("a root makes no sense"))?;
    let rising = |pages: &[PageRef]| pages.windows(2).all(|w| w[0].first < w[1].first);
    if rising(&root.live) && rising(&root.gone) { Ok(root) } else { Err(bad("the pages of a root are out of order")) }
}

/// Reads one page.
///
/// # Errors
/// [`RepoError::Listing`] when it makes no sense; whatever reading a chunk can meet.
pub fn read_page(chunks: &mut ChunkReader<'_>, page: &PageRef) -> Result<Vec<Entry>, RepoError> {
    let entries = decode_page(&chunks.read(&page.id)?)?;
    if entries.len() as u32 != page.count || entries.first().map(|e| &e.path) != Some(&page.first) {
        return Err(bad("a page is not the one its root names"));
    }
    Ok(entries)
}

/// Decodes a page's bytes.
///
/// # Errors
/// [`RepoError::Listing`] when they make no sense.
pub fn decode_page(bytes: &[u8]) -> Result<Vec<Entry>, RepoError> {
    let page: Page = minicbor::decode(bytes).map_err(|_| bad("a page makes no sense"))?;
    if page.entries.windows(2).any(|w| w[0].path >= w[1].path) {
        return Err(bad("a page is out of order"));
    }
    Ok(page.entries)
}

/// All entries of some pages in order, one page in memory at a time.
///
/// # Errors
/// As [`read_page`]; whatever `each` returns.
pub fn for_each_entry<E: From<RepoError>>(
    chunks: &mut ChunkReader<'_>,
    pages: &[PageRef],
    mut each: impl FnMut(&mut ChunkReader<'_>, Entry) -> Result<(), E>,
) -> Result<(), E> {
    for page in pages {
        for entry in read_page(chunks, page)? {
            each(chunks, entry)?;
        }
    }
    Ok(())
}

/// Finds one path in some pages: one page is read.
///
/// # Errors
/// As [`read_page`].
pub fn find_entry(
    chunks: &mut ChunkReader<'_>,
    pages: &[PageRef],
    path: &RecordPath,
) -> Result<Option<Entry>, RepoError> {
    let after = pages.partition_point(|p| p.first <= *path);
    let Some(page) = after.checked_sub(1).map(|i| &pages[i]) else { return Ok(None) };
    let entries = read_page(chunks, page)?;
    Ok(entries.into_iter().find(|e| e.path == *path))
}

/// The pieces of a file, wherever they are listed; their lengths add up to its size.
///
/// # Errors
/// [`RepoError::Listing`] when they do not; whatever reading a chunk can meet.
pub fn read_pieces(chunks: &mut ChunkReader<'_>, content: &Content) -> Result<Vec<Piece>, RepoError> {
    let pieces = match &content.pieces {
        Pieces::Inline(pieces) => pieces.clone(),
        Pieces::Listed(lists) => {
            let mut all = vec![];
            for id in lists {
                let more: Vec<Piece> =
                    minicbor::decode(&chunks.read(id)?).map_err(|_| bad("a list of pieces makes no sense"))?;
                all.extend(more);
            }
            all
        }
    };
    let sum = pieces.iter().try_fold(0u64, |sum, p| sum.checked_add(p.len()));
    if sum == Some(content.size) { Ok(pieces) } else { Err(bad("the pieces of a file do not add up to its size")) }
}

/// The chunks an entry needs, the lists of its pieces included.
///
/// # Errors
/// As [`read_pieces`].
pub fn chunks_of(chunks: &mut ChunkReader<'_>, entry: &Entry) -> Result<Vec<ChunkId>, RepoError> {
    let Kind::File(content) = &entry.kind else { return Ok(vec![]) };
    let mut ids: Vec<ChunkId> = match &content.pieces {
        Pieces::Listed(lists) => lists.clone(),
        Pieces::Inline(_) => vec![],
    };
    ids.extend(read_pieces(chunks, content)?.iter().filter_map(Piece::chunk));
    Ok(ids)
}
