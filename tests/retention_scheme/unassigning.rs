//! A folder taken out of its class: the text loses that pattern and nothing else.

use strongroom::config::scheme::{UnassignError, unassign};

use crate::assigning::scheme;

fn take(text: &str, folder: &str, class: Option<&str>) -> Result<String, UnassignError> {
    unassign(text, folder, class).map(|taken| taken.text)
}

#[test]
fn only_the_pattern_is_taken_out() {
    for (before, after) in [
        ("patterns = [\"D/Inv/**\"]\n", "patterns = []\n"),
        ("patterns = [ \"d/inv\" ] # none\n", "patterns = [ ] # none\n"),
        ("patterns = [\"A/**\", \"D/Inv/**\"]\n", "patterns = [\"A/**\"]\n"),
        ("patterns = [\"A/**\", 'D/Inv/',] # A, B\n", "patterns = [\"A/**\",] # A, B\n"),
        ("patterns = [\"D/Inv/**\", \"A/**\"]\n", "patterns = [\"A/**\"]\n"),
        ("patterns = [\"A\", \"D/Inv/**\", \"B\"]\n", "patterns = [\"A\", \"B\"]\n"),
        ("patterns = [\n  \"A/**\",\n  \"D/Inv/**\",\n  \"B\",\n]\n", "patterns = [\n  \"A/**\",\n  \"B\",\n]\n"),
        ("patterns = [\n  \"A/**\",\n  \"D/Inv/**\"\n]\n", "patterns = [\n  \"A/**\",\n]\n"),
        (
            "patterns = [\n  # a, b\n  \"D/Inv/**\", # inv, and ]\n  \"B\",\n]\n",
            "patterns = [\n  # a, b\n  # inv, and ]\n  \"B\",\n]\n",
        ),
        ("patterns = [\"D/Inv/**\" # odd, here\n, \"B\"]\n", "patterns = [ # odd, here\n\"B\"]\n"),
        ("patterns = [\"D/Inv\", \"A\", \"d/inv/**\"]\n", "patterns = [\"A\"]\n"),
    ] {
        let found = take(&scheme(before), "D/Inv", None).unwrap_or_else(|e| panic!("{before}: {e}"));
        let comments = |text: &str| text.matches('#').count();
        assert_eq!(comments(&found), comments(&scheme(before)), "{found}");
        assert_eq!(found, scheme(after), "{before}");
        let windows = take(&scheme(before).replace('\n', "\r\n"), "D/Inv", Some("invoices")).unwrap();
        assert_eq!(windows, scheme(after).replace('\n', "\r\n"), "{before}");
    }
}

#[test]
fn a_pattern_is_taken_out_as_it_is_written() {
    let text = scheme("patterns = [\"D/*/Inv/**\", \"D/**/*.pdf\"]\n");
    assert_eq!(take(&text, "D/**/*.pdf", None).unwrap(), scheme("patterns = [\"D/*/Inv/**\"]\n"));
    assert_eq!(take(&text, "D/*/Inv", None).unwrap(), scheme("patterns = [\"D/**/*.pdf\"]\n"));
}

#[test]
fn what_is_not_there_is_not_taken_out() {
    let text = scheme("patterns = [\"D/Inv/**\", \"Documents/Minutes\"]\n");
    let error = |folder: &str, class: Option<&str>| take(&text, folder, class).unwrap_err().to_string();
    assert_eq!(
        error("D", None),
        "D is not assigned to a class: no pattern is for exactly that folder",
        "a folder above it is another one"
    );
    assert_eq!(
        error("D/Inv", Some("minutes")),
        "D/Inv is not assigned to the class `minutes`: it has no pattern for exactly that folder"
    );
    assert_eq!(error("D", Some("x")), "the scheme has no class `x`. `strongroom retention classes` lists them");
    assert_eq!(
        error("documents/minutes", None),
        "documents/minutes is assigned to the classes invoices, minutes. Name the one it is to be taken out of"
    );
    let one = unassign(&text, "Documents/Minutes", Some("minutes")).unwrap();
    assert_eq!((one.class.as_str(), one.patterns), ("minutes", vec!["Documents/Minutes/**".to_owned()]));
}
