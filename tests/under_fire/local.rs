//! What this computer's own disk does to a backup at every change of a file and every fsync: the process dies, with what it
//! wrote last torn; the power fails, and what was not forced to the disk is lost, empty or half; the disk is full from here
//! on; an fsync fails. Whatever happens, the store holds what it held, and the next run gets there without any step by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use strongroom::domain::problem::Exit;
use strongroom::repo::local::dying::{Moment, disk_of};
use strongroom::testing::Plan;

use crate::calls::{Start, ready, same};
use crate::second_documents;
use crate::support::world::{World, read_back};

/// What goes wrong from one moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Dies,
    Torn,
    /// The power fails: what was not forced has its old content.
    NeverWritten,
    /// What was not forced has its name and no content.
    Empty,
    Half,
    Full,
    /// One fsync fails; everything else works.
    ForceFails,
}

const WAYS: [Way; 7] = [Way::Dies, Way::Torn, Way::NeverWritten, Way::Empty, Way::Half, Way::Full, Way::ForceFails];

/// What happened to this computer's files so far.
#[derive(Default)]
struct Seen {
    moments: Vec<(PathBuf, Moment)>,
    /// Changed since the run began, and not forced since.
    loose: BTreeSet<PathBuf>,
    /// Whatever becomes of these names, the content was forced before it got them: it is the old one or the new one.
    firm: BTreeSet<PathBuf>,
    happened: bool,
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut all, mut todo) = (BTreeMap::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = todo.pop() {
        for item in std::fs::read_dir(folder).into_iter().flatten() {
            let path = item.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                all.insert(path.clone(), std::fs::read(path).unwrap());
            }
        }
    }
    all
}

/// Of the unfinished name of a file: the one it is going to have.
fn final_name(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_prefix('.')?.strip_suffix(".new")?;
    Some(path.with_file_name(name))
}

fn cut(path: &Path, part: u64) {
    if let Ok(file) = std::fs::File::options().write(true).open(path) {
        let len = file.metadata().unwrap().len();
        file.set_len(len * part / 2).unwrap();
    }
}

/// What is not on the disk when the power fails.
fn lose(way: Way, seen: &Seen, before: &BTreeMap<PathBuf, Vec<u8>>) {
    for path in seen.loose.iter().filter(|path| path.is_file()) {
        match way {
            Way::Empty | Way::Half if seen.firm.contains(path) => {}
            _ if before.get(path) == std::fs::read(path).ok().as_ref() => {}
            Way::Empty => cut(path, 0),
            Way::Half => cut(path, 1),
            _ => match before.get(path) {
                Some(old) => std::fs::write(path, old).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            },
        }
    }
}

/// From moment `at` on the disk of this world does what `way` says.
fn spoil(world: &World, at: usize, way: Way) -> Arc<Mutex<Seen>> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (told, faults) = (Arc::clone(&seen), Arc::clone(&world.faults));
    let folder = world.dir().path().to_path_buf();
    let disk = move |path: &Path, moment: Moment| {
        let mut seen = told.lock().unwrap();
        let now = seen.moments.len();
        seen.moments.push((path.to_path_buf(), moment));
        let wrong = now >= at;
        seen.happened |= wrong && (way != Way::ForceFails || (now == at && moment == Moment::Force));
        match way {
            Way::Full if wrong => return Err(ErrorKind::StorageFull.into()),
            Way::ForceFails if now == at && moment == Moment::Force => return Err(Error::other("the disk failed")),
            Way::Full | Way::ForceFails => {}
            _ if wrong => {
                faults.stop();
                if now == at && way == Way::Torn && seen.loose.contains(path) && !seen.firm.contains(path) {
                    cut(path, 1);
                }
                return Err(Error::other("the process died"));
            }
            _ => {}
        }
        match moment {
            Moment::Change => _ = seen.loose.insert(path.to_path_buf()),
            Moment::Force => {
                seen.loose.remove(path);
                seen.firm.extend(final_name(path));
                // Under its unfinished name it was forced, and the folder with its new one is forced now.
                seen.loose.retain(|loose| loose.parent() != Some(path));
            }
        }
        Ok(())
    };
    disk_of(&folder, Some(Box::new(disk)));
    seen
}

fn play(start: &Start, at: usize, way: Way) -> bool {
    let world = start.world.fork();
    let before = files(world.dir().path());
    let seen = spoil(&world, at, way);
    let outcome = world.backup();
    disk_of(world.dir().path(), None);
    world.faults.restart(Plan::none());
    let seen = seen.lock().unwrap();
    if matches!(way, Way::NeverWritten | Way::Empty | Way::Half) && seen.happened {
        lose(way, &seen, &before);
    }
    let why = format!("{way:?} at {at}: {:?}", seen.moments.get(at));
    start.look_at_objects(&world);
    let now = start.shown(&world);
    match outcome {
        Ok(_) => same(&now, &start.after, &format!("{why}: success was said of something else")),
        Err(e) => {
            assert!(e.exit() != Exit::Done && e.to_string().len() > 10, "{why}: {e}");
            assert!(now == start.before || now == start.after, "{why}: neither the old nor the new state: {e}");
            assert!(way != Way::Full || e.to_string().contains("full"), "{why}: {e}");
        }
    }
    world.backup().unwrap_or_else(|e| panic!("{why}: the next run failed: {e}"));
    start.look_at_objects(&world);
    same(&start.shown(&world), &start.after, &format!("{why}, after the next run"));
    same(&read_back(&mut world.open().unwrap(), "documents").unwrap(), &start.after, &format!("{why}, on the machine"));
    seen.happened
}

/// In a usual run each moment meets a third of the ways.
fn all_of_them() -> bool {
    std::env::var_os("STRONGROOM_LONG").is_some()
}

fn campaign(what: &str, start: &Start) -> String {
    let reference = start.world.fork();
    let seen = spoil(&reference, usize::MAX, Way::Dies);
    reference.backup().unwrap();
    disk_of(reference.dir().path(), None);
    let moments = seen.lock().unwrap().moments.clone();
    let forced = moments.iter().filter(|(_, moment)| *moment == Moment::Force).count();
    assert!(forced > 5 && moments.iter().any(|(path, _)| path.ends_with("session.journal")), "{moments:?}");
    let (mut played, mut happened) = (0, 0);
    for (at, (_, moment)) in moments.iter().enumerate() {
        let fits = |way: &Way| *way != Way::ForceFails || *moment == Moment::Force;
        let today = |n: usize| all_of_them() || (n + at).is_multiple_of(3);
        for (_, way) in WAYS.into_iter().enumerate().filter(|(n, way)| fits(way) && today(*n)) {
            played += 1;
            happened += usize::from(play(start, at, way));
        }
    }
    assert!(happened * 10 >= played * 9, "most of these must happen: {happened} of {played}");
    format!("{what}: {} moments, {forced} of them fsyncs; {played} points, {happened} happened", moments.len())
}

#[test]
fn a_backup_whose_own_disk_fails_at_any_moment_loses_nothing_and_the_next_one_converges() {
    let (world, sheet) = ready();
    println!("{}", campaign("first backup", &Start::of(world, sheet)));
    let (world, sheet) = ready();
    world.backup().unwrap();
    second_documents(&world);
    world.clock.advance_days(1);
    println!("{}", campaign("next backup", &Start::of(world, sheet)));
}
