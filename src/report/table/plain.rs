//! A table of texts, as Markdown and LaTeX.

use super::latex::{escape as tex, sentence};
use super::markdown::{Side, escape};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    pub caption: String,
    /// Headings, and whether the column holds numbers, which stand to the right.
    pub head: Vec<(String, bool)>,
    /// One text for each heading.
    pub rows: Vec<Vec<String>>,
    /// Sentences under the table.
    pub notes: Vec<String>,
}

impl Plain {
    fn titles(&self) -> Vec<String> {
        self.head.iter().map(|(title, _)| title.clone()).collect()
    }

    /// In GitHub's Markdown, padded so that it reads as plain text too.
    pub fn markdown(&self) -> String {
        let escaped = |line: &[String]| line.iter().map(|cell| escape(cell)).collect::<Vec<_>>();
        let lines: Vec<Vec<String>> =
            std::iter::once(escaped(&self.titles())).chain(self.rows.iter().map(|row| escaped(row))).collect();
        let sides = self.head.iter().map(|(_, number)| if *number { Side::Right } else { Side::Left });
        let widest =
            |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
        let columns: Vec<(Side, usize)> =
            sides.enumerate().map(|(column, side)| (side, widest(column).unwrap_or(0).max(3))).collect();
        let row =
            |cells: Vec<String>| format!("|{}\n", cells.iter().map(|cell| format!(" {cell} |")).collect::<String>());
        let padded = |line: &Vec<String>| {
            row(line.iter().zip(&columns).map(|(cell, (side, width))| side.padded(cell, *width)).collect())
        };
        let rule = row(columns.iter().map(|(side, width)| side.rule(*width)).collect());
        let body: String = lines[1..].iter().map(padded).collect();
        let notes: String = self.notes.iter().map(|note| format!("\n{}\n", escape(note))).collect();
        format!("{}\n\n{}{rule}{body}{notes}", escape(&self.caption), padded(&lines[0]))
    }

    /// A `table` environment with booktabs rules, labelled `tab:{label}`.
    pub fn latex(&self, label: &str) -> String {
        let caption: Vec<String> = std::iter::once(sentence(&self.caption)).chain(self.notes.iter().cloned()).collect();
        let columns: String = self.head.iter().map(|(_, number)| if *number { 'r' } else { 'l' }).collect();
        let line =
            |cells: &[String]| format!("{} \\\\\n", cells.iter().map(|cell| tex(cell)).collect::<Vec<_>>().join(" & "));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!(
            "% Needs \\usepackage{{booktabs}}.\n\
             \\begin{{table}}\n\\centering\n\\caption{{{}}}\n\\label{{tab:{label}}}\n\
             \\begin{{tabular}}{{{columns}}}\n\\toprule\n{}\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n",
            tex(&caption.join(" ")),
            line(&self.titles()),
        )
    }
}
