//! What a bucket answers about its versions and its lifecycle rules. The only place here that reads XML.
//!
//! An answer that is not understood to its end says nothing: never that there is no rule.

use quick_xml::events::Event;
use quick_xml::events::attributes::AttrError;

use crate::domain::log::guards::Ground;

/// Deeper than any answer of a store.
const DEEPEST: usize = 16;
/// Storage classes that are read at once, as the standard one is.
const AT_ONCE: [&str; 6] =
    ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "REDUCED_REDUNDANCY"];

/// An element, its text and what is in it; names without their namespace.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|c| c.text.trim())
    }
}

/// Whether the answer to `?versioning` says that versions are kept; `None`: it makes no sense.
pub(crate) fn keeps_versions(answer: &[u8]) -> Option<bool> {
    let root = parse(answer)?;
    // Some servers call it something else.
    root.name.contains("Versioning").then(|| root.text_of("Status") == Some("Enabled"))
}

/// The worst that the answer to `?lifecycle` says of what lies below `ours` (with a slash at its end, or empty).
/// `None`: it makes no sense.
pub(crate) fn undercuts(answer: &[u8], ours: &str, version_days: Option<u32>) -> Option<Option<Ground>> {
    let root = parse(answer)?;
    if root.name != "LifecycleConfiguration" {
        return None;
    }
    let rules = root.all("Rule").filter(|r| r.text_of("Status") != Some("Disabled") && strikes(r, ours));
    let worst = rules.flat_map(|rule| effects(rule, version_days)).min_by_key(|ground| weight(*ground));
    Some(worst)
}

fn weight(ground: Ground) -> u8 {
    match ground {
        Ground::Expires => 0,
        Ground::Archives => 1,
        _ => 2,
    }
}

/// Whether a rule is about anything of ours but what is left of tests. Ours has no tags.
fn strikes(rule: &Element, ours: &str) -> bool {
    let filter = rule.child("Filter");
    let inner = filter.and_then(|f| f.child("And")).or(filter);
    if inner.is_some_and(|f| f.child("Tag").is_some()) {
        return false;
    }
    let typed = inner.and_then(|f| f.text_of("Prefix")).or_else(|| rule.text_of("Prefix"));
    let prefix = typed.unwrap_or_default();
    let of_tests = prefix.starts_with(&format!("{ours}probe/"));
    (ours.starts_with(prefix) || prefix.starts_with(ours)) && !of_tests
}

fn effects(rule: &Element, version_days: Option<u32>) -> Vec<Ground> {
    let mut found = vec![];
    if rule.all("Expiration").any(|e| e.child("Days").or(e.child("Date")).is_some()) {
        found.push(Ground::Expires);
    }
    if rule.all("Transition").any(|t| !AT_ONCE.contains(&t.text_of("StorageClass").unwrap_or_default())) {
        found.push(Ground::Archives);
    }
    let sooner = |e: &Element| {
        let days = e.text_of("NoncurrentDays").and_then(|d| d.parse::<u32>().ok()).unwrap_or(0);
        version_days.is_some_and(|claimed| days < claimed)
    };
    if rule.all("NoncurrentVersionExpiration").any(sooner) {
        found.push(Ground::VersionsExpire);
    }
    found
}

fn parse(answer: &[u8]) -> Option<Element> {
    let mut reader = quick_xml::Reader::from_reader(answer);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) if open.len() <= DEEPEST => {
                tag.attributes().collect::<Result<Vec<_>, AttrError>>().ok()?;
                open.push(Element { name: tag.local_name().as_ref().to_owned(), ..Element::default() });
            }
            Event::Start(_) => return None,
            Event::Empty(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                open.last_mut()?.children.push(Element { name, ..Element::default() });
            }
            Event::End(_) => {
                let closed = open.pop()?;
                open.last_mut()?.children.push(closed);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text),
            Event::CData(text) => open.last_mut()?.text.push_str(&text),
            Event::GeneralRef(name) => {
                let letter = name.resolve_char_ref().ok()?.map(String::from);
                let known = || quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned);
                open.last_mut()?.text.push_str(&letter.or_else(known)?);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let [top] = <[Element; 1]>::try_from(open).ok()?;
    let [root] = <[Element; 1]>::try_from(top.children).ok()?;
    Some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(inner: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<LifecycleConfiguration \
             xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{inner}</LifecycleConfiguration>"
        )
    }

    fn worst(inner: &str, days: Option<u32>) -> Option<Option<Ground>> {
        undercuts(rules(inner).as_bytes(), "office/backup/", days)
    }

    fn rule(filter: &str, effect: &str) -> String {
        format!("<Rule><ID>a</ID>{filter}<Status>Enabled</Status>{effect}</Rule>")
    }

    const GONE: &str = "<Expiration><Days>30</Days></Expiration>";

    #[test]
    fn a_rule_over_us_above_us_or_below_us_counts_and_one_beside_us_does_not() {
        let prefix = |p: &str| format!("<Filter><Prefix>{p}</Prefix></Filter>");
        for ours in ["", "office/", "office/backup/", "office/b", "office/backup/packs/"] {
            assert_eq!(worst(&rule(&prefix(ours), GONE), None), Some(Some(Ground::Expires)), "{ours}");
        }
        for other in ["logs/", "office/backup2/", "office/backup/probe/", "office/backup/probe/canary-"] {
            assert_eq!(worst(&rule(&prefix(other), GONE), None), Some(None), "{other}");
        }
        // The older form, no filter at all, an empty one, and a filter with several conditions.
        let several =
            "<Filter><And><Prefix>office/</Prefix><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter>";
        for filter in ["<Prefix>office/</Prefix>", "<Prefix/>", "", "<Filter/>", several] {
            assert_eq!(worst(&rule(filter, GONE), None), Some(Some(Ground::Expires)), "{filter}");
        }
        let tagged = "<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>";
        assert_eq!(worst(&rule(tagged, GONE), None), Some(None));
        assert_eq!(
            undercuts(rules(&rule(&prefix("a&amp;b"), GONE)).as_bytes(), "a&b/", None),
            Some(Some(Ground::Expires))
        );
    }

    #[test]
    fn what_a_rule_does_decides_and_a_disabled_one_does_nothing() {
        let to = |class: &str| format!("<Transition><Days>1</Days><StorageClass>{class}</StorageClass></Transition>");
        let old = "<NoncurrentVersionExpiration><NoncurrentDays>29</NoncurrentDays></NoncurrentVersionExpiration>";
        let cases = [
            (GONE.to_owned(), None, Some(Ground::Expires)),
            ("<Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration>".into(), None, Some(Ground::Expires)),
            ("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>".into(), None, None),
            (to("DEEP_ARCHIVE"), None, Some(Ground::Archives)),
            (to("GLACIER"), None, Some(Ground::Archives)),
            (to("GLACIER_IR"), None, None),
            (old.into(), None, None),
            (old.into(), Some(29), None),
            (old.into(), Some(30), Some(Ground::VersionsExpire)),
            (format!("{old}{}{GONE}", to("GLACIER")), Some(30), Some(Ground::Expires)),
        ];
        for (effect, days, found) in cases {
            assert_eq!(worst(&rule("", &effect), days), Some(found), "{effect}");
        }
        let disabled = format!("<Rule><Status>Disabled</Status>{GONE}</Rule>");
        assert_eq!(worst(&disabled, None), Some(None));
    }

    #[test]
    fn an_answer_that_is_not_understood_says_nothing() {
        let deep = format!("{}{}", "<a>".repeat(1000), "</a>".repeat(1000));
        for bad in
            ["", "no", "<html>sorry</html>", "<LifecycleConfiguration><Rule>", "<a/><b/>", "<a>&what;</a>", &deep]
        {
            assert_eq!(undercuts(bad.as_bytes(), "", None), None, "{bad}");
            assert_eq!(keeps_versions(bad.as_bytes()), None, "{bad}");
        }
        let said = |status: &str| format!("<VersioningConfiguration>{status}</VersioningConfiguration>");
        assert_eq!(keeps_versions(said("<Status>Enabled</Status>").as_bytes()), Some(true));
        assert_eq!(keeps_versions(said("<Status>Suspended</Status>").as_bytes()), Some(false));
        assert_eq!(keeps_versions(said("").as_bytes()), Some(false));
    }
}
