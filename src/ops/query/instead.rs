//! What can take the place of a snapshot that cannot be opened: the newest older one of its set whose listing can be read.

use jiff::Timestamp;

use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::Root;
use crate::repo::error::RepoError;
use crate::repo::listing::{read_page, read_root};
use crate::repo::reader::ChunkReader;

/// So many older snapshots are tried.
const TRIED: usize = 64;

/// A snapshot that can be opened.
pub(super) type Older = (SnapshotId, Timestamp, Root);

/// The newest snapshot of the set older than `than` whose live listing can be read to the end.
pub(super) fn instead(chunks: &mut ChunkReader<'_>, set: &str, than: SnapshotId) -> Result<Option<Older>, RepoError> {
    let all = chunks.repository().state().live_snapshots().rev();
    let older = all.filter(|s| s.snapshot.set == set && s.id < than).take(TRIED);
    let older: Vec<(SnapshotId, Timestamp, ChunkId)> =
        older.map(|s| (s.id, s.snapshot.began, s.snapshot.root)).collect();
    for (id, began, root) in older {
        match whole(chunks, &root) {
            Ok(root) => return Ok(Some((id, began, root))),
            Err(e) if e.is_damage() => {}
            Err(e) => return Err(e),
        }
    }
    Ok(None)
}

fn whole(chunks: &mut ChunkReader<'_>, root: &ChunkId) -> Result<Root, RepoError> {
    let root = read_root(chunks, root)?;
    for page in &root.live {
        read_page(chunks, page)?;
    }
    Ok(root)
}

/// Which snapshot cannot be opened, why, and what there is in its place.
pub(super) fn unopened_in_words(
    (id, set, began): (SnapshotId, &str, Timestamp),
    error: &RepoError,
    older: Option<&Older>,
    taken: bool,
) -> String {
    let date = |t: Timestamp| t.strftime("%Y-%m-%d %H:%M UTC");
    let rest = match older {
        Some((older, at, _)) if taken => format!("in its place comes snapshot {older} of {}", date(*at)),
        Some((older, at, _)) => format!("the newest older one that can be is of {}: --snapshot {older}", date(*at)),
        None => "no older one of this set can be opened either".into(),
    };
    format!("snapshot {id} of the set '{set}', of {}, cannot be opened: {error}; {rest}", date(began))
}
