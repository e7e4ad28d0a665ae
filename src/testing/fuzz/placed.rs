//! A listing that leads outside: every record of a page is put back below a folder, in any order, by the functions that a
//! restore uses. Nothing beside that folder may change.

use std::path::Path;

use super::local::Folder;
use crate::domain::listing::Kind;
use crate::ops::fs::place::{Overwrite, Owner, PlaceError, Target, TargetOptions};
use crate::repo::listing::decode_page;

/// Records of a page that are put back.
const MOST: usize = 24;
/// A file is written no longer than this.
const BYTES: &[u8] = b"written by a restore";

pub(super) fn restored(data: &[u8]) {
    let Ok(entries) = decode_page(data) else { return };
    let folder = Folder::new();
    let (inside, beside) = (folder.0.join("target"), folder.0.join("beside"));
    assert!(std::fs::create_dir_all(&inside).is_ok() && std::fs::write(&beside, "as it was").is_ok());
    let Ok(target) = Target::open(&inside, TargetOptions { owner: Owner::OfFolder, nonce: 1 }) else { return };
    let some = || entries.iter().take(MOST);
    // Links first: what follows must not go through them.
    let (links, others): (Vec<_>, Vec<_>) = some().partition(|e| matches!(e.kind, Kind::Symlink(_)));
    for entry in links.into_iter().chain(others) {
        let _ = put(&target, entry);
    }
    for entry in some().filter(|e| matches!(e.kind, Kind::Dir)) {
        let _ = target.finish_dir(&entry.path, &entry.meta);
    }
    assert!(std::fs::read(&beside).is_ok_and(|now| now == b"as it was"), "something beside the target was changed");
    assert_eq!(names(&folder.0), ["beside", "target"], "something was put beside the target");
}

fn put(target: &Target, entry: &crate::domain::listing::Entry) -> Result<(), PlaceError> {
    let (path, meta, always) = (&entry.path, &entry.meta, Overwrite::Always);
    match &entry.kind {
        Kind::Dir => drop(target.make_dir(path)?),
        Kind::Symlink(to) => drop(target.make_symlink(path, to, meta, always)?),
        Kind::Fifo => drop(target.make_fifo(path, meta, always)?),
        Kind::File(_) => {
            let partial = target.begin_file(path, 0)?;
            partial.write_at(0, BYTES)?;
            drop(target.finish_file(partial, path, meta, always)?);
            drop(target.hard_link(path, path, always)?);
        }
        // Device files need root, and are data all the same.
        Kind::Socket | Kind::CharDevice(..) | Kind::BlockDevice(..) => {}
    }
    Ok(())
}

fn names(dir: &Path) -> Vec<String> {
    let all = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = all.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
