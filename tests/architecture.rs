//! The house rules of the source tree, checked on every run: floors, doors, sizes, words that must not be
//! there, and that no file and no test is left outside. The checker is a pure function over a tree; the last
//! part of this test feeds it one breach of every rule and asserts that each is found.

// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

#[path = "architecture/mod.rs"]
mod house;

use house::Tree;
use std::path::Path;

#[test]
fn the_source_tree_keeps_the_house_rules() {
    let tree = Tree::read(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(tree.files.contains_key("src/lib.rs"), "the tree was not found: {:?}", tree.files.keys());
    let breaches = house::check(&tree);
    assert!(breaches.is_empty(), "{} breaches of the house rules:\n{}", breaches.len(), breaches.join("\n"));
}
