use super::study::{Comparison, Methods, read_scores};
use crate::contract::{self, ParameterError, Port, Stage, StageContext, StageError};
use crate::report::figure::{self, Lines, Spread};
use crate::report::table;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A score against the label fraction, one line a method, with error bars (as in Fig. 6).
pub struct PlotScores;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlotScoresParameters {
    /// Of the files: `NAME.svg`, `NAME.png`.
    pub name: String,
    pub title: String,
    pub methods: Methods,
    #[serde(default)]
    pub compare: Comparison,
    /// What the error bars show: tables give deviations, the paper's Fig. 6 standard errors.
    #[serde(default)]
    pub spread: Spread,
}

impl Stage for PlotScores {
    fn kind(&self) -> &'static str {
        "plot_scores"
    }

    fn summary(&self) -> &'static str {
        "figure of a score against the label fraction, one line a method, SVG and PNG"
    }

    fn revision(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::many("scores", "scores")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("figures", "figures")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        contract::canonical::<PlotScoresParameters>(with)
    }

    fn schema(&self) -> Value {
        contract::schema::<PlotScoresParameters>()
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let PlotScoresParameters { name, title, methods, compare, spread } = context.parameters()?;
        let inputs = context.all_inputs("scores");
        let layout = compare.layout(inputs, &methods, &title)?;
        let built = table::build(&read_scores(inputs)?, &layout).map_err(StageError::failed)?;
        let x_title = match compare.columns.as_str() {
            "label_fraction" => "Labelled training cases",
            other => other,
        };
        let lines = Lines::of_table(&built, &title, x_title, spread);
        figure::save(&lines, context.output("figures")?, &name, super::MADE_BY).map_err(StageError::failed)
    }
}
