use super::slices::{self, Prepared};
use super::study::{named, paired};
use crate::contract::{self, NamedInput, ParameterError, Port, Stage, StageContext, StageError};
use crate::report::figure;
use crate::report::figure::scribbles::{Column, Overlay, Scribbles, View};
use crate::science::data::{Labels, Volume};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// An image of each data set with its scribbles (Fig. 4), SVG and PNG.
pub struct PlotScribbles;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlotScribblesParameters {
    /// Of the files: `NAME.svg`, `NAME.png`.
    pub name: String,
    pub title: String,
    /// What stands over a data set's column; one without an entry is called by its name.
    #[serde(default)]
    pub headings: BTreeMap<String, Heading>,
    /// Of so many cases of a data set, the slice with the most classes is shown. Default 8.
    #[serde(default = "eight")]
    pub among: usize,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Heading {
    pub title: String,
    /// E.g. where the scribbles come from.
    #[serde(default)]
    pub subtitle: String,
}

fn eight() -> usize {
    8
}

impl Stage for PlotScribbles {
    fn kind(&self) -> &'static str {
        "plot_scribbles"
    }

    fn summary(&self) -> &'static str {
        "figure of an image of each data set with its scribbles, SVG and PNG"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::many("slices", "slices"), Port::many("scribbles", "scribbles")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("figures", "figures")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        contract::canonical::<PlotScribblesParameters>(with)
    }

    fn schema(&self) -> Value {
        contract::schema::<PlotScribblesParameters>()
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let PlotScribblesParameters { name, title, headings, among } = context.parameters()?;
        let mut columns = Vec::new();
        for (slices, scribbles) in paired(context.all_inputs("slices"), context.all_inputs("scribbles"))? {
            let dataset = named(scribbles, "dataset").unwrap_or_default();
            let heading = headings.get(&dataset).cloned();
            let heading = heading.unwrap_or_else(|| Heading { title: dataset, subtitle: String::new() });
            columns.push(column(heading, &Prepared::open(&slices.path)?, scribbles, among)?);
        }
        let figure = Scribbles { title, rows: ["Image", "Scribbles"].map(str::to_owned).to_vec(), columns };
        let figure = figure.checked().map_err(StageError::failed)?;
        figure::save(&figure, context.output("figures")?, &name, super::MADE_BY).map_err(StageError::failed)
    }
}

fn column(heading: Heading, prepared: &Prepared, scribbles: &NamedInput, among: usize) -> Result<Column, StageError> {
    let mut best: Option<(Merit, Volume, Labels)> = None;
    for case in prepared.cases().into_iter().take(among.max(1)) {
        for volume in prepared.volumes(&[case])? {
            let scribble = slices::read_scribble(&scribbles.path, &volume)?;
            let merits = (0..volume.image.slices).map(|slice| Merit::of(&volume, &scribble, slice));
            // The first of equals.
            let merit = merits.reduce(|a, b| if b.rank() > a.rank() { b } else { a });
            if let Some(merit) = merit
                && best.as_ref().is_none_or(|(known, _, _)| merit.rank() > known.rank())
            {
                best = Some((merit, volume, scribble));
            }
        }
    }
    let (merit, volume, scribble) = best.ok_or_else(|| StageError::Failed("the slices hold no image".to_owned()))?;
    let view = |overlay: Overlay| View {
        width: volume.image.width,
        height: volume.image.height,
        channels: volume.image.channels,
        image: volume.image.slice(merit.slice).to_vec(),
        overlay,
    };
    let scribble = Overlay::Scribble(scribble.slice(merit.slice).to_vec());
    let Heading { title, subtitle } = heading;
    Ok(Column {
        title,
        subtitle,
        classes: prepared.classes.clone(),
        views: vec![view(Overlay::Nothing), view(scribble)],
    })
}

/// How much a slice shows.
struct Merit {
    slice: usize,
    /// Classes in its scribble.
    classes: usize,
    /// Pixels of its smallest organ.
    smallest: usize,
}

impl Merit {
    fn of(volume: &Volume, scribble: &Labels, slice: usize) -> Merit {
        let mut seen = [false; 255];
        let labels = scribble.slice(slice).iter().map(|&label| usize::from(label));
        labels.for_each(|label| seen.get_mut(label).into_iter().for_each(|seen| *seen = true));
        let mut pixels = [0; 255];
        let labels = volume.mask.slice(slice).iter().map(|&label| usize::from(label));
        labels.for_each(|label| pixels.get_mut(label).into_iter().for_each(|count| *count += 1));
        let smallest = pixels[1..].iter().copied().filter(|&count| count > 0).min().unwrap_or(0);
        Merit { slice, classes: seen.iter().filter(|seen| **seen).count(), smallest }
    }

    fn rank(&self) -> (usize, usize) {
        (self.classes, self.smallest)
    }
}
