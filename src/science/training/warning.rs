use super::lesson::EpochReport;

/// Share of masks called right from which a discriminator counts as perfect.
const PERFECT: f64 = 0.99;
/// Epochs in a row after which that is worth saying.
const EPOCHS: usize = 5;

/// What looks wrong in the log of a game that didn't diverge: sentences for the user. A discriminator that is never wrong
/// has nothing left to learn, and its gradient tells the segmentor little.
pub fn warnings(log: &[EpochReport]) -> Vec<String> {
    let right = |report: &EpochReport| {
        ["accuracy_real", "accuracy_fake"].iter().all(|name| report.values.get(*name).is_some_and(|v| *v >= PERFECT))
    };
    let runs = log.chunk_by(|a, b| right(a) == right(b)).filter(|run| run.len() >= EPOCHS && right(&run[0]));
    let Some(longest) = runs.max_by_key(|run| run.len()) else { return Vec::new() };
    let [first, last] = [longest[0].epoch, longest[longest.len() - 1].epoch];
    vec![format!(
        "the discriminator told real masks from predictions without fail in epochs {first} to {last}: it has won the game; \
         lower learning_rate.high, or raise instance_noise or label_noise"
    )]
}
