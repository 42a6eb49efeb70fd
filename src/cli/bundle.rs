use super::common::{PipelineArgs, print};
use super::compare::{Numbers, counted, difference};
use super::interrupt::{INTERRUPTED, on_interrupt};
use super::progress::Screen;
use super::text;
use crate::digest::Listing;
use crate::engine::bundle::{
    self, BundleError, BundleManifest, Depth, Limits, Replay, Request, Role, StageAgreement, Unpacked, agreements,
    confine, create, printable, replay, unpack,
};
use crate::engine::cache::{machine, write_atomic};
use crate::engine::compare::{Agreement, FileAgreement, Verdict};
use crate::engine::{Options, Summary, run};
use crate::plan::Node;
use crate::report::compare::TOLERANCE;
use crate::{plan, spec, stage};
use clap::builder::ArgPredicate;
use clap::{Arg, Args, Subcommand};
use miette::{IntoDiagnostic, Report, miette};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Pack results for reviewers, who re-make and check them without the data set
#[derive(Debug, Args)]
pub struct Bundle {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Create(Create),
    Show(Show),
    Verify(VerifyBundle),
}

/// Pack what re-makes the results of a pipeline from some depth on; everything must be cached
///
/// Deeper bundles hold more and let more be checked: `figures` only hands out the final outputs; from `scores`,
/// statistics, tables and plots are re-made; from `predictions`, also figures on images (which are then in the bundle);
/// from `weights`, also predictions and scores. The same results give the same bytes.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  runner bundle create pipelines/ablation.yaml -o ablation.tar.zst --license CC-BY-4.0\n  \
                        runner run --from-bundle ablation.tar.zst      what the reviewer does with it"
)]
struct Create {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// The bundle's file
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// From where on a reviewer re-makes the results
    #[arg(long, default_value = "scores", value_parser = depth())]
    depth: Depth,
    /// SPDX identifier of the licence under which you hand it out, e.g. CC-BY-4.0 [default: the project's LICENSE]
    #[arg(long, value_name = "SPDX")]
    license: Option<String>,
    /// An author to name in the metadata; may be given several times. Nobody is named unasked
    #[arg(long, value_name = "NAME")]
    author: Vec<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Say what a bundle holds, by its manifest, without unpacking or checking it
#[derive(Debug, Args)]
struct Show {
    /// The bundle's file
    bundle: PathBuf,
    /// As JSON: the whole manifest
    #[arg(long)]
    json: bool,
}

/// Check every digest, key and listing of a bundle and its RO-Crate metadata; nothing is written or run
#[derive(Debug, Args)]
struct VerifyBundle {
    /// The bundle's file
    bundle: PathBuf,
    /// Refuse a bundle that holds more GiB
    #[arg(long, value_name = "GIB", default_value_t = 20)]
    max_size: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn depth() -> impl clap::builder::TypedValueParser<Value = Depth> {
    use clap::builder::TypedValueParser;
    clap::builder::PossibleValuesParser::new(Depth::ALL.map(Depth::name)).try_map(|name| name.parse::<Depth>())
}

impl Bundle {
    pub fn exec(self) -> Result<ExitCode, Report> {
        match self.what {
            What::Create(command) => command.exec(),
            What::Show(command) => command.exec(),
            What::Verify(command) => command.exec(),
        }
    }
}

impl Create {
    fn exec(self) -> Result<ExitCode, Report> {
        let plan = self.pipeline.plan()?;
        let store = self.pipeline.store(&plan);
        let request = Request {
            depth: self.depth,
            pipeline: self.pipeline.pipeline,
            profile: self.pipeline.profile,
            set: self.pipeline.set,
            license: self.license,
            authors: self.author,
        };
        let manifest = create(&plan, &store, &request, &self.output).into_diagnostic()?;
        manifest.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        let size = self.output.metadata().into_diagnostic()?.len();
        if self.json {
            let value = json!({"bundle": self.output, "size": size, "manifest": manifest});
            print(&format!("{value:#}\n"))?;
        } else {
            print(&format!("{}: {}\n{}", self.output.display(), bytes(size), shown(&manifest)))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn exec(self) -> Result<ExitCode, Report> {
        let manifest = bundle::manifest(&self.bundle).into_diagnostic()?;
        let text = if self.json {
            serde_json::to_string_pretty(&manifest).into_diagnostic()? + "\n"
        } else {
            shown(&manifest)
        };
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl VerifyBundle {
    fn exec(self) -> Result<ExitCode, Report> {
        let limits = Limits { bytes: self.max_size.saturating_mul(1 << 30) };
        let found = bundle::verify(&self.bundle, &limits);
        if let Err(error @ BundleError::Io { action: "open", .. }) = found {
            return Err(error).into_diagnostic();
        }
        if self.json {
            let fault = found.as_ref().err().map(ToString::to_string);
            print(&format!("{:#}\n", json!({"bundle": self.bundle, "sound": fault.is_none(), "fault": fault})))?;
            return Ok(ExitCode::from(u8::from(fault.is_some())));
        }
        match found {
            Ok(contents) => {
                let (files, records) = (contents.manifest.files.len(), contents.records.len());
                print(&format!(
                    "sound: {files} files ({}), {records} records, RO-Crate\n",
                    bytes(contents.manifest.bytes)
                ))?;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                print(&format!("NOT sound: {error}\n"))?;
                Ok(ExitCode::from(1))
            }
        }
    }
}

/// What a bundle holds, for people.
fn shown(manifest: &BundleManifest) -> String {
    let BundleManifest { title, depth, runner, pipeline, profile, set, stages, files, .. } = manifest;
    let mut lines = vec![title.clone(), format!("depth {depth}, made by runner {runner} from {pipeline}")];
    lines.extend(profile.iter().map(|profile| format!("profile {profile}")));
    lines.extend(set.iter().map(|set| format!("    --set {set}")));
    lines.push(format!("{} files, {} unpacked", files.len(), bytes(manifest.bytes)));
    for role in [Role::Recomputed, Role::Recorded] {
        let what = if role == Role::Recomputed { "recomputed by a reviewer" } else { "as recorded" };
        lines.push(format!("{what}: {}", counted(manifest.count(role), "stage")));
        for stage in stages.iter().filter(|stage| stage.role == role) {
            let ports: Vec<&str> = stage.packed.keys().map(String::as_str).collect();
            lines.push(format!("    {} ({})", stage.id, ports.join(", ")));
        }
    }
    lines.extend(manifest.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.iter().map(|line| printable(line) + "\n").collect()
}

/// `3.4 MB`.
fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// A bundle brings these, or they make no sense for it.
const ITS_OWN: [&str; 8] = ["profile", "set", "store", "force", "only", "until", "from", "dry_run"];

/// Arguments of `run` for bundles.
#[derive(Debug, Args)]
pub struct FromBundle {
    /// Re-make the results of a bundle (`runner bundle create`) in a folder of its own, and compare them with its record
    #[arg(long, value_name = "FILE", conflicts_with_all = ITS_OWN)]
    pub from_bundle: Option<PathBuf>,
    /// The folder that a bundle is unpacked into [default: the bundle's name without extension]
    #[arg(long, value_name = "DIR", conflicts_with = "pipeline")]
    into: Option<PathBuf>,
    /// Let the bundle's pipeline run programs: look at it before
    #[arg(long, conflicts_with = "pipeline")]
    allow_commands: bool,
    /// Refuse a bundle that holds more GiB
    #[arg(long, value_name = "GIB", default_value_t = 20, conflicts_with = "pipeline")]
    max_size: u64,
    /// Two numbers agree if they differ by at most this times the larger of 1 and their sizes
    #[arg(long, default_value_t = TOLERANCE, conflicts_with = "pipeline")]
    tolerance: f64,
}

/// The bundle has its own pipeline and settings.
pub fn unless_from_bundle(pipeline: Arg) -> Arg {
    let placeholder = pipeline.required(false).default_value_if("from_bundle", ArgPredicate::IsPresent, "the bundle's");
    placeholder.required_unless_present("from_bundle").conflicts_with("from_bundle")
}

impl FromBundle {
    /// Unpacks, runs and compares. Exit code 1 if a result isn't as recorded.
    pub fn run(self, file: &Path, jobs: Option<usize>) -> Result<ExitCode, Report> {
        let folder = self.into.clone().map_or_else(|| folder_of(file), Ok)?;
        let limits = Limits { bytes: self.max_size.saturating_mul(1 << 30) };
        let unpacked = unpack(file, &folder, &limits).into_diagnostic()?;
        let replay = planned(&unpacked, self.allow_commands)?;
        let summary = remade(&unpacked, &replay, jobs)?;
        let comparer = Numbers { tolerance: self.tolerance };
        let stages = agreements(&unpacked, &replay, &unpacked.store(), &comparer).into_diagnostic()?;
        write_comparison(&unpacked, &summary, &stages, self.tolerance)?;
        print(&(text::summary(&summary) + &compared(&unpacked, &replay, &stages, self.tolerance)))?;
        Ok(if summary.interrupted {
            ExitCode::from(INTERRUPTED)
        } else {
            ExitCode::from(u8::from(!agree(&summary, &stages)))
        })
    }
}

/// What of the bundle's pipeline runs.
fn planned(unpacked: &Unpacked, allow_commands: bool) -> Result<Replay, Report> {
    let BundleManifest { profile, set, .. } = &unpacked.contents.manifest;
    let request = spec::Request { pipeline: unpacked.pipeline(), profile: profile.clone(), set: set.clone() };
    let plan = plan::resolve(&spec::load(&request)?, stage::ALL)?;
    let replay = replay(unpacked, &plan, allow_commands).into_diagnostic()?;
    for difference in &replay.differences {
        eprintln!("note     planned otherwise than recorded: {}", printable(difference));
    }
    Ok(replay)
}

fn remade(unpacked: &Unpacked, replay: &Replay, jobs: Option<usize>) -> Result<Summary, Report> {
    let mut options = Options { pinned: replay.pinned.clone(), cancel: on_interrupt()?, ..Options::default() };
    options.jobs = jobs.unwrap_or(options.jobs);
    options.executable = super::common::this_program();
    if let Err(why) = confine(&unpacked.folder) {
        eprintln!("note     this system can't keep the run inside of its folder ({why}): names were checked only");
    }
    let screen = Screen::new(replay.plan.nodes.len());
    let summary = run(&replay.plan, &unpacked.store(), &options, &screen).into_diagnostic()?;
    screen.clear();
    Ok(summary)
}

fn agree(summary: &Summary, stages: &[StageAgreement]) -> bool {
    summary.succeeded() && stages.iter().all(|stage| stage.verdict != Verdict::Divergent)
}

/// `comparison.json` in the bundle's folder.
fn write_comparison(
    unpacked: &Unpacked,
    summary: &Summary,
    stages: &[StageAgreement],
    tolerance: f64,
) -> Result<(), Report> {
    let report = json!({
        "runner": env!("CARGO_PKG_VERSION"),
        "machine": machine(),
        "depth": unpacked.contents.manifest.depth,
        "tolerance": tolerance,
        "agree": agree(summary, stages),
        "stages": stages,
    });
    let path = unpacked.folder.join("comparison.json");
    write_atomic(&path, format!("{report:#}\n").as_bytes(), false).into_diagnostic()
}

/// `ablation.tar.zst` → `ablation`, where the user stands.
fn folder_of(file: &Path) -> Result<PathBuf, Report> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = [".tar.zst", ".tzst", ".zst"].iter().find_map(|extension| name.strip_suffix(extension));
    let stem = stem.unwrap_or(&name).to_owned();
    match stem != name && !stem.is_empty() && stem != "." && stem != ".." {
        true => Ok(PathBuf::from(stem)),
        false => Err(miette!("{} doesn't end with .tar.zst: say by --into where it goes", file.display())),
    }
}

/// Which numbers were recomputed, and whether they agree.
fn compared(unpacked: &Unpacked, replay: &Replay, stages: &[StageAgreement], tolerance: f64) -> String {
    let depth = unpacked.contents.manifest.depth;
    let mut lines = vec![match stages.is_empty() {
        true => format!("nothing is recomputed at depth {depth}: the results came as recorded"),
        false => format!("recomputed from the bundle's {depth}:"),
    }];
    stages.iter().for_each(|stage| lines.extend(files_of(stage)));
    let nothing = Listing { files: Vec::new() }.digest();
    let has_files = |node: &&Node| {
        let outputs = replay.pinned.get(&node.id).map(|record| &record.outputs);
        outputs.is_some_and(|outputs| {
            node.publish.keys().any(|port| outputs.get(port).is_some_and(|digest| *digest != nothing))
        })
    };
    let published: Vec<&str> = replay.plan.nodes.iter().filter(has_files).map(|node| node.id.as_str()).collect();
    if !published.is_empty() {
        lines.push(format!("as recorded, not recomputed: {}", published.join(", ")));
    }
    lines.extend(verdict_of(stages, tolerance));
    lines.push(format!("in {}; comparison.json there says the same to programs", unpacked.folder.display()));
    lines.iter().map(|line| printable(line) + "\n").collect()
}

/// A line for each file, and one more where it isn't identical.
fn files_of(stage: &StageAgreement) -> Vec<String> {
    let lines = |file: &FileAgreement| {
        let word = match &file.agreement {
            Agreement::Identical { .. } => "identical",
            Agreement::Within { .. } => "within tolerance",
            Agreement::Incomparable if stage.verdict != Verdict::Divergent => "other bytes",
            Agreement::Differs { .. } | Agreement::Incomparable => "DIFFERS",
        };
        let numbers = match file.agreement.numbers() {
            0 => String::new(),
            numbers => format!("  {}", counted(numbers, "number")),
        };
        let line = format!("    {word:<17} {} {}{numbers}", stage.id, file.file);
        [line].into_iter().chain(difference(file).map(|difference| format!("        {difference}")))
    };
    stage.files.iter().flat_map(lines).collect()
}

fn verdict_of(stages: &[StageAgreement], tolerance: f64) -> Option<String> {
    let files = || stages.iter().flat_map(|stage| &stage.files);
    let divergent = stages.iter().filter(|stage| stage.verdict == Verdict::Divergent).count();
    let identical = files().filter(|file| matches!(file.agreement, Agreement::Identical { .. })).count();
    let numbers: usize = files().map(|file| file.agreement.numbers()).sum();
    let (of, all) = (stages.len(), files().count());
    match divergent {
        _ if stages.is_empty() => None,
        0 => Some(format!(
            "{} recomputed in {}, all agree (tolerance {tolerance:e}), {identical} of {all} bit by bit",
            counted(numbers, "number"),
            counted(all, "file")
        )),
        _ => Some(format!(
            "{divergent} of {of} recomputed stages DISAGREE with the bundle's record (tolerance {tolerance:e})"
        )),
    }
}
