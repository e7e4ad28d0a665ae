//! Plants small mistakes ("mutants") into sources, all at once, each behind a switch that is off: so that one build serves
//! thousands of them. `mutants SOURCE OUT LIST LEFT-OUT BEGIN…` copies every file below the folders of SOURCE to OUT, plants
//! in those whose names begin with a BEGIN, and writes a line for each mutant to LIST: number, file, line, what it does.
//! LEFT-OUT has the numbers of those that do not compile. What only tests use is left as it is.

mod change;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use quote::ToTokens as _;
use syn::visit_mut::VisitMut as _;

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    for path in all {
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Files that only `#[cfg(test)] mod …` leads to, by how they are named in this house.
fn is_test(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let within = path.components().any(|part| part.as_os_str() == "tests");
    within || stem == "tests" || stem.ends_with("_tests") || stem == "samples"
}

/// What is as it was keeps its time, and need not be built again.
fn write_if_other(path: &Path, text: &str) {
    if !std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        std::fs::write(path, text).unwrap();
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (source, out, list) = (Path::new(&arguments[1]), Path::new(&arguments[2]), &arguments[3]);
    let (left_out, begins) = (std::fs::read_to_string(&arguments[4]).unwrap_or_default(), &arguments[5..]);
    let left_out: BTreeSet<u32> = left_out.split_whitespace().map(|n| n.parse().unwrap()).collect();
    let (mut all, mut lines, mut next) = (vec![], String::new(), 1);
    files(source, &mut all);
    for path in all {
        let name = path.strip_prefix(source).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        // What stands above the folders says which of them there are.
        if name.components().count() == 1 {
            continue;
        }
        let to = out.join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        if is_test(name) || !begins.iter().any(|begin| name.to_string_lossy().starts_with(begin)) {
            write_if_other(&to, &text);
            continue;
        }
        let mut file = syn::parse_file(&text).unwrap();
        let mut planter = change::Planter::new(next, &left_out);
        planter.visit_file_mut(&mut file);
        next = planter.next;
        for (number, line, what) in planter.planted {
            writeln!(lines, "{number}\t{}\t{line}\t{what}", name.display()).unwrap();
        }
        write_if_other(&to, &file.to_token_stream().to_string());
    }
    std::fs::write(list, lines).unwrap();
}
