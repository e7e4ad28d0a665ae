//! The last listing as this machine keeps it: entries with what only this machine can know of a file.
//!
//! Two generations are kept, each bound to its root's id: the one that the log's newest snapshot names is
//! used, any other is worthless. A file whose digest is wrong counts as lost; then everything is read again.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use minicbor::{CborLen, Decode, Encode};
use serde::{Deserialize, Serialize};

use super::error::RepoError;
use super::local::{self, LocalError};
use super::machine::StateDir;
use crate::domain::id::{ChunkId, Digest};
use crate::domain::listing::{Entry, Piece, Root};
use crate::repo::listing::{decode, encode};

/// What only this machine can know of a file. Both change whenever content or attributes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Fingerprint {
    /// Time of the last change of content or attributes: seconds.
    #[n(0)]
    pub ctime_s: i64,
    /// The same: nanoseconds.
    #[n(1)]
    pub ctime_ns: u32,
    /// Inode number.
    #[n(2)]
    pub ino: u64,
}

/// An entry, and what goes with it here.
#[derive(Debug, Clone, PartialEq, Encode, Decode, CborLen)]
pub struct Known {
    /// As in the listing.
    #[n(0)]
    pub entry: Entry,
    /// `None` when it must be read again next time.
    #[n(1)]
    pub fingerprint: Option<Fingerprint>,
    /// The pieces, where the entry lists them in chunks of their own.
    #[n(2)]
    pub pieces: Option<Vec<Piece>>,
    /// The how-manieth of its file it is, as long as it is exactly what stands there.
    #[cbor(skip)]
    pub place: Option<u64>,
}

impl Known {
    /// What was just found, and stands nowhere yet.
    pub fn new(entry: Entry, fingerprint: Option<Fingerprint>, pieces: Option<Vec<Piece>>) -> Self {
        Self { entry, fingerprint, pieces, place: None }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Generation {
    root: ChunkId,
    live: Digest,
    gone: Digest,
    /// Roots whose listings could not be had and count as gone.
    #[serde(default)]
    inherits: Vec<ChunkId>,
    /// The root itself.
    #[serde(default)]
    pages: Option<Digest>,
}

/// One file of a generation: where it lies, and what is in it.
pub type ListingFile = (PathBuf, Digest);

/// A generation that was found whole.
#[derive(Debug, Clone)]
pub struct FoundListing {
    /// What was there.
    pub live: ListingFile,
    /// What was there once.
    pub gone: ListingFile,
    /// The root, unless it was lost.
    pub root: Option<Root>,
    /// Roots that the listing's root inherits.
    pub inherits: Vec<ChunkId>,
}

/// A file of the next generation.
pub enum Kept {
    /// Written anew.
    New(Box<Writer>),
    /// The very file of this digest that is there.
    Same(Digest),
}

/// Where one set's last listing is kept.
#[derive(Clone)]
pub struct LastListing {
    dir: StateDir,
    set: String,
}

/// No entry is longer than this when encoded.
const MAX_RECORD: u32 = 64 << 20;

impl LastListing {
    /// Of this set.
    pub fn new(dir: &StateDir, set: &str) -> Self {
        Self { dir: dir.clone(), set: set.into() }
    }

    fn index(&self) -> String {
        format!("sets/{}.json", self.set)
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.dir.file(&format!("sets/{}.{}", self.set, digest.short()))
    }

    /// The files of the generation that belongs to `root`, if they are whole.
    pub fn find(&self, root: &ChunkId) -> Option<FoundListing> {
        let generations: Vec<Generation> = self.dir.load_json(&self.index())?;
        let g = generations.into_iter().find(|g| g.root == *root)?;
        let (live, gone) = (self.file(&g.live), self.file(&g.gone));
        let whole = digest_of(&live)? == g.live && digest_of(&gone)? == g.gone;
        let root = g.pages.and_then(|digest| {
            let bytes = local::read(&self.file(&digest)).ok().flatten().filter(|b| Digest::of(b) == digest)?;
            decode(&bytes).ok()
        });
        whole.then_some(FoundListing { live: (live, g.live), gone: (gone, g.gone), root, inherits: g.inherits })
    }

    /// Keeps a new generation beside the one that belongs to `before`; older ones are removed.
    pub fn keep(
        &self,
        (id, root): (ChunkId, &Root),
        (live, gone): (Kept, Kept),
        before: Option<ChunkId>,
    ) -> Result<(), RepoError> {
        let (live, gone) = (self.finish(live)?, self.finish(gone)?);
        let bytes = encode(root)?;
        let pages = Digest::of(&bytes);
        local::replace_copy(&self.file(&pages), &bytes)?;
        let mut generations: Vec<Generation> = self.dir.load_json(&self.index()).unwrap_or_default();
        generations.retain(|g| Some(g.root) == before && g.root != id);
        generations.push(Generation { root: id, live, gone, inherits: root.inherits.clone(), pages: Some(pages) });
        self.dir.save_json_copy(&self.index(), &generations)?;
        self.remove_others(&generations);
        Ok(())
    }

    fn finish(&self, kept: Kept) -> Result<Digest, RepoError> {
        match kept {
            Kept::New(writer) => writer.finish(self),
            Kept::Same(digest) => Ok(digest),
        }
    }

    /// What cannot be removed now is removed next time.
    fn remove_others(&self, kept: &[Generation]) {
        let used: Vec<PathBuf> =
            kept.iter().flat_map(|g| [Some(g.live), Some(g.gone), g.pages]).flatten().map(|d| self.file(&d)).collect();
        let Ok(files) = std::fs::read_dir(self.dir.file("sets")) else { return };
        let prefix = format!("{}.", self.set);
        for path in files.flatten().map(|f| f.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(rest) = name.strip_prefix(&prefix) else { continue };
            let ours = rest.len() == 8 && rest.bytes().all(|b| b.is_ascii_hexdigit()) || rest.starts_with("new-");
            if ours && !used.contains(&path) {
                let _ = std::fs::remove_file(&path);
            }
        }
    }

    /// A new file; `what` tells the two apart while they are written.
    pub fn writer(&self, what: &str) -> Result<Writer, RepoError> {
        local::make_dir(&self.dir.file("sets"))?;
        let path = self.dir.file(&format!("sets/{}.new-{what}", self.set));
        let file = local::create(&path)?;
        Ok(Writer { out: file, hasher: blake3::Hasher::new(), path, buffer: vec![] })
    }
}

fn digest_of(path: &Path) -> Option<Digest> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path).ok()?).ok()?;
    Some(Digest::new(*hasher.finalize().as_bytes()))
}

/// Bytes that are digested and written together.
const WRITE: usize = 256 << 10;

/// A listing being written.
pub struct Writer {
    out: File,
    hasher: blake3::Hasher,
    path: PathBuf,
    buffer: Vec<u8>,
}

impl Writer {
    /// Adds an entry.
    pub fn add(&mut self, known: &Known) -> Result<(), RepoError> {
        self.add_encoded(&encode(&known.entry)?, known)
    }

    /// The same with the entry encoded already.
    pub fn add_encoded(&mut self, entry: &[u8], known: &Known) -> Result<(), RepoError> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; 4]);
        // The CBOR of a `Known`: an array of its three fields.
        self.buffer.push(0x83);
        self.buffer.extend_from_slice(entry);
        let fail = |e: minicbor::encode::Error<std::convert::Infallible>| RepoError::Listing(e.to_string());
        minicbor::encode(known.fingerprint, &mut self.buffer).map_err(fail)?;
        minicbor::encode(&known.pieces, &mut self.buffer).map_err(fail)?;
        let len = (self.buffer.len() - start - 4) as u32;
        self.buffer[start..start + 4].copy_from_slice(&len.to_le_bytes());
        if self.buffer.len() >= WRITE { self.flush() } else { Ok(()) }
    }

    /// Adds a record as a reader found it.
    fn add_record(&mut self, record: &[u8]) -> Result<(), RepoError> {
        self.buffer.extend_from_slice(&(record.len() as u32).to_le_bytes());
        self.buffer.extend_from_slice(record);
        if self.buffer.len() >= WRITE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), RepoError> {
        self.hasher.update(&self.buffer);
        self.out.write_all(&self.buffer).map_err(|e| LocalError::new(&self.path, &e))?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self, last: &LastListing) -> Result<Digest, RepoError> {
        self.flush()?;
        self.out.sync_data().map_err(|e| LocalError::new(&self.path, &e))?;
        let digest = Digest::new(*self.hasher.finalize().as_bytes());
        let name = last.file(&digest);
        std::fs::rename(&self.path, &name).map_err(|e| LocalError::new(&name, &e))?;
        Ok(digest)
    }
}

/// Reads a listing that was found whole.
pub struct Reader {
    input: Option<BufReader<File>>,
    path: PathBuf,
    buffer: Vec<u8>,
    read: u64,
    /// Of all that was read, where it must be proved.
    hasher: Option<blake3::Hasher>,
}

impl Reader {
    /// Of nothing at all.
    pub fn empty() -> Self {
        Self { input: None, path: PathBuf::new(), buffer: vec![], read: 0, hasher: None }
    }

    /// Of this file.
    pub fn open(path: &Path) -> Result<Self, RepoError> {
        let file = File::open(path).map_err(|e| LocalError::new(path, &e))?;
        let input = Some(BufReader::with_capacity(1 << 20, file));
        Ok(Self { input, path: path.into(), buffer: vec![], read: 0, hasher: None })
    }

    /// Of this file, for [`Reader::is_whole`] at its end.
    pub fn proving(path: &Path) -> Result<Self, RepoError> {
        Ok(Self { hasher: Some(blake3::Hasher::new()), ..Self::open(path)? })
    }

    /// Copies the next `count` records.
    ///
    /// # Errors
    /// Of either file; also when there are fewer.
    pub fn copy_to(&mut self, writer: &mut Writer, count: u64) -> Result<(), RepoError> {
        for _ in 0..count {
            if !self.fill()? {
                return Err(RepoError::Listing("this computer's copy of the last listing is too short".into()));
            }
            writer.add_record(&self.buffer)?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Known>, RepoError> {
        if !self.fill()? {
            return Ok(None);
        }
        let mut known: Known = minicbor::decode(&self.buffer).map_err(|e| RepoError::Listing(e.to_string()))?;
        known.place = Some(self.read - 1);
        Ok(Some(known))
    }

    /// Brings the next record into the buffer; `false` at the end.
    fn fill(&mut self) -> Result<bool, RepoError> {
        let Some(input) = &mut self.input else { return Ok(false) };
        let fail = |e: std::io::Error| LocalError::new(&self.path, &e);
        let mut length = [0; 4];
        if input.read(&mut length[..1]).map_err(fail)? == 0 {
            return Ok(false);
        }
        input.read_exact(&mut length[1..]).map_err(fail)?;
        let head = length;
        let length = u32::from_le_bytes(length);
        if length > MAX_RECORD {
            return Err(RepoError::Listing("this computer's copy of the last listing is damaged".into()));
        }
        self.buffer.resize(length as usize, 0);
        input.read_exact(&mut self.buffer).map_err(fail)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&head).update(&self.buffer);
        }
        self.read += 1;
        Ok(true)
    }

    /// Reads to the end, and looks whether all of it was this file.
    ///
    /// # Errors
    /// Of the file; also when it was another, or nothing was to be proved.
    pub fn is_whole(mut self, digest: &Digest) -> Result<(), RepoError> {
        while self.fill()? {}
        if self.hasher.is_some_and(|hasher| hasher.finalize().as_bytes() == digest.as_bytes()) {
            return Ok(());
        }
        Err(RepoError::Listing("this computer's copy of the last listing changed while it was read; run again".into()))
    }
}

impl Iterator for Reader {
    type Item = Result<Known, RepoError>;
    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
