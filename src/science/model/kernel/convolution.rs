use super::array::Array;
use super::buffer::Buffer;
use super::correlation::{BLOCK, Rows, accumulate, correlate, pack_weights};
use super::grid::Grid;
use super::operation::{Operation, apply, operands};
use super::reduction::total;
use super::scratch::Scratch;
use super::task::Work;
use super::winograd::{Direction, Images, Source};
use burn::tensor::Tensor;
use burn::tensor::module::{conv2d, interpolate};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions};

/// Groups of images are split into this many parts for the weight gradient, each summed in order, then
/// their sums in order: the same bits on any number of threads.
const PARTS: usize = 4;

/// 2-D convolution with square kernels and zero padding `(k - 1) / 2`: `input: [batch, in, h, w]`,
/// `weight: [out, in, k, k]`, `bias: [out]`. Fast for 1x1 and 3x3 at stride 1 and 4x4 at stride 2.
pub fn convolution(input: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, stride: usize) -> Tensor<4> {
    #[cfg(feature = "tch")]
    if let Some(output) = super::libtorch::convolution(&input, &weight, bias.as_ref(), stride) {
        return output;
    }
    match own(&input, &weight, bias.as_ref(), stride) {
        Some(output) => output,
        None => {
            let padding = (weight.dims()[2] - 1) / 2;
            conv2d(input, weight, bias, ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1))
        }
    }
}

fn own(input: &Tensor<4>, weight: &Tensor<4>, bias: Option<&Tensor<1>>, stride: usize) -> Option<Tensor<4>> {
    let grid = Grid::new(input.dims(), weight.dims(), stride)?;
    if bias.is_some_and(|bias| bias.dims() != [grid.outputs]) {
        return None;
    }
    let (input, weight) = (input.clone().into_dispatch(), weight.clone().into_dispatch());
    let (output, ()) = match bias {
        None => apply(operands([input, weight])?, |[input, weight]| Conv::forward(grid, input, None, weight, None)),
        Some(bias) => apply(operands([input, weight, bias.clone().into_dispatch()])?, |[input, weight, bias]| {
            Conv::forward(grid, input, None, weight, Some(bias))
        }),
    };
    Some(output)
}

/// 3x3 [`convolution`] of `skip: [batch, a, h, w]` joined by `half: [batch, b, h / 2, w / 2]` brought to
/// the size of `skip` by nearest neighbours, `weight: [out, a + b, 3, 3]`. Neither the upsampled nor the
/// joined tensor is built.
pub fn upsampled_convolution(skip: Tensor<4>, half: Tensor<4>, weight: Tensor<4>) -> Tensor<4> {
    #[cfg(feature = "tch")]
    if let Some(output) = super::libtorch::upsampled_convolution(&skip, &half, &weight) {
        return output;
    }
    match own_upsampled(&skip, &half, &weight) {
        Some(output) => output,
        None => {
            let [_, _, height, width] = skip.dims();
            let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([height, width]);
            convolution(Tensor::cat(vec![skip, interpolate(half, options)], 1), weight, None, 1)
        }
    }
}

fn own_upsampled(skip: &Tensor<4>, half: &Tensor<4>, weight: &Tensor<4>) -> Option<Tensor<4>> {
    let ([batch, skips, height, width], [of_batch, upsampled, half_height, half_width]) = (skip.dims(), half.dims());
    if [of_batch, 2 * half_height, 2 * half_width] != [batch, height, width] {
        return None;
    }
    let grid = Grid::new([batch, skips + upsampled, height, width], weight.dims(), 1)?.with_upsampled(upsampled)?;
    let operands = operands([skip, half, weight].map(|tensor| tensor.clone().into_dispatch()))?;
    let forward = |[skip, half, weight]: [Array; 3]| {
        let (output, conv, ()) = Conv::forward(grid, skip, Some(half), weight, None);
        (output, UpsampledConv(conv), ())
    };
    Some(apply(operands, forward).0)
}

#[derive(Debug, Clone)]
struct Conv {
    grid: Grid,
    input: Array,
    half: Option<Array>,
    weight: Array,
}

impl Operation<2> for Conv {
    fn backward(self, gradient: Array, [input, weight]: [bool; 2]) -> [Option<Array>; 2] {
        let Gradients { input, weight, .. } = match self.grid.winograd() {
            Some(images) => self.gradients_by_winograd(images, &gradient, [input, weight]),
            None => self.gradients(&gradient, [input, weight, false]),
        };
        [input, weight]
    }
}

impl Operation<3> for Conv {
    fn backward(self, gradient: Array, wanted: [bool; 3]) -> [Option<Array>; 3] {
        let Gradients { input, weight, bias, .. } = self.gradients(&gradient, wanted);
        [input, weight, bias]
    }
}

/// Inputs: skip, half, weight.
#[derive(Debug, Clone)]
struct UpsampledConv(Conv);

impl Operation<3> for UpsampledConv {
    fn backward(self, gradient: Array, [skip, half, weight]: [bool; 3]) -> [Option<Array>; 3] {
        let wanted = [skip || half, weight];
        let gradients = match self.0.grid.winograd() {
            Some(images) => self.0.gradients_by_winograd(images, &gradient, wanted),
            None => self.0.gradients(&gradient, [wanted[0], wanted[1], false]),
        };
        [gradients.input, gradients.half, gradients.weight]
    }
}

struct Gradients {
    input: Option<Array>,
    half: Option<Array>,
    weight: Option<Array>,
    bias: Option<Array>,
}

impl Conv {
    fn forward(grid: Grid, input: Array, half: Option<Array>, weight: Array, bias: Option<Array>) -> (Array, Conv, ()) {
        if let (Some(images), None) = (grid.winograd(), &bias) {
            let output = winograd(&grid, images, &input, half.as_ref(), &weight);
            return (output, Conv { grid, input, half, weight }, ());
        }
        let values = weight.values();
        let packed = pack_weights(grid.outputs, grid.planes, grid.taps.len(), |output, plane, tap| {
            values[grid.weight_index(output, plane, tap)]
        });
        let initial = bias.map_or_else(|| vec![0.0; grid.outputs], |bias| bias.values().to_vec());
        let of_output = grid.outputs * grid.output_pixels();
        let mut output = Buffer::new(grid.batch * of_output);
        let groups: Vec<_> = output.chunks_mut(grid.group * of_output).enumerate().collect();
        Work::of(groups.len()).each(groups, |(group, output), within| {
            let images = output.len() / of_output;
            let (input, half) = inputs_of(&grid, &input, half.as_ref(), group * grid.group, images);
            let mut rows = Scratch::new(grid.planes * grid.stride());
            grid.pack_input(input, half, &mut rows);
            let rows = Rows { values: &rows, stride: grid.stride(), count: grid.planes };
            let mut points = Scratch::new(grid.outputs * grid.stride());
            correlate_all(rows, &grid.taps, &packed, &initial, &mut points, grid.stride(), grid.length(images), within);
            grid.unpack_output(&points, output);
        });
        let [height, width] = grid.output_size;
        let output = Array::of(output, [grid.batch, grid.outputs, height, width]);
        (output, Conv { grid, input, half, weight }, ())
    }

    /// [`Conv::gradients`] by Winograd's algorithm; the bias is not asked for.
    fn gradients_by_winograd(&self, images: Images, gradient: &Array, wanted: [bool; 2]) -> Gradients {
        let grid = &self.grid;
        let channels = [grid.inputs - grid.upsampled, grid.upsampled];
        let weight = wanted[1].then(|| {
            let half = self.half.as_ref().map_or(&[][..], Array::values);
            let from = Source { whole: self.input.values(), half, channels };
            images.weight_gradient(from, gradient.values(), grid.outputs)
        });
        let input = wanted[0].then(|| {
            let from = Source { whole: gradient.values(), half: &[], channels: [grid.outputs, 0] };
            images.convolve(from, self.weight.values(), [grid.outputs, grid.inputs], Direction::Back, channels)
        });
        let (input, half) = input.map(|[input, half]| (input, half)).unzip();
        Gradients {
            input: input.map(|values| Array::of(values, self.input.dims::<4>())),
            half: self.half.as_ref().zip(half).map(|(array, values)| Array::of(values, array.dims::<4>())),
            weight: weight.map(|values| Array::new(values, self.weight.dims::<4>())),
            bias: None,
        }
    }

    /// Of input (both parts of it) and weight where wanted, and of the bias.
    fn gradients(&self, gradient: &Array, [want_input, want_weight, want_bias]: [bool; 3]) -> Gradients {
        let grid = &self.grid;
        let weight = self.weight.values();
        let back = want_input.then(|| {
            pack_weights(grid.planes, grid.outputs, grid.taps.len(), |plane, output, tap| {
                weight[grid.weight_index(output, plane, tap)]
            })
        });
        let images = grid.batch.div_ceil(grid.group).div_ceil(PARTS) * grid.group;
        let of_output = grid.outputs * grid.output_pixels();
        let sizes = [grid.input_values(), grid.upsampled_values()].map(|size| if want_input { size } else { 0 });
        let [mut input, mut half] = sizes.map(|size| Buffer::new(grid.batch * size));
        let mut inputs = parts_of(&mut input, images * sizes[0]).into_iter();
        let mut halves = parts_of(&mut half, images * sizes[1]).into_iter();
        let tasks: Vec<Part> = gradient
            .values()
            .chunks(images * of_output)
            .enumerate()
            .map(|(part, gradient)| Part {
                gradient,
                first: part * images,
                input: inputs.next().unwrap_or_default(),
                half: halves.next().unwrap_or_default(),
            })
            .collect();
        let part = |part, within| self.part(part, back.as_deref(), [want_weight, want_bias], within);
        let sums: Vec<Sums> = Work::of(tasks.len()).map(tasks, part);

        Gradients {
            input: want_input.then(|| Array::of(input, self.input.dims::<4>())),
            half: self.half.as_ref().filter(|_| want_input).map(|array| Array::of(half, array.dims::<4>())),
            weight: want_weight.then(|| self.weight_gradient(&sums)),
            bias: want_bias.then(|| Array::new(sum(sums.iter().map(|sums| sums.bias.as_slice())), [grid.outputs])),
        }
    }

    /// The way back of some images, group by group. `back`: packed weights if the input's gradient is wanted.
    fn part(&self, part: Part, back: Option<&[f32]>, [want_weight, want_bias]: [bool; 2], within: Work) -> Sums {
        let grid = &self.grid;
        let size = if want_weight { grid.outputs * grid.planes * grid.taps.len() } else { 0 };
        let mut sums = Sums { weight: vec![0.0; size], bias: vec![0.0; grid.outputs] };
        let mut over = Scratch::new(grid.outputs * grid.stride());
        let mut under = Scratch::new(grid.planes * grid.stride());
        let zeros = vec![0.0; grid.planes];
        let of_output = grid.outputs * grid.output_pixels();
        let (of_input, of_half) = (grid.input_values(), grid.upsampled_values());
        for (group, gradient) in part.gradient.chunks(grid.group * of_output).enumerate() {
            let (first, images) = (group * grid.group, gradient.len() / of_output);
            grid.pack_gradient(gradient, &mut over);
            if want_bias {
                for (index, pixels) in gradient.chunks_exact(grid.output_pixels()).enumerate() {
                    sums.bias[index % grid.outputs] += total(pixels);
                }
            }
            if want_weight {
                let (input, half) = inputs_of(grid, &self.input, self.half.as_ref(), part.first + first, images);
                grid.pack_input(input, half, &mut under);
                let rows = Rows { values: &under, stride: grid.stride(), count: grid.planes };
                accumulate_all(
                    grid.rows_over_input(&over),
                    rows,
                    &grid.taps,
                    &mut sums.weight,
                    grid.length(images),
                    within,
                );
            }
            if let Some(back) = back {
                let (rows, length) = (grid.rows_back(&over), grid.length_back(images));
                correlate_all(rows, &grid.taps_back, back, &zeros, &mut under, grid.stride(), length, within);
                let input = &mut part.input[first * of_input..][..images * of_input];
                grid.unpack_input_gradient(&under, input, &mut part.half[first * of_half..][..images * of_half]);
            }
        }
        sums
    }

    fn weight_gradient(&self, sums: &[Sums]) -> Array {
        let grid = &self.grid;
        let total = sum(sums.iter().map(|sums| sums.weight.as_slice()));
        let mut ordered = vec![0.0; total.len()];
        for (index, value) in total.into_iter().enumerate() {
            let (tap, rest) = (index % grid.taps.len(), index / grid.taps.len());
            ordered[grid.weight_index(rest / grid.planes, rest % grid.planes, tap)] = value;
        }
        Array::new(ordered, self.weight.dims::<4>())
    }
}

fn winograd(grid: &Grid, images: Images, input: &Array, half: Option<&Array>, weight: &Array) -> Array {
    let channels = [grid.inputs - grid.upsampled, grid.upsampled];
    let from = Source { whole: input.values(), half: half.map_or(&[], Array::values), channels };
    let filters = [grid.outputs, grid.inputs];
    let [output, _] = images.convolve(from, weight.values(), filters, Direction::Forward, [grid.outputs, 0]);
    let [height, width] = grid.output_size;
    Array::of(output, [grid.batch, grid.outputs, height, width])
}

/// Some images of the way back: the output's gradient, and where the input's goes (nowhere if empty).
struct Part<'a> {
    gradient: &'a [f32],
    first: usize,
    input: &'a mut [f32],
    half: &'a mut [f32],
}

/// What a part adds to the gradients of the parameters.
struct Sums {
    /// `[output, plane, tap]`
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// Both parts of the input for some images.
fn inputs_of<'a>(
    grid: &Grid,
    input: &'a Array,
    half: Option<&'a Array>,
    first: usize,
    images: usize,
) -> (&'a [f32], &'a [f32]) {
    let slice = |array: &'a Array, size: usize| &array.values()[first * size..][..images * size];
    (slice(input, grid.input_values()), half.map_or(&[], |half| slice(half, grid.upsampled_values())))
}

fn parts_of(values: &mut [f32], size: usize) -> Vec<&mut [f32]> {
    if size == 0 { Vec::new() } else { values.chunks_mut(size).collect() }
}

/// [`correlate`] for all blocks of filters.
#[expect(clippy::too_many_arguments, reason = "those of `correlate`, and who works")]
fn correlate_all(
    input: Rows,
    taps: &[usize],
    weights: &[f32],
    initial: &[f32],
    output: &mut [f32],
    stride: usize,
    length: usize,
    within: Work,
) {
    let weights = weights.chunks(BLOCK * input.count * taps.len());
    let blocks = output.chunks_mut(BLOCK * stride).zip(initial.chunks(BLOCK)).zip(weights);
    within.each(blocks.collect(), |((output, initial), weights), _| {
        correlate(input, taps, weights, initial, output, stride, length);
    });
}

/// [`accumulate`] for all rows of the gradient.
fn accumulate_all(gradient: Rows, input: Rows, taps: &[usize], sums: &mut [f32], length: usize, within: Work) {
    let blocks = sums.chunks_mut(BLOCK * input.count * taps.len()).enumerate();
    within.each(blocks.collect(), |(block, sums), _| {
        let values = &gradient.values[block * BLOCK * gradient.stride..];
        let count = BLOCK.min(gradient.count - block * BLOCK);
        accumulate(Rows { values, count, ..gradient }, input, taps, sums, length);
    });
}

fn sum<'a>(mut parts: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let mut total = parts.next().map_or_else(Vec::new, <[f32]>::to_vec);
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    total
}
