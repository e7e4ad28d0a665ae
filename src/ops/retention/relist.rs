//! Writing listings without the records of a disposal, for every kept snapshot that has one of them.
//!
//! Pages that hold none stay as they are. A root that inherits others is given their records as its own gone listing:
//! nothing is left that could lead back to a listing with the record. All snapshots change in one entry, so that what
//! one says of another's root holds before and after.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::needs::{Change, Rulings, say};
use super::register::Register;
use crate::domain::id::{ChunkId, SessionId, SnapshotId};
use crate::domain::listing::{PageRef, Root};
use crate::domain::log::Role;
use crate::domain::log::entry::{Entry, Stored};
use crate::domain::path::RecordPath;
use crate::domain::retention::plan::Plan;
use crate::ops::backup::put_index;
use crate::ops::prune::repack::writer;
use crate::ops::query::stream::{Hidden, Layer, Merged, layers};
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::chunk::{ChunkKey, IndexObject};
use crate::repo::error::RepoError;
use crate::repo::listing::{PageWriter, encode, read_page, read_root};
use crate::repo::pack::PackError;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;
use crate::repo::writer::{PackWriter, Stream, WrittenPack};

/// How often listings are looked at again, since a backup or a ruling came between.
const ROUNDS: u32 = 20;

/// One disposal whose records leave the listings.
pub(super) struct Leaving<'a> {
    pub approval: u64,
    pub withdrawn_at: u64,
    pub register: Rc<Register>,
    /// Its paths, by set; `None` where they are not known any more: then every page is looked at.
    pub paths: Option<BTreeMap<&'a str, Vec<&'a RecordPath>>>,
}

impl Leaving<'_> {
    /// The paths in a set that may be its records'; `None`: any.
    fn paths_in(&self, set: &str) -> Option<&[&RecordPath]> {
        self.paths.as_ref().map(|paths| paths.get(set).map_or(&[][..], Vec::as_slice))
    }
}

/// The paths of a plan by set, in order.
pub(super) fn paths_of(plan: &Plan) -> BTreeMap<&str, Vec<&RecordPath>> {
    let mut paths: BTreeMap<&str, Vec<&RecordPath>> = BTreeMap::new();
    for record in &plan.records {
        paths.entry(&record.set).or_default().push(&record.path);
    }
    paths.values_mut().for_each(|p| p.sort());
    paths
}

/// Writes listings until no kept snapshot has a record of it. `permit` is asked before each entry. Says how many
/// snapshots changed.
pub(super) fn relist(
    repo: &mut Repository,
    leaving: &Leaving<'_>,
    permit: &dyn Fn(&mut Repository) -> Result<(), OpsError>,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<u64, OpsError> {
    let mut changed = 0;
    for _ in 0..ROUNDS {
        stop.check()?;
        repo.refresh()?;
        let approval = leaving.approval;
        if !repo.state().disposal(approval).is_some_and(|d| d.is_open() && d.withdrawn.is_some()) {
            return Err(OpsError::InTheWay(format!("disposal {approval} was cancelled or ended just now")));
        }
        monitor.stage("looking for the records in every listing", None);
        let dirty = with_records(repo, leaving, stop)?;
        let begun = repo.state().disposal(leaving.approval).is_some_and(|d| d.relisted_at.is_some());
        if dirty.is_empty() && begun {
            return Ok(changed);
        }
        let upto = repo.state().next;
        permit(repo)?;
        if repo.state().next != upto {
            continue; // it read further: look again
        }
        let seen = Rulings::of(repo.state());
        monitor.stage("writing listings without the records", Some(dirty.len() as u64));
        let (changes, written) = write(repo, leaving, &dirty, monitor, stop)?;
        let session = tell(repo, &written, stop)?;
        let said = say(repo, leaving.approval, &changes, &written, Some(seen), stop)?;
        abandon(repo, session)?;
        changed += said.map_or(0, |_| changes.len() as u64);
    }
    Err(RepoError::Contention.into())
}

/// Reads packs back and tells the log of them; nothing when there are none.
pub(super) fn tell(repo: &mut Repository, written: &[WrittenPack], stop: &Stop) -> Result<Option<SessionId>, OpsError> {
    if written.is_empty() {
        return Ok(None);
    }
    let (session, began) = (SessionId::new(repo.env.entropy.bytes32()), repo.env.clock.now());
    read_back(repo, written, stop)?;
    let index = put_index(repo, &IndexObject { packs: written.iter().map(|w| w.indexed.clone()).collect() })?;
    let stored = Entry::Stored(Stored { session, began, packs: written.iter().map(|w| w.pack).collect(), index });
    repo.append_as(Some(Role::Pruner), |_| Ok(Some(stored.clone())))?;
    Ok(Some(session))
}

/// Every new pack is got from the store again and opened entirely, before log or index name it: what it was copied
/// from becomes unneeded by a later entry, so a run that goes on from there need not ask again.
fn read_back(repo: &Repository, written: &[WrittenPack], stop: &Stop) -> Result<(), OpsError> {
    for new in written {
        stop.check()?;
        let name = new.pack.name;
        let damaged = |error| RepoError::Pack { name, error };
        let mut pack = repo.packs().whole(&name)?.into_reader();
        let directory = pack.directory().map_err(damaged)?;
        if directory.segments != new.indexed.segments {
            return Err(damaged(PackError::Directory).into());
        }
        pack.verify_all(&directory, &repo.chunk_key()).map_err(damaged)?;
    }
    Ok(())
}

/// The session has done its work.
pub(super) fn abandon(repo: &mut Repository, session: Option<SessionId>) -> Result<(), OpsError> {
    if let Some(session) = session {
        repo.append_as(Some(Role::Pruner), |_| Ok(Some(Entry::Abandoned { session })))?;
    }
    Ok(())
}

/// What of the disposal stands in one page: paths, and when those that are gone were last seen.
type Seen = Vec<(RecordPath, Option<SnapshotId>)>;

/// A snapshot that has a record of it.
struct Dirty {
    id: SnapshotId,
    set: String,
    root: ChunkId,
}

/// The kept snapshots whose listings, their own or inherited, have a record of it.
fn with_records(repo: &mut Repository, leaving: &Leaving<'_>, stop: &Stop) -> Result<Vec<Dirty>, OpsError> {
    let concerned = |set: &str| leaving.paths_in(set).is_none_or(|paths| !paths.is_empty());
    let of_sets = repo.state().live_snapshots().filter(|s| concerned(&s.snapshot.set));
    let all: Vec<Dirty> =
        of_sets.map(|s| Dirty { id: s.id, set: s.snapshot.set.clone(), root: s.snapshot.root }).collect();
    let mut chunks = repo.chunks()?;
    let mut found: HashMap<(String, ChunkId), Seen> = HashMap::new();
    let mut dirty = vec![];
    for snapshot in all {
        stop.check()?;
        let root = read_root(&mut chunks, &snapshot.root)?;
        let mut has = false;
        for layer in layers(&mut chunks, &root)? {
            for page in candidates(&layer.pages, leaving.paths_in(&snapshot.set)) {
                let key = (snapshot.set.clone(), page.id);
                if !found.contains_key(&key) {
                    let wanted = leaving.paths_in(&snapshot.set);
                    let entries = read_page(&mut chunks, page)?.into_iter();
                    let entries = entries.filter(|e| wanted.is_none_or(|w| w.binary_search(&&e.path).is_ok()));
                    let hits = entries.map(|e| (e.path, e.gone.map(|g| g.last_seen))).collect();
                    found.insert(key.clone(), hits);
                }
                has |= found[&key].iter().any(|(path, said)| {
                    let seen = if layer.live { None } else { layer.last_seen().or(*said) };
                    leaving.register.hides(&snapshot.set, path, seen.unwrap_or(snapshot.id))
                });
            }
        }
        if has {
            dirty.push(snapshot);
        }
    }
    Ok(dirty)
}

/// The pages in which any of the paths can lie; all where none are known.
pub(super) fn candidates<'p>(pages: &'p [PageRef], paths: Option<&[&RecordPath]>) -> Vec<&'p PageRef> {
    let Some(paths) = paths else { return pages.iter().collect() };
    let mut places: Vec<usize> =
        paths.iter().filter_map(|path| pages.partition_point(|p| p.first <= **path).checked_sub(1)).collect();
    places.dedup();
    places.into_iter().map(|at| &pages[at]).collect()
}

/// Stores pages and roots.
struct Pen {
    writer: PackWriter,
    key: ChunkKey,
    written: HashSet<ChunkId>,
    withdrawn_at: u64,
    /// Pages without the records, by set, page, whether it is a live one, and whether that is from before withdrawal.
    rewritten: HashMap<(String, ChunkId, bool, bool), Vec<PageRef>>,
}

impl Pen {
    fn put(&mut self, bytes: &[u8]) -> Result<ChunkId, RepoError> {
        let id = self.key.id(bytes);
        if self.written.insert(id) {
            self.writer.add(Stream::Listing, id, bytes)?;
        }
        Ok(id)
    }

    fn pages(
        &mut self,
        chunks: &mut ChunkReader<'_>,
        pages: &[PageRef],
        paths: Option<&[&RecordPath]>,
        (hidden, live): (&Hidden, bool),
    ) -> Result<Vec<PageRef>, RepoError> {
        let touched: HashSet<ChunkId> = candidates(pages, paths).into_iter().map(|p| p.id).collect();
        let mut out = vec![];
        for page in pages {
            if !touched.contains(&page.id) {
                out.push(page.clone());
                continue;
            }
            let key = (hidden.set.clone(), page.id, live, hidden.snapshot.0 < self.withdrawn_at);
            if let Some(known) = self.rewritten.get(&key) {
                out.extend_from_slice(known);
                continue;
            }
            let mut entries = read_page(chunks, page)?;
            entries.retain(|e| !hidden.is_disposed(e, live));
            let new = if entries.len() == page.count as usize {
                vec![page.clone()]
            } else {
                let mut pages = PageWriter::default();
                for entry in entries {
                    pages.add(&entry, &mut |bytes| self.put(&bytes))?;
                }
                pages.finish(&mut |bytes| self.put(&bytes))?
            };
            out.extend_from_slice(&new);
            self.rewritten.insert(key, new);
        }
        Ok(out)
    }
}

/// Writes the new listings of `dirty` and waits until they are in the store.
fn write(
    repo: &mut Repository,
    leaving: &Leaving<'_>,
    dirty: &[Dirty],
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<(Vec<Change>, Vec<WrittenPack>), OpsError> {
    if dirty.is_empty() {
        return Ok((vec![], vec![]));
    }
    let (writer, key) = (writer(repo)?, repo.chunk_key());
    let withdrawn_at = leaving.withdrawn_at;
    let mut pen = Pen { writer, key, written: HashSet::new(), withdrawn_at, rewritten: HashMap::new() };
    let mut chunks = repo.chunks()?;
    let mut changes = vec![];
    for snapshot in dirty {
        stop.check()?;
        let register = Rc::clone(&leaving.register);
        let hidden = Hidden { register, set: snapshot.set.clone(), snapshot: snapshot.id };
        let paths = leaving.paths_in(&snapshot.set);
        let root = read_root(&mut chunks, &snapshot.root)?;
        let live = pen.pages(&mut chunks, &root.live, paths, (&hidden, true))?;
        let gone = if root.inherits.is_empty() {
            pen.pages(&mut chunks, &root.gone, paths, (&hidden, false))?
        } else {
            let all = layers(&mut chunks, &root)?;
            gone_of_all(&mut chunks, all, hidden, &mut pen, stop)?
        };
        let new = Root { live, gone, inherits: vec![], ..root };
        let id = pen.put(&encode(&new)?)?;
        changes.push(Change { snapshot: snapshot.id, before: snapshot.root, root: id });
        monitor.advance(1);
    }
    let written = pen.writer.flush()?;
    Ok((changes, written))
}

/// One gone listing of all that several say.
fn gone_of_all(
    chunks: &mut ChunkReader<'_>,
    all: Vec<Layer>,
    hidden: Hidden,
    pen: &mut Pen,
    stop: &Stop,
) -> Result<Vec<PageRef>, RepoError> {
    let mut merged = Merged::new(all, None).hiding(hidden);
    let mut pages = PageWriter::default();
    while let Some((entry, live)) = merged.next(chunks)? {
        stop.check()?;
        if !live {
            pages.add(&entry, &mut |bytes| pen.put(&bytes))?;
        }
    }
    pages.finish(&mut |bytes| pen.put(&bytes))
}
