use super::StatError;

/// The paper's asterisks: `**` for p <= 0.01, `*` for p <= 0.05.
pub fn stars(p: f64) -> &'static str {
    match p {
        p if p <= 0.01 => "**",
        p if p <= 0.05 => "*",
        _ => "",
    }
}

/// Holm's step-down adjustment, in the order given. An extra: the paper tests against the best
/// competitor alone, "to avoid multiple comparisons".
pub fn holm(p: &[f64]) -> Result<Vec<f64>, StatError> {
    check(p)?;
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut floor = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        floor = floor.max((p.len() - rank) as f64 * p[index]).min(1.0);
        adjusted[index] = floor;
    }
    Ok(adjusted)
}

/// Every p times their number.
pub fn bonferroni(p: &[f64]) -> Result<Vec<f64>, StatError> {
    check(p)?;
    Ok(p.iter().map(|each| (each * p.len() as f64).min(1.0)).collect())
}

fn check(p: &[f64]) -> Result<(), StatError> {
    match p.iter().position(|p| !(0.0..=1.0).contains(p)) {
        Some(index) => Err(StatError::Probability { index, value: p[index] }),
        None => Ok(()),
    }
}
