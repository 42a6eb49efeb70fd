use super::array::Array;
use super::clock::{Part, current, measured};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{
    Autodiff, BackendTensor, BackendTypes, DispatchAutodiffContext, DispatchKindConversion, DispatchTensor, Flex,
    TensorMetadata,
};
use burn::tensor::{DType, Tensor};
use std::cell::Cell;
use std::fmt::Debug;
use std::marker::PhantomData;

type Tracked = <Autodiff<Flex> as BackendTypes>::FloatTensorPrimitive;

thread_local! {
    static BURN_ALONE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` with burn's own operations in place of all of this module's: what benchmarks and tests
/// compare with. Holds for calls from this thread.
pub fn with_burn_alone<R>(f: impl FnOnce() -> R) -> R {
    let before = BURN_ALONE.replace(true);
    let result = f();
    BURN_ALONE.set(before);
    result
}

/// Whether operations other than burn's own are to be used.
#[cfg(feature = "tch")]
pub(super) fn with_own() -> bool {
    !BURN_ALONE.get()
}

/// Inputs of an operation that this module can serve.
pub(super) enum Operands<const N: usize> {
    Plain([Array; N]),
    Tracked([Tracked; N]),
}

/// None where an input is not f32, not on flex, or where only some are in autodiff.
pub(super) fn operands<const N: usize>(inputs: [DispatchTensor; N]) -> Option<Operands<N>> {
    if BURN_ALONE.get() || inputs.iter().any(|input| input.dtype() != DType::F32) {
        return None;
    }
    if inputs.iter().all(|input| input.autodiff == DispatchAutodiffContext::Disabled) {
        let plain = inputs.map(|input| float::<Flex>(input).map(Array::from));
        return all(plain).map(Operands::Plain);
    }
    all(inputs.map(float::<Autodiff<Flex>>)).map(Operands::Tracked)
}

/// The f32 tensor on flex, outside of autodiff, or None.
pub(super) fn plain<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    let tensor = tensor.into_dispatch();
    let served =
        !BURN_ALONE.get() && tensor.dtype() == DType::F32 && tensor.autodiff == DispatchAutodiffContext::Disabled;
    served.then(|| float::<Flex>(tensor))?
}

pub(super) fn float<B: burn::backend::Backend>(input: DispatchTensor) -> Option<B::FloatTensorPrimitive>
where
    DispatchTensor: DispatchKindConversion<B>,
{
    match <DispatchTensor as DispatchKindConversion<B>>::try_into_backend(input) {
        Ok(BackendTensor::Float(tensor)) => Some(tensor),
        _ => None,
    }
}

pub(super) fn all<T, const N: usize>(options: [Option<T>; N]) -> Option<[T; N]> {
    let present: Option<Vec<T>> = options.into_iter().collect();
    present?.try_into().ok()
}

/// What the backward pass of an operation of `N` inputs needs, and the pass itself.
pub(super) trait Operation<const N: usize>: Clone + Debug + Send + 'static {
    /// The gradients of the wanted inputs from that of the output.
    fn backward(self, gradient: Array, wanted: [bool; N]) -> [Option<Array>; N];
}

/// Runs `forward`, which returns the output, the state for the way back and anything else of interest,
/// and notes the operation in the graph if there is one.
pub(super) fn apply<O: Operation<N>, E, const N: usize, const D: usize>(
    operands: Operands<N>,
    forward: impl FnOnce([Array; N]) -> (Array, O, E),
) -> (Tensor<D>, E) {
    match operands {
        Operands::Plain(inputs) => {
            let (output, _, extra) = forward(inputs);
            (Tensor::from_primitive::<Flex>(output.into_flex()), extra)
        }
        Operands::Tracked(inputs) => {
            let nodes = inputs.each_ref().map(|input| input.node());
            let (output, state, extra) = forward(inputs.map(|input| Array::from(input.into_primitive())));
            let output = output.into_flex();
            let step = Step::<O>(PhantomData);
            let prepared = step.prepare::<burn::backend::autodiff::checkpoint::strategy::NoCheckpointing>(nodes);
            let tracked = match prepared.compute_bound().stateful() {
                OpsKind::Tracked(prepared) => prepared.finish((state, current()), output),
                OpsKind::UnTracked(prepared) => prepared.finish(output),
            };
            (Tensor::from_primitive::<Autodiff<Flex>>(tracked), extra)
        }
    }
}

#[derive(Debug)]
struct Step<O>(PhantomData<O>);

impl<O: Operation<N>, const N: usize> Backward<Flex, N> for Step<O> {
    type State = (O, Option<Part>);

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradient = Array::from(gradients.consume::<Flex>(&ops.node));
        let (operation, part) = ops.state;
        let results = measured(part, || operation.backward(gradient, wanted));
        for (parent, result) in ops.parents.into_iter().zip(results) {
            if let (Some(parent), Some(result)) = (parent, result) {
                gradients.register::<Flex>(parent.id, result.into_flex());
            }
        }
    }
}
