//! What somebody planted, and a second computer where there may be only one.

use crate::place::{Place, Said, noise};
use crate::{comes_back, files};

/// A backup may hold anything, a state folder of somebody's making too: a recovery makes keys of its own.
#[test]
fn keys_planted_among_the_documents_are_not_believed() {
    let place = Place::ready("");
    let (url, sheet) = (format!("file://{}", place.text("repository")), place.text("sheet.txt"));
    // Another computer's whole state, where a recovery could look for one: its keys are the thief's.
    let thief = Place::ready("");
    thief.run(["run"]).ends(0);
    for name in ["machine.json", "memory.json", "bundle.age"] {
        for folder in ["Documents", "Documents/state", "Documents/.strongroom-state", "Documents/home/state"] {
            place.write(&format!("{folder}/{name}"), &thief.read(&format!("home/state/{name}")));
        }
    }
    place.run(["run"]).ends(0);
    let recover = |to: &str, home: &[&str]| {
        let words = ["recover", "--repository", &url, "--recovery-key-file", &sheet, "--to", &place.text(to)];
        Said::of(place.command().args([home, &words].concat()).output().unwrap())
    };
    recover("new", &[]).ends(0).says(&format!("This computer's keys are: {}", place.text("new.strongroom-state")));
    let own = place.read("new.strongroom-state/machine.json");
    assert_ne!(own, thief.read("home/state/machine.json"));
    assert_ne!(own, place.read("home/state/machine.json"));
    assert!(files(&place.path("new/Documents")) == files(&place.path("Documents")));
    // Told to look for its keys where the documents land, it refuses before it writes.
    recover("again", &["--home", &place.text("again/Documents")])
        .ends(2)
        .says("what a backup holds would lie where this computer looks for its keys");
    assert!(!place.path("again").exists());
    // A state folder that was there first, of another repository: refused, and it stays as it is.
    place.write("planted/state/machine.json", &thief.read("home/state/machine.json"));
    recover("third", &["--home", &place.text("planted")])
        .ends(6)
        .says("this computer is set up for another repository");
    assert_eq!(place.read("planted/state/machine.json"), thief.read("home/state/machine.json"));
    assert!(!place.path("third").exists());
}

#[test]
fn a_repository_for_one_computer_takes_no_second() {
    let place = Place::council("");
    let text = String::from_utf8(place.read("home/council.toml")).unwrap();
    let single = text.replace("[[set]]", "single_machine = true\n[[set]]");
    place.write("home/council.toml", single.as_bytes());
    let sheet = place.text("sheet.txt");
    place.run(["init", "--recovery-key-file", &sheet]).ends(0);
    place.run(["run"]).ends(0);
    place.write("home2/council.toml", single.replace("\"documents\"", "\"depot\"").as_bytes());
    let asked = place.run_at("home2", ["init", "--join", "--name", "depot"]).ends(0);
    let request = asked.out.lines().find_map(|l| l.strip_prefix("strongroom actor add ")).unwrap().to_owned();
    let log = place.objects("log");
    let said = place.run(["actor", "add", &request, "--recovery-key-file", &sheet]).ends(6);
    said.says("the repository was made for one machine alone: a second one could overwrite entries of the log");
    assert_eq!(place.objects("log"), log);
    place.run_at("home2", ["run"]).ends(1).says("this computer waits to be added");
    place.write("Documents/Plans/new.bin", &noise(1000));
    place.run(["run"]).ends(0);
    comes_back(&place, &files(&place.path("Documents")));
}

/// Another computer's keys in place of this one's: nothing is opened with them, nothing is written.
#[test]
fn another_computers_keys_open_nothing() {
    let (place, other) = (Place::ready(""), Place::ready(""));
    place.run(["run"]).ends(0);
    let own = place.read("home/state/machine.json");
    let stored = files(&place.path("repository"));
    place.write("home/state/machine.json", &other.read("home/state/machine.json"));
    place.run(["run"]).ends(4).says("this is not the repository it should be").says("Compare the address and the id");
    // Pinned to this repository, as somebody who edits the file could do it, they still are not its keys.
    let id = |bytes: &[u8]| -> serde_json::Value { serde_json::from_slice(bytes).unwrap() };
    let mut forged = id(&other.read("home/state/machine.json"));
    forged["repository"] = id(&own)["repository"].clone();
    place.write("home/state/machine.json", forged.to_string().as_bytes());
    for command in [&["run"][..], &["restore", "--all", "--to", &place.text("out")], &["prune"]] {
        let said = place.run(command).ends(12).says("the key does not open this repository");
        said.says("hint: Check that the key belongs to this repository: the recovery sheet prints");
    }
    assert!(files(&place.path("repository")) == stored && !place.path("out").exists());
    place.write("home/state/machine.json", &own);
    // What looked like another repository stays open until a person has looked.
    place.run(["run"]).ends(0).says("the backups may have been tampered with");
    comes_back(&place, &files(&place.path("Documents")));
}
