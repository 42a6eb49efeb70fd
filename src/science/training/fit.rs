use super::augmenter::Augmenter;
use super::degeneracy::Degeneracy;
use super::denoiser::{DenoiserParameters, train_denoiser};
use super::game::{Game, Table};
use super::lesson::{Course, EpochReport, Observer, Taught, TrainingError};
use super::parameters::TrainingParameters;
use super::predict::{network, predict};
use super::set::TrainingSet;
use super::tsda::train_augmenter;
use super::warning::warnings;
use crate::science::data::{Image, UNLABELLED};
use crate::science::method::{DiscriminatorKind, Method};
use crate::science::model::kernel::ReleaseBuffers;
use crate::science::model::{Denoiser, Network, NetworkError, Weights};
use burn::tensor::Device;

/// The outcome of [`fit`].
pub struct Fit {
    /// What predicts.
    pub network: Network,
    /// Best weights by the validation score, outside of autodiff.
    pub weights: Weights,
    /// The course of the segmentor that predicts.
    pub log: Vec<EpochReport>,
    pub best_epoch: usize,
    pub best_dice: f64,
    /// The courses of other parts.
    pub others: Vec<Taught>,
    /// What looks wrong: sentences for the user.
    pub warnings: Vec<String>,
    /// False if the observer stopped it; a later call goes on from the checkpoints.
    pub finished: bool,
}

/// Trains a method (section III-C): each iteration takes one batch of annotated images, then one of
/// unlabelled images. `device` is outside of autodiff. Same inputs and seed, same bits.
pub fn fit(
    method: &Method,
    training: &TrainingParameters,
    set: &TrainingSet,
    seed: u64,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Fit, TrainingError> {
    check(method, training, set)?;
    // Before the game, so that it goes last.
    let _release = ReleaseBuffers;
    let table = Table { method, training, set, seed, device };
    let mut fit = Fit::nothing(network(method, training, set.channels, set.classes));
    let mut augmenter = None;
    if let Some(parameters) = &method.tsda {
        let (taught, trained) = train_augmenter(parameters, table, observer)?;
        if !fit.goes_on_after(taught) {
            return Ok(fit);
        }
        augmenter = Some(trained);
    }
    let relabelled;
    let mut table = table;
    if method.two_steps {
        let (taught, weights) = segmentor(table, "first_step", augmenter.as_ref(), observer)?;
        if !fit.goes_on_after(taught) {
            return Ok(fit);
        }
        relabelled = relabel(&fit.network, &weights, set, device)?;
        table.set = &relabelled;
    }
    let (taught, weights) = segmentor(table, "segmentor", augmenter.as_ref(), observer)?;
    fit.weights = weights;
    fit.warnings = warnings(&taught.log);
    (fit.best_epoch, fit.best_dice, fit.finished) = (taught.best_epoch, taught.best_score, taught.finished);
    fit.log = taught.log;
    if let Some(parameters) = method.denoiser.as_ref().filter(|_| fit.finished) {
        let (taught, denoiser, weights) = train_denoiser(parameters, table, observer)?;
        if fit.goes_on_after(taught) {
            fit.put_behind(denoiser, parameters, &weights, table)?;
        }
    }
    Ok(fit)
}

impl Fit {
    fn nothing(network: Network) -> Self {
        let (log, others, warnings) = (Vec::new(), Vec::new(), Vec::new());
        let weights = Weights::default();
        Fit { network, weights, log, best_epoch: 0, best_dice: f64::NAN, others, warnings, finished: false }
    }

    /// Notes the course of another part.
    fn goes_on_after(&mut self, taught: Taught) -> bool {
        self.finished = taught.finished;
        self.others.push(taught);
        self.finished
    }

    /// A degenerate autoencoder is reported, not hidden: the paper saw ones that always gave an empty mask (section V-A).
    fn put_behind(
        &mut self,
        denoiser: Denoiser,
        parameters: &DenoiserParameters,
        weights: &Weights,
        table: Table,
    ) -> Result<(), NetworkError> {
        let Table { set, device, .. } = table;
        let before = labels(&self.network, &self.weights, set, device)?;
        let network = self.network.clone();
        self.network = network.with_denoiser(denoiser, parameters.input, weights, &mut self.weights);
        let after = labels(&self.network, &self.weights, set, device)?;
        let [before, after] = [&before, &after].map(|all| all.iter().map(Vec::as_slice).collect::<Vec<&[u8]>>());
        let degeneracy = Degeneracy::of(&before, &after, set.classes);
        if degeneracy.is_degenerate() {
            self.warnings.push(degeneracy.to_string());
        }
        Ok(())
    }
}

/// Predicted labels of all validation slices.
fn labels(
    network: &Network,
    weights: &Weights,
    set: &TrainingSet,
    device: &Device,
) -> Result<Vec<Vec<u8>>, NetworkError> {
    let mut labels = Vec::new();
    for validation in &set.validation {
        labels
            .extend(predict(network, weights, &validation.volume.image, device)?.into_iter().map(|slice| slice.labels));
    }
    Ok(labels)
}

/// The annotated images with a label for every pixel: the annotation where there is one, else the prediction.
///
/// Can et al. [5] relabel the training set by the CRF and leave pixels of low confidence out by dropout and a threshold; the
/// paper's "variant modeling CRF as an RNN rather than a separate post-processing step" is read as taking the most probable
/// label of every pixel. The second training starts from fresh weights.
fn relabel(
    network: &Network,
    weights: &Weights,
    set: &TrainingSet,
    device: &Device,
) -> Result<TrainingSet, NetworkError> {
    let TrainingSet { channels, height, width, .. } = *set;
    let mut relabelled = set.clone();
    for slice in &mut relabelled.annotated {
        let image = Image { slices: 1, channels, height, width, data: slice.image.clone() };
        let mut labels: Vec<u8> =
            predict(network, weights, &image, device)?.into_iter().flat_map(|p| p.labels).collect();
        for annotation in &slice.labels {
            let known = labels.iter_mut().zip(annotation).filter(|(_, known)| **known != UNLABELLED);
            known.for_each(|(label, known)| *label = *known);
        }
        slice.labels = vec![labels];
    }
    Ok(relabelled)
}

/// The course of a segmentor, against its discriminator if it has one.
fn segmentor(
    table: Table,
    name: &'static str,
    augmenter: Option<&Augmenter>,
    observer: &mut dyn Observer,
) -> Result<(Taught, Weights), TrainingError> {
    let Table { training, set, .. } = table;
    let steps_per_epoch = training.steps_per_epoch.unwrap_or(set.images.div_ceil(training.batch_size)).max(1);
    let course = Course { name, score: "validation_dice", training, steps_per_epoch };
    rayon::in_place_scope(|scope| {
        let mut game = Game::new(table, augmenter, scope, course.steps());
        Ok((course.teach(&mut game, observer)?, game.into_best()))
    })
}

fn check(method: &Method, training: &TrainingParameters, set: &TrainingSet) -> Result<(), TrainingError> {
    let TrainingSet { height, width, .. } = *set;
    if !height.is_multiple_of(16) || !width.is_multiple_of(16) || height.min(width) < 32 {
        return Err(TrainingError::Size { height, width });
    }
    let positive = [training.batch_size, training.epochs, training.width, training.early_stopping.every];
    if positive.contains(&0) || training.steps_per_epoch == Some(0) || training.learning_rate.period <= 0.0 {
        return Err(TrainingError::Parameters);
    }
    let plays = method.discriminator != DiscriminatorKind::None;
    if let Some(crf) = &method.crf {
        crf.check()?;
        if plays {
            let why = "a discriminator judges the segmentor, and nobody says whether before the CRF or behind it";
            return Err(TrainingError::Method { method: "crf", other: "a discriminator", why });
        }
    }
    match () {
        _ if set.annotated.is_empty() => Err(TrainingError::Empty("annotated image")),
        _ if set.validation.is_empty() => Err(TrainingError::Empty("validation case")),
        _ if plays && set.unlabelled.is_empty() => Err(TrainingError::Empty("unlabelled image")),
        _ if plays && set.masks.is_empty() => Err(TrainingError::Empty("mask for the discriminator")),
        _ => Ok(()),
    }
}
