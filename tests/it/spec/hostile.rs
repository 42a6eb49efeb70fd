//! YAML that is made to hurt, pipelines of ten thousand stages, and sources that can't be read.

use super::project::Project;
use crate::kill;
use runner::plan::resolve;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The error of a pipeline, which has to come at once and to say where.
fn refused(text: &str) -> String {
    let start = Instant::now();
    let project = Project::new(text);
    let error = match project.load(None, &[]) {
        Err(error) => error.to_string(),
        Ok(experiment) => match resolve(&experiment, runner::stage::ALL) {
            Err(error) => error.to_string(),
            Ok(plan) => panic!("{} stages of {:.60}", plan.nodes.len(), text),
        },
    };
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}: {error}", start.elapsed());
    assert!(error.starts_with("pipelines/study.yaml:"), "{error}");
    assert!(error.len() < 2000, "{} bytes of error", error.len());
    error
}

const STAGE: &str = "stages:\n  a: { stage: command, outputs: { o: t }, with: { run: x } }\n";

#[test]
fn nesting_is_bounded_however_it_is_written() {
    let depth = 20_000;
    let blocks: String = (0..2000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    let dashes = format!("settings:\n  a: {}x\n{STAGE}", "- ".repeat(depth));
    let maps = format!("settings: {}1{}\n{STAGE}", "{ a: ".repeat(depth), " }".repeat(depth));
    let lists = format!("settings: {{ a: {}{} }}\n{STAGE}", "[".repeat(depth), "]".repeat(depth));
    for text in [format!("settings:\n{blocks}{STAGE}"), dashes, maps, lists, "[".repeat(100_000), "? ".repeat(depth)] {
        refused(&text);
    }
}

#[test]
fn anchors_do_not_multiply_in_whatever_file_they_stand() {
    let bomb = |indent: &str| {
        let mut text = format!("{indent}a0: &a0 {{ k: [x, x, x, x, x, x, x, x, x, x] }}\n");
        for i in 1..9 {
            text += &format!("{indent}a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
        }
        text
    };
    let mut merges = String::from("settings:\n  m0: &m0 { k0: 1 }\n");
    for i in 1..2000 {
        merges += &format!("  m{i}: &m{i} {{ <<: *m{}, k{i}: 1 }}\n", i - 1);
    }
    refused(&(merges + STAGE));
    refused(&format!("settings:\n{}{STAGE}", bomb("  ")));
    refused(&format!("settings: {{ a: &a [*a] }}\n{STAGE}"));
    let start = Instant::now();
    let project = Project::new(STAGE)
        .file("experiments/methods/bomb.yaml", &bomb(""))
        .file("experiments/profiles/bomb.yaml", &bomb(""));
    let error = project.load(None, &[]).unwrap_err().to_string();
    assert!(error.starts_with("experiments/methods/bomb.yaml:"), "{error}");
    let project = Project::new(STAGE).file("experiments/profiles/bomb.yaml", &bomb(""));
    let error = project.load(Some("bomb"), &[]).unwrap_err().to_string();
    assert!(error.starts_with("experiments/profiles/bomb.yaml:"), "{error}");
    let set = format!("training.epochs=[&a [{}], {}]", "x, ".repeat(1000), "*a, ".repeat(1000));
    assert!(Project::new(STAGE).load(None, &[&set]).is_err());
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn what_is_no_yaml_is_said_where_it_stands() {
    for text in [
        "",
        "\0",
        "a\0b: c",
        "\u{feff}\u{feff}a: 1",
        "stages:\n\ta: 1\n",
        "--- {}\n---\n{}\n",
        "stages: !include /etc/passwd\n",
        "stages: *nobody\n",
        "just a text\n",
        "- a\n- b\n",
        "stages: {a: {stage: command\n",
        "%YAML 9.9\n---\nstages: 1\n",
        "stages: |\n  a\n",
        "stages: ~\n",
        "? [a, b]\n: 1\nstages: {}\n",
        "1: 2\nstages: {}\n",
        "stages: { '': { stage: x } }\n",
        "stages: { a/../b: { stage: x } }\n",
        "stages: { a: { stage: x }, a: { stage: x } }\n",
        "stages: { a: { stage: command, outputs: { ../o: t }, with: { run: x } } }\n",
        "stages: { a: { stage: command, outputs: { o: t }, inputs: { i: a }, with: { run: x } } }\n",
        "stages: { a: { stage: command, outputs: { o: t }, inputs: { i: b }, with: { run: x } } }\n",
        "stages: { a: { stage: command, outputs: { o: t }, with: { run: \"a\\0b\" } } }\n",
        "stages: { a: { stage: command, outputs: { o: t }, with: { run: x, environment: { A: \"a\\0b\" } } } }\n",
        "stages: { a: { stage: command, outputs: { o: t }, with: { run: x, ruin: y } } }\n",
        "stages: { a: { stage: command, outputs: { o: t }, with: { run: x, sources: [\"a\\0b\"] } } }\n",
    ] {
        refused(text);
    }
}

#[test]
fn a_pipeline_that_is_no_text_is_refused() {
    let project = kill::Project::new("");
    let run = |name: &[u8]| {
        let name = std::ffi::OsStr::from_bytes(name);
        let output = project.command(&["plan"]).arg(name).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", kill::said(&output));
        kill::said(&output)
    };
    std::fs::write(project.path("pipelines/latin.yaml"), b"title: \xe9\nstages: {}\n").unwrap();
    assert!(run(b"pipelines/latin.yaml").contains("UTF-8"));
    assert!(run(b"pipelines").contains("directory"));
    std::os::unix::fs::symlink("loop.yaml", project.path("pipelines/loop.yaml")).unwrap();
    assert!(run(b"pipelines/loop.yaml").contains("symbolic links"));
    run(b"pipelines/\xff.yaml");
    run(b"");
}

/// Peak memory in bytes of a program that must succeed, as it was last seen. What `wait4` tells would be at least that
/// of this process, which it was forked from.
fn peak_memory(command: &mut std::process::Command) -> u64 {
    let mut child = command.spawn().unwrap();
    let program = std::fs::canonicalize(env!("CARGO_BIN_EXE_runner")).unwrap();
    let of = |name: &str| format!("/proc/{}/{name}", child.id());
    let (exe, status) = (of("exe"), of("status"));
    let mut peak = 0;
    loop {
        if std::fs::read_link(&exe).is_ok_and(|exe| exe == program) {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            peak = line
                .and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
                .map_or(peak, |kib: u64| kib << 10);
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return peak;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn ten_thousand_stages_take_little_memory_and_time() {
    let axis = (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let pipeline = format!(
        "  each:\n    stage: command\n    for_each: [n, m]\n    outputs: {{ out: t }}\n    \
             with: {{ run: 'echo ${{matrix.n}} ${{matrix.m}} > outputs/out/x' }}\n  \
           row:\n    stage: command\n    for_each: [n]\n    inputs: {{ all: [each] }}\n    outputs: {{ out: t }}\n    \
             with: {{ run: 'cat inputs/all/*/x > outputs/out/x' }}\n    publish: {{ out: 'rows/${{matrix.n}}' }}\n\
         matrix: {{ n: [{axis}], m: [{axis}] }}\n"
    );
    let project = kill::Project::new(&pipeline);
    let start = Instant::now();
    let peak = peak_memory(&mut project.command(&["status", "pipelines/p.yaml"]));
    let took = start.elapsed();
    eprintln!("10,100 stages: status took {took:?} and {} MiB", peak >> 20);
    assert!(peak > 1 << 20 && peak < 256 << 20, "{} MiB", peak >> 20);
    // The tests aren't built for speed, and share their machine.
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// One stage that reads `data`.
fn reading(prepare: impl Fn(&kill::Project)) -> (kill::Project, Option<i32>, String) {
    let project = kill::Project::new(
        "  one: { stage: command, outputs: { o: t }, with: { run: 'ls -R data > outputs/o/x', sources: [data] } }\n  \
           two: { stage: command, outputs: { o: t }, with: { run: 'echo > outputs/o/x' } }\n",
    );
    std::fs::create_dir(project.path("data")).unwrap();
    std::fs::write(project.path("data/x"), "x").unwrap();
    prepare(&project);
    let output = project.run();
    let said = kill::said(&output);
    (project, output.status.code(), said)
}

#[test]
fn sources_that_cannot_be_read_fail_their_stage_alone_and_by_name() {
    use std::os::unix::fs::symlink;
    let (_, code, said) = reading(|project| symlink("..", project.path("data/loop")).unwrap());
    assert_eq!(code, Some(1));
    assert!(said.contains("1 ran") && said.contains("sources.0") && said.contains("loop"), "{said}");
    let (_, code, said) = reading(|project| symlink("nowhere", project.path("data/dangling")).unwrap());
    assert_eq!(code, Some(1));
    assert!(said.contains("1 ran") && said.contains("dangling"), "{said}");
    let (_, code, said) = reading(|project| std::fs::remove_dir_all(project.path("data")).unwrap());
    assert_eq!(code, Some(1));
    assert!(said.contains("1 ran") && said.contains("sources.0") && said.contains("No such file"), "{said}");
    // A file by a name of any bytes is a file; a pipe isn't one, and nobody waits for who writes to it.
    let (project, code, said) = reading(|project| {
        std::fs::write(project.path("data").join(std::ffi::OsStr::from_bytes(b"\xff\n")), "odd").unwrap();
        let made = std::process::Command::new("mkfifo").arg(project.path("data/pipe")).status();
        assert!(made.unwrap().success());
    });
    assert_eq!(code, Some(0), "{said}");
    let (was, is) = (b"\xff\n".as_slice(), b"\xfe\n".as_slice());
    let named = |name: &[u8]| project.path("data").join(std::ffi::OsStr::from_bytes(name));
    std::fs::rename(named(was), named(is)).unwrap();
    assert!(project.succeeds().contains("1 ran"), "another name is another source");
}

#[test]
fn a_file_without_rights_is_named() {
    // SAFETY: a system call without arguments.
    if unsafe { libc::geteuid() } == 0 {
        eprintln!("SKIPPED a_file_without_rights_is_named: root may read anything");
        return;
    }
    let closed = |project: &kill::Project| {
        std::fs::set_permissions(project.path("data/x"), std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    };
    let (_, code, said) = reading(closed);
    assert_eq!(code, Some(1));
    assert!(said.contains("Permission denied") && said.contains("sources.0"), "{said}");
}
