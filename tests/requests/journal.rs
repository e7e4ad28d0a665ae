//! What keeping the journal in the store costs, and that its pages come back.

use strongroom::domain::clock::Clock;
use strongroom::domain::id::NoteName;
use strongroom::domain::log::entry::{Entry, JournalPage};
use strongroom::ops::retention::note;
use strongroom::service::journal::{Event, Journal, JournalEntry};
use strongroom::service::pages::{PAGE, Said, bring_back, keep, read};
use strongroom::testing::{Fault, Plan};

use crate::support::world::World;

/// A night on which nothing went wrong, or something did; what it asked of the store to keep its journal there.
fn night(world: &World, run: &str, exit: u8) -> Vec<String> {
    let journal = Journal::new(world.dir().path());
    for event in [Event::RunStarted, Event::RunFinished { exit }] {
        let entry = JournalEntry { at: world.clock.now(), run: run.into(), event };
        journal.append(&entry).unwrap();
    }
    let mut repo = world.open().unwrap();
    world.faults.restart(Plan::none());
    keep(&mut repo, &journal, run).unwrap();
    let calls = world.faults.record().into_iter().map(|c| c.split(['/', ' ']).take(2).collect::<Vec<_>>().join(" "));
    let calls = calls.collect();
    world.clock.advance_days(1);
    calls
}

#[test]
fn keeping_the_journal_costs_two_puts_a_week_and_two_more_when_something_went_wrong() {
    let world = World::new();
    world.create();
    let page = ["create notes", "create log"];
    let nothing: [&str; 0] = [];
    for n in 0..7 {
        assert_eq!(night(&world, &format!("quiet {n}"), 0), nothing, "night {n}");
    }
    assert_eq!(night(&world, "seventh", 0), page);
    assert_eq!(night(&world, "quiet", 0), nothing);
    assert_eq!(night(&world, "bad", 1), page);
    assert_eq!(night(&world, "quiet again", 0), nothing);
    let stored: usize = world.objects().iter().filter(|(n, _)| n.starts_with("notes/")).map(|(_, b)| b.len()).sum();
    // Two pages; a year of quiet nights is 52 of them.
    assert!(stored < 2 * 1000, "{stored} bytes for eleven nights");
}

fn runs(entries: &[Said]) -> Vec<&str> {
    let begun = entries.iter().filter(|e| e.event == Event::RunStarted);
    begun.map(|e| e.run.as_str()).collect()
}

#[test]
fn pages_come_back_each_line_once_and_a_lost_one_is_told() {
    let world = World::new();
    world.create();
    world.write("a.txt", "a");
    world.backup().unwrap();
    let journal = Journal::new(world.dir().path());
    let proved = JournalEntry { at: world.clock.now(), run: "sheet".into(), event: Event::SheetProved };
    journal.append(&proved).unwrap();
    for (run, exit) in [("one", 1), ("two", 1), ("three", 0)] {
        night(&world, run, exit);
    }
    let repo = world.open().unwrap();
    let local = journal.read().unwrap().entries;
    let all = read(&repo, &local, |_| true).unwrap();
    assert_eq!(runs(&all.entries), ["one", "two", "three"]);
    assert_eq!((all.lost.len(), all.unreadable), (0, 0));
    // This computer died after it had stored a page, before it wrote that down: the lines come twice, and count once.
    let file = world.dir().file("journal.jsonl");
    let whole = std::fs::read_to_string(&file).unwrap();
    let without: Vec<&str> = whole.lines().filter(|l| !l.contains("page-kept")).collect();
    std::fs::write(&file, without.join("\n") + "\n").unwrap();
    night(&world, "four", 1);
    let repo = world.open().unwrap();
    assert_eq!(runs(&read(&repo, &[], |_| true).unwrap().entries), ["one", "two", "three", "four"]);
    // The server is lost: the journal of the one that made the newest backup comes back, and is not stored anew.
    let bare = Journal::new(&world.tmp.path().join("bare"));
    assert!(bring_back(&repo, &bare, "recovery", &["another".into()]).unwrap().is_none(), "of those sets alone");
    let sets = [repo.state().snapshots[0].snapshot.set.clone()];
    let brought = bring_back(&repo, &bare, "recovery", &sets).unwrap().unwrap();
    assert_eq!(runs(&brought.entries), ["one", "two", "three", "four"]);
    assert!(bare.read().unwrap().entries.iter().all(|e| e.event != Event::SheetProved), "proved on another computer");
    assert_eq!(brought.entries.len(), bare.read().unwrap().entries.len() - 1);
    assert!(bring_back(&repo, &bare, "again", &sets).unwrap().is_none(), "never into one that is in use");
    let mut repo = repo;
    assert_eq!(keep(&mut repo, &bare, "next").unwrap(), None);
    // A page that the store lost: told with its days, unless this computer has the lines.
    let note = repo.state().pages[0].page.note;
    world.delete_object(&format!("notes/{note}.age"));
    let local = journal.read().unwrap().entries;
    assert_eq!(read(&repo, &local, |_| true).unwrap().lost, []);
    let left = read(&repo, &[], |_| true).unwrap();
    assert_eq!((left.lost.len(), runs(&left.entries).len()), (0, 4), "the page stored twice has them");
    for page in repo.state().pages.iter().skip(1) {
        world.delete_object(&format!("notes/{}.age", page.page.note));
    }
    let left = read(&repo, &[], |_| true).unwrap();
    assert!(left.entries.is_empty() && left.lost.len() == 3 && left.lost[0].from <= left.lost[0].to);
}

#[test]
fn what_another_program_wrote_down_meanwhile_is_in_the_next_page() {
    let world = World::new();
    world.create();
    let journal = Journal::new(world.dir().path());
    night(&world, "one", 1);
    // Its line came between the reading of the journal and the note that a page was kept.
    let mut all = journal.read().unwrap().entries;
    let late = JournalEntry { run: "late".into(), ..all[1].clone() };
    all.insert(2, late);
    std::fs::remove_file(world.dir().file("journal.jsonl")).unwrap();
    journal.append_all(&all).unwrap();
    keep(&mut world.open().unwrap(), &journal, "next").unwrap().unwrap();
    let kept = read(&world.open().unwrap(), &[], |_| true).unwrap();
    assert_eq!(kept.entries.iter().filter(|e| e.run == "late").count(), 1);
}

#[test]
fn a_server_that_cannot_read_keeps_its_journal_there_and_reads_its_own() {
    let world = World::new();
    world.create_with(true);
    night(&world, "one", 1);
    let repo = world.open().unwrap();
    assert!(!repo.can_read());
    let local = Journal::new(world.dir().path()).read().unwrap().entries;
    let all = read(&repo, &local, |_| true).unwrap();
    assert_eq!((runs(&all.entries), all.sealed, all.lost.len()), (vec!["one"], 0, 0));
}

#[test]
fn a_page_that_was_cut_short_is_stored_by_the_next_run_and_no_line_is_lost_or_counted_twice() {
    for fault in [Fault::StopBefore, Fault::StopAfter, Fault::FailBefore, Fault::FailAfter] {
        for call in 0..4 {
            let world = World::new();
            world.create();
            let journal = Journal::new(world.dir().path());
            let entry = |run: &str| {
                let (at, run) = (world.clock.now(), run.to_owned());
                JournalEntry { at, run, event: Event::RunFinished { exit: 1 } }
            };
            journal.append(&entry("one")).unwrap();
            let mut repo = world.open().unwrap();
            world.faults.restart(Plan::at(call, fault));
            let _ = keep(&mut repo, &journal, "one");
            world.faults.restart(Plan::none());
            world.clock.advance_days(1);
            journal.append(&entry("two")).unwrap();
            keep(&mut world.open().unwrap(), &journal, "two").unwrap();
            let repo = world.open().unwrap();
            let all = read(&repo, &[], |_| true).unwrap();
            let runs: Vec<&str> = all.entries.iter().map(|e| e.run.as_str()).collect();
            assert_eq!((runs, all.lost.len()), (vec!["one", "two"], 0), "{fault:?} at call {call}");
        }
    }
}

#[derive(serde::Serialize)]
struct Page {
    entries: Vec<serde_json::Value>,
}

#[test]
fn a_page_too_long_or_of_another_time_is_not_believed_and_what_waits_is_stored_in_several() {
    let world = World::new();
    world.create();
    let now = world.clock.now();
    let line = |minutes: i64| {
        let at = now + jiff::SignedDuration::from_mins(minutes);
        JournalEntry { at, run: format!("run {minutes}"), event: Event::RunStarted }
    };
    let mut repo = world.open().unwrap();
    let mut put = |entries: Vec<serde_json::Value>| {
        let lines = entries.len() as u64;
        let note: NoteName = note::put(&repo, PAGE, &Page { entries }).unwrap();
        let page = JournalPage { note, from: now, to: now, lines };
        repo.append(|_| Ok(Some(Entry::Journal(page)))).unwrap();
        read(&repo, &[], |_| true).unwrap()
    };
    let kept = put([line(0), line(-9)].iter().map(|l| serde_json::to_value(l).unwrap()).collect());
    assert_eq!((runs(&kept.entries), kept.unreadable), (vec!["run 0"], 1));
    // Small in the store, and far too long to hold.
    let kept = put(vec![serde_json::Value::from(0); 50_001]);
    assert_eq!((kept.unreadable, kept.lost.len()), (1, 1));
    let journal = Journal::new(world.dir().path());
    let many: Vec<JournalEntry> = (1..=50_001).map(|n| JournalEntry { event: Event::RunNotBegun, ..line(n) }).collect();
    journal.append_all(&many).unwrap();
    keep(&mut world.open().unwrap(), &journal, "next").unwrap().unwrap();
    let repo = world.open().unwrap();
    assert_eq!(repo.state().pages.len(), 4);
    assert_eq!(read(&repo, &[], |_| true).unwrap().entries.len(), 50_002);
}
