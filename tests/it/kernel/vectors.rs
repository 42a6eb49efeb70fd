use std::process::Command;

/// A processor of its own would be better: here the tests of this module run again in a process that is told
/// to leave the wide vectors alone.
#[test]
fn narrower_vectors_pass_the_same_tests() {
    const LIMIT: &str = "RUNNER_VECTORS";
    if std::env::var_os(LIMIT).is_some() {
        return;
    }
    for vectors in ["avx2", "portable"] {
        let run = Command::new(std::env::current_exe().unwrap()).arg("kernel::").env(LIMIT, vectors).output().unwrap();
        let text = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{vectors}: {text}");
        assert!(!text.contains(" 0 passed"), "{vectors}: {text}");
    }
}
