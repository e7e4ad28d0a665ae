//! Small real documents, made here, for tests.
#![allow(clippy::unwrap_used, reason = "only tests and the feature `testing` have it")]

use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use zip::write::{SimpleFileOptions, ZipWriter};

pub(crate) fn noise(seed: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

pub(crate) fn words(len: usize) -> String {
    let mut text = String::new();
    for n in 0.. {
        if text.len() >= len {
            break;
        }
        text.push_str(&format!(
            "Minute {n}: résolved {} that the clerk do write.\n",
            blake3::hash(&[n as u8]).to_hex()
        ));
    }
    text
}

pub(crate) fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(vec![]));
    for (name, bytes) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn office(main: &str) -> Vec<u8> {
    let relations = format!(
        "<?xml version=\"1.0\"?><Relationships><Relationship Id=\"r1\" Type=\"http://x/relationships/officeDocument\" \
         Target=\"{main}\"/></Relationships>"
    );
    let body = format!("<?xml version=\"1.0\"?><document><p>{}</p></document>", words(9000));
    let picture = picture(ImageFormat::Png);
    zip(&[
        ("[Content_Types].xml", b"<?xml version=\"1.0\"?><Types><Default Extension=\"xml\"/></Types>"),
        ("_rels/.rels", relations.as_bytes()),
        (main, body.as_bytes()),
        ("media/image1.png", &picture),
    ])
}

pub(crate) fn docx() -> Vec<u8> {
    office("word/document.xml")
}

pub(crate) fn xlsx() -> Vec<u8> {
    office("xl/workbook.xml")
}

pub(crate) fn odt(encrypted: bool) -> Vec<u8> {
    let inside = if encrypted { "<m:encryption-data/>" } else { "" };
    let manifest = format!("<m:manifest><m:file-entry>{inside}</m:file-entry></m:manifest>");
    let body = format!("<office><text>{}</text></office>", words(9000));
    let body = if encrypted { noise(9, 900) } else { body.into_bytes() };
    zip(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("content.xml", &body),
        ("META-INF/manifest.xml", manifest.as_bytes()),
    ])
}

pub(crate) fn picture(format: ImageFormat) -> Vec<u8> {
    let points = noise(3, 3 * 64 * 48);
    let image = RgbImage::from_fn(64, 48, |x, y| {
        let at = 3 * (y as usize * 64 + x as usize);
        Rgb([points[at], x as u8, y as u8])
    });
    let mut out = Cursor::new(vec![]);
    DynamicImage::ImageRgb8(image).write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// A PDF of one page with a packed stream; with a ring, the page tree holds itself.
pub(crate) fn pdf(ring: bool) -> Vec<u8> {
    let text: String = (0..40).map(|n| format!("BT ({}) Tj ET\n", blake3::hash(&[n]).to_hex())).collect();
    let mut packed = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let kid = if ring { 2 } else { 3 };
    let mut out = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut offsets = vec![];
    let stream = [
        format!("<< /Length {} /Filter /FlateDecode >>\nstream\n", packed.len()).into_bytes(),
        packed,
        b"\nendstream".to_vec(),
    ]
    .concat();
    let objects: [Vec<u8>; 4] = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Kids [{kid} 0 R] /Count 1 >>").into_bytes(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>".to_vec(),
        stream,
    ];
    for (n, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.extend(format!("{} 0 obj\n", n + 1).bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let table = out.len();
    out.extend(b"xref\n0 5\n0000000000 65535 f \n");
    for offset in offsets {
        out.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    out.extend(format!("trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n").bytes());
    out
}

pub(crate) fn message(name: &str, attachment: &[u8]) -> Vec<u8> {
    let body: Vec<String> =
        STANDARD.encode(attachment).as_bytes().chunks(76).map(|l| String::from_utf8_lossy(l).into_owned()).collect();
    format!(
        "From: a@council.example\r\nTo: b@council.example\r\nSubject: Papers\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"=_x1\"\r\n\r\n--=_x1\r\nContent-Type: text/plain\r\n\r\nSee the \
         papers.\r\n\r\n--=_x1\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\nContent-Disposition: \
         attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n\r\n--=_x1--\r\n",
        body.join("\r\n")
    )
    .into_bytes()
}

#[cfg(test)]
pub(crate) fn mailbox() -> Vec<u8> {
    let mut all = vec![];
    for attachment in [docx(), pdf(false)] {
        all.extend(b"From a@council.example Sat Nov 22 10:00:00 2025\n");
        let message = String::from_utf8(message("papers.bin", &attachment)).unwrap();
        all.extend(message.replace("\r\n", "\n").bytes());
        all.push(b'\n');
    }
    all
}

/// Written by hand, as the file format says: a schema, a table in three pages, a long value that
/// goes on in another page, and a free page.
pub(crate) fn database() -> Vec<u8> {
    const PAGE: usize = 512;
    let put = |page: &mut Vec<u8>, start: usize, kind: u8, right: Option<u32>, cells: &[Vec<u8>]| {
        page.resize(PAGE, 0);
        let (mut at, list) = (PAGE, start + if right.is_some() { 12 } else { 8 });
        for (n, cell) in cells.iter().enumerate() {
            at -= cell.len();
            page[at..at + cell.len()].copy_from_slice(cell);
            page[list + 2 * n..list + 2 * n + 2].copy_from_slice(&(at as u16).to_be_bytes());
        }
        page[start] = kind;
        page[start + 3..start + 5].copy_from_slice(&(cells.len() as u16).to_be_bytes());
        page[start + 5..start + 7].copy_from_slice(&(at as u16).to_be_bytes());
        if let Some(right) = right {
            page[start + 8..start + 12].copy_from_slice(&right.to_be_bytes());
        }
    };
    let record = |texts: &[&str], root: Option<u8>| {
        let (mut types, mut values) = (vec![], vec![]);
        for text in texts {
            types.push((13 + 2 * text.len()) as u8);
            values.extend(text.bytes());
        }
        if let Some(root) = root {
            types.insert(3, 1);
            let at: usize = texts.iter().take(3).map(|t| t.len()).sum();
            values.insert(at, root);
        }
        let mut all = vec![types.len() as u8 + 1];
        all.extend(types);
        all.extend(values);
        all
    };
    let cell = |row: u8, record: Vec<u8>| [vec![record.len() as u8, row], record].concat();
    let mut first = b"SQLite format 3\0".to_vec();
    first.resize(100, 0);
    first[16..18].copy_from_slice(&(PAGE as u16).to_be_bytes());
    first[18..24].copy_from_slice(&[1, 1, 0, 64, 32, 32]);
    first[27] = 1;
    (first[31], first[35], first[39]) = (6, 6, 1);
    first[95] = 1;
    let schema = record(&["table", "t", "t", "CREATE TABLE t(a)"], Some(2));
    put(&mut first, 100, 13, None, &[cell(1, schema)]);
    let mut inner = vec![];
    put(&mut inner, 0, 5, Some(4), &[vec![0, 0, 0, 3, 4]]);
    let leaf = |from: u8| {
        let mut page = vec![];
        let cells: Vec<Vec<u8>> =
            (from..from + 4).map(|n| cell(n, record(&["the clerk reported on the paths"], None))).collect();
        put(&mut page, 0, 13, None, &cells);
        page
    };
    // 600 letters: the header is two bytes and one of its own length, 481 bytes or fewer stay in the page.
    let long = [vec![3, 0x89, 0x3d], vec![b'x'; 600]].concat();
    let here = {
        let least = (PAGE - 12) * 32 / 255 - 23;
        least + (long.len() - least) % (PAGE - 4)
    };
    let here = if here <= PAGE - 35 { here } else { (PAGE - 12) * 32 / 255 - 23 };
    let mut last = vec![];
    let stays = [vec![0x84, 0x5b, 9], long[..here].to_vec(), vec![0, 0, 0, 5]].concat();
    put(&mut last, 0, 13, None, &[stays]);
    let mut overflow = [vec![0, 0, 0, 0], long[here..].to_vec()].concat();
    overflow.resize(PAGE, 0);
    [first, inner, leaf(1), last, overflow, vec![0; PAGE]].concat()
}
