//! What stays when the records of a plan are destroyed, so that the certificate can say it: content that other records
//! have, and what people wrote when they held or dated them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::certificate::Facts;
use super::facts::content_id;
use super::hold;
use super::note::{self, DateNote};
use super::register::record_digest;
use crate::domain::id::{ChunkId, Digest};
use crate::domain::path::{RecordPath, printable};
use crate::domain::pattern::Pattern;
use crate::domain::retention::matching::Matcher;
use crate::domain::retention::plan::Plan;
use crate::domain::retention::record::ContentId;
use crate::domain::retention::scheme::Scheme;
use crate::ops::{OpsError, Stop};
use crate::repo::listing::{read_page, read_root};
use crate::repo::repository::Repository;

/// So many records are named in a certificate; more are counted.
const MOST_NAMED: usize = 1_000;

/// So many records are named for people.
const MOST_LINES: usize = 50;

/// A record that is kept, with the content of a destroyed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptBy {
    /// Its keyed digest, as those of the destroyed ones are made.
    pub record: Digest,
    /// Its path, unless it or the destroyed one may be about a person: where a class has a ceiling, or is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Content of destroyed records that stays under other names.
#[derive(Default)]
pub(super) struct Kept {
    /// How many records of the plan have a last version that another record still has, in any kept snapshot.
    pub destroyed: u64,
    /// How many other records those are.
    pub others: u64,
    /// The first of them.
    pub named: Vec<KeptBy>,
}

/// Looks for the last versions of the plan's records in all listings that are left.
pub(super) fn kept_elsewhere(
    repo: &mut Repository,
    plan: &Plan,
    scheme: Option<&Scheme>,
    stop: &Stop,
) -> Result<Kept, OpsError> {
    let wanted: HashSet<ContentId> = plan.records.iter().map(|r| r.content).filter(|c| !c.is_nothing()).collect();
    let live = repo.state().live_snapshots();
    let mut roots: Vec<(String, ChunkId)> = live.map(|s| (s.snapshot.set.clone(), s.snapshot.root)).collect();
    drop(repo.take_index()?);
    let mut chunks = repo.chunks()?;
    let (mut seen, mut found) = (HashSet::new(), HashSet::new());
    let mut others: BTreeMap<(String, RecordPath), BTreeSet<ContentId>> = BTreeMap::new();
    while let Some((set, id)) = roots.pop() {
        if !seen.insert((set.clone(), id)) {
            continue;
        }
        let root = read_root(&mut chunks, &id)?;
        roots.extend(root.inherits.iter().map(|id| (set.clone(), *id)));
        for page in root.live.iter().chain(&root.gone).filter(|p| seen.insert((set.clone(), p.id))) {
            stop.check()?;
            for entry in read_page(&mut chunks, page)? {
                let content = content_id(&entry);
                if wanted.contains(&content) {
                    found.insert(content);
                    others.entry((set.clone(), entry.path)).or_default().insert(content);
                }
            }
        }
    }
    let destroyed = plan.records.iter().filter(|r| found.contains(&r.content)).count() as u64;
    let (key, naming) = (repo.register_key(), Naming::new(plan, scheme));
    let named = others.iter().take(MOST_NAMED).map(|((set, path), contents)| KeptBy {
        record: record_digest(&key, set, path),
        path: naming.may_name(path, contents).then(|| printable(path.as_bytes())),
    });
    Ok(Kept { destroyed, others: others.len() as u64, named: named.collect() })
}

/// Which records may stand in a certificate by name: those of classes that are not about people, which have no ceiling.
struct Naming<'a> {
    scheme: Option<(&'a Scheme, Matcher)>,
    /// Contents of destroyed records about people, or of no known class.
    personal: HashSet<ContentId>,
}

impl<'a> Naming<'a> {
    fn new(plan: &Plan, scheme: Option<&'a Scheme>) -> Self {
        let plain = |id: &str| scheme.is_some_and(|s| s.classes.iter().any(|c| c.id == id && c.ceiling.is_none()));
        let personal = plan.records.iter().filter(|r| !plain(&r.class)).map(|r| r.content).collect();
        Self { scheme: scheme.map(|s| (s, Matcher::new(s))), personal }
    }

    fn may_name(&self, path: &RecordPath, contents: &BTreeSet<ContentId>) -> bool {
        let Some((scheme, matcher)) = &self.scheme else { return false };
        let claims = matcher.claims(path);
        let plain = |class: usize| scheme.classes.get(class).is_some_and(|c| c.ceiling.is_none());
        !claims.is_empty()
            && claims.iter().all(|(class, _)| plain(*class))
            && contents.iter().all(|content| !self.personal.contains(content))
    }
}

/// Which records still have the content of destroyed ones, for people.
pub(super) fn in_words(facts: &Facts) -> Vec<String> {
    if facts.content_kept_elsewhere == 0 {
        return vec![];
    }
    let (n, others) = (facts.content_kept_elsewhere, facts.kept_by_records);
    let which = if others > 0 { format!(", {others} in number:") } else { String::new() };
    let first = format!("- Of {n} of these records, other records that are kept still have the same content{which}");
    let named = facts.kept_by.iter().take(MOST_LINES).map(|kept| match &kept.path {
        Some(path) => format!("  - {path}"),
        None => format!("  - digest {}", kept.record),
    });
    let mut lines: Vec<String> = std::iter::once(first).chain(named).collect();
    let more = others.saturating_sub(lines.len() as u64 - 1);
    if more > 0 && !facts.kept_by.is_empty() {
        lines.push(format!("  - and {more} more; the signed JSON has the first {}", facts.kept_by.len()));
    }
    lines
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
