//! Extended attributes as bytes, ACLs among them (`system.posix_acl_*`).
//!
//! A file system that has none is not an error.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::XattrFlags;
use rustix::io::Errno;

use super::meta::At;
use crate::domain::listing::Xattr;

/// The kernel's own limit for a list of names and for a value.
const LARGEST: usize = 64 * 1024;

/// What an ACL stands under; removed on restore where the record has none, since a folder can pass one on.
const ACLS: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];

/// All attributes, sorted by name.
///
/// # Errors
/// The kernel's.
pub fn read(at: At<'_>) -> Result<Vec<Xattr>, Errno> {
    let mut all = Vec::new();
    for name in names(at)?.split(|b| *b == 0).filter(|n| !n.is_empty()) {
        let value = grown(|buffer| match at {
            At::Open(fd) => rustix::fs::fgetxattr(fd, name, buffer),
            At::Named(fd, file) => rustix::fs::lgetxattr(by_proc(fd, file), name, buffer),
        });
        match value {
            Ok(value) => all.push(Xattr { name: name.to_vec(), value }),
            // Removed since it was listed, or listed but not readable as such.
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(e) => return Err(e),
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// Sets what is recorded and removes an ACL that is not; says what could not be set.
pub fn write(at: At<'_>, recorded: &[Xattr]) -> Vec<String> {
    let mut warnings = Vec::new();
    if let At::Open(fd) = at {
        let present = names(at).unwrap_or_default();
        for acl in ACLS.into_iter().filter(|acl| present.split(|b| *b == 0).any(|n| n == *acl)) {
            if !recorded.iter().any(|x| x.name == acl) && rustix::fs::fremovexattr(fd, acl).is_err() {
                warnings.push("the ACL that the target folder passes on could not be removed".to_owned());
            }
        }
    }
    for x in recorded {
        let name = x.name.as_slice();
        let done = match at {
            At::Open(fd) => rustix::fs::fsetxattr(fd, name, &x.value, XattrFlags::empty()),
            At::Named(fd, file) => rustix::fs::lsetxattr(by_proc(fd, file), name, &x.value, XattrFlags::empty()),
        };
        // A label that we may not set is the machine's own policy to give.
        if let Err(e) = done
            && name != b"security.selinux"
        {
            let shown = crate::domain::path::printable(name);
            warnings.push(format!("the attribute {shown} could not be set: {}", std::io::Error::from(e)));
        }
    }
    warnings
}

fn names(at: At<'_>) -> Result<Vec<u8>, Errno> {
    let list = grown(|buffer| match at {
        At::Open(fd) => rustix::fs::flistxattr(fd, buffer),
        At::Named(fd, file) => rustix::fs::llistxattr(by_proc(fd, file), buffer),
    });
    match list {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Vec::new()),
        other => other,
    }
}

/// Asks with a small buffer, and once more with the largest there can be.
fn grown(mut ask: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut small = [0u8; 1024];
    match ask(&mut small) {
        Ok(len) => Ok(small[..len].to_vec()),
        Err(Errno::RANGE) => {
            let mut large = vec![0u8; LARGEST];
            let len = ask(&mut large)?;
            large.truncate(len);
            Ok(large)
        }
        Err(e) => Err(e),
    }
}

/// Attributes of what cannot be opened are reached by the folder's number and the name.
fn by_proc(fd: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", fd.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    path
}
