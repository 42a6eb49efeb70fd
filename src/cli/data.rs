use super::common::{print, print_json, project_root};
use super::text::{columns, plural};
use crate::spec;
use crate::stage::{Inspect as Inspected, Inspection, layouts};
use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Report, miette};
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Look at data sets
#[derive(Debug, Args)]
pub struct Data {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Inspect(Inspect),
}

/// Say what there is in a folder of data: cases, sizes, classes, scribbles, and every fault
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with 2 if there are faults.

Examples:
  runner data inspect FOLDER                                     told by its layout
  runner data inspect FOLDER --as acdc --scribbles acdc_scribbles.zip --sheet sheet.png
  runner data inspect FOLDER --as mine                           as experiments/datasets/mine.yaml says")]
struct Inspect {
    /// The data set's folder
    path: PathBuf,
    /// acdc, lvsc, chaos_t1, chaos_t2, ppss, or the name of a file in experiments/datasets/ [default: told by the layout]
    #[arg(long = "as", value_name = "DATASET")]
    layout: Option<String>,
    /// Expert scribbles that lie apart from the data set (ACDC): a folder or the released zip
    #[arg(long, value_name = "PATH")]
    scribbles: Option<PathBuf>,
    /// Only the first so many cases
    #[arg(long, value_name = "N")]
    cases: Option<NonZeroUsize>,
    /// Draw a contact sheet of slices with their masks and scribbles
    #[arg(long, value_name = "FILE.png")]
    sheet: Option<PathBuf>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

impl Data {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let What::Inspect(inspect) = self.what;
        inspect.exec()
    }
}

impl Inspect {
    fn exec(self) -> Result<ExitCode, Report> {
        let source = self.source()?;
        let inspect = Inspected {
            root: self.path,
            layout: self.layout,
            source,
            scribbles: self.scribbles,
            most: self.cases.map(NonZeroUsize::get),
        };
        let (inspection, png) = inspect.run(self.sheet.is_some()).map_err(|error| miette!("{error}"))?;
        if self.json {
            print_json(&inspection)?;
        } else {
            print(&text(&inspection))?;
        }
        if let Some(path) = &self.sheet {
            let png = png.ok_or_else(|| miette!("no volume can be read, so that there is no contact sheet"))?;
            std::fs::write(path, png).map_err(|e| miette!("cannot write {}: {e}", path.display()))?;
        }
        Ok(if inspection.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }

    /// The `source` of `experiments/datasets/NAME.yaml`, where NAME is no kind of data set.
    fn source(&self) -> Result<Option<serde_json::Value>, Report> {
        let Some(name) = self.layout.as_ref().filter(|name| !layouts().contains(name)) else { return Ok(None) };
        let folder = project_root(Path::new(".")).join("experiments/datasets");
        let path = folder.join(format!("{name}.yaml"));
        if !name.chars().all(|c| c.is_alphanumeric() || "_-".contains(c)) || !path.is_file() {
            return Err(unknown(name, &folder));
        }
        let text = std::fs::read_to_string(&path).into_diagnostic()?;
        let entry: serde_json::Value = serde_saphyr::from_str(&text).map_err(|e| miette!("{}: {e}", path.display()))?;
        match entry.get("source") {
            Some(source) if source["kind"] != "phantom" => Ok(Some(source.clone())),
            Some(_) => Err(miette!("{} makes phantoms: there is no folder to look at", path.display())),
            None => Err(miette!("{} has no `source`", path.display())),
        }
    }
}

fn unknown(name: &str, folder: &Path) -> Report {
    let mut known = layouts();
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let stem = |entry: std::fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned);
    known.extend(files.filter_map(stem));
    known.sort();
    known.dedup();
    let message = format!("there is no data set `{name}`; there is {}", spec::listed(&known));
    match spec::did_you_mean(name, &known) {
        Some(meant) => miette!(help = meant, "{message}"),
        None => miette!("{message}"),
    }
}

/// For people.
fn text(inspection: &Inspection) -> String {
    let Inspection { root, kind, cases, volumes, slices, .. } = inspection;
    let counts =
        [(*cases, "case"), (*volumes, "volume"), (*slices, "slice")].map(|(n, word)| plural(n, word)).join(", ");
    let mut text = format!("{} as {kind}: {counts}\n", root.display());
    if cases < &inspection.listed_cases {
        let _ = writeln!(text, "(the first of {} cases)", inspection.listed_cases);
    }
    if !inspection.also.is_empty() {
        let _ = writeln!(text, "{} has the same layout: --as", inspection.also.join(" and "));
    }
    text.push('\n');
    text.push_str(&columns(&facts(inspection)));
    if inspection.volumes > 0 {
        text.push('\n');
        text.push_str(&columns(&classes(inspection)));
    }
    text.push('\n');
    match inspection.faults.as_slice() {
        [] => text.push_str("no faults\n"),
        faults => {
            let _ = writeln!(text, "{}", plural(faults.len(), "fault"));
            faults.iter().for_each(|fault| {
                let _ = writeln!(text, "  {}", fault.fault);
            });
        }
    }
    text
}

/// Sizes shown before "and others".
const SIZES: usize = 4;

fn facts(inspection: &Inspection) -> Vec<Vec<String>> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push(vec![name.to_owned(), value]);
    let size =
        |size: &crate::stage::Size| format!("{} x {} ({})", size.rows, size.columns, plural(size.volumes, "volume"));
    let mut sizes: Vec<String> = inspection.sizes.iter().take(SIZES).map(size).collect();
    if let Some(others) = inspection.sizes.len().checked_sub(SIZES).filter(|&others| others > 0) {
        sizes.push(format!("and {}", plural(others, "other size")));
    }
    if !sizes.is_empty() {
        fact("rows x columns", sizes.join(", "));
    }
    if let Some([least, median, greatest]) = inspection.spacing_mm {
        let value = match greatest - least < 5e-4 {
            true => format!("{least:.3}"),
            false => format!("{least:.3} to {greatest:.3}, median {median:.3}"),
        };
        fact("mm a pixel", value);
    }
    if let Some([least, greatest]) = inspection.intensities {
        let channels: Vec<String> = inspection.channels.iter().map(ToString::to_string).collect();
        fact("channels", channels.join(" and "));
        fact("values", format!("{least} to {greatest}"));
    }
    if !inspection.groups.is_empty() {
        fact("groups", format!("{}: {}", inspection.groups.len(), spec::listed(&inspection.groups)));
    }
    let volumes = plural(inspection.volumes, "volume");
    let agree = inspection
        .scribbles_agree
        .map_or(String::new(), |share| format!("; {share:.2} % of their pixels have the mask's class"));
    if inspection.volumes > 0 {
        fact("scribbles", format!("in {} of {volumes}{agree}", inspection.scribbled_volumes));
    } else {
        fact("volumes", "none that can be read".to_owned());
    }
    facts
}

fn classes(inspection: &Inspection) -> Vec<Vec<String>> {
    let scribbled = inspection.scribbled_volumes > 0;
    let mut header = vec!["class".to_owned(), "masks, %".to_owned(), "in slices".to_owned()];
    header.extend(scribbled.then(|| "scribbles, %".to_owned()));
    let rows = inspection.classes.iter().chain([&inspection.unlabelled]).map(|class| {
        let mut row = vec![class.name.clone(), format!("{:8.3}", class.mask_percent), format!("{:9}", class.slices)];
        row.extend(class.scribble_percent.map(|share| format!("{share:12.3}")));
        row
    });
    std::iter::once(header).chain(rows).collect()
}
