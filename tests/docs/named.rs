//! Tests that pages and tables name exist; and the table of other programs' failures, which tests/historic.py plants into
//! this one, still fits the sources.

use std::collections::BTreeSet;

use super::{read, root};

/// Whether the file has a test of this name, its last part.
fn has_test(file: &str, name: &str) -> bool {
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
    let head = format!("fn {name}()");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_test = |at: usize| lines[..at].iter().rev().take(3).any(|line| *line == "#[test]");
    lines.iter().enumerate().any(|(at, line)| line.starts_with(&head) && is_test(at))
}

#[test]
fn each_attacker_is_played_by_tests_that_exist() {
    let page = read("docs/keys-and-threats.md");
    let (_, rest) = page.split_once("## What is tried").unwrap();
    let table: Vec<&str> =
        rest.lines().skip_while(|l| !l.starts_with("| A")).take_while(|l| l.starts_with('|')).collect();
    let (mut played, mut count, mut faults) = (BTreeSet::new(), 0, vec![]);
    for row in &table {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [attacker, tried, tests] = cells[..] else { panic!("three columns: {row}") };
        assert!(tried.len() > 10, "{row}");
        played.insert(attacker.to_owned());
        // Each link is followed by the tests in that file.
        let parts: Vec<(&str, &str)> = tests.split("](../").skip(1).filter_map(|part| part.split_once(')')).collect();
        assert!(!parts.is_empty(), "no test: {row}");
        for (file, names) in parts {
            for name in names.split('`').skip(1).step_by(2) {
                count += 1;
                if !has_test(file, name) {
                    faults.push(format!("{file} has no test {name}"));
                }
            }
        }
    }
    assert_eq!(played, (1..=9).map(|n| format!("A{n}")).collect());
    assert!(count >= 35, "only {count} tests are named");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(!has_test("tests/docs/named.rs", "has_test") && !has_test("tests/docs/named.rs", "none"));
}

/// All tables together.
fn failures() -> Vec<toml::Table> {
    let files =
        ["deletion", "success", "cryptography", "people"].map(|name| read(&format!("tests/historic/{name}.toml")));
    let tables = files.iter().map(|text| text.parse::<toml::Table>().unwrap());
    tables.flat_map(|t| t["failure"].as_array().unwrap().clone()).map(|f| f.as_table().unwrap().clone()).collect()
}

/// The file of a test of the library, by its name: `ops::prune::tests::holds::…`.
fn files_of(name: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split("::").collect();
    let modules = &parts[..parts.len() - 1];
    let (last, before) = modules.split_last().unwrap();
    let (path, parent) = (modules.join("/"), before.join("/"));
    // A module of its own, one within its parent's file, or a file beside it.
    let mut all = vec![format!("src/{path}.rs"), format!("src/{path}/mod.rs"), format!("src/{parent}.rs")];
    all.push(format!("src/{parent}/mod.rs"));
    all.push(format!("src/{parent}_{last}.rs"));
    all
}

#[test]
fn every_failure_of_others_is_planted_or_argued_and_every_planting_fits_the_sources() {
    let all = failures();
    let numbers: Vec<i64> = all.iter().map(|f| f["number"].as_integer().unwrap()).collect();
    assert_eq!(numbers, (1..=48).collect::<Vec<_>>(), "each number of the catalogue once, in order");
    let mut planted = 0;
    for failure in &all {
        let text = |key: &str| failure.get(key).and_then(|v| v.as_str()).unwrap_or_default();
        let (number, was) = (failure["number"].as_integer().unwrap(), text("was"));
        assert!(was.len() > 30, "{number}: what happened?");
        if failure.contains_key("why_not") {
            assert!(text("why_not").len() > 60 && !failure.contains_key("edit"), "{number}");
            continue;
        }
        planted += 1;
        assert!(text("planted").len() > 15, "{number}");
        let edits = failure["edit"].as_array().unwrap();
        assert!(
            edits.iter().any(|e| e["new"].as_str().unwrap().contains(&format!("crate::planted({number})"))),
            "{number}"
        );
        for edit in edits {
            let (file, find) = (edit["file"].as_str().unwrap(), edit["find"].as_str().unwrap());
            let times = read(file).matches(find).count();
            assert_eq!(
                times, 1,
                "{number}: {file} must have this once, so that a mistake can be planted there:\n{find}"
            );
        }
        let (binary, name) = text("found_by").split_once(' ').unwrap();
        let last = name.rsplit("::").next().unwrap();
        let files = match binary {
            "lib" => files_of(name),
            other => {
                let module = name.split("::").next().unwrap();
                vec![format!("tests/{other}.rs"), format!("tests/{other}/{module}.rs")]
            }
        };
        assert!(files.iter().any(|file| has_test(file, last)), "{number}: there is no test {name} ({files:?})");
    }
    assert!(planted >= 40, "only {planted} are planted");
}
