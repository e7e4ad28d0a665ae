//! The loop that all cutters share: a scanner marks where a cut is forced, the gear cuts what lies between.
//!
//! Every decision is made on the same stretch of bytes, whether they come from a reader or lie in memory: from the
//! chunk's start as far as the largest chunk and the scanners' [`LOOKAHEAD`], or the end of the content.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};

use super::bodies::BodyBuffer;
use super::gear::{Gear, Sizes};
use super::kind::{CutterKind, HEAD_LEN};
use super::mime::MimeScanner;
use super::zip::ZipScanner;
use super::{MIN_MESSAGE_RUN, MIN_REGION};

/// How far past a chunk a scanner may have to look to settle every mark inside it.
const LOOKAHEAD: usize = 16 << 10;
const _: () = assert!(LOOKAHEAD as u64 >= MIN_REGION + 2 * super::mime::MAX_LINE as u64);

/// What one decision sees at most.
pub(super) const HORIZON: usize = Sizes::NORMAL.max + LOOKAHEAD;

/// Twice the horizon: at most one byte is moved for each byte read.
const BUFFER_LEN: usize = 2 * HORIZON;

/// What a chunk belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing special.
    Plain,
    /// The body of a part that its header says is base64, and whether this is the body's first chunk.
    Base64 {
        /// `true` for the first chunk of the body.
        opens: bool,
    },
}

/// Why cutting stopped early.
#[derive(Debug, thiserror::Error)]
pub enum CutError<E> {
    /// The content could not be read to its end.
    #[error("reading failed: {0}")]
    Read(#[source] std::io::Error),
    /// Whoever takes the chunks refused one.
    #[error(transparent)]
    Emit(E),
}

/// The working memory of [`cut_reader`]: keep one per thread and hand it in for each file.
#[derive(Debug, Default)]
pub struct CutBuffer {
    pub(super) space: Vec<u8>,
    pub(super) body: BodyBuffer,
}

impl CutBuffer {
    /// An empty buffer; it takes its memory (about 1 MiB, and as much for bodies of base64) at first use.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Forced cuts that lie ahead, by offset in the content.
#[derive(Debug, Default)]
pub(super) struct Marks {
    hard: VecDeque<(u64, Place)>,
    soft: VecDeque<u64>,
}

impl Marks {
    /// A cut in any case. Offsets must not go back.
    pub(super) fn hard(&mut self, at: u64, place: Place) {
        self.hard.push_back((at, place));
    }

    /// A cut if the chunk before it would be long enough. Offsets must not go back.
    pub(super) fn soft(&mut self, at: u64) {
        self.soft.push_back(at);
    }

    /// Only for a scanner's own tests: what it has marked.
    #[cfg(test)]
    pub(super) fn listed(&self) -> (Vec<(u64, Place)>, Vec<u64>) {
        (self.hard.iter().copied().collect(), self.soft.iter().copied().collect())
    }
}

#[derive(Debug)]
enum Scanner {
    None,
    Mime(Box<MimeScanner>),
    Zip(Box<ZipScanner>),
}

/// One content being cut.
pub(super) struct Engine<'g> {
    gear: &'g Gear,
    /// Bodies of base64 are handed over in blocks of any size: somebody else cuts them.
    blocks: bool,
    scanner: Scanner,
    marks: Marks,
    small: bool,
    place: Place,
    base: u64,
}

impl<'g> Engine<'g> {
    pub(super) fn new(kind: CutterKind, gear: &'g Gear) -> Self {
        let scanner = match kind {
            CutterKind::Normal | CutterKind::Scattered => Scanner::None,
            CutterKind::Mail => Scanner::Mime(Box::new(MimeScanner::new(false))),
            CutterKind::Mailbox => Scanner::Mime(Box::new(MimeScanner::new(true))),
            CutterKind::Zip => Scanner::Zip(Box::new(ZipScanner::new())),
        };
        let small = matches!(kind, CutterKind::Scattered | CutterKind::Mailbox);
        Self { gear, blocks: false, scanner, marks: Marks::default(), small, place: Place::Plain, base: 0 }
    }

    /// The next chunk's length and place, or `None` when more bytes are needed. `data` is what follows the chunks
    /// already cut and is not empty; `eof` says that nothing comes after it.
    pub(super) fn next(&mut self, data: &[u8], eof: bool) -> Option<(usize, Place)> {
        if data.len() < HORIZON && !eof {
            return None;
        }
        let seen = &data[..data.len().min(HORIZON)];
        let at_end = eof && seen.len() == data.len();
        match &mut self.scanner {
            Scanner::None => {}
            Scanner::Mime(scanner) => scanner.scan(seen, self.base, at_end, &mut self.marks),
            Scanner::Zip(scanner) => scanner.scan(seen, self.base, at_end, &mut self.marks),
        }
        self.enter();
        // An attachment is cut alike in a mailbox and in a message of its own.
        let small = self.small && self.place == Place::Plain;
        let mut window = seen;
        if let Some((at, _)) = self.marks.hard.front() {
            let ahead = usize::try_from(at - self.base).unwrap_or(usize::MAX);
            window = &seen[..seen.len().min(ahead)];
        }
        let mut len = match self.place {
            Place::Base64 { .. } if self.blocks => window.len().min(Sizes::NORMAL.max),
            _ => self.gear.cut(window, small),
        };
        let earliest = self.base + MIN_MESSAGE_RUN as u64;
        let first = self.marks.soft.partition_point(|at| *at < earliest);
        if let Some(at) = self.marks.soft.get(first)
            && *at < self.base + len as u64
        {
            len = (at - self.base) as usize;
        }
        self.base += len as u64;
        let place = self.place;
        if let Place::Base64 { opens } = &mut self.place {
            *opens = false;
        }
        Some((len, place))
    }

    /// Bytes cut so far.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Leaves behind the marks that are reached and takes the place they announce.
    fn enter(&mut self) {
        while let Some((_, place)) = self.marks.hard.pop_front_if(|(at, _)| *at <= self.base) {
            self.place = place;
        }
        while self.marks.soft.pop_front_if(|at| *at <= self.base).is_some() {}
    }
}

/// Cuts what `reader` yields and hands each chunk over in order. Returns how many bytes were read.
pub fn cut_reader<R: Read, E>(
    reader: R,
    kind: CutterKind,
    gear: &Gear,
    buffer: &mut CutBuffer,
    emit: impl FnMut(&[u8], Place) -> Result<(), E>,
) -> Result<u64, CutError<E>> {
    run(reader, |_| Engine::new(kind, gear), &mut buffer.space, emit)
}

/// As [`cut_reader`], and chooses the kind by the leading bytes. `size` is `u64::MAX` where it is not known.
pub fn cut_auto<R: Read, E>(
    reader: R,
    size: u64,
    gear: &Gear,
    buffer: &mut CutBuffer,
    emit: impl FnMut(&[u8], Place) -> Result<(), E>,
) -> Result<u64, CutError<E>> {
    run(reader, |head| Engine::new(CutterKind::choose(head, size), gear), &mut buffer.space, emit)
}

/// As [`cut_reader`], but bodies of base64 come in blocks.
pub(super) fn read_blocks<R: Read, E>(
    reader: R,
    kind: CutterKind,
    gear: &Gear,
    space: &mut Vec<u8>,
    emit: impl FnMut(&[u8], Place) -> Result<(), E>,
) -> Result<u64, CutError<E>> {
    run(reader, |_| Engine { blocks: true, ..Engine::new(kind, gear) }, space, emit)
}

fn run<'g, R: Read, E>(
    mut reader: R,
    start_engine: impl FnOnce(&[u8]) -> Engine<'g>,
    space: &mut Vec<u8>,
    mut emit: impl FnMut(&[u8], Place) -> Result<(), E>,
) -> Result<u64, CutError<E>> {
    space.resize(BUFFER_LEN, 0);
    let (mut filled, mut eof) = fill(&mut reader, space, 0).map_err(CutError::Read)?;
    let mut start = 0;
    let mut engine = start_engine(&space[..filled.min(HEAD_LEN)]);
    loop {
        if start == filled && eof {
            return Ok(engine.base);
        }
        if let Some((len, place)) = engine.next(&space[start..filled], eof) {
            emit(&space[start..start + len], place).map_err(CutError::Emit)?;
            start += len;
        } else {
            space.copy_within(start..filled, 0);
            (filled, eof) = fill(&mut reader, space, filled - start).map_err(CutError::Read)?;
            start = 0;
        }
    }
}

/// Reads until `space` is full or the content ends; says how far it is filled and whether that is the end.
///
/// # Errors
/// The reader's.
pub fn fill(reader: &mut impl Read, space: &mut [u8], mut filled: usize) -> std::io::Result<(usize, bool)> {
    while filled < space.len() {
        match reader.read(&mut space[filled..]) {
            Ok(0) => return Ok((filled, true)),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((filled, false))
}

/// The chunks of content that lies in memory: the same as [`cut_reader`] finds.
pub fn cut_slice<'d>(
    data: &'d [u8],
    kind: CutterKind,
    gear: &'d Gear,
) -> impl Iterator<Item = (&'d [u8], Place)> + use<'d> {
    chunks(data, Engine::new(kind, gear))
}

/// As [`cut_slice`], but bodies of base64 come in blocks.
pub(super) fn cut_blocks<'d>(
    data: &'d [u8],
    kind: CutterKind,
    gear: &'d Gear,
) -> impl Iterator<Item = (&'d [u8], Place)> + use<'d> {
    chunks(data, Engine { blocks: true, ..Engine::new(kind, gear) })
}

fn chunks<'d>(data: &'d [u8], mut engine: Engine<'d>) -> impl Iterator<Item = (&'d [u8], Place)> + use<'d> {
    let mut rest = data;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (len, place) = engine.next(rest, true)?;
        let (chunk, after) = rest.split_at(len);
        rest = after;
        Some((chunk, place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::cut::GearKey;

    /// A line that looks like a boundary as far as one decision sees must be read to its end.
    #[test]
    fn what_one_decision_sees_is_not_taken_for_the_end() {
        let mut mail =
            b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\n".to_vec();
        while mail.len() < HORIZON - 3 {
            let len = (HORIZON - 4 - mail.len()).min(76);
            mail.extend_from_slice(&b"A".repeat(len));
            mail.push(b'\n');
        }
        mail.extend_from_slice(b"--bee\n");
        mail.extend_from_slice(&b"A".repeat(2 * BUFFER_LEN));
        let gear = Gear::new(&GearKey::new([7; 32]));
        let outside = cut_slice(&mail, CutterKind::Mail, &gear).filter(|(_, place)| *place == Place::Plain);
        assert_eq!(outside.count(), 1, "only the header lies outside the body");
    }
}
