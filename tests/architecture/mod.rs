//! A tree of sources and the rules over it. Pure but for [`Tree::read`].

mod doors;
mod floors;
mod reach;
mod selftest;
mod sizes;
mod source;
mod words;

use source::Source;
use std::collections::BTreeMap;
use std::path::Path;

/// Every Rust file by its path from the root, and the manifest.
#[derive(Clone, Default)]
pub struct Tree {
    pub manifest: String,
    pub files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads `Cargo.toml` and all Rust files under the folders that hold code.
    pub fn read(root: &Path) -> Self {
        let mut tree =
            Tree { manifest: std::fs::read_to_string(root.join("Cargo.toml")).unwrap(), files: BTreeMap::new() };
        for folder in ["src", "tests", "benches", "examples"] {
            if root.join(folder).is_dir() {
                tree.read_folder(root, folder);
            }
        }
        tree
    }

    fn read_folder(&mut self, root: &Path, folder: &str) {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                self.read_folder(root, &path);
            } else if path.ends_with(".rs") {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                self.files.insert(path, text);
            }
        }
    }
}

/// All breaches of all rules, each as "path:line: what is wrong".
pub fn check(tree: &Tree) -> Vec<String> {
    let mut sources: Vec<Source> = tree.files.iter().map(|(path, text)| Source::new(path, text)).collect();
    reach::mark_test_files(&mut sources);
    let manifest: toml::Table = match tree.manifest.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("Cargo.toml: {error}")],
    };
    let mut breaches = Vec::new();
    for source in &sources {
        floors::check(source, &mut breaches);
        sizes::check(source, &mut breaches);
        words::check(source, &mut breaches);
    }
    doors::check(&sources, &manifest, &mut breaches);
    reach::check(&sources, &manifest, &mut breaches);
    breaches
}
