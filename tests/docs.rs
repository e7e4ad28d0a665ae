//! The pages for people say what is true: commands and options exist, links lead somewhere, the table of exit codes
//! is the program's, every key of the configuration is explained, the clerk's page has no word a clerk should not read.

// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

#[path = "docs/named.rs"]
mod named;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use strongroom::domain::problem::Exit;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every page, by its path from the root.
fn pages() -> BTreeMap<String, String> {
    let mut all: Vec<String> = vec!["README.md".into(), "CHANGELOG.md".into(), "src/repo/FORMAT.md".into()];
    for folder in ["docs", "docs/decisions"] {
        let names =
            std::fs::read_dir(root().join(folder)).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        all.extend(names.filter(|n| n.ends_with(".md")).map(|n| format!("{folder}/{n}")));
    }
    all.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// The lines of fenced blocks, and what stands outside them.
fn split(page: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut fenced, mut prose, mut inside) = (vec![], vec![], false);
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            fenced.push(line);
        } else {
            prose.push(line);
        }
    }
    (fenced, prose)
}

/// The spans of `code` in running text, each on one line.
fn spans(prose: &[&str]) -> Vec<String> {
    prose.join(" ").split('`').skip(1).step_by(2).map(|s| words(s).join(" ")).collect()
}

/// Words as a shell would see them; quotes keep spaces together.
fn words(line: &str) -> Vec<String> {
    let (mut all, mut word, mut quoted) = (vec![], String::new(), false);
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => all.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    all.push(word);
    all.into_iter().filter(|w| !w.is_empty()).collect()
}

/// The program's own help, asked for once for each command.
#[derive(Default)]
struct Help(BTreeMap<Vec<String>, String>);

impl Help {
    fn of(&mut self, command: &[String]) -> &str {
        self.0.entry(command.to_vec()).or_insert_with(|| {
            let run = Command::new(env!("CARGO_BIN_EXE_strongroom")).args(command).arg("--help").output().unwrap();
            assert!(run.status.success(), "strongroom {} --help", command.join(" "));
            String::from_utf8(run.stdout).unwrap()
        })
    }

    /// The commands that may follow.
    fn commands(&mut self, command: &[String]) -> BTreeSet<String> {
        let lines = self.of(command).lines().skip_while(|l| *l != "Commands:").skip(1).take_while(|l| !l.is_empty());
        let names = lines.filter(|l| l.starts_with("  ") && !l.starts_with("   "));
        names.filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect()
    }

    /// What is wrong with a line that begins with the program's name.
    fn fault(&mut self, line: &str) -> Option<String> {
        let typed: Vec<String> =
            words(line).into_iter().skip(1).take_while(|w| !["|", ">", "&&"].contains(&&**w)).collect();
        let mut command = vec![];
        for word in typed.iter().filter(|w| !w.starts_with('-')) {
            let known = self.commands(&command);
            if known.is_empty() {
                break;
            }
            if !known.contains(word) {
                return Some(format!("there is no '{word}' in: {line}"));
            }
            command.push(word.clone());
        }
        let help = self.of(&command);
        let known: BTreeSet<&str> =
            help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter(|w| w.starts_with("--")).collect();
        let options = typed.iter().filter(|w| w.starts_with("--")).map(|w| w.split('=').next().unwrap_or(w));
        options.into_iter().find(|o| !known.contains(o)).map(|o| format!("there is no option {o}: {line}"))
    }
}

#[test]
fn every_command_that_a_page_names_exists() {
    let (mut help, mut count, mut faults) = (Help::default(), 0, vec![]);
    // The page on the format quotes texts that only look like commands.
    for (path, page) in pages().into_iter().filter(|(path, _)| !path.ends_with("FORMAT.md")) {
        let (fenced, prose) = split(&page);
        let spans = spans(&prose);
        let typed = fenced.iter().map(|l| l.trim()).chain(spans.iter().map(String::as_str));
        for line in typed.filter(|l| l.starts_with("strongroom ")) {
            count += 1;
            faults.extend(help.fault(line).map(|fault| format!("{path}: {fault}")));
        }
    }
    assert!(count > 60, "only {count} commands were found in the pages");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(help.fault("strongroom key burn").is_some() && help.fault("strongroom run --fast").is_some());
}

/// What a person reads of a command: its words, its options and what each is for. Then the same of those below it.
fn reference(command: &clap::Command, name: &str, out: &mut String) {
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let leaf = command.get_subcommands().next().is_none();
    if leaf {
        out.push_str(&format!("\n### {name}\n\n{about}\n"));
        let shown = |a: &&clap::Arg| !a.is_global_set() && !a.is_hide_set() && a.get_id() != "help";
        let lines: Vec<String> = command.get_arguments().filter(shown).map(option).collect();
        if !lines.is_empty() {
            out.push_str(&format!("\n{}", lines.concat()));
        }
    }
    for below in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        reference(below, &format!("{name} {}", below.get_name()), out);
    }
}

fn option(arg: &clap::Arg) -> String {
    let values: Vec<&str> = arg.get_value_names().unwrap_or_default().iter().map(|n| n.as_str()).collect();
    let values = if arg.get_action().takes_values() { values.join(" ") } else { String::new() };
    let short = arg.get_short().map(|c| format!(", `-{c}`")).unwrap_or_default();
    let typed = match arg.get_long() {
        Some(long) => format!("`{}`{short}", format!("--{long} {values}").trim()),
        None => format!("`{values}`"),
    };
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    format!("- {typed}: {}\n", help.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The page of all commands is what the program itself says of them, so that none is missing and none is of yesterday.
#[test]
fn the_page_of_commands_is_the_programs() {
    let program = strongroom::cli::args::Args::command();
    let mut page = String::from(
        "# Every command\n\nAs the `--help` of each says. What they do is in the [manual](manual.md), on \
         [keeping and destroying](retention.md) and on [testing](verification.md).\n\nEverywhere:\n\n",
    );
    program.get_arguments().filter(|a| a.is_global_set()).for_each(|arg| page.push_str(&option(arg)));
    reference(&program, "strongroom", &mut page);
    if std::env::var_os("STRONGROOM_RENEW").is_some() {
        std::fs::write(root().join("docs/commands.md"), &page).unwrap();
    }
    assert!(page.matches("\n### ").count() > 70 && page.matches("\n- `--").count() > 120, "{page}");
    assert!(!page.contains(": \n"), "an option says nothing of itself");
    assert!(read("docs/commands.md") == page, "STRONGROOM_RENEW=1 cargo test --test docs writes it anew");
}

/// In a page that people read through, each command stands in a line that can be typed.
#[test]
fn every_command_stands_in_the_manual() {
    fn names(command: &clap::Command, name: &str, out: &mut Vec<String>) {
        let below: Vec<&clap::Command> = command.get_subcommands().filter(|c| !c.is_hide_set()).collect();
        if below.is_empty() {
            out.push(name.to_owned());
        }
        below.into_iter().for_each(|c| names(c, &format!("{name} {}", c.get_name()), out));
    }
    let (manual, mut all) = (read("docs/manual.md"), vec![]);
    names(&strongroom::cli::args::Args::command(), "strongroom", &mut all);
    let fenced: Vec<String> = split(&manual).0.iter().map(|l| format!("{} ", l.trim())).collect();
    let missing: Vec<&String> =
        all.iter().filter(|name| !fenced.iter().any(|line| line.starts_with(&format!("{name} ")))).collect();
    assert!(missing.is_empty() && all.len() > 70, "the manual's lists have no {missing:?}");
}

#[test]
fn the_manuals_contents_name_every_part() {
    let manual = read("docs/manual.md");
    let contents = manual.split("Contents:").nth(1).unwrap().split("\n\n").next().unwrap().replace('\n', " ");
    let parts = split(&manual).1.into_iter().filter(|l| l.starts_with("## ")).map(anchor);
    let missing: Vec<String> = parts.filter(|a| !contents.contains(&format!("](#{a})"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// All sources, tests left out.
fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, out);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            out.push(entry);
        }
    }
}

#[test]
fn every_command_that_the_program_advises_exists() {
    let mut files = vec![];
    sources(&root().join("src"), &mut files);
    let (mut help, mut count, mut faults) = (Help::default(), 0, vec![]);
    let first = help.commands(&[]);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for after in text.split("strongroom ").skip(1) {
            let clean = |c: char| c.is_ascii_lowercase() || c == ' ';
            let said: Vec<&str> = after[..after.find(|c| !clean(c)).unwrap_or(after.len())].split(' ').collect();
            let Some(name) = said.first().filter(|w| first.contains(**w)) else { continue };
            let below = help.commands(&[(*name).to_owned()]);
            count += 1;
            if let Some(second) = said.get(1).filter(|w| !below.is_empty() && !w.is_empty() && !below.contains(**w)) {
                faults.push(format!("{}: strongroom {name} {second}", file.display()));
            }
        }
    }
    assert!(count > 30, "only {count} were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// As a heading's address is made: small letters, digits, `-` for spaces.
fn anchor(heading: &str) -> String {
    let keep =
        |c: char| if c == ' ' { Some('-') } else { Some(c).filter(|c| c.is_alphanumeric() || "-_".contains(*c)) };
    heading.trim_start_matches('#').trim().to_lowercase().chars().filter_map(keep).collect()
}

fn targets(prose: &[&str]) -> Vec<String> {
    let parts = prose.iter().flat_map(|l| l.split("](").skip(1));
    parts.filter_map(|p| p.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let (mut count, mut faults) = (0, vec![]);
    for (path, page) in pages() {
        for target in targets(&split(&page).1).iter().filter(|t| !t.contains("://")) {
            count += 1;
            let (file, heading) = target.split_once('#').map_or((target.as_str(), None), |(f, h)| (f, Some(h)));
            let folder = Path::new(&path).parent().unwrap();
            let meant = if file.is_empty() { PathBuf::from(&path) } else { folder.join(file) };
            if !root().join(&meant).exists() {
                faults.push(format!("{path}: {target}"));
            } else if let Some(heading) = heading {
                let text = read(meant.to_str().unwrap());
                let there = split(&text).1.iter().any(|l| l.starts_with('#') && anchor(l) == heading);
                if !there {
                    faults.push(format!("{path}: no heading for {target}"));
                }
            }
        }
    }
    assert!(count > 30, "only {count} links were found");
    assert!(faults.is_empty(), "links that lead nowhere:\n{}", faults.join("\n"));
}

/// All of them: a new one is an error here until it is listed.
fn exits() -> BTreeSet<i32> {
    use Exit::{Damage, Done, Failed, Incomplete, Interrupted, NoRepository, Refused, Stale, Usage, WrongKey};
    let all = [Done, Failed, Usage, Incomplete, Damage, Stale, Refused, NoRepository, WrongKey, Interrupted];
    for exit in all {
        match exit {
            Done | Failed | Usage | Incomplete | Damage | Stale | Refused | NoRepository | WrongKey | Interrupted => {}
        }
    }
    all.into_iter().map(|e| e as i32).collect()
}

fn code_and_words<'a>(code: &str, words: &'a str) -> Option<(i32, &'a str)> {
    code.trim().parse().ok().map(|n| (n, words.trim()))
}

#[test]
fn the_table_of_exit_codes_is_the_programs() {
    let readme = read("README.md");
    let rows = readme.lines().filter_map(|l| l.strip_prefix("| ")?.split_once(" | "));
    let table: BTreeMap<i32, &str> =
        rows.filter_map(|(c, w)| code_and_words(c, w.trim_end_matches([' ', '|']))).collect();
    assert_eq!(table.keys().copied().collect::<BTreeSet<_>>(), exits());
    let mut help = Help::default();
    let lines = help.of(&[]).lines().skip_while(|l| !l.starts_with("Exit codes:")).skip(1);
    let said: BTreeMap<i32, &str> =
        lines.filter_map(|l| l.trim().split_once("  ")).filter_map(|(c, w)| code_and_words(c, w)).collect();
    assert_eq!(table, said);
}

#[test]
fn every_key_of_the_configuration_is_in_the_manual() {
    let example = read("config/council.example.toml") + &read("config/watch.example.toml");
    let manual = read("docs/manual.md");
    let key = |line: &str| -> Option<String> {
        let (key, _) = line.trim_start_matches('#').split_once(" = ")?;
        (!key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')).then(|| key.to_owned())
    };
    let mut keys: BTreeSet<String> = example.lines().filter_map(key).collect();
    for (secret, plain) in [("ca_file", "ca_file"), ("_file", "_…")] {
        let renamed = |k: &String| k.strip_suffix(secret).map(|base| format!("{base}{plain}"));
        keys = keys.into_iter().map(|k| if k == "ca_file" { k } else { renamed(&k).unwrap_or(k) }).collect();
    }
    assert!(keys.len() > 40, "{keys:?}");
    let missing: Vec<&String> = keys.iter().filter(|k| !manual.contains(&format!("`{k}"))).collect();
    assert!(missing.is_empty(), "the manual does not explain {missing:?}");
}

#[test]
fn the_clerks_page_has_no_word_that_a_clerk_should_not_read() {
    let letters = read("tests/service/notices.rs");
    let (_, rest) = letters.split_once("const BANNED").unwrap();
    let banned: Vec<&str> = rest.split_once("];").unwrap().0.split('"').skip(1).step_by(2).collect();
    assert!(banned.len() > 40 && banned.contains(&"snapshot"));
    // What is typed word for word is no word to be understood.
    let typed = |(at, part): (usize, &str)| !(at % 2 == 1 && part.starts_with("strongroom "));
    let whole = read("docs/clerk.md").to_lowercase();
    let page: String = whole.split('`').enumerate().filter(|p| typed(*p)).map(|(_, part)| part).collect();
    let said: Vec<&str> = page.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|w| !w.is_empty()).collect();
    let text = format!(" {} ", said.join(" "));
    let found: Vec<&&str> = banned.iter().filter(|w| text.contains(&format!(" {w} "))).collect();
    assert!(found.is_empty(), "the clerk's page says {found:?}");
    assert!(said.len() < 1200, "{} words are more than two printed pages", said.len());
}

#[test]
fn decisions_are_short_numbered_and_whole() {
    let pages: Vec<(String, String)> = pages().into_iter().filter(|(p, _)| p.starts_with("docs/decisions/")).collect();
    assert!(!pages.is_empty());
    for (at, (path, page)) in pages.iter().enumerate() {
        assert!(path.starts_with(&format!("docs/decisions/{:04}-", at + 1)), "{path}");
        assert!(page.starts_with(&format!("# {}. ", at + 1)), "{path}");
        for part in ["**Context.**", "**Decision", "**Consequences.**"] {
            assert!(page.contains(part), "{path} has no {part}");
        }
        assert!(page.lines().count() <= 25, "{path} is longer than 25 lines");
    }
}

#[test]
fn figures_of_the_model_are_those_that_its_test_asserts() {
    let (page, test) = (read("docs/reliability.md"), read("tests/log_protocol_model.rs"));
    for (said, asserted) in [("476,638", "476_638"), ("247,902", "247_902")] {
        assert!(page.contains(said) && test.contains(asserted), "{said}");
    }
}

/// `fuzz/run.sh` and the machine that checks build with the lock file as it is: a dependency it does not know ends both.
#[test]
fn the_fuzzers_lock_file_knows_every_dependency() {
    let (manifest, lock) = (read("Cargo.toml"), read("fuzz/Cargo.lock"));
    let wanted = manifest.split("[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let wanted: Vec<&str> = wanted.lines().filter_map(|l| Some(l.split_once(" = ")?.0)).collect();
    let ours = lock.split("[[package]]\n").find(|p| p.starts_with("name = \"strongroom\"\n")).unwrap();
    // With another version beside it, the version follows the name.
    let known = |name: &&str| ours.contains(&format!(" \"{name}\"")) || ours.contains(&format!(" \"{name} "));
    let unknown: Vec<&str> = wanted.iter().copied().filter(|name| !known(name)).collect();
    assert!(wanted.len() > 40 && unknown.is_empty(), "{unknown:?}: cd fuzz && cargo metadata > /dev/null");
}
