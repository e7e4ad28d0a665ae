use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::domain::id::ChunkId;
use crate::domain::listing::{Content, Kind, Piece, Pieces};
use crate::domain::log::entry::Entry as LogEntry;
use crate::ops::Silent;
use crate::ops::restore::item::Item;
use crate::ops::restore::{Destination, RestoreOptions, plan};
use crate::ops::verify::fixture::Council;
use crate::testing::{Fault, Plan};

/// What a person at the screen hears; it stops the restore when it has heard of so many bytes, or of the stage.
#[derive(Default)]
struct Heard {
    stages: Mutex<Vec<(String, Option<u64>)>>,
    problems: Mutex<Vec<Problem>>,
    bytes: AtomicU64,
    stop_after: Option<u64>,
    stop: Stop,
}

impl Heard {
    fn stopping_after(bytes: u64) -> Self {
        Self { stop_after: Some(bytes), ..Self::default() }
    }

    fn stop_if(&self, bytes: u64) {
        if self.stop_after.is_some_and(|after| bytes >= after) {
            self.stop.set();
        }
    }
}

impl Monitor for Heard {
    fn stage(&self, what: &str, total: Option<u64>) {
        locked(&self.stages).push((what.into(), total));
        self.stop_if(0);
    }
    fn advance(&self, amount: u64) {
        self.stop_if(self.bytes.fetch_add(amount, Ordering::SeqCst) + amount);
    }
    fn problem(&self, problem: &Problem) {
        locked(&self.problems).push(problem.clone());
    }
}

fn options(c: &Council) -> RestoreOptions {
    RestoreOptions { connections: 1, ..RestoreOptions::everything(c.tmp.path().join("back")) }
}

fn planned(c: &Council, repo: &mut Repository) -> RestorePlan {
    plan(repo, &options(c), &Silent, &Stop::default()).unwrap()
}

fn restored(c: &Council, heard: &Heard) -> Result<RestoreReport, OpsError> {
    let mut repo = c.open();
    let plan = planned(c, &mut repo);
    c.faults.restart(Plan::none());
    apply(plan, &mut repo, heard, &heard.stop)
}

/// How many packs were asked for since the plan was made.
fn packs_asked_for(c: &Council) -> usize {
    let mut names: Vec<String> = c
        .faults
        .record()
        .iter()
        .filter(|call| call.starts_with("get packs/"))
        .map(|call| call.split(' ').nth(1).unwrap().into())
        .collect();
    names.sort();
    names.dedup();
    names.len()
}

/// Files in packs of their own, one from each backup.
fn of_several_packs(names: &[&str]) -> Council {
    let c = Council::new();
    for (n, name) in (1..).zip(names) {
        c.write(name, Council::noise(n, 60_000));
        c.backup();
    }
    c
}

fn is_interrupted(result: &Result<RestoreReport, OpsError>) -> bool {
    matches!(result, Err(OpsError::Repo(crate::repo::error::RepoError::Interrupted)))
}

#[test]
fn a_person_hears_of_each_problem_once_and_of_all_bytes() {
    let c = of_several_packs(&["a", "b", "c"]);
    std::fs::hard_link(c.docs().join("a"), c.docs().join("z")).unwrap();
    c.backup();
    let (_, pack) = c.pack_of("Documents/a");
    c.lose(pack);
    let mut repo = c.open();
    let mut plan = planned(&c, &mut repo);
    let before = Problem { path: None, kind: ProblemKind::Damaged, detail: "met while planning".into() };
    plan.problems.push(before.clone());
    let heard = Heard::default();
    let report = apply(plan, &mut repo, &heard, &heard.stop).unwrap();
    assert!(report.problems.contains(&before));
    let paths: Vec<_> = report.problems.iter().filter_map(|p| p.path.as_ref()).map(ToString::to_string).collect();
    assert_eq!(paths, ["Documents/a", "Documents/z"], "and its further name");
    assert_eq!(report.damaged.len(), 2, "{:?}", report.problems);
    let further = report.problems.last().unwrap();
    assert_eq!(further.detail, "it is a further name of a file whose stored data is damaged");
    assert_eq!(*locked(&heard.problems), report.problems, "each once");
    assert_eq!(*locked(&heard.stages), [("restoring".to_string(), Some(180_000))]);
    assert_eq!((heard.bytes.into_inner(), report.bytes, report.packs_fetched), (120_000, 120_000, 2));
    assert_eq!(report.folders_used, [c.tmp.path().join("back")]);
}

#[test]
fn a_restore_that_is_stopped_asks_the_store_for_nothing_more() {
    let c = of_several_packs(&["a", "b", "c"]);
    for (bytes, packs) in [(0, 0), (1, 1), (60_001, 2)] {
        let heard = Heard::stopping_after(bytes);
        assert!(is_interrupted(&restored(&c, &heard)), "{bytes}");
        assert_eq!(packs_asked_for(&c), packs, "{bytes}");
        std::fs::remove_dir_all(c.tmp.path().join("back")).unwrap();
    }
    let report = restored(&c, &Heard::default()).unwrap();
    assert_eq!((report.files, report.packs_fetched, packs_asked_for(&c)), (3, 3, 3));
}

#[test]
fn after_a_stop_nothing_more_is_looked_up() {
    let c = of_several_packs(&["a"]);
    let mut repo = c.open();
    let mut plan = planned(&c, &mut repo);
    let (mut unknown, piece) = (c.entry("Documents/a"), Piece::Raw(ChunkId::new([1; 32]), 5));
    let pieces = Pieces::Inline(vec![piece]);
    unknown.kind = Kind::File(Content { size: 5, pieces, digest: None, link_group: None });
    let at = plan.items.iter().position(|i| i.what == What::File).unwrap();
    plan.items[at] = Item::new(&unknown).unwrap().unwrap();
    plan.places.make(plan.items.iter().map(|i| &i.path)).unwrap();
    let files = [at as u32];
    for stopped in [true, false] {
        let (report, stop) = (Mutex::default(), Stop::default());
        if stopped {
            stop.set();
        }
        let done = write_files(&plan, &mut repo.chunks().unwrap(), &files, &report, None, &Silent, &stop);
        assert_eq!((done.is_err(), locked(&report).failed), (stopped, u64::from(!stopped)));
    }
}

#[test]
fn a_restore_that_is_stopped_gives_no_further_names() {
    let c = Council::new();
    c.write("a", "12345");
    std::fs::hard_link(c.docs().join("a"), c.docs().join("z")).unwrap();
    c.backup();
    let heard = Heard::stopping_after(5);
    assert!(is_interrupted(&restored(&c, &heard)));
    let back = c.tmp.path().join("back/Documents");
    assert!(back.join("a").exists() && !back.join("z").exists());
}

#[test]
fn a_restore_that_cannot_be_noted_in_the_log_says_so_and_is_done() {
    let c = Council::new();
    c.write("a", "12345");
    c.backup();
    let mut repo = c.open();
    let (first, mut again) = (planned(&c, &mut repo), repo.slots().len());
    c.faults.restart(Plan::within("log/", Fault::FailBefore));
    let report = apply(first, &mut repo, &Silent, &Stop::default()).unwrap();
    assert_eq!((report.files, report.warnings.len()), (1, 1));
    assert!(report.warnings[0].starts_with("this restore could not be noted in the log: "), "{:?}", report.warnings);
    c.faults.restart(Plan::none());
    // Of a restore that found all of it there already, there is nothing to say.
    for (removed, said) in [(true, true), (false, false)] {
        if removed {
            std::fs::remove_file(c.tmp.path().join("back/Documents/a")).unwrap();
        }
        let plan = planned(&c, &mut repo);
        let report = apply(plan, &mut repo, &Silent, &Stop::default()).unwrap();
        assert_eq!((report.files, report.already, report.warnings), (u64::from(said), u64::from(!said), vec![]));
        again += usize::from(said);
        assert_eq!(repo.slots().len(), again);
    }
    let last = repo.slots().last().unwrap().body.clone().unwrap().entry;
    assert!(matches!(last, LogEntry::Restored { files: 1, bytes: 5, .. }));
}

/// Two names of one file that lie in two folders of this computer, which may be on two disks.
#[test]
fn a_further_name_that_goes_to_another_folder_is_written_as_a_file() {
    let c = Council::new();
    std::fs::create_dir(c.docs().join("d")).unwrap();
    c.write("a", "one inode");
    std::fs::hard_link(c.docs().join("a"), c.docs().join("d/z")).unwrap();
    c.backup();
    let (one, two) = (c.tmp.path().join("one"), c.tmp.path().join("two"));
    let path = |text: &str| RecordPath::new(text).unwrap();
    let folders = vec![(path("Documents"), one.clone()), (path("Documents/d"), two.clone())];
    let to = Destination::InPlace { folders, label: "x".into() };
    let mut repo = c.open();
    let plan = plan(&mut repo, &RestoreOptions { to, ..options(&c) }, &Silent, &Stop::default()).unwrap();
    let report = apply(plan, &mut repo, &Silent, &Stop::default()).unwrap();
    assert_eq!((report.files, report.failed), (2, 0), "{:?}", report.problems);
    assert_eq!(std::fs::read(one.join("a")).unwrap(), b"one inode");
    assert_eq!(std::fs::read(two.join("z")).unwrap(), b"one inode");
    assert_eq!(report.folders_used, [one, two]);
}

#[test]
fn a_further_name_of_a_file_that_could_not_be_written_is_written_as_a_file() {
    let c = Council::new();
    std::fs::create_dir(c.docs().join("d")).unwrap();
    c.write("d/a", "one inode");
    std::fs::hard_link(c.docs().join("d/a"), c.docs().join("z")).unwrap();
    c.backup();
    let mut repo = c.open();
    let back = c.tmp.path().join("back/Documents");
    std::fs::create_dir_all(&back).unwrap();
    let plan = planned(&c, &mut repo);
    // Since the plan was made, somebody has put a folder where the first of its names should be.
    std::fs::create_dir_all(back.join("d/a")).unwrap();
    let report = apply(plan, &mut repo, &Silent, &Stop::default()).unwrap();
    let failed: Vec<_> = report.problems.iter().map(|p| p.path.as_ref().unwrap().to_string()).collect();
    assert_eq!((report.files, failed), (1, vec!["Documents/d/a".to_string()]));
    assert_eq!(std::fs::read(back.join("z")).unwrap(), b"one inode");
}

#[test]
fn a_pipe_that_cannot_be_made_is_named_too() {
    let c = Council::new();
    std::fs::create_dir(c.docs().join("d")).unwrap();
    let pipe = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o644));
    rustix::fs::mknodat(rustix::fs::CWD, c.docs().join("pipe"), pipe.0, pipe.1, 0).unwrap();
    c.write("a", "12345");
    c.backup();
    let back = c.tmp.path().join("back/Documents");
    std::fs::create_dir_all(&back).unwrap();
    let mut repo = c.open();
    let plan = planned(&c, &mut repo);
    // Since the plan was made, somebody has put a folder where the pipe should be.
    std::fs::create_dir(back.join("pipe")).unwrap();
    let heard = Heard::default();
    let report = apply(plan, &mut repo, &heard, &heard.stop).unwrap();
    assert_eq!((report.files, report.failed), (1, 1), "{:?}", report.problems);
    assert_eq!(*locked(&heard.problems), report.problems);
}

/// Changes whatever is unfinished as soon as something of it has come.
struct Meddler(std::path::PathBuf);

impl Monitor for Meddler {
    fn stage(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {
        // It has no name yet, and is open.
        for open in std::fs::read_dir("/proc/self/fd").unwrap().map(|found| found.unwrap().path()) {
            if std::fs::read_link(&open).is_ok_and(|file| file.parent() == Some(&self.0)) {
                std::fs::write(open, "changed").unwrap();
            }
        }
    }
    fn problem(&self, _: &Problem) {}
}

/// A file may be one hole, as long as a disk: it would take hours to read it back.
#[test]
fn holes_are_digested_without_being_read_back() {
    let c = Council::new();
    c.write("hollow", "a few bytes and nothing");
    std::fs::OpenOptions::new().write(true).open(c.docs().join("hollow")).unwrap().set_len(4 << 20).unwrap();
    c.backup();
    assert!(matches!(c.entry("Documents/hollow").kind, Kind::File(content) if content.digest.is_some()));
    let mut repo = c.open();
    let plan = planned(&c, &mut repo);
    // Only who reads it back would see what this does.
    let meddler = Meddler(c.tmp.path().join("back/Documents"));
    let report = apply(plan, &mut repo, &meddler, &Stop::default()).unwrap();
    assert_eq!((report.files, report.failed), (1, 0), "{:?}", report.problems);
    assert_eq!(std::fs::read(meddler.0.join("hollow")).unwrap(), b"changed");
}
