use super::slices::{self, Prepared};
use crate::contract::{self, Cpus, ParameterError, Port, Stage, StageContext, StageError};
use crate::science::data::{Labels, Volume};
use crate::science::scribble::{Scribbler, coverage, skeleton_scribble};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Gives every volume its scribble: the expert's, or one made from its mask (section IV-A).
pub struct Scribble;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScribbleParameters {
    pub scribbles: Scribbler,
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
        contract::canonical::<ScribbleParameters>(with)
    }

    fn schema(&self) -> Value {
        contract::schema::<ScribbleParameters>()
    }

    fn cpus(&self, _: &Value) -> Cpus {
        Cpus::All
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let ScribbleParameters { scribbles } = context.parameters()?;
        let prepared = Prepared::open(context.input("slices")?)?;
        let folder = context.output("scribbles")?;
        let rows = prepared.cases().into_par_iter().map(|case| {
            let mut rows = Vec::new();
            for volume in prepared.volumes(&[case])? {
                let scribble = draw(&scribbles, &volume)?;
                slices::write_scribble(folder, &volume, &scribble)?;
                let shares = coverage(&scribble, prepared.classes.len());
                let shares: Vec<String> = shares.iter().map(|share| format!("{:.4}", 100.0 * share)).collect();
                rows.push(format!("{},{},{}\n", volume.case, volume.name, shares.join(",")));
            }
            Ok(rows.concat())
        });
        let rows = rows.collect::<Result<Vec<String>, StageError>>()?;
        let names: Vec<String> = prepared.classes.iter().map(|name| format!("{name} (%)")).collect();
        let table = format!("case,volume,{}\n{}", names.join(","), rows.concat());
        slices::write_file(&folder.join("coverage.csv"), table.as_bytes())
    }
}

fn draw(scribbles: &Scribbler, volume: &Volume) -> Result<Labels, StageError> {
    match scribbles {
        Scribbler::Skeleton(parameters) => Ok(skeleton_scribble(&volume.mask, parameters)),
        Scribbler::Expert => volume.scribble.clone().ok_or_else(|| {
            let Volume { case, name, .. } = volume;
            StageError::Failed(format!(
                "{case} {name} has no expert scribble; set scribbles to skeleton in its data set file"
            ))
        }),
    }
}
