//! The alarm is relative, stays until the document is put right, and never comes from what nobody could examine.

use super::*;
use crate::domain::log::Role;
use crate::domain::log::entry::{Entry, IncidentKind};
use crate::ops::Silent;
use crate::ops::retention::note::{self, WhyNote};
use crate::ops::sound::samples::{docx, noise, pdf, words};
use crate::ops::verify::fixture::Council;
use crate::ops::verify::{TestOptions, VerifyReport, restore};

fn options(c: &Council) -> TestOptions {
    let sound = SoundOptions { program: Program::InProcess, scratch: c.dir().file("scratch") };
    TestOptions { sound: Some(sound), folders: vec![c.source()], ..TestOptions::default() }
}

fn tested_with(c: &Council, options: &TestOptions) -> (VerifyReport, Opening) {
    let report = restore(&mut c.open(), options, &Silent, &Stop::default()).unwrap();
    assert!(!c.dir().file("scratch").exists(), "the scratch folder is wiped");
    let opening = report.opening.clone().unwrap();
    (report, opening)
}

fn tested(c: &Council) -> (VerifyReport, Opening) {
    tested_with(c, &options(c))
}

fn cut(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

#[test]
fn what_was_sound_and_is_not_any_more_is_told_until_it_is_put_right() {
    let c = Council::new();
    c.write("agenda.docx", docx());
    c.write("plan.pdf", pdf(false));
    c.write("never.pdf", cut(pdf(false)));
    c.write("film.xyz", noise(4, 3000));
    let first = c.backup();
    let (report, opening) = tested(&c);
    assert_eq!((report.exit(), report.examined.documents), (crate::domain::problem::Exit::Done, 4));
    assert_eq!((opening.sound, opening.never_sound, opening.not_checkable, opening.examined()), (2, 1, 1, 3));
    assert_eq!(opening.skipped, None);

    c.write("agenda.docx", cut(docx()));
    c.write("plan.pdf", noise(7, 5000));
    c.backup();
    for round in 0..3 {
        let (report, opening) = tested(&c);
        assert_eq!(report.exit(), crate::domain::problem::Exit::Damage, "{round}");
        assert!(report.failed.is_empty(), "the backup itself is faithful");
        assert_eq!((opening.damaged, opening.not_its_name), (1, 1), "{round}");
        let mut spoiled = report.spoiled.clone();
        spoiled.sort_by(|a, b| a.path.cmp(&b.path));
        assert_eq!(spoiled[0].path.to_string(), "Documents/agenda.docx");
        assert!(!spoiled[0].not_its_name && spoiled[1].not_its_name);
        assert!(spoiled.iter().all(|s| s.sound_in == first && !s.why.is_empty()));
    }

    // Losing the memory costs work and loses no alarm.
    std::fs::remove_file(c.dir().file("soundness.json")).unwrap();
    assert_eq!(tested(&c).0.spoiled.len(), 2);

    c.write("agenda.docx", docx());
    std::fs::remove_file(c.docs().join("plan.pdf")).unwrap();
    c.backup();
    let (report, opening) = tested(&c);
    assert_eq!((report.exit(), report.spoiled.len()), (crate::domain::problem::Exit::Done, 0));
    assert_eq!((opening.damaged, opening.not_its_name), (0, 0));
}

#[test]
fn a_person_s_word_closes_it_for_that_content_alone() {
    let c = Council::new();
    let path = RecordPath::new("Documents/a.docx").unwrap();
    let why = WhyNote { by: "Town Clerk".into(), note: "Saved by another program".into() };
    let accept = || accept(&mut c.open(), &path, &why).unwrap();
    assert_eq!(accept(), None);
    c.write("a.docx", docx());
    c.backup();
    tested(&c);
    c.write("a.docx", cut(docx()));
    c.backup();
    assert_eq!(tested(&c).0.spoiled.len(), 1);
    assert!(accept().is_some_and(|n| c.open().state().documents_accepted[0].0 == n));
    assert_eq!((accept(), tested(&c).0.spoiled.len()), (None, 0));
    // It is in the log: a computer that remembers nothing knows it, and the names of documents are not there.
    std::fs::remove_file(c.dir().file("soundness.json")).unwrap();
    assert_eq!(tested(&c).0.spoiled.len(), 0);
    let empty = WhyNote { by: " ".into(), ..why.clone() };
    assert!(matches!(super::accept(&mut c.open(), &path, &empty), Err(crate::ops::OpsError::Usage(_))));
    c.write("a.docx", noise(1, 2000));
    c.backup();
    assert_eq!(tested(&c).0.spoiled.len(), 1);
}

/// Whoever stole a key, or may write to the store, silences no alarm by saying that a document is as it should be.
#[test]
fn what_only_seems_to_be_a_persons_word_silences_nothing() {
    let c = Council::new();
    for name in ["a.docx", "b.docx"] {
        c.write(name, docx());
    }
    c.backup();
    tested(&c);
    for name in ["a.docx", "b.docx"] {
        c.write(name, cut(docx()));
    }
    c.backup();
    assert_eq!(tested(&c).0.spoiled.len(), 2);
    let why = WhyNote { by: "Town Clerk".into(), note: "Saved by another program".into() };
    let accept = |name: &str| accept(&mut c.open(), &RecordPath::new(format!("Documents/{name}")).unwrap(), &why);
    let mut told = 2;
    let mut still = |accepted: usize| {
        told -= accepted;
        // Also by a computer that remembers nothing.
        for _ in 0..2 {
            assert_eq!(tested(&c).0.spoiled.len(), told);
            std::fs::remove_file(c.dir().file("soundness.json")).unwrap();
        }
        tested(&c);
    };
    accept("a.docx").unwrap().unwrap();
    still(1);
    let (_, for_a) = c.open().state().documents_accepted[0];

    // By the approver's key: notes that speak of another document, of something else, of nothing, and none at all.
    let repo = c.open();
    let other = note::put(&repo, "hold", &why).unwrap();
    let empty = note::put(&repo, "documents", &why).unwrap();
    for name in [for_a, other, empty, crate::domain::id::NoteName::new([9; 32])] {
        let entry = Entry::DocumentsAccepted { documents: 2, note: name };
        c.open().append(|_| Ok(Some(entry.clone()))).unwrap().unwrap();
        still(0);
    }
    // The very note of a person's word, said with the key of a computer that only writes: void, and an incident.
    let copy = c.fork();
    super::accept(&mut copy.open(), &RecordPath::new("Documents/b.docx").unwrap(), &why).unwrap().unwrap();
    let (_, for_b) = *copy.open().state().documents_accepted.last().unwrap();
    let key = crate::repo::layout::Key::Note(for_b);
    c.store().create(&key, &copy.store().get(&key).unwrap()).unwrap();
    let entry = Entry::DocumentsAccepted { documents: 1, note: for_b };
    c.say_as(Role::Writer, entry.clone());
    let repo = c.open();
    assert_eq!((repo.state().voids.len(), repo.state().documents_accepted.len()), (1, 5), "{:?}", repo.state().voids);
    still(0);
    // And with the right key it counts: so it is the key that made the difference.
    c.say_as(Role::Approver, entry);
    still(1);
}

#[test]
fn an_older_sound_version_is_found_behind_several_damaged_ones() {
    let c = Council::new();
    c.write("a.docx", docx());
    let sound = c.backup();
    for len in [100, 200, 300] {
        c.write("a.docx", &docx()[..len]);
        c.backup();
    }
    let (report, _) = tested(&c);
    assert_eq!(report.spoiled.iter().map(|s| s.sound_in).collect::<Vec<_>>(), [sound]);
}

#[test]
fn everything_tested_opens_a_sample_too() {
    let c = Council::new();
    c.write("a.docx", docx());
    c.write("b.csv", words(900));
    c.backup();
    let (report, opening) = tested_with(&c, &TestOptions { all: true, ..options(&c) });
    assert_eq!((report.examined.documents, opening.sound), (2, 2));
    let one = TestOptions { all: true, documents_per_run: 1, ..options(&c) };
    assert_eq!(tested_with(&c, &one).1.sound, 1);
}

#[test]
fn what_cannot_be_examined_is_skipped_and_said_and_the_restore_goes_on() {
    let c = Council::new();
    c.write("a.docx", docx());
    c.backup();
    let nobody = Program::Child("/nowhere/strongroom".into(), vec![]);
    let sound = SoundOptions { program: nobody, scratch: c.dir().file("scratch") };
    let (report, opening) = tested_with(&c, &TestOptions { sound: Some(sound), ..options(&c) });
    assert_eq!((report.examined.documents, opening.examined(), opening.last), (1, 0, None));
    assert!(opening.skipped.unwrap().contains("no examination could be started"));

    assert_eq!(tested(&c).1.sound, 1);
    std::fs::write(c.dir().file("scratch"), "in the way").unwrap();
    let report = restore(&mut c.open(), &options(&c), &Silent, &Stop::default()).unwrap();
    let opening = report.opening.unwrap();
    assert_eq!((report.examined.documents, opening.examined()), (1, 0));
    assert!(opening.skipped.unwrap().contains("scratch"));
    assert!(opening.last.is_some(), "when it was last done is known");
}

#[test]
fn leftovers_are_wiped_unless_another_test_is_at_work() {
    let c = Council::new();
    c.write("a.docx", docx());
    c.backup();
    let scratch = c.dir().file("scratch");
    std::fs::create_dir_all(scratch.join("7")).unwrap();
    std::fs::write(scratch.join("7/0"), "private").unwrap();
    let lock = crate::repo::local::try_lock(&c.dir().file("scratch.lock")).unwrap();
    clear_scratch(&scratch);
    assert!(scratch.join("7/0").exists());
    let report = restore(&mut c.open(), &options(&c), &Silent, &Stop::default()).unwrap();
    assert!(report.opening.unwrap().skipped.unwrap().contains("another test restore"));
    drop(lock);
    clear_scratch(&scratch);
    assert!(!scratch.exists());
    assert_eq!(tested(&c).1.sound, 1);
}

fn many(c: &Council, n: usize) {
    for n in 0..n {
        c.write(&format!("{n}.csv"), format!("{n};{}", words(60)));
    }
}

#[test]
fn one_bad_document_among_hundreds_is_found_in_the_night_after_its_backup() {
    let c = Council::new();
    many(&c, 400);
    c.write("agenda.docx", docx());
    c.write("plan.pdf", pdf(false));
    c.backup();
    // Few documents by number: those that were not opened yet are opened all the same.
    let few = TestOptions { documents_per_run: 5, ..options(&c) };
    let (report, opening) = tested_with(&c, &few);
    assert_eq!((report.exit(), opening.sound, opening.waiting), (crate::domain::problem::Exit::Done, 402, 0));
    let (_, again) = tested_with(&c, &few);
    assert!(again.examined() <= 7, "what was opened once is not opened every night: {again:?}");

    for n in 0..300 {
        c.write(&format!("{n}.csv"), format!("{n};changed {}", words(50)));
    }
    c.write("agenda.docx", cut(docx()));
    c.write("plan.pdf", noise(3, 4000));
    c.backup();
    let (report, opening) = tested_with(&c, &few);
    assert_eq!((opening.damaged, opening.not_its_name, report.spoiled.len()), (1, 1, 2), "{opening:?}");
    assert!(opening.examined() >= 302, "{opening:?}");
}

#[test]
fn what_a_limit_leaves_is_opened_by_the_next_runs() {
    let c = Council::new();
    for n in 0..30u8 {
        // Each begins in the pack before and ends in a new one.
        c.write("grows.bin", Council::noise(n, 30_000));
        c.write(&format!("{n}.csv"), words(900 + usize::from(n)));
        c.backup();
    }
    // Tested by somebody who opened nothing: nobody's packs are new any more.
    let blind = TestOptions { sound: None, all: true, ..options(&c) };
    restore(&mut c.open(), &blind, &Silent, &Stop::default()).unwrap();
    let mut left = vec![];
    loop {
        let little = TestOptions { bytes: Some(40_000), documents_per_run: 1, ..options(&c) };
        let waiting = tested_with(&c, &little).1.waiting;
        left.push(waiting);
        assert!(left.len() <= 31, "{left:?}");
        if waiting == 0 {
            break;
        }
    }
    assert!(left.len() > 1 && left.windows(2).all(|w| w[1] < w[0]), "{left:?}");
}

#[test]
fn examinations_that_do_not_end_hold_nothing_up_for_long() {
    let c = Council::new();
    for n in 0..25 {
        c.write(&format!("bad{n}.csv"), format!("bad {n} {}", words(300)));
        c.write(&format!("good{n}.csv"), format!("good {n} {}", words(300)));
    }
    c.backup();
    // Names of documents come in base64: this is "Documents/ba".
    let script =
        "while read q; do case \"$q\" in *RG9jdW1lbnRzL2Jh*) exit 3;; esac; echo '{\"verdict\":\"sound\"}'; done";
    let program = Program::Child("/bin/sh".into(), vec!["-c".into(), script.into()]);
    let sound = SoundOptions { program, scratch: c.dir().file("scratch") };
    let options = TestOptions { sound: Some(sound), ..options(&c) };
    let (_, first) = tested_with(&c, &options);
    assert_eq!((first.unended, first.waiting > 0), (20, true), "{first:?}");
    assert!(first.skipped.as_ref().unwrap().contains("too many examinations did not end"), "{first:?}");
    let mut all = vec![];
    for _ in 0..4 {
        let (_, opening) = tested_with(&c, &options);
        all.push((opening.sound, opening.unended, opening.skipped.is_some(), opening.waiting));
    }
    assert_eq!(all[0].0, 25, "all others are opened in the next run: {all:?}");
    assert_eq!((all[3].1, all[3].2, all[3].3), (0, false, 0), "tried twice, they are let be: {all:?}");
    c.clock.advance(jiff::SignedDuration::from_hours(31 * 24));
    c.write("new.csv", words(100));
    c.backup();
    let (_, later) = tested_with(&c, &TestOptions { all: true, ..options });
    assert!(later.unended > 0, "a month later they are tried again: {later:?}");
}

fn turn(c: &Council, names: std::ops::Range<u8>) {
    for n in names {
        c.write(&format!("{n}.docx"), noise(n + 1, 4000));
    }
}

fn incidents(c: &Council) -> Vec<(IncidentKind, bool)> {
    c.open().state().incidents.iter().map(|i| (i.incident.what, i.resolved)).collect()
}

fn resolve(c: &Council, incident: u64) {
    let said = crate::domain::log::entry::Entry::IncidentResolved { incident, by: "Clerk".into(), note: "seen".into() };
    c.open().append(|_| Ok(Some(said.clone()))).unwrap();
}

#[test]
fn several_documents_that_turned_into_something_else_are_one_incident_until_a_person_has_looked() {
    let c = Council::new();
    (0..12).for_each(|n| c.write(&format!("{n}.docx"), docx()));
    many(&c, 20);
    c.backup();
    tested(&c);
    turn(&c, 0..2);
    c.backup();
    let (report, opening) = tested(&c);
    assert_eq!((report.spoiled.len(), opening.incident, incidents(&c)), (2, None, vec![]), "two are told of, no more");
    turn(&c, 2..3);
    c.backup();
    let (report, opening) = tested(&c);
    let incident = opening.incident.unwrap();
    assert!(opening.several && report.spoiled.iter().all(|s| s.incident == Some(incident)), "{report:?}");
    assert_eq!(incidents(&c), [(IncidentKind::NotItsName, false)]);
    let held = c.prune().held_back;
    assert_eq!(held, Some(crate::domain::retention::gate::Refusal::Incident(incident)));
    turn(&c, 3..7);
    c.backup();
    assert_eq!(tested(&c).1.incident, Some(incident), "while it is open, more of them belong to it");
    assert_eq!(incidents(&c).len(), 1);

    // What is put right is right; what is left when a person says so is as it should be.
    c.write("0.docx", docx());
    c.backup();
    resolve(&c, incident);
    let (report, opening) = tested(&c);
    assert_eq!((report.spoiled.len(), opening.incident, opening.several), (0, None, false), "{report:?}");
    assert_eq!(incidents(&c), [(IncidentKind::NotItsName, true)]);
    // On record, so that a computer that remembers nothing does not begin again.
    assert_eq!(c.open().state().documents_accepted.len(), 1);
    std::fs::remove_file(c.dir().file("soundness.json")).unwrap();
    assert_eq!((tested(&c).0.spoiled.len(), incidents(&c).len()), (0, 1));
    turn(&c, 8..11);
    c.backup();
    assert!(tested(&c).1.incident.is_some_and(|n| n != incident), "another time is another incident");
}

#[test]
fn a_mass_change_that_turned_documents_is_one_incident() {
    let c = Council::new();
    (0..60).for_each(|n| c.write(&format!("{n}.docx"), docx()));
    c.backup();
    tested(&c);
    turn(&c, 0..60);
    c.backup();
    for _ in 0..2 {
        let (report, opening) = tested(&c);
        assert_eq!((report.spoiled.len(), incidents(&c)), (60, vec![(IncidentKind::MassChange, false)]));
        assert!(!opening.several && opening.incident.is_some(), "{opening:?}");
    }
    let incident = c.open().state().incidents[0].at;
    resolve(&c, incident);
    let (report, opening) = tested(&c);
    assert_eq!((report.spoiled.len(), opening.incident), (60, None), "they are still told of");
    assert_eq!(incidents(&c), [(IncidentKind::MassChange, true)]);
}

#[test]
fn after_the_loss_of_the_office_computer_what_was_sound_is_known_from_the_store() {
    let c = Council::new();
    c.write("agenda.docx", docx());
    let sound = c.backup();
    tested(&c);
    c.write("agenda.docx", cut(docx()));
    c.backup();
    tested(&c);
    // Nothing of what was noted is there: only the keys, as recovery brings them.
    for file in ["soundness.json", "live.json"] {
        std::fs::remove_file(c.dir().file(file)).unwrap();
    }
    let report = tested(&c).0;
    assert_eq!(report.spoiled.iter().map(|s| s.sound_in).collect::<Vec<_>>(), [sound]);
}
