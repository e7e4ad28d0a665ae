//! `watch.toml` as people meet it: the shipped file, the defaults, the errors, and the units that start it.

use strongroom::config::{self, Eyes, Store, WatchConfig};

use crate::units::unit;

const ID: &str = "abababababababababababababababababababababababababababababababab";

/// One council, with more in it and behind it.
fn file(council: &str, behind: &str) -> String {
    format!(
        "[provider]\nname = \"P\"\nphone = \"1\"\nemail = \"p@p.uk\"\n[[council]]\nname = \"A\"\ndomains = [\"a.gov.uk\"]\n\
         clerk = {{ name = \"C\", email = \"c@a.gov.uk\" }}\n{council}\n[council.repository]\nurl = \"s3://bucket/p\"\n{behind}"
    )
}

fn parse(text: &str) -> WatchConfig {
    config::parse_watch(text, "watch.toml").unwrap_or_else(|e| panic!("{e}"))
}

#[track_caller]
fn fails(council: &str, behind: &str, words: &[&str]) {
    let error = config::parse_watch(&file(council, behind), "watch.toml").unwrap_err().to_string();
    assert!(error.starts_with("watch.toml") && words.iter().all(|w| error.contains(w)), "{error}");
}

#[test]
fn the_example_is_sound_and_its_comments_state_the_defaults() {
    let example = parse(config::WATCH_EXAMPLE);
    assert_eq!(example.councils.len(), 2);
    let [keyless, keyed] = &example.councils[..] else { panic!() };
    assert!(matches!(&keyless.eyes, Eyes::Actors(all) if all.len() == 1) && matches!(keyed.eyes, Eyes::Key(_)));
    assert_eq!((keyless.expected.sets.len(), keyed.expected.sets.len()), (2, 0));
    assert_eq!(keyless.expected.sets[1].max_age, jiff::SignedDuration::from_hours(72));
    assert_eq!(keyless.config.council.provider.name, "Example IT");
    assert!(matches!(keyed.config.repository.store, Store::Folder(_)));
    // Taking the comments off changes nothing but what has no default.
    let typed: String = config::WATCH_EXAMPLE
        .lines()
        .map(|l| {
            let bare = l.strip_prefix('#').filter(|b| b.contains(" = ") && !b.starts_with(' ') || b.starts_with('['));
            format!("{}\n", bare.unwrap_or(l))
        })
        .collect();
    let with = parse(&typed);
    assert_eq!(with.state_dir, example.state_dir);
    for (a, b) in with.councils.iter().zip(&example.councils) {
        assert_eq!((a.expected.max_age, a.expected.max_silence), (b.expected.max_age, b.expected.max_silence));
        assert_eq!(a.expected.max_test_age, b.expected.max_test_age);
        assert_eq!(a.config.council.timezone, b.config.council.timezone);
    }
    assert_eq!(with.councils[0].config.council.deputy.as_ref().unwrap().after_days, 7);
}

#[test]
fn each_council_has_a_state_folder_of_its_own_and_the_errors_say_what_to_do() {
    let actors = format!("id = \"{ID}\"\nactors = [\"{ID}\"]\n");
    let one = parse(&file(&actors, ""));
    assert_eq!(one.councils[0].config.state_dir, one.state_dir.join(ID));
    assert!(one.councils[0].config.mail.is_none() && one.councils[0].config.sets.is_empty());
    fails("", "", &["line 5", "has no `id`"]);
    fails("id = \"x\"", "", &["this is no repository's id", "strongroom actor list"]);
    fails(&format!("id = \"{ID}\""), "", &["has neither a key nor `actors`", "key_file"]);
    fails(&format!("id = \"{ID}\"\nactors = []"), "", &["has neither a key nor `actors`"]);
    fails(&format!("id = \"{ID}\"\nactors = [\"{}\"]", &ID[1..]), "", &["this is no public key of an actor"]);
    fails(&format!("{actors}key_file = \"/k\""), "", &["there is a key, and `actors` too"]);
    fails(&format!("{actors}key_file = \"k\"").replace("actors", "#"), "", &["the full path of a file"]);
    fails(&format!("{actors}sets = [{{ name = \"documents\" }}]"), "", &["known by its `label` alone"]);
    fails(&format!("{actors}sets = [{{ name = \"d\", label = \"12\" }}]"), "", &["this is no label of a set"]);
    fails(&format!("{actors}sets = [{{ name = \"a/b\", label = \"{}\" }}]", &ID[..16]), "", &["the name of a set"]);
    fails(&format!("{actors}max_silence = \"5 minutes\""), "", &["this must be from 1 hour to 400 days"]);
    fails(
        &format!("{actors}max_silnce = \"5 days\""),
        "",
        &["unknown key `max_silnce`", "Did you mean `max_silence`?"],
    );
    fails(&actors, "secret_access_key = \"hunter2\"", &["secrets never stand in this file"]);
    let twice = file(&actors, &file(&actors, "").split_once("[[").map(|(_, rest)| format!("[[{rest}")).unwrap());
    let error = config::parse_watch(&twice, "watch.toml").unwrap_err().to_string();
    assert!(error.contains("the [[council]] on line 5 has the same id"), "{error}");
    let error = config::parse_watch("[provider]\n", "watch.toml").unwrap_err().to_string();
    assert!(error.contains("there is no [[council]]") && error.contains("strongroom watch --example"), "{error}");
    let bare = file(&actors, "").replace("[council.repository]\nurl = \"s3://bucket/p\"\n", "");
    let error = config::parse_watch(&bare, "watch.toml").unwrap_err().to_string();
    assert!(error.contains("this [[council]] has no [council.repository]"), "{error}");
}

#[test]
fn a_watcher_tells_by_mail_and_takes_no_other_way() {
    for way in ["[[notify.webhook]]\nname = \"desk\"\nurl_env = \"U\"\n", "[notify.ping]\nurl_env = \"U\"\n"] {
        let error = config::parse_watch(&file("", way), "watch.toml").unwrap_err().to_string();
        assert!(error.contains("a watcher tells people by mail only"), "{error}");
    }
}

#[test]
fn the_units_need_nothing_but_a_folder_and_the_network() {
    let service = unit(include_str!("../../config/strongroom-watch.service"));
    for line in [
        "Type=oneshot",
        "ExecStart=/usr/bin/strongroom watch",
        "User=strongroom-watch",
        "StateDirectory=strongroom-watch",
        "CapabilityBoundingSet=",
        "ProtectHome=yes",
    ] {
        assert!(service.contains(&("Service".into(), line.into())), "{line}");
    }
    // As hardened as what tells of a failed run.
    let failed = unit(include_str!("../../config/strongroom-failed.service"));
    let own = ["Type=", "ExecStart=", "User=", "Group=", "StateDirectory=", "TimeoutStart", "LoadCredential="];
    for (section, line) in failed.iter().filter(|(s, l)| s == "Service" && !own.iter().any(|o| l.starts_with(o))) {
        assert!(service.contains(&(section.clone(), line.clone())), "{line}");
    }
    let timer = unit(include_str!("../../config/strongroom-watch.timer"));
    for line in ["OnCalendar=hourly", "Persistent=true", "Unit=strongroom-watch.service"] {
        assert!(timer.contains(&("Timer".into(), line.into())), "{line}");
    }
}
