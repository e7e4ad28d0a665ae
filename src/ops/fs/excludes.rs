//! What a walk leaves out.
//!
//! A pattern without `/` is matched against a name at any depth; one with `/` against the path below the
//! source folder. A `/` in front only says "from the top", one at the end "folders only". `*` does not
//! cross a `/`, `**` does. What is left out is not descended into.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A pattern that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("the pattern '{pattern}' is not understood: {detail}; write \\* for a star that is meant as such")]
pub struct BadPattern {
    /// As it was written.
    pub pattern: String,
    /// What is wrong with it.
    pub detail: String,
}

/// A compiled list of patterns.
#[derive(Debug, Clone)]
pub struct Excludes {
    any: Pair,
    folders: Pair,
}

#[derive(Debug, Clone)]
struct Pair {
    names: GlobSet,
    paths: GlobSet,
}

impl Excludes {
    /// Leaves out nothing.
    pub fn none() -> Self {
        let pair = Pair { names: GlobSet::empty(), paths: GlobSet::empty() };
        Self { any: pair.clone(), folders: pair }
    }

    /// Compiles a list of patterns.
    ///
    /// # Errors
    /// [`BadPattern`] names the first that is not understood.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, BadPattern> {
        let mut sets: [GlobSetBuilder; 4] = std::array::from_fn(|_| GlobSetBuilder::new());
        for pattern in patterns {
            let written = pattern.as_ref();
            let (bare, folders) = match written.strip_suffix('/') {
                Some(bare) => (bare, true),
                None => (written, false),
            };
            let by_path = bare.contains('/');
            let bare = bare.strip_prefix('/').unwrap_or(bare);
            let bad = |detail: String| BadPattern { pattern: written.to_owned(), detail };
            if bare.is_empty() {
                return Err(bad("it is empty".to_owned()));
            }
            let glob = GlobBuilder::new(bare).literal_separator(true).build().map_err(|e| bad(e.kind().to_string()))?;
            sets[usize::from(folders) * 2 + usize::from(by_path)].add(glob);
        }
        let mut built = Vec::with_capacity(4);
        for set in &sets {
            let all = || patterns.iter().map(|p| p.as_ref()).collect::<Vec<_>>().join(", ");
            built.push(set.build().map_err(|e| BadPattern { pattern: all(), detail: e.kind().to_string() })?);
        }
        let [any_names, any_paths, folder_names, folder_paths]: [GlobSet; 4] =
            built.try_into().unwrap_or_else(|_| std::array::from_fn(|_| GlobSet::empty()));
        Ok(Self {
            any: Pair { names: any_names, paths: any_paths },
            folders: Pair { names: folder_names, paths: folder_paths },
        })
    }

    /// Whether `name` in `folder` is left out; `folder` is relative to the source, empty at its top.
    pub fn matches(&self, folder: &[u8], name: &[u8], is_dir: bool) -> bool {
        self.any.matches(folder, name) || (is_dir && self.folders.matches(folder, name))
    }
}

impl Excludes {
    /// Whether something with this path below the source is left out, by itself or with a folder it lies in.
    pub fn leave_out(&self, below: &[u8], is_dir: bool) -> bool {
        let ends = below.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| (at, true));
        ends.chain([(below.len(), is_dir)]).any(|(end, is_dir)| {
            let path = &below[..end];
            let (folder, name) = match path.iter().rposition(|b| *b == b'/') {
                Some(at) => (&path[..at], &path[at + 1..]),
                None => (&[][..], path),
            };
            self.matches(folder, name, is_dir)
        })
    }
}

impl Pair {
    fn matches(&self, folder: &[u8], name: &[u8]) -> bool {
        if self.names.is_match(OsStr::from_bytes(name)) {
            return true;
        }
        if self.paths.is_empty() {
            return false;
        }
        if folder.is_empty() {
            return self.paths.is_match(OsStr::from_bytes(name));
        }
        self.paths.is_match(OsStr::from_bytes(&[folder, name].join(&b'/')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_anywhere_and_paths_from_the_top() {
        let x = Excludes::new(&["*.tmp", "a/b*", "/top", "cache/", "dot.", "**/deep/x", "été*"]).unwrap();
        for (folder, name, dir) in [
            ("", "f.tmp", false),
            ("x/y", "f.tmp", false),
            ("a", "bcd", true),
            ("", "top", false),
            ("q", "cache", true),
            ("", "dot.", false),
            ("p/q/deep", "x", false),
            ("", "été 2026", false),
        ] {
            assert!(x.matches(folder.as_bytes(), name.as_bytes(), dir), "{folder}/{name}");
        }
        for (folder, name, dir) in
            [("a/c", "b", true), ("z", "top", false), ("q", "cache", false), ("", "b", false), ("x/a", "b", true)]
        {
            assert!(!x.matches(folder.as_bytes(), name.as_bytes(), dir), "{folder}/{name}");
        }
    }

    #[test]
    fn names_need_not_be_text() {
        let x = Excludes::new(&["*.bak"]).unwrap();
        assert!(x.matches(b"\xff", b"\xfe\n.bak", false));
        assert!(!x.matches(b"", b"\xfe\n.bax", false));
    }

    #[test]
    fn bad_patterns_are_named() {
        for bad in ["a[", "", "/", "{a"] {
            let e = Excludes::new(&["fine", bad]).unwrap_err();
            assert_eq!(e.pattern, bad);
        }
        assert!(!Excludes::none().matches(b"", b"x", true));
    }
}
