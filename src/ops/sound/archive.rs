//! Zip archives and the documents that are zip archives: Office and OpenDocument.
//!
//! Every part is unpacked to its end, so that its check sum is compared; every part that is markup is parsed.

use std::io::{Cursor, Read};

use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;
use zip::result::ZipError;

use super::kind::Expected;
use super::{Verdict, Work};

/// Markup beyond this is unpacked and not parsed.
const MAX_MARKUP: usize = 32 << 20;
/// What is unpacked at a time.
const BUFFER: usize = 64 << 10;

/// How the unpacker says that it does not know a way of packing: only when the part is read.
const OTHER_METHOD: &str = "compression method not supported";

const TYPES: &str = "[Content_Types].xml";
const RELATIONS: &str = "_rels/.rels";
const MANIFEST: &str = "META-INF/manifest.xml";

type Archive<'b> = ZipArchive<Cursor<&'b [u8]>>;

pub(super) fn check(expected: Expected, bytes: &[u8], work: &mut Work) -> Result<(), Verdict> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| refused(&e))?;
    let office = expected == Expected::Office || archive.index_for_name(TYPES).is_some();
    let open_document = expected == Expected::OpenDocument || is_open_document(&mut archive);
    if open_document {
        manifest(&mut archive, work)?;
    } else if office {
        main_part(&mut archive, work)?;
    }
    for at in 0..archive.len() {
        work.part()?;
        let encrypted = archive.by_index_raw(at).map_err(|e| refused(&e))?.encrypted();
        if encrypted {
            return Err(Verdict::not_checkable("it is protected by a password"));
        }
        let part = archive.by_index(at).map_err(|e| refused(&e))?;
        let markup = (office || open_document) && part.name().is_ok_and(|name| is_markup(&name));
        if let Some(text) = unpack(part, markup, work)? {
            parse(&text, |_| Ok(()))?;
        }
    }
    Ok(())
}

fn refused(error: &ZipError) -> Verdict {
    match error {
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            Verdict::not_checkable("it is packed in a way that is not known here")
        }
        ZipError::InvalidPassword => Verdict::not_checkable("it is protected by a password"),
        e => Verdict::damaged(format!("the archive cannot be read: {e}")),
    }
}

fn is_markup(name: &str) -> bool {
    name.ends_with(".xml") || name.ends_with(".rels") || name.ends_with(".rdf")
}

/// A part to its end; its bytes, if they are wanted and not too many.
fn unpack(mut part: impl Read, wanted: bool, work: &mut Work) -> Result<Option<Vec<u8>>, Verdict> {
    let (mut kept, mut whole) = (vec![], wanted);
    let mut buffer = vec![0; BUFFER];
    loop {
        let n = part.read(&mut buffer).map_err(|e| match e.to_string() {
            why if why.contains(OTHER_METHOD) => refused(&ZipError::CompressionMethodNotSupported(0)),
            why => Verdict::damaged(format!("a part cannot be unpacked: {why}")),
        })?;
        if n == 0 {
            return Ok(whole.then_some(kept));
        }
        work.unpack(n as u64)?;
        if whole && kept.len() + n > MAX_MARKUP {
            (kept, whole) = (vec![], false);
        }
        if whole {
            kept.extend_from_slice(&buffer[..n]);
        }
    }
}

fn named(archive: &mut Archive<'_>, name: &str, work: &mut Work) -> Result<Vec<u8>, Verdict> {
    let part = match archive.by_name(name) {
        Ok(part) => part,
        Err(ZipError::FileNotFound) => return Err(Verdict::damaged(format!("its part {name} is missing"))),
        Err(e) => return Err(refused(&e)),
    };
    unpack(part, true, work)?.ok_or_else(|| Verdict::not_checkable("a part is too large"))
}

/// Markup that closes what it opens. Other encodings than UTF-8 are passed over.
fn parse(text: &[u8], mut each: impl FnMut(&BytesStart<'_>) -> Result<(), Verdict>) -> Result<(), Verdict> {
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Ok(());
    }
    let mut reader = quick_xml::Reader::from_reader(text);
    let (mut depth, mut elements) = (0u64, 0u64);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                (depth, elements) = (depth + 1, elements + 1);
                each(&tag)?;
            }
            Ok(Event::Empty(tag)) => {
                elements += 1;
                each(&tag)?;
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) if depth == 0 && elements > 0 => return Ok(()),
            Ok(Event::Eof) => return Err(Verdict::damaged("its markup ends too early")),
            Ok(_) => {}
            Err(e) => return Err(Verdict::damaged(format!("its markup is broken: {e}"))),
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    tag.attributes().flatten().find(|a| a.key.local_name().as_ref() == name).map(|a| a.value.into_owned())
}

/// An Office document names its main part, and has it.
fn main_part(archive: &mut Archive<'_>, work: &mut Work) -> Result<(), Verdict> {
    named(archive, TYPES, work)?;
    let relations = named(archive, RELATIONS, work)?;
    let mut main = None;
    parse(&relations, |tag| {
        let kind = attribute(tag, "Type").unwrap_or_default();
        if kind.ends_with("/officeDocument") {
            main = attribute(tag, "Target");
        }
        Ok(())
    })?;
    let main = main.ok_or_else(|| Verdict::damaged("it names no main part"))?;
    let name = main.trim_start_matches('/');
    let there = archive.file_names().flatten().any(|n| n.eq_ignore_ascii_case(name));
    if there { Ok(()) } else { Err(Verdict::damaged("its main part is missing")) }
}

fn is_open_document(archive: &mut Archive<'_>) -> bool {
    let mut kind = vec![];
    let Ok(part) = archive.by_name("mimetype") else { return false };
    part.take(128).read_to_end(&mut kind).is_ok() && kind.starts_with(b"application/vnd.oasis.opendocument")
}

/// An OpenDocument says which parts are encrypted, and has its content.
fn manifest(archive: &mut Archive<'_>, work: &mut Work) -> Result<(), Verdict> {
    let manifest = named(archive, MANIFEST, work)?;
    parse(&manifest, |tag| match tag.local_name().as_ref() {
        "encryption-data" => Err(Verdict::not_checkable("it is protected by a password")),
        _ => Ok(()),
    })?;
    match archive.index_for_name("content.xml") {
        Some(_) => Ok(()),
        None => Err(Verdict::damaged("its part content.xml is missing")),
    }
}
