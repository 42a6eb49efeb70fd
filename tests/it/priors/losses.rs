use super::*;
use runner::science::data::UNLABELLED;
use runner::science::loss::{
    ClassWeights, DiceOver, Reduction, Target, logistic_discriminator, logistic_generator, partial_cross_entropy,
    soft_cross_entropy, soft_dice_loss, weighted_one_hot,
};
use runner::science::model::values;

fn close(found: f32, expected: f64) {
    assert!((f64::from(found) - expected).abs() < 1e-5, "{found} is not {expected}");
}

/// Two images of 1x2 pixels and three classes. Softmax of 0 and ln 2: probabilities are 1/4, 1/4, 1/2 and so on.
fn dice_case() -> (Tensor<4>, Tensor<4>) {
    let two = std::f32::consts::LN_2;
    #[rustfmt::skip]
    let logits = [
        // Background, first and second class of both pixels: first pixel 1/4 1/2 1/4, second 1/2 1/4 1/4.
        0.0, two, two, 0.0, 0.0, 0.0,
        // All a third.
        0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ];
    #[rustfmt::skip]
    let truth = [
        0.0, 1.0, 1.0, 0.0, 0.0, 0.0,
        1.0, 1.0, 0.0, 0.0, 0.0, 0.0,
    ];
    let device = Device::flex();
    (tensor(&logits, [2, 3, 1, 2], &device), tensor(&truth, [2, 3, 1, 2], &device))
}

#[test]
fn dice_of_images_and_of_classes_are_those_worked_by_hand() {
    let (logits, truth) = dice_case();
    let loss = |over, smoothing| values(&soft_dice_loss(logits.clone(), truth.clone(), over, smoothing))[0];
    // First image: 2 * 1/2 over (1/2 + 1/4 + 1/4 + 1/4) + 1; second: nothing there, 4/3 predicted.
    close(loss(DiceOver::Image, 0.0), ((1.0 - 1.0 / 2.25) + 1.0) / 2.0);
    close(loss(DiceOver::Image, 1.0), ((1.0 - 2.0 / 3.25) + (1.0 - 1.0 / (4.0 / 3.0 + 1.0))) / 2.0);
    // First image, first class: 1 / (3/4 + 1); second class: 0 / (1/2); second image: 0 / (2/3) twice.
    close(loss(DiceOver::Class, 0.0), (3.0 / 7.0 + 1.0 + 1.0 + 1.0) / 4.0);
}

#[test]
fn logistic_losses_are_those_worked_by_hand_and_do_not_overflow() {
    let scores =
        |values: &[f32]| Tensor::<1>::from_data(TensorData::new(values.to_vec(), [values.len()]), &Device::flex());
    let three = 3.0f32.ln();
    // -log sigmoid(ln 3) = log(4 / 3); log(1 + exp(-ln 3)) is the same.
    let expected = (4.0f64 / 3.0).ln() + ((4.0f64 / 3.0).ln() + 4.0f64.ln()) / 2.0;
    close(values(&logistic_discriminator(scores(&[three]), scores(&[-three, three])))[0], expected);
    close(values(&logistic_generator(scores(&[-three])))[0], 4.0f64.ln());
    close(values(&logistic_generator(scores(&[-1000.0, 1000.0])))[0], 500.0);
}

#[test]
fn soft_labels_that_are_hard_give_the_partial_cross_entropy() {
    let device = Device::flex();
    let shape = [2, 3, 4, 5];
    let logits = random(shape, 1, &device);
    let labels: Vec<u8> = (0..40).map(|i| if i % 3 == 0 { UNLABELLED } else { (i * i % 3) as u8 }).collect();
    for weights in [ClassWeights::PerImage, ClassWeights::Uniform] {
        let target = Target::new(&labels, UNLABELLED, shape, weights, Reduction::MeanOverAnnotatedPixels).unwrap();
        let hard = values(&partial_cross_entropy(logits.clone(), &target))[0];
        let soft = weighted_one_hot(&labels, &target.weights, shape, &device);
        close(values(&soft_cross_entropy(logits.clone(), soft, target.annotated as f64))[0], f64::from(hard));
    }
}

#[test]
fn a_pixel_between_two_labels_counts_by_half_for_each() {
    let device = Device::flex();
    // Probabilities 1/4 and 3/4.
    let logits = tensor(&[0.0, 3.0f32.ln()], [1, 2, 1, 1], &device);
    let labels = tensor(&[0.5, 0.5], [1, 2, 1, 1], &device);
    let expected = 0.5 * 4.0f64.ln() + 0.5 * (4.0f64 / 3.0).ln();
    close(values(&soft_cross_entropy(logits.clone(), labels.clone(), 1.0))[0], expected);
    assert_eq!(values(&soft_cross_entropy(logits, labels, 0.0)), [0.0], "nothing annotated");
}
