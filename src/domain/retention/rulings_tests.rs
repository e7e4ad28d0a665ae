//! What a hold touches: by name, by set, and by date.

use jiff::civil::date;

use super::super::samples::record;
use super::*;

fn hold(readable: Option<HoldText>, sets: &[&str]) -> Hold {
    let sets = sets.iter().map(|s| (*s).to_owned()).collect();
    Hold { at: 7, readable, sets, review: date(2027, 1, 1), placed: Timestamp::UNIX_EPOCH }
}

fn text(patterns: &[&str], from: Option<Date>, to: Option<Date>) -> Option<HoldText> {
    let patterns = patterns.iter().map(|p| (*p).to_owned()).collect();
    Some(HoldText { patterns, reason: "FOI".into(), by: "Clerk".into(), from, to })
}

/// Whether it touches a record of the set `office`, modified on 12 May 2015; and whether it would whatever its date.
fn touches(hold: &Hold) -> (bool, bool) {
    let record = record("Docs/May.txt");
    let named = HoldFinder::new(hold).names(hold, &record, &record_text(&record));
    (hold.touches(&record, &TimeZone::UTC), named)
}

#[test]
fn a_hold_that_cannot_be_read_touches_its_sets_or_everything() {
    for (sets, expected) in [(&[][..], true), (&["office"], true), (&["mail", "office"], true), (&["mail"], false)] {
        assert_eq!(touches(&hold(None, sets)), (expected, expected), "{sets:?}");
    }
}

#[test]
fn a_hold_touches_what_it_names() {
    for (patterns, expected) in
        [(&[][..], true), (&["may"], true), (&["june", "*.txt"], true), (&["june"], false), (&["docs/may.txt"], true)]
    {
        assert_eq!(touches(&hold(text(patterns, None, None), &["mail"])), (expected, expected), "{patterns:?}");
    }
}

#[test]
fn a_span_of_time_counts_both_its_days_and_may_be_written_backwards() {
    let (before, on, after) = (date(2015, 5, 11), date(2015, 5, 12), date(2015, 5, 13));
    for (from, to, expected) in [
        (Some(on), None, true),
        (Some(after), None, false),
        (None, Some(on), true),
        (None, Some(before), false),
        (Some(on), Some(on), true),
        (Some(after), Some(before), true),
        (Some(before), Some(before), false),
        (Some(after), Some(after), false),
    ] {
        assert_eq!(touches(&hold(text(&["may"], from, to), &[])), (expected, true), "{from:?} {to:?}");
    }
    let record = RecordFacts { modified: Timestamp::UNIX_EPOCH, ..record("Docs/May.txt") };
    let never = hold(text(&[], Some(after), Some(after)), &[]);
    assert!(never.touches(&record, &TimeZone::UTC), "a date that nobody can believe is in every span");
}
