//! The same message as a page, for mail programs that show one: for large letters, screen readers and telephones. Pure.
//!
//! Nothing but the text: no image, no link, no style, nothing fetched. Language and title are stated, what comes before
//! the first colon of a paragraph is its heading.

use std::fmt::Write as _;

/// Longer beginnings are sentences, not headings.
const LONGEST_HEADING: usize = 40;

/// The page of a message.
pub fn page(subject: &str, body: &str) -> String {
    let subject = escaped(subject);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n<title>{subject}</title>\n</head>\n\
         <body>\n<h1>{subject}</h1>\n"
    );
    for paragraph in body.split("\n\n").map(str::trim).filter(|p| !p.is_empty()) {
        let lines: Vec<&str> = paragraph.lines().collect();
        match lines.as_slice() {
            [one] => match one.split_once(": ").filter(|(head, _)| is_heading(head)) {
                Some((head, rest)) => {
                    let _ = write!(out, "<h2>{}</h2>\n<p>{}</p>\n", escaped(head), escaped(rest));
                }
                None => {
                    let _ = writeln!(out, "<p>{}</p>", escaped(one));
                }
            },
            many => {
                let items: String = many.iter().map(|l| format!("<li>{}</li>\n", escaped(l))).collect();
                let _ = write!(out, "<ul>\n{items}</ul>\n");
            }
        }
    }
    out + "</body>\n</html>\n"
}

fn is_heading(text: &str) -> bool {
    text.len() <= LONGEST_HEADING && !text.contains(['.', ',']) && text.starts_with(|c: char| c.is_uppercase())
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_headings_and_paragraphs_in_its_own_words() {
        let body =
            "Reference: SR-1\n\nWhat happened: the backup of \"A & B\" failed.\n\nYou need do nothing.\n\na: 1\nb: 2\n";
        let expected = "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n<title>Llan: x</title>\n\
                        </head>\n<body>\n<h1>Llan: x</h1>\n<h2>Reference</h2>\n<p>SR-1</p>\n<h2>What happened</h2>\n\
                        <p>the backup of &quot;A &amp; B&quot; failed.</p>\n<p>You need do nothing.</p>\n\
                        <ul>\n<li>a: 1</li>\n<li>b: 2</li>\n</ul>\n</body>\n</html>\n";
        assert_eq!(page("Llan: x", body), expected);
    }

    #[test]
    fn no_text_becomes_a_tag() {
        let hostile = "</title><script>x</script>: <img src='http://x'>\u{1b}[31m\n\n<a href=\"x\">: y\n<b>\n";
        let page = page(hostile, hostile);
        for tag in ["<script", "<img", "<a ", "<b>", "\u{1b}", "'"] {
            assert!(!page.contains(tag), "{tag} in {page}");
        }
        assert_eq!(page.matches("</title>").count(), 1);
    }
}
