//! The council's own scheme at the command line: assigning, adopting, asking; and every refusal word for word.

use strongroom::domain::retention::words;

use crate::place::{Place, Said, stray_name};

/// The day it is for the program.
pub fn today(place: &Place) -> jiff::civil::Date {
    let plan = place.run(["retention", "plan", "--json"]).summary();
    plan["on"].as_str().unwrap().parse().unwrap()
}

pub const INVOICES: &str = "Documents/Finance/2009-10/Paid invoices";

/// A class of its own for the tests.
pub fn class(id: &str, patterns: &str, minimum: &str, trigger: &str, more: &str) -> String {
    format!(
        "[[class]]\nid = \"{id}\"\ntitle = \"{id}\"\npatterns = [{patterns}]\nminimum = \"{minimum}\"\n\
         trigger = \"{trigger}\"\nauthority = \"test\"\naction = \"destroy\"\n{more}\n"
    )
}

pub fn scheme(classes: &[String]) -> String {
    format!("# Ours.\n[scheme]\ntitle = \"Anytown\"\n\n{}", classes.join("\n"))
}

/// A council with old invoices and a scheme that lets them go after six years; its first backup is made.
pub fn council(text: &str, more: &str) -> Place {
    council_after(text, more, |_| ())
}

/// As it is after something else was done before its first backup.
pub fn council_after(text: &str, more: &str, first: impl Fn(&Place)) -> Place {
    let place = Place::new();
    for n in 1..=3 {
        place.write(&format!("{INVOICES}/inv{n}.txt"), format!("invoice {n} MARKER{n}\n").as_bytes());
    }
    place.write("Documents/HR/Smith.txt", b"a leaver\n");
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_262_304_000);
    let smith = std::fs::File::options().write(true).open(place.path("Documents/HR/Smith.txt")).unwrap();
    smith.set_modified(long_ago).unwrap();
    place.write("scheme.toml", text.as_bytes());
    place.configure("council.toml", &format!("{more}\n[retention]\nscheme = \"{}\"", place.text("scheme.toml")));
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    first(&place);
    place.run(["run"]).ends(0);
    place
}

pub fn adopt(place: &Place) -> Said {
    place.run(["retention", "adopt", "--minute", "7c", "--on", "2026-03-17", "--yes"])
}

pub fn six_years() -> String {
    let invoices = class("paid-invoices", "", "6 years", "financial-year-end", "ceiling = \"7 years\"");
    scheme(&[
        invoices,
        class("personnel", "\"Documents/HR/**\"", "6 years", "employment-end", "approver = \"council\""),
    ])
}

/// As [`council`], with the invoices assigned and the scheme adopted; two invoices were deleted, which a backup saw.
/// It was adopted before there were records, so that it need not wait.
pub fn adopted() -> Place {
    let place = council_after(&six_years(), "", |place| {
        place.run(["retention", "assign", INVOICES, "paid-invoices", "--anyway", "--yes"]).ends(0);
        adopt(place).ends(0);
    });
    for n in 1..=2 {
        std::fs::remove_file(place.path(format!("{INVOICES}/inv{n}.txt"))).unwrap();
    }
    place.run(["run"]).ends(0);
    place
}

pub fn plan_of(place: &Place) -> String {
    place.run(["retention", "plan", "--json"]).ends(0).summary()["plan"].as_str().unwrap().to_owned()
}

pub fn approve(place: &Place, plan: &str) -> Said {
    place.run(["retention", "approve", plan, "--by", "The Clerk", "--minute", "8a"])
}

#[test]
fn without_a_scheme_and_before_it_is_adopted_everything_is_kept() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    for words in [&["retention", "lint"][..], &["retention", "classes"], &["retention", "assign"]] {
        let said = place.run(words).ends(2).says("strongroom: council.toml names no retention scheme\n");
        said.says("hint: Begin with the draft: strongroom retention draft > /etc/strongroom/scheme.toml");
    }
    let draft = place.run(["retention", "draft"]).ends(0).says("[[class]]");
    place.write("scheme.toml", draft.out.as_bytes());
    place.run(["retention", "lint", &place.text("scheme.toml")]).ends(0).says("104 classes, 0 errors");
    let none = "strongroom: no retention scheme is in force: nothing has been adopted yet, and everything is kept\n\n\
                hint: Once the council has decided: strongroom retention adopt --minute REF --on DATE\n";
    place.run(["retention", "plan"]).ends(6).says(none);
    place.run(["retention", "review"]).ends(6).says(none);
    place.run(["retention", "approve", "2026-11-22-3f9a2c41", "--by", "x"]).ends(6).says(none);
    let why = place.run(["retention", "why", "May.txt", "--json"]).ends(0).objects();
    assert_eq!(why[0]["reasons"][0], "no scheme is in force");
    assert_eq!((&why[0]["disposition"], &why[0]["path"]), (&"retain".into(), &"Documents/Minutes/2026/May.txt".into()));
    place.run(["retention", "disposals"]).ends(0).says("Nothing was ever approved to go.");
    place.run(["hold", "list"]).ends(0).says("Nothing is held.");
}

#[test]
fn a_scheme_with_a_mistake_is_shown_with_its_line() {
    let place = council(&six_years(), "");
    place.write("scheme.toml", six_years().replace("minimum", "minimun").as_bytes());
    let file = place.text("scheme.toml");
    for words in [&["retention", "lint"][..], &["retention", "adopt", "--minute", "7c", "--on", "2026-03-17"]] {
        place.run(words).ends(2).says(&format!("strongroom: {file}, line 9: ")).says("\n9 | minimun = …\n  | ^^^^^^^");
    }
    place.write("scheme.toml", six_years().replacen("6 years", "six years", 1).as_bytes());
    let said = place.run(["retention", "lint"]).ends(2).says(", line 9: ");
    said.says("9 | minimum = \"six years\"\n  |           ^^^^^^^^^^^");
    let equal = [
        class("one", "\"Documents/HR/**\"", "1 year", "modified", ""),
        class("two", "\"Documents/HR\"", "2 years", "modified", ""),
    ];
    place.write("scheme.toml", scheme(&equal).as_bytes());
    let words = "error    class two: class one claims the same by 'Documents/HR'; records there would have two classes and be kept";
    place.run(["retention", "lint"]).ends(2).says(words).says("2 errors");
    let refused =
        place.run(["retention", "adopt", "--minute", "7c", "--on", "2026-03-17", "--yes"]).ends(6).says(words);
    refused.says("strongroom: the scheme cannot be adopted as it is; the errors are named above\n");
    assert_eq!(place.run(["retention", "lint", "--json"]).ends(2).summary()["errors"], 2);
    place.run(["log"]).ends(0).never_says("scheme-adopted");
}

#[test]
fn folders_are_proposed_and_given_to_classes_in_the_file() {
    let place = council(&six_years(), "");
    let said = place.run(["retention", "assign"]).ends(0).says(&format!("{INVOICES}  (3 records)"));
    said.says(&format!("    strongroom retention assign '{INVOICES}' paid-invoices")).says("Nothing was changed.");
    let proposal = place.run(["retention", "assign", "--json"]).ends(0).objects().remove(0);
    assert_eq!((&proposal["path"], &proposal["class"]), (&INVOICES.into(), &"paid-invoices".into()));
    // The folder by its name, and by its path on this computer.
    place
        .run(["retention", "assign", "Paid invoices", "paid-invoices"])
        .ends(6)
        .says("3 records: from no class to paid-invoices. Due at once: 3.")
        .says("nothing was changed: there is no terminal to ask at");
    assert_eq!(place_text(&place), six_years());
    place
        .run(["retention", "assign", "Paid invoices", "paid-invoices", "--yes"])
        .ends(0)
        .says("It counts once the scheme is adopted");
    let text = String::from_utf8(place.read("scheme.toml")).unwrap();
    assert!(text.starts_with("# Ours.\n") && text.contains(&format!("patterns = [\"{INVOICES}/**\"]")), "{text}");
    place.run(["retention", "assign", &place.text(INVOICES), "paid-invoices"]).ends(0).says("nothing was changed");
    let held = format!("{INVOICES} is assigned to the class `paid-invoices` already, by its pattern \"{INVOICES}/**\"");
    place.run(["retention", "assign", INVOICES, "personnel"]).ends(6).says(&held);
    place.run(["retention", "assign", INVOICES, "nothing"]).ends(2).says("the scheme has no class `nothing`");
    place.run(["retention", "assign", "Documents/None", "personnel"]).ends(2).says("no folder in the backup is called");
    let none = ["retention", "assign", "Documents/None", "personnel", "--anyway", "--yes"];
    place.run(none).ends(0).says("No record in the backup changes its class by it.");
    place.run(["retention", "assign", "May.txt", "personnel"]).ends(2).says("is a file, not a folder");
    place.run(["retention", "assign", INVOICES]).ends(2);
    assert_eq!(place.run(["retention", "classes", "--json"]).ends(0).summary()["assigned"], 2);
    place.run(["retention", "classes"]).ends(0).says("This text is not adopted: it changes nothing until it is.");
}

#[test]
fn adopting_shows_what_changes_and_a_shortening_waits() {
    let place = council(&six_years(), "");
    place.run(["retention", "assign", INVOICES, "paid-invoices", "--yes"]).ends(0);
    let adopt =
        |more: &[&str]| place.run([&["retention", "adopt", "--minute", "7c", "--on", "2026-03-17"], more].concat());
    let said = adopt(&[]).ends(6).says("3 records (paid-invoices) would become due; so far nothing lets them go.");
    let said = said.says("3 records would become due by ").says("; without it they would be kept.");
    let said = said.says("It lets something go sooner, or go at all, so it waits 28 days: in force from ");
    said.says(
        "strongroom: nothing was adopted: there is no terminal to ask at\n\nhint: Read what would change, above.",
    );
    place
        .run(["retention", "adopt", "--minute", "7c", "--on", "2026-02-30", "--yes"])
        .ends(2)
        .says("the calendar has no such day");
    place.run(["retention", "adopt", "--minute", "7c", "--on", "2099-01-01", "--yes"]).ends(2).says("is still to come");
    place
        .run(["retention", "adopt", "--minute", "7c\nx", "--on", "2026-03-17", "--yes"])
        .ends(2)
        .says("--minute must be one line");
    adopt(&["--yes"]).ends(0).says("Adopted. It is in force from ").never_says("in force from 17 March 2026");
    place
        .run(["retention", "plan"])
        .ends(6)
        .says("no retention scheme is in force on that day: the adopted one counts");
    adopt(&["--yes"]).ends(0).says("This scheme is adopted already, and counts from ").says("Nothing was changed.");
    let place = adopted();
    let day = words::Said(today(&place)).to_string();
    let adopt =
        |more: &[&str]| place.run([&["retention", "adopt", "--minute", "7c", "--on", "2026-03-17"], more].concat());
    let classes = place.run(["retention", "classes"]).ends(0);
    classes.says(&format!("Adopted by minute 7c of 17 March 2026, in force from {day}."));
    let same =
        adopt(&["--yes"]).ends(0).says(&format!("This scheme is in force already, since {day}. Nothing was changed."));
    same.says("strongroom retention adopt --again --minute REF --on DATE");
    adopt(&["--again", "--yes"]).ends(2).says("that minute adopted it already; give the minute that confirms it");
    let again = ["retention", "adopt", "--minute", "9b", "--on", "2026-04-17", "--again", "--yes"];
    place.run(again).ends(0).says(&format!("Adopted. It is in force from {day}."));
    assert_eq!(place.run(["log", "--json"]).out.matches("scheme-adopted").count(), 2);
    // An edited file changes nothing until it is adopted; then, if it lets things go sooner, it waits.
    place.write("scheme.toml", place_text(&place).replacen("6 years", "4 years", 1).as_bytes());
    place.run(["retention", "classes"]).ends(0).says("This text is not adopted");
    place
        .run(["retention", "classes", "--in-force"])
        .ends(0)
        .says("6 years after financial-year-end")
        .never_says("4 years");
    let said = adopt(&["--yes"]).ends(0).says("Class paid-invoices is kept 4 years instead of 6 years: shorter.");
    let said = said.says("3 records (paid-invoices) would become due 2 years earlier.");
    let said = said.says("It lets something go sooner, or go at all, so it waits 28 days: in force from");
    said.says("Nobody was told by e-mail: the configuration has no [notify.mail].");
    // One that waits behind another does not call it off; the one in force, adopted again, does.
    let both = place_text(&place).replacen("4 years", "3 years", 1).replacen("\"6 years\"", "\"9 years\"", 1);
    place.write("scheme.toml", both.as_bytes());
    let both = adopt(&[]).ends(6).says("What it would keep longer is kept from now on all the same.");
    both.says("The scheme of minute 7c still counts from ");
    let waits = place.run(["retention", "plan"]).ends(0).says("Another scheme is adopted and counts from");
    waits.says(&format!("Adopted by minute 9b of 17 April 2026, in force from {day}."));
    let why = place.run(["retention", "why", "inv1.txt", "--json"]).objects();
    assert_eq!((&why[0]["due"], &why[0]["minimum"]), (&"2016-04-01".into(), &"6 years".into()));
}

pub fn place_text(place: &Place) -> String {
    String::from_utf8(place.read("scheme.toml")).unwrap()
}

#[test]
fn every_record_is_a_line_with_its_reasons() {
    let place = adopted();
    std::fs::write(place.path("Documents").join(stray_name()), b"stray").unwrap();
    place.write("Documents/=sum.txt", b"x");
    place.run(["run"]).ends(0);
    let table = place.text("plan.csv");
    let objects = place.run(["retention", "plan", "--json", "--csv", &table]).ends(0).objects();
    let records: Vec<_> = objects.iter().filter(|o| o["message_type"] == "record").collect();
    let keys = |o: &serde_json::Value| o.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    let stray = records.iter().find(|o| o["path_b64"].is_string()).unwrap();
    assert_eq!(keys(stray), "class disposition due message_type path path_b64 reasons");
    assert_eq!((&stray["class"], &stray["disposition"]), (&serde_json::Value::Null, &"retain".into()));
    let due = records.iter().find(|o| o["path"] == format!("{INVOICES}/inv1.txt")).unwrap();
    assert_eq!(keys(due), "class disposition due message_type path reasons");
    assert_eq!((&due["disposition"], &due["due"]), (&"dispose".into(), &"2016-04-01".into()));
    assert_eq!(due["reasons"][1], "financial-year-end is 31 March 2010 (the folder '2009-10')");
    let summary = objects.last().unwrap();
    let counts = ["records", "retain", "held", "live", "review", "dispose"].map(|k| summary[k].as_u64().unwrap());
    assert_eq!(counts, [9, 6, 0, 1, 0, 2]);
    assert_eq!(records.len(), 9);
    let text = String::from_utf8(place.read("plan.csv")).unwrap();
    assert_eq!(text.lines().count(), 10);
    assert!(text.starts_with("path,path_b64,set,class,disposition,due,reasons\r\n"), "{text}");
    assert!(
        text.contains(&format!("{INVOICES}/inv2.txt,,documents,paid-invoices,dispose,2016-04-01,\"class paid")),
        "{text}"
    );
    place.run(["retention", "plan", "--csv", &table]).ends(6).says("plan.csv is there already");
    // A day to come is shown, and not approved.
    let later = place.run(["retention", "plan", "--on", "2060-01-01"]).ends(0).says("and cannot be approved");
    let id = later.out.lines().find_map(|l| l.strip_prefix("Plan ")?.split(':').next()).unwrap().to_owned();
    approve(&place, &id)
        .ends(6)
        .says(&format!("strongroom: plan {id} is for a day to come: it shows what would be due then."));
    place.run(["retention", "plan", "--on", "2026-13-01"]).ends(2).says("the calendar has no such day");
    place.run(["retention", "plan", "--on", "tomorrow"]).ends(2).says("write a day as 2026-03-17");
}

#[test]
fn why_names_everything_that_was_looked_at() {
    let place = adopted();
    let said = place.run(["retention", "why", &format!("{INVOICES}/inv1.txt")]).ends(0);
    let said = said.says("  class       paid-invoices: paid-invoices, by Documents/Finance/2009-10/Paid invoices/**\n");
    let said = said.says("  counts from financial-year-end: 31 March 2010 (the folder '2009-10')\n");
    let said = said
        .says("  minimum     6 years, to 31 March 2016\n")
        .says("  ceiling     7 years, overdue from 1 April 2017\n");
    said.says("  decision    dispose; the plan names it; it waits for approval by the clerk\n")
        .says("  kept in     1 snapshot: ");
    place.run(["retention", "why", &place.text(&format!("{INVOICES}/inv3.txt"))]).ends(0).says("still in the folders");
    place.run(["retention", "why", "inv"]).ends(2).says("4 records fit; give the whole path of one:");
    place
        .run(["retention", "why", "nothing-like-it"])
        .ends(2)
        .says("nothing in the backup is called 'nothing-like-it'");
    let folder = place.run(["retention", "why", "Documents/Finance"]).ends(0).says("is a folder with 3 records");
    folder.says("         2  paid-invoices               dispose   such as ");
    let review = place.run(["retention", "review"]).ends(0).says("2 records past the longest time their class allows");
    let review =
        review.says("1 record still in the folders though their time is over").says("3 records without a class");
    let review =
        review.says("1 record without a day to count from. Whoever knows the day types the line below the name");
    review.says("Documents/HR/Smith.txt  [counts from employment-end]\n                strongroom retention date");
    // A leaver's last day: only a person knows it.
    let date = |what: &str, more: &[&str]| {
        let words =
            ["retention", "date", what, "--trigger", "employment-end", "--on", "2012-03-31", "--by", "The Clerk"];
        place.run([&words[..], more].concat())
    };
    date("Smith.txt", &["--dry-run"])
        .ends(0)
        .says("Would be recorded: employment-end of Smith.txt was on 31 March 2012.");
    date("Jones", &[]).ends(6).says("no record fits 'Jones'. Say --anyway if they are still to come");
    let other = ["retention", "date", "Smith.txt", "--trigger", "employment-edn", "--on", "2012-03-31", "--by", "x"];
    place.run(other).ends(6).says(
        "no class of the adopted scheme counts from 'employment-edn'. Classes count from: employment-end. Say --anyway",
    );
    let many =
        date("*", &[]).ends(6).says("This fits 7 records:\n           3  no class\n           3  paid-invoices\n");
    many.says("           1  personnel\n").says("nothing was recorded: there is no terminal to ask at");
    date("Documents/*", &["--dry-run"]).ends(0).says("Would be recorded: ");
    place.run(["retention", "date"]).ends(0).says("No day was recorded yet.");
    date("Minutes", &[]).ends(0).says("None of them is of a class that counts from employment-end");
    let entry = date("Smith.txt", &[]).ends(0).says("It fits 1 record: Documents/HR/Smith.txt.");
    entry.says("of several for one record, the latest counts");
    place
        .run(["retention", "date", "x", "--trigger", "Last Day", "--on", "2012-03-31", "--by", "x"])
        .ends(2)
        .says("Last Day");
    place.run(["retention", "date", "x", "--trigger", "superseded"]).ends(2);
    place.run(["retention", "date"]).ends(0).says("employment-end 31 March 2012  Smith.txt  (1 record; by The Clerk)");
    place.run(["retention", "why", "Smith.txt"]).ends(0).says("31 March 2012 (recorded by a person in log entry ");
}

#[test]
fn a_plan_is_approved_only_as_it_was_shown() {
    let place = adopted();
    let plan = plan_of(&place);
    // Of another day, of another repository, of none.
    let changed = |id: &str| format!("strongroom: there is no plan {id} now: the list of records has changed since ");
    for other in ["2020-01-01-3f9a2c41", &format!("{}-00000000", &plan[..10])] {
        approve(&place, other).ends(6).says(&changed(other)).says("or it is a plan of another repository");
    }
    approve(&place, "soon").ends(2).says("'soon' names no plan. Its name is a date and eight digits");
    place
        .run(["retention", "approve", &plan, "--by", "A\tB"])
        .ends(2)
        .says("--by must be one line of 1 to 500 visible letters");
    // A hold that came in between.
    let hold = ["hold", "place", "inv2.txt", "--reason", "FOI 2026-014", "--by", "The Clerk", "--review", "2099-01-05"];
    let said = place.run(hold).ends(0).says("It touches 1 record: Documents/Finance/2009-10/Paid invoices/inv2.txt.");
    let number = said.out.split_whitespace().nth(1).unwrap().to_owned();
    approve(&place, &plan).ends(6).says(&changed(&plan));
    place.run(["hold", "list"]).ends(0).says("FOI 2026-014  (by The Clerk)").says("touches 1 record");
    let fewer = plan_of(&place);
    assert_ne!(fewer, plan);
    approve(&place, &fewer).ends(0).says("Approved: 1 record, ").says("by office server for The Clerk, minute 8a.");
    let again =
        approve(&place, &fewer).ends(6).says(&format!("plan {fewer} is approved already, by The Clerk, minute 8a on "));
    again.says(&format!("or now by: strongroom retention apply {fewer}"));
    // One that came after the approval.
    place.run(["hold", "place", INVOICES, "--reason", "claim", "--by", "x", "--review", "2099-01-05"]).ends(0);
    let stays = place.run(["retention", "apply", &fewer]).ends(6).says("1 of the 1 records of plan");
    stays.says("inv1.txt: held: claim (hold ");
    place.run(["hold", "release", "claim", "--by", "x", "--note", "settled"]).ends(0).says("is released");
    place.run(["hold", "release", &number, "--by", "x", "--note", "answered"]).ends(0);
    place.run(["hold", "release", &number, "--by", "x", "--note", "answered"]).ends(1).says("no open hold is called");
    place.run(["hold", "list", "--released"]).ends(0).says("by x: settled").says("by x: answered");
    place
        .run(["hold", "place", "a", "--reason", "r", "--by", "x", "--review", "2020-01-01"])
        .ends(2)
        .says("--review 2020-01-01 is past");
    place.run(["hold", "place", "--reason", "r", "--by", "x", "--review", "2099-01-01"]).ends(2);
    // Somebody wanted the record meanwhile: a new approval is needed.
    let anew = place.run(["retention", "apply", &fewer]).ends(6).says("must be approved anew");
    anew.says(&format!("Call it off (strongroom retention cancel {fewer} --by NAME --reason TEXT)"));
    place.run(["retention", "cancel", &fewer, "--by", "The Clerk", "--reason", "a claim came in"]).ends(0);
    let fewer = plan_of(&place);
    approve(&place, &fewer).ends(0);
    // Withdrawn, it can be called off for two weeks.
    let apply = place.run(["retention", "apply", &fewer]).ends(0).says("can no longer be listed or restored");
    apply.says(&format!("    strongroom retention cancel {fewer} --by NAME --reason TEXT"));
    place.run(["find", "inv1"]).ends(0).says("inv1.txt was withdrawn on ").says(&fewer);
    place.run(["retention", "certificate", &fewer, "--to", &place.text("cert")]).ends(1).says("is not done yet");
    place.run(["retention", "apply", &fewer, "--urgent"]).ends(2);
    let alone = place.run(["retention", "apply", &fewer, "--urgent", "--reason", "now"]).ends(6);
    alone.says("nothing was destroyed: there is no terminal to ask at");
    let late = place.run(["retention", "apply", &fewer, "--urgent", "--reason", "now", "--yes"]).ends(6);
    late.says("was withdrawn with time to change one's mind, and that cannot be taken away");
    place.run(["retention", "disposals"]).ends(0).says("not listed or restored since");
    let cancel = |plan: &str| place.run(["retention", "cancel", plan, "--by", "The Clerk", "--reason", "asked for"]);
    cancel("2020-01-01-3f9a2c41").ends(2).says("no approved plan is called '2020-01-01-3f9a2c41'");
    cancel(&fewer).ends(0).says("Its records are listed and restored again, and stay.");
    cancel(&fewer).ends(6).says("is cancelled already, or too far gone to be");
    place.run(["find", "inv1"]).ends(0).says("inv1.txt");
    place.run(["retention", "apply", &fewer]).ends(6).says("was cancelled; approve it again");
    place.run(["retention", "disposals", "--json"]).ends(0);
}
