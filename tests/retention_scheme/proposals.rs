//! What is proposed for the folders of two councils.

use std::collections::BTreeMap;

use strongroom::config::scheme::{DRAFT, assign, parse_scheme};
use strongroom::domain::path::RecordPath;
use strongroom::domain::retention::assign::{Proposal, THRESHOLD, propose};
use strongroom::domain::retention::scheme::Scheme;

use crate::draft;
use crate::tree::Expect::{self, Choice, Covered, Is, Nothing};
use crate::tree::{OTHER, TREE};

fn path(text: &str) -> RecordPath {
    RecordPath::new(text).unwrap()
}

fn proposed(folders: &[&str], scheme: &Scheme) -> BTreeMap<String, Proposal> {
    let folders: Vec<(RecordPath, u64)> = folders.iter().map(|f| (path(&format!("Documents/{f}")), 7)).collect();
    let bare = |p: &Proposal| p.folder.as_text().unwrap().strip_prefix("Documents/").unwrap().to_owned();
    propose(&folders, scheme).into_iter().map(|p| (bare(&p), p)).collect()
}

fn as_expected(expect: Expect, found: Option<&Proposal>) -> bool {
    match (expect, found) {
        (Is(class), Some(found)) => found.class.as_deref() == Some(class),
        (Choice(classes), Some(found)) => {
            found.class.is_none() && classes.iter().all(|c| found.alternatives.iter().any(|a| a.class == *c))
        }
        (Nothing | Covered, None) => true,
        _ => false,
    }
}

/// The share that is as expected, what is not, and how many wrong classes were proposed outright.
fn judge(tree: &[(&str, Expect)]) -> (usize, Vec<String>, usize) {
    let names: Vec<&str> = tree.iter().map(|(name, _)| *name).collect();
    let found = proposed(&names, &draft());
    let (mut misses, mut wrong) = (Vec::new(), 0);
    for (name, expect) in tree {
        let found = found.get(*name);
        if !as_expected(*expect, found) {
            let said = found.map(|f| format!("{:?} {} {} {:?}", f.class, f.score, f.because, f.alternatives));
            misses.push(format!("{name}: expected {expect:?}, found {said:?}"));
            wrong += usize::from(found.is_some_and(|f| f.class.is_some()));
        }
    }
    (tree.len() - misses.len(), misses, wrong)
}

#[test]
fn the_tree_that_the_words_were_chosen_with() {
    let (hits, misses, _) = judge(TREE);
    assert!(TREE.len() >= 60);
    assert_eq!(hits, TREE.len(), "{misses:#?}");
}

#[test]
fn another_tree() {
    let (hits, misses, wrong) = judge(OTHER);
    assert!(hits * 100 >= OTHER.len() * 94, "{hits} of {}: {misses:#?}", OTHER.len());
    assert!(wrong <= 2, "{misses:#?}");
}

#[test]
fn a_proposal_says_why_and_what_else() {
    let found = proposed(&["Finance/2021-22/Paid invoices", "Tenders", "HR/Recruitement"], &draft());
    let invoices = &found["Finance/2021-22/Paid invoices"];
    assert_eq!((invoices.records, invoices.class.as_deref()), (7, Some("paid-invoices")));
    assert!(invoices.because.starts_with("“Paid invoices” is like “Invoices paid”"), "{}", invoices.because);
    let tenders = &found["Tenders"];
    assert_eq!(tenders.class, None);
    assert!(tenders.because.ends_with("; so do 2 classes, choose one"), "{}", tenders.because);
    assert_eq!(found["HR/Recruitement"].class.as_deref(), Some("recruitment-unsuccessful"), "a slip is mended");
    assert!(found.values().all(|p| p.score >= THRESHOLD));
}

#[test]
fn a_folder_a_year_is_one_proposal_unless_something_else_fits_it_too() {
    let years = ["Finance/2019-20/Paid invoices", "Finance/FY2020-21/Paid invoices", "Finance/2020-21/Minutes"];
    let found = proposed(&years, &draft());
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["Finance/*/Paid invoices", "Finance/2020-21/Minutes"]);
    let invoices = &found["Finance/*/Paid invoices"];
    assert_eq!((invoices.folders, invoices.records, invoices.class.as_deref()), (2, 14, Some("paid-invoices")));
    let text = assign(DRAFT, &invoices.folder, "paid-invoices").unwrap();
    assert!(text.contains("\"Documents/Finance/*/Paid invoices/**\""));
    let scheme = parse_scheme(&text, "scheme").unwrap();
    assert_eq!(proposed(&years, &scheme).keys().map(String::as_str).collect::<Vec<_>>(), ["Finance/2020-21/Minutes"]);
    // A folder that is no year would be taken along by the pattern.
    let more = [years[0], years[1], "Finance/Queries/Paid invoices"];
    assert_eq!(proposed(&more, &draft()).len(), 3);
}

#[test]
fn what_is_assigned_is_not_proposed_again() {
    let text = assign(DRAFT, &path("Documents/Minutes"), "minutes-signed").unwrap();
    let scheme = parse_scheme(&text, "scheme").unwrap();
    assert!(proposed(&["Minutes", "Minutes/Full Council"], &scheme).is_empty());
    assert_eq!(proposed(&["Minutes", "Agendas"], &draft()).len(), 2);
}

#[test]
fn a_council_of_its_own_classes_is_served_by_their_titles() {
    let text = "[scheme]\ntitle = \"Ours\"\n[[class]]\nid = \"a1\"\ntitle = \"Mayoral chain, regalia\"\n\
                minimum = \"1 year\"\ntrigger = \"created\"\naction = \"review\"\n[[class]]\nid = \"a2\"\n\
                title = \"Market stall records\"\nminimum = \"1 year\"\ntrigger = \"created\"\naction = \"review\"\n";
    let scheme = parse_scheme(text, "scheme").unwrap();
    let found = proposed(&["Regalia", "Market stalls 2020", "Minutes"], &scheme);
    let classes: Vec<Option<&str>> = found.values().map(|p| p.class.as_deref()).collect();
    assert_eq!(classes, [Some("a2"), Some("a1")], "{found:?}");
}

#[test]
fn most_records_first_and_no_order_of_the_input_matters() {
    let folders: Vec<(RecordPath, u64)> =
        [("A/CCTV", 3), ("A/Minutes", 90), ("A/Agendas", 3)].map(|(p, n)| (path(p), n)).to_vec();
    let names = |folders: &[(RecordPath, u64)]| -> Vec<String> {
        propose(folders, &draft()).iter().map(|p| p.folder.as_text().unwrap().to_owned()).collect()
    };
    let backwards: Vec<(RecordPath, u64)> = folders.iter().rev().cloned().collect();
    assert_eq!(names(&folders), ["A/Minutes", "A/Agendas", "A/CCTV"]);
    assert_eq!(names(&folders), names(&backwards));
}

#[test]
fn names_that_are_no_text_do_no_harm() {
    let odd = [RecordPath::new(vec![b'a', b'/', 0xff, 0xfe]).unwrap(), path("…/—"), path("a/\u{202e}setunim")];
    let folders: Vec<(RecordPath, u64)> = odd.into_iter().map(|p| (p, 1)).collect();
    assert_eq!(propose(&folders, &draft()), []);
}
