//! The real binary, killed: at any moment, with its children, and beside others on one store.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder where nothing waits for a disk, if there is such a place: hundreds of runs would wait for minutes, and
/// what a kill leaves doesn't depend on it.
pub fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A project with one pipeline of programs.
pub struct Project(tempfile::TempDir);

impl Project {
    pub fn new(stages: &str) -> Self {
        let project = Project(in_memory());
        std::fs::create_dir(project.path("pipelines")).unwrap();
        std::fs::write(project.path("pipelines/p.yaml"), format!("stages:\n{stages}")).unwrap();
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.current_dir(self.0.path()).env("NO_COLOR", "1").env_remove("RUNNER_STORE").args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    pub fn start(&self) -> Child {
        self.command(&["run", "pipelines/p.yaml", "--jobs", "2"]).spawn().unwrap()
    }

    /// A run that nobody disturbs, and what it said.
    pub fn run(&self) -> Output {
        let mut command = self.command(&["run", "pipelines/p.yaml", "--jobs", "2"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
    }

    pub fn succeeds(&self) -> String {
        let output = self.run();
        let said = said(&output);
        assert!(output.status.success(), "{said}");
        said
    }

    /// Name → bytes of each file in a folder.
    pub fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let folder = self.path(folder);
        let walk = walkdir::WalkDir::new(&folder).into_iter().filter_map(Result::ok);
        let file = |entry: walkdir::DirEntry| {
            let name = entry.path().strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
            // It may be gone again: then it was never part of the results.
            Some((name, std::fs::read(entry.path()).ok()?))
        };
        walk.filter(|entry| entry.file_type().is_file()).filter_map(file).collect()
    }
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Waits for something that has to come.
pub fn wait_for(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Processes that work in this folder, or name it in their command line.
pub fn processes_of(folder: &Path) -> Vec<u32> {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let has = |entry: &std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let working = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|path| path.starts_with(folder));
        // A zombie has neither.
        working || String::from_utf8_lossy(&line).contains(&name)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten().filter(has);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn signal(child: &Child, signal: libc::c_int) {
    // SAFETY: a system call with two numbers; the child is not reaped, so that its number is its own.
    assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, signal) }, 0);
}

/// Numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// Ten stages in layers: each reads two of the layer above, and publishes two files.
fn diamonds() -> String {
    let stage = |name: &str, inputs: &str, line: &str| {
        format!(
            "  {name}:\n    stage: command\n    inputs: {{ {inputs} }}\n    outputs: {{ out: text }}\n    \
             with: {{ run: '{line}; seq 2000 > outputs/out/y' }}\n    publish: {{ out: {name} }}\n"
        )
    };
    let mut text = stage("a", "", "echo a > outputs/out/x") + &stage("b", "", "echo b > outputs/out/x");
    let layers = [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]];
    for pair in layers.windows(2) {
        let [left, right] = pair[0];
        for name in pair[1] {
            let line = format!("cksum inputs/l/* inputs/r/* > outputs/out/x; echo {name} >> outputs/out/x");
            text += &stage(name, &format!("l: {left}, r: {right}"), &line);
        }
    }
    text += &stage("i", "l: g, r: h", "cksum inputs/l/* inputs/r/* > outputs/out/x");
    text + &stage("j", "l: a, r: i", "cksum inputs/l/* inputs/r/* > outputs/out/x")
}

const STAGES: usize = 10;

/// How many stages ran, by a run's last words.
fn ran(said: &str) -> usize {
    if said.starts_with("all ") {
        return 0;
    }
    said.split_once(" ran, ").and_then(|(count, _)| count.parse().ok()).unwrap_or_else(|| panic!("{said}"))
}

#[test]
fn killed_at_any_moment_the_next_run_ends_as_if_nothing_had_happened() {
    let undisturbed = Project::new(&diamonds());
    let start = Instant::now();
    undisturbed.succeeds();
    let mut lasts = start.elapsed().as_micros() as u64;
    let whole = undisturbed.files("results");
    assert_eq!(whole.len(), 2 * STAGES + 1);
    let mut random = Random(4);
    let (mut kills, mut in_the_middle, mut redone) = (0, 0, 0);
    for store in 0..40 {
        let project = Project::new(&diamonds());
        for _ in 0..5 {
            // Now and then two at a time, of which one has the other's stages to wait for.
            let mut runs: Vec<Child> = (0..1 + usize::from(store % 4 == 3)).map(|_| project.start()).collect();
            for run in &mut runs {
                std::thread::sleep(Duration::from_micros(random.below(lasts * 2 / 3)));
                run.kill().unwrap();
                run.wait().unwrap();
                kills += 1;
            }
            for (name, bytes) in project.files("results") {
                let name = name.as_str();
                assert!(name.contains(".publishing-") || whole.get(name) == Some(&bytes), "{name} is half-written");
            }
        }
        let recorded = project.files(".runner/actions").keys().filter(|name| name.ends_with(".json")).count();
        // A record's partial file has a name of its own.
        let recorded = recorded.min(STAGES);
        in_the_middle += usize::from((1..STAGES).contains(&recorded));
        // However busy the machine is, the kills shall meet runs in their middle.
        match recorded {
            0..4 => lasts = lasts * 5 / 4,
            STAGES => lasts = lasts * 4 / 5,
            _ => {}
        }
        let last = project.succeeds();
        assert!(ran(&last) <= STAGES - recorded, "{recorded} were recorded: {last}");
        redone += ran(&last);
        assert!(project.files("results") == whole, "the results differ");
        assert!(project.files(".runner/tmp").keys().all(|name| name == ".gate"), "something temporary stayed");
        assert!(store % 8 > 0 || ran(&project.succeeds()) == 0);
        wait_for("the end of all processes", || processes_of(&project.path("")).is_empty());
    }
    assert_eq!(kills, 250);
    eprintln!(
        "{kills} kills; {in_the_middle} of 40 stores half done, {redone} stages ran in the last runs; at last within {lasts} µs"
    );
    // It was killed while it ran, not before and after only.
    assert!(in_the_middle > 0 && redone > 0, "{in_the_middle} stores were half done, {redone} stages ran again");
}

/// One stage whose shell starts another program, and says so in a file outside of the sandbox.
fn long(project: &str, seconds: &str) -> String {
    format!(
        "  long:\n    stage: command\n    outputs: {{ out: text }}\n    with:\n      run: 'echo x >> {project}/started; \
         sleep {seconds} | sleep {seconds}; echo x > outputs/out/x'\n      sandbox: false\n"
    )
}

/// A project whose pipeline knows where it is.
fn with_its_path(stages: impl Fn(&str) -> String) -> Project {
    let project = Project::new("");
    let text = format!("stages:\n{}", stages(&project.path("").to_string_lossy()));
    std::fs::write(project.path("pipelines/p.yaml"), text).unwrap();
    project
}

#[test]
fn a_killed_run_leaves_no_process_and_no_lock_that_holds() {
    let project = with_its_path(|path| long(path, "321"));
    let mut run = project.start();
    wait_for("the stage", || project.path("started").exists());
    wait_for("the shell's children", || processes_of(&project.path("")).len() >= 4);
    run.kill().unwrap();
    run.wait().unwrap();
    // The shell, and what it started.
    wait_for("the end of all", || processes_of(&project.path("")).is_empty());
    // Nobody has to unlock anything.
    let again = project.start();
    wait_for("a second start", || std::fs::read(project.path("started")).unwrap().len() == 4);
    drop(Killed(again));
}

/// Ends with its scope.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn ctrl_c_once_checkpoints_and_the_next_run_goes_on() {
    // A program that hears SIGTERM writes what it has into its scratch.
    let project = with_its_path(|path| {
        format!(
            "  before:\n    stage: command\n    outputs: {{ out: text }}\n    with: {{ run: 'echo 1 > outputs/out/x' }}\n  \
               long:\n    stage: command\n    inputs: {{ a: before }}\n    outputs: {{ out: text }}\n    with:\n      run: >-\n        \
                 if [ -f $RUNNER_SCRATCH/half ]; then cp $RUNNER_SCRATCH/half outputs/out/x; exit; fi;\n        \
                 trap 'echo half > $RUNNER_SCRATCH/half; exit 1' TERM; echo x > {path}/started; sleep 300 & wait\n      \
               sandbox: false\n    publish: {{ out: out }}\n"
        )
    });
    let mut command = project.command(&["run", "pipelines/p.yaml"]);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the stage", || project.path("started").exists());
    signal(&run, libc::SIGINT);
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("1 stopped"), "{}", said(&output));
    wait_for("the end of all", || processes_of(&project.path("")).is_empty());
    assert_eq!(ran(&project.succeeds()), 1);
    assert_eq!(project.files("results/p/out")["x"], b"half\n");
}

#[test]
fn ctrl_c_twice_stops_now() {
    // It doesn't listen.
    let project = with_its_path(|path| {
        format!(
            "  deaf:\n    stage: command\n    outputs: {{ out: text }}\n    with:\n      run: 'trap \"\" TERM; \
             echo x > {path}/started; sleep 322; echo x > outputs/out/x'\n      sandbox: false\n"
        )
    });
    let mut run = project.start();
    wait_for("the stage", || project.path("started").exists());
    signal(&run, libc::SIGINT);
    std::thread::sleep(Duration::from_millis(350));
    assert!(run.try_wait().unwrap().is_none(), "a stage that doesn't listen has ten seconds");
    let start = Instant::now();
    signal(&run, libc::SIGINT);
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(8));
    wait_for("the end of all", || processes_of(&project.path("")).is_empty());
}

/// Stages that write a line each time that they run.
fn counted(path: &str) -> String {
    let stage = |name: &str, inputs: &str| {
        format!(
            "  {name}:\n    stage: command\n    inputs: {{ {inputs} }}\n    outputs: {{ out: text }}\n    with:\n      \
             run: 'echo x >> {path}/count-{name}; sleep 0.03; echo {name} > outputs/out/x'\n      sandbox: false\n    \
             publish: {{ out: {name} }}\n"
        )
    };
    stage("a", "")
        + &stage("b", "")
        + &stage("c", "")
        + &stage("d", "a: a, b: b")
        + &stage("e", "a: b, b: c")
        + &stage("f", "all: [d, e, c]")
}

#[test]
fn runners_that_race_on_one_store_run_each_stage_once() {
    for runners in [2, 4] {
        let project = with_its_path(counted);
        let run = || {
            let mut command = project.command(&["run", "pipelines/p.yaml", "--jobs", "2"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let all: Vec<Child> = (0..runners).map(|_| run()).collect();
        for run in all {
            let output = run.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", said(&output));
        }
        for name in ["a", "b", "c", "d", "e", "f"] {
            assert_eq!(std::fs::read(project.path(&format!("count-{name}"))).unwrap(), b"x\n", "{name}");
            assert_eq!(project.files("results/p")[&format!("{name}/x")], format!("{name}\n").as_bytes());
        }
        assert!(project.files("results").keys().all(|name| !name.contains(".publishing-")));
        assert!(project.files(".runner/locks").is_empty());
    }
}

#[test]
fn a_second_runner_waits_for_the_first_and_takes_over_when_it_is_killed() {
    let project = with_its_path(|path| {
        format!(
            "  slow:\n    stage: command\n    outputs: {{ out: text }}\n    with:\n      run: 'echo x >> {path}/started; \
             while [ ! -f {path}/go ]; do sleep 0.02; done; echo x > outputs/out/x'\n      sandbox: false\n"
        )
    });
    let starts = || std::fs::read(project.path("started")).map_or(0, |bytes| bytes.len() / 2);
    let mut first = project.start();
    wait_for("the first", || starts() == 1);
    let mut second = project.start();
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(starts(), 1, "the second runner did not wait");
    first.kill().unwrap();
    first.wait().unwrap();
    wait_for("the second", || starts() == 2);
    let mut third = project.start();
    std::fs::write(project.path("go"), "").unwrap();
    assert!(second.wait().unwrap().success() && third.wait().unwrap().success());
    assert_eq!(starts(), 2, "the third did not take the second's result");
}

/// A project with the real pipelines.
pub fn with_trainings() -> Project {
    let project = Project::new("");
    for name in ["pipelines", "experiments"] {
        super::cli::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name), &project.path(name));
    }
    project
}

/// One training, as small as it goes but for its epochs, and what is above it.
pub fn training(project: &Project, epochs: u32, more: &[&str]) -> Command {
    let epochs = format!("training.epochs={epochs}");
    let mut command = project.command(&["run", "pipelines/ablation.yaml", "--until", "train"]);
    let settings = [
        &epochs,
        "training.steps_per_epoch=1",
        "training.batch_size=2",
        "training.width=2",
        "datasets.phantom.preprocessing.size=32",
        "datasets.phantom.preprocessing.spacing_mm=5.4",
        "datasets.phantom.source={cases: 14, slices: 3}",
        "matrix.method=[ours]",
        "matrix.label_fraction=[25]",
    ];
    settings.iter().for_each(|set| {
        command.args(["--set", set]);
    });
    command.args(more);
    command
}

#[test]
fn a_killed_training_fails_alone_and_ends_with_its_runner() {
    let project = with_trainings();
    let start = || {
        let mut command = training(&project, 100_000, &[]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().unwrap()
    };
    let trainings = || {
        let line = |id: &u32| std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let trains = |id: &u32| {
            let job = String::from_utf8_lossy(&line(id)).split('\0').nth(2).unwrap_or_default().to_owned();
            std::fs::read_to_string(job).is_ok_and(|job| job.contains("\"kind\":\"train\""))
        };
        processes_of(&project.path("")).into_iter().filter(trains).collect::<Vec<u32>>()
    };
    let checkpointed = || project.files(".runner/scratch").keys().any(|name| name.ends_with("checkpoint.bin"));
    let run = start();
    wait_for("a checkpoint", || checkpointed() && trainings().len() == 1);
    // SAFETY: a system call with two numbers; the process is our grandchild, seen a moment ago.
    unsafe { libc::kill(trainings()[0] as libc::pid_t, libc::SIGKILL) };
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("SIGKILL") && said(&output).contains("1 failed"), "{}", said(&output));

    let mut run = start();
    wait_for("the training again", || trainings().len() == 1);
    run.kill().unwrap();
    run.wait().unwrap();
    wait_for("the end of all", || processes_of(&project.path("")).is_empty());
}
