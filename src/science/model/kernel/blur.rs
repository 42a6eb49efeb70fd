//! The inner loops of Gaussian blurs: sums of scaled runs of values.

use super::lanes::vectorised;

/// A neighbour that is not there.
pub(in crate::science::model) const NOBODY: u32 = u32::MAX;

vectorised! {
    /// Blurs the middle one of the axes `[outer, nodes, inner]`: `output[i] = sum_j taps[|i - j|] input[j]`. Beyond the axis'
    /// ends and the taps all is 0.
    pub(in crate::science::model) fn blur_axis(input: &[f32], nodes: usize, inner: usize, taps: &[f32], output: &mut [f32]) {
        let reach = taps.len() - 1;
        for (input, output) in input.chunks_exact(nodes * inner).zip(output.chunks_exact_mut(nodes * inner)) {
            for (i, output) in output.chunks_exact_mut(inner).enumerate() {
                output.fill(0.0);
                for j in i.saturating_sub(reach)..nodes.min(i + reach + 1) {
                    let (factor, input) = (taps[i.abs_diff(j)], &input[j * inner..][..inner]);
                    for (output, input) in output.iter_mut().zip(input) {
                        *output += factor * input;
                    }
                }
            }
        }
    }
}

vectorised! {
    /// Blurs rows of `width` values.
    pub(in crate::science::model) fn blur_rows(input: &[f32], width: usize, taps: &[f32], output: &mut [f32]) {
        for (input, output) in input.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
            for (output, input) in output.iter_mut().zip(input) {
                *output = taps[0] * input;
            }
            for (offset, factor) in taps.iter().enumerate().take(width).skip(1) {
                let length = width - offset;
                for (output, input) in output[..length].iter_mut().zip(&input[offset..]) {
                    *output += factor * input;
                }
                for (output, input) in output[offset..].iter_mut().zip(&input[..length]) {
                    *output += factor * input;
                }
            }
        }
    }
}

vectorised! {
    /// Blurs along lists of neighbours: block `i` of the output is the sum of the blocks `neighbours[i][k]` of the input,
    /// each times `taps[k]`, without those that are [`NOBODY`].
    pub(in crate::science::model) fn blur_blocks(
        input: &[f32],
        block: usize,
        neighbours: &[u32],
        taps: &[f32],
        output: &mut [f32],
    ) {
        for (output, neighbours) in output.chunks_exact_mut(block).zip(neighbours.chunks_exact(taps.len())) {
            output.fill(0.0);
            for (factor, neighbour) in taps.iter().zip(neighbours) {
                if *neighbour != NOBODY {
                    let input = &input[*neighbour as usize * block..][..block];
                    for (output, input) in output.iter_mut().zip(input) {
                        *output += factor * input;
                    }
                }
            }
        }
    }
}
