//! Of several moved selves and holds, which one is named.

use jiff::civil::date;
use jiff::tz::TimeZone;

use super::super::rulings::{Hold, HoldText};
use super::super::samples::{class, record, scheme};
use super::*;

fn hold(at: u64, pattern: &str) -> Hold {
    let text = HoldText {
        patterns: vec![pattern.into()],
        reason: format!("reason {at}"),
        by: "Clerk".into(),
        from: None,
        to: None,
    };
    let placed = jiff::Timestamp::UNIX_EPOCH;
    Hold { at, readable: Some(text), sets: vec![], review: date(2027, 1, 1), placed }
}

/// A record that is gone, and that came up again at these paths.
fn moved_to(paths: &[&str]) -> Vec<RecordFacts> {
    let with_content =
        |path: &str| RecordFacts { content: super::super::record::ContentId::new([7; 32]), ..record(path) };
    let again = |path: &&str| RecordFacts {
        live: true,
        last_seen: None,
        first_seen: "2017-01-01T00:00:00Z".parse().unwrap(),
        ..with_content(path)
    };
    [with_content("Docs/old")].into_iter().chain(paths.iter().map(again)).collect()
}

fn reasons(records: &[RecordFacts], holds: Vec<Hold>) -> Vec<String> {
    let law = Law { scheme: Some(scheme(vec![class("all", &["Docs/**"])])), holds, ..Law::none(TimeZone::UTC) };
    let law = Compiled::new(law).unwrap();
    let today = date(2030, 1, 1);
    let by_all = Decider::new(&law, records, today).decide(0);
    let alone = decide(&records[0], &records[1..].iter().collect::<Vec<_>>(), &law, today);
    assert_eq!(by_all, alone, "whoever is asked");
    alone.reasons.iter().map(ToString::to_string).collect()
}

#[test]
fn of_several_moved_selves_the_first_that_says_it_is_named() {
    let said = reasons(&moved_to(&["Docs/b", "Docs/c", "Docs/d"]), vec![]);
    let moved: Vec<&str> = said.iter().filter(|r| r.starts_with("moved")).map(String::as_str).collect();
    assert_eq!(
        moved,
        ["moved to Docs/b, which is not kept longer", "moved to Docs/b, which is still in the folders"],
        "{said:?}"
    );
}

#[test]
fn of_several_holds_on_a_moved_self_the_first_is_named() {
    let said =
        reasons(&moved_to(&["Docs/b", "Docs/c"]), vec![hold(4, "Docs/c"), hold(5, "Docs/c"), hold(6, "nothing")]);
    assert_eq!(said.iter().filter(|r| r.starts_with("held: ")).count(), 1, "{said:?}");
    assert!(said.iter().any(|r| r.starts_with("held: reason 4 (hold 4)") && r.contains("Docs/c")), "{said:?}");
}
