use super::{Mark, Source};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::Spanned;
use std::fmt;
use std::sync::Arc;

/// A YAML value and where it was written.
#[derive(Debug, Clone)]
pub struct Tree {
    pub value: Value,
    pub mark: Mark,
}

#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Tree>),
    /// In the order of the text; keys are unique.
    Map(Vec<(Name, Tree)>),
}

/// A name (mostly a key) and where it was written.
#[derive(Debug, Clone)]
pub struct Name {
    pub text: String,
    pub mark: Mark,
}

impl Tree {
    pub fn text(text: impl Into<String>, mark: &Mark) -> Self {
        Tree { value: Value::Text(text.into()), mark: mark.clone() }
    }

    pub fn map(entries: Vec<(Name, Tree)>, mark: &Mark) -> Self {
        Tree { value: Value::Map(entries), mark: mark.clone() }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// "a mapping", for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// A scalar as text; `None` for null, lists and mappings.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Bool(b) => Some(b.to_string()),
            Value::Number(n) => Some(n.to_string()),
            Value::Text(t) => Some(t.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    pub fn entries(&self) -> &[(Name, Tree)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    pub fn keys(&self) -> Vec<String> {
        self.entries().iter().map(|(key, _)| key.text.clone()).collect()
    }

    pub fn get(&self, key: &str) -> Option<&Tree> {
        self.entry(key).map(|(_, value)| value)
    }

    pub fn entry(&self, key: &str) -> Option<&(Name, Tree)> {
        self.entries().iter().find(|(name, _)| name.text == key)
    }

    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Number(n) => n.clone().into(),
            Value::Text(t) => t.clone().into(),
            Value::List(items) => items.iter().map(Tree::to_json).collect(),
            Value::Map(entries) => entries.iter().map(|(key, value)| (key.text.clone(), value.to_json())).collect(),
        }
    }

    /// The place of a dotted path such as `schedule.levels[2].width`: its key if `key`, else its value.
    /// What isn't written falls back to its nearest written ancestor.
    pub fn locate(&self, path: &str, key: bool) -> Mark {
        let mut found = (self.mark.clone(), self);
        for step in path.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
            let next = match &found.1.value {
                Value::List(items) => step.parse().ok().and_then(|i: usize| items.get(i)).map(|t| (t.mark.clone(), t)),
                _ => found.1.entry(step).map(|(k, t)| (if key { k.mark.clone() } else { t.mark.clone() }, t)),
            };
            let Some(next) = next else { break };
            found = next;
        }
        found.0
    }
}

/// A [`Tree`] before it knows its source: offsets only.
pub(super) struct Raw {
    value: RawValue,
    span: (usize, usize),
}

enum RawValue {
    Scalar(serde_json::Value),
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

impl Raw {
    /// `shift` is where the parsed text begins in its source.
    pub(super) fn into_tree(self, source: &Arc<Source>, shift: usize) -> Tree {
        let value = match self.value {
            RawValue::Scalar(serde_json::Value::Bool(b)) => Value::Bool(b),
            RawValue::Scalar(serde_json::Value::Number(n)) => Value::Number(n),
            RawValue::Scalar(serde_json::Value::String(t)) => Value::Text(t),
            RawValue::Scalar(_) => Value::Null,
            RawValue::List(items) => Value::List(items.into_iter().map(|i| i.into_tree(source, shift)).collect()),
            RawValue::Map(entries) => {
                let name = |key: Spanned<String>| {
                    let (offset, length) = span(&key.referenced);
                    Name { text: key.value, mark: Mark::new(source, offset + shift, length) }
                };
                Value::Map(entries.into_iter().map(|(k, v)| (name(k), v.into_tree(source, shift))).collect())
            }
        };
        Tree { value, mark: Mark::new(source, self.span.0 + shift, self.span.1) }
    }
}

/// Byte offset and length.
pub(super) fn span(location: &serde_saphyr::Location) -> (usize, usize) {
    let span = location.span();
    (span.byte_offset().unwrap_or_default() as usize, span.byte_len().unwrap_or_default() as usize)
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<RawValue>::deserialize(deserializer)?;
        Ok(Raw { span: span(&spanned.referenced), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(serde_json::Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<RawValue, E> {
        self.visit_unit()
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<RawValue, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number must be finite"))?;
        Ok(RawValue::Scalar(number.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(RawValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawValue, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(RawValue::Map(map))
    }
}
