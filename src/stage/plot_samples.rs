use super::slices::{self, PredictedVolume, Prepared};
use super::study::{Methods, values_of};
use crate::contract::{self, NamedInput, ParameterError, Port, Stage, StageContext, StageError};
use crate::report::figure;
use crate::report::figure::samples::{Cell, Row, Samples, Tile};
use crate::science::data::{Labels, Volume};
use crate::science::metric::{EmptyDice, multi_class_dice};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Test slices beside their scribble, their truth and what each method makes of them (Fig. 5), and the
/// attention maps of the methods that have
/// several levels of them, at the last label fraction.
pub struct PlotSamples;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlotSamplesParameters {
    /// Of the files: `NAME_COLUMN.png` and `attention_METHOD_COLUMN.png`.
    pub name: String,
    pub methods: Methods,
    /// Test cases shown, one slice each.
    #[serde(default = "four")]
    pub cases: usize,
}

fn four() -> usize {
    4
}

/// Where in a volume the slice of the first, second, ... row lies: not only the easy middle.
const DEPTHS: [f64; 4] = [0.5, 0.25, 0.75, 0.4];

impl Stage for PlotSamples {
    fn kind(&self) -> &'static str {
        "plot_samples"
    }

    fn summary(&self) -> &'static str {
        "figures of test slices with scribble, truth, each method's prediction, and attention maps"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Port] {
        const {
            &[
                Port::one("slices", "slices"),
                Port::one("scribbles", "scribbles"),
                Port::one("split", "split"),
                Port::many("predictions", "predictions"),
            ]
        }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("figures", "figures")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        contract::canonical::<PlotSamplesParameters>(with)
    }

    fn schema(&self) -> Value {
        contract::schema::<PlotSamplesParameters>()
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let PlotSamplesParameters { name, methods, cases } = context.parameters()?;
        let prepared = Prepared::open(context.input("slices")?)?;
        let split = slices::read_split(context.input("split")?)?;
        let views = views(&prepared, &split.test[..cases.min(split.test.len())], context.input("scribbles")?)?;
        let inputs = context.all_inputs("predictions");
        let folder = context.output("figures")?;
        let fractions = values_of(inputs, "label_fraction")?;
        for fraction in fractions.clone() {
            let of_fraction = inputs.iter().filter(|input| input.coordinates["label_fraction"] == fraction);
            let shown: Vec<Shown> =
                of_fraction.map(|input| Shown::read(input, &methods, &views)).collect::<Result<_, _>>()?;
            let title = format!("Test slices, trained with {fraction} % of the labels");
            let figure = predictions(&title, &prepared, &views, &shown)?;
            save(figure, folder, &format!("{name}_{fraction}"))?;
            let last = fractions.last() == Some(&fraction);
            for method in shown.iter().filter(|method| last && method.levels() > 1) {
                let title = format!("Attention maps of {}, trained with {fraction} % of the labels", method.label);
                save(
                    attention(&title, &prepared, &views, method)?,
                    folder,
                    &format!("attention_{}_{fraction}", method.key),
                )?;
            }
        }
        Ok(())
    }
}

fn save(figure: Samples, folder: &std::path::Path, stem: &str) -> Result<(), StageError> {
    let figure = figure.checked().map_err(StageError::failed)?;
    // A raster in any case, so PNG alone: an SVG would hold the same pixels at several times the size.
    let png = figure::png_bytes(&figure, super::MADE_BY).map_err(StageError::failed)?;
    slices::write_file(&folder.join(format!("{stem}.png")), &png)
}

/// One slice of a test case.
struct View {
    volume: Volume,
    scribble: Labels,
    slice: usize,
}

fn views(prepared: &Prepared, cases: &[String], scribbles: &std::path::Path) -> Result<Vec<View>, StageError> {
    let mut views = Vec::new();
    for (row, case) in cases.iter().enumerate() {
        let mut volumes = prepared.volumes(std::slice::from_ref(case))?;
        let volume = volumes.swap_remove(row % volumes.len());
        let scribble = slices::read_scribble(scribbles, &volume)?;
        let last = volume.image.slices.saturating_sub(1);
        let slice = (DEPTHS[row % DEPTHS.len()] * last as f64).round() as usize;
        views.push(View { volume, scribble, slice });
    }
    Ok(views)
}

/// A method's predictions for the views.
struct Shown {
    key: String,
    label: String,
    predictions: Vec<PredictedVolume>,
}

impl Shown {
    fn read(input: &NamedInput, methods: &Methods, views: &[View]) -> Result<Self, StageError> {
        let key = input.coordinates.get("method").cloned().unwrap_or_default();
        let label = methods.get(&key).map_or(key.clone(), |entry| entry.label.clone());
        let predictions = views.iter().map(|view| slices::read_prediction(&input.path, &view.volume));
        Ok(Shown { key, label, predictions: predictions.collect::<Result<_, _>>()? })
    }

    fn levels(&self) -> usize {
        self.predictions.first().map_or(0, |prediction| prediction.attention.len())
    }
}

fn cell(tile: Tile) -> Cell {
    Cell { tile, note: String::new() }
}

/// The image and what a row shows of it.
fn row(view: &View, cells: Vec<Cell>) -> Row {
    let View { volume, slice, .. } = view;
    let (height, width) = (volume.image.height, volume.image.width);
    let shown = if volume.image.channels < 3 { 1 } else { 3 };
    let image = volume.image.slice(*slice)[..shown * height * width].to_vec();
    Row {
        title: volume.case.clone(),
        subtitle: format!("{}, slice {}", volume.name, slice + 1),
        width,
        height,
        image,
        cells,
    }
}

fn predictions(title: &str, prepared: &Prepared, views: &[View], shown: &[Shown]) -> Result<Samples, StageError> {
    let mut columns = ["Image", "Scribble", "Truth"].map(str::to_owned).to_vec();
    columns.extend(shown.iter().map(|method| method.label.clone()));
    let mut rows = Vec::new();
    for (index, view) in views.iter().enumerate() {
        let truth = view.volume.mask.slice(view.slice);
        let mut cells = vec![
            cell(Tile::Image),
            cell(Tile::Scribble(view.scribble.slice(view.slice).to_vec())),
            cell(Tile::Labels(truth.to_vec())),
        ];
        for method in shown {
            let labels = method.predictions[index].labels.slice(view.slice);
            let dice = multi_class_dice(labels, truth, prepared.classes.len(), EmptyDice::One);
            let note =
                dice.map_err(StageError::failed)?.map_or(String::new(), |dice| format!("Dice {:.0} %", 100.0 * dice));
            cells.push(Cell { tile: Tile::Labels(labels.to_vec()), note });
        }
        rows.push(row(view, cells));
    }
    Ok(Samples { title: title.to_owned(), columns, classes: prepared.classes.clone(), rows })
}

fn attention(title: &str, prepared: &Prepared, views: &[View], method: &Shown) -> Result<Samples, StageError> {
    let mut columns = ["Image", "Truth"].map(str::to_owned).to_vec();
    columns.extend((1..=method.levels()).map(|level| format!("d = {level}")));
    let rows = views.iter().zip(&method.predictions).map(|(view, prediction)| {
        let truth = view.volume.mask.slice(view.slice).to_vec();
        let maps = prediction.attention.iter().map(|(h, w, map)| {
            let map = &map[view.slice * h * w..(view.slice + 1) * h * w];
            cell(Tile::Heat(enlarge(map, (*h, *w), (prepared.height, prepared.width))))
        });
        row(view, [cell(Tile::Image), cell(Tile::Labels(truth))].into_iter().chain(maps).collect())
    });
    Ok(Samples { title: title.to_owned(), columns, classes: prepared.classes.clone(), rows: rows.collect() })
}

/// Nearest-neighbour enlargement of a map of a lower level to the image's size.
fn enlarge(map: &[f32], (h, w): (usize, usize), (height, width): (usize, usize)) -> Vec<f32> {
    (0..height * width).map(|i| map[(i / width) * h / height * w + (i % width) * w / width]).collect()
}
