//! A page's entries, looked at where they lie in its bytes: for whoever reads millions of them and keeps few.
//!
//! The same bytes make sense here as to [`super::listing::decode_page`], and say the same: what is not handed on is
//! decoded all the same. Nothing is allocated for an entry of the usual kind.

use std::marker::PhantomData;

use minicbor::Decode;
use minicbor::decode::{Decoder, Error};

use super::error::RepoError;
use super::listing::bad;
use crate::domain::id::{ChunkId, Digest};
use crate::domain::listing::{Gone, PageRef, Piece};
use crate::domain::path::RecordPath;

/// [`crate::domain::listing::Entry`].
#[derive(Debug, Decode)]
pub struct EntryView<'b> {
    /// Its path's bytes: those of a [`RecordPath`].
    #[cbor(b(0), decode_with = "path_bytes")]
    pub path: &'b [u8],
    /// What it is.
    #[b(1)]
    pub kind: KindView<'b>,
    /// Its times.
    #[b(2)]
    pub meta: MetaView<'b>,
    /// When it was last there.
    #[n(3)]
    pub gone: Option<Gone>,
    /// The own date of its first version.
    #[n(4)]
    pub first: Option<i64>,
}

/// [`crate::domain::listing::Kind`].
#[derive(Debug, Decode)]
pub enum KindView<'b> {
    /// A folder.
    #[n(0)]
    Dir,
    /// A regular file.
    #[n(1)]
    File(#[n(0)] ContentView),
    /// A symbolic link.
    #[n(2)]
    Symlink(#[cbor(b(0), with = "minicbor::bytes")] &'b [u8]),
    /// A named pipe.
    #[n(3)]
    Fifo,
    /// A socket.
    #[n(4)]
    Socket,
    /// A character device.
    #[n(5)]
    CharDevice(#[n(0)] u32, #[n(1)] u32),
    /// A block device.
    #[n(6)]
    BlockDevice(#[n(0)] u32, #[n(1)] u32),
}

/// [`crate::domain::listing::Content`].
#[derive(Debug, Decode)]
pub struct ContentView {
    /// Length in bytes.
    #[n(0)]
    pub size: u64,
    /// What it is made of.
    #[n(1)]
    pub pieces: PiecesView,
    /// Of the original bytes.
    #[n(2)]
    pub digest: Option<Digest>,
    #[n(3)]
    _link_group: Option<u64>,
}

/// [`crate::domain::listing::Pieces`].
#[derive(Debug, Decode)]
pub enum PiecesView {
    /// In the entry.
    #[n(0)]
    Inline(#[n(0)] InlineView),
    /// In chunks of their own.
    #[n(1)]
    Listed(#[n(0)] Vec<ChunkId>),
}

/// The pieces of an entry. Nearly every file is one.
#[derive(Debug)]
pub enum InlineView {
    /// This one alone.
    One(Piece),
    /// None, or several.
    All(Vec<Piece>),
}

/// [`crate::domain::listing::Meta`].
#[derive(Debug, Decode)]
pub struct MetaView<'b> {
    #[n(0)]
    _mode: u32,
    #[n(1)]
    _uid: u32,
    #[n(2)]
    _gid: u32,
    #[b(3)]
    _user: Option<&'b str>,
    #[b(4)]
    _group: Option<&'b str>,
    /// Modification time: seconds since 1970.
    #[n(5)]
    pub mtime_s: i64,
    /// Nanoseconds within the second.
    #[n(6)]
    pub mtime_ns: u32,
    #[b(7)]
    _xattrs: Passed<XattrView<'b>>,
}

#[derive(Debug, Decode)]
struct XattrView<'b> {
    #[cbor(b(0), with = "minicbor::bytes")]
    _name: &'b [u8],
    #[cbor(b(1), with = "minicbor::bytes")]
    _value: &'b [u8],
}

/// A list whose items are decoded and passed over.
#[derive(Debug)]
struct Passed<T>(PhantomData<T>);

#[derive(Decode)]
struct PageView<'b> {
    #[b(0)]
    entries: Vec<EntryView<'b>>,
}

impl<'b, C, T: Decode<'b, C>> Decode<'b, C> for Passed<T> {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, Error> {
        let mut items = d.array_iter_with::<C, T>(ctx)?;
        items.try_for_each(|item| item.map(drop))?;
        Ok(Self(PhantomData))
    }
}

impl<'b, C> Decode<'b, C> for InlineView {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, Error> {
        let mut pieces = d.array_iter_with::<C, Piece>(ctx)?;
        let Some(first) = pieces.next().transpose()? else { return Ok(Self::All(vec![])) };
        let Some(second) = pieces.next().transpose()? else { return Ok(Self::One(first)) };
        let both = [Ok(first), Ok(second)].into_iter();
        both.chain(pieces).collect::<Result<_, _>>().map(Self::All)
    }
}

fn path_bytes<'b, C>(d: &mut Decoder<'b>, _: &mut C) -> Result<&'b [u8], Error> {
    let bytes = d.bytes()?;
    RecordPath::check(bytes).map_err(|e| Error::message(e.to_string()))?;
    Ok(bytes)
}

/// Looks at a page's bytes.
///
/// # Errors
/// [`RepoError::Listing`] when they make no sense.
pub fn view_page(bytes: &[u8]) -> Result<Vec<EntryView<'_>>, RepoError> {
    let page: PageView<'_> = minicbor::decode(bytes).map_err(|_| bad("a page makes no sense"))?;
    if page.entries.windows(2).any(|w| w[0].path >= w[1].path) {
        return Err(bad("a page is out of order"));
    }
    Ok(page.entries)
}

/// Looks at the bytes of the page that a root names.
///
/// # Errors
/// [`RepoError::Listing`] when they make no sense, or are another page's.
pub fn view_page_of<'b>(page: &PageRef, bytes: &'b [u8]) -> Result<Vec<EntryView<'b>>, RepoError> {
    let entries = view_page(bytes)?;
    if entries.len() as u32 != page.count || entries.first().map(|e| e.path) != Some(page.first.as_bytes()) {
        return Err(bad("a page is not the one its root names"));
    }
    Ok(entries)
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
