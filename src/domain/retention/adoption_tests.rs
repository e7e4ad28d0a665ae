use super::super::samples::{class, record, scheme};
use super::*;
use jiff::civil::date;
use jiff::tz::TimeZone;

fn law(classes: Vec<Class>) -> Law {
    Law { scheme: Some(scheme(classes)), scheme_at: Some(1), ..Law::none(TimeZone::UTC) }
}

fn with(minimum: &str, change: impl Fn(&mut Class)) -> Law {
    let mut one = class("invoices", &["Docs/**"]);
    one.minimum = minimum.parse().unwrap();
    change(&mut one);
    law(vec![one])
}

const TODAY: Date = date(2020, 1, 1);

fn records() -> Vec<RecordFacts> {
    ["Docs/a", "Docs/b", "Other/c"].iter().map(|p| record(p)).collect()
}

#[test]
fn a_shorter_minimum_says_how_many_records_and_how_much_earlier() {
    let a = compare(Some(&with("6 years", |_| ())), &with("4 years", |_| ()), &records(), TODAY).unwrap();
    let by = Shift::By { years: 2, months: 0, days: 0 };
    assert_eq!(a.now_due_earlier, [Moved { class: Some("invoices".into()), by, records: 2 }]);
    assert_eq!((a.earlier(), by.to_string().as_str(), a.newly_due_on_adoption, a.shortened), (2, "2 years", 2, true));
    let back = compare(Some(&with("4 years", |_| ())), &with("6 years", |_| ()), &records(), TODAY).unwrap();
    assert_eq!((back.earlier(), back.later[0].records, back.shortened), (0, 2, false));
}

#[test]
fn a_class_shortens_before_it_has_records() {
    let a = compare(Some(&with("1 year", |_| ())), &with("364 days", |_| ()), &[], TODAY).unwrap();
    assert!(a.shortened && matches!(a.classes[..], [(_, ClassChange::Shorter(..))]));
    let a = compare(Some(&with("1 year", |_| ())), &with("12 months", |_| ()), &[], TODAY).unwrap();
    assert!(!a.shortened && a.classes.is_empty());
    let keep = with("1 year", |c| c.action = Action::Keep);
    assert!(compare(Some(&keep), &with("1 year", |_| ()), &[], TODAY).unwrap().shortened);
    assert!(!compare(Some(&with("1 year", |_| ())), &keep, &[], TODAY).unwrap().shortened);
}

#[test]
fn a_less_careful_approver_or_another_trigger_shortens() {
    let council = with("1 year", |c| c.approver = Approver::Council);
    let none = with("1 year", |c| c.approver = Approver::None);
    assert!(compare(Some(&council), &none, &[], TODAY).unwrap().shortened);
    assert!(!compare(Some(&none), &council, &[], TODAY).unwrap().shortened);
    let leaving = with("1 year", |c| c.trigger = "employment-end".parse().unwrap());
    assert!(compare(Some(&with("1 year", |_| ())), &leaving, &[], TODAY).unwrap().shortened);
}

#[test]
fn what_could_never_go_and_now_can_shortens_and_an_unassigned_class_keeps() {
    let new = with("1 year", |_| ());
    let a = compare(None, &new, &records(), TODAY).unwrap();
    assert_eq!((a.newly_classed, a.newly_due_on_adoption, a.shortened), (2, 2, true));
    let never = Moved { class: Some("invoices".into()), by: Shift::Never, records: 2 };
    assert_eq!((&a.now_due_earlier, a.earlier()), (&vec![never], 2));
    assert!(!compare(None, &new, &[record("Other/c")], TODAY).unwrap().shortened, "no record can go by it");
    let keeps = with("1 year", |c| c.action = Action::Keep);
    assert!(!compare(None, &keeps, &records(), TODAY).unwrap().shortened);
    let undated = with("1 year", |c| c.trigger = "employment-end".parse().unwrap());
    assert!(!compare(None, &undated, &records(), TODAY).unwrap().shortened, "nothing says when");
    let b = compare(Some(&new), &with("1 year", |c| c.patterns.clear()), &records(), TODAY).unwrap();
    assert_eq!((b.no_longer_classed, b.later[0].by, b.shortened), (2, Shift::Never, false));
}

#[test]
fn a_folder_more_for_a_class_shortens() {
    let wider = with("1 year", |c| c.patterns.push("Other/**".into()));
    let a = compare(Some(&with("1 year", |_| ())), &wider, &records(), TODAY).unwrap();
    assert_eq!((a.earlier(), a.newly_classed, a.classes.len(), a.shortened), (1, 1, 0, true));
    let both =
        compare(Some(&with("1 year", |_| ())), &with("2 years", |c| c.patterns = wider_patterns()), &records(), TODAY);
    let both = both.unwrap();
    assert!(both.shortened && both.lengthens() && !a.lengthens());
}

fn wider_patterns() -> Vec<String> {
    vec!["Docs/**".into(), "Other/**".into()]
}

#[test]
fn another_trigger_or_class_that_lets_records_go_earlier_shortens() {
    let old = with("1 year", |c| c.trigger = "employment-end".parse().unwrap());
    let a = compare(Some(&old), &with("1 year", |_| ()), &records(), TODAY).unwrap();
    assert!(a.shortened && a.now_due_earlier[0].by == Shift::Never);
    let mut short = class("drafts", &["Docs/a"]);
    short.minimum = "P0D".parse().unwrap();
    let new = law(vec![class("invoices", &["Docs/**"]), short]);
    let b = compare(Some(&with("6 years", |_| ())), &new, &records(), TODAY).unwrap();
    assert_eq!((b.earlier(), b.shortened), (1, true));
}

#[test]
fn a_place_more_where_no_record_lies_yet_shortens() {
    let old = with("1 year", |_| ());
    let wider = |change: fn(&mut Class)| {
        with("1 year", |c| {
            c.patterns.push("Later/**".into());
            change(c);
        })
    };
    let a = compare(Some(&old), &wider(|_| ()), &records(), TODAY).unwrap();
    assert_eq!((a.earlier(), a.shortened), (0, true));
    assert_eq!(a.classes, [("invoices".to_owned(), ClassChange::Claims("Later/**".into()))]);
    assert_eq!(a.classes[0].1.to_string(), "takes what will lie in 'Later/**', where there is no record yet");
    for keeps in [wider(|c| c.action = Action::Keep), wider(|c| c.minimum = Period::Indefinite)] {
        assert!(!compare(Some(&keeps), &keeps, &records(), TODAY).unwrap().shortened);
        assert!(!compare(Some(&old), &keeps, &records(), TODAY).unwrap().shortened, "what comes there stays");
    }
    // The other way round it is given up, and nothing goes by that.
    assert!(!compare(Some(&wider(|_| ())), &old, &records(), TODAY).unwrap().shortened);
    assert!(!compare(None, &old, &[], TODAY).unwrap().shortened, "a council without records need not wait");
}

#[test]
fn what_lengthens_is_told_by_class_or_by_records_alone() {
    let old = with("2 years", |c| c.approver = Approver::Clerk);
    let against = |new: &Law, records: &[RecordFacts]| compare(Some(&old), new, records, TODAY).unwrap();
    let longer = with("3 years", |c| c.approver = Approver::Clerk);
    let a = against(&longer, &[]);
    assert!(a.lengthens() && matches!(a.classes[..], [(_, ClassChange::Longer(..))]), "{a:?}");
    let changes: [fn(&mut Class); 2] = [|c| c.action = Action::Keep, |c| c.approver = Approver::Council];
    for (n, change) in changes.into_iter().enumerate() {
        let careful = with("2 years", |c| {
            c.approver = Approver::Clerk;
            change(c);
        });
        assert!(against(&careful, &[]).lengthens(), "{n}");
        assert!(!compare(Some(&careful), &old, &[], TODAY).unwrap().lengthens(), "{n}, and back");
    }
    assert!(!against(&old, &records()).lengthens());
    // A class that is gone leaves its records to nobody, who keeps them.
    let gone = against(&law(vec![]), &records());
    assert!(gone.lengthens() && !gone.shortened && matches!(gone.classes[..], [(_, ClassChange::Removed)]), "{gone:?}");
}

#[test]
fn a_distance_is_in_days_only_below_a_month() {
    let by = |minimum: &str| {
        let a = compare(Some(&with("2 years", |_| ())), &with(minimum, |_| ()), &records(), TODAY).unwrap();
        a.now_due_earlier[0].by
    };
    let Shift::By { years: 0, months: 0, days } = by("725 days") else { panic!("{:?}", by("725 days")) };
    assert!((1..31).contains(&days), "{days}");
    assert!(matches!(by("700 days"), Shift::By { years: 0, months: 1, days: 0 }), "{:?}", by("700 days"));
    assert!(matches!(by("300 days"), Shift::By { years: 1, months: 1.., days: 0 }), "{:?}", by("300 days"));
    assert!(matches!(by("360 days"), Shift::By { years: 1, months: 0, days: 0 }), "{:?}", by("360 days"));
}
