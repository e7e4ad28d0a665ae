//! `init`, `init --join`, `config` and `doctor`.

use crate::place::{Place, Said};

#[test]
fn init_makes_everything_once() {
    let place = Place::council("");
    place.run(["status"]).ends(5).says("never backed up");
    place.run(["run"]).ends(10).says("the folder is not there").says("run: strongroom init");
    let sheet = place.text("sheet.txt");
    let said = place.run(["init", "--recovery-key-file", &sheet]).ends(0);
    let said = said.says("store: ok: of sixteen at once exactly one wins").says("What to do next:");
    let id = said.out.lines().find_map(|l| l.strip_prefix("The repository is made. Its id is ")).unwrap().to_owned();
    let text = String::from_utf8(place.read("sheet.txt")).unwrap();
    assert!(text.contains(&format!("# repository: {id}\n")), "{text}");
    assert!(text.contains(&format!("# address: file://{}\n", place.text("repository"))));
    assert!(text.contains("WITHOUT this program") && text.lines().last().unwrap().starts_with("AGE-SECRET-KEY-1"));
    // Again: refused, and nothing is changed.
    let again = place.run(["init", "--recovery-key-file", &sheet]).ends(6);
    again.says(&format!("this computer is set up already, for the repository {id}"));
    assert_eq!(place.read("sheet.txt"), text.as_bytes());
    // Another computer at the same address: refused too, with the way in.
    place.write("home2/council.toml", &place.read("home/council.toml"));
    let other = place.run_at("home2", ["init", "--recovery-key-file", &place.text("sheet2.txt")]).ends(6);
    other.says("there is a repository at").says("strongroom init --join");
    assert!(!place.path("sheet2.txt").exists());
    place.run(["run"]).ends(0).says("NOT YET RIGHT").never_says("OK:");
    let status = place.run(["status"]).ends(0).says("To do: the backup is in this building");
    status
        .says("To do: print the recovery sheet")
        .says("To do: no message reaches the clerk: your provider adds [notify.mail]");
}

#[test]
fn the_sheet_goes_to_paper_or_there_is_no_repository() {
    let place = Place::council("");
    place.run(["init"]).ends(2).says("the recovery sheet must go to paper");
    place.write("sheet.txt", b"something else");
    let said = place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(6);
    said.says("is there already and holds something else");
    assert_eq!(place.read("sheet.txt"), b"something else");
    assert!(place.objects("log").is_empty());
    // Moved out of the way, the set-up goes on.
    std::fs::remove_file(place.path("sheet.txt")).unwrap();
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0);
}

#[test]
fn another_computer_joins_by_request() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    let config = String::from_utf8(place.read("home/council.toml")).unwrap();
    place.write("home2/council.toml", config.replace("name = \"documents\"", "name = \"depot\"").as_bytes());
    let asked = place.run_at("home2", ["init", "--join", "--name", "depot"]).ends(0);
    let request = asked.out.lines().find_map(|l| l.strip_prefix("strongroom actor add ")).unwrap().to_owned();
    assert_eq!(place.run_at("home2", ["init", "--join"]).ends(0).says(&request).code, 0);
    place.run_at("home2", ["run"]).ends(1).says("this computer waits to be added");
    place.run(["actor", "add", &request]).ends(2).says("--recovery-key-file FILE");
    place.run(["actor", "add", &request[..40], "--recovery-key-file", "x"]).ends(2).says("this is no request to join");
    let added = place.run(["actor", "add", &request, "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    let id = added.out.split_whitespace().last().unwrap().to_owned();
    place.run_at("home2", ["init", "--join", "--id", &"00".repeat(32)]).ends(4);
    place.run_at("home2", ["init", "--join", "--id", &id]).ends(0).says("has joined the repository");
    place.run_at("home2", ["init", "--join"]).ends(6).says("belongs to the repository");
    place.run_at("home2", ["run"]).ends(0).says("Backed up \"depot\"");
    place.run(["snapshots"]).ends(0).says("depot").says("documents");
    // Cut off again, it can add nothing and the other goes on.
    let revoke = ["actor", "revoke", "depot", "--recovery-key-file", &place.text("sheet.txt")].map(str::to_owned);
    place.run(revoke).ends(0).says("What it does not undo");
    let cut_off = place.run_at("home2", ["run"]);
    assert_ne!(cut_off.code, 0, "{}", cut_off.out);
    place.run(["run"]).ends(0);
}

#[test]
fn a_write_only_server_backs_up_and_says_what_it_cannot_do() {
    let place = Place::council("");
    let sheet = place.text("sheet.txt");
    place.run(["init", "--write-only-server", "--recovery-key-file", &sheet]).ends(0).says("but not read them");
    let said = place.run(["run"]).ends(0).says("This computer may not read the backups: it checks and scrubs");
    said.says("everything was read again and is what was stored").never_says("Tested by bringing back");
    place.run(["restore", "--all", "--to", &place.text("out")]).ends(1).says("can write backups but not read them");
    place.run(["verify", "check"]).ends(0);
    place.run(["verify", "scrub", "--all"]).ends(0);
    place.run(["verify", "restore"]).ends(1).says("This was chosen at set-up (--write-only-server)");
    place.run(["key", "sheet", "--check", "--recovery-key-file", &sheet]).ends(0).says("The recovery sheet works");
    place.run(["run"]).ends(0).says("0 bytes new in the store");
}

#[test]
fn the_configuration_is_shown_and_checked() {
    let place = Place::council("");
    let example = place.run(["config", "example"]).ends(0).out;
    assert_eq!(example.trim_end(), include_str!("../../config/council.example.toml").trim_end());
    place.run(["config", "check"]).ends(0).says("The configuration is right: 1 set");
    place.configure("council.toml", "[limit]\nmemory = \"1 GiB\"");
    let wrong = place.run(["config", "check"]).ends(2);
    wrong.says("unknown key `limit`").says("Did you mean `limits`?").says("^^^^^");
    place.run(["run", "--json"]).ends(2).objects();
    assert!(!place.path("home/state").exists(), "nothing may be touched");
    let named = place.command().args(["--config", "/nowhere.toml", "status"]).output().unwrap();
    Said::of(named).ends(2).says("/nowhere.toml cannot be read");
}

#[test]
fn the_doctor_looks_at_everything() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    let said = place.run(["doctor"]).ends(1);
    let said = said.says("ok           the keys open the repository").says("problem      the backup is off-site");
    said.says("problem      somebody is told of a failure: there is no [notify.mail]");
    let objects = place.run(["doctor", "--json"]).objects();
    assert!(objects.iter().filter(|o| o["message_type"] == "check").count() > 10);
    std::fs::remove_dir_all(place.path("repository")).unwrap();
    place.run(["doctor"]).ends(1).says("problem      the store answers").says("Connect the disk or share");
    assert_eq!(place.objects("probe").len(), 0);
}

#[test]
fn the_doctor_names_folders_that_no_set_covers() {
    let place = Place::ready("");
    let what = "every folder beside those of the sets is backed up, or meant not to be";
    place.run(["doctor"]).says(&format!("ok           {what}"));
    place.write("Accounts/2026/ledger.csv", b"1");
    std::fs::create_dir(place.path("empty")).unwrap();
    std::os::unix::fs::symlink(place.path("Accounts"), place.path("link")).unwrap();
    let said = place.run(["doctor"]).ends(1).says(&format!("problem      {what}: 1 folder is\n"));
    let said = said.says(&format!("             {}\n", place.text("Accounts")));
    said.says("[left_out]: folders = [").never_says(&place.text("empty")).never_says(&place.text("link"));
    let objects = place.run(["doctor", "--json"]).objects();
    let named: Vec<_> = objects.iter().filter(|o| o["message_type"] == "not-covered").collect();
    assert!(named.len() == 1 && named[0]["path"] == place.text("Accounts").as_str(), "{named:?}");
    place.configure("council.toml", &format!("[left_out]\nfolders = [\"{}\"]", place.text("Accounts")));
    place.run(["doctor"]).says(&format!("ok           {what}"));
}

#[test]
fn words_that_make_no_command_are_refused() {
    let place = Place::new();
    for args in [&["frobnicate"][..], &["restore", "--in-place", "--to", "x"], &["verify"], &["--config"], &[]] {
        let said = Said::of(place.command().args(args).output().unwrap());
        assert_eq!(said.code, 2, "{args:?} {}", said.err);
    }
    let json = Said::of(place.command().args(["--json", "frobnicate"]).output().unwrap()).ends(2);
    assert_eq!(json.objects()[0]["message_type"], "error");
    let help = Said::of(place.command().arg("--help").output().unwrap()).ends(0);
    help.says("Exit codes:").says("  serve  ").says("  watch  ");
    Said::of(place.command().arg("--version").output().unwrap()).ends(0).says("strongroom 0.");
}

#[test]
fn a_lost_office_is_recovered_and_goes_on_with_nothing_uploaded_again() {
    let place = Place::council("");
    let state = format!("[state]\ndir = \"{}\"", place.text("state"));
    place.configure("council.toml", &state);
    let sheet = place.text("sheet.txt");
    place.run(["init", "--recovery-key-file", &sheet]).ends(0);
    place.run(["run"]).ends(0);
    for lost in ["home", "state", "Documents"] {
        std::fs::remove_dir_all(place.path(lost)).unwrap();
    }
    let (url, to) = (format!("file://{}", place.text("repository")), place.text("new"));
    let recover = ["recover", "--repository", &url, "--recovery-key-file", &sheet, "--to", &to];
    let said = Said::of(place.command().args(recover).output().unwrap()).ends(0).says("Recovered 3 files");
    let said = said.says(&format!("This computer's keys are: {}", place.text("new.strongroom-state")));
    said.says("strongroom actor revoke 'office server'");
    std::fs::rename(place.path("new.strongroom-state"), place.path("state")).unwrap();
    // As the words say: the configuration in its place, the documents where it says, the lost computer cut off.
    std::fs::rename(place.path("new/Documents"), place.path("Documents")).unwrap();
    place.write("home/council.toml", &place.read("new/council.toml"));
    place.run(["run"]).ends(6).says("strongroom actor revoke office server");
    place.run(["actor", "revoke", "office server", "--recovery-key-file", &sheet]).ends(0);
    let run = place.run(["run", "--json"]).ends(0).summary();
    assert_eq!((&run["files"], &run["light"]), (&3.into(), &"amber".into()));
    assert!(run["bytes_stored"].as_u64().unwrap() < 50_000, "{run}");
}
