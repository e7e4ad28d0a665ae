//! The status, word for word.

use jiff::{SignedDuration, Timestamp};
use strongroom::domain::log::entry::IncidentKind;
use strongroom::domain::problem::Exit;
use strongroom::service::plain::People;
use strongroom::service::status::{Good, Light, MAX_AGE, OpenInput, SetInput, StatusInput, status};
use strongroom::service::words::{Reference, Trouble, Why};

use crate::support::{at, people, set};

fn now() -> Timestamp {
    at("2026-11-22T09:00:00Z")
}

fn good(at: Timestamp) -> Good {
    Good { at, files: 12_345, bytes: 5_600_000_000, problems: 0 }
}

fn sound(people: &People) -> StatusInput<'_> {
    let last = Some(good(at("2026-11-22T02:30:00Z")));
    StatusInput {
        people,
        sets: vec![SetInput { name: set("documents"), last, max_age: MAX_AGE }],
        last_test: last,
        opening: None,
        drill: None,
        coverage: None,
        open: Vec::new(),
        incidents: Vec::new(),
        voids: Vec::new(),
        unopened: None,
        reads: true,
        trial: false,
        sheet_proved: true,
        test_message_accepted: true,
        store_offsite: true,
        reading_proved: true,
        mail_failing_since: None,
        messages_lost: 0,
        journal_damaged: 0,
        retention: None,
        now: now(),
    }
}

#[test]
fn all_well() {
    let people = people();
    let status = status(&sound(&people));
    assert_eq!((status.light, status.exit()), (Light::Green, Exit::Done));
    assert_eq!(
        status.text(),
        "Strongroom for Anytown Town Council, Sunday 22 November 2026 at 09:00\n\
         OK: backups are made, tested and kept off-site.\n  \
           Set \"documents\": backed up Sunday 22 November 2026 at 02:30 (12,345 files, 5.6 GB).\n  \
           Tested by bringing back 12,345 files (5.6 GB): Sunday 22 November 2026 at 02:30.\n  \
           E-mail: not backed up by Strongroom.\n"
    );
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!((&json["light"], &json["exit"], &json["stale"]), (&"green".into(), &0.into(), &false.into()));
    assert_eq!(json["lines"].as_array().unwrap().len(), 3);
}

#[test]
fn a_trial_never_says_ok() {
    let people = people();
    let input = StatusInput { trial: true, ..sound(&people) };
    let text = status(&input).text();
    assert_eq!(status(&input).light, Light::Trial);
    let sentence = "TRIAL: the key and the backup are both on this computer, and nobody will be told if it fails.";
    assert_eq!(text.lines().nth(1), Some(sentence));
    assert!(!text.contains("OK") && !text.contains("To do"));
    let empty = StatusInput { sets: Vec::new(), ..input };
    assert_eq!(status(&empty).light, Light::Red);
    assert!(status(&empty).text().contains(sentence));
}

#[test]
fn each_missing_step_keeps_it_amber_and_says_what_to_do() {
    let people = people();
    let base = sound(&people);
    let missing = [
        (
            StatusInput { sheet_proved: false, ..base.clone() },
            "* To do: print the recovery sheet and prove it by typing its key: strongroom key sheet --check\n",
        ),
        (
            StatusInput { test_message_accepted: false, ..base.clone() },
            "* To do: send a test message to the clerk: strongroom notify test\n",
        ),
        (
            StatusInput { store_offsite: false, ..base.clone() },
            "* To do: the backup is in this building. Keep it elsewhere: set [repository] url to a cloud store.\n",
        ),
        (
            StatusInput { reading_proved: false, ..base.clone() },
            "* To do: nobody has yet proved they can open this. Run: strongroom verify restore\n",
        ),
        (StatusInput { last_test: None, ..base.clone() }, "* No backup has been tested yet by bringing files back.\n"),
        (
            StatusInput { journal_damaged: 2, ..base },
            "* 2 lines of this computer's own record cannot be read; dates above may be too old.\n",
        ),
    ];
    for (input, line) in missing {
        let status = status(&input);
        assert_eq!((status.light, status.exit()), (Light::Amber, Exit::Done), "{line}");
        assert!(status.text().contains(line), "{}", status.text());
        assert!(status.text().contains("\nNOT YET RIGHT: see what to do below.\n"));
    }
}

#[test]
fn a_set_past_its_age_is_red_and_stale_to_the_second() {
    let people = people();
    let mut input = sound(&people);
    input.sets[0].last = Some(good(now() - MAX_AGE));
    assert_eq!(status(&input).exit(), Exit::Done);
    input.sets[0].last = Some(good(now() - MAX_AGE - SignedDuration::from_secs(1)));
    let stale = status(&input);
    assert_eq!((stale.light, stale.exit(), stale.exit), (Light::Red, Exit::Stale, 5));
    let line =
        "! Set \"documents\": last good backup 7 days ago, Sunday 15 November 2026 at 08:59 (12,345 files, 5.6 GB).\n";
    assert!(stale.text().contains(line), "{}", stale.text());
    assert!(
        stale.text().contains("PROBLEM: somebody must act. See below.")
            && stale.text().contains("  Ring Example IT, telephone 01632 960000.\n")
    );
    input.sets[0].last = None;
    assert_eq!(status(&input).exit(), Exit::Stale);
    assert!(status(&input).text().contains("! Set \"documents\": never backed up.\n"));
}

#[test]
fn a_backup_from_the_future_is_not_fresh() {
    let people = people();
    let mut input = sound(&people);
    input.sets[0].last = Some(good(now() + SignedDuration::from_hours(24 * 365)));
    assert_eq!(status(&input).exit(), Exit::Stale);
    assert!(status(&input).text().contains("in the future. A clock is or was wrong."));
}

#[test]
fn open_failures_and_lost_messages_are_red_and_unread_files_amber() {
    let people = people();
    let open = |trouble| {
        let reference = Reference::try_from(String::from("SR-2026-1122-K7Q")).unwrap();
        vec![OpenInput { reference, trouble, since: at("2026-11-20T02:30:00Z"), cause: String::from("Cause: x: full") }]
    };
    let failed = StatusInput { open: open(Trouble::Failed(Why::StoreFull)), ..sound(&people) };
    assert_eq!((status(&failed).light, status(&failed).exit()), (Light::Red, Exit::Failed));
    let line = "! Since Friday 20 November 2026: something failed. Reference SR-2026-1122-K7Q. Cause: x: full\n";
    assert!(status(&failed).text().contains(line), "{}", status(&failed).text());
    let incomplete = StatusInput { open: open(Trouble::Incomplete), ..sound(&people) };
    assert_eq!(status(&incomplete).light, Light::Amber);
    let silent = StatusInput { mail_failing_since: Some(at("2026-11-20T02:30:00Z")), ..sound(&people) };
    assert_eq!(status(&silent).light, Light::Red);
    let lost = StatusInput { messages_lost: 1, ..sound(&people) };
    assert!(status(&lost).text().contains("! 1 message never arrived.\n"));
    let mut partial = sound(&people);
    partial.sets[0].last = partial.sets[0].last.map(|l| Good { problems: 3, ..l });
    assert!(status(&partial).text().contains("; 3 files could not be read.\n"));
    assert_eq!(status(&partial).light, Light::Amber);
}

#[test]
fn it_stays_short_and_never_hides_a_bad_set_among_many() {
    let people = people();
    let mut input = sound(&people);
    let fine = input.sets[0].clone();
    input.sets = (0..30).map(|n| SetInput { name: set(&format!("s{n}")), ..fine.clone() }).collect();
    input.sets[29].last = None;
    let status = status(&input);
    assert!(status.text().contains("! Set \"s29\": never backed up.\n"));
    assert!(status.text().contains("And 25 other sets, backed up in time."));
    assert!(status.text().lines().count() <= 20);
}

#[test]
fn what_the_log_knows_and_a_missing_store_are_red() {
    let people = people();
    let base = sound(&people);
    let incident =
        StatusInput { incidents: vec![(12, at("2026-11-20T02:30:00Z"), IncidentKind::MassChange)], ..base.clone() };
    let turned =
        StatusInput { incidents: vec![(13, at("2026-11-20T02:30:00Z"), IncidentKind::NotItsName)], ..base.clone() };
    let void = StatusInput { voids: vec![7], ..base.clone() };
    let gone = StatusInput { unopened: Some(String::from("the folder is not there")), ..base.clone() };
    for (input, words) in [
        (incident, "very many records changed at once (incident 12). Look, then: strongroom incident resolve 12 "),
        (
            turned,
            "several documents turned into something else (incident 13). Look, then: strongroom incident resolve 13 ",
        ),
        (void, "Entry 7"),
        (gone, "! The backups cannot be opened: the folder"),
    ] {
        let status = status(&input);
        assert_eq!((status.light, status.exit()), (Light::Red, Exit::Failed));
        assert!(status.text().contains(words), "{}", status.text());
    }
    let blind = StatusInput { reads: false, reading_proved: false, ..base.clone() };
    assert!(status(&blind).text().contains("open this. Run: strongroom key sheet --check"));
    let trial = StatusInput { trial: true, voids: vec![7], ..base };
    assert!(!status(&trial).text().contains("Ring "));
}
