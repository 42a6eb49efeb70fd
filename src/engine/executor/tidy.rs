use crate::contract::{Program, StageContext, StageError};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Lays out the working folder of a program: `inputs/`, `outputs/`, `tmp/` and its links. Returns the links, which
/// are ours.
pub fn lay_out(context: &StageContext, program: &Program) -> Result<BTreeSet<PathBuf>, StageError> {
    let mut own = BTreeSet::new();
    make(&context.workspace.join("inputs"))?;
    make(&context.workspace.join("tmp"))?;
    for (name, target) in &program.links {
        let link = context.workspace.join(name);
        make(link.parent().unwrap_or(&context.workspace))?;
        std::os::unix::fs::symlink(target, &link).map_err(io("link", &link))?;
        own.extend(link.ancestors().take_while(|path| *path != context.workspace).map(Path::to_owned));
    }
    Ok(own)
}

/// A program that succeeded has written to each of its outputs, and nowhere else.
pub fn check(context: &StageContext, own: &BTreeSet<PathBuf>) -> Result<(), StageError> {
    let declared = || context.outputs.keys().map(|name| format!("outputs/{name}")).collect::<Vec<_>>().join(", ");
    let outputs = context.workspace.join("outputs");
    let ours = |path: &Path| {
        path == context.workspace.join("tmp")
            || path == context.workspace.join("inputs")
            || path == outputs
            || context.outputs.values().any(|folder| folder == path)
            || own.contains(path)
    };
    let whole = |path: &Path| path == context.workspace.join("tmp") || context.outputs.values().any(|f| f == path);
    let mut walk = WalkDir::new(&context.workspace).min_depth(1).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = entry.map_err(StageError::failed)?;
        if !ours(entry.path()) {
            let path = entry.path().strip_prefix(&context.workspace).unwrap_or(entry.path()).display();
            let error =
                format!("wrote {path}, which is no declared output; it may write to {}, and to tmp", declared());
            return Err(StageError::Failed(error));
        }
        if whole(entry.path()) {
            walk.skip_current_dir();
        }
    }
    for (name, folder) in &context.outputs {
        let empty = fs::read_dir(folder).map_err(io("read", folder))?.next().is_none();
        if empty {
            return Err(StageError::Failed(format!("ended well, but wrote nothing to outputs/{name}")));
        }
    }
    Ok(())
}

fn make(folder: &Path) -> Result<(), StageError> {
    fs::create_dir_all(folder).map_err(io("create", folder))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StageError {
    let path = path.to_owned();
    move |source| StageError::Io { action, path, source }
}
