//! One door per dependency: only the files named here may name it. So a dependency can be read up in one
//! place, and replaced there.

use super::source::Source;

/// Documents made for tests and the fuzzer; not in the program.
const SAMPLES: &str = "src/ops/sound/samples.rs";

/// Dependency, and the files, folders (`…/`) or beginnings of names (`…*`) that may name it.
const DOORS: &[(&str, &[&str])] = &[
    ("age", &["src/repo/seal.rs"]),
    ("chrono", &["src/service/schedule/cron.rs"]),
    ("clap", &["src/cli/"]),
    ("clap_complete", &["src/cli/commands/package.rs"]),
    ("clap_mangen", &["src/cli/commands/package.rs"]),
    ("cron", &["src/service/schedule/cron.rs"]),
    ("ed25519-dalek", &["src/repo/sign.rs"]),
    ("fastcdc", &["src/repo/cut/gear.rs"]),
    ("flate2", &["src/ops/sound/pdf.rs", SAMPLES]),
    ("getrandom", &["src/cli/wiring*"]),
    ("globset", &["src/config/", "src/ops/fs/"]),
    ("http-body-util", &["src/repo/store/wire.rs"]),
    ("image", &["src/ops/sound/picture.rs", SAMPLES]),
    ("indicatif", &["src/cli/"]),
    ("infer", &["src/ops/sound/kind.rs"]),
    ("landlock", &["src/cli/wiring*"]),
    ("lettre", &["src/service/mail.rs"]),
    ("lopdf", &["src/ops/sound/pdf.rs"]),
    ("mail-parser", &["src/ops/sound/mail.rs"]),
    ("minicbor", &["src/domain/", "src/repo/"]),
    ("object_store", &["src/repo/store/"]),
    ("qrcodegen", &["src/cli/qr.rs"]),
    ("quick-xml", &["src/ops/sound/archive.rs", "src/repo/store/protection_xml.rs"]),
    ("reqwest", &["src/repo/store/wire.rs", "src/service/web.rs"]),
    ("rustix", &["src/ops/fs/", "src/repo/local.rs", "src/repo/local/", "src/service/durable.rs", "src/cli/wiring*"]),
    ("rustls", &["src/service/mail.rs", "src/repo/store/", "src/cli/wiring*"]),
    ("sd-notify", &["src/cli/wiring*"]),
    ("tokio", &["src/repo/store/", "src/service/mail.rs", "src/service/web.rs", "src/cli/"]),
    ("toml", &["src/config/"]),
    ("unicode-normalization", &["src/domain/pattern.rs"]),
    ("xattr", &["src/ops/fs/"]),
    ("zip", &["src/ops/sound/archive.rs", SAMPLES]),
    ("zstd", &["src/repo/compress.rs"]),
];

/// Plain tools without I/O, which any file may name.
const EVERYWHERE: &[&str] = &[
    "base64",
    "blake3",
    "bytes",
    "futures",
    "hex",
    "jiff",
    "memchr",
    "secrecy",
    "serde",
    "serde_json",
    "thiserror",
    "url",
    "zeroize",
];

/// Dependencies of the feature `testing` alone.
const TESTING_ONLY: &[&str] = &["async-trait"];

pub fn check(sources: &[Source], manifest: &toml::Table, breaches: &mut Vec<String>) {
    check_manifest(manifest, breaches);
    for (dependency, allowed) in DOORS {
        check_door(sources, dependency, allowed, breaches);
    }
    for dependency in TESTING_ONLY {
        check_door(sources, dependency, &[], breaches);
    }
}

fn check_manifest(manifest: &toml::Table, breaches: &mut Vec<String>) {
    let declared: Vec<&String> = manifest
        .get("dependencies")
        .and_then(|deps| deps.as_table())
        .into_iter()
        .flat_map(|deps| deps.keys())
        .collect();
    let known = |name: &str| {
        DOORS.iter().any(|(door, _)| *door == name) || EVERYWHERE.contains(&name) || TESTING_ONLY.contains(&name)
    };
    for name in declared.iter().filter(|name| !known(name)) {
        breaches.push(format!("Cargo.toml: dependency `{name}` has no door; add it to tests/architecture/doors.rs"));
    }
    for (name, _) in DOORS {
        if !declared.iter().any(|known| known == name) {
            breaches.push(format!("Cargo.toml: `{name}` has a door but is no dependency"));
        }
    }
}

fn check_door(sources: &[Source], dependency: &str, allowed: &[&str], breaches: &mut Vec<String>) {
    let name = dependency.replace('-', "_");
    let house = || sources.iter().filter(|s| s.path.starts_with("src/") && !s.path.starts_with("src/testing/"));
    let mut used = false;
    for source in house() {
        for line in uses(source, &name) {
            used = true;
            if !allowed.iter().any(|door| opens(door, &source.path)) {
                let doors = if allowed.is_empty() { "src/testing/".into() } else { allowed.join(", ") };
                breaches.push(source.breach(line, &format!("names `{name}`, whose door is {doors}")));
            }
        }
    }
    let floor_stands = |door: &str| {
        let floor = door.split('/').take(2).collect::<Vec<_>>().join("/") + "/";
        house().any(|source| source.path.starts_with(&floor))
    };
    for door in allowed.iter().filter(|door| used && floor_stands(door)) {
        if !house().any(|source| opens(door, &source.path)) {
            breaches.push(format!("{door}: a door for `{name}` that no longer exists"));
        }
    }
}

fn opens(door: &str, path: &str) -> bool {
    match door.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None if door.ends_with('/') => path.starts_with(door),
        None => path == door,
    }
}

/// The lines, outside test code, that name the crate `name`.
fn uses(source: &Source, name: &str) -> Vec<usize> {
    let before = |at: usize| at.checked_sub(1).map_or("", |at| source.word(at));
    let named = |at: usize| {
        let rooted = before(at) == "::" && !is_name(before(at - 1));
        let start = if rooted { at - 1 } else { at };
        let imported = ["use", "crate"].contains(&before(start)) && [";", "as"].contains(&source.word(at + 1));
        !["::", "."].contains(&before(start)) && (source.word(at + 1) == "::" || imported)
    };
    let tokens = source.tokens.iter().enumerate();
    tokens.filter(|(at, token)| token.text == name && !token.test && named(*at)).map(|(_, token)| token.line).collect()
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphanumeric() || c == '_') && word != "use"
}
