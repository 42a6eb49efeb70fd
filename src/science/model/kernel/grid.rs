use super::correlation::{Rows, SLACK};
use super::winograd::Images;

/// How the pixels of an image lie on its grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// 1x1 kernel: as they are.
    Point,
    /// 3x3 kernel, padding 1: a zero before each row and a row of zeros before each image. The zeros of
    /// the next row and image close the border.
    Padded,
    /// 4x4 kernel, stride 2, padding 1: the padded image split into its four phases (even and odd rows
    /// and columns), each a plane of its own. On them the kernel is 2x2 with stride 1.
    Phases,
}

/// Where everything of one convolution lies: groups of whole images, each plane one flat row.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    form: Form,
    pub batch: usize,
    pub inputs: usize,
    /// The last of the inputs that come from an image of half the size, each pixel taken twice both ways.
    pub upsampled: usize,
    pub outputs: usize,
    height: usize,
    width: usize,
    pub output_size: [usize; 2],
    /// Rows of a packed input: its channels, four times as many for phases.
    pub planes: usize,
    /// Distance of two grid rows, and of two images.
    pitch: usize,
    image: usize,
    /// Distances of the kernel's positions, and of those of the way back.
    pub taps: Vec<usize>,
    pub taps_back: Vec<usize>,
    reach: usize,
    /// The first grid point that holds a pixel.
    first: usize,
    /// Images packed together, so that small ones fill vectors and their weights are read once.
    pub group: usize,
}

/// Channels on both sides from which on Winograd's algorithm pays.
const WINOGRAD_CHANNELS: usize = 8;

/// Grid points that a group should have at least.
const GROUP_POINTS: usize = 1024;

impl Grid {
    /// None for kernels other than 1x1 and 3x3 at stride 1 and 4x4 at stride 2.
    pub fn new(input: [usize; 4], weight: [usize; 4], stride: usize) -> Option<Grid> {
        let [batch, inputs, height, width] = input;
        let [outputs, weight_inputs, kernel, kernel_width] = weight;
        let form = match (kernel, stride) {
            (1, 1) => Form::Point,
            (3, 1) => Form::Padded,
            (4, 2) if height >= 2 && width >= 2 => Form::Phases,
            _ => return None,
        };
        if kernel != kernel_width || inputs != weight_inputs || input.contains(&0) || outputs == 0 {
            return None;
        }
        let (output_size, planes, pitch, rows, side, first) = match form {
            Form::Point => ([height, width], inputs, width, height, 1, 0),
            Form::Padded => ([height, width], inputs, width + 1, height + 1, 3, width + 2),
            Form::Phases => ([height / 2, width / 2], 4 * inputs, width / 2 + 1, height / 2 + 1, 2, 0),
        };
        let taps: Vec<usize> = (0..side * side).map(|tap| tap / side * pitch + tap % side).collect();
        let reach = (side - 1) * (pitch + 1);
        let image = rows * pitch;
        Some(Grid {
            form,
            batch,
            inputs,
            upsampled: 0,
            outputs,
            height,
            width,
            output_size,
            planes,
            pitch,
            image,
            taps_back: taps.iter().map(|tap| reach - tap).collect(),
            taps,
            reach,
            first,
            group: (GROUP_POINTS / image).clamp(1, batch),
        })
    }

    /// The last `channels` inputs come from an image of half the size. None where it cannot be.
    pub fn with_upsampled(self, channels: usize) -> Option<Grid> {
        let even = self.height.is_multiple_of(2) && self.width.is_multiple_of(2);
        let fits = self.form == Form::Padded && even && channels < self.inputs;
        fits.then_some(Grid { upsampled: channels, ..self })
    }

    /// The images, where Winograd's algorithm is the faster one: with few channels its transforms cost more
    /// than they save.
    pub fn winograd(&self) -> Option<Images> {
        let fits = self.form == Form::Padded && self.inputs.min(self.outputs) >= WINOGRAD_CHANNELS;
        fits.then_some(Images { batch: self.batch, height: self.height, width: self.width })
    }

    /// Values of one image at full size, and at half size.
    pub fn input_values(&self) -> usize {
        (self.inputs - self.upsampled) * self.height * self.width
    }

    pub fn upsampled_values(&self) -> usize {
        self.upsampled * (self.height / 2) * (self.width / 2)
    }

    /// Distance of two packed rows: an odd number of cache lines, so that the rows of a pixel do not
    /// compete for one set of the cache.
    pub fn stride(&self) -> usize {
        let lines = (self.margin() + self.group * self.image + self.reach + SLACK).div_ceil(16);
        16 * (lines | 1)
    }

    /// Zeros before a packed gradient: at least the reach, and whole cache lines, since it is read most.
    fn margin(&self) -> usize {
        self.reach.next_multiple_of(16)
    }

    /// Output points of `images`, the grid's margins between them included.
    pub fn length(&self, images: usize) -> usize {
        let [height, width] = self.output_size;
        (images - 1) * self.image + (height - 1) * self.pitch + width
    }

    /// Points of the input's gradient.
    pub fn length_back(&self, images: usize) -> usize {
        if self.form == Form::Phases { images * self.image } else { self.length(images) }
    }

    pub fn output_pixels(&self) -> usize {
        self.output_size[0] * self.output_size[1]
    }

    /// Where a weight stands in `[output, input, ky, kx]`.
    pub fn weight_index(&self, output: usize, plane: usize, tap: usize) -> usize {
        match self.form {
            Form::Phases => {
                let (input, row, column) = (plane / 4, tap / 2 * 2 + plane / 2 % 2, tap % 2 * 2 + plane % 2);
                (output * self.inputs + input) * 16 + row * 4 + column
            }
            _ => (output * self.inputs + plane) * self.taps.len() + tap,
        }
    }

    /// `[image, input, h, w]`, and `[image, input, h / 2, w / 2]` of the upsampled ones → rows of the grid.
    pub fn pack_input(&self, input: &[f32], half: &[f32], packed: &mut [f32]) {
        let images = input.len() / self.input_values();
        let whole = self.inputs - self.upsampled;
        for (plane, row) in packed.chunks_exact_mut(self.stride()).enumerate() {
            let (points, rest) = row.split_at_mut(images * self.image);
            rest.fill(0.0);
            for (i, to) in points.chunks_exact_mut(self.image).enumerate() {
                let from = |channel: usize| {
                    let pixels = self.height * self.width;
                    &input[(i * whole + channel) * pixels..][..pixels]
                };
                match self.form {
                    Form::Point => to.copy_from_slice(from(plane)),
                    Form::Padded if plane < whole => self.pad(from(plane), to),
                    Form::Padded => self.pad_upsampled(self.half(half, i, plane - whole), to),
                    Form::Phases => self.phase(from(plane / 4), to, plane / 2 % 2, plane % 2),
                }
            }
        }
    }

    fn half<'a>(&self, half: &'a [f32], image: usize, channel: usize) -> &'a [f32] {
        let pixels = (self.height / 2) * (self.width / 2);
        &half[(image * self.upsampled + channel) * pixels..][..pixels]
    }

    fn pad_upsampled(&self, from: &[f32], to: &mut [f32]) {
        let (above, rows) = to.split_at_mut(self.pitch);
        above.fill(0.0);
        for (from, to) in from.chunks_exact(self.width / 2).zip(rows.chunks_exact_mut(2 * self.pitch)) {
            let (upper, lower) = to.split_at_mut(self.pitch);
            upper[0] = 0.0;
            for (from, to) in from.iter().zip(upper[1..].chunks_exact_mut(2)) {
                to.fill(*from);
            }
            lower.copy_from_slice(upper);
        }
    }

    fn pad(&self, from: &[f32], to: &mut [f32]) {
        let (above, rows) = to.split_at_mut(self.pitch);
        above.fill(0.0);
        for (from, to) in from.chunks_exact(self.width).zip(rows.chunks_exact_mut(self.pitch)) {
            to[0] = 0.0;
            to[1..].copy_from_slice(from);
        }
    }

    fn phase(&self, from: &[f32], to: &mut [f32], odd_row: usize, odd_column: usize) {
        for (i, to) in to.chunks_exact_mut(self.pitch).enumerate() {
            let row = (2 * i + odd_row).wrapping_sub(1);
            if row >= self.height {
                to.fill(0.0);
                continue;
            }
            let from = &from[row * self.width..][..self.width];
            for (j, to) in to.iter_mut().enumerate() {
                *to = from.get((2 * j + odd_column).wrapping_sub(1)).copied().unwrap_or(0.0);
            }
        }
    }

    /// `[image, output, h, w]` → rows of the grid, each after a margin of zeros, with zeros in between.
    pub fn pack_gradient(&self, gradient: &[f32], packed: &mut [f32]) {
        let [height, width] = self.output_size;
        let images = gradient.len() / (self.outputs * height * width);
        for (channel, row) in packed.chunks_exact_mut(self.stride()).enumerate() {
            let (margin, rest) = row.split_at_mut(self.margin());
            margin.fill(0.0);
            let (points, rest) = rest.split_at_mut(images * self.image);
            rest.fill(0.0);
            for (i, to) in points.chunks_exact_mut(self.image).enumerate() {
                let from = &gradient[(i * self.outputs + channel) * height * width..][..height * width];
                let (to, below) = to.split_at_mut(height * self.pitch);
                below.fill(0.0);
                for (from, to) in from.chunks_exact(width).zip(to.chunks_exact_mut(self.pitch)) {
                    to[..width].copy_from_slice(from);
                    to[width..].fill(0.0);
                }
            }
        }
    }

    /// A packed gradient as the rows that [`Grid::taps_back`] counts from.
    pub fn rows_back<'a>(&self, packed: &'a [f32]) -> Rows<'a> {
        Rows { values: &packed[self.first + self.margin() - self.reach..], stride: self.stride(), count: self.outputs }
    }

    /// A packed gradient as the rows that stand over a packed input's.
    pub fn rows_over_input<'a>(&self, packed: &'a [f32]) -> Rows<'a> {
        Rows { values: &packed[self.margin()..], stride: self.stride(), count: self.outputs }
    }

    /// Rows of output points → `[image, output, h, w]`.
    pub fn unpack_output(&self, points: &[f32], output: &mut [f32]) {
        self.crop(points, self.outputs, output);
    }

    /// Rows of gradient points → `[image, input, h, w]`, and `[image, input, h / 2, w / 2]`.
    pub fn unpack_input_gradient(&self, points: &[f32], gradient: &mut [f32], half: &mut [f32]) {
        if self.form == Form::Phases {
            return self.unpack_phases(points, gradient);
        }
        let whole = self.inputs - self.upsampled;
        self.crop(points, whole, gradient);
        if self.upsampled > 0 {
            self.crop_half(&points[whole * self.stride()..], half);
        }
    }

    fn unpack_phases(&self, points: &[f32], gradient: &mut [f32]) {
        let pixels = self.height * self.width;
        for (index, to) in gradient.chunks_exact_mut(pixels).enumerate() {
            let (image, channel) = (index / self.inputs, index % self.inputs);
            for (row, to) in to.chunks_exact_mut(self.width).enumerate() {
                for (column, to) in to.iter_mut().enumerate() {
                    let (row, column) = (row + 1, column + 1);
                    // Of odd sizes the last row and column reach no output.
                    let reached = row / 2 * self.pitch < self.image && column / 2 < self.pitch;
                    let plane = channel * 4 + row % 2 * 2 + column % 2;
                    let point = image * self.image + row / 2 * self.pitch + column / 2;
                    *to = if reached { points[plane * self.stride() + point] } else { 0.0 };
                }
            }
        }
    }

    fn crop(&self, points: &[f32], channels: usize, to: &mut [f32]) {
        let [height, width] = self.output_size;
        for (index, to) in to.chunks_exact_mut(height * width).enumerate() {
            let (image, channel) = (index / channels, index % channels);
            let from = &points[channel * self.stride() + image * self.image..];
            for (from, to) in from.chunks(self.pitch).zip(to.chunks_exact_mut(width)) {
                to.copy_from_slice(&from[..width]);
            }
        }
    }

    /// Sums over the four places of each pixel.
    fn crop_half(&self, points: &[f32], to: &mut [f32]) {
        let (height, width) = (self.height / 2, self.width / 2);
        for (index, to) in to.chunks_exact_mut(height * width).enumerate() {
            let (image, channel) = (index / self.upsampled, index % self.upsampled);
            let from = &points[channel * self.stride() + image * self.image..];
            for (from, to) in from.chunks(2 * self.pitch).zip(to.chunks_exact_mut(width)) {
                let (upper, lower) =
                    (from[..2 * width].chunks_exact(2), from[self.pitch..][..2 * width].chunks_exact(2));
                for ((upper, lower), to) in upper.zip(lower).zip(to) {
                    *to = (upper[0] + upper[1]) + (lower[0] + lower[1]);
                }
            }
        }
    }
}
