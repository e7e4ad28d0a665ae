//! The weekly message and the quarterly question: their words, and when they come over a year of real journals.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use strongroom::domain::log::entry::IncidentKind;
use strongroom::service::contacts;
use strongroom::service::history::fold;
use strongroom::service::journal::{Event, JournalEntry};
use strongroom::service::plain::{People, Plain};
use strongroom::service::post::{Post, Ways};
use strongroom::service::status::{
    CheckNumber, CoverageInput, LostInput, MAX_AGE, OpenInput, SetInput, StatusInput, VoicesInput, WordInput, status,
};
use strongroom::service::texts::Letter;
use strongroom::service::voice::Voice;
use strongroom::service::weekly;
use strongroom::service::words::{NoticeKind, Reference, Role, Trouble};

use crate::runner::{Office, office};
use crate::status::{good, sound};
use crate::support::{at, people, set};

fn reference() -> Reference {
    Reference::try_from(String::from("SR-2026-1122-K7Q")).unwrap()
}

fn check() -> Option<CheckNumber> {
    Some(CheckNumber { entry: 1_412, link: "0123456789abcdef".repeat(4) })
}

/// All in order, and everything at once that can be said.
fn inputs(people: &People) -> Vec<(&'static str, StatusInput<'_>)> {
    let coverage = CoverageInput {
        weeks: 12,
        oldest: at("2026-10-02T02:30:00Z"),
        overdue: 0,
        limits_too_low: false,
        breaks: None,
    };
    let voices = VoicesInput { check: check(), holders: Some(2), ..VoicesInput::default() };
    let well = StatusInput { coverage: Some(coverage), voices, ..sound(people) };
    let open = |name: &str, trouble, since: &str| OpenInput {
        reference: Reference::try_from(name.to_owned()).unwrap(),
        trouble,
        since: at(since),
        cause: String::from("Cause: /srv/secret.docx"),
        resolved: None,
    };
    let word = WordInput {
        reference: Reference::try_from(String::from("SR-2026-1101-BBB")).unwrap(),
        by: String::from("secret.docx"),
        until: at("2026-12-24T00:00:00Z"),
    };
    let last = |text: &str| Some(good(at(text)));
    let sets =
        [("documents", last("2026-11-22T02:30:00Z")), ("email", last("2026-11-20T02:30:00Z"))].into_iter().chain([
            ("planning files", last("2026-11-01T02:30:00Z")),
            ("accounts", None),
            ("cemetery", None),
            ("maps", None),
        ]);
    let bad = StatusInput {
        sets: sets.map(|(name, last)| SetInput { name: set(name), last, max_age: MAX_AGE }).collect(),
        lost: Some(LostInput { records: 3, at: at("2026-11-02T02:30:00Z"), by: Some(String::from("secret.docx")) }),
        open: vec![
            open("SR-2026-1120-K7Q", Trouble::Damage, "2026-11-20T02:30:00Z"),
            open("SR-2026-1101-BBB", Trouble::Incomplete, "2026-11-01T02:30:00Z"),
        ],
        voids: vec![7],
        mail_failing_since: Some(at("2026-11-21T02:30:00Z")),
        messages_lost: 1,
        reads: false,
        voices: VoicesInput {
            accepted: vec![word],
            failing: vec![(String::from("the webhook desk"), at("2026-11-19T02:30:00Z"))],
            lost: 2,
            ..well.voices.clone()
        },
        ..well.clone()
    };
    let closed = StatusInput {
        voices: VoicesInput::default(),
        last_test: None,
        coverage: None,
        unopened: Some(String::from("/srv/secret.docx")),
        sets: vec![],
        ..well.clone()
    };
    let some = StatusInput { sheet_proved: false, ..well.clone() };
    vec![("all-in-order", well), ("much-to-do", bad), ("not-opened", closed), ("something-to-do", some)]
}

/// For the approved texts.
pub fn letters(people: &People) -> BTreeMap<String, Letter> {
    let mut all = BTreeMap::new();
    for (name, input) in inputs(people) {
        let status = status(&input);
        all.insert(format!("clerk weekly {name}"), weekly::for_clerk(&reference(), &input, &status));
        all.insert(format!("provider weekly {name}"), weekly::for_provider(&reference(), &input, &status));
    }
    let now = at("2026-11-22T02:30:00Z");
    for (name, deputy) in [("no-deputy", None), ("deputy", Some(Plain::new("The Deputy Clerk")))] {
        let told = contacts::Told { clerk: Plain::new("The Clerk"), deputy };
        all.insert(format!("clerk contacts {name}"), contacts::for_clerk(&reference(), people, &told, now));
        all.insert(format!("provider contacts {name}"), contacts::for_provider(&reference(), people, &told, now));
    }
    all
}

#[test]
fn nothing_of_this_computer_stands_in_a_weekly_message() {
    for (name, letter) in letters(&people()) {
        assert!(!letter.body.contains("secret") && !letter.body.contains("/srv"), "{name}: {}", letter.body);
    }
}

/// Names as long as they may be make it shorter, not longer.
#[test]
fn a_clerk_reads_120_words_whatever_the_sets_are_called() {
    let people = people();
    let (_, much) = inputs(&people).swap_remove(1);
    let sets = (0..12).map(|n| {
        let last = (n % 2 == 0).then(|| good(at("2026-11-22T02:30:00Z")));
        SetInput { name: set(&format!("a b c d e f g h i j k l m n o p q r s {n}")), last, max_age: MAX_AGE }
    });
    let input = StatusInput { sets: sets.collect(), ..much };
    let letter = weekly::for_clerk(&reference(), &input, &status(&input));
    assert!(letter.body.split_whitespace().count() <= 120, "{}", letter.body);
    assert!(letter.body.contains("Backed up: 6 sets") && letter.body.contains("NOT backed up in time: 6 sets."));
}

/// What the end of a run does, over a real journal and outbox.
fn end_of_run(office: &Office) -> Vec<(NoticeKind, Role)> {
    let now = office.clock.0.lock().unwrap().to_owned();
    let state = office.state();
    let input = StatusInput { now, ..sound(&office.people) };
    let post = Post {
        journal: &office.journal,
        ways: Ways { outbox: &office.outbox, mailer: Some(&office.mailbox), others: &[] },
        clock: &office.clock,
        people: &office.people,
        deputy: false,
        run: String::from("w"),
    };
    if let Some(week) = weekly::due(&state.voices, now, &office.people.zone) {
        let (reference, messages) = weekly::messages(&input, &status(&input), week, &state.references);
        let then = Some(Event::Voice(Voice::WeeklyTold { week, reference }));
        post.say(messages.into_iter().map(|m| (m, then.clone())));
    }
    let told = contacts::Told { clerk: Plain::new("The Clerk"), deputy: None };
    if let Some((reference, messages)) =
        contacts::messages(&state.voices, &state.references, &office.people, &told, now)
    {
        let then = Some(Event::Voice(Voice::ContactsAsked { reference }));
        post.say(messages.into_iter().map(|m| (m, then.clone())));
    }
    let mail = office.mailbox.take();
    mail.iter().map(|m| (m.notice, m.to)).collect()
}

#[test]
fn over_a_year_of_nights_it_comes_once_a_week_and_the_question_monthly_until_it_is_answered() {
    let office = office();
    let began: Timestamp = at("2026-11-25T01:30:00Z");
    *office.clock.0.lock().unwrap() = began;
    office.run(vec![]);
    let (mut weeks, mut asked) = (BTreeMap::<i64, usize>::new(), vec![]);
    let mut messages = 0;
    for night in 0..364 {
        // Three weeks in which the computer is off.
        if !(200..221).contains(&night) {
            for (kind, to) in end_of_run(&office) {
                match (kind, to) {
                    (NoticeKind::Weekly, Role::Clerk) => {
                        messages += 1;
                        *weeks.entry((night + 2) / 7).or_default() += 1;
                    }
                    (NoticeKind::Contacts, Role::Clerk) => asked.push(night),
                    _ => {}
                }
            }
            // A second run in the same night tells nothing again.
            assert_eq!(end_of_run(&office), [], "night {night}");
        }
        if night == 160 {
            let event = Event::Voice(Voice::ContactsConfirmed { by: String::from("The Clerk") });
            let at = office.clock.0.lock().unwrap().to_owned();
            office.journal.append(&JournalEntry { at, run: String::from("person"), event }).unwrap();
        }
        office.clock.forward(24);
    }
    assert!(weeks.values().all(|n| *n == 1), "{weeks:?}");
    assert_eq!((messages, asked), (52 - 2, vec![92, 122, 152, 252, 282, 312, 342]));
    let ids = fold(&office.journal.read().unwrap().entries).references.len();
    assert_eq!(ids, 50 + 2, "each week has its reference, and each question one for all its reminders");
}

/// Killed after it was stored and before that was written down.
#[test]
fn a_message_decided_again_takes_its_own_place() {
    let office = office();
    let input = StatusInput { now: at("2026-11-23T02:00:00Z"), ..sound(&office.people) };
    let week = "2026-11-23".parse().unwrap();
    for _ in 0..2 {
        let (_, messages) = weekly::messages(&input, &status(&input), week, &Default::default());
        messages.iter().for_each(|m| office.outbox.put(m).unwrap());
    }
    assert_eq!(office.outbox.len(), 2);
    let later = StatusInput { now: input.now + SignedDuration::from_hours(30), ..input };
    let (_, messages) = weekly::messages(&later, &status(&later), week, &Default::default());
    messages.iter().for_each(|m| office.outbox.put(m).unwrap());
    assert_eq!(office.outbox.len(), 2);
}

#[test]
fn one_incident_is_one_problem() {
    let people = people();
    let name = Reference::try_from(String::from("SR-2026-1120-K7Q")).unwrap();
    let since = at("2026-11-20T02:30:00Z");
    let told = OpenInput { reference: name, trouble: Trouble::MassChange, since, cause: String::new(), resolved: None };
    let mass = |n| (n, since, IncidentKind::MassChange);
    for (open, incidents, said) in [
        (vec![told.clone()], vec![mass(7)], "Open problems: 1, the oldest"),
        (vec![told.clone()], vec![mass(7), mass(9)], "Open problems: 2, the oldest"),
        (vec![], vec![mass(7)], "Open problems: 1."),
        (vec![told], vec![(7, since, IncidentKind::NotItsName)], "Open problems: 2, the oldest"),
    ] {
        let input = StatusInput { open, incidents, ..sound(&people) };
        let letter = weekly::for_clerk(&self::reference(), &input, &status(&input));
        assert!(letter.body.contains(said), "{}", letter.body);
        let count = said.split([':', '.', ',']).nth(1).unwrap();
        let figures = strongroom::service::metrics::text(&input, &status(&input), None);
        assert!(figures.contains(&format!("strongroom_open_problems{count}\n")), "{figures}");
    }
}
