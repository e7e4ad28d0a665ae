//! One record of a plan, kept small: there may be a million of them.

use crate::domain::listing::{Content, Entry, Kind, Meta};
use crate::domain::path::RecordPath;
use crate::repo::error::RepoError;
use crate::repo::listing::{decode, encode};

/// What kind of thing an item is, as far as the order of work goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A folder.
    Dir,
    /// A regular file.
    File,
    /// A link, pipe or device.
    Node,
}

/// What is going to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Nothing is there: it is written.
    New,
    /// Something is there and is replaced.
    Replace,
    /// The same is there already: nothing is done.
    Nothing,
}

/// One record of a plan.
#[derive(Debug, Clone)]
pub struct Item {
    /// The record.
    pub path: RecordPath,
    /// Length of a regular file.
    pub size: u64,
    /// Folder, file or other.
    pub what: What,
    /// What is going to be done.
    pub doing: Doing,
    /// The item of which this is a further name.
    pub link: Option<u32>,
    /// Not asked for: a folder on the way to something that was.
    pub implied: bool,
    packed: Box<[u8]>,
}

impl Item {
    /// Packs an entry; `None` for a socket, which is never restored.
    ///
    /// # Errors
    /// [`RepoError::Listing`] when it cannot be encoded.
    pub fn new(entry: &Entry) -> Result<Option<Self>, RepoError> {
        let what = match entry.kind {
            Kind::Dir => What::Dir,
            Kind::File(_) => What::File,
            Kind::Socket => return Ok(None),
            Kind::Symlink(_) | Kind::Fifo | Kind::CharDevice(..) | Kind::BlockDevice(..) => What::Node,
        };
        let packed = encode(&(&entry.kind, &entry.meta))?.into();
        let (path, size) = (entry.path.clone(), entry.size());
        Ok(Some(Self { path, size, what, doing: Doing::New, link: None, implied: false, packed }))
    }

    /// What it is and everything about it.
    ///
    /// # Errors
    /// [`RepoError::Listing`]: cannot happen to what was packed here.
    pub fn unpack(&self) -> Result<(Kind, Meta), RepoError> {
        decode(&self.packed)
    }

    /// A regular file's content.
    ///
    /// # Errors
    /// [`RepoError::Listing`] when it is no regular file.
    pub fn content(&self) -> Result<Content, RepoError> {
        match self.unpack()?.0 {
            Kind::File(content) => Ok(content),
            _ => Err(RepoError::Listing(format!("{} is no regular file", self.path))),
        }
    }
}
