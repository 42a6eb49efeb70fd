//! The operations of this module by libtorch's own kernels, for tensors of burn's libtorch backend.
//!
//! burn writes batch norm as a dozen elementwise passes there, and the gradients of a convolution as other
//! convolutions. libtorch has each as one, and derives the backward pass itself.

// See `DeviceName::libtorch` for why a deprecated backend is used.
#![allow(deprecated)]

use super::adam::{AdamRule, Moved, Moving};
use super::operation::{all, float, with_own};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::libtorch::TchTensor;
use burn::backend::{Autodiff, BackendTypes, DispatchAutodiffContext, DispatchTensor, LibTorch};
use burn::tensor::Tensor;
use std::ffi::{CStr, c_char};
use tch::{Kind, no_grad};
use torch_sys::C_tensor;

// libtorch.cpp
unsafe extern "C" {
    fn runner_libtorch_gradients(
        output: *const C_tensor,
        gradient: *const C_tensor,
        leaves: *const *const C_tensor,
        count: usize,
        results: *mut *mut C_tensor,
    ) -> *mut c_char;
}

type Tracked = <Autodiff<LibTorch> as BackendTypes>::FloatTensorPrimitive;

/// A kernel with its input channels last in memory: libtorch's convolutions then keep images that way too,
/// which is the faster of its two orders.
fn channels_last(weight: &tch::Tensor) -> tch::Tensor {
    weight.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// [`super::convolution`].
pub(super) fn convolution(
    input: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    stride: usize,
) -> Option<Tensor<4>> {
    let padding = (weight.dims()[2] as i64 - 1) / 2;
    let forward = |input: &tch::Tensor, weight: &tch::Tensor, bias: Option<&tch::Tensor>| {
        let output = input.conv2d(&channels_last(weight), bias, [stride as i64; 2], [padding; 2], [1, 1], 1);
        (output, [])
    };
    let (input, weight) = (input.clone().into_dispatch(), weight.clone().into_dispatch());
    let (output, []) = match bias {
        None => apply([input, weight], |[input, weight]| forward(input, weight, None))?,
        Some(bias) => apply([input, weight, bias.clone().into_dispatch()], |[input, weight, bias]| {
            forward(input, weight, Some(bias))
        })?,
    };
    Some(output)
}

/// [`super::upsampled_convolution`].
pub(super) fn upsampled_convolution(skip: &Tensor<4>, half: &Tensor<4>, weight: &Tensor<4>) -> Option<Tensor<4>> {
    let [_, _, height, width] = skip.dims().map(|size| size as i64);
    let operands = [skip, half, weight].map(|tensor| tensor.clone().into_dispatch());
    let (output, []) = apply(operands, |[skip, half, weight]| {
        let joined = tch::Tensor::cat(&[skip, &half.upsample_nearest2d([height, width], None, None)], 1);
        (joined.conv2d(&channels_last(weight), None::<&tch::Tensor>, [1, 1], [1, 1], [1, 1], 1), [])
    })?;
    Some(output)
}

/// [`super::batch_norm_relu`]: output, mean and variance.
pub(super) fn batch_norm_relu(
    features: &Tensor<4>,
    [scale, shift]: [&Tensor<1>; 2],
    epsilon: f64,
) -> Option<(Tensor<4>, [Tensor<1>; 2])> {
    let operands = [features.clone().into_dispatch(), scale.clone().into_dispatch(), shift.clone().into_dispatch()];
    apply(operands, |[features, scale, shift]| {
        let nothing = None::<&tch::Tensor>;
        let (mut output, mean, inverse) =
            features.native_batch_norm(Some(scale), Some(shift), nothing, nothing, true, 0.0, epsilon);
        let variance = inverse.detach().pow_tensor_scalar(-2.0) - epsilon;
        (output.relu_(), [mean, variance])
    })
}

/// [`super::tanh`].
pub(super) fn tanh(input: &Tensor<4>) -> Option<Tensor<4>> {
    let (output, []) = apply([input.clone().into_dispatch()], |[input]| (input.tanh(), []))?;
    Some(output)
}

/// [`super::normalise_relu`].
pub(super) fn normalise_relu(features: &Tensor<4>, parameters: &[Tensor<1>; 4], epsilon: f64) -> Option<Tensor<4>> {
    let [scale, shift, mean, variance] = parameters.each_ref().map(|tensor| tensor.clone().into_dispatch());
    let operands = [features.clone().into_dispatch(), scale, shift, mean, variance];
    let (output, []) = apply(operands, |[features, scale, shift, mean, variance]| {
        let normalised =
            features.batch_norm(Some(scale), Some(shift), Some(mean), Some(variance), false, 0.0, epsilon, true);
        (normalised.relu(), [])
    })?;
    Some(output)
}

/// [`super::foreground`].
pub(super) fn foreground(logits: &Tensor<4>) -> Option<Tensor<4>> {
    let classes = logits.dims()[1] as i64;
    let forward = |[logits]: [&tch::Tensor; 1]| (logits.softmax(1, None).narrow(1, 1, classes - 1), []);
    let (output, []) = apply([logits.clone().into_dispatch()], forward)?;
    Some(output)
}

/// [`super::attend`].
pub(super) fn attend(features: &Tensor<4>, foreground: &Tensor<4>) -> Option<Tensor<4>> {
    let operands = [features.clone().into_dispatch(), foreground.clone().into_dispatch()];
    let (output, []) =
        apply(operands, |[features, foreground]| (features * foreground.sum_dim_intlist(1, true, None), []))?;
    Some(output)
}

/// [`super::spectral_norm`]: the kernel, the left vector and the largest singular value.
pub(super) fn spectral_norm(
    weight: &Tensor<4>,
    u: &Tensor<1>,
    iterations: usize,
    epsilon: f64,
) -> Option<(Tensor<4>, [Tensor<1>; 2])> {
    let unit = |vector: tch::Tensor| &vector / vector.norm().clamp_min(epsilon);
    apply([weight.clone().into_dispatch(), u.clone().into_dispatch()], |[weight, u]| {
        let matrix = weight.flatten(1, -1);
        let constant = matrix.detach();
        let (mut u, mut v) = (unit(u.detach()), constant.new_empty([0], (constant.kind(), constant.device())));
        for iteration in 0..iterations.max(1) {
            v = unit(constant.tr().mv(&u));
            if iteration < iterations {
                u = unit(constant.mv(&v));
            }
        }
        let sigma = u.dot(&matrix.mv(&v));
        (weight / sigma.clamp_min(epsilon), [u, sigma.reshape([1])])
    })
}

/// [`super::adam`]: None where an array is not libtorch's.
pub(super) fn adam(arrays: &[Moving], rule: &AdamRule) -> Option<(Vec<Moved>, f64)> {
    let plain = |tensor: &Tensor<1>| with_own().then(|| float::<LibTorch>(tensor.clone().into_dispatch()))?;
    let of = |array: &Moving| {
        let Moving { weight, gradient, first, second } = array;
        Some([plain(weight)?, plain(gradient)?, plain(first)?, plain(second)?])
    };
    let arrays = arrays.iter().map(of).collect::<Option<Vec<_>>>().filter(|arrays| !arrays.is_empty())?;
    // All arrays end to end: a call for each of a hundred small ones takes longer than to copy them.
    let [weight, gradient, mut first, mut second] =
        [0, 1, 2, 3].map(|of| tch::Tensor::cat(&arrays.iter().map(|array| &array[of].tensor).collect::<Vec<_>>(), 0));
    let squares = gradient.square();
    let _ = first.lerp_(&gradient, 1.0 - rule.beta1);
    let _ = second.lerp_(&squares, 1.0 - rule.beta2);
    let root = (&second / rule.correction).sqrt_().g_add_scalar_(rule.epsilon);
    let weight = weight.addcdiv(&(&first * -rule.rate), &root);
    let sizes: Vec<i64> = arrays.iter().flat_map(|array| array[0].tensor.size()).collect();
    let [weights, firsts, seconds] = [weight, first, second].map(|all| all.split_with_sizes(&sizes, 0).into_iter());
    let tensor = |tensor: tch::Tensor| Tensor::from_primitive::<LibTorch>(TchTensor::new(tensor));
    let moved = weights.zip(firsts).zip(seconds).map(|((weight, first), second)| Moved {
        weight: tensor(weight),
        first: tensor(first),
        second: tensor(second),
    });
    Some((moved.collect(), squares.sum(Kind::Double).double_value(&[])))
}

/// Runs `forward` on f32 tensors of libtorch and notes it in the graph as one operation, if there is a
/// graph; None for other tensors. What else it returns gets no gradient.
fn apply<const N: usize, const D: usize, const E: usize>(
    inputs: [DispatchTensor; N],
    forward: impl FnOnce([&tch::Tensor; N]) -> (tch::Tensor, [tch::Tensor; E]),
) -> Option<(Tensor<D>, [Tensor<1>; E])> {
    if !with_own() {
        return None;
    }
    let plain = |tensor: tch::Tensor| TchTensor::new(tensor.detach());
    // Copied, as libtorch may need them on its way back and burn may write over them.
    let extra =
        |extra: [tch::Tensor; E]| extra.map(|tensor| Tensor::from_primitive::<LibTorch>(plain(tensor.detach().copy())));
    if inputs.iter().all(|input| input.autodiff == DispatchAutodiffContext::Disabled) {
        let inputs = all(inputs.map(float::<LibTorch>))?;
        let (output, rest) = no_grad(|| forward(inputs.each_ref().map(|input| &input.tensor)));
        return Some((Tensor::from_primitive::<LibTorch>(plain(output)), extra(rest)));
    }
    let inputs: [Tracked; N] = all(inputs.map(float::<Autodiff<LibTorch>>))?;
    let nodes = inputs.each_ref().map(|input| input.node());
    let inputs = inputs.map(|input| input.into_primitive());
    // Leaves of a graph of libtorch's own, for this operation alone. Which of them want a gradient is said
    // on the way back.
    let leaves = inputs.each_ref().map(|input| input.tensor.detach().set_requires_grad(true));
    let (graph, rest) = forward(leaves.each_ref());
    let output = plain(graph.shallow_clone());
    let step = Step::<N>.prepare::<NoCheckpointing>(nodes);
    let tracked = match step.compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let leaves = leaves.into_iter().collect();
            let held = inputs.into_iter().chain([output.clone()]).collect();
            prepared.finish(Graph { leaves, output: graph, held }, output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    Some((Tensor::from_primitive::<Autodiff<LibTorch>>(tracked), extra(rest)))
}

/// One operation's graph in libtorch.
#[derive(Debug)]
struct Graph {
    leaves: Vec<tch::Tensor>,
    output: tch::Tensor,
    /// Inputs and output as burn knows them: while these live, burn does not write over their memory, which
    /// libtorch needs on its way back.
    #[allow(dead_code)]
    held: Vec<TchTensor>,
}

impl Clone for Graph {
    fn clone(&self) -> Self {
        let leaves = self.leaves.iter().map(tch::Tensor::shallow_clone).collect();
        Graph { leaves, output: self.output.shallow_clone(), held: self.held.clone() }
    }
}

// burn's own tensors of libtorch are shared between threads in the same way.
unsafe impl Sync for Graph {}

impl Graph {
    /// The gradients of the leaves that want one, in their order.
    fn gradients(self, gradient: &tch::Tensor, wanted: impl Iterator<Item = bool>) -> Vec<tch::Tensor> {
        let wanted = self.leaves.iter().zip(wanted).filter(|(_, wanted)| *wanted);
        let leaves: Vec<*const C_tensor> = wanted.map(|(leaf, _)| leaf.as_ptr()).collect();
        let mut results = vec![std::ptr::null_mut(); leaves.len()];
        // SAFETY: all pointers are to tensors that live until the call returns, `results` has room for one
        // new tensor a leaf, and these are ours.
        unsafe {
            let (output, gradient) = (self.output.as_ptr(), gradient.as_ptr());
            let error =
                runner_libtorch_gradients(output, gradient, leaves.as_ptr(), leaves.len(), results.as_mut_ptr());
            // As tch does where libtorch throws: it is a bug here, or no memory is left, and fails the stage.
            assert!(error.is_null(), "libtorch: {}", CStr::from_ptr(error).to_string_lossy());
            results.into_iter().map(|result| tch::Tensor::from_ptr(result)).collect()
        }
    }
}

#[derive(Debug)]
struct Step<const N: usize>;

impl<const N: usize> Backward<LibTorch, N> for Step<N> {
    type State = Graph;

    fn backward(self, ops: Ops<Graph, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<LibTorch>(&ops.node);
        let results = ops.state.gradients(&gradient.tensor, ops.parents.iter().map(Option::is_some));
        for (parent, result) in ops.parents.into_iter().flatten().zip(results) {
            gradients.register::<LibTorch>(parent.id, TchTensor::new(result));
        }
    }
}
