//! One attempt at a backup, from the first look at the log to the committed snapshot.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::SignedDuration;

use super::ahead::Windows;
use super::depot::{Depot, lost_packs, present_packs, reliable_packs};
use super::gather::{Listing, Tally, take, take_up, tell_in_time};
use super::merge::{Merge, Moment};
use super::session::{Session, Waiting, describe, journal, packs_there, resume, tell_and_list};
use super::side::Side;
use super::unusual::{Unusual, Usual};
use super::window::{Links, Reading};
use super::{BackupOptions, BackupReport};
use crate::domain::id::{ChunkId, PackName, SessionId, SnapshotId};
use crate::domain::listing::{Content, Kind, Pieces};
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::{Entry, Incident, IncidentKind, Snapshot};
use crate::domain::log::state::State;
use crate::ops::error::OpsError;
use crate::ops::fs::mount::mount_of;
use crate::ops::fs::names::Names;
use crate::ops::fs::open::Opener;
use crate::ops::fs::walk::Source;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::retention::register::Register;
use crate::repo::cut::{CutBuffer, Gear, GearKey};
use crate::repo::error::RepoError;
use crate::repo::last_listing::{FoundListing, Kept, Known, LastListing, Reader};
use crate::repo::layout::Key;
use crate::repo::listing::{encode, read_page, read_pieces, read_root};
use crate::repo::local::LocalError;
use crate::repo::machine::StateDir;
use crate::repo::repository::Repository;
use crate::repo::store::StoreFault;
use crate::repo::writer::{PackWriter, Stream, WriterSettings, WrittenPack};

/// A snapshot whose machine's clock differs from the store's by more than this has a suspect time.
const CLOCK_SUSPECT: SignedDuration = SignedDuration::from_hours(24);
/// More threads than this do not compress at once, however many processors there are.
const MOST_COMPRESSORS: usize = 8;
/// How many packs a write-only machine brings back in the run that stored them.
const PROVE_BACK: usize = 4;

/// What is known of the set before this backup.
struct Before {
    parent: Option<(SnapshotId, i64)>,
    root: Option<ChunkId>,
    files: Option<FoundListing>,
    /// Roots whose listings could not be had: they are inherited.
    inherits: Vec<ChunkId>,
    records: u64,
}

fn dir_of(repo: &Repository) -> Result<StateDir, RepoError> {
    repo.dir().cloned().ok_or_else(|| RepoError::Machine("a backup needs a computer that is set up for it".into()))
}

/// A listing of the packs so long ago is not what a snapshot is committed on.
const LISTED_LONG_AGO: SignedDuration = SignedDuration::from_mins(15);

/// One attempt. `RepoError::ChunkUnknown` means that something relied on was swept meanwhile: try again.
pub fn run(
    repo: &mut Repository,
    options: &BackupOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<BackupReport, OpsError> {
    let dir = dir_of(repo)?;
    let began = repo.env.clock.now();
    let id = SessionId::new(repo.env.entropy.bytes32());
    let session = Session { id, began, epoch: repo.state().epoch().number };
    let mut listed = packs_there(repo)?;
    resume(repo, session, &listed)?;
    let last = LastListing::new(&dir, &options.set);
    let before = look_back(repo, options, &last)?;
    let mut depot = start_depot(repo, options, &listed)?;
    let register = if repo.can_read() { Register::load(repo)? } else { Register::default() };
    let (report, set) = (BackupReport::default(), options.set.clone());
    let mut tally =
        Tally { report, waiting: Waiting::default(), unusual: Unusual::default(), gone_total: 0, register, set };
    let mut listing = start_listing(&last, &before, &depot)?;
    let moment = Moment { parent: before.parent, began_s: began.as_second() };
    walk(repo, options, &before, moment, &mut depot, &mut listing, &mut tally, session, monitor, stop)?;
    if tally.report.files == 0 && tally.gone_total == 0 && !options.allow_empty && before.parent.is_none() {
        return Err(OpsError::Nothing(format!("there is nothing in the folders of the set '{}'", options.set)));
    }
    monitor.stage("storing", None);
    let (root, files) = listing.root(&mut depot, options, &before.inherits)?;
    let root_id = depot.put(Stream::Listing, &encode(&root)?)?;
    // The index goes while the last packs are on their way; the log is told when all are there.
    let mut last_packs = tally.waiting.take();
    last_packs.extend(depot.writer.close()?);
    let fresh: Vec<WrittenPack> = last_packs.iter().take(PROVE_BACK).cloned().collect();
    let described = describe(repo, last_packs)?;
    take_up(&mut tally, depot.writer.flush()?);
    drop(tally.waiting.take());
    if tally.report.packs_stored > 0 || repo.env.clock.now().duration_since(began) > LISTED_LONG_AGO {
        listed = tell_and_list(repo, session, described)?;
    }
    prove_back(repo, &depot, &fresh, &mut tally, id)?;
    let needs = all_needs(repo, &depot, &before, id, &listed)?;
    last.keep((root_id, &root), files, before.root)?;
    stop.check()?;
    let snapshot = Snapshot {
        set: options.set.clone(),
        root: root_id,
        session: id,
        began,
        needs,
        parent: before.parent.map(|(id, _)| id),
        files: tally.report.files,
        bytes: tally.report.bytes,
        added: tally.report.bytes_stored,
        problems: tally.report.problems.len() as u64,
        gone: tally.gone_total,
        mass_change: mass_change(&before, &mut tally, options.usual),
    };
    let n = append_snapshot(repo, snapshot, before.root)?;
    tally.report.snapshot = Some(SnapshotId(n));
    tally.report.incident = repo.state().open_incidents().find(|i| i.at == n).map(|i| i.at);
    after_commit(repo, n)?;
    Ok(tally.report)
}

fn start_depot(
    repo: &mut Repository,
    options: &BackupOptions,
    listed: &HashMap<PackName, u64>,
) -> Result<Depot, RepoError> {
    let own = repo.own_actors();
    let state = repo.state();
    let seen = |n: u32| state.packs.get(n as usize).is_some_and(|p| listed.get(&p.pack.name) == Some(&p.pack.size));
    let damaged = repo.dir().map(StateDir::damaged_packs).unwrap_or_default();
    let sound = |n: u32| seen(n) && state.packs.get(n as usize).is_some_and(|p| !damaged.contains(&p.pack.name));
    let packs = (reliable_packs(state, &own, sound), present_packs(state, seen), lost_packs(state));
    let settings = WriterSettings {
        store: repo.store.clone(),
        reading: repo.reading_recipient()?,
        chunk_key: repo.chunk_key(),
        compressors: compressors(std::thread::available_parallelism().ok().map(usize::from)),
        uploaders: options.connections,
        acknowledged: journal(repo),
    };
    let index = repo.take_index()?;
    Ok(Depot::new(PackWriter::start(settings), index, packs, repo.chunk_key()))
}

pub(super) fn compressors(processors: Option<usize>) -> usize {
    processors.map_or(2, |n| n.min(MOST_COMPRESSORS))
}

/// Both listings, which go on from the last ones where this machine has them with their pages.
fn start_listing(last: &LastListing, before: &Before, depot: &Depot) -> Result<Listing, RepoError> {
    let known = before.files.as_ref().and_then(|found| Some((found, found.root.as_ref()?)));
    let live = known.map(|(found, root)| (found.live.clone(), root.live.clone()));
    let gone = known.map(|(found, root)| (found.gone.clone(), root.gone.clone()));
    Ok(Listing { live: Side::start(last, "live", live, depot)?, gone: Side::start(last, "gone", gone, depot)? })
}

/// Finds the last listing: on this machine, else (where the keys allow) in the store.
fn look_back(repo: &mut Repository, options: &BackupOptions, last: &LastListing) -> Result<Before, OpsError> {
    let Some(newest) = repo.state().newest(&options.set).cloned() else {
        return Ok(Before { parent: None, root: None, files: None, inherits: vec![], records: 0 });
    };
    let root = newest.snapshot.root;
    let mut files = last.find(&root);
    if files.is_none() && repo.can_read() {
        files = fetch_listing(repo, last, root)?;
    }
    let parent = Some((newest.id, newest.snapshot.began.as_second()));
    let inherits = files.as_ref().map_or_else(|| vec![root], |f| f.inherits.clone());
    Ok(Before { parent, root: Some(root), inherits, files, records: newest.snapshot.files })
}

/// Brings the last listing back from the store. An answer may be damaged on its way: it is asked for once more before
/// the listing counts as damaged, because then everything is read again and what is gone can only be inherited.
fn fetch_listing(
    repo: &mut Repository,
    last: &LastListing,
    root_id: ChunkId,
) -> Result<Option<FoundListing>, RepoError> {
    let mut attempt = || {
        let mut chunks = repo.chunks()?;
        let root = read_root(&mut chunks, &root_id)?;
        if !root.inherits.is_empty() {
            return Ok(false);
        }
        let (mut live, mut gone) = (last.writer("live")?, last.writer("gone")?);
        for (pages, out) in [(&root.live, &mut live), (&root.gone, &mut gone)] {
            for page in pages {
                for entry in read_page(&mut chunks, page)? {
                    let pieces = match &entry.kind {
                        Kind::File(c @ Content { pieces: Pieces::Listed(_), .. }) => Some(read_pieces(&mut chunks, c)?),
                        _ => None,
                    };
                    out.add(&Known::new(entry, None, pieces))?;
                }
            }
        }
        last.keep((root_id, &root), (Kept::New(Box::new(live)), Kept::New(Box::new(gone))), None)?;
        Ok(true)
    };
    match attempt().or_else(|e| if RepoError::is_damage(&e) { attempt() } else { Err(e) }) {
        Ok(true) => Ok(last.find(&root_id)),
        Ok(false) => Ok(None),
        Err(e) if RepoError::is_damage(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

#[allow(clippy::too_many_arguments, reason = "the whole of one run meets here")]
fn walk(
    repo: &mut Repository,
    options: &BackupOptions,
    before: &Before,
    moment: Moment,
    depot: &mut Depot,
    listing: &mut Listing,
    tally: &mut Tally,
    session: Session,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<(), OpsError> {
    let open = |f: &PathBuf| Reader::open(f);
    let (live, gone) = match &before.files {
        Some(found) => (open(&found.live.0)?, open(&found.gone.0)?),
        None => (Reader::empty(), Reader::empty()),
    };
    let merge = Merge::start(&options.folders, &options.exclude, live, gone, moment)?;
    let openers = open_all(options)?;
    let stable = |f: &Source| mount_of(&f.path).is_ok_and(|m| keeps_inodes(&m.fs_type));
    let stable: Vec<bool> = options.folders.iter().map(stable).collect();
    let (names, gear) = (Names::load(), Gear::new(&GearKey::new(repo.chunk_key().gear())));
    let clock = Arc::clone(&repo.env.clock);
    let reading = Reading {
        openers: &openers,
        stable_inodes: &stable,
        names: &names,
        gear: &gear,
        reread: options.reread,
        clock: &*clock,
        began: session.began,
    };
    let (mut links, mut buffer) = (Links::default(), CutBuffer::default());
    monitor.stage("reading", Some(before.records).filter(|n| *n > 0));
    std::thread::scope(|scope| {
        let windows = Windows::begin(scope, &reading, merge);
        while let Some(mut window) = windows.next()? {
            stop.check()?;
            monitor.advance(window.items.len() as u64);
            reading.settle(&mut window, depot, &mut links, &mut buffer, &mut |depot, outcome| {
                take(outcome, moment, depot, listing, tally, monitor)?;
                tell_in_time(repo, session, tally, depot.writer.take_written())
            })?;
            windows.give_back(window);
        }
        Ok(())
    })
}

fn open_all(options: &BackupOptions) -> Result<Vec<Opener>, OpsError> {
    let open = |s: &Source| Opener::new(s).map_err(|e| LocalError::new(&s.path, &e).into());
    options.folders.iter().map(open).collect()
}

/// On network and user-space file systems an inode's number may change from one mount to the next.
pub(super) fn keeps_inodes(kind: &str) -> bool {
    !["cifs", "smb", "nfs", "fuse", "9p", "afs", "vfat", "exfat"].iter().any(|k| kind.starts_with(k))
}

/// A machine that cannot read proves some of what it stored by bringing it back with the key of this run.
fn prove_back(
    repo: &mut Repository,
    depot: &Depot,
    fresh: &[WrittenPack],
    tally: &mut Tally,
    session: SessionId,
) -> Result<(), RepoError> {
    if repo.can_read() || fresh.is_empty() {
        return Ok(());
    }
    // The log was told that they are stored. The next run must not believe that of what is not as it was, nor there.
    let (mut unsound, mut first) = (vec![], None);
    for pack in fresh {
        let name = pack.pack.name;
        let found = match depot.writer.prove_back(&repo.store, pack, &repo.chunk_key()) {
            Ok(_) => continue,
            Err(e) if e.store_fault() == Some(StoreFault::Missing) => RepoError::PackMissing(name),
            Err(e) => e,
        };
        if found.is_damage() {
            unsound.push(name);
        }
        first.get_or_insert(found);
    }
    if let Some(found) = first {
        // Where no note can be kept, the next run fails by itself; what was found is told now.
        let _ = repo.dir().map_or(Ok(()), |dir| dir.note_damaged(unsound));
        return Err(found);
    }
    tally.report.packs_proved = fresh.len() as u64;
    let names: Vec<PackName> = fresh.iter().map(|w| w.pack.name).collect();
    repo.append(|state| {
        let packs: Bits = names.iter().filter_map(|n| state.pack(n).map(|(number, _)| number)).collect();
        Ok(Some(Entry::Proved { session, packs }))
    })?;
    Ok(())
}

/// Every pack the snapshot needs: those relied on, those stored by this run, and what an inherited root needs.
/// Each must be in the store now, with the size the log says, unless a person accepted that it is lost.
fn all_needs(
    repo: &Repository,
    depot: &Depot,
    before: &Before,
    session: SessionId,
    listed: &HashMap<PackName, u64>,
) -> Result<Bits, RepoError> {
    let state = repo.state();
    let mut needs = depot.needs.clone();
    for (number, pack) in state.packs.iter().enumerate() {
        if pack.session == session {
            needs.insert(number as u32);
        }
    }
    for number in needs.iter() {
        let known = state.packs.get(number as usize).ok_or(RepoError::ChunkUnknown)?;
        let pack = known.pack;
        if known.lost.is_none() && listed.get(&pack.name) != Some(&pack.size) {
            return Err(RepoError::PackMissing(pack.name));
        }
    }
    if !before.inherits.is_empty()
        && let Some(parent) = before.parent.and_then(|(id, _)| state.snapshot(id))
    {
        needs.union(&parent.snapshot.needs);
    }
    Ok(needs)
}

/// Whether one of these packs is dead, about to be destroyed, or described no more.
pub(super) fn leans_on_what_is_gone(state: &State, needs: &Bits) -> bool {
    let (there, described) = (present_packs(state, |_| true), state.described());
    needs.iter().any(|n| !there.contains(n) || !described.contains(n))
}

/// Commits, unless something the snapshot needs was swept since it was relied on, or the listing it goes on from was
/// written anew: then it would bring back what a disposal took away.
fn append_snapshot(repo: &mut Repository, snapshot: Snapshot, before: Option<ChunkId>) -> Result<u64, RepoError> {
    let entry = repo.append(|state| {
        let parent = snapshot.parent.and_then(|id| state.snapshots.iter().find(|s| s.id == id));
        if parent.is_some_and(|p| Some(p.snapshot.root) != before) {
            return Err(RepoError::ChunkUnknown);
        }
        if leans_on_what_is_gone(state, &snapshot.needs) {
            return Err(RepoError::ChunkUnknown);
        }
        Ok(Some(Entry::Snapshot(snapshot.clone())))
    })?;
    entry.ok_or(RepoError::Contention)
}

/// The counts of [`Unusual::is_incident`], when what changed is one. They stand in the snapshot itself,
/// so that no crash can come between the snapshot and the incident.
fn mass_change(before: &Before, tally: &mut Tally, usual: Usual) -> Option<Vec<u64>> {
    let (gone, records) = (tally.report.files_gone, before.records);
    tally.report.touched = tally.unusual.changed.min(records) + gone;
    tally.report.turned = tally.unusual.turned();
    let counts = before.parent.and_then(|_| tally.unusual.is_incident(gone, records, usual))?;
    tally.report.in_week = counts.get(5).copied();
    Some(counts)
}

/// Reads the entry back, which also shows the store's clock; a clock far off makes the snapshot's time suspect.
pub(super) fn after_commit(repo: &mut Repository, n: u64) -> Result<(), RepoError> {
    let (stored, store_time) = repo.store.get_dated(&Key::Log(n))?;
    let (slots, at) = (repo.slots(), n as usize);
    if slots[at - 1].link.then(&stored) != slots[at].link {
        // The store took our entry and gave the place to another: it does not keep what it promised at init.
        return Err(RepoError::RolledBack { remembered: n, shown: format!("another entry {n}") });
    }
    let snapshot = Some(SnapshotId(n));
    let apart = repo.env.clock.now().duration_since(store_time).abs();
    if repo.store.has_own_clock() && apart > CLOCK_SUSPECT {
        let counts = vec![apart.as_secs().unsigned_abs()];
        let incident = Incident { what: IncidentKind::Clock, snapshot, counts };
        repo.append(|_| Ok(Some(Entry::Incident(incident.clone()))))?;
    }
    Ok(())
}
