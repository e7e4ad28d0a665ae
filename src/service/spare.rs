//! The journal's spare sheet: room that is taken while there is some, for the day when the disk is full.
//!
//! What the journal cannot take is written over it in place, which needs no room, and goes into the journal as soon as
//! that can be written again. So nobody is told twice of what is told on a full disk, and the end of it is told too.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::service::durable::{self, Opened};
use crate::service::journal::JournalEntry;

/// Some days of runs that fail.
const SIZE: usize = 64 * 1024;

/// Its file.
#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
}

impl Spare {
    pub(super) fn new(state: &Path) -> Self {
        Self { path: state.join("journal.spare") }
    }

    /// Takes its room, where it has none yet. That there is none is no failure: the journal says what matters.
    pub(super) fn keep_ready(&self) {
        if !self.path.exists() {
            let _ = self.blank();
        }
    }

    fn blank(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
        file.write_all(&vec![b'\n'; SIZE])?;
        file.sync_all()
    }

    /// The entries on it.
    pub(super) fn read(&self) -> Vec<JournalEntry> {
        let mut text = vec![];
        let read = File::open(&self.path).and_then(|file| file.take(SIZE as u64).read_to_end(&mut text));
        let entry = |line: &[u8]| if let Opened::Value(entry) = durable::open(line) { Some(entry) } else { None };
        if read.is_ok() { text.split(|b| *b == b'\n').filter_map(entry).collect() } else { vec![] }
    }

    /// Writes one more.
    ///
    /// # Errors
    /// There is no such room, or it is used up.
    pub(super) fn write(&self, entry: &JournalEntry) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        file.lock()?;
        let mut text = vec![];
        (&file).take(SIZE as u64).read_to_end(&mut text)?;
        let used = text.iter().rposition(|b| *b != b'\n').map_or(0, |last| last + 2);
        let line = durable::seal(entry)?;
        if used + line.len() >= text.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.seek(SeekFrom::Start(used as u64))?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    }

    /// What is on it has a better place now.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.blank()
    }
}
