use super::parameters::AdamParameters;
use crate::science::model::kernel::{Part, part};
use crate::science::model::{Arrays, Kind, Weights, WeightsError, values};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use std::collections::BTreeMap;

/// Adam [56] over the trainable entries of one network.
#[derive(Debug, Clone)]
pub struct Adam {
    parameters: AdamParameters,
    /// Steps taken.
    time: u64,
    /// First and second moments by entry.
    moments: BTreeMap<String, [Tensor<1>; 2]>,
}

impl Adam {
    pub fn new(parameters: AdamParameters, weights: &Weights) -> Self {
        let trainable = weights.entries().filter(|(_, entry)| entry.kind == Kind::Trainable);
        let moments =
            trainable.map(|(name, entry)| (name.clone(), [entry.value.zeros_like(), entry.value.zeros_like()]));
        Adam { parameters, time: 0, moments: moments.collect() }
    }

    /// Moves `weights` against the gradients of `tracked`, its copy in the graph. Returns the
    /// gradient's Euclidean norm. An entry that the loss did not reach stays where it is.
    pub fn step(&mut self, weights: &mut Weights, tracked: &Weights, mut gradients: Gradients, rate: f64) -> f64 {
        part(Part::Optimiser, || self.move_against(weights, tracked, &mut gradients, rate))
    }

    fn move_against(&mut self, weights: &mut Weights, tracked: &Weights, gradients: &mut Gradients, rate: f64) -> f64 {
        let AdamParameters { beta1, beta2, epsilon } = self.parameters;
        self.time += 1;
        let time = self.time as f64;
        let (correction1, correction2) = (1.0 - beta1.powf(time), 1.0 - beta2.powf(time));
        let mut squares: Vec<f32> = Vec::new();
        for (name, leaf) in tracked.entries() {
            let (Some(moments), Some(gradient)) = (self.moments.get_mut(name), leaf.value.grad_remove(gradients))
            else {
                continue;
            };
            squares.push(gradient.clone().square().sum().into_scalar());
            let [first, second] = moments.clone();
            let first = first.mul_scalar(beta1) + gradient.clone().mul_scalar(1.0 - beta1);
            let second = second.mul_scalar(beta2) + gradient.square().mul_scalar(1.0 - beta2);
            *moments = [first.clone(), second.clone()];
            let root = second.div_scalar(correction2).sqrt().add_scalar(epsilon);
            let change = first.mul_scalar(rate / correction1) / root;
            weights.set(name, leaf.value.clone().inner() - change);
        }
        squares.into_iter().map(f64::from).sum::<f64>().sqrt()
    }

    /// State for a checkpoint, under `first.` and `second.`, and the number of steps.
    pub fn to_arrays(&self) -> (u64, Arrays) {
        let mut arrays = Arrays::new();
        for (name, [first, second]) in &self.moments {
            for (part, tensor) in [("first", first), ("second", second)] {
                let values = values(tensor);
                arrays.insert(format!("{part}.{name}"), (vec![values.len()], values));
            }
        }
        (self.time, arrays)
    }

    /// Takes up the state of [`Adam::to_arrays`].
    pub fn load_arrays(&mut self, time: u64, mut arrays: Arrays, device: &Device) -> Result<(), WeightsError> {
        self.time = time;
        for (name, moments) in &mut self.moments {
            for (part, tensor) in ["first", "second"].into_iter().zip(moments) {
                let key = format!("{part}.{name}");
                let (found, values) = arrays.remove(&key).ok_or_else(|| WeightsError::Missing(key.clone()))?;
                if found != tensor.dims() {
                    return Err(WeightsError::Shape { name: key, found, expected: tensor.dims().to_vec() });
                }
                let length = values.len();
                *tensor = Tensor::from_data(TensorData::new(values, [length]), device);
            }
        }
        Ok(())
    }
}
