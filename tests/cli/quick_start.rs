//! `run --folder` with nothing configured: the whole job, and a way back.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::place::{Place, Said, noise, stray_name};

fn folder(place: &Place) -> [String; 3] {
    ["run".into(), "--folder".into(), place.text("Documents")]
}

/// Pastes a printed line into a shell, in an empty folder.
fn paste(place: &Place, line: &str, into: &str) -> Said {
    std::fs::create_dir_all(place.path(into)).unwrap();
    Said::of(Command::new("sh").args(["-c", line]).current_dir(place.path(into)).output().unwrap())
}

#[test]
fn the_first_run_does_the_whole_job_and_its_last_line_restores() {
    let place = Place::new();
    let said = place.run(folder(&place)).ends(0).says("TRIAL: the key and the backup are both on this computer");
    let said = said.says("Backed up \"documents\": 3 files").says("came back from the store as it was");
    let said = said.never_says("OK:").says("folders = [\"").says("E-mail: not backed up by Strongroom.");
    assert!(said.last_line().contains(" restore --to restored Documents/"), "{}", said.last_line());
    paste(&place, said.last_line(), "elsewhere").ends(0);
    let name = said.last_line().rsplit(' ').next().unwrap();
    assert_eq!(place.read(&format!("elsewhere/restored/{name}")), place.read(name));
    let sheet = std::fs::metadata(place.path("home/recovery-sheet.txt")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&sheet.permissions()) & 0o777, 0o600);
    // Later runs need no folder, find nothing new and keep the key.
    let key = place.read("home/recovery-sheet.txt");
    place.run(["run"]).ends(0).says("0 bytes new in the store").says("TRIAL");
    assert_eq!(place.read("home/recovery-sheet.txt"), key);
    place.run(["status"]).ends(0).says("TRIAL").never_says("OK:");
}

#[test]
fn the_printed_line_works_for_names_that_shells_and_terminals_fear() {
    for name in [&b"it's \"the\" $HOME `minutes`.txt"[..], b"caf\xe9 \x1b[2J.txt", b"-rf.txt", b"a*b?.txt"] {
        let place = Place::new();
        std::fs::remove_dir_all(place.path("Documents")).unwrap();
        let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name);
        std::fs::create_dir_all(place.path("-d")).unwrap();
        std::fs::write(place.path("-d").join(name), b"here").unwrap();
        let said = place.run(["run", "--folder", &place.text("-d")]).ends(0);
        assert!(!said.out.contains('\u{1b}'), "{}", said.out);
        paste(&place, said.last_line(), "elsewhere").ends(0);
        assert_eq!(std::fs::read(place.path("elsewhere/restored/-d").join(name)).unwrap(), b"here");
    }
}

#[test]
fn without_a_home_it_lies_in_the_users_data_folder_and_other_commands_find_it() {
    let place = Place::new();
    let run = |args: &[&str]| Said::of(place.command().args(args).output().unwrap());
    run(&["status"]).ends(2).says("no configuration was found").says("strongroom config example");
    run(&["run", "--folder", "../Documents"]).ends(0).says("TRIAL");
    assert!(place.path("user/.local/share/strongroom/repository/log").is_dir());
    run(&["find", "may"]).ends(0).says("Documents/Minutes/2026/May.txt");
    let elsewhere = Said::of(place.command().env("XDG_DATA_HOME", place.path("data")).arg("status").output().unwrap());
    elsewhere.ends(2);
}

#[test]
fn the_sheet_of_a_trial_brings_everything_back_on_a_bare_computer() {
    let place = Place::new();
    std::fs::write(place.path("Documents").join(stray_name()), b"stray").unwrap();
    place.run(folder(&place)).ends(0);
    let address = format!("file://{}", place.text("home/repository"));
    let sheet = place.text("home/recovery-sheet.txt");
    let recover = |key: &str, more: &[&str], to: &str| {
        let all = ["recover", "--repository", &address, "--recovery-key-file", key, "--to", to];
        Said::of(place.command().args(all).args(more).output().unwrap())
    };
    recover(&sheet, &[], &place.text("back")).ends(0).says("Recovered 4 files");
    assert_eq!(place.read("back/Documents/Plans/site.bin"), noise(300_000));
    assert_eq!(std::fs::read(place.path("back/Documents").join(stray_name())).unwrap(), b"stray");
    // A key without its repository's id proves nothing about the store, and a wrong id is refused.
    let text = String::from_utf8(place.read("home/recovery-sheet.txt")).unwrap();
    place.write("bare.txt", text.lines().last().unwrap().as_bytes());
    let bare = place.text("bare.txt");
    recover(&bare, &[], &place.text("b2")).ends(2).says("which repository is it?");
    recover(&bare, &["--id", &"ab".repeat(32)], &place.text("b3"))
        .ends(4)
        .says("this is not the repository it should be");
    recover(&sheet, &["--id", &"ab".repeat(32)], &place.text("b4")).ends(12);
    recover(&bare, &["--id", "xyz"], &place.text("b5")).ends(2).says("this is no repository id");
    assert!(!place.path("b3").exists() && !place.path("b4").exists());
}

#[test]
fn a_folder_that_cannot_be_tried_is_refused_with_nothing_begun() {
    let place = Place::new();
    place.run(["run", "--folder", "/nowhere"]).ends(1).says("hint: Is the disk or share connected");
    assert!(!place.path("home").exists());
    place.run(["run"]).ends(2).says("there is neither a council.toml nor a trial in");
    let council = Place::council("");
    council.run(folder(&council)).ends(2).says("--folder is for a trial without any configuration");
}

#[test]
fn json_counts_what_was_done() {
    let place = Place::new();
    let home = place.text("home");
    let args = ["run", "--json", "--folder", &place.text("Documents")].map(str::to_owned);
    let said = place.run(args).ends(0);
    let summary = said.summary();
    assert_eq!((&summary["command"], &summary["files"], &summary["problems"]), (&"run".into(), &3.into(), &0.into()));
    assert!(summary["bytes_stored"].as_u64().unwrap() > 300_000 && summary["files_tested"] == 3);
    assert_eq!(summary["snapshot"].as_u64(), Some(2));
    assert!(said.objects().iter().any(|o| o["message_type"] == "status" && o["light"] == "trial"));
    let line = said.objects().into_iter().find(|o| o["message_type"] == "restore_line").unwrap();
    assert!(line["line"].as_str().unwrap().contains(&home));
}

#[test]
fn another_run_beside_this_one_has_nothing_to_do() {
    let place = Place::new();
    place.run(folder(&place)).ends(0);
    let _lock = strongroom::repo::local::try_lock(&place.path("home/state/run.lock")).unwrap().unwrap();
    for command in ["run", "backup", "prune"] {
        let words = "Another Strongroom job is running on this computer; nothing to do.";
        place.run([command]).ends(6).says(words);
    }
    place.run(["status"]).ends(0);
}

#[test]
fn a_signal_ends_a_run_cleanly_and_the_next_one_goes_on() {
    let place = Place::new();
    for n in 0..12 {
        place.write(&format!("Documents/big/{n}.bin"), &noise(8_000_000 + n));
    }
    let mut child = place.command();
    child.arg("--home").arg(place.path("home")).args(folder(&place)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("reading") {
        line.clear();
        assert!(errors.read_line(&mut line).unwrap() > 0, "it never began to read");
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let rest: String = errors.lines().map(|l| l.unwrap() + "\n").collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("interrupted") && rest.contains("Run it again and it goes on"), "{rest}");
    place.run(["run"]).ends(0).says("Backed up \"documents\": 15 files");
    place.run(["verify", "check"]).ends(0);
}

#[test]
fn a_scheme_is_tried_out_in_a_trial_and_every_hint_names_the_trial() {
    let place = Place::new();
    let home = place.text("home");
    place.write("Documents/Letters/old.txt", b"an old letter");
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_262_304_000);
    let letter = std::fs::File::options().write(true).open(place.path("Documents/Letters/old.txt")).unwrap();
    letter.set_modified(long_ago).unwrap();
    place.run(folder(&place)).ends(0);
    let none = format!(
        "this trial has no retention scheme to try\n\nhint: Begin with the draft: strongroom --home {home} retention \
         draft > {home}/retention.toml\n"
    );
    for (code, words) in [(6, &["plan"][..]), (6, &["review"]), (2, &["lint"]), (2, &["assign"])] {
        place.run([&["retention"], words].concat()).ends(code).says(&none);
    }
    std::fs::remove_file(place.path("Documents/Letters/old.txt")).unwrap();
    place.run(["run"]).ends(0);
    let scheme = "[scheme]\ntitle = \"A try\"\n[[class]]\nid = \"letters\"\ntitle = \"Letters\"\npatterns = \
                  [\"Documents/Letters/**\"]\nminimum = \"2 years\"\ntrigger = \"modified\"\naction = \"destroy\"\n\
                  authority = \"test\"\n\
                  [[class]]\nid = \"staff\"\ntitle = \"Staff\"\npatterns = [\"Documents/Plans/**\"]\nminimum = \
                  \"2 years\"\ntrigger = \"employment-end\"\naction = \"destroy\"\nauthority = \"test\"\n";
    place.write("home/retention.toml", scheme.as_bytes());
    place.run(["retention", "lint"]).ends(0).says("2 classes, 0 errors");
    let tried = format!("A trial: as if {home}/retention.toml were adopted. Nothing is destroyed by it.");
    let said = place.run(["retention", "plan"]).ends(0).says(&tried).says("Documents/Letters/old.txt");
    said.says("This is a trial: it shows what would be due, and cannot be approved.").never_says("retention approve");
    let summary = place.run(["retention", "plan", "--json"]).ends(0).summary();
    assert_eq!((&summary["dispose"], &summary["trial"]), (&1.into(), &true.into()));
    place.run(["retention", "plan", "--on", "2010-02-01"]).ends(0).says("There is nothing to approve.");
    place.run(["retention", "why", "old.txt"]).ends(0).says(&tried).says("letters");
    place.run(["retention", "why", "Documents/Letters"]).ends(0).says(&tried);
    let date = format!("strongroom --home {home} retention date Documents/Plans/site.bin --trigger employment-end");
    place.run(["retention", "review"]).ends(0).says(&tried).says(&date);
    // Nothing was adopted, and so nothing can be approved.
    let plan = summary["plan"].as_str().unwrap();
    place.run(["retention", "approve", plan, "--by", "The Clerk"]).ends(6).says("nothing has been adopted yet");
    place.run(["run"]).ends(0).says("No retention scheme is adopted: every record is kept.");
    place.run(["find", "no such name"]).ends(0);
    place.run(["restore", "no such name"]).ends(1).says(&format!("strongroom --home {home} find NAME"));
    // Found without --home, its commands need none.
    let data = place.path("user/.local/share/strongroom");
    std::fs::create_dir_all(data.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(place.path("home"), data).unwrap();
    let said = Said::of(place.command().args(["restore", "no such name"]).output().unwrap());
    said.ends(1).says("included: strongroom find NAME");
}
