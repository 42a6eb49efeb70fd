use serde_json::Value;
use std::fmt::Write;

/// JSON with sorted keys and no white space: equal values give equal text.
///
/// Numbers keep serde_json's shortest round-trip form, so `1` and `1.0` differ: parameters are
/// parsed into their struct and serialised again before they get here.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_json(&mut text, value);
    text
}

/// Appends a value's canonical JSON.
pub fn write_json(text: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write_text(text, key);
                text.push(':');
                write_json(text, value);
            }
            text.push('}');
        }
        Value::Array(items) => write_list(text, items, write_json),
        Value::String(string) => write_text(text, string),
        Value::Null => text.push_str("null"),
        Value::Bool(b) => text.push_str(if *b { "true" } else { "false" }),
        Value::Number(number) => append(text, number),
    }
}

/// Appends a string in quotes.
pub fn write_text(text: &mut String, string: &str) {
    if string.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        return append(text, Value::from(string));
    }
    text.push('"');
    text.push_str(string);
    text.push('"');
}

/// Appends `[a,b]`.
pub fn write_list<T>(text: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    text.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        write(text, item);
    }
    text.push(']');
}

/// Appends what is shown without quotes, such as a number.
pub fn append(text: &mut String, value: impl std::fmt::Display) {
    // Writing to a `String` can't fail.
    let _ = write!(text, "{value}");
}
