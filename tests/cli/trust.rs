//! `key`, `actor`, `log` and `incident`: who may read, who may add, and what a person must look at.

use crate::place::{Place, noise};

fn with_key<'a>(words: &[&'a str], sheet: &'a str) -> Vec<&'a str> {
    [words, &["--recovery-key-file", sheet]].concat()
}

#[test]
fn keys_are_listed_given_taken_and_changed() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    let sheet = place.text("sheet.txt");
    place.run(["key", "list"]).ends(0).says("recovery sheet").says("office server").says("Epoch 1.");
    let deputy = strongroom::repo::seal::Identity::generate();
    let recipient = deputy.recipient().to_string();
    let add = ["key", "add", "deputy clerk", "--recipient", &recipient, "--reads"];
    place.run(add).ends(2).says("this needs the recovery sheet's key");
    place.run(with_key(&add, &sheet)).ends(0).says("'deputy clerk' now holds a key and can read every document");
    place.run(with_key(&add, &sheet)).ends(6).says("holds a key already");
    // The deputy's own key recovers everything, and changes nobody's keys.
    place.write("deputy.txt", strongroom::repo::seal::identity_line(&deputy).as_bytes());
    let (own, url) = (place.text("deputy.txt"), format!("file://{}", place.text("repository")));
    let id = place.run(["key", "list", "--json"]).summary()["repository"].as_str().unwrap().to_owned();
    let out = place.text("out");
    let recover = ["recover", "--repository", &url, "--identity", &own, "--id", &id, "--to", &out];
    place.run(recover).ends(0).says("add this computer with the recovery sheet's key");
    assert_eq!(place.read("out/Documents/Plans/site.bin"), noise(300_000));
    place.run(with_key(&["key", "rotate"], &own)).ends(6).says("it needs the Root role");
    place.run(with_key(&["key", "sheet"], &own)).ends(6).says("this key is not the recovery sheet's");
    let removed = place.run(with_key(&["key", "remove", "deputy clerk"], &sheet)).ends(0).says("Epoch 2 has begun");
    removed.says("What it does not undo: what was stored before stays readable");
    place.run(with_key(&["key", "remove", "nobody"], &sheet)).ends(1).says("nobody called 'nobody' holds a key");
    place.run(with_key(&["key", "remove", "recovery sheet"], &sheet)).ends(6).says("the very key that you are using");
    place.write("Documents/Plans/new.bin", &noise(50_000));
    place.run(["run"]).ends(0);
    place.run(with_key(&["key", "rotate"], &sheet)).ends(0).says("Epoch 3 has begun");
    place.run(["verify", "restore", "--all"]).ends(0);
    place.run(with_key(&["key", "sheet", "--check"], &sheet)).ends(0);
    let again = place.text("out2");
    let recover = ["recover", "--repository", &url, "--identity", &own, "--id", &id, "--to", &again];
    assert_ne!(place.run(recover).code, 0);
    assert!(!place.path("out2").exists());
}

#[test]
fn the_sheet_is_proved_and_printed_again() {
    let place = Place::ready("");
    let sheet = place.text("sheet.txt");
    place.run(with_key(&["key", "sheet", "--check"], &sheet)).ends(1).says("nothing is stored yet");
    place.run(["run"]).ends(0).says("To do: print the recovery sheet");
    place.run(with_key(&["key", "sheet", "--check"], &sheet)).ends(0).says("The recovery sheet works");
    place.run(["status"]).ends(0).never_says("To do: print the recovery sheet");
    place.run(["log"]).ends(0).says("key-drilled");
    let printed = place.run(with_key(&["key", "sheet"], &sheet)).ends(0);
    let key = String::from_utf8(place.read("sheet.txt")).unwrap().lines().last().unwrap()[16..22].to_owned();
    printed.says(&key).says("STRONGROOM RECOVERY SHEET");
    // Another repository's key, and what is no key at all.
    let other = strongroom::repo::seal::Identity::generate();
    place.write("other.txt", strongroom::repo::seal::identity_line(&other).as_bytes());
    let wrong = place.run(with_key(&["key", "sheet", "--check"], &place.text("other.txt"))).ends(12);
    wrong.says("the key does not open this repository").says("hint: Check that the key belongs to this repository");
    place.write("junk.txt", b"AGE-SECRET-KEY-1JUNK");
    let junk = place.run(with_key(&["key", "sheet", "--check"], &place.text("junk.txt"))).ends(12);
    junk.says("there is no key in it").never_says("JUNK");
    place.run(with_key(&["key", "sheet"], "/nowhere")).ends(2).says("/nowhere");
}

#[test]
fn the_log_is_shown_and_checked() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    let said = place.run(["log"]).ends(0).says("recovery sheet").says("created").says("\"documents\": 3 files");
    said.says("Check number of entry ");
    let objects = place.run(["log", "--verify", "--json"]).ends(0).objects();
    assert_eq!(objects[0]["body"]["kind"], "created");
    let entries = objects.last().unwrap()["entries"].as_u64().unwrap();
    assert_eq!(entries as usize, objects.len() - 1);
    place.run(["actor", "list"]).ends(0).says("writer").says("pruner");
    let sheet = place.text("sheet.txt");
    place.run(with_key(&["actor", "revoke", "nobody"], &sheet)).ends(1).says("no actor is called 'nobody'");
}

#[test]
fn a_mass_change_waits_for_a_person() {
    let place = Place::ready("");
    for n in 0..80 {
        place.write(&format!("Documents/many/{n}.txt"), format!("record {n}").as_bytes());
    }
    place.run(["run"]).ends(0);
    place.run(["incident", "list"]).ends(0).says("Nothing is open.");
    for n in 0..80 {
        place.write(&format!("Documents/many/{n}.txt"), format!("new template {n}").as_bytes());
    }
    let run = place.run(["run"]).ends(6).says("An unusual number of records changed at once.");
    run.says("an unusual number of records changed").never_says("a safety check stopped something");
    // The last state before it is what restore means now.
    let held = place.run(["cat", "Documents/many/7.txt"]).ends(0);
    assert_eq!(held.raw, b"record 7");
    let objects = place.run(["incident", "list", "--json"]).objects();
    let number = objects.iter().find(|o| o["message_type"] == "incident").unwrap()["number"].to_string();
    let reference = objects
        .iter()
        .find(|o| o["message_type"] == "open" && o["cause"] == "mass-change/documents")
        .unwrap()["reference"]
        .as_str()
        .unwrap()
        .to_owned();
    let resolve = |what: &str| place.run(["incident", "resolve", what, "--by", "The Clerk", "--note", "new templates"]);
    resolve("999").ends(1).says("no open incident is called '999'");
    resolve(&reference).ends(0);
    resolve(&number).ends(1);
    place.run(["incident", "list"]).ends(0).says("resolved");
    place.run(["run"]).ends(0).never_says("PROBLEM");
    assert_eq!(place.run(["cat", "Documents/many/7.txt"]).ends(0).raw, b"new template 7");
}
