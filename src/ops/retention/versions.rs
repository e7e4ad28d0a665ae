//! The contents of all versions that kept snapshots have of the records of a plan: what may come back of them.
//!
//! For the register alone. What a thinned snapshot alone had is not among them: its content is not there any more either.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::facts::content_id;
use super::relist::{candidates, paths_of};
use crate::domain::id::ChunkId;
use crate::domain::path::RecordPath;
use crate::domain::retention::plan::Plan;
use crate::domain::retention::record::ContentId;
use crate::ops::query::stream::layers;
use crate::ops::{OpsError, Stop};
use crate::repo::listing::{read_page, read_root};
use crate::repo::repository::Repository;

/// So many versions of one record are known again, the newest.
const MOST_OF_ONE: usize = 100;
/// So many versions of all records of one plan: the note that names them has a limit, and is read by every backup.
const MOST_OF_ALL: usize = 200_000;

/// Contents by set and path.
pub(super) type Versions = BTreeMap<(String, RecordPath), BTreeSet<ContentId>>;

/// Reads the pages that have records of the plan, newest snapshots first, each once.
pub(super) fn versions(repo: &mut Repository, plan: &Plan, stop: &Stop) -> Result<Versions, OpsError> {
    let paths = paths_of(plan);
    let of_sets = repo.state().live_snapshots().rev().filter(|s| paths.contains_key(s.snapshot.set.as_str()));
    let roots: Vec<(String, ChunkId)> = of_sets.map(|s| (s.snapshot.set.clone(), s.snapshot.root)).collect();
    let mut chunks = repo.chunks()?;
    let (mut found, mut pages, mut count) = (Versions::new(), HashSet::new(), 0);
    for (set, root) in roots {
        stop.check()?;
        let wanted = &paths[set.as_str()];
        let root = read_root(&mut chunks, &root)?;
        for layer in layers(&mut chunks, &root)? {
            for page in candidates(&layer.pages, Some(wanted)) {
                if !pages.insert((set.clone(), page.id)) {
                    continue;
                }
                for entry in read_page(&mut chunks, page)? {
                    let content = content_id(&entry);
                    if content.is_nothing() || wanted.binary_search(&&entry.path).is_err() || count == MOST_OF_ALL {
                        continue;
                    }
                    let of_one = found.entry((set.clone(), entry.path)).or_default();
                    count += usize::from(of_one.len() < MOST_OF_ONE && of_one.insert(content));
                }
            }
        }
    }
    Ok(found)
}
