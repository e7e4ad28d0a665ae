//! What a snapshot says about each record: the entries of a listing, its pages and its root.
//!
//! These types are the stored format (see `src/repo/FORMAT.md`): fields are numbered, numbers are never
//! reused, and a reader ignores numbers it does not know.

use minicbor::{CborLen, Decode, Encode};

use crate::domain::id::{ChunkId, Digest, SnapshotId};
use crate::domain::path::RecordPath;

/// One record in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Entry {
    /// Where the council knows it.
    #[n(0)]
    pub path: RecordPath,
    /// What kind of thing it is, and its content.
    #[n(1)]
    pub kind: Kind,
    /// Everything else Unix keeps about it.
    #[n(2)]
    pub meta: Meta,
    /// Set in a `gone` listing only: when it was last there.
    #[n(3)]
    pub gone: Option<Gone>,
    /// A file's own date (modification time, seconds since 1970) when it was first backed up, where it has another
    /// one now; see [`Entry::follow`].
    #[n(4)]
    pub first: Option<i64>,
}

/// The kinds of file that Unix knows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
pub enum Kind {
    /// A folder.
    #[n(0)]
    Dir,
    /// A regular file.
    #[n(1)]
    File(#[n(0)] Content),
    /// A symbolic link and where it points, as bytes.
    #[n(2)]
    Symlink(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// A named pipe.
    #[n(3)]
    Fifo,
    /// A socket: recreated as nothing, listed for completeness.
    #[n(4)]
    Socket,
    /// A character device (major, minor).
    #[n(5)]
    CharDevice(#[n(0)] u32, #[n(1)] u32),
    /// A block device (major, minor).
    #[n(6)]
    BlockDevice(#[n(0)] u32, #[n(1)] u32),
}

/// A regular file's content.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Content {
    /// Length in bytes.
    #[n(0)]
    pub size: u64,
    /// What it is made of, in order; the lengths add up to `size`.
    #[n(1)]
    pub pieces: Pieces,
    /// BLAKE3 of the original bytes. Left out where one raw piece is the whole file, or it is empty.
    #[n(2)]
    pub digest: Option<Digest>,
    /// Files with the same number in one listing are hard links to one inode.
    #[n(3)]
    pub link_group: Option<u64>,
}

/// Where the list of pieces lies.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
pub enum Pieces {
    /// In the entry.
    #[n(0)]
    Inline(#[n(0)] Vec<Piece>),
    /// In chunks of their own, each the CBOR of a list of pieces: for very large files.
    #[n(1)]
    Listed(#[n(0)] Vec<ChunkId>),
}

/// A stretch of content.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
pub enum Piece {
    /// A chunk's bytes as they are.
    #[n(0)]
    Raw(#[n(0)] ChunkId, #[n(1)] u32),
    /// So many zero bytes that were a hole in a sparse file.
    #[n(1)]
    Hole(#[n(0)] u64),
    /// A chunk's bytes written back as base64: chunk id, its length, the length once written back, and how.
    #[n(2)]
    Decoded(#[n(0)] ChunkId, #[n(1)] u32, #[n(2)] u32, #[n(3)] Base64Form),
}

impl Piece {
    /// How many bytes of the file it stands for.
    pub fn len(&self) -> u64 {
        match self {
            Self::Raw(_, len) => u64::from(*len),
            Self::Hole(len) => *len,
            Self::Decoded(_, _, encoded, _) => u64::from(*encoded),
        }
    }

    /// Whether it stands for nothing at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The chunk it needs.
    pub fn chunk(&self) -> Option<ChunkId> {
        match self {
            Self::Raw(id, _) | Self::Decoded(id, ..) => Some(*id),
            Self::Hole(_) => None,
        }
    }
}

/// How base64 was laid out: characters in a line, and whether lines end in CR LF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Base64Form {
    /// Characters in a line, without its end.
    #[n(0)]
    pub line: u16,
    /// `true` for CR LF, `false` for LF.
    #[n(1)]
    pub crlf: bool,
    /// Where the chunk does not begin at the beginning of a line, or does not end with a group of three bytes.
    #[n(2)]
    pub run: Option<Base64Run>,
}

/// How a chunk that was cut out of a longer base64 body begins and ends: cuts are made as in any file, so that the same
/// document gives the same chunks, and base64 stands for three bytes at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Base64Run {
    /// Characters that stand already in the line where it begins; fewer than a whole line.
    #[n(0)]
    pub column: u16,
    /// So many of its first bytes the piece before has written.
    #[n(1)]
    pub skip: u8,
    /// The first byte after the chunk, where its last group needs one.
    #[n(2)]
    pub next: Option<u8>,
    /// And the second.
    #[n(3)]
    pub after: Option<u8>,
}

impl Base64Form {
    /// Lines of so many characters, from the beginning of one on.
    pub fn new(line: u16, crlf: bool) -> Self {
        Self { line, crlf, run: None }
    }
}

/// Everything Unix keeps about a file besides its content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Meta {
    /// Permission bits, with set-uid, set-gid and sticky (`0o7777`).
    #[n(0)]
    pub mode: u32,
    /// Owner's number.
    #[n(1)]
    pub uid: u32,
    /// Group's number.
    #[n(2)]
    pub gid: u32,
    /// Owner's name, where it has one.
    #[n(3)]
    pub user: Option<String>,
    /// Group's name, where it has one.
    #[n(4)]
    pub group: Option<String>,
    /// Modification time: seconds since 1970, may be negative.
    #[n(5)]
    pub mtime_s: i64,
    /// Modification time: nanoseconds within the second.
    #[n(6)]
    pub mtime_ns: u32,
    /// Extended attributes, ACLs among them, sorted by name.
    #[n(7)]
    pub xattrs: Vec<Xattr>,
}

/// One extended attribute.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Xattr {
    /// Its full name, such as `user.comment`.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub name: Vec<u8>,
    /// Its value, as bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub value: Vec<u8>,
}

/// Why an entry stands in the `gone` listing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Gone {
    /// The last snapshot that held it live.
    #[n(0)]
    pub last_seen: SnapshotId,
    /// That snapshot's time, in seconds since 1970.
    #[n(1)]
    pub last_seen_s: i64,
    /// The first snapshot's time that did not hold it, in seconds since 1970.
    #[n(2)]
    pub missed_s: i64,
    /// It may still exist: it could not be read when the snapshot was made.
    #[n(3)]
    pub unreadable: bool,
    /// It may still exist: the settings left it out of this backup, though an earlier one had it.
    #[n(4)]
    pub left_out: Option<bool>,
}

impl Gone {
    /// Whether nobody can say that it was deleted.
    pub fn may_still_exist(&self) -> bool {
        self.unreadable || self.left_out == Some(true)
    }
}

impl Entry {
    /// Bytes of content; zero for anything but a regular file.
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(c) => c.size,
            _ => 0,
        }
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        matches!(self.kind, Kind::File(_))
    }

    /// The own date of its first version, as far as it is known: seconds since 1970.
    pub fn first_s(&self) -> i64 {
        self.first.unwrap_or(self.meta.mtime_s)
    }

    /// A file goes on being the record that was at its path before: it keeps the first version's date. What comes up
    /// with other content where a file was deleted is another record: its time begins when a backup found it
    /// (`found_s`), if its own date is not later still.
    pub fn follow(&mut self, before: Option<&Self>, found_s: i64) {
        let Some(before) = before.filter(|b| b.is_file() && self.is_file()) else {
            self.first = None;
            return;
        };
        let deleted = before.gone.as_ref().is_some_and(|gone| !gone.may_still_exist());
        let first =
            if deleted && !self.has_content_of(before) { found_s.max(self.meta.mtime_s) } else { before.first_s() };
        self.first = Some(first).filter(|f| *f != self.meta.mtime_s);
    }

    fn has_content_of(&self, other: &Self) -> bool {
        let (Kind::File(a), Kind::File(b)) = (&self.kind, &other.kind) else { return false };
        (a.size, &a.digest, &a.pieces) == (b.size, &b.digest, &b.pieces)
    }
}

/// A reference from a root to one page: the page's chunk, its first path, and how many entries it has.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct PageRef {
    /// The chunk whose bytes are the page.
    #[n(0)]
    pub id: ChunkId,
    /// The first path in it.
    #[n(1)]
    pub first: RecordPath,
    /// How many entries.
    #[n(2)]
    pub count: u32,
}

/// A page: entries sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Page {
    /// Sorted by path, no path twice.
    #[n(0)]
    pub entries: Vec<Entry>,
}

/// The root of a snapshot's listing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Root {
    /// The protected set.
    #[n(0)]
    pub set: String,
    /// What was there.
    #[n(1)]
    pub live: Vec<PageRef>,
    /// The last version of every record that was there once and has not been disposed of.
    #[n(2)]
    pub gone: Vec<PageRef>,
    /// Roots whose listings count as gone too, until a machine that can read merges them.
    #[n(3)]
    pub inherits: Vec<ChunkId>,
    /// The configuration file the backup was made with, for recovery on a bare machine.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub config: Option<Vec<u8>>,
    /// The folders of the set: name in record paths, and where the folder lay on the machine.
    #[n(5)]
    pub folders: Vec<Folder>,
}

/// One folder of a set.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Folder {
    /// The first component of its records' paths.
    #[n(0)]
    pub name: RecordPath,
    /// The absolute path on the machine that made the backup.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub source: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(name: u8) -> Pieces {
        Pieces::Inline(vec![Piece::Raw(ChunkId::new([name; 32]), 5)])
    }

    /// A file of five bytes with this content and this date.
    fn file(content: u8, mtime_s: i64) -> Entry {
        let path = RecordPath::new("Documents/May.txt").unwrap();
        let kind = Kind::File(Content { size: 5, pieces: raw(content), digest: None, link_group: None });
        Entry { path, kind, meta: Meta { mtime_s, ..Meta::default() }, gone: None, first: None }
    }

    fn gone(entry: Entry, unreadable: bool, left_out: Option<bool>) -> Entry {
        let gone = Gone { last_seen: SnapshotId(1), last_seen_s: 1, missed_s: 2, unreadable, left_out };
        Entry { gone: Some(gone), ..entry }
    }

    #[test]
    fn a_piece_knows_its_length_and_its_chunk_and_only_a_file_has_a_size() {
        let folder = Entry { kind: Kind::Dir, ..file(1, 0) };
        assert_eq!((file(1, 0).size(), file(1, 0).is_file(), folder.size(), folder.is_file()), (5, true, 0, false));
        let id = ChunkId::new([1; 32]);
        let form = Base64Form::new(76, true);
        for (piece, len, chunk) in [
            (Piece::Raw(id, 5), 5, Some(id)),
            (Piece::Hole(9), 9, None),
            (Piece::Decoded(id, 3, 4, form), 4, Some(id)),
            (Piece::Raw(id, 0), 0, Some(id)),
        ] {
            assert_eq!((piece.len(), piece.is_empty(), piece.chunk()), (len, len == 0, chunk), "{piece:?}");
        }
    }

    #[test]
    fn a_record_keeps_the_date_of_its_first_version() {
        let followed = |mut now: Entry, before: Option<&Entry>| {
            now.follow(before, 1_000);
            (now.first, now.first_s())
        };
        let old = file(1, 100);
        assert_eq!(followed(file(2, 200), Some(&old)), (Some(100), 100), "changed");
        assert_eq!(followed(file(2, 100), Some(&old)), (None, 100), "it is its own date");
        assert_eq!(followed(Entry { first: Some(5), ..file(2, 200) }, None), (None, 200), "nothing was there");
        let older = Entry { first: Some(50), ..file(1, 100) };
        assert_eq!(followed(file(2, 200), Some(&older)), (Some(50), 50), "the first of all");
        let folder = Entry { kind: Kind::Dir, ..file(1, 100) };
        assert_eq!(followed(file(2, 200), Some(&folder)), (None, 200));
        assert_eq!(followed(Entry { kind: Kind::Dir, ..file(2, 200) }, Some(&old)), (None, 200));
    }

    #[test]
    fn other_content_where_a_file_was_deleted_is_another_record() {
        let followed = |content, mtime_s, before: &Entry| {
            let mut now = file(content, mtime_s);
            now.follow(Some(before), 1_000);
            now.first_s()
        };
        let deleted = gone(file(1, 100), false, None);
        assert_eq!(followed(2, 200, &deleted), 1_000, "its time begins when it was found");
        assert_eq!(followed(2, 2_000, &deleted), 2_000, "if its own date is not later");
        assert_eq!(followed(1, 200, &deleted), 100, "it is the same, back again");
        for (unreadable, left_out, may_exist) in
            [(true, None, true), (false, Some(true), true), (false, Some(false), false), (false, None, false)]
        {
            let away = gone(file(1, 100), unreadable, left_out);
            assert_eq!(away.gone.as_ref().unwrap().may_still_exist(), may_exist);
            assert_eq!(followed(2, 200, &away), if may_exist { 100 } else { 1_000 });
        }
    }
}
