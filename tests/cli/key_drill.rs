//! Drills of keys and of documents, over the real program: what they say, what they leave behind, and who is told.

use std::io::Write;
use std::process::{Command, Stdio};

use strongroom::repo::seal::{Identity, identity_line};

use crate::covering::backed_up;
use crate::place::{Place, Said};
use crate::smtp::{Manner, Server};

/// The secret line of a file that `init` wrote.
fn secret(place: &Place, file: &str) -> String {
    let text = String::from_utf8(place.read(file)).unwrap();
    text.lines().find(|l| l.starts_with("AGE-SECRET-KEY-1")).unwrap().to_owned()
}

/// As a person types it: small letters, the letters in groups with dashes, over several lines.
fn typed(secret: &str) -> String {
    let letters: Vec<char> = secret["AGE-SECRET-KEY-1".len()..].to_lowercase().chars().collect();
    let groups: Vec<String> = letters.chunks(6).map(|g| g.iter().collect()).collect();
    let lines: Vec<String> = groups.chunks(5).map(|l| l.join(" – ")).collect();
    format!("age-secret-key-1\n{}\n", lines.join("-\n"))
}

fn piped(place: &Place, args: &[&str], input: &str) -> Said {
    let mut command = place.command();
    command.arg("--home").arg(place.path("home")).args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Said::of(child.wait_with_output().unwrap())
}

/// No file of this place but the sheet holds the key, nor does anything that was said.
fn is_nowhere(place: &Place, secret: &str, said: &[&Said]) {
    let tail = &secret["AGE-SECRET-KEY-1".len()..];
    for said in said {
        let all = format!("{}{}", said.out, said.err).to_uppercase();
        assert!(
            tail.as_bytes().chunks(6).all(|g| !all.contains(std::str::from_utf8(g).unwrap()) || g.len() < 6),
            "{all}"
        );
    }
    let found = Command::new("grep").args(["-rl", &tail[..12]]).arg(place.path("home")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn a_key_is_proved_by_itself_and_the_fact_is_in_the_log() {
    let place = Place::ready("");
    let (sheet, key) = (place.text("sheet.txt"), secret(&place, "sheet.txt"));
    let drill = |holder: &str, file: &str| place.run(["key", "drill", holder, "--key-file", file]);
    drill("recovery sheet", &sheet).ends(1).says("nothing is stored yet that a key could open; back up first");
    place.run(["run"]).ends(0).says("To do: print the recovery sheet");
    let said = drill("recovery sheet", &sheet).ends(0);
    let said = said.says("The recovery sheet works: with it alone the repository opened, a pack of ");
    let said = said.says(" documents of snapshot ").says(") came back as listed.");
    place.run(["log"]).ends(0).says("key-drilled").says("3 documents");
    // As typed from the paper, through a pipe.
    let by_pipe = piped(&place, &["key", "drill", "recovery sheet", "--key-file", "-", "--json"], &typed(&key)).ends(0);
    let s = by_pipe.summary();
    assert_eq!(
        (&s["name"], &s["root"], &s["failed"], &s["epoch"]),
        (&"recovery sheet".into(), &true.into(), &0.into(), &1.into())
    );
    assert!(s["files"].as_u64() == Some(3) && s["bytes"].as_u64() > Some(300_000) && s["entry"].is_u64(), "{s}");
    let entries = place.run(["log", "--json"]).ends(0).objects();
    let body = &entries.iter().find(|e| e["n"] == s["entry"]).unwrap()["body"];
    assert_eq!(
        (&body["kind"], &body["data"]["keyholder"], &body["data"]["documents"]),
        (&"key-drilled".into(), &s["keyholder"], &3.into())
    );
    place.run(["status"]).ends(0).never_says("To do: print the recovery sheet");
    is_nowhere(&place, &key, &[&said, &by_pipe]);

    // Another holder's, nobody's, and none.
    let deputy = Identity::generate();
    place.write("deputy.txt", identity_line(&deputy).as_bytes());
    let recipient = deputy.recipient().to_string();
    place
        .run(["key", "add", "deputy clerk", "--recipient", &recipient, "--reads", "--recovery-key-file", &sheet])
        .ends(0);
    let wrong = drill("recovery sheet", &place.text("deputy.txt")).ends(12);
    let wrong = wrong.says("this is not the key of 'recovery sheet' but that of 'deputy clerk'");
    wrong.says("To drill that one: strongroom key drill 'deputy clerk'");
    drill("deputy clerk", &place.text("deputy.txt")).ends(0).says("The key of 'deputy clerk' works: with it alone");
    drill("nobody", &sheet).ends(1).says("nobody called 'nobody' holds a key");
    place.write("other.txt", identity_line(&Identity::generate()).as_bytes());
    drill("recovery sheet", &place.text("other.txt")).ends(12).says("the key does not open this repository");
    let none = place.run(["key", "drill", "recovery sheet"]).ends(2);
    none.says("this needs the holder's key, and there is no terminal to type it at").says("--key-file FILE");
    piped(&place, &["key", "drill", "recovery sheet", "--key-file", "-"], "junk\n")
        .ends(12)
        .says("the standard input: there is no key in it");
    // A key that was taken away opens no drill.
    place.run(["key", "remove", "deputy clerk", "--recovery-key-file", &sheet]).ends(0);
    drill("deputy clerk", &place.text("deputy.txt")).ends(12);
}

#[test]
fn damage_met_with_a_key_is_damage_and_stands_in_the_log() {
    let place = Place::ready("");
    place.run(["backup"]).ends(0);
    for pack in place.objects("packs") {
        let mut bytes = std::fs::read(&pack).unwrap();
        if bytes.len() > 100_000 {
            bytes[50_000] ^= 1;
            std::fs::remove_file(&pack).unwrap();
            std::fs::write(&pack, bytes).unwrap();
        }
    }
    let said = place.run(["key", "drill", "recovery sheet", "--key-file", &place.text("sheet.txt"), "--json"]).ends(4);
    assert!(said.summary()["failed"].as_u64() >= Some(1), "{}", said.out);
    place.run(["log"]).ends(0).says("key-drilled").says(" failed");
    place.run(["status"]).says("To do: print the recovery sheet");
}

/// Types into a terminal of its own, and prints all that the terminal showed.
const TERMINAL: &str = r#"
import os, pty, sys, select, time
lines = sys.stdin.read().split("\n")
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown = b""
asked = 0
end = time.time() + 60
while time.time() < end:
    ready, _, _ = select.select([fd], [], [], 0.2)
    if ready:
        try:
            got = os.read(fd, 4096)
        except OSError:
            break
        if not got:
            break
        shown += got
    # The next line when the one before was taken.
    taken = shown.count(b"do not matter.") + shown.count(b"letters so far")
    if asked < taken and asked < len(lines):
        time.sleep(0.05)
        os.write(fd, (lines[asked] + "\n").encode())
        asked += 1
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status))
"#;

#[test]
fn typed_at_a_terminal_the_key_is_not_shown() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    let key = secret(&place, "sheet.txt");
    let at_terminal = |args: &[&str], input: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", TERMINAL, env!("CARGO_BIN_EXE_strongroom"), "--home", &place.text("home")]).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Said::of(child.wait_with_output().unwrap())
    };
    let said = at_terminal(&["key", "drill", "recovery sheet"], &typed(&key)).ends(0);
    let said = said.says(
        "Type the key of 'recovery sheet', line by line, each followed by Enter. It is not shown while you type.",
    );
    let said =
        said.says("Spaces, dashes and small letters do not matter.").says("13 letters so far; the whole key has 71.");
    let said = said.says("43 letters so far; the whole key has 71.").says("The recovery sheet works");
    is_nowhere(&place, &key, &[&said]);
    // One letter wrong.
    let mut wrong = typed(&key);
    let last = wrong.pop().and_then(|_| wrong.pop()).unwrap();
    wrong.push(if last == 'q' { 'p' } else { 'q' });
    let said =
        at_terminal(&["key", "sheet", "--check"], &format!("{wrong}\n")).ends(12).says("what was typed is no key");
    is_nowhere(&place, &key, &[&said]);
}

fn told(server: &Server) -> Vec<String> {
    let all = std::mem::take(&mut *server.taken.lock().unwrap());
    all.iter().map(|m| m.replace("=\r\n", "").replace("=\n", "")).collect()
}

fn one_with<'a>(mail: &'a [String], words: &str) -> &'a String {
    mail.iter().find(|m| m.contains(words)).unwrap_or_else(|| panic!("{words:?} is not in {mail:?}"))
}

#[test]
fn overdue_drills_are_told_and_closed_by_making_them() {
    let server = Server::start(Manner::Polite);
    let mail = format!("[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"", server.port);
    let place = Place::council(&mail);
    backed_up(&place, 380);
    place.run(["run"]).ends(0);
    let mail = told(&server);
    for words in [
        "bringing everything back should be rehearsed",
        "a key to the backups should be tried",
        "drills-whole-overdue",
        "drills-keys-overdue",
    ] {
        one_with(&mail, words);
    }
    // One of everything is one of a part, too: that is not asked for beside it.
    assert_eq!(mail.len(), 4, "{mail:?}");
    let status = place.run(["status"]).ends(0).says("NOT YET RIGHT: see what to do below.");
    let status =
        status.says("* Drill of everything: never yet, wanted every 52 weeks. Run: strongroom verify drill --to DIR\n");
    status.says("* Drill of the key of \"recovery sheet\": never yet, wanted every 52 weeks. Run: strongroom key drill \"recovery sheet\"\n");
    // The office server's own key brought documents back in the run.
    place.run(["status"]).never_says("the key of \"office server\"").never_says("Drill of a part");
    place.run(["run"]).ends(0);
    assert!(told(&server).is_empty(), "told once a day");

    let sampled = place.run(["verify", "drill", "--sample", "1MiB", "--link-mbit", "1"]).ends(0);
    let sampled =
        sampled.says("A sample came back in a second: 3 documents (").says("Measured: ").says(" a second to the disk.");
    sampled.says("At this speed, over a link of 1 Mbit/s, everything (").says(" in the store) would take about ");
    assert!(told(&server).is_empty(), "everything is still to be brought back");
    let place_said = place.run(["status"]);
    place_said.says("Drill: a part came back in a second (3 files)").says("At that speed all there is now (");
    place.run(["status"]).says("* Drill of everything: never yet");

    place.run(["verify", "drill"]).ends(0).says("Everything came back in a second").never_says("At this speed");
    assert_eq!(told(&server).len(), 2);
    place.run(["status"]).never_says("Drill of everything");
    place.run(["key", "drill", "recovery sheet", "--key-file", &place.text("sheet.txt")]).ends(0);
    let mail = told(&server);
    assert_eq!(mail.len(), 2, "{mail:?}");
    one_with(&mail, "The keys to the backups were tried and found to work");
    place.run(["status"]).never_says("Drill of the key");

    let text = String::from_utf8(place.read("home/council.toml")).unwrap();
    let never =
        "[verify]\nsample_drill_every = \"never\"\ndrill_every = \"never\"\nkey_drill_every = \"never\"\n[notify.mail]";
    place.write("home/council.toml", text.replace("[notify.mail]", never).as_bytes());
    let status = place.run(["status"]).ends(0);
    let status = status.says("  Drills of a part are switched off: sample_drill_every = \"never\".\n");
    let status = status.says("  Drills of everything are switched off: drill_every = \"never\".\n");
    status.says("  Key drills are switched off: key_drill_every = \"never\".\n");
}
