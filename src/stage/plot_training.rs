use super::study::{Methods, values_of};
use crate::contract::{self, ParameterError, Port, Stage, StageContext, StageError};
use crate::report::figure::{self, Curves};
use crate::report::log;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Losses, the discriminator's accuracy and the validation Dice over the epochs: one figure a label
/// fraction, one line a method.
pub struct PlotTraining;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlotTrainingParameters {
    /// Of the files: `NAME_COLUMN.svg`, `NAME_COLUMN.png`.
    pub name: String,
    pub methods: Methods,
    /// Axis with one line a value.
    #[serde(default = "method")]
    pub lines: String,
    /// Axis with one figure a value.
    #[serde(default = "label_fraction")]
    pub figures: String,
}

fn method() -> String {
    "method".to_owned()
}

fn label_fraction() -> String {
    "label_fraction".to_owned()
}

impl Stage for PlotTraining {
    fn kind(&self) -> &'static str {
        "plot_training"
    }

    fn summary(&self) -> &'static str {
        "figures of losses, discriminator accuracy and validation Dice over the epochs"
    }

    fn revision(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::many("logs", "log")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("figures", "figures")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        contract::canonical::<PlotTrainingParameters>(with)
    }

    fn schema(&self) -> Value {
        contract::schema::<PlotTrainingParameters>()
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let parameters: PlotTrainingParameters = context.parameters()?;
        let inputs = context.all_inputs("logs");
        let folder = context.output("figures")?;
        for value in values_of(inputs, &parameters.figures)? {
            let mut runs = Vec::new();
            for input in inputs.iter().filter(|input| input.coordinates[&parameters.figures] == value) {
                let rows = log::read(&input.path).map_err(StageError::failed)?;
                runs.push((label(&parameters, &input.coordinates), rows));
            }
            let unit = if parameters.figures == "label_fraction" { " % of the labels" } else { "" };
            let curves = Curves::of_logs(&format!("Training with {value}{unit}"), &runs);
            let stem = format!("{}_{value}", parameters.name);
            figure::save(&curves, folder, &stem, super::MADE_BY).map_err(StageError::failed)?;
        }
        Ok(())
    }
}

/// The method's name; folds and other axes that vary beside it are named too.
fn label(parameters: &PlotTrainingParameters, coordinates: &std::collections::BTreeMap<String, String>) -> String {
    let key = coordinates.get(&parameters.lines).cloned().unwrap_or_default();
    let name = parameters.methods.get(&key).map_or(key, |entry| entry.label.clone());
    let fold = coordinates.get("fold").filter(|fold| *fold != "0");
    fold.map_or(name.clone(), |fold| format!("{name}, fold {fold}"))
}
