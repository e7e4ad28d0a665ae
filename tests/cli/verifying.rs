//! `backup`, `verify`, `prune`, and damage of every kind that a command can meet.

use std::os::unix::fs::PermissionsExt;

use crate::place::{Place, noise};

/// Changes one byte in the middle of an object.
fn flip(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x20;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn three_facts_are_proved_and_nothing_is_no_proof() {
    let place = Place::ready("");
    for kind in ["check", "scrub", "restore"] {
        let words = "There is no backup yet; nothing was examined.";
        place.run(["verify", kind]).ends(1).says(words);
    }
    place.run(["backup"]).ends(0);
    let check = place.run(["verify", "check", "--json"]).ends(0).summary();
    place.run(["verify", "check"]).ends(0).says("is there with the size it should have");
    let some = place.run(["verify", "scrub", "--max-bytes", "1KiB"]).ends(0);
    some.says(" left for another time: the limits allow no more; some of it never was. To examine everything: --all");
    place.run(["verify", "scrub", "--all"]).ends(0).says("was read again and is what was stored");
    let scrub = place.run(["verify", "scrub", "--max-bytes", "1KiB", "--json"]).ends(0).summary();
    assert!(scrub["oldest"].is_string() && scrub["left"].as_u64() > Some(0), "{scrub}");
    place.run(["verify", "scrub", "--max-duration", "1s"]).ends(0);
    // Each is a fact in the log.
    let entries = place.run(["log", "--json"]).ends(0).objects();
    let body = |summary: &serde_json::Value| {
        let entry = entries.iter().find(|e| e["n"] == summary["entries"][0]).unwrap();
        entry["body"].clone()
    };
    let (checked, scrubbed) = (body(&check), body(&scrub));
    assert_eq!((&checked["kind"], &checked["data"]["objects"]), (&"checked".into(), &check["objects"]), "{checked}");
    assert_eq!((&scrubbed["kind"], &scrubbed["data"]["left"]), (&"scrubbed".into(), &scrub["left"]), "{scrubbed}");
    let all = place.run(["verify", "restore", "--all", "--json"]).ends(0).summary();
    assert_eq!((&all["files"], &all["damaged"]), (&3.into(), &0.into()));
    place.run(["log"]).ends(0).says(" sound, 0 not any more, 0 never").says(" objects, 0 failed").says(" left");
    place.run(["verify", "restore", "--max-bytes", "1KiB"]).ends(0);
    place.run(["verify", "restore", "--max-bytes", "lots"]).ends(2).says("such as 500MB or 10GiB");
    place.run(["status"]).ends(0).never_says("nobody has yet proved they can open this");
}

/// Another computer that may read the store and has neither keys nor a state folder.
#[test]
fn who_has_no_key_at_all_can_scrub_what_its_name_proves() {
    let place = Place::ready("");
    let elsewhere = |words: &[&str]| place.run_at("elsewhere", words);
    place.write("elsewhere/council.toml", &place.read("home/council.toml"));
    elsewhere(&["verify", "scrub", "--keyless"]).ends(1).says("There is no backup at file://");
    place.run(["backup"]).ends(0);
    let said = elsewhere(&["verify", "scrub", "--keyless"]).ends(0);
    said.says("everything has the bytes that its name stands for.")
        .says("Without a key nobody can say what is missing");
    let all = place.objects("packs").len() + place.objects("index").len() + place.objects("notes").len();
    let some = elsewhere(&["verify", "scrub", "--keyless", "--max-bytes", "1", "--json"]).ends(0).summary();
    assert_eq!((&some["objects"], &some["left"]), (&1.into(), &(all - 1).into()), "{some}");
    flip(&place.objects("packs")[0]);
    for _ in 0..2 {
        let said = elsewhere(&["verify", "scrub", "--keyless", "--all"]).ends(4);
        said.says("DAMAGE: packs/").says("its bytes are not those that were stored").says("strongroom repair");
    }
    // Its own keys are what the other ways of verifying need.
    elsewhere(&["verify", "scrub"]).ends(12);
    assert!(!place.path("elsewhere/state/machine.json").exists());
}

#[test]
fn damage_is_exit_4_and_names_the_records() {
    let place = Place::ready("");
    place.run(["backup"]).ends(0);
    let packs = place.objects("packs");
    let content = packs.iter().max_by_key(|p| std::fs::metadata(p).unwrap().len()).unwrap();
    flip(content);
    place.run(["verify", "scrub", "--all"]).ends(4).says("DAMAGE: packs/").says("Documents/Plans/site.bin");
    let said = place.run(["verify", "restore", "--all"]).ends(4).says("Documents/Plans/site.bin");
    said.says("strongroom repair");
    let object = place.run(["verify", "restore", "--all", "--json"]).ends(4).objects();
    let named: Vec<String> = object
        .iter()
        .filter(|o| o["message_type"] == "damage")
        .flat_map(|o| o["records"].as_array().unwrap().clone())
        .map(|r| r["path"].as_str().unwrap().to_owned())
        .collect();
    assert!(named.contains(&"Documents/Plans/site.bin".to_owned()), "{named:?}");
    place.run(["cat", "Documents/Plans/site.bin"]).ends(4);
    place.run(["restore", "--all", "--to", &place.text("out")]).ends(4);
    let partly = std::fs::read(place.path("out/Documents/Plans/site.bin"));
    assert!(partly.is_err(), "a damaged file must not appear under its name");
    std::fs::remove_file(content).unwrap();
    place.run(["verify", "check"]).ends(4).says("DAMAGE: packs/");
    place.run(["run"]).ends(4).says("PROBLEM: somebody must act.").says("damage was found");
}

#[test]
fn a_log_that_was_changed_or_set_back_stops_everything() {
    let place = Place::ready("");
    place.run(["backup"]).ends(0);
    let log = place.objects("log");
    let newest = std::fs::read(log.last().unwrap()).unwrap();
    std::fs::remove_file(log.last().unwrap()).unwrap();
    for command in [&["backup"][..], &["ls"], &["prune"], &["verify", "check"], &["log", "--verify"], &["status"]] {
        place.run(command).ends(4).says("the store has gone back in time").says("hint: Nothing was written");
    }
    std::fs::write(log.last().unwrap(), newest).unwrap();
    place.run(["log", "--verify"]).ends(0).says("every link and signature is right");
    flip(&log[1]);
    place.run(["log", "--verify"]).ends(4).says("is damaged");
    place.run(["prune"]).ends(4);
}

#[test]
fn prune_thins_by_the_typed_rule_and_a_person_may_wait_no_time() {
    let place = Place::ready("");
    for n in 0..4u8 {
        place.write("Documents/Plans/site.bin", &noise(200_000 + usize::from(n)));
        place.run(["backup"]).ends(0);
    }
    let dry = place.run(["prune", "--keep-last", "1", "--dry-run"]).ends(0).says("Would thin 3 snapshots, kept 1");
    dry.says("thin").says("keep");
    assert_eq!(place.run(["snapshots", "--json"]).objects().len(), 5);
    place.run(["prune", "--keep-last", "1", "--grace", "0"]).ends(6).says("strongroom prune --grace 0 --yes");
    let before = place.objects("packs").len();
    let said = place.run(["prune", "--keep-last", "1", "--grace", "0", "--yes"]).ends(0);
    assert!(place.objects("packs").len() < before, "{}", said.out);
    assert_eq!(place.run(["snapshots", "--json"]).summary()["snapshots"], 1);
    place.run(["verify", "restore", "--all"]).ends(0);
    place.run(["prune"]).ends(0).says("Nothing to reclaim now.");
}

#[test]
fn sources_that_are_missing_or_emptied_fail_the_backup() {
    let place = Place::ready("");
    place.run(["backup"]).ends(0);
    place.run(["backup", "--set", "emial"]).ends(2).says("no set is called 'emial'").says("documents");
    std::fs::rename(place.path("Documents"), place.path("away")).unwrap();
    place.run(["backup"]).ends(1).says("Nothing was recorded as deleted.");
    std::fs::create_dir(place.path("Documents")).unwrap();
    place.run(["backup"]).ends(1).says("allow_empty = true");
    std::fs::remove_dir(place.path("Documents")).unwrap();
    std::fs::rename(place.path("away"), place.path("Documents")).unwrap();
    place.run(["backup"]).ends(0);
    let all = place.run(["find", "txt", "--json"]).objects();
    assert!(all.iter().filter(|o| o["message_type"] == "record").all(|o| o["live"] == true));
}

#[test]
fn the_store_going_away_is_said_with_what_to_do() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    std::fs::rename(place.path("repository"), place.path("gone")).unwrap();
    place.run(["backup"]).ends(10).says("the folder is not there").says("hint: Connect the disk or share");
    place.run(["run"]).ends(10).says("Connect the disk or share").says("PROBLEM: somebody must act.");
    // What the store cannot say, the journal can.
    place.run(["status"]).ends(10).says("backed up").says("The backups cannot be opened");
    std::fs::rename(place.path("gone"), place.path("repository")).unwrap();
    place.run(["run"]).ends(0).never_says("PROBLEM");
}

#[test]
fn what_a_run_mended_is_told_whatever_ends_it() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    // The last thing that a test writes cannot be written.
    let hand = place.path("home/state/live.json");
    let in_the_way = || {
        let _ = std::fs::remove_file(&hand);
        std::fs::create_dir_all(hand.join("in the way")).unwrap();
    };
    in_the_way();
    place.run(["run"]).ends(1).never_says("DAMAGE");
    let index = place.objects("index")[0].clone();
    flip(&index);
    let rotten = place.objects("index");
    let said = place.run(["run"]).ends(4).says("this computer's copy was put back");
    said.says("That was found before the examination ended early, and there may be more:").says("live.json");
    assert_eq!(place.objects("index"), rotten, "it has its name");
    place.run(["status"]).says("damage");
    std::fs::remove_dir_all(&hand).unwrap();
    place.run(["run"]).ends(0).never_says("DAMAGE");
}
