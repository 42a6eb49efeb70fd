use super::game::{Game, Table};
use super::lesson::{Course, EpochReport, Observer, Taught, TrainingError};
use super::parameters::TrainingParameters;
use super::predict::network;
use super::set::TrainingSet;
use super::step::judge_of;
use crate::science::method::Method;
use crate::science::model::kernel::ReleaseBuffers;
use crate::science::model::{Network, Weights};
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
    let network = network(method, training, set.channels, set.classes);
    let (taught, weights) = segmentor(Table { method, training, set, seed, device }, "segmentor", observer)?;
    let Taught { log, best_epoch, best_score, finished, .. } = taught;
    Ok(Fit { network, weights, log, best_epoch, best_dice: best_score, others: Vec::new(), finished })
}

/// The course of a segmentor, against its discriminator if it has one.
fn segmentor(
    table: Table,
    name: &'static str,
    observer: &mut dyn Observer,
) -> Result<(Taught, Weights), TrainingError> {
    let Table { training, set, .. } = table;
    let steps_per_epoch = training.steps_per_epoch.unwrap_or(set.images.div_ceil(training.batch_size)).max(1);
    let course = Course { name, score: "validation_dice", training, steps_per_epoch };
    rayon::in_place_scope(|scope| {
        let mut game = Game::new(table, scope, course.steps());
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
    let plays = judge_of(method).is_some();
    match () {
        _ if set.annotated.is_empty() => Err(TrainingError::Empty("annotated image")),
        _ if set.validation.is_empty() => Err(TrainingError::Empty("validation case")),
        _ if plays && set.unlabelled.is_empty() => Err(TrainingError::Empty("unlabelled image")),
        _ if plays && set.masks.is_empty() => Err(TrainingError::Empty("mask for the discriminator")),
        _ => Ok(()),
    }
}
