//! What stays when the records of a plan are destroyed, so that the certificate can say it: content that other records
//! have, and what people wrote when they held or dated them.

use std::collections::HashSet;

use super::facts::content_id;
use super::hold;
use super::note::{self, DateNote};
use crate::domain::id::ChunkId;
use crate::domain::pattern::Pattern;
use crate::domain::retention::plan::Plan;
use crate::domain::retention::record::ContentId;
use crate::ops::{OpsError, Stop};
use crate::repo::listing::{read_page, read_root};
use crate::repo::repository::Repository;

/// How many records of the plan have a last version that another record still has, in any kept snapshot.
pub(super) fn kept_elsewhere(repo: &mut Repository, plan: &Plan, stop: &Stop) -> Result<u64, OpsError> {
    let wanted: HashSet<ContentId> = plan.records.iter().map(|r| r.content).filter(|c| !c.is_nothing()).collect();
    let mut roots: Vec<ChunkId> = repo.state().live_snapshots().map(|s| s.snapshot.root).collect();
    drop(repo.take_index()?);
    let mut chunks = repo.chunks()?;
    let (mut seen, mut found) = (HashSet::new(), HashSet::new());
    while let Some(id) = roots.pop() {
        if !seen.insert(id) {
            continue;
        }
        let root = read_root(&mut chunks, &id)?;
        roots.extend(&root.inherits);
        for page in root.live.iter().chain(&root.gone).filter(|p| seen.insert(p.id)) {
            stop.check()?;
            let contents = read_page(&mut chunks, page)?.into_iter().map(|e| content_id(&e));
            found.extend(contents.filter(|c| wanted.contains(c)));
        }
    }
    Ok(plan.records.iter().filter(|r| found.contains(&r.content)).count() as u64)
}

/// How many holds, released ones too, and recorded dates have a pattern that fits a record of the plan.
pub(super) fn notes_kept(repo: &Repository, plan: &Plan) -> Result<u64, OpsError> {
    let mut kept = 0;
    for hold in &repo.state().holds {
        let (hold, _) = hold::read(repo, hold)?;
        kept += u64::from(hold.readable.is_none_or(|text| fits(&text.patterns, plan)));
    }
    for date in &repo.state().dates {
        let read = note::read::<DateNote>(repo, note::DATE, &date.note)?;
        kept += u64::from(read.is_ok_and(|text| fits(&[text.pattern], plan)));
    }
    Ok(kept)
}

fn fits(patterns: &[String], plan: &Plan) -> bool {
    let patterns: Vec<Pattern> = patterns.iter().map(|p| Pattern::new(p)).collect();
    plan.records.iter().any(|r| patterns.iter().any(|p| p.matches_within(&r.path)))
}
