//! What a document is, by its leading bytes and by its name; and what it is when the two do not fit.
//!
//! Content that is known counts more than the name: a picture under another picture's name is no finding.

use super::Verdict;

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Office,
    OpenDocument,
    Zip,
    Pdf,
    Picture,
    Database,
    Mail,
    Mailbox,
    Text,
    /// Nothing that is known here.
    Nothing,
}

/// What the content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Archive,
    Pdf,
    Picture(Format),
    Database,
    Mail,
    Mailbox,
    Text,
    /// The Office formats before 2007, and what Office wraps a password around.
    OldOffice,
    /// Known, but not examined.
    Other(&'static str),
}

/// Pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Png,
    Gif,
    Tiff,
}

/// The ending of a name, in small letters; nothing where there is none.
pub fn ending(name: &[u8]) -> String {
    let last = name.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let at = memchr::memrchr(b'.', last).filter(|at| *at > 0 && last.len() - at <= 9);
    at.map(|at| String::from_utf8_lossy(&last[at + 1..]).to_ascii_lowercase()).unwrap_or_default()
}

pub(super) fn by_name(name: &[u8]) -> Expected {
    match ending(name).as_str() {
        "docx" | "docm" | "dotx" | "dotm" | "xlsx" | "xlsm" | "xltx" | "xltm" | "pptx" | "pptm" | "potx" | "potm"
        | "ppsx" | "ppsm" => Expected::Office,
        "odt" | "ods" | "odp" | "odg" | "ott" | "ots" | "otp" => Expected::OpenDocument,
        "zip" => Expected::Zip,
        "pdf" => Expected::Pdf,
        "jpg" | "jpeg" | "jpe" | "png" | "gif" | "tif" | "tiff" => Expected::Picture,
        "sqlite" | "sqlite3" | "db3" => Expected::Database,
        "eml" => Expected::Mail,
        "mbox" => Expected::Mailbox,
        "txt" | "csv" | "tsv" | "md" | "log" | "ics" | "vcf" | "html" | "htm" | "xml" | "json" => Expected::Text,
        _ if is_in_maildir(name) => Expected::Mail,
        _ => Expected::Nothing,
    }
}

/// Messages of a maildir have no ending; their folder is `cur` or `new`.
fn is_in_maildir(name: &[u8]) -> bool {
    let folder = name.rsplit(|b| *b == b'/').nth(1);
    matches!(folder, Some(b"cur" | b"new"))
}

pub(super) fn by_content(expected: Expected, bytes: &[u8]) -> Option<Kind> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    let picture = |format| Some(Kind::Picture(format));
    match expected {
        // These have no leading bytes of their own.
        Expected::Mail if !begins(b"\0") && !is_noise(bytes) => return Some(Kind::Mail),
        Expected::Mailbox if begins(b"From ") => return Some(Kind::Mailbox),
        _ => {}
    }
    match bytes {
        _ if begins(b"PK\x03\x04") || begins(b"PK\x05\x06") => Some(Kind::Archive),
        _ if begins(b"\xff\xd8\xff") => picture(Format::Jpeg),
        _ if begins(b"\x89PNG\r\n\x1a\n") => picture(Format::Png),
        _ if begins(b"GIF87a") || begins(b"GIF89a") => picture(Format::Gif),
        _ if begins(b"II*\0") || begins(b"MM\0*") => picture(Format::Tiff),
        _ if begins(b"SQLite format 3\0") => Some(Kind::Database),
        _ if begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") => Some(Kind::OldOffice),
        _ if memchr::memmem::find(&bytes[..bytes.len().min(1024)], b"%PDF-").is_some() => Some(Kind::Pdf),
        _ if expected == Expected::Text => Some(Kind::Text),
        _ if expected == Expected::Nothing && begins(b"From ") => Some(Kind::Mailbox),
        _ => infer::get(bytes).map(|known| Kind::Other(known.mime_type())),
    }
}

pub(super) fn old_office(bytes: &[u8]) -> Verdict {
    let wide: Vec<u8> = "EncryptedPackage".bytes().flat_map(|b| [b, 0]).collect();
    let why = match memchr::memmem::find(bytes, &wide) {
        Some(_) => "it is protected by a password",
        None => "it is of an older Office format, which is not examined",
    };
    Verdict::not_checkable(why)
}

pub(super) fn other(expected: Expected, what: &str) -> Verdict {
    match expected {
        Expected::Office | Expected::OpenDocument | Expected::Pdf => {
            Verdict::not_its_name(format!("its content is of another kind ({what})"))
        }
        _ => Verdict::not_checkable(format!("documents of this kind are not examined ({what})")),
    }
}

/// The content is nothing that is known here.
pub(super) fn unlike(expected: Expected, bytes: &[u8]) -> Verdict {
    if !expected.is_known() {
        return Verdict::not_checkable("documents of this kind are not examined");
    }
    if bytes.is_empty() {
        return Verdict::damaged("it is empty");
    }
    if bytes.iter().all(|b| *b == 0) {
        return Verdict::damaged("it holds nothing but zero bytes");
    }
    if bytes.iter().take(16).all(|b| *b == 0) || ends_like(expected, bytes) {
        return Verdict::damaged("its beginning is lost");
    }
    match is_noise(bytes) {
        true => Verdict::not_its_name("its content is noise"),
        false => Verdict::not_its_name("its content is nothing that its name says"),
    }
}

/// Whether the end is that of such a document: then it is one, whatever became of its beginning.
fn ends_like(expected: Expected, bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(1024)..];
    let holds = |mark: &[u8]| memchr::memmem::find(tail, mark).is_some();
    match expected {
        Expected::Office | Expected::OpenDocument | Expected::Zip => holds(b"PK\x05\x06"),
        Expected::Pdf => holds(b"%%EOF"),
        Expected::Picture => holds(b"IEND\xaeB`\x82") || tail.ends_with(b"\xff\xd9"),
        _ => false,
    }
}

/// Looked at for noise.
const SAMPLE: usize = 64 << 10;
/// With fewer bytes nobody can tell.
const LEAST: usize = 1024;
/// Bits a byte. Text has less than 6, base64 has 6.
const NOISE: f64 = 7.8;

/// Whether bytes are as good as random: encrypted, or packed by something that leaves no name.
pub(super) fn is_noise(bytes: &[u8]) -> bool {
    if bytes.len() < LEAST {
        return false;
    }
    let begin = (bytes.len() - bytes.len().min(SAMPLE)) / 2;
    let sample = &bytes[begin..begin + bytes.len().min(SAMPLE)];
    let mut counts = [0u32; 256];
    sample.iter().for_each(|b| counts[usize::from(*b)] += 1);
    let n = sample.len() as f64;
    let seen = counts.iter().filter(|c| **c > 0).count() as f64;
    let entropy: f64 = counts.iter().filter(|c| **c > 0).map(|c| f64::from(*c) / n).map(|p| -p * p.log2()).sum();
    // A short sample shows too little of it (Miller and Madow).
    entropy + (seen - 1.0) / (2.0 * n * std::f64::consts::LN_2) >= NOISE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_and_folders() {
        for (name, is) in [
            ("a/b/Report.DOCX", "docx"),
            ("a.b/c", ""),
            (".docx", ""),
            ("x.tar.gz", "gz"),
            ("a.", ""),
            ("a.verylongending", ""),
        ] {
            assert_eq!(ending(name.as_bytes()), is, "{name}");
        }
        assert_eq!(by_name(b"Mail/cur/1700000000.M1.host:2,S"), Expected::Mail);
        assert_eq!(by_name(b"Mail/cure/1700000000"), Expected::Nothing);
    }

    #[test]
    fn noise_is_told_from_text_and_from_base64() {
        let mut noise = vec![0; 4096];
        blake3::Hasher::new().update(b"n").finalize_xof().fill(&mut noise);
        let text = "Minutes of the meeting of the council. ".repeat(100);
        let base64: Vec<u8> =
            noise.iter().map(|b| b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij"[usize::from(b % 36)]).collect();
        for len in [1024, 1500, 4096] {
            assert!(is_noise(&noise[..len]), "{len}");
            assert!(!is_noise(&text.as_bytes()[..len.min(text.len())]) && !is_noise(&base64[..len]));
        }
        assert!(!is_noise(&noise[..1023]));
    }
}
