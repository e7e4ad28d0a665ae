//! What is asked on a terminal, what holds touch, plans of other repositories, and who is told of what people decide.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::place::{Place, noise};
use crate::retention::{
    INVOICES, adopt, adopted, approve, class, council, council_after, place_text, plan_of, scheme, six_years,
};
use crate::smtp::{Manner, Server};

#[test]
fn on_a_terminal_adopting_asks_and_only_yes_is_yes() {
    let place = council(&six_years(), "");
    let adopt = |typed: &str| {
        let words = "retention adopt --minute 7c --on 2026-03-17";
        let command = format!("{} --home {} {words}", env!("CARGO_BIN_EXE_strongroom"), place.text("home"));
        let mut child = Command::new("script");
        // `script` gives the program a terminal.
        child.args(["-qec", &command, "/dev/null"]).current_dir(place.path("work"));
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        (ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned())
    };
    for typed in ["no\n", "\n", "y\n"] {
        let (code, said) = adopt(typed);
        assert!(code == Some(6) && said.contains("Adopt it like this? Type yes: "), "{typed}: {said}");
        assert!(said.contains("nothing was adopted"), "{said}");
    }
    let (code, said) = adopt("yes\n");
    assert!(code == Some(0) && said.contains("Adopted. It is in force from "), "{said}");
    assert_eq!(place.run(["log", "--json"]).out.matches("scheme-adopted").count(), 1);
}

#[test]
fn a_plan_of_another_repository_means_nothing_here() {
    let (here, there) = (adopted(), adopted());
    let (ours, theirs) = (plan_of(&here), plan_of(&there));
    assert_ne!(ours, theirs, "the same records, and another repository");
    approve(&here, &theirs).ends(6).says("or it is a plan of another repository");
    assert_eq!(plan_of(&here), ours);
    here.run(["retention", "apply", &theirs]).ends(2).says(&format!("no approved plan is called '{theirs}'"));
    let to = here.text("cert");
    here.run(["retention", "certificate", &theirs, "--to", &to]).ends(2).says("no approved plan is called");
    assert!(!here.path("cert").exists());
    here.run(["find", "inv1"]).ends(0).says("inv1.txt");
}

fn held(place: &Place, words: &[&str]) -> u64 {
    let fixed = ["--reason", "claim", "--by", "The Clerk", "--review", "2099-01-05", "--json"];
    place.run([&["hold", "place"], words, &fixed].concat()).ends(0).summary()["records"].as_u64().unwrap()
}

#[test]
fn a_hold_touches_what_people_mean_by_it() {
    let place = adopted();
    let live = place.text("Documents/HR");
    for (words, records) in [
        (&["inv1.txt", "Smith"][..], 2),
        (&["Documents/Finance"], 3),
        (&["*.bin"], 1),
        (&["*"], 7),
        (&[live.as_str()], 1),
        (&["*", "--to", "2020-01-01"], 1),
        (&["*", "--from", "2020-01-01"], 6),
        (&["no such thing"], 0),
    ] {
        assert_eq!(held(&place, words), records, "{words:?}");
    }
    let plan = place.run(["retention", "plan", "--json"]).ends(0).summary();
    assert_eq!((plan["held"].as_u64(), plan["dispose"].as_u64()), (Some(7), Some(0)));
    let listed = place.run(["hold", "list", "--json"]).ends(0).objects();
    assert_eq!(listed.iter().filter(|o| o["message_type"] == "hold").count(), 8);
    let release = ["hold", "release", "claim", "--by", "The Clerk", "--note", "settled"];
    place.run(release).ends(2).says("8 open holds have the reason 'claim': ");
    let all = ["hold", "release", "--reason", "claim", "--all", "--by", "The Clerk", "--note", "settled"];
    let one = ["hold", "release", "--reason", "claim", "--by", "The Clerk", "--note", "settled"];
    place.run(one).ends(2).says("Say which by its number, or all of them with --reason 'claim' --all");
    place.run(["hold", "release", "claim", "--all", "--by", "x", "--note", "x"]).ends(2);
    let wrong = |words: &[&str]| {
        let fixed = ["--by", "The Clerk", "--review", "2099-01-05"];
        place.run([&["hold", "place"], words, &fixed].concat()).ends(2)
    };
    wrong(&["/etc", "--reason", "x"]).says("/etc lies in no folder that is backed up");
    wrong(&["x", "--reason", ""]).says("--reason must be one line of 1 to 500 visible letters");
    wrong(&["x", "--reason", "two\nlines"]).says("--reason must be one line");
    wrong(&["x", "--reason", "r", "--from", "2026-02-02", "--to", "2026-01-01"]).says("is before --from");
    let three = ["hold", "place", "Smith", "Smyth", "Jonse", "--reason", "two", "--by", "x", "--review", "2099-01-05"];
    let said = place.run(three).ends(0).says("Nothing in the backup is called 'Smyth'.").says("is called 'Jonse'.");
    said.says("It touches 1 record: ").never_says("called 'Smith'");
    let released = place.run(all).ends(0).out.matches(" is released.").count();
    assert_eq!(released, 8);
    place.run(["hold", "list"]).ends(0).says("two").never_says("claim  (by");
    // The reasons are for readers; the log itself says only that there is a hold.
    place.run(["log"]).ends(0).never_says("claim").never_says(INVOICES);
}

#[test]
fn clerk_and_deputy_are_told_of_what_people_decide() {
    let server = Server::start(Manner::Polite);
    let mail = format!("[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"", server.port);
    let deputy = "[council.deputy]\nname = \"The Deputy\"\nemail = \"deputy@anytown-tc.gov.uk\"";
    let text = six_years().replacen("patterns = []", "patterns = [\"Documents/Finance/**\"]", 1);
    let adopt =
        |place: &Place| place.run(["retention", "adopt", "--minute", "7c", "--on", "2026-03-17", "--yes"]).ends(0);
    let place = council_after(&text, &format!("{deputy}\n{mail}"), |place| drop(adopt(place)));
    assert!(server.taken.lock().unwrap().is_empty(), "it lets no record go sooner: there was none");
    let told = |words: &str, provider: usize| {
        let all = std::mem::take(&mut *server.taken.lock().unwrap());
        for to in ["clerk", "deputy"] {
            let told =
                all.iter().any(|m| m.contains(&format!("RCPT TO:<{to}@anytown-tc.gov.uk>")) && m.contains(words));
            assert!(told, "{to}: {words}: {all:?}");
        }
        let technical = all.iter().filter(|m| m.contains("RCPT TO:<support@") && m.contains("technical notice"));
        assert_eq!((all.len(), technical.count()), (2 + provider, provider), "{all:?}");
        assert!(!all.iter().any(|m| m.contains("inv1") || m.contains("paid-invoices")), "{all:?}");
    };
    // A folder more.
    place.run(["retention", "assign", "Documents/Minutes", "paid-invoices", "--yes"]).ends(0);
    adopt(&place).says("The deputy was told by e-mail.");
    told("new rules on keeping records", 1);
    place.write("scheme.toml", place_text(&place).replacen("6 years", "5 years", 1).as_bytes());
    adopt(&place).says("The deputy was told by e-mail.");
    told("new rules on keeping records", 1);
    std::fs::remove_file(place.path(format!("{INVOICES}/inv1.txt"))).unwrap();
    place.run(["run"]).ends(0);
    server.taken.lock().unwrap().clear();
    let plan = plan_of(&place);
    approve(&place, &plan).ends(0).says("The clerk was told by e-mail.");
    told("1 record", 0);
    place.run(["retention", "cancel", &plan, "--by", "The Clerk", "--reason", "asked for"]).ends(0);
    told("1 record", 0);
}

#[test]
fn a_folder_is_taken_out_of_its_class_and_nothing_else_changes() {
    let place = adopted();
    let text = place_text(&place);
    let take = |words: &[&str]| place.run([&["retention", "unassign"], words].concat());
    let asked = take(&["Paid invoices"]).ends(6).says("3 records: from paid-invoices to no class. They would be kept.");
    asked.says("nothing was changed: there is no terminal to ask at").says("add --yes");
    assert_eq!(place_text(&place), text);
    take(&[INVOICES, "personnel"]).ends(2).says("is not assigned to the class `personnel`");
    take(&["Documents/Minutes"]).ends(2).says("Documents/Minutes is not assigned to a class");
    take(&["Documents/Minutes", "none"]).ends(2).says("the scheme has no class `none`");
    for nothing in ["", "/", " ", "."] {
        take(&[nothing]).ends(2).says("no folder is named");
        place.run(["retention", "assign", nothing, "personnel"]).ends(2).says("no folder is named");
    }
    take(&[&place.text(INVOICES), "--yes"]).ends(0).says(&format!("{INVOICES}/** is no longer a pattern of paid-inv"));
    assert_eq!(place_text(&place), text.replace(&format!("\"{INVOICES}/**\""), ""));
    // All that is backed up, and out of a class that keeps for ever.
    let keep = "action = \"keep\"";
    let kept = place_text(&place).replacen("patterns = []", "patterns = [\"Documents/**\"]", 1);
    place.write("scheme.toml", kept.replacen("action = \"destroy\"", keep, 1).as_bytes());
    let finance = place.run(["retention", "assign", "Documents/Finance", "personnel"]).ends(6);
    finance.says(
        "3 records: from paid-invoices, which keeps for ever, to personnel. None would ever be due, as things are.",
    );
    take(&["Documents", "--yes"]).ends(0);
    let whole = place.run(["retention", "assign", "Documents", "paid-invoices"]).ends(6);
    whole.says("Documents is a whole backed-up folder: paid-invoices takes everything in it");
}

#[test]
fn a_folder_a_year_is_one_pattern() {
    let place = adopted();
    for year in ["2010-11", "2011-12"] {
        place.write(&format!("Documents/Office/{year}/Paid invoices/a.txt"), year.as_bytes());
    }
    place.run(["run"]).ends(0);
    let star = "Documents/Office/*/Paid invoices";
    let said = place.run(["retention", "assign"]).ends(0).says(&format!("{star}  (2 folders, one a year; 2 records)"));
    said.says(&format!("    strongroom retention assign '{star}' paid-invoices"));
    let words = ["retention", "assign", star, "paid-invoices", "--yes"];
    place.run(words).ends(0).says("2 records: from no class to paid-invoices. Due at once: 2.");
    assert!(place_text(&place).contains(&format!("\"{star}/**\"")), "{}", place_text(&place));
    place.run(["retention", "assign"]).ends(0).never_says("Office");
    place.run(["retention", "unassign", star, "--yes"]).ends(0);
}

#[test]
fn many_records_at_once_need_a_person_who_looked() {
    let place = Place::new();
    for n in 0..140 {
        place.write(&format!("{INVOICES}/{n}.txt"), &noise(200 + n));
    }
    let text = scheme(&[class("paid-invoices", &format!("\"{INVOICES}/**\""), "6 years", "financial-year-end", "")]);
    place.write("scheme.toml", text.as_bytes());
    place.configure("council.toml", &format!("[retention]\nscheme = \"{}\"", place.text("scheme.toml")));
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    adopt(&place).ends(0);
    place.run(["run"]).ends(0);
    std::fs::remove_dir_all(place.path(INVOICES)).unwrap();
    place.run(["run"]).ends(6).says("An unusual number of records changed at once.");
    let plan = place.run(["retention", "plan", "--json"]).ends(0).summary();
    let (incident, plan) = (plan["incident"].to_string(), plan["plan"].as_str().unwrap().to_owned());
    approve(&place, &plan).ends(6).says(&format!("incident {incident} is open: very many records changed at once, or"));
    place.run(["incident", "resolve", &incident, "--by", "The Clerk", "--note", "old invoices"]).ends(0);
    let plan = plan_of(&place);
    approve(&place, &plan)
        .ends(6)
        .says("140 records of 'documents' would go at once, 99 % of all that were deleted there; a person must confirm it: add --large");
    let yes = ["retention", "approve", &plan, "--by", "The Clerk", "--large"];
    place.run(yes).ends(0).says("Approved: 140 records");
    place.run(["retention", "apply", &plan]).ends(0).says("140 records of plan");
}

#[test]
fn a_computer_that_cannot_read_says_who_can() {
    let place = Place::new();
    place.write("scheme.toml", six_years().as_bytes());
    place.configure("council.toml", &format!("[retention]\nscheme = \"{}\"", place.text("scheme.toml")));
    let sheet = place.text("sheet.txt");
    place.run(["init", "--write-only-server", "--recovery-key-file", &sheet]).ends(0);
    place.run(["run"]).ends(0);
    let words = "strongroom: this computer writes backups and cannot read them, so it does not know which records there are\n\n\
                 hint: Do this at a computer that can. Those with a key that reads: 'recovery sheet'\n";
    for command in
        [&["retention", "plan"][..], &["retention", "why", "x"], &["retention", "review"], &["retention", "assign"]]
    {
        place.run(command).ends(1).says(words);
    }
    place.run(["retention", "adopt", "--minute", "7c", "--on", "2026-03-17", "--yes"]).ends(1).says(words);
    place.run(["retention", "lint"]).ends(0).says("Looked at the scheme alone: this computer cannot read the records.");
    place.run(["retention", "classes"]).ends(0).says("2 classes, 1 of them with a folder");
}
