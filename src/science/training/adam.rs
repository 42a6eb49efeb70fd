use super::parameters::AdamParameters;
use crate::science::model::kernel::{AdamRule, Moved, Moving, Part, adam, part};
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
    pub fn step(&mut self, weights: &mut Weights, tracked: &Weights, gradients: &mut Gradients, rate: f64) -> f64 {
        part(Part::Optimiser, || self.move_against(weights, tracked, gradients, rate))
    }

    fn move_against(&mut self, weights: &mut Weights, tracked: &Weights, gradients: &mut Gradients, rate: f64) -> f64 {
        let AdamParameters { beta1, beta2, epsilon } = self.parameters;
        self.time += 1;
        let time = self.time as f64;
        let (correction, rate) = (1.0 - beta2.powf(time), rate / (1.0 - beta1.powf(time)));
        let (mut names, mut arrays) = (Vec::new(), Vec::new());
        for (name, entry) in tracked.entries() {
            let Some(gradient) = entry.value.grad_remove(gradients) else { continue };
            // Taken out, so that the step works in their memory.
            let Some((name, [first, second])) = self.moments.remove_entry(name) else { continue };
            arrays.push(Moving { weight: entry.value.clone().inner(), gradient, first, second });
            names.push(name);
        }
        let (moved, squares) = adam(arrays, &AdamRule { beta1, beta2, epsilon, rate, correction });
        for (name, Moved { weight, first, second }) in names.into_iter().zip(moved) {
            weights.set(&name, weight);
            self.moments.insert(name, [first, second]);
        }
        squares.sqrt()
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
