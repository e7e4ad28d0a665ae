//! A text as a QR code made of letters, so that paper needs no typing: two dots of the code, one above the other, are one
//! block. Dark is what prints black. The only place that knows the encoder.

use qrcodegen::{QrCode, QrCodeEcc};

/// Light dots around the code, without which readers do not find it.
const MARGIN: i32 = 4;

/// The lines of the code, all of one width; none where the text is too long for one (some 2000 letters).
///
/// A quarter of the code may be dirty or folded and it is still read.
pub fn lines(text: &str) -> Vec<String> {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Quartile) else { return vec![] };
    let (from, to) = (-MARGIN, code.size() + MARGIN);
    // Dots outside of the code are light.
    let block = |x: i32, y: i32| match (code.get_module(x, y), code.get_module(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    (from..to).step_by(2).map(|y| (from..to).map(|x| block(x, y)).collect()).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What a reader that is not ours makes of printed lines: a picture of them, found and decoded.
    pub fn read(lines: &[&str]) -> String {
        const DOT: usize = 4;
        let rows: Vec<Vec<char>> = lines.iter().map(|l| l.chars().collect()).collect();
        let (width, height) = (rows.iter().map(Vec::len).max().unwrap_or(0) * DOT, rows.len() * 2 * DOT);
        let dark = |x: usize, y: usize| {
            let block = rows[y / (2 * DOT)].get(x / DOT).copied().unwrap_or(' ');
            let upper = (y / DOT).is_multiple_of(2);
            block == '█' || block == if upper { '▀' } else { '▄' }
        };
        let mut picture =
            rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| 255 * u8::from(!dark(x, y)));
        let codes = picture.detect_grids();
        assert_eq!(codes.len(), 1, "{lines:#?}");
        codes[0].decode().unwrap().1
    }

    #[test]
    fn another_program_reads_the_code() {
        for text in ["AGE-SECRET-KEY-1QYPQXPQ", "café \"quoted\" and long, ".repeat(8).as_str()] {
            let lines = lines(text);
            assert!(lines.iter().all(|l| l.chars().count() == lines[0].chars().count()));
            assert_eq!(read(&lines.iter().map(String::as_str).collect::<Vec<_>>()), text);
        }
        assert_eq!(lines(&"x".repeat(5000)), Vec::<String>::new());
    }
}
