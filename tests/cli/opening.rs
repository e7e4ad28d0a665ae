//! Does it still open? Through the real program, with its real examiner process.

use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::place::{Place, noise};

pub fn docx(words: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(vec![]));
    let relations =
        "<Relationships><Relationship Type=\"http://x/officeDocument\" Target=\"word/document.xml\"/></Relationships>";
    let body = format!("<w:document><w:p>{}</w:p></w:document>", words.repeat(300));
    for (name, text) in
        [("[Content_Types].xml", "<Types/>"), ("_rels/.rels", relations), ("word/document.xml", body.as_str())]
    {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn opening(summary: &Value, field: &str) -> u64 {
    summary["opening"][field].as_u64().unwrap_or_else(|| panic!("{field}: {summary}"))
}

#[test]
fn a_document_that_broke_is_told_with_its_last_sound_version_and_closed_when_it_is_back() {
    let place = Place::ready("");
    place.write("Documents/report.docx", &docx("The tree was planted. "));
    place.write("Documents/ledger.docx", &docx("The tree was paid. "));
    let said = place.run(["run"]).says("structurally sound");
    said.never_says("SPOILED").never_says("never sound");
    assert!(!place.path("home/state/scratch").exists());

    let mut cut = docx("The tree was planted. ");
    cut.truncate(cut.len() / 2);
    place.write("Documents/report.docx", &cut);
    place.write("Documents/ledger.docx", &noise(9_000));
    let said =
        place.run(["run"]).ends(4).says("SPOILED: Documents/report.docx").says("NOT ITS NAME: Documents/ledger.docx");
    let said = said.says("The backup is faithful").never_says("Stored data is damaged");
    let command = said.out.lines().find(|l| l.trim().starts_with("strongroom restore Documents/report.docx")).unwrap();
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    place.run(words.into_iter().chain(["--to", &place.text("out")])).ends(0);
    assert_eq!(place.read("out/Documents/report.docx"), docx("The tree was planted. "));

    // No name of a document in what people are sent, and the status says numbers.
    let status = place.run(["status"]).says("documents have turned into something else");
    status.says("2 not any more").never_says("report.docx").never_says("ledger.docx");
    let journal = String::from_utf8(place.read("home/state/journal.jsonl")).unwrap();
    assert!(
        journal.contains("spoiled") && journal.contains("not-its-name") && !journal.contains("report"),
        "{journal}"
    );

    let summary = place.run(["verify", "restore", "--json"]).ends(4).summary();
    assert_eq!((opening(&summary, "damaged"), opening(&summary, "not_its_name")), (1, 1));
    assert_eq!((&summary["spoiled"], &summary["damaged"]), (&2.into(), &0.into()));

    place
        .run(["verify", "accept", "Documents/May.docx", "--by", "Clerk", "--note", "seen"])
        .ends(1)
        .says("calls Documents/May.docx spoiled");
    place.run(["verify", "accept", "Documents/ledger.docx", "--by", "Clerk", "--note", "seen"]).ends(0);
    place.write("Documents/report.docx", &docx("The tree was planted. "));
    place.run(["run"]).says("structurally sound").never_says("SPOILED").never_says("NOT ITS NAME");
    place.run(["status"]).never_says("turned into something else").never_says("cannot be opened now");
}

#[test]
fn a_document_that_was_emptied_is_told_and_a_drill_closes_nothing() {
    let place = Place::ready("");
    place.write("Documents/budget.docx", &docx("The tree was budgeted. "));
    place.run(["run"]).says("structurally sound");
    place.write("Documents/budget.docx", b"");
    place.run(["run"]).ends(4).says("SPOILED: Documents/budget.docx: it is empty");
    place.run(["status"]).says("documents that could be opened cannot be opened now");
    place.run(["verify", "drill"]).ends(0).says("every one as it was");
    place
        .run(["status"])
        .says("documents that could be opened cannot be opened now")
        .says("Drill: everything came back in a second");
    assert_eq!(std::fs::read_dir(place.path("home/state/drill")).unwrap().count(), 0);
}

#[test]
fn nothing_to_open_is_no_success_and_hostile_documents_end_nothing() {
    let place = Place::ready("");
    std::fs::remove_dir_all(place.path("Documents/Minutes")).unwrap();
    place.run(["backup"]).ends(0);
    place.run(["verify", "restore"]).ends(0).says("No document of a kind that can be checked was in this sample.");

    let mut giant = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    giant.extend([0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 8, 6, 0, 0, 0, 1, 2, 3, 4]);
    place.write("Documents/giant.png", &giant);
    let nested = [b"%PDF-1.5\n1 0 obj\n".to_vec(), b"<</A ".repeat(300_000), b"\nendobj\n%%EOF".to_vec()].concat();
    place.write("Documents/nested.pdf", &nested);
    place.write("Documents/good.docx", &docx("It is well. "));
    place.run(["backup"]).ends(0);
    let summary = place.run(["verify", "restore", "--json"]).ends(0).summary();
    assert_eq!((opening(&summary, "sound"), &summary["opening"]["skipped"]), (1, &Value::Null), "{summary}");
}

#[test]
fn the_examiner_by_itself_answers_only_what_it_is_asked() {
    let place = Place::ready("");
    place.write("work/1", &docx("x"));
    let mut child = place.command();
    child
        .current_dir(place.path("work"))
        .arg("examine")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = child.spawn().unwrap();
    let question = b"{\"file\":\"1\",\"name\":\"YS5kb2N4\"}\n{\"file\":\"2\",\"name\":\"YS5kb2N4\"}\n{\"file\":\"/etc/passwd\",\"name\":\"YS50eHQ=\"}\n{\"file\":\"1\",\"name\":\"YS5kb2N4\"}\n";
    child.stdin.take().unwrap().write_all(question).unwrap();
    let output = child.wait_with_output().unwrap();
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0]["verdict"], "sound");
    assert_eq!(lines[1]["verdict"], "not-checkable");
    // A parser that was taken over reads nothing but the documents, where the system can forbid it.
    let walled =
        place.run(["doctor"]).out.contains("ok           documents are examined where they reach no other file");
    assert_eq!(lines[2]["verdict"], if walled { "not-checkable" } else { "sound" });
    assert_eq!(lines[3]["verdict"], "sound");
    assert!(output.status.success());
    place.run(["--help"]).ends(0).never_says("examine ");
}

#[test]
fn a_test_restore_that_was_killed_leaves_nothing_behind_after_the_next_run() {
    let place = Place::ready("");
    for n in 0..60 {
        place.write(&format!("Documents/{n}.docx"), &docx(&format!("Minute {n}. ")));
    }
    place.run(["backup"]).ends(0);
    let scratch = place.path("home/state/scratch");
    let landed = || std::fs::read_dir(&scratch).is_ok_and(|mut d| d.next().is_some());
    let mut child = place.command().arg("--home").arg(place.path("home")).args(["verify", "restore"]).spawn().unwrap();
    let began = Instant::now();
    while !landed() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(landed(), "killed while documents lay there");
    place.run(["run"]).says("structurally sound");
    assert!(!scratch.exists());
}

#[test]
fn several_documents_that_turned_are_an_incident_told_once_and_closed_by_a_person() {
    let place = Place::ready("");
    for n in 0..6 {
        place.write(&format!("Documents/{n}.docx"), &docx(&format!("Minute {n}. ")));
    }
    place.run(["run"]).says("structurally sound");
    for n in 0..3 {
        place.write(&format!("Documents/{n}.docx"), &noise(9_000 + n));
    }
    let said = place.run(["run"]).ends(4);
    let number = said.err.split("incident resolve ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    said.says(&format!(
        "Several documents are no longer what their names say: this may be an attack. Nothing will be thinned or \
         deleted until somebody has looked and runs: strongroom incident resolve {number} --by NAME --note TEXT"
    ));
    place.run(["run"]);
    let listed = place.run(["incident", "list", "--json"]).ends(0);
    assert_eq!((&listed.summary()["open"], &listed.summary()["references"]), (&1.into(), &1.into()), "{}", listed.out);
    place.run(["incident", "list"]).says("not-its-name").says("3 of ");
    place
        .run(["status"])
        .says("several documents have turned into something else")
        .says(&format!("several documents turned into something else (incident {number}). Look, then: "));
    place.run(["prune", "--yes"]).ends(6).says(&format!(
        "incident {number} is open: very many records changed at once, or documents turned into something else."
    ));
    place.write("Documents/0.docx", &docx("Minute 0. "));
    place.run(["incident", "resolve", &number, "--by", "Example IT", "--note", "vault"]).ends(0);
    place.run(["run"]).never_says("NOT ITS NAME").never_says("Several documents");
    let summary = place.run(["incident", "list", "--json"]).ends(0).summary();
    assert_eq!((&summary["open"], &summary["references"]), (&0.into(), &0.into()));
}

#[test]
fn a_mass_change_that_turned_documents_is_told_of_once() {
    let place = Place::ready("");
    for n in 0..60 {
        place.write(&format!("Documents/{n}.docx"), &docx(&format!("Minute {n}. ")));
    }
    place.run(["run"]).says("structurally sound");
    for n in 0..60 {
        place.write(&format!("Documents/{n}.docx"), &noise(9_000 + n));
    }
    place.run(["run"]).says("An unusual number of records changed at once").says("NOT ITS NAME: Documents/7.docx");
    let listed = place.run(["incident", "list", "--json"]).ends(0);
    assert_eq!((&listed.summary()["open"], &listed.summary()["references"]), (&1.into(), &1.into()), "{}", listed.out);
    place.run(["status"]).never_says("documents have turned into something else");
}
