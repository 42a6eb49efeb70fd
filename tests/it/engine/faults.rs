use super::toys::{Heard, Project, chain, files, object, overwrite};
use runner::engine::cache::{Entry, read_journal};
use runner::engine::{Options, run};
use std::io::Write;

/// A run that must come to the undisturbed result; what it said.
fn recovers(project: &Project) -> Vec<String> {
    let heard = Heard::default();
    let options = Options { jobs: 2, ..Options::default() };
    let summary = run(&project.plan, &project.store(), &options, &heard).unwrap();
    assert!(summary.succeeded(), "{summary:?}");
    assert!(project.result("text/text.txt").ends_with("a(2 a(1))"));
    heard.lines.into_inner()
}

#[test]
fn a_corrupt_input_is_set_aside_and_made_again() {
    let mut project = chain();
    project.run();
    // Same size: only its bytes tell.
    let path = object(&project, "2 a(1)");
    overwrite(&path, "2 a(X)");
    std::fs::remove_dir_all(project.path(".runner/trees")).unwrap();
    project.set("last", "text", "new");
    let lines = recovers(&project);
    assert!(lines.iter().any(|line| line.contains("was corrupt; it is set aside")), "{lines:?}");
    assert!(lines.contains(&"Ran middle".to_owned()), "{lines:?}");
    assert!(!lines.contains(&"Ran first".to_owned()), "{lines:?}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "2 a(1)");
    assert_eq!(files(&project.path(".runner/corrupt")).len(), 1);
}

#[test]
fn a_tree_that_was_written_to_is_made_anew() {
    let mut project = chain();
    project.run();
    for file in files(&project.path(".runner/trees")) {
        overwrite(&file, "spoilt");
    }
    project.set("last", "text", "new");
    recovers(&project);
}

#[test]
fn a_corrupt_result_is_made_again() {
    let project = chain();
    project.run();
    overwrite(&object(&project, "3 a(2 a(1))"), "3 a(2 a(X))");
    std::fs::remove_dir_all(project.path("results")).unwrap();
    let lines = recovers(&project);
    assert!(lines.contains(&"Ran last".to_owned()), "{lines:?}");
}

#[test]
fn a_deleted_object_is_made_again() {
    let project = chain();
    project.run();
    std::fs::remove_file(object(&project, "2 a(1)")).unwrap();
    let lines = recovers(&project);
    assert!(lines.contains(&"Ran middle".to_owned()), "{lines:?}");
    assert!(lines.contains(&"Cached last".to_owned()), "{lines:?}");
}

#[test]
fn every_object_may_be_lost() {
    let project = chain();
    project.run();
    std::fs::remove_dir_all(project.path(".runner/objects")).unwrap();
    std::fs::remove_dir_all(project.path(".runner/trees")).unwrap();
    recovers(&project);
}

#[test]
fn torn_records_are_no_hits() {
    let project = chain();
    project.run();
    for (count, path) in files(&project.path(".runner/actions")).into_iter().enumerate() {
        let text = std::fs::read_to_string(&path).unwrap();
        // Torn, empty, and of another key.
        let torn = [&text[..text.len() / 2], "", &text.replace("\"toy\"", "\"boy\"")][count % 3].to_owned();
        std::fs::write(path, torn).unwrap();
    }
    let lines = recovers(&project);
    assert_eq!(lines.iter().filter(|line| line.starts_with("Ran ")).count(), 3, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("record") && line.contains("corrupt")), "{lines:?}");
}

#[test]
fn what_a_killed_run_left_is_swept() {
    let project = chain();
    let left = project.path(".runner/tmp/4242-0");
    std::fs::create_dir_all(left.join("work-0/out")).unwrap();
    std::fs::write(left.join("work-0/out/text.txt"), "half").unwrap();
    std::fs::write(left.join("lock"), "").unwrap();
    std::fs::create_dir_all(project.path(".runner/locks")).unwrap();
    let lines = recovers(&project);
    assert!(!left.exists());
    assert!(lines.iter().any(|line| line.contains("left by a run that was killed")), "{lines:?}");
}

#[test]
fn nothing_temporary_stays() {
    let project = chain();
    project.run();
    assert_eq!(files(&project.path(".runner/tmp")), [project.path(".runner/tmp/.gate")]);
    assert!(files(&project.path(".runner/locks")).is_empty());
}

#[test]
fn a_torn_journal_reads_up_to_the_tear() {
    let project = chain();
    project.run();
    let path = files(&project.path(".runner/journal")).remove(0);
    let whole = read_journal(&path).unwrap();
    assert!(matches!(whole.last(), Some(Entry::RunFinished { ran: 3, cached: 0, failed: 0, .. })));
    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    file.write_all(br#"{"event":"started","at":17,"no"#).unwrap();
    assert_eq!(read_journal(&path).unwrap(), whole);
}

#[test]
fn objects_are_read_only() {
    let project = chain();
    project.run();
    for file in files(&project.path(".runner/objects")) {
        assert!(file.metadata().unwrap().permissions().readonly(), "{}", file.display());
    }
}
