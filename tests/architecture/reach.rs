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
    let is_test = |source: &Source| source.tokens.iter().all(|token| token.test);
    loop {
        let leads = |path: &str| sources.iter().any(|other| declares(other, path) == Some(Declared::ForTests));
        let found = sources.iter().position(|source| !is_test(source) && leads(&source.path));
        let Some(found) = found else { return };
        sources[found].tokens.iter_mut().for_each(|token| token.test = true);
    }
}

/// How a file is made part of what is built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Declared {
    Always,
    ForTests,
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
    let by_path = path.strip_prefix(own_folder).is_some_and(|rest| {
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
    let mut tokens = parent.tokens.iter().enumerate();
    let (_, token) = tokens.find(|(at, _)| speaks_for == folder && parent.reads(*at, &["mod", name, ";"]))?;
    Some(if token.test { Declared::ForTests } else { Declared::Always })
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
