use super::*;

fn path(text: &str) -> RecordPath {
    RecordPath::new(text).unwrap()
}

#[test]
fn the_nearest_folder_names_the_financial_year() {
    let year_of = |text: &str| financial_year(&path(text)).map(|d| (d.date.year(), d.source));
    for (folder, year) in [
        ("Finance/2019-20/x", 2020),
        ("Finance/2019/20/x", 2020),
        ("Finance/2019-2020/x", 2020),
        ("Finance/FY2019-20/x", 2020),
        ("Finance/2019_20/x", 2020),
        ("Finance/Accounts 2019 – 20/Paid/x", 2020),
        ("Finance/2018-19/2019-20/x", 2020),
        ("Finance/1999-00/x", 2000),
        ("Finance/3 2019-20/x", 2020),
        ("Finance/2019-20 5/x", 2020),
        ("Finance/2019-20-final/x", 2020),
        ("Finance/2019  -  20/x", 2020),
        ("Finance/1999-2000/x", 2000),
        ("Finance/2018-19 and 2019-20/x", 2020),
        ("Finance/2018-19/2019-03/x", 2019),
        ("Finance/2018-19/accounts 2021-22.xlsx", 2019),
    ] {
        assert!(matches!(year_of(folder), Some((y, DateSource::FolderName(_))) if y == year), "{folder}");
    }
    assert!(matches!(year_of("Finance/accounts 2019-20.xlsx"), Some((2020, DateSource::FileName(_)))));
    for none in [
        "Finance/2019-21/x",
        "Finance/2019-2021/x",
        "Finance/2019-20-05/x",
        "Finance/12-2019-20/x",
        "Finance/2019-ab/x",
        "Finance/abcd-20/x",
        "Finance/2019 20/x",
        "Finance/2019.20/x",
        "Finance/2019  -   20/x",
        "Finance/19-20/x",
        "Finance/2019/x",
        "Finance/12019-20/x",
        "Finance/2019-200/x",
        "Finance/2017-18/2019-25/x",
        "Finance/3019-20/x",
        "2019-20",
    ] {
        let found = year_of(none);
        assert!(found.is_none() || none == "2019-20", "{none}: {found:?}");
    }
}

#[test]
fn full_dates_are_read_the_british_way() {
    for name in [
        "2026-05-12",
        "20260512",
        "12-05-2026",
        "12.05.2026",
        "12 May 2026",
        "May 12 2026",
        "May 12, 2026",
        "12th May 2026",
        "the 12th of may 2026",
        "12-may-2026",
        "scan_20260512_143000",
        "20260512143000",
        "2026_05_12",
        "2026-5-12",
        "12 Mar 2020 12 May 2026",
        "20200101 20260512 20250101",
        "12 - May - 2026",
        "x2026-05-12y",
        "12May2026",
    ] {
        for whole in [format!("A/{name}.pdf"), format!("A/2001-01-01/{name}.pdf"), format!("A/{name}/x.pdf")] {
            assert_eq!(full_date(&path(&whole)).map(|d| d.date), Some(date(2026, 5, 12)), "{whole}");
        }
    }
    for folders in ["A/2026/05/12/x.pdf", "A/12/05/2026/x.pdf", "2026/May/12/sub/x.pdf", "2025/01/01/2026/5/12/x.pdf"] {
        assert_eq!(full_date(&path(folders)).map(|d| d.date), Some(date(2026, 5, 12)), "{folders}");
    }
    for none in [
        "A/05-31-2026.pdf",
        "A/2026-02-30.pdf",
        "A/12052026.pdf",
        "A/12 May 26.pdf",
        "A/2026-05.pdf",
        "A/1926051.pdf",
        "A/2026/05/x.pdf",
        "A/2026/05/12",
        "A/2026 05 12.pdf",
        "A/May 2026.pdf",
        "A/20260512990000.pdf",
        "A/20260512240000.pdf",
        "A/20260512146000.pdf",
        "A/20260512145960.pdf",
        "A/12 & May 2026.pdf",
        "A/12 May & 2026.pdf",
        "A/12    May 2026.pdf",
        "A/12 th May 2026.pdf",
        "A/12 Septem 2026.pdf",
        "A/2026/+5/12/x.pdf",
        "A/3026-05-12",
    ] {
        assert_eq!(full_date(&path(none)), None, "{none}");
    }
}

#[test]
fn september_has_three_names() {
    for name in ["A/12 Sep 2026.pdf", "A/12 sept 2026.pdf", "A/12 September 2026.pdf", "2026/September/12/x.pdf"] {
        assert_eq!(full_date(&path(name)).map(|d| d.date), Some(date(2026, 9, 12)), "{name}");
    }
}

#[test]
fn only_a_folder_that_is_a_year_is_one() {
    let year_of = |text: &str| calendar_year(&path(text)).map(|d| d.date);
    assert_eq!(year_of("Minutes/2018/2019/May/x"), Some(date(2019, 12, 31)));
    for none in ["Minutes/2019 x/x", "Minutes/2019", "Minutes/1899/x", "Minutes/02019/x", "Minutes/2019-20/x"] {
        assert_eq!(year_of(none), None, "{none}");
    }
}

#[test]
fn no_name_makes_it_fail() {
    for name in [
        "A/é2026-05-12é",
        "A/٢٠٢٦-٠٥-١٢",
        "A/–––",
        "A/99999999999999999999",
        "A/2199-00/x",
        "A/2199-2200/x",
        "A/0000-01/x",
    ] {
        let path = path(name);
        let _ = (financial_year(&path), calendar_year(&path), full_date(&path));
    }
    let bytes = RecordPath::new(&b"A/\xff2019-20/\xfe2026-05-12"[..]).unwrap();
    assert_eq!((financial_year(&bytes), full_date(&bytes)), (None, None));
}
