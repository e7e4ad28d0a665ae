//! The journal's spare sheet: room that is taken while there is some, for the day when the disk is full.
//!
//! What the journal cannot take is written over it in place, which needs no room, and goes into the journal as soon as
//! that can be written again. So nobody is told twice of what is told on a full disk, and the end of it is told too.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::service::durable::{self, Opened};
use crate::service::journal::JournalEntry;

/// Some days of runs that fail.
const SIZE: usize = 64 * 1024;
const NAME: &str = "journal.spare";

/// Its file.
#[derive(Debug)]
pub(super) struct Spare {
    dir: PathBuf,
    path: PathBuf,
}

impl Spare {
    pub(super) fn new(state: &Path) -> Self {
        Self { dir: state.to_owned(), path: state.join(NAME) }
    }

    /// Takes its room, where it has none, another size, or holds what nobody can read: no entry would ever find a place on
    /// it again. That there is no room is no failure: the journal says what matters.
    pub(super) fn keep_ready(&self) {
        let sound = self.locked().and_then(|mut file| {
            let text = text_of(&mut file)?;
            let readable = |line: &[u8]| !matches!(durable::open::<JournalEntry>(line), Opened::Damaged);
            Ok(has_size(&file)? && (is_blank(&text) || text.split(|b| *b == b'\n').any(readable)))
        });
        if !sound.unwrap_or(false) {
            let _ = self.renew();
        }
    }

    fn renew(&self) -> io::Result<()> {
        durable::replace(&self.dir, NAME, &vec![b'\n'; SIZE])
    }

    /// The file, held against others until it is closed: the one that has the name now.
    fn locked(&self) -> io::Result<File> {
        loop {
            let file = durable::open_own(&self.path, OpenOptions::new().read(true).write(true))?;
            file.lock()?;
            let (ours, named) = (file.metadata()?, fs::symlink_metadata(&self.path)?);
            if (ours.dev(), ours.ino()) == (named.dev(), named.ino()) {
                return Ok(file);
            }
        }
    }

    /// The entries on it.
    pub(super) fn read(&self) -> Vec<JournalEntry> {
        File::open(&self.path).and_then(|mut file| text_of(&mut file)).map(|text| entries(&text)).unwrap_or_default()
    }

    /// Hands its entries over to a better place, and is blank when they are there. No other program reads or writes it
    /// between the two.
    ///
    /// # Errors
    /// The other place takes none, or it cannot be blanked. A sheet that cannot be read holds nothing.
    pub(super) fn take_up(&self, into: impl FnOnce(&[JournalEntry]) -> io::Result<()>) -> io::Result<()> {
        let Ok(mut file) = self.locked() else { return Ok(()) };
        let found = text_of(&mut file).map(|text| entries(&text)).unwrap_or_default();
        if found.is_empty() {
            return Ok(());
        }
        into(&found)?;
        if !has_size(&file)? {
            return self.renew();
        }
        // In place: there may be no room for another.
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&vec![b'\n'; SIZE])?;
        file.sync_all()
    }

    /// Writes one more.
    ///
    /// # Errors
    /// There is no such room, or it is used up.
    pub(super) fn write(&self, entry: &JournalEntry) -> io::Result<()> {
        let mut file = self.locked()?;
        let text = text_of(&mut file)?;
        let used = text.iter().rposition(|b| *b != b'\n').map_or(0, |last| last + 2);
        let line = durable::seal(entry)?;
        if used + line.len() >= text.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.seek(SeekFrom::Start(used as u64))?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    }
}

fn text_of(file: &mut File) -> io::Result<Vec<u8>> {
    let mut text = vec![];
    file.take(SIZE as u64).read_to_end(&mut text)?;
    Ok(text)
}

fn has_size(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.len() == SIZE as u64)
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|b| *b == b'\n')
}

fn entries(text: &[u8]) -> Vec<JournalEntry> {
    let entry = |line: &[u8]| if let Opened::Value(entry) = durable::open(line) { Some(entry) } else { None };
    text.split(|b| *b == b'\n').filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::journal::{Event, Journal};

    #[test]
    fn a_sheet_that_can_take_nothing_is_made_new_and_what_can_be_read_is_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, spare) = (Journal::new(dir.path()), Spare::new(dir.path()));
        let at = jiff::Timestamp::UNIX_EPOCH;
        let entry = JournalEntry { at, run: String::from("r"), event: Event::RunStarted };
        let line = durable::seal(&entry).unwrap();
        for (bad, taken) in [
            (vec![], 0),
            (vec![b'\n'; 100], 0),
            (vec![0; SIZE], 0),
            (vec![b'\n'; SIZE + 1], 0),
            (format!("{line}\n").into_bytes(), 1),
            ([line.as_bytes(), b"\nx", &[b'\n'; SIZE]].concat()[..SIZE].to_vec(), 1),
        ] {
            fs::write(&spare.path, &bad).unwrap();
            let before = journal.read().unwrap().entries.len() - taken;
            journal.append(&entry).unwrap();
            assert_eq!(fs::read(&spare.path).unwrap(), vec![b'\n'; SIZE]);
            assert_eq!(journal.read().unwrap().entries.len(), before + taken + 1);
            spare.write(&entry).unwrap();
            assert_eq!(spare.read().len(), 1);
        }
    }
}
