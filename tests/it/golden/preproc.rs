use super::{Walk, cases};
use runner::science::data::preprocess::{
    AxisCrop, Crop, Fill, Grid, Normalisation, Offset, Order, Resampling, percentile,
};
use runner::science::data::{Image, Labels, Preprocessing, Volume, preprocess};
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;
/// Results of the whole pipeline are stored in single precision.
const SINGLE: f64 = 1e-6;

fn option<T: serde::de::DeserializeOwned>(name: &str) -> T {
    serde_json::from_value(Value::String(name.to_owned())).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        _ => vec![value.as_f64().unwrap()],
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    numbers(value).into_iter().map(|x| x as u8).collect()
}

/// Lengths of nested arrays.
fn shape(value: &Value) -> Vec<usize> {
    let Some(items) = value.as_array() else { return Vec::new() };
    [vec![items.len()], shape(&items[0])].concat()
}

fn pair<T: TryFrom<u64>>(value: &Value) -> [T; 2] {
    [0, 1].map(|i| T::try_from(value[i].as_u64().unwrap()).ok().unwrap())
}

fn float_pair(value: &Value) -> [f64; 2] {
    [0, 1].map(|i| value[i].as_f64().unwrap())
}

fn assert_close(is: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(is.len(), expected.len(), "{what}");
    for (is, expected) in is.iter().zip(expected) {
        assert!((is - expected).abs() <= tolerance * expected.abs().max(1.0), "{what}: {is} is not {expected}");
    }
}

#[test]
fn resampling() {
    Walk::of("10_preproc", "resampling").each(|_, case| {
        let (image, labels) = (numbers(&case["image"]), bytes(&case["labels"]));
        let from: Vec<usize> = shape(&case["image"]);
        let (spacing, target) = (float_pair(&case["spacing_yx"]), float_pair(&case["target_yx"]));
        for name in case["linear"].as_object().unwrap().keys() {
            let what = format!("{} {name}", case["id"]);
            let resampling = Resampling::new([from[0], from[1]], spacing, target, option::<Grid>(name));
            assert_eq!(resampling.shape(), pair::<usize>(&case["output_shape"]["round_half_even"]), "{what}");
            assert_eq!(resampling.shape(), pair::<usize>(&case["array_shape_used"]), "{what}");
            assert_close(&resampling.linear(&image), &numbers(&case["linear"][name]), TOLERANCE, &what);
            assert_eq!(resampling.nearest(&labels), bytes(&case["nearest"][name]), "{what}");
        }
    });
}

#[test]
fn crop_or_pad_offsets() {
    Walk::of("10_preproc", "crop_pad").each(|_, case| {
        let input = pair::<usize>(&case["input"]);
        for (key, offsets) in case.as_object().unwrap().iter().filter(|(key, _)| key.starts_with("to_")) {
            let size: usize = key["to_".len()..].parse().unwrap();
            for (name, axes) in offsets.as_object().unwrap() {
                for (i, axis) in ["rows", "cols"].into_iter().enumerate() {
                    let field = |name: &str| axes[axis][name].as_u64().unwrap() as usize;
                    let expected = AxisCrop {
                        crop_start: field("crop_start"),
                        crop_end: field("crop_end"),
                        pad_before: field("pad_before"),
                        pad_after: field("pad_after"),
                    };
                    let what = format!("{} {key} {name} {axis}", case["id"]);
                    assert_eq!(AxisCrop::new(input[i], size, option::<Offset>(name)), expected, "{what}");
                }
            }
        }
    });
}

#[test]
fn crop_or_pad_arrays() {
    Walk::of("10_preproc", "crop_pad_arrays").each(|_, case| {
        let input = numbers(&case["input"]);
        let from = shape(&case["input"]);
        for (name, expected) in case["expected"].as_object().unwrap() {
            let (offset, fill) = name.split_once('/').unwrap();
            let crop = Crop::new([from[0], from[1]], pair(&case["size"]), option::<Offset>(offset));
            let fill = match fill {
                "zero" => Some(0.0),
                "edge" => None,
                "min" => Some(crop.kept(&input).fold(f64::INFINITY, f64::min)),
                other => panic!("{other}"),
            };
            assert_eq!(crop.apply(&input, fill), numbers(expected), "{} {name}", case["id"]);
        }
    });
}

#[test]
fn normalisation() {
    let names = [
        ("median_iqr", Normalisation::MedianIqr),
        ("minmax_minus1_1", Normalisation::MinMax),
        ("divide_by_max", Normalisation::Max),
    ];
    Walk::of("10_preproc", "normalisation").each(|_, case| {
        let (volume, expected) = (numbers(&case["volume"]), &case["expected"]);
        let mut sorted = volume.clone();
        sorted.sort_by(f64::total_cmp);
        for (name, q) in [("min", 0.0), ("q25", 25.0), ("median", 50.0), ("q75", 75.0), ("max", 100.0)] {
            assert_close(&[percentile(&sorted, q)], &numbers(&expected[name]), TOLERANCE, &format!("{case} {name}"));
        }
        for (name, normalisation) in names {
            let mut values = volume.clone();
            normalisation.apply(&mut values);
            let what = format!("{} {name}", case["id"]);
            match (&expected[name], normalisation) {
                // No convention is given for volumes without contrast. Ours: x - median, and 0.
                (Value::Null, Normalisation::MedianIqr) => {
                    let median = expected["median"].as_f64().unwrap();
                    let shifted: Vec<f64> = volume.iter().map(|x| x - median).collect();
                    assert_close(&values, &shifted, TOLERANCE, &what);
                }
                (Value::Null, Normalisation::Max) => assert!(values.iter().all(|x| x.is_finite()), "{what}"),
                (Value::Null, _) => assert_close(&values, &vec![0.0; volume.len()], TOLERANCE, &what),
                (array, _) => assert_close(&values, &numbers(array), TOLERANCE, &what),
            }
        }
    });
}

fn volume(case: &Value) -> Volume {
    let [slices, height, width] = shape(&case["volume"])[..] else { panic!("{case}") };
    let data = numbers(&case["volume"]).into_iter().map(|x| x as f32).collect();
    Volume {
        case: "golden".to_owned(),
        name: case["id"].as_str().unwrap().to_owned(),
        spacing: float_pair(&case["spacing_yx"]),
        image: Image { slices, channels: 1, height, width, data },
        mask: Labels { slices, height, width, data: bytes(&case["labels"]) },
        group: None,
        scribble: None,
    }
}

#[test]
fn the_full_pipeline() {
    let defaults = Preprocessing::default();
    let settings = [
        ("acdc_text_order_resample_crop_then_normalise", defaults.clone()),
        (
            "acdc_resample_normalise_then_crop_pad0",
            Preprocessing { order: Order::ResampleNormaliseCrop, ..defaults.clone() },
        ),
        (
            "acdc_normalise_resample_crop_pad0",
            Preprocessing { order: Order::NormaliseResampleCrop, ..defaults.clone() },
        ),
        (
            "chaos_text_order_resample_normalise_crop_pad_minus1",
            Preprocessing {
                order: Order::ResampleNormaliseCrop,
                normalisation: Normalisation::MinMax,
                fill: Fill::Minimum,
                ..defaults
            },
        ),
    ];
    Walk::of("10_preproc", "full_pipeline").each(|_, case| {
        let target = float_pair(&case["target_yx"]);
        assert_eq!(target[0], target[1], "one spacing is a parameter");
        for (name, settings) in &settings {
            let parameters =
                Preprocessing { spacing_mm: Some(target[0]), size: pair(&case["size"]), ..settings.clone() };
            let prepared = preprocess(&volume(case), &parameters).unwrap();
            let image: Vec<f64> = prepared.image.data.iter().map(|&x| f64::from(x)).collect();
            assert_close(&image, &numbers(&case["expected"][name]), SINGLE, name);
            assert_eq!(prepared.mask.data, bytes(&case["expected"]["labels"]), "{name}");
        }
    });
}

/// Each is described in words; what is spoiled is told from them.
#[test]
fn what_must_be_refused() {
    let golden = cases("10_preproc");
    let sound = volume(&golden["full_pipeline"][0]);
    assert!(preprocess(&sound, &Preprocessing::default()).is_ok());
    Walk::of("10_preproc", "error_cases").each(|_, case| {
        let description = case["desc"].as_str().unwrap();
        let mut spoiled = vec![sound.clone()];
        match description {
            _ if description.contains("NaN") => spoiled[0].image.data[5] = f32::NAN,
            _ if description.contains("spacing") => {
                let spacing = |row| Volume { spacing: [row, 1.0], ..sound.clone() };
                spoiled = vec![spacing(0.0), spacing(-1.25)];
            }
            _ if description.contains("shapes") => {
                let Labels { height, width, .. } = sound.mask;
                (spoiled[0].mask.height, spoiled[0].mask.width) = (width, height);
            }
            other => panic!("no volume is known for `{other}`"),
        }
        for volume in spoiled {
            let message = preprocess(&volume, &Preprocessing::default()).unwrap_err().to_string();
            assert!(message.contains("case golden, volume"), "{description}: {message}");
        }
    });
}
