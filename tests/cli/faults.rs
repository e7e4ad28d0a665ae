//! Faults planted in a store with 2,000 documents: each is found by what should find it, within the promised number of
//! runs, named in words, with the right exit code. The table in docs/verification.md is what this test saw.
//! What must always hold: no row stands there that did not happen here.

use std::path::Path;
use std::process::Command;

use crate::fault_store::{IN_EACH, base, change, flip, key_file, large, rot, swap, tested_last, within};
use crate::mounts::{Mount, may_mount};
use crate::opening::docx;
use crate::place::{Place, Said, noise};

const BEGIN: &str = "--test cli faults -->\n";
const END: &str = "<!-- end of faults -->";

/// A fault, what found it, after how many runs at most, and how that was said.
struct Row {
    fault: &'static str,
    by: &'static str,
    runs: String,
    exit: i32,
    words: String,
}

/// Runs it until the line that begins so is said, at most so many times, and tells after how many.
fn until(place: &Place, command: &str, begins: &str, most: u64) -> (u64, Said, String) {
    for round in 1..=most {
        let said = place.run(command.split(' ').skip(1));
        let line = said.out.lines().chain(said.err.lines()).find(|l| l.trim_start().starts_with(begins));
        if let Some(line) = line.map(|l| plain(place, l.trim())) {
            return (round, said, line);
        }
        assert!(
            [0, 3].contains(&said.code),
            "{command} ended with {} and not {begins:?}:\n{}{}",
            said.code,
            said.out,
            said.err
        );
    }
    panic!("{command}: {begins:?} was not said within {most} runs");
}

/// Without what is another each time: digests, numbers, folders.
fn plain(place: &Place, line: &str) -> String {
    // When it was last done is a matter of chance.
    let line = line.split("; it was ").next().unwrap_or(line).replace(&place.text("home"), "").replace(".bin", ".bin ");
    let mut words: Vec<String> = vec![];
    for word in line.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let hex = |w: &str| w.len() >= 8 && w.bytes().all(|b| b.is_ascii_hexdigit());
        let name = bare.rsplit('/').next().unwrap_or(bare).trim_end_matches(".age");
        let digest = name.split_once('-').map_or(name, |(digest, _)| digest);
        let folder = bare.split('/').next().unwrap_or(bare);
        words.push(match () {
            () if hex(digest) && bare.contains('/') => word.replace(bare, &format!("{folder}/….age")),
            () if bare.starts_with("Documents/3/") => word.replace(bare, "Documents/3/n.bin"),
            () if hex(bare) => word.replace(bare, "…"),
            () if !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit()) => word.replace(bare, "n"),
            () => word.to_owned(),
        });
    }
    words.join(" ").replace(".bin :", ".bin:").replace('|', "\\|")
}

/// Plants a fault in a copy, and has it found.
fn found<T>(
    fault: &'static str,
    by: &'static str,
    most: u64,
    exit: i32,
    begins: &str,
    plant: impl FnOnce(&Place) -> T,
) -> Row {
    let place = base().again();
    let _planted = plant(&place);
    let (after, said, words) = until(&place, by, begins, most);
    assert_eq!(said.code, exit, "{fault}, {by}:\n{}\n{}", said.out, said.err);
    // What is planted where it takes longest is not found at once, or the limit would limit nothing.
    assert!(after > 1 || !fault.starts_with("a flipped byte in") || by == SCRUB, "{fault}, {by}: at once");
    let runs = if most == 1 { "1".into() } else { format!("at most {most}") };
    Row { fault, by, runs, exit, words }
}

const RUN: &str = "strongroom run";
const CHECK: &str = "strongroom verify check";
const RESTORE: &str = "strongroom verify restore";
const SCRUB: &str = "strongroom verify scrub --max-bytes 1MiB";
const SCRUB_ALL: &str = "strongroom verify scrub --all";
const STATUS: &str = "strongroom status";

fn in_the_store(n: u64) -> Vec<Row> {
    let last = |p: &Place| flip(&tested_last(p));
    let greatest = |p: &Place| flip(large(p).last().unwrap());
    let cut = |p: &Place| change(&tested_last(p), |b| b.truncate(100_000));
    let index = |p: &Place| std::fs::remove_file(&p.objects("index")[0]).unwrap();
    vec![
        found("a flipped byte in a pack", RUN, n, 4, "DAMAGE:", last),
        found("a flipped byte in a pack", RESTORE, n, 4, "DAMAGE:", last),
        found("a flipped byte in a pack", SCRUB, n, 4, "DAMAGE:", greatest),
        found("a truncated pack", RUN, 1, 4, "DAMAGE:", cut),
        found("a truncated pack", CHECK, 1, 4, "DAMAGE:", cut),
        found("two packs swapped", CHECK, 1, 4, "DAMAGE:", |p| swap(p, false)),
        found("two packs swapped, sizes made right", RESTORE, n, 4, "DAMAGE:", |p| swap(p, true)),
        found("a missing index", RUN, 1, 4, "DAMAGE:", index),
        found("a missing index", CHECK, 1, 4, "DAMAGE:", index),
        found("a flipped byte of the index", RUN, 1, 4, "DAMAGE:", |p| flip(&p.objects("index")[0])),
        found("a flipped byte of a key file", RUN, 1, 4, "DAMAGE:", |p| flip(&key_file(p))),
        found("a flipped byte of a key file", CHECK, 1, 4, "DAMAGE:", |p| flip(&key_file(p))),
        found("a key file cut in half", RUN, 1, 4, "DAMAGE:", |p| change(&key_file(p), |b| b.truncate(b.len() / 2))),
        found("a key file cut in half", SCRUB_ALL, 1, 4, "DAMAGE:", |p| {
            change(&key_file(p), |b| b.truncate(b.len() / 2));
        }),
    ]
}

fn roll_back(place: &Place) {
    let old = place.again();
    place.write("Documents/new.txt", b"new\n");
    place.run(["run"]).ends(0);
    std::fs::remove_dir_all(place.path("repository")).unwrap();
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(old.path("repository")).arg(place.path("repository"));
    assert!(copy.status().unwrap().success());
}

fn in_the_log() -> Vec<Row> {
    let newest = |p: &Place| p.objects("log").iter().rev().take(2).for_each(|f| std::fs::remove_file(f).unwrap());
    let hole = |p: &Place| std::fs::remove_file(p.objects("log").iter().rev().nth(2).unwrap()).unwrap();
    let flipped = |p: &Place| flip(&p.objects("log")[3]);
    let back = "strongroom: the store has gone back in time";
    let damaged = "strongroom: entry";
    vec![
        found("the store rolled back to an older copy", STATUS, 1, 4, back, roll_back),
        found("the store rolled back to an older copy", RUN, 1, 4, back, roll_back),
        found("the newest entries of the log deleted", STATUS, 1, 4, back, newest),
        found("the newest entries of the log deleted", RUN, 1, 4, back, newest),
        found("an entry missing within the log", RUN, 1, 4, damaged, hole),
        found("an entry missing within the log", "strongroom log --verify", 1, 4, damaged, hole),
        found("a flipped entry of the log", RUN, 1, 4, damaged, flipped),
        found("a flipped entry of the log", SCRUB_ALL, 1, 4, "DAMAGE:", flipped),
    ]
}

/// The last run was as long ago as is promised: the hand has been round once.
fn promised_time_later(place: &Place) {
    let file = place.path("home/state/live.json");
    let mut hand: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let at: jiff::Timestamp = hand["at"].as_str().unwrap().parse().unwrap();
    hand["at"] = (at - jiff::SignedDuration::from_hours(12 * 7 * 24)).to_string().into();
    std::fs::write(file, hand.to_string()).unwrap();
}

fn folder_changed(place: &Place, folder: usize) {
    for n in 0..IN_EACH {
        place.write(&format!("Documents/{folder}/{n}.bin"), &noise(5000 + folder * IN_EACH + n)[..1400]);
    }
}

fn in_the_documents(n: u64) -> Vec<Row> {
    let cut = |p: &Place| {
        let whole = docx("The tree was planted. ");
        p.write("Documents/7/0.docx", &whole[..whole.len() / 2]);
    };
    let encrypted = |p: &Place| p.write("Documents/7/1.pdf", &noise(9_000));
    let three = |p: &Place| {
        ["0.docx", "1.pdf", "2.png"].iter().for_each(|name| p.write(&format!("Documents/7/{name}"), &noise(9_000)));
    };
    let all_encrypted = |p: &Place| (0..3).for_each(|folder| folder_changed(p, folder));
    let rotten = |p: &Place| rot(&p.path("Documents/3/9.bin"));
    let failing = |p: &Place| (0..IN_EACH).for_each(|n| rot(&p.path(format!("Documents/3/{n}.bin"))));
    let all = "strongroom verify restore --all";
    let among_many = "the same, while 250 others changed in that night";
    vec![
        found("a document corrupted before its backup", RUN, 1, 4, "SPOILED:", cut),
        found(among_many, RUN, 1, 4, "SPOILED:", |p| {
            folder_changed(p, 0);
            cut(p);
        }),
        found("a document encrypted in place", RUN, 1, 4, "NOT ITS NAME:", encrypted),
        found(among_many, RUN, 1, 4, "NOT ITS NAME:", |p| {
            folder_changed(p, 0);
            encrypted(p);
        }),
        found("three documents encrypted in place", RUN, 1, 4, "Several documents", three),
        found("750 documents encrypted in place", RUN, 1, 6, "An unusual number of records changed", all_encrypted),
        found("bit rot in a folder on the live side, times unchanged", RESTORE, n, 3, "problem:", failing),
        found("bit rot in one live document, when the promised time is over", RESTORE, 1, 3, "problem:", |p| {
            rotten(p);
            promised_time_later(p);
        }),
        found("bit rot in one live document", all, 1, 3, "problem:", rotten),
    ]
}

/// The disk on which the scratch folder lies has no room for documents.
fn full_disk(place: &Place) -> Mount {
    let (state, kept) = (place.path("home/state"), place.path("home/kept"));
    std::fs::rename(&state, &kept).unwrap();
    let disk = Mount::tmpfs(&state, "size=200m");
    assert!(Command::new("cp").arg("-a").arg(kept.join(".")).arg(&state).status().unwrap().success());
    disk
}

fn around_it() -> Vec<Row> {
    let unusable = |p: &Place| p.write("home/state/scratch", b"in the way");
    let with_sheet = |p: &Place, words: [&str; 3]| {
        p.run(words.into_iter().chain(["--recovery-key-file", &p.text("sheet.txt")])).ends(0);
    };
    let cut_off = |p: &Place| with_sheet(p, ["actor", "revoke", "office server"]);
    let removed = |p: &Place| with_sheet(p, ["key", "remove", "office server"]);
    let whether = "Whether documents still open was not looked at";
    vec![
        found("a full scratch disk", RUN, 1, 0, whether, full_disk),
        found("a scratch folder that cannot be used", RUN, 1, 0, whether, unusable),
        found("this computer cut off", RUN, 1, 6, "strongroom: this machine may not", cut_off),
        found("this computer's key taken away", RUN, 1, 12, "strongroom: the key does not", removed),
        found("this computer's key taken away", STATUS, 1, 12, "strongroom: the key does not", removed),
    ]
}

fn table(rows: &[Row]) -> String {
    let mut text =
        "| fault | found by | after how many runs | exit | in these words |\n|---|---|---|---|---|\n".to_owned();
    for Row { fault, by, runs, exit, words } in rows {
        text.push_str(&format!("| {fault} | `{by}` | {runs} | {exit} | {words} |\n"));
    }
    text
}

#[test]
fn every_planted_fault_is_found_in_time_and_named_as_the_page_says() {
    if !may_mount("faults::every_planted_fault_is_found_in_time_and_named_as_the_page_says") {
        return;
    }
    let n = within(base());
    let rows = [in_the_store(n), in_the_log(), in_the_documents(n), around_it()];
    let rows: Vec<Row> = rows.into_iter().flatten().collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verification.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (now, after) = rest.split_once(END).unwrap();
    let table = table(&rows);
    if std::env::var_os("STRONGROOM_RENEW").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    let renew = "docs/verification.md is not what happened here. If that is meant: STRONGROOM_RENEW=1 cargo test --features \
                 testing --test cli faults";
    assert!(now == table, "{renew}\n--- the page\n{now}--- what happened\n{table}");
}
