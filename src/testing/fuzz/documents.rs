//! Documents that people made, or that somebody made for us: where they are cut, and whether they open.

use std::convert::Infallible;
use std::sync::{Mutex, OnceLock, PoisonError};

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;

use image::ImageFormat;

use crate::ops::sound::{examine_bytes, samples};
use crate::repo::cut::base64::{base64_region, write_back};
use crate::repo::cut::{CutBuffer, CutterKind, Gear, GearKey, cut_reader, cut_slice};

/// Put together the chunks are the document, and they do not depend on whether it came as a stream.
fn cut(data: &[u8], kind: CutterKind) {
    static BUFFER: OnceLock<Mutex<CutBuffer>> = OnceLock::new();
    let gear = Gear::new(&GearKey::new([7; 32]));
    let chunks: Vec<&[u8]> = cut_slice(data, kind, &gear).map(|(chunk, _)| chunk).collect();
    assert!(chunks.iter().all(|c| !c.is_empty()), "an empty chunk");
    assert!(chunks.concat() == data, "the chunks are not the document");
    let buffer = BUFFER.get_or_init(|| Mutex::new(CutBuffer::new()));
    let mut streamed = vec![];
    let read = cut_reader(data, kind, &gear, &mut buffer.lock().unwrap_or_else(PoisonError::into_inner), |chunk, _| {
        streamed.push(chunk.len());
        Ok::<_, Infallible>(())
    });
    assert!(read.is_ok_and(|read| read == data.len() as u64));
    assert!(streamed.into_iter().eq(chunks.iter().map(|c| c.len())), "a stream is cut elsewhere");
}

pub(super) fn cut_mail(data: &[u8]) {
    cut(data, CutterKind::Mail);
}
pub(super) fn cut_mailbox(data: &[u8]) {
    cut(data, CutterKind::Mailbox);
}
pub(super) fn cut_zip(data: &[u8]) {
    cut(data, CutterKind::Zip);
}
/// As the leading bytes choose.
pub(super) fn cut_plain(data: &[u8]) {
    cut(data, CutterKind::choose(data, u64::MAX));
}

/// What is taken for base64 is written back exactly.
pub(super) fn base64(data: &[u8]) {
    if let Some((decoded, form)) = base64_region(data) {
        assert!(write_back(&decoded, form, data.len()).as_deref() == Some(data), "written back otherwise");
    }
}

pub(super) fn base64_texts() -> Vec<Vec<u8>> {
    let text = STANDARD.encode([7u8; 400]);
    let lines = |end: &str| text.as_bytes().chunks(76).map(String::from_utf8_lossy).collect::<Vec<_>>().join(end);
    vec![lines("\r\n").into_bytes(), (lines("\n") + "\n").into_bytes(), text.into_bytes()]
}

pub(super) fn messages() -> Vec<Vec<u8>> {
    vec![
        samples::message("papers.bin", &samples::noise(5, 300)),
        samples::message("a.docx", &samples::zip(&[("a", b"b")])),
    ]
}

pub(super) fn mailboxes() -> Vec<Vec<u8>> {
    let separated =
        |message: Vec<u8>| [b"From a@council.example Sat Nov 22 10:00:00 2025\n", &message[..], b"\n"].concat();
    vec![messages().into_iter().flat_map(separated).collect(), b"From \n\nFrom a\n>From b\n".to_vec()]
}

pub(super) fn zips() -> Vec<Vec<u8>> {
    let long = samples::words(600);
    vec![samples::zip(&[("a.txt", long.as_bytes()), ("b/a.txt", b"b"), ("c.bin", &samples::noise(2, 99))])]
}

pub(super) fn offices() -> Vec<Vec<u8>> {
    let part = b"<?xml version=\"1.0\"?><Types><p>a</p></Types>";
    let small = samples::zip(&[("[Content_Types].xml", part), ("word/document.xml", part), ("_rels/.rels", part)]);
    vec![small, samples::docx(), samples::xlsx()]
}

pub(super) fn opendocuments() -> Vec<Vec<u8>> {
    vec![samples::odt(false), samples::odt(true)]
}

pub(super) fn pdfs() -> Vec<Vec<u8>> {
    vec![samples::pdf(false), samples::pdf(true)]
}

pub(super) fn jpegs() -> Vec<Vec<u8>> {
    vec![samples::picture(ImageFormat::Jpeg)]
}

pub(super) fn pngs() -> Vec<Vec<u8>> {
    vec![samples::picture(ImageFormat::Png)]
}

pub(super) fn databases() -> Vec<Vec<u8>> {
    vec![samples::database()]
}

pub(super) fn texts() -> Vec<Vec<u8>> {
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("a,b\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    vec![samples::words(300).into_bytes(), utf16, b"name;sum\nclerk;\xe4\n".to_vec()]
}

/// It ends with a verdict.
fn open(name: &str, data: &[u8]) {
    let _ = examine_bytes(name.as_bytes(), data);
}

pub(super) fn office(data: &[u8]) {
    open("a.docx", data);
}
pub(super) fn opendocument(data: &[u8]) {
    open("a.odt", data);
}
pub(super) fn pdf(data: &[u8]) {
    open("a.pdf", data);
}
pub(super) fn jpeg(data: &[u8]) {
    open("a.jpg", data);
}
pub(super) fn png(data: &[u8]) {
    open("a.png", data);
}
pub(super) fn message(data: &[u8]) {
    open("a.eml", data);
}
pub(super) fn mailbox(data: &[u8]) {
    open("a.mbox", data);
}
pub(super) fn zip(data: &[u8]) {
    open("a.zip", data);
}
pub(super) fn database(data: &[u8]) {
    open("a.sqlite", data);
}
pub(super) fn text(data: &[u8]) {
    open("a.csv", data);
}
