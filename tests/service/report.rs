//! The report: a financial year word for word, in every form; and what counting must never do. The approved texts lie in
//! `tests/report/`; `APPROVE_NOTICES=1 cargo test --test service report` writes them anew, to be read.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::date;
use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;
use strongroom::domain::id::SnapshotId;
use strongroom::service::journal::{Event, JournalEntry, Told};
use strongroom::service::pages::Lost;
use strongroom::service::report::span::{Span, day_of};
use strongroom::service::report::{Counted, Evidence, Report, csv, document, html, markdown};
use strongroom::service::voice::{Voice, WayName};
use strongroom::service::words::{NoticeKind, Outcome, Reference, Role};

use crate::books::{Books, a_year, days, half_past_two, step};
use crate::support::{at, people};

fn approved(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report").join(name);
    if std::env::var_os("APPROVE_NOTICES").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    assert!(there == text, "{} differs; read the new text and approve it", file.display());
}

fn year() -> Span {
    Span::year("2026-27").unwrap()
}

#[test]
fn a_financial_year_reads_as_approved_in_every_form() {
    let (books, access) = a_year();
    let report = books.report(year(), at("2027-04-02T09:00:00Z"), access);
    let page = document(&report, &people().zone);
    approved("year.md", &markdown(&page));
    approved("year.html", &html(&page));
    // Kept with the line ends of all other files.
    approved("year.csv", &csv(&page).replace("\r\n", "\n"));
    let json = serde_json::to_string(&report).unwrap();
    for text in [markdown(&page), html(&page), csv(&page), json] {
        assert!(!text.contains("Smith") && !text.contains("grievance") && !text.contains("/srv/"), "a file is named");
    }
    assert!(!html(&page).contains("<script") && !markdown(&page).contains("<script"));
    assert!(!markdown(&page).replace("\\]", "").contains("](http"));
    assert!(!csv(&page).contains("\n=") && !csv(&page).contains(",=") && !csv(&page).contains(",\"="));
}

#[test]
fn the_page_to_print_is_fit_for_every_reader_and_fetches_nothing() {
    let (books, access) = a_year();
    let page = html(&document(&books.report(year(), at("2027-04-02T09:00:00Z"), access), &people().zone));
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en-GB\">"));
    for forbidden in ["<script", "<link", "<img", "<iframe", " src=", " href=", " onclick", "url(", "@import"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let count = |what: &str| page.matches(what).count();
    assert_eq!((count("<h1>"), count("<main>"), count("<title>")), (1, 1, 1));
    assert_eq!((count("<table>"), count("<table>")), (count("<caption>"), count("<thead>")));
    assert!(count("<th scope=\"col\">") > 40 && count("<th scope=\"row\">") > 30);
    assert_eq!(count("<section aria-labelledby="), count("<h2 id="));
    let text: String = markdown(&document(&books.report(year(), at("2027-04-02T09:00:00Z"), vec![]), &people().zone));
    for word in ["chunk", "snapshot", "repository", "hash", "segment", " index", " pack "] {
        assert!(!text.to_lowercase().contains(word), "{word}");
    }
}

fn month(report: &Report, n: usize) -> &Counted {
    &report.months[n]
}

#[test]
fn a_gap_is_counted_in_days_and_the_months_before_are_no_evidence() {
    let (books, _) = a_year();
    let report = books.report(year(), at("2027-04-02T09:00:00Z"), vec![]);
    for n in 0..6 {
        assert_eq!(month(&report, n).evidence, Evidence::BeforeSetUp);
        assert_eq!(month(&report, n).backups[0].due, 0);
    }
    let january = month(&report, 9);
    // The last was made on the 4th at 02:30: seven days and twelve hours later is the 11th, 14:30.
    assert_eq!((january.backups[0].due, january.backups[0].missed, january.backups[0].made), (31, 6, 19));
    assert_eq!((january.backups[0].longest_gap, january.backups[0].failed), (Some(13 * 24), 2));
    assert_eq!((january.runs.begun, january.runs.badly, january.messages.sent), (21, 2, 2));
    assert_eq!(month(&report, 7).tests.restores, 1);
    // Nothing was ever backed up of the other set, from the set-up on.
    let email = &report.total.backups[1];
    assert_eq!((email.due, email.missed, email.made, email.longest_gap), (163, 163, 0, None));
    assert_eq!(report.failures.len(), 2);
    assert_eq!((report.failures[0].minutes, report.failures[1].minutes), (Some(1), None));
    assert!(report.failures[0].provider < report.failures[0].clerk && report.failures[0].over.is_some());
    let whole = books.report(Span::year("2025-26").unwrap(), at("2027-04-02T09:00:00Z"), vec![]);
    assert!(
        !whole.has_evidence() && markdown(&document(&whole, &people().zone)).contains("No evidence: Strongroom was")
    );
}

#[test]
fn a_day_of_23_or_25_hours_is_one_day_and_no_backup_of_it_is_late() {
    let mut books = Books::begun("2026-10-01T10:00:00Z");
    for day in days(date(2026, 10, 2), date(2027, 4, 10)) {
        books.night(day.at(1, 30, 0, 0).to_zoned(people().zone).unwrap().timestamp(), 0);
    }
    for (from, n) in [(date(2026, 10, 2), 30), (date(2027, 3, 1), 31)] {
        let span = Span { from, to: from.last_of_month() };
        let all = books.report(span, at("2027-04-10T12:00:00Z"), vec![]).total;
        let (b, gap) = (all.backups[0], all.backups[0].longest_gap.unwrap());
        assert_eq!((b.due, b.met, b.missed, b.made, all.runs.begun), (n, n, 0, n, n));
        assert!(gap <= 25, "{gap}");
    }
    // A weekly backup that takes a little longer each time is punctual.
    let mut weekly = Books::begun("2026-10-01T10:00:00Z");
    for week in 0..20 {
        weekly.night(at("2026-10-04T02:30:00Z") + SignedDuration::from_mins(week * (7 * 24 * 60 + 5)), 0);
    }
    let all =
        weekly.report(Span { from: date(2026, 10, 1), to: date(2027, 2, 14) }, at("2027-02-14T12:00:00Z"), vec![]);
    assert_eq!((all.total.backups[0].missed, all.total.backups[0].made), (0, 20));
}

#[test]
fn the_financial_year_changes_between_two_minutes_of_the_councils_own_time() {
    let mut books = Books::begun("2026-03-01T10:00:00Z");
    // British Summer Time: 31 March ends at 23:00 UTC.
    for time in ["2026-03-31T22:59:00Z", "2026-03-31T23:00:00Z", "2027-03-31T22:59:59Z", "2027-03-31T23:00:00Z"] {
        books.night(at(time), 0);
    }
    let made = |year| books.report(Span::year(year).unwrap(), at("2027-04-02T09:00:00Z"), vec![]).total;
    assert_eq!(["2025-26", "2026-27", "2027-28"].map(|y| made(y).backups[0].made), [1, 2, 1]);
    assert_eq!(["2025-26", "2026-27", "2027-28"].map(|y| made(y).runs.begun), [1, 2, 1]);
}

#[test]
fn what_is_lost_and_what_disagrees_is_said_and_the_log_counts() {
    let mut books = Books::begun("2026-10-20T10:00:00Z");
    for day in days(date(2026, 10, 21), date(2026, 12, 31)) {
        books.night(half_past_two(day), 0);
    }
    // A page of November is lost, December's first backup is in no journal, one more was never committed.
    let november = |e: &JournalEntry| day_of(e.at, &people().zone).month() == 11;
    books.journal.retain(|e| !november(e));
    books.lost.push(Lost { from: at("2026-11-01T02:30:00Z"), to: at("2026-11-30T02:40:00Z") });
    books.journal.retain(|e| !e.run.contains("2026-12-01"));
    books.line(at("2026-12-20T12:00:00Z"), "odd", Event::StepFinished(step(Outcome::Done, Some(SnapshotId(9_999)))));
    let report =
        books.report(Span { from: date(2026, 10, 1), to: date(2026, 12, 31) }, at("2027-01-02T09:00:00Z"), vec![]);
    let evidence: Vec<Evidence> = report.months.iter().map(|m| m.evidence).collect();
    assert_eq!(evidence, [Evidence::Both, Evidence::JournalLost, Evidence::Both]);
    assert_eq!((report.differences.not_in_log, report.differences.not_in_journal), (1, 1));
    assert_eq!((report.total.backups[0].made, report.months[1].runs.begun), (72, 0));
    let text = markdown(&document(&report, &people().zone));
    for words in [
        "THE RECORDS DISAGREE: 1 backup of which a journal tells is not in the signed log.",
        "THE RECORDS DISAGREE: 1 backup in the signed log is",
        "A part of a journal is lost: 1 November 2026, 02:30 to 30 November 2026, 02:40.",
        "signed log; a part of the journal is lost",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    books.journal.clear();
    books.lost.clear();
    let report =
        books.report(Span { from: date(2026, 11, 1), to: date(2026, 11, 30) }, at("2027-01-02T09:00:00Z"), vec![]);
    assert_eq!((report.total.evidence, report.total.backups[0].made), (Evidence::LogAlone, 30));
}

#[test]
fn another_machine_speaks_only_for_itself_and_every_way_of_telling_counts() {
    let mut books = Books::begun("2026-10-20T10:00:00Z");
    books.bad_night(at("2026-10-21T02:30:00Z"), "SR-2026-1021-K7Q", None);
    let october = Span { from: date(2026, 10, 1), to: date(2026, 10, 31) };
    let before = books.report(october, at("2026-11-02T09:00:00Z"), vec![]);
    assert_eq!((before.failures[0].minutes, before.total.runs.badly), (None, 1));
    // It names this machine's run and reference: told, closed, and all well.
    let (run, last) = (books.journal[0].run.clone(), books.journal.last().unwrap().at);
    let opened = books.journal.iter().find_map(|e| match &e.event {
        Event::CauseOpened { reference, cause } => Some((reference.clone(), cause.clone())),
        _ => None,
    });
    let (reference, cause) = opened.unwrap();
    let told = Told { reference: Some(reference.clone()), to: Role::Clerk, notice: NoticeKind::Failure };
    let closed = Event::CauseClosed { reference: reference.clone(), cause, how: NoticeKind::WorkingAgain };
    for event in [Event::NoticeSent(told.clone()), closed, Event::RunFinished { exit: 0 }] {
        books.others.push(JournalEntry { at: last, run: run.clone(), event });
    }
    let after = books.report(october, at("2026-11-02T09:00:00Z"), vec![]);
    assert_eq!(after.failures, before.failures);
    assert_eq!((after.total.runs.begun, after.total.runs.badly, after.total.runs.well), (2, 1, 1));
    // The machine's own message, by another way than mail.
    let way = WayName::new("telephone").unwrap();
    books.line(last + SignedDuration::from_mins(4), &run, Event::Voice(Voice::Sent { way, told: Some(told) }));
    let told = books.report(october, at("2026-11-02T09:00:00Z"), vec![]);
    assert!(told.failures[0].minutes.is_some() && told.failures[0].clerk.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    /// Every run is counted once, on one day; and the months of any stretch add up to it.
    #[test]
    fn months_add_up_and_each_run_is_counted_once(
        nights in prop::collection::vec((0i64..700 * 24 * 60, 0u8..4), 1..60),
        (first, length) in (0i32..500, 0i32..500),
    ) {
        let mut books = Books::begun("2026-03-01T10:00:00Z");
        let mut nights = nights;
        nights.sort_unstable();
        nights.dedup_by_key(|n| n.0);
        for (minute, kind) in &nights {
            let began = at("2026-03-01T12:00:00Z") + SignedDuration::from_mins(*minute);
            match kind {
                0 => books.bad_night(began, &format!("SR-{minute}"), Some((*minute % 90, 3))),
                1 => books.line(began, &format!("run {began}"), Event::RunStarted),
                _ => drop(books.night(began, u64::from(*kind) - 2)),
            }
        }
        let now = at("2028-06-01T00:00:00Z");
        let all = books.report(Span { from: date(2026, 1, 1), to: date(2028, 6, 30) }, now, vec![]);
        prop_assert_eq!(all.total.runs.begun, nights.len() as u64);
        let told: BTreeSet<&Reference> = all.failures.iter().map(|f| &f.reference).collect();
        prop_assert_eq!(told.len(), nights.iter().filter(|n| n.1 == 0).count());
        let from = date(2026, 2, 10).checked_add(first.days()).unwrap();
        let some = books.report(Span { from, to: from.checked_add(length.days()).unwrap() }, now, vec![]);
        for report in [&all, &some] {
            let sum = |of: &dyn Fn(&Counted) -> u64| report.months.iter().map(of).sum::<u64>();
            let t = &report.total;
            let r = |c: &Counted| [c.runs.begun, c.runs.well, c.runs.badly, c.runs.unended, c.messages.sent];
            for n in 0..5 {
                prop_assert_eq!(sum(&|c| r(c)[n]), r(t)[n]);
            }
            prop_assert_eq!(t.runs.begun, t.runs.well + t.runs.badly + t.runs.unended);
            for set in 0..2 {
                let b = |c: &Counted| {
                    let b = c.backups[set];
                    [b.due, b.met, b.missed, b.made, b.partial, b.failed, b.added, b.seconds]
                };
                for n in 0..8 {
                    prop_assert_eq!(sum(&|c| b(c)[n]), b(t)[n]);
                }
                prop_assert_eq!(t.backups[set].due, t.backups[set].met + t.backups[set].missed);
            }
        }
    }
}
