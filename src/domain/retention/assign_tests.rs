//! What is proposed, how well it fits and why: for one folder, for folders within folders, and for a folder a year.

use super::super::samples::{class, scheme};
use super::super::scheme::Class;
use super::*;

/// Twelve classes, so a word that `n` of them know weighs ln(1 + 12/n): 2.56, 1.95, 1.61; and 2.5 if none does.
fn council() -> Scheme {
    let classes = [
        ("minutes-signed", "Minutes, signed"),
        ("agendas", "Agendas"),
        ("paid-invoices", "Invoices paid"),
        ("allotment-tenancies", "Allotment tenancies"),
        ("tenders-unsuccessful", "Unsuccessful tenders"),
        ("tenders-successful", "Successful tenders"),
        ("recruitment-unsuccessful", "Recruitment: those not appointed"),
        ("allotment-register", "Allotment register"),
        ("personnel-files", "Personnel files"),
        ("a1", "Mayoral chain; regalia"),
        ("a2", "Registers, plaques"),
        ("a3", "Planting or planking"),
    ];
    let titled = |(id, title): (&str, &str)| Class { title: title.into(), ..class(id, &[]) };
    let mut classes: Vec<Class> = classes.map(titled).to_vec();
    classes[0].patterns = vec!["D/Council/Minutes/**".into()];
    scheme(classes)
}

fn folders(names: &[(&str, u64)]) -> Vec<(RecordPath, u64)> {
    names.iter().map(|(name, records)| (RecordPath::new(*name).unwrap(), *records)).collect()
}

fn others(proposal: &Proposal) -> String {
    let all = proposal.alternatives.iter().map(|a| format!("{} {}", a.class, a.score));
    all.collect::<Vec<_>>().join(", ")
}

/// The folders with something proposed, in order, each as `folder: class`, or `folder: one class/another`.
fn proposed(names: &[(&str, u64)]) -> Vec<String> {
    let choice = |p: &Proposal| p.alternatives.iter().map(|a| a.class.as_str()).collect::<Vec<_>>().join("/");
    let all = propose(&folders(names), &council());
    all.iter().map(|p| format!("{}: {}", p.folder, p.class.clone().unwrap_or_else(|| choice(p)))).collect()
}

#[test]
fn a_folder_is_like_the_class_whose_words_it_has() {
    for (folder, class, score, because, alternatives) in [
        ("D/Minutes", "minutes-signed", 100, "“Minutes” says “minutes”", ""),
        ("D/Minutes 2019", "minutes-signed", 100, "“Minutes 2019” says “minutes”", ""),
        ("D/minutse", "minutes-signed", 100, "“minutse” says “minutes”", ""),
        ("D/Paid invoices", "paid-invoices", 100, "“Paid invoices” says “Invoices paid”", ""),
        ("D/Paid", "paid-invoices", 66, "“Paid” is like “Invoices paid”", ""),
        ("D/Chain", "a1", 66, "“Chain” is like “Mayoral chain”", ""),
        ("D/Mayoral regalia", "a1", 80, "“Mayoral regalia” is like “Mayoral chain; regalia”", ""),
        ("D/A1", "a1", 100, "“A1” says “a1”", ""),
        ("D/Leavers", "personnel-files", 72, "“Leavers” is like “staff leavers”", ""),
        ("D/Staff/Leavers", "personnel-files", 100, "“Leavers” within “D/Staff” says “staff leavers”", ""),
        ("D/HR/Recruitement", "recruitment-unsuccessful", 95, "“Recruitement” is like “Recruitment”", ""),
        ("D/Roses/Regalia", "a1", 94, "“Regalia” is like “regalia”", ""),
        (
            "D/Tenders",
            "",
            100,
            "“Tenders” says “tenders”; so do 2 classes, choose one",
            "tenders-successful 100, tenders-unsuccessful 100",
        ),
        (
            "D/Tenders/Successful",
            "tenders-successful",
            100,
            "“Successful” within “D/Tenders” says “Successful tenders”",
            "",
        ),
        (
            "D/Registers",
            "",
            66,
            "“Registers” is like “Allotment register”; so do 2 classes, choose one",
            "allotment-register 66, a2 60",
        ),
        (
            "D/Allotments/Register",
            "allotment-register",
            100,
            "“Register” within “D/Allotments” says “Allotment register”",
            "",
        ),
        ("D/Plaques", "a2", 100, "“Plaques” says “plaques”", ""),
        ("D/Plantng or planking", "a3", 100, "“Plantng or planking” says “Planting or planking”", ""),
    ] {
        let found = propose(&folders(&[(folder, 7)]), &council());
        let [p] = &found[..] else { panic!("{folder}: {found:?}") };
        let said = (p.class.as_deref().unwrap_or(""), p.score, p.because.as_str(), others(p));
        assert_eq!(said, (class, score, because, alternatives.to_owned()), "{folder}");
        assert_eq!((p.folder.to_string(), p.folders, p.records), (folder.to_owned(), 1, 7));
    }
}

#[test]
fn nothing_is_proposed_where_a_name_says_too_little_or_a_pattern_rules() {
    for (folder, why) in [
        ("D/Queries", "no class knows the word"),
        ("D/Allotments", "a whole area of work"),
        ("D/Minutes/2019", "a year says nothing, and its folder has a proposal of its own"),
        ("D/Old", "nor does a stop word"),
        ("D/Plansing", "planting or planking: two that are near"),
        ("D/Council/Minutes", "a pattern covers what lies in it"),
        ("D/Council/Minutes/Agendas", "and in its folders"),
    ] {
        assert_eq!(proposed(&[(folder, 7)]), [""; 0], "{folder}: {why}");
    }
}

/// Classes that fit a folder "Xylem" exactly so well: each has that word, and one of its own that weighs accordingly.
fn fitting(scores: &[(&'static str, u8)]) -> Names<'static> {
    let set = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    let name = |id: &str| Name { typed: id.to_owned(), words: set(&["xylem", id]) };
    let own = |score: u8| 200.0 / f64::from(score) - 2.0;
    let weights = scores.iter().map(|(id, score)| ((*id).to_owned(), own(*score))).chain([("xylem".to_owned(), 1.0)]);
    Names { classes: scores.iter().map(|(id, _)| (*id, vec![name(id)])).collect(), weights: weights.collect() }
}

#[test]
fn what_is_about_as_good_is_a_choice_and_what_is_good_enough_is_named() {
    for (scores, class, alternatives) in [
        (&[("a", 65)][..], "a", ""),
        (&[("a", 80), ("b", 72)], "a", "b 72"),
        (&[("b", 72), ("a", 80)], "a", "b 72"),
        (&[("a", 80), ("b", 73)], "", "a 80, b 73"),
        (&[("b", 80), ("a", 80)], "", "a 80, b 80"),
        (&[("a", 73), ("b", 65)], "a", "b 65"),
        (&[("a", 72), ("b", 64)], "a", ""),
        (&[("a", 71), ("b", 64)], "", "a 71, b 64"),
        (&[("a", 80), ("b", 75), ("c", 74), ("d", 70), ("e", 64)], "", "a 80, b 75, c 74, d 70"),
    ] {
        let found = fitting(scores).propose(&RecordPath::new("D/Xylem").unwrap(), 7).unwrap();
        let said = (found.class.as_deref().unwrap_or(""), others(&found));
        assert_eq!(said, (class, alternatives.to_owned()), "{scores:?}");
    }
    assert_eq!(fitting(&[("a", 64), ("b", 64)]).propose(&RecordPath::new("D/Xylem").unwrap(), 7), None);
}

#[test]
fn a_class_that_the_folders_above_speak_for_is_not_equalled_by_one_of_which_they_say_nothing() {
    let set = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    let said = |own: f64| {
        let names = [("plain", &["xylem"][..]), ("spoken", &["above", "xylem", "z"])];
        let name = |words: &[&str]| vec![Name { typed: words.join(" "), words: set(words) }];
        let weights = [("xylem", 1.0), ("above", 1.0), ("z", own)].map(|(word, n)| (word.to_owned(), n));
        let names = Names { classes: names.map(|(id, words)| (id, name(words))).into(), weights: weights.into() };
        let found = names.propose(&RecordPath::new("Above/Xylem").unwrap(), 7).unwrap();
        (found.class.clone(), others(&found))
    };
    assert_eq!(said(0.2), (Some("spoken".into()), "plain 94".into()));
    assert_eq!(said(0.3), (None, "plain 94, spoken 93".into()));
}

#[test]
fn what_only_repeats_the_folder_above_is_left_out() {
    for (below, left) in [
        ("D/Minutes/Signed minutes", None),
        ("D/Minutes/Agendas", Some("agendas")),
        ("D/Tenders/Successful tenders", Some("tenders-successful")),
        ("D/Tenders/2019/Tenders", None),
        ("D/Registers/Tenders", Some("tenders-successful/tenders-unsuccessful")),
        ("D/Successful tenders/Tenders", None),
        ("D/Minutes/Tenders", Some("tenders-successful/tenders-unsuccessful")),
    ] {
        let all =
            proposed(&["D/Minutes", "D/Tenders", "D/Registers", "D/Successful tenders", below].map(|name| (name, 1)));
        let found = all.iter().find_map(|p| p.strip_prefix(&format!("{below}: ")));
        let backwards =
            proposed(&[below, "D/Successful tenders", "D/Registers", "D/Tenders", "D/Minutes"].map(|name| (name, 1)));
        assert_eq!(backwards, all, "in any order");
        assert_eq!((all.len(), found), (4 + usize::from(left.is_some()), left), "{below}: {all:?}");
    }
    let deep = [("D/Minutes", 3), ("D/Minutes/Agendas", 2), ("D/Minutes/Agendas/Minutes", 1), ("D/Minutes 2", 4)];
    assert_eq!(
        proposed(&deep),
        [
            "D/Minutes 2: minutes-signed",
            "D/Minutes: minutes-signed",
            "D/Minutes/Agendas: agendas",
            "D/Minutes/Agendas/Minutes: minutes-signed",
        ],
        "the nearest folder above counts, and one beside it is none"
    );
}

#[test]
fn most_records_come_first_then_the_order_of_paths() {
    let all = [("D/Regalia", 3), ("D/Minutes", 90), ("D/Agendas", 3)];
    let expected = ["D/Minutes: minutes-signed", "D/Agendas: agendas", "D/Regalia: a1"];
    assert_eq!(proposed(&all), expected);
    assert_eq!(proposed(&[all[2], all[0], all[1]]), expected);
}

#[test]
fn a_folder_a_year_is_one_proposal() {
    let found = propose(
        &folders(&[("D/2019/Invoices 2019 regalia", 5), ("D/2019/Regalia", 5), ("D/FY2020-21/Regalia", 7)]),
        &council(),
    );
    let [joined, ..] = &found[..] else { panic!("{found:?}") };
    assert_eq!(
        (joined.folder.to_string(), joined.folders, joined.records, joined.class.as_deref(), joined.score),
        ("D/*/Regalia".into(), 2, 12, Some("a1"), 100)
    );
}

#[test]
fn years_are_joined_only_where_the_star_takes_nothing_else_along() {
    let (one, two) = ("D/2019/Regalia: a1", "D/2020/Regalia: a1");
    for (more, expected) in [
        (&[][..], &["D/*/Regalia: a1"][..]),
        (
            &[("D/2019", 1), ("D/2019/Regalia/Old", 1), ("E/Queries/Regalia", 1)],
            &["D/*/Regalia: a1", "E/Queries/Regalia: a1"],
        ),
        (&[("D/Queries/Regalia", 1)], &[one, two, "D/Queries/Regalia: a1"]),
        (&[("D/2021/REGALIA", 1)], &[one, two, "D/2021/REGALIA: a1"]),
        (&[("D/Queries/Plaques", 1)], &["D/*/Regalia: a1", "D/Queries/Plaques: a2"]),
    ] {
        let all: Vec<_> = [("D/2019/Regalia", 3), ("D/2020/Regalia", 2)].iter().chain(more).copied().collect();
        assert_eq!(proposed(&all), expected, "{more:?}");
    }
}
