//! Two files of one kind, number by number: did a result that was made again come out as before?

use super::frame;
use polars_core::prelude::*;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;
use std::path::Path;

/// Two numbers agree if they differ by no more than this times the larger of 1 and their sizes.
pub const TOLERANCE: f64 = 1e-6;

/// How two files go together.
#[derive(Debug, Clone, PartialEq)]
pub enum Likeness {
    /// The same bytes, with so many numbers in them.
    Same { numbers: usize },
    /// All else is the same; `largest` is the largest relative difference of two numbers.
    Close { numbers: usize, largest: f64 },
    /// The first place that differs by more.
    Apart { numbers: usize, what: String },
    /// Other bytes in a format without numbers that could be compared.
    Unlike,
}

/// Compares two files; `name` tells the format: Parquet, CSV, JSON, Markdown, LaTeX and text hold numbers.
/// Those of tensors (weights, maps) are compared too, but not counted where the bytes are the same: they are no results.
pub fn files(name: &str, was: &Path, is: &Path, tolerance: f64) -> Likeness {
    let (Ok(old), Ok(new)) = (std::fs::read(was), std::fs::read(is)) else {
        return Likeness::Apart { numbers: 0, what: "it can't be read".to_owned() };
    };
    if name.ends_with(".safetensors") && old != new {
        return tensors(&old, &new, tolerance).unwrap_or(Likeness::Unlike);
    }
    let cells = match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "parquet" => parquet(was).zip(parquet(is)),
        "json" => json(&old).zip(json(&new)),
        "csv" => csv(&old).zip(csv(&new)),
        "md" | "tex" | "txt" => words(&old).zip(words(&new)),
        _ => None,
    };
    match cells {
        Some((old_cells, _)) if old == new => Likeness::Same { numbers: count(&old_cells) },
        Some((old, new)) => compare(&old, &new, tolerance),
        None if old == new => Likeness::Same { numbers: 0 },
        None => Likeness::Unlike,
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
struct Cell {
    place: String,
    value: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Number(f64),
    Text(String),
}

impl Content {
    /// Text that reads as a finite number is one.
    fn of(text: &str) -> Content {
        match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Content::Number(number),
            _ => Content::Text(text.to_owned()),
        }
    }
}

fn count(cells: &[Cell]) -> usize {
    cells.iter().filter(|cell| matches!(cell.value, Content::Number(_))).count()
}

fn compare(old: &[Cell], new: &[Cell], tolerance: f64) -> Likeness {
    let numbers = count(old);
    let apart = |what: String| Likeness::Apart { numbers, what };
    if old.len() != new.len() {
        return apart(format!("{} values, where there were {}", new.len(), old.len()));
    }
    let mut largest = 0.0_f64;
    for (old, new) in old.iter().zip(new) {
        let place = &old.place;
        match (&old.value, &new.value) {
            _ if place != &new.place => return apart(format!("{} where there was {place}", new.place)),
            (Content::Number(a), Content::Number(b)) => {
                let difference = relative(*a, *b);
                if difference.is_nan() || difference > tolerance {
                    return apart(format!("{place}: {a} → {b}"));
                }
                largest = largest.max(difference);
            }
            (Content::Text(a), Content::Text(b)) if a == b => {}
            (a, b) => return apart(format!("{place}: {} → {}", shown(a), shown(b))),
        }
    }
    Likeness::Close { numbers, largest }
}

fn relative(a: f64, b: f64) -> f64 {
    if a == b || a.is_nan() && b.is_nan() { 0.0 } else { (a - b).abs() / a.abs().max(b.abs()).max(1.0) }
}

fn shown(value: &Content) -> String {
    match value {
        Content::Number(number) => number.to_string(),
        Content::Text(text) => format!("`{}`", text.chars().take(40).collect::<String>()),
    }
}

fn parquet(path: &Path) -> Option<Vec<Cell>> {
    let frame = frame::read(path).ok()?;
    let mut cells = Vec::new();
    for column in frame.columns() {
        let name = column.name();
        let numbers = column.dtype().is_primitive_numeric();
        let cast = column.cast(if numbers { &DataType::Float64 } else { &DataType::String }).ok()?;
        let place = |row: usize| format!("{name}, row {}", row + 1);
        let missing = || Content::Text("(none)".to_owned());
        let values: Vec<Content> = if numbers {
            cast.f64().ok()?.iter().map(|value| value.map_or_else(missing, number)).collect()
        } else {
            cast.str().ok()?.iter().map(|value| value.map_or_else(missing, |v| Content::Text(v.to_owned()))).collect()
        };
        cells.extend(values.into_iter().enumerate().map(|(row, value)| Cell { place: place(row), value }));
    }
    Some(cells)
}

/// Two values that are no numbers agree, unless one is.
fn number(value: f64) -> Content {
    if value.is_finite() { Content::Number(value) } else { Content::Text(value.to_string()) }
}

/// `None` if one isn't a file of tensors.
fn tensors(old: &[u8], new: &[u8], tolerance: f64) -> Option<Likeness> {
    let (old, new) = (SafeTensors::deserialize(old).ok()?, SafeTensors::deserialize(new).ok()?);
    let numbers = old.iter().map(|(_, view)| view.shape().iter().product::<usize>()).sum();
    let apart = |what: String| Some(Likeness::Apart { numbers, what });
    let mut largest = 0.0_f64;
    let mut named: Vec<_> = old.iter().collect();
    named.sort_by_key(|(name, _)| *name);
    if let Some(name) = new.names().into_iter().find(|name| old.tensor(name).is_err()) {
        return apart(format!("tensor `{name}` was not there before"));
    }
    for (name, was) in named {
        let Ok(is) = new.tensor(name) else { return apart(format!("tensor `{name}` is missing now")) };
        if (was.dtype(), was.shape()) != (is.dtype(), is.shape()) {
            return apart(format!("tensor `{name}`: other type or shape"));
        }
        for (place, (a, b)) in values(&was)?.into_iter().zip(values(&is)?).enumerate() {
            let difference = relative(a, b);
            if difference.is_nan() || difference > tolerance {
                return apart(format!("tensor `{name}`, value {}: {a} → {b}", place + 1));
            }
            largest = largest.max(difference);
        }
    }
    Some(Likeness::Close { numbers, largest })
}

/// `None` for types that no stage of ours writes.
fn values(view: &TensorView<'_>) -> Option<Vec<f64>> {
    let bytes = view.data();
    Some(match view.dtype() {
        Dtype::U8 => bytes.iter().map(|byte| f64::from(*byte)).collect(),
        Dtype::F32 => bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect(),
        Dtype::F64 => bytes.as_chunks().0.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect(),
        _ => return None,
    })
}

fn json(bytes: &[u8]) -> Option<Vec<Cell>> {
    let mut cells = Vec::new();
    walk("", &serde_json::from_slice(bytes).ok()?, &mut cells);
    Some(cells)
}

fn walk(place: &str, value: &Value, cells: &mut Vec<Cell>) {
    let below = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| walk(&below(name), value, cells)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| walk(&below(&index.to_string()), value, cells));
        }
        Value::Number(value) => {
            let value = value.as_f64().map_or_else(|| Content::Text(value.to_string()), number);
            cells.push(Cell { place: place.to_owned(), value });
        }
        scalar => cells.push(Cell { place: place.to_owned(), value: Content::Text(scalar.to_string()) }),
    }
}

/// Cells by row and by the column's name in the first row; RFC 4180.
fn csv(bytes: &[u8]) -> Option<Vec<Cell>> {
    let rows = records(std::str::from_utf8(bytes).ok()?);
    let head = rows.first().cloned().unwrap_or_default();
    let mut cells = Vec::new();
    for (row, fields) in rows.iter().enumerate() {
        for (column, field) in fields.iter().enumerate() {
            let name = head.get(column).map_or("beyond the header", String::as_str);
            cells.push(Cell { place: format!("row {}, {name}", row + 1), value: Content::of(field) });
        }
    }
    Some(cells)
}

fn records(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            other => field.push(other),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

/// Numbers of a text, and what stands between them.
fn words(bytes: &[u8]) -> Option<Vec<Cell>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut cells = Vec::new();
    for (line, content) in text.lines().enumerate() {
        let place = |_: usize| format!("line {}", line + 1);
        let numeric = |c: char| c.is_ascii_digit() || c == '.';
        let mut rest = content;
        while !rest.is_empty() {
            let is_number = rest.starts_with(|c: char| c.is_ascii_digit());
            let end = rest.find(|c: char| if is_number { !numeric(c) } else { c.is_ascii_digit() });
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            let value = if is_number { Content::of(part) } else { Content::Text(part.to_owned()) };
            cells.push(Cell { place: place(cells.len()), value });
            rest = after;
        }
    }
    Some(cells)
}
