use super::study::{Comparison, Methods, read_scores};
use crate::contract::{self, ParameterError, Port, Stage, StageContext, StageError};
use crate::report::pairs::{Pairs, Repeats, Unit};
use crate::report::significance::{self, Against, Design, TestOutcome};
use crate::science::stat::{Calculation, Choice, Interval, StatError, Zeros, bonferroni, holm, wilcoxon_with};
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
    // What follows is not in the canonical value when it is the default: older keys stay.
    /// What becomes of pairs that do not differ.
    #[serde(default, skip_serializing_if = "is_default")]
    pub zeros: Zeros,
    /// What a pair is; finer ones than cases need `rows` at `evaluate`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unit: Unit,
    #[serde(default, skip_serializing_if = "is_default")]
    pub repeats: Repeats,
    #[serde(default, skip_serializing_if = "is_default")]
    pub against: Against,
    /// Rows that are no competitors.
    #[serde(default, skip_serializing_if = "is_default")]
    pub upper_bounds: Vec<String>,
    /// Correction of p for several tests: a column `p_adjusted`, which the asterisks then follow.
    #[serde(default, skip_serializing_if = "is_default")]
    pub adjust: Adjust,
    /// Adds a column `rank_biserial`: the matched-pairs rank-biserial correlation (Kerby 2014), from -1 to 1.
    #[serde(default, skip_serializing_if = "is_default")]
    pub effect: bool,
    /// Adds columns `low` and `high`: a bootstrap confidence interval of the mean difference, in the unit of the scores.
    #[serde(default, skip_serializing_if = "is_default")]
    pub interval: Option<Interval>,
}

/// What p is corrected by, and for which tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adjust {
    /// The paper's: one comparison a column.
    #[default]
    None,
    /// Holm's step-down, over the tests of a column (with `against: all`).
    HolmByColumn,
    /// Holm's, over all tests.
    Holm,
    /// Every p times their number.
    Bonferroni,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
        let parameters: SignificanceParameters = context.parameters()?;
        let SignificanceParameters { reference, compare, unit, repeats, against, .. } = &parameters;
        let inputs = context.all_inputs("scores");
        let mut layout = compare.layout(inputs, &Methods::new(), "")?;
        layout.rows.retain(|row| !parameters.upper_bounds.contains(&row.key));
        let scores = read_scores(inputs)?;
        let paired = |x: &[f64], y: &[f64]| outcome(x, y, &parameters);
        let design = Design { pairs: Pairs { unit: *unit, repeats: *repeats }, against: *against };
        let tests = significance::compare(&scores, &layout, reference, design, paired);
        let mut tests = tests.map_err(StageError::failed)?;
        match parameters.adjust {
            Adjust::None => Ok(()),
            Adjust::HolmByColumn => significance::adjust(&mut tests, true, holm),
            Adjust::Holm => significance::adjust(&mut tests, false, holm),
            Adjust::Bonferroni => significance::adjust(&mut tests, false, bonferroni),
        }
        .map_err(StageError::failed)?;
        significance::write(context.output("significance")?, &tests).map_err(StageError::failed)
    }
}

fn outcome(x: &[f64], y: &[f64], parameters: &SignificanceParameters) -> Result<TestOutcome, StatError> {
    let test = wilcoxon_with(x, y, parameters.test, parameters.zeros)?;
    let differences: Vec<f64> = x.iter().zip(y).map(|(x, y)| x - y).collect();
    let interval = parameters.interval.map(|interval| interval.of_mean(&differences)).transpose()?;
    let method = match test.method {
        Calculation::Exact => "Wilcoxon signed-rank, exact",
        Calculation::ExactWithTies => "Wilcoxon signed-rank, exact given the ties",
        Calculation::Normal => "Wilcoxon signed-rank, normal approximation",
        Calculation::NormalUncorrected => "Wilcoxon signed-rank, normal approximation, uncorrected",
        Calculation::NoDifference => "Wilcoxon signed-rank, no pair differs",
    };
    let effect = parameters.effect.then(|| test.rank_biserial());
    Ok(TestOutcome { p: test.p, method: method.to_owned(), effect, interval })
}
