use super::*;

fn fits(pattern: &str, path: &[u8]) -> bool {
    ClassPattern::new(pattern).unwrap().matches(&RecordPath::new(path).unwrap())
}

#[test]
fn patterns_are_anchored_and_know_folders() {
    for (pattern, path) in [
        ("Documents/Finance", "Documents/Finance/2019/x.pdf"),
        ("documents/finance/", "Documents/Finance"),
        ("Documents/Finance/**", "Documents/Finance/x"),
        ("Documents/**/x.pdf", "Documents/x.pdf"),
        ("Documents/**/x.pdf", "Documents/a/b/x.pdf"),
        ("**/*.pdf", "x.pdf"),
        ("**/Finance/**/*.PDF", "a/b/finance/c/d.pdf"),
        ("Documents/*/*.pdf", "Documents/a/b.pdf"),
        ("Documents/**", "Documents/a/b/c"),
        ("?ocs/caf?/*", "Docs/CAFÉ/x"),
        ("a/**b/c", "a/x/yb/c"),
        ("**/a*/**/b", "x/ab/ac/y/b"),
        ("*a?c*", "éaéc"),
    ] {
        assert!(fits(pattern, path.as_bytes()), "{pattern} on {path}");
    }
    for (pattern, path) in [
        ("Documents/Finance", "Documents/Finances/x"),
        ("Finance/**", "Documents/Finance/x"),
        ("Documents/*.pdf", "Documents/a/b.pdf"),
        ("Documents/Finance/**", "Documents/Finance"),
        ("Documents/**/x.pdf", "Documents/ax.pdf"),
        ("*.pdf", "a/b.pdf"),
        ("a?b", "a/b"),
        ("Documents/*", "Documents/a/b"),
    ] {
        assert!(!fits(pattern, path.as_bytes()), "{pattern} on {path}");
    }
    assert!(fits("a/?", b"a/\xff") && fits("a/*", b"a/\xff\xfe"));
}

/// What a pattern means, as slowly as it may be worked out.
fn means(parts: &[Part], path: &[u8]) -> bool {
    let Some((part, rest)) = parts.split_first() else { return path.is_empty() };
    let mut ends = 0..=path.len();
    match part {
        Part::Byte(a) => path.first() == Some(a) && means(rest, &path[1..]),
        Part::One => path.first().is_some_and(|b| *b != b'/') && means(rest, &path[1..]),
        Part::Star => ends.any(|end| !path[..end].contains(&b'/') && means(rest, &path[end..])),
        Part::Deep => ends.any(|end| means(rest, &path[end..])),
        Part::Folders => ends.any(|end| (end == 0 || path[end - 1] == b'/') && means(rest, &path[end..])),
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4_000))]
    #[test]
    fn the_short_ways_find_what_trying_everything_finds(typed in "[ab/?*]{1,9}", path in "[ab/]{1,9}") {
        let (Ok(pattern), Ok(_)) = (ClassPattern::new(&typed), RecordPath::new(path.as_str())) else { return Ok(()) };
        let text = if typed.contains(['*', '?']) { typed } else { format!("{}/**", typed.trim_end_matches('/')) };
        let text = text.strip_suffix('/').unwrap_or(&text);
        let expected = means(&ClassPattern::compile(text).parts, path.as_bytes());
        let itself = pattern.is_plain() && *path == pattern.folder;
        proptest::prop_assert_eq!(pattern.fits(&path), expected || itself);
    }
}

#[test]
fn what_fits_nothing_is_no_pattern() {
    for (bad, why) in [
        ("", BadPattern::Empty),
        ("/", BadPattern::Empty),
        ("/Documents/**", BadPattern::Rooted),
        ("a//b", BadPattern::Component),
        ("a/../b", BadPattern::Component),
        ("Documents\\Finance", BadPattern::Backslash),
        ("a\0b", BadPattern::Nul),
    ] {
        assert_eq!(ClassPattern::new(bad).err(), Some(why), "{bad}");
    }
}

#[test]
fn the_narrower_pattern_is_the_more_specific() {
    let order = [
        "**",
        "**/*.pdf",
        "**/Invoices/**",
        "Documents/**",
        "Documents/**/*.pdf",
        "Documents/*/*.pdf",
        "Documents/Fin*/**",
        "Documents/Finance/**",
        "Documents/Finance/*.pdf",
        "Documents/Finance/Invoices/**",
        "Documents/Finance/Invoices/2020/a.pdf",
    ];
    for pair in order.windows(2) {
        let s = |t: &str| ClassPattern::new(t).unwrap().specificity();
        assert!(s(pair[0]) < s(pair[1]), "{} < {}", pair[0], pair[1]);
    }
    let s = |t: &str| ClassPattern::new(t).unwrap().specificity();
    assert!(s("a/**b") < s("a/*?b") && s("a/*?b") < s("a/*b"), "fewer double stars, then fewer others");
    assert_eq!(s("Documents/Finance"), s("Documents/Finance/**"), "they mean the same, so they tie");
}

#[test]
fn many_stars_take_little_time() {
    let name = format!("{}/x", "a".repeat(4000));
    assert!(!fits(&format!("{}b/x", "*a".repeat(60)), name.as_bytes()));
    assert!(!fits(&format!("{}b", "**a".repeat(60)), name.as_bytes()));
}

/// A scheme typed on one computer, names stored by another: `é` as one character, or as `e` and an accent.
#[test]
fn composed_and_decomposed_letters_are_the_same() {
    for typed in ["Documents/Caf\u{e9}/**", "documents/cafe\u{301}", "Documents/Caf?/*\u{e9}t\u{e9}*"] {
        let pattern = ClassPattern::new(typed).unwrap();
        for stored in ["Documents/Caf\u{e9}/\u{c9}t\u{e9}.pdf", "Documents/Cafe\u{301}/E\u{301}te\u{301}.pdf"] {
            assert!(pattern.matches(&RecordPath::new(stored).unwrap()), "{typed} on {stored}");
        }
    }
    let (one, two) = (ClassPattern::new("A/\u{e9}*").unwrap(), ClassPattern::new("A/e\u{301}*").unwrap());
    assert_eq!(one.specificity(), two.specificity(), "an equal claim is an equal claim");
}

#[test]
fn the_narrowest_win_wherever_they_stand_in_the_scheme() {
    use super::super::samples::{class, scheme};
    let narrow = |id| class(id, &["Docs/*.pdf"]);
    let classes = vec![narrow("a"), class("b", &["Docs/**"]), narrow("c"), class("d", &["**", "Docs/*.txt"])];
    let matcher = Matcher::new(&scheme(classes));
    let (pdf, text) = (RecordPath::new("Docs/x.pdf").unwrap(), RecordPath::new("docs/x.TXT").unwrap());
    assert_eq!(matcher.classify(&pdf), ClassMatch::Tie(vec![(0, 0), (2, 0)]));
    assert_eq!(matcher.classify(&text), ClassMatch::One { class: 3, pattern: 1 });
    assert_eq!(matcher.claims(&pdf), [(0, 0), (2, 0), (1, 0), (3, 0)], "narrowest first");
    assert_eq!(matcher.claims(&text), [(3, 1), (1, 0)], "each class once");
    assert_eq!(matcher.claims(&RecordPath::new("Else/x").unwrap()), [(3, 0)]);
}
