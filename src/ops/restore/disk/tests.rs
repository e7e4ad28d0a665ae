use super::*;
use crate::ops::Silent;
use crate::ops::restore::item::What;
use crate::ops::restore::plan::RestorePlan;
use crate::ops::restore::{RestoreOptions, plan};
use crate::ops::verify::fixture::Council;

/// A restore of these files that has come as far as to write them, and their numbers in the plan.
fn planned(files: &[(&str, &[u8])]) -> (Council, RestorePlan, Vec<u32>) {
    let c = Council::new();
    files.iter().for_each(|(name, content)| c.write(name, content));
    c.backup();
    let options = RestoreOptions::everything(c.tmp.path().join("back"));
    let mut plan = plan(&mut c.open(), &options, &Silent, &Stop::default()).unwrap();
    plan.places.make(plan.items.iter().map(|i| &i.path)).unwrap();
    let numbers = (0..).zip(&plan.items).filter(|(_, item)| item.what == What::File).map(|(at, _)| at).collect();
    (c, plan, numbers)
}

/// With the digest of each file, as if all of them had been long.
fn sink<'p>((c, plan, files): &'p (Council, RestorePlan, Vec<u32>), report: &'p Mutex<RestoreReport>) -> DiskSink<'p> {
    let live = |at: &u32| c.tmp.path().join(plan.items[*at as usize].path.to_string().replacen("Documents", "docs", 1));
    let recorded = files.iter().map(|at| Some(Digest::of(&std::fs::read(live(at)).unwrap()))).collect();
    DiskSink::new(&plan.places, &plan.items, files, recorded, report)
}

/// Of the first file, all but a thousand bytes is a hole.
fn with_a_hole() -> Window {
    let mut window = Window::default();
    window.holes.push((0, 1_000, 4_000));
    window
}

#[test]
fn only_so_many_files_are_kept_open_and_one_that_is_closed_makes_room() {
    let count = Arc::default();
    let rooms: Vec<_> = (0..4).map(|_| Room::new(&count, 2)).collect();
    assert_eq!(rooms.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(count.load(Ordering::Relaxed), 2, "who got none is not counted");
    drop(rooms);
    assert_eq!(count.load(Ordering::Relaxed), 0);
    assert!(Room::new(&count, 2).is_some());
    assert!(Room::new(&count, 0).is_none());
}

#[test]
fn what_is_lost_is_told_once_and_nothing_more_is_done_for_it() {
    let world = planned(&[("a", b"12345")]);
    let report = Mutex::default();
    let sink = sink(&world, &report);
    sink.piece(0, 0, b"1234").unwrap();
    sink.lost(0, "its pack is gone");
    assert_eq!(sink.digests.found(0), None, "nobody asks for its digest, and nothing is kept for it");
    sink.lost(0, "its pack is gone");
    sink.piece(0, 0, b"12345").unwrap();
    sink.complete(0).unwrap();
    let report = locked(&report).clone();
    assert_eq!((report.files, report.bytes, report.failed), (0, 0, 1));
    let problem = Problem::of(&world.1.items[world.2[0] as usize].path, ProblemKind::Damaged, "its pack is gone");
    assert_eq!(report.problems, [problem]);
    assert_eq!(sink.fates(), [Fate::Damaged]);
    assert_eq!(
        std::fs::read_dir(world.0.tmp.path().join("back/Documents")).unwrap().count(),
        0,
        "nothing unfinished is left"
    );
}

#[test]
fn pieces_that_come_by_turns_end_in_the_right_files_however_many_are_open() {
    let names = ["a", "b", "c", "d", "e"];
    let world = planned(&names.map(|name| (name, &b"first, second"[..])));
    let report = Mutex::default();
    let sink = sink(&world, &report);
    for (offset, bytes) in [(7, &b"second"[..]), (0, b"first, ")] {
        (0..5).for_each(|file| sink.piece(file, offset, bytes).unwrap());
    }
    assert_eq!(sink.open.load(Ordering::Relaxed), 2);
    (0..5).for_each(|file| sink.complete(file).unwrap());
    assert_eq!(sink.open.load(Ordering::Relaxed), 0);
    assert_eq!(sink.fates(), [Fate::Done; 5]);
    for name in names {
        let back = world.0.tmp.path().join("back/Documents").join(name);
        assert_eq!(std::fs::read(back).unwrap(), b"first, second");
    }
    let report = locked(&report).clone();
    assert_eq!((report.files, report.bytes, report.failed), (5, 65, 0));
}

#[test]
fn a_file_that_cannot_be_written_is_a_problem_and_a_full_target_the_end() {
    let world = planned(&[("a", b"12"), ("b", b"12")]);
    // Somebody else's file has the name of the folder.
    std::fs::write(world.0.tmp.path().join("back/Documents"), "").unwrap();
    let report = Mutex::default();
    let sink = sink(&world, &report);
    sink.piece(0, 0, b"1").unwrap();
    sink.piece(0, 1, b"2").unwrap();
    sink.complete(0).unwrap();
    sink.complete(1).unwrap();
    assert_eq!(sink.fates(), [Fate::NotWritten; 2]);
    let report = locked(&report).clone();
    let told: Vec<_> = report.problems.iter().map(|p| (p.path.clone().unwrap().to_string(), p.kind.clone())).collect();
    let expected = ["Documents/a", "Documents/b"].map(|path| (path.to_string(), ProblemKind::NotWritten));
    assert_eq!((report.failed, &told[..]), (2, &expected[..]));
    let item = &world.1.items[world.2[0] as usize];
    assert!(matches!(refused(item, PlaceError::NoSpace(item.path.clone())), Err(OpsError::Target(_))));
}

#[test]
fn what_is_not_what_was_backed_up_is_never_put_in_place_whichever_way_it_was_digested() {
    let world = planned(&["a", "b", "c"].map(|name| (name, &b"12345"[..])));
    let report = Mutex::default();
    let sink = sink(&world, &report);
    // What comes at once is not even written.
    sink.piece(0, 0, b"12346").unwrap();
    assert_eq!(locked(&report).failed, 1);
    // More came than there is: nothing was digested on the way, and what is read back is too long.
    sink.piece(1, 0, b"123456").unwrap();
    sink.piece(2, 0, b"123").unwrap();
    sink.piece(2, 3, b"46").unwrap();
    (0..3).for_each(|file| sink.complete(file).unwrap());
    assert_eq!(sink.fates(), [Fate::Damaged; 3]);
    assert_eq!(std::fs::read_dir(world.0.tmp.path().join("back/Documents")).unwrap().count(), 0);
    assert_eq!(locked(&report).damaged.len(), 3);
}

#[test]
fn a_file_that_is_taken_away_on_its_way_is_told_once() {
    let world = planned(&["a", "b", "c"].map(|name| (name, &b"12"[..])));
    let report = Mutex::default();
    let sink = sink(&world, &report);
    // The third is opened again for each piece.
    (0..3).for_each(|file| sink.piece(file, 0, b"1").unwrap());
    let folder = world.0.tmp.path().join("back/Documents");
    std::fs::read_dir(&folder).unwrap().for_each(|found| std::fs::remove_file(found.unwrap().path()).unwrap());
    sink.piece(2, 1, b"2").unwrap();
    sink.piece(2, 1, b"2").unwrap();
    sink.complete(2).unwrap();
    assert_eq!(locked(&report).problems.len(), 1);
    assert_eq!(sink.fates(), [Fate::Open, Fate::Open, Fate::NotWritten]);
}

#[test]
fn a_file_that_ends_with_a_hole_is_as_long_as_it_was() {
    let world = planned(&[("a", &[0; 5_000])]);
    let report = Mutex::default();
    let sink = sink(&world, &report);
    let window = with_a_hole();
    sink.holes(&window, &Stop::default()).unwrap();
    sink.piece(0, 0, &[0; 1_000]).unwrap();
    sink.complete(0).unwrap();
    let back = world.0.tmp.path().join("back/Documents/a");
    assert_eq!((std::fs::read(back).unwrap(), sink.fates()), (vec![0; 5_000], vec![Fate::Done]));
}

#[test]
fn what_cannot_be_read_back_is_not_written() {
    let world = planned(&[("a", b"12345")]);
    let report = Mutex::default();
    let mut sink = sink(&world, &report);
    // So that it has a name.
    sink.open_at_most = 0;
    sink.piece(0, 0, b"1234").unwrap();
    sink.piece(0, 4, b"5").unwrap();
    sink.digests.forget(0);
    let folder = world.0.tmp.path().join("back/Documents");
    std::fs::remove_file(std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path()).unwrap();
    sink.complete(0).unwrap();
    assert_eq!(sink.fates(), [Fate::NotWritten]);
    assert_eq!(locked(&report).problems[0].kind, ProblemKind::NotWritten);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
    let path = RecordPath::new("Documents/a").unwrap();
    let said = PlaceError::NotReadBack { path, source: std::io::Error::from_raw_os_error(5) }.to_string();
    let words = "was written and could not be read back from the target, so it was not put in place: Input/output error (os error 5)";
    assert_eq!(said, format!("Documents/a {words}"));
}

#[test]
fn of_what_was_digested_on_its_way_holes_too_nothing_is_read_back() {
    let world = planned(&[("a", &[0; 5_000])]);
    let report = Mutex::default();
    let mut sink = sink(&world, &report);
    // So that it has a name.
    sink.open_at_most = 0;
    let window = with_a_hole();
    let stop = Stop::default();
    stop.set();
    assert!(sink.holes(&window, &stop).is_err(), "a hole may be long");
    sink.holes(&window, &Stop::default()).unwrap();
    sink.piece(0, 0, &[0; 1_000]).unwrap();
    // Only who reads it back would see this.
    let unfinished =
        std::fs::read_dir(world.0.tmp.path().join("back/Documents")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(unfinished, "changed").unwrap();
    sink.complete(0).unwrap();
    assert_eq!(sink.fates(), [Fate::Done]);
}
