use super::slices::{self, Prepared};
use super::study::{named, paired};
use crate::contract::{self, NamedInput, ParameterError, Port, Stage, StageContext, StageError};
use crate::report::coverage::{self as report, Line, Share};
use crate::science::data::UNLABELLED;
use crate::science::scribble::coverage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Share of the image that scribbles cover, by data set and class, beside what the paper states (section IV-A), as
/// Markdown, LaTeX and CSV.
pub struct Coverage;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageParameters {
    /// Of the files: `NAME.md`, `NAME.tex`, `NAME.csv`.
    pub name: String,
    pub caption: String,
    /// What the paper states, by data set: experiments/published_coverage.yaml.
    pub published: BTreeMap<String, PublishedCoverage>,
    /// The data set, where the matrix of the inputs has no axis `dataset`.
    #[serde(default)]
    pub dataset: Option<String>,
    /// Other axes of the matrix, each of which gets a column, e.g. `moves`.
    #[serde(default)]
    pub vary: Vec<String>,
}

/// An entry of `experiments/published_coverage.yaml`.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedCoverage {
    /// As the paper calls the data set.
    pub title: String,
    /// Where it states the values.
    #[serde(default)]
    pub source: String,
    /// Phantoms that stand in for the data set, and how to call them.
    #[serde(default)]
    pub stand_ins: BTreeMap<String, String>,
    /// Mean and standard deviation by class, in percent of the image.
    #[serde(default)]
    pub classes: BTreeMap<String, [f64; 2]>,
}

impl Stage for Coverage {
    fn kind(&self) -> &'static str {
        "coverage"
    }

    fn summary(&self) -> &'static str {
        "table of the share of the image that scribbles cover, beside the published one"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::many("slices", "slices"), Port::many("scribbles", "scribbles")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("tables", "tables")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        contract::canonical::<CoverageParameters>(with)
    }

    fn schema(&self) -> Value {
        contract::schema::<CoverageParameters>()
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let parameters: CoverageParameters = context.parameters()?;
        let mut lines = Vec::new();
        for (slices, scribbles) in paired(context.all_inputs("slices"), context.all_inputs("scribbles"))? {
            lines.extend(parameters.lines(&Prepared::open(&slices.path)?, scribbles)?);
        }
        let CoverageParameters { name, caption, vary, .. } = &parameters;
        let table = report::table(caption, vary, &lines);
        let folder = context.output("tables")?;
        slices::write_file(&folder.join(format!("{name}.md")), table.markdown().as_bytes())?;
        slices::write_file(&folder.join(format!("{name}.tex")), table.latex(name).as_bytes())?;
        slices::write_file(&folder.join(format!("{name}.csv")), report::csv(vary, &lines).as_bytes())
    }
}

impl CoverageParameters {
    /// A line a class.
    fn lines(&self, prepared: &Prepared, scribbles: &NamedInput) -> Result<Vec<Line>, StageError> {
        let dataset = named(scribbles, "dataset").or(self.dataset.clone()).unwrap_or_default();
        let entry =
            self.published.iter().find(|(key, entry)| **key == dataset || entry.stand_ins.contains_key(&dataset));
        let entry = entry.map(|(_, entry)| entry);
        let variants = self.vary.iter().map(|axis| named(scribbles, axis).unwrap_or_default()).collect::<Vec<_>>();
        let images = Images::measured(prepared, scribbles)?;
        let line = |(class, name): (usize, &String)| Line {
            title: entry.map_or(dataset.clone(), |entry| entry.title.clone()),
            stand_in: entry.and_then(|entry| entry.stand_ins.get(&dataset)).cloned().unwrap_or_default(),
            variants: variants.clone(),
            class: name.clone(),
            published: entry.and_then(|entry| Some((*entry.classes.get(name)?, entry.source.clone()))),
            all: Share::of(&images.shares[class]),
            shown: Share::of(&images.shares_where_shown[class]),
        };
        Ok(prepared.classes.iter().enumerate().map(line).collect())
    }
}

/// Shares of every image, by class.
struct Images {
    shares: Vec<Vec<f64>>,
    shares_where_shown: Vec<Vec<f64>>,
}

impl Images {
    /// Every slice, once for each annotator. One that nobody annotated (neither mask nor scribble) is no image here.
    fn measured(prepared: &Prepared, scribbles: &NamedInput) -> Result<Images, StageError> {
        let classes = prepared.classes.len();
        let mut images = Images { shares: vec![Vec::new(); classes], shares_where_shown: vec![Vec::new(); classes] };
        for case in prepared.cases() {
            for volume in prepared.volumes(&[case])? {
                for scribble in slices::read_scribbles(&scribbles.path, &volume)? {
                    for slice in 0..scribble.slices {
                        let (mask, drawn) = (volume.mask.slice(slice), scribble.only(slice));
                        if mask.iter().chain(&drawn.data).any(|&label| label != UNLABELLED) {
                            images.add(&coverage(&drawn, classes), mask);
                        }
                    }
                }
            }
        }
        Ok(images)
    }

    fn add(&mut self, shares: &[f64], mask: &[u8]) {
        for (class, share) in shares.iter().enumerate() {
            self.shares[class].push(*share);
            if mask.iter().any(|&label| usize::from(label) == class) {
                self.shares_where_shown[class].push(*share);
            }
        }
    }
}
