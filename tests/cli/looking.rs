//! `snapshots`, `ls`, `find`, `history`, `diff`, `cat` and `restore`.

use std::process::{Command, Stdio};

use crate::place::{Place, noise, stray_name};

const MAY: &str = "Documents/Minutes/2026/May.txt";

/// Three backups: May is changed before the second, June is deleted before the third.
fn with_a_past() -> Place {
    let place = Place::ready("");
    place.run(["backup"]).ends(0);
    place.write(MAY, b"Resolved: to plant two trees.\n");
    place.run(["backup"]).ends(0);
    std::fs::remove_file(place.path("Documents/Minutes/2026/June.txt")).unwrap();
    place.run(["backup"]).ends(0);
    place
}

fn snapshots(place: &Place) -> Vec<u64> {
    let all = place.run(["snapshots", "--json"]).ends(0).objects();
    all.iter().filter(|o| o["message_type"] == "snapshot").map(|o| o["snapshot"].as_u64().unwrap()).collect()
}

#[test]
fn a_record_is_found_also_when_it_is_gone() {
    let place = with_a_past();
    let found = place.run(["find", "JUNE"]).ends(0).says("Documents/Minutes/2026/June.txt");
    found.says("last seen").says("deleted between");
    let object = &place.run(["find", "june", "--json"]).objects()[0];
    assert_eq!(
        (object["live"].clone(), object["path"].as_str()),
        (false.into(), Some("Documents/Minutes/2026/June.txt"))
    );
    assert_eq!(object["deleted_between"].as_array().unwrap().len(), 2);
    place.run(["find", "nothing-like-it"]).ends(0).says("Nothing in the backup has such a name");
    // Quiet does not silence what was asked for.
    place.run(["find", "may", "--quiet"]).ends(0).says("May.txt");
    let ls = place.run(["ls", "Documents/Minutes/2026"]).ends(0).says("May.txt").never_says("June.txt");
    assert!(ls.never_says("site.bin").out.lines().count() == 1);
    place.run(["ls", "Documents/Minutes/2026", "--deleted"]).ends(0).says("June.txt");
    place.run(["ls", "--recursive"]).ends(0).says("Documents/Plans/site.bin");
    place.run(["ls", &place.text("Documents/Plans")]).ends(0).says("Documents/Plans/site.bin");
    place.run(["ls", "Documents/Nowhere"]).ends(1).says("hint: Search by a part of the name");
}

#[test]
fn versions_are_told_apart() {
    let place = with_a_past();
    let ids = snapshots(&place);
    assert_eq!(ids.len(), 3);
    assert_eq!(place.run(["history", MAY]).ends(0).out.lines().count(), 2);
    let (a, b) = (ids[0].to_string(), ids[2].to_string());
    let diff = place.run(["diff", &a, &b]).ends(0).says("M  Documents/Minutes/2026/May.txt");
    diff.says("-  Documents/Minutes/2026/June.txt").says("0 added, 1 removed, 1 with other content");
    place.run(["diff", "1", &b]).ends(1).says("there is no snapshot 1");
    assert_eq!(place.run(["cat", MAY]).ends(0).raw, b"Resolved: to plant two trees.\n");
    assert_eq!(place.run(["cat", MAY, "--snapshot", &a]).ends(0).raw, b"Resolved: to plant a tree.\n");
    assert_eq!(place.run(["cat", "june.txt"]).ends(0).raw, b"Resolved: to water it.\n");
    place.run(["cat", "Documents/Plans"]).ends(2).says("is a folder");
    place.run(["cat", MAY, "--at", "2001-01-01"]).ends(1).says("there is no snapshot as old as");
    place.run(["cat", MAY, "--at", "yesterday"]).ends(2).says("'yesterday' is no date");
    let json = place.run(["cat", "Documents/Plans/site.bin", "--json"]).ends(0);
    assert!(json.objects().iter().any(|o| o["data_b64"].is_string()));
    assert_eq!(json.summary()["bytes"], 300_000);
}

#[test]
fn restore_puts_back_what_was_meant_and_says_where() {
    let place = with_a_past();
    let to = place.text("out");
    let said = place.run(["restore", "june", "--to", &to]).ends(0).says("Brought back 1 file");
    said.says(&format!("It now lies at: {to}/Documents/Minutes/2026/June.txt"));
    assert_eq!(place.read("out/Documents/Minutes/2026/June.txt"), b"Resolved: to water it.\n");
    // A live path means its record; a folder means its newest state, deleted files only when asked for.
    place.run(["restore", &place.text(MAY), "--to", &place.text("live")]).ends(0);
    assert_eq!(place.read(&format!("live/{MAY}")), b"Resolved: to plant two trees.\n");
    place.run(["restore", "Documents/Minutes", "--to", &place.text("folder")]).ends(0).says("Brought back 1 file");
    place.run(["restore", "Documents/Minutes", "--deleted", "--to", &place.text("all")]).ends(0).says("2 files");
    place.run(["restore", "Documents/*/2026/M*.txt", "--to", &place.text("wild")]).ends(0).says("Brought back 1 file");
    let first = snapshots(&place)[0].to_string();
    place.run(["restore", "--all", "--snapshot", &first, "--to", &place.text("then")]).ends(0).says("3 files");
    assert_eq!(place.read(&format!("then/{MAY}")), b"Resolved: to plant a tree.\n");
    // Without --to: a new folder with the date, where one is.
    place.run(["restore", "may.txt"]).ends(0).says("It now lies at: ").says("/work/restored-20");
    let object = place.run(["restore", "may.txt", "--to", &place.text("json"), "--json"]).summary();
    assert_eq!((&object["files"], &object["bytes"]), (&1.into(), &30.into()));
}

#[test]
fn what_is_not_certain_restores_nothing() {
    let place = with_a_past();
    let to = place.text("out");
    let several =
        place.run(["restore", ".txt", "--to", &to]).ends(2).says("2 records fit; give the whole path of one:");
    several.says("   1  ").says("   2  ");
    place
        .run(["restore", "no-such-thing", "--to", &to])
        .ends(1)
        .says("nothing in the backup is called 'no-such-thing'");
    place.run(["restore"]).ends(2).says("what shall be brought back?");
    assert!(!place.path("out").exists());
    place.write(&format!("out/{MAY}"), b"mine");
    let way = place.run(["restore", "may.txt", "--to", &to]).ends(6).says("something is there already");
    way.says("hint: Restore into another folder: --to DIR");
    assert_eq!(place.read(&format!("out/{MAY}")), b"mine");
}

#[test]
fn in_place_previews_and_never_overwrites_unless_told() {
    let place = with_a_past();
    place.write(MAY, b"spoilt");
    let preview = place.run(["restore", MAY, "--in-place", "--preview"]).ends(6);
    preview.says("Nothing was done.").says("IN WAY");
    place.run(["restore", MAY, "--in-place"]).ends(6).says("--overwrite if-changed");
    assert_eq!(place.read(MAY), b"spoilt");
    let kept = place.run(["restore", MAY, "--in-place", "--overwrite", "if-changed"]).ends(0);
    kept.says("kept beside it: 1 copy").says(&place.text(MAY));
    assert_eq!(place.read(MAY), b"Resolved: to plant two trees.\n");
    let beside = std::fs::read_dir(place.path("Documents/Minutes/2026")).unwrap();
    assert!(beside.flatten().any(|e| std::fs::read(e.path()).unwrap() == b"spoilt"));
    place.run(["restore", "june", "--in-place"]).ends(0);
    assert_eq!(place.read("Documents/Minutes/2026/June.txt"), b"Resolved: to water it.\n");
}

#[test]
fn hostile_names_reach_no_terminal_and_no_reader_is_waited_for() {
    let place = Place::ready("");
    for n in 0..3000 {
        place.write(&format!("Documents/many/{n:04}-{}.txt", "x".repeat(60)), b"");
    }
    std::fs::write(place.path("Documents").join("\u{1b}[2J\u{202e}txt.exe"), b"x").unwrap();
    std::fs::write(place.path("Documents").join(stray_name()), b"x").unwrap();
    place.run(["backup"]).ends(0);
    let ls = place.run(["ls", "Documents"]).ends(0).says("\\u{1b}[2J\\u{202e}txt.exe").says("caf\\xe9.txt");
    assert!(!ls.out.contains('\u{1b}'));
    let objects = place.run(["ls", "Documents", "--json"]).objects();
    let stray: Vec<_> = objects.iter().filter(|o| o["path_b64"].is_string()).collect();
    assert_eq!(stray.len(), 1);
    assert_eq!(stray[0]["path_b64"], "RG9jdW1lbnRzL2NhZukudHh0");
    let mut child = place.command();
    child.arg("--home").arg(place.path("home")).args(["ls", "-r"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!((ended.status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn bare_restore_on_a_terminal_asks_and_says_where_the_file_lies() {
    let place = with_a_past();
    place.write("Documents/Plans/large.bin", &noise(70_000));
    place.run(["backup"]).ends(0);
    // `script` gives the program a terminal.
    let command = format!("{} --home {} restore", env!("CARGO_BIN_EXE_strongroom"), place.text("home"));
    let mut child = Command::new("script");
    child.args(["-qec", &command, "/dev/null"]).current_dir(place.path("work"));
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"no such thing\njune\n1\n").unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status.code(), Some(0), "{said}");
    for words in
        ["Part of the name", "deleted files included", "deleted between", "Number of the one", "It now lies at: "]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let folder = std::fs::read_dir(place.path("work")).unwrap().flatten().next().unwrap().path();
    assert_eq!(std::fs::read(folder.join("Documents/Minutes/2026/June.txt")).unwrap(), b"Resolved: to water it.\n");
}
