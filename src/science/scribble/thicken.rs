//! Closing and dilation of thin lines, as the released code thickens its skeletons.

/// A skeleton closed, then dilated, then cut to its mask. The structuring element is the 3 x 3 cross, which is the
/// default of scikit-image's and scipy's functions; closing takes what lies beyond the image as set, as
/// scikit-image's does, so that lines at the border stay.
pub(super) fn thickened(skeleton: &[bool], mask: &[bool], shape: [usize; 2]) -> Vec<bool> {
    let closed = eroded(&dilated(skeleton, shape), shape);
    dilated(&closed, shape).into_iter().zip(mask).map(|(drawn, inside)| drawn && *inside).collect()
}

fn dilated(set: &[bool], shape: [usize; 2]) -> Vec<bool> {
    over_cross(set, shape, false, |cross| cross.contains(&true))
}

fn eroded(set: &[bool], shape: [usize; 2]) -> Vec<bool> {
    over_cross(set, shape, true, |cross| !cross.contains(&false))
}

/// Asks of every pixel and its four neighbours; `beyond` stands for those that aren't in the image.
fn over_cross(set: &[bool], [height, width]: [usize; 2], beyond: bool, holds: fn([bool; 5]) -> bool) -> Vec<bool> {
    let at =
        |row: usize, column: usize| if row < height && column < width { set[row * width + column] } else { beyond };
    let cross = |pixel: usize| {
        let (row, column) = (pixel / width, pixel % width);
        let (above, left) = (row.wrapping_sub(1), column.wrapping_sub(1));
        holds([at(row, column), at(above, column), at(row + 1, column), at(row, left), at(row, column + 1)])
    };
    (0..set.len()).map(cross).collect()
}
