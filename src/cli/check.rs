use super::common::{print, print_json, project_root};
use super::text::plural;
use crate::plan::{self, Fault, Plan};
use crate::spec::{self, Experiment, Explain, Located, Tree, Value};
use crate::stage;
use clap::Args;
use miette::{Report, miette};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Look for mistakes in pipelines without running them
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with 2 if there are faults; with --strict, with 1 if there are warnings.

Example:
  runner check pipelines/ablation.yaml --all-profiles --strict")]
pub struct Check {
    /// Pipelines
    #[arg(required = true)]
    pipelines: Vec<PathBuf>,
    /// With these settings instead of the pipeline's own profile
    #[arg(long, conflicts_with = "all_profiles")]
    profile: Option<String>,
    /// With every file of experiments/profiles/, one after the other
    #[arg(long)]
    all_profiles: bool,
    /// As for `run`
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// End with 1 on warnings
    #[arg(long)]
    strict: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    pipeline: String,
    /// Those under which it was found; none: the pipeline's own.
    profiles: Vec<String>,
    fault: bool,
    /// `pipelines/a.yaml:3:7`
    at: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl Check {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let mut findings: Vec<Finding> = Vec::new();
        for pipeline in &self.pipelines {
            for profile in self.profiles(pipeline)? {
                for finding in self.check(pipeline, profile) {
                    add(&mut findings, finding);
                }
            }
        }
        let faults = findings.iter().filter(|finding| finding.fault).count();
        let warnings = findings.len() - faults;
        if self.json {
            print_json(&findings)?;
        } else {
            let several = self.all_profiles;
            let counts = format!("{}, {}\n", plural(faults, "fault"), plural(warnings, "warning"));
            print(&(findings.iter().map(|finding| text(finding, several)).collect::<String>() + &counts))?;
        }
        Ok(match (faults, warnings) {
            (1.., _) => ExitCode::from(2),
            (0, 1..) if self.strict => ExitCode::from(1),
            _ => ExitCode::SUCCESS,
        })
    }

    fn profiles(&self, pipeline: &Path) -> Result<Vec<Option<String>>, Report> {
        if !self.all_profiles {
            return Ok(vec![self.profile.clone()]);
        }
        let folder = project_root(pipeline).join("experiments/profiles");
        let entries = std::fs::read_dir(&folder).map_err(|e| miette!("cannot read {}: {e}", folder.display()))?;
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            let name = entry.ok()?.file_name().to_string_lossy().into_owned();
            name.strip_suffix(".yaml").filter(|name| !name.starts_with('.')).map(str::to_owned)
        };
        let names: BTreeSet<String> = entries.filter_map(name).collect();
        Ok(names.into_iter().map(Some).collect())
    }

    fn check(&self, pipeline: &Path, profile: Option<String>) -> Vec<Finding> {
        let at = Place { pipeline, profile: profile.clone() };
        let request = spec::Request { pipeline: pipeline.to_owned(), profile, set: self.set.clone() };
        let experiment = match spec::load(&request) {
            Ok(experiment) => experiment,
            // With all profiles, some are meant for other pipelines.
            Err(error) if self.all_profiles && is_of_a_profile(&error) => {
                let message = format!("{}: this profile is not for {}", error.fault(), pipeline.display());
                return vec![at.warning(Warning::new(error.at(), message))];
            }
            Err(error) => return vec![at.fault(&error)],
        };
        let (plan, faults) = resolve_what_can_be(&experiment);
        let mut findings: Vec<Finding> = faults.iter().map(|error| at.fault(error)).collect();
        findings.extend(of_spec(&experiment).into_iter().map(|warning| at.warning(warning)));
        // Of a part of a pipeline, what is missing says nothing.
        if let Some(plan) = plan.filter(|_| faults.is_empty()) {
            findings.extend(of_plan(&experiment, &plan).into_iter().map(|warning| at.warning(warning)));
        }
        findings
    }
}

/// Whether a profile speaks of what the pipeline lacks.
fn is_of_a_profile(error: &Located<spec::Fault>) -> bool {
    let lacks = matches!(error.fault(), spec::Fault::CannotSet { .. } | spec::Fault::UnknownReference { .. });
    lacks && error.at().source().code().name().contains("experiments/profiles/")
}

/// The same finding under several profiles is one.
fn add(findings: &mut Vec<Finding>, finding: Finding) {
    let same = |other: &&mut Finding| {
        (&other.pipeline, &other.at, &other.message) == (&finding.pipeline, &finding.at, &finding.message)
    };
    match findings.iter_mut().find(same) {
        Some(known) => known.profiles.extend(finding.profiles),
        None => findings.push(finding),
    }
}

fn text(finding: &Finding, several: bool) -> String {
    let word = if finding.fault { "fault" } else { "warning" };
    let profiles = match finding.profiles.as_slice() {
        profiles if several && !profiles.is_empty() => format!(" (profile {})", profiles.join(", ")),
        _ => String::new(),
    };
    let help = finding.help.as_ref().map_or(String::new(), |help| format!("    help: {help}\n"));
    format!("{}: {word}: {}{profiles}\n{help}", finding.at, finding.message)
}

/// Under what something was found.
struct Place<'a> {
    pipeline: &'a Path,
    profile: Option<String>,
}

impl Place<'_> {
    fn fault<F: Explain>(&self, error: &Located<F>) -> Finding {
        self.finding(true, error.at().to_string(), error.fault().to_string(), error.fault().help())
    }

    fn warning(&self, warning: Warning) -> Finding {
        self.finding(false, warning.at, warning.message, None)
    }

    fn finding(&self, fault: bool, at: String, message: String, help: Option<String>) -> Finding {
        let pipeline = self.pipeline.display().to_string();
        Finding { pipeline, profiles: self.profile.iter().cloned().collect(), fault, at, message, help }
    }
}

struct Warning {
    at: String,
    message: String,
}

impl Warning {
    fn new(at: &spec::Mark, message: String) -> Self {
        Warning { at: at.to_string(), message }
    }
}

/// Takes stages with a fault out, and what reads from them, until the rest resolves: each has its fault told.
fn resolve_what_can_be(experiment: &Experiment) -> (Option<Plan>, Vec<plan::PlanError>) {
    let (mut rest, mut faults) = (experiment.clone(), Vec::new());
    loop {
        let error = match plan::resolve(&rest, stage::ALL) {
            Ok(plan) => return (Some(plan), faults),
            Err(error) => error,
        };
        // All that is left when everything was taken out.
        if matches!(error.fault(), Fault::Nothing) && !faults.is_empty() {
            return (None, faults);
        }
        let culprit = culprit(&rest, &error);
        faults.push(error);
        let Some(culprit) = culprit else { return (None, faults) };
        take_out(&mut rest, culprit);
    }
}

/// The entry that a fault is of: by its name, else by where it stands.
fn culprit(experiment: &Experiment, error: &plan::PlanError) -> Option<String> {
    let named = match error.fault() {
        Fault::UnknownInput { entry, .. }
        | Fault::UnknownOutput { entry, .. }
        | Fault::MissingInput { entry, .. }
        | Fault::UnknownEntry { entry, .. }
        | Fault::Artifact { entry, .. }
        | Fault::Ambiguous { entry, .. }
        | Fault::Arity { entry, .. }
        | Fault::MissingAxis { entry, .. }
        | Fault::Parameter { entry, .. }
        | Fault::Seed { entry, .. } => Some(entry),
        _ => None,
    };
    let (source, (at, _)) = (error.at().source(), error.at().span());
    let before = experiment.entries.iter().filter(|entry| {
        let mark = entry.mark();
        std::sync::Arc::ptr_eq(mark.source(), source) && mark.span().0 <= at
    });
    let standing = || before.max_by_key(|entry| entry.mark().span().0).map(|entry| entry.name.text.clone());
    // `UnknownOutput` names the entry whose output it is not: what stands there is the one that asks.
    match error.fault() {
        Fault::UnknownOutput { .. } => standing(),
        _ => named.cloned().or_else(standing),
    }
}

fn take_out(experiment: &mut Experiment, entry: String) {
    let mut gone = vec![entry];
    while let Some(name) = gone.pop() {
        let reads = |entry: &spec::Entry| {
            let mut from = entry.inputs.iter().flat_map(|input| &input.from);
            from.any(|from| from.text.split('.').next() == Some(&name))
        };
        gone.extend(experiment.entries.iter().filter(|entry| reads(entry)).map(|entry| entry.name.text.clone()));
        experiment.entries.retain(|entry| entry.name.text != name);
        gone.retain(|name| experiment.entries.iter().any(|entry| entry.name.text == *name));
    }
}

fn of_spec(experiment: &Experiment) -> Vec<Warning> {
    let unused = |index: &usize| !experiment.entries.iter().any(|entry| entry.axes.contains(index));
    let axes = (0..experiment.axes.len()).filter(unused).map(|index| {
        let name = &experiment.axes[index].name;
        Warning::new(&name.mark, format!("no stage has the axis `{name}` in its `for_each`"))
    });
    axes.chain(unused_settings(experiment)).collect()
}

/// Settings of the pipeline that no reference names.
fn unused_settings(experiment: &Experiment) -> Vec<Warning> {
    let mut texts = Vec::new();
    collect(&experiment.scope.root, &mut texts);
    for entry in &experiment.entries {
        let demands = entry.demands.iter().map(|(_, tree)| tree);
        let publish = entry.publish.iter().map(|(_, tree)| tree);
        entry.with.iter().chain(&entry.seed).chain(demands).chain(publish).for_each(|tree| collect(tree, &mut texts));
    }
    // `${${name}}` could name anything.
    if texts.iter().any(|text| text.contains("${${")) {
        return Vec::new();
    }
    let refers = |name: &str| {
        texts.iter().any(|text| text.contains(&format!("${{{name}}}")) || text.contains(&format!("${{{name}.")))
    };
    // What the pipeline's own file has at the top: settings; the catalogue is in files of its own.
    let reserved = ["pipeline", "profile", "title", "results", "matrix"];
    let own = experiment.scope.root.entries().iter().filter(|(name, _)| !reserved.contains(&name.text.as_str()));
    let own = own.filter(|(name, _)| name.mark.span().1 > 0 && !refers(&name.text));
    own.map(|(name, _)| Warning::new(&name.mark, format!("nothing refers to the setting `{name}`"))).collect()
}

fn collect<'a>(tree: &'a Tree, texts: &mut Vec<&'a str>) {
    match &tree.value {
        Value::Text(text) => texts.push(text),
        Value::List(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| collect(value, texts)),
        _ => {}
    }
}

fn of_plan(experiment: &Experiment, plan: &Plan) -> Vec<Warning> {
    let mut read: BTreeSet<&str> = BTreeSet::new();
    for binding in plan.nodes.iter().flat_map(|node| &node.inputs) {
        read.insert(&plan.nodes[binding.from].entry);
    }
    let mut warnings = Vec::new();
    for entry in &experiment.entries {
        let name = entry.name.text.as_str();
        if !plan.nodes.iter().any(|node| node.entry == name) {
            let message = format!("stage `{name}` has no instance: `exclude` drops them all, or what they read");
            warnings.push(Warning::new(entry.mark(), message));
        } else if entry.publish.is_empty() && !read.contains(name) {
            let message = format!("nobody reads what stage `{name}` makes, and it publishes nothing");
            warnings.push(Warning::new(entry.mark(), message));
        }
    }
    warnings.extend(missing_sources(experiment, plan));
    warnings
}

/// Files that stages would read and that aren't there, each once.
fn missing_sources(experiment: &Experiment, plan: &Plan) -> Vec<Warning> {
    let mut seen = BTreeSet::new();
    let mut warnings = Vec::new();
    for node in &plan.nodes {
        for source in node.stage.sources(&node.params) {
            let path = plan.root.join(&source.path);
            let entry = experiment.entries.iter().find(|entry| entry.name.text == node.entry);
            if let (false, Some(entry)) = (path.exists() || !seen.insert(path.clone()), entry) {
                let (name, parameter) = (&node.entry, &source.parameter);
                let message =
                    format!("stage `{name}` reads {}, named by `{parameter}`, and it is not there", path.display());
                warnings.push(Warning::new(entry.mark(), message));
            }
        }
    }
    warnings
}
