//! A floor names only floors below it. `testing` stands beside the house: it may name every floor, and only
//! test code may name it.

use super::source::{Source, closing};

const FLOORS: [&str; 6] = ["domain", "repo", "ops", "service", "config", "cli"];
const BESIDE: &str = "testing";

pub fn check(source: &Source, breaches: &mut Vec<String>) {
    let Some(inside) = source.path.strip_prefix("src/") else { return };
    let own = inside.split(['/', '.']).next().unwrap_or_default();
    if !(FLOORS.contains(&own) || [BESIDE, "main", "lib"].contains(&own)) {
        breaches.push(source.breach(1, &format!("`{own}` is no floor of the house")));
        return;
    }
    for (line, test, named) in named_floors(source) {
        if let Some(why) = forbidden(own, &named, test) {
            breaches.push(source.breach(line, &why));
        }
    }
}

fn forbidden(own: &str, named: &str, test: bool) -> Option<String> {
    let height = |floor: &str| FLOORS.iter().position(|known| *known == floor);
    match (own, named) {
        (_, "*") => Some("a glob over the whole crate hides which floor is used".into()),
        (BESIDE, _) => None,
        (_, BESIDE) => (!test).then(|| format!("`{own}` uses `testing`, which only tests may")),
        ("main", "cli") => None,
        ("main" | "lib", _) if height(named).is_some() => Some(format!("`{own}.rs` uses `{named}`, not only `cli`")),
        _ => match (height(own), height(named)) {
            (Some(from), Some(to)) if to > from => Some(format!("floor `{own}` uses `{named}`, a floor above it")),
            _ => None,
        },
    }
}

/// Each floor the file names: by `crate::`, the crate's own name, or enough `super::` to leave the floor.
fn named_floors(source: &Source) -> Vec<(usize, bool, String)> {
    let mut found = Vec::new();
    let depth = module_depth(&source.path);
    let mut at = 0;
    while at < source.tokens.len() {
        let after_path = at > 0 && source.word(at - 1) == "::";
        let root = match source.word(at) {
            "crate" | "strongroom" if !after_path && source.word(at + 1) == "::" => Some(at + 2),
            "super" if !after_path => {
                let supers = (0..).take_while(|n| source.reads(at + 2 * n, &["super", "::"])).count();
                (supers >= depth).then_some(at + 2 * supers)
            }
            _ => None,
        };
        if let Some(first) = root {
            first_names(source, first, &mut found);
        }
        at += 1;
    }
    found
}

/// How many modules lie around the file's items: 0 for `lib.rs`, 1 for `repo/mod.rs`, 2 for `repo/log.rs`.
fn module_depth(path: &str) -> usize {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    inside.split('/').filter(|part| !["mod", "lib", "main"].contains(part)).count().max(1)
}

/// The name at `at`, or the first name of each branch of the group that opens there.
fn first_names(source: &Source, at: usize, found: &mut Vec<(usize, bool, String)>) {
    let Some(token) = source.tokens.get(at) else { return };
    if token.text != "{" {
        found.push((token.line, token.test, token.text.clone()));
        return;
    }
    let end = closing(&source.tokens, at);
    let mut depth = 0;
    for inner in at..end {
        match source.word(inner) {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 1 && ["{", ","].contains(&source.word(inner)) {
            let token = &source.tokens[inner + 1];
            found.push((token.line, token.test, token.text.clone()));
        }
    }
}
