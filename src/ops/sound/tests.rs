//! What each damage does to each kind, asserted one by one; and what bombs, rings and giants cost: little.

use image::ImageFormat;

use super::samples::{self, noise, picture, words};
use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Sound,
    Damaged,
    NotItsName,
    NotCheckable,
}
use Says::{Damaged as D, NotCheckable as C, NotItsName as N, Sound as S};

fn says(name: &str, bytes: &[u8]) -> Says {
    match examine_bytes(name.as_bytes(), bytes) {
        Verdict::Sound => S,
        Verdict::Damaged(_) => D,
        Verdict::NotItsName(_) => N,
        Verdict::NotCheckable(_) => C,
    }
}

/// Cut in half; the last 40 bytes missing; a byte flipped; 200 zero bytes inside; noise; zeros; nothing.
fn harmed(bytes: &[u8]) -> [Vec<u8>; 7] {
    let (half, end) = (bytes.len() / 2, bytes.len().saturating_sub(40));
    let mut flipped = bytes.to_vec();
    flipped[half] ^= 0x10;
    let mut zeroed = bytes.to_vec();
    zeroed[half..half + 200].fill(0);
    [
        bytes[..half].to_vec(),
        bytes[..end].to_vec(),
        flipped,
        zeroed,
        noise(77, bytes.len().max(2048)),
        vec![0; bytes.len()],
        vec![],
    ]
}

#[test]
fn every_kind_against_every_damage() {
    let text = words(6000);
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = [&b"\xff\xfe"[..], &wide].concat();
    let plain = samples::zip(&[("a.txt", text.as_bytes()), ("b.bin", &noise(1, 3000))]);
    let mail = samples::message("agenda.docx", &samples::docx());
    //                                                          half  40  flip zero noise zeros empty
    let table: Vec<(&str, Vec<u8>, [Says; 7])> = vec![
        ("a/report.docx", samples::docx(), [D, D, D, D, N, D, D]),
        ("budget.XLSM", samples::xlsx(), [D, D, D, D, N, D, D]),
        ("letter.odt", samples::odt(false), [D, D, D, D, N, D, D]),
        ("papers.zip", plain, [D, D, D, D, N, D, D]),
        ("agenda.pdf", samples::pdf(false), [D, D, D, D, N, D, D]),
        ("map.png", picture(ImageFormat::Png), [D, D, D, D, N, D, D]),
        ("map.gif", picture(ImageFormat::Gif), [D, D, S, D, N, D, D]),
        ("map.jpg", picture(ImageFormat::Jpeg), [D, D, S, S, N, D, D]),
        ("map.tif", picture(ImageFormat::Tiff), [D, D, S, S, N, D, D]),
        ("mail.eml", mail.clone(), [D, D, D, D, N, D, D]),
        ("Mail/cur/170.M1.h:2,S", mail, [D, D, D, D, N, D, D]),
        ("old.mbox", samples::mailbox(), [D, D, D, D, N, D, D]),
        ("register.sqlite", samples::database(), [D, D, D, D, N, D, D]),
        ("list.csv", text.clone().into_bytes(), [S, S, S, D, N, D, S]),
        ("list.txt", wide, [D, S, S, D, N, D, S]),
    ];
    let mut wrong = vec![];
    for (name, bytes, expected) in table {
        assert_eq!(examine_bytes(name.as_bytes(), &bytes), Verdict::Sound, "{name}");
        let found = harmed(&bytes).map(|b| says(name, &b));
        if found != expected {
            wrong.push(format!("{name}: {:?}", harmed(&bytes).map(|b| examine_bytes(name.as_bytes(), &b))));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_flip_or_a_gap_anywhere_in_an_office_document_is_found_or_harmless() {
    let docx = samples::docx();
    let mut found = 0;
    for at in (0..docx.len()).step_by(37) {
        let mut harmed = docx.clone();
        harmed[at] ^= 0x55;
        found += usize::from(says("a.docx", &harmed) == D);
    }
    // Times, attributes and the like in the headers are covered by no check sum.
    let tried = docx.len().div_ceil(37);
    assert!(found * 100 >= tried * 85, "{found} of {tried}");
}

#[test]
fn what_nobody_can_say_is_not_called_damaged() {
    let locked = [&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &noise(1, 600)].concat();
    let wide: Vec<u8> = "EncryptedPackage".bytes().flat_map(|b| [b, 0]).collect();
    let mut pdf = samples::pdf(false);
    let at = memchr::memmem::find(&pdf, b"/Root").unwrap();
    pdf.splice(at..at, b"/Encrypt 9 0 R ".iter().copied());
    let mut logged = samples::database();
    logged[18..20].copy_from_slice(&[2, 2]);
    assert_eq!(says("a.sqlite", &logged), S);
    logged.truncate(1000);
    let too_much = MAX_DOCUMENT as usize + 1;
    let mut odd = picture(ImageFormat::Tiff);
    let ifd = u32::from_le_bytes(odd[4..8].try_into().unwrap()) as usize;
    let entries = usize::from(u16::from_le_bytes(odd[ifd..ifd + 2].try_into().unwrap()));
    // A way of packing that nobody knows (tag 259).
    let packed = (0..entries).map(|n| ifd + 2 + 12 * n).find(|at| odd[*at..*at + 2] == [3, 1]).unwrap();
    odd[packed + 8..packed + 10].copy_from_slice(&[0xf0, 0x77]);
    let mut other_way = samples::zip(&[("a.txt", b"words")]);
    for head in [&b"PK\x03\x04"[..], b"PK\x01\x02"] {
        let at = memchr::memmem::find(&other_way, head).unwrap() + if head[2] == 3 { 8 } else { 10 };
        other_way[at..at + 2].copy_from_slice(&[98, 0]);
    }
    let mut wide_open = samples::message("a.txt", b"x");
    wide_open.resize(too_much, b'a');
    let cases: [(&str, Vec<u8>, &str); 13] = [
        ("map.tif", odd, "not examined"),
        ("other.zip", other_way, "packed in a way"),
        ("big.eml", wide_open.clone(), "larger"),
        ("big.mbox", wide_open, "larger"),
        ("big.csv", vec![b'a'; too_much], "larger"),
        ("old.doc", locked.clone(), "older Office"),
        ("locked.docx", [locked, wide].concat(), "password"),
        ("locked.odt", samples::odt(true), "password"),
        ("locked.pdf", pdf, "encrypted"),
        ("a.sqlite", logged, "second file"),
        ("film.mp4", noise(3, 5000), "not examined"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c rest".to_vec(), "not examined"),
        ("big.txt", vec![b'a'; MAX_DOCUMENT as usize + 1], "larger"),
    ];
    for (name, bytes, why) in cases {
        let verdict = examine_bytes(name.as_bytes(), &bytes);
        assert!(matches!(&verdict, Verdict::NotCheckable(w) if w.contains(why)), "{name}: {verdict:?}");
    }
}

#[test]
fn names_and_content_that_do_not_fit() {
    assert_eq!(says("map.jpg", &picture(ImageFormat::Png)), S, "content counts more than the name");
    assert_eq!(says("agenda.docx", b"just a few words"), N);
    assert_eq!(says("agenda.docx", b"<!DOCTYPE html><html></html>"), N);
    assert_eq!(says("agenda.pdf", &noise(5, 5000)), N);
    assert_eq!(says("list.csv", &noise(5, 100)), N, "too short for noise, but no text");
    // A head overwritten with zeros or noise, and a tail that is still there.
    for (name, bytes) in
        [("a.docx", samples::docx()), ("a.pdf", samples::pdf(false)), ("a.png", picture(ImageFormat::Png))]
    {
        let mut headless = bytes.clone();
        headless[..8].copy_from_slice(&noise(8, 8));
        assert_eq!(says(name, &headless), D, "{name}");
    }
    assert_eq!(says("no-office.docx", &samples::zip(&[("a", b"b")])), D);
}

#[test]
fn text_in_every_encoding() {
    let old: Vec<u8> = "Caf\u{e9} und Stra\u{df}e, caf\u{e9}".chars().map(|c| c as u8).collect();
    let mut broken = "déjà vu, façade, naïve, café, crème brûlée, Noël, où, à, ça, très, été".as_bytes().to_vec();
    assert_eq!(says("a.txt", &broken), S);
    assert_eq!(says("a.txt", &broken[..broken.len() - 1]), D, "cut in a letter");
    broken[2] = b'x';
    assert_eq!(says("a.txt", &broken), D);
    assert_eq!(says("a.txt", &old), S);
    let unmarked: Vec<u8> = "plain words, no mark".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(says("a.txt", &unmarked), S);
    assert_eq!(says("a.txt", &unmarked[..unmarked.len() - 1]), D);
}

#[test]
fn bombs_rings_and_giants_are_bounded() {
    let zeros = vec![0; 48 << 20];
    let inner = samples::zip(&[("0", &zeros[..])]);
    assert!(inner.len() < 100_000);
    let many: Vec<(String, &[u8])> = (0..12).map(|n| (n.to_string(), &zeros[..])).collect();
    let parts: Vec<(&str, &[u8])> = many.iter().map(|(n, b)| (n.as_str(), *b)).collect();
    assert_eq!(says("bomb.zip", &samples::zip(&parts)), C);
    let many: Vec<String> = (0..=MAX_PARTS / 8).map(|n| format!("{n}")).collect();
    let parts: Vec<(&str, &[u8])> = many.iter().map(|n| (n.as_str(), &b""[..])).collect();
    let crowd = samples::zip(&parts);
    let nine: Vec<Vec<u8>> = (0..9).map(|_| samples::message("crowd.zip", &crowd)).collect();
    let boxed: Vec<u8> = nine.iter().flat_map(|m| [&b"From a\n"[..], m, b"\n"].concat()).collect();
    assert_eq!(says("crowd.mbox", &boxed), C);

    let mut nested = samples::message("a.docx", b"not a document at all, but nobody looks so deep");
    for _ in 0..6 {
        nested = samples::message("inner.eml", &nested);
    }
    assert_eq!(says("deep.eml", &nested), S);

    assert!([D, C].contains(&says("ring.pdf", &samples::pdf(true))));
    let deep = [b"%PDF-1.5\n1 0 obj\n".to_vec(), b"[".repeat(200_000), b"\nendobj\n%%EOF".to_vec()].concat();
    assert_eq!(says("deep.pdf", &deep), D);

    let mut giant = picture(ImageFormat::Png);
    giant[16..24].copy_from_slice(&[0, 0, 0x7f, 0xff, 0, 0, 0x7f, 0xff]);
    let crc = crc(&giant[12..29]);
    giant[29..33].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(says("giant.png", &giant), C);

    let markup = [b"<a>".repeat(1_000_000), b"</a>".repeat(1_000_000)].concat();
    let deep = samples::zip(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("content.xml", &markup),
        ("META-INF/manifest.xml", b"<m/>"),
    ]);
    assert_eq!(says("deep.odt", &deep), S);

    let mut ring = samples::database();
    ring[512 + 8..512 + 12].copy_from_slice(&2u32.to_be_bytes());
    assert_eq!(says("ring.sqlite", &ring), D);
}

/// As PNG wants it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, b| {
        (0..8).fold(crc ^ u32::from(*b), |c, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 })
    })
}

#[test]
fn nothing_panics_on_harmed_bytes() {
    let all = [
        ("a.docx", samples::docx()),
        ("a.odt", samples::odt(false)),
        ("a.pdf", samples::pdf(false)),
        ("a.png", picture(ImageFormat::Png)),
        ("a.jpg", picture(ImageFormat::Jpeg)),
        ("a.gif", picture(ImageFormat::Gif)),
        ("a.tif", picture(ImageFormat::Tiff)),
        ("a.eml", samples::message("a.pdf", &samples::pdf(false))),
        ("a.mbox", samples::mailbox()),
        ("a.sqlite", samples::database()),
    ];
    for (name, bytes) in all {
        for round in 0..40u8 {
            let (mut harmed, chance) = (bytes.clone(), noise(round, 64));
            for n in chance.chunks(4).take(1 + usize::from(round % 16)) {
                let at = usize::from(n[0]) * bytes.len() / 256;
                harmed[at] = n[2];
            }
            if round % 5 == 0 {
                harmed.truncate(usize::from(chance[0]) * bytes.len() / 256);
            }
            let verdict = examine_bytes(name.as_bytes(), &harmed);
            let words = match &verdict {
                Verdict::Sound => "",
                Verdict::Damaged(w) | Verdict::NotItsName(w) | Verdict::NotCheckable(w) => w,
            };
            assert!(words.chars().count() <= MAX_WORDS && !words.contains(char::is_control), "{words}");
        }
    }
}
