//! Tables of results such as Table III of the paper: rows are methods, columns label fractions, cells mean and standard deviation.

mod build;
mod csv;
mod latex;
mod markdown;
mod notes;
mod plain;
mod read;

pub use build::{PerCase, build, per_case};
pub use csv::csv;
pub(super) use csv::line as csv_line;
pub use latex::latex;
pub use markdown::markdown;
pub use plain::Plain;
pub use read::{Value, read_csv};

use super::significance::{self, Significance};

/// Which scores enter the table, and which coordinates are its rows and columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// E.g. `dice`.
    pub metric: String,
    /// Name of a class, or `all`.
    pub class: String,
    /// Coordinate of the rows, e.g. `method`.
    pub row_key: String,
    /// Coordinate of the columns, e.g. `label_fraction`.
    pub column_key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Value of the coordinate, e.g. `no_gating`.
    pub key: String,
    /// E.g. `#1`.
    pub label: String,
    /// One for each of [`Layout::components`].
    pub ticks: Vec<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Value of the coordinate, e.g. `25`.
    pub key: String,
    /// E.g. `25 %`.
    pub label: String,
}

/// Which of two means is the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Higher,
    Lower,
}

impl Better {
    pub fn than(self, a: f64, b: f64) -> bool {
        match self {
            Better::Higher => a > b,
            Better::Lower => a < b,
        }
    }
}

/// What a table shows, before its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// First sentence of the caption.
    pub caption: String,
    /// E.g. `multi-class Dice`.
    pub measure: String,
    /// E.g. `%` or `px`.
    pub unit: String,
    /// From the unit of the scores to `unit`: 100 for a Dice in percent.
    pub scale: f64,
    pub better: Better,
    /// Heading of the column of row labels, e.g. `Method`.
    pub row_title: String,
    /// Headings of the tick columns, e.g. `Gating`, `ADS`, `Discriminator`; may be empty.
    pub components: Vec<String>,
    pub rows: Vec<Row>,
    pub columns: Vec<Column>,
    pub selection: Selection,
}

/// Mean and standard deviation (ddof 0, as in the paper's style) over cases, in the layout's unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    pub mean: f64,
    pub std: f64,
    /// Cases.
    pub n: usize,
    /// The best mean of its column, before rounding.
    pub best: bool,
    /// Only at the reference row.
    pub p: Option<f64>,
}

impl Cell {
    /// `84.3 (4)`: one decimal, the standard deviation as an integer beside it.
    pub fn text(&self) -> String {
        format!("{:.1} ({:.0})", self.mean, self.std)
    }

    pub fn stars(&self) -> &'static str {
        self.p.map_or("", significance::stars)
    }

    /// Standard error of the mean, std / sqrt(n), as in the paper's Fig. 6.
    pub fn standard_error(&self) -> f64 {
        self.std / (self.n as f64).sqrt()
    }
}

/// A layout with its numbers: `cells[row][column]`, `None` where there is no score.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub layout: Layout,
    pub cells: Vec<Vec<Option<Cell>>>,
    pub tests: Vec<Significance>,
    /// Keys of rows that are upper bounds of the others.
    pub bounds: Vec<String>,
}

impl Table {
    /// Sets p at the reference's cells where the reference is the better of the two: an asterisk says that it
    /// wins. The notes give every test, also those that it loses. Of several tests of a column, the greatest p: it must win all.
    pub fn with_significance(mut self, tests: &[Significance]) -> Table {
        for test in tests {
            let row = self.layout.rows.iter().position(|row| row.key == test.reference);
            let column = self.layout.columns.iter().position(|column| column.key == test.column);
            if let (Some(row), Some(column)) = (row, column)
                && let Some(cell) = &mut self.cells[row][column]
                && tests
                    .iter()
                    .filter(|other| other.column == test.column)
                    .all(|test| self.layout.better.than(test.difference, 0.0))
            {
                cell.p = Some(cell.p.map_or(test.deciding_p(), |p| p.max(test.deciding_p())));
            }
        }
        self.tests = tests.to_vec();
        self
    }

    fn all_cells(&self) -> impl Iterator<Item = &Option<Cell>> {
        self.cells.iter().flatten()
    }
}
