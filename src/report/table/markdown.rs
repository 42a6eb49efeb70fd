use super::notes::notes;
use super::{Cell, Table};

/// A table in GitHub's Markdown, padded so that it reads as plain text too.
pub fn markdown(table: &Table) -> String {
    let lines = grid(table);
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0).max(3))
        .collect();
    let sides = sides(table);
    let rule = sides.iter().zip(&widths).map(|(side, width)| side.rule(*width)).collect::<Vec<_>>();
    let row = |cells: &[String]| {
        let cells = cells.iter().zip(&sides).zip(&widths).map(|((cell, side), width)| side.padded(cell, *width));
        format!("|{}\n", cells.map(|cell| format!(" {cell} |")).collect::<String>())
    };
    let mut text = format!("{}\n\n{}{}", escape(&table.layout.caption), row(&lines[0]), row(&rule));
    lines[1..].iter().for_each(|line| text += &row(line));
    for note in notes(table) {
        text += &format!("\n{}\n", escape(&note));
    }
    text
}

/// To which side a column is aligned.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Left,
    Middle,
    Right,
}

impl Side {
    pub(super) fn rule(self, width: usize) -> String {
        match self {
            Side::Left => format!(":{}", "-".repeat(width - 1)),
            Side::Middle => format!(":{}:", "-".repeat(width - 2)),
            Side::Right => format!("{}:", "-".repeat(width - 1)),
        }
    }

    pub(super) fn padded(self, cell: &str, width: usize) -> String {
        match self {
            Side::Left => format!("{cell:<width$}"),
            Side::Middle => format!("{cell:^width$}"),
            Side::Right => format!("{cell:>width$}"),
        }
    }
}

/// Labels left, ticks in the middle, numbers right.
fn sides(table: &Table) -> Vec<Side> {
    let mut sides = vec![Side::Left];
    sides.resize(1 + table.layout.components.len(), Side::Middle);
    sides.resize(sides.len() + table.layout.columns.len(), Side::Right);
    sides
}

/// Header and rows as cells.
fn grid(table: &Table) -> Vec<Vec<String>> {
    let layout = &table.layout;
    let mut header = vec![escape(&layout.row_title)];
    header.extend(layout.components.iter().map(|name| escape(name)));
    header.extend(layout.columns.iter().map(|column| escape(&column.label)));
    let line = |(row, cells): (&super::Row, &Vec<Option<Cell>>)| {
        let mut line = vec![escape(&row.label)];
        let tick = |i: usize| if row.ticks.get(i) == Some(&true) { "✓".to_owned() } else { String::new() };
        line.extend((0..layout.components.len()).map(tick));
        line.extend(cells.iter().map(|cell| cell.as_ref().map_or("—".to_owned(), value)));
        line
    };
    std::iter::once(header).chain(layout.rows.iter().zip(&table.cells).map(line)).collect()
}

fn value(cell: &Cell) -> String {
    let text = if cell.best { format!("**{}**", cell.text()) } else { cell.text() };
    text + &escape(cell.stars())
}

/// Characters that Markdown would read as markup. `#` only matters at the start of a line, where none stands.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '*' | '_' | '|' | '`' | '<' | '[' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
