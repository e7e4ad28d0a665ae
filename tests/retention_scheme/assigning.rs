//! A folder given to a class: the text changes by that pattern and by nothing else.

use strongroom::config::scheme::{AssignError, DRAFT, assign, parse_scheme};
use strongroom::domain::path::RecordPath;

/// A scheme whose first class has this line for its patterns.
pub fn scheme(patterns: &str) -> String {
    format!(
        "# Ours\n[scheme]\ntitle = \"Ours\" # 2026\n\n[[class]] # money\nid = \"invoices\" # short\n{patterns}\
         title = \"Invoices\"\nminimum = \"6 years\"\ntrigger = \"financial-year-end\"\naction = \"destroy\"\n\n\
         [[class]]\nid = \"minutes\"\ntitle = \"Minutes\"\npatterns = [\"Documents/Minutes/**\"]\n\
         minimum = \"indefinite\"\ntrigger = \"created\"\naction = \"keep\"\n# the end"
    )
}

fn give(text: &str, folder: &str, class: &str) -> Result<String, AssignError> {
    assign(text, &RecordPath::new(folder).unwrap(), class)
}

#[test]
fn only_the_pattern_is_added() {
    let new = "\"D/Inv/**\"";
    for (before, after) in [
        ("patterns = []\n", format!("patterns = [{new}]\n")),
        ("patterns = [ ] # none\n", format!("patterns = [{new} ] # none\n")),
        ("patterns = [\n  # none so far\n]\n", format!("patterns = [{new}\n  # none so far\n]\n")),
        ("patterns = [\"A/**\"]\n", format!("patterns = [\"A/**\", {new}]\n")),
        ("patterns = ['A/**',] # A, B\n", format!("patterns = ['A/**', {new},] # A, B\n")),
        (
            "patterns = [\n  \"A/**\",\n  \"B\", # b, and ]\n]\n",
            format!("patterns = [\n  \"A/**\",\n  \"B\", # b, and ]\n  {new},\n]\n"),
        ),
        (
            "patterns = [\n\t\"A/**\" # a, not b\n\t# more\n]\n",
            format!("patterns = [\n\t\"A/**\", # a, not b\n\t{new},\n\t# more\n]\n"),
        ),
        ("patterns = [\"A/**\",\n]\n", format!("patterns = [\"A/**\",\n    {new},\n]\n")),
        ("patterns = [\n\"A/**\"]\n", format!("patterns = [\n\"A/**\", {new}]\n")),
        ("\"patterns\"=[]\n", format!("\"patterns\"=[{new}]\n")),
        ("", format!("patterns = [{new}]\n")),
    ] {
        let text = scheme(before);
        let found = give(&text, "D/Inv", "invoices").unwrap_or_else(|e| panic!("{before}: {e}"));
        assert_eq!(found, scheme(&after), "{before}");
        let windows = give(&text.replace('\n', "\r\n"), "D/Inv", "invoices").unwrap();
        assert_eq!(windows, scheme(&after).replace('\n', "\r\n"), "{before}");
    }
}

#[test]
fn the_line_is_indented_as_its_neighbours() {
    let text = "[scheme]\ntitle = \"x\"\n[[class]]\n  id = \"a\"\n  title = \"A\"\n  minimum = \"P1Y\"\n  trigger = \"created\"\n  action = \"keep\"";
    assert_eq!(give(text, "F", "a").unwrap(), text.replace("\"a\"\n", "\"a\"\n  patterns = [\"F/**\"]\n"));
}

#[test]
fn names_are_written_as_toml_wants_them() {
    for folder in ["D/Say \"hi\"", "D/Café – été", "D/[2019] #1", "D/it's, a", "D/tab\there"] {
        let text = give(&scheme("patterns = []\n"), folder, "invoices").unwrap_or_else(|e| panic!("{folder}: {e}"));
        assert_eq!(parse_scheme(&text, "s").unwrap().classes[0].patterns, [format!("{folder}/**")]);
    }
}

#[test]
fn what_is_assigned_already() {
    for patterns in ["patterns = [\"D/Inv/**\"]\n", "patterns = [\"d/INV\"]\n", "patterns = [\"D/Inv/\"]\n"] {
        assert_eq!(give(&scheme(patterns), "D/Inv", "invoices").unwrap(), scheme(patterns));
    }
    assert_eq!(
        give(&scheme(""), "Documents/minutes", "invoices").unwrap_err().to_string(),
        "Documents/minutes is assigned to the class `minutes` already, by its pattern \"Documents/Minutes/**\". Take \
         that pattern out first"
    );
    assert!(give(&scheme(""), "Documents/Minutes/Bills", "invoices").is_ok(), "a folder below has its own class");
    assert!(give(&scheme(""), "Documents", "invoices").is_ok(), "the more specific pattern wins");
}

#[test]
fn what_cannot_be_assigned() {
    let error = |text: &str, folder: &str, class: &str| give(text, folder, class).unwrap_err().to_string();
    assert_eq!(
        error(&scheme(""), "D", "invoice"),
        "the scheme has no class `invoice`. `strongroom retention classes` lists them"
    );
    assert_eq!(
        error(&scheme(""), "D/What?", "invoices"),
        "D/What? has a *, a ? or a \\ in its name, so a pattern cannot name it alone. Rename the folder, or write a \
         pattern for the folder above it"
    );
    let raw = assign(&scheme(""), &RecordPath::new(vec![b'D', b'/', 0xff]).unwrap(), "invoices");
    assert!(raw.unwrap_err().to_string().contains("has bytes that are no text in its name"));
    assert!(error(&scheme("colour = 1\n"), "D", "invoices").starts_with("the scheme, line 7: unknown key `colour`"));
}

#[test]
fn what_is_too_unusual_is_left_to_a_person() {
    let inline = "scheme = { title = \"x\" }\nclass = [{ id = \"a\", title = \"A\", minimum = \"P1Y\", trigger = \"created\", action = \"keep\" }]\n";
    assert_eq!(
        give(inline, "D", "a").unwrap_err().to_string(),
        "the class `a` is written in an unusual way and is not edited here. Add the pattern \"D/**\" to it"
    );
    let odd = scheme("patterns = [\n\"A/**\"\n, # why here\n]\n");
    assert!(matches!(give(&odd, "D", "invoices"), Err(AssignError::ByHand { .. })));
}

#[test]
fn classes_of_the_draft_can_be_given_folders() {
    let mut text = DRAFT.to_owned();
    let ids: Vec<String> = crate::draft().classes.iter().map(|c| c.id.clone()).collect();
    for (at, id) in ids.iter().enumerate().step_by(9) {
        text = give(&text, &format!("Documents/Folder {at}"), id).unwrap();
    }
    assert_eq!(text.lines().count(), DRAFT.lines().count());
    let scheme = parse_scheme(&text, "scheme").unwrap();
    assert!(
        scheme.classes.iter().enumerate().step_by(9).all(|(at, c)| c.patterns == [format!("Documents/Folder {at}/**")])
    );
}
