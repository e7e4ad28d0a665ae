//! Every notice is compared with its approved text in `tests/notices/`, word for word, and held to the rules for
//! what may be sent to a clerk. `APPROVE_NOTICES=1 cargo test --test service notices` writes the texts anew, to be read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use strongroom::service::access::{AccessSeen, KeysSeen};
use strongroom::service::causes::Notice;
use strongroom::service::plain::{Elsewhere, People, Plain};
use strongroom::service::policy::Review;
use strongroom::service::retention::{DisposalSeen, News, RetentionNotice, Stopped};
use strongroom::service::retention_notices::letter;
use strongroom::service::technical::for_provider;
use strongroom::service::texts::{Letter, for_clerk, test_message};
use strongroom::service::words::{Cause, JobKind, NoticeKind, Reference, Role, Trouble, Why, word};

use crate::kinds::{JOBS, KINDS, notice, troubles};
use crate::support::{at, people};

/// Every letter a person could get, by a name that says which.
fn all_letters(people: &People) -> BTreeMap<String, Letter> {
    let mut all = BTreeMap::new();
    for trouble in troubles() {
        let of_coverage = matches!(trouble, Trouble::Overdue | Trouble::LimitsTooLow | Trouble::FallingBehind);
        let of_drills = matches!(trouble, Trouble::WholeOverdue | Trouble::SampleOverdue | Trouble::KeysOverdue);
        // Only a test opens documents.
        let opening =
            matches!(trouble, Trouble::Spoiled | Trouble::NotItsName | Trouble::LiveDiffers | Trouble::PutRight);
        let of_watch = matches!(trouble, Trouble::Quiet | Trouble::Untested | Trouble::ClocksDiffer);
        let watch_too =
            matches!(trouble, Trouble::HistoryChanged | Trouble::Damage | Trouble::Overdue | Trouble::Failed(_));
        let may = |job: &JobKind| match () {
            () if of_watch => *job == JobKind::Watch,
            () if *job == JobKind::Watch => watch_too,
            () if trouble == Trouble::ManyNotItsName => *job == JobKind::Verify,
            () if trouble.is_incident() => *job == JobKind::Backup,
            () if opening => *job == JobKind::Verify,
            () if of_drills => *job == JobKind::Drills,
            () if trouble == Trouble::Unheard => *job == JobKind::Notices,
            () if trouble == Trouble::Missed => *job == JobKind::Backup,
            () if trouble == Trouble::WrongClock => *job == JobKind::Prune,
            () if trouble == Trouble::Undelivered => *job == JobKind::Notices,
            () if trouble == Trouble::Unprotected => *job == JobKind::Store,
            () => !of_coverage || *job == JobKind::Coverage,
        };
        for job in JOBS.into_iter().filter(may) {
            let ends = !trouble.is_incident() || job == JobKind::Watch;
            for kind in KINDS.into_iter().filter(|k| ends || *k != NoticeKind::WorkingAgain) {
                let name = |to: &str| {
                    let key = notice(trouble, job, kind, Role::Clerk).lead;
                    let key = Cause { set: None, ..key }.to_string().replace('/', "-");
                    let key = if job == JobKind::Watch && trouble.is_incident() { format!("watch-{key}") } else { key };
                    format!("{to} {} {key}", word(&kind))
                };
                all.insert(name("clerk"), for_clerk(&notice(trouble, job, kind, Role::Clerk), people));
                all.insert(name("deputy"), for_clerk(&notice(trouble, job, kind, Role::Deputy), people));
                all.insert(name("provider"), for_provider(&notice(trouble, job, kind, Role::Provider), people));
            }
        }
    }
    let mut first = notice(Trouble::Failed(Why::StoreUnreachable), JobKind::Backup, NoticeKind::Failure, Role::Clerk);
    first.last_good = None;
    all.insert(String::from("clerk failure backup-failed-first-ever"), for_clerk(&first, people));
    let mut slow = notice(Trouble::MassChange, JobKind::Backup, NoticeKind::Failure, Role::Clerk);
    slow.counts.in_week = true;
    all.insert(String::from("clerk failure mass-change-in-a-week"), for_clerk(&slow, people));
    let seen = [Trouble::Quiet, Trouble::Overdue, Trouble::Untested, Trouble::Failed(Why::StoreUnreachable)];
    for trouble in seen {
        let never = Notice { last_good: None, ..notice(trouble, JobKind::Watch, NoticeKind::Failure, Role::Clerk) };
        let key = Cause { set: None, ..never.lead.clone() }.to_string().replace('/', "-");
        all.insert(format!("clerk failure {key}-first-ever"), for_clerk(&never, people));
    }
    all.extend(about_retention(people));
    all.extend(crate::weekly::letters(people));
    all.insert(String::from("clerk test"), test_message(people, at("2026-07-01T11:05:00Z")));
    all
}

/// Every letter about the council's rules on keeping records.
fn about_retention(people: &People) -> BTreeMap<String, Letter> {
    let disposal = DisposalSeen { approval: 41, records: 1_234 };
    let since = at("2026-11-01T02:30:00Z");
    let day = |text: &str| text.parse().unwrap();
    let all = [
        News::Proposals { records: 1, needs_council: false, since },
        News::Proposals { records: 1_234, needs_council: true, since },
        News::HoldReviews { holds: 1, oldest: day("2026-11-20") },
        News::HoldReviews { holds: 12, oldest: day("2026-03-03") },
        News::AdoptedShortening { entry: 41, in_force: day("2026-12-20"), records: Some(142) },
        News::AdoptedShortening { entry: 41, in_force: day("2026-12-20"), records: None },
        News::SchemeInForce { entry: 41 },
        News::DisposalApproved { disposal, by_scheme: false, urgent: false },
        News::DisposalApproved { disposal, by_scheme: true, urgent: false },
        News::DisposalApproved { disposal, by_scheme: false, urgent: true },
        News::DisposalCancelled { disposal },
        News::DisposalStopped { disposal, why: Stopped::Changed },
        News::DisposalStopped { disposal, why: Stopped::TooMany },
        News::DisposalStopped { disposal, why: Stopped::SafetyCheck },
        News::DisposalDone { disposal },
        News::Reappeared { records: 3 },
        News::Policies([Review::Due(day("2025-05-12")), Review::Missing]),
        News::Policies([Review::Fresh, Review::Due(day("2025-05-12"))]),
        News::Access(AccessSeen {
            first: 60,
            ending: 2,
            next: Some(day("2026-12-01")),
            passed: 1,
            since: Some(day("2026-11-14")),
        }),
        News::Access(AccessSeen { first: 60, ending: 1, next: Some(day("2026-12-01")), passed: 0, since: None }),
        News::Keys(KeysSeen { entry: 71, at: since, readers: 3, writers: 2 }),
    ];
    let named = all.into_iter().enumerate().flat_map(|(n, news)| {
        news.roles().iter().map(move |to| (format!("{} retention {n:02}-{}", word(to), news.key()), *to, news.clone()))
    });
    let letter = |(name, to, news)| {
        let reference = Reference::try_from(String::from("SR-2026-1122-K7Q")).unwrap();
        let notice = RetentionNotice { id: String::from("x"), reference, to, news, at: at("2026-11-22T02:30:00Z") };
        (name, letter(&notice, people))
    };
    named.map(letter).collect()
}

/// The letters whose exact words are approved: every failure that can really happen, and of the other kinds each
/// text that differs. The rules below hold for all the rest too.
fn is_approved_by_word(name: &str) -> bool {
    let (kind, cause) = name.split_once(' ').map_or((name, ""), |(_, rest)| rest.split_once(' ').unwrap_or((rest, "")));
    let differing = [
        "backup-failed-store-unreachable",
        "backup-incomplete",
        "verify-damage",
        "verify-not-its-name",
        "verify-spoiled",
        "verify-live-differs",
        "verify-put-right",
        "verify-examined-nothing",
        "prune-failed-other",
        "configuration-failed-other",
        "notices-damage",
        "notices-unheard",
        "notices-failed-no-record",
        "backup-missed",
        "prune-wrong-clock",
        "notices-undelivered",
        "retention-failed-other",
        "coverage-overdue",
        "store-unprotected",
        "coverage-limits-too-low",
        "coverage-falling-behind",
        "drills-whole-overdue",
        "drills-sample-overdue",
        "drills-keys-overdue",
        "history-changed",
        "watch-history-changed",
        "watch-damage",
        "watch-quiet",
        "watch-overdue",
        "watch-untested",
        "watch-clocks-differ",
        "watch-failed-store-unreachable",
        "watch-failed-no-repository",
    ];
    let watched = cause.starts_with("watch-") && cause.ends_with("-first-ever");
    let failing = cause.starts_with("backup-") || watched || differing.contains(&cause);
    let others = [
        "mass-change",
        "mass-change-in-a-week",
        "verify-failed-store-unreachable",
        "verify-failed-interrupted",
        "verify-incomplete",
        "prune-refused",
        "prune-failed-interrupted",
        "prune-incomplete",
        "prune-damage",
        "retention-failed-store-unreachable",
        "retention-incomplete",
        "coverage-failed-other",
        "drills-failed-other",
        "store-failed-other",
        "store-incomplete",
    ];
    // The deputy's letters differ from the clerk's in one line of a reminder.
    if name.starts_with("deputy") && kind != "reminder" {
        return false;
    }
    match kind {
        "retention" | "weekly" | "contacts" => true,
        "failure" => failing || others.contains(&cause),
        "reminder" => ["backup-failed-store-unreachable", "history-changed", "verify-live-differs", "verify-put-right"]
            .contains(&cause),
        "resolved" => cause == "mass-change",
        "not-configured" => cause == "backup-failed-store-unreachable",
        _ => kind == "test" || differing.contains(&cause),
    }
}

#[test]
fn every_letter_is_the_approved_one() {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (name, letter) in all_letters(&people()).into_iter().filter(|(name, _)| is_approved_by_word(name)) {
        let mut words = name.splitn(3, ' ');
        let file = format!("{}-{}.txt", words.next().unwrap(), words.next().unwrap());
        let page = files.entry(file).or_default();
        page.push_str(&format!("=== {name}\nSubject: {}\n\n{}\n", letter.subject, letter.body));
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notices");
    if std::env::var_os("APPROVE_NOTICES").is_some() {
        for (file, page) in &files {
            std::fs::write(dir.join(file), page).unwrap();
        }
    }
    let names = std::fs::read_dir(&dir).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.collect::<BTreeSet<_>>(), files.keys().cloned().collect());
    for (file, page) in files {
        let approved = std::fs::read_to_string(dir.join(&file)).unwrap();
        for (line, (now, then)) in page.lines().zip(approved.lines()).enumerate() {
            assert_eq!(now, then, "{file}:{}", line + 1);
        }
        assert_eq!(page, approved, "{file}");
    }
}

const BANNED: [&str; 46] = [
    "api",
    "blob",
    "bucket",
    "cache",
    "checksum",
    "chunk",
    "chunks",
    "config",
    "configuration",
    "credential",
    "credentials",
    "cron",
    "daemon",
    "digest",
    "endpoint",
    "error code",
    "exit code",
    "fsync",
    "garbage",
    "hash",
    "index",
    "inode",
    "json",
    "log entry",
    "manifest",
    "metadata",
    "mount",
    "mounted",
    "pack",
    "packs",
    "path",
    "prune",
    "pruning",
    "repo",
    "repository",
    "retention",
    "rollback",
    "s3",
    "scrub",
    "segment",
    "smtp",
    "snapshot",
    "snapshots",
    "stack",
    "thinning",
    "tls",
];

fn words_of(text: &str) -> Vec<String> {
    let split = text.split(|c: char| !c.is_alphanumeric() && c != '-');
    split.filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
}

#[test]
fn clerks_letters_are_short_plain_and_complete() {
    let mut people = people();
    people.elsewhere =
        Some(Elsewhere { by: Plain::new("Example Cloud Mail Ltd"), checked: "2026-11-03".parse().unwrap() });
    for (name, letter) in all_letters(&people).into_iter().filter(|(name, _)| !name.starts_with("provider")) {
        let body = &letter.body;
        assert!(body.split_whitespace().count() <= 120, "{name}: {} words", body.split_whitespace().count());
        assert!(letter.subject.chars().count() <= 150, "{name}: {}", letter.subject);
        let text = format!(" {} ", words_of(&format!("{} {body}", letter.subject)).join(" "));
        for banned in BANNED {
            assert!(!text.contains(&format!(" {banned} ")), "{name} says {banned}");
        }
        assert!(body.contains("01632 960000") && body.contains("Example IT"), "{name}: who to ring");
        assert!(body.contains("E-mail: backed up by Example Cloud Mail Ltd, checked 3 November 2026."), "{name}");
        assert!(body.contains("nothing to click"), "{name}");
        if name != "clerk test" {
            assert!(body.contains("SR-2026-1122-K7Q") && letter.subject.contains("SR-2026-1122-K7Q"), "{name}");
        }
        for link in ["http", "www.", "://", "@", "<", "/"] {
            assert!(!body.contains(link), "{name} holds {link}");
        }
    }
}

/// A new kind of notice stops this from being built: it needs letters here, and with them all the rules above.
#[test]
fn no_kind_of_notice_escapes_the_rules() {
    let letters = all_letters(&people());
    for kind in KINDS.into_iter().chain([NoticeKind::Test, NoticeKind::Retention]) {
        let has = match kind {
            NoticeKind::Failure | NoticeKind::Reminder | NoticeKind::WorkingAgain => true,
            NoticeKind::Resolved | NoticeKind::NotConfigured | NoticeKind::Test | NoticeKind::Retention => true,
            NoticeKind::Weekly | NoticeKind::Contacts => true,
        };
        assert!(has && letters.keys().any(|name| name.starts_with(&format!("clerk {}", word(&kind)))), "{kind:?}");
    }
}

#[test]
fn the_email_line_goes_when_email_is_a_set() {
    let people = People { email_set: true, ..people() };
    assert!(all_letters(&people).values().all(|l| !l.body.contains("E-mail:")));
}

#[test]
fn where_no_way_leads_to_the_clerk_the_provider_is_told_so() {
    let people = People { clerk_is_told: false, ..people() };
    let letters = all_letters(&people);
    let said: Vec<_> = letters.values().filter(|l| l.body.contains("The clerk was")).collect();
    assert!(said.len() > 50, "{}", said.len());
    assert!(said.iter().all(|l| l.body.contains("The clerk was NOT ")));
    assert!(
        said.iter().any(|l| l.body.contains("The clerk was NOT told: no way of telling leads there. Ring them.\n"))
    );
}

#[test]
fn summer_is_told_in_summer_time() {
    let letter = test_message(&people(), at("2026-07-01T11:05:00Z"));
    assert!(letter.body.contains("Wednesday 1 July 2026 at 12:05"), "{}", letter.body);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(8))]
    /// Whatever stands in the settings, in every letter that there is.
    #[test]
    fn hostile_settings_break_no_letter_of_any_kind(
        council in "\\PC*|(?s).*", provider in "(?s).{0,200}", phone in "(?s).{0,200}", by in "(?s).{0,200}",
    ) {
        let elsewhere = Some(Elsewhere { by: Plain::new(&by), checked: "2026-11-03".parse().unwrap() });
        let (council, provider, phone) = (Plain::new(&council), Plain::new(&provider), Plain::new(&phone));
        for (name, letter) in all_letters(&People { council, provider, phone, elsewhere, ..people() }) {
            proptest::prop_assert!(!letter.subject.chars().any(char::is_control), "{name}: {:?}", letter.subject);
            proptest::prop_assert!(!letter.body.chars().any(|c| c.is_control() && c != '\n'), "{name}: {:?}", letter.body);
            proptest::prop_assert!(!letter.body.contains("://") && !letter.subject.contains("://"), "{name}");
        }
    }
}
