//! Documents drawn by chance from the newest listings: for a drill of a part, and of a key.

use super::affected::with_inherited;
use crate::domain::id::ChunkId;
use crate::domain::listing::{Entry, PageRef};
use crate::repo::error::RepoError;
use crate::repo::listing::read_page;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// Documents of one page of a listing: of many pages a few each, rather than many of one.
const PER_PAGE: usize = 8;

/// At least one document that has content, and no more than so many and so much; none where there is none.
///
/// # Errors
/// [`RepoError::CannotRead`] without the reading identity; a listing that cannot be read; faults of the store.
pub(crate) fn sample(
    repo: &mut Repository,
    roots: &[ChunkId],
    most: usize,
    bytes: u64,
) -> Result<Vec<Entry>, RepoError> {
    let seed = repo.env.entropy.bytes32();
    let lot = |what: &[u8]| *blake3::keyed_hash(&seed, what).as_bytes();
    let mut chunks = repo.chunks()?;
    let mut pages: Vec<PageRef> = vec![];
    for root in roots {
        for root in with_inherited(&mut chunks, *root)? {
            pages.extend(root.live);
        }
    }
    pages.sort_by_cached_key(|page| lot(page.id.as_bytes()));
    let (mut taken, mut smallest, mut room) = (vec![], None::<Entry>, bytes);
    for page in &pages {
        let mut entries = documents(&mut chunks, page)?;
        entries.sort_by_cached_key(|e| lot(e.path.as_bytes()));
        if let Some(small) = entries.iter().min_by_key(|e| e.size())
            && smallest.as_ref().is_none_or(|s| small.size() < s.size())
        {
            smallest = Some(small.clone());
        }
        let before = taken.len();
        for entry in entries {
            if entry.size() <= room && taken.len() < most.min(before + PER_PAGE) {
                room -= entry.size();
                taken.push(entry);
            }
        }
        if taken.len() >= most || room == 0 {
            break;
        }
    }
    if taken.is_empty() {
        taken.extend(smallest);
    }
    Ok(taken)
}

/// The page's documents that have content.
fn documents(chunks: &mut ChunkReader<'_>, page: &PageRef) -> Result<Vec<Entry>, RepoError> {
    let mut entries = read_page(chunks, page)?;
    entries.retain(|e| e.is_file() && e.size() > 0);
    Ok(entries)
}
