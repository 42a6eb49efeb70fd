use super::choice::Role;
use super::manifest::BundleManifest;
use std::fmt::Write;

pub(super) const NO_LICENSE: &str = "The authors named no licence: all rights are reserved. You may check the results; \
    ask them before you use anything else.\n";

/// What a stranger reads first.
pub(super) fn readme(manifest: &BundleManifest) -> String {
    let (depth, title) = (manifest.depth, &manifest.title);
    let mut text = format!("# {title}\n\n");
    let _ = writeln!(
        text,
        "A bundle of `runner` {} at depth `{depth}`: what re-makes the results from the recorded {depth}, with no data \
         set and no training.\n",
        manifest.runner
    );
    text += "```sh\n\
             runner bundle verify FILE.tar.zst        # every digest, nothing is written\n\
             runner bundle show FILE.tar.zst          # what it holds\n\
             runner run --from-bundle FILE.tar.zst    # re-makes and compares the results, in a folder of its own\n\
             ```\n\n";
    let (again, recorded) = (manifest.count(Role::Recomputed), manifest.count(Role::Recorded));
    let _ = writeln!(text, "{again} stages are recomputed, {recorded} stand as they were recorded:\n");
    for stage in &manifest.stages {
        let _ = writeln!(text, "- `{}` ({}): {}", stage.id, stage.kind, stage.role.name());
    }
    text += "\n| place | what it is |\n| --- | --- |\n\
             | `manifest.json` | every file with its size and SHA-256 |\n\
             | `recorded/` | the results as the authors published them |\n\
             | `pipelines/`, `experiments/` | the pipeline and its settings |\n\
             | `plan.json` | every stage of the pipeline with its parameters |\n\
             | `records/` | what each stage read and wrote, by key |\n\
             | `objects/` | files by SHA-256; the listing of a folder is one too |\n\
             | `ro-crate-metadata.json` | the same as Workflow Run RO-Crate |\n";
    if !manifest.warnings.is_empty() {
        text += "\nThe authors were told:\n\n";
        manifest.warnings.iter().for_each(|warning| text += &format!("- {warning}\n"));
    }
    text
}
