use crate::science::data::Labels;

/// Share of all pixels that carry each class, `[class]`, from 0 to 1. What is missing to 1 is
/// unlabelled. No pixels: all shares are 0.
pub fn coverage(scribble: &Labels, classes: usize) -> Vec<f64> {
    let mut counts = vec![0_u64; classes];
    for &label in &scribble.data {
        if let Some(count) = counts.get_mut(usize::from(label)) {
            *count += 1;
        }
    }
    let pixels = scribble.data.len().max(1) as f64;
    counts.into_iter().map(|count| count as f64 / pixels).collect()
}
