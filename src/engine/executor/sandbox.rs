use crate::contract::{Program, StageContext};
use crate::plan::Node;
use std::io;
use std::path::{Path, PathBuf};

/// What a child may read (and run) and write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    reads: Vec<PathBuf>,
    writes: Vec<PathBuf>,
}

/// Where programs, their libraries and the system's settings stand. All else has to be declared.
const SYSTEM: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/nix", "/proc", "/sys", "/run"];
/// Devices that programs write to without a trace.
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/shm", "/dev/pts", "/dev/ptmx"];

impl Access {
    /// A stage of ours: its inputs, or, where it says so, only some files of them; its sources and outputs.
    pub fn of_stage(context: &StageContext, restricted: Option<&[PathBuf]>, node: &Node, program: &Path) -> Self {
        let mut access = Access::of_context(context, restricted.is_none());
        access.reads.push(program.to_owned());
        access.reads.extend(restricted.into_iter().flatten().cloned());
        let source = |source: crate::contract::Source| {
            let value = context.params.pointer(&format!("/{}", source.parameter.replace('.', "/")))?;
            value.as_str().map(PathBuf::from)
        };
        access.reads.extend(node.stage.sources(&node.params).into_iter().filter_map(source));
        access.reads.extend(libraries());
        access
    }

    /// A program: its inputs, and what its links lead to.
    pub fn of_program(context: &StageContext, program: &Program) -> Self {
        let mut access = Access::of_context(context, true);
        access.reads.extend(program.links.iter().map(|(_, target)| target.clone()));
        access
    }

    fn of_context(context: &StageContext, inputs: bool) -> Self {
        let mut reads: Vec<PathBuf> = SYSTEM.iter().chain(&["/dev"]).map(PathBuf::from).collect();
        reads.extend(on_the_path());
        if inputs {
            reads.extend(context.inputs.values().flatten().map(|input| input.path.clone()));
        }
        let mut writes: Vec<PathBuf> = DEVICES.iter().map(PathBuf::from).collect();
        writes.extend([context.workspace.clone(), context.scratch.clone()]);
        Access { reads, writes }
    }
}

/// Where the programs of `PATH` are installed, such as `~/.pyenv` for `~/.pyenv/shims`, and what
/// `RUNNER_SANDBOX_READ` adds on this machine.
fn on_the_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).filter_map(|folder| {
        let home = std::env::home_dir();
        let prefix = folder.parent().filter(|prefix| prefix.parent().is_some() && home.as_deref() != Some(*prefix));
        Some(prefix.unwrap_or(&folder).to_owned()).filter(|folder| folder.is_absolute())
    });
    let added = std::env::var_os("RUNNER_SANDBOX_READ").unwrap_or_default();
    let added: Vec<PathBuf> = std::env::split_paths(&added).filter(|path| path.is_absolute()).collect();
    installed.filter(|folder| !SYSTEM.iter().any(|system| folder.starts_with(system))).chain(added).collect()
}

/// Libraries that stand elsewhere, as libtorch does.
fn libraries() -> Vec<PathBuf> {
    let named = ["LD_LIBRARY_PATH", "LIBTORCH", "CUDA_HOME"];
    let folders = named.iter().filter_map(std::env::var_os);
    folders.flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>()).filter(|p| p.is_absolute()).collect()
}

/// What the kernel is told, ready to be enforced in the child.
pub struct Rules(#[cfg(target_os = "linux")] landlock::RulesetCreated);

#[cfg(target_os = "linux")]
impl Access {
    /// The kernel's rules; what an older kernel lacks is left out. An error tells why nothing is enforced.
    pub fn rules(&self) -> Result<Rules, String> {
        use landlock::{ABI, Access as _, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, path_beneath_rules};
        let abi = ABI::V5;
        let all = AccessFs::from_all(abi);
        let rules = Ruleset::default()
            .handle_access(all)
            .and_then(landlock::Ruleset::create)
            .and_then(|rules| rules.add_rules(path_beneath_rules(&self.reads, AccessFs::from_read(abi))))
            .and_then(|rules| rules.add_rules(path_beneath_rules(&self.writes, all)));
        rules.map(Rules).map_err(|error| format!("no sandbox: {error}"))
    }
}

#[cfg(not(target_os = "linux"))]
impl Access {
    pub fn rules(&self) -> Result<Rules, String> {
        Err("no sandbox: this system has no Landlock".to_owned())
    }
}

impl Rules {
    /// Holds from now on, for this thread and all that it starts.
    pub fn enforce(self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        self.0.restrict_self().map_err(|_| io::Error::last_os_error())?;
        Ok(())
    }
}
