//! The schema for editors says of every configuration in these tests what the parser says: what is right it takes, and a
//! key or a type that the parser does not know it refuses. It is looked at by a small reader of schemas of our own.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};
use strongroom::config::{self, schema::schema};

static SCHEMA: LazyLock<Value> = LazyLock::new(schema);

/// What an editor makes of a file: text, numbers, lists and tables; a date is text.
fn document(text: &str) -> Option<Value> {
    fn plain(value: &toml::Value) -> Value {
        match value {
            toml::Value::String(text) => json!(text),
            toml::Value::Integer(n) => json!(n),
            toml::Value::Float(n) => json!(n),
            toml::Value::Boolean(b) => json!(b),
            toml::Value::Datetime(date) => json!({"date": date.to_string()}),
            toml::Value::Array(all) => all.iter().map(plain).collect(),
            toml::Value::Table(table) => Value::Object(table.iter().map(|(k, v)| (k.clone(), plain(v))).collect()),
        }
    }
    text.parse::<toml::Table>().ok().map(|t| plain(&toml::Value::Table(t)))
}

/// Whether the schema takes the value. A word of schemas that it does not know ends the test.
fn fits(schema: &Value, value: &Value) -> bool {
    let known = ["type", "format", "properties", "additionalProperties", "items", "anyOf"];
    let about = ["$schema", "title", "description"];
    let words = schema.as_object().unwrap();
    assert!(words.keys().all(|k| known.contains(&k.as_str()) || about.contains(&k.as_str())), "{schema}");
    if let Some(any) = words.get("anyOf") {
        return any.as_array().unwrap().iter().any(|one| fits(one, value));
    }
    let date = words.get("format").is_some_and(|f| f == "date");
    match words["type"].as_str().unwrap() {
        "string" if date => value.get("date").is_some(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        "array" => value.as_array().is_some_and(|all| all.iter().all(|one| fits(&words["items"], one))),
        "object" => value.as_object().is_some_and(|table| {
            table.iter().all(|(key, value)| {
                let own = words.get("properties").and_then(|p| p.get(key));
                match own.or(words.get("additionalProperties")) {
                    Some(Value::Bool(allowed)) => *allowed,
                    Some(schema) => fits(schema, value),
                    None => true,
                }
            })
        }),
        other => panic!("{other}"),
    }
}

/// The schema takes what the parser takes.
pub fn takes(text: &str) {
    assert!(fits(&SCHEMA, &document(text).unwrap()), "the schema refuses:\n{text}");
}

/// Of what the parser refuses for a key or a type, the schema says the same; what a key means it does not know.
pub fn agrees(text: &str, error: &str) {
    let Some(document) = document(text) else { return };
    let first = error.lines().next().unwrap_or_default();
    let words =
        ["unknown key `", "; expected ", "secrets never stand in", "` must be a list: [", "` must be text in quotes"];
    let form = words.iter().any(|w| first.contains(w));
    assert_eq!(fits(&SCHEMA, &document), !form, "{error}\nof:\n{text}");
}

/// Every key of the schema, as `table.key`, with nothing for lists.
fn keys(schema: &Value, at: &str, all: &mut BTreeSet<String>) {
    for (key, below) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let name = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        keys(below, &name, all);
        all.insert(name);
    }
    for below in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        keys(below, at, all);
    }
    for word in ["items", "additionalProperties"] {
        if let Some(below) = schema.get(word).filter(|b| b.is_object()) {
            keys(below, at, all);
        }
    }
}

#[test]
fn the_schema_takes_the_shipped_files_and_has_every_key_of_them() {
    takes(config::EXAMPLE);
    takes(crate::MINIMAL);
    let mut all = BTreeSet::new();
    keys(&SCHEMA, "", &mut all);
    assert!(all.len() > 100, "{all:?}");
    // Each key of the example, those that are commented out, too.
    let mut table = String::new();
    for line in config::EXAMPLE.lines().map(|l| l.strip_prefix('#').unwrap_or(l)) {
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(k, _)| !k.contains(' ') && !k.is_empty()) {
            let known = all.contains(&format!("{table}.{key}")) || table == "elsewhere";
            assert!(known, "{table}.{key} is not in the schema");
        }
    }
    // And the schema has none that the parser does not take.
    for name in all.iter().filter(|n| n.starts_with("council.") && n.matches('.').count() == 1) {
        let text = format!("[council]\n{} = 1.5\n", name.trim_start_matches("council."));
        assert!(!config::parse(&text, "c").unwrap_err().to_string().contains("unknown key"), "{name}");
    }
}
