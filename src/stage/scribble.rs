use super::slices::{self, Prepared};
use crate::contract::{self, Cpus, ParameterError, Port, Stage, StageContext, StageError};
use crate::science::data::{Labels, Volume};
use crate::science::scribble::{Scribbler, coverage, enlarged};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Gives every volume its scribble: the expert's, or one made from its mask (section IV-A); or several, as if by
/// several annotators (section V-E).
pub struct Scribble;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScribbleParameters {
    pub scribbles: Scribbler,
    /// How many draw by `scribbles`, each from a seed stream of its own. Default 1. Only random walks differ.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub annotators: u32,
    /// Further annotators, one each. Section V-E has an expert, a skeleton and a random walk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Scribbler>,
    /// Enlarges all scribbles by so many pixels, within their masks (footnote 6). Default 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub enlarge_px: u32,
}

// Left out where they are the default: so are the keys of pipelines that name neither.

fn one() -> u32 {
    1
}

fn is_one(count: &u32) -> bool {
    *count == 1
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// More would be a slip of the keyboard.
const MOST_ANNOTATORS: u32 = 100;

impl ScribbleParameters {
    fn check(&self) -> Result<(), ParameterError> {
        if !(1..=MOST_ANNOTATORS).contains(&self.annotators) {
            return Err(ParameterError::new("annotators", format!("must be from 1 to {MOST_ANNOTATORS}")));
        }
        if self.annotators > 1 && !self.scribbles.is_random() {
            let message =
                "an expert's scribble and a skeleton are the same each time: take random_walk, or name `others`";
            return Err(ParameterError::new("annotators", message));
        }
        let scribblers = std::iter::once(("scribbles".to_owned(), &self.scribbles));
        let others = self.others.iter().enumerate().map(|(i, other)| (format!("others.{i}"), other));
        for (path, scribbler) in scribblers.chain(others) {
            scribbler.check().map_err(|message| ParameterError::new(path, message))?;
        }
        Ok(())
    }

    /// By every annotator.
    fn draw(&self, volume: &Volume, seed: u64) -> Result<Vec<Labels>, StageError> {
        let repeated = (0..self.annotators).map(|annotator| (&self.scribbles, annotator));
        let others = self.others.iter().zip(self.annotators..);
        let drawn = repeated.chain(others).map(|(scribbler, annotator)| {
            let scribble = scribbler.draw(volume, seed, annotator).ok_or_else(|| no_expert(volume))?;
            Ok(if self.enlarge_px > 0 { enlarged(&scribble, &volume.mask, self.enlarge_px) } else { scribble })
        });
        drawn.collect()
    }
}

fn no_expert(Volume { case, name, .. }: &Volume) -> StageError {
    StageError::Failed(format!("{case} {name} has no expert scribble; set scribbles to skeleton in its data set file"))
}

impl Stage for Scribble {
    fn kind(&self) -> &'static str {
        "scribble"
    }

    fn summary(&self) -> &'static str {
        "take the experts' scribbles, or make them from the masks"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::one("slices", "slices")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("scribbles", "scribbles")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        let canonical = contract::canonical::<ScribbleParameters>(with)?;
        let parsed: ScribbleParameters = serde_path_to_error::deserialize(&canonical).map_err(ParameterError::from)?;
        parsed.check()?;
        Ok(canonical)
    }

    fn schema(&self) -> Value {
        contract::schema::<ScribbleParameters>()
    }

    fn cpus(&self, _: &Value) -> Cpus {
        Cpus::All
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let parameters: ScribbleParameters = context.parameters()?;
        let prepared = Prepared::open(context.input("slices")?)?;
        let folder = context.output("scribbles")?;
        let rows = prepared.cases().into_par_iter().map(|case| {
            let mut rows = Vec::new();
            for volume in prepared.volumes(&[case])? {
                let scribbles = parameters.draw(&volume, context.seed)?;
                slices::write_scribbles(folder, &volume, &scribbles)?;
                rows.extend(scribbles.iter().enumerate().map(|(i, scribble)| row(&volume, i, scribble, &prepared)));
            }
            Ok(rows.concat())
        });
        let rows = rows.collect::<Result<Vec<String>, StageError>>()?;
        let names: Vec<String> = prepared.classes.iter().map(|name| format!("{name} (%)")).collect();
        let table = format!("case,volume,{}\n{}", names.join(","), rows.concat());
        slices::write_file(&folder.join("coverage.csv"), table.as_bytes())
    }
}

/// A line of `coverage.csv`; further annotators' lines follow the first's, with `#2`, .. after the volume.
fn row(volume: &Volume, annotator: usize, scribble: &Labels, prepared: &Prepared) -> String {
    let shares = coverage(scribble, prepared.classes.len());
    let shares: Vec<String> = shares.iter().map(|share| format!("{:.4}", 100.0 * share)).collect();
    let further = if annotator == 0 { String::new() } else { format!("#{}", annotator + 1) };
    format!("{},{}{further},{}\n", volume.case, volume.name, shares.join(","))
}
