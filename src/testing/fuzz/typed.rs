//! What people type or paste, and what others answer: names, keys, configuration, schemes, patterns, lines of a table.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::scheme::{parse_scheme, unassign};
use crate::config::{EXAMPLE, parse};
use crate::domain::path::{RecordPath, printable};
use crate::domain::pattern::Pattern;
use crate::ops::roster::JoinRequest;
use crate::repo::layout::Key;
use crate::repo::machine::Machine;
use crate::repo::seal::{Identity, Recipient};
use crate::repo::store::protection_xml::{keeps_versions, undercuts};
use crate::service::schedule::Line;
use crate::testing::SeededEntropy;

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|t| t.as_bytes().to_vec()).collect()
}

/// A name that parses is the name of one object, and leads nowhere else.
pub(super) fn object_name(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(key) = Key::parse(&text) {
        assert_eq!(key.to_string(), text, "two names for one object");
        assert!(!text.contains("..") && !text.starts_with('/'));
    }
}

pub(super) fn object_names() -> Vec<Vec<u8>> {
    let digest = "5a".repeat(32);
    let names = [
        format!("packs/5a/{digest}.age"),
        format!("index/{digest}.age"),
        format!("notes/{digest}.age"),
        format!("keys/{digest}-1.age"),
        "log/0000000001.age".into(),
        "strongroom".into(),
        "probe/a".into(),
    ];
    names.into_iter().map(String::into_bytes).collect()
}

/// An answer of a store about its rules.
pub(super) fn store_answer(data: &[u8]) {
    let _ = (keeps_versions(data), undercuts(data, "council/", Some(30)), undercuts(data, "", None));
}

pub(super) fn store_answers() -> Vec<Vec<u8>> {
    texts(&[
        "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        "<?xml version=\"1.0\"?><LifecycleConfiguration><Rule><ID>a</ID><Filter><And><Prefix>council/</Prefix>\
         <ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter><Status>Enabled</Status><Expiration><Days>3</Days>\
         </Expiration><NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration></Rule>\
         <Rule><Filter/><Status>Enabled</Status><Transition><Days>3</Days><StorageClass>GLACIER</StorageClass></Transition>\
         </Rule></LifecycleConfiguration>",
    ])
}

/// The error names a line and moves no cursor.
pub(super) fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(e) = parse(&text, "council.toml") {
        let said = e.to_string();
        assert!(!said.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{said:?}");
    }
}

pub(super) fn configs() -> Vec<Vec<u8>> {
    let minimal = include_str!("../../../config/council.minimal.toml");
    texts(&[EXAMPLE, minimal])
}

const SCHEME: &str = include_str!("../../../config/retention/england-and-wales.toml");

pub(super) fn scheme(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(e) = parse_scheme(&text, "scheme.toml") {
        let said = e.to_string();
        assert!(!said.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{said:?}");
    }
}

pub(super) fn schemes() -> Vec<Vec<u8>> {
    let classes: Vec<&str> = SCHEME.split("[[class]]").collect();
    let short = classes[..classes.len().min(3)].join("[[class]]");
    vec![short.into_bytes()]
}

/// A folder, a class, a scheme: a scheme that is sound is sound with the folder assigned, and says so.
pub(super) fn assign(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, '\n');
    let (Some(folder), Some(class), Some(scheme)) = (parts.next(), parts.next(), parts.next()) else { return };
    let Ok(folder) = RecordPath::new(folder) else { return };
    if let Ok(assigned) = crate::config::scheme::assign(scheme, &folder, class) {
        let again = parse_scheme(&assigned, "scheme.toml");
        assert!(again.is_ok() || parse_scheme(scheme, "scheme.toml").is_err(), "assigning broke it: {again:?}");
        let _ = unassign(&assigned, &folder.to_string(), Some(class));
    }
}

pub(super) fn assignments() -> Vec<Vec<u8>> {
    let scheme = schemes().concat();
    let class = SCHEME.lines().find_map(|l| l.strip_prefix("id = \"")).unwrap_or_default().trim_end_matches('"');
    ["Documents/Minutes", "Documents/[old] \"x\""]
        .iter()
        .map(|folder| [folder.as_bytes(), b"\n", class.as_bytes(), b"\n", &scheme].concat())
        .collect()
}

/// A pattern and a path: it matches or not, and a path is shown without moving a cursor.
pub(super) fn pattern(data: &[u8]) {
    let (typed, path) = data.split_at(data.iter().position(|b| *b == b'\n').unwrap_or(data.len()));
    assert!(!printable(path).chars().any(char::is_control));
    let Ok(path) = RecordPath::new(path.get(1..).unwrap_or_default()) else { return };
    assert!(path.components().all(|c| !matches!(c, b"" | b"." | b"..")), "{path}");
    let pattern = Pattern::new(&String::from_utf8_lossy(typed));
    let _ = (pattern.matches(&path), pattern.matches_within(&path), pattern.is_name_of(&path), pattern.is_wild());
}

pub(super) fn patterns() -> Vec<Vec<u8>> {
    texts(&["*.docx\nDocuments/May.docx", "Minutes/**/2026\nDocuments/Minutes/a/2026/x", "[a-z]?\nDocuments/\u{1b}[2J"])
}

/// A line of a table of times: it has a next time or none, and says itself in the words of two other programs.
pub(super) fn cron(data: &[u8]) {
    let Ok(line) = Line::parse(&String::from_utf8_lossy(data)) else { return };
    let from = Timestamp::from_second(1_700_000_000).unwrap_or_default();
    let times: Vec<Timestamp> = line.after(from, &TimeZone::UTC).take(2).collect();
    assert!(times.iter().all(|at| *at > from) && times.windows(2).all(|w| w[0] < w[1]));
    let _ = (line.as_calendar(), line.as_crontab(), line.latest(from, &TimeZone::UTC));
}

pub(super) fn crons() -> Vec<Vec<u8>> {
    texts(&["30 2 * * *", "*/15 8-18 * * 1-5", "0 0 29 2 *", "@daily", "0 3 1,15 JAN-MAR MON"])
}

/// A request to join, as it was pasted.
pub(super) fn request(data: &[u8]) {
    if let Ok(request) = JoinRequest::parse(&String::from_utf8_lossy(data)) {
        let name = &request.keyholder.name;
        assert!(printable(name.as_bytes()) == *name && !name.is_empty());
        assert!(JoinRequest::parse(&request.to_line()).is_ok_and(|again| again == request));
    }
}

pub(super) fn requests() -> Vec<Vec<u8>> {
    let machine = Machine::generate("depot", true, &[crate::domain::log::Role::Writer], &SeededEntropy::new(1));
    let mut request = JoinRequest::of(&machine);
    // `age` makes its keys from the system's entropy: one of them, so that the input stays the same.
    request.keyholder.recipient = "age1ypzjvyx3yyc6xg8jpfu8pxnax2dnc5kxepnk3zmj7ufn3nqs3ghspzy2gk".to_owned();
    vec![request.to_line().into_bytes()]
}

/// A key typed from paper; what is refused is not shown.
pub(super) fn key(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(e) = Identity::from_file_text(&text) {
        let line = text.lines().map(str::trim).find(|l| l.len() > 20 && !l.starts_with('#'));
        assert!(line.is_none_or(|line| !e.to_string().contains(line)), "a mistyped key is shown");
    }
    let _ = text.parse::<Recipient>();
}

pub(super) fn keys() -> Vec<Vec<u8>> {
    texts(&["# repository: 5a\nAGE-SECRET-KEY-1QQQQ\n", "age1qqqq", "age-secret-key-1 qqqq-qqqq"])
}
