use super::{Cell, Table};

/// One line a cell, at full precision, in the table's unit. A missing cell has n = 0 and no numbers.
pub fn csv(table: &Table) -> String {
    let layout = &table.layout;
    let selection = &layout.selection;
    let head = ["label", "metric", "class", "unit", "mean", "std", "n", "p", "stars", "best"];
    let keys = [selection.row_key.as_str(), selection.column_key.as_str()];
    let mut text = line(keys.iter().chain(&head).map(|name| (*name).to_owned()));
    for (row, cells) in layout.rows.iter().zip(&table.cells) {
        for (column, cell) in layout.columns.iter().zip(cells) {
            let keys = [&row.key, &column.key, &row.label, &selection.metric, &selection.class, &layout.unit];
            text += &line(keys.into_iter().cloned().chain(numbers(cell.as_ref())));
        }
    }
    text
}

fn numbers(cell: Option<&Cell>) -> [String; 6] {
    match cell {
        None => ["", "", "0", "", "", ""].map(str::to_owned),
        Some(cell) => [
            cell.mean.to_string(),
            cell.std.to_string(),
            cell.n.to_string(),
            cell.p.map_or(String::new(), |p| p.to_string()),
            cell.stars().to_owned(),
            cell.best.to_string(),
        ],
    }
}

/// One record.
pub(in crate::report) fn line(fields: impl Iterator<Item = String>) -> String {
    fields.map(|field| quoted(&field)).collect::<Vec<_>>().join(",") + "\n"
}

/// RFC 4180: a field with a comma, a quote or a line break stands in quotes, its quotes doubled.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
