use super::array::Array;
use super::buffer::Buffer;
use super::lanes::vectorised;
use super::operation::{Operation, apply, operands, plain};
use super::reduction::{LANES, fold, total};
use burn::backend::Flex;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::{batch_norm, batch_norm_train};
use rayon::prelude::*;

/// Batch norm over batch and pixels, and what it saw.
pub struct Normalised {
    pub output: Tensor<4>,
    /// Of each channel of the batch.
    pub mean: Tensor<1>,
    /// Of each channel of the batch, divided by the number of values.
    pub variance: Tensor<1>,
}

/// `relu(scale * (features - mean) / sqrt(variance + epsilon) + shift)` with the batch's own mean and
/// variance: `features: [batch, channel, h, w]`, `scale, shift: [channel]`. No gradient flows through the
/// returned statistics.
pub fn batch_norm_relu(features: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>, epsilon: f64) -> Normalised {
    #[cfg(feature = "tch")]
    if let Some((output, [mean, variance])) = super::libtorch::batch_norm_relu(&features, [&scale, &shift], epsilon) {
        return Normalised { output, mean, variance };
    }
    let inputs = [&features.clone().into_dispatch(), &scale.clone().into_dispatch(), &shift.clone().into_dispatch()];
    match operands(inputs.map(Clone::clone)) {
        Some(operands) => {
            let (output, [mean, variance]) = apply(operands, |[features, scale, shift]| {
                let (output, statistics) = forward(&features, scale.values(), shift.values(), epsilon as f32);
                let mean = Array::new(statistics.iter().map(|s| s.mean).collect(), [statistics.len()]);
                let variance = Array::new(statistics.iter().map(|s| s.variance).collect(), [statistics.len()]);
                (output, BatchNormRelu { features, scale, shift, statistics }, [mean, variance])
            });
            let tensor = |array: Array| Tensor::from_primitive::<Flex>(array.into_flex());
            Normalised { output, mean: tensor(mean), variance: tensor(variance) }
        }
        None => {
            let normalised = batch_norm_train(features, scale, shift, epsilon);
            Normalised { output: relu(normalised.output), mean: normalised.mean, variance: normalised.variance }
        }
    }
}

/// `relu(scale * (features - mean) / sqrt(variance + epsilon) + shift)` with given statistics:
/// `features: [batch, channel, h, w]`, `[scale, shift, mean, variance]: [channel]` each. Outside of
/// autodiff it works in the memory of the features if nothing else holds it.
pub fn normalise_relu(features: Tensor<4>, parameters: [Tensor<1>; 4], epsilon: f64) -> Tensor<4> {
    #[cfg(feature = "tch")]
    if let Some(output) = super::libtorch::normalise_relu(&features, &parameters, epsilon) {
        return output;
    }
    let own = parameters.clone().map(plain).into_iter().collect::<Option<Vec<_>>>();
    let [_, channels, height, width] = features.dims();
    match own.zip(plain(features.clone())) {
        Some((parameters, own)) => {
            drop(features);
            let parameters: Vec<Array> = parameters.into_iter().map(Array::from).collect();
            let factors: Vec<Factors> =
                (0..channels).map(|channel| Factors::of(&parameters, channel, epsilon)).collect();
            let mut output = own.to_contiguous();
            drop(own);
            let start = output.layout().start_offset();
            let planes = start..start + output.layout().num_elements();
            let planes = output.storage_mut::<f32>()[planes].par_chunks_mut(height * width);
            planes.enumerate().for_each(|(plane, values)| factors[plane % channels].apply(values));
            Tensor::from_primitive::<Flex>(output)
        }
        None => {
            let [scale, shift, mean, variance] = parameters;
            relu(batch_norm(features, scale, shift, mean, variance, epsilon))
        }
    }
}

/// Of a channel in [`normalise_relu`].
struct Factors {
    mean: f32,
    factor: f32,
    shift: f32,
}

impl Factors {
    fn of(parameters: &[Array], channel: usize, epsilon: f64) -> Self {
        let [scale, shift, mean, variance] = [0, 1, 2, 3].map(|i| parameters[i].values()[channel]);
        Factors { mean, factor: scale / (variance + epsilon as f32).sqrt(), shift }
    }

    fn apply(&self, values: &mut [f32]) {
        normalise_in_place(values, self.mean, self.factor, self.shift);
    }
}

#[derive(Debug, Clone, Copy)]
struct Statistics {
    mean: f32,
    variance: f32,
    /// 1 / sqrt(variance + epsilon)
    inverse: f32,
}

/// The planes of each channel, image after image.
fn by_channel(values: &mut [f32], channels: usize, pixels: usize) -> Vec<Vec<&mut [f32]>> {
    let mut planes: Vec<Vec<&mut [f32]>> = (0..channels).map(|_| Vec::new()).collect();
    for (index, plane) in values.chunks_exact_mut(pixels).enumerate() {
        planes[index % channels].push(plane);
    }
    planes
}

fn forward(features: &Array, scale: &[f32], shift: &[f32], epsilon: f32) -> (Array, Vec<Statistics>) {
    let [batch, channels, height, width] = features.dims();
    let pixels = height * width;
    let mut output = Buffer::new(batch * channels * pixels);
    let planes = by_channel(&mut output, channels, pixels);
    let statistics = planes.into_par_iter().enumerate().map(|(channel, outputs)| {
        let plane = |image: usize| &features.values()[(image * channels + channel) * pixels..][..pixels];
        let count = (batch * pixels) as f64;
        let mean = ((0..batch).map(|image| f64::from(total(plane(image)))).sum::<f64>() / count) as f32;
        let squares = (0..batch).map(|image| f64::from(squares(plane(image), mean))).sum::<f64>();
        let variance = (squares / count) as f32;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        for (image, output) in outputs.into_iter().enumerate() {
            normalise(plane(image), output, mean, scale[channel] * inverse, shift[channel]);
        }
        Statistics { mean, variance, inverse }
    });
    let statistics = statistics.collect();
    (Array::of(output, [batch, channels, height, width]), statistics)
}

#[derive(Debug, Clone)]
struct BatchNormRelu {
    features: Array,
    scale: Array,
    shift: Array,
    statistics: Vec<Statistics>,
}

impl Operation<3> for BatchNormRelu {
    fn backward(self, gradient: Array, _: [bool; 3]) -> [Option<Array>; 3] {
        let [batch, channels, height, width] = self.features.dims();
        let pixels = height * width;
        let (scale, shift) = (self.scale.values(), self.shift.values());
        let mut features_gradient = Buffer::new(batch * channels * pixels);
        let planes = by_channel(&mut features_gradient, channels, pixels);
        let parameters = planes.into_par_iter().enumerate().map(|(channel, outputs)| {
            let Statistics { mean, inverse, .. } = self.statistics[channel];
            let of = |array: &'_ Array, image: usize| {
                let start = (image * channels + channel) * pixels;
                start..start + array.values().len().min(pixels)
            };
            let channel = Channel { mean, inverse, scale: scale[channel], shift: shift[channel] };
            let mut sums = [0.0f64; 2];
            for image in 0..batch {
                let [plain, centred] = gradient_sums(
                    &self.features.values()[of(&self.features, image)],
                    &gradient.values()[of(&gradient, image)],
                    channel,
                );
                sums[0] += f64::from(plain);
                sums[1] += f64::from(centred);
            }
            let count = (batch * pixels) as f64;
            let means = sums.map(|sum| (sum / count) as f32);
            for (image, output) in outputs.into_iter().enumerate() {
                features_gradient_of(
                    &self.features.values()[of(&self.features, image)],
                    &gradient.values()[of(&gradient, image)],
                    output,
                    channel,
                    means,
                );
            }
            [sums[1] as f32, sums[0] as f32]
        });
        let parameters: Vec<[f32; 2]> = parameters.collect();
        let parameter = |index: usize| Some(Array::new(parameters.iter().map(|p| p[index]).collect(), [channels]));
        let features = Array::of(features_gradient, [batch, channels, height, width]);
        [Some(features), parameter(0), parameter(1)]
    }
}

#[derive(Clone, Copy)]
struct Channel {
    mean: f32,
    inverse: f32,
    scale: f32,
    shift: f32,
}

vectorised! {
    fn squares(values: &[f32], mean: f32) -> f32 {
        let mut sums = [0.0; LANES];
        let chunks = values.chunks_exact(LANES);
        let rest: f32 = chunks.remainder().iter().map(|value| (value - mean) * (value - mean)).sum();
        for chunk in chunks {
            for lane in 0..LANES {
                let centred = chunk[lane] - mean;
                sums[lane] += centred * centred;
            }
        }
        fold(sums) + rest
    }
}

vectorised! {
    fn normalise(values: &[f32], output: &mut [f32], mean: f32, factor: f32, shift: f32) {
        for (value, output) in values.iter().zip(output) {
            let normal = (value - mean) * factor + shift;
            // NaN passes, as through burn's relu.
            *output = if normal <= 0.0 { 0.0 } else { normal };
        }
    }
}

vectorised! {
    fn normalise_in_place(values: &mut [f32], mean: f32, factor: f32, shift: f32) {
        for value in values {
            let normal = (*value - mean) * factor + shift;
            *value = if normal <= 0.0 { 0.0 } else { normal };
        }
    }
}

vectorised! {
    /// Sums of the gradient behind the ReLU and of its product with the normalised features.
    fn gradient_sums(values: &[f32], gradient: &[f32], channel: Channel) -> [f32; 2] {
        let factor = channel.scale * channel.inverse;
        let (mut plain, mut centred) = ([0.0; LANES], [0.0; LANES]);
        let (values, gradients) = (values.chunks_exact(LANES), gradient.chunks_exact(LANES));
        let mut rest = [0.0; 2];
        for (value, gradient) in values.remainder().iter().zip(gradients.remainder()) {
            let distance = value - channel.mean;
            let passed = if distance * factor + channel.shift <= 0.0 { 0.0 } else { *gradient };
            rest[0] += passed;
            rest[1] += passed * distance;
        }
        for (values, gradients) in values.zip(gradients) {
            for lane in 0..LANES {
                let distance = values[lane] - channel.mean;
                let passed = if distance * factor + channel.shift <= 0.0 { 0.0 } else { gradients[lane] };
                plain[lane] += passed;
                centred[lane] += passed * distance;
            }
        }
        [fold(plain) + rest[0], (fold(centred) + rest[1]) * channel.inverse]
    }
}

vectorised! {
    /// `means`: of the two [`gradient_sums`] over the batch.
    fn features_gradient_of(values: &[f32], gradient: &[f32], output: &mut [f32], channel: Channel, means: [f32; 2]) {
        let factor = channel.scale * channel.inverse;
        let slope = means[1] * channel.inverse;
        for ((value, gradient), output) in values.iter().zip(gradient).zip(output) {
            let distance = value - channel.mean;
            let passed = if distance * factor + channel.shift <= 0.0 { 0.0 } else { *gradient };
            *output = factor * (passed - means[0] - distance * slope);
        }
    }
}
