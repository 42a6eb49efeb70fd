/// Connected components by 8 neighbours of `mask` `[row, column]`, in the order of their first pixels.
pub(super) fn components(mask: &[bool], [height, width]: [usize; 2]) -> Vec<Vec<bool>> {
    let mut left = mask.to_vec();
    let mut found = Vec::new();
    for start in 0..mask.len() {
        if left[start] {
            found.push(flooded(&mut left, start, [height, width]));
        }
    }
    found
}

/// Moves the component of `start` out of `left`.
fn flooded(left: &mut [bool], start: usize, [height, width]: [usize; 2]) -> Vec<bool> {
    let mut component = vec![false; left.len()];
    let mut open = vec![start];
    left[start] = false;
    while let Some(pixel) = open.pop() {
        component[pixel] = true;
        let (row, column) = (pixel / width, pixel % width);
        for row in row.saturating_sub(1)..(row + 2).min(height) {
            for column in column.saturating_sub(1)..(column + 2).min(width) {
                let next = row * width + column;
                if std::mem::take(&mut left[next]) {
                    open.push(next);
                }
            }
        }
    }
    component
}
