use crate::science::data::{Labels, UNLABELLED};
use crate::science::metric::{Plane, squared_distances};

/// Scribbles grown within their masks: every unlabelled pixel gets the class of its mask if a scribble of that class
/// is at most `radius` pixels away in its slice. 0 leaves them as they are.
///
/// Footnote 6 has "enlarged scribbles as suggested by Can et al.", who grow regions by a random walker, and doesn't
/// say how far. Here the mask keeps the scribble from leaving its object, so that nothing wrong is ever taught.
pub fn enlarged(scribble: &Labels, mask: &Labels, radius: u32) -> Labels {
    if radius == 0 {
        return scribble.clone();
    }
    let slice = |slice: usize| enlarged_slice(scribble.slice(slice), mask.slice(slice), mask, radius);
    Labels { data: (0..mask.slices).flat_map(slice).collect(), ..*mask }
}

fn enlarged_slice(scribble: &[u8], mask: &[u8], shape: &Labels, radius: u32) -> Vec<u8> {
    let mut grown = scribble.to_vec();
    let reach = f64::from(radius).powi(2);
    for class in super::classes(scribble) {
        let drawn: Vec<bool> = scribble.iter().map(|&label| label == class).collect();
        let squared = squared_distances(&drawn, Plane::pixels(shape.height, shape.width));
        for (pixel, label) in grown.iter_mut().enumerate() {
            if *label == UNLABELLED && mask[pixel] == class && squared[pixel] <= reach {
                *label = class;
            }
        }
    }
    grown
}
