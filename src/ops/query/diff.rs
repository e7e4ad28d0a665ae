//! What changed between two snapshots. Pages that both share are never read.

use std::rc::Rc;

use super::history::same_content;
use super::stream::{Hidden, Pages};
use crate::domain::id::SnapshotId;
use crate::domain::listing::Entry;
use crate::domain::path::RecordPath;
use crate::ops::OpsError;
use crate::ops::retention::register::Register;
use crate::repo::error::RepoError;
use crate::repo::listing::read_root;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Its bytes, or what it is, changed.
    Content,
    /// Only its owner, mode, time or attributes changed.
    Attributes,
}

/// One record that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub path: RecordPath,
    /// What became of it.
    pub kind: ChangeKind,
    /// As the first has it.
    pub before: Option<Entry>,
    /// As the second has it.
    pub after: Option<Entry>,
}

/// Hands every difference from `a` to `b` to `each`, in order of paths. Says how many there were.
///
/// # Errors
/// [`OpsError::NotFound`] for a snapshot that is not there; damage; whatever `each` returns.
pub fn diff(
    repo: &mut Repository,
    a: SnapshotId,
    b: SnapshotId,
    each: &mut dyn FnMut(Change) -> Result<(), OpsError>,
) -> Result<u64, OpsError> {
    let register = Rc::new(if repo.can_read() { Register::load(repo)? } else { Register::default() });
    let open = |id: SnapshotId| {
        let found = repo.state().snapshot(id).map(|s| &s.snapshot);
        let found = found.ok_or_else(|| OpsError::NotFound(format!("there is no snapshot {id}")))?;
        let hidden = Hidden { register: Rc::clone(&register), set: found.set.clone(), snapshot: id };
        Ok::<_, OpsError>((found.root, hidden))
    };
    let ((a, hidden_a), (b, hidden_b)) = (open(a)?, open(b)?);
    let mut chunks = repo.chunks()?;
    let mut left = Pages::new(read_root(&mut chunks, &a)?.live, None);
    let mut right = Pages::new(read_root(&mut chunks, &b)?.live, None);
    let mut count = 0;
    while let Some(change) = step(&mut chunks, (&mut left, &hidden_a), (&mut right, &hidden_b))? {
        if let Some(change) = change {
            count += 1;
            each(change)?;
        }
    }
    Ok(count)
}

/// One record further; the outer `None` is the end, the inner one means no difference.
fn step(
    chunks: &mut ChunkReader<'_>,
    (a, hidden_a): (&mut Pages, &Hidden),
    (b, hidden_b): (&mut Pages, &Hidden),
) -> Result<Option<Option<Change>>, RepoError> {
    if let (Some(x), Some(y)) = (a.next_page(), b.next_page())
        && x.id == y.id
    {
        a.skip_page();
        b.skip_page();
        return Ok(Some(None));
    }
    let order = match (a.peek(), b.peek()) {
        (None, None) => return Ok(None),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (Some(x), Some(y)) => x.cmp(y),
    };
    let before = if order.is_le() { a.next(chunks)? } else { None };
    let after = if order.is_ge() { b.next(chunks)? } else { None };
    let shown = |entry: Option<Entry>, hidden: &Hidden| entry.filter(|e| !hidden.is_disposed(e, true));
    Ok(Some(change(shown(before, hidden_a), shown(after, hidden_b))))
}

fn change(before: Option<Entry>, after: Option<Entry>) -> Option<Change> {
    let kind = match (&before, &after) {
        (None, None) => return None,
        (None, _) => ChangeKind::Added,
        (_, None) => ChangeKind::Removed,
        (Some(x), Some(y)) if !same_content(x, y) => ChangeKind::Content,
        (Some(x), Some(y)) if x.meta != y.meta => ChangeKind::Attributes,
        _ => return None,
    };
    let path = before.as_ref().or(after.as_ref())?.path.clone();
    Some(Change { path, kind, before, after })
}
