use super::lanes::vectorised;
use super::operation::plain;
use super::reduction::{LANES, fold};
use super::task::TASK;
use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

/// One step of Adam [56], the corrections for the moments' start at zero included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamRule {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Learning rate by `1 - beta1^time`.
    pub rate: f64,
    /// `1 - beta2^time`.
    pub correction: f64,
}

/// An array to be moved against its gradient. All tensors are outside of autodiff and of one length.
#[derive(Debug, Clone)]
pub struct Moving {
    pub weight: Tensor<1>,
    pub gradient: Tensor<1>,
    pub first: Tensor<1>,
    pub second: Tensor<1>,
}

/// What became of a [`Moving`].
#[derive(Debug, Clone)]
pub struct Moved {
    pub weight: Tensor<1>,
    pub first: Tensor<1>,
    pub second: Tensor<1>,
}

/// Moves all arrays in one pass and returns the sum of the squares of their gradients. Works in the
/// memory of moments and gradients where nothing else holds it.
pub fn adam(arrays: Vec<Moving>, rule: &AdamRule) -> (Vec<Moved>, f64) {
    #[cfg(feature = "tch")]
    if let Some(moved) = super::libtorch::adam(&arrays, rule) {
        return moved;
    }
    let own: Option<Vec<Own>> = arrays.iter().map(Own::of).collect();
    match own {
        Some(mut own) => {
            drop(arrays);
            let mut tasks: Vec<Task> = own.iter_mut().flat_map(Own::tasks).collect();
            let squares: Vec<f32> = tasks.par_iter_mut().map(|task| task.run(rule)).collect();
            let squares = squares.into_iter().map(f64::from).sum();
            (own.into_iter().map(Own::moved).collect(), squares)
        }
        None => {
            let (moved, squares): (Vec<Moved>, Vec<f64>) = arrays.into_iter().map(|array| moved(array, rule)).unzip();
            (moved, squares.into_iter().sum())
        }
    }
}

fn moved(Moving { weight, gradient, first, second }: Moving, rule: &AdamRule) -> (Moved, f64) {
    let squares = f64::from(gradient.clone().square().sum().into_scalar::<f32>());
    let first = first.mul_scalar(rule.beta1) + gradient.clone().mul_scalar(1.0 - rule.beta1);
    let second = second.mul_scalar(rule.beta2) + gradient.square().mul_scalar(1.0 - rule.beta2);
    let root = second.clone().div_scalar(rule.correction).sqrt().add_scalar(rule.epsilon);
    let weight = weight - first.clone().mul_scalar(rule.rate) / root;
    (Moved { weight, first, second }, squares)
}

/// A [`Moving`] in main memory. The gradient's memory takes the new weight.
struct Own {
    weight: FlexTensor,
    gradient: FlexTensor,
    first: FlexTensor,
    second: FlexTensor,
}

impl Own {
    fn of(array: &Moving) -> Option<Own> {
        let whole = |tensor: &Tensor<1>| {
            let tensor = plain(tensor.clone())?.to_contiguous();
            let storage = tensor.storage::<f32>().len();
            (storage == tensor.layout().num_elements() && tensor.layout().start_offset() == 0).then_some(tensor)
        };
        let Moving { weight, gradient, first, second } = array;
        let own =
            Own { weight: whole(weight)?, gradient: whole(gradient)?, first: whole(first)?, second: whole(second)? };
        Some(own)
    }

    fn tasks(&mut self) -> impl Iterator<Item = Task<'_>> {
        let gradient = self.gradient.storage_mut().chunks_mut(TASK).zip(self.weight.storage().chunks(TASK));
        let moments = self.first.storage_mut().chunks_mut(TASK).zip(self.second.storage_mut().chunks_mut(TASK));
        gradient.zip(moments).map(|((gradient, weight), (first, second))| Task { weight, gradient, first, second })
    }

    fn moved(self) -> Moved {
        let [weight, first, second] = [self.gradient, self.first, self.second].map(Tensor::from_primitive::<Flex>);
        Moved { weight, first, second }
    }
}

/// Values of one array.
struct Task<'a> {
    weight: &'a [f32],
    gradient: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Task<'_> {
    /// Returns the sum of the gradient's squares.
    fn run(&mut self, rule: &AdamRule) -> f32 {
        let squares = squares(self.gradient);
        step(self.weight, self.gradient, self.first, self.second, Constants::of(rule));
        squares
    }
}

#[derive(Clone, Copy)]
struct Constants {
    /// Shares of the old moment and of the gradient.
    first: [f32; 2],
    second: [f32; 2],
    epsilon: f32,
    rate: f32,
    correction: f32,
}

impl Constants {
    fn of(rule: &AdamRule) -> Self {
        let shares = |beta: f64| [beta as f32, (1.0 - beta) as f32];
        Constants {
            first: shares(rule.beta1),
            second: shares(rule.beta2),
            epsilon: rule.epsilon as f32,
            rate: rule.rate as f32,
            correction: rule.correction as f32,
        }
    }
}

vectorised! {
    fn squares(values: &[f32]) -> f32 {
        let mut sums = [0.0; LANES];
        let chunks = values.chunks_exact(LANES);
        let rest: f32 = chunks.remainder().iter().map(|value| value * value).sum();
        for chunk in chunks {
            for lane in 0..LANES {
                sums[lane] += chunk[lane] * chunk[lane];
            }
        }
        fold(sums) + rest
    }
}

vectorised! {
    /// Leaves the new weight in place of the gradient.
    fn step(weight: &[f32], gradient: &mut [f32], first: &mut [f32], second: &mut [f32], constants: Constants) {
        let moments = first.iter_mut().zip(second);
        for ((weight, gradient), (first, second)) in weight.iter().zip(gradient).zip(moments) {
            *first = *first * constants.first[0] + *gradient * constants.first[1];
            *second = *second * constants.second[0] + *gradient * *gradient * constants.second[1];
            let root = (*second / constants.correction).sqrt() + constants.epsilon;
            *gradient = weight - *first * constants.rate / root;
        }
    }
}
