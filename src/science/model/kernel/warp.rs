use super::array::Array;
use super::buffer::Buffer;
use super::operation::{Operation, apply, operands};
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

/// Moves pixels by a field: `output(r, c) = input(r + field_0(r, c), c + field_1(r, c))`, bilinear between
/// pixels; beyond the border the edge's values go on.
///
/// `input: [batch, channel, h, w]`, `field: [batch, 2, h, w]` in pixels, rows first. Gradients reach both. The
/// field's is that of the cell that a position lies in, and 0 beyond the border.
pub fn warp(input: Tensor<4>, field: Tensor<4>) -> Tensor<4> {
    let [batch, _, height, width] = input.dims();
    let fit = field.dims() == [batch, 2, height, width] && height * width > 0;
    match operands([input.clone().into_dispatch(), field.clone().into_dispatch()]).filter(|_| fit) {
        Some(operands) => apply(operands, |[input, field]| forward(input, field)).0,
        None => gathered(input, field),
    }
}

/// Where one pixel of the output comes from.
#[derive(Clone, Copy)]
struct Source {
    /// Flat positions of the cell's corners: above left and right, below left and right.
    corners: [usize; 4],
    /// Share of the lower row and of the right column.
    down: f32,
    right: f32,
    /// Whether the position moves with the field: not beyond the border.
    moves: [bool; 2],
}

impl Source {
    fn corner_weights(&self) -> [f32; 4] {
        let (down, right) = (self.down, self.right);
        [(1.0 - down) * (1.0 - right), (1.0 - down) * right, down * (1.0 - right), down * right]
    }
}

/// First pixel of a cell, the next one, the share of the next one, and whether the position is inside.
fn cell(position: f32, last: usize) -> (usize, usize, f32, bool) {
    let inside = position >= 0.0 && position <= last as f32;
    let clamped = position.clamp(0.0, last as f32);
    // The last pixel belongs to the cell before it, so that there is a slope. NaN becomes the first.
    let first = (clamped as usize).min(last.saturating_sub(1));
    (first, (first + 1).min(last), clamped - first as f32, inside)
}

/// Sources of the pixels of one image, whose field is `[2, h, w]`.
fn sources(field: &[f32], height: usize, width: usize) -> impl Iterator<Item = Source> {
    let (rows, columns) = field.split_at(height * width);
    rows.iter().zip(columns).enumerate().map(move |(pixel, (down, right))| {
        let (top, bottom, down, vertical) = cell((pixel / width) as f32 + down, height - 1);
        let (left, far, right, horizontal) = cell((pixel % width) as f32 + right, width - 1);
        let corners = [top * width + left, top * width + far, bottom * width + left, bottom * width + far];
        Source { corners, down, right, moves: [vertical, horizontal] }
    })
}

#[derive(Debug, Clone)]
struct Warp {
    input: Array,
    field: Array,
}

fn forward(input: Array, field: Array) -> (Array, Warp, ()) {
    let dims @ [_, channels, height, width] = input.dims();
    let pixels = height * width;
    let mut output = Buffer::new(input.values().len());
    let images = input.values().par_chunks(channels * pixels).zip(field.values().par_chunks(2 * pixels));
    output.par_chunks_mut(channels * pixels).zip(images).for_each(|(output, (input, field))| {
        for (pixel, source) in sources(field, height, width).enumerate() {
            let weights = source.corner_weights();
            for channel in 0..channels {
                let plane = &input[channel * pixels..][..pixels];
                let corner = |i: usize| weights[i] * plane[source.corners[i]];
                output[channel * pixels + pixel] = corner(0) + corner(1) + corner(2) + corner(3);
            }
        }
    });
    (Array::of(output, dims), Warp { input, field }, ())
}

impl Operation<2> for Warp {
    fn backward(self, gradient: Array, wanted: [bool; 2]) -> [Option<Array>; 2] {
        let input = wanted[0].then(|| self.of_input(&gradient));
        [input, wanted[1].then(|| self.of_field(&gradient))]
    }
}

impl Warp {
    /// Each image's pixels are handed back in order, by one thread.
    fn of_input(&self, gradient: &Array) -> Array {
        let dims @ [_, channels, height, width] = self.input.dims();
        let pixels = height * width;
        let mut output = Buffer::zeros(gradient.values().len());
        let images = gradient.values().par_chunks(channels * pixels).zip(self.field.values().par_chunks(2 * pixels));
        output.par_chunks_mut(channels * pixels).zip(images).for_each(|(output, (gradient, field))| {
            for (pixel, source) in sources(field, height, width).enumerate() {
                let weights = source.corner_weights();
                for channel in 0..channels {
                    let value = gradient[channel * pixels + pixel];
                    let corners = source.corners.iter().zip(weights);
                    corners.for_each(|(at, weight)| output[channel * pixels + at] += weight * value);
                }
            }
        });
        Array::of(output, dims)
    }

    fn of_field(&self, gradient: &Array) -> Array {
        let dims @ [_, channels, height, width] = self.input.dims::<4>();
        let pixels = height * width;
        let mut output = Buffer::new(self.field.values().len());
        let images = self.input.values().par_chunks(channels * pixels);
        let images = images.zip(gradient.values().par_chunks(channels * pixels));
        let images = images.zip(self.field.values().par_chunks(2 * pixels));
        output.par_chunks_mut(2 * pixels).zip(images).for_each(|(output, ((input, gradient), field))| {
            let (rows, columns) = output.split_at_mut(pixels);
            for (pixel, source) in sources(field, height, width).enumerate() {
                let slopes = slopes(&source, input, gradient, [channels, pixels, pixel]);
                rows[pixel] = if source.moves[0] { slopes[0] } else { 0.0 };
                columns[pixel] = if source.moves[1] { slopes[1] } else { 0.0 };
            }
        });
        Array::of(output, [dims[0], 2, height, width])
    }
}

/// Gradient of a pixel's position: down and right.
fn slopes(source: &Source, input: &[f32], gradient: &[f32], [channels, pixels, pixel]: [usize; 3]) -> [f32; 2] {
    let mut slopes = [0.0; 2];
    for channel in 0..channels {
        let value = gradient[channel * pixels + pixel];
        let [a, b, c, d] = source.corners.map(|at| input[channel * pixels + at]);
        slopes[0] += value * ((1.0 - source.right) * (c - a) + source.right * (d - b));
        slopes[1] += value * ((1.0 - source.down) * (b - a) + source.down * (d - c));
    }
    slopes
}

/// The same by burn's operations.
fn gathered(input: Tensor<4>, field: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = input.dims();
    let flat: Tensor<3> = input.reshape([batch, channels, height * width]);
    let (top, down) = axis(field.clone().narrow(1, 0, 1), height, |pixel| pixel / width);
    let (left, right) = axis(field.narrow(1, 1, 1), width, |pixel| pixel % width);
    let step = |first: &Tensor<3>, last: usize| first.clone().add_scalar(1.0).clamp_max(last as f64);
    let (bottom, far) = (step(&top, height - 1), step(&left, width - 1));
    let corner = |row: &Tensor<3>, column: &Tensor<3>| {
        let position = (row.clone().mul_scalar(width as f64) + column.clone()).int();
        flat.clone().gather(2, position.expand([batch, channels, height * width]))
    };
    let blend = |a: Tensor<3>, b: Tensor<3>, share: &Tensor<3>| a.clone() + (b - a) * share.clone();
    let upper = blend(corner(&top, &left), corner(&top, &far), &right);
    let lower = blend(corner(&bottom, &left), corner(&bottom, &far), &right);
    blend(upper, lower, &down).reshape([batch, channels, height, width])
}

/// First pixels of the cells along one axis (no gradient), and the shares of the next ones, `[batch, 1, h w]`.
fn axis(field: Tensor<4>, length: usize, start: impl Fn(usize) -> usize) -> (Tensor<3>, Tensor<3>) {
    let [batch, _, height, width] = field.dims();
    let pixels = height * width;
    let starts: Vec<f32> = (0..pixels).map(|pixel| start(pixel) as f32).collect();
    let options = (&field.device(), field.dtype());
    let starts = Tensor::<3>::from_data(TensorData::new(starts, [1, 1, pixels]), options);
    let last = (length - 1) as f64;
    let position = (field.reshape([batch, 1, pixels]) + starts).clamp(0.0, last);
    let first = position.clone().detach().floor().clamp_max((last - 1.0).max(0.0));
    (first.clone(), position - first)
}
