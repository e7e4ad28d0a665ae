//! Everything Unix keeps about a file besides its content, as a listing records it.

use std::os::fd::BorrowedFd;

use super::names::Names;
use super::stat::Stat;
use super::walk::kind_of;
use super::xattrs;
use crate::domain::listing::Meta;
use crate::domain::path::RecordPath;
use crate::domain::problem::Problem;

/// Where the thing is.
#[derive(Debug, Clone, Copy)]
pub enum At<'a> {
    /// Open for reading: costs one call to the kernel.
    Open(BorrowedFd<'a>),
    /// By name in a folder that is open. Never follows a link. Needs `/proc`.
    Named(BorrowedFd<'a>, &'a [u8]),
}

/// Owner, mode, time and extended attributes, ACLs among them. What could not be read is a problem beside
/// what could.
pub fn capture(path: &RecordPath, at: At<'_>, stat: &Stat, names: &Names) -> (Meta, Option<Problem>) {
    let mut meta = plain(stat, names);
    match xattrs::read(at) {
        Ok(all) => meta.xattrs = all,
        Err(e) => {
            let detail = format!("its extended attributes could not be read: {}", std::io::Error::from(e));
            return (meta, Some(Problem::of(path, kind_of(e), detail)));
        }
    }
    (meta, None)
}

/// The same without extended attributes.
pub fn plain(stat: &Stat, names: &Names) -> Meta {
    Meta {
        mode: stat.permissions(),
        uid: stat.uid,
        gid: stat.gid,
        user: names.user(stat.uid).map(str::to_owned),
        group: names.group(stat.gid).map(str::to_owned),
        mtime_s: stat.mtime_s,
        mtime_ns: stat.mtime_ns,
        xattrs: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn attributes_come_sorted_and_whole_by_either_way() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("odd\n\u{e9}");
        fs::write(&file, "x").unwrap();
        let large = vec![7u8; 3000];
        for (name, value) in [("user.z", &b""[..]), ("user.a", b"\0\xff"), ("user.large", &large)] {
            xattr::set(&file, name, value).unwrap();
        }
        let open = fs::File::open(&file).unwrap();
        let folder = fs::File::open(dir.path()).unwrap();
        let stat = Stat::from(rustix::fs::fstat(&open).unwrap());
        let path = RecordPath::new("f").unwrap();
        let named = At::Named(folder.as_fd(), "odd\n\u{e9}".as_bytes());
        let (meta, none) = capture(&path, At::Open(open.as_fd()), &stat, &Names::load());
        assert_eq!(none, None);
        let got: Vec<_> = meta.xattrs.iter().map(|x| (x.name.as_slice(), x.value.len())).collect();
        assert_eq!(got, [(&b"user.a"[..], 2), (b"user.large", 3000), (b"user.z", 0)]);
        assert_eq!(capture(&path, named, &stat, &Names::load()).0, meta);
        let gone = At::Named(folder.as_fd(), b"gone");
        assert!(capture(&path, gone, &stat, &Names::load()).1.is_some());
    }
}
