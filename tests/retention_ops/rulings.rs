//! What people rule: schemes with their cooling-off, holds, dates, and notes that nobody can read.

use strongroom::domain::problem::Exit;
use strongroom::domain::retention::decide::Disposition;
use strongroom::ops::retention::date::{self, RecordDate};
use strongroom::ops::retention::hold;

use crate::council::{Council, class, day, names, path, scheme, usual, zone};

fn letters(minimum: &str) -> strongroom::domain::retention::scheme::Scheme {
    scheme(&[class("letters", "Documents/Letters", minimum, "modified", "destroy", "clerk")])
}

fn council() -> Council {
    let c = Council::new("2018-06-01");
    c.write("Letters/a.txt", "a letter", "2014-05-01");
    c.write("Staff/jones/contract.txt", "contract", "2010-05-01");
    c.write("x.txt", "x", "2014-05-01");
    c.backup("2018-06-02");
    c.remove("Letters/a.txt");
    c.remove("Staff/jones/contract.txt");
    c.backup("2018-06-03");
    c
}

#[test]
fn nothing_counts_until_it_is_adopted_and_shortening_waits() {
    let c = council();
    assert_eq!(c.decision("Documents/Letters/a.txt").1, "no scheme is in force");
    let dry = c.adopt_with(&letters("6 years"), true).unwrap();
    assert_eq!((dry.entry, c.law(c.today()).in_force.is_none()), (None, true));
    let first = c.adopt(&letters("6 years"));
    assert_eq!((first.in_force, first.cooling_off), (day("2018-06-03"), false));
    assert_eq!(first.changes.newly_classed, 1);
    c.go_to("2018-07-10");
    let shorter = c.adopt(&letters("2 years"));
    assert!(shorter.cooling_off && shorter.changes.earlier() == 1);
    assert_eq!(shorter.in_force, day("2018-08-07"));
    c.go_to("2018-08-06");
    assert_eq!(c.plan().plan.records.len(), 0);
    assert_eq!(c.law(c.today()).next.unwrap().state.in_force, day("2018-08-07"));
    let (now, then) = (c.plan(), c.plan_on(day("2018-08-07")));
    assert_eq!((now.plan.records.len(), then.plan.records.len()), (0, 1), "the simulator knows the scheme to come");
    c.go_to("2018-08-07");
    assert_eq!(names(&c.plan()), ["Documents/Letters/a.txt"]);
}

#[test]
fn a_class_taken_out_and_put_in_again_waits_too() {
    let c = council();
    c.adopt(&letters("6 years"));
    c.go_to("2018-07-10");
    let other = scheme(&[class("other", "Documents/Other", "1 year", "modified", "destroy", "clerk")]);
    let backdated = c.adopt_on(&other, day("2018-06-01"), false).unwrap();
    assert!(!backdated.cooling_off && backdated.in_force == day("2018-06-01"));
    c.go_to("2018-07-11");
    let again = c.adopt(&letters("2 years"));
    assert!(again.cooling_off, "{again:?}");
    assert_eq!(again.in_force, day("2018-08-08"));
}

#[test]
fn a_scheme_with_an_error_is_refused() {
    let c = council();
    let tie = scheme(&[
        class("a", "Documents/Letters", "1 year", "modified", "destroy", "clerk"),
        class("b", "Documents/Letters", "1 year", "modified", "destroy", "clerk"),
    ]);
    let refused = c.adopt_with(&tie, false).unwrap_err();
    assert_eq!(refused.exit(), Exit::Refused);
    assert!(c.adopt_with(&tie, true).unwrap().errors().count() > 0, "a dry run shows it");
    assert!(c.open().state().schemes.is_empty());
}

#[test]
fn holds_hold_until_they_are_released() {
    let c = council();
    c.adopt(&letters("2 years"));
    assert_eq!(c.plan().plan.records.len(), 1);
    let number = c.hold("Letters", "FOI 2018-014");
    assert_eq!(c.decision("Documents/Letters/a.txt").0, Disposition::Held);
    c.go_to("2030-01-01");
    assert_eq!(c.plan().counts.held, 1, "it never lapses");
    let facts = c.facts();
    let listed = hold::list(&c.open(), Some(&facts), &zone(), c.today(), false).unwrap();
    assert_eq!((listed.len(), listed[0].at, listed[0].review_due), (1, number, true));
    assert_eq!(listed[0].text.as_ref().unwrap().reason, "FOI 2018-014");
    assert_eq!(listed[0].touched.as_ref().unwrap().records, 1);
    assert!(hold::release(&mut c.open(), "FOI 9", "Clerk", "done").is_err());
    assert_eq!(hold::release(&mut c.open(), "foi 2018-014", "Clerk", "answered").unwrap(), number);
    assert_eq!(names(&c.plan()), ["Documents/Letters/a.txt"]);
    assert!(hold::release(&mut c.open(), &number.to_string(), "Clerk", "again").is_err());
    let all = hold::list(&c.open(), None, &zone(), c.today(), true).unwrap();
    assert_eq!(all[0].release.as_ref().unwrap().note, "answered");
}

#[test]
fn a_hold_that_cannot_be_read_keeps_everything() {
    let c = council();
    c.adopt(&letters("2 years"));
    c.hold("something else", "private");
    let plan = c.plan();
    assert_eq!(plan.plan.records.len(), 1);
    let note = c.open().state().holds[0].note;
    c.world.delete_object(&format!("notes/{note}.age"));
    let blind = c.plan();
    assert_eq!((blind.plan.records.len(), blind.unreadable_notes, blind.counts.held), (0, 1, 3));
    assert_eq!(c.approve(&plan.id).unwrap_err().exit(), Exit::Refused);
}

#[test]
fn a_recorded_date_starts_the_clock() {
    let c = council();
    c.adopt(&usual());
    let record = |pattern: &str, on: &str, anyway: bool| {
        let (facts, law) = (c.facts(), c.law(c.today()));
        let (pattern, trigger, on) = (pattern.into(), "employment-end".parse().unwrap(), day(on));
        let said = RecordDate { pattern, trigger, on, by: "Clerk".into(), anyway, dry_run: false };
        date::record(&mut c.open(), &said, &facts, &law)
    };
    let staff = "Documents/Staff/jones/contract.txt";
    assert!(c.decision(staff).1.contains("no date is known"));
    assert_eq!(record("Staff/smith", "2011-03-31", false).unwrap_err().exit(), Exit::Refused);
    assert_eq!(record("Staff/smith", "2011-03-31", true).unwrap().records, 0);
    let done = record("Documents/Staff/jones", "2011-03-31", false).unwrap();
    assert_eq!((done.records, done.counting, &done.examples[..]), (1, 1, &[path(staff)][..]));
    let due: Vec<String> = names(&c.plan()).into_iter().filter(|n| n.contains("Staff")).collect();
    assert_eq!(due, [staff]);
    record("Documents/Staff/jones", "2016-03-31", false).unwrap();
    let (kept, why) = c.decision(staff);
    assert_eq!(kept, Disposition::Retain, "the latest date counts");
    assert!(why.contains("31 March 2016") && why.contains("recorded by a person"), "{why}");
    let (facts, law) = (c.facts(), c.law(c.today()));
    let listed = date::list(&law, Some(&facts));
    assert_eq!((listed.len(), listed[0].records, listed[2].records), (3, Some(0), Some(1)));
    let note = c.open().state().dates[2].note;
    c.world.delete_object(&format!("notes/{note}.age"));
    assert_eq!(c.decision(staff).0, Disposition::Held, "a date that cannot be read could be the latest");
}
