use super::picture::Picture;

/// Pixels. Text is set in a monospaced font, so that its width is known without the font.
pub(super) const CHARACTER: f64 = 7.3;
pub(super) const LINE: f64 = 17.0;
pub(super) const PADDING: f64 = 10.0;
pub(super) const MARGIN: f64 = 20.0;
const BETWEEN_BOXES: f64 = 18.0;
const BETWEEN_LAYERS: f64 = 96.0;
/// Height of the gap through which an arrow passes a column.
const GAP: f64 = 4.0;
/// With more than this, arrows run straight.
const MOST_GAPS: usize = 2_000;

#[derive(Clone, Default)]
pub(super) struct Rectangle {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rectangle {
    pub fn middle(&self) -> f64 {
        self.y + self.height / 2.0
    }
}

/// Where boxes stand and arrows run. A box's column is the longest path that leads to it.
pub(super) struct Layout {
    /// One for each box, then the gaps that long arrows take through the columns between.
    pub slots: Vec<Rectangle>,
    /// The slots along each arrow of the picture.
    pub routes: Vec<Vec<usize>>,
}

impl Layout {
    pub fn of(picture: &Picture, top: f64) -> Self {
        let mut column_of = picture.layers();
        let mut slots: Vec<Rectangle> = picture.graph.node_weights().map(size).collect();
        let spans = picture.arrows().map(|(from, to, _)| column_of[to] - column_of[from] - 1);
        let gaps = spans.sum::<usize>() <= MOST_GAPS;
        let mut routes = Vec::new();
        for (from, to, _) in picture.arrows() {
            let mut route = vec![from];
            for column in column_of[from] + 1..if gaps { column_of[to] } else { 0 } {
                route.push(slots.len());
                column_of.push(column);
                slots.push(Rectangle { height: GAP, ..Rectangle::default() });
            }
            route.push(to);
            routes.push(route);
        }
        let columns = columns(&column_of, &routes);
        place(&mut slots, &columns, top);
        Layout { slots, routes }
    }
}

fn size(content: &super::picture::Box) -> Rectangle {
    let lines = [&content.title].into_iter().chain(&content.lines);
    let widest = lines.map(|line| line.chars().count()).max().unwrap_or(0);
    let height = (content.lines.len() + 1) as f64 * LINE + 2.0 * PADDING - 4.0;
    Rectangle { width: widest as f64 * CHARACTER + 2.0 * PADDING, height, ..Rectangle::default() }
}

/// The slots of each column, from top to bottom: near what they read, else in the pipeline's order.
fn columns(column_of: &[usize], routes: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut columns = vec![Vec::new(); column_of.iter().max().map_or(0, |last| last + 1)];
    for (slot, &column) in column_of.iter().enumerate() {
        columns[column].push(slot);
    }
    let mut sources = vec![Vec::new(); column_of.len()];
    for pair in routes.iter().flat_map(|route| route.windows(2)) {
        sources[pair[1]].push(pair[0]);
    }
    let mut height = vec![0.0; column_of.len()];
    for column in &mut columns {
        let mean = |slot: usize| {
            let all: &[usize] = &sources[slot];
            all.iter().map(|&source| height[source]).sum::<f64>() / all.len().max(1) as f64
        };
        column.sort_by(|&a, &b| mean(a).total_cmp(&mean(b)));
        let middle = (column.len() as f64 - 1.0) / 2.0;
        for (place, &slot) in column.iter().enumerate() {
            height[slot] = place as f64 - middle;
        }
    }
    columns
}

/// Columns from left to right, each centred; gaps (from slot `boxes` on) are as wide as their column.
fn place(slots: &mut [Rectangle], columns: &[Vec<usize>], top: f64) {
    let tall = |column: &[usize], slots: &[Rectangle]| {
        column.iter().map(|&slot| slots[slot].height + BETWEEN_BOXES).sum::<f64>() - BETWEEN_BOXES
    };
    let tallest = columns.iter().map(|column| tall(column, slots)).fold(0.0, f64::max);
    let mut x = MARGIN;
    for column in columns {
        let mut y = MARGIN + top + (tallest - tall(column, slots)) / 2.0;
        let widest = column.iter().map(|&slot| slots[slot].width).fold(0.0, f64::max);
        for &slot in column {
            let at = &mut slots[slot];
            // One width a column: arrows that start at a narrower box would run behind a wider one.
            (at.x, at.y, at.width) = (x, y, widest);
            y += at.height + BETWEEN_BOXES;
        }
        x += widest + BETWEEN_LAYERS;
    }
}
