use super::slices;
use super::study::{MethodEntry, Methods};
use crate::contract::{self, ParameterError, Port, Stage, StageContext, StageError};
use crate::report::table::Plain;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The prior that each method has (Table I), from what the methods say of themselves.
pub struct TablePriors;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TablePriorsParameters {
    /// Of the files: `NAME.md`, `NAME.tex`, `NAME.csv`.
    pub name: String,
    pub caption: String,
    pub methods: Methods,
    /// Names of the methods in the order of the table.
    pub rows: Vec<String>,
}

impl Stage for TablePriors {
    fn kind(&self) -> &'static str {
        "table_priors"
    }

    fn summary(&self) -> &'static str {
        "table of the prior that each method has, in Markdown, LaTeX and CSV"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Port] {
        &[]
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("tables", "tables")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        let canonical = contract::canonical::<TablePriorsParameters>(with)?;
        let known: Vec<&String> = canonical["methods"].as_object().into_iter().flat_map(|all| all.keys()).collect();
        let rows = canonical["rows"].as_array().into_iter().flatten().filter_map(Value::as_str);
        match rows.into_iter().find(|row| !known.iter().any(|name| name == row)) {
            None => Ok(canonical),
            Some(row) => Err(ParameterError::new("rows", format!("no method `{row}`; there are {known:?}"))),
        }
    }

    fn schema(&self) -> Value {
        contract::schema::<TablePriorsParameters>()
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let TablePriorsParameters { name, caption, methods, rows } = context.parameters()?;
        let entries: Vec<&MethodEntry> = rows.iter().filter_map(|row| methods.get(row)).collect();
        let head = ["Model", "Uses prior", "Type of prior"].map(|title| (title.to_owned(), false)).to_vec();
        let cells = |entry: &&MethodEntry| match &entry.prior {
            Some(prior) => vec![entry.label.clone(), "yes".to_owned(), prior.clone()],
            None => vec![entry.label.clone(), "no".to_owned(), "–".to_owned()],
        };
        let table = Plain { caption, head, rows: entries.iter().map(cells).collect(), notes: Vec::new() };
        let folder = context.output("tables")?;
        slices::write_file(&folder.join(format!("{name}.md")), table.markdown().as_bytes())?;
        slices::write_file(&folder.join(format!("{name}.tex")), table.latex(&name).as_bytes())?;
        slices::write_file(&folder.join(format!("{name}.csv")), csv(&rows, &entries).as_bytes())
    }
}

/// `method,label,prior`; no prior is an empty text.
fn csv(rows: &[String], entries: &[&MethodEntry]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let line = |(row, entry): (&String, &&MethodEntry)| {
        format!("{row},{},{}\n", quoted(&entry.label), quoted(entry.prior.as_deref().unwrap_or_default()))
    };
    std::iter::once("method,label,prior\n".to_owned()).chain(rows.iter().zip(entries).map(line)).collect()
}
