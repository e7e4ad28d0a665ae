use super::super::samples::{class, record, scheme};
use super::super::scheme::Class;
use super::*;

fn of(found: &[Finding], wanted: impl Fn(&Found) -> bool) -> Vec<Severity> {
    found.iter().filter(|f| wanted(&f.what)).map(|f| f.severity).collect()
}

#[test]
fn a_clean_scheme_has_no_errors_or_warnings() {
    let found = lint(&scheme(vec![class("a", &["Docs/A/**"]), class("b", &["Docs/B"])]), None);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_needs_no_records_is_found() {
    let mut bad = class("a", &["", "/Docs/**"]);
    bad.ceiling = Some("5 years".parse().unwrap());
    bad.authority = " ".into();
    let found = lint(&scheme(vec![class("a", &["Docs/A/**"]), bad, class("c", &["docs/a/"]), class("d", &[])]), None);
    let errors = of(&found, |w| matches!(w, Found::Fault(_)));
    assert_eq!(errors, [Severity::Error; 4], "{found:?}");
    assert_eq!(of(&found, |w| matches!(w, Found::SamePattern { other, .. } if other == "a")), [Severity::Error]);
    assert_eq!(of(&found, |w| *w == Found::NoAuthority), [Severity::Warning]);
    assert_eq!(of(&found, |w| *w == Found::NotAssigned), [Severity::Info]);
    assert!(found.is_sorted_by_key(|f| f.severity));
}

#[test]
fn a_minimum_beyond_the_ceiling_is_found_where_the_calendar_makes_it_so() {
    let faults = |minimum: &str, ceiling: &str| {
        let mut c = class("a", &[]);
        (c.minimum, c.ceiling) = (minimum.parse().unwrap(), Some(ceiling.parse().unwrap()));
        of(&lint(&scheme(vec![c]), None), |w| matches!(w, Found::Fault(SchemeFault::Ceiling { .. }))).len()
    };
    assert_eq!(
        [faults("1 year", "365 days"), faults("indefinite", "100 years"), faults("31 days", "1 month")],
        [1, 1, 1]
    );
    assert_eq!(
        [faults("1 year", "12 months"), faults("28 days", "1 month"), faults("6 years", "indefinite")],
        [0, 0, 0]
    );
}

#[test]
fn records_show_ties_dead_patterns_overlaps_and_shares() {
    let classes = vec![
        class("all", &["Docs/**"]),
        class("pdf", &["Docs/**/*.pdf", "Docs/never/**"]),
        class("one", &["Docs/*one*"]),
        class("two", &["Docs/*two*"]),
    ];
    let mut undated = record("Docs/y");
    undated.modified = jiff::Timestamp::UNIX_EPOCH;
    let records = [record("Docs/x.pdf"), record("Docs/one two"), record("Else/x"), undated];
    let found = lint(&scheme(classes), Some(&records));
    let tie = Found::Tie { classes: vec!["one".into(), "two".into()], records: 1, example: "Docs/one two".into() };
    let overlap = Found::Overlap { loser: "all".into(), records: 1, example: "Docs/x.pdf".into() };
    for (what, severity) in [
        (tie, Severity::Error),
        (Found::DeadPattern { pattern: "Docs/never/**".into() }, Severity::Warning),
        (overlap, Severity::Info),
        (Found::Classed { classed: 2, all: 4 }, Severity::Info),
        (Found::Datable { datable: 1, classed: 2 }, Severity::Info),
    ] {
        assert_eq!(of(&found, |w| *w == what), [severity], "{what}: {found:?}");
    }
    assert_eq!(of(&found, |w| matches!(w, Found::DeadPattern { .. })).len(), 1);
}

#[test]
fn a_misspelt_trigger_is_no_event() {
    let with = |trigger: &str| {
        let mut one = class("a", &["Docs/A/**"]);
        one.trigger = trigger.parse().unwrap();
        one
    };
    let meant = |classes: Vec<Class>| -> Vec<(Severity, String)> {
        lint(&scheme(classes), None).into_iter().map(|f| (f.severity, f.what.to_string())).collect()
    };
    let words = "it counts from 'finacial-year-end', an event that only a person can record, so its records stay until \
                 somebody does; did you mean 'financial-year-end'?";
    assert_eq!(meant(vec![with("finacial-year-end")]), [(Severity::Warning, words.into())]);
    for known in ["created", "financial-year-end", "employment-end", "date-of-birth", "superseded"] {
        assert_eq!(meant(vec![with(known)]), [], "{known}");
    }
    let own = "it counts from 'lease-break', an event of your own: its records stay until a person records it";
    assert_eq!(meant(vec![with("lease-break")]), [(Severity::Info, own.into())]);
    let mut all = vec![with("lease-break"), with("lease-braek"), with("lease-break")];
    for (class, id) in all.iter_mut().zip(["a", "b", "c"]) {
        (class.id, class.patterns) = (id.into(), vec![id.into()]);
    }
    let found = meant(all);
    assert_eq!(found.iter().filter(|(severity, _)| *severity == Severity::Warning).count(), 1, "{found:?}");
    assert!(found[0].1.ends_with("did you mean 'lease-break'?"), "{found:?}");
}

#[test]
fn findings_say_how_many_and_what_share() {
    let tie = |records| Found::Tie { classes: vec!["a".into(), "b".into()], records, example: "Docs/x".into() };
    let overlap = |records| Found::Overlap { loser: "a".into(), records, example: "Docs/x".into() };
    for (found, said) in [
        (tie(1), "classes a, b claim 1 record equally, such as Docs/x; they are kept until one pattern is narrower"),
        (tie(2), "classes a, b claim 2 records equally, such as Docs/x; they are kept until one pattern is narrower"),
        (overlap(0), "its narrower pattern takes 0 records from class a, such as Docs/x"),
        (Found::Classed { classed: 2, all: 3 }, "2 of 3 records have a class (66 %)"),
        (Found::Classed { classed: 3, all: 3 }, "3 of 3 records have a class (100 %)"),
        (Found::Classed { classed: 0, all: 0 }, "0 of 0 records have a class (none)"),
        (Found::Datable { datable: 0, classed: 1 }, "0 of 1 record with a class have a date to count from (0 %)"),
        (Found::Datable { datable: 1, classed: 1 }, "1 of 1 record with a class have a date to count from (100 %)"),
    ] {
        assert_eq!(found.to_string(), said);
    }
}
