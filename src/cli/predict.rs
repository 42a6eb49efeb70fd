use super::artifact::{Artifact, Name, by_digest, by_stage};
use super::common::{StoreArgs, print, print_json, unknown_stage};
use crate::engine::history::find;
use crate::spec::listed;
use crate::stage::{Amount, Outcome, Predict as Asked, PredictError, Written};
use clap::Args;
use miette::{IntoDiagnostic, Report, miette};
use serde_json::json;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Segment new images by the weights of a training
#[derive(Debug, Args)]
#[command(after_help = "\
Masks have the geometry of their images: NIfTI the same header, DICOM the same positions and study, in a series of its own,
pictures the same size, as PNG with a palette. Images go to the network as they lie in their files, resampled, cropped and
normalised as in the training; intensities are normalised over each image by itself, so give slices of one volume together.
Ends with 1 if an image could not be segmented; the others are.

Examples:
  runner predict --weights 'train[label_fraction=25,method=ours]' scan.nii.gz           writes scan_mask.nii.gz beside it
  runner predict --weights 'train[method=ours]' --run last~1 scan.nii.gz                as that run trained it
  runner predict --weights weights/ --out masks/ patient*/*.nii.gz series/              files, and folders of a DICOM series
  runner predict --weights weights/weights.safetensors --frame 7 cine.nii.gz            one of several images over time
  runner predict --weights weights/ --spacing 1.5 slice.png --json                      pixels of 1.5 mm; volumes as JSON")]
pub struct Predict {
    /// A folder with weights.safetensors, model.json and preparation.json, that file itself, or an artifact by its name
    #[arg(long)]
    weights: PathBuf,
    /// An artifact as it was in this run: an id, `last` or `last~1` [default: the last in which the training succeeded]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Folder of the masks, made if need be [default: beside each image]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// NIfTI (.nii, .nii.gz), DICOM, PNG or JPEG files, or folders of a DICOM series
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Replace masks that are there already
    #[arg(long)]
    force: bool,
    /// Which image of a NIfTI file of several over time, from 1
    #[arg(long, value_name = "N")]
    frame: Option<NonZeroUsize>,
    /// Side of a pixel where a file does not say it (PNG, JPEG)
    #[arg(long, value_name = "MM")]
    spacing: Option<f64>,
    /// Write the codes that classes have in the data set's own masks, not 0, 1, 2, ..
    #[arg(long)]
    codes: bool,
    /// What segments: flex, libtorch, libtorch:cuda:N, cuda:N, vulkan or metal
    #[arg(long, default_value = "flex")]
    device: String,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    store: StoreArgs,
    /// Print what was written as JSON, with the volume of each class
    #[arg(long)]
    json: bool,
}

impl Predict {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let weights = folder_of(&self.weights, self.run.as_deref(), &self.store)?;
        let threads = self.threads.or(std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let asked = Asked {
            weights: weights.clone(),
            images: self.images,
            out: self.out,
            force: self.force,
            frame: self.frame.map(NonZeroUsize::get),
            spacing_mm: self.spacing,
            codes: self.codes,
            device: self.device,
            threads,
        };
        let mut told = Ok(());
        let mut tell = |outcome: &Outcome| match &outcome.result {
            Err(failure) => eprintln!("error: {}", failure.error),
            Ok(written) if !self.json && told.is_ok() => told = print(&line(&outcome.image, written)),
            Ok(_) => {}
        };
        let outcomes = asked.run(&mut tell).map_err(|error: PredictError| miette!("{error}"))?;
        told?;
        if self.json {
            print_json(&json!({"weights": weights, "images": outcomes}))?;
        }
        let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
        if failed > 0 && outcomes.len() > 1 {
            eprintln!("{failed} of {} images could not be segmented", outcomes.len());
        }
        Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// The folder of the weights: what is there by that path, or an artifact of that name.
fn folder_of(weights: &Path, run: Option<&str>, store: &StoreArgs) -> Result<PathBuf, Report> {
    if weights.is_dir() {
        return Ok(weights.to_owned());
    }
    if weights.is_file() {
        let parent = weights.parent().filter(|parent| !parent.as_os_str().is_empty());
        return match weights.file_name() {
            Some(name) if name == "weights.safetensors" => Ok(parent.unwrap_or(Path::new(".")).to_owned()),
            _ => Err(miette!("{} is not called weights.safetensors: name that file, or its folder", weights.display())),
        };
    }
    let text = weights.to_string_lossy();
    let (store, mut runs) = store.runs()?;
    if let Some(run) = run {
        runs = vec![find(&runs, run).into_diagnostic()?.clone()];
    }
    let name = Name::parse(&text);
    let mut artifacts = by_stage(&store, &runs, &name)?;
    if artifacts.is_empty() {
        artifacts = by_digest(&store, &runs, &name)?;
    }
    if artifacts.is_empty() {
        let path = format!("there is no folder {text}");
        return Err(unknown_stage(&runs, &name.stage).wrap_err(path));
    }
    // Of a training named without its output.
    if name.output.is_none() {
        artifacts.retain(|artifact| artifact.output == "weights");
    }
    match artifacts.as_slice() {
        [artifact] => {
            // Trainings on several data sets have one name: the user must see which one was taken.
            eprintln!("weights: {} of {}, run {}", artifact.name(), artifact.pipeline, artifact.run);
            store.checkout(artifact.tree).into_diagnostic()
        }
        [] => Err(miette!("`{text}` has no weights: name a training, e.g. 'train[method=ours]'")),
        several => {
            let names: Vec<String> = several.iter().map(Artifact::name).collect();
            Err(miette!("`{text}` means several: {}; say which", listed(&names)))
        }
    }
}

/// `scan.nii.gz → scan_mask.nii.gz: RV 84.1 ml, MYO 120.7 ml`
fn line(image: &Path, written: &Written) -> String {
    let amount = |Amount { name, pixels, ml, .. }: &Amount| match ml {
        Some(ml) => format!("{name} {ml:.1} ml"),
        None => format!("{name} {}", super::text::plural(*pixels, "pixel")),
    };
    let amounts: Vec<String> = written.classes.iter().map(amount).collect();
    format!("{} → {}: {}\n", image.display(), written.mask.display(), amounts.join(", "))
}
