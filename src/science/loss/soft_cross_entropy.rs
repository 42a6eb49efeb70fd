use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};

/// (Partial) cross-entropy with soft labels: `-sum(labels * log softmax(logits)) / divisor`.
///
/// `logits, labels: [batch, class, h, w]`; a pixel without annotation has no label at all, and one between an annotated
/// and an unannotated pixel a part of one. Factors w_i of eq. (1) are in the labels. With one-hot labels and the number of
/// annotated pixels as the divisor this is `partial_cross_entropy` with its mean over annotated pixels. Gradients reach
/// both.
pub fn soft_cross_entropy(logits: Tensor<4>, labels: Tensor<4>, divisor: f64) -> Tensor<1> {
    let [batch, classes, height, width] = logits.dims();
    let terms = labels * log_softmax(logits, 1);
    let images: Tensor<2> = terms.reshape([batch, classes * height * width]).sum_dim(1);
    images.sum().mul_scalar(if divisor > 0.0 { -1.0 / divisor } else { 0.0 })
}

/// Annotations `[batch, h, w]` as channels `[batch, class, h, w]`, each times the factor of its class in its image; none
/// where a pixel is unlabelled. `weights: [batch][class]`.
pub fn weighted_one_hot(
    labels: &[u8],
    weights: &[Vec<f64>],
    [batch, classes, height, width]: [usize; 4],
    device: &Device,
) -> Tensor<4> {
    let area = height * width;
    let mut channels = vec![0.0f32; batch * classes * area];
    let images = channels.chunks_mut((classes * area).max(1)).zip(labels.chunks(area.max(1)));
    for ((channels, labels), weights) in images.zip(weights) {
        for (pixel, &label) in labels.iter().enumerate() {
            if let Some(weight) = weights.get(usize::from(label)) {
                channels[usize::from(label) * area + pixel] = *weight as f32;
            }
        }
    }
    Tensor::from_data(TensorData::new(channels, [batch, classes, height, width]), device)
}
