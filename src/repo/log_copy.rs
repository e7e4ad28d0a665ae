//! This machine's copy of the log: a line a slot, each with a digest of itself and of all before it, so that one more slot is
//! one more line. A last line that was cut off is left out; a copy in which any other does not fit is not believed at all.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::RepoError;
use super::local;
use super::machine::StateDir;
use crate::domain::id::{Digest, Link, RepositoryId};
use crate::domain::log::entry::Body;
use crate::domain::log::state::Slot;

const FILE: &str = "cache/log";
/// The letters of a line's digest.
const DIGEST: usize = 64;

#[derive(Deserialize)]
struct Line {
    n: u64,
    link: Link,
    body: Option<Body>,
}

#[derive(Serialize)]
struct LineOf<'s> {
    n: u64,
    link: Link,
    body: Option<&'s Body>,
}

/// How much of the log the copy holds.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    slots: usize,
    bytes: u64,
    digest: Option<Digest>,
}

impl Kept {
    /// The digest that a line with this text has after those that are kept.
    fn next(&self, repository: RepositoryId, text: &[u8]) -> Digest {
        let before = self.digest.map_or(*repository.as_bytes(), |d| *d.as_bytes());
        Digest::of(&[&before, text].concat())
    }

    fn add(&mut self, digest: Digest, text: &[u8]) {
        *self =
            Self { slots: self.slots + 1, bytes: self.bytes + (DIGEST + 2 + text.len()) as u64, digest: Some(digest) };
    }
}

impl StateDir {
    /// The slots read before, and how much of the copy they are.
    ///
    /// # Errors
    /// [`RepoError::Local`].
    pub fn load_slots(&self, repository: RepositoryId) -> Result<(Vec<Slot>, Kept), RepoError> {
        let bytes = Bytes::from(local::read(&self.file(FILE))?.unwrap_or_default());
        let (mut slots, mut kept) = (vec![], Kept::default());
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            // What was being written when the power failed.
            let Some(line) = line.strip_suffix(b"\n") else { break };
            let Some((slot, digest, text)) = read_line(line, slots.len() as u64, &kept, repository) else {
                return Ok(<_>::default());
            };
            slots.push(slot);
            kept.add(digest, text);
        }
        Ok((slots, kept))
    }

    /// Adds to the copy what it does not hold; all of it anew where the file is not what was `kept` of it. One that cannot be
    /// written is no failure: the next time, it is not what was kept.
    pub(super) fn keep_copy(&self, repository: RepositoryId, slots: &[Slot], kept: &mut Kept) {
        let path = self.file(FILE);
        let fits = std::fs::symlink_metadata(&path).is_ok_and(|m| m.len() == kept.bytes);
        let more = if fits { slots.get(kept.slots..) } else { None };
        if more.is_none() {
            *kept = Kept::default();
        }
        let whole = kept.slots == 0;
        let mut lines = vec![];
        for slot in more.unwrap_or(slots) {
            let line = LineOf { n: slot.n, link: slot.link, body: slot.body.as_ref() };
            let Ok(text) = serde_json::to_vec(&line) else { return };
            let digest = kept.next(repository, &text);
            lines.extend([digest.to_hex().as_bytes(), b" ", &text, b"\n"].concat());
            kept.add(digest, &text);
        }
        let _ = match whole {
            true => local::replace_copy(&path, &lines),
            false if lines.is_empty() => Ok(()),
            false => local::append_copy(&path, &lines),
        };
    }
}

/// The slot of a line that fits those before it, its digest and its text.
fn read_line<'l>(line: &'l [u8], n: u64, kept: &Kept, repository: RepositoryId) -> Option<(Slot, Digest, &'l [u8])> {
    let (digest, text) = line.split_at_checked(DIGEST)?;
    let text = text.strip_prefix(b" ")?;
    let found = kept.next(repository, text);
    if found.to_hex().as_bytes() != digest {
        return None;
    }
    let Line { n: said, link, body } = serde_json::from_slice(text).ok()?;
    (said == n).then_some((Slot { n, link, body }, found, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(n: u64) -> Slot {
        Slot { n, link: Link::ORIGIN.then(&n.to_le_bytes()), body: None }
    }

    #[test]
    fn a_slot_more_is_a_line_more_and_what_does_not_fit_is_written_anew() {
        let (folder, id) = (tempfile::tempdir().unwrap(), RepositoryId::new([7; 32]));
        let dir = StateDir::new(folder.path());
        let path = dir.file(FILE);
        let mut slots = vec![slot(0), slot(1)];
        let mut kept = Kept::default();
        dir.keep_copy(id, &slots, &mut kept);
        let two = std::fs::read(&path).unwrap();
        let (found, mut kept_then) = dir.load_slots(id).unwrap();
        assert_eq!((&found, kept_then.slots, kept_then.bytes), (&slots, 2, two.len() as u64));
        slots.push(slot(2));
        dir.keep_copy(id, &slots, &mut kept_then);
        let three = std::fs::read(&path).unwrap();
        assert!(three.starts_with(&two) && three.len() > two.len());
        assert_eq!(dir.load_slots(id).unwrap().0, slots);
        assert!(dir.load_slots(RepositoryId::new([8; 32])).unwrap().0.is_empty(), "of another repository");
        // Who knows of two lines only, while there are three, writes all of them.
        dir.keep_copy(id, &slots, &mut kept);
        assert_eq!(std::fs::read(&path).unwrap(), three);
        assert_eq!(kept.slots, 3);
        // The process died in the middle of a line: what stands before it is believed, and the next one writes all anew.
        slots.push(slot(3));
        std::fs::write(&path, [&three[..], &three[two.len()..three.len() - 1]].concat()).unwrap();
        let (found, mut torn) = dir.load_slots(id).unwrap();
        assert_eq!((found.len(), torn.bytes), (3, three.len() as u64));
        dir.keep_copy(id, &slots, &mut torn);
        assert_eq!(dir.load_slots(id).unwrap().0, slots);
    }

    #[test]
    fn no_copy_with_one_wrong_bit_is_believed() {
        let (folder, id) = (tempfile::tempdir().unwrap(), RepositoryId::new([7; 32]));
        let dir = StateDir::new(folder.path());
        let slots: Vec<Slot> = (0..3).map(slot).collect();
        dir.keep_copy(id, &slots, &mut Kept::default());
        let good = std::fs::read(dir.file(FILE)).unwrap();
        for bit in 0..good.len() * 8 {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // The end of the last line: it looks as if it had been cut off.
            let expected = if bit / 8 == good.len() - 1 { &slots[..2] } else { &[] };
            std::fs::write(dir.file(FILE), flipped).unwrap();
            assert_eq!(dir.load_slots(id).unwrap().0, expected, "bit {bit}");
        }
    }
}
