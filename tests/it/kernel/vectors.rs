use super::*;
use runner::science::model::kernel::{fill_normal, foreground};
use std::process::Command;

/// A word for many values that changes with every bit of them.
fn fingerprint(values: &[f32]) -> u32 {
    values.iter().fold(0, |word: u32, value| word.rotate_left(5) ^ value.to_bits())
}

/// Noise and probabilities promise the same bits on every processor; the test below runs this one on others.
#[test]
fn noise_and_probabilities_have_their_bits() {
    let mut noise = vec![0.0; 1000];
    fill_normal(&mut ChaCha8Rng::seed_from_u64(1), 0.2, &mut noise);
    let logits = random(2 * 4 * 9 * 7, &mut ChaCha8Rng::seed_from_u64(2));
    let logits = Tensor::<1>::from_data(TensorData::new(logits.clone(), [logits.len()]), &Device::flex());
    let probabilities = values(&foreground(logits.reshape([2, 4, 9, 7])));
    assert_eq!([fingerprint(&noise), fingerprint(&probabilities)], [177_052_515, 1_098_847_139]);
}

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
