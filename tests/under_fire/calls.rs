//! Everything that can go wrong with any one call of a backup to its store: of a first backup, of a next one, and of
//! one by a machine that lost all it remembered. Whatever happens, the store holds what it held and nothing false, the
//! repository opens again as it was or as it should be, and the next run gets there. Success is never said of less.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use strongroom::domain::id::{IndexName, PackName, RepositoryId};
use strongroom::domain::problem::Exit;
use strongroom::ops::backup::{BackupReport, backup};
use strongroom::ops::{OpsError, Silent, Stop};
use strongroom::repo::listing::read_root;
use strongroom::repo::repository::Repository;
use strongroom::repo::seal::Identity;
use strongroom::testing::{Fault, Plan, Point, Turn, every_fault, under_all};

use crate::support::world::{Files, World, files_of, read_back};
use crate::{first_documents, second_documents};

/// A store that stalls is waited for so long.
const PATIENCE: Duration = Duration::from_millis(300);

/// From where a backup begins, and what is in the repository before and after it.
pub struct Start {
    pub world: World,
    sheet: Identity,
    id: RepositoryId,
    objects: BTreeMap<String, Vec<u8>>,
    pub before: (Files, Files),
    pub after: (Files, Files),
}

impl Start {
    pub fn of(world: World, sheet: Identity) -> Self {
        let mut repo = world.open().unwrap();
        let (before, id) = (read_back(&mut repo, "documents").unwrap(), repo.state().repository);
        let live = files_of(&world.docs(), "Documents");
        let gone = before.0.iter().filter(|(path, _)| !live.contains_key(*path));
        let gone = gone.map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
        Self { objects: world.objects(), after: (live, gone), world, sheet, id, before }
    }

    /// What somebody with the recovery sheet and nothing else is shown.
    pub fn shown(&self, world: &World) -> (Files, Files) {
        let mut repo = Repository::open_with_identity(world.store(), &self.sheet, self.id, world.env())
            .unwrap_or_else(|e| panic!("it does not open again: {e}"));
        assert!(repo.state().voids.is_empty(), "{:?}", repo.state().voids);
        read_back(&mut repo, "documents").unwrap_or_else(|e| panic!("it does not read: {e}"))
    }

    /// The store holds everything that it held, and what is new has the name of its own bytes.
    pub fn look_at_objects(&self, world: &World) {
        let now = world.objects();
        assert!(self.objects.iter().all(|(name, bytes)| now.get(name) == Some(bytes)), "the store lost something");
        for (name, bytes) in now.iter().filter(|(name, _)| !self.objects.contains_key(*name)) {
            let own = match name.split('/').next().unwrap() {
                "packs" => PackName::of(bytes).to_string(),
                "index" => IndexName::of(bytes).to_string(),
                _ => continue,
            };
            assert!(name.contains(&own), "{name} has other bytes");
        }
    }
}

/// Both, in few words: a failure that fills the screen says nothing.
pub fn same(now: &(Files, Files), wanted: &(Files, Files), what: &str) {
    let words =
        |files: &Files| files.iter().map(|(p, b)| format!("{} {}", p.escape_ascii(), b.len())).collect::<Vec<_>>();
    let both = |(live, gone): &(Files, Files)| format!("live {:?}, gone {:?}", words(live), words(gone));
    assert!(now == wanted, "{what}: {} instead of {}", both(now), both(wanted));
}

/// The share of the day: what is played changes, never what must come of it.
#[allow(clippy::disallowed_methods)]
fn turn(turns: usize) -> Turn {
    let days = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    Turn::of_day(turns, days, |name| std::env::var(name).ok())
}

fn try_backup(world: &World, fault: Fault) -> Result<BackupReport, OpsError> {
    let stalls = matches!(fault, Fault::StallBefore | Fault::StallAfter);
    let store = if stalls { world.store().with_patience(PATIENCE) } else { world.store() };
    let mut repo = Repository::open(store, world.dir(), world.env())?;
    backup(&mut repo, &world.options(), &Silent, &Stop::default())
}

/// One point: the fault, what is there after it, and the next run.
fn play(start: &Start, calls: usize, Point { call, fault }: Point) -> Option<(Fault, Option<Exit>)> {
    let world = start.world.fork();
    world.faults.restart(Plan::at(call, fault));
    let outcome = try_backup(&world, fault);
    let (happened, tries) = (!world.faults.injected().is_empty(), world.faults.calls());
    world.faults.restart(Plan::none());
    assert!(tries <= 2 * calls + 10, "{tries} calls instead of {calls}");
    start.look_at_objects(&world);
    let now = start.shown(&world);
    match &outcome {
        Ok(_) => same(&now, &start.after, "success was said of something else"),
        Err(e) => {
            assert!(e.exit() != Exit::Done && e.to_string().len() > 20, "{e}");
            assert!(now == start.before || now == start.after, "neither the old nor the new state: {e}");
        }
    }
    world.backup().unwrap_or_else(|e| panic!("the next run failed: {e}"));
    start.look_at_objects(&world);
    same(&start.shown(&world), &start.after, "after the next run");
    let mut repo = world.open().unwrap();
    same(&read_back(&mut repo, "documents").unwrap(), &start.after, "on the machine itself");
    // One bad answer must not make a listing lean on an old one, and keep that one's packs, for ever.
    let root = repo.state().newest("documents").unwrap().snapshot.root;
    let root = read_root(&mut repo.chunks().unwrap(), &root).unwrap();
    assert!(root.inherits.is_empty(), "a bad answer was taken for damage");
    happened.then(|| (fault, outcome.err().map(|e| e.exit())))
}

/// What came of each kind of fault: how often the run succeeded, and with which codes it failed.
type Tally = BTreeMap<String, BTreeMap<u8, usize>>;

/// Each point of today's turn, of so many turns.
fn campaign(what: &str, start: &Start, turns: usize) -> String {
    let reference = start.world.fork();
    try_backup(&reference, Fault::StopBefore).unwrap();
    let calls = reference.faults.verbs();
    same(&start.shown(&reference), &start.after, "without any fault");
    let (points, tally) = (every_fault(&calls), Mutex::new(Tally::new()));
    let played = under_all(&points, turn(turns), |point| {
        let Some((fault, exit)) = play(start, calls.len(), point) else { return };
        let kind = format!("{fault:?}").split('(').next().unwrap().to_owned();
        let code = exit.map_or(0, |exit| exit as u8);
        *tally.lock().unwrap().entry(kind).or_default().entry(code).or_default() += 1;
    });
    let tally = tally.into_inner().unwrap();
    let happened: usize = tally.values().flat_map(BTreeMap::values).sum();
    assert!(happened * 10 >= played * 9, "most of these must happen: {happened} of {played}");
    format!("{what}: {} calls, {} points, {played} played: {tally:?}", calls.len(), points.len())
}

pub fn ready() -> (World, Identity) {
    let world = World::new();
    first_documents(&world);
    let sheet = world.create_with(false);
    (world, sheet)
}

#[test]
fn a_first_backup_under_every_fault_of_every_call_loses_nothing_and_the_next_one_converges() {
    let (world, sheet) = ready();
    println!("{}", campaign("first backup", &Start::of(world, sheet), 2));
}

#[test]
fn a_next_backup_under_every_fault_of_every_call_loses_nothing_and_the_next_one_converges() {
    let (world, sheet) = ready();
    world.backup().unwrap();
    second_documents(&world);
    world.clock.advance_days(1);
    println!("{}", campaign("next backup", &Start::of(world, sheet), 2));
}

#[test]
fn a_backup_that_must_read_everything_from_the_store_believes_no_damaged_answer() {
    let (world, sheet) = ready();
    world.backup().unwrap();
    second_documents(&world);
    world.clock.advance_days(1);
    for copy in ["cache", "sets"] {
        std::fs::remove_dir_all(world.dir().file(copy)).unwrap();
    }
    std::fs::remove_file(world.dir().file("bundle.age")).unwrap();
    println!("{}", campaign("backup with nothing remembered", &Start::of(world, sheet), 3));
}
