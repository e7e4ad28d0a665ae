//! Marks where attachments begin and end in a message, and where messages begin in a mailbox.
//!
//! A base64 body of [`MIN_REGION`] or more becomes a region of its own, so that the same attachment gives the same
//! chunks under any header and boundary. A region ends at a boundary, a blank line, the next message or the end.
//! State is bounded: nesting, boundary, field and line have limits, and what exceeds them is plain text.

use super::MIN_REGION;
use super::engine::{Marks, Place};
use super::header::{Body, Header};

/// The longest line looked at; RFC 5322 allows 998. The rest of a longer one is passed over.
pub(super) const MAX_LINE: usize = 1024;

/// The deepest nesting of parts followed; deeper parts are text of their parent.
const MAX_NESTING: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Text,
    /// In a base64 body that began at `since`; `marked` once it is long enough to be a region.
    Encoded {
        since: u64,
        marked: bool,
    },
}

/// A line scanner over one message or mailbox.
#[derive(Debug)]
pub(super) struct MimeScanner {
    mailbox: bool,
    at: u64,
    in_long_line: bool,
    after_blank: bool,
    state: State,
    header: Header,
    boundaries: Vec<Box<[u8]>>,
}

impl MimeScanner {
    /// `mailbox`: lines that begin with `From ` start a message.
    pub(super) fn new(mailbox: bool) -> Self {
        Self {
            mailbox,
            at: 0,
            in_long_line: false,
            after_blank: true,
            state: State::Header,
            header: Header::default(),
            boundaries: Vec::new(),
        }
    }

    /// Looks at `data`, which begins at `base` and reaches further than last time, or to the end.
    pub(super) fn scan(&mut self, data: &[u8], base: u64, eof: bool, marks: &mut Marks) {
        let mut from = usize::try_from(self.at.saturating_sub(base)).unwrap_or(usize::MAX).min(data.len());
        while from < data.len() {
            if !self.in_long_line && self.state != State::Header {
                let dull = dull_run(&data[from..]);
                if dull > 0 {
                    self.after_blank = false;
                    from += dull;
                    self.at += dull as u64;
                    self.settle(marks);
                }
            }
            let rest = &data[from..];
            if rest.is_empty() {
                break;
            }
            let window = if self.in_long_line { rest } else { &rest[..rest.len().min(MAX_LINE)] };
            let newline = memchr::memchr(b'\n', window);
            let len = newline.map_or(window.len(), |at| at + 1);
            if self.in_long_line {
                self.in_long_line = newline.is_none();
            } else if newline.is_some() || window.len() == MAX_LINE || eof {
                self.line(&window[..len], marks);
                self.in_long_line = newline.is_none();
            } else {
                break;
            }
            from += len;
            self.at += len as u64;
            self.settle(marks);
        }
    }

    /// A body that has become long enough is a region.
    fn settle(&mut self, marks: &mut Marks) {
        if let State::Encoded { since, marked } = &mut self.state
            && !*marked
            && self.at - *since >= MIN_REGION
        {
            *marked = true;
            marks.hard(*since, Place::Base64 { opens: true });
        }
    }

    /// Takes one line, its end included where it was found.
    fn line(&mut self, line: &[u8], marks: &mut Marks) {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let after_blank = std::mem::replace(&mut self.after_blank, text.is_empty());
        if self.mailbox && text.starts_with(b"From ") && (after_blank || has_time(text)) {
            self.close(marks);
            marks.soft(self.at);
            self.boundaries.clear();
            self.open_header();
        } else if let Some((depth, last)) = self.boundary(text) {
            self.close(marks);
            self.boundaries.truncate(if last { depth } else { depth + 1 });
            if last { self.state = State::Text } else { self.open_header() }
        } else if self.state == State::Header {
            if text.is_empty() { self.end_header(self.at + line.len() as u64) } else { self.header.line(text) }
        } else if text.is_empty() {
            self.close(marks);
        }
    }

    /// Ends a region, if there is one, where this line begins.
    fn close(&mut self, marks: &mut Marks) {
        if let State::Encoded { marked: true, .. } = self.state {
            marks.hard(self.at, Place::Plain);
        }
        self.state = State::Text;
    }

    fn open_header(&mut self) {
        self.header.clear();
        self.state = State::Header;
    }

    fn end_header(&mut self, body_at: u64) {
        self.state = match self.header.end() {
            Body::Message => State::Header,
            Body::Base64 => State::Encoded { since: body_at, marked: false },
            Body::Text => State::Text,
            Body::Multipart(boundary) => {
                if self.boundaries.len() < MAX_NESTING {
                    self.boundaries.push(boundary);
                }
                State::Text
            }
        };
    }

    /// Which open boundary this line is, the innermost first, and whether it is its last.
    fn boundary(&self, text: &[u8]) -> Option<(usize, bool)> {
        let text = text.strip_prefix(b"--")?.trim_ascii_end();
        self.boundaries.iter().enumerate().rev().find_map(|(depth, boundary)| match text.strip_prefix(&**boundary)? {
            b"" => Some((depth, false)),
            b"--" => Some((depth, true)),
            _ => None,
        })
    }
}

/// How many bytes of whole lines lie ahead that can change nothing outside a header: nearly all of a body.
fn dull_run(lines: &[u8]) -> usize {
    let matters = |byte: u8| matches!(byte, b'-' | b'F' | b'\r' | b'\n');
    if lines.first().is_none_or(|byte| matters(*byte)) {
        return 0;
    }
    let mut whole = 0;
    for newline in memchr::memchr_iter(b'\n', lines) {
        whole = newline + 1;
        if lines.get(whole).is_none_or(|byte| matters(*byte)) {
            break;
        }
    }
    whole
}

/// Whether a `From ` line carries a time of day, as those that start a message do.
fn has_time(text: &[u8]) -> bool {
    text.windows(5).any(|w| w[2] == b':' && [w[0], w[1], w[3], w[4]].iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: Place = Place::Base64 { opens: true };

    fn marks(mailbox: bool, mail: &str) -> (Vec<(u64, Place)>, Vec<u64>) {
        let mut marks = Marks::default();
        MimeScanner::new(mailbox).scan(mail.as_bytes(), 0, true, &mut marks);
        marks.listed()
    }

    fn body(lines: usize) -> String {
        format!("{}\n", "QUJD".repeat(19)).repeat(lines)
    }

    fn at(mail: &str, needle: &str) -> u64 {
        mail.find(needle).unwrap() as u64
    }

    #[test]
    fn attachments_in_nested_parts_are_regions_and_small_ones_are_not() {
        let (big, small) = (body(60), body(20));
        let mail = format!(
            "Subject: x\nContent-Type: multipart/mixed;\n boundary=\"out\"\n\npreamble\n--out\nContent-Type: \
             multipart/alternative; boundary=in\n\n--in\n\ntext\n--in\ncontent-transfer-encoding: base64\n\n{big}--in--\n\
             --out\nContent-Transfer-Encoding: base64\n\n{small}--out\nContent-Transfer-Encoding: base64\n\n{big}\n--out--\n"
        );
        let first = at(&mail, &big);
        let second = mail.rfind(&big).unwrap() as u64;
        let len = big.len() as u64;
        let expected =
            vec![(first, REGION), (first + len, Place::Plain), (second, REGION), (second + len, Place::Plain)];
        assert_eq!(marks(false, &mail), (expected.clone(), vec![]));
        let crlf = mail.replace('\n', "\r\n");
        assert_eq!(marks(false, &crlf).0.len(), expected.len());
        assert_eq!(marks(false, &crlf).0[0].0, at(&crlf, "\r\n\r\nQUJD") + 4);
    }

    #[test]
    fn a_message_that_is_one_attachment_ends_with_the_content() {
        let mail = format!("Content-Transfer-Encoding: base64\n\n{}", body(60));
        assert_eq!(marks(false, &mail).0, vec![(at(&mail, "QUJD"), REGION)]);
    }

    #[test]
    fn a_forwarded_message_is_read_into() {
        let mail = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\
             Content-Transfer-Encoding: base64\n\n{}--b--\n",
            body(60)
        );
        assert_eq!(marks(false, &mail).0, vec![(at(&mail, "QUJD"), REGION), (at(&mail, "--b--"), Place::Plain)]);
    }

    #[test]
    fn messages_of_a_mailbox_are_marked_and_end_what_was_open() {
        let message = format!(
            "From a@b Mon Jan  5 10:00:00 2026\nContent-Transfer-Encoding: base64\n\n{}\nFrom here on: text\n\n",
            body(60)
        );
        let mail = format!("{message}{message}");
        let (hard, soft) = marks(true, &mail);
        assert_eq!(hard.len(), 4);
        let (one, two) = (message.len() as u64, at(&message, "From here"));
        assert_eq!(soft, vec![0, two, one, one + two]);
        assert!(marks(false, &mail).1.is_empty());
        let quoted = mail.replace("\nFrom here", "\n>From here");
        assert_eq!(marks(true, &quoted).1.len(), 2);
    }

    #[test]
    fn only_the_beginning_of_a_line_can_be_a_boundary() {
        let long = format!("{}--b--\n", "A".repeat(MAX_LINE)).repeat(10);
        let mail = format!(
            "Content-Type: multipart/mixed; boundary=b\nX: {long}\n--b\nContent-Transfer-Encoding: base64\n\n{long}\
             --bee\n--b-- "
        );
        let region = mail.rfind(&long).unwrap() as u64;
        assert_eq!(marks(false, &mail).0, vec![(region, REGION), (mail.len() as u64 - 6, Place::Plain)]);
    }

    #[test]
    fn wherever_reading_halts_the_marks_are_the_same() {
        let message = format!(
            "From a@b Mon Jan  5 10:00:00 2026\r\nContent-Type: multipart/mixed;\r\n boundary=b\r\n\r\n--b\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{}--b\r\n\r\n{}\r\n--b--",
            body(60),
            "x".repeat(MAX_LINE + 50)
        );
        let mail = format!("{message}\r\n\r\n{message}");
        let whole = marks(true, &mail);
        assert_eq!((whole.0.len(), whole.1.len()), (4, 2));
        for halt in 0..mail.len() {
            let (mut marks, mut scanner) = (Marks::default(), MimeScanner::new(true));
            scanner.scan(&mail.as_bytes()[..halt], 0, false, &mut marks);
            scanner.scan(mail.as_bytes(), 0, true, &mut marks);
            assert_eq!(marks.listed(), whole, "halted at {halt}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let mut scanner = MimeScanner::new(false);
        let mail: String =
            (0..1000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
        scanner.scan(mail.as_bytes(), 0, true, &mut Marks::default());
        assert_eq!(scanner.boundaries.len(), MAX_NESTING);
    }
}
