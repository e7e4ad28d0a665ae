//! Nothing stands outside: each file is a module of something that is built, and each test file is run.

use super::source::Source;

pub fn check(sources: &[Source], manifest: &toml::Table, breaches: &mut Vec<String>) {
    for source in sources.iter().filter(|source| !is_root(&source.path)) {
        if !sources.iter().any(|other| declares(other, &source.path).is_some()) {
            breaches.push(source.breach(1, "no `mod` leads here, so it is never compiled"));
        }
    }
    check_manifest(manifest, breaches);
}

/// Marks each file that only test code leads to, and the files below it.
pub fn mark_test_files(sources: &mut [Source]) {
    let declared: Vec<(usize, usize, usize)> = (0..sources.len())
        .flat_map(|child| (0..sources.len()).map(move |parent| (child, parent)))
        .filter_map(|(child, parent)| match declares(&sources[parent], &sources[child].path)? {
            Declared::Always => None,
            Declared::At(token) => Some((child, parent, token)),
        })
        .collect();
    let mut marked = true;
    while marked {
        marked = false;
        for &(child, parent, token) in &declared {
            let for_tests = sources[parent].tokens[token].test;
            if for_tests && sources[child].tokens.iter().any(|token| !token.test) {
                sources[child].tokens.iter_mut().for_each(|token| token.test = true);
                marked = true;
            }
        }
    }
}

/// How a file is made part of what is built.
enum Declared {
    /// By a path.
    Always,
    /// By the `mod` that is this token: for tests, if that is test code.
    At(usize),
}

fn is_root(path: &str) -> bool {
    let folders = path.matches('/').count();
    let own_folder = folders == 2 && path.ends_with("/main.rs");
    ["src/lib.rs", "src/main.rs"].contains(&path) || (!path.starts_with("src/") && (folders == 1 || own_folder))
}

/// Whether `parent` has a `mod` (or a `#[path]`) that leads to `path`, and for whom.
fn declares(parent: &Source, path: &str) -> Option<Declared> {
    let module = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
    let (folder, name) = module.rsplit_once('/')?;
    let own_folder = parent.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let by_path = parent.text.contains("#[path")
        && path.strip_prefix(own_folder).is_some_and(|rest| {
            let rest = rest.trim_start_matches('/');
            parent.path != path && parent.text.contains(&format!("#[path = \"{rest}\"]"))
        });
    let speaks_for = match parent.path.rsplit_once('/') {
        Some((own, "mod.rs" | "lib.rs" | "main.rs")) => own.to_owned(),
        Some((own, _)) if is_root(&parent.path) => own.to_owned(),
        _ => parent.path.trim_end_matches(".rs").to_owned(),
    };
    if by_path {
        return Some(Declared::Always);
    }
    let is_it = |at: &usize| parent.reads(*at, &["mod", name, ";"]);
    (speaks_for == folder).then(|| (0..parent.tokens.len()).find(is_it)).flatten().map(Declared::At)
}

fn check_manifest(manifest: &toml::Table, breaches: &mut Vec<String>) {
    let package = manifest.get("package").and_then(|package| package.as_table());
    for key in ["autotests", "autobins", "autobenches"] {
        if package.and_then(|package| package.get(key)).and_then(|value| value.as_bool()) == Some(false) {
            breaches.push(format!("Cargo.toml: `{key} = false` would leave files out"));
        }
    }
    for kind in ["test", "lib", "bin"] {
        let targets = match manifest.get(kind) {
            Some(toml::Value::Array(targets)) => targets.clone(),
            Some(target) => vec![target.clone()],
            None => continue,
        };
        for target in targets.iter().filter_map(|target| target.as_table()) {
            let off = target.get("test").and_then(|value| value.as_bool()) == Some(false);
            let needs = target.get("required-features").and_then(|features| features.as_array());
            let odd = needs.is_some_and(|features| features.iter().any(|name| name.as_str() != Some("testing")));
            if off || odd {
                breaches.push(format!("Cargo.toml: [[{kind}]] {:?} would not be tested", target.get("name")));
            }
        }
    }
}
