use super::slices;
use super::study::{Comparison, Methods, read_scores};
use crate::contract::{self, ParameterError, Port, Stage, StageContext, StageError};
use crate::report::{significance, table};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Mean and standard deviation of a score by method and label fraction, as Markdown, LaTeX and CSV.
pub struct Table;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableParameters {
    /// Of the files: `NAME.md`, `NAME.tex`, `NAME.csv`.
    pub name: String,
    pub caption: String,
    pub methods: Methods,
    #[serde(default)]
    pub compare: Comparison,
    /// Columns of ticks for the components of the methods (Table III). Default true.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub components: bool,
    /// Rows that learn from more than the others, which none of them is to be compared with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upper_bounds: Vec<String>,
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

impl Stage for Table {
    fn kind(&self) -> &'static str {
        "table"
    }

    fn summary(&self) -> &'static str {
        "table of means and standard deviations by method, in Markdown, LaTeX and CSV"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::many("scores", "scores"), Port::optional("significance", "significance")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("tables", "tables")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        contract::canonical::<TableParameters>(with)
    }

    fn schema(&self) -> Value {
        contract::schema::<TableParameters>()
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let TableParameters { name, caption, methods, compare, components, upper_bounds } = context.parameters()?;
        let inputs = context.all_inputs("scores");
        let mut layout = compare.layout(inputs, &methods, &caption)?;
        if !components {
            layout.components.clear();
        }
        let mut built = table::build(&read_scores(inputs)?, &layout).map_err(StageError::failed)?;
        built = built.with_upper_bounds(&upper_bounds);
        if let Some(folder) = context.optional_input("significance") {
            built = built.with_significance(&significance::read(folder).map_err(StageError::failed)?);
        }
        let folder = context.output("tables")?;
        slices::write_file(&folder.join(format!("{name}.md")), table::markdown(&built).as_bytes())?;
        slices::write_file(&folder.join(format!("{name}.tex")), table::latex(&built, &name).as_bytes())?;
        slices::write_file(&folder.join(format!("{name}.csv")), table::csv(&built).as_bytes())
    }
}
