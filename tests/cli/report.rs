//! `report` and `provider access`, through the program as it is: signed so that stock openssl can check it, and the same
//! again when the server is lost.

use std::process::Command;

use serde_json::Value;

use crate::place::Place;
use crate::smtp::{Manner, Server};

fn openssl(place: &Place, file: &str) -> bool {
    let signature = format!("{file}.sig");
    let words =
        ["pkeyutl", "-verify", "-pubin", "-inkey", "public-key.pem", "-rawin", "-in", file, "-sigfile", &signature];
    let run = Command::new("openssl").args(words).current_dir(place.path("evidence")).output();
    run.expect("openssl must be installed for this test").status.success()
}

fn report(place: &Place) -> Value {
    let objects = place.run(["report", "--json"]).ends(0).objects();
    objects.into_iter().find(|o| o["message_type"] == "report").unwrap()
}

/// A night that fails and a night on which all is right again, with people told.
fn two_nights() -> (Place, Server) {
    let server = Server::start(Manner::Polite);
    let mail = format!("[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"", server.port);
    let place = Place::ready(&mail);
    place.write("Documents/HR/Smith grievance.txt", b"a leaver\n");
    place.run(["run"]).ends(0);
    std::fs::rename(place.path("Documents"), place.path("Elsewhere")).unwrap();
    assert_ne!(place.run(["run"]).code, 0);
    std::fs::rename(place.path("Elsewhere"), place.path("Documents")).unwrap();
    place.run(["run"]).ends(0);
    (place, server)
}

#[test]
fn a_report_is_signed_checked_by_openssl_and_the_same_when_the_server_is_lost() {
    let (place, _server) = two_nights();
    place.run(["log"]).ends(0).says("journal");
    let before = report(&place);
    assert_eq!(before["total"]["runs"]["begun"], 3);
    assert_eq!(before["total"]["runs"]["badly"], 1);
    assert_eq!(before["failures"].as_array().unwrap().len(), 1);
    assert!(before["failures"][0]["clerk"].is_string() && before["failures"][0]["over"].is_string());
    assert_eq!(before["setting"]["sealed"], true);
    let dir = place.text("evidence");
    place.run(["report", "--dir", &dir]).ends(0).says("report.html.sig").says("public-key.pem");
    place.run(["report", "--dir", &dir]).ends(6).says("is there already");
    for file in ["report.html", "report.md", "report.csv"] {
        assert!(openssl(&place, file), "{file}");
        let text = String::from_utf8(place.read(&format!("evidence/{file}"))).unwrap();
        assert!(!text.contains("Smith") && !text.contains(place.path("Documents").to_str().unwrap()), "{file}");
        place.write(
            &format!("evidence/{file}"),
            text.replace("documents: 2 backups", "documents: 9 backups").as_bytes(),
        );
        assert!(!openssl(&place, file), "a changed {file} is noticed");
    }
    // The key is one that the log has.
    let page = String::from_utf8(place.read("evidence/report.md")).unwrap();
    let key = page.split("Signed by the key ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    place.run(["actor", "list", "--json"]).ends(0).says(&key);
    // The server is lost.
    std::fs::remove_dir_all(place.path("home/state")).unwrap();
    let (url, sheet) = (format!("file://{}", place.text("repository")), place.text("sheet.txt"));
    let to = place.text("bare");
    let recover = ["recover", "--repository", &url, "--recovery-key-file", &sheet, "--to", &to];
    place.run(recover).ends(0).says("The journal is back");
    let after = report(&place);
    for part in ["total", "months", "failures", "drills", "untested", "differences", "lost"] {
        assert_eq!(before[part], after[part], "{part}");
    }
    assert_eq!(after["restored"].as_array().unwrap().len(), 1, "that everything was brought back is on record");
    // And this computer goes on with it, in the place of the lost one, whose pages still count.
    place.run(["actor", "revoke", "office server", "--recovery-key-file", &sheet]).ends(0);
    assert_eq!(before["failures"], report(&place)["failures"]);
    place.run(["run"]).ends(0);
    assert_eq!(report(&place)["total"]["runs"]["begun"], 4);
}

#[test]
fn a_lost_page_is_said_where_the_lines_are_nowhere_else() {
    let (place, _server) = two_nights();
    let whole = report(&place);
    for note in place.objects("notes") {
        std::fs::remove_file(note).unwrap();
    }
    // While the server has its own journal, nothing is missing; without it the log alone speaks.
    assert_eq!(report(&place)["total"], whole["total"]);
    std::fs::remove_file(place.path("home/state/journal.jsonl")).unwrap();
    let said = place.run(["report"]).ends(3).says("A part of a journal is lost");
    said.says("signed log; a part of the journal is lost").says("documents: 2 backups made");
}

#[test]
fn spans_and_forms() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    place.run(["report", "--year", "2019-20"]).ends(0).says("No evidence: Strongroom was set up here on");
    place.run(["report", "--year", "2019-21"]).ends(2).says("write a financial year as 2026-27");
    place.run(["report", "--from", "2026-01-01"]).ends(2).says("--to");
    place.run(["report", "--from", "2026-02-01", "--to", "2026-01-01"]).ends(2).says("is before --from");
    place.run(["report", "--from", "2019-01-05", "--to", "2019-02-03"]).ends(0).says("January 2019 (5 to 31)");
    place.run(["report", "--format", "html"]).ends(0).says("<!doctype html>").never_says("## ");
    place.run(["report", "--format", "csv"]).ends(0).says("Report,").says("This page is not signed");
    place.run(["--quiet", "report"]).ends(0).says("# Backups of Anytown Town Council");
}

#[test]
fn outsiders_are_on_a_register_until_somebody_says_that_their_key_is_gone() {
    let server = Server::start(Manner::Polite);
    let mail = format!("[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"", server.port);
    let place = Place::ready(&mail);
    place.run(["run"]).ends(0);
    let add = ["provider", "access", "add", "--who", "Example IT", "--key", "console", "--why", "move", "--by", "C"];
    let given = |from: &str, until: &str| place.run(add.into_iter().chain(["--from", from, "--until", until]));
    given("2026-02-01", "2026-01-01").ends(2).says("is before --from");
    given("2020-01-01", "2020-02-01").ends(0).says("Entered as number").says("it opens nothing");
    given("2020-01-01", "2120-02-01").ends(0);
    let list = place.run(["provider", "access", "list"]).ends(0);
    let list =
        list.says("Example IT: console").says("SHOULD HAVE ENDED on 1 February 2020").says("until 1 February 2120");
    let number =
        list.out.lines().find(|l| l.contains("Example IT")).unwrap().split_whitespace().next().unwrap().to_owned();
    place.run(["status"]).says("1 outsider's access should have ended, the first on 1 February 2020");
    place.run(["run"]).ends(0).says("The clerk was told by e-mail");
    place.run(["run"]).ends(0).never_says("The clerk was told by e-mail");
    let end = ["provider", "access", "end", &number, "--by", "C", "--note", "deleted"];
    place.run(end).ends(0).says("ended on");
    place.run(end).ends(1).says("is open");
    place.run(["status"]).never_says("outsider");
    place.run(["provider", "access", "list"]).ends(0).never_says("February 2020");
    place.run(["provider", "access", "list", "--ended"]).ends(0).says("ended").says("by C: deleted");
    place.run(["report"]).ends(0).says("| Example IT | console | move | C | 1 January 2020 |");
}
