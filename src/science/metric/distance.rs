use super::MetricError;

/// One slice `[row, column]` and the distance between neighbouring pixel centres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane {
    pub height: usize,
    pub width: usize,
    /// `[row, column]`: `[1, 1]` measures in pixels, the file's spacing in millimetres.
    pub spacing: [f64; 2],
}

impl Plane {
    /// Distances in pixels.
    pub fn pixels(height: usize, width: usize) -> Plane {
        Plane { height, width, spacing: [1.0, 1.0] }
    }

    /// Refuses arrays that do not fill the plane.
    pub(super) fn check(&self, found: usize) -> Result<(), MetricError> {
        let Plane { height, width, spacing } = *self;
        if height.checked_mul(width) != Some(found) {
            return Err(MetricError::Plane { found, height, width });
        }
        match spacing.iter().all(|s| s.is_finite() && *s > 0.0) {
            true => Ok(()),
            false => Err(MetricError::Spacing { spacing }),
        }
    }
}

/// Squared Euclidean distance of each pixel's centre to the nearest one in `mask`, infinite where the
/// mask is empty. Exact, and linear in the number of pixels: the separable transform of Felzenszwalb
/// and Huttenlocher (2012), whose first pass on a binary image is a plain scan of each column.
///
/// `mask` has `plane.height * plane.width` pixels.
pub fn squared_distances(mask: &[bool], plane: Plane) -> Vec<f64> {
    let mut squared = column_distances(mask, plane);
    let mut envelope = Envelope::default();
    for row in squared.chunks_exact_mut(plane.width.max(1)) {
        envelope.transform(row, plane.spacing[1]);
    }
    squared
}

/// Squared distance to the nearest mask pixel of the same column.
fn column_distances(mask: &[bool], plane: Plane) -> Vec<f64> {
    let Plane { height, width, spacing } = plane;
    let mut rows = vec![f64::INFINITY; mask.len()];
    for column in 0..width {
        let down = (0..height).map(|row| row * width + column);
        let up = (0..height).rev().map(|row| row * width + column);
        let mut scan = |pixels: &mut dyn Iterator<Item = usize>| {
            let mut steps = f64::INFINITY;
            for pixel in pixels {
                steps = if mask[pixel] { 0.0 } else { steps + 1.0 };
                rows[pixel] = rows[pixel].min(steps);
            }
        };
        scan(&mut { down });
        scan(&mut { up });
    }
    rows.into_iter().map(|steps| (steps * spacing[0]).powi(2)).collect()
}

/// Lower envelope of the parabolas (x - site)² + height(site); buffers kept between rows.
#[derive(Default)]
struct Envelope {
    /// Columns of the parabolas on the envelope, from left to right.
    sites: Vec<usize>,
    /// `starts[i]`: where parabola i begins to be the lowest.
    starts: Vec<f64>,
    heights: Vec<f64>,
}

impl Envelope {
    /// Replaces each value of a row by min over sites of (distance to the site)² + its value.
    fn transform(&mut self, row: &mut [f64], spacing: f64) {
        self.heights.clear();
        self.heights.extend_from_slice(row);
        self.build(spacing);
        let mut lowest = 0;
        for (column, value) in row.iter_mut().enumerate() {
            let Some(last) = self.sites.len().checked_sub(1) else { return };
            while lowest < last && self.starts[lowest + 1] < column as f64 {
                lowest += 1;
            }
            let site = self.sites[lowest];
            *value = (column.abs_diff(site) as f64 * spacing).powi(2) + self.heights[site];
        }
    }

    fn build(&mut self, spacing: f64) {
        self.sites.clear();
        self.starts.clear();
        for site in (0..self.heights.len()).filter(|&site| self.heights[site].is_finite()) {
            let mut start = f64::NEG_INFINITY;
            while let Some(&last) = self.sites.last() {
                start = self.intersection(last, site, spacing);
                if self.starts.last().is_none_or(|&previous| start > previous) {
                    break;
                }
                self.sites.pop();
                self.starts.pop();
                start = f64::NEG_INFINITY;
            }
            self.sites.push(site);
            self.starts.push(start);
        }
    }

    /// Column (a fraction) where the parabola of `right` gets below that of `left`.
    fn intersection(&self, left: usize, right: usize, spacing: f64) -> f64 {
        let (a, b) = (left as f64, right as f64);
        let rise = (self.heights[right] - self.heights[left]) / (spacing * spacing);
        (rise + (b - a) * (b + a)) / (2.0 * (b - a))
    }
}
