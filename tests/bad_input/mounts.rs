//! File systems of a test's own: small ones, and ones that may only be read.
//!
//! Root mounts them here; anybody else in a user namespace of the test's own (`unshare -rm`). Where neither is
//! possible the test fails and says what it needs.

use std::path::{Path, PathBuf};
use std::process::Command;

const INSIDE: &str = "STRONGROOM_TEST_MAY_MOUNT";

/// A mount that goes with the value.
pub struct Mount(PathBuf);

fn succeeds(program: &str, words: &[&str]) -> bool {
    Command::new(program).args(words).output().is_ok_and(|o| o.status.success())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Whether the body of the test `name` shall be run here. If not, it was run, and passed, where mounting is allowed.
pub fn may_mount(name: &str) -> bool {
    let probe = tempfile::tempdir().unwrap();
    if std::env::var_os(INSIDE).is_some() || Mount::try_tmpfs(probe.path(), "size=64k").is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let mut inside = Command::new("unshare");
    inside.args(["-rm"]).arg(program).args(["--exact", name, "--nocapture"]).env(INSIDE, "yes");
    let ran = inside.output();
    let said = ran.as_ref().map(|o| String::from_utf8_lossy(&[&o.stdout[..], &o.stderr[..]].concat()).into_owned());
    let passed = ran.as_ref().is_ok_and(|o| o.status.success()) && said.as_ref().is_ok_and(|s| s.contains("1 passed"));
    assert!(
        passed,
        "this test mounts small file systems: run it as root where mounting is allowed (in a container: --cap-add \
         SYS_ADMIN), or where `unshare -rm` works. What was said there: {said:?}"
    );
    false
}

impl Mount {
    fn try_tmpfs(path: &Path, options: &str) -> Option<Self> {
        let done = succeeds("mount", &["-t", "tmpfs", "-o", options, "strongroom-test", text(path)]);
        done.then(|| Self(path.to_owned()))
    }

    /// A file system in memory: `size=…`, `nr_inodes=…`.
    #[track_caller]
    pub fn tmpfs(path: &Path, options: &str) -> Self {
        std::fs::create_dir_all(path).unwrap();
        Self::try_tmpfs(path, options).unwrap_or_else(|| panic!("no tmpfs could be mounted at {}", path.display()))
    }

    /// What lies at `from`, at `path` too.
    #[track_caller]
    pub fn bind(from: &Path, path: &Path) -> Self {
        assert!(succeeds("mount", &["--bind", text(from), text(path)]), "bind {}", path.display());
        Self(path.to_owned())
    }

    /// The folder itself, to be read only.
    #[track_caller]
    pub fn read_only(path: &Path) -> Self {
        let mount = Self::bind(path, path);
        assert!(succeeds("mount", &["-o", "remount,bind,ro", text(path)]), "remount {}", path.display());
        mount
    }

    /// Other limits for a [`Mount::tmpfs`]. Said in full, so that `mount` adds no option that only root may give.
    #[track_caller]
    pub fn resize(&self, options: &str) {
        let words = ["-t", "tmpfs", "-o", &format!("remount,{options}"), "strongroom-test", text(&self.0)];
        assert!(succeeds("mount", &words), "remount {options}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        succeeds("umount", &[text(&self.0)]);
    }
}
