//! Content cut into what is stored: chunks as they are, and bodies of base64 as the bytes that they stand for.
//!
//! What must always hold: the pieces written back, put end to end, are the input, whatever the input; a decoded body is
//! cut as a file of the same bytes is, so that a document is stored once wherever it lies. A body is followed from its
//! first line as far as writing back is proved to give it; from there on it is stored as it is. Memory is bounded by two
//! horizons of the cutter and a block.

use std::io::Read;

use super::base64::{decode_lines, end_of, form_of};
use super::engine::{CutBuffer, CutError, Engine, HORIZON, Place, cut_blocks, read_blocks};
use super::gear::Gear;
use super::kind::{CutterKind, HEAD_LEN};
use crate::domain::listing::{Base64Form, Base64Run};

/// How a chunk is written back: so many bytes of base64, in this form.
pub type Written = (u32, Base64Form);

/// Memory that is used again from one content to the next.
#[derive(Debug, Default)]
pub(super) struct BodyBuffer {
    /// Text that is not a whole line yet.
    text: Vec<u8>,
    /// What is to be cut.
    plain: Vec<u8>,
}

/// Cuts content that lies in memory; `emit` gets each chunk, and how it is written back unless it stands for itself.
///
/// # Errors
/// What `emit` returns.
pub fn store_slice<E>(
    data: &[u8],
    kind: CutterKind,
    gear: &Gear,
    buffer: &mut CutBuffer,
    mut emit: impl FnMut(&[u8], Option<Written>) -> Result<(), E>,
) -> Result<(), E> {
    let mut bodies = Bodies::new(gear, &mut buffer.body);
    for (chunk, place) in cut_blocks(data, kind, gear) {
        bodies.take(chunk, place, &mut emit)?;
    }
    bodies.end(&mut emit)
}

/// Cuts what `reader` yields: the same chunks as [`store_slice`]. `raw` is told the bytes as they are, in order. Returns
/// how many bytes were read.
///
/// # Errors
/// [`CutError`].
pub fn store_reader<R: Read, E>(
    reader: R,
    kind: CutterKind,
    gear: &Gear,
    buffer: &mut CutBuffer,
    mut raw: impl FnMut(&[u8]),
    mut emit: impl FnMut(&[u8], Option<Written>) -> Result<(), E>,
) -> Result<u64, CutError<E>> {
    let CutBuffer { space, body } = buffer;
    let mut bodies = Bodies::new(gear, body);
    let read = read_blocks(reader, kind, gear, space, |block, place| {
        raw(block);
        bodies.take(block, place, &mut emit)
    })?;
    bodies.end(&mut emit).map_err(CutError::Emit)?;
    Ok(read)
}

#[derive(Clone, Copy)]
enum State {
    Outside,
    /// In a body of this form; so many bytes of it were decoded.
    Decoding(Base64Form, u64),
    /// In a body, beyond what can be decoded.
    AsItIs,
}

struct Bodies<'g, 'b> {
    gear: &'g Gear,
    buffer: &'b mut BodyBuffer,
    state: State,
    /// Cuts what is in `plain`; there once enough of it is, to choose by its leading bytes.
    engine: Option<Engine<'g>>,
}

impl<'g, 'b> Bodies<'g, 'b> {
    fn new(gear: &'g Gear, buffer: &'b mut BodyBuffer) -> Self {
        buffer.text.clear();
        buffer.plain.clear();
        Self { gear, buffer, state: State::Outside, engine: None }
    }

    fn take<E>(
        &mut self,
        bytes: &[u8],
        place: Place,
        emit: &mut impl FnMut(&[u8], Option<Written>) -> Result<(), E>,
    ) -> Result<(), E> {
        match place {
            Place::Plain => {
                self.end(emit)?;
                return emit(bytes, None);
            }
            Place::Base64 { opens: true } => {
                self.end(emit)?;
                self.state = form_of(bytes).map_or(State::AsItIs, |form| State::Decoding(form, 0));
            }
            Place::Base64 { opens: false } => {}
        }
        match self.state {
            State::Decoding(..) => {
                self.buffer.text.extend_from_slice(bytes);
                self.decode(false, emit)
            }
            State::AsItIs | State::Outside => {
                self.buffer.plain.extend_from_slice(bytes);
                self.cut(false, emit)
            }
        }
    }

    /// Decodes what can be; where it ends, what is left is cut as it is.
    fn decode<E>(
        &mut self,
        last: bool,
        emit: &mut impl FnMut(&[u8], Option<Written>) -> Result<(), E>,
    ) -> Result<(), E> {
        let State::Decoding(form, before) = self.state else { return Ok(()) };
        let BodyBuffer { text, plain } = &mut *self.buffer;
        let taken = decode_lines(text, form, last, plain);
        text.drain(..taken.len);
        self.state = State::Decoding(form, before + taken.len as u64);
        if !taken.ends {
            return self.cut(last, emit);
        }
        self.cut(true, emit)?;
        self.state = State::AsItIs;
        std::mem::swap(&mut self.buffer.text, &mut self.buffer.plain);
        self.cut(last, emit)
    }

    /// Ends a body, if there is one.
    fn end<E>(&mut self, emit: &mut impl FnMut(&[u8], Option<Written>) -> Result<(), E>) -> Result<(), E> {
        match self.state {
            State::Outside => {}
            State::Decoding(..) => self.decode(true, emit)?,
            State::AsItIs => self.cut(true, emit)?,
        }
        self.state = State::Outside;
        Ok(())
    }

    /// Hands out the chunks that can be cut so far; all of them where `last`.
    fn cut<E>(&mut self, last: bool, emit: &mut impl FnMut(&[u8], Option<Written>) -> Result<(), E>) -> Result<(), E> {
        let (form, text) = match self.state {
            State::Decoding(form, text) => (Some(form), text),
            _ => (None, 0),
        };
        let plain = &mut self.buffer.plain;
        if !last && plain.len() < HORIZON {
            return Ok(());
        }
        let head = &plain[..plain.len().min(HEAD_LEN)];
        let kind = || form.map_or(CutterKind::Normal, |_| inner_kind(head));
        let mut engine = self.engine.take().unwrap_or_else(|| Engine::new(kind(), self.gear));
        let mut start = 0;
        while start < plain.len() {
            let from = engine.base();
            let Some((len, _)) = engine.next(&plain[start..], last) else { break };
            let (chunk, after) = plain[start..].split_at(len);
            start += len;
            let Some(form) = form else {
                emit(chunk, None)?;
                continue;
            };
            if let Some(written) = written(from, chunk.len(), after, form, last.then_some(text)) {
                emit(chunk, Some(written))?;
            }
        }
        plain.drain(..start);
        self.engine = (!last).then_some(engine);
        Ok(())
    }
}

/// A message in a body would be cut into blocks of its own bodies; nothing else treats a message inside a message so.
fn inner_kind(head: &[u8]) -> CutterKind {
    match CutterKind::choose(head, u64::MAX) {
        CutterKind::Mail | CutterKind::Mailbox => CutterKind::Normal,
        kind => kind,
    }
}

/// How the chunk of `len` bytes from byte `from` of a body is written back, `after` being what follows it. Nothing where
/// the piece before writes all of it. `text`: the body ends with `after`, and has so many bytes of text.
fn written(from: u64, len: usize, after: &[u8], form: Base64Form, text: Option<u64>) -> Option<Written> {
    let (line, end) = (u64::from(form.line), end_of(form).len() as u64);
    let to = from + len as u64;
    let first = from.next_multiple_of(3);
    let more = &after[..after.len().min((to.next_multiple_of(3) - to) as usize)];
    let beyond = to + more.len() as u64;
    if first >= beyond {
        return None;
    }
    let place = |character: u64| character + character / line * end;
    let (start, stop) = (first / 3 * 4, beyond.div_ceil(3) * 4);
    let column = (start % line) as u16;
    let run =
        Base64Run { column, skip: (first - from) as u8, next: more.first().copied(), after: more.get(1).copied() };
    let stop = text.filter(|_| more.len() == after.len()).unwrap_or_else(|| place(stop));
    Some(((stop - place(start)) as u32, Base64Form { run: (run != Base64Run::default()).then_some(run), ..form }))
}

#[cfg(test)]
mod tests;
