//! A network share gives its files other inode numbers after each mount: they must decide nothing there.

use super::*;
use crate::domain::path::RecordPath;
use crate::ops::backup::commit::keeps_inodes;
use crate::ops::fs::stat::of_file;
use crate::repo::cut::GearKey;
use crate::testing::FakeClock;

/// A file with two names, as a walk finds it, and as it was kept the last time.
fn kept(reading: &Reading<'_>, path: &str) -> (Found, Known) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file.as_file(), b"minutes").unwrap();
    let mut stat = of_file(file.as_file()).unwrap();
    stat.nlink = 2;
    let found = Found { path: RecordPath::new(path).unwrap(), kind: FoundKind::File, stat };
    let content = Content { size: 7, digest: None, pieces: Pieces::Inline(vec![]), link_group: Some(9) };
    let meta = crate::domain::listing::Meta {
        mode: stat.permissions(),
        uid: stat.uid,
        gid: stat.gid,
        user: None,
        group: None,
        mtime_s: stat.mtime_s,
        mtime_ns: stat.mtime_ns,
        xattrs: vec![],
    };
    let entry = Entry { path: found.path.clone(), kind: Kind::File(content), meta, gone: None, first: None };
    let fingerprint = reading.fingerprint(&stat, 0, reading.began);
    (found, Known::new(entry, fingerprint, None))
}

fn with_reading(stable: bool, look: impl FnOnce(&Reading<'_>)) {
    // Long after any change.
    let later: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
    let (names, gear, clock) = (Names::load(), Gear::new(&GearKey::new([1; 32])), FakeClock::at(later));
    let stable_inodes = &[stable];
    let openers = &[];
    look(&Reading { openers, stable_inodes, names: &names, gear: &gear, reread: false, clock: &clock, began: later });
}

#[test]
fn another_inode_is_another_file_here_and_the_same_on_a_share() {
    for stable in [true, false] {
        with_reading(stable, |reading| {
            let (mut found, last) = kept(reading, "Documents/minutes.txt");
            assert!(reading.unchanged(&found, &last, 0));
            found.stat.ino += 1;
            assert_eq!(reading.unchanged(&found, &last, 0), !stable, "mounted again");
            found.stat.ctime_ns ^= 1;
            assert!(!reading.unchanged(&found, &last, 0), "changed");
        });
    }
}

#[test]
fn the_same_inode_is_a_hard_link_here_and_chance_on_a_share() {
    for stable in [true, false] {
        with_reading(stable, |reading| {
            let (mut found, last) = kept(reading, "Documents/minutes.txt");
            let mut links = Links::default();
            links.note(&found, &last);
            found.path = RecordPath::new("Documents/other.txt").unwrap();
            assert_eq!(reading.linked(&links, &found, 0).is_some(), stable);
        });
    }
}

#[test]
fn shares_are_known_by_their_kind() {
    for share in ["cifs", "smb3", "nfs", "nfs4", "fuse.sshfs", "fuseblk", "9p", "vfat", "exfat"] {
        assert!(!keeps_inodes(share), "{share}");
    }
    for disk in ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", ""] {
        assert!(keeps_inodes(disk), "{disk}");
    }
}
