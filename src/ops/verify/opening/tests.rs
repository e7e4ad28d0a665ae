//! The alarm is relative, stays until the document is put right, and never comes from what nobody could examine.

use super::*;
use crate::ops::Silent;
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
    assert!(!accept(&c.dir(), &path).unwrap());
    c.write("a.docx", docx());
    c.backup();
    tested(&c);
    c.write("a.docx", cut(docx()));
    c.backup();
    assert_eq!(tested(&c).0.spoiled.len(), 1);
    assert!(accept(&c.dir(), &path).unwrap() && !accept(&c.dir(), &path).unwrap());
    assert_eq!(tested(&c).0.spoiled.len(), 0);
    c.write("a.docx", noise(1, 2000));
    c.backup();
    assert_eq!(tested(&c).0.spoiled.len(), 1);
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
