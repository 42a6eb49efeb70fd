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

/// Squared distance to the nearest mask pixel of the same column: steps are counted down the image, then up.
fn column_distances(mask: &[bool], plane: Plane) -> Vec<f64> {
    let Plane { width, spacing, .. } = plane;
    let mut steps: Vec<f64> = mask.iter().map(|&set| if set { 0.0 } else { f64::INFINITY }).collect();
    for start in (width..mask.len()).step_by(width.max(1)) {
        let (before, row) = steps.split_at_mut(start);
        nearer(&mut row[..width], &before[start - width..]);
    }
    for start in (width..mask.len()).step_by(width.max(1)).rev() {
        let (row, below) = steps.split_at_mut(start);
        nearer(&mut row[start - width..], &below[..width]);
    }
    steps.iter_mut().for_each(|steps| *steps = (*steps * spacing[0]).powi(2));
    steps
}

/// One step from the neighbouring row, where that is nearer.
fn nearer(row: &mut [f64], neighbour: &[f64]) {
    row.iter_mut().zip(neighbour).for_each(|(steps, neighbour)| *steps = steps.min(neighbour + 1.0));
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
