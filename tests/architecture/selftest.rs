//! The test of the test: a small tree that keeps the rules passes, and one breach of each rule is found.

use super::{Tree, check, sizes};

const MANIFEST: &str = "[package]\nname = \"strongroom\"\n[dependencies]\n";
const DOORS: &[&str] = &[
    "age",
    "chrono",
    "clap",
    "clap_complete",
    "clap_mangen",
    "cron",
    "ed25519-dalek",
    "fastcdc",
    "flate2",
    "getrandom",
    "globset",
    "http-body-util",
    "image",
    "indicatif",
    "infer",
    "landlock",
    "lettre",
    "lopdf",
    "mail-parser",
    "minicbor",
    "object_store",
    "qrcodegen",
    "quick-xml",
    "reqwest",
    "rustix",
    "rustls",
    "sd-notify",
    "tokio",
    "toml",
    "unicode-normalization",
    "xattr",
    "zip",
    "zstd",
];

/// A tree without a breach.
fn sound() -> Tree {
    let mut tree = Tree { manifest: MANIFEST.into(), ..Tree::default() };
    for door in DOORS {
        tree.manifest += &format!("{door} = \"1\"\n");
    }
    for (path, text) in [
        ("src/lib.rs", "pub mod cli;\npub mod domain;\npub mod repo;\n#[cfg(test)]\npub mod testing;\n"),
        ("src/main.rs", "fn main() { strongroom::cli::main() }\n"),
        ("src/cli/mod.rs", "mod wiring;\npub fn main() { crate::repo::seal::open(); clap::run() }\n"),
        ("src/cli/wiring.rs", "fn now() { std::time::SystemTime::now(); getrandom::fill(); }\n"),
        ("src/domain/mod.rs", "//! Mentions age::Encryptor and crate::cli in words only.\n"),
        ("src/repo/mod.rs", "pub mod seal;\n"),
        ("src/repo/seal.rs", "use crate::domain;\nuse age::Encryptor;\npub fn open() {}\n"),
        ("src/testing/mod.rs", "use crate::cli;\nuse tokio::time;\n"),
        ("tests/all.rs", "mod help;\n#[test]\nfn one() { let text = \"#[ignore]\"; std::env::args(); }\n"),
        ("tests/help/mod.rs", ""),
    ] {
        tree.files.insert(path.into(), text.into());
    }
    tree
}

/// The breaches after `text` was put at `path`.
fn with(path: &str, text: &str) -> Vec<String> {
    let mut tree = sound();
    tree.files.insert(path.into(), text.into());
    check(&tree)
}

/// Asserts that the tree with this one file changed has exactly one kind of breach, and in that file.
#[track_caller]
fn found(path: &str, text: &str, words: &str) {
    let breaches = with(path, text);
    assert!(!breaches.is_empty(), "not found: {text}");
    for breach in &breaches {
        assert!(breach.contains(words) && breach.starts_with(path), "for {text:?}: {breaches:#?}");
    }
}

#[track_caller]
fn fine(path: &str, text: &str) {
    assert_eq!(with(path, text), Vec::<String>::new(), "{text}");
}

#[test]
fn a_sound_tree_passes() {
    assert_eq!(check(&sound()), Vec::<String>::new());
}

#[test]
fn a_floor_that_uses_one_above_it_is_found() {
    for text in [
        "use crate::cli::main;",
        "fn f() { crate::config::load() }",
        "use crate::{domain::{id, path}, ops::backup};",
        "pub use crate::service;",
        "fn f() { super::ops::x() }",
    ] {
        found("src/repo/mod.rs", &format!("pub mod seal;\n{text}"), "a floor above it");
    }
    found("src/repo/seal.rs", "use super::super::ops::x;", "a floor above it");
    found("src/cli/wiring.rs", "use crate::*;", "a glob");
    found("src/main.rs", "fn main() { strongroom::repo::x() }", "not only `cli`");
    found("src/repo/seal.rs", "fn f() { crate::testing::x() }", "only tests may");
    fine(
        "src/repo/seal.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::testing::x;\n}\n#[cfg(test)]\nuse crate::testing;\n",
    );
    fine("src/cli/wiring.rs", "use crate::domain; use crate::config;");
    let mut tree = sound();
    tree.files.insert("src/attic.rs".into(), String::new());
    assert!(check(&tree).iter().any(|breach| breach.contains("no floor of the house")));
}

#[test]
fn a_dependency_named_outside_its_door_is_found() {
    for text in ["use age::x;", "use ::age;", "fn f() { age::x() }", "use age as old;", "#[age::main]\nfn f() {}"] {
        found("src/cli/wiring.rs", text, "names `age`");
    }
    let dashed = with("src/repo/seal.rs", "use age::x; use ed25519_dalek::Key;");
    assert!(dashed.iter().any(|breach| breach.contains("names `ed25519_dalek`")), "{dashed:#?}");
    fine("src/cli/wiring.rs", "use crate::repo::age::x; fn f() { me.age() } #[cfg(test)] mod t { use zstd::x; }");
    let mut tree = sound();
    tree.files.remove("src/repo/seal.rs");
    tree.files.insert("src/repo/mod.rs".into(), "pub fn f() { age::x() }".into());
    let breaches = check(&tree);
    assert!(breaches.iter().any(|breach| breach.contains("no longer exists")), "{breaches:#?}");
}

#[test]
fn files_only_tests_lead_to_are_test_code() {
    let mut tree = sound();
    tree.files.insert("src/repo/mod.rs".into(), "pub mod seal;\n#[cfg(test)]\nmod trial;\n".into());
    tree.files.insert("src/repo/trial/mod.rs".into(), "mod deeper;\nuse crate::testing;".into());
    tree.files.insert("src/repo/trial/deeper.rs".into(), "use clap::x;".into());
    assert_eq!(check(&tree), Vec::<String>::new());
    tree.files.insert("src/repo/mod.rs".into(), "pub mod seal;\nmod trial;\n".into());
    assert_eq!(check(&tree).len(), 2, "{:#?}", check(&tree));
}

#[test]
fn a_dependency_without_a_door_is_found() {
    let mut tree = sound();
    tree.manifest += "leftpad = \"1\"\n";
    assert_eq!(check(&tree).len(), 1);
    assert!(check(&tree)[0].contains("`leftpad` has no door"));
    tree = sound();
    tree.manifest = tree.manifest.replace("zstd = \"1\"\n", "");
    assert!(check(&tree)[0].contains("`zstd` has a door but is no dependency"));
}

#[test]
fn asking_the_machine_outside_the_wiring_is_found() {
    for text in [
        "fn f() { SystemTime::now(); }",
        "fn f() { jiff::Timestamp::now(); }",
        "use std::env;",
        "use std::{env, fs};",
        "use std::{fs, env::var};",
        "fn f() { rand::rngs::OsRng; }",
    ] {
        found("src/repo/seal.rs", text, "asks the machine");
    }
    fine("src/repo/seal.rs", "fn f() { env!(\"X\"); }\n#[cfg(test)]\nmod tests { fn g() { std::env::args(); } }");
}

#[test]
fn sizes_are_counted() {
    let body = |lines: usize| format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2));
    found("src/repo/seal.rs", &body(sizes::FUNCTION_LINES + 1), "`long` has 71 lines");
    fine("src/repo/seal.rs", &body(sizes::FUNCTION_LINES));
    found("tests/help/mod.rs", &body(sizes::FUNCTION_LINES + 1), "`long` has 71 lines");
    let braces = format!(
        "fn long() {{\n    let c = ['{{', '\\''];\n    let s = r#\"}}\"#; // }}\n{}}}\n",
        "    x();\n".repeat(68)
    );
    found("src/repo/seal.rs", &braces, "`long` has 72 lines");
    found("src/repo/seal.rs", &"// x\n".repeat(sizes::FILE_LINES + 1), "401 lines");
    fine("src/repo/seal.rs", &"// x\n".repeat(sizes::FILE_LINES));
}

#[test]
fn promises_and_ignored_tests_are_found() {
    for text in ["// TODO later", "fn f() { todo!() }", "fn f() { unimplemented!() }", "// FIXME", "// enough for now."]
    {
        found("src/repo/seal.rs", text, "do it, or leave it out");
    }
    fine("src/repo/seal.rs", "// for nowhere; todo, TODOS");
    found("tests/all.rs", "mod help;\n#[test]\n#[ignore = \"slow\"]\nfn one() {}", "does not run");
    found("src/repo/seal.rs", "#[cfg_attr(not(unix), ignore)]\nfn one() {}", "does not run");
}

#[test]
fn files_nothing_leads_to_are_found() {
    found("src/repo/lost.rs", "", "no `mod` leads here");
    found("tests/help/lost.rs", "", "no `mod` leads here");
    found("tests/elsewhere/mod.rs", "", "no `mod` leads here");
    let mut tree = sound();
    tree.files.insert("tests/by_path.rs".into(), "#[path = \"far/mod.rs\"]\nmod near;".into());
    tree.files.insert("tests/far/mod.rs".into(), String::new());
    assert_eq!(check(&tree), Vec::<String>::new());
    for change in ["autotests = false\n[dependencies]", "[[test]]\nname = \"all\"\ntest = false\n[dependencies]"] {
        let mut tree = sound();
        tree.manifest = tree.manifest.replace("[dependencies]", change);
        assert_eq!(check(&tree).len(), 1, "{change}: {:#?}", check(&tree));
    }
    let mut tree = sound();
    tree.manifest = "not toml".into();
    assert_eq!(check(&tree).len(), 1);
}
