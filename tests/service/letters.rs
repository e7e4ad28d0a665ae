//! Single letters whose words hang on what was found: when, how many, what was lost, by which job.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use strongroom::domain::log::guards::{Ground, Guard, GuardSeen, Shown, StoreTested};
use strongroom::service::plain::{People, Plain};
use strongroom::service::post::compose;
use strongroom::service::technical::for_provider;
use strongroom::service::texts::{Letter, for_clerk};
use strongroom::service::web::Webhook;
use strongroom::service::words::{JobKind, NoticeKind, Role, Trouble, Why};

use crate::kinds::{JOBS, KINDS, notice, troubles};
use crate::support::{at, people};

fn one_line(letter: &Letter) -> String {
    letter.body.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn that_damage_is_over_does_not_hide_what_was_lost() {
    // Whichever job met it, and also where nobody can say how many records it was.
    for (job, lost, said) in [
        (JobKind::Verify, 2, "2 versions of documents cannot be restored any more."),
        (JobKind::Backup, 1, "1 version of a document cannot be restored any more."),
        (JobKind::Verify, 0, "A part of the backups cannot be restored any more."),
    ] {
        let mut over = notice(Trouble::Damage, job, NoticeKind::WorkingAgain, Role::Clerk);
        (over.counts.lost, over.counts.accepted) = (lost, true);
        let letter = one_line(&for_clerk(&over, &people()));
        assert!(
            letter.contains("Everything that can still be restored was tested again and found sound on"),
            "{letter}"
        );
        let on_record = " This has been accepted and is on record; your provider can say what it was.";
        assert!(letter.contains(&format!("{said}{on_record}")) && !letter.contains("You need do nothing."), "{letter}");
    }
}

#[test]
fn a_reminder_says_when_it_was_found_and_never_no_items() {
    let mut still = notice(Trouble::Damage, JobKind::Verify, NoticeKind::Reminder, Role::Clerk);
    (still.found, still.counts.problems) = (at("2026-11-20T02:30:00Z"), 0);
    let letter = one_line(&for_clerk(&still, &people()));
    let said = "A test on Friday 20 November 2026 at 02:30 found damaged data in the backups. What it means";
    assert!(letter.contains(said), "{letter}");
    assert!(for_provider(&still, &people()).body.contains("Last found: 2026-11-20 02:30:00 +00:00"));
}

#[test]
fn the_day_by_which_stays_where_it_was() {
    let at_night = |trouble, job, night: &str| {
        let mut still = notice(trouble, job, NoticeKind::Reminder, Role::Clerk);
        (still.since, still.at) = (at("2026-11-02T02:30:00Z"), at(night));
        let letter = for_clerk(&still, &people());
        assert!(letter.body.split_whitespace().count() <= 120, "{}", letter.body);
        one_line(&letter)
    };
    let incomplete = |night| at_night(Trouble::Incomplete, JobKind::Backup, night);
    assert!(incomplete("2026-11-03T02:30:00Z").contains("ring them by Saturday 7 November 2026 and"));
    assert!(incomplete("2026-11-06T02:30:00Z").contains("ring them by Saturday 7 November 2026 and"));
    assert!(incomplete("2026-11-08T02:30:00Z").contains("ring them today and"));
    let incident = |night| at_night(Trouble::HistoryChanged, JobKind::Backup, night);
    assert!(incident("2026-11-03T02:30:00Z").contains("You decide by Thursday 5 November 2026"));
    let over = incident("2026-11-06T02:30:00Z");
    assert!(
        over.contains(
            "The 72 hours ended on Thursday 5 November 2026; if you have not decided about reporting, do so now."
        ),
        "{over}"
    );
    at_night(Trouble::MassChange, JobKind::Backup, "2026-11-08T02:30:00Z");
    at_night(Trouble::ManyNotItsName, JobKind::Verify, "2026-11-08T02:30:00Z");
}

#[test]
fn backups_that_go_on_with_the_last_settings_are_said_to() {
    let other = Trouble::Failed(Why::Other);
    let mut failed = notice(other, JobKind::Configuration, NoticeKind::Failure, Role::Clerk);
    assert!(for_clerk(&failed, &people()).body.contains("No backup is made until the settings are corrected."));
    failed.counts.last_settings = true;
    let letter = one_line(&for_clerk(&failed, &people()));
    let said = "Backups go on with the last settings that worked. A change made since does not count.";
    assert!(letter.contains(said) && !letter.contains("No backup is made"), "{letter}");
}

#[test]
fn what_a_person_marked_is_never_said_to_be_put_right() {
    let mut over = notice(Trouble::Spoiled, JobKind::Verify, NoticeKind::WorkingAgain, Role::Clerk);
    assert!(one_line(&for_clerk(&over, &people())).contains("were put right, moved or deleted on"));
    over.counts.marked = Some(at("2026-11-21T09:00:00Z"));
    let letter = one_line(&for_clerk(&over, &people()));
    assert!(
        letter.contains("was marked as it should be by a person on Saturday 21 November 2026 at 09:00."),
        "{letter}"
    );
    assert!(letter.contains("If you did not expect this, ring Example IT, telephone 01632 960000"), "{letter}");
    assert!(!letter.contains("put right") && !letter.contains("You need do nothing"), "{letter}");
}

#[test]
fn a_store_that_could_not_show_it_has_an_advice_of_its_own() {
    let of = |job| for_provider(&notice(Trouble::Incomplete, job, NoticeKind::Failure, Role::Provider), &people()).body;
    assert!(of(JobKind::Store).contains("s3:GetBucketVersioning") && !of(JobKind::Store).contains("failing disk"));
    assert!(of(JobKind::Backup).contains("open files, permissions, a failing disk"));
    let mut closed = notice(Trouble::Incomplete, JobKind::Store, NoticeKind::WorkingAgain, Role::Clerk);
    assert!(for_clerk(&closed, &people()).body.contains("What can be tested of the protection"));
    closed.counts.problems = 0;
    assert!(for_clerk(&closed, &people()).body.contains("The backups were found to be protected as agreed"));
}

/// A claim that this kind of store can never show is no reason to ask again each night; one that rights would show is.
#[test]
fn what_can_never_be_shown_is_settled_and_yet_not_proved() {
    let tested = |ground| {
        let seen =
            GuardSeen { guard: Guard::ObjectLock, shown: Shown::Inconclusive, ground: Some(ground), claimed: true };
        StoreTested { seen: vec![seen], ..StoreTested::default() }
    };
    let never = tested(Ground::NoCall);
    assert!(never.is_settled() && !never.holds() && never.unproved().count() == 1);
    assert!(!tested(Ground::NoPermission).is_settled() && !StoreTested::default().is_settled());
    let mut both = tested(Ground::NoPermission);
    both.seen.extend(never.seen);
    assert_eq!((both.is_settled(), both.unshown().count()), (false, 1));
}

/// All that leaves by a webhook.
const FIELDS: [&str; 11] =
    ["council", "decided_at", "id", "kind", "reference", "role", "sent_at", "severity", "subject", "text", "version"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn hostile_configured_values_cannot_break_a_letter(
        council in "\\PC*|(?s).*", provider in "(?s).{0,200}", phone in "(?s).{0,200}",
        trouble in prop::sample::select(troubles()), job in prop::sample::select(JOBS.to_vec()),
        kind in prop::sample::select(KINDS.to_vec()),
    ) {
        let people = People {
            council: Plain::new(&council), provider: Plain::new(&provider), phone: Plain::new(&phone), ..people()
        };
        for role in [Role::Clerk, Role::Provider] {
            let letter = compose(&notice(trouble, job, kind, role), &people, at("2026-11-22T02:31:00Z"));
            prop_assert!(letter.subject.chars().count() < 300);
            prop_assert!(!letter.subject.chars().any(char::is_control));
            prop_assert!(!letter.body.chars().any(|c| c.is_control() && c != '\n'));
            prop_assert!(!letter.body.contains("://"));
            // What a webhook takes is the same words, and these fields.
            let body = Webhook::body(&people.council, &letter, at("2026-11-22T02:35:00Z")).unwrap();
            prop_assert!(!body.chars().any(char::is_control) && !body.contains("://"), "{}", body);
            let fields: BTreeMap<String, Value> = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(fields.keys().map(String::as_str).collect::<Vec<_>>(), FIELDS);
            prop_assert_eq!((fields["subject"].as_str(), fields["text"].as_str()), (Some(&*letter.subject), Some(&*letter.body)));
            for words in fields.values().filter_map(Value::as_str) {
                prop_assert!(!words.chars().any(|c| c.is_control() && c != '\n'), "{}", words);
            }
        }
    }
}
