//! Mean field as the layer of a network.

use super::{CrfError, CrfParameters, Filter, KernelWeights};
use crate::science::model::kernel::{convolution, softmax};
use crate::science::model::weights::{Kind, Weights, values};
use burn::tensor::{Device, Tensor};

/// The weights' names.
const APPEARANCE: &str = "crf.appearance";
const SMOOTHNESS: &str = "crf.smoothness";
const COMPATIBILITY: &str = "crf.compatibility";

/// CRF as RNN ([24], sections 4 and 5): `Q <- softmax(U - mu (W_a Ka Q + W_s Ks Q))`, `iterations` times, with weights of the
/// kernels and a compatibility of classes that are learnt together with the network below. No gradient reaches the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrfLayer {
    /// Background included.
    pub classes: usize,
    pub parameters: CrfParameters,
}

impl CrfLayer {
    /// The weights before training, with which the layer is [`super::Crf`]: the kernels' weights are the same for all classes,
    /// and the compatibility is Potts'.
    pub fn init(&self, device: &Device) -> Weights {
        let (classes, field) = (self.classes, &self.parameters.field);
        let matrix = |diagonal: f64, off: f64| -> Vec<f32> {
            let at = |i: usize| if i / classes == i % classes { diagonal } else { off };
            (0..classes * classes).map(|i| at(i) as f32).collect()
        };
        let mut weights = Weights::default();
        for (name, weight) in [(APPEARANCE, field.appearance), (SMOOTHNESS, field.smoothness)] {
            let (shape, values) = match self.parameters.kernel_weights {
                KernelWeights::PerClass => (vec![classes], vec![weight as f32; classes]),
                KernelWeights::Matrix => (vec![classes; 2], matrix(weight, 0.0)),
            };
            weights.insert(name, &shape, Kind::Trainable, values, device);
        }
        weights.insert(COMPATIBILITY, &[classes; 2], Kind::Trainable, matrix(0.0, 1.0), device);
        weights
    }

    /// New scores, whose softmax is Q of the last iteration: `logits: [batch, class, h, w]`, `images: [batch, channel, h, w]`.
    pub fn forward(&self, weights: &Weights, logits: Tensor<4>, images: Tensor<4>) -> Result<Tensor<4>, CrfError> {
        let (of_logits, of_images) = (logits.dims(), images.dims());
        let [batch, channels, height, width] = of_images;
        if of_logits != [batch, self.classes, height, width] {
            return Err(CrfError::Shapes { classes: self.classes, logits: of_logits, images: of_images });
        }
        let filter = Filter::new(&self.parameters, &values(&images), channels, [height, width])?;
        self.filtered(weights, logits, &filter)
    }

    /// [`CrfLayer::forward`] with the filter of the images.
    pub fn filtered(&self, weights: &Weights, logits: Tensor<4>, filter: &Filter) -> Result<Tensor<4>, CrfError> {
        let mixing = self.mixing(weights);
        let mut scores = logits.clone();
        for _ in 0..self.parameters.field.iterations {
            let messages = filter.messages(softmax(scores))?;
            scores = logits.clone() - convolution(messages, mixing.clone(), None, 1);
        }
        Ok(scores)
    }

    /// What a class's score loses by each message: `mu [W_a W_s]` as the weight of a convolution, `[class, 2 class, 1, 1]`.
    fn mixing(&self, weights: &Weights) -> Tensor<4> {
        let classes = self.classes;
        let compatibility: Tensor<2> = weights.get(COMPATIBILITY);
        let of = |name: &str| match self.parameters.kernel_weights {
            // The columns of mu, each times a weight.
            KernelWeights::PerClass => compatibility.clone() * weights.get::<1>(name).reshape([1, classes]),
            KernelWeights::Matrix => compatibility.clone().matmul(weights.get(name)),
        };
        Tensor::cat(vec![of(APPEARANCE), of(SMOOTHNESS)], 1).reshape([classes, 2 * classes, 1, 1])
    }
}
