//! The part of `doctor` that looks beside the sets: folders of this computer that no set covers.
//!
//! Only names are read, so many at most, no link is followed, and no message to people says what was found: the names may be
//! anybody's. They are shown on the terminal, or in `--json`, to whoever asked.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::doctor::Lines;
use crate::cli::stores;
use crate::config::Config;
use crate::domain::path::printable;
use crate::domain::problem::Verdict;
use crate::service::plain::counted;

/// Names that are read at most.
const MOST_NAMES: usize = 20_000;
/// Folders that are named to people, and kept at all.
const NAMED: usize = 10;
const KEPT: usize = 1_000;

/// In `/` these are the system's own.
const SYSTEM: [&str; 17] = [
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "root", "run", "sbin", "snap", "sys",
    "tmp", "usr", "var",
];
/// And what lies beside a set's folder here is, too.
const OF_THE_SYSTEM: [&str; 9] =
    ["/var", "/var/lib", "/var/spool", "/usr", "/usr/local", "/usr/share", "/etc", "/run", "/tmp"];
/// Anywhere: waste bins, caches, and what disks and file servers keep for themselves.
const RUBBISH: [&str; 9] = [
    "lost+found",
    ".cache",
    ".snapshots",
    "$RECYCLE.BIN",
    "System Volume Information",
    "#recycle",
    "@eaDir",
    ".Trash",
    "#snapshot",
];

const WHAT: &str = "every folder beside those of the sets is backed up, or meant not to be";
const WHAT_TO_DO: &str = "Add each to a [[set]]; or, if it is meant not to be backed up, to the one list under [left_out]: folders = \
                          [\"/its/path\"]";

pub fn look(lines: &mut Lines<'_>, config: &Config) {
    // In a trial one folder was named, and nothing else is asked for.
    if config.trial {
        return;
    }
    let found = beside(config);
    let more = if found.is_cut { " at least" } else { "" };
    let verdict = match (&found.folders.len(), &found.unseen) {
        (0, Some(why)) => Verdict::NotChecked(why.clone()),
        (0, None) => Verdict::Passed,
        (n, _) => Verdict::Failed(format!("{}{more}", counted(*n as u64, "folder is", "folders are"))),
    };
    lines.add(WHAT, &verdict, WHAT_TO_DO);
    // Where it leads into the system's journal, the number is enough.
    let out = &lines.shell.out;
    for (n, path) in found.folders.iter().enumerate().filter(|_| !out.is_journalled()) {
        if n < NAMED || out.is_json() {
            let object = || json!({"message_type": "not-covered", "path": shown(path)});
            out.row(|| format!("{:<13}{}", "", shown(path)), object);
        }
    }
    if found.folders.len() > NAMED && !out.is_journalled() {
        out.say(format!("{:<13}and {} more", "", found.folders.len() - NAMED));
    }
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

/// What lies beside the folders of the sets.
#[derive(Default)]
struct Beside {
    /// Folders that no set covers and nobody left out, sorted.
    folders: BTreeSet<PathBuf>,
    /// There are more.
    is_cut: bool,
    /// Why not everything could be looked at.
    unseen: Option<String>,
    read: usize,
}

/// Where somebody decided something: sets, the program's own folders, what is left out.
struct Decided {
    /// Of what lies below these it is decided.
    covered: Vec<PathBuf>,
}

impl Decided {
    fn covers(&self, path: &Path) -> bool {
        self.covered.iter().any(|c| path.starts_with(c))
    }
    /// Something below it is, the rest not.
    fn is_part_of(&self, path: &Path) -> bool {
        self.covered.iter().any(|c| c.starts_with(path))
    }
}

fn beside(config: &Config) -> Beside {
    let roots: Vec<&Path> = config.sets.iter().flat_map(|s| &s.folders).map(|f| f.path.as_path()).collect();
    let own = [Some(config.state_dir.as_path()), stores::folder(config)];
    let named =
        roots.iter().copied().chain(own.into_iter().flatten()).chain(config.left_out.iter().map(PathBuf::as_path));
    // A folder may be named by a way that leads through a link: it is covered under its other name, too.
    let covered = named.flat_map(|p| [Some(p.to_owned()), p.canonicalize().ok()]).flatten();
    let decided = Decided { covered: covered.collect() };
    let mut found = Beside::default();
    let parents: BTreeSet<&Path> = roots.iter().filter_map(|r| r.parent()).collect();
    for parent in parents {
        if OF_THE_SYSTEM.iter().any(|own| parent == Path::new(own)) {
            found.unseen = Some(format!("what lies in {} is mostly the system's own", parent.display()));
        } else if !config.left_out.iter().any(|l| parent.starts_with(l)) {
            found.look_into(parent, &decided);
        }
    }
    found
}

impl Beside {
    fn look_into(&mut self, folder: &Path, decided: &Decided) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            // That a set's folder is not there is said elsewhere.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return,
            Err(e) => return self.unseen = Some(format!("{} cannot be looked into: {e}", shown(folder))),
        };
        for entry in entries.flatten() {
            self.read += 1;
            if self.read > MOST_NAMES || self.folders.len() >= KEPT {
                self.is_cut = true;
                self.unseen = Some("there are too many names to read them all".to_owned());
                return;
            }
            let (name, path) = (entry.file_name(), entry.path());
            let passed_over = name.to_str().is_some_and(|n| {
                RUBBISH.contains(&n) || n.starts_with(".Trash-") || (folder == Path::new("/") && SYSTEM.contains(&n))
            });
            if passed_over || !entry.file_type().is_ok_and(|t| t.is_dir()) || decided.covers(&path) {
                continue;
            }
            if decided.is_part_of(&path) {
                self.look_into(&path, decided);
            } else if !is_empty(&path) {
                self.folders.insert(path);
            }
        }
    }
}

/// Known to be: one that cannot be read may hold anything.
fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration that backs up these folders, the program's own in `/none`.
    fn of(folders: &[&Path]) -> Config {
        let mut config = crate::config::trial(Path::new("/none"), folders[0]);
        let name = config.sets[0].folders[0].name.clone();
        config.sets[0].folders =
            folders.iter().map(|f| crate::config::Folder { path: (*f).into(), name: name.clone() }).collect();
        config
    }

    fn tree(folders: &[&str]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        for folder in folders {
            std::fs::create_dir_all(tree.path().join(folder)).unwrap();
            std::fs::write(tree.path().join(folder).join("file"), b"x").unwrap();
        }
        tree
    }

    fn names(found: &Beside, tree: &tempfile::TempDir) -> Vec<String> {
        let name = |p: &PathBuf| p.strip_prefix(tree.path()).unwrap().display().to_string();
        found.folders.iter().map(name).collect()
    }

    #[test]
    fn what_lies_beside_a_set_and_on_the_way_to_another_is_found() {
        let tree = tree(&["Documents", "Old", "x/y/Plans", "x/z", "x/.cache", "lost+found", ".thunderbird"]);
        let (documents, plans) = (tree.path().join("Documents"), tree.path().join("x/y/Plans"));
        let mut config = of(&[&documents, &plans]);
        assert_eq!(names(&beside(&config), &tree), [".thunderbird", "Old", "x/z"]);
        config.left_out = vec![tree.path().join("Old"), tree.path().join("x")];
        assert_eq!(names(&beside(&config), &tree), [".thunderbird"]);
        config.left_out = vec![tree.path().into()];
        let found = beside(&config);
        assert!(found.folders.is_empty() && found.unseen.is_none());
        // The program's own folders are nobody's documents; what is beside them may be.
        config.left_out.clear();
        config.state_dir = tree.path().join("x/z");
        assert_eq!(names(&beside(&config), &tree), [".thunderbird", "Old"]);
    }

    #[test]
    fn a_set_that_is_named_by_a_link_is_covered_under_its_own_name_too() {
        let tree = tree(&["real"]);
        let link = tree.path().join("Documents");
        std::os::unix::fs::symlink(tree.path().join("real"), &link).unwrap();
        assert_eq!(names(&beside(&of(&[&link])), &tree), [""; 0]);
    }

    #[test]
    fn what_could_not_be_looked_at_is_said() {
        assert!(beside(&of(&[Path::new("/var/mail")])).unseen.unwrap().contains("mostly the system's own"));
        let tree = tree(&["Documents"]);
        let documents = tree.path().join("Documents");
        (0..=MOST_NAMES).for_each(|n| drop(std::fs::write(tree.path().join(n.to_string()), b"")));
        let found = beside(&of(&[&documents]));
        assert!(found.is_cut && found.unseen.unwrap().contains("too many names"));
        // A set's folder that is not there is told of by another line.
        assert!(beside(&of(&[Path::new("/nowhere/at/all")])).unseen.is_none());
    }
}
