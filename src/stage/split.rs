use super::slices::{self, Prepared};
use crate::contract::{self, ParameterError, Port, Stage, StageContext, StageError};
use crate::science::data::{SplitParameters, split};
use serde_json::Value;

/// Divides the cases into test, validation, segmentor and discriminator cases (section IV-A).
pub struct Split;

impl Stage for Split {
    fn kind(&self) -> &'static str {
        "split"
    }

    fn summary(&self) -> &'static str {
        "divide the cases into test, validation, segmentor and discriminator cases"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::one("slices", "slices")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("split", "split")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        let canonical = contract::canonical::<SplitParameters>(with)?;
        let (fold, folds) = (&canonical["fold"], &canonical["folds"]);
        if fold.as_u64() >= folds.as_u64() {
            let message = format!("fold {fold} does not exist: there are {folds} folds, counted from 0");
            return Err(ParameterError::new("fold", message));
        }
        Ok(canonical)
    }

    fn schema(&self) -> Value {
        contract::schema::<SplitParameters>()
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let parameters: SplitParameters = context.parameters()?;
        let cases = Prepared::open(context.input("slices")?)?.cases();
        let parts = split(&cases, &parameters, context.seed).map_err(StageError::failed)?;
        slices::write_split(context.output("split")?, &parts)
    }
}
