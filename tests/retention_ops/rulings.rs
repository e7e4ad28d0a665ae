//! What people rule: schemes with their cooling-off, holds, dates, and notes that nobody can read.

use strongroom::domain::problem::Exit;
use strongroom::domain::retention::decide::Disposition;
use strongroom::ops::retention::date::{self, RecordDate};
use strongroom::ops::retention::hold;

use crate::council::{Council, class, day, names, one, path, scheme, usual, zone};

fn letters(minimum: &str) -> strongroom::domain::retention::scheme::Scheme {
    scheme(&[class("letters", "Documents/Letters", minimum, "modified", "destroy", "clerk")])
}

fn council() -> Council {
    council_after(|_| ())
}

/// As it is after something else was done before its first backup.
fn council_after(first: impl Fn(&Council)) -> Council {
    let c = Council::new("2018-06-01");
    first(&c);
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
    let first = c.adopt_on(&letters("6 years"), day("2018-05-01"), false).unwrap();
    assert_eq!((first.in_force, first.cooling_off), (day("2018-07-01"), true), "so far no record could go");
    assert_eq!((first.changes.newly_classed, first.changes.earlier()), (1, 1));
    c.go_to("2018-06-30");
    assert_eq!(c.decision("Documents/Letters/a.txt").1, "no scheme is in force");
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
    let c = council_after(|c| drop(c.adopt(&letters("6 years"))));
    c.go_to("2018-07-10");
    // What only keeps, takes nothing from anybody and need not wait.
    let other = scheme(&[class("other", "Documents/Other", "1 year", "modified", "keep", "clerk")]);
    let backdated = c.adopt_on(&other, day("2018-06-01"), false).unwrap();
    assert_eq!((backdated.cooling_off, backdated.in_force), (false, day("2018-07-10")), "never before its entry");
    c.go_to("2018-07-11");
    let again = c.adopt(&letters("2 years"));
    assert!(again.cooling_off, "{again:?}");
    assert_eq!(again.in_force, day("2018-08-08"));
}

#[test]
fn what_a_scheme_that_waits_will_keep_does_not_go_before_it_comes() {
    let c = council_after(|c| drop(c.adopt(&letters("2 years"))));
    assert_eq!(names(&c.plan()), ["Documents/Letters/a.txt"]);
    let shown = c.plan().id;
    // Letters are kept longer, and x.txt for the first time not for ever: that makes all of it wait.
    let next = scheme(&[
        class("letters", "Documents/Letters", "6 years", "modified", "destroy", "clerk"),
        class("others", "Documents/x.txt", "1 year", "modified", "destroy", "clerk"),
    ]);
    let adopted = c.adopt(&next);
    assert_eq!((adopted.cooling_off, adopted.in_force), (true, day("2018-07-01")));
    let (what, why) = c.decision("Documents/Letters/a.txt");
    assert_eq!(what, Disposition::Retain);
    assert!(why.ends_with("kept by the scheme that comes into force on 1 July 2018"), "{why}");
    assert_eq!(names(&c.plan()), [""; 0]);
    assert_eq!(c.approve(&shown).unwrap_err().exit(), Exit::Refused);
    c.go_to("2018-07-01");
    assert!(c.decision("Documents/Letters/a.txt").1.contains("minimum ends"), "by its own right now");
}

#[test]
fn what_a_scheme_that_waits_leaves_to_a_person_nobody_approves_before_it_comes() {
    let none = scheme(&[class("letters", "Documents/Letters", "2 years", "modified", "destroy", "none")]);
    let c = council_after(|c| drop(c.adopt(&none)));
    assert_eq!(c.plan().without_person.records.len(), 1);
    let others = class("others", "Documents/x.txt", "1 year", "modified", "destroy", "clerk");
    let next = |action: &str, who: &str| {
        scheme(&[class("letters", "Documents/Letters", "2 years", "modified", action, who), others.clone()])
    };
    assert!(c.adopt(&next("destroy", "council")).cooling_off);
    assert_eq!((c.plan().without_person.records.len(), c.plan().needs_council), (0, true));
    assert!(c.adopt(&next("review", "clerk")).cooling_off);
    let (what, why) = c.decision("Documents/Letters/a.txt");
    assert_eq!(what, Disposition::Review);
    assert!(why.ends_with("left to a person by the scheme that comes into force on 1 July 2018"), "{why}");
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
    let c = council_after(|c| drop(c.adopt(&letters("2 years"))));
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
    assert!(hold::release(&mut c.open(), &one("FOI 9"), "Clerk", "done").is_err());
    assert_eq!(hold::release(&mut c.open(), &one("foi 2018-014"), "Clerk", "answered").unwrap(), [number]);
    assert_eq!(names(&c.plan()), ["Documents/Letters/a.txt"]);
    assert!(hold::release(&mut c.open(), &one(&number.to_string()), "Clerk", "again").is_err());
    let all = hold::list(&c.open(), None, &zone(), c.today(), true).unwrap();
    assert_eq!(all[0].release.as_ref().unwrap().note, "answered");
}

#[test]
fn a_hold_that_cannot_be_read_keeps_everything() {
    let c = council_after(|c| drop(c.adopt(&letters("2 years"))));
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
    let c = council_after(|c| drop(c.adopt(&usual())));
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

#[test]
fn a_folder_more_waits_however_its_records_came_to_be_there() {
    let c = council_after(|c| drop(c.adopt(&letters("6 years"))));
    let mut wider = letters("6 years");
    wider.classes[0].patterns.push("Documents/Staff/**".into());
    let report = c.adopt(&wider);
    assert_eq!((report.in_force, report.cooling_off, report.changes.earlier()), (day("2018-07-01"), true, 1));
    assert_eq!(report.changes.newly_due_on_adoption, 1, "a contract of 2010");
    assert_eq!(c.plan().plan.records.len(), 0);
    c.go_to("2018-06-30");
    assert_eq!(c.plan().plan.records.len(), 0);
    c.go_to("2018-07-01");
    assert_eq!(names(&c.plan()), ["Documents/Staff/jones/contract.txt"]);
}

#[test]
fn the_same_scheme_is_adopted_once_and_confirmed_by_another_minute() {
    let c = council_after(|c| drop(c.adopt(&letters("6 years"))));
    let adopt = |minimum: &str, minute: &str, again| {
        let mut options = c.adopting(&letters(minimum), c.today(), false);
        (options.minute, options.again) = (minute.into(), again);
        c.adopt_as(&options)
    };
    c.go_to("2018-06-10");
    let same = adopt("6 years", "8a", false).unwrap();
    assert_eq!((same.entry, same.already.unwrap().in_force), (None, day("2018-06-01")));
    let refused = adopt("6 years", "7c", true).unwrap_err();
    assert_eq!(refused.exit(), Exit::Usage);
    assert!(refused.to_string().contains("that minute adopted it already"), "{refused}");
    let confirmed = adopt("6 years", "8a", true).unwrap();
    assert!(confirmed.entry.is_some() && !confirmed.cooling_off);
    assert_eq!((confirmed.in_force, c.open().state().schemes.len()), (day("2018-06-10"), 2));
    // One that waits is not confirmed; the one in force, adopted again, calls it off.
    assert!(adopt("2 years", "9", false).unwrap().cooling_off);
    assert_eq!(adopt("2 years", "9", false).unwrap().already.unwrap().in_force, day("2018-07-08"));
    assert_eq!(adopt("2 years", "10", true).unwrap_err().exit(), Exit::Refused);
    let back = adopt("6 years", "11", false).unwrap();
    assert!(back.already.is_none() && back.entry.is_some() && back.in_force == c.today());
    assert_eq!(back.waiting.unwrap().minute, "9");
    c.go_to("2018-07-08");
    assert_eq!(c.law(c.today()).in_force.unwrap().state.minute, "11");
}

#[test]
fn a_date_is_for_an_event_that_some_class_counts_from() {
    let c = council_after(|c| drop(c.adopt(&usual())));
    let record = |pattern: &str, trigger: &str, anyway| {
        let (facts, law) = (c.facts(), c.law(c.today()));
        let (trigger, on) = (trigger.parse().unwrap(), day("2011-03-31"));
        let said = RecordDate { pattern: pattern.into(), trigger, on, by: "Clerk".into(), anyway, dry_run: true };
        date::record(&mut c.open(), &said, &facts, &law)
    };
    let refused = record("Staff", "employement-end", false).unwrap_err();
    let words = "no class of the adopted scheme counts from 'employement-end'. Classes count from: employment-end. Say \
                 --anyway if it is meant";
    assert_eq!((refused.exit(), refused.to_string().as_str()), (Exit::Refused, words));
    assert_eq!(record("Staff", "employement-end", true).unwrap().counting, 0);
    let one = record("Staff", "employment-end", false).unwrap();
    assert_eq!((one.counting, one.newly_due, one.is_broad()), (1, 1, false));
    let all = record("Documents", "employment-end", false).unwrap();
    assert_eq!((all.records, all.classes[&Some("staff".into())], all.classes[&None]), (3, 1, 1));
    assert!(all.is_broad(), "of more than one class");
}

#[test]
fn holds_of_one_reason_are_released_one_by_one_or_all() {
    let c = council();
    let (first, second) = (c.hold("Letters", "claim"), c.hold("Staff", "Claim"));
    c.hold("x.txt", "other");
    let refused = hold::release(&mut c.open(), &one("claim"), "Clerk", "settled").unwrap_err();
    let words = format!(
        "2 open holds have the reason 'claim': {first} (placed on 3 June 2018), {second} (placed on 3 June 2018). Say \
         which by its number, or all of them with --reason 'claim' --all"
    );
    assert_eq!((refused.exit(), refused.to_string()), (Exit::Usage, words));
    let all = || hold::release(&mut c.open(), &hold::Which::All { reason: "claim".into() }, "Clerk", "settled");
    assert_eq!(all().unwrap(), [first, second]);
    assert_eq!(c.open().state().open_holds().count(), 1);
    assert!(all().unwrap_err().to_string().contains("no open hold is called 'claim'"));
}
