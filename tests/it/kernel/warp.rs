use super::*;
use runner::science::model::kernel::warp;

fn warped([batch, channels, height, width]: [usize; 4]) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> + Sync {
    move |t| {
        warp(t[0].clone().reshape([batch, channels, height, width]), t[1].clone().reshape([batch, 2, height, width]))
    }
}

fn tensor(values: &[f32], shape: [usize; 4]) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
}

#[test]
fn pixels_come_from_where_the_field_points() {
    let image = tensor(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [1, 1, 2, 3]);
    let moved = |rows: f32, columns: f32| {
        let field = [[rows; 6], [columns; 6]].concat();
        values(&warp(image.clone(), tensor(&field, [1, 2, 2, 3])))
    };
    assert_eq!(moved(0.0, 0.0), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
    // Half a pixel to the right; the last column goes on.
    assert_eq!(moved(0.0, 0.5), [1.5, 3.0, 4.0, 12.0, 24.0, 32.0]);
    // A quarter of a pixel down; the last row goes on.
    assert_eq!(moved(0.25, 0.0), [2.75, 5.5, 11.0, 8.0, 16.0, 32.0]);
    // From above and left of the image: its corner.
    assert_eq!(moved(-9.0, -9.0), [1.0; 6]);
}

#[test]
fn the_slope_of_a_field_is_that_of_its_cell_and_none_beyond_the_border() {
    let device = Device::flex().autodiff();
    let image = Tensor::<4>::from_data(TensorData::new(vec![1.0f32, 2.0, 4.0], [1, 1, 1, 3]), &device);
    let field = [0.0, 0.0, 0.0, 0.5, 0.5, 0.5];
    let field = Tensor::<4>::from_data(TensorData::new(field.to_vec(), [1, 2, 1, 3]), &device).require_grad();
    let gradients = warp(image, field.clone()).sum().backward();
    let slopes = values(&field.grad(&gradients).unwrap());
    assert_eq!(slopes[3..], [1.0, 2.0, 0.0]);
    assert_eq!(slopes[..3], [0.0; 3], "one row has no slope");
}

#[test]
fn gradients_are_the_slopes_of_the_output() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let dims = [2, 3, 5, 6];
    let image = random(2 * 3 * 30, &mut rng);
    // Whole pixels and a part that keeps finite differences within a cell.
    let field = (0..2 * 2 * 30).map(|_| rng.random_range(-3i32..3) as f32 + rng.random_range(0.2f32..0.8)).collect();
    assert_slopes(&[image, field], &warped(dims), 1e-2, 1e-2);
}

proptest! {
    #[test]
    fn warped_images_and_their_gradients_are_those_of_burn(
        dims in [1..4usize, 1..4usize, 1..12usize, 1..12usize],
        seed in any::<u64>(),
    ) {
        let [batch, channels, height, width] = dims;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let image = random(batch * channels * height * width, &mut rng);
        let field = (0..2 * batch * height * width).map(|_| rng.random_range(-4.0f32..4.0)).collect();
        let inputs = [image, field];
        let own = outcome(&inputs, &warped(dims));
        assert_agree(&own, &with_burn_alone(|| outcome(&inputs, &warped(dims))), 1e-5);
        prop_assert_eq!(&own, &on_threads(2, || outcome(&inputs, &warped(dims))));
    }
}
