//! What the clerk is told of plans and of the records that they took, in every command that may be asked.

use strongroom::domain::retention::words::Said as Day;

use crate::place::{Place, Said};
use crate::retention::{INVOICES, adopt, adopted, approve, council_after, plan_of, six_years, today};

fn apply(place: &Place, plan: &str, more: &[&str]) -> Said {
    place.run([&["retention", "apply", plan], more].concat())
}

fn cancel(place: &Place, plan: &str, reason: &str) -> Said {
    place.run(["retention", "cancel", plan, "--by", "The Clerk", "--reason", reason])
}

const URGENT: [&str; 4] = ["--urgent", "--reason", "the subject asked", "--yes"];

/// All commands that look for one record, by each way to name it.
fn look_for(place: &Place, name: &str) -> Vec<(i32, Said)> {
    let (path, to) = (format!("{INVOICES}/{name}"), place.text("back"));
    let live = place.text(&path);
    let mut said = vec![];
    for name in [name, path.as_str(), live.as_str()] {
        said.push((1, place.run(["history", name])));
        said.push((1, place.run(["ls", name])));
        said.push((1, place.run(["cat", name])));
        said.push((1, place.run(["restore", name, "--to", &to])));
    }
    said.push((0, place.run(["find", name])));
    said
}

#[test]
fn a_record_that_a_plan_took_is_never_called_unknown() {
    let place = adopted();
    let (plan, day) = (plan_of(&place), Day(today(&place)).to_string());
    approve(&place, &plan).ends(0);
    apply(&place, &plan, &[]).ends(0);
    let pattern = |code| place.run(["restore", "inv1*", "--to", &place.text("back")]).ends(code);
    let words = format!("{INVOICES}/inv1.txt was withdrawn on {day} under plan {plan} (minute 8a)");
    let back = format!("    strongroom retention cancel {plan} --by NAME --reason TEXT");
    for (code, said) in look_for(&place, "inv1.txt").into_iter().chain([(1, pattern(1))]) {
        let said = said.ends(code).says(&words).says(&back).says("Until deletion begins, not before ");
        said.never_says("nothing in the backup").never_says("Nothing in the backup");
    }
    place.run(["find", "inv1"]).ends(0).says(&words);
    let object = place.run(["find", "inv1", "--json"]).ends(0).objects().remove(0);
    assert_eq!((&object["message_type"], &object["minute"]), (&"disposed".into(), &"8a".into()));
    assert_eq!((&object["plan"], &object["done"]), (&plan.as_str().into(), &serde_json::Value::Null));
    place.run(["retention", "why", "inv1.txt"]).ends(0).says("it is approved to go, by disposal ");
    // What no plan took is unknown as before.
    place.run(["restore", "inv7.txt", "--to", &place.text("back")]).ends(1).says("is called 'inv7.txt'");
    place.run(["find", "inv7"]).ends(0).says("Nothing in the backup has such a name");

    // Called off, it is there again; and the same list has another name now.
    cancel(&place, &plan, "asked for").ends(0);
    place.run(["find", "inv1"]).ends(0).says("inv1.txt  [last seen ").never_says("withdrawn");
    let again = plan_of(&place);
    assert_ne!(again, plan);
    approve(&place, &plan).ends(6).says(&format!("and called off on {day} by The Clerk: asked for"));
    approve(&place, &again).ends(0);
    apply(&place, &again, &URGENT).ends(0).says("Done.");
    let words = format!("{INVOICES}/inv1.txt was destroyed under the scheme on {day}, by plan {again} (minute 8a)");
    place.run(["retention", "why", &format!("{INVOICES}/inv1.txt")]).ends(2).says(&words);
    place.run(["retention", "why", "inv1.txt"]).ends(2).says(&words);
    let proof = format!("The certificate: strongroom retention certificate {again} --to DIR");
    for (code, said) in look_for(&place, "inv1.txt") {
        said.ends(code).says(&words).says(&proof).never_says("othing in the backup");
    }
    approve(&place, &again).ends(6).says(&format!("plan {again} is done: approved by The Clerk, minute 8a on {day}"));
}

#[test]
fn the_list_of_disposals_says_by_whom_and_why() {
    let place = adopted();
    let (plan, day) = (plan_of(&place), Day(today(&place)).to_string());
    let list = || place.run(["retention", "disposals"]).ends(0);
    let object = || place.run(["retention", "disposals", "--json"]).ends(0).objects().remove(0);
    approve(&place, &plan).ends(0);
    let said = list().says(" by The Clerk, minute 8a; entered by office server\n");
    said.says("nothing has happened yet; can be called off until deletion begins\n");
    let one = object();
    assert_eq!((&one["by"], &one["minute"]), (&"The Clerk".into(), &"8a".into()));
    assert_eq!((&one["entered_by"], &one["can_be_called_off"]), (&"office server".into(), &true.into()));
    apply(&place, &plan, &[]).ends(0);
    list().says("can be called off until deletion begins (not before ");
    cancel(&place, &plan, "the auditor asked").ends(0);
    list().says(&format!("called off on {day} by The Clerk: the auditor asked\n"));
    let one = object();
    assert_eq!((&one["cancelled_by"], &one["cancel_reason"]), (&"The Clerk".into(), &"the auditor asked".into()));
    assert_eq!(one["can_be_called_off"], false);
    let again = plan_of(&place);
    approve(&place, &again).ends(0);
    apply(&place, &again, &URGENT).ends(0);
    list().says("urgent: the subject asked\n").says(&format!("done on {day}; its certificate: strongroom"));
    let cert = place.text("cert");
    place.run(["retention", "certificate", &again, "--to", &cert]).ends(0);
    let text = String::from_utf8(place.read("cert/certificate.md")).unwrap();
    assert!(text.contains("entered by office server (key "), "{text}");
    assert!(text.contains("change one's mind: the subject asked)"), "{text}");
}

#[test]
fn the_status_knows_what_is_approved_and_what_came_back() {
    let place = adopted();
    place.run(["status"]).says("2 records due and waiting for your decision");
    let plan = plan_of(&place);
    approve(&place, &plan).ends(0);
    let words = format!("2 records are being disposed of under plan {plan}");
    place.run(["status"]).says("0 records due and waiting").says(&words);
    apply(&place, &plan, &URGENT).ends(0);
    place.run(["status"]).says("0 records due and waiting").never_says("being disposed of");
    place.write(&format!("{INVOICES}/inv1.txt"), b"invoice 1 MARKER1\n");
    place.run(["run"]).ends(0);
    let status = place.run(["status"]);
    status.says("1 record that was destroyed or withdrawn under the scheme lay in the folders again at the last run. See: strongroom retention review");
    let review = place.run(["retention", "review"]).ends(0);
    let review = review.says("1 record in the folders again after they were destroyed or withdrawn");
    review.says(&format!("            {INVOICES}/inv1.txt"));
    std::fs::remove_file(place.path(format!("{INVOICES}/inv1.txt"))).unwrap();
    place.run(["run"]).ends(0);
    place.run(["status"]).never_says("in the folders again");
}

#[test]
fn what_a_person_can_do_is_named_with_the_line_to_type() {
    let place = council_after(&six_years(), "", |place| {
        place.write("Documents/HR/Anne's file.txt", b"another leaver\n");
        place.run(["retention", "assign", INVOICES, "paid-invoices", "--anyway", "--yes"]).ends(0);
        adopt(place).ends(0);
    });
    place.run(["run"]).ends(0);
    let live = format!(
        "Due, and still in the folders. Delete them there, and the next run sees it:\n    {INVOICES}/inv1.txt\n"
    );
    let typed = r"strongroom retention date 'Documents/HR/Anne'\''s file.txt' --trigger employment-end --on YYYY-MM-DD --by NAME";
    let plan = place.run(["retention", "plan"]).ends(0).says(&live);
    let plan =
        plan.says("Without a day to count from, so kept. Whoever knows the day types:\n    strongroom").says(typed);
    let review = place.run(["retention", "review"]).ends(0).says(typed);
    for said in [plan, review] {
        for jargon in ["live side", "datable", "lineage", "ceiling", "disposition"] {
            assert!(!said.out.contains(jargon), "{jargon}: {}", said.out);
        }
    }
    let objects = place.run(["retention", "review", "--json"]).ends(0).objects();
    let one = objects.iter().find(|o| o["waits"] == "no-date" && o["path"].is_string()).unwrap();
    assert_eq!((&one["trigger"], &one["command"]), (&"employment-end".into(), &typed.into()));
    // The line does what it says.
    let line = typed.replace("YYYY-MM-DD", "2012-03-31").replace("NAME", "'The Clerk'");
    let program = format!("'{}' --home '{}'", env!("CARGO_BIN_EXE_strongroom"), place.text("home"));
    let shell = std::process::Command::new("sh").arg("-c").arg(line.replacen("strongroom", &program, 1)).output();
    Said::of(shell.unwrap()).ends(0).says("It fits 1 record: Documents/HR/Anne's file.txt.");
}

#[test]
fn an_unknown_name_ends_with_2_in_every_command_and_touches_nothing() {
    let place = adopted();
    let (plan, to) = ("2026-01-01-3f9a2c41", place.text("cert"));
    let log = || place.run(["log", "--json"]).ends(0).out.lines().count();
    let before = log();
    for words in [
        &["retention", "why", "nothing-like-it"][..],
        &["retention", "why", "Documents/nothing-like-it"],
        &["retention", "approve", "soon", "--by", "The Clerk"],
        &["retention", "apply", plan],
        &["retention", "apply", "999"],
        &["retention", "cancel", plan, "--by", "The Clerk", "--reason", "asked for"],
        &["retention", "certificate", plan, "--to", &to],
    ] {
        assert_eq!(place.run(words).code, 2, "{words:?}");
    }
    // What would go is not what was shown, if it ever was: a guard refuses.
    place.run(["retention", "approve", plan, "--by", "The Clerk"]).ends(6);
    assert_eq!((log(), place.path("cert").exists()), (before, false));
}

#[test]
fn mistakes_are_called_by_the_name_that_was_typed() {
    let place = adopted();
    let plan = plan_of(&place);
    approve(&place, &plan).ends(0);
    cancel(&place, &plan, "").ends(2).says("--reason must be one line of 1 to 500 visible letters");
    let summary = place.run(["retention", "approve", "soon", "--by", "x", "--json"]).ends(2).summary();
    assert_eq!(summary["command"], "retention approve");
    std::fs::remove_file(place.path("scheme.toml")).unwrap();
    let words = format!("strongroom: the retention scheme {} cannot be read: ", place.text("scheme.toml"));
    for command in [&["retention", "lint"][..], &["retention", "classes"], &["retention", "assign"]] {
        place.run(command).ends(2).says(&words).never_says("the configuration");
    }
}

#[test]
fn a_folder_of_which_a_part_went_says_so_before_and_after_the_destruction() {
    let place = adopted();
    let plan = plan_of(&place);
    let to = place.text("back");
    let looked = |words: &str| {
        let line = format!("Not all of it is there: 2 records of it were withdrawn or destroyed under plan {plan}.");
        for within in [INVOICES, "Documents/Finance", "Documents"] {
            for args in [vec!["ls", within], vec!["restore", within, "--to", &to, "--overwrite", "if-changed"]] {
                let said = place.run(&args).ends(0);
                assert_eq!(said.err.matches(&line).count(), 1, "{words}, {args:?}: {}", said.err);
                assert!(said.err.contains("See: strongroom retention disposals"), "{}", said.err);
                let summary = place.run(args.iter().chain(&["--json"])).ends(0).summary();
                assert_eq!((&summary["disposed"], &summary["disposed_plans"][0]), (&2.into(), &plan.as_str().into()));
            }
        }
        for args in [&["ls"][..], &["restore", "--all", "--to", &to, "--overwrite", "if-changed"]] {
            assert!(place.run(args).ends(0).err.contains(&line), "{words}, {args:?}");
        }
        for args in [vec!["ls", "Documents/Minutes"], vec!["restore", "Documents/HR", "--to", &to, "--preview"]] {
            place.run(&args).never_says("Not all of it is there");
            assert_eq!(place.run(args.iter().chain(&["--json"])).summary()["disposed"], serde_json::Value::Null);
        }
    };
    approve(&place, &plan).ends(0);
    place.run(["ls", INVOICES, "--json"]).ends(0).never_says("disposed");
    apply(&place, &plan, &[]).ends(0);
    looked("withdrawn");
    cancel(&place, &plan, "not yet").ends(0);
    let plan = plan_of(&place);
    approve(&place, &plan).ends(0);
    apply(&place, &plan, &URGENT).ends(0).says("Done.");
    let line = format!("2 records of it were withdrawn or destroyed under plan {plan}.");
    for args in [
        &["ls", INVOICES][..],
        &["ls", "Documents/Finance"],
        &["restore", INVOICES, "--to", &to, "--overwrite", "always"],
    ] {
        assert!(place.run(args).ends(0).err.contains(&line), "{args:?}");
    }
    assert_eq!(place.run(["ls", "Documents", "--json"]).ends(0).summary()["disposed"], 2);
    place.run(["ls", "Documents/Minutes"]).ends(0).never_says("Not all of it");

    // No part of a name is left; who asks by one is told how to ask.
    let said = place.run(["find", "inv1"]).ends(0).says("Nothing in the backup has such a name");
    said.says("2 records were destroyed under the scheme, of whose names no part is kept. Give the whole name")
        .says("or the path: then the register knows it. See: strongroom retention disposals");
    assert_eq!(place.run(["find", "inv1", "--json"]).summary()["destroyed_without_name"], 2);
    place.run(["find", "inv1.txt"]).ends(0).says("inv1.txt was destroyed under the scheme").never_says("no part");
}
