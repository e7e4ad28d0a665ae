//! Plans over the years: moved files, stable names, simulation, approval and what is asked again.

use strongroom::domain::problem::Exit;
use strongroom::domain::retention::decide::Disposition;
use strongroom::domain::retention::scheme::Approver;
use strongroom::ops::retention::approve::{ApproveOptions, ApproveReport, approve, approve_by_scheme, cancel, recheck};
use strongroom::ops::retention::disposals::{Stage, Wanted, disposal_meant, disposals};
use strongroom::ops::retention::plan::Planner;
use strongroom::ops::retention::register::Register;
use strongroom::ops::retention::review::{Waits, review};
use strongroom::ops::retention::why::{Next, why};
use strongroom::ops::{OpsError, Silent, Stop};

use crate::council::{Council, class, day, names, one, path, scheme, usual, zone};

/// Letters of 2018, deleted in 2019; invoices of 2012-13, deleted in 2019; both due by 2021.
fn years() -> Council {
    let c = Council::new("2018-06-01");
    c.adopt(&usual());
    c.write("Letters/a.txt", "a letter", "2018-05-01");
    c.write("Letters/b.txt", "another", "2018-05-02");
    c.write("Finance/2012-13/i.pdf", "an invoice", "2012-07-01");
    c.write("Minutes/m.txt", "minutes", "2012-07-01");
    c.write("Other/o.txt", "unclassed", "2012-07-01");
    c.write("Staff/s.txt", "staff", "2012-07-01");
    c.backup("2018-06-02");
    c.remove("Letters/a.txt");
    c.remove("Finance/2012-13/i.pdf");
    c.remove("Minutes/m.txt");
    c.remove("Staff/s.txt");
    c.remove("Other/o.txt");
    c.backup("2019-01-05");
    c
}

#[test]
fn records_come_due_and_only_what_is_gone_goes() {
    let c = years();
    assert_eq!(names(&c.plan()), [""; 0]);
    c.go_to("2019-03-31");
    assert_eq!(names(&c.plan()), [""; 0], "31 March 2019 is the minimum's last day");
    c.go_to("2019-04-01");
    assert_eq!(names(&c.plan()), ["Documents/Finance/2012-13/i.pdf"]);
    c.go_to("2020-05-02");
    let report = c.plan();
    assert_eq!(names(&report), ["Documents/Finance/2012-13/i.pdf", "Documents/Letters/a.txt"]);
    assert_eq!((report.counts.records, report.counts.dispose, report.counts.live), (6, 2, 0));
    assert_eq!((report.counts.classed, report.counts.datable), (5, 4));
    c.go_to("2020-05-03");
    assert_eq!(c.plan().counts.live, 1, "the letter that is still there");
    assert_eq!(c.decision("Documents/Minutes/m.txt").0, Disposition::Retain);
    assert!(c.decision("Documents/Other/o.txt").1.contains("no class matches"));
    assert!(c.decision("Documents/Staff/s.txt").1.contains("employment-end"));
    let (facts, law) = (c.facts(), c.law(c.today()));
    let waits = review(&Planner::new(&facts, &law, c.today()), &Register::default(), 10);
    assert_eq!((waits.records(Waits::Dispose), waits.records(Waits::Live)), (2, 1));
    assert_eq!((waits.records(Waits::NoDate), waits.records(Waits::NoClass)), (1, 1));
    assert_eq!(waits.pile(Waits::NoClass).unwrap().listed[0].path, path("Documents/Other/o.txt"));
    assert_eq!(waits.pile(Waits::Dispose).unwrap().classes[&Some("letters".into())], 1);
    let no_date = &waits.pile(Waits::NoDate).unwrap().listed[0];
    assert_eq!(no_date.trigger.as_ref().map(ToString::to_string).as_deref(), Some("employment-end"));
}

#[test]
fn a_plan_keeps_its_name_until_what_would_go_changes() {
    let c = years();
    c.go_to("2020-06-01");
    let first = c.plan();
    c.write("Letters/new.txt", "a new letter", "2020-05-30");
    c.backup("2020-06-01");
    assert_eq!(c.plan().id, first.id, "a backup that changes nothing relevant");
    c.hold("Documents/Minutes", "unrelated");
    assert_eq!(c.plan().id, first.id, "a hold on something else");
    c.hold("Letters/a.txt", "FOI 2020-3");
    let held = c.plan();
    assert_ne!(held.id, first.id);
    assert_eq!(names(&held), ["Documents/Finance/2012-13/i.pdf"]);
    assert!(c.decision("Documents/Letters/a.txt").1.contains("FOI 2020-3"));
    let refused = c.approve(&first.id).unwrap_err();
    assert_eq!(refused.exit(), Exit::Refused);
    assert!(refused.to_string().contains("has changed since"), "{refused}");
    let approved = c.approve(&held.id).unwrap();
    assert_eq!((approved.records, approved.plan), (1, held.id));
}

#[test]
fn a_day_to_come_is_a_simulation() {
    let c = years();
    let later = c.plan_on(day("2020-06-01"));
    assert_eq!(later.plan.records.len(), 2);
    let refused = c.approve(&later.id).unwrap_err();
    assert!(refused.exit() == Exit::Refused && refused.to_string().contains("to come"), "{refused}");
    // On that day the same list has the same name.
    c.go_to("2020-06-01");
    assert_eq!(c.plan().id, later.id);
    c.go_to("2020-06-05");
    assert!(c.approve(&later.id).is_ok(), "a plan of some days ago that still holds");
}

#[test]
fn an_approval_is_asked_again_and_can_be_cancelled() {
    let c = years();
    c.go_to("2020-06-01");
    let plan = c.plan();
    let approved = c.approve(&plan.id).unwrap();
    assert_eq!((c.plan().plan.records.len(), c.plan().counts.under_way), (0, 2), "nothing is approved twice");
    let refused = c.approve(&plan.id).unwrap_err();
    assert_eq!(refused.exit(), Exit::Refused, "nor by its old name");
    assert!(
        refused.to_string().contains("is approved already, by A. Clerk, minute 12/2026 on 1 June 2020"),
        "{refused}"
    );
    let ask = || recheck(&mut c.open(), approved.approval, &zone(), c.today(), &Silent, &Stop::default()).unwrap();
    assert!(ask().permit(&plan.id).is_ok());
    c.hold("letters", "late request");
    let asked = ask();
    assert_eq!((asked.records, asked.changed.len(), asked.missing), (2, 1, 0));
    let refused = asked.permit(&plan.id).unwrap_err().to_string();
    assert!(refused.contains("late request") && refused.contains("Letters/a.txt"), "{refused}");
    // Released again, the hold still asks for a new approval: somebody wanted the record meanwhile.
    strongroom::ops::retention::hold::release(&mut c.open(), &one("late request"), "Clerk", "answered").unwrap();
    let refused = ask().permit(&plan.id).unwrap_err().to_string();
    assert!(refused.contains("must be approved anew") && refused.contains("Letters/a.txt"), "{refused}");
    c.hold("letters", "another request");
    cancel(&mut c.open(), &plan.id.to_string(), "Clerk", "a request came in").unwrap();
    let repo = c.open();
    assert!(matches!(disposals(repo.state())[0].stage, Stage::Cancelled(_)));
    assert_eq!(names(&c.plan()), ["Documents/Finance/2012-13/i.pdf"], "it is offered again, the held one not");
    assert!(cancel(&mut c.open(), &plan.id.to_string(), "Clerk", "again").is_err());
}

#[test]
fn an_approval_does_not_do_once_the_council_must_say_so() {
    let careful = || {
        let mut scheme = usual();
        scheme.classes.iter_mut().for_each(|c| c.approver = Approver::Council);
        scheme
    };
    // One by the scheme itself.
    let c = Council::new("2018-06-01");
    c.adopt(&usual());
    c.write("Drafts/d.txt", "a draft", "2018-05-01");
    c.write("x.txt", "x", "2018-05-01");
    c.backup("2018-06-02");
    c.remove("Drafts/d.txt");
    c.backup("2018-06-03");
    c.go_to("2018-07-04");
    let by_scheme = approve_by_scheme(&mut c.open(), &zone(), c.today(), &Silent, &Stop::default()).unwrap().unwrap();
    let ask = |approval| recheck(&mut c.open(), approval, &zone(), c.today(), &Silent, &Stop::default()).unwrap();
    assert!(ask(by_scheme.approval).permit(&by_scheme.plan).is_ok());
    assert!(!c.adopt(&careful()).cooling_off, "more care counts at once");
    let refused = ask(by_scheme.approval).permit(&by_scheme.plan).unwrap_err().to_string();
    assert!(refused.contains("decision of the council"), "{refused}");
    // The plan of the day before, without a minute.
    let c = years();
    c.go_to("2020-06-01");
    let plan = c.plan();
    c.go_to("2020-06-02");
    c.adopt(&careful());
    let with = |minute: &str| {
        let (by, minute) = ("A. Clerk".into(), minute.into());
        let options = ApproveOptions {
            plan: plan.id.clone(),
            by,
            minute,
            large: false,
            dated: true,
            zone: zone(),
            today: c.today(),
        };
        approve(&mut c.open(), &options, &Silent, &Stop::default())
    };
    let refused = with("").unwrap_err();
    assert!(refused.exit() == Exit::Refused && refused.to_string().contains("--minute"), "{refused}");
    assert_eq!(with("12/2020").unwrap().records, 2);
}

#[test]
fn a_clock_that_leapt_approves_nothing_until_a_person_has_looked() {
    let c = Council::new("2018-06-01");
    c.adopt(&usual());
    for (name, text) in [("Drafts/d.txt", "a draft"), ("Drafts/e.txt", "another"), ("x.txt", "x")] {
        c.write(name, text, "2018-05-01");
    }
    c.backup("2018-06-02");
    c.remove("Drafts/d.txt");
    c.backup("2018-06-03");
    let by_scheme = || approve_by_scheme(&mut c.open(), &zone(), c.today(), &Silent, &Stop::default());
    let refused = |result: Result<Option<ApproveReport>, OpsError>| {
        let error = result.unwrap_err();
        assert_eq!(error.exit(), Exit::Refused);
        error.to_string()
    };
    // Ten years at once, and nights with the wrong clock: they count, the leap does not.
    c.go_to("2028-06-04");
    assert!(
        refused(by_scheme()).starts_with("is it really 4 June 2028? This computer says so, but by the log it was 3")
    );
    c.backup("2028-06-05");
    c.remove("Drafts/e.txt");
    c.backup("2028-06-25");
    let said = refused(by_scheme());
    assert!(said.contains("by the log it was 23 June 2018 at the latest"), "{said}");
    assert!(said.contains("approve PLAN --by NAME --yes"), "{said}");
    let plan = c.plan();
    assert!(refused(c.approve_as(&plan.id, false).map(Some)).contains("is it really 25 June 2028?"));
    // The clock is put right: nothing is in doubt, and nothing is due.
    c.go_to("2018-06-30");
    assert_eq!(by_scheme().unwrap(), None);
    // Or the office was closed for so long, and a person says so: then it goes on by itself.
    c.go_to("2028-06-25");
    let plan = c.plan();
    assert_eq!(names(&plan), ["Documents/Drafts/d.txt"]);
    c.approve(&plan.id).unwrap();
    c.go_to("2028-07-20");
    assert_eq!(by_scheme().unwrap().map(|a| a.records), Some(1), "the other draft, a month after it was seen last");
}

#[test]
fn a_moved_file_is_the_same_record() {
    let c = Council::new("2018-06-01");
    c.adopt(&usual());
    c.write("Letters/a.txt", "a letter of some length", "2018-05-01");
    c.write("Letters/copied.txt", "this one is copied", "2018-05-01");
    c.write("x.txt", "x", "2018-05-01");
    c.backup("2018-06-02");
    c.rename("Letters/a.txt", "Minutes/a.txt");
    c.write("Minutes/copy.txt", "this one is copied", "2018-05-01");
    c.backup("2018-07-02");
    c.remove("Letters/copied.txt");
    c.backup("2018-08-02");
    c.go_to("2021-01-01");
    assert_eq!(names(&c.plan()), ["Documents/Letters/copied.txt"], "a copy is another record");
    let (facts, law) = (c.facts(), c.law(c.today()));
    let planner = Planner::new(&facts, &law, c.today());
    let repo = c.open();
    let found = why(&planner, repo.state(), "Documents/Letters/a.txt").unwrap();
    let moved = &found[0];
    assert_eq!(moved.decision.disposition, Disposition::Retain);
    assert_eq!(moved.moved_to[0].path, path("Documents/Minutes/a.txt"));
    assert_eq!((moved.snapshots.len(), &moved.next), (3, &Next::Kept));
    assert_eq!(moved.class.as_ref().unwrap().id, "letters");
    let now = why(&planner, repo.state(), "minutes/a.txt").unwrap();
    assert_eq!(now[0].moved_from[0].path, path("Documents/Letters/a.txt"));
    assert!(why(&planner, repo.state(), "nothing").is_err());
}

#[test]
fn a_scheme_may_approve_by_itself() {
    let c = Council::new("2018-06-01");
    c.adopt(&usual());
    for (name, text) in [("Drafts/d.txt", "draft"), ("Letters/a.txt", "letter"), ("x.txt", "x")] {
        c.write(name, text, "2015-05-01");
    }
    c.backup("2018-06-02");
    c.remove("Drafts/d.txt");
    c.remove("Letters/a.txt");
    c.backup("2018-06-20");
    let by_scheme = || approve_by_scheme(&mut c.open(), &zone(), c.today(), &Silent, &Stop::default()).unwrap();
    assert_eq!(by_scheme(), None, "the draft was there on 2 June");
    c.go_to("2018-07-03");
    let plan = c.plan();
    assert_eq!((plan.plan.records.len(), plan.without_person.records.len()), (2, 1));
    let approved = by_scheme().unwrap();
    assert_eq!((approved.records, approved.plan), (1, plan.without_person_id));
    assert_eq!(by_scheme(), None);
    assert_eq!(names(&c.plan()), ["Documents/Letters/a.txt"]);
}

#[test]
fn the_council_must_have_decided() {
    let c = Council::new("2018-06-01");
    c.adopt(&scheme(&[class("old", "Documents/Old", "1 year", "modified", "destroy", "council")]));
    c.write("Old/a.txt", "a", "2015-05-01");
    c.write("x.txt", "x", "2015-05-01");
    c.backup("2018-06-02");
    c.remove("Old/a.txt");
    c.backup("2018-06-03");
    let plan = c.plan();
    assert!(plan.needs_council);
    let options = strongroom::ops::retention::approve::ApproveOptions {
        plan: plan.id.clone(),
        by: "Clerk".into(),
        minute: String::new(),
        large: false,
        dated: true,
        zone: zone(),
        today: c.today(),
    };
    let refused = strongroom::ops::retention::approve::approve(&mut c.open(), &options, &Silent, &Stop::default());
    assert!(refused.unwrap_err().to_string().contains("minute"));
    assert!(c.approve(&plan.id).is_ok());
}

#[test]
fn a_plan_that_was_called_off_comes_again_under_another_name() {
    let c = years();
    c.go_to("2020-06-01");
    let mut names = vec![];
    for _ in 0..3 {
        let plan = c.plan();
        assert_eq!(plan.id, c.plan().id);
        assert!(!names.contains(&plan.id), "{names:?}");
        let approval = c.approve(&plan.id).unwrap().approval;
        cancel(&mut c.open(), &plan.id.to_string(), "Clerk", "asked for").unwrap();
        let meant = |wanted| disposal_meant(c.open().state(), &plan.id.to_string(), wanted, &zone()).unwrap();
        assert_eq!((meant(Wanted::Open), meant(Wanted::Done)), (approval, approval));
        let refused = c.approve(&plan.id).unwrap_err();
        assert_eq!(refused.exit(), Exit::Refused);
        let said =
            "and called off on 1 June 2020 by Clerk: asked for. A plan that was called off is not approved again";
        assert!(refused.to_string().contains(said), "{refused}");
        names.push(plan.id);
    }
    assert!(c.plan().plan.records.len() == 2 && c.approve(&c.plan().id).is_ok());
}

#[test]
fn held_records_and_those_still_in_use_wait_under_headings_of_their_own() {
    let c = Council::new("2018-06-01");
    for name in ["held", "live", "gone", "live-held"] {
        c.write(&format!("Letters/{name}.txt"), &format!("the letter {name}"), "2010-05-01");
    }
    c.write("Letters/younger.txt", "not past its ceiling", "2015-07-01");
    c.write("Minutes/kept.txt", "no day in its name", "2010-05-01");
    c.write("Drafts/live.txt", "in use", "2010-05-01");
    let mut letters = class("letters", "Documents/Letters", "2 years", "modified", "destroy", "clerk");
    letters["ceiling"] = "5 years".into();
    let kept = class("minutes", "Documents/Minutes", "indefinite", "date-in-path", "keep", "council");
    let drafts = class("drafts", "Documents/Drafts", "1 month", "last-seen", "destroy", "clerk");
    // Before there are records, so that it need not wait.
    c.adopt(&scheme(&[letters, kept, drafts]));
    c.backup("2018-06-02");
    for name in ["held", "gone", "younger"] {
        c.remove(&format!("Letters/{name}.txt"));
    }
    c.backup("2018-06-03");
    c.hold("*held.txt", "FOI");
    let (facts, law) = (c.facts(), c.law(c.today()));
    let waits = review(&Planner::new(&facts, &law, c.today()), &Register::default(), 10);
    let listed = |waiting| -> Vec<String> {
        let pile = waits.pile(waiting).into_iter().flat_map(|p| &p.listed);
        pile.map(|one| String::from_utf8_lossy(one.path.name()).into_owned()).collect()
    };
    assert_eq!(listed(Waits::Held), ["held.txt", "live-held.txt"]);
    assert_eq!(listed(Waits::LiveOverdue), ["live.txt"]);
    assert_eq!(listed(Waits::Overdue), ["gone.txt"]);
    assert_eq!(listed(Waits::Dispose), ["younger.txt"]);
    // A class that keeps for ever needs no day, and what is in use will have its own.
    assert_eq!(listed(Waits::NoDate), [""; 0]);
}
