use super::study::{Comparison, Methods, read_scores};
use crate::contract::{self, ParameterError, Port, Stage, StageContext, StageError};
use crate::report::significance::{self, TestOutcome};
use crate::science::stat::{Calculation, Choice, StatError, wilcoxon};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Tests one method against the best of the others, at every label fraction (section IV-B: one
/// comparison only, so that there is nothing to correct for).
pub struct Significance;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignificanceParameters {
    /// The method whose superiority is in question.
    pub reference: String,
    #[serde(default)]
    pub compare: Comparison,
    /// How p is found. The paper says "the non-parametric Wilcoxon test" and no more: `auto` is exact
    /// for up to 50 pairs without ties or zeros.
    #[serde(default)]
    pub test: Choice,
}

impl Stage for Significance {
    fn kind(&self) -> &'static str {
        "significance"
    }

    fn summary(&self) -> &'static str {
        "Wilcoxon signed-rank test of a method against its best competitor, over paired cases"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::many("scores", "scores")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("significance", "significance")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        contract::canonical::<SignificanceParameters>(with)
    }

    fn schema(&self) -> Value {
        contract::schema::<SignificanceParameters>()
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let SignificanceParameters { reference, compare, test } = context.parameters()?;
        let inputs = context.all_inputs("scores");
        let layout = compare.layout(inputs, &Methods::new(), "")?;
        let scores = read_scores(inputs)?;
        let paired = |x: &[f64], y: &[f64]| outcome(x, y, test);
        let tests = significance::against_best(&scores, &layout, &reference, paired).map_err(StageError::failed)?;
        significance::write(context.output("significance")?, &tests).map_err(StageError::failed)
    }
}

fn outcome(x: &[f64], y: &[f64], choice: Choice) -> Result<TestOutcome, StatError> {
    let test = wilcoxon(x, y, choice)?;
    let method = match test.method {
        Calculation::Exact => "Wilcoxon signed-rank, exact",
        Calculation::ExactWithTies => "Wilcoxon signed-rank, exact given the ties",
        Calculation::Normal => "Wilcoxon signed-rank, normal approximation",
        Calculation::NormalUncorrected => "Wilcoxon signed-rank, normal approximation, uncorrected",
        Calculation::NoDifference => "Wilcoxon signed-rank, no pair differs",
    };
    Ok(TestOutcome { p: test.p, method: method.to_owned() })
}
