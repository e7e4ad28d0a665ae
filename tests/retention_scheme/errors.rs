//! The mistakes that a person can make in a scheme's file, each with what is said about it, word for word.

use std::io;
use std::path::Path;

use strongroom::config::scheme::{parse_scheme, read_scheme};
use strongroom::config::{ConfigError, Environment};
use strongroom::domain::problem::Exit;
use strongroom::domain::retention::period::Period;
use strongroom::domain::retention::scheme::{Action, Approver, Strength};

/// Lines 1 to 2, 3 to 13 and 14 to 19.
const GOOD: &str = r#"[scheme]
title = "Anytown 2026"
[[class]]
id = "invoices"
title = "Invoices"
patterns = ["Documents/Finance/**", "Documents/Bills"]
minimum = "6 years"
trigger = "financial-year-end"
ceiling = "7 years"
authority = "VAT"
strength = "guidance"
action = "destroy"
approver = "council"
[[class]]
id = "minutes"
title = "Minutes"
minimum = "indefinite"
trigger = "created"
action = "keep"
"#;

fn error(text: &str) -> String {
    let error = parse_scheme(text, "scheme.toml").unwrap_err();
    assert_eq!(error.exit(), Exit::Usage);
    error.to_string()
}

/// The whole error for the good file with one piece replaced.
fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from}");
    let found = error(&GOOD.replacen(from, to, 1));
    let expected = expected.trim_start_matches('\n').trim_end_matches([' ', '\n']);
    let expected: Vec<&str> = expected.lines().map(|l| l.strip_prefix("        ").unwrap_or(l)).collect();
    assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{to}");
}

#[test]
fn a_good_file_means_what_it_says() {
    let scheme = parse_scheme(GOOD, "scheme.toml").unwrap();
    let (invoices, minutes) = (&scheme.classes[0], &scheme.classes[1]);
    assert_eq!((scheme.scheme.title.as_str(), invoices.patterns.len()), ("Anytown 2026", 2));
    assert_eq!((invoices.minimum, invoices.ceiling), (Period::years(6), Some(Period::years(7))));
    assert_eq!((invoices.action, invoices.approver), (Action::Destroy, Approver::Council));
    assert_eq!((invoices.strength, invoices.authority.as_str()), (Some(Strength::Guidance), "VAT"));
    assert_eq!((minutes.approver, minutes.strength), (Approver::Clerk, None));
    assert!(minutes.patterns.is_empty() && minutes.ceiling.is_none() && minutes.notes.is_empty());
}

#[test]
fn keys() {
    check(
        "minimum = \"6",
        "minmum = \"6",
        "
        scheme.toml, line 7: unknown key `minmum`
          |
        7 | minmum = …
          | ^^^^^^
        Did you mean `minimum`?",
    );
    check(
        "title = \"Anytown 2026\"",
        "title = \"Anytown 2026\"\nyear = 2026",
        "
        scheme.toml, line 3: unknown key `year`
          |
        3 | year = …
          | ^^^^
        The keys here are: title.",
    );
    check(
        "trigger = \"created\"\n",
        "",
        "
        scheme.toml, line 14: class `minutes` has no `trigger`
           |
        14 | [[class]]
           | ^^^^^^^^^
        Add: trigger = \"financial-year-end\"",
    );
    check(
        "id = \"minutes\"\n",
        "",
        "
        scheme.toml, line 14: the class has no `id`
           |
        14 | [[class]]
           | ^^^^^^^^^
        Add: id = \"paid-invoices\"",
    );
    check(
        "[scheme]\ntitle = \"Anytown 2026\"\n",
        "",
        "
        scheme.toml: there is no [scheme] table
        Add: [scheme] and, below it, title = \"Anytown 2026\"",
    );
    assert_eq!(
        error("[scheme]\ntitle = \"x\""),
        "scheme.toml: there is no [[class]]\n`strongroom retention draft` prints a scheme to begin with."
    );
    for (key, named) in
        [("title", "[scheme] has no `title`"), ("minimum", "has no `minimum`"), ("action", "has no `action`")]
    {
        let without: String = GOOD.lines().filter(|l| !l.starts_with(key)).map(|l| format!("{l}\n")).collect();
        assert!(error(&without).contains(named), "{}", error(&without));
    }
}

#[test]
fn types() {
    check(
        "minimum = \"6 years\"",
        "minimum = 6",
        "
        scheme.toml, line 7: this is a whole number; expected text in quotes
          |
        7 | minimum = 6
          |           ^",
    );
    check(
        "authority = \"VAT\"",
        "authority = true",
        "
        scheme.toml, line 10: this is true or false; expected text in quotes
           |
        10 | authority = true
           |             ^^^^",
    );
    check(
        "patterns = [\"Documents/Finance/**\", \"Documents/Bills\"]",
        "patterns = \"Documents/Finance/**\"",
        "
        scheme.toml, line 6: this is text; expected a list: [ … ]
          |
        6 | patterns = …
          |            ^",
    );
    check(
        "title = \"Invoices\"",
        "title = \"Invoices",
        "
        scheme.toml, line 5: invalid basic string, expected `\"`
          |
        5 | title = \"Invoices
          |                  ^",
    );
    let single = error("[scheme]\ntitle = \"x\"\n[class]\nid = \"a\"\n");
    assert!(single.ends_with("Write it as [[class]]: there may be several."), "{single}");
    assert!(error(&GOOD.replacen("id = ", "id = \"x\"\nid = ", 1)).contains("line 5: duplicate key"));
}

#[test]
fn periods_and_triggers() {
    const WRITE: &str = "Write for example \"6 years\", \"18 months\", \"2 weeks\", \"90 days\", \"1 year 6 months\", \
                         \"P6Y\", \"P0D\" or \"indefinite\"";
    check(
        "\"6 years\"",
        "\"six years\"",
        &format!(
            "
        scheme.toml, line 7: 'six years' is not a period
          |
        7 | minimum = \"six years\"
          |           ^^^^^^^^^^^
        {WRITE}"
        ),
    );
    for bad in ["", "6", "-1 year", "1.5 years", "6 yeers", "P", "P6", "70000 years", "6 years 6 years", "2026-03-31"] {
        let said = error(&GOOD.replacen("\"7 years\"", &format!("\"{bad}\""), 1));
        assert!(said.starts_with(&format!("scheme.toml, line 9: '{bad}' is not a period")), "{said}");
    }
    check(
        "\"financial-year-end\"",
        "\"Year End\"",
        "
        scheme.toml, line 8: 'Year End' names no trigger
          |
        8 | trigger = \"Year End\"
          |           ^^^^^^^^^^
        Write created, modified, last-seen, financial-year-end, calendar-year-end, date-in-path, superseded, or an event of your own in lower-case letters, digits and hyphens, such as employment-end",
    );
    check(
        "\"7 years\"",
        "\"5 years\"",
        "
        scheme.toml, line 9: the minimum (6 years) can end after the ceiling (5 years)
          |
        9 | ceiling = \"5 years\"
          |           ^^^^^^^^^
        Lengthen the ceiling, or leave it out.",
    );
}

#[test]
fn ids_words_and_patterns() {
    check(
        "id = \"minutes\"",
        "id = \"invoices\"",
        "
        scheme.toml, line 15: the id `invoices` is taken: line 4 has it
           |
        15 | id = \"invoices\"
           |      ^^^^^^^^^^
        Give each class an id of its own.",
    );
    check(
        "id = \"minutes\"",
        "id = \"The Minutes\"",
        "
        scheme.toml, line 15: the id must be lower-case letters, digits and hyphens, beginning with a letter
           |
        15 | id = \"The Minutes\"
           |      ^^^^^^^^^^^^^",
    );
    check(
        "\"destroy\"",
        "\"delete\"",
        "
        scheme.toml, line 12: `action` cannot be this
           |
        12 | action = \"delete\"
           |          ^^^^^^^^
        Write one of: \"destroy\", \"review\", \"transfer\", \"keep\".",
    );
    check(
        "\"guidance\"",
        "\"law\"",
        "
        scheme.toml, line 11: `strength` cannot be this
           |
        11 | strength = \"law\"
           |            ^^^^^
        Write one of: \"statute\", \"guidance\", \"practice\", \"proposal\".",
    );
    check(
        "\"council\"",
        "\"Clerk\"",
        "
        scheme.toml, line 13: `approver` cannot be this
           |
        13 | approver = \"Clerk\"
           |            ^^^^^^^
        Write one of: \"clerk\", \"council\", \"none\".",
    );
    check(
        "\"Documents/Bills\"",
        "\"/srv/Documents/Bills\"",
        "
        scheme.toml, line 6: it begins with '/'; begin with the name of a backed-up folder, as listings show it
          |
        6 | patterns = [\"Documents/Finance/**\", \"/srv/Documents/Bills\"]
          |                                     ^^^^^^^^^^^^^^^^^^^^^^",
    );
    check(
        "title = \"Invoices\"",
        "title = \" \"",
        "
        scheme.toml, line 5: the title is empty
          |
        5 | title = \" \"
          |         ^^^",
    );
}

struct One(io::Result<Vec<u8>>);

impl Environment for One {
    fn var(&self, _: &str) -> Option<String> {
        None
    }
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        self.0.as_ref().map(Clone::clone).map_err(|e| io::Error::new(e.kind(), e.to_string()))
    }
    fn mode(&self, _: &Path) -> io::Result<u32> {
        Ok(0o600)
    }
    fn command(&self, _: &[String]) -> io::Result<Vec<u8>> {
        Err(io::Error::other("none"))
    }
    fn exists(&self, _: &Path) -> bool {
        true
    }
}

#[test]
fn a_file_that_cannot_be_read() {
    let read = |file: io::Result<Vec<u8>>| read_scheme(Path::new("/etc/strongroom/scheme.toml"), &One(file));
    assert_eq!(read(Ok(GOOD.into())), parse_scheme(GOOD, "x"));
    let absent = read(Err(io::Error::new(io::ErrorKind::NotFound, "no such file"))).unwrap_err();
    assert!(matches!(absent, ConfigError::Unreadable { .. }));
    assert_eq!(
        absent.to_string(),
        "the retention scheme /etc/strongroom/scheme.toml cannot be read: no such file. Check the path and who may read it"
    );
    assert!(read(Ok(vec![0xff])).unwrap_err().to_string().contains("it is not text in UTF-8"));
}
