//! What is asked on a terminal, what holds touch, plans of other repositories, and who is told of what people decide.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::place::Place;
use crate::retention::{INVOICES, adopted, approve, council, place_text, plan_of, six_years};
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
    assert!(code == Some(0) && said.contains("Adopted. It is in force from 17 March 2026."), "{said}");
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
    place.run(release).ends(2).says("several holds have that reason: say which, ");
    let wrong = |words: &[&str]| {
        let fixed = ["--by", "The Clerk", "--review", "2099-01-05"];
        place.run([&["hold", "place"], words, &fixed].concat()).ends(2)
    };
    wrong(&["/etc", "--reason", "x"]).says("/etc lies in no folder that is backed up");
    wrong(&["x", "--reason", ""]).says("--reason must be one line of 1 to 500 visible letters");
    wrong(&["x", "--reason", "two\nlines"]).says("--reason must be one line");
    wrong(&["x", "--reason", "r", "--from", "2026-02-02", "--to", "2026-01-01"]).says("is before --from");
    // The reasons are for readers; the log itself says only that there is a hold.
    place.run(["log"]).ends(0).never_says("claim").never_says(INVOICES);
}

#[test]
fn clerk_and_deputy_are_told_of_what_people_decide() {
    let server = Server::start(Manner::Polite);
    let mail = format!("[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"", server.port);
    let deputy = "[council.deputy]\nname = \"The Deputy\"\nemail = \"deputy@anytown-tc.gov.uk\"";
    let place = council(
        &six_years().replacen("patterns = []", "patterns = [\"Documents/Finance/**\"]", 1),
        &format!("{deputy}\n{mail}"),
    );
    let told = |words: &str| {
        let all = std::mem::take(&mut *server.taken.lock().unwrap());
        for to in ["clerk", "deputy"] {
            let told =
                all.iter().any(|m| m.contains(&format!("RCPT TO:<{to}@anytown-tc.gov.uk>")) && m.contains(words));
            assert!(told, "{to}: {words}: {all:?}");
        }
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(!all.iter().any(|m| m.contains("inv1") || m.contains("paid-invoices")), "{all:?}");
    };
    let adopt = || place.run(["retention", "adopt", "--minute", "7c", "--on", "2026-03-17", "--yes"]).ends(0);
    adopt();
    assert!(server.taken.lock().unwrap().is_empty(), "a first scheme lets nothing go sooner than it said before");
    place.write("scheme.toml", place_text(&place).replacen("6 years", "5 years", 1).as_bytes());
    adopt().says("The deputy was told by e-mail.");
    told("new rules on keeping records");
    std::fs::remove_file(place.path(format!("{INVOICES}/inv1.txt"))).unwrap();
    place.run(["run"]).ends(0);
    server.taken.lock().unwrap().clear();
    let plan = plan_of(&place);
    approve(&place, &plan).ends(0).says("The clerk was told by e-mail.");
    told("1 record");
    place.run(["retention", "cancel", &plan, "--by", "The Clerk", "--reason", "asked for"]).ends(0);
    told("1 record");
}
