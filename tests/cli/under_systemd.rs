//! The program as systemd starts it: its streams lead into the journal, its secrets lie in a folder of credentials.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::opening::docx;
use crate::place::Place;

/// Names as somebody might choose them who knows how the journal reads lines.
const HOSTILE: [&str; 4] =
    ["HOSTILE <0>panic.txt", "HOSTILE\n<1>two lines.txt", "HOSTILE\r\u{1b}[2J<2>.txt", "HOSTILE \"quoted\" $(x).docx"];

/// What a command leaves in the journal: lines, each with its priority.
fn journal(place: &Place, words: &[&str], code: i32) -> Vec<(u8, String)> {
    let file = File::create(place.path("journal")).unwrap();
    let about = file.metadata().unwrap();
    let ended = place
        .command()
        .env("JOURNAL_STREAM", format!("{}:{}", about.dev(), about.ino()))
        .arg("--home")
        .arg(place.path("home"))
        .args(words)
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .status()
        .unwrap();
    let text = String::from_utf8(place.read("journal")).unwrap();
    assert_eq!(ended.code(), Some(code), "{words:?}\n{text}");
    let line = |line: &str| {
        let (priority, rest) =
            line.strip_prefix('<').and_then(|l| l.split_once('>')).unwrap_or_else(|| panic!("{line:?}\n{text}"));
        (priority.parse().unwrap(), rest.to_owned())
    };
    text.lines().map(line).collect()
}

#[track_caller]
fn at<'j>(journal: &'j [(u8, String)], words: &str) -> &'j (u8, String) {
    journal.iter().find(|(_, line)| line.contains(words)).unwrap_or_else(|| panic!("{words:?} in {journal:#?}"))
}

/// No name of a record stands above debug; and one stands there, so that this can fail.
#[track_caller]
fn names_are_for_debugging(journal: &[(u8, String)], named: bool) {
    for (priority, line) in journal {
        assert!(*priority == 7 || !line.contains("HOSTILE"), "<{priority}>{line}");
    }
    assert_eq!(journal.iter().any(|(_, line)| line.contains("HOSTILE")), named, "{journal:#?}");
}

#[test]
fn every_line_has_its_priority_and_no_record_is_named_above_debug() {
    let place = Place::ready("");
    for name in HOSTILE {
        place.write(&format!("Documents/{name}"), &docx("The tree was planted. "));
    }
    let said = journal(&place, &["run"], 0);
    names_are_for_debugging(&said, false);
    assert_eq!(at(&said, "Backed up \"documents\"").0, 6);
    assert_eq!(at(&said, "Strongroom for Anytown Town Council").0, 6);

    let said = journal(&place, &["ls", "Documents"], 0);
    names_are_for_debugging(&said, true);
    // What fails is an error, with its hint.
    let said = journal(&place, &["cat", "no-such-record"], 1);
    assert_eq!(at(&said, "strongroom: ").0, 3);

    // A document that no longer opens, and stored data that is damaged.
    let mut cut = docx("The tree was planted. ");
    cut.truncate(cut.len() / 2);
    place.write(&format!("Documents/{}", HOSTILE[3]), &cut);
    names_are_for_debugging(&journal(&place, &["run"], 4), true);
    for pack in place.objects("packs") {
        let mut bytes = std::fs::read(&pack).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::set_permissions(&pack, PermissionsExt::from_mode(0o644)).unwrap();
        std::fs::write(&pack, bytes).unwrap();
    }
    for words in [&["run"][..], &["verify", "restore"], &["run", "--json"]] {
        let said = journal(&place, words, 4);
        names_are_for_debugging(&said, true);
        assert!(said.iter().all(|(priority, _)| (3..=7).contains(priority)), "{said:#?}");
    }

    // A stream that leads elsewhere has no priorities.
    place.run(["status"]).never_says("<6>");
}

#[test]
fn a_secret_comes_from_the_folder_of_credentials() {
    let place = Place::council(
        "[notify.mail]\nhost = \"mail.anytown-tc.gov.uk\"\nuser = \"strongroom\"\npassword_credential = \"smtp-of-tests\"",
    );
    let check = |folder: &str| {
        let mut command = place.command();
        command.env("CREDENTIALS_DIRECTORY", place.path(folder)).arg("--home").arg(place.path("home"));
        crate::place::Said::of(command.args(["config", "check"]).output().unwrap())
    };
    check("nowhere").ends(2).says("there is no credential smtp-of-tests").says("LoadCredential=smtp-of-tests");
    place.write("credentials/smtp-of-tests", b"hunter2\n");
    let set = |mode: u32| {
        let file = place.path("credentials/smtp-of-tests");
        std::fs::set_permissions(file, PermissionsExt::from_mode(mode)).unwrap();
    };
    set(0o444);
    check("credentials").ends(2).says("others on this computer can read or change").never_says("hunter2");
    set(0o400);
    check("credentials").ends(0).says("The configuration is right").never_says("hunter2");
}

#[test]
fn a_package_is_given_a_page_for_every_command_and_completions_for_three_shells() {
    let place = Place::new();
    let to = place.text("made");
    place.run(["package-files", &to]).ends(0);
    let read = |name: &str| String::from_utf8(place.read(&format!("made/{name}"))).unwrap();
    for page in ["strongroom", "strongroom-run", "strongroom-verify-drill", "strongroom-config-schema"] {
        assert!(read(&format!("man/{page}.1")).contains(".SH NAME"), "{page}");
    }
    assert!(!place.path("made/man/strongroom-examine.1").exists());
    for script in ["strongroom.bash", "_strongroom", "strongroom.fish"] {
        let text = read(&format!("completions/{script}"));
        assert!(text.contains("retention") && !text.contains("package-files") && !text.contains("examine"), "{script}");
    }
    let schema: serde_json::Value = serde_json::from_str(&read("council.schema.json")).unwrap();
    let printed = place.run(["config", "schema"]).ends(0).out;
    assert_eq!(schema, serde_json::from_str::<serde_json::Value>(&printed).unwrap());
}
