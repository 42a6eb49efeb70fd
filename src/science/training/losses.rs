/// What a step saw, by name, in the order of the log. Means over steps make the log of an epoch.
///
/// Names of the game: `supervised_loss` (L_SUP before a0), `adversarial_loss` (V_LS of the segmentor on the annotated batch),
/// `a0`, `gradient_norm` (of the segmentor on the annotated batch), `discriminator_loss`, `accuracy_real` and `accuracy_fake`
/// (share of real masks, and of predictions, on the right side of 0), `discriminator_gradient_norm`, `generator_loss` (V_LS of
/// the segmentor on the unlabelled batch, after the discriminator's step), `attention_mean` (map of the deepest gate).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Losses(Vec<(&'static str, f64)>);

impl Losses {
    pub fn put(&mut self, name: &'static str, value: f64) {
        self.0.push((name, value));
    }

    /// NaN if the step has no such value.
    pub fn get(&self, name: &str) -> f64 {
        self.iter().find(|(known, _)| *known == name).map_or(f64::NAN, |(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.0.iter().copied()
    }
}
