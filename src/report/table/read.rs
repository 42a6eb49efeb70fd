use serde::Serialize;
use std::collections::BTreeMap;

/// A cell of a table, as its CSV has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Value {
    /// Key of the row and of the column, e.g. `ours` and `25`.
    pub row: String,
    pub column: String,
    /// Of the row, e.g. `Ours`.
    pub label: String,
    pub metric: String,
    pub class: String,
    pub unit: String,
    /// `None` where the table has no score.
    pub mean: Option<f64>,
    pub stars: String,
}

/// The cells of a table that [`super::csv`] wrote; `None` if the text is no such table.
pub fn read_csv(text: &str) -> Option<Vec<Value>> {
    let mut lines = records(text).into_iter();
    let head = lines.next()?;
    let named = head.get(2).is_some_and(|name| name == "label") && head.iter().any(|name| name == "mean");
    if !named {
        return None;
    }
    let value = |fields: Vec<String>| {
        let by_name: BTreeMap<&str, &String> = head.iter().map(String::as_str).zip(&fields).collect();
        let get = |name: &str| by_name.get(name).map_or(String::new(), |text| (*text).clone());
        Value {
            row: fields.first().cloned().unwrap_or_default(),
            column: fields.get(1).cloned().unwrap_or_default(),
            label: get("label"),
            metric: get("metric"),
            class: get("class"),
            unit: get("unit"),
            mean: get("mean").parse().ok(),
            stars: get("stars"),
        }
    };
    Some(lines.map(value).collect())
}

/// RFC 4180.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            c => field.push(c),
        }
    }
    if !(field.is_empty() && record.is_empty()) {
        record.push(field);
        records.push(record);
    }
    records
}
