//! A command in a root shell must not lock the service out: what root made below the folders of the service's
//! user is given to that user before the program ends.
//!
//! Only what root owns, has one name and lies below without a symbolic link between is given away.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, fchown, fstat, openat, statat};

/// Deeper folders are none of ours.
const MAX_DEPTH: usize = 8;

/// Gives what root made below `folder` to the folder's owner. Does nothing for anybody but root.
pub fn hand_back(folder: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(top) = openat(CWD, folder, flags, Mode::empty()) else { return };
    let Ok(stat) = fstat(&top) else { return };
    if stat.st_uid != 0 {
        below(top, Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid), MAX_DEPTH);
    }
}

fn below(folder: OwnedFd, owner: Uid, group: Gid, depth: usize) {
    let Ok(entries) = Dir::read_from(&folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let Ok(stat) = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if !matches!(kind, FileType::RegularFile | FileType::Directory) {
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(opened) = openat(&folder, name, flags, Mode::empty()) else { continue };
        // What was opened counts, not what was looked at: a name can change in between.
        let Ok(stat) = fstat(&opened) else { continue };
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if stat.st_uid == 0 && (is_folder || stat.st_nlink == 1) {
            let _ = fchown(&opened, Some(owner), Some(group));
        }
        if is_folder && depth > 0 {
            below(opened, owner, group, depth - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn roots_files_go_to_the_folders_owner_and_nothing_else_does() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        std::fs::create_dir_all(state.join("cache/index")).unwrap();
        let outside = dir.path().join("shadow");
        for path in [&outside, &state.join("journal"), &state.join("cache/index/a")] {
            std::fs::write(path, b"x").unwrap();
        }
        std::fs::hard_link(&outside, state.join("trap")).unwrap();
        std::os::unix::fs::symlink(&outside, state.join("link")).unwrap();
        std::os::unix::fs::chown(&state, Some(4711), Some(4712)).unwrap();
        hand_back(&state);
        let owner = |p: &Path| (p.symlink_metadata().unwrap().uid(), p.symlink_metadata().unwrap().gid());
        assert_eq!(owner(&state.join("journal")), (4711, 4712));
        assert_eq!(owner(&state.join("cache/index")), (4711, 4712));
        assert_eq!(owner(&state.join("cache/index/a")), (4711, 4712));
        assert_eq!(owner(&outside), (0, 0));
        assert_eq!(owner(&state.join("link")).0, 0);
    }
}
