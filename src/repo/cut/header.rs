//! What the header of a message or a part says about its body: boundary, base64, an enclosed message.
//!
//! Fed line by line; keeps two fields only, each up to a limit.

/// The longest field kept, unfolded. What is longer is read as far as this.
const MAX_FIELD: usize = 2048;

/// The longest boundary believed; RFC 2046 allows 70.
pub(super) const MAX_BOUNDARY: usize = 200;

const TYPE: &[u8] = b"content-type:";
const ENCODING: &[u8] = b"content-transfer-encoding:";

/// A header being read.
#[derive(Debug, Default)]
pub(super) struct Header {
    field: Vec<u8>,
    wanted: bool,
    boundary: Option<Box<[u8]>>,
    base64: bool,
    message: bool,
}

/// What follows the blank line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Parts, parted by this boundary.
    Multipart(Box<[u8]>),
    /// A message with a header of its own.
    Message,
    /// Base64.
    Base64,
    /// Anything else.
    Text,
}

impl Header {
    /// Takes one line without its end; it is not blank.
    pub(super) fn line(&mut self, line: &[u8]) {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            if self.wanted {
                self.append(line);
            }
            return;
        }
        self.finish_field();
        if matches!(line.first(), Some(b'c' | b'C')) && (starts(line, TYPE) || starts(line, ENCODING)) {
            self.wanted = true;
            self.append(line);
        }
    }

    /// The blank line is reached: what the body is. Ready for the next header afterwards.
    pub(super) fn end(&mut self) -> Body {
        self.finish_field();
        let body = if let Some(boundary) = self.boundary.take() {
            Body::Multipart(boundary)
        } else if self.base64 {
            Body::Base64
        } else if self.message {
            Body::Message
        } else {
            Body::Text
        };
        self.clear();
        body
    }

    /// Forgets what was read.
    pub(super) fn clear(&mut self) {
        self.field.clear();
        self.wanted = false;
        self.boundary = None;
        self.base64 = false;
        self.message = false;
    }

    fn append(&mut self, line: &[u8]) {
        let room = MAX_FIELD - self.field.len();
        self.field.extend_from_slice(&line[..line.len().min(room)]);
    }

    fn finish_field(&mut self) {
        if !std::mem::take(&mut self.wanted) {
            return;
        }
        if starts(&self.field, ENCODING) {
            self.base64 = starts(self.field[ENCODING.len()..].trim_ascii(), b"base64");
        } else {
            let value = self.field[TYPE.len()..].trim_ascii();
            self.message = starts(value, b"message/rfc822");
            self.boundary = if starts(value, b"multipart/") { boundary_of(value) } else { None };
        }
        self.field.clear();
    }
}

fn starts(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The `boundary` parameter of a multipart type, quoted or not.
fn boundary_of(value: &[u8]) -> Option<Box<[u8]>> {
    const NAME: &[u8] = b"boundary";
    let mut rest = value;
    loop {
        let semicolon = memchr::memchr(b';', rest)?;
        rest = rest[semicolon + 1..].trim_ascii_start();
        if !starts(rest, NAME) {
            continue;
        }
        let Some(after) = rest[NAME.len()..].trim_ascii_start().strip_prefix(b"=") else { continue };
        let after = after.trim_ascii_start();
        let found = match after.strip_prefix(b"\"") {
            Some(quoted) => &quoted[..memchr::memchr(b'"', quoted)?],
            None => {
                let end = after.iter().position(|byte| *byte == b';' || byte.is_ascii_whitespace());
                &after[..end.unwrap_or(after.len())]
            }
        };
        // A boundary may not end in white space, and neither does the line it is compared with.
        let found = found.trim_ascii_end();
        return (!found.is_empty() && found.len() <= MAX_BOUNDARY).then(|| found.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(lines: &[&str]) -> Body {
        let mut header = Header::default();
        for line in lines {
            header.line(line.as_bytes());
        }
        header.end()
    }

    #[test]
    fn boundaries_are_found_however_they_are_written() {
        for lines in [
            &["Content-Type: multipart/mixed; boundary=abc"][..],
            &["content-type: Multipart/Mixed;", "\tboundary=\"abc\""],
            &["CONTENT-TYPE:multipart/related; type=\"text/html\";", " BOUNDARY = abc; charset=x"],
            &["Subject: content-type: text/plain", "Content-Type: multipart/mixed; xboundary=no; boundary=abc "],
        ] {
            assert_eq!(body(lines), Body::Multipart((*b"abc").into()), "{lines:?}");
        }
    }

    #[test]
    fn bodies_are_told_apart() {
        assert_eq!(body(&["Content-Transfer-Encoding: BASE64", "Content-Type: image/png"]), Body::Base64);
        assert_eq!(body(&["Content-Type: message/rfc822"]), Body::Message);
        assert_eq!(body(&["Content-Type: text/plain; boundary=abc"]), Body::Text);
        assert_eq!(body(&["Content-Type: multipart/mixed; boundary=\"abc"]), Body::Text);
        assert_eq!(body(&["Content-Type: multipart/mixed; boundary="]), Body::Text);
        assert_eq!(body(&[" folded at the start"]), Body::Text);
        assert_eq!(body(&[]), Body::Text);
    }

    #[test]
    fn one_header_does_not_colour_the_next() {
        let mut header = Header::default();
        header.line(b"Content-Transfer-Encoding: base64");
        assert_eq!(header.end(), Body::Base64);
        assert_eq!(header.end(), Body::Text);
    }

    #[test]
    fn an_endless_field_is_bounded() {
        let mut header = Header::default();
        header.line(b"Content-Type: multipart/mixed");
        for _ in 0..1000 {
            header.line(b" ; x=0123456789");
        }
        assert!(header.field.len() <= MAX_FIELD);
        header.line(b" ; boundary=late");
        assert_eq!(header.end(), Body::Text);
    }
}
