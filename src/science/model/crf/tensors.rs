//! The filter in burn's own operations, for tensors that the loops written for flex do not take (f64, other backends). Burn
//! finds the way back by itself. Slower, and it needs memory for each weight of each pixel.

use super::axis::Axis;
use super::bilateral::{Bilateral, Stage};
use super::filter::Kernels;
use super::smooth::Smooth;
use super::weighted::Weighted;
use crate::science::model::kernel::blur::NOBODY;
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};

/// `beliefs: [batch, class, h, w]` to `[batch, 2 class, h, w]`.
pub(super) fn messages(kernels: &Kernels, beliefs: Tensor<4>) -> Tensor<4> {
    let [_, classes, height, width] = beliefs.dims();
    let of_image = |(image, appearance): (usize, &Weighted<Bilateral>)| {
        let planes: Tensor<2> = beliefs.clone().narrow(0, image, 1).reshape([classes, height * width]);
        let appears = weighted(appearance, planes.clone(), |planes| bilateral(&appearance.kernel, planes));
        let smooth = weighted(&kernels.smoothness, planes, |planes| smooth(&kernels.smoothness.kernel, planes));
        Tensor::cat(vec![appears, smooth], 0).reshape([1, 2 * classes, height, width])
    };
    Tensor::cat(kernels.appearance.iter().enumerate().map(of_image).collect(), 0)
}

/// A constant of the same device and type.
fn constant<const D: usize>(values: &[f32], shape: [usize; D], like: &Tensor<2>) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&like.device(), like.dtype()))
}

fn indices(values: Vec<i32>, like: &Tensor<2>) -> Tensor<1, Int> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), &like.device())
}

fn weighted<K>(weighted: &Weighted<K>, planes: Tensor<2>, kernel: impl Fn(Tensor<2>) -> Tensor<2>) -> Tensor<2> {
    let by_pixel = |factors: &[f32]| constant(factors, [1, factors.len()], &planes);
    let scaled = planes.clone() * by_pixel(&weighted.right);
    let heard = match &weighted.echo {
        None => kernel(scaled),
        Some(echo) => kernel(scaled.clone()) - scaled * by_pixel(echo),
    };
    heard * by_pixel(&weighted.left)
}

/// `|i - j|` to the tap of that distance, for all pairs of nodes.
fn matrix(nodes: usize, taps: &[f32]) -> Vec<f32> {
    let tap = |at: usize| taps.get((at / nodes).abs_diff(at % nodes)).copied().unwrap_or(0.0);
    (0..nodes * nodes).map(tap).collect()
}

/// Blurs both axes of positions: `[any, row, column]`.
fn blur_positions(planes: Tensor<3>, rows: &[f32], columns: &[f32], like: &Tensor<2>) -> Tensor<3> {
    let [_, height, width] = planes.dims();
    let columns = constant(&matrix(width, columns), [1, width, width], like);
    let rows = constant(&matrix(height, rows), [1, height, height], like);
    rows.matmul(planes.matmul(columns))
}

fn smooth(kernel: &Smooth, planes: Tensor<2>) -> Tensor<2> {
    let ([classes, pixels], [height, width]) = (planes.dims(), kernel.size);
    let blurred = blur_positions(planes.clone().reshape([classes, height, width]), &kernel.taps, &kernel.taps, &planes);
    blurred.reshape([classes, pixels])
}

fn bilateral(kernel: &Bilateral, planes: Tensor<2>) -> Tensor<2> {
    let [classes, pixels] = planes.dims();
    let Bilateral { rows: Axis { nodes: rows, taps: by_row, .. }, columns, occupied, stages, .. } = kernel;
    let (block, (cells, weights)) = (rows * columns.nodes, kernel.touched());
    let of_pixel = cells.len() / pixels;
    let (cells, weights) = (indices(cells, &planes), constant(&weights, [1, pixels, of_pixel], &planes));
    let shares = (planes.clone().reshape([classes, pixels, 1]) * weights.clone()).reshape([classes, pixels * of_pixel]);
    let grid = Tensor::zeros([classes, occupied * block], (&planes.device(), planes.dtype()));
    let grid: Tensor<2> = grid.select_assign(1, cells.clone(), shares, IndexingUpdateOp::Add);
    let grid = blur_positions(grid.reshape([classes * occupied, *rows, columns.nodes]), by_row, &columns.taps, &planes);
    let grid = stages.iter().fold(grid.reshape([classes, *occupied, block]), |grid, stage| along(stage, grid, &planes));
    let read = grid.reshape([classes, occupied * block]).select(1, cells).reshape([classes, pixels, of_pixel]);
    (read * weights).sum_dim(2).reshape([classes, pixels])
}

/// Blurs one axis of intensities: `[class, node, block]`.
fn along(stage: &Stage, grid: Tensor<3>, like: &Tensor<2>) -> Tensor<3> {
    let [classes, nodes, block] = grid.dims();
    let nobody = Tensor::zeros([classes, 1, block], (&like.device(), like.dtype()));
    let grid = Tensor::cat(vec![grid, nobody], 1);
    let of_tap = |k: usize| {
        let neighbours = stage.neighbours.iter().skip(k).step_by(stage.taps.len());
        let neighbours = neighbours.map(|&node| if node == NOBODY { nodes as i32 } else { node as i32 }).collect();
        grid.clone().select(1, indices(neighbours, like)) * stage.taps[k]
    };
    (1..stage.taps.len()).fold(of_tap(0), |sum, k| sum + of_tap(k))
}
