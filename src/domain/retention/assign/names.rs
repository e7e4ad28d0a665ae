//! Names of folders as sets of words: case, plural, order, years and empty words gone, abbreviations one with what
//! they stand for. What is left of "FY2019-20 Paid Invoices" is `invoice paid`.

use std::collections::BTreeSet;

use super::words::{SAME, STOP, TIMES, TOGETHER};

/// Shorter words are not searched for slips: too many of them lie one letter apart.
const SLIP_LENGTH: usize = 6;

/// The words of a name that say something.
pub(super) fn words(name: &str) -> BTreeSet<String> {
    together(&split(name)).into_iter().filter_map(|word| one(&word)).collect()
}

/// The pieces between what is no letter or digit, in lower case; also where a word begins with a capital after a
/// small letter: "PaidInvoices", but not "RoSPA".
fn split(name: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut before = ' ';
    let name = name.replace('&', " and ").replace(['\'', '’'], "");
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let begins = c.is_uppercase() && before.is_lowercase() && chars.peek().is_some_and(|next| next.is_lowercase());
        if !c.is_alphanumeric() || begins {
            out.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(last) = out.last_mut()
        {
            last.extend(c.to_lowercase());
        }
        before = c;
    }
    out.retain(|word| !word.is_empty());
    out
}

fn together(words: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = words;
    while let Some((first, after)) = rest.split_first() {
        let fits = |parts: &[&str]| rest.len() >= parts.len() && parts.iter().zip(rest).all(|(p, w)| p == w);
        match TOGETHER.iter().find(|(parts, _)| fits(parts)) {
            Some((parts, short)) => {
                out.push((*short).to_owned());
                rest = &rest[parts.len()..];
            }
            None => {
                out.push(first.clone());
                rest = after;
            }
        }
    }
    out
}

/// A word as it is compared, or nothing when it says nothing.
fn one(word: &str) -> Option<String> {
    let time = |word: &str| word.trim_start_matches("fy").bytes().all(|b| b.is_ascii_digit());
    if word.len() < 2 || time(word) || STOP.contains(&word) || TIMES.contains(&word) {
        return None;
    }
    let bare = singular(word);
    if STOP.contains(&bare.as_str()) {
        return None;
    }
    Some(SAME.iter().find(|(from, _)| *from == bare).map_or(bare, |(_, to)| (*to).to_owned()))
}

fn singular(word: &str) -> String {
    if word.len() < 4 || word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    let hissing = |stem: &&str| ["ch", "sh", "ss", "x"].iter().any(|end| stem.ends_with(end));
    if let Some(stem) = word.strip_suffix("es").filter(hissing) {
        return stem.to_owned();
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

/// Whether two words are one slip apart: a letter too many, too few, wrong, or two in the wrong order.
pub(super) fn slip(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    if short.len() < SLIP_LENGTH || long.len() - short.len() > 1 {
        return false;
    }
    let start = short.iter().zip(long.iter()).take_while(|(x, y)| x == y).count();
    if short.len() < long.len() {
        return short[start..] == long[start + 1..];
    }
    let (x, y) = (&short[start..], &long[start..]);
    match (x, y) {
        ([p, q, x @ ..], [r, s, y @ ..]) if p == s && q == r => x == y,
        ([_, x @ ..], [_, y @ ..]) => x == y,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(name: &str) -> String {
        words(name).into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_name_is_its_words() {
        for (name, expected) in [
            ("FY2019-20 Paid Invoices", "invoice paid"),
            ("Invoices 2019/20", "invoice"),
            ("HR", "staff"),
            ("RoSPA", "rospa"),
            ("H&S", "hns"),
            ("Health & Safety", "hns"),
            ("Policies & Procedures", "policy"),
            ("Clerk’s e-mails", "clerk correspondence"),
            ("PaidInvoices_Q1", "invoice paid"),
            ("Freedom of Information requests", "foi request"),
            ("SARs", "sar"),
            ("P45s and P60s", "p45 p60"),
            ("Addresses, boxes and business", "address box business"),
            ("Skies and ties", "sky tie"),
            ("2019-20", ""),
            ("Old docs (copy)", ""),
            ("March 2021", ""),
            ("", ""),
        ] {
            assert_eq!(joined(name), expected, "{name}");
        }
    }

    #[test]
    fn one_slip_is_seen_in_long_words_only() {
        for (a, b) in
            [("recruitement", "recruitment"), ("invocie", "invoice"), ("minuets", "minutes"), ("agenda", "agends")]
        {
            assert!(slip(a, b) && slip(b, a), "{a} {b}");
        }
        for (a, b) in [("lease", "leave"), ("grants", "grounds"), ("minute", "minuscule"), ("planning", "planting")] {
            assert_eq!(slip(a, b), a == "planning", "{a} {b}");
        }
        for two in ["agened", "agenxy", "xyenda", "agendaxy", "age"] {
            assert!(!slip("agenda", two) && !slip(two, "agenda"), "{two}");
        }
    }
}
