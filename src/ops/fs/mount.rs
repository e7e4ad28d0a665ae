//! Which mount a folder is on, so that a share that is not mounted never looks like a deletion.
//!
//! A mount is known by what is mounted (type, source, root of it), never by a device number, which
//! changes with every restart.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags};

/// One line of `/proc/self/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountEntry {
    /// The kernel's number for the mount, while it lasts.
    pub id: u64,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// For example `ext4`, `cifs`, `nfs4`.
    pub fs_type: String,
    /// For example `/dev/sda1`, `//server/share`.
    pub source: String,
    /// The folder of that file system that is mounted; `/` but for bind mounts and subvolumes.
    pub root: String,
}

impl MountEntry {
    /// What is mounted, in one line to be remembered. Equal only for equal type, source and root.
    pub fn identity(&self) -> String {
        let shown = |s: &str| s.replace('%', "%25").replace(' ', "%20");
        format!("{} {} {}", shown(&self.fs_type), shown(&self.source), shown(&self.root))
    }
}

/// The mount that holds `path`, links followed.
///
/// # Errors
/// When the path is not there, or `/proc` is not mounted or does not know the mount.
pub fn mount_of(path: &Path) -> io::Result<MountEntry> {
    let entries = parse(&std::fs::read("/proc/self/mountinfo")?);
    let asked = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID);
    if let Ok(answer) = asked
        && answer.stx_mask & StatxFlags::MNT_ID.bits() != 0
        && let Some(entry) = entries.iter().find(|e| e.id == answer.stx_mnt_id)
    {
        return Ok(entry.clone());
    }
    let real = path.canonicalize()?;
    holding(&entries, &real).cloned().ok_or_else(|| io::Error::other("the kernel's list of mounts does not have it"))
}

/// The entry with the longest mount point above `path`; of several on one point the last, which hides the others.
pub fn holding<'e>(entries: &'e [MountEntry], path: &Path) -> Option<&'e MountEntry> {
    let above = entries.iter().filter(|e| path.starts_with(&e.mount_point));
    above.max_by_key(|e| e.mount_point.as_os_str().len())
}

/// Parses the text of `/proc/self/mountinfo`; a line of another form is passed over.
pub fn parse(text: &[u8]) -> Vec<MountEntry> {
    text.split(|b| *b == b'\n').filter_map(parse_line).collect()
}

/// `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn parse_line(line: &[u8]) -> Option<MountEntry> {
    let fields: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
    let dash = 6 + fields.get(6..)?.iter().position(|f| *f == b"-")?;
    let text = |at: usize| fields.get(at).map(|f| String::from_utf8_lossy(&unescape(f)).into_owned());
    Some(MountEntry {
        id: std::str::from_utf8(fields[0]).ok()?.parse().ok()?,
        mount_point: PathBuf::from(OsString::from_vec(unescape(fields[4]))),
        fs_type: text(dash + 1)?,
        source: text(dash + 2)?,
        root: text(3)?,
    })
}

/// The kernel writes space, tab, newline and backslash as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|d| *first == b'\\' && d.iter().all(|b| (b'0'..=b'7').contains(b)));
        match octal.map(|d| d.iter().fold(0u32, |n, b| n * 8 + u32::from(b - b'0'))).map(u8::try_from) {
            Some(Ok(byte)) => {
                out.push(byte);
                rest = &after[3..];
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
        30 22 0:40 / /srv/Parish\\040Office rw shared:9 master:3 - cifs //nas/Shared\\040Docs rw,vers=3.1\n\
        31 22 0:41 /sub /srv rw - btrfs /dev/sdb1 rw,subvol=/sub\n\
        32 30 0:42 / /srv/Parish\\040Office rw - tmpfs tmpfs rw\n\
        nonsense\n33 22 0:9 / /a\\134b rw - proc proc rw\n";

    #[test]
    fn lines_are_read_with_their_escapes() {
        let all = parse(TEXT);
        assert_eq!(all.len(), 5);
        assert_eq!(all[1].mount_point, Path::new("/srv/Parish Office"));
        assert_eq!(all[1].source, "//nas/Shared Docs");
        assert_eq!(all[1].identity(), "cifs //nas/Shared%20Docs /");
        assert_eq!(all[2].identity(), "btrfs /dev/sdb1 /sub");
        assert_eq!(all[4].mount_point, Path::new("/a\\b"));
        assert_eq!(unescape(b"\\04\\999\\"), b"\\04\\999\\");
        assert_eq!(unescape(b"\\777"), b"\\777", "more than a byte holds");
    }

    #[test]
    fn the_nearest_and_latest_mount_holds_a_path() {
        let all = parse(TEXT);
        let id = |p: &str| holding(&all, Path::new(p)).map(|e| e.id);
        assert_eq!(id("/etc"), Some(22));
        assert_eq!(id("/srv"), Some(31));
        assert_eq!(id("/srv/Parish Offices"), Some(31));
        assert_eq!(id("/srv/Parish Office/x"), Some(32));
    }

    #[test]
    fn this_machine_tells() {
        let proc = mount_of(Path::new("/proc/self")).unwrap();
        assert_eq!((proc.fs_type.as_str(), proc.mount_point.as_path()), ("proc", Path::new("/proc")));
        let dir = tempfile::tempdir().unwrap();
        let here = mount_of(dir.path()).unwrap();
        assert!(dir.path().canonicalize().unwrap().starts_with(&here.mount_point));
        assert!(mount_of(&dir.path().join("no")).is_err());
    }
}
