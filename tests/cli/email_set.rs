//! A set named `email` over a Maildir and a folder of .eml files, from its first backup to a message brought back.

use crate::place::Place;

const NOT_BACKED_UP: &str = "E-mail: not backed up by Strongroom.";

fn message(n: u32, body: &str) -> String {
    format!(
        "From: resident{n}@example.org\r\nTo: clerk@anytown-tc.gov.uk\r\nSubject: Tree {n}\r\n\
         Date: Mon, 02 Nov 2026 10:00:0{n} +0000\r\nMessage-ID: <{n}@example.org>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    )
}

#[test]
fn mail_in_a_maildir_and_in_eml_files_is_backed_up_and_comes_back() {
    let plain = Place::ready("");
    plain.run(["run"]).ends(0);
    plain.run(["status"]).ends(0).says(NOT_BACKED_UP);

    let place = Place::new();
    for folder in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(place.path(format!("Maildir/{folder}"))).unwrap();
    }
    place.write("Maildir/cur/1793613600.M1P1.office:2,S", message(1, "Please plant a tree.").as_bytes());
    place.write("Maildir/new/1793613601.M2P1.office", message(2, "And another.").as_bytes());
    place.write("Exported/2026/Allotments.eml", message(3, "About the allotments.").as_bytes());
    let email =
        format!("[[set]]\nname = \"email\"\nfolders = [\"{}\", \"{}\"]", place.text("Maildir"), place.text("Exported"));
    place.configure("council.toml", &email);
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0).says("Backed up \"email\": 3 files").never_says("not backed up");
    place.run(["status"]).ends(0).never_says("not backed up by");
    let opened = place.run(["verify", "restore", "--all", "--json"]).ends(0).summary();
    assert_eq!((&opened["spoiled"], &opened["damaged"]), (&0.into(), &0.into()), "{opened}");

    // It is read and moved, as a mail program does it; one is deleted.
    let (new, cur) = ("Maildir/new/1793613601.M2P1.office", "Maildir/cur/1793613601.M2P1.office:2,RS");
    std::fs::rename(place.path(new), place.path(cur)).unwrap();
    std::fs::remove_file(place.path("Exported/2026/Allotments.eml")).unwrap();
    let second = place.run(["backup", "--set", "email", "--json"]).ends(0).summary();
    assert_eq!(second["files"], 2, "{second}");
    let to = place.text("out");
    place.run(["restore", "allotments", "--to", &to]).ends(0).says("Brought back 1 file");
    assert_eq!(place.read("out/Exported/2026/Allotments.eml"), message(3, "About the allotments.").as_bytes());
    place.run(["restore", "--all", "--set", "email", "--to", &place.text("all")]).ends(0).says("2 files");
    assert_eq!(place.read(&format!("all/{cur}")), message(2, "And another.").as_bytes());
    assert_eq!(place.read("all/Maildir/cur/1793613600.M1P1.office:2,S"), message(1, "Please plant a tree.").as_bytes());
    // Empty folders are part of a Maildir: without them no mail program takes it.
    assert!(place.path("all/Maildir/tmp").is_dir() && place.path("all/Maildir/new").is_dir());
}
