//! Files and functions small enough to be read at one sitting.

use super::source::{Source, closing};

pub const FILE_LINES: usize = 400;
pub const FUNCTION_LINES: usize = 70;

pub fn check(source: &Source, breaches: &mut Vec<String>) {
    let lines = source.text.lines().count();
    if lines > FILE_LINES {
        breaches.push(source.breach(lines, &format!("{lines} lines; {FILE_LINES} is the most a file may have")));
    }
    for at in 0..source.tokens.len() {
        if let Some((name, line, lines)) = function(source, at).filter(|(_, _, lines)| *lines > FUNCTION_LINES) {
            breaches.push(source.breach(line, &format!("`{name}` has {lines} lines; {FUNCTION_LINES} is the most")));
        }
    }
}

/// Name, first line and length of the function whose `fn` stands at `at`, if it has a body.
fn function(source: &Source, at: usize) -> Option<(&str, usize, usize)> {
    let name = source.word(at + 1);
    if source.word(at) != "fn" || !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let mut body = at + 2;
    loop {
        match source.word(body) {
            "" | ";" => return None,
            "{" => break,
            "(" | "[" => body = closing(&source.tokens, body) + 1,
            _ => body += 1,
        }
    }
    let first = source.tokens[at].line;
    let last = source.tokens[closing(&source.tokens, body)].line;
    Some((name, first, last + 1 - first))
}
