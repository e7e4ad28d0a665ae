//! Which proposals become one.

use super::super::Alternative;
use super::*;

fn star(text: &str) -> Option<String> {
    starred(&RecordPath::new(text).unwrap()).map(|p| p.to_string())
}

#[test]
fn years_are_whole_names() {
    for name in ["2019", "1999", "2019-20", "2019-2020", "FY2019-20", "fy 2019-20", "2019 – 2020", "2019_20", " 2019 "]
    {
        assert!(is_year(name.as_bytes()), "{name}");
    }
    for name in [
        "",
        "Invoices 2019",
        "201",
        "20191",
        "2019-2",
        "2019-202",
        "3019-20",
        "2019-20-21",
        "12",
        "2019a",
        "FY",
        "20a9",
        "2019-ab",
        "2019.20",
        "-",
    ] {
        assert!(!is_year(name.as_bytes()), "{name}");
    }
    assert!(!is_year(b"2019\xff"));
    assert_eq!(star("D/Finance/2019-20/Invoices").as_deref(), Some("D/Finance/*/Invoices"));
    assert_eq!(star("D/2019/2020/Invoices").as_deref(), Some("D/2019/*/Invoices"), "the last one");
    assert_eq!(star("D/2019").as_deref(), Some("D/*"));
    assert_eq!((star("2019/Invoices"), star("D/Finance/Invoices 2019")), (None, None));
}

/// A proposal of class `a`: its folder, records, score and alternatives.
fn proposal(folder: &str, records: u64, score: u8, alternatives: &[(&str, u8)]) -> Proposal {
    Proposal {
        folder: RecordPath::new(folder).unwrap(),
        folders: 1,
        records,
        class: Some("a".into()),
        score,
        because: format!("because of {score}"),
        alternatives: alternatives.iter().map(|(c, n)| Alternative { class: (*c).into(), score: *n }).collect(),
    }
}

/// The folders after joining, with how many they stand for, their records, score and reason.
fn said(all: Vec<Proposal>) -> Vec<(String, u64, u64, u8, String)> {
    let folders: Vec<_> = all.iter().map(|p| (p.folder.clone(), p.records)).collect();
    joined(all, &folders)
        .into_iter()
        .map(|p| (p.folder.to_string(), p.folders, p.records, p.score, p.because))
        .collect()
}

#[test]
fn alike_is_the_same_class_and_the_same_others_and_the_least_score_is_said() {
    let three =
        || vec![proposal("D/2019/x", 1, 80, &[]), proposal("D/2020/x", 2, 70, &[]), proposal("D/2021/x", 4, 90, &[])];
    assert_eq!(said(three()), [("D/*/x".into(), 3, 7, 70, "because of 70".into())]);
    let count = |change: fn(&mut Proposal)| {
        let mut all = three();
        change(&mut all[2]);
        said(all).len()
    };
    assert_eq!(count(|p| p.class = Some("b".into())), 3);
    assert_eq!(count(|p| p.class = None), 3);
    assert_eq!(count(|p| p.alternatives.push(Alternative { class: "b".into(), score: 70 })), 3);
    assert_eq!(count(|p| p.folder = RecordPath::new("D/2021/y").unwrap()), 2);
    assert_eq!(said(vec![proposal("D/2021/y", 4, 90, &[])])[0].0, "D/2021/y", "one of its own stays as it is");
    let scores = vec![proposal("D/2019/x", 1, 80, &[("b", 70)]), proposal("D/2020/x", 2, 80, &[("b", 75)])];
    assert_eq!(said(scores).len(), 1, "how well the others fit does not matter");
}
