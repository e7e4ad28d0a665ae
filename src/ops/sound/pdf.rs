//! PDF: the table of objects is as written (nothing is mended), there are pages, and packed streams unpack to
//! their check sums.

use std::io::Read;

use flate2::read::ZlibDecoder;
use lopdf::{Document, LoadOptions, Object, Stream};

use super::{Verdict, Work};

/// What one table or stream of objects may unpack to.
const MAX_OBJECTS: usize = 64 << 20;
const BUFFER: usize = 64 << 10;

pub(super) fn check(bytes: &[u8], work: &mut Work) -> Result<(), Verdict> {
    let options = LoadOptions { strict: true, max_decompressed_size: Some(MAX_OBJECTS), ..LoadOptions::default() };
    let locked = || Verdict::not_checkable("it is encrypted");
    let document = match Document::load_mem_with_options(bytes, options) {
        Ok(document) if document.is_encrypted() || document.was_encrypted() || document.trailer.has(b"Encrypt") => {
            return Err(locked());
        }
        Ok(document) => document,
        Err(_) if memchr::memmem::find(bytes, b"/Encrypt").is_some() => return Err(locked()),
        Err(e) => return Err(Verdict::damaged(format!("its objects cannot be read: {e}"))),
    };
    if document.page_iter().next().is_none() {
        return Err(Verdict::damaged("it has no page"));
    }
    for page in document.page_iter() {
        work.part()?;
        if document.get_dictionary(page).is_err() {
            return Err(Verdict::damaged("a page is missing"));
        }
    }
    for object in document.objects.values() {
        work.part()?;
        if let Object::Stream(stream) = object
            && is_deflated(stream)
        {
            unpack(&stream.content, work)?;
        }
    }
    Ok(())
}

/// Only what this one filter packed can be checked by itself.
fn is_deflated(stream: &Stream) -> bool {
    stream.filters().is_ok_and(|filters| filters == [b"FlateDecode"])
}

fn unpack(content: &[u8], work: &mut Work) -> Result<(), Verdict> {
    let mut decoder = ZlibDecoder::new(content);
    let mut buffer = vec![0; BUFFER];
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => work.unpack(n as u64)?,
            Err(_) => return Err(Verdict::damaged("a stream cannot be unpacked")),
        }
    }
}
