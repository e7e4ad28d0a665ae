//! The JSON schema of the configuration, for editors: read off the parser itself, so that the two cannot differ.
//!
//! What the parser asks a file for is answered here with a made-up value, and what it asked for is written down. The
//! schema knows the form alone, keys and types; what a key means is said by `config check`.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use super::raw::RawConfig;

type Keys = &'static [&'static str];
/// How the types of the TOML library are named that are no tables but look like ones.
const SPANNED: &str = "$__serde_spanned";
const DATETIME: &str = "$__toml_private_";
/// More than there are values that may be one of two types.
const MOST: usize = 100;

/// The schema (draft 7).
pub fn schema() -> Value {
    let found = Found::default();
    // Which keys a table has that may also be text, the parser says only when it is given a wrong one: then once more.
    for _ in 0..MOST {
        let mut root = json!({});
        found.met.set(0);
        match RawConfig::deserialize(Walk { found: &found, slot: &mut root }) {
            Ok(_) => return titled(&root),
            Err(Wrong { keys: Some(keys) }) => found.tables.borrow_mut().push(keys),
            Err(_) => break,
        }
    }
    json!({})
}

fn titled(root: &Value) -> Value {
    let mut all = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Strongroom's configuration, council.toml",
        "description": "Every key is explained by: strongroom config example",
    });
    if let (Some(all), Some(root)) = (all.as_object_mut(), root.as_object()) {
        all.extend(root.clone());
    }
    all
}

/// What earlier walks found out: the keys of each table that may also be text, in the order in which they are met.
#[derive(Default)]
struct Found {
    tables: RefCell<Vec<Keys>>,
    met: Cell<usize>,
}

/// What the parser did not take, and the keys it would have taken.
#[derive(Debug)]
struct Wrong {
    keys: Option<Keys>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the parser did not take what it asked for")
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self { keys: None }
    }
    fn unknown_field(_: &str, expected: Keys) -> Self {
        Self { keys: Some(expected) }
    }
}

/// One value that the parser asks for; its schema goes into `slot`.
struct Walk<'a> {
    found: &'a Found,
    slot: &'a mut Value,
}

impl<'de> Deserializer<'de> for Walk<'_> {
    type Error = Wrong;

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        *self.slot = json!({"type": "boolean"});
        visitor.visit_bool(false)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        *self.slot = json!({"type": "integer"});
        visitor.visit_i64(0)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        *self.slot = json!({"type": "integer"});
        visitor.visit_u64(0)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        *self.slot = json!({"type": "string"});
        visitor.visit_str("")
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let mut items = json!({});
        let value = visitor.visit_seq(One(Some(Walk { found: self.found, slot: &mut items })))?;
        *self.slot = json!({"type": "array", "items": items});
        Ok(value)
    }

    /// A table whose keys are chosen freely.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let (mut key, mut each) = (json!({}), json!({}));
        let entry = Entry {
            key: Some(Walk { found: self.found, slot: &mut key }),
            value: Some(Walk { found: self.found, slot: &mut each }),
        };
        let value = visitor.visit_map(entry)?;
        *self.slot = json!({"type": "object", "additionalProperties": each});
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(self, name: &'static str, keys: Keys, v: V) -> Result<V::Value, Wrong> {
        if name.starts_with(DATETIME) {
            *self.slot = json!({"type": "string", "format": "date"});
            return v.visit_map(Date(keys.first().copied()));
        }
        let mut properties = Map::new();
        let value =
            v.visit_map(Fields { found: self.found, keys: keys.iter(), key: "", properties: &mut properties })?;
        *self.slot = if name.starts_with(SPANNED) {
            // Start, end, and the value itself, which is all that is typed.
            keys.last().and_then(|k| properties.remove(*k)).unwrap_or_default()
        } else {
            table(properties)
        };
        Ok(value)
    }

    /// Text, or a table.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let at = self.found.met.replace(self.found.met.get() + 1);
        // No key is called so.
        let keys = self.found.tables.borrow().get(at).copied().unwrap_or(&[""]);
        let mut properties = Map::new();
        let fields = Fields { found: self.found, keys: keys.iter(), key: "", properties: &mut properties };
        let value = visitor.visit_map(fields)?;
        *self.slot = json!({"anyOf": [{"type": "string"}, table(properties)]});
        Ok(value)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct
        enum identifier ignored_any
    }
}

fn table(properties: Map<String, Value>) -> Value {
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// A list of one.
struct One<'a>(Option<Walk<'a>>);

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Wrong;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        self.0.take().map(|walk| seed.deserialize(walk)).transpose()
    }
}

/// A table with one key.
struct Entry<'a> {
    key: Option<Walk<'a>>,
    value: Option<Walk<'a>>,
}

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Wrong;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        self.key.take().map(|walk| seed.deserialize(walk)).transpose()
    }
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Wrong> {
        self.value.take().map_or(Err(Wrong { keys: None }), |walk| seed.deserialize(walk))
    }
}

/// A table with every key that it may have.
struct Fields<'a> {
    found: &'a Found,
    keys: std::slice::Iter<'static, &'static str>,
    key: &'static str,
    properties: &'a mut Map<String, Value>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Wrong;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some(key) = self.keys.next() else { return Ok(None) };
        self.key = key;
        seed.deserialize(BorrowedStrDeserializer::new(self.key)).map(Some)
    }
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Wrong> {
        let mut slot = json!({});
        let value = seed.deserialize(Walk { found: self.found, slot: &mut slot })?;
        self.properties.insert(self.key.to_owned(), slot);
        Ok(value)
    }
}

/// A date, as the TOML library hands it over.
struct Date(Option<&'static str>);

impl<'de> MapAccess<'de> for Date {
    type Error = Wrong;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some(key) = self.0.take() else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(BorrowedStrDeserializer::new("2026-03-17"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_says_what_the_parser_takes() {
        let schema = schema();
        let at = |path: &str| schema.pointer(path).unwrap_or_else(|| panic!("{path} in {schema:#}"));
        assert_eq!(*at("/properties/council/properties/name"), json!({"type": "string"}));
        assert_eq!(*at("/properties/set/items/properties/allow_empty"), json!({"type": "boolean"}));
        assert_eq!(*at("/properties/retention/properties/keep_weekly"), json!({"type": "integer"}));
        let command = at("/properties/notify/properties/mail/properties/password_command");
        assert_eq!(*command, json!({"type": "array", "items": {"type": "string"}}));
        let folder = json!({"anyOf": [{"type": "string"}, {
            "type": "object", "additionalProperties": false,
            "properties": {"path": {"type": "string"}, "as": {"type": "string"}},
        }]});
        assert_eq!(*at("/properties/set/items/properties/folders/items"), folder);
        let checked = at("/properties/elsewhere/additionalProperties/properties/checked");
        assert_eq!(*checked, json!({"type": "string", "format": "date"}));
        assert_eq!(*at("/additionalProperties"), json!(false));
        assert!(schema.pointer("/properties/notify/properties/mail/properties/password").is_none());
    }
}
