//! The status, word for word.

use jiff::{SignedDuration, Timestamp};
use strongroom::domain::log::entry::IncidentKind;
use strongroom::domain::problem::Exit;
use strongroom::service::plain::People;
use strongroom::service::policy::{Adopted, Policies};
use strongroom::service::status::{
    CoverageInput, Good, Light, LostInput, MAX_AGE, OpenInput, Reached, SetInput, StatusInput, StoreInput, VoicesInput,
    status,
};

use strongroom::service::words::{Reference, Trouble, Why};

use crate::support::{at, people, set};

pub fn now() -> Timestamp {
    at("2026-11-22T09:00:00Z")
}

pub fn good(at: Timestamp) -> Good {
    Good { at, files: 12_345, bytes: 5_600_000_000, problems: 0 }
}

fn adopted(day: &str) -> Option<Adopted> {
    Some(Adopted { on: day.parse().unwrap(), minute: String::from("FC 2026/47") })
}

pub fn sound(people: &People) -> StatusInput<'_> {
    let last = Some(good(at("2026-11-22T02:30:00Z")));
    StatusInput {
        people,
        sets: vec![SetInput { name: set("documents"), last, max_age: MAX_AGE }],
        last_test: last,
        opening: None,
        drill: None,
        drills: None,
        lost: None,
        coverage: None,
        store: None,
        open: Vec::new(),
        incidents: Vec::new(),
        voids: Vec::new(),
        unopened: None,
        reads: true,
        trial: false,
        sheet_proved: true,
        unchecked_key_files: 0,
        clerk: Reached::Tried,
        store_offsite: true,
        reading_proved: true,
        mail_failing_since: None,
        messages_lost: 0,
        voices: VoicesInput::default(),
        journal_damaged: 0,
        retention: None,
        access: vec![],
        policies: Policies { it: adopted("2026-05-11"), retention: adopted("2025-12-01") },
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
fn rotten_live_files_are_red_and_what_was_put_right_is_amber() {
    let people = people();
    let open = |trouble| {
        let reference = Reference::try_from(String::from("SR-2026-1120-K7Q")).unwrap();
        vec![OpenInput {
            reference,
            trouble,
            since: at("2026-11-20T02:30:00Z"),
            cause: String::from("Cause: x"),
            resolved: None,
        }]
    };
    for (trouble, light, words) in [
        (Trouble::LiveDiffers, Light::Red, "documents on this computer differ from their good backups"),
        (Trouble::PutRight, Light::Amber, "damage was put right from a copy; the next run looks at it again"),
    ] {
        let status = status(&StatusInput { open: open(trouble), ..sound(&people) });
        assert_eq!(status.light, light);
        let line = format!("Since Friday 20 November 2026: {words}. Reference SR-2026-1120-K7Q. Cause: x");
        assert!(status.text().contains(&line), "{}", status.text());
    }
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
            StatusInput { unchecked_key_files: 1, ..base.clone() },
            "* To do: key files in the store are not checked, as nobody has proved what they should be. With each holder: \
             strongroom key drill NAME; with the recovery sheet: strongroom key sheet --check\n",
        ),
        (
            StatusInput { clerk: Reached::Untried, ..base.clone() },
            "* To do: send a test message to the clerk: strongroom notify test\n",
        ),
        (
            StatusInput { clerk: Reached::NoWay, ..base.clone() },
            "* To do: no message reaches the clerk: your provider adds [notify.mail], or a [[notify.webhook]] with role = \"clerk\"\n",
        ),
        (
            StatusInput { store_offsite: false, ..base.clone() },
            "* To do: the backup is in this building. Keep it elsewhere: set [repository] url to a cloud store.\n",
        ),
        (
            StatusInput { reading_proved: false, ..base.clone() },
            "* To do: nobody has yet proved they can open this. Run: strongroom verify restore\n",
        ),
        (
            StatusInput { policies: Policies { it: None, ..base.policies.clone() }, ..base.clone() },
            "* To do: note when the council adopted its IT policy: [policy] it = { adopted = DATE, minute = \"…\" }\n",
        ),
        (
            StatusInput {
                policies: Policies { retention: adopted("2025-11-21"), ..base.policies.clone() },
                ..base.clone()
            },
            "* The council's retention policy was adopted 21 November 2025 (minute FC 2026/47): more than a year ago. Once it \
             is reviewed, put the new day and minute into [policy] retention.\n",
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
        vec![OpenInput {
            reference,
            trouble,
            since: at("2026-11-20T02:30:00Z"),
            cause: String::from("Cause: x: full"),
            resolved: None,
        }]
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

#[test]
fn what_will_be_late_is_amber_and_stale_before_it_is() {
    let people = people();
    let (oldest, breaks) = (at("2026-09-01T02:30:00Z"), Some(at("2026-11-24T02:30:00Z")));
    let coverage = CoverageInput { weeks: 12, oldest, overdue: 0, limits_too_low: false, breaks };
    let said = status(&StatusInput { coverage: Some(coverage), ..sound(&people) });
    assert_eq!((said.light, said.exit()), (Light::Amber, Exit::Stale));
    let line = "* As runs are now, a part will not be tested within 12 weeks, from Tuesday 24 November 2026 on. Run: \
                strongroom verify restore --all\n";
    assert!(said.text().contains(line), "{}", said.text());
    let low = CoverageInput { limits_too_low: true, breaks: None, ..coverage };
    assert_eq!(status(&StatusInput { coverage: Some(low), ..sound(&people) }).exit(), Exit::Stale);
    let fine = CoverageInput { breaks: None, ..coverage };
    assert_eq!(status(&StatusInput { coverage: Some(fine), ..sound(&people) }).exit(), Exit::Done);
}

#[test]
fn an_accepted_loss_is_no_alarm_and_is_said_each_time() {
    let people = people();
    let on = |records, day, by: Option<&str>| {
        let lost = LostInput { records, at: at(day), by: by.map(str::to_owned) };
        status(&StatusInput { lost: Some(lost), ..sound(&people) })
    };
    let old = on(3, "2026-10-20T10:00:00Z", None);
    assert_eq!((old.light, old.exit()), (Light::Green, Exit::Done));
    let words = "3 versions of documents cannot be restored any more: accepted on Tuesday 20 October 2026. Named by: strongroom \
                 repair\n";
    assert!(old.text().contains(words), "{}", old.text());
    let lost = |records| on(records, "2026-11-20T10:00:00Z", Some("A. Clerk"));
    assert_eq!((lost(3).light, lost(3).exit()), (Light::Amber, Exit::Done), "for a month everybody sees it");
    let words = "3 versions of documents cannot be restored any more: accepted on Friday 20 November 2026 by A. Clerk. If you \
                 know nothing of that, ask. Named by: strongroom repair\n";
    assert!(lost(3).text().contains(words), "{}", lost(3).text());
    assert!(lost(0).text().contains("A part of what is stored cannot be restored any more"), "{}", lost(0).text());
}

#[test]
fn what_the_store_does_for_the_backups() {
    let people = people();
    let said = |at: Option<Timestamp>, broken: &[&'static str], unproved: &[&'static str]| {
        let store = Some(StoreInput { at, broken: broken.to_vec(), unproved: unproved.to_vec() });
        let status = status(&StatusInput { store, ..sound(&people) });
        let text = status.text();
        let lines: Vec<&str> = text.lines().filter(|l| l.contains("protect")).collect();
        (status.light, status.exit(), lines.join("\n"))
    };
    let when = Some(at("2026-11-20T02:30:00Z"));
    let holds = "  The store protects the backups as claimed: Friday 20 November 2026 at 02:30.";
    assert_eq!(said(when, &[], &[]), (Light::Green, Exit::Done, holds.into()));
    let unproved = "* Not shown that the store protects the backups as claimed (lock dates and lifecycle rules): Friday 20 \
                    November 2026 at 02:30.";
    assert_eq!(said(when, &[], &["lock dates", "lifecycle rules"]), (Light::Amber, Exit::Done, unproved.into()));
    let broken = "! The store does not protect the backups as claimed (object lock): Friday 20 November 2026 at 02:30. See: \
                  strongroom verify store";
    assert_eq!(said(when, &["object lock"], &["lifecycle rules"]), (Light::Red, Exit::Failed, broken.into()));
    let never = "* Whether the store protects the backups as claimed was not tested yet. Run: strongroom verify store";
    assert_eq!(said(None, &["object lock"], &[]), (Light::Amber, Exit::Done, never.into()));
}

#[test]
fn what_a_person_dealt_with_is_said_to_wait_for_the_next_run() {
    let people = people();
    let reference = Reference::try_from(String::from("SR-2026-1120-K7Q")).unwrap();
    let (since, trouble) = (at("2026-11-20T02:30:00Z"), Trouble::MassChange);
    let resolved = Some(String::from("resolved by A. Clerk; goes on with the next run"));
    let open = vec![OpenInput { reference, trouble, since, cause: String::from("Cause: x"), resolved }];
    let status = status(&StatusInput { open, ..sound(&people) });
    let said = "an unusual number of records changed (resolved by A. Clerk; goes on with the next run). Reference";
    assert!(status.light == Light::Amber && status.text().contains(said), "{}", status.text());
}
