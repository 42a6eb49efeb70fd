use super::notes::notes;
use super::{Cell, Table};

/// A `table` environment with booktabs rules, labelled `tab:{label}`. Needs the packages `booktabs` and `amssymb`.
pub fn latex(table: &Table, label: &str) -> String {
    let layout = &table.layout;
    let caption: Vec<String> = std::iter::once(sentence(&layout.caption)).chain(notes(table)).collect();
    let columns = format!("l{}{}", "c".repeat(layout.components.len()), "r".repeat(layout.columns.len()));
    let mut header = vec![escape(&layout.row_title)];
    header.extend(layout.components.iter().map(|name| escape(name)));
    header.extend(layout.columns.iter().map(|column| escape(&column.label)));
    let rows: String = layout.rows.iter().zip(&table.cells).map(|(row, cells)| line(table, row, cells)).collect();
    format!(
        "% Needs \\usepackage{{booktabs,amssymb}}.\n\
         \\begin{{table}}\n\\centering\n\\caption{{{}}}\n\\label{{tab:{label}}}\n\
         \\begin{{tabular}}{{{columns}}}\n\\toprule\n{} \\\\\n\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n",
        escape(&caption.join(" ")),
        header.join(" & "),
    )
}

/// With its full stop: the notes follow in the same paragraph.
pub(super) fn sentence(text: &str) -> String {
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn line(table: &Table, row: &super::Row, cells: &[Option<Cell>]) -> String {
    let tick = |i: usize| if row.ticks.get(i) == Some(&true) { "\\checkmark".to_owned() } else { String::new() };
    let mut line = vec![escape(&row.label)];
    line.extend((0..table.layout.components.len()).map(tick));
    line.extend(cells.iter().map(|cell| cell.as_ref().map_or("---".to_owned(), value)));
    format!("{} \\\\\n", line.join(" & "))
}

/// The asterisks take no width, so that the numbers stay aligned.
fn value(cell: &Cell) -> String {
    let text = if cell.best { format!("\\textbf{{{}}}", cell.text()) } else { cell.text() };
    match cell.stars() {
        "" => text,
        stars => format!("{text}\\rlap{{$^{{{stars}}}$}}"),
    }
}

pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '#' | '%' | '&' | '_' | '{' | '}' | '$' => out.extend(['\\', c]),
            '\\' => out += "\\textbackslash{}",
            '~' => out += "\\textasciitilde{}",
            '^' => out += "\\textasciicircum{}",
            '<' => out += "$<$",
            '>' => out += "$>$",
            '≤' => out += "$\\leq$",
            '±' => out += "$\\pm$",
            '—' => out += "---",
            '–' => out += "--",
            c => out.push(c),
        }
    }
    out
}
