//! Giving a restored file its owner, attributes, mode and time, in the one order in which they last.
//!
//! Owner first, since a change of owner drops set-uid bits and file capabilities; ACLs before the mode,
//! since each writes the other; the time last. A set-uid bit is never given to another owner's file.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;

use super::meta::At;
use super::names::Names;
use super::place::Owner;
use super::stat::{FoundKind, Stat};
use super::xattrs;
use crate::domain::listing::Meta;

/// How owners are chosen in one restore.
#[derive(Debug)]
pub struct Policy {
    /// Whose the files are to be.
    pub owner: Owner,
    /// Owner and group of the target folder.
    pub folder: (u32, u32),
    /// Names on this machine.
    pub names: Names,
    /// Our own number.
    pub me: u32,
}

/// Whether owner and group are now those of the record.
struct Owned {
    user: bool,
    group: bool,
}

impl Policy {
    /// For an open file or folder.
    pub fn apply_open(&self, fd: BorrowedFd<'_>, kind: FoundKind, meta: &Meta) -> Vec<String> {
        let mut warnings = Vec::new();
        let owned = self.own(meta, &mut warnings, |u, g| rustix::fs::fchown(fd, u, g));
        warnings.extend(xattrs::write(At::Open(fd), &meta.xattrs));
        let mode = mode_for(meta, kind, &owned, &mut warnings);
        note(&mut warnings, "mode", rustix::fs::fchmod(fd, mode));
        let times = times(meta, &mut warnings);
        note(&mut warnings, "modification time", rustix::fs::futimens(fd, &times));
        warnings
    }

    /// For what cannot be opened: links, pipes and devices, under a name of our own.
    pub fn apply_named(&self, dir: BorrowedFd<'_>, name: &[u8], kind: FoundKind, meta: &Meta) -> Vec<String> {
        let mut warnings = Vec::new();
        let still = AtFlags::SYMLINK_NOFOLLOW;
        let owned = self.own(meta, &mut warnings, |u, g| rustix::fs::chownat(dir, name, u, g, still));
        warnings.extend(xattrs::write(At::Named(dir, name), &meta.xattrs));
        if kind != FoundKind::Symlink {
            let mode = mode_for(meta, kind, &owned, &mut warnings);
            note(&mut warnings, "mode", chmod_named(dir, name, kind, mode));
        }
        let times = times(meta, &mut warnings);
        note(&mut warnings, "modification time", rustix::fs::utimensat(dir, name, &times, still));
        warnings
    }

    fn own(
        &self,
        meta: &Meta,
        warnings: &mut Vec<String>,
        chown: impl Fn(Option<Uid>, Option<Gid>) -> Result<(), Errno>,
    ) -> Owned {
        let local = (
            meta.user.as_deref().and_then(|n| self.names.uid(n)).unwrap_or(meta.uid),
            meta.group.as_deref().and_then(|n| self.names.gid(n)).unwrap_or(meta.gid),
        );
        let (uid, gid) = if self.owner == Owner::Recorded { local } else { self.folder };
        let same = |user: bool, group: bool| Owned { user: user && uid == local.0, group: group && gid == local.1 };
        // The kernel takes the largest number for "leave it".
        let user = (uid != u32::MAX).then(|| Uid::from_raw(uid));
        let group = (gid != u32::MAX).then(|| Gid::from_raw(gid));
        match chown(user, group) {
            Ok(()) => same(user.is_some(), group.is_some()),
            Err(e) if self.me == 0 => {
                warnings.push(format!("owner {uid}:{gid} could not be set: {}", std::io::Error::from(e)));
                same(false, false)
            }
            Err(_) => same(self.me == uid, chown(None, group).is_ok() && group.is_some()),
        }
    }
}

fn mode_for(meta: &Meta, kind: FoundKind, owned: &Owned, warnings: &mut Vec<String>) -> Mode {
    let mut bits = meta.mode & 0o7777;
    let foreign = if owned.user { 0 } else { 0o4000 } | if owned.group { 0 } else { 0o2000 };
    if kind != FoundKind::Dir && bits & foreign != 0 {
        bits &= !foreign;
        warnings.push("its set-uid or set-gid bit was left off, since it has another owner now".to_owned());
    }
    Mode::from_raw_mode(bits)
}

/// There is no call that changes a mode by name without following a link: go by the thing itself.
fn chmod_named(dir: BorrowedFd<'_>, name: &[u8], kind: FoundKind, mode: Mode) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    if Stat::from(rustix::fs::fstat(&fd)?).kind() != kind {
        return Err(Errno::STALE);
    }
    rustix::fs::chmodat(CWD, format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()), mode, AtFlags::empty())
}

fn times(meta: &Meta, warnings: &mut Vec<String>) -> Timestamps {
    // Numbers beyond a second have other meanings to the kernel.
    let ns = meta.mtime_ns.min(999_999_999);
    if ns != meta.mtime_ns {
        warnings.push("the recorded time has more than a second's nanoseconds".to_owned());
    }
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: meta.mtime_s, tv_nsec: ns.into() },
    }
}

fn note(warnings: &mut Vec<String>, what: &str, done: Result<(), Errno>) {
    if let Err(e) = done {
        warnings.push(format!("its {what} could not be set: {}", std::io::Error::from(e)));
    }
}
