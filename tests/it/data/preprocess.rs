use proptest::prelude::*;
use runner::science::data::preprocess::{AxisCrop, Fit, Normalisation, Offset, ScribbleFill, percentile};
use runner::science::data::{DataError, Image, Labels, Preprocessing, UNLABELLED, Volume, preprocess};

fn volume(slices: usize, height: usize, width: usize, spacing: [f64; 2]) -> Volume {
    let pixels = slices * height * width;
    let data = (0..pixels).map(|i| ((i * 37) % 101) as f32).collect();
    let mask = Labels { slices, height, width, data: (0..pixels).map(|i| (i % 4) as u8).collect() };
    let unlabelled = |i: usize| if i % 4 == 3 { UNLABELLED } else { (i % 4) as u8 };
    let scribble = Labels { data: (0..pixels).map(unlabelled).collect(), ..mask.clone() };
    let image = Image { slices, channels: 1, height, width, data };
    Volume {
        case: "case".to_owned(),
        name: "ed".to_owned(),
        group: None,
        spacing,
        image,
        mask,
        scribble: Some(scribble),
    }
}

fn plain(size: [usize; 2]) -> Preprocessing {
    Preprocessing { spacing_mm: None, size, normalisation: Normalisation::None, ..Preprocessing::default() }
}

#[test]
fn padding_is_unlabelled_in_scribbles_and_background_in_masks() {
    let prepared = preprocess(&volume(1, 1, 2, [2.0, 1.0]), &plain([3, 4])).unwrap();
    assert_eq!(prepared.image.data, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 37.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(prepared.mask.data, [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    let u = UNLABELLED;
    assert_eq!(prepared.scribble.unwrap().data, [u, u, u, u, u, 0, 1, u, u, u, u, u]);
    assert_eq!(prepared.spacing, [2.0, 1.0]);
    let as_released = Preprocessing { scribble_fill: ScribbleFill::Background, ..plain([3, 4]) };
    let prepared = preprocess(&volume(1, 1, 2, [2.0, 1.0]), &as_released).unwrap();
    assert_eq!(prepared.scribble.unwrap().data, [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
}

/// Two rows become their mean, and two columns four: half a pixel's distance is a quarter of the way.
#[test]
fn stretching_resamples_rows_and_columns_by_themselves() {
    let mut square = volume(1, 2, 2, [2.0, 1.0]);
    square.image.data = vec![0.0, 4.0, 8.0, 12.0];
    let parameters = Preprocessing { fit: Fit::Stretch, ..plain([1, 4]) };
    let prepared = preprocess(&square, &parameters).unwrap();
    assert_eq!(prepared.image.data, [4.0, 5.0, 7.0, 8.0]);
    // The later of two equally near rows.
    assert_eq!(prepared.mask.data, [2, 2, 3, 3]);
    assert_eq!(prepared.scribble.unwrap().data, [2, 2, UNLABELLED, UNLABELLED]);
    assert_eq!(prepared.spacing, [4.0, 0.5]);
    let same = Preprocessing { fit: Fit::Stretch, ..plain([2, 2]) };
    assert_eq!(preprocess(&square, &same).unwrap(), square);
}

#[test]
fn nothing_to_do_changes_nothing() {
    let volume = volume(2, 5, 6, [1.51, 1.51]);
    let parameters = Preprocessing { spacing_mm: Some(1.51), ..plain([5, 6]) };
    assert_eq!(preprocess(&volume, &parameters).unwrap(), volume);
}

#[test]
fn parameters_have_the_defaults_of_the_paper() {
    let parameters: Preprocessing = serde_json::from_str("{}").unwrap();
    assert_eq!(parameters, Preprocessing::default());
    assert_eq!((parameters.spacing_mm, parameters.size), (Some(1.51), [224, 224]));
    let short: Preprocessing = serde_json::from_str(r#"{"size": 112, "spacing_mm": null}"#).unwrap();
    assert_eq!((short.spacing_mm, short.size), (None, [112, 112]));
    let long: Preprocessing = serde_json::from_str(r#"{"size": [160, 80]}"#).unwrap();
    assert_eq!(long.size, [160, 80]);
    let error = serde_json::from_str::<Preprocessing>(r#"{"size": "big"}"#).unwrap_err().to_string();
    assert!(error.contains("rows and columns"), "{error}");
}

#[test]
fn senseless_volumes_and_parameters_are_refused() {
    let sound = volume(1, 4, 4, [1.0, 1.0]);
    let refused = |volume: &Volume, parameters: &Preprocessing| preprocess(volume, parameters).unwrap_err();
    let mut nan = sound.clone();
    nan.image.data[3] = f32::NAN;
    assert_eq!(refused(&nan, &plain([4, 4])).to_string(), "case case, volume ed: 1 voxels are not finite numbers");
    let other = Volume { mask: Labels { slices: 1, height: 2, width: 8, data: vec![0; 16] }, ..sound.clone() };
    assert!(matches!(refused(&other, &plain([4, 4])), DataError::Shape { is: [1, 2, 8], image: [1, 4, 4], .. }));
    for spacing in [0.0, -1.0, f64::NAN] {
        let flat = Volume { spacing: [1.0, spacing], ..sound.clone() };
        assert!(matches!(refused(&flat, &plain([4, 4])), DataError::Spacing { .. }));
        let parameters = Preprocessing { spacing_mm: Some(spacing), ..plain([4, 4]) };
        assert!(matches!(refused(&sound, &parameters), DataError::Parameter { name: "spacing_mm", .. }));
    }
    let tiny = Preprocessing { spacing_mm: Some(1e-6), ..plain([4, 4]) };
    assert!(matches!(refused(&sound, &tiny), DataError::Size { .. }));
    assert!(matches!(refused(&sound, &plain([0, 4])), DataError::Parameter { name: "size", .. }));
    let clip = Preprocessing { clip_percentiles: Some([95.0, 5.0]), ..plain([4, 4]) };
    assert!(matches!(refused(&sound, &clip), DataError::Parameter { name: "clip_percentiles", .. }));
}

proptest! {
    /// Found by counting, as found by sorting.
    #[test]
    fn median_and_quartiles_are_those_of_the_sorted_values(values in prop::collection::vec(
        prop_oneof![-1e3..1e3_f64, Just(0.0), Just(-0.0), Just(7.5), -1e-300..1e-300_f64], 1..200,
    )) {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let [lower, median, upper] = [25.0, 50.0, 75.0].map(|q| percentile(&sorted, q));
        let scale = if upper > lower { upper - lower } else { 1.0 };
        let mut normalised = values.clone();
        Normalisation::MedianIqr.apply(&mut normalised);
        let expected: Vec<f64> = values.iter().map(|x| (x - median) / scale).collect();
        prop_assert_eq!(normalised, expected);
    }


    #[test]
    fn cropping_and_padding_give_the_size(length in 1usize..500, size in 1usize..500, ceil: bool) {
        let offset = if ceil { Offset::CeilBefore } else { Offset::FloorBefore };
        let axis = AxisCrop::new(length, size, offset);
        prop_assert_eq!(axis.pad_before + (axis.crop_end - axis.crop_start) + axis.pad_after, size);
        prop_assert!(axis.crop_end <= length);
        prop_assert!(axis.pad_before.abs_diff(axis.pad_after) <= 1);
        prop_assert!(axis.crop_start.abs_diff(length - axis.crop_end) <= 1);
    }

    #[test]
    fn a_volume_comes_out_at_its_size_with_its_labels(
        height in 1usize..30, width in 1usize..30, spacing in 0.3..4.0f64, size in 1usize..40
    ) {
        let parameters = Preprocessing { size: [size, size], ..Preprocessing::default() };
        let prepared = preprocess(&volume(2, height, width, [spacing, 1.0]), &parameters).unwrap();
        prop_assert_eq!(prepared.image.data.len(), 2 * size * size);
        prop_assert!(prepared.image.data.iter().all(|x| x.is_finite()));
        prop_assert!(prepared.mask.data.iter().all(|&x| x < 4));
        prop_assert!(prepared.scribble.unwrap().data.iter().all(|&x| x < 3 || x == UNLABELLED));
        prop_assert_eq!(prepared.spacing, [1.51, 1.51]);
    }
}
